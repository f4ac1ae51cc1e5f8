"""What contacts and cases cost."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from tests.companies import make_facts

from saydo.company import Facts
from saydo.errors import MissingTable, NothingToMeasure
from saydo.measures._clusters import rate_interval
from saydo.measures.cost_to_serve import cost_to_serve
from saydo.stats.ratios import ClusterSums
from saydo.stats.trials import binomial_p

Row = dict[str, Any]


def contact(customer: str | None = None, cost: float | None = None, on: str = "2024-01-05", **more: Any) -> Row:
    return {"at": on, "direction": "in", "customer_id": customer, "cost": cost, **more}


def order(customer: str | None = None, on: str = "2024-01-02", **more: Any) -> Row:
    return {"ordered_at": on, "customer_id": customer, **more}


def case(customer: str | None = None, cost: float | None = None, on: str = "2024-01-06", **more: Any) -> Row:
    return {"opened_at": on, "closed_at": "2024-01-20", "customer_id": customer, "cost": cost, **more}


def only(**tables: Any) -> Row:
    (row,) = cost_to_serve(make_facts(**tables)).to_records()
    return row


def test_cost_to_serve_divides_by_orders_and_by_those_who_ordered() -> None:
    row = only(
        orders=[order("a"), order("a"), order("b"), order(None), order("c", cancelled_at="2024-01-03")],
        contacts=[
            contact("a", 5),
            contact("a", 1, direction="out", purpose="notice"),
            contact("c", 4),
            contact(None, 2),
        ],
        cases=[case("a", 20), case("b", 8)],
    )
    counts = {name: row[name] for name in ("contacts_in", "contacts_out", "cases", "orders", "active_customers")}
    assert counts == {"contacts_in": 3, "contacts_out": 1, "cases": 2, "orders": 4, "active_customers": 2}
    assert (row["contact_cost"], row["case_cost"], row["uncosted_share"]) == (12, 28, 0)
    assert (row["contacts_per_order"], row["cost_per_order"], row["cost_per_customer"]) == (0.75, 10, 20)
    assert row["cost_low"] < 10 < row["cost_high"]
    assert row["service_cost"] is None


def test_cost_to_serve_takes_a_customer_for_one_cluster() -> None:
    row = only(
        orders=[order("a"), order("a"), order("b"), order("c")],
        contacts=[contact("a", 3), contact("a", 3), contact("b", 3)],
        customers=[{"customer_id": "a"}],
    )
    calls, orders = np.array([2, 1, 0]), np.array([2, 1, 1])
    sums = ClusterSums(3, 3, 4, (calls**2).sum(), (calls * orders).sum(), (orders**2).sum())
    expected = [float(value) for value in rate_interval(sums)]
    assert [row["contacts_per_order"], row["contacts_low"], row["contacts_high"]] == pytest.approx(expected)


def test_cost_to_serve_takes_an_account_for_one_cluster_but_counts_its_customers() -> None:
    people = [{"customer_id": name, "account_id": "firm"} for name in "ab"]
    orders, contacts = [order("a"), order("b"), order("c")], [contact("a", 3), contact("b", 3), contact("c", 1)]
    firm, alone = (only(orders=orders, contacts=contacts, customers=given) for given in (people, []))
    assert (firm["active_customers"], alone["active_customers"]) == (3, 3)
    assert firm["cost_high"] - firm["cost_low"] > alone["cost_high"] - alone["cost_low"]


def test_cost_to_serve_leaves_out_offers_and_surveys() -> None:
    messages = [contact("a", 9, direction="out", purpose=purpose) for purpose in ("offer", "survey", "service")]
    row = only(orders=[order("a")], contacts=messages)
    assert (row["contacts_out"], row["contact_cost"]) == (1, 9)


def test_cost_to_serve_tells_what_is_unknown() -> None:
    result = cost_to_serve(make_facts(orders=[order("a")], contacts=[contact("a", 5), contact("a")], cases=[case("a")]))
    (row,) = result.to_records()
    assert (row["contact_cost"], row["case_cost"], row["cost_per_order"]) == (5, None, 5)
    assert row["uncosted_share"] == pytest.approx(2 / 3)
    assert [note.values["share"] for note in result.notes] == [pytest.approx(2 / 3)]
    row = only(orders=[order("a")], contacts=[contact("a")])
    assert (row["contact_cost"], row["cost_per_order"], row["cost_high"], row["cost_per_customer"]) == (None,) * 4


def test_cost_to_serve_of_nobody_calling_is_nothing_and_of_no_orders_unknown() -> None:
    facts = make_facts(orders=[order("a")], contacts=[contact("a", 5, on="2024-02-05")])
    january, february = cost_to_serve(facts, by="month").to_records()
    assert (january["contacts_per_order"], january["contacts_low"], january["cost_per_order"]) == (0, 0, 0)
    assert (january["cost_low"], january["uncosted_share"]) == (None, None)
    assert january["contacts_high"] > 1  # one order says little
    assert (february["contact_cost"], february["contacts_per_order"], february["cost_per_customer"]) == (5, None, None)


def test_cost_to_serve_of_service_stands_in_its_month_and_with_no_customer() -> None:
    costs = [
        {"month": "2024-01-01", "kind": "service", "amount": 100},
        {"month": "2024-01-01", "kind": "acquisition", "amount": 7},
        {"month": "2024-02-01", "kind": "service", "amount": 30, "channel": "web"},
    ]
    facts = make_facts(orders=[order("a")], contacts=[contact("a", 5)], costs=costs, zone="Pacific/Auckland")
    assert [row["service_cost"] for row in cost_to_serve(facts)] == [130]
    assert [row["service_cost"] for row in cost_to_serve(facts, since="2024-02-01")] == [30]
    assert [(row["month"], row["service_cost"]) for row in cost_to_serve(facts, by="month")] == [
        (date(2024, 1, 1), 100),
        (date(2024, 2, 1), 30),
    ]
    assert [row["service_cost"] for row in cost_to_serve(facts, by="quarter")] == [130]
    assert [row["service_cost"] for row in cost_to_serve(facts, by="week,customers.segment")] == [None]


def test_cost_to_serve_splits_by_where_people_ask_and_where_they_bought() -> None:
    facts = make_facts(
        orders=[order("a", order_id="o", touchpoint="web")],
        contacts=[contact("a", 5, touchpoint="phone", order_id="o")],
        customers=[{"customer_id": "a", "segment": "firm"}],
    )
    names = ("orders", "contacts_in")
    asked = {row["touchpoint"]: [row[name] for name in names] for row in cost_to_serve(facts, by="touchpoint")}
    assert asked == {"phone": [0, 1], "web": [1, 0]}
    bought = [[*row.values()][:3] for row in cost_to_serve(facts, by="orders.touchpoint")]
    assert bought == [["web", 1, 0]]
    assert [row["cost_per_order"] for row in cost_to_serve(facts, by="segment")] == [5]


def test_cost_to_serve_brings_currencies_together() -> None:
    rate = {"day": "2024-01-01", "currency": "CHF", "to_currency": "EUR", "rate": 2.0}
    contacts, cases = [contact("a", 5, currency="CHF")], [case("a", 1, currency="CHF")]
    row = only(orders=[order("a")], contacts=contacts, cases=cases, exchange_rates=[rate])
    assert (row["contact_cost"], row["case_cost"]) == (10, 2)


def test_cost_to_serve_asks_for_its_tables_and_a_period_with_something_in_it() -> None:
    with pytest.raises(MissingTable, match="contacts"):
        cost_to_serve(make_facts(orders=[order("a")]))
    with pytest.raises(NothingToMeasure):
        cost_to_serve(make_facts(orders=[order("a")], contacts=[contact("a")]), since="2025-01-01")


def test_cost_to_serve_intervals_hold_the_planted_calls(straight: tuple[Facts, dict[str, Any]]) -> None:
    facts, truth = straight
    rows = cost_to_serve(facts, by="customers.segment,customers.region").to_records()
    held = [row["contacts_low"] <= truth["planted"]["calls"] <= row["contacts_high"] for row in rows if row["orders"]]
    assert len(held) > 30
    assert binomial_p(sum(held), len(held)) > 0.001, sum(held) / len(held)
    (whole,) = cost_to_serve(facts).to_records()
    assert whole["contacts_low"] <= truth["planted"]["calls"] <= whole["contacts_high"]
