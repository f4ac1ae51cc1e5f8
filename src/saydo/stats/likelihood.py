"""The maximum of a likelihood of a few parameters above 0, climbed in their logs, and how sharp it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from saydo.stats.arrays import Array, find_quantile

_STEP = 1e-3
_CONVERGED = 1e-5  # of the log-likelihood: what another Newton step would gain
_ARRIVED = 1e-9  # the same, of the cheaper steps from a nearby maximum
_CHORDS, _SLOW = 12, 4.0  # how many at most, while each gains so many times less than the one before

Slope = Callable[[Array], tuple[float, Array]]  # parameters -> log-likelihood, its derivatives by their logs


_VAGUE = 4.0  # the error of a logarithm from which on a parameter may be a thousand times as large, or as small


@dataclass(frozen=True, eq=False)
class Peak:
    """The ``parameters`` at the maximum, its ``value``, and the ``covariance`` of their logs.

    A parameter that has run to the end of its range ``is_bound``: it has no error. One that is known to a factor of
    some thousand at best `is_vague`: the likelihood is flat, its curve at the top tells nothing of how far, and neither
    an interval nor draws can be made of it.
    """

    parameters: Array
    value: float
    covariance: Array
    is_bound: npt.NDArray[np.bool_]

    @property
    def se(self) -> Array:
        """Standard errors of the parameters; nan for those at the end of their range."""
        return np.where(self.is_bound, np.nan, self.parameters * np.sqrt(np.diag(self.covariance)))

    @property
    def is_vague(self) -> npt.NDArray[np.bool_]:
        return np.asarray(~self.is_bound & ~(np.sqrt(np.diag(self.covariance)) < _VAGUE))

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """The parameters' intervals, from those of their logs, which keep them above 0; nan where there is none."""
        reach = np.exp(find_quantile(level) * np.where(self.is_vague, np.nan, self.se / self.parameters))
        return self.parameters / reach, self.parameters * reach

    def draw(self, count: int, chance: np.random.Generator) -> Array:
        """So many parameters (count, parameters) drawn from their uncertainty: normal in the logs."""
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))  # the covariance may be singular
        logs = np.log(self.parameters) + chance.standard_normal((count, len(self.parameters))) @ root.T
        return np.exp(np.clip(logs, -500, 500))


def climb(slope: Slope, start: Array, weight: float, most: float = 1e4) -> Peak | None:
    """The maximum found from ``start`` by L-BFGS-B and Newton's steps; None when there is none.

    ``weight`` is the number of observations, which brings the likelihood to the size that the search expects.
    Parameters stay between 1 / ``most`` and ``most``: measure them in units that make them some 1.
    """
    end = float(np.log(most))

    def descend(logs: Array) -> tuple[float, Array]:
        value, slopes = slope(np.exp(logs))
        return -value / weight, -slopes / weight

    bounds = [(-end, end)] * len(start)
    with np.errstate(over="ignore", invalid="ignore"):
        first: Array = np.log(start)
        found = minimize(
            descend, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13, "gtol": 1e-7}
        )
        return _settle(slope, found.x, end)


def climb_from(slope: Slope, near: Peak, share: float, most: float = 1e4) -> Peak | None:
    """The maximum found from that of a ``share`` (0 to 1) of the same observations; None when it does not lead there.

    The likelihood of a part bends as that of the whole does, so that its covariance tells how far to step: half as
    many looks at all observations as a climb from afar. Where that grows slow, Newton's own steps follow.
    """
    if near.is_bound.any():
        return None
    end, logs, last = float(np.log(most)), np.log(near.parameters), float("inf")
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(_CHORDS):
            _, slopes = slope(np.exp(logs))
            step = near.covariance @ slopes * share
            gain = float(slopes @ step) / 2
            if not gain < last / _SLOW or gain < _ARRIVED:
                break
            logs = np.clip(logs + step * min(1.0, 1.0 / np.abs(step).max()), -end, end)
            last = gain
        return _settle(slope, logs, end)


def _settle(slope: Slope, logs: Array, end: float) -> Peak | None:
    """The maximum near ``logs`` by Newton's steps."""
    for _ in range(8):
        is_bound = np.abs(logs) > end - 1e-6
        value, slopes = slope(np.exp(logs))
        covariance = _invert(_bend(slope, logs), ~is_bound)
        if covariance is None or not np.isfinite(value):
            return None
        step = covariance @ slopes
        gain = float(slopes @ step) / 2
        if abs(gain) < _CONVERGED:
            return Peak(np.exp(np.clip(logs + step, -end, end)), float(value) + gain, covariance, is_bound)
        logs = np.clip(logs + step * min(1.0, 1.0 / np.abs(step).max()), -end, end)
    return None


def _bend(slope: Slope, logs: Array) -> Array:
    """The matrix of second derivatives of the log-likelihood, by central differences of the first."""
    steps = _STEP * np.eye(len(logs))
    rows = [slope(np.exp(logs + step))[1] - slope(np.exp(logs - step))[1] for step in steps]
    bend = np.asarray(rows) / (2 * _STEP)
    return np.asarray((bend + bend.T) / 2)


def _invert(bend: Array, is_free: npt.NDArray[np.bool_]) -> Array | None:
    """The covariance of the free parameters, 0 for the others; None where this is no maximum."""
    covariance = np.zeros_like(bend)
    inner = -bend[np.ix_(is_free, is_free)]
    if not np.isfinite(inner).all() or np.linalg.eigvalsh(inner).min(initial=np.inf) <= 0:
        return None
    covariance[np.ix_(is_free, is_free)] = np.linalg.inv(inner)
    return covariance
