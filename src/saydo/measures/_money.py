"""Amounts of different currencies are never added: they are brought into the company's currency first.

A company that only knows one currency pays nothing for this: its rows come back untouched. Otherwise an amount takes
the latest rate on or before the day (of the company's zone) on which it arose, direct or turned over; an amount without
a currency takes that of its order or contract, else the company's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from saydo.company import Facts
from saydo.errors import MixedCurrencies
from saydo.facts import TABLES
from saydo.language import mark

_NOT_SET = mark("the company's currency, which is not set")
_NO_END = date(9999, 12, 31)


def convert_money(facts: Facts, table: str, rows: ir.Table, columns: Sequence[str], at: str = "") -> ir.Table:
    """``rows`` of ``table`` with the amounts in ``columns`` in the company's currency; see `add_rate`."""
    if not is_mixed(facts, table):
        return rows
    rated = add_rate(facts, table, rows, at, columns)
    return rated.mutate(**{name: rated[name].cast("float64") * rated.rate for name in columns}).drop("rate")


def add_rate(facts: Facts, table: str, rows: ir.Table, at: str = "", columns: Sequence[str] = ()) -> ir.Table:
    """``rows`` of ``table`` with ``rate``: units of the company's currency for one of the row's.

    ``rows`` keeps the table's keys and, where it has one, its currency. ``at`` is the column (a time or a day) that
    sets the day of the rate: the table's own time if not given, the order's for lines; null takes the last rate known.
    Raises `MixedCurrencies` when a rate is missing for one of these rows (with an amount in ``columns``, if given).
    """
    if not is_mixed(facts, table):
        return rows.mutate(rate=ibis.literal(1.0))
    if facts.currency is None:
        met = sorted(_currencies_met(facts, table))
        raise MixedCurrencies(table=table, found=met, missing=met, currency=_NOT_SET)
    keyed = _add_origin(facts, table, rows, at)
    has_amount = ibis.or_(*(keyed[name].notnull() for name in columns)) if columns else ibis.literal(True)
    _require_rates(facts, table, keyed.filter(has_amount))
    rated = _join_rates(facts, keyed)
    known = ibis.ifelse(rated["_currency"] == facts.currency, 1.0, rated["_rate"])
    return rated.select(*rows.columns, rate=known)


def is_mixed(facts: Facts, table: str) -> bool:
    """Can an amount of ``table`` be in another currency than the company's?"""
    return not _currencies_met(facts, table) <= {facts.currency}


def _currencies_met(facts: Facts, table: str) -> set[str]:
    """The currencies of the table's amounts, with those that an amount without one takes from its order or contract."""
    entries = [facts.manifest.tables.get(name) for name in (table, *(parent for _, parent in _parents(table)))]
    return {currency for entry in entries if entry for currency in entry.currencies}


def _parents(table: str) -> list[tuple[str, str]]:
    """(key column, table) of what lends its currency to the amounts of ``table``."""
    parents = (("order_id", "orders"), ("contract_id", "contracts"))
    return [(key, parent) for key, parent in parents if key in TABLES[table] and parent != table]


def _add_origin(facts: Facts, table: str, rows: ir.Table, at: str) -> ir.Table:
    """``rows`` with ``_currency`` and ``_day``, the currency that each amount is in and the day of its rate."""
    currencies = ["currency"] if "currency" in TABLES[table] else []
    at = at or TABLES[table].at or ("ordered_at" if table == "order_lines" else "")
    keyed = rows
    for key, parent in _parents(table):
        there = facts.table(parent).select(
            **{f"_{parent}": key, f"_{parent}_currency": "currency"},
            **({"_ordered_at": "ordered_at"} if at == "ordered_at" and at not in rows.columns else {}),
        )
        keyed = keyed.left_join(there, [(key, f"_{parent}")])
        currencies.append(f"_{parent}_currency")
    keyed = keyed.select(keyed)  # ends the chain of joins: Ibis cannot join further on what is computed in one
    moment = keyed["_ordered_at" if "_ordered_at" in keyed.columns else at] if at else ibis.null("date")
    day = facts.local(moment).date() if isinstance(moment, ir.TimestampValue) else moment
    known = [keyed[name] for name in currencies]
    return keyed.select(
        *rows.columns,
        _currency=ibis.coalesce(*known, ibis.literal(facts.currency, type="string")),
        _day=ibis.least(day.coalesce(_last_day(facts)), _last_day(facts)),  # what is planned takes the last rate known
    )


def _last_day(facts: Facts) -> date:
    return facts.local_day(facts.as_of - timedelta(microseconds=1))


def _join_rates(facts: Facts, keyed: ir.Table) -> ir.Table:
    """``keyed`` with ``_rate``; null where there is none, as for the company's own currency.

    Rates meet the days of the facts first, because an interval join of every row costs many times as much.
    """
    first = facts.local_day(facts.manifest.first or facts.as_of) - timedelta(days=1)
    count = ibis.range(0, max(1, (_last_day(facts) - first).days + 1)).unnest().name("count").as_table()
    days = count.select(_on=(ibis.literal(first) + count["count"].as_interval("D")).cast("date"))
    rates = _rates(facts)
    rated = days.join(rates, (days["_on"] >= rates["_since"]) & (days["_on"] < rates["_until"]))
    return keyed.left_join(rated, [("_currency", "_from"), ("_day", "_on")])


def _rates(facts: Facts) -> ir.Table:
    """One row per rate into the company's currency: ``_from``, ``_rate``, in force in [``_since``, ``_until``).

    On a day that has both, the direct rate comes before the one that is turned over.
    """
    rates = facts.table("exchange_rates")
    rates = rates.filter((rates.to_currency == facts.currency) | (rates.currency == facts.currency))
    is_direct = rates.to_currency == facts.currency
    other = ibis.ifelse(is_direct, rates.currency, rates.to_currency)
    rates = rates.select(_from=other, _since=rates.day, rate=rates.rate, is_direct=is_direct)
    daily = rates.group_by("_from", "_since").aggregate(
        direct=rates.rate.max(where=rates.is_direct), turned=1 / rates.rate.max(where=~rates.is_direct).nullif(0)
    )
    following = daily["_since"].lead().over(ibis.window(group_by="_from", order_by="_since"))
    until, rate = following.coalesce(_NO_END), daily.direct.coalesce(daily.turned)
    return daily.select("_from", "_since", _until=until, _rate=rate)


def _require_rates(facts: Facts, table: str, keyed: ir.Table) -> None:
    """Raise `MixedCurrencies` if an amount is older than its currency's first rate, naming both: rates have no end."""
    foreign = keyed.filter(keyed["_currency"] != facts.currency)
    firsts = facts.run(foreign.group_by("_currency").aggregate(day=foreign["_day"].min()).order_by("_currency"))
    rates = _rates(facts)
    starts = facts.run(rates.group_by("_from").aggregate(day=rates["_since"].min()))
    known = dict(zip(starts["_from"].to_pylist(), starts["day"].to_pylist(), strict=True))
    days = zip(firsts["_currency"].to_pylist(), firsts["day"].to_pylist(), strict=True)
    if missing := [f"{currency} ({day})" for currency, day in days if currency not in known or day < known[currency]]:
        found = sorted(_currencies_met(facts, table))
        raise MixedCurrencies(table=table, found=found, missing=missing, currency=facts.currency)
