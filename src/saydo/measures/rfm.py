"""RFM: who bought lately, often and much, in segments with names a person understands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from saydo.company import Facts
from saydo.language import mark
from saydo.measures._clusters import run_groups
from saydo.measures._margin import note_unknown_customers
from saydo.measures._measure import Figures, Measure, add_columns, column, in_period
from saydo.measures._money import add_rate
from saydo.measures._purchases import find_purchases
from saydo.measures._split import split_rows
from saydo.stats.arrays import divide

SEGMENTS = ("champions", "loyal", "new", "promising", "wavering", "at risk", "asleep", "lost")
_MEDIANS = {"days_since_last_purchase_median": "days", "days_between_purchases_median": "pause"}


_THEIRS = "customers_segment"  # the segment that the company itself gave, where it is a split


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """Customers in segments by the time since their last purchase, their number of purchases and what they bought for.

    Each customer gets a mark from 1 to 5 for each of the three: the fifth of all customers it ranks in, 5 the best.
    Equal customers get equal marks, so the fifths need not be of one size: for purchases and sales 1 + floor(5 x share
    of customers who are strictly below), for the days since the last that of the middle one of the equals (half of them
    count as below), so that nobody is called lost where all bought on one day. With r the mark for the days since the
    last purchase and f the mean of the marks for purchases and sales: champions r 4-5 and f from 3.5; loyal r 3 and f
    from 3.5; new r 4-5 and one purchase; promising r 4-5 otherwise; wavering r 3 otherwise; at risk r 1-2 and f from
    3.5; asleep r 1-2, f from 2 and several purchases; lost the others.
    ``since`` and ``until`` keep the purchases of a period (all of them if not said); marks are given among all
    customers of the period, before any split.

    Reads:   orders (cancelled ones are no purchase; customer_id null: left out, their share is said); order_lines
             (their sum is what was bought for; shipping is not counted); columns of customers for splits.
    Returns: the splits (the company's own segment as customers_segment); segment; customers, orders (counts);
             customer_share (0 to 1, of the group's customers); orders_per_customer; sales, sales_share (0 to 1),
             sales_per_customer (the company's currency, VAT excluded); days_since_last_purchase_median (days);
             days_between_purchases_median (days: the median of what lies between two purchases of each customer on
             average, of those who bought on two days; else null).
    Interval: none: it is a census of what was bought.
    Cautions: fifths compare customers with each other, not with a goal: there are always some at risk. It looks back;
             it does not say what anybody will do.
    Source:  Hughes, Strategic Database Marketing (marks by fifths); the names of the segments are our own.
    """
    marked = _add_segment(_add_marks(_sum_customers(facts, since, until))).rename(_own="segment")
    customers = facts.table("customers").rename(_key="customer_id")
    marked = marked.left_join(customers, [("customer_id", "_key")]).drop("_key")
    split = split_rows(facts, "rfm", "customers", marked, by)
    names = [_THEIRS if name == "segment" else name for name in split.names]
    rows = split.rows.rename({_THEIRS: "segment"}).rename(segment="_own")
    found = run_groups(
        facts,
        rows,
        [*names, "segment"],
        customers=rows.count(),
        orders=rows.orders.sum(),
        sales=rows.sales.sum(),
        **{name: rows[of].quantile(0.5) for name, of in _MEDIANS.items()},
    )
    notes = note_unknown_customers(facts, since, until)
    return Figures(_figures(found, names), (*names, "segment"), split.overlaps, notes)


def _sum_customers(facts: Facts, since: date | None, until: date | None) -> ir.Table:
    """Per customer: orders, sales (company's currency), days since the last purchase, mean days between purchases."""
    purchases = add_rate(facts, "orders", in_period(facts, find_purchases(facts), "ordered_at", since, until))
    own = purchases.select("customer_id", "ordered_at", "rate", _order="order_id")
    lines = facts.table("order_lines")
    lines = lines.filter(lines.kind != "shipping")
    amount = lines.quantity.cast("float64") * lines.unit_price.cast("float64")
    sold = lines.mutate(amount=amount).join(own, [("order_id", "_order")])
    sales = sold.group_by(_customer=sold.customer_id).aggregate(sales=(sold.amount * sold.rate).sum())
    bought = own.group_by("customer_id").aggregate(
        orders=own.count(), first_at=own.ordered_at.min(), last_at=own.ordered_at.max()
    )
    rows = bought.left_join(sales, [("customer_id", "_customer")])
    today = ibis.literal(facts.local_day(facts.as_of))
    first, last = (facts.local(rows[name]).date() for name in ("first_at", "last_at"))
    pause = last.delta(first, unit="day").nullif(0) / (rows.orders - 1).nullif(0)
    days, sold = today.delta(last, unit="day"), rows.sales.coalesce(0.0)
    return rows.select("customer_id", "orders", sales=sold, days=days, pause=pause.cast("float64"))


def _add_marks(rows: ir.Table) -> ir.Table:
    """``lately`` (1 to 5) and ``much`` (the mean of the marks for orders and sales)."""
    size = rows.count().over(ibis.window())
    lately = ibis.window(order_by=-rows.days)
    below, up_to = ibis.rank().over(lately), (ibis.cume_dist().over(lately) * size).round().cast("int64")

    def mark_of(better: ir.Value) -> ir.Value:
        return 1 + (5 * ibis.rank().over(ibis.window(order_by=better))) // size

    return rows.mutate(
        lately=1 + (5 * (below + up_to)) // (2 * size), much=(mark_of(rows.orders) + mark_of(rows.sales)) / 2
    )


def _add_segment(rows: ir.Table) -> ir.Table:
    is_late, is_much = rows.lately <= 2, rows.much >= 3.5
    is_lately = rows.lately >= 4
    segment = ibis.cases(
        (is_lately & is_much, "champions"),
        (is_lately & (rows.orders == 1), "new"),
        (is_lately, "promising"),
        (is_late & is_much, "at risk"),
        (is_late & (rows.much >= 2) & (rows.orders > 1), "asleep"),
        (is_late, "lost"),
        (is_much, "loyal"),
        else_="wavering",
    )
    return rows.mutate(segment=segment).drop("lately", "much")


def _figures(found: pa.Table, names: Sequence[str]) -> pa.Table:
    """Counts with what they make per customer and of their group's whole."""
    customers, sales = column(found, "customers"), column(found, "sales")
    keys = list(zip(*(found[name].to_pylist() for name in names), strict=True)) or [()] * len(found)
    number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    group = np.array([number[key] for key in keys], dtype=np.int64)
    columns = {
        "customer_share": divide(customers, np.bincount(group, customers)[group]),
        "orders_per_customer": divide(column(found, "orders"), customers),
        "sales": sales,
        "sales_share": divide(sales, np.bincount(group, sales)[group]),
        "sales_per_customer": divide(sales, customers),
        **{name: column(found, name) for name in _MEDIANS},
    }
    return add_columns(found.drop_columns(["sales", *_MEDIANS]), columns)


rfm = Measure(
    name="rfm",
    title=mark("Customers by what they bought"),
    question=mark("Who are our best customers, and who is slipping away?"),
    compute=compute,
    base="customers",
    reads=("orders", "order_lines"),
    uses=("customers", "exchange_rates"),
    unit="share",
    headline="customer_share",
    count="customers",
    good="neither",
    chart="bars",
    sentence=mark("{customers} customers ({customer_share}) are {segment}; they make {sales_share} of sales."),
    definition=mark(
        "Customers ranked in fifths by the time since their last purchase, their purchases and what they bought for: "
        "champions, loyal, new, promising, wavering, at risk, asleep and lost."
    ),
    cautions=(
        mark("Fifths compare customers with each other, not with a goal: there are always some at risk."),
        mark("It looks back; it does not say what anybody will do."),
    ),
)
