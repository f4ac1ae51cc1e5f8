"""Arrays of groups: how they come in, how they are divided, and the quantile that makes an interval of an error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

Array = npt.NDArray[np.float64]


def as_arrays(*values: npt.ArrayLike) -> tuple[Array, ...]:
    """Bring values to one shape as float64: sums of squares over millions of rows would overflow small integers."""
    return tuple(np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in values)))


def divide(dividend: npt.ArrayLike, divisor: npt.ArrayLike) -> Array:
    """Divide, nan where the divisor is 0."""
    above, below = as_arrays(dividend, divisor)
    return np.asarray(above / np.where(below == 0, np.nan, below))


def dot(one: Array, other: Array) -> Array:
    """The sum of the products along the last axis, without BLAS.

    Its threads wake up for long arrays, and on a busy machine wait for each other: a fit of 80,000 rows took 1.8 s of
    the processor with them and 0.1 s without.
    """
    return np.asarray(np.einsum("...i,...i->...", one, other))


def find_quantile(level: float, df: npt.ArrayLike = np.inf) -> Array:
    """Two-sided quantile of Student's law at `level` (0..1) with `df` degrees of freedom; inf: the normal one."""
    return np.asarray(stdtrit(np.asarray(df, dtype=np.float64), (1 + level) / 2), dtype=np.float64)
