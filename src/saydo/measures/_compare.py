"""Two results of one measure set against each other, group by group."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from saydo.errors import BadSetting
from saydo.language import mark
from saydo.result import Result
from saydo.stats.arrays import Array
from saydo.stats.changes import compare_limits

_NONE = mark("none")


def compare_results(before: Result, after: Result) -> pa.Table:
    """What `Measure.compare` gives; raises `BadSetting` where the two were asked differently but for their period."""
    for what, first, second in (("by", list(before.by), list(after.by)), ("settings", _asked(before), _asked(after))):
        if first != second:
            raise BadSetting(name=what, value=second or _NONE, choices=first or _NONE)
    groups = _groups(before, after)
    keys = [tuple(row[name] for name in after.by) for row in groups.to_pylist()] if after.by else [()]
    earlier, later = _limits(before, keys), _limits(after, keys)
    change = compare_limits(earlier, later)
    figures = {"before": earlier[0], "after": later[0], "difference": change.difference}
    figures |= {"low": change.low, "high": change.high, "p": change.p}
    columns = {name: groups[name] for name in after.by}
    return pa.table(columns | {name: pa.array(values, from_pandas=True) for name, values in figures.items()})


def _asked(result: Result) -> list[str]:
    """The settings of a result but for its period."""
    return [f"{name}={value}" for name, value in sorted(result.settings.items()) if name not in ("since", "until")]


def _groups(before: Result, after: Result) -> pa.Table:
    """The groups of either, each once, in order."""
    names = list(after.by)
    if not names:
        return pa.table({})
    both = pa.concat_tables([result.table.select(names) for result in (before, after)])
    return both.group_by(names, use_threads=False).aggregate([]).sort_by([(name, "ascending") for name in names])


def _limits(result: Result, keys: list[tuple[Any, ...]]) -> tuple[Array, Array, Array]:
    """The headline with its ends, nan where a group is not there or they are null."""
    rows = {tuple(row[name] for name in result.by): row for row in result}

    def read(name: str) -> Array:
        found = (rows[key][name] if key in rows else None for key in keys)
        return np.array([np.nan if value is None else float(value) for value in found])

    measure = result.measure
    return read(measure.headline), read(measure.low), read(measure.high)
