"""Models of repeat purchases as measures: exact days, a choice that is explained, what was foretold and what came."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.companies import cut_company, make_facts

from saydo import measures
from saydo.company import Facts
from saydo.engine import DuckDBEngine, open_facts
from saydo.errors import BadSetting, TooFewRepeats
from saydo.measures._histories import KEYS, find_histories, read_histories, run_histories
from saydo.simulate import PURE_LAPSE, simulate
from saydo.stats.lifetimes import MODELS, fit
from saydo.stats.trials import binomial_p

START = date(2023, 1, 1)


def drawn_orders(model: str, parameters: tuple[float, ...], customers: int, seed: int) -> list[dict[str, Any]]:
    """Orders of customers drawn from a model, at most one a day, over two years; first purchases in the first."""
    chance = np.random.default_rng(seed)
    age = np.ceil(chance.uniform(365, 730, customers))
    orders = []
    for who, end in enumerate(age):
        moments = _moments(model, parameters, end, chance)
        orders += [(f"c{who:04}", START + timedelta(days=730 - int(end) + int(day))) for day in {0, *moments}]
    return [{"customer_id": who, "ordered_at": str(day)} for who, day in orders]


def _moments(model: str, parameters: tuple[float, ...], end: float, chance: np.random.Generator) -> list[float]:
    r, alpha, a, b = parameters
    rate, stop = chance.gamma(r, 1 / alpha), chance.beta(a, b)
    moments: list[float] = []
    now = 0.0
    goes_on = model == "bg_nbd" or chance.random() >= stop
    while goes_on:
        now += chance.exponential(1 / rate)
        goes_on = now < end and chance.random() >= stop
        moments += [np.ceil(now)] if now < end else []
    return moments


@pytest.fixture(scope="module")
def company() -> Facts:
    return make_facts(orders=drawn_orders("mbg_nbd", (1.4, 60.0, 1.0, 4.0), 700, seed=20240610))


def test_histories_count_days_and_not_orders_in_the_companys_zone() -> None:
    orders = [
        {"customer_id": "a", "ordered_at": "2024-01-01T22:30"},  # 23:30 in Paris
        {"customer_id": "a", "ordered_at": "2024-01-01T23:30"},  # the second of January in Paris
        {"customer_id": "a", "ordered_at": "2024-01-02T10:00"},
        {"customer_id": "a", "ordered_at": "2024-01-12T10:00"},
        {"customer_id": "a", "ordered_at": "2024-01-20T10:00", "status": "cancelled"},
        {"customer_id": "b", "ordered_at": "2024-01-31T10:00"},
        {"ordered_at": "2024-01-05"},
    ]
    facts = make_facts(orders=orders, zone="Europe/Paris")
    found = run_histories(facts, find_histories(facts)).to_pylist()
    assert [tuple(row.values()) for row in found] == [(0, 0, 0, 1), (2, 11, 30, 1)]
    before = facts.run(find_histories(facts, date(2024, 1, 12))).to_pylist()
    assert [(row["repeats"], row["last_days"], row["age_days"], row["coming"]) for row in before] == [(1, 1, 10, 1)]


PURCHASES = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 90)), min_size=1, max_size=30)


@settings(max_examples=20)
@given(purchases=PURCHASES, until=st.integers(1, 91))
def test_histories_match_plain_loop(purchases: list[tuple[str, int]], until: int) -> None:
    facts = make_facts(
        orders=[{"customer_id": who, "ordered_at": str(START + timedelta(day))} for who, day in purchases]
    )
    days = defaultdict(set)
    for who, day in purchases:
        days[who].add(day)
    seen = {who: sorted(day for day in bought if day < until) for who, bought in days.items()}
    end = min(until - 1, max(day for _, day in purchases))
    expected = Counter(
        (len(one) - 1, one[-1] - one[0], end - one[0], len(days[who]) - len(one)) for who, one in seen.items() if one
    )
    rows = run_histories(facts, find_histories(facts, START + timedelta(days=until)), "coming").to_pylist()
    assert {(*(row[key] for key in KEYS), row["coming"]): row["count"] for row in rows} == expected


def test_repurchase_model_is_the_fit_of_the_histories(company: Facts) -> None:
    [row] = measures.repurchase_model(company, model="mbg_nbd", unit="week").to_records()
    fitted = fit(read_histories(run_histories(company, find_histories(company)), 7), MODELS["mbg_nbd"])
    found = [row[name] for name in fitted.model.names]
    assert found == pytest.approx(list(fitted.parameters))
    assert [row[f"{name}_se"] for name in fitted.model.names] == pytest.approx(list(fitted.se))
    assert (row["s"], row["beta"], row["customers"]) == (None, None, 700)
    assert row["repeats_low"] < row["repeats_first_year"] < row["repeats_high"]
    assert row["repeats_first_year"] == pytest.approx(fitted.expected_since_first(365 / 7)[0])


def test_repurchase_model_in_weeks_is_that_in_days(company: Facts) -> None:
    days, weeks = (
        measures.repurchase_model(company, model="mbg_nbd", unit=unit).to_records()[0] for unit in ("day", "week")
    )
    assert days["alpha"] == pytest.approx(7 * weeks["alpha"], rel=1e-5)
    assert (days["r"], days["a"], days["b"]) == pytest.approx((weeks["r"], weeks["a"], weeks["b"]), rel=1e-5)
    assert days["log_likelihood"] == pytest.approx(weeks["log_likelihood"] - days["repeat_purchases"] * np.log(7))
    assert days["repeats_first_year"] == pytest.approx(weeks["repeats_first_year"], rel=1e-5)


def test_repurchase_model_sees_nothing_that_came_after_calibration(company: Facts) -> None:
    until = START + timedelta(days=500)
    one = measures.repurchase_model(company, model="mbg_nbd", calibrate_until=str(until)).to_records()
    other = measures.repurchase_model(company, model="mbg_nbd", as_of=str(until)).to_records()
    assert one == other


def test_repurchase_model_ages_nobody_beyond_the_last_day_seen(company: Facts) -> None:
    later = measures.repurchase_model(company, model="mbg_nbd", calibrate_until="2030-01-01")
    assert later.to_records() == measures.repurchase_model(company, model="mbg_nbd").to_records()


def test_repurchase_model_says_why_it_was_chosen(company: Facts) -> None:
    result = measures.repurchase_model(company, calibrate_until="2024-04-01")
    [row] = result.to_records()
    assert row["model"] in MODELS
    assert "fitted to the purchases before 2024-04-01" in str(result.notes[0])
    few = drawn_orders("mbg_nbd", (1.4, 60.0, 1.0, 4.0), 60, seed=3)
    result = measures.repurchase_model(make_facts(orders=few))
    assert "too few purchases to hold some of them out" in str(result.notes[0])


def test_repurchase_model_chooses_the_one_that_people_follow() -> None:
    parameters = (6.0, 30.0, 2.0, 3.0)  # after a first purchase four in ten are gone at once: the BG/NBD cannot say it
    facts = make_facts(orders=drawn_orders("mbg_nbd", parameters, 1_500, seed=20240611))
    result = measures.repurchase_model(facts, calibrate_until="2024-03-01")
    assert result.to_records()[0]["model"] == "mbg_nbd"
    assert "by more than chance" in str(result.notes[0])


def test_repurchase_model_warns_of_one_time_buyers(company: Facts) -> None:
    notes = [str(note) for note in measures.repurchase_model(company, model="bg_nbd").notes]
    assert any("everybody who bought once" in note for note in notes)
    assert not any("bought once" in str(note) for note in measures.repurchase_model(company, model="mbg_nbd").notes)


def test_repurchase_model_fits_groups_and_leaves_small_ones_empty(company: Facts) -> None:
    orders = company.run(company.table("orders")).to_pylist()
    records = [
        {"customer_id": who, "segment": "few" if who < "c0008" else "many"}
        for who in {o["customer_id"] for o in orders}
    ]
    kept = [{key: order[key] for key in ("customer_id", "ordered_at")} for order in orders]
    result = measures.repurchase_model(
        make_facts(orders=kept, customers=records), by="customers.segment", model="mbg_nbd"
    )
    few, many = result.to_records()
    assert (few["segment"], few["customers"], few["r"], few["repeats_first_year"]) == ("few", 8, None, None)
    assert many["customers"] == 692
    assert many["r"] > 0
    assert any("too few bought again for a model: 1" in str(note) for note in result.notes)


ONCE = [{"customer_id": f"c{n}", "ordered_at": str(START + timedelta(n))} for n in range(40)]


@pytest.mark.parametrize("orders", [ONCE, ONCE[:1], [ONCE[0], {**ONCE[0], "ordered_at": "2023-06-01"}]])
@pytest.mark.parametrize("name", ["repurchase_model", "repurchase_check", "lifetime_value", "spend_model"])
def test_models_of_nobody_who_came_back_say_what_they_need(name: str, orders: list[dict[str, Any]]) -> None:
    lines = [{"order_id": f"o{n}", "line": 1, "unit_price": 5.0, "unit_cost": 2.0} for n in range(len(orders))]
    facts = make_facts(orders=[{**one, "order_id": f"o{n}"} for n, one in enumerate(orders)], order_lines=lines)
    with pytest.raises(TooFewRepeats, match=r"only \d bought again.* It needs 10 who did"):
        measures.find(name)(facts)


# What was foretold beside what came


def test_check_counts_what_a_plain_loop_counts(company: Facts) -> None:
    until = date(2024, 4, 1)
    days = defaultdict(set)
    for order in company.run(company.table("orders")).to_pylist():
        days[order["customer_id"]].add(order["ordered_at"].date())
    customers: Counter[int] = Counter()
    purchases: Counter[int] = Counter()
    for bought in days.values():
        before = sum(day < until for day in bought)
        if before:
            customers[min(before - 1, 7)] += 1
            purchases[min(before - 1, 7)] += len(bought) - before
    result = measures.repurchase_check(company, calibrate_until=str(until), model="mbg_nbd")
    assert {row["repeats"]: (row["customers"], row["purchases"]) for row in result} == {
        key: (customers[key], purchases[key]) for key in sorted(customers)
    }
    for row in result:
        assert row["expected_low"] <= row["expected_purchases"] <= row["expected_high"]
        assert row["expected_per_customer"] == pytest.approx(row["expected_purchases"] / row["customers"])


def test_check_follows_every_week(company: Facts) -> None:
    result = measures.repurchase_check(company, calibrate_until="2024-04-01", model="mbg_nbd", each="week").to_records()
    weeks = [row["week"] for row in result]
    assert all(later - earlier == timedelta(days=7) for earlier, later in pairwise(weeks))
    [model] = measures.repurchase_model(company, model="mbg_nbd").to_records()
    assert sum(row["purchases"] for row in result) == model["repeat_purchases"]  # nobody came after that April
    held_out = [row for row in result if row["is_held_out"]]
    assert held_out[0]["week"] == date(2024, 4, 1)
    frequencies = measures.repurchase_check(company, calibrate_until="2024-04-01", model="mbg_nbd").to_records()
    assert sum(row["purchases"] for row in held_out) == sum(row["purchases"] for row in frequencies)
    inside = [row["expected_low"] <= row["purchases"] <= row["expected_high"] for row in result[1:-1]]
    assert binomial_p(sum(inside), len(inside)) > 0.001


def test_check_refuses_a_day_after_the_last(company: Facts) -> None:
    with pytest.raises(BadSetting, match="It must be a day before the last one seen"):
        measures.repurchase_check(company, calibrate_until="2025-03-01")


def test_ranges_of_the_check_hold_what_customers_of_the_model_buy() -> None:
    inside = rows = 0
    for seed in range(20240620, 20240626):
        facts = make_facts(orders=drawn_orders("mbg_nbd", (1.4, 60.0, 1.0, 4.0), 250, seed))
        for row in measures.repurchase_check(facts, calibrate_until="2024-04-01", model="mbg_nbd"):
            inside += row["expected_low"] <= row["purchases"] <= row["expected_high"]
            rows += 1
    assert binomial_p(inside, rows) > 0.001


# The simulator's truth, and the published numbers


@pytest.mark.slow
def test_parameters_hold_the_simulators_truth(tmp_path: Path) -> None:
    truth = simulate(tmp_path / "pure", customers=40_000, seed=20240630, **PURE_LAPSE)["lapse"]["parameters"]
    facts = cut_company(open_facts(tmp_path / "pure", DuckDBEngine()), 40)
    hits = told = 0
    for row in measures.repurchase_model(facts, by="customers.x_part", model="mbg_nbd"):
        for name, value in truth.items():
            hits += row[f"{name}_low"] <= value <= row[f"{name}_high"]
            told += 1
    assert binomial_p(hits, told) > 0.001


@pytest.mark.real
def test_repurchase_model_matches_fader_hardie_lee_2005_on_cdnow(real_data: Path) -> None:
    lines = [line.split() for line in (real_data / "cdnow" / "CDNOW_sample.txt").read_text().splitlines()]
    orders = [{"customer_id": who, "ordered_at": str(datetime.strptime(day, "%Y%m%d"))} for _, who, day, *_ in lines]
    facts = make_facts(orders=orders)
    result = measures.repurchase_model(facts, unit="week", calibrate_until="1997-10-01")
    [row] = result.to_records()
    assert (row["model"], row["customers"], row["distinct_rows"]) == ("bg_nbd", 2357, 1016)
    assert [row[name] for name in ("r", "alpha", "a", "b")] == pytest.approx([0.2426, 4.4136, 0.7929, 2.4259], abs=5e-5)
    assert row["log_likelihood"] == pytest.approx(-9582.43, abs=5e-3)
    assert "no other foretold those from then on better by more than chance" in str(result.notes[0])
    frequencies = measures.repurchase_check(facts, calibrate_until="1997-10-01").to_records()
    assert sum(row["customers"] for row in frequencies) == 2357
    assert sum(row["purchases"] for row in frequencies) == 1882
