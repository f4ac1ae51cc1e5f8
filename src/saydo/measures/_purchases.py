"""The purchases of known customers, and the first of each: what cohorts and repeat purchases are counted from.

A purchase is an order that was not cancelled. A customer's place in a group (the touchpoint, the country) is that of
the first purchase, so that nobody changes groups later.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import ibis.expr.types as ir

from saydo.company import Facts
from saydo.measures._measure import in_period
from saydo.measures._split import Split, split_rows


def find_purchases(facts: Facts) -> ir.Table:
    """Orders of known customers that were not cancelled, with all their columns."""
    orders = facts.table("orders")
    is_sold = orders.cancelled_at.isnull() & (orders.status != "cancelled")
    return orders.filter(is_sold & orders.customer_id.notnull())


def first_order_day(facts: Facts) -> date | None:
    """The day of the first order on file: who bought before it cannot be known. None without orders."""
    orders = facts.table("orders")
    first: datetime | None = facts.run(orders.aggregate(first=orders.ordered_at.min()))["first"][0].as_py()
    return None if first is None else facts.local_day(first)


def find_firsts(
    facts: Facts, measure: str, by: Sequence[str], since: date | None = None, until: date | None = None
) -> Split:
    """One row per customer and group: customer_id, first_at, and the splits of the first purchase.

    ``since`` and ``until`` keep the customers whose first purchase ever lies in the period. Two first purchases at the
    same instant count in the groups of both. Raises `UnknownSplit`.
    """
    purchases = find_purchases(facts)
    firsts = purchases.group_by("customer_id").aggregate(first_at=purchases.ordered_at.min())
    firsts = in_period(facts, firsts, "first_at", since, until)
    if not by:
        return Split(firsts, ())
    of = firsts.select(_customer="customer_id", first_at="first_at")
    is_first = (purchases.customer_id == of["_customer"]) & (purchases.ordered_at == of.first_at)
    split = split_rows(facts, measure, "orders", purchases.join(of, is_first).drop("_customer"), by)
    rows = split.rows.select("customer_id", "first_at", *split.names).distinct()
    return Split(rows, split.names, split.times, split.overlaps)
