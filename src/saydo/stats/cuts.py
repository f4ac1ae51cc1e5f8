"""Where the scores 0 to 10 part in three: the likelihood of every pair of cut points, by what people did later."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.special import xlog1py, xlogy

from saydo.stats.arrays import Array, divide

SCORES = 11
PAIRS = tuple(combinations(range(SCORES - 1), 2))  # the last score of detractors, and of passives
STANDARD = PAIRS.index((6, 8))


@dataclass(frozen=True, eq=False)
class Profile:
    """For each of `PAIRS`: how far its log-likelihood lies below the best, its credibility (0 to 1, they add up to 1),
    whether it is in the credible set; and answers and rate of its three groups (second axis, detractors first).
    """

    below: Array
    credibility: Array
    is_in_set: npt.NDArray[np.bool_]
    answers: Array
    rate: Array

    @property
    def best(self) -> int:
        return int(np.argmax(self.below))


def profile_cuts(
    answers: npt.ArrayLike, yes: npt.ArrayLike, design_effect: float = 1.0, level: float = 0.95
) -> Profile:
    """How well each pair of cut points parts the answers by what their people did later.

    ``answers`` and ``yes`` count the people who gave 0, 1, ... 10, and those of them who did it. With a and c the last
    scores of detractors and passives, the log-likelihood is sum over the three groups of y log(y / n) + (n - y) log(1 -
    y / n). Where answers are not independent it is divided by the ``design_effect``. Credibility takes all pairs for
    equally likely beforehand; the credible set is the smallest one that holds ``level`` of it.
    """
    n, y = (np.asarray(values, dtype=np.float64) for values in (answers, yes))
    edges = np.array([[0, a + 1, c + 1, SCORES] for a, c in PAIRS])
    sums = [np.concatenate([[0], np.cumsum(values)])[edges] for values in (n, y)]
    count, hits = (np.diff(values, axis=1) for values in sums)
    rate = divide(hits, count)
    share = np.nan_to_num(rate)
    likelihood = (xlogy(hits, share) + xlog1py(count - hits, -share)).sum(axis=1) / max(design_effect, 1.0)
    below = likelihood - likelihood.max()
    credibility = np.exp(below) / np.exp(below).sum()
    order = np.argsort(-credibility, kind="stable")
    before = np.cumsum(credibility[order]) - credibility[order]
    is_in_set = np.zeros(len(PAIRS), dtype=bool)
    is_in_set[order[before < level]] = True
    return Profile(below, credibility, is_in_set, count, rate)
