"""What the engine hands over for a group (sums), and what comes back (an estimate with its standard error)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saydo.stats.arrays import Array, as_arrays, divide, find_quantile


class Sums:
    """How many values a group has, their sum and the sum of their squares; arrays of one shape, an element per group.

    `n` may be fractional: an effective number of answers works as well.
    """

    def __init__(self, n: npt.ArrayLike, total: npt.ArrayLike, squares: npt.ArrayLike) -> None:
        self.n, self.total, self.squares = as_arrays(n, total, squares)

    @classmethod
    def of_classes(cls, promoters: npt.ArrayLike, passives: npt.ArrayLike, detractors: npt.ArrayLike) -> Sums:
        """Answers counted as +1 (promoter), 0 (passive) and -1 (detractor): their mean is the score / 100."""
        up, level, down = as_arrays(promoters, passives, detractors)
        return cls(up + level + down, up - down, up + down)

    @classmethod
    def of_mean(cls, n: npt.ArrayLike, mean: npt.ArrayLike, variance: npt.ArrayLike) -> Sums:
        """The sums that `n` values with this mean and variance (divisor n) would have."""
        count, middle, spread = as_arrays(n, mean, variance)
        return cls(count, count * middle, count * (spread + middle**2))

    @property
    def mean(self) -> Array:
        return divide(self.total, self.n)

    @property
    def variance(self) -> Array:
        """The variance of the values with divisor n; nan without values."""
        return np.maximum(divide(self.squares, self.n) - self.mean**2, 0)

    def padded(self, answers: float, scale: tuple[float, float]) -> Sums:
        """Add pseudo-answers: a quarter at each end of the scale and half of them in its middle; nan without values.

        They keep a unanimous group from claiming certainty. On the scale (-1, 1) and with 3 of them this is the
        pseudo-data of Rocks' adjusted Wald interval.
        """
        low, high = scale
        middle, reach = (low + high) / 2, (high - low) / 2
        n = np.where(self.n > 0, self.n, np.nan) + answers
        return Sums(n, self.total + answers * middle, self.squares + answers * (middle**2 + reach**2 / 2))


@dataclass(frozen=True, eq=False)
class Estimate:
    """An estimate, its standard error (same unit) and its degrees of freedom; arrays, an element per group."""

    value: Array
    se: Array
    df: Array

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """Give value -+ t * se with Student's quantile; nan where the error is not known."""
        half = find_quantile(level, self.df) * self.se
        return self.value - half, self.value + half


def estimate_mean(sums: Sums) -> Estimate:
    """The mean with Student's error: se = sqrt(SS / (n - 1) / n), df = n - 1; nan below two values.

    For amounts and days, which have no ends. Scores on a scale take `intervals.mean_score_interval`: this one holds the
    truth only 40 to 80 % of the time for 5 to 30 answers that are nearly all at the top.
    """
    df = np.where(sums.n > 1, sums.n - 1, np.nan)
    return Estimate(sums.mean, np.sqrt(sums.variance / df), df)
