"""Margin per customer: what is left of sales after all that they cost, and how few customers it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np

from saydo.company import Facts
from saydo.language import mark
from saydo.measures._margin import (
    AMOUNTS,
    margin_of,
    movements,
    names_lines,
    note_unknown_customers,
    note_unknown_returns,
    split_customers,
)
from saydo.measures._measure import Figures, Measure, Note, column

_WITHOUT_COST = mark("Sales whose cost is not known: {share}. They are left out of the margin.")
_PARTS = (50, 80, 100)  # per cent of the margin whose makers are counted


def compute(facts: Facts, by: Sequence[str] = (), *, since: date | None = None, until: date | None = None) -> Figures:
    """Sales less returns, cost of goods, shipping, cost to serve and payments lost, of customers that are known.

    margin = sales - sales_without_cost - returns - cost_of_goods - shipping - cost_to_serve - payment_losses, without
    VAT, in the company's currency, each amount on the day on which it arose; `saydo.measures._margin` has every
    convention. Splits may be columns of the customer, a unit of time, and columns of the order or product, where what
    names none (a call, shipping within a split by category) is a group of its own (null). ``by=customer_id`` lists the
    customers.

    Reads:   orders (cancelled ones do not count; without a customer: left out, their share is noted), order_lines
             (unit_cost null: the product's), products.unit_cost (null too: the cost is unknown), returns (refund null:
             what the quantity was sold for), contacts.cost (of service: no offers, no surveys), cases.cost (null: 0),
             payments (of orders and contracts), contracts.customer_id, exchange_rates.
    Returns: the splits; customers (with any amount in the period); sales, returns, cost_of_goods, shipping (what it
             cost less what was charged: negative where it earns), cost_to_serve, payment_losses, sales_without_cost
             (sales less returns of unknown cost, in sales but not in the margin), margin (money; null when not one cost
             is known); margin_rate (margin over sales - returns - sales_without_cost; null without such sales);
             margin_per_customer (money); losing_customers (margin below 0; count), losses (what these cost more than
             they bring; money); customers_50_share, customers_80_share, customers_100_share (0 to 1: the share of
             customers, best first, that makes 50, 80, 100 % of the margin), peak_share (margin of those who lose
             nothing over the whole margin: 1.3 if 130 % is made and 30 % lost). Shares are null if the margin is not
             above 0, and count the customers whose margin is known. Not with ``by=customer_id``.
    Interval: none: it is what happened, all of it.
    Cautions: it is the margin before overheads and before what winning the customer cost (see `acquisition`). Sales of
             unknown cost are not in it: it is too small by what they earn, or too large by what they lose. Contacts and
             cases of unknown cost make it too large.
    Source:  Kaplan and Narayanan 2001, Journal of Cost Management 15(5) (the whale curve of customers' margins).
    """
    rows = movements(facts, since, until, with_lines=names_lines(facts, by))
    split = split_customers(facts, "margin", rows.filter(rows.customer_id.notnull()), by)
    notes = note_unknown_customers(facts, since, until) + note_unknown_returns(facts, since, until)
    if "customer_id" in split.names:
        return Figures(_figures(split.rows, split.names), split.names, split.overlaps, notes)
    figures = facts.run(_figures(_add_concentration(split.rows, split.names), split.names))
    sales, unknown = (np.nansum(column(figures, name)) for name in ("sales", "sales_without_cost"))
    if unknown:
        notes += (Note(_WITHOUT_COST, {"share": float(unknown / sales) if sales else 1.0}),)
    return Figures(figures, split.names, split.overlaps, notes)


def _add_concentration(sums: ir.Table, names: Sequence[str]) -> ir.Table:
    """Per customer: the margin of the group, and is he among the best who make so much of it?"""
    total = sums.margin.sum().over(ibis.window(group_by=list(names)))
    better = ibis.window(group_by=list(names), order_by=sums.margin.desc(), preceding=(None, 1))
    made = sums.margin.sum().over(better).coalesce(0.0)
    is_in = {f"in_{part}": (sums.margin > 0) & (made < part / 100 * total) for part in _PARTS}
    return sums.mutate(total=total, **is_in)


def _figures(sums: ir.Table, names: Sequence[str]) -> ir.Table:
    counted = {"customers": sums.count(), "is_costed": sums.is_costed.max()}
    amounts = {name: sums[name].sum() for name in AMOUNTS}
    compared = _compare(sums) if "total" in sums.columns else {}
    groups = sums.aggregate(by=list(names), **counted, **amounts, **compared)
    groups = groups.filter(groups.customers > 0)
    margin = ibis.ifelse(groups.is_costed == 0, None, margin_of(groups))
    net = groups.sales - groups.returns - groups.sales_without_cost
    return groups.select(
        *names,
        "customers",
        *(name for name in AMOUNTS if name != "sales_without_cost"),
        "sales_without_cost",
        margin=margin,
        margin_rate=margin / net.nullif(0),
        margin_per_customer=margin / groups.customers,
        **{name: groups[name] for name in compared},
    )


def _compare(sums: ir.Table) -> dict[str, ir.Value]:
    total = sums.total.max()
    known = ibis.ifelse(total > 0, sums.margin.count(), None).nullif(0)
    shares = {f"customers_{part}_share": sums.count(where=sums[f"in_{part}"]) / known for part in _PARTS}
    peak = sums.margin.sum(where=sums.margin > 0) / ibis.ifelse(total > 0, total, None)
    losers = {
        "losing_customers": sums.count(where=sums.margin < 0),
        "losses": -sums.margin.sum(where=sums.margin < 0).coalesce(0.0),
    }
    return {**losers, **shares, "peak_share": peak}


margin = Measure(
    name="margin",
    title=mark("Margin per customer"),
    question=mark("What do customers leave us, and how many of them make it?"),
    compute=compute,
    base="order_lines",
    at="ordered_at",
    reads=("orders", "order_lines"),
    uses=("customers", "products", "returns", "payments", "contracts", "contacts", "cases", "exchange_rates"),
    unit="money",
    headline="margin",
    count="customers",
    good="high",
    chart="bars",
    bound=mark("one row per group; with customer_id one row per customer"),
    sentence=mark(
        "{customers} customers leave a margin of {margin}, {margin_rate} of what they bought and kept; "
        "{customers_80_share} of them make 80 % of it, and {losing_customers} cost {losses} more than they bring."
    ),
    definition=mark(
        "Sales less returns, cost of goods, shipping, cost to serve and payments lost, without VAT and before "
        "overheads; and the share of customers, best first, that makes 50, 80 and 100 % of it."
    ),
    cautions=(
        mark("Overheads and what it cost to win the customers are not taken off."),
        mark(
            "Sales whose cost is not known are left out: the margin is too small by what they earn, or too large by "
            "what they lose."
        ),
        mark("Some customers make more than 100 % of the margin where others lose money."),
    ),
)
