"""Recovery: who counts as recovered and when, and a difference that is only confounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.companies import make_facts

from saydo.company import Facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.measures import recovery
from saydo.stats.trials import binomial_p

Row = dict[str, Any]
OPENED = "2024-03-01"


def case(customer: str | None, answered: str | None = None, again: str | None = None, **more: Any) -> Row:
    times = {"opened_at": OPENED, "answered_at": answered, "closed_at": "2024-03-25"}
    return {"customer_id": customer, **times, "asked_again_id": again, **more}


def again(name: str, score: float, on: str = "2024-03-20", **more: Any) -> Row:
    return {"feedback_id": name, "score": score, "said_at": on, "occasion": "event", **more}


def order(customer: str, on: str, **more: Any) -> Row:
    return {"customer_id": customer, "ordered_at": on, **more}


def groups_of(facts: Facts, **settings: Any) -> dict[str, Row]:
    return {row["group"]: row for row in recovery(facts, as_of="2025-06-01", show_small_groups=True, **settings)}


def test_recovery_tells_apart_the_content_the_answered_and_the_late() -> None:
    cases = [
        case("a", "2024-03-02", "f1"),  # in time, gave 7 of 10
        case("b", "2024-03-02", "f2"),  # in time, gave 6 of 10
        case("c", "2024-03-03", "f3"),  # in time to the second, 4 of 1 to 5 is three quarters
        case("d", "2024-03-02", "f4"),  # content, but only after the days in which it must be settled
        case("e", "2024-03-03T00:01", "f5"),  # content, but answered late
        case("f"),
        case("g", "2024-03-02"),
        case(None, "2024-03-02"),
    ]
    said = [
        again("f1", 7),
        again("f2", 6),
        again("f3", 4, question="stars", scale_min=1, scale_max=5),
        again("f4", 10, on="2024-04-01"),
        again("f5", 10),
    ]
    found = groups_of(make_facts(cases=cases, feedback=said))
    assert {name: row["events"] for name, row in found.items()} == {"content": 2, "answered": 3, "late": 2}


def test_recovery_counts_what_came_after_the_days_to_settle_alone() -> None:
    cases = [case("a", "2024-03-02"), case("b", "2024-03-02"), case("c", "2024-03-02", order_id="own")]
    orders = [order("a", "2024-03-20"), order("b", "2024-04-10"), order("c", "2024-04-10", order_id="own")]
    facts = make_facts(cases=cases, orders=orders)
    assert groups_of(facts)["answered"]["bought_rate"] == pytest.approx(1 / 3)
    assert groups_of(facts, settled=10)["answered"]["bought_rate"] == pytest.approx(2 / 3)
    assert recovery(facts, as_of="2024-09-28", horizon=180, show_small_groups=True).to_records()[0]["events"] == 3


def test_recovery_waits_until_the_horizon_is_over() -> None:
    facts = make_facts(cases=[case("a", "2024-03-02")])
    with pytest.raises(NothingToMeasure, match="no case of a known customer is as old as the horizon"):
        recovery(facts, as_of="2024-09-27")


def test_recovery_says_which_days_it_can_take() -> None:
    for name in ("within", "settled", "horizon"):
        settings: dict[str, Any] = {name: 0}
        with pytest.raises(BadSetting, match=f"{name} cannot be 0"):
            recovery(make_facts(cases=[case("a")]), **settings)


def test_recovery_compares_with_nobody_when_nobody_was_late() -> None:
    cases = [case(f"c{number}", "2024-03-02") for number in range(12)]
    row = groups_of(make_facts(cases=cases, orders=[order("x", "2024-01-01")]))["answered"]
    assert (row["bought_rate"], row["bought_difference"]) == (0, None)


def test_recovery_brings_the_margin_of_those_who_came_back() -> None:
    cases = [case("a", "2024-03-02"), case("b")]
    orders = [order("a", "2024-05-01", order_id="o")]
    lines = [{"order_id": "o", "unit_price": 90, "unit_cost": 30}]
    found = groups_of(make_facts(cases=cases, orders=orders, order_lines=lines))
    assert (found["answered"]["margin_mean"], found["late"]["margin_mean"]) == (60, 0)


def build_companies(parts: int, seed: int) -> Facts:
    """Companies (``cause``) of 80 cases in which good customers are answered sooner and come back more often: it helps
    nobody to be answered, though it looks so.
    """
    chance = np.random.default_rng(seed)
    cases, orders = [], []
    for number in range(80 * parts):
        name, is_good = f"c{number:05}", bool(chance.random() < 0.5)
        in_time = chance.random() < 0.25 + 0.5 * is_good
        cases.append(case(name, "2024-03-02" if in_time else "2024-03-09", cause=f"part {number % parts:03}"))
        days = ["2024-01-01"] * is_good + ["2024-05-01"] * bool(chance.random() < 0.2 + 0.4 * is_good)
        orders += [order(name, day) for day in days]
    return make_facts(cases=cases, orders=orders)


def require_only_confounding(parts: int, seed: int) -> None:
    rows = recovery(build_companies(parts, seed), by="cause", as_of="2025-06-01").to_records()
    pairs = list(zip(rows[::2], rows[1::2], strict=True))
    assert len(pairs) == parts
    assert np.mean([answered["bought_rate"] - late["bought_rate"] for answered, late in pairs]) > 0.1
    held = sum(row["bought_difference_low"] <= 0 <= row["bought_difference_high"] for row, _ in pairs)
    assert binomial_p(held, parts) > 0.001
    found = np.array([row["bought_difference"] for row, _ in pairs])
    assert abs(found.mean()) < 3.5 * found.std(ddof=1) / np.sqrt(parts)


def test_recovery_is_not_fooled_by_good_customers_who_are_answered_sooner() -> None:
    require_only_confounding(40, 631)


@pytest.mark.slow
def test_recovery_is_not_fooled_in_200_companies() -> None:
    require_only_confounding(200, 632)
