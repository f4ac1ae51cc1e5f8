"""Which words set one group of texts apart from another: log-odds with a prior, and the likelihood ratio."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from saydo.stats.arrays import Array, as_arrays, divide, find_quantile

PRIOR = 500.0  # words that the prior is worth: what a word must overcome to be told from chance


@dataclass(frozen=True, eq=False)
class LogOdds:
    """Of each word the difference of its log-odds between two groups, its error, and their ratio z."""

    difference: Array
    se: Array

    @property
    def z(self) -> Array:
        return self.difference / self.se

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """The difference -+ the normal quantile times its error."""
        half = find_quantile(level) * self.se
        return self.difference - half, self.difference + half


def log_odds(
    one: npt.ArrayLike, other: npt.ArrayLike, prior: npt.ArrayLike | None = None, weight: float = PRIOR
) -> LogOdds:
    """How much more the odds of each word are in ``one`` than in the ``other`` group of texts.

    With counts y of a word of n in a group and a prior of a (of a_0 in all): d = ln((y_1 + a) / (n_1 + a_0 - y_1 - a))
    - ln((y_2 + a) / (n_2 + a_0 - y_2 - a)) and se^2 = 1 / (y_1 + a) + 1 / (y_2 + a). Words that are rare in both come
    near 0 instead of to the top. The prior is ``weight`` words, in the shares of both groups together, if not given.
    Source: B. Monroe, M. Colaresi and K. Quinn, Political Analysis 16 (2008) 372-403.
    """
    first, second = as_arrays(one, other)
    both = first + second
    a = weight * both / max(float(both.sum()), 1.0) if prior is None else np.asarray(prior, dtype=np.float64)
    left, right = (count.sum() + a.sum() - count - a for count in (first, second))
    difference = np.log(divide(first + a, left)) - np.log(divide(second + a, right))  # nan for the only word
    return LogOdds(difference, np.sqrt(1 / (first + a) + 1 / (second + a)))


def likelihood_ratio(one: npt.ArrayLike, other: npt.ArrayLike) -> Array:
    """G^2 of each word: is it as frequent in one group of texts as in the other? Chi-squared with 1 degree of freedom.

    G^2 = 2 (y_1 ln(y_1 / E_1) + y_2 ln(y_2 / E_2)) with what each group would have in its part of all words. Source:
    T. Dunning, Computational Linguistics 19 (1993) 61-74, in the form that P. Rayson gave it (2000).
    """
    first, second = as_arrays(one, other)
    share = first.sum() / max(float(first.sum() + second.sum()), 1.0)
    expected = (first + second) * share, (first + second) * (1 - share)
    parts = (
        xlogy(seen, seen / np.where(wanted > 0, wanted, 1))
        for seen, wanted in zip((first, second), expected, strict=True)
    )
    return np.asarray(2 * sum(parts))
