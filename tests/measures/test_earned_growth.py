"""Earned growth: the published example, each origin by hand, and a plain loop."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.companies import make_facts

from saydo.company import Facts
from saydo.measures.earned_growth import earned_growth

BEFORE, NOW = "2023-05-05", "2024-05-05"
END = "2024-12-31"  # makes 2024 the last full year


def company(*bought: tuple[str, str, float], origins: dict[str, bool | None] | None = None, **more: Any) -> Facts:
    """Purchases (customer, day, revenue); customers with what is known of how they came."""
    orders = [{"order_id": f"o{n}", "customer_id": name, "ordered_at": day} for n, (name, day, _) in enumerate(bought)]
    lines = [{"order_id": f"o{n}", "line": 1, "unit_price": price} for n, (_, _, price) in enumerate(bought)]
    people = [{"customer_id": name, "is_earned": is_earned} for name, is_earned in (origins or {}).items()]
    tables = {
        "orders": [{"order_id": "start", "ordered_at": "2022-01-01"}, *orders],
        "order_lines": lines,
        "customers": people or [{"customer_id": name} for name in {name for name, _, _ in bought}],
        "contacts": [{"at": END, "direction": "in"}],
    }
    return make_facts(**{**tables, **more})


def only(facts: Facts, **asked: Any) -> dict[str, Any]:
    [record] = earned_growth(facts, **asked).to_records()
    return record


def test_earned_growth_is_that_of_the_published_example() -> None:
    # Reichheld, Darnell and Burns 2021, Winning on Purpose, app. B: 85 % + 25 % - 100 % = 10 %, a third of all growth
    facts = company(
        *(("stays", BEFORE, 60), ("leaves", BEFORE, 40), ("stays", NOW, 85)),
        *(("friend", NOW, 25), ("advert", NOW, 20)),
        origins={"stays": None, "leaves": None, "friend": True, "advert": False},
    )
    found = only(facts)
    assert found["period"] == date(2024, 1, 1)
    assert (found["net_revenue_retention"], found["earned_share"], found["bought_share"]) == (0.85, 0.25, 0.20)
    names = ("earned_growth_rate", "growth_rate", "earned_growth_ratio")
    assert [found[name] for name in names] == pytest.approx([0.10, 0.30, 1 / 3])
    assert (found["customers_before"], found["customers"], found["new_customers"]) == (2, 3, 2)


def test_earned_growth_leaves_the_bounds_that_unknown_origins_leave() -> None:
    facts = company(
        ("old", BEFORE, 100), ("old", NOW, 90), ("friend", NOW, 20), ("whoever", NOW, 30), origins={"friend": True}
    )
    result = earned_growth(facts)
    [found] = result.to_records()
    assert found["unknown"] == 30
    assert [found[f"earned_growth_{name}"] for name in ("rate", "low", "high")] == pytest.approx([0.10, 0.10, 0.40])
    told = [str(note) for note in result.notes]
    assert "Revenue of new customers who came in an unknown way: 60% of that of all new customers." in told


def test_earned_growth_keeps_those_won_back_apart() -> None:
    facts = company(("old", BEFORE, 100), ("old", NOW, 50), ("long ago", "2022-05-05", 10), ("long ago", NOW, 30))
    found = only(facts)
    assert (found["won_back"], found["new_customers"], found["won_back_share"]) == (30, 0, 0.3)
    assert (found["growth_rate"], found["earned_growth_rate"]) == pytest.approx((-0.2, -0.5))
    assert found["earned_growth_ratio"] is None


def test_earned_growth_takes_returns_off_in_the_period_in_which_they_come() -> None:
    back = {"order_id": "o0", "line": 1, "quantity": 1, "refund": 40, "returned_at": NOW}
    found = only(company(("old", BEFORE, 100), ("old", NOW, 90), returns=[back]))
    assert (found["revenue_before"], found["revenue"], found["net_revenue_retention"]) == (100, 50, 0.5)


def test_earned_growth_of_quarters_in_a_row_compares_each_with_the_one_before() -> None:
    sales = [("a", "2024-02-01", 100), ("a", "2024-05-01", 80), ("b", "2024-05-01", 20), ("b", "2024-11-01", 30)]
    result = earned_growth(company(*sales, origins={"b": True}), period="quarter", periods=3)
    found = [(str(row["period"]), row["revenue_before"], row["revenue"], row["earned_growth_rate"]) for row in result]
    assert found == [
        ("2024-04-01", 100, 100, pytest.approx(0)),
        ("2024-07-01", 100, 0, -1),
        ("2024-10-01", 0, 30, None),
    ]


def test_earned_growth_splits_by_customers() -> None:
    people = [{"customer_id": "a", "country": "FR"}, {"customer_id": "b", "country": "CH"}]
    sales = [("a", BEFORE, 100), ("a", NOW, 90), ("b", BEFORE, 10), ("b", NOW, 20)]
    result = earned_growth(company(*sales, customers=people), by="country")
    assert {row["country"]: row["net_revenue_retention"] for row in result} == {"FR": 0.9, "CH": 2.0}


@pytest.mark.parametrize(("first", "is_cut_off"), [("2023-01-01", False), ("2023-01-02", True)])
def test_earned_growth_says_when_the_orders_begin_within_the_year_before(first: str, is_cut_off: bool) -> None:
    """An answer from long before does not make the orders of the year before complete."""
    facts = company(
        *(("a", first, 100), ("a", NOW, 90)),
        orders=[{"order_id": "o0", "customer_id": "a", "ordered_at": first}],
        feedback=[{"score": 9, "said_at": "2020-01-01"}],
    )
    result = earned_growth(facts)
    assert [row["is_cut_off"] for row in result] == [is_cut_off]
    told = (
        "The first order on file is of 2023-01-02: growth over a period that began before it looks larger than it is."
    )
    assert [str(note) for note in result.notes] == ([told] if is_cut_off else [])


def test_earned_growth_knows_which_of_several_periods_are_cut_off() -> None:
    orders = [{"order_id": f"o{n}", "customer_id": "a", "ordered_at": day} for n, day in enumerate((BEFORE, NOW))]
    facts = company(("a", BEFORE, 100), ("a", NOW, 90), orders=orders)
    told = {str(row["period"]): row["is_cut_off"] for row in earned_growth(facts, period="quarter", periods=6)}
    assert told == {"2023-07-01": True, "2024-04-01": False, "2024-07-01": False}


MONTH = st.integers(0, 35)
PURCHASE = st.tuples(st.sampled_from("abcde"), MONTH, st.integers(1, 9))
ORIGINS = st.fixed_dictionaries({name: st.sampled_from([True, False, None]) for name in "abcde"})


@settings(max_examples=6, deadline=None)
@given(st.lists(PURCHASE, min_size=1, max_size=20), ORIGINS)
def test_earned_growth_is_what_a_plain_loop_finds(
    purchases: list[tuple[str, int, int]], origins: dict[str, bool | None]
) -> None:
    bought = [(name, f"{2022 + month // 12}-{month % 12 + 1:02}-15", float(price)) for name, month, price in purchases]
    for row in earned_growth(company(*bought, origins=origins), periods=2):
        year = row["period"].year
        now, before = _by_customer(bought, year), _by_customer(bought, year - 1)
        first = {name: min(int(day[:4]) for other, day, _ in bought if other == name) for name in now}
        new = {name for name in now if name not in before and first[name] == year}
        expected = {
            "customers_before": len(before),
            "customers": len(now),
            "new_customers": len(new),
            "revenue_before": sum(before.values()),
            "revenue": sum(now.values()),
            "retained": sum(now[name] for name in now if name in before),
            "earned": sum(now[name] for name in new if origins[name] is True),
            "bought": sum(now[name] for name in new if origins[name] is False),
            "unknown": sum(now[name] for name in new if origins[name] is None),
            "won_back": sum(now[name] for name in now if name not in before and name not in new),
        }
        assert {name: row[name] for name in expected} == expected


def _by_customer(bought: list[tuple[str, str, float]], year: int) -> dict[str, float]:
    sums: dict[str, float] = {}
    for name, day, price in bought:
        if int(day[:4]) == year:
            sums[name] = sums.get(name, 0) + price
    return sums
