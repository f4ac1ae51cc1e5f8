"""Payment incidents: counts, rates, lateness and amounts."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from tests.companies import make_facts

from saydo.company import Facts
from saydo.errors import BadSetting, MissingTable, NothingToMeasure
from saydo.measures.payment_incidents import payment_incidents
from saydo.stats.intervals import wilson

DUE = "2024-01-10T12:00"


def pay(amount: float = 10, **more: Any) -> dict[str, Any]:
    return {"amount": amount, "due_at": DUE, **more}


def test_payments_are_counted_with_their_amounts() -> None:
    payments = [
        pay(paid_at=DUE),
        pay(paid_at="2024-01-09", failed_at="2024-01-08"),
        pay(paid_at="2024-01-11T12:00"),
        pay(paid_at="2024-01-14T12:00"),
        pay(20, failed_at="2024-01-10"),
        pay(30),
        pay(40, due_at="2024-04-01"),
        pay(due_at="2024-06-01"),
        pay(order_id="x"),
    ]
    orders = [{"order_id": "x", "ordered_at": "2024-01-01", "cancelled_at": "2024-01-02"}]
    (row,) = payment_incidents(make_facts(payments=payments, orders=orders), as_of="2024-05-01").to_records()
    low, high = wilson(6, 7)
    assert row == {
        "payments": 9,
        "on_time": 1,
        "retried": 1,
        "late": 2,
        "failed": 1,
        "overdue": 2,
        "open": 1,
        "withdrawn": 1,
        "judged": 7,
        "incidents": 6,
        "incident_rate": 6 / 7,
        "incident_low": pytest.approx(float(low)),
        "incident_high": pytest.approx(float(high)),
        "late_days_median": 2.5,
        "late_days_p90": pytest.approx(3.7),
        "amount_due": 130,
        "amount_at_risk": 40,
        "amount_lost": 50,
        "loss_rate": pytest.approx(50 / 90),  # of what fell due 90 days ago and more
        "loss_low": row["loss_low"],
        "loss_high": row["loss_high"],
    }
    assert 0 < row["loss_low"] < 50 / 90 < row["loss_high"] < 1


def test_payments_are_lost_after_the_days_set() -> None:
    facts = make_facts(payments=[pay(30), pay(due_at=None, paid_at="2024-01-20")])
    found = {
        days: payment_incidents(facts, as_of="2024-01-20T12:00", lost_after_days=days).to_records() for days in (9, 10)
    }
    assert [(row[0]["amount_at_risk"], row[0]["amount_lost"]) for row in found.values()] == [(0, 30), (30, 0)]
    assert [row[0]["loss_rate"] for row in found.values()] == [1.0, None]


def test_payments_of_cancelled_orders_put_no_amount_at_risk() -> None:
    orders = [{"order_id": "x", "ordered_at": "2024-01-01", "cancelled_at": "2024-01-20"}]
    facts = make_facts(payments=[pay(order_id="x"), pay(5, order_id="x", failed_at="2024-01-05")], orders=orders)
    (row,) = payment_incidents(facts, as_of="2024-02-01").to_records()
    assert (row["overdue"], row["failed"], row["amount_at_risk"], row["amount_lost"]) == (1, 1, 0, 0)


def test_payments_that_are_not_due_have_no_rate() -> None:
    (row,) = payment_incidents(make_facts(payments=[pay(due_at="2024-04-01")]), as_of="2024-03-01").to_records()
    assert (row["open"], row["judged"], row["incident_rate"], row["loss_rate"]) == (1, 0, None, None)


def test_payments_split_by_who_orders_or_holds_the_contract_and_by_month() -> None:
    facts = make_facts(
        payments=[pay(order_id="o"), pay(contract_id="k", paid_at=DUE), pay(due_at="2024-02-10", order_id="o")],
        orders=[{"order_id": "o", "ordered_at": "2024-01-01", "customer_id": "a", "touchpoint": "web"}],
        contracts=[{"contract_id": "k", "customer_id": "b", "started_on": "2024-01-01"}],
        customers=[{"customer_id": "a", "segment": "firm"}, {"customer_id": "b", "segment": "home"}],
    )
    rates = [(r["segment"], r["incident_rate"]) for r in payment_incidents(facts, by="segment", as_of="2024-03-01")]
    assert rates == [("firm", 1.0), ("home", 0.0)]
    found = [tuple(r.values())[:3] for r in payment_incidents(facts, by="orders.touchpoint,month", as_of="2024-03-01")]
    assert found == [("web", date(2024, 1, 1), 1), ("web", date(2024, 2, 1), 1), (None, date(2024, 1, 1), 1)]
    (row,) = payment_incidents(facts, since="2024-02-01", as_of="2024-03-01").to_records()
    assert row["payments"] == 1


def test_payments_of_one_customer_count_for_less_than_those_of_many() -> None:
    def width(customers: int) -> float:
        orders = [
            {"order_id": f"o{n}", "ordered_at": "2024-01-01", "customer_id": f"c{n % customers}"} for n in range(40)
        ]
        payments = [pay(order_id=f"o{n}", paid_at=DUE if n % customers % 2 else None) for n in range(40)]
        (row,) = payment_incidents(make_facts(payments=payments, orders=orders), as_of="2024-03-01").to_records()
        assert row["incident_rate"] == 0.5
        return float(row["incident_high"] - row["incident_low"])

    low, high = wilson(20, 40)
    assert width(40) == pytest.approx(float(high - low))
    assert 1.4 < width(20) / width(40) < 1.6


def test_payments_ask_for_their_table_a_possible_wait_and_a_period_with_some() -> None:
    with pytest.raises(MissingTable, match="payments"):
        payment_incidents(make_facts())
    with pytest.raises(BadSetting, match="lost_after_days cannot be -1"):
        payment_incidents(make_facts(payments=[pay()]), lost_after_days=-1)
    with pytest.raises(NothingToMeasure):
        payment_incidents(make_facts(payments=[pay()]), since="2025-01-01")


def test_firms_pay_as_one() -> None:
    """Two buyers of one firm, each with the same fate: they count for less than two strangers."""
    people = [{"customer_id": f"c{n}", "account_id": f"a{n // 2}"} for n in range(40)]
    orders = [{"order_id": f"o{n}", "customer_id": f"c{n}", "ordered_at": "2024-01-01"} for n in range(40)]
    payments = [pay(order_id=f"o{n}", paid_at=DUE if n // 2 % 2 else "2024-02-01") for n in range(40)]
    alone = [{**one, "account_id": None} for one in people]
    widths = []
    for customers in (people, alone):
        (row,) = payment_incidents(make_facts(payments=payments, orders=orders, customers=customers)).to_records()
        assert row["incident_rate"] == 0.5
        widths.append(row["incident_high"] - row["incident_low"])
    assert widths[0] > 1.2 * widths[1]


def test_payments_of_firms_are_as_late_as_in_a_simulated_company(straight: tuple[Facts, dict[str, Any]]) -> None:
    facts, truth = straight
    rows = {row["kind"]: row for row in payment_incidents(facts, by="customers.kind")}
    assert rows["firm"]["incident_rate"] == pytest.approx(truth["money"]["payments"]["firms_late"])
    assert rows["firm"]["late"] > rows["firm"]["overdue"] > 0
    assert rows["person"]["incident_rate"] == 0
    assert rows["firm"]["incident_low"] > rows["person"]["incident_high"]


def test_payments_of_which_nothing_tells_whether_they_are_late_are_not_called_in_time() -> None:
    facts = make_facts(payments=[{"payment_id": f"p{n}", "amount": 10, "paid_at": "2024-03-01"} for n in range(20)])
    with pytest.raises(NothingToMeasure, match="no payment has a due time and none failed"):
        payment_incidents(facts)
