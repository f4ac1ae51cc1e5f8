"""One block of customers in the making: a fixed number of them, with chance of their own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa

from saydo.simulate import columns as to
from saydo.simulate.clock import Clock
from saydo.simulate.columns import Array
from saydo.simulate.plan import Plan

BLOCK = 10_000  # customers whose chance is drawn together
_ROOM = 1_000_000  # keys of one kind in a block


class Tally(dict[str, Array]):
    """Named sums over blocks: all that the truth needs, so that memory does not grow with the number of customers."""

    def add(self, name: str, value: Any) -> None:
        """Add to a sum; the first value makes its shape."""
        self[name] = self[name] + np.asarray(value) if name in self else np.array(value)

    def join(self, other: Tally) -> None:
        """Add all the sums of another tally."""
        for name, value in other.items():
            self.add(name, value)


@dataclass
class Block:
    """Where one block's chance, keys, rows and sums come from and go to. Index -1 is the company itself."""

    plan: Plan
    clock: Clock
    seed: int
    index: int
    size: int = 0
    tally: Tally = field(default_factory=Tally)
    tables: dict[str, list[pa.Table]] = field(default_factory=lambda: defaultdict(list))
    identities: pa.Table | None = None  # who its customers are, which no fact may say
    _used: dict[str, int] = field(default_factory=dict)

    def chance(self, topic: str) -> np.random.Generator:
        """A topic's own stream: planting something else in one topic leaves the luck of the others as it was."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=(self.index + 1, crc32(topic.encode())))
        return np.random.Generator(np.random.SFC64(sequence))

    def kept(self, promise: str) -> Array:
        """The planted kept rate of a promise at each touchpoint."""
        rates = self.plan.kept[promise]
        return np.array([rates.get(name, rates.get("", np.nan)) for name in self.plan.touchpoints])

    def places(self, table: str, count: int) -> Array:
        """The next ``count`` places of a table's rows in this block, from which their keys are made."""
        used = self._used.get(table, 0)
        self._used[table] = used + count
        return np.arange(used, used + count)

    def keys(self, prefix: str, places: Array) -> pa.Array:
        """Keys by place in the block, unique over all blocks; null where negative."""
        return to.keys(prefix, (self.index + 1) * _ROOM + places, places >= 0)

    def before_end(self, days: Array) -> Array:
        """Times that are known on the last day; NaN for later ones."""
        return np.where(days < self.clock.days, days, np.nan)

    def times(self, days: Array) -> pa.Array:
        """Times as a column; those after the last day are not known yet, hence null."""
        return to.times(self.clock.start, self.before_end(days))

    def planned(self, days: Array) -> pa.Array:
        """Times as a column, in the future too."""
        return to.times(self.clock.start, days)

    def write(self, table: str, count: int, **columns: Any) -> None:
        """Add rows to a table."""
        if count:
            self.tables[table].append(to.rows(table, count, columns))


def draw(chance: np.random.Generator, shares: Any, count: int) -> Array:
    """Codes drawn with these shares."""
    limits = np.cumsum(np.asarray(shares, dtype=float))
    return np.searchsorted(limits[:-1] / limits[-1], chance.random(count), side="right")


def pick(record: Any, chosen: Array) -> Any:
    """The same record of columns with the chosen rows only."""
    return type(record)(**{name: column[chosen] for name, column in vars(record).items()})


def join(records: list[Any]) -> Any:
    """Records of columns one below the other."""
    return type(records[0])(
        **{name: np.concatenate([getattr(record, name) for record in records]) for name in vars(records[0])}
    )
