"""Lifetime value: the sum of what is expected of each customer, on margin, losses too; and the simulator's truth."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.companies import make_facts

from saydo import measures
from saydo.company import Facts
from saydo.engine import DuckDBEngine, open_facts
from saydo.errors import BadSetting, MixedCurrencies, NothingToMeasure, UnknownSplit
from saydo.measures._lifetime import customer_values, find_credibility
from saydo.simulate import PURE_LAPSE, simulate

START = date(2023, 1, 1)


def make_company(seed: int = 1, cost: float | None = 6.0) -> dict[str, Any]:
    """120 customers over two years: c000 alone loses money, every third bought once."""
    chance = np.random.default_rng(seed)
    orders: list[dict[str, Any]] = []
    for number in range(120):
        day = int(chance.integers(0, 300))
        for _ in range(1 if number % 3 == 0 else int(chance.integers(2, 9))):
            orders.append({"customer_id": f"c{number:03}", "ordered_at": str(START + timedelta(day))})
            day += int(chance.integers(5, 50))
    lines = []
    for place, order in enumerate(orders):
        order["order_id"] = f"o{place}"
        price = 4.0 if order["customer_id"] == "c001" else 10.0 + int(order["customer_id"][1:]) % 7
        lines.append({"order_id": f"o{place}", "line": 1, "unit_price": price, "unit_cost": cost})
    return {"orders": orders, "order_lines": lines}


@pytest.fixture(scope="module")
def facts() -> Facts:
    customers = [{"customer_id": f"c{n:03}", "segment": "odd" if n % 2 else "even"} for n in range(120)]
    return make_facts(**make_company(), customers=customers)


def test_value_of_all_is_the_sum_over_customers(facts: Facts) -> None:
    [row] = measures.lifetime_value(facts, model="mbg_nbd", horizon=180, discount=0.2).to_records()
    people = measures.lifetime_value(facts, model="mbg_nbd", horizon=180, discount=0.2, each="customer").to_records()
    assert row["customers"] == len(people) == 120
    assert row["alive_share"] == pytest.approx(np.mean([one["p_alive"] for one in people]))
    assert row["expected_purchases"] == pytest.approx(sum(one["expected_purchases"] for one in people))
    assert row["expected_margin"] == pytest.approx(sum(one["expected_margin"] for one in people))
    assert row["value_per_customer"] == pytest.approx(row["expected_margin"] / 120)
    for name in ("alive", "purchases", "margin", "value"):
        assert row[f"{name}_low"] < row[f"{name}_high"]


def test_ends_seen_in_some_histories_are_near_those_of_all(facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measures.lifetime_value(facts, by="customers.segment", model="mbg_nbd").to_records()
    for name, value in {"MOST_DRAWN": 60, "FEWEST_DRAWN": 5}.items():
        monkeypatch.setattr(sys.modules["saydo.measures.lifetime_value"], name, value)
    some = measures.lifetime_value(facts, by="customers.segment", model="mbg_nbd").to_records()
    for one, other in zip(whole, some, strict=True):
        assert one["expected_margin"] == other["expected_margin"]
        for stem in ("alive", "purchases", "margin", "value"):
            width = one[f"{stem}_high"] - one[f"{stem}_low"]
            assert other[f"{stem}_low"] != one[f"{stem}_low"]
            assert other[f"{stem}_low"] == pytest.approx(one[f"{stem}_low"], abs=0.3 * width)
            assert other[f"{stem}_high"] == pytest.approx(one[f"{stem}_high"], abs=0.3 * width)


def test_some_of_very_many_customers_tell_what_a_purchase_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = make_company()
    for place, line in enumerate(tables["order_lines"]):
        line["unit_price"] += place % 9
    facts = make_facts(**tables, customers=[{"customer_id": f"c{n:03}"} for n in range(120)])
    [whole] = measures.lifetime_value(facts, model="mbg_nbd").to_records()
    monkeypatch.setattr("saydo.measures._population.MANY_CUSTOMERS", 100)
    monkeypatch.setattr("saydo.measures._sample.MOST_CUSTOMERS", 60)
    found = measures.lifetime_value(facts, model="mbg_nbd")
    [some] = found.to_records()
    assert any("taken" in note.values for note in found.notes)
    assert some["expected_purchases"] == whole["expected_purchases"]
    assert some["expected_margin"] != whole["expected_margin"]
    assert some["expected_margin"] == pytest.approx(whole["expected_margin"], rel=0.1)


def test_value_has_no_ends_where_a_parameter_can_hardly_be_told(facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saydo.stats.likelihood._VAGUE", 0.0)
    result = measures.lifetime_value(facts, model="mbg_nbd")
    [row] = result.to_records()
    assert row["value_per_customer"] is not None
    assert {row[f"{name}_{end}"] for name in ("alive", "purchases", "margin", "value") for end in ("low", "high")} == {
        None
    }
    assert any("can hardly be told" in str(note) for note in result.notes)
    [model] = measures.repurchase_model(facts, model="mbg_nbd").to_records()
    assert (model["r_low"], model["r_high"]) == (None, None)


def test_value_of_groups_adds_up_to_that_of_all(facts: Facts) -> None:
    [whole] = measures.lifetime_value(facts, model="mbg_nbd").to_records()
    parts = measures.lifetime_value(facts, by="customers.segment", model="mbg_nbd").to_records()
    assert [row["segment"] for row in parts] == ["even", "odd"]
    for name in ("customers", "expected_purchases", "expected_margin"):
        assert sum(row[name] for row in parts) == pytest.approx(whole[name])


def test_nobody_is_alive_for_certain_and_who_was_here_lately_more_so(facts: Facts) -> None:
    people = facts.run(customer_values(facts, model="mbg_nbd")).to_pylist()
    assert all(0 < one["p_alive"] < 1 for one in people)
    assert all(0 <= one["purchases_low"] <= one["purchases_high"] for one in people)
    once = [one["p_alive"] for one in people if one["purchases"] == 1]
    assert max(once) < 0.9


def test_margin_of_a_purchase_is_drawn_to_that_of_all(facts: Facts) -> None:
    people = {one["customer_id"]: one for one in facts.run(customer_values(facts, model="mbg_nbd")).to_pylist()}
    loser, found = people["c001"], find_credibility(facts)
    n, own = loser["purchases"], 4.0 - 6.0
    assert loser["margin_per_purchase"] == pytest.approx((found.weight * found.mean + n * own) / (found.weight + n))
    assert own < loser["margin_per_purchase"] < found.mean
    assert loser["expected_margin_low"] <= loser["expected_margin"] <= loser["expected_margin_high"] + 1e-9


def test_discount_takes_off_what_comes_later(facts: Facts) -> None:
    plain, later = (measures.lifetime_value(facts, model="mbg_nbd", discount=rate).to_records()[0] for rate in (0, 0.5))
    assert plain["expected_purchases"] == later["expected_purchases"]
    assert plain["expected_margin"] / 1.5 < later["expected_margin"] < 0.95 * plain["expected_margin"]


def test_returns_and_contacts_lower_the_value(facts: Facts) -> None:
    company = make_company()
    orders = company["orders"]
    returns = [{"order_id": one["order_id"], "returned_at": "2024-12-01", "refund": 3.0} for one in orders[::2]]
    contacts = [{"customer_id": one["customer_id"], "at": "2024-12-01", "cost": 1.0} for one in orders[::4]]
    before = measures.lifetime_value(make_facts(**company), as_of="2025-01-01", model="mbg_nbd").to_records()[0]
    cost = make_facts(**company, returns=returns, contacts=contacts)
    after = measures.lifetime_value(cost, as_of="2025-01-01", model="mbg_nbd").to_records()[0]
    assert after["expected_purchases"] == pytest.approx(before["expected_purchases"])
    taken = (3.0 * len(returns) + len(contacts)) / len(orders)
    per_purchase = [row["expected_margin"] / row["expected_purchases"] for row in (before, after)]
    assert per_purchase[0] - per_purchase[1] == pytest.approx(taken, rel=0.25)


def test_losses_give_a_negative_value_and_a_word() -> None:
    result = measures.lifetime_value(make_facts(**make_company(cost=40.0)), model="mbg_nbd")
    [row] = result.to_records()
    assert row["value_low"] <= row["value_per_customer"] <= row["value_high"] < 0
    assert any("more purchases mean less value" in str(note) for note in result.notes)


def test_one_row_per_customer_comes_by_either_name_and_mixes_with_no_split(facts: Facts) -> None:
    each = measures.lifetime_value(facts, model="mbg_nbd", each="customer")
    assert measures.lifetime_value(facts, model="mbg_nbd", by="customer_id").to_records() == each.to_records()
    with pytest.raises(UnknownSplit, match="lifetime_value cannot be split by customer_id"):
        measures.lifetime_value(facts, by="customer_id,touchpoint")


def test_horizon_beyond_what_was_seen_is_said(facts: Facts) -> None:
    notes = [str(note) for note in measures.lifetime_value(facts, horizon=3650, model="mbg_nbd").notes]
    assert any("The horizon of 3,650 days is longer than the" in note for note in notes)
    notes = [str(note) for note in measures.lifetime_value(facts, horizon=30, model="mbg_nbd").notes]
    assert not any("horizon" in note for note in notes)


def test_value_says_what_is_wrong_and_what_would_help(facts: Facts) -> None:
    with pytest.raises(NothingToMeasure, match=r"the cost of nothing that was sold is known; add unit_cost"):
        measures.lifetime_value(make_facts(**make_company(cost=None)), model="mbg_nbd")
    with pytest.raises(BadSetting, match=r"horizon cannot be 0"):
        measures.lifetime_value(facts, horizon=0)
    with pytest.raises(BadSetting, match=r"discount cannot be -0.1\. It must be a rate per year"):
        measures.lifetime_value(facts, discount=-0.1)
    with pytest.raises(BadSetting, match=r"each cannot be customer"):
        measures.lifetime_value(facts, by="customers.segment", each="customer")


def test_lifetime_value_says_nothing_where_the_cost_of_most_of_what_was_sold_is_unknown() -> None:
    company = make_company()
    for place, line in enumerate(company["order_lines"]):
        line["unit_cost"] = 6.0 if place % 16 == 0 else None
    with pytest.raises(NothingToMeasure, match="the cost of most of what was sold is unknown, so nobody can say what"):
        measures.lifetime_value(make_facts(**company), model="mbg_nbd")


@pytest.mark.parametrize("name", ["lifetime_value", "spend_model"])
def test_amounts_in_other_currencies_need_a_rate(name: str) -> None:
    company = make_company()
    company["orders"][5]["currency"] = "CHF"
    with pytest.raises(MixedCurrencies, match=r"no exchange rate from CHF .* Add what is missing to exchange_rates"):
        measures.find(name)(make_facts(**company))
    rates = [{"day": "2022-12-01", "currency": "CHF", "to_currency": "EUR", "rate": 1.05}]
    assert len(measures.find(name)(make_facts(**company, exchange_rates=rates))) == 1


# Spending


def test_spend_model_takes_repeat_purchases_and_not_the_first() -> None:
    company = make_company()
    firsts = {one["customer_id"]: one["order_id"] for one in reversed(company["orders"])}
    for line in company["order_lines"]:
        if line["order_id"] in firsts.values():
            line["unit_price"] = 1_000_000.0
    [row] = measures.spend_model(make_facts(**company)).to_records()
    assert row["customers"] == 80
    assert 9 < row["mean_spend"] < 17


def test_spend_model_leaves_out_what_brought_nothing_and_says_so() -> None:
    company = make_company()
    for line, order in zip(company["order_lines"], company["orders"], strict=True):
        if order["customer_id"] in ("c001", "c002"):
            line["unit_price"] = 0.0
    result = measures.spend_model(make_facts(**company))
    assert [(row["customers"], row["left_out"]) for row in result] == [(78, 2)]
    assert any("brought nothing or less: 2" in str(note) for note in result.notes)


def test_spend_model_warns_when_spending_goes_with_frequency() -> None:
    company = make_company()
    often = {
        who: sum(one["customer_id"] == who for one in company["orders"]) for who in (f"c{n:03}" for n in range(120))
    }
    for line, order in zip(company["order_lines"], company["orders"], strict=True):
        line["unit_price"] = 5.0 * often[order["customer_id"]] + int(order["order_id"][1:]) % 3
    result = measures.spend_model(make_facts(**company))
    [row] = result.to_records()
    assert row["correlation_low"] > 0.3
    assert any("goes with how often they buy" in str(note) for note in result.notes)


def test_spend_model_of_people_who_spend_alike_gives_the_mean_and_no_model() -> None:
    company = make_company()
    for line in company["order_lines"]:
        line["unit_price"] = 12.0
    result = measures.spend_model(make_facts(**company))
    [row] = result.to_records()
    assert (row["mean_spend"], row["p"], row["q"], row["v"]) == (pytest.approx(12), None, None, None)
    assert any("nothing to model" in str(note) for note in result.notes)


# The simulator's truth


@pytest.mark.slow
def test_values_hold_what_the_simulated_customers_do_next(tmp_path: Path) -> None:
    truth = simulate(tmp_path / "pure", customers=20_000, seed=20240701, **PURE_LAPSE)["lapse"]
    facts = open_facts(tmp_path / "pure", DuckDBEngine())
    [row] = measures.lifetime_value(facts, model="mbg_nbd").to_records()
    assert row["alive_share"] == pytest.approx(truth["active"] / truth["customers"], abs=0.015)
    orders = truth["next"]["365"]["orders"]
    noise = 2.5 * np.sqrt(orders)  # orders of one customer come together
    assert row["purchases_low"] - noise < orders < row["purchases_high"] + noise
