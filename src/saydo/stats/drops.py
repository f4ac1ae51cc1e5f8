"""How much rarer a yes is among those to whom something happened than among their like: a relative drop with its error.

Rows come grouped: a stratum (everything that likes have in common), what happened (a level per kind), how many said yes
and how many no, and a random group of people. A million people cost as much as their kinds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from saydo.stats.arrays import Array, find_quantile
from saydo.stats.logistic import RIDGE, fit_logistic


@dataclass(frozen=True, eq=False)
class Drops:
    """The log-odds of a yes (``coefficients``: like, then happened), their covariance over random groups (``between``)
    and by the likelihood (``within``), and the degrees of freedom. Of both errors the larger one counts.
    """

    coefficients: Array
    between: Array
    within: Array
    df: int

    def of(self, like: npt.ArrayLike, happened: npt.ArrayLike) -> tuple[Array, Array, Array]:
        """(drop, se, share) of each row: drop = 1 - share / share of its like without what happened."""
        slope, drop, share = self._slope(like, happened)
        return drop, self._error(slope), share

    def sum(self, like: npt.ArrayLike, happened: npt.ArrayLike, weights: npt.ArrayLike) -> tuple[Array, Array]:
        """The sum of the drops, each times its weight, and its se; a column of ``weights`` gives a sum."""
        slope, drop, _ = self._slope(like, happened)
        w = np.asarray(weights, dtype=np.float64)
        total = slope.T @ w
        return w.T @ drop, self._error(total.T)

    def interval(self, value: npt.ArrayLike, se: npt.ArrayLike) -> tuple[Array, Array]:
        """Student's 95 % interval."""
        half = find_quantile(0.95, self.df) * np.asarray(se)
        return value - half, value + half

    def _error(self, slope: Array) -> Array:
        both = [((slope @ one) * slope).sum(axis=1) for one in (self.between, self.within)]
        return np.asarray(np.sqrt(np.maximum(np.maximum(*both), 0)))

    def _slope(self, like: npt.ArrayLike, happened: npt.ArrayLike) -> tuple[Array, Array, Array]:
        """How the drop of each row moves with the coefficients, the drop, and the share of a yes."""
        x, z = np.asarray(like, dtype=np.float64), np.asarray(happened, dtype=np.float64)
        size = x.shape[1]
        base = x @ self.coefficients[:size]
        without, share = expit(base), expit(base + z @ self.coefficients[size:])
        ratio = (share / without)[:, None]
        with_, alone = (1 - share)[:, None], (1 - without)[:, None]
        slope = -ratio * np.hstack([x * (with_ - alone), z * with_])
        return slope, 1 - ratio[:, 0], share


def fit_drops(
    like: npt.ArrayLike,
    happened: npt.ArrayLike,
    yes: npt.ArrayLike,
    no: npt.ArrayLike,
    row: npt.ArrayLike,
    group: npt.ArrayLike,
    ridge: float = RIDGE,
) -> Drops:
    """Logistic regression of a yes on strata (``like``, first column the constant) and what ``happened``.

    ``yes`` and ``no`` count parts of rows: ``row`` is the row of ``like`` and ``happened`` that each belongs to, and
    ``group`` the random group of people (0, 1 ...) it is about; a person stands in one group, however often he counts.
    The ridge is a normal law of mean 0 and standard deviation 1 for every log odds ratio: what was seen seldom is drawn
    to no effect. The random groups give a sandwich, which knows that a person who counts twice does not err twice
    independently. Source: S. le Cessie and J. van Houwelingen 1992 (ridge); K. Wolter, Introduction to
    Variance Estimation (2007), ch. 2 (random groups).
    """
    x = np.hstack([np.asarray(like, dtype=np.float64), np.asarray(happened, dtype=np.float64)])
    hits, misses = np.asarray(yes, dtype=np.float64), np.asarray(no, dtype=np.float64)
    place, part = np.asarray(row, dtype=np.intp), np.asarray(group, dtype=np.intp)
    whole_hits, whole_misses = (np.bincount(place, one, len(x)) for one in (hits, misses))
    found = fit_logistic(x, whole_hits, whole_misses, ridge)
    share = expit(x @ found)
    penalty = np.full(x.shape[1], float(ridge))
    penalty[0] = 0.0
    weight = (whole_hits + whole_misses) * share * (1 - share)
    inverse = np.linalg.inv((x.T * weight) @ x + np.diag(penalty + 1e-9))
    groups = int(part.max(initial=0)) + 1
    left = hits - (hits + misses) * share[place]
    flat = np.bincount(part * len(x) + place, left, groups * len(x)).reshape(groups, len(x))
    scores = flat @ x
    scores = scores - scores.mean(axis=0)
    sandwich = inverse @ (scores.T @ scores) @ inverse * groups / max(groups - 1, 1)
    return Drops(found, sandwich, np.asarray(inverse, dtype=np.float64), max(groups - 1, 1))
