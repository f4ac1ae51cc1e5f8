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
FEW_LOTS = 200


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


def sums_of_lots(sums: ClusterSums, lots: int) -> ClusterSums:
    """The sums over clusters, from ``sums`` over lots that clusters fell into at random, each lot as likely as another.

    The products of two clusters in one lot come to (c m - sum c_k m_k) / L in the mean of all ways to draw lots: taken
    off, sums of squares and products are unbiased, whatever the clusters are like, and so is the square of the error
    of `estimate_ratio`. By the lots alone it varies by sqrt(2 / L) of itself at most (errors by half of that: 0.3 %
    with 65,536 lots), which an interval does not feel: Student's quantiles with L degrees of freedom are normal ones.
    The number of clusters is that with which as many lots would be expected to stay empty; where hardly any does, at
    least the effective number. Groups of at most FEW_LOTS are as they are: two clusters rarely meet there.

    Measured with log-normal sizes (sigma 1) and shares that differ by cluster, 300 to 200,000 clusters in 65,536 lots:
    the mean square of the error is that of the full sums within 0.1 %, its spread 0.4 to 0.6 %, the width of an
    interval 1.000 of the full one (spread 0.2 to 0.3 %); 400 intervals each of the two hold the truth as often.
    """
    taken = np.minimum(sums.clusters, lots - 0.5)

    def part(product: Array, one: Array, other: Array) -> Array:
        return np.asarray((product - one * other / lots) * lots / (lots - 1))

    mm = np.maximum(part(sums.mm, sums.m, sums.m), 0)
    most = np.nan_to_num(divide(sums.m**2, mm))
    clusters = np.log1p(-taken / lots) / np.log1p(-1 / lots)
    clusters = np.where(taken < lots - 100, clusters, np.maximum(clusters, most))
    cc, cm = part(sums.cc, sums.c, sums.c), part(sums.cm, sums.c, sums.m)
    is_few = sums.clusters <= FEW_LOTS
    pairs = ((sums.clusters, clusters), (sums.cc, cc), (sums.cm, cm), (sums.mm, mm))
    groups, cc, cm, mm = (np.where(is_few, *pair) for pair in pairs)
    return ClusterSums(groups, sums.c, sums.m, cc, cm, mm)


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
