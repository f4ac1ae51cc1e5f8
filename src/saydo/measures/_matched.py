"""What groups of people did afterwards, raw and matched on what they had done before.

Matching is standardisation: rows fall into strata of `look_back`. A group and the one it is compared with are averaged
stratum by stratum, over those in which both have two rows at least of which the outcome is known, and put together
with the same weights: those of all rows marked ``is_target``. The difference is then free of what the strata know, and
of nothing else: it is an association still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from saydo.company import Facts
from saydo.measures._clusters import Ratio, named, rate_interval, share_interval, sum_groups
from saydo.measures._measure import add_columns, column
from saydo.stats.arrays import Array, divide
from saydo.stats.estimates import Estimate
from saydo.stats.ratios import ClusterSums, estimate_ratio

ENOUGH = 2  # known rows of a group in a stratum: one alone says nothing of its spread


@dataclass(frozen=True)
class Outcome:
    """An outcome of `follow`: its column there, the stem of its columns here, and what it counts."""

    column: str
    stem: str
    kind: Literal["share", "count", "money"]

    @property
    def figure(self) -> str:
        return f"{self.stem}_rate" if self.kind == "share" else f"{self.stem}_mean"


FOLLOWED = (
    Outcome("has_bought", "bought", "share"),
    Outcome("margin_after", "margin", "money"),
    Outcome("returns_after", "returns", "count"),
    Outcome("contacts_after", "contacts", "count"),
    Outcome("referrals_after", "referrals", "count"),
    Outcome("has_left", "left", "share"),
)


def add_stratum(rows: ir.Table) -> ir.Table:
    """``rows`` of `look_back` with ``stratum``: purchases before (none, one, two or three, more), thirds by the days
    since the last of them, halves by the days since the first, halves by the margin of the year before.
    """
    size = rows.count().over(ibis.window())

    def part(of: ir.Value, parts: int) -> ir.IntegerValue:
        return (parts * ibis.rank().over(ibis.window(order_by=of))) // size

    orders = rows.orders_before.coalesce(0)
    bought = ibis.cases((orders == 0, 0), (orders == 1, 1), (orders <= 3, 2), else_=3)
    since, first = (rows[name].coalesce(1e6).floor() for name in ("days_since_last_order", "tenure_days"))
    margin = rows.margin_before.coalesce(0.0).round(2)
    place = 12 * bought + 4 * part(since, 3) + 2 * part(first, 2) + part(margin, 2)
    return rows.mutate(stratum=place.cast("int64"))


def describe_groups(facts: Facts, rows: ir.Table, keys: Sequence[str], outcomes: Sequence[Outcome]) -> pa.Table:
    """Per group of ``keys``: events (rows), people (clusters) and of each outcome the mean with its interval.

    ``rows`` have ``cluster``, ``weight`` (at most 1) and the outcomes; an outcome that is null does not count.
    """
    ratios = _raw_ratios(rows, outcomes)
    counts, sums = sum_groups(facts, rows, keys, {"events": ibis.literal(1)}, **ratios)
    return add_columns(counts, _raw_figures(sums, outcomes))


def compare_groups(
    facts: Facts,
    rows: ir.Table,
    names: Sequence[str],
    side: str,
    reference: str,
    others: Sequence[str],
    within: str = "",
) -> pa.Table:
    """Per group of ``names`` and ``side``: what these did afterwards (`describe_groups`), and how each of the
    ``others`` differs from the side ``reference``.

    ``rows`` have besides ``stratum``, ``is_target`` and the outcomes `FOLLOWED`. Added are matched (rows of the side in
    strata that are compared) and of each outcome the difference with its interval, whose error knows of people who are
    on both sides. ``within`` is a column that cuts sides further, for raw figures only: a whole side has null there.
    """
    keys = [*names, side, *([within] if within else [])]
    rows = facts.hold(rows)  # described, then matched: two readings of many joins
    table = describe_groups(facts, _with_wholes(rows, within) if within else rows, keys, FOLLOWED)
    found = _match(facts, rows, names, side, reference, others)
    place = {key: number for number, key in enumerate(_keys(found, [*names, "against"]))}
    is_whole = np.array(table[within].is_null()) if within else np.ones(len(table), dtype=bool)
    sides = zip(_keys(table, [*names, side]), is_whole, strict=True)
    chosen = [place.get(key) if is_here else None for key, is_here in sides]
    columns = found.drop_columns([*names, "against"]).take(pa.array(chosen, type=pa.int64()))
    return add_columns(table, {name: columns[name] for name in columns.column_names})


def _with_wholes(rows: ir.Table, within: str) -> ir.Table:
    """Every row twice: in its part of a side, if it is in one, and in the whole side."""
    is_whole = ibis.array([True, False]).unnest().name("is_whole").as_table()
    both = rows.cross_join(is_whole)
    both = both.filter(both.is_whole | both[within].notnull())
    return both.mutate(**{within: ibis.ifelse(both.is_whole, None, both[within])})


def _match(
    facts: Facts, rows: ir.Table, names: Sequence[str], side: str, reference: str, others: Sequence[str]
) -> pa.Table:
    """Per group of ``names`` and ``against`` (one of ``others``): matched, and the differences from the reference."""
    pairs = _weigh(_pair(rows, names, side, reference, others), names)
    totals: dict[str, ir.Value] = {"matched": (pairs.is_common & (pairs.sign > 0)).ifelse(1, 0)}
    ratios: dict[str, Ratio] = {}
    for one in FOLLOWED:
        weight = pairs[f"{one.stem}_weight"]
        totals |= {f"{one.stem}_total": pairs.sign * weight * pairs[one.column].fill_null(0)}
        ratios |= {one.stem: (pairs.sign * pairs[f"{one.stem}_distance"], weight)}
    found, sums = sum_groups(facts, pairs, [*names, "against"], totals, **ratios)
    figures: dict[str, Any] = {}
    for one in FOLLOWED:
        reach = 1.0 if one.kind == "share" else np.inf
        ends = _difference(sums[one.stem], column(found, f"{one.stem}_total"))
        difference, low, high = (np.clip(end, -reach, reach) for end in ends)
        figures |= named(f"{one.stem}_difference", (difference, low, high))
    return add_columns(found.select([*names, "against", "matched"]), figures)


def _difference(sums: ClusterSums, total: Array) -> tuple[Array, Array, Array]:
    """The difference and the ends of its interval; the weights of both sides add up to twice those of the strata."""
    error = estimate_ratio(sums)
    value, se = divide(2 * total, sums.m), 2 * np.where(error.se > 0, error.se, np.nan)
    low, high = Estimate(value, se, np.maximum(error.df / 2, 1)).interval()
    return value, low, high


def _pair(rows: ir.Table, names: Sequence[str], side: str, reference: str, others: Sequence[str]) -> ir.Table:
    """Rows of each of ``others`` (``sign`` 1) and, as often as there are others, of the reference (-1); with the weight
    of their stratum.
    """
    target = rows.is_target.ifelse(rows.weight, 0.0).sum().over(ibis.window(group_by=[*names, "stratum"]))
    kept = [*names, "cluster", "weight", "stratum", *(one.column for one in FOLLOWED)]
    weighed = rows.mutate(_target=target)
    own = weighed.filter(weighed[side].isin(others))
    own = own.select(*kept, "_target", against=own[side], sign=ibis.literal(1))
    against = ibis.array(list(others)).unnest().name("against").as_table()
    referred = weighed.filter(weighed[side] == reference).cross_join(against)
    return own.union(referred.select(*kept, "_target", "against", sign=ibis.literal(-1)))


def _weigh(rows: ir.Table, names: Sequence[str]) -> ir.Table:
    """``rows`` of `_pair` with ``is_common`` and for each outcome its weight (so that strata count alike on both sides)
    and its weighted distance from the mean of its side and stratum.

    An outcome counts in a stratum only where both sides know it of `ENOUGH` rows: a side without any would have no
    weight there, and the other would stand alone in the difference.
    """
    place = ibis.window(group_by=[*names, "against", "stratum"])
    cell = ibis.window(group_by=[*names, "against", "stratum", "sign"])

    def is_enough(counted: ir.BooleanValue) -> ir.BooleanValue:
        own, both = (counted.ifelse(1, 0).sum().over(window) for window in (cell, place))
        return (own >= ENOUGH) & (both - own >= ENOUGH)

    columns: dict[str, ir.Value] = {"is_common": is_enough(rows.sign.notnull())}
    for one in FOLLOWED:
        value, known = rows[one.column], rows[one.column].notnull()
        is_compared = known & is_enough(known)
        size = known.ifelse(rows.weight, 0.0).sum().over(cell)
        count = known.ifelse(1, 0).sum().over(cell)
        mean = known.ifelse(rows.weight * value, 0.0).sum().over(cell) / size.nullif(0)
        weight = is_compared.ifelse(rows["_target"] * rows.weight / size.nullif(0), 0.0).fill_null(0.0)
        spread = (count / (count - 1).nullif(0)).sqrt()  # the mean is drawn towards each of its rows
        columns |= {
            f"{one.stem}_weight": weight,
            f"{one.stem}_distance": (weight * (value - mean) * spread).fill_null(0.0),
        }
    return rows.mutate(**columns)


def _keys(table: pa.Table, names: Sequence[str]) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def _raw_ratios(rows: ir.Table, outcomes: Sequence[Outcome]) -> dict[str, Ratio]:
    ratios: dict[str, Ratio] = {"people": (ibis.literal(1), ibis.literal(1))}
    for one in outcomes:
        known = rows[one.column].notnull()
        ratios[one.stem] = ((rows.weight * rows[one.column]).fill_null(0.0), known.ifelse(rows.weight, 0.0))
    return ratios


def _raw_figures(sums: dict[str, ClusterSums], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    figures: dict[str, Any] = {"people": sums["people"].clusters.astype(np.int64)}
    for one in outcomes:
        figures |= _named(one, sums[one.stem])
    return figures


def _named(one: Outcome, sums: ClusterSums) -> dict[str, Array]:
    if one.kind == "share":
        return named(one.figure, share_interval(sums), one.stem)
    if one.kind == "count":
        return named(one.figure, rate_interval(sums), one.stem)
    mean = estimate_ratio(sums)
    return named(one.figure, (mean.value, *mean.interval()), one.stem)
