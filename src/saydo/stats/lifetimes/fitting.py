"""The most likely parameters of a model, how sure they are, and what they say of customers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy.special import roots_legendre

from saydo.errors import NoFit, TooFewRepeats
from saydo.stats.arrays import Array, as_arrays, dot
from saydo.stats.lifetimes.geometric import BG_NBD, MBG_NBD
from saydo.stats.lifetimes.histories import Histories
from saydo.stats.lifetimes.models import Model
from saydo.stats.lifetimes.pareto import PARETO_NBD
from saydo.stats.likelihood import Peak, climb, climb_from

MODELS: Mapping[str, Model] = MappingProxyType({one.name: one for one in (BG_NBD, MBG_NBD, PARETO_NBD)})
FEWEST_RETURNED = 10
MOST_ROWS = 10_000  # in which a maximum is looked for before all rows are asked
_NEW = Histories.of(0, 0, 0)  # a customer after the first purchase
_NODES, _WEIGHTS = roots_legendre(20)


@dataclass(frozen=True, eq=False)
class Fit(Peak):
    """A model with its most likely parameters, times in the histories' unit.

    ``customers`` and ``rows`` are how many there were, and as how many distinct ones.
    """

    model: Model
    customers: int
    rows: int

    @property
    def log_likelihood(self) -> float:
        return self.value

    def drawn(self, count: int, chance: np.random.Generator) -> list[Fit]:
        """So many fits whose parameters are drawn from the uncertainty of this one."""
        return [replace(self, parameters=parameters) for parameters in self.draw(count, chance)]

    def alive(self, histories: Histories) -> Array:
        """The probability of each row's customers to be still with us."""
        return self.model.alive(self.parameters, histories)

    def expected(self, histories: Histories, horizon: float, discount: float = 0.0) -> Array:
        """The purchases to expect of one of each row's customers within ``horizon`` from now.

        ``discount`` is a continuous rate per unit of time: a purchase after t counts exp(-discount t). The horizon may
        be infinite where there is a discount (discounted expected residual transactions).
        """
        end = histories.at_end
        return self.alive(histories) * self.expected_if_alive(end.repeats, end.times, horizon, discount)[end.places]

    def expected_if_alive(
        self, repeats: npt.ArrayLike, age: npt.ArrayLike, horizon: float, discount: float = 0.0
    ) -> Array:
        """`expected` of somebody known to be with us: it hangs on repeats and age alone."""
        x, end = as_arrays(repeats, age)
        if not discount:
            return self.model.ahead(self.parameters, x, end, np.full(x.shape, horizon))
        # by parts: e^(-dh) Y(h) + d integral of e^(-dt) Y(t), the integral over log time, where it is smooth
        last = min(horizon, 40 / discount)
        scale = np.asarray(self.parameters[1] + end)
        stretch = np.log1p(last / scale)
        total = np.exp(-discount * last) * self.model.ahead(self.parameters, x, end, np.full(x.shape, last))
        pieces = max(1, int(np.ceil(np.max(stretch, initial=0.0) / 2)))
        for piece in range(pieces):
            for node, weight in zip((_NODES + 1) / 2, _WEIGHTS / 2, strict=True):
                at = (piece + node) / pieces * stretch
                ahead = scale * np.expm1(at)
                bought = self.model.ahead(self.parameters, x, end, ahead)
                total = total + weight / pieces * stretch * discount * np.exp(at - discount * ahead) * scale * bought
        return np.asarray(total)

    def expected_since_first(self, time: npt.ArrayLike) -> Array:
        """The repeat purchases to expect of a customer within ``time`` of the first purchase, come what may."""
        ahead = np.atleast_1d(np.asarray(time, dtype=np.float64))
        nothing = np.zeros_like(ahead)
        return self.alive(_NEW) * self.model.ahead(self.parameters, nothing, nothing, ahead)

    def chance_of(self, histories: Histories, horizon: float, least: npt.ArrayLike) -> Array:
        """The probability of each row's customers to buy ``least`` (1, 2 ...) times or more within ``horizon``."""
        end = histories.at_end
        of_pairs, counts = np.broadcast_arrays(end.places, least)
        counts, of_counts = np.unique(counts, return_inverse=True)
        codes, places = np.unique(of_pairs * len(counts) + of_counts, return_inverse=True)
        pairs = codes // len(counts)
        x, age, ahead, k = as_arrays(end.repeats[pairs], end.times[pairs], horizon, counts[codes % len(counts)])
        return self.alive(histories) * self.model.exceeds(self.parameters, x, age, ahead, k)[places]

    def quantile(self, histories: Histories, horizon: float, level: float) -> Array:
        """The least number of purchases that each row's customers stay at or below with a probability of ``level``."""
        alive, end = self.alive(histories), histories.at_end
        found = np.zeros(len(histories))
        waiting = np.flatnonzero(alive > 1 - level)
        while len(waiting):
            pairs, places = np.unique(end.places[waiting], return_inverse=True)
            x, age, ahead, least = as_arrays(end.repeats[pairs], end.times[pairs], horizon, found[waiting[0]] + 1)
            more = alive[waiting] * self.model.exceeds(self.parameters, x, age, ahead, least)[places]
            waiting = waiting[more > 1 - level]
            found[waiting] += 1
        return found


def fit(histories: Histories, model: Model) -> Fit:
    """The maximum of the likelihood; time is measured in mean ages meanwhile.

    Raises `TooFewRepeats` and, when no start leads to a maximum, `NoFit`.
    """
    require_repeats(histories)
    scale = float(dot(histories.age, histories.count)) / histories.customers
    peak = _climb(histories.scaled(scale), model)
    if peak is None:
        raise NoFit(model=model.name, customers=round(histories.customers), returned=round(histories.returned))
    parameters = peak.parameters * np.where(model.times, scale, 1.0)
    value = peak.value - histories.purchases * float(np.log(scale))
    counts = round(histories.customers), len(histories)
    return Fit(parameters, value, peak.covariance, peak.is_bound, model, *counts)


def _climb(histories: Histories, model: Model) -> Peak | None:
    """The maximum, from that of every second, third ... row where there are very many, else from the model's starts."""

    def slope(parameters: Array) -> tuple[float, Array]:
        return model.slope(parameters, histories)

    starts, step = model.starts, len(histories) // MOST_ROWS
    if step > 1:
        some = histories.at(np.arange(len(histories)) % step == 0)
        if near := _climb(some, model):
            if peak := climb_from(slope, near, some.customers / histories.customers, model.most):
                return peak
            starts = (tuple(near.parameters), *starts)
    for start in starts:
        if peak := climb(slope, np.array(start), histories.customers, model.most):
            return peak
    return None


def require_repeats(histories: Histories) -> None:
    """Raise `TooFewRepeats` when fewer than `FEWEST_RETURNED` customers bought again."""
    customers, returned = round(histories.customers), round(histories.returned)
    if returned < FEWEST_RETURNED:
        raise TooFewRepeats(customers=customers, returned=returned, least=FEWEST_RETURNED)
