"""How well a model foretold what customers did after it was fitted, and which model to take for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saydo.stats.arrays import Array
from saydo.stats.lifetimes.fitting import Fit
from saydo.stats.lifetimes.histories import Histories

_NEVER = 1e-300


@dataclass(frozen=True, eq=False)
class Choice:
    """Which of several models was chosen (its ``place``), and how each foretold.

    ``scores`` are sums of log-probabilities of what happened; ``leads`` how far each is ahead of the first, and ``se``
    the standard errors of that.
    """

    place: int
    scores: Array
    leads: Array
    se: Array


def log_chances(fit: Fit, histories: Histories, horizon: float, bought: npt.ArrayLike) -> Array:
    """The log of the probability that a model gave to the ``bought`` purchases of each row within ``horizon``.

    The logarithmic score: over many customers no model beats the truth in it. Source: T. Gneiting and A. Raftery,
    Journal of the American Statistical Association 102 (2007) 359-378.
    """
    made = np.asarray(bought, dtype=np.float64)
    least = np.maximum(made, 1)
    or_more, more = fit.chance_of(histories, horizon, least), fit.chance_of(histories, horizon, least + 1)
    return np.asarray(np.log(np.maximum(np.where(made > 0, or_more - more, 1 - or_more), _NEVER)))


def choose(fits: Sequence[Fit], histories: Histories, horizon: float, bought: npt.ArrayLike) -> Choice:
    """The first model, unless another foretold better by more than chance; among those the best.

    More than chance is a lead of two standard errors, those of the sum of the differences customer by customer. So the
    order says which model to take while nothing speaks against it.
    """
    chances = np.stack([log_chances(fit, histories, horizon, bought) for fit in fits])
    n = histories.count
    scores, difference = chances @ n, chances - chances[0]
    leads = difference @ n
    means = leads / n.sum()
    se = np.sqrt((difference - means[:, None]) ** 2 @ n)
    is_ahead = leads > 2 * se
    place = int(np.argmax(np.where(is_ahead, leads, 0.0)))
    return Choice(place, scores, leads, se)
