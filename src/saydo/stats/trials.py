"""Trials of estimators: exact coverage by counting all outcomes, and bounds that are honest about chance.

For the tests and for the published table of coverage (`make coverage`); no measure uses them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, xlogy
from scipy.stats import binomtest

from saydo.stats.arrays import Array

NpsInterval = Callable[[Array, Array, Array, float], tuple[Array, Array]]


def exact_coverage(
    interval: NpsInterval, shares: tuple[float, float, float], n: int, level: float = 0.95
) -> tuple[float, float]:
    """How often an interval of the score holds the true one, and its mean length in points; exact, without simulation.

    `shares` are those of promoters, passives and detractors; all (n + 1)(n + 2) / 2 outcomes of `n` answers are weighed
    with their trinomial probability (5,151 outcomes for 100 answers).
    """
    up, down = (counts.ravel().astype(np.float64) for counts in np.indices((n + 1, n + 1)))
    possible = up + down <= n
    up, down = up[possible], down[possible]
    counts = np.stack([up, n - up - down, down])
    log_ways = gammaln(n + 1) - gammaln(counts + 1).sum(axis=0)
    probability = np.exp(log_ways + xlogy(counts, np.asarray(shares)[:, None]).sum(axis=0))
    low, high = interval(counts[0], counts[1], counts[2], level)
    truth = 100 * (shares[0] - shares[2])
    held = (low <= truth) & (truth <= high)
    return float(probability[held].sum()), float((probability * (high - low)).sum())


def binomial_p(hits: int, runs: int, level: float = 0.95) -> float:
    """Exact two-sided probability of hits as unusual as these, were each a hit with probability `level`."""
    return float(binomtest(int(hits), runs, level).pvalue)


def is_unbiased(estimates: npt.ArrayLike, truth: float, se: float) -> bool:
    """Is the mean within 3.5 Monte Carlo standard errors plus 5 % of the estimator's own error `se`?"""
    values = np.asarray(estimates, dtype=np.float64)
    noise = values.std(ddof=1) / np.sqrt(values.size)
    return bool(abs(values.mean() - truth) <= 3.5 * noise + 0.05 * se)
