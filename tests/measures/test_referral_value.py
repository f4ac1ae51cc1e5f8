"""The value of recommendations: who counts as brought, the three shares, and the truth of a simulated company."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.companies import cut_company, make_facts

from saydo.company import Facts
from saydo.engine import DuckDBEngine, open_facts
from saydo.errors import BadSetting
from saydo.measures import referral_value
from saydo.simulate import simulate
from saydo.stats.trials import binomial_p

Row = dict[str, Any]


def referral(who: str, whom: str | None = None, on: str = "2024-01-01", converted: str | None = "2024-01-10") -> Row:
    return {"referrer_id": who, "referred_id": whom, "referred_at": on, "converted_at": converted if whom else None}


def sale(customer: str, on: str, margin: float) -> tuple[Row, Row]:
    key = f"{customer} {on}"
    order = {"order_id": key, "customer_id": customer, "ordered_at": on}
    return order, {"order_id": key, "unit_price": margin + 5, "unit_cost": 5}


def company(referrals: list[Row], sales: list[tuple[Row, Row]], **more: Any) -> Facts:
    orders, lines = ([sold[place] for sold in sales] for place in (0, 1))
    return make_facts(referrals=referrals, orders=orders, order_lines=lines, **more)


def only(facts: Facts, as_of: str = "2025-06-01", **settings: Any) -> Row:
    (row,) = referral_value(facts, as_of=as_of, **settings).to_records()
    return row


PEOPLE = [
    {"customer_id": "b", "acquisition_cost": 8},
    {"customer_id": "c"},
    {"customer_id": "x", "acquisition_cost": 60, "is_earned": False},
    {"customer_id": "y", "acquisition_cost": 20},
    {"customer_id": "z", "acquisition_cost": 0, "is_earned": True},
]


def test_referral_value_stands_for_three_shares_who_would_have_come_anyway() -> None:
    sales = [sale("b", "2024-01-10", 100), sale("b", "2024-11-01", 40), sale("b", "2025-03-01", 70)]
    facts = company([referral("a", "b"), referral("a", "c"), referral("a")], sales, customers=PEOPLE)
    row = only(facts, came_anyway=0.25)
    assert (row["referrals"], row["converted"], row["referrers"], row["brought"]) == (3, 2, 1, 2)
    assert row["conversion_rate"] == pytest.approx(2 / 3)
    assert (row["margin_brought"], row["reward"], row["saved_cost"]) == (70, 4, 40)
    assert [row[name] for name in ("value_0", "value_50", "value_100", "value")] == [66, 51, 36, 58.5]
    assert row["value_low"] is None  # one person recommends: nobody knows how others differ


def test_referral_value_counts_the_first_who_recommended_and_nobody_who_had_bought() -> None:
    sales = [sale("b", "2024-01-10", 100), sale("old", "2023-06-01", 900), sale("old", "2024-02-01", 900)]
    referrals = [
        referral("late", "b", on="2024-01-05"),
        referral("first", "b", on="2024-01-02"),
        referral("first", "old"),
    ]
    rows = referral_value(company(referrals, sales), by="referrer_id", as_of="2025-06-01").to_records()
    assert [(row["referrer_id"], row["brought"], row["margin_brought"]) for row in rows] == [
        ("first", 1, 100),
        ("late", 0, None),
    ]


@pytest.mark.parametrize(("as_of", "brought"), [("2025-01-07", 0), ("2025-01-08", 1)])
def test_referral_value_waits_until_the_horizon_is_over(as_of: str, brought: int) -> None:
    facts = company([referral("a", "b")], [sale("b", "2024-01-09", 100)])  # bought a day before it was noted
    row = only(facts, as_of)
    assert (row["converted"], row["brought"], row["margin_brought"]) == (1, brought, 100 if brought else None)


def test_referral_value_takes_the_costs_of_the_months_where_no_customer_tells() -> None:
    costs = [
        {"month": "2024-01-01", "kind": "acquisition", "amount": 90},
        {"month": "2024-01-01", "kind": "other", "amount": 7},
    ]
    sales = [sale(name, "2024-01-10", 10) for name in ("b", "x", "y", "z")]
    row = only(company([referral("a", "b")], sales, costs=costs))
    assert (row["saved_cost"], row["value_100"]) == (30, 30)


def test_referral_value_says_what_is_missing() -> None:
    result = referral_value(company([referral("a", "b")], [sale("b", "2024-01-10", 100)]), as_of="2025-06-01")
    (row,) = result.to_records()
    assert (row["value_0"], row["value_50"], row["value"], row["saved_cost"]) == (100, None, None, None)
    assert any("Add acquisition_cost to customers" in str(note) for note in result.notes)
    unpriced = make_facts(referrals=[referral("a", "b")], orders=[{"customer_id": "b", "ordered_at": "2024-01-10"}])
    assert referral_value(unpriced, as_of="2025-06-01").to_records()[0]["brought"] == 0
    assert any("margin is not known: 1" in str(note) for note in referral_value(unpriced, as_of="2025-06-01").notes)


def test_referral_value_says_which_settings_it_can_take() -> None:
    facts = company([referral("a", "b")], [])
    with pytest.raises(BadSetting, match="came_anyway cannot be 50"):
        referral_value(facts, came_anyway=50.0)
    with pytest.raises(BadSetting, match="horizon cannot be 0"):
        referral_value(facts, horizon=0)


def require_honest(folder: Path, customers: int, parts: int, seed: int) -> None:
    """What the whole company shows lies within the intervals of its parts as often as they say."""
    truth = simulate(folder, customers=customers, seed=seed)["money"]
    facts = open_facts(folder, DuckDBEngine(threads=1))
    whole = only(facts, "2026-10-01")
    assert whole["converted"] == truth["referrals"]["converted"]
    assert whole["referrals"] - whole["converted"] == truth["referrals"]["missed"]
    assert whole["reward"] == truth["acquisition"]["recommendation"]["cost_expected"]
    paid = [truth["acquisition"][name] for name in ("search", "social", "marketplace")]
    mean = sum(one["customers"] * one["cost"] for one in paid) / sum(one["customers"] for one in paid)
    assert whole["saved_cost"] == pytest.approx(mean)
    rows = referral_value(cut_company(facts, parts), by="customers.x_part").to_records()
    for name in ("conversion", "value_0", "value_50"):
        figure = whole["conversion_rate" if name == "conversion" else name]
        held = sum(row[f"{name}_low"] <= figure <= row[f"{name}_high"] for row in rows)
        assert binomial_p(held, parts) > 0.001, name


def test_referral_value_finds_what_was_planted(tmp_path: Path) -> None:
    require_honest(tmp_path / "facts", 8_000, 40, 641)


@pytest.mark.slow
def test_referral_value_is_honest_in_200_companies(tmp_path: Path) -> None:
    require_honest(tmp_path / "facts", 60_000, 200, 642)
