"""Cost to serve: what contacts and cases cost, per order and per customer, and how often people have to ask."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from saydo.company import Facts
from saydo.language import mark
from saydo.measures._clusters import add_cluster, named, rate_interval, run_groups, sum_clusters
from saydo.measures._margin import service_contacts
from saydo.measures._measure import Figures, Measure, Note, add_columns, column, in_period
from saydo.measures._money import convert_money
from saydo.measures._split import split_rows
from saydo.stats.arrays import Array, divide
from saydo.stats.ratios import ClusterSums

_UNKNOWN = mark("Contacts and cases whose cost is unknown: {share}. The costs are at least what is shown.")
_MONTHLY = ("month", "quarter", "year")
_COUNTS = ("contacts_in", "contacts_out", "cases", "orders")
_COSTS = ("contact_cost", "case_cost", "service_cost")
_HIDDEN = ("costed_contacts", "costed_cases", "months")
Mask = npt.NDArray[np.bool_]


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """What contacts and cases of the period cost, over its orders and over the customers who ordered in it.

    Contacts are conversations and messages about service: those sent to offer something or to ask for answers are
    left out, here as in `margin` and `acquisition`. A contact, a case (by the day it was opened) and an order count in
    the period and group in which they themselves stand; an active customer is one with an order in it. Cancelled orders
    are no orders; the contacts about them count.

    Reads:   contacts (purpose null: service; cost null: unknown), cases (cost null: unknown, as long as they are
             open), orders (cancelled_at, status; customer_id null: no customer's), costs of kind service;
             customers.account_id where there is one; exchange_rates.
    Returns: the splits; contacts_in, contacts_out, cases, orders, active_customers (counts); contacts_per_order
             with contacts_low, contacts_high (contacts that customers began, per order; null without orders);
             contact_cost, case_cost (the company's currency; null when no cost of one is known), cost_per_order
             with cost_low, cost_high and cost_per_customer (of both together; null when neither is known or nobody
             ordered), uncosted_share (0 to 1: contacts and cases whose cost is unknown); service_cost (the table
             costs, by month, not allocated to anybody: null in splits other than month, quarter or year).
    Interval: that of as many Poisson events as are as certain, 95 %: contacts of one customer (or account) come
             together. cost_per_customer is what it was, without an interval.
    Cautions: unknown costs count as nothing. Split by touchpoint, contacts stand where people asked and orders
             where they bought. A contact after the period about an order in it counts later. Few contacts can mean
             that people gave up.
    Source:  Garwood 1936; Korn and Graubard 1998 (effective number).
    """
    rows = _contacts(facts).union(_cases(facts)).union(_orders(facts))
    rows = in_period(facts, rows, "at", since, until)
    if set(by) <= set(_MONTHLY):
        rows = rows.union(_service_costs(facts, since, until))
    rows = add_cluster(facts, rows, "customer_id", "contact_id")
    split = split_rows(facts, "cost_to_serve", "contacts", rows, by)
    rows, names = split.rows, split.names
    totals = {name: rows[name].sum().coalesce(0.0) for name in (*_COUNTS, *_COSTS, *_HIDDEN)}
    active = rows.customer_id.nunique(where=rows.orders > 0)
    groups = run_groups(facts, rows, names, **totals, active_customers=active)
    ratios = {"contacts": (rows.contacts_in, rows.orders), "cost": (rows.contact_cost + rows.case_cost, rows.orders)}
    sums = sum_clusters(facts, rows, names, **ratios)
    return Figures(_figures(groups, names, sums), names, split.overlaps, _note_unknown(groups))


def _contacts(facts: Facts) -> ir.Table:
    rows = service_contacts(facts)
    came_in, cost = (rows.direction == "in").cast("float64"), rows.cost.cast("float64")
    known = {"contact_cost": cost.coalesce(0.0), "costed_contacts": cost.notnull().cast("float64")}
    return _served(facts, rows, contacts_in=came_in, contacts_out=1.0 - came_in, **known)


def _cases(facts: Facts) -> ir.Table:
    rows = convert_money(facts, "cases", facts.table("cases"), ["cost"])
    keys = {"contact_id": rows.case_id, "at": rows.opened_at}
    cost = rows.cost.cast("float64")
    known = {"case_cost": cost.coalesce(0.0), "costed_cases": cost.notnull().cast("float64")}
    return _served(facts, rows, cases=ibis.literal(1.0), **known, **keys)


def _orders(facts: Facts) -> ir.Table:
    rows = facts.table("orders")
    rows = rows.filter(rows.cancelled_at.isnull() & (rows.status != "cancelled"))
    keys = {"contact_id": rows.order_id, "at": rows.ordered_at}
    return _served(facts, rows, orders=ibis.literal(1.0), **keys)


def _service_costs(facts: Facts, since: date | None, until: date | None) -> ir.Table:
    """The costs of service of each month, at its first noon (so that it stays that month in every zone)."""
    rows = facts.table("costs")
    rows = rows.filter(rows.kind == "service")
    rows = rows if since is None else rows.filter(rows.month >= since)
    rows = rows if until is None else rows.filter(rows.month < until)
    rows = convert_money(facts, "costs", rows, ["amount"])
    noon = rows.month.cast("timestamp(6)") + ibis.interval(hours=12)
    return _served(facts, rows, service_cost=rows.amount.cast("float64"), months=ibis.literal(1.0), at=noon)


def _served(facts: Facts, rows: ir.Table, **known: ir.Value) -> ir.Table:
    """``rows`` in the shape of contacts, with every count and amount of this measure: 0 where not given.

    Counts are float64 until they are shown: sums of integers take twice the memory per customer.
    """
    shape = facts.table("contacts").schema()
    columns = {name: rows[name] if name in rows.columns else ibis.null(type) for name, type in shape.items()}
    columns |= {name: ibis.literal(0.0) for name in (*_COUNTS, *_COSTS, *_HIDDEN)} | known
    return rows.select(**{name: value.cast(shape[name]) if name in shape else value for name, value in columns.items()})


def _figures(groups: pa.Table, names: Sequence[str], sums: dict[str, ClusterSums]) -> pa.Table:
    """Counts, contacts per order, then costs; both hold the same groups in the same order."""
    count = {name: column(groups, name) for name in (*_COUNTS, *_COSTS, *_HIDDEN, "active_customers")}
    contacts, cases = count["contacts_in"] + count["contacts_out"], count["cases"]
    events, costed = contacts + cases, count["costed_contacts"] + count["costed_cases"]
    cost = _unless(_all_unknown(events, costed), count["contact_cost"] + count["case_cost"])
    per_order = [_unless(np.isnan(cost), end) for end in rate_interval(sums["cost"], costed)]
    shown = {name: count[name].astype("int64") for name in (*_COUNTS, "active_customers")}
    rows = add_columns(groups.select(list(names)), shown)
    rows = add_columns(rows, named("contacts_per_order", rate_interval(sums["contacts"]), "contacts"))
    columns = {
        "contact_cost": _unless(_all_unknown(contacts, count["costed_contacts"]), count["contact_cost"]),
        "case_cost": _unless(_all_unknown(cases, count["costed_cases"]), count["case_cost"]),
        **dict(zip(("cost_per_order", "cost_low", "cost_high"), per_order, strict=True)),
        "cost_per_customer": divide(cost, count["active_customers"]),
        "uncosted_share": divide(events - costed, events),
        "service_cost": _unless(count["months"] == 0, count["service_cost"]),
    }
    happened = events + count["orders"] + count["months"] > 0
    return add_columns(rows, columns).filter(pa.array(happened))


def _all_unknown(events: Array, costed: Array) -> Mask:
    return (events > 0) & (costed == 0)


def _unless(is_unknown: Mask, values: Array) -> Array:
    return np.where(is_unknown, np.nan, values)


def _note_unknown(groups: pa.Table) -> tuple[Note, ...]:
    events = sum(column(groups, name).sum() for name in ("contacts_in", "contacts_out", "cases"))
    costed = sum(column(groups, name).sum() for name in ("costed_contacts", "costed_cases"))
    return (Note(_UNKNOWN, {"share": (events - costed) / events}),) if events > costed else ()


cost_to_serve = Measure(
    name="cost_to_serve",
    title=mark("Cost to serve"),
    question=mark("What does it cost to answer our customers, and how often do they have to ask?"),
    compute=compute,
    base="contacts",
    reads=("contacts", "orders"),
    uses=("cases", "costs", "customers", "exchange_rates"),
    unit="money",
    headline="cost_per_order",
    count="orders",
    low="cost_low",
    high="cost_high",
    good="low",
    chart="level",
    sentence=mark(
        "An order costs {cost_per_order} in contacts and cases (95 %: {cost_low} to {cost_high}; {orders} orders)."
    ),
    definition=mark(
        "What contacts about service and cases cost in the period, divided by its orders. Messages that offer "
        "something or ask for answers are left out."
    ),
    cautions=(
        mark("Contacts and cases without a known cost count as nothing."),
        mark("Few contacts can mean that all is clear, or that people gave up."),
    ),
)
