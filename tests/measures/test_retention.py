"""Retention by cohort: complete units only, nobody forgotten, the same as a plain loop."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.companies import make_facts

from saydo import measures
from saydo.stats.intervals import wilson

START = datetime(2023, 1, 1)


def _orders(*bought: tuple[str | None, str], **more: Any) -> list[dict[str, Any]]:
    return [{"customer_id": customer, "ordered_at": day, **more} for customer, day in bought]


def test_retention_counts_who_of_a_cohort_bought_in_each_later_month() -> None:
    orders = _orders(("a", "2024-01-05"), ("b", "2024-01-31T23:59"), ("a", "2024-03-01"), ("c", "2024-02-10"))
    result = measures.retention(make_facts(orders=orders), as_of="2024-04-01")
    figures = [(row["cohort"].month, row["age"], row["customers"], row["active"]) for row in result]
    assert figures == [(1, 0, 2, 2), (1, 1, 2, 0), (1, 2, 2, 1), (2, 0, 1, 1), (2, 1, 1, 0)]


def test_retention_leaves_out_the_month_that_is_not_over() -> None:
    orders = _orders(("a", "2024-01-05"), ("a", "2024-02-05"), ("b", "2024-02-06"))
    unfinished = measures.retention(make_facts(orders=orders), as_of="2024-02-29")
    finished = measures.retention(make_facts(orders=orders), as_of="2024-03-01")
    assert [(row["cohort"].month, row["age"]) for row in unfinished] == [(1, 0)]
    assert [(row["cohort"].month, row["age"]) for row in finished] == [(1, 0), (1, 1), (2, 0)]


def test_retention_knows_neither_cancelled_orders_nor_strangers() -> None:
    orders = _orders(("a", "2024-01-05"), (None, "2024-01-06"))
    orders += _orders(("b", "2024-01-05"), status="cancelled", cancelled_at="2024-01-08")
    result = measures.retention(make_facts(orders=orders), as_of="2024-02-01")
    assert [(row["customers"], row["active"]) for row in result] == [(1, 1)]
    assert [str(note) for note in result.notes] == ["Orders without a customer: 50% of all. They are left out."]


def test_retention_cuts_months_in_the_companys_zone() -> None:
    orders = _orders(("a", "2024-01-31T23:30"), ("b", "2024-02-01T12:00"))
    result = measures.retention(make_facts(orders=orders, zone="Europe/Paris"), as_of="2024-03-01")
    assert [(row["cohort"], row["customers"]) for row in result] == [(date(2024, 2, 1), 2)]


def test_retention_keeps_a_customer_in_the_group_of_the_first_purchase() -> None:
    orders = _orders(("a", "2024-01-05"), touchpoint="web") + _orders(("a", "2024-02-05"), touchpoint="shop")
    result = measures.retention(make_facts(orders=orders), by="touchpoint", as_of="2024-03-01")
    assert [(row["touchpoint"], row["age"], row["active"]) for row in result] == [("web", 0, 1), ("web", 1, 1)]


@pytest.mark.parametrize(
    ("unit", "cohorts"), [("week", [date(2024, 1, 1), date(2024, 1, 8)]), ("quarter", [date(2024, 1, 1)])]
)
def test_retention_can_be_cut_in_other_units(unit: str, cohorts: list[date]) -> None:
    orders = _orders(("a", "2024-01-07"), ("b", "2024-01-08"), ("b", "2024-01-14"))
    result = measures.retention(make_facts(orders=orders), as_of="2024-04-01", unit=unit)
    assert list(dict.fromkeys(row["cohort"] for row in result)) == cohorts


PURCHASES = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 700)), min_size=1, max_size=40)


@settings(max_examples=25)
@given(PURCHASES)
def test_retention_agrees_with_a_plain_loop(purchases: list[tuple[str, int]]) -> None:
    orders = _orders(*((who, (START + timedelta(days=day)).isoformat()) for who, day in purchases))
    result = measures.retention(make_facts(orders=orders), as_of="2025-01-01")
    months = defaultdict(set)
    for who, day in purchases:
        when = START + timedelta(days=day)
        months[who].add(12 * when.year + when.month - 1)
    expected = {}
    for first in sorted({min(found) for found in months.values()}):
        cohort = [found for found in months.values() if min(found) == first]
        for age in range(12 * 2025 - first):
            active = sum(first + age in found for found in cohort)
            low, high = (float(end) for end in wilson(active, len(cohort)))
            expected[first, age] = (len(cohort), active, pytest.approx(low), pytest.approx(high))
    got = {
        (12 * row["cohort"].year + row["cohort"].month - 1, row["age"]): (
            *(row["customers"], row["active"]),
            *(row["retention_low"], row["retention_high"]),
        )
        for row in result
    }
    assert got == expected


def test_retention_interval_is_wilsons() -> None:
    orders = [{"customer_id": f"c{n}", "ordered_at": "1997-01-05"} for n in range(10)]
    orders += [{"customer_id": f"c{n}", "ordered_at": "1997-02-05"} for n in range(3)]
    row = measures.retention(make_facts(orders=orders), as_of="1997-03-01").to_records()[1]
    assert (row["retention_rate"], round(row["retention_low"], 4), round(row["retention_high"], 4)) == (
        0.3,
        0.1078,
        0.6032,
    )
