"""Contracts and their renewals: how often each came up for renewal, how often it renewed, and what it leaves.

A contract meets its n-th renewal n periods after its first day. It is lost there if it ended by then and after the one
before; a contract that ended within a period is lost at the renewal that closes it. Only renewals whose day is over at
`Facts.as_of` count, for all contracts alike: who left early in a period that still runs is known sooner than who stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import NothingToMeasure
from saydo.language import mark
from saydo.measures._clusters import add_cluster
from saydo.measures._measure import Note, column
from saydo.measures._money import convert_money
from saydo.measures._split import Split, split_rows
from saydo.stats.arrays import Array

KINDS = ("period_months", "renewals", "is_lost")
_NO_PERIOD = mark("Contracts that do not say how long a period is: {count}. They are left out.")
_NO_CONTRACT = mark("no contract says how long a period is (period_months)")
_NONE = mark("no contract began in the period")
_NEVER = 1_000_000
_DAYS_A_MONTH = 365.25 / 12


def find_contracts(
    facts: Facts, measure: str, by: Sequence[str], since: date | None = None, until: date | None = None
) -> tuple[Split, tuple[Note, ...]]:
    """Contracts begun in [since, until), with their groups: the splits, then ``period_months``.

    Beside these: cluster; renewals (how often it renewed), is_lost (at the renewal after these); is_active (not over);
    periods_left (how many periods will begin before its known end; null where none is known) and months_left (until
    its next renewal); price and margin of one period (company's currency; null where unknown), price less what the
    product costs. Contracts that do not say how long a period is are left out, and said.
    """
    rows = _begun(facts, since, until)
    counts = rows.aggregate(unknown=rows.count(where=rows.period_months.isnull()), contracts=rows.count())
    notes = _note_periods(measure, **facts.run(counts).to_pylist()[0])
    rows = _add_renewals(facts, _add_margin(facts, rows.filter(rows.period_months.notnull())))
    split = split_rows(facts, measure, "contracts", rows, by)
    names = (*split.names, *(name for name in ("period_months",) if name not in split.names))
    clustered = add_cluster(facts, split.rows, "customer_id")
    columns = ("renewals", "is_lost", "is_active", "periods_left", "months_left", "price", "margin", "cluster")
    kept = clustered.select(*names, *(name for name in columns if name not in names))
    return Split(kept, names, split.times, split.overlaps), notes


def run_renewals(
    facts: Facts, measure: str, by: Sequence[str], since: date | None = None, until: date | None = None
) -> tuple[pa.Table, Split, tuple[Note, ...]]:
    """How many ``contracts`` begun in [since, until) there are by the splits and KINDS, sorted by them: nothing but
    that is read. Notes as of `find_contracts`.
    """
    split = split_rows(facts, measure, "contracts", _add_renewals(facts, _begun(facts, since, until)), by)
    names = (*split.names, *(name for name in ("period_months",) if name not in split.names))
    kinds = [*names, *(name for name in KINDS if name not in names)]
    found = facts.run(split.rows.aggregate(by=kinds, contracts=split.rows.count()))
    found = found.sort_by([(name, "ascending") for name in kinds])
    is_known, counts = found["period_months"].is_valid(), column(found, "contracts")
    unknown = int(counts[~is_known.to_numpy()].sum())
    notes = _note_periods(measure, unknown, int(counts.sum()))
    return found.filter(is_known), Split(split.rows, names, split.times, split.overlaps), notes


def _begun(facts: Facts, since: date | None, until: date | None) -> ir.Table:
    rows = facts.table("contracts")
    rows = rows.filter(rows.started_on < ibis.literal(facts.local_day(facts.as_of)))
    rows = rows if since is None else rows.filter(rows.started_on >= ibis.literal(since))
    return rows if until is None else rows.filter(rows.started_on < ibis.literal(until))


def count_renewals(found: pa.Table) -> tuple[Array, Array]:
    """How many contracts were lost at, and how many passed, renewal 1, 2, ..., from counts by renewals and is_lost."""
    renewals, contracts = column(found, "renewals").astype(np.int64), column(found, "contracts")
    is_lost = column(found, "is_lost") > 0
    most = int((renewals + is_lost).max(initial=0))
    lost = np.bincount(renewals[is_lost], contracts[is_lost], most)[:most]
    ended_with = np.bincount(renewals, contracts, most + 1)
    passed = np.cumsum(ended_with[::-1])[::-1][1:]  # who renewed n times passed every renewal up to n
    return np.asarray(lost, dtype=np.float64), np.asarray(passed, dtype=np.float64)


def _note_periods(measure: str, unknown: int, contracts: int) -> tuple[Note, ...]:
    if not contracts:
        raise NothingToMeasure(measure=measure, reason=_NONE)
    if unknown == contracts:
        raise NothingToMeasure(measure=measure, reason=_NO_CONTRACT)
    return (Note(_NO_PERIOD, {"count": unknown}),) if unknown else ()


def _add_renewals(facts: Facts, rows: ir.Table) -> ir.Table:
    today = facts.local_day(facts.as_of)
    period = rows.period_months
    met = (_months_between(rows.started_on, ibis.literal(today - timedelta(days=1))) // period).cast("int64")
    last_day = rows.ended_on - ibis.interval(days=1)
    closing = (_months_between(rows.started_on, last_day) // period + 1).cast("int64")
    lost_at = ibis.greatest(closing.coalesce(_NEVER), 1)
    is_lost = lost_at <= met
    return rows.mutate(
        period_months=period.cast("int64"),
        renewals=ibis.ifelse(is_lost, lost_at - 1, met),
        is_lost=is_lost,
        is_active=rows.ended_on.isnull() | (rows.ended_on >= ibis.literal(today)),
        periods_left=closing - 1 - met,
        months_left=((met + 1) * period - _age(rows.started_on, today)).clip(0, period).cast("float64"),
    )


def _age(start: ir.DateValue, today: date) -> ir.FloatingValue:
    """Months since ``start`` with their parts, up to a day and a half off: months differ in length."""
    whole = (today.year - start.year()) * 12 + today.month - start.month()
    return (whole + (today.day - start.day()) / _DAYS_A_MONTH).cast("float64")


def _months_between(start: ir.DateValue, end: ir.DateValue) -> ir.IntegerValue:
    """Whole months from start to end; the last day of a short month stands for the days that it lacks."""
    is_last_day = (end + ibis.interval(days=1)).day() == 1
    is_short = (end.day() < start.day()) & ~is_last_day
    months = (end.year() - start.year()) * 12 + end.month() - start.month()
    return (months - is_short.ifelse(1, 0)).cast("int64")


def _add_margin(facts: Facts, rows: ir.Table) -> ir.Table:
    """``rows`` with ``price`` and ``margin`` of one period as float64."""
    priced = convert_money(facts, "contracts", rows, ["price"], at="started_on")
    products = facts.table("products").select(_product="product_id", _cost="unit_cost", _in="currency")
    joined = priced.drop("currency").left_join(products, [("product_id", "_product")])
    costed = convert_money(facts, "products", joined.rename(currency="_in"), ["_cost"], at="started_on")
    price = costed.price.cast("float64")
    return costed.mutate(price=price, margin=price - costed["_cost"].cast("float64")).drop("_product", "_cost")
