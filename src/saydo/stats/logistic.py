"""Logistic regression on grouped rows, and how well it foretells: log-loss, area under the curve, and what each row
adds to their errors.

Identical rows come once, with how often the outcome was yes and how often no: a million answers cost as much as their
kinds. scipy has no logistic regression; this is Newton's method in a dozen lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from saydo.stats.arrays import Array

RIDGE = 1.0
_STEPS, _TOLERANCE = 50, 1e-9


def fit_logistic(design: npt.ArrayLike, yes: npt.ArrayLike, no: npt.ArrayLike, ridge: float = RIDGE) -> Array:
    """The coefficients that maximise sum yes log p + no log(1 - p) - ridge / 2 * sum of squared coefficients.

    p = expit(design @ coefficients). The first column of ``design`` is the constant, whose coefficient is not drawn
    towards 0; the others are, so that a column which foretells perfectly, or never occurs, has one too. Newton's
    method, the step halved while it does not help. Source: S. le Cessie and J. van Houwelingen, Applied Statistics 41
    (1992) 191-201.
    """
    x, hits, misses = (np.asarray(values, dtype=np.float64) for values in (design, yes, no))
    total = hits + misses
    penalty = np.full(x.shape[1], float(ridge))
    penalty[0] = 0.0

    def objective(coefficients: Array) -> float:
        return log_likelihood(x @ coefficients, hits, misses) - float(penalty @ coefficients**2) / 2

    found = np.zeros(x.shape[1])
    found[0] = np.log((hits.sum() + 0.5) / (misses.sum() + 0.5))
    for _ in range(_STEPS):
        share = expit(x @ found)
        slope = x.T @ (hits - total * share) - penalty * found
        curve = (x.T * (total * share * (1 - share))) @ x + np.diag(penalty + 1e-12)
        step = np.linalg.solve(curve, slope)
        before = objective(found)
        while objective(found + step) < before - 1e-12 and np.abs(step).max() > _TOLERANCE:
            step = step / 2
        found = found + step
        if np.abs(step).max() < _TOLERANCE:
            break
    return np.asarray(found)


def log_likelihood(odds: Array, yes: Array, no: Array) -> float:
    """Sum of yes log p + no log(1 - p), with p from its log-odds."""
    return float(-(yes * np.logaddexp(0, -odds) + no * np.logaddexp(0, odds)).sum())


@dataclass(frozen=True, eq=False)
class Curve:
    """The area under the ROC curve (0 to 1): how often a yes was thought more likely than a no, ties counting half.

    ``of_yes`` and ``of_no`` are, by kind of row, what one such row adds to the area's error (its influence): the square
    of their sum within each cluster, added up over clusters, is the area's variance. nan where all are yes, or none.
    """

    area: float
    of_yes: Array
    of_no: Array


def draw_curve(odds: npt.ArrayLike, yes: npt.ArrayLike, no: npt.ArrayLike) -> Curve:
    """The area under the curve of predictions, any number that grows with the chance of a yes.

    Source: E. DeLong, D. DeLong and D. Clarke-Pearson, Biometrics 44 (1988) 837-845; by cluster: N. Obuchowski,
    Biometrics 53 (1997) 567-578.
    """
    scores, hits, misses = (np.asarray(values, dtype=np.float64) for values in (odds, yes, no))
    whole_yes, whole_no = hits.sum(), misses.sum()
    if not whole_yes or not whole_no:
        nothing = np.full(len(scores), np.nan)
        return Curve(float("nan"), nothing, nothing)
    _, place = np.unique(scores.round(12), return_inverse=True)
    at_yes, at_no = np.bincount(place, hits), np.bincount(place, misses)
    below_no = np.cumsum(at_no) - at_no / 2  # those thought less likely, and half of those alike
    above_yes = whole_yes - np.cumsum(at_yes) + at_yes / 2
    of_yes, of_no = below_no[place] / whole_no, above_yes[place] / whole_yes
    area = float((hits @ of_yes) / whole_yes)
    return Curve(area, (of_yes - area) / whole_yes, (of_no - area) / whole_no)
