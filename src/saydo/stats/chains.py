"""A product of estimates, each with its own uncertainty, by Monte Carlo: how many, how often, how much each.

Every link of the chain is drawn from what is known of it, and the draws are multiplied: the interval of a product of
uncertain factors is skewed, which adding up their errors does not see.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from saydo.stats.arrays import Array, divide
from saydo.stats.estimates import Estimate

DRAWS = 20_000
SEED = 20_260


def draw_counts(counts: npt.ArrayLike, chance: np.random.Generator) -> Array:
    """How many a period will bring on average, from the counts of past periods (a row of them per group).

    Gamma, with the mean of the counts and the larger of Poisson's variance of that mean and what the periods themselves
    show (their variance / periods): counts of a growing business differ more than chance alone would make them. A group
    that never had any gives half an event over all periods.
    """
    table = np.asarray(counts, dtype=np.float64)
    periods = table.shape[1]
    mean = np.maximum(table.mean(axis=1), 0.5 / periods)
    seen = table.var(axis=1, ddof=1) if periods > 1 else np.zeros(len(table))
    variance = np.maximum(mean, seen) / periods
    return np.asarray(chance.gamma((mean**2 / variance)[:, None], (variance / mean)[:, None], (len(table), DRAWS)))


def draw_shares(share: npt.ArrayLike, effective: npt.ArrayLike, chance: np.random.Generator) -> Array:
    """A share as ``effective`` independent cases leave it: beta, with half a case on either side (Jeffreys)."""
    p, n = (np.asarray(value, dtype=np.float64)[:, None] for value in (share, effective))
    return np.asarray(chance.beta(p * n + 0.5, (1 - p) * n + 0.5, (len(p), DRAWS)))


def draw_means(estimate: Estimate, chance: np.random.Generator) -> Array:
    """A mean with Student's error; nan where nothing is known of it."""
    value, se, df = (np.asarray(part, dtype=np.float64)[:, None] for part in (estimate.value, estimate.se, estimate.df))
    return np.asarray(value + se * chance.standard_t(np.where(np.isfinite(df), df, 1e9), (len(value), DRAWS)))


def find_ends(draws: Array, level: float = 0.95) -> tuple[Array, Array]:
    """The ends of the interval that holds so much of each row of draws; nan where nothing is known."""
    tail = (1 - level) / 2
    ends = np.quantile(draws, [tail, 1 - tail], axis=1)
    return np.asarray(ends[0]), np.asarray(ends[1])


def share_of_whole(parts: npt.ArrayLike) -> Array:
    """Each part over the sum of those above 0; nan of what is not known or no cost at all, and where there is none."""
    values = np.asarray(parts, dtype=np.float64)
    whole = np.nansum(np.where(values > 0, values, 0.0))
    return np.where(values > 0, divide(values, whole), np.nan)
