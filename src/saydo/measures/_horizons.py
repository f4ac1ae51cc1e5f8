"""What came before and what came after an event of a customer: a promise that was broken, an answer, a repair.

Every outcome has a horizon: what lies in (at, at + days] counts, and an event counts only once its horizon is over.
Otherwise the latest events would look as if nothing came of them. Everything stays an expression: one join by customer
with a filter on time, one sum per event.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce

import ibis
import ibis.expr.types as ir

from saydo.company import Facts
from saydo.measures._commitments import days_between
from saydo.measures._margin import margin_before, margin_of, movements
from saydo.measures._purchases import find_purchases

OUTCOMES = (
    "orders_after",
    "has_bought",
    "margin_after",
    "returns_after",
    "contacts_after",
    "referrals_after",
    "has_left",
)
DAYS_BEFORE = 365
_TOLD_BY = {
    "orders_after": "orders",
    "has_bought": "orders",
    "margin_after": "order_lines",
    "returns_after": "returns",
    "contacts_after": "contacts",
    "referrals_after": "referrals",
}
_SUMMED = ("orders", "margin", "costed", "uncosted", "returns", "contacts", "referrals", "goodbyes")


def follow(facts: Facts, events: ir.Table, days: int, outcomes: Collection[str] = OUTCOMES) -> ir.Table:
    """The ``events`` whose horizon (at, at + days] was over at ``facts.as_of``, with the ``outcomes`` asked for.

    ``events`` has a key ``event``, ``customer_id``, ``at`` (UTC) and, where an event belongs to an order, ``order_id``:
    that order is never bought again, nor are its own amounts in the margin; that it came back does count.

    Adds:  orders_after (purchases), has_bought (0 or 1), margin_after (`saydo.measures._margin`; null where goods but
           none of known cost were sold), returns_after, contacts_after (that the customer began), referrals_after,
           has_left (0 or 1: said goodbye, or ended a contract).
    Null:  where the table that would tell is absent (for margin_after also when no cost is known at all, for has_left
           when neither a goodbye nor a contract is), and for events without a customer.
    """
    over = events.filter(events["at"] + ibis.interval(days=days) < ibis.literal(facts.as_of))
    own = {"_own": over.order_id} if "order_id" in over.columns else {"_own": ibis.null("string")}
    moments = over.select(_event="event", _who="customer_id", _from="at", **own)
    told = {name for name in outcomes if is_told(facts, name)}
    found = _sum_up(facts, moments, days, told) if told else None
    joined = over if found is None else over.left_join(found, over.event == found["_event"])
    values = {name: _outcome(joined, name) if name in told else _unknown(name) for name in outcomes}
    return joined.select(*(joined[name] for name in over.columns), **values)


def look_back(facts: Facts, events: ir.Table, *, with_margin: bool = True) -> ir.Table:
    """``events`` (as in `follow`) with what their customer had done strictly before ``at``.

    Adds:  orders_before (purchases); tenure_days, days_since_last_order (days since the first and the last of these;
           null without any); margin_before (of the 365 days before; 0 without any movement, null where goods but none
           of known cost were sold, and without order_lines; only ``with_margin``, which costs most). All are null for
           events without a customer.
    """
    moments = events.select(_event="event", _who="customer_id", _until="at")
    purchases = find_purchases(facts).select(_buyer="customer_id", _ordered_at="ordered_at")
    before = purchases.join(moments, purchases["_buyer"] == moments["_who"])
    before = before.filter(before["_ordered_at"] < before["_until"])
    found = before.group_by("_event").aggregate(
        _orders=before.count(), _first=before["_ordered_at"].min(), _last=before["_ordered_at"].max()
    )
    joined = events.left_join(found, events.event == found["_event"])
    is_known = joined.customer_id.notnull()
    rows = joined.select(
        *(joined[name] for name in events.columns),
        orders_before=ibis.ifelse(is_known, joined["_orders"].coalesce(0), None),
        tenure_days=days_between(joined["_first"], joined["at"]),
        days_since_last_order=days_between(joined["_last"], joined["at"]),
    )
    return _add_margin_before(facts, rows) if with_margin else rows


def _add_margin_before(facts: Facts, rows: ir.Table) -> ir.Table:
    if not facts.has("order_lines"):
        return rows.mutate(margin_before=ibis.null("float64"))
    known = rows.filter(rows.customer_id.notnull())
    left = margin_before(facts, known, "event", "at", DAYS_BEFORE).select(_event="_key", _margin="margin")
    joined = rows.left_join(left, rows.event == left["_event"])
    has_moved = joined["_event"].notnull()
    margin = ibis.cases((has_moved, joined["_margin"]), (joined.customer_id.notnull(), 0.0))
    return joined.select(*(joined[name] for name in rows.columns), margin_before=margin)


def is_told(facts: Facts, outcome: str) -> bool:
    """Do these facts know the outcome of any event?"""
    if outcome == "has_left":
        return facts.has("contracts") or _knows(facts, "customers", "left_at")
    if outcome == "margin_after" and not (
        _knows(facts, "order_lines", "unit_cost") or _knows(facts, "products", "unit_cost")
    ):
        return False
    return facts.has(_TOLD_BY[outcome])


def _knows(facts: Facts, table: str, column: str) -> bool:
    """Is the column known in any row?"""
    rows = facts.table(table)
    return facts.has(table) and len(facts.run(rows.filter(rows[column].notnull()).select(column).limit(1))) > 0


def _sum_up(facts: Facts, moments: ir.Table, days: int, told: set[str]) -> ir.Table:
    """The sums of what happened within the horizon of each of ``moments``; events after which nothing did are not in
    it.
    """
    rows = reduce(lambda one, other: one.union(other), _happenings(facts, told))
    joined = rows.join(moments, rows.customer_id == moments["_who"])
    is_within = (joined["at"] > joined["_from"]) & (joined["at"] <= joined["_from"] + ibis.interval(days=days))
    is_other = (joined.order_id != joined["_own"]).fill_null(True)
    within = joined.filter(is_within & is_other)
    return within.group_by("_event").aggregate(**{name: within[name].sum() for name in _SUMMED})


def _happenings(facts: Facts, told: set[str]) -> list[ir.Table]:
    """What can follow an event, one table per origin, all of one shape; order_id is what an own order is told by."""
    found = []
    if told & {"orders_after", "has_bought"}:
        found.append(_happening(find_purchases(facts).rename(at="ordered_at"), orders=1))
    if "margin_after" in told:
        found.append(_margins(facts))
    if "returns_after" in told:
        found.append(_returns(facts))
    if "contacts_after" in told:
        contacts = facts.table("contacts")
        found.append(_happening(contacts.filter(contacts.direction == "in").drop("order_id"), contacts=1))
    if "referrals_after" in told:
        referrals = facts.table("referrals").rename(customer_id="referrer_id", at="referred_at")
        found.append(_happening(referrals, referrals=1))
    return found + (find_goodbyes(facts) if "has_left" in told else [])


def _margins(facts: Facts) -> ir.Table:
    rows = movements(facts)
    costed = ibis.ifelse(rows.cost_of_goods.notnull(), 1, None)
    uncosted = ibis.ifelse(rows.sales_without_cost.notnull(), 1, None)
    return _happening(rows, margin=margin_of(rows), costed=costed, uncosted=uncosted)


def _returns(facts: Facts) -> ir.Table:
    """Returns by customer: their own, else that of their order."""
    returns = facts.table("returns")
    orders = facts.table("orders").select(_order="order_id", _customer="customer_id")
    joined = returns.left_join(orders, returns.order_id == orders["_order"])
    customer = joined.customer_id.coalesce(joined["_customer"])
    return _happening(joined.select(customer_id=customer, at=joined.returned_at), returns=1)


def find_goodbyes(facts: Facts) -> list[ir.Table]:
    """Customers who left, and contracts that ended: on their day's first instant, as the company's zone has it."""
    found = []
    if facts.has("customers"):
        customers = facts.table("customers").rename(at="left_at")
        found.append(_happening(customers.filter(customers["at"].notnull()), goodbyes=1))
    if facts.has("contracts"):
        contracts = facts.table("contracts")
        ended = contracts.filter(contracts.ended_on.notnull())
        found.append(_happening(ended.mutate(at=_first_instant(facts, ended.ended_on)), goodbyes=1))
    return found


def _first_instant(facts: Facts, day: ir.DateValue) -> ir.TimestampValue:
    """A local day's first instant, UTC; half a day off at most by what the clock was put forward or back that day."""
    midnight = day.cast("timestamp(6)")
    ahead = facts.local(midnight).delta(midnight, unit="second")
    return midnight - ahead.as_interval("s")


