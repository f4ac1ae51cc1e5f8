"""How many answers to ask for; all figures in the unit of the score or share itself (NPS: 0.05 is five points)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from saydo.stats.arrays import Array, as_arrays, find_quantile


def sample_size(
    half_width: npt.ArrayLike, variance: npt.ArrayLike = 1.0, population: npt.ArrayLike = np.inf, level: float = 0.95
) -> Array:
    """Answers needed for an interval of -+ `half_width`; rounded up.

    n0 = z^2 variance / half_width^2, then n0 / (1 + (n0 - 1) / N) of a population of N.
    `variance` is that of one answer: p + d - (p - d)^2 for the score (1 at worst), p (1 - p) for a share; `population`
    is how many there are to ask. Source: W. Cochran, Sampling Techniques (1977) 4.4.
    """
    half, spread, size = as_arrays(half_width, variance, population)
    endless = find_quantile(level) ** 2 * spread / half**2
    return np.ceil(endless / (1 + (endless - 1) / size))


def answers_per_group(
    difference: npt.ArrayLike, variance: npt.ArrayLike = 1.0, power: float = 0.8, level: float = 0.95
) -> Array:
    """Answers that each of two groups needs so that a true `difference` is found with probability `power`; rounded up.

    n = 2 variance (z_level + z_power)^2 / difference^2. Source: Cochran (1977); any text on experiments.
    """
    gap, spread = as_arrays(difference, variance)
    return np.ceil(2 * spread * (find_quantile(level) + ndtri(power)) ** 2 / gap**2)
