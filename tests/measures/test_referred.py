"""The referred: who counts as brought, in which years, and what a bank found, planted and found again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.companies import make_facts

from saydo.company import Facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.measures import referred
from saydo.stats.trials import binomial_p

Row = dict[str, Any]


def referral(whom: str | None, on: str = "2022-01-01", converted: str | None = "2022-01-10") -> Row:
    return {"referrer_id": "r", "referred_id": whom, "referred_at": on, "converted_at": converted if whom else None}


def order(customer: str, on: str, **more: Any) -> Row:
    return {"customer_id": customer, "ordered_at": on, **more}


def sides_of(facts: Facts, as_of: str = "2024-06-01", **settings: Any) -> dict[tuple[int, str], Row]:
    rows = referred(facts, as_of=as_of, **settings)
    return {(row["tenure"], row["came"]): row for row in rows}


def test_referred_are_those_recommended_before_they_first_bought() -> None:
    orders = [order("a", "2022-01-10"), order("b", "2022-01-10"), order("c", "2022-01-05"), order("d", "2022-02-01")]
    told = [
        referral("a"),
        referral("c", on="2022-01-06"),  # had bought before
        referral("d", converted=None),  # brought nobody
        referral(None),
    ]
    found = sides_of(make_facts(orders=orders, referrals=told), years=1)
    assert {side: row["events"] for side, row in found.items()} == {(1, "brought"): 1, (1, "otherwise"): 3}


def test_referred_leaves_out_who_came_before_recommendations_were_written_down() -> None:
    orders = [order("a", "2022-01-10"), order("b", "2021-12-31"), order("c", "2022-01-01")]
    found = sides_of(make_facts(orders=orders, referrals=[referral("a")]), years=1)
    assert found[1, "otherwise"]["events"] == 1


def test_referred_counts_what_came_after_the_first_purchase_in_each_year() -> None:
    orders = [order("a", "2022-01-10", order_id="first"), order("a", "2023-01-10"), order("a", "2023-01-11")]
    lines = [{"order_id": "first", "unit_price": 90, "unit_cost": 30}]
    found = sides_of(make_facts(orders=orders, order_lines=lines, referrals=[referral("a")]), years=2)
    assert [found[year, "brought"]["bought_rate"] for year in (1, 2)] == [1, 1]
    assert found[1, "brought"]["margin_mean"] == 0  # the first purchase is no deed of that year
    assert found[1, "brought"]["bought_difference"] is None  # nobody came otherwise


def test_referred_leaves_out_years_not_over_and_those_who_had_left() -> None:
    people = [{"customer_id": "a"}, {"customer_id": "b", "left_at": "2022-06-01"}, {"customer_id": "c"}]
    orders = [order("a", "2022-01-10"), order("b", "2022-01-10"), order("c", "2023-01-10")]
    facts = make_facts(customers=people, orders=orders, referrals=[referral("a")])
    found = sides_of(facts)
    assert {side: row["events"] for side, row in found.items()} == {
        (1, "brought"): 1,
        (1, "otherwise"): 2,
        (2, "brought"): 1,
    }
    assert found[1, "otherwise"]["left_rate"] == 0.5


def test_referred_says_what_it_can_take_and_what_is_missing() -> None:
    facts = make_facts(orders=[order("a", "2022-01-10")], referrals=[referral("a")])
    with pytest.raises(BadSetting, match=r"years cannot be 11\. It must be a number of years from 1 to 10"):
        referred(facts, years=11)
    with pytest.raises(BadSetting, match="days cannot be 0"):
        referred(facts, days=0)
    with pytest.raises(NothingToMeasure, match="no year of a customer is over"):
        referred(facts, as_of="2022-06-01")
    with pytest.raises(NothingToMeasure, match="brought a customer"):
        referred(make_facts(orders=[order("a", "2022-01-10")], referrals=[referral(None)]))


HAZARD, RATIO, UPLIFT = 0.18, 0.82, (0.25, 0.125, 0.0)  # as found in a bank: what recommendations bring wears off
WORTH = 60.0  # margin of a year of those who came otherwise


def build_bank(parts: int, size: int, seed: int) -> Facts:
    """Banks (``segment``) whose customers have the shares of leaving and the margins of Schmitt and others (2011).

    Those with a large first purchase earn twice as much, and are brought more often: a comparison of means is wrong.
    """
    chance = np.random.default_rng(seed)
    people, orders, lines, referrals = [], [], [], []
    for number in range(parts * size):
        name, is_rich = f"c{number:06}", bool(chance.random() < 0.5)
        is_brought = bool(chance.random() < (0.45 if is_rich else 0.15))  # 30 % in all
        lasts = chance.exponential(1 / (-np.log1p(-HAZARD) * (RATIO if is_brought else 1)))
        first = np.datetime64("2020-02-01") + np.timedelta64(int(chance.integers(0, 50)), "D")
        gone = first + np.timedelta64(1 + int(lasts * 365), "D")
        is_gone = gone < np.datetime64("2024-01-01")
        people.append(
            {"customer_id": name, "segment": f"part {number % parts:03}", "left_at": str(gone) if is_gone else None}
        )
        if is_brought:
            referrals.append(referral(name, on="2020-01-02", converted=str(first)))
        sales = [(first, 200.0 if is_rich else 100.0)]
        for year, uplift in enumerate(UPLIFT):
            day = first + np.timedelta64(365 * year + 1, "D")
            mean = WORTH * (4 / 3 if is_rich else 2 / 3) * (1 + uplift * is_brought)
            if day < gone:
                sales.append((day, float(chance.gamma(4, mean / 4))))
        for place, (day, price) in enumerate(sales):
            key = f"{name} {place}"
            orders.append(order(name, str(day), order_id=key))
            lines.append({"order_id": key, "unit_price": round(price, 2), "unit_cost": 0})
    return make_facts(customers=people, orders=orders, order_lines=lines, referrals=referrals)


def test_referred_finds_the_margin_and_the_loyalty_planted_as_in_schmitt_and_others_2011() -> None:
    parts = 40
    rows = referred(build_bank(parts, 300, seed=20111), by="segment", as_of="2024-01-01").to_records()
    brought = [row for row in rows if row["came"] == "brought"]
    otherwise = {(row["segment"], row["tenure"]): row for row in rows if row["came"] == "otherwise"}
    assert len(brought) == 3 * parts
    naive = [row["margin_mean"] - otherwise[row["segment"], 1]["margin_mean"] for row in brought if row["tenure"] == 1]
    rich = 0.75  # of those brought, 45 of 60
    mean = WORTH * (rich * 4 / 3 + (1 - rich) * 2 / 3)
    assert np.mean(naive) > 1.3 * UPLIFT[0] * mean
    leaving = (1 - HAZARD) ** RATIO - (1 - HAZARD)
    for tenure, uplift in enumerate(UPLIFT, start=1):
        here = [row for row in brought if row["tenure"] == tenure]
        for name, truth in (("left_difference", -leaving), ("margin_difference", uplift * mean)):
            found = np.array([row[name] for row in here])
            assert abs(found.mean() - truth) < 3.5 * found.std(ddof=1) / np.sqrt(parts), (name, tenure)
            held = sum(row[f"{name}_low"] <= truth <= row[f"{name}_high"] for row in here)
            assert binomial_p(held, parts) > 0.001, (name, tenure)
