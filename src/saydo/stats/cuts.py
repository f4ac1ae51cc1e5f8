"""Where the scores 0 to 10 part in three: the likelihood of every pair of cut points, by what people did later."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, xlog1py, xlogy

from saydo.stats.arrays import Array, divide

SCORES = 11
PAIRS = tuple(combinations(range(SCORES - 1), 2))  # the last score of detractors, and of passives
STANDARD = PAIRS.index((6, 8))
SIGNIFICANT = 0.05


@dataclass(frozen=True, eq=False)
class Profile:
    """For each of `PAIRS`: how far its log-likelihood lies below the best, its credibility (0 to 1, they add up to 1),
    whether it is in the credible set; and answers and rate of its three groups (second axis, detractors first). And
    ``p`` of the likelihood ratio test that people did it as often whatever the score: nan with one score alone.
    """

    below: Array
    credibility: Array
    is_in_set: npt.NDArray[np.bool_]
    answers: Array
    rate: Array
    p: float

    @property
    def best(self) -> int:
        return int(np.argmax(self.below))

    @property
    def tells(self) -> bool:
        """Do the rates of the scores differ by more than chance?"""
        return self.p < SIGNIFICANT

    @property
    def refutes_standard(self) -> bool:
        """Is the standard not among the pairs that separate as well as any, and is there anything to separate?

        Where the score tells nothing, some other pair is the best of 97 % of samples and the standard is outside the
        set of 18 %; this says so of 2 to 3 % (2,000 to 20,000 answers, 3,000 samples each).
        """
        return self.tells and not bool(self.is_in_set[STANDARD])


def profile_cuts(
    answers: npt.ArrayLike, yes: npt.ArrayLike, design_effect: float = 1.0, level: float = 0.95
) -> Profile:
    """How well each pair of cut points parts the answers by what their people did later.

    ``answers`` and ``yes`` count the people who gave 0, 1, ... 10, and those of them who did it. With a and c the last
    scores of detractors and passives, the log-likelihood is sum over the three groups of y log(y / n) + (n - y) log(1 -
    y / n). Where answers are not independent it is divided by the ``design_effect``. Credibility takes all pairs for
    equally likely beforehand; the credible set is the smallest one that holds ``level`` of it.

    The set says which pair is best, given that there is one: where the score tells nothing, chance alone keeps a pair
    out of it more often (`p` of the profile tells).
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
    return Profile(below, credibility, is_in_set, count, rate, _separation(n, y, design_effect))


def _separation(answers: Array, yes: Array, design_effect: float) -> float:
    """The p-value of the chi-square by which the scores' own rates are likelier than one rate for all."""
    n, y = answers[answers > 0], yes[answers > 0]
    apart, together = (
        xlogy(hits, hits / of) + xlog1py(of - hits, -hits / of) for hits, of in ((y, n), (y.sum(), n.sum()))
    )
    chi2 = 2 * (apart.sum() - together) / max(design_effect, 1.0)
    return float(chdtrc(len(n) - 1, max(chi2, 0.0))) if len(n) > 1 else float("nan")
