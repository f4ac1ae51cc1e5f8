"""What models of repeat purchases know of customers, equal ones taken together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from saydo.stats.arrays import Array, as_arrays, dot

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Pairs:
    """The distinct pairs of repeats and a time, and the ``places`` of the rows among them: a function of the two is
    found once per pair, of which there are far fewer than rows.
    """

    repeats: Array
    times: Array
    places: Places

    @cached_property
    def crossed(self) -> tuple[tuple[Array, Places], tuple[Array, Places]]:
        """The distinct repeats with the places of the pairs among them, and the same of the times."""
        repeats, times = (np.unique(one, return_inverse=True) for one in (self.repeats, self.times))
        return repeats, times

    def sum(self, values: Array) -> Array:
        """The sums over each pair of what rows have."""
        return np.asarray(np.bincount(self.places, values, len(self.repeats)), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Histories:
    """Rows of customers who are alike: ``repeats`` purchases after the first, the ``last`` of them so long after the
    first, and ``age``, how long ago the first was when we stopped looking; ``count`` customers each.

    Times have one unit, whatever it is; without repeats ``last`` is 0.
    """

    repeats: Array
    last: Array
    age: Array
    count: Array

    @classmethod
    def of(
        cls, repeats: npt.ArrayLike, last: npt.ArrayLike, age: npt.ArrayLike, count: npt.ArrayLike = 1.0
    ) -> Histories:
        """From arrays that broadcast to one shape; raises ValueError for what no customer can have done."""
        x, t, end, n = (np.atleast_1d(one) for one in as_arrays(repeats, last, age, count))
        is_possible = (x >= 0) & (t >= 0) & (t <= end) & ((x > 0) | (t == 0)) & (n >= 0)
        if not is_possible.all():
            row = int(np.argmin(is_possible))
            raise ValueError(f"no history: {x[row]:g} repeat purchases, the last at {t[row]:g}, age {end[row]:g}")
        return cls(x, t, end, n)

    def __len__(self) -> int:
        return len(self.repeats)

    @property
    def customers(self) -> float:
        return float(self.count.sum())

    @property
    def purchases(self) -> float:
        """All repeat purchases."""
        return float(dot(self.repeats, self.count))

    @property
    def returned(self) -> float:
        """Customers with a repeat purchase."""
        return float(self.count[self.repeats > 0].sum())

    def scaled(self, factor: float) -> Histories:
        """The same in a unit of time that is ``factor`` times as long."""
        return Histories(self.repeats, self.last / factor, self.age / factor, self.count)

    def at(self, chosen: npt.NDArray[np.bool_]) -> Histories:
        """The ``chosen`` rows."""
        return Histories(self.repeats[chosen], self.last[chosen], self.age[chosen], self.count[chosen])

    @cached_property
    def at_last(self) -> Pairs:
        """Repeats and the time of the last."""
        return self._pair(self.last)

    @cached_property
    def at_end(self) -> Pairs:
        """Repeats and age."""
        return self._pair(self.age)

    @cached_property
    def _repeats(self) -> tuple[Array, Places]:
        values, places = np.unique(self.repeats, return_inverse=True)
        return np.asarray(values), np.asarray(places)

    def _pair(self, column: Array) -> Pairs:
        times, places = np.unique(column, return_inverse=True)
        repeats, of_repeats = self._repeats
        codes, places = np.unique(of_repeats * len(times) + places, return_inverse=True)
        return Pairs(repeats[codes // len(times)], times[codes % len(times)], places)
