"""What the studies of formulas draw, and how they judge an interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri
from scipy.stats import multinomial

from saydo.stats.arrays import find_quantile
from saydo.stats.estimates import Estimate, Sums
from saydo.stats.ratios import ClusterSums

Array = npt.NDArray[Any]
# Shares of detractors, passives and promoters.
SHARES = ((0.10, 0.40, 0.50), (0.25, 0.35, 0.40), (0.40, 0.30, 0.30), (0.05, 0.15, 0.80), (0.02, 0.08, 0.90))


def of_classes(counts: Array) -> Sums:
    """The sums of counts by class (last axis): detractors, passives, promoters."""
    return Sums.of_classes(counts[..., 2], counts[..., 1], counts[..., 0])


def holds(interval: tuple[Array, Array], truth: float | Array) -> Array:
    return np.asarray((interval[0] <= truth + 1e-9) & (truth - 1e-9 <= interval[1]))


def around(estimate: Estimate, df: float = np.inf) -> tuple[Array, Array]:
    half = find_quantile(0.95, df) * estimate.se
    return estimate.value - half, estimate.value + half


def draw_sizes(rng: np.random.Generator, clusters: int, sigma: float, samples: int) -> Array:
    sizes = 1 + np.floor(np.exp(rng.normal(0.5, sigma, (samples, clusters))))
    return np.minimum(sizes, 5_000).astype(np.int64)


def draw_alike(rng: np.random.Generator, size: Array, shares: Sequence[float], tie: float) -> Array:
    """Counts by class (last axis) in clusters whose latent answers correlate by ``tie``."""
    cuts = ndtri(np.cumsum(shares)[:-1])
    shared = np.sqrt(tie) * rng.normal(size=size.shape)
    below = [ndtr((cut - shared) / np.sqrt(1 - tie)) for cut in cuts]
    counts, left, passed = [], size, np.zeros(size.shape)
    for edge in below:
        drawn = rng.binomial(left, np.clip((edge - passed) / (1 - passed), 0, 1))
        counts.append(drawn)
        left, passed = left - drawn, edge
    return np.stack([*counts, left], axis=-1)


def sum_clusters(c: Array, m: Array) -> ClusterSums:
    clusters = np.full(len(c), float(c.shape[1]))
    return ClusterSums(clusters, c.sum(1), m.sum(1), (c * c).sum(1), (c * m).sum(1), (m * m).sum(1))


def tilt(shares: Sequence[float], shift: Array) -> Array:
    """Shares of the classes (last axis) where the latent answer is moved."""
    low, high = (ndtr(ndtri(cut) - shift) for cut in np.cumsum(shares)[:-1])
    return np.stack([low, high - low, 1 - high], axis=-1)


def list_outcomes(n: int) -> Array:
    """All counts of three classes that add up to n, a row each."""
    first, second = (counts.ravel() for counts in np.indices((n + 1, n + 1)))
    possible = first + second <= n
    return np.stack([first, second, n - first - second], axis=-1)[possible]


def weigh_outcomes(counts: Array, n: int, shares: Sequence[float]) -> Array:
    return np.asarray(multinomial.pmf(counts, n, shares))


def draw_moves(rng: np.random.Generator, old: Sequence[float], new: Sequence[float], tie: float) -> Array:
    """Shares of the nine moves of people whose two latent answers correlate."""
    first = rng.normal(size=500_000)
    second = tie * first + np.sqrt(1 - tie**2) * rng.normal(size=first.size)
    cells = [np.searchsorted(ndtri(np.cumsum(shares)[:-1]), one) for shares, one in ((old, first), (new, second))]
    return np.bincount(3 * cells[0] + cells[1], minlength=9) / first.size
