"""Histories of customers: repeat purchases, the day of the last, age. What models of repeat purchases are fitted to.

Purchases of one local day are one purchase, and the first is not counted among the repeats. Times are whole days to the
last day seen: a customer who first bought on it has an age of 0. Equal histories leave the engine as one row with a
count, some thousands to some hundreds of thousands of them however many customers there are; nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import UnknownSplit, nearest
from saydo.measures._measure import column
from saydo.measures._purchases import find_firsts, find_purchases
from saydo.measures._split import Split, splits_of
from saydo.stats.lifetimes import Histories

KEYS = ("repeats", "last_days", "age_days")
_ALONE = ("customer_id", "order_id")  # splits that leave nobody to compare with


def last_day(facts: Facts) -> date:
    """The last local day that was seen, wholly or in part."""
    return facts.local_day(facts.as_of - timedelta(microseconds=1))


def find_histories(facts: Facts, until: date | None = None) -> ir.Table:
    """One row per customer: customer_id, first_on, repeats, last_days, age_days, and coming.

    Seen from the end of the day before ``until`` (of the last day seen, if not said); ``coming`` counts the days of
    purchases from ``until`` on. Customers who first bought later are not in it.
    """
    end = last_day(facts) + timedelta(days=1)
    end = min(until, end) if until else end
    purchases = find_purchases(facts)
    days = purchases.select("customer_id", day=facts.local(purchases.ordered_at).date()).distinct()
    is_seen = days.day < ibis.literal(end)
    rows = days.group_by("customer_id").aggregate(
        first_on=days.day.min(),
        last_on=days.day.max(where=is_seen),
        days=days.count(where=is_seen),
        coming=days.count(where=~is_seen),
    )
    rows = rows.filter(rows.days > 0)
    return rows.select(
        "customer_id",
        "first_on",
        repeats=(rows.days - 1).cast("int64"),
        last_days=rows.last_on.delta(rows.first_on, unit="day").cast("int64"),
        age_days=ibis.literal(end - timedelta(days=1)).delta(rows.first_on, unit="day").cast("int64"),
        coming=rows.coming.cast("int64"),
    )


def split_histories(facts: Facts, measure: str, rows: ir.Table, by: Sequence[str]) -> Split:
    """`find_histories` with the splits of each customer's first purchase; raises `UnknownSplit`."""
    if not by:
        return Split(rows, ())
    for split in by:
        if split.rpartition(".")[2] in _ALONE:
            choices = [name for name in splits_of(facts, "orders") if name.rpartition(".")[2] not in _ALONE]
            raise UnknownSplit(measure=measure, split=split, choices=nearest(split, choices))
    firsts = find_firsts(facts, measure, by)
    of = firsts.rows.drop("first_at").rename(_customer="customer_id")
    joined = rows.join(of, rows.customer_id == of["_customer"]).drop("_customer")
    return Split(joined, firsts.names, firsts.times, firsts.overlaps)


def run_histories(facts: Facts, rows: ir.Table, *keys: str, **sums: ir.Value) -> pa.Table:
    """Equal histories (equal in ``keys`` too) as one row with their ``count`` and ``sums``, always in one order."""
    names = [*keys, *KEYS]
    return facts.run(rows.aggregate(by=names, count=rows.count(), **sums).order_by(names))


def group_rows(found: pa.Table, names: Sequence[str]) -> list[tuple[dict[str, Any], pa.Table]]:
    """The rows of each group, sorted by ``names``, with its key."""
    if not names:
        return [({}, found)] if found.num_rows else []
    keys = list(zip(*(found[name].to_pylist() for name in names), strict=True))
    starts = [place for place, key in enumerate(keys) if not place or key != keys[place - 1]]
    ends = [*starts[1:], len(keys)]
    return [
        (dict(zip(names, keys[start], strict=True)), found.slice(start, end - start))
        for start, end in zip(starts, ends, strict=True)
    ]


def read_histories(found: pa.Table, days: int = 1) -> Histories:
    """What `run_histories` gave, in units of so many ``days``."""
    repeats, last, age = (column(found, name) for name in KEYS)
    return Histories.of(repeats, last / days, age / days, column(found, "count"))
