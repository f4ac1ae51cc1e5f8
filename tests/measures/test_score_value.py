"""The value of the score: a score that decides, one that only looks back, and companies in which it means nothing."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from tests.companies import cut_company, make_facts
from tests.measures.test_say_do import MEANINGLESS, answer, order

from saydo.company import Facts
from saydo.engine import DuckDBEngine, open_facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.measures import score_value
from saydo.simulate import simulate
from saydo.stats.logistic import fit_logistic

Row = dict[str, Any]
START = date(2023, 6, 1)


def build(count: int, seed: int, lift: float, back: float = 0.0) -> tuple[Facts, list[tuple[int, bool]]]:
    """Answers of as many people, a day apart, who buy again 10 days later the likelier the higher the score, and had
    bought 10 days before it the likelier the higher too; with score and outcome of each.
    """
    chance = np.random.default_rng(seed)
    feedback, orders, seen = [], [], []
    for number in range(count):
        name, day = f"c{number:04}", START + timedelta(days=number % 400)
        score = int(chance.choice([2, 5, 7, 8, 9, 10]))
        again, before = (chance.random(2) < 0.4 + np.array([lift, back]) * (score - 7) / 10).tolist()
        days = [-300, *([10] if again else []), *([-10] if before else [])]
        feedback.append(answer(name, score, on=str(day)))
        orders += [order(name, str(day + timedelta(days=since))) for since in days]
        seen.append((number % 400, score, again))
    return make_facts(feedback=feedback, orders=orders), [(score, again) for _, score, again in sorted(seen)]


def by_encoding(facts: Facts, **more: Any) -> dict[str, Row]:
    found = score_value(facts, as_of="2025-01-01", horizon=30, show_small_groups=True, **more)
    return {row["encoding"]: row for row in found}


def test_score_value_finds_a_score_that_decides() -> None:
    facts, _ = build(600, 1, lift=0.9)
    result = score_value(facts, as_of="2025-01-01", horizon=30)
    rows = {row["encoding"]: row for row in result}
    assert all(row["is_better"] and row["area_gain_low"] > 0 for row in rows.values())
    assert (rows["score"]["answers"], rows["score"]["later_answers"]) == (600, 300)
    assert [str(note) for note in result.notes] == [
        "In your data, the score adds to what past purchases tell of the 30 days that follow."
    ]


def test_score_value_agrees_with_a_plain_fit() -> None:
    """Nobody differs in the past but by the days since the first order, which chance alone sorts."""
    facts, seen = build(400, 2, lift=0.6, back=0.0)
    row = by_encoding(facts)["score"]
    design = np.array([[1, (score - 7.5) / 2.5] for score, _ in seen])
    yes = np.array([again for _, again in seen], dtype=float)
    early = np.arange(400) < 200
    losses = []
    for columns in (design[:, :1], design):
        odds = columns[~early] @ fit_logistic(columns[early], yes[early], 1 - yes[early])
        losses.append(np.logaddexp(0, np.where(yes[~early] > 0, -odds, odds)).mean())
    assert row["log_loss"] == pytest.approx(losses[0], rel=0.05)
    assert row["gain"] == pytest.approx(1 - losses[1] / losses[0], abs=0.03)


def test_score_value_warns_of_a_score_that_looks_back() -> None:
    facts, _ = build(800, 3, lift=0.0, back=0.9)
    result = score_value(facts, as_of="2025-01-01", horizon=30)
    row = next(row for row in result if row["encoding"] == "score")
    assert not row["is_better"]
    assert row["placebo_low"] > 0
    texts = " ".join(str(note) for note in result.notes)
    assert "the score does not add to what past purchases tell" in texts
    assert "at least as much of the 30 days before it" in texts


def test_score_value_takes_answers_of_a_person_together() -> None:
    facts, _ = build(300, 4, lift=0.9)
    people = [{"customer_id": f"c{number:04}", "account_id": f"firm {number % 12}"} for number in range(300)]
    tied = make_facts(
        feedback=facts.run(facts.table("feedback")).to_pylist(),
        orders=facts.run(facts.table("orders")).to_pylist(),
        customers=people,
    )
    alone, together = by_encoding(facts)["score"], by_encoding(tied)["score"]
    assert together["gain"] == pytest.approx(alone["gain"])
    assert together["gain_high"] != pytest.approx(alone["gain_high"])


@pytest.mark.parametrize(
    ("scores", "buys"), [((9, 9), True), ((3, 9), False)], ids=["all scores are equal", "nobody bought again"]
)
def test_score_value_says_why_nothing_can_be_told(scores: tuple[int, int], buys: bool) -> None:
    feedback = [answer(f"c{number}", scores[number % 2], on=f"2024-01-{number % 28 + 1:02}") for number in range(40)]
    orders = [order(f"c{number}", "2024-02-01" if buys and number % 3 else "2023-01-01") for number in range(40)]
    with pytest.raises(NothingToMeasure, match="more answers or another horizon would help"):
        score_value(make_facts(feedback=feedback, orders=orders), as_of="2025-01-01", horizon=60)


def test_score_value_of_one_customer_or_too_long_a_horizon_says_so() -> None:
    facts = make_facts(feedback=[answer("a", 9), answer("a", 3, on="2024-05-01")], orders=[order("a", "2024-01-01")])
    with pytest.raises(NothingToMeasure, match="more answers"):
        score_value(facts, as_of="2025-01-01", horizon=30)
    with pytest.raises(NothingToMeasure, match="no answer is as old as the horizon"):
        score_value(facts, as_of="2025-01-01", horizon=400)
    with pytest.raises(BadSetting, match="horizon cannot be -1"):
        score_value(facts, horizon=-1)


def require_few_false_finds(facts: Facts, parts: int) -> None:
    """Where the score means nothing, it is said to add no more often than 2.5 % of the time, but for chance."""
    rows = score_value(facts, by="customers.x_part", show_small_groups=True).to_records()
    for encoding in ("score", "points", "band"):
        found = [row["is_better"] for row in rows if row["encoding"] == encoding and row["is_better"] is not None]
        assert len(found) > 0.8 * parts
        assert binomtest(sum(found), len(found), 0.025, alternative="greater").pvalue > 0.001, encoding


def test_score_value_is_nothing_where_the_score_means_nothing(tmp_path: Path) -> None:
    simulate(tmp_path / "facts", customers=4_000, seed=621, **MEANINGLESS)
    require_few_false_finds(cut_company(open_facts(tmp_path / "facts", DuckDBEngine(threads=1)), 40), 40)


@pytest.mark.slow
def test_score_value_is_nothing_in_200_companies_where_the_score_means_nothing(tmp_path: Path) -> None:
    simulate(tmp_path / "facts", customers=30_000, seed=622, **MEANINGLESS)
    require_few_false_finds(cut_company(open_facts(tmp_path / "facts", DuckDBEngine(threads=1)), 200), 200)


@pytest.mark.slow
def test_score_value_finds_that_the_happy_stay(tmp_path: Path) -> None:
    simulate(tmp_path / "facts", customers=20_000, seed=623, **{**MEANINGLESS, "happiness_on_lapse": 0.9})
    rows = score_value(open_facts(tmp_path / "facts", DuckDBEngine(threads=1))).to_records()
    assert all(row["is_better"] for row in rows)
