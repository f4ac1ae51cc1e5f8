"""Which groups of a result a chart shows, in which order, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from saydo.charts.figures import SCALES, begin, is_told, show_group
from saydo.measures import TIME_UNITS
from saydo.result import Result

Record = Mapping[str, Any]

MOST_GROUPS, MOST_THINGS = 15, 6
_THINGS = ("outcome", "question", *SCALES)  # rows that differ in these are about different things


def choose_groups(result: Result) -> list[tuple[str, Record]]:
    """The groups to show with their labels, in the order to show them: the most counted, where they are many."""
    records: list[Record] = [one for one in result.to_records() if one[result.measure.headline] is not None]
    labels = labels_of(result, records)
    if (number := number_of_groups(result)) is not None:
        pairs = zip(labels, records, strict=True)
        return sorted(pairs, key=lambda pair: (pair[1][number] is None, pair[1][number]))[:MOST_GROUPS]
    names = most_counted(result, records, labels, MOST_GROUPS)
    chosen = [(label, record) for label, record in zip(labels, records, strict=True) if label in names]
    return sorted(chosen, key=lambda pair: -pair[1][result.measure.headline])


def number_of_groups(result: Result) -> str | None:
    """The split that says by a number which group comes first, if one does."""
    numbers = [name for name in splits_of(result) if _is_number(result.table.schema.field(name).type)]
    return numbers[0] if len(numbers) == 1 and numbers[0] == splits_of(result)[0] else None


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def unlike_parts(result: Result) -> list[tuple[str, Result]]:
    """The result in parts that can stand on one scale, with their names, those first that have the most groups."""
    names = [name for name in _THINGS if name in result.by] if result.measure.unit == "score" else []
    places: dict[tuple[object, ...], list[int]] = {}
    for place, record in enumerate(result.to_records()):
        if record[result.measure.headline] is not None:
            places.setdefault(tuple(record[name] for name in names), []).append(place)
    told = [names[i] for i in range(len(names)) if len({key[i] for key in places}) > 1 and names[i] not in SCALES]
    parts = []
    for key, rows in sorted(places.items(), key=lambda part: -len(part[1]))[:MOST_THINGS]:
        known = [show_group(key[names.index(name)], name) for name in told if key[names.index(name)] is not None]
        parts.append((begin(" · ".join(known)), replace(result, table=result.table.take(rows))))
    return parts


def splits_of(result: Result) -> list[str]:
    """The splits that tell groups apart; one with a single value (all answers are of one occasion) says nothing."""
    return [name for name in result.by if len(result) > 1 and len(result.table[name].unique()) > 1]


def groups_of(result: Result) -> list[str]:
    return [name for name in splits_of(result) if name not in TIME_UNITS]


def naming_splits(result: Result) -> list[str]:
    """Those splits without scale and rank, which place a group and do not name it, if others are left."""
    splits = splits_of(result)
    return [name for name in splits if name not in (*SCALES, "rank")] or splits


def labels_of(result: Result, records: Sequence[Record]) -> list[str]:
    """What each row's group is called: without its time, and without scale or rank where the rest tells all apart."""
    names = groups_of(result)
    short = [name for name in naming_splits(result) if name in names]
    if short and len({tuple(record[name] for name in short) for record in records}) == len(
        {tuple(record[name] for name in names) for record in records}
    ):
        names = short
    return [
        begin(" · ".join(show_group(record[name], name) for name in names if is_told(record[name], name)))
        for record in records
    ]


def most_counted(result: Result, records: Sequence[Record], labels: Sequence[str], most: int) -> set[str]:
    """The names of the groups with the largest counts; of equal ones those of the largest figures."""
    sizes: dict[str, tuple[float, float]] = {}
    for label, record in zip(labels, records, strict=True):
        count, highest = sizes.get(label, (0.0, float("-inf")))
        value = record[result.measure.headline]
        count += float(record[result.measure.count] or 0)
        sizes[label] = (count, highest if value is None else max(highest, float(value)))
    return set(sorted(sizes, key=lambda name: (*(-size for size in sizes[name]), name))[:most])
