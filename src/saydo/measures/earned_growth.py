"""Earned growth: how much of the growth comes from customers who stay and from those whom they bring."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import BadSetting
from saydo.language import mark
from saydo.measures._clusters import run_groups
from saydo.measures._margin import net_sales, note_unknown_customers, sold_orders
from saydo.measures._measure import Figures, Measure, Note, add_columns, column
from saydo.measures._purchases import first_order_day
from saydo.measures._split import split_rows
from saydo.stats.arrays import divide

_MOST_PERIODS = 400
_PERIODS = mark("a number of periods from 1 to 400")
_MONTHS = {"year": 12, "quarter": 3, "month": 1}
_UNKNOWN_ORIGIN = mark("Revenue of new customers who came in an unknown way: {share} of that of all new customers.")
_CUT_OFF = mark(
    "The first order on file is of {day}: growth over a period that began before it looks larger than it is."
)


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    period: Literal["year", "quarter", "month"] = "year",
    periods: int = 1,
    until: date | None = None,
) -> Figures:
    """Net revenue retention plus the share of earned new customers' revenue, minus 100 %.

    earned growth = R / B + E / B - 1, B the revenue of the period before, R that of the same customers now, E that of
    new customers who came by recommendation or by themselves (``is_earned``). Growth as a whole is B's customers,
    earned, bought and unknown new ones, and those won back (who bought before, but not in the period before) together.
    Periods of 12, 3 or 1 whole months end at ``until`` (the end of the last full month if not said); ``periods`` gives
    that many in a row, each compared with the one before it.

    Reads:   orders (cancelled ones do not count; customer_id null: left out, their share is noted), order_lines,
             returns (revenue is sales less returns, without VAT and shipping), customers.is_earned (null: unknown).
    Returns: the splits; period (its first day); customers_before, customers (with revenue or returns before, now),
             new_customers (first purchase ever in the period) (counts); revenue_before, revenue, retained, earned,
             bought, unknown, won_back (money: the last five add up to revenue); net_revenue_retention, earned_share,
             bought_share, unknown_share, won_back_share (of revenue_before; null when that is not above 0);
             growth_rate; earned_growth_rate (counts only what is known to be earned), earned_growth_low,
             earned_growth_high (if all of unknown origin was bought, was earned); earned_growth_ratio (the share of the
             growth that is earned; null unless there is growth); is_cut_off (yes or no: the period before begins before
             the first order on file, so that it may not be all there).
    Interval: none by chance, as it is a census; low and high are the bounds that unknown origins leave.
    Cautions: whether a customer is earned is what the company wrote down or the customer said. A quarter compared with
             the one before it carries the season, and who buys less often than once in the period stands among those
             won back. Customers won before the first order on file look new, and a period before that is cut off
             makes every share of its revenue too large: read no growth where is_cut_off.
    Source:  Reichheld, Darnell and Burns 2021, Winning on Purpose, appendix B (85 % + 25 % - 100 % = 10 %).
    """
    if not 1 <= periods <= _MOST_PERIODS:
        raise BadSetting(name="periods", value=periods, choices=_PERIODS)
    starts = _starts(facts, _MONTHS[period], periods, until)
    customers = facts.table("customers").rename(_key="customer_id")
    rows = _compare(facts, starts).left_join(customers, [("customer_id", "_key")]).drop("_key")
    split = split_rows(facts, "earned_growth", "customers", rows, by)
    counts = run_groups(facts, split.rows, [*split.names, "period"], **_sums(split.rows))
    figures = _figures(counts, _find_cut_off(facts, starts))
    notes = note_unknown_customers(facts, starts[0], starts[-1]) + _notes(facts, figures)
    return Figures(figures, (*split.names, "period"), split.overlaps, notes)


def _starts(facts: Facts, months: int, periods: int, until: date | None) -> list[date]:
    """The first days of the periods, the one before them first, and the day after the last."""
    end = until or facts.local_day(facts.as_of).replace(day=1)
    return [_add_months(end, -months * count) for count in range(periods + 1, -1, -1)]


def _add_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _find_cut_off(facts: Facts, starts: Sequence[date]) -> list[date]:
    """The first days of the periods that are compared with one which began before the first order on file."""
    first = first_order_day(facts)
    return [start for before, start in pairwise(starts[:-1]) if first is not None and before < first]


def _compare(facts: Facts, starts: Sequence[date]) -> ir.Table:
    """Per customer and period: now and before (revenue), is_seen and is_kept (has any now, had before), is_new."""
    sold = net_sales(facts, starts[0], starts[-1])
    sold = sold.filter(sold.customer_id.notnull()).mutate(place=_place(facts, sold["at"], starts))
    pairs = _pair(sold.group_by("customer_id", "place").aggregate(net=sold.net.sum()), len(starts) - 2)
    orders = sold_orders(facts)
    firsts = orders.group_by(_customer=orders.customer_id).aggregate(first_at=orders.ordered_at.min())
    rows = pairs.left_join(firsts, [("customer_id", "_customer")])
    is_new = ~rows.is_kept & (_place(facts, rows.first_at, starts) == rows.place)
    period = ibis.cases(*((rows.place == place, ibis.literal(start)) for place, start in enumerate(starts[:-1])))
    return rows.select(pairs, is_new=is_new.coalesce(False), period=period)


def _pair(sums: ir.Table, last: int) -> ir.Table:
    """Sums per customer and period beside those of the period before, up to the place of the last period."""
    now = sums.filter(sums.place > 0)
    now = now.select("customer_id", "place", now="net", before=ibis.literal(0.0), is_kept=False, is_seen=True)
    before = sums.filter(sums.place < last)
    before = before.select(
        "customer_id",
        place=(before.place + 1).cast("int64"),
        now=ibis.literal(0.0),
        before="net",
        is_kept=True,
        is_seen=False,
    )
    both = now.union(before)
    revenue = {name: both[name].sum() for name in ("now", "before")}
    states = {name: both[name].any() for name in ("is_kept", "is_seen")}
    return both.group_by("customer_id", "place").aggregate(**revenue, **states)


def _place(facts: Facts, moment: ir.Value, starts: Sequence[date]) -> ir.Value:
    """The place of the period that a time falls into; 0 for all that lies before the first."""
    ends = starts[1:-1]
    branches = [(moment < ibis.literal(facts.instant(end)), place) for place, end in enumerate(ends)]
    return ibis.cases(*branches, (moment.notnull(), len(ends))).cast("int64")


def _sums(rows: ir.Table) -> dict[str, ir.Value]:
    origins = {
        "retained": rows.is_kept,
        "earned": rows.is_new & rows.is_earned,
        "bought": rows.is_new & ~rows.is_earned,
        "unknown": rows.is_new & rows.is_earned.isnull(),
        "won_back": ~rows.is_kept & ~rows.is_new,
    }
    return {
        "customers_before": rows.count(where=rows.is_kept),
        "customers": rows.count(where=rows.is_seen),
        "new_customers": rows.count(where=rows.is_new),
        "revenue_before": rows.before.sum(),
        "revenue": rows.now.sum(),
        **{name: rows.now.sum(where=origin).coalesce(0.0) for name, origin in origins.items()},
    }


def _figures(counts: pa.Table, cut_off: Sequence[date]) -> pa.Table:
    def share(name: str) -> Any:
        before = column(counts, "revenue_before")
        return divide(column(counts, name), np.maximum(before, 0))

    retention, earned, unknown = share("retained"), share("earned"), share("unknown")
    growth, earned_growth = share("revenue") - 1, retention + earned - 1
    figures = {
        "net_revenue_retention": retention,
        "earned_share": earned,
        "bought_share": share("bought"),
        "unknown_share": unknown,
        "won_back_share": share("won_back"),
        "growth_rate": growth,
        "earned_growth_rate": earned_growth,
        "earned_growth_low": earned_growth,
        "earned_growth_high": earned_growth + unknown,
        "earned_growth_ratio": divide(earned_growth, np.maximum(growth, 0)),
        "is_cut_off": [period in cut_off for period in counts["period"].to_pylist()],
    }
    return add_columns(counts, figures)


def _notes(facts: Facts, figures: pa.Table) -> tuple[Note, ...]:
    notes: tuple[Note, ...] = ()
    unknown, *known = (float(column(figures, name).sum()) for name in ("unknown", "earned", "bought"))
    if unknown:
        notes += (Note(_UNKNOWN_ORIGIN, {"share": unknown / (unknown + sum(known))}),)
    if any(figures["is_cut_off"].to_pylist()):
        notes += (Note(_CUT_OFF, {"day": first_order_day(facts)}),)
    return notes


earned_growth = Measure(
    name="earned_growth",
    title=mark("Earned growth"),
    question=mark("How much of our growth comes from customers who stay and from those whom they bring?"),
    compute=compute,
    base="customers",
    reads=("orders", "order_lines"),
    uses=("customers", "returns", "exchange_rates"),
    unit="share",
    headline="earned_growth_rate",
    count="customers",
    low="earned_growth_low",
    high="earned_growth_high",
    is_bounded=True,
    good="high",
    chart="bars",
    sentence=mark(
        "Earned growth is {earned_growth_rate}: {net_revenue_retention} of the revenue stayed, and new customers who "
        "came by themselves or were recommended added {earned_share}. Growth as a whole is {growth_rate}."
    ),
    definition=mark(
        "Revenue kept from the customers of the period before, plus revenue of new customers who came by "
        "recommendation or by themselves, over the revenue of the period before, minus 100 %."
    ),
    cautions=(
        mark("It is as good as what is known of how customers came; the bounds show what unknown origins leave open."),
        mark("A quarter or month compared with the one before it carries the season."),
        mark("Who buys less often than once in the period stands among those won back, which are not in it."),
        mark("Customers won before the first order on file look new."),
        mark("Where the orders on file begin within the period compared with, growth looks larger than it is."),
    ),
)
