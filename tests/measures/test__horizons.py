"""What came before and after an event: edges by hand, and all of it against a plain loop."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import ibis.expr.types as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.companies import make_facts

from saydo.company import Facts
from saydo.measures._horizons import OUTCOMES, follow, look_back

END = "2024-12-31T12:00"
AT = datetime(2024, 3, 1, 12)


def promised(facts: Facts) -> ir.Table:
    """An event per commitment, at its due time."""
    rows = facts.table("commitments")
    return rows.select(event="commitment_id", customer_id="customer_id", at="due_at", order_id="order_id")


def company(**tables: Any) -> Facts:
    """One event of one customer, and whatever else is given; known until the end of 2024."""
    event = {"commitment_id": "k", "promise": "p", "customer_id": "c", "order_id": "own", "seen_by": "system"}
    event |= {"made_at": "2024-01-01", "due_at": AT.isoformat()}
    last = {"sent_at": END}
    return make_facts(**{"commitments": [event], "invitations": [last], **tables})


def after(facts: Facts, days: int = 30, outcomes: Any = OUTCOMES) -> list[dict[str, Any]]:
    found = facts.run(follow(facts, promised(facts), days, outcomes)).to_pylist()
    return [{name: row[name] for name in outcomes} for row in found]


def before(facts: Facts) -> list[dict[str, Any]]:
    found = facts.run(look_back(facts, promised(facts))).to_pylist()
    names = ("orders_before", "tenure_days", "days_since_last_order", "margin_before")
    return [{name: row[name] for name in names} for row in found]


def order(key: str, at: datetime | str, **more: Any) -> dict[str, Any]:
    return {"order_id": key, "customer_id": "c", "ordered_at": at, **more}


def line(key: str, margin: float = 4) -> dict[str, Any]:
    return {"order_id": key, "line": 1, "quantity": 1, "unit_price": 6 + margin, "unit_cost": 6}


def test_horizon_leaves_out_its_start_and_takes_its_end() -> None:
    ends = AT, AT + timedelta(microseconds=1), AT + timedelta(days=30), AT + timedelta(days=30, microseconds=1)
    facts = company(orders=[order(f"o{number}", at) for number, at in enumerate(ends)])
    (row,) = after(facts)
    assert (row["orders_after"], row["has_bought"]) == (2, 1)


def test_event_whose_horizon_is_not_over_is_left_out() -> None:
    facts = company(orders=[order("o", "2024-03-05")])
    end = datetime(2024, 3, 31, 12)  # the horizon's last instant, which is not known before it is over
    assert len(after(facts.known_before(end))) == 0
    assert len(after(facts.known_before(end + timedelta(microseconds=1)))) == 1


def test_own_order_is_neither_bought_again_nor_in_the_margin_but_its_return_counts() -> None:
    facts = company(
        orders=[order("own", "2024-03-02"), order("o", "2024-03-03"), order("x", "2024-03-04", status="cancelled")],
        order_lines=[line("own", 100), line("o"), line("x")],
        returns=[{"order_id": "own", "line": 1, "quantity": 1, "refund": 106, "returned_at": "2024-03-09"}],
        contacts=[
            {"customer_id": "c", "at": "2024-03-05", "direction": "in", "cost": 3},
            {"customer_id": "c", "at": "2024-03-05", "direction": "in", "cost": 5, "order_id": "own"},
            {"customer_id": "c", "at": "2024-03-05", "direction": "out"},
        ],
    )
    (row,) = after(facts)
    assert (row["orders_after"], row["margin_after"]) == (1, 4 - 3)
    assert (row["returns_after"], row["contacts_after"]) == (1, 2)


def test_nothing_after_is_zero_where_a_table_would_tell_and_null_where_none_does() -> None:
    told = company(
        orders=[order("o", "2024-01-05"), order("of another", "2024-03-05", customer_id="d")],
        order_lines=[line("o")],
        returns=[{"order_id": "o", "customer_id": "c", "returned_at": "2024-02-01"}],
        contacts=[{"customer_id": "c", "at": "2024-02-01", "direction": "in"}],
        referrals=[{"referrer_id": "c", "referred_at": "2024-02-01"}],
        contracts=[{"customer_id": "c", "started_on": "2024-02-01"}],
    )
    assert after(told) == [dict.fromkeys(OUTCOMES, 0)]
    assert after(company()) == [dict.fromkeys(OUTCOMES)]


def test_event_without_a_customer_has_no_outcome() -> None:
    facts = make_facts(
        commitments=[{"promise": "p", "made_at": "2024-01-01", "due_at": AT, "seen_by": "system"}],
        orders=[order("o", "2024-03-05"), order("late", END)],
    )
    assert after(facts, outcomes=["has_bought"]) == [{"has_bought": None}]
    assert before(facts) == [
        {"orders_before": None, "tenure_days": None, "days_since_last_order": None, "margin_before": None}
    ]


def test_goods_of_unknown_cost_leave_no_known_margin() -> None:
    free = {**line("o"), "unit_cost": None}
    orders = [order("o", "2024-03-05"), order("known", "2024-01-05")]
    assert after(company(orders=orders, order_lines=[free, line("known")]))[0]["margin_after"] is None
    assert after(company(orders=orders, order_lines=[free]))[0]["margin_after"] is None
    both = [free, {**line("o"), "line": 2}]
    assert after(company(orders=orders, order_lines=both))[0]["margin_after"] == 4


@pytest.mark.parametrize(("day", "has_left"), [("2024-03-01", 0), ("2024-03-02", 1), ("2024-03-31", 1)])
def test_contract_that_ends_counts_as_leaving(day: str, has_left: int) -> None:
    contract = {"customer_id": "c", "started_on": "2023-01-01", "ended_on": day}
    assert after(company(contracts=[contract]), outcomes=["has_left"]) == [{"has_left": has_left}]


def test_contract_ends_on_the_day_of_the_company() -> None:
    event = {"promise": "p", "customer_id": "c", "made_at": "2024-01-01", "seen_by": "system"}
    event["due_at"] = "2024-06-30T22:30"  # half past midnight of the first of July in Paris
    contract = {"customer_id": "c", "started_on": "2023-01-01", "ended_on": "2024-07-01"}
    tables: dict[str, Any] = {"commitments": [event], "contracts": [contract], "invitations": [{"sent_at": END}]}
    assert after(make_facts(zone="Europe/Paris", **tables), outcomes=["has_left"]) == [{"has_left": 0}]
    assert after(make_facts(**tables), outcomes=["has_left"]) == [{"has_left": 1}]


def test_goodbye_counts_and_silence_does_not() -> None:
    left = [{"customer_id": "c", "left_at": "2024-03-10"}, {"customer_id": "d"}]
    assert after(company(customers=left), outcomes=["has_left"]) == [{"has_left": 1}]
    silent = [{"customer_id": "c"}, {"customer_id": "d", "left_at": "2024-03-10"}]
    assert after(company(customers=silent), outcomes=["has_left"]) == [{"has_left": 0}]


def test_look_back_sees_only_what_was_strictly_before() -> None:
    orders = [order("first", AT - timedelta(days=400)), order("second", AT - timedelta(days=10)), order("same", AT)]
    facts = company(orders=orders, order_lines=[line("first", 50), line("second"), line("same", 7)])
    assert before(facts) == [
        {"orders_before": 2, "tenure_days": 400, "days_since_last_order": 10, "margin_before": 4},
    ]


def test_look_back_on_a_newcomer_counts_none_and_knows_no_days() -> None:
    facts = company(orders=[order("later", "2024-04-01")], order_lines=[line("later")])
    assert before(facts) == [
        {"orders_before": 0, "tenure_days": None, "days_since_last_order": None, "margin_before": 0},
    ]
    assert before(company(orders=[order("later", "2024-04-01")]))[0]["margin_before"] is None


DAYS = st.integers(0, 60)
EVENTS = st.lists(st.tuples(st.sampled_from("abc"), DAYS, st.none() | st.integers(0, 5)), min_size=1, max_size=6)
ORDERS = st.lists(st.tuples(st.sampled_from("abc"), DAYS, st.booleans()), min_size=1, max_size=8)
RETURNS = st.lists(st.tuples(st.integers(0, 9), DAYS), max_size=4)
START = datetime(2024, 1, 1)


@settings(max_examples=15)
@given(events=EVENTS, orders=ORDERS, returns=RETURNS, days=st.sampled_from([7, 30]))
def test_outcomes_agree_with_a_plain_loop(
    events: list[tuple[str, int, int | None]],
    orders: list[tuple[str, int, bool]],
    returns: list[tuple[int, int]],
    days: int,
) -> None:
    def day(number: int) -> datetime:
        return START + timedelta(days=number)

    facts = make_facts(
        commitments=[
            {"commitment_id": f"{place}", "customer_id": who, "order_id": None if own is None else f"o{own}"}
            | {"promise": "p", "made_at": START, "due_at": day(at), "seen_by": "system"}
            for place, (who, at, own) in enumerate(events)
        ],
        orders=[
            {"order_id": f"o{place}", "customer_id": who, "ordered_at": day(at)}
            | ({"status": "cancelled"} if is_cancelled else {})
            for place, (who, at, is_cancelled) in enumerate(orders)
        ],
        order_lines=[line(f"o{place}", 2**place) for place in range(len(orders))],
        returns=[{"customer_id": "abc"[number % 3], "returned_at": day(at), "refund": 1} for number, at in returns],
        invitations=[{"sent_at": day(70)}],
    )
    expected = {}
    for place, (who, at, own) in enumerate(events):
        if at + days > 70:
            continue
        bought = [
            number
            for number, (buyer, on, is_cancelled) in enumerate(orders)
            if buyer == who and at < on <= at + days and not is_cancelled and number != own
        ]
        back = [number for number, on in returns if "abc"[number % 3] == who and at < on <= at + days]
        margin = sum(2**number for number in bought) - len(back)
        expected[f"{place}"] = (len(bought), int(bool(bought)), margin, len(back) if returns else None)
    rows = facts.run(follow(facts, promised(facts), days)).to_pylist()
    names = ("orders_after", "has_bought", "margin_after", "returns_after")
    assert {row["event"]: tuple(row[name] for name in names) for row in rows} == expected
    earlier = {}
    for place, (who, at, _) in enumerate(events):
        past = [on for buyer, on, is_cancelled in orders if buyer == who and on < at and not is_cancelled]
        earlier[f"{place}"] = (len(past), at - min(past) if past else None, at - max(past) if past else None)
    rows = facts.run(look_back(facts, promised(facts))).to_pylist()
    told = ("orders_before", "tenure_days", "days_since_last_order")
    assert {row["event"]: tuple(row[name] for name in told) for row in rows} == earlier
