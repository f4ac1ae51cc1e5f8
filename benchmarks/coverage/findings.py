"""How often the truth was held and how far off the estimates were on average, judged with regard to chance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from benchmarks.coverage.companies import Trial
from saydo.stats.trials import binomial_p, is_unbiased

GOAL = (0.93, 0.97)
UNLIKELY = 0.001
_DECISIVE = 20  # companies from which the spread of a group's estimates is known well enough


@dataclass(frozen=True, eq=False)
class Finding:
    """What came of a case: intervals tried and those that held the truth, mean width, mean error (unit of the figure).

    ``errors`` are in standard errors: those of a group over the standard deviation of its errors, left out where too
    few companies have the group, and where its estimates do not vary.
    """

    trials: int
    held: int
    width: float
    error: float
    errors: npt.NDArray[np.float64]

    @property
    def rate(self) -> float:
        return self.held / self.trials

    @property
    def rate_interval(self) -> tuple[float, float]:
        """The exact binomial interval of the rate, 95 %."""
        found = binomtest(self.held, self.trials).proportion_ci()
        return float(found.low), float(found.high)

    @property
    def bias(self) -> float:
        """The mean error in standard errors; nan where it is not known."""
        return float(self.errors.mean()) if self.errors.size else float("nan")

    @property
    def is_near_nominal(self) -> bool:
        """Could chance have made this rate of one within the goal?"""
        return binomial_p(self.held, self.trials, float(np.clip(self.rate, *GOAL))) >= UNLIKELY

    @property
    def is_unbiased(self) -> bool:
        return not self.errors.size or is_unbiased(self.errors, 0.0, 1.0)


def judge(trials: Iterable[Trial]) -> Finding:
    """What came of the trials of one case."""
    ordered = sorted(trials, key=lambda trial: trial.group)
    low, high, truth, estimate = (
        np.array([getattr(trial, name) for trial in ordered], dtype=np.float64)
        for name in ("low", "high", "truth", "estimate")
    )
    off = estimate - truth
    groups = [len(list(found)) for _, found in groupby(ordered, key=lambda trial: trial.group)]
    parts = np.split(off, np.cumsum(groups)[:-1])
    known = [part / part.std(ddof=1) for part in parts if len(part) >= _DECISIVE and part.std(ddof=1) > 0]
    held = (low <= truth) & (truth <= high)
    return Finding(
        trials=len(ordered),
        held=int(held.sum()),
        width=float((high - low).mean()),
        error=float(off.mean()),
        errors=np.concatenate(known) if known else np.zeros(0),
    )
