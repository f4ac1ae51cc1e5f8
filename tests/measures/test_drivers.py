"""Drivers by hand, against a plain regression, and the simulated company's planted weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.companies import make_facts

from saydo.company import Facts
from saydo.engine import open_facts
from saydo.errors import NothingToMeasure
from saydo.measures import drivers
from saydo.simulate import simulate
from saydo.stats.importance import correlate, explained, relative_weights, shapley

Records = list[dict[str, Any]]
STARS: dict[str, Any] = {"question": "csat", "scale_min": 1, "scale_max": 5}


def reply(number: int, score: float, items: dict[str, float | None], **more: Any) -> Records:
    """A score and what was rated with it."""
    common = {
        "said_at": "2024-03-20",
        "customer_id": f"c{number}",
        "reply_id": f"r{number}",
        "occasion": "event",
        **more,
    }
    rated = [{**common, **STARS, "item": item, "score": given} for item, given in items.items() if given is not None]
    return [{**common, "score": score}, *rated]


def explain(rows: list[list[float]]) -> tuple[Any, float, Any]:
    """Shares of importance, R^2 and relative weights of rows whose last column is the score."""
    columns = np.column_stack([np.ones(len(rows)), np.array(rows)])
    correlations = correlate(columns.T @ columns)
    parts, weights = shapley(correlations), relative_weights(correlations)
    return parts / parts.sum(), float(explained(correlations)), weights / weights.sum()


def by_driver(facts: Facts, **chosen: Any) -> dict[str, dict[str, Any]]:
    return {row["driver"]: row for row in drivers(facts, show_small_groups=True, **chosen).to_records()}


ANSWERS = st.lists(
    st.tuples(st.integers(1, 5), st.one_of(st.none(), st.integers(1, 5)), st.integers(-1, 1), st.booleans()),
    min_size=60,
    max_size=80,
)


@settings(max_examples=3, deadline=None)
@given(answers=ANSWERS, seed=st.integers(0, 99))
def test_shares_are_those_of_a_plain_regression(answers: list[tuple[int, int | None, int, bool]], seed: int) -> None:
    """Two items (one not always rated), a promise and two touchpoints, each laid out by hand."""
    chance = np.random.default_rng(seed)
    feedback: Records = []
    commitments: Records = []
    rows: list[list[float]] = []
    rated = [price for _, price, _, _ in answers if price is not None]
    if len(rated) < 20 or sum(is_shop for *_, is_shop in answers) not in range(20, len(answers) - 19):
        return
    if sum(promise != 0 for _, _, promise, _ in answers) < 20:
        return
    for number, (advice, price, promise, is_shop) in enumerate(answers):
        score = int(np.clip(advice + (price or 3) / 2 + 2 * promise + chance.integers(0, 4), 0, 10))
        at = {"touchpoint": "shop" if is_shop else "web", "order_id": f"o{number}"}
        feedback += reply(number, score, {"advice": advice, "price": price}, **at)
        if promise:
            done = "2024-03-02" if promise > 0 else "2024-03-05"
            made = {"promise": "delivery", "made_at": "2024-03-01", "due_at": "2024-03-03", "fulfilled_at": done}
            commitments.append({**made, "order_id": f"o{number}", "seen_by": "system"})
        imputed = float(np.mean(rated)) if price is None else price
        rows.append([advice, imputed, float(promise < 0), float(is_shop), float(not is_shop), score])
    orders = [{"order_id": f"o{n}", "ordered_at": "2024-03-01", "status": "delivered"} for n in range(len(answers))]
    found = by_driver(make_facts(feedback=feedback, commitments=commitments, orders=orders))
    names = ["advice", "price", "delivery", "shop", "web"]
    assert sorted(found) == sorted(names)
    shares, r_squared, weights = explain(rows)
    for name, share, weight in zip(names, shares, weights, strict=True):
        if share > 1e-9:
            assert found[name]["importance_share"] == pytest.approx(share, abs=1e-8)
            assert found[name]["weight_share"] == pytest.approx(weight, abs=1e-8)
    assert found["advice"]["explained_share"] == pytest.approx(r_squared)
    assert found["price"]["answers"] == len(rated)
    assert found["price"]["performance_share"] == pytest.approx((np.mean(rated) - 1) / 4)
    promises = [promise for _, _, promise, _ in answers if promise]
    assert found["delivery"]["performance_share"] == pytest.approx(np.mean([promise > 0 for promise in promises]))
    at_shop = [row[-1] for row in rows if row[3]]
    assert found["shop"]["performance_share"] == pytest.approx(np.mean(at_shop) / 10)


def company(count: int, seed: int) -> Records:
    """A basic item (only below the middle matters), an attractive one (only above), and one on a straight line."""
    chance = np.random.default_rng(seed)
    feedback: Records = []
    for number, (basic, attractive, straight) in enumerate(chance.integers(1, 6, (count, 3)).tolist()):
        moved = min(basic - 3, 0) + max(attractive - 3, 0) + 0.5 * (straight - 3)
        score = int(np.clip(round(5 + moved + chance.normal()), 0, 10))
        feedback += reply(number, score, {"basic": basic, "attractive": attractive, "straight": straight})
    return feedback


def test_patterns_are_told_apart_by_penalty_and_reward() -> None:
    found = by_driver(make_facts(feedback=company(600, 1)))
    assert {name: row["pattern"] for name, row in found.items()} == {
        "basic": "basic",
        "attractive": "attractive",
        "straight": "performance",
    }
    for name, penalty, reward in (("basic", 1, 0), ("attractive", 0, 1), ("straight", 0.5, 0.5)):
        row = found[name]
        assert abs(row["penalty"] - penalty) < row["penalty_high"] - row["penalty_low"]  # 4 standard errors
        assert abs(row["reward"] - reward) < row["reward_high"] - row["reward_low"]
        assert row["contrast"] == pytest.approx(row["penalty"] - row["reward"])
    assert sum(row["importance_share"] for row in found.values()) == pytest.approx(1)


def test_item_that_nobody_rated_low_has_no_penalty() -> None:
    feedback: Records = []
    for number in range(80):
        kind, other = 3 + number % 3, 1 + number % 5
        feedback += reply(number, min(10, kind + other), {"kind": kind, "other": other})
    found = by_driver(make_facts(feedback=feedback))
    assert (found["kind"]["penalty"], found["kind"]["pattern"]) == (None, None)
    assert found["kind"]["reward"] is not None


def test_several_answers_of_a_customer_make_the_interval_wider() -> None:
    feedback = company(120, 2)
    alone = by_driver(make_facts(feedback=feedback))
    copies = [
        {**row, "reply_id": f"{row['reply_id']}-{copy}", "customer_id": row["customer_id"]}
        for row in feedback
        for copy in range(4)
    ]
    repeated = by_driver(make_facts(feedback=copies))
    others = [{**row, "customer_id": row["reply_id"]} for row in copies]
    taken_apart = by_driver(make_facts(feedback=others))
    width = {
        name: rows["basic"]["importance_high"] - rows["basic"]["importance_low"]
        for name, rows in (("alone", alone), ("repeated", repeated), ("apart", taken_apart))
    }
    assert width["repeated"] == pytest.approx(width["alone"])
    assert width["apart"] < 0.75 * width["alone"]


def test_groups_with_too_few_answers_say_nothing() -> None:
    feedback = company(100, 3)
    late = [{**row, "touchpoint": "shop"} for row in feedback[:80]]
    rows = drivers(make_facts(feedback=late + feedback[80:]), by="touchpoint", show_small_groups=True)
    shop = [row for row in rows if row["touchpoint"] == "shop" and row["driver_kind"] == "csat"]
    assert [row["answers"] for row in shop] == [20, 20, 20]
    assert {row["importance_share"] for row in shop} == {None}
    assert "Groups with fewer than 10 answers for each driver, which say nothing: 1." in [str(n) for n in rows.notes]


def test_driver_known_to_few_is_left_out_and_told() -> None:
    feedback = company(100, 4)
    feedback += [{**STARS, "item": "rare", "score": 5, "said_at": "2024-03-20", "reply_id": f"r{n}"} for n in range(19)]
    result = drivers(make_facts(feedback=feedback))
    assert "rare" not in {row["driver"] for row in result}
    assert [str(note) for note in result.notes] == [
        "Drivers left out, because fewer than 20 answers know them or because there are too many: 1."
    ]


def test_too_many_drivers_for_every_order_state_the_error_of_drawing() -> None:
    chance = np.random.default_rng(5)
    feedback: Records = []
    commitments: Records = []
    for number in range(400):
        rated = np.clip(chance.integers(1, 6, 10) // 2 + chance.integers(1, 4), 1, 5)
        items: dict[str, float | None] = {f"item {place}": float(given) for place, given in enumerate(rated)}
        at = {"touchpoint": f"place {number % 7}", "order_id": f"o{number}"}
        score = float(np.clip(rated[0] + rated[1] + chance.integers(0, 3), 0, 10))
        feedback += reply(number, score, items, **at)
    (note,) = [str(note) for note in drivers(make_facts(feedback=feedback, commitments=commitments)).notes]
    assert note.startswith(
        "With 17 drivers, importance is taken from 2,000 orders drawn with seed 1; that leaves an error"
    )


def test_nothing_beside_the_score_says_so() -> None:
    scores = [{"score": 9, "said_at": "2024-03-01", "customer_id": f"c{n}"} for n in range(40)]
    with pytest.raises(NothingToMeasure, match="fewer than two things"):
        drivers(make_facts(feedback=scores))
    with pytest.raises(NothingToMeasure, match="nobody answered"):
        drivers(make_facts(feedback=[{**STARS, "score": 4, "said_at": "2024-03-01"}]))


def test_score_that_never_varies_has_no_importance() -> None:
    feedback: Records = []
    for number in range(60):
        feedback += reply(number, 9, {"one": 1 + number % 5, "other": 1 + number % 4})
    found = by_driver(make_facts(feedback=feedback))
    assert [found[name]["importance_share"] for name in ("one", "other")] == [None, None]


def test_finds_the_planted_weights_of_the_simulated_company(tmp_path: Path) -> None:
    """Of the items that everybody may rate: squared weights bound the shares, what they have in common evens them."""
    truth = simulate(tmp_path, customers=3_000, seed=11)
    found = by_driver(open_facts(tmp_path))
    planted = {name: weight for name, weight in truth["items"]["weights"].items() if name != "delivery"}
    items = sorted(planted, key=lambda name: -planted[name])
    assert sorted(items, key=lambda name: -found[name]["importance_share"]) == items
    whole = sum(found[name]["importance_share"] for name in items)
    for name in items:
        low, high = sorted([planted[name] ** 2 / sum(weight**2 for weight in planted.values()), 1 / 3])
        assert found[name]["importance_low"] / whole < high
        assert found[name]["importance_high"] / whole > low
    assert found["delivery_date"]["correlation"] < 0
