"""Rates and weighted means when the sampling unit is a customer, an order or an account that gives several answers.

Cluster k has c_k = sum of w y and m_k = sum of w over its answers; the figure is sum c / sum m. Six sums per group are
all that leaves the engine, whatever the number of customers. Each customer as a cluster of one, with revenue as w,
gives the score weighted by value.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from saydo.stats.arrays import Array, as_arrays, divide
from saydo.stats.estimates import Estimate

CRUMB = 1e-12  # what rounding may leave of a variance that is 0


class ClusterSums:
    """Over the clusters of each group: their number, and the sums of c, m, c^2, c m and m^2; an element per group."""

    def __init__(
        self,
        clusters: npt.ArrayLike,
        c: npt.ArrayLike,
        m: npt.ArrayLike,
        cc: npt.ArrayLike,
        cm: npt.ArrayLike,
        mm: npt.ArrayLike,
    ) -> None:
        self.clusters, self.c, self.m, self.cc, self.cm, self.mm = as_arrays(clusters, c, m, cc, cm, mm)

    @property
    def effective_clusters(self) -> Array:
        """How many clusters of equal weight would be as informative: (sum m)^2 / sum m^2 (Kish); nan without weight."""
        return divide(self.m**2, self.mm)


def estimate_ratio(sums: ClusterSums) -> Estimate:
    """The ratio r = sum c / sum m, with se^2 = G / (G - 1) * sum (c_k - r m_k)^2 / (sum m)^2; unit of y.

    G is the number of clusters. The degrees of freedom are the effective number of clusters less one, at least 1, and
    not G - 1: when some clusters are far larger than others, the error itself is poorly known (with 30 log-normal
    clusters of sigma 1.5 the interval on G - 1 holds the truth some 90 % of the time, on this some 95 %). value is nan
    without weight, se below two clusters, and where every cluster has the same ratio se is 0, which says nothing: take
    `effective_answers` and an interval for shares or scores then. Source: W. Cochran, Sampling Techniques (1977) 2.11
    and 6.4; agrees with svymean of R's survey package.
    """
    ratio = divide(sums.c, sums.m)
    residual_squares = np.maximum(sums.cc - 2 * ratio * sums.cm + ratio**2 * sums.mm, 0)
    groups = np.where(sums.clusters > 1, sums.clusters, np.nan)
    se = divide(np.sqrt(groups / (groups - 1) * residual_squares), np.abs(sums.m))
    return Estimate(ratio, se, np.where(np.isnan(groups), np.nan, np.maximum(sums.effective_clusters - 1, 1)))


def design_effect(se: npt.ArrayLike, variance: npt.ArrayLike, n: npt.ArrayLike) -> Array:
    """The variance of an estimate over that of a simple random sample of `n` answers: se^2 (n - 1) / variance.

    `variance` is that of one answer with divisor n (weighted where the estimate is). nan where it is 0 or n below 2.
    """
    error, spread, count = as_arrays(se, variance, n)
    return divide(error**2 * np.where(count > 1, count - 1, np.nan), spread)


def effective_answers(
    se: npt.ArrayLike, variance: npt.ArrayLike, n: npt.ArrayLike, effective_clusters: npt.ArrayLike
) -> Array:
    """How many independent answers would be as certain: n / design effect, never more than `n`.

    Where all answers agree nothing shows how alike answers within a cluster are: then each cluster counts as one answer
    (`effective_clusters`). nan where the error is not known. Sources: E. Korn and B. Graubard, Survey Methodology
    24 (1998) 193-201; the cap is that of J. Parker et al., Vital and Health Statistics 2(175) (2017).
    """
    effect = design_effect(se, variance, n)
    error, spread, count, groups = as_arrays(se, variance, n, effective_clusters)
    independent = count / np.where(effect > 0, np.maximum(effect, 1), 1)
    return np.where(np.isnan(error), np.nan, np.where(spread > CRUMB, independent, np.minimum(groups, count)))
