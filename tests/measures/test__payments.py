"""What became of a payment, in every case that the rules tell apart."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from tests.companies import make_facts

from saydo.company import Facts
from saydo.measures._payments import add_customer, judge_payments

DUE, AS_OF = "2024-01-31T22:59:59.999999", datetime(2024, 3, 1)
ORDERS = [
    {"order_id": "good", "ordered_at": "2024-01-01", "customer_id": "buyer"},
    {"order_id": "early", "ordered_at": "2024-01-01", "cancelled_at": "2024-01-03"},
    {"order_id": "late", "ordered_at": "2024-01-01", "cancelled_at": "2024-02-03"},
    {"order_id": "undated", "ordered_at": "2024-01-01", "status": "cancelled"},
    {"order_id": "tomorrow", "ordered_at": "2024-03-01"},
]
CONTRACTS = [{"contract_id": "lease", "customer_id": "holder", "started_on": "2024-01-01"}]


def pay(amount: float = 10, **more: Any) -> dict[str, Any]:
    return {"amount": amount, "due_at": DUE, **more}


def company(payments: list[dict[str, Any]]) -> Facts:
    return make_facts(payments=payments, orders=ORDERS, contracts=CONTRACTS).known_before(AS_OF)


def judged(payments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    facts = company(payments)
    rows: list[dict[str, Any]] = facts.run(judge_payments(facts).order_by("payment_id")).to_pylist()
    return rows


CASES: list[tuple[str, dict[str, Any]]] = [
    ("on_time", {"paid_at": DUE}),
    ("late", {"paid_at": "2024-01-31T23:00"}),
    ("on_time", {"due_at": None, "paid_at": "2024-02-20"}),
    ("retried", {"failed_at": "2024-01-20", "paid_at": "2024-01-21"}),
    ("late", {"failed_at": "2024-01-20", "paid_at": "2024-02-21"}),
    ("failed", {"failed_at": "2024-01-20"}),
    ("failed", {"paid_at": "2024-01-20", "failed_at": "2024-01-28"}),  # the money came and went back
    ("overdue", {}),
    ("overdue", {"paid_at": "2024-03-02"}),  # not known yet
    ("open", {"due_at": "2024-03-02"}),
    ("open", {"due_at": "2024-03-02", "paid_at": "2024-01-20"}),  # those who will be late are not known yet
    ("open", {"due_at": "2024-03-02", "failed_at": "2024-01-20"}),
    ("open", {"due_at": None}),
    ("overdue", {"contract_id": "lease"}),
    # its order was cancelled
    ("withdrawn", {"order_id": "early"}),
    ("overdue", {"order_id": "late"}),
    ("withdrawn", {"order_id": "undated"}),
    ("on_time", {"order_id": "early", "paid_at": "2024-01-02"}),
    ("failed", {"amount": 11, "order_id": "early", "failed_at": "2024-01-02"}),
]


def test_payment_has_one_state() -> None:
    rows = judged([pay(**case) for _, case in CASES])
    assert [row["state"] for row in rows] == [state for state, _ in CASES]
    assert [row["days_late"] is not None for row in rows] == [state == "late" for state, _ in CASES]
    assert [row["is_cancelled"] for row in rows[-5:]] == [True] * 5


def test_payment_stands_on_the_day_it_was_due_else_paid_else_failed() -> None:
    times: list[dict[str, Any]] = [
        {},
        {"due_at": None, "paid_at": "2024-01-05"},
        {"due_at": None, "failed_at": "2024-01-06"},
    ]
    placed = [row["placed_at"].isoformat() for row in judged([pay(**time) for time in times])]
    assert placed == [DUE, "2024-01-05T00:00:00", "2024-01-06T00:00:00"]


def test_tries_that_failed_are_one_payment_with_the_one_that_followed() -> None:
    rows = judged(
        [
            pay(order_id="good", failed_at="2024-01-20"),
            pay(order_id="good", failed_at="2024-01-21"),
            pay(order_id="good", paid_at="2024-01-22"),
            pay(30, order_id="good", failed_at="2024-01-20"),  # another amount is another payment
            pay(order_id="good", due_at="2024-02-10", failed_at="2024-02-11"),  # so is another day
            pay(order_id="good", due_at="2024-02-10", failed_at="2024-02-12"),
            pay(contract_id="lease", failed_at="2024-01-20"),
            pay(contract_id="lease"),
            pay(failed_at="2024-01-20"),  # of nothing known: nothing to tie it to
            pay(paid_at="2024-01-22"),
        ]
    )
    states = [(int(row["payment_id"][-2:]), row["state"]) for row in rows]
    assert states == [(3, "retried"), (4, "failed"), (6, "failed"), (8, "overdue"), (9, "failed"), (10, "on_time")]


def test_rows_without_a_due_time_are_payments_of_their_own() -> None:
    same: dict[str, Any] = {"due_at": None, "order_id": "good"}
    rows = judged([pay(**same, failed_at="2024-01-20"), pay(**same, paid_at="2024-01-22"), pay(**same)])
    assert [row["state"] for row in rows] == ["failed", "on_time", "open"]


def test_payments_to_the_customer_are_left_out() -> None:
    assert [row["amount"] for row in judged([pay(-5), pay(0), pay(7)])] == [7.0]


def test_payments_of_what_did_not_exist_yet_are_not_seen() -> None:
    day = "2024-04-01"
    payments = [pay(order_id=name, due_at=day) for name in ("good", "tomorrow", "unheard of")] + [pay(due_at=day)]
    assert [row["order_id"] for row in judged(payments)] == ["good", None]


def test_payments_are_the_buyer_s_or_the_holder_s_and_are_converted() -> None:
    rate = {"day": "2024-01-01", "currency": "CHF", "to_currency": "EUR", "rate": 2.0}
    payments = [pay(order_id="good", currency="CHF"), pay(contract_id="lease", currency=None), pay()]
    facts = make_facts(payments=payments, orders=ORDERS, contracts=CONTRACTS, exchange_rates=[rate])
    rows = facts.run(add_customer(facts, judge_payments(facts)).order_by("payment_id")).to_pylist()
    assert [(row["customer_id"], row["amount"]) for row in rows] == [("buyer", 20), ("holder", 10), (None, 10)]


def test_payments_alone_can_be_judged() -> None:
    facts = make_facts(payments=[pay(order_id="x", paid_at=DUE)])
    assert facts.run(judge_payments(facts))["state"].to_pylist() == ["on_time"]
    assert facts.run(add_customer(facts, judge_payments(facts)))["customer_id"].to_pylist() == [None]


@pytest.mark.parametrize(("as_of", "state"), [("2024-01-31T23:59:59.999999", "open"), ("2024-02-01", "overdue")])
def test_payment_of_a_day_is_open_until_that_day_ends_where_the_company_is(as_of: str, state: str) -> None:
    facts = make_facts(payments=[pay()], orders=ORDERS, zone="Europe/Paris")
    facts = facts.known_before(datetime.fromisoformat(as_of))
    assert facts.run(judge_payments(facts))["state"].to_pylist() == [state]
