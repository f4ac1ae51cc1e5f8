"""Splits: the columns that make groups.

A split is a unit of the measure's own time (``day``, ``week``, ``month``, ``quarter``, ``year``), a column of its own
table, a ``table.column`` reached many-to-one through the keys (the country of the order's customer), or a bare name
where only one table within reach has it. ``order_lines`` and what lies behind them (the categories in an order) are
reached one-to-many: a fact then counts once in each group, and the groups overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir

from saydo.company import Facts
from saydo.errors import UnknownSplit, nearest
from saydo.facts import TABLES

TIME_UNITS = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
_FREE_TEXT = ("comment", "statement", "standard", "outcome")


def _find_keys_of_people() -> frozenset[str]:
    """Columns that may tell one person, firm or deed of theirs from all others: keys, in every table of them."""
    deeds = {name for name, table in TABLES.items() if any(one.refers_to == "customers" for one in table.columns)}
    deeds |= {
        name for name, table in TABLES.items() if any(one.refers_to in deeds | {"customers"} for one in table.columns)
    }
    of_people = deeds | {"customers"}
    keys = {TABLES[name].key[0] for name in of_people if len(TABLES[name].key) == 1}
    found = {one.name for table in TABLES.values() for one in table.columns if one.refers_to in of_people}
    # the cause of a case may be what a colleague typed about somebody: no name can be told from other words
    return frozenset(keys | found | {"account_id", "reply_id", "visit_id", "cause"})


KEYS_OF_PEOPLE = _find_keys_of_people()


@dataclass(frozen=True)
class Split:
    """Rows with a column per split: their names, which are times, can a row be in several groups, tables reached."""

    rows: ir.Table
    names: tuple[str, ...]
    times: tuple[str, ...] = ()
    overlaps: bool = False
    reached: frozenset[str] = frozenset()


_Hops = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Path:
    """How to reach a table: hops of (key column here, table there).

    ``many`` when lines of the order lie between; ``or_through_order`` when what names no product of its own stands for
    the products of its order.
    """

    hops: _Hops
    many: bool = False
    or_through_order: bool = False

    @property
    def table(self) -> str:
        return self.hops[-1][1]


def split_rows(facts: Facts, measure: str, base: str, rows: ir.Table, by: Sequence[str], at: str = "") -> Split:
    """``rows`` of the table ``base`` with a column for each split in ``by``; raises `UnknownSplit`.

    A split's column is called like the last part of its name, or ``table_column`` where that is taken; null is a group
    of its own (unknown). Units of time cut the column ``at`` (the table's own time if not given) in the company's zone.
    Rows may bring a ``customer_id`` that the table lacks (a payment's is that of its order or contract).
    """
    at = at or TABLES[base].at
    paths = _paths(base, brings_customer="customer_id" in rows.columns)
    names = {split: _name(split, base, rows, by) for split in by}
    times = tuple(split for split in by if split in TIME_UNITS and at)
    by_path: dict[_Path, dict[str, str]] = {}
    for split in by:
        if split in times:
            rows = rows.mutate(**{split: cut_time(facts, rows[at], split)})
            continue
        path, column = _resolve(facts, measure, base, split, paths)
        if path:
            by_path.setdefault(path, {})[names[split]] = column
        elif column != names[split]:
            rows = rows.mutate(**{names[split]: rows[column]})
    for path, columns in by_path.items():
        rows = _join(facts, rows, path, columns)
    overlaps = any(_overlaps(facts, path) for path in by_path)
    return Split(rows, tuple(names.values()), times, overlaps, frozenset(path.table for path in by_path))


def cut_time(facts: Facts, moment: ir.Value, unit: str) -> ir.DateValue:
    """The first day of the unit (a key of TIME_UNITS) that a UTC time, or a date, falls into in the company's zone."""
    local = facts.local(moment) if isinstance(moment, ir.TimestampValue) else moment
    return local.truncate(TIME_UNITS[unit]).cast("date")


def splits_of(facts: Facts, base: str, at: str = "") -> list[str]:
    """Every split that a measure of the table ``base`` can be asked for with these facts."""
    reached = [
        f"{path.table}.{name}" for path in _paths(base) if facts.has(path.table) for name in _columns(facts, path.table)
    ]
    return [*(TIME_UNITS if at or TABLES[base].at else ()), *_columns(facts, base), *dict.fromkeys(reached)]


def _name(split: str, base: str, rows: ir.Table, by: Sequence[str]) -> str:
    table, _, column = split.rpartition(".")
    is_taken = column in rows.columns or sum(other.rpartition(".")[2] == column for other in by) > 1
    return f"{table}_{column}" if is_taken and table not in ("", base) else column


def _resolve(facts: Facts, measure: str, base: str, split: str, paths: list[_Path]) -> tuple[_Path | None, str]:
    table, _, column = split.rpartition(".")
    if column in _columns(facts, base) and table in ("", base):
        return None, column
    found = [path for path in paths if table in ("", path.table) and column in _columns(facts, path.table)]
    nearest_ones = {path.table for path in found if _distance(path) == _distance(found[0])}
    if not found or (not table and len(nearest_ones) > 1):
        choices = [f"{name}.{column}" for name in sorted(nearest_ones)] or nearest(split, splits_of(facts, base))
        raise UnknownSplit(measure=measure, split=split, choices=choices)
    return found[0], column


def _columns(facts: Facts, table: str) -> list[str]:
    entry = facts.manifest.tables.get(table)
    own = list(entry.own_columns) if entry else []
    return [
        column.name for column in TABLES[table].columns if not column.is_time and column.name not in _FREE_TEXT
    ] + own


def _paths(base: str, *, brings_customer: bool = False) -> list[_Path]:
    """Every table within reach, nearest first: along the keys, then through the lines of an order."""
    found = _walk(base, ())
    if brings_customer and "customer_id" not in TABLES[base]:
        own = _Path((("customer_id", "customers"),))
        found = [own, *(path for path in found if path.table != "customers")]
    has_product = "product_id" in TABLES[base]
    if "order_id" in TABLES[base] and base != "order_lines":
        lines = (("order_id", "order_lines"),)
        found = [replace(path, or_through_order=path.hops[0][0] == "product_id") for path in found]
        beyond = [replace(path, many=True) for path in _walk("order_lines", lines)]
        found += [_Path(lines, many=True), *(path for path in beyond if not (has_product and path.table == "products"))]
    return sorted(found, key=_distance)


def _distance(path: _Path) -> tuple[bool, int]:
    return path.many, len(path.hops)


def _walk(base: str, start: _Hops) -> list[_Path]:
    found: list[_Path] = []
    seen = {base, "orders"} if start else {base}
    frontier = [(base, start)]
    while frontier:
        table, hops = frontier.pop(0)
        for column in TABLES[table].columns:
            there = column.refers_to
            if there and there not in seen:
                seen.add(there)
                path = (*hops, (column.name, there))
                found.append(_Path(path))
                frontier.append((there, path))
    return found


def _overlaps(facts: Facts, path: _Path) -> bool:
    return path.many or (path.or_through_order and facts.has("order_lines"))


def _lookup(facts: Facts, hops: _Hops, columns: dict[str, str]) -> ir.Table:
    """The far columns by the key that the first hop leads to, called ``_key``."""
    (_, table), rest = hops[0], hops[1:]
    rows = facts.table(table)
    key = rows[TABLES[table].key[0]]  # order_lines are looked up by their order
    if not rest:
        return rows.select(_key=key, **{name: rows[column] for name, column in columns.items()})
    beyond = _lookup(facts, rest, columns)
    here = rows.select(_key=key, _next=rows[rest[0][0]])
    joined = here.left_join(beyond, here["_next"] == beyond["_key"])
    return joined.select(_key=here["_key"], **{name: beyond[name] for name in columns})


def _join(facts: Facts, rows: ir.Table, path: _Path, columns: dict[str, str]) -> ir.Table:
    lookup = _lookup(facts, path.hops, columns)
    lookup = lookup.distinct() if path.many else lookup
    joined = rows.left_join(lookup, rows[path.hops[0][0]] == lookup["_key"])
    if not path.or_through_order:
        return joined.select(rows, **{name: lookup[name] for name in columns})
    through = _lookup(facts, (("order_id", "order_lines"), *path.hops), columns).distinct()
    own = joined.select(rows, **{f"_own_{name}": lookup[name] for name in columns})
    order = ibis.ifelse(own.product_id.isnull(), own.order_id, ibis.null("string"))
    joined = own.left_join(through, order == through["_key"])
    kept = {name: own[name] for name in rows.columns}
    return joined.select(**kept, **{name: own[f"_own_{name}"].coalesce(through[name]) for name in columns})