def _happening(rows: ir.Table, **given: ir.Value | int) -> ir.Table:
    order = rows.order_id if "order_id" in rows.columns else ibis.null("string")
    kinds = {name: "float64" if name == "margin" else "int64" for name in _SUMMED}
    values = {
        name: ibis.literal(value, type=kinds[name]) if isinstance(value, int) else value.cast(kinds[name])
        for name, value in given.items()
    }
    sums = {name: values.get(name, ibis.null(kind)) for name, kind in kinds.items()}
    return rows.select(customer_id="customer_id", order_id=order, at=rows["at"].cast("timestamp(6)"), **sums)


def _outcome(rows: ir.Table, name: str) -> ir.Value:
    """An outcome from the sums: 0 where nothing happened, null where the customer is unknown."""
    counts = {"has_bought": "orders", "has_left": "goodbyes"}
    total = rows[counts.get(name, name.removesuffix("_after"))].coalesce(0)
    if name in counts:
        total = (total > 0).ifelse(1, 0)
    if name == "margin_after":
        total = ibis.ifelse(rows.costed.isnull() & rows.uncosted.notnull(), None, total)
    return ibis.ifelse(rows.customer_id.notnull(), total, None)


def _unknown(name: str) -> ir.Value:
    return ibis.null("float64" if name == "margin_after" else "int64")
