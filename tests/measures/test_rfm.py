"""RFM: equal customers get equal marks, every customer stands in one segment, the sums are those of the orders."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.companies import make_facts

from saydo import measures

TODAY = date(2024, 12, 31)


def _company(customers: dict[str, list[tuple[int, float]]]) -> dict[str, Any]:
    """Each customer's purchases as (days ago, amount)."""
    orders: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for who, purchases in customers.items():
        for number, (days_ago, amount) in enumerate(purchases):
            order = f"{who}-{number}"
            orders.append({"order_id": order, "customer_id": who, "ordered_at": str(TODAY - timedelta(days=days_ago))})
            lines.append({"order_id": order, "product_id": "p", "quantity": 2, "unit_price": amount / 2})
    return {"orders": orders, "order_lines": lines}


def _segments(customers: dict[str, list[tuple[int, float]]]) -> dict[str, str]:
    facts = make_facts(**_company(customers), customers=[{"customer_id": who} for who in customers])
    return {row["customer_id"]: row["segment"] for row in measures.rfm(facts, by="customer_id", as_of=str(TODAY))}


def test_rfm_names_the_customers_that_everybody_would_name() -> None:
    customers = {f"once-{n}": [(300 + 10 * n, 20.0 - n)] for n in range(8)}
    customers |= {"best": [(n, 500.0) for n in range(3, 60, 5)], "gone": [(n, 400.0) for n in range(450, 520, 5)]}
    customers["fresh"] = [(2, 30.0)]
    found = _segments(customers)
    assert (found["best"], found["gone"], found["fresh"]) == ("champions", "at risk", "new")
    assert found["once-7"] == "lost"


def test_rfm_gives_equal_customers_the_same_segment() -> None:
    found = _segments({f"c{n}": [(10, 50.0)] for n in range(23)})
    assert len(set(found.values())) == 1


@pytest.mark.parametrize("customers", [1, 30])
def test_rfm_calls_nobody_lost_where_all_bought_on_one_day(customers: int) -> None:
    found = _segments({f"c{n}": [(1, 50.0)] for n in range(customers)})
    assert set(found.values()) == {"wavering"}


def test_rfm_is_split_by_the_segment_that_the_company_gave() -> None:
    people = [{"customer_id": f"c{n}", "segment": "gold" if n % 2 else "basic"} for n in range(1, 21)]
    facts = make_facts(**_company({f"c{n}": [(n, 10.0 * n)] for n in range(1, 21)}), customers=people)
    rows = measures.rfm(facts, by="customers.segment", as_of=str(TODAY)).to_records()
    assert {row["customers_segment"] for row in rows} == {"gold", "basic"}
    assert {row["segment"] for row in rows} <= {"champions", "loyal", "new", "promising", "wavering", "asleep", "lost"}


def test_rfm_shares_and_sums_are_those_of_the_whole() -> None:
    facts = make_facts(**_company({f"c{n}": [(n * 7, 10.0 * n)] * (1 + n % 4) for n in range(1, 31)}))
    rows = measures.rfm(facts, as_of=str(TODAY)).to_records()
    assert sum(row["customers"] for row in rows) == 30
    assert sum(row["sales"] for row in rows) == pytest.approx(sum(10.0 * n * (1 + n % 4) for n in range(1, 31)))
    assert sum(row["customer_share"] for row in rows) == pytest.approx(1)
    assert sum(row["sales_share"] for row in rows) == pytest.approx(1)


def test_rfm_tells_how_often_customers_buy() -> None:
    """Every 10 days, every 40 days, and once or on one day: that tells no pace."""
    paced = {"often": [(5, 9.0), (15, 9.0), (25, 9.0)], "seldom": [(1, 9.0), (81, 9.0), (81, 9.0)]}
    facts = make_facts(**_company({**paced, "once": [(3, 9.0)], "day": [(4, 9.0), (4, 9.0)]}))
    found = measures.rfm(facts, by="customer_id", as_of=str(TODAY))
    assert {row["customer_id"]: row["days_between_purchases_median"] for row in found} == {
        "often": 10,
        "seldom": 40,
        "once": None,
        "day": None,
    }


def test_rfm_marks_are_given_before_the_split() -> None:
    customers = {f"c{n}": [(n, 10.0 * n)] for n in range(1, 21)}
    records = [{"customer_id": who, "country": "FR" if number % 2 else "CH"} for number, who in enumerate(customers)]
    facts = make_facts(**_company(customers), customers=records)
    whole = Counter({row["segment"]: row["customers"] for row in measures.rfm(facts, as_of=str(TODAY))})
    split: Counter[str] = Counter()
    for row in measures.rfm(facts, by="country", as_of=str(TODAY)):
        split[row["segment"]] += row["customers"]
    assert split == whole


def test_rfm_tells_how_many_orders_have_no_customer() -> None:
    company = _company({"a": [(3, 10.0)]})
    company["orders"].append({"order_id": "x", "ordered_at": "2024-06-01"})
    result = measures.rfm(make_facts(**company))
    assert [row["customers"] for row in result] == [1]
    assert len(result.notes) == 1


CUSTOMER = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 90).map(float)), min_size=1, max_size=4)


@settings(max_examples=25)
@given(st.lists(CUSTOMER, min_size=1, max_size=12))
def test_rfm_marks_agree_with_a_plain_loop(purchases: list[list[tuple[int, float]]]) -> None:
    customers = {f"c{n:02}": bought for n, bought in enumerate(purchases)}
    lately = {who: -min(day for day, _ in bought) for who, bought in customers.items()}
    often = {who: len(bought) for who, bought in customers.items()}
    much = {who: sum(amount for _, amount in bought) for who, bought in customers.items()}
    assert _segments(customers) == {who: _expected(who, lately, often, much) for who in customers}


def _expected(who: str, lately: dict[str, int], often: dict[str, int], much: dict[str, float]) -> str:
    def mark(values: dict[str, Any]) -> int:
        return 1 + 5 * sum(value < values[who] for value in values.values()) // len(values)

    equal = sum(value == lately[who] for value in lately.values())
    below = sum(value < lately[who] for value in lately.values())
    recent, f = 1 + 5 * (2 * below + equal) // (2 * len(lately)), (mark(often) + mark(much)) / 2
    if recent >= 4:
        return "champions" if f >= 3.5 else "new" if often[who] == 1 else "promising"
    if recent == 3:
        return "loyal" if f >= 3.5 else "wavering"
    return "at risk" if f >= 3.5 else "asleep" if f >= 2 and often[who] > 1 else "lost"
