"""Cut points: planted ones are found, few answers keep the standard, answers of one person count for less."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from tests.companies import make_facts
from tests.measures.test_say_do import answer, order

from saydo.company import Facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.measures import cut_points
from saydo.stats.cuts import profile_cuts

SHARES = np.array([0.02, 0.01, 0.01, 0.02, 0.02, 0.05, 0.07, 0.15, 0.25, 0.20, 0.20])


def build(
    count: int, last: tuple[int, int], seed: int, each: int = 1, rates: tuple[float, ...] = (0.3, 0.5, 0.7)
) -> tuple[Facts, np.ndarray, np.ndarray]:
    """Answers of as many people, ``each`` so many times, who buy again by ``rates``; and counts by score."""
    chance = np.random.default_rng(seed)
    scores = chance.choice(11, count, p=SHARES)
    again = chance.random(count) < np.array(rates)[np.digitize(scores, [last[0] + 1, last[1] + 1])]
    feedback = [
        answer(f"c{number:04}", int(score), on=f"2024-03-{turn + 1:02}")
        for number, score in enumerate(scores)
        for turn in range(each)
    ]
    orders = [order(f"c{number:04}", "2024-03-20") for number in np.flatnonzero(again)]
    hits = np.bincount(scores[again], minlength=11)
    return make_facts(feedback=feedback, orders=orders), np.bincount(scores, minlength=11), hits


def pick(facts: Facts, name: str, **more: Any) -> list[tuple[int, int]]:
    rows = cut_points(facts, as_of="2025-01-01", **more)
    return [(row["detractors_to"], row["passives_to"]) for row in rows if row[name]]


def test_cut_points_finds_planted_ones() -> None:
    facts, answers, yes = build(3_000, (4, 7), 1)
    result = cut_points(facts, as_of="2025-01-01", horizon=90)
    assert len(result) == 45
    assert pick(facts, "is_best") == pick(facts, "is_kept") == [(4, 7)]
    assert (6, 8) not in pick(facts, "is_in_set")
    assert any("are not among those" in str(note) for note in result.notes)
    expected = profile_cuts(answers, yes)
    rows = result.to_records()
    assert [row["credibility"] for row in rows] == pytest.approx(list(expected.credibility))
    best = next(row for row in rows if row["is_best"])
    assert best["promoter_rate"] == pytest.approx(yes[8:].sum() / answers[8:].sum())
    assert best["promoter_low"] < best["promoter_rate"] < best["promoter_high"]


def test_cut_points_keeps_the_standard_below_2000_answers_and_says_so() -> None:
    facts, _, _ = build(1_999, (4, 7), 1)
    assert pick(facts, "is_best") == [(4, 7)]
    assert pick(facts, "is_kept") == pick(facts, "is_standard") == [(6, 8)]
    notes = [str(note) for note in cut_points(facts, as_of="2025-01-01").notes]
    assert any("fewer than 2,000 answers" in note for note in notes)


def test_cut_points_keeps_the_standard_of_a_score_that_tells_nothing() -> None:
    """Eight companies, of which some other pair is the best of nearly all."""
    moved = is_best = unsure = 0
    for seed in range(8):
        facts, _, _ = build(2_000, (6, 8), seed, rates=(0.4, 0.4, 0.4))
        is_best += pick(facts, "is_best") == [(6, 8)]
        moved += pick(facts, "is_kept") != [(6, 8)]
        unsure += "whatever their score is not refuted (p 0." in str(cut_points(facts, as_of="2025-01-01").notes[0])
    assert is_best <= 2
    for wrong in (moved, 8 - unsure):
        assert binomtest(wrong, 8, 0.05, alternative="greater").pvalue > 0.001


def test_cut_points_trusts_repeated_answers_no_more_than_their_people() -> None:
    """Every person answers four times alike: four times the answers, a design effect of four."""
    once, four = build(600, (6, 8), 5), build(600, (6, 8), 5, each=4)
    rows = [cut_points(facts, as_of="2025-01-01").to_records() for facts, _, _ in (once, four)]
    assert [row["answers"] for row in rows[1]] == [2_400] * 45
    assert [row["credibility"] for row in rows[1]] == pytest.approx([row["credibility"] for row in rows[0]], abs=0.005)


def test_cut_points_stands_for_each_group() -> None:
    people = [{"customer_id": f"c{number:04}", "segment": "ab"[number % 2]} for number in range(400)]
    facts, _, _ = build(400, (6, 8), 6)
    both = make_facts(
        feedback=facts.run(facts.table("feedback")).to_pylist(),
        orders=facts.run(facts.table("orders")).to_pylist(),
        customers=[*people, {"customer_id": "z", "segment": "z"}],
    )
    rows = cut_points(both, by="customers.segment", as_of="2025-01-01").to_records()
    assert [(row["segment"], row["answers"]) for row in rows] == [("a", 200)] * 45 + [("b", 200)] * 45


def test_cut_points_says_what_is_wrong_and_what_would_help() -> None:
    alone = make_facts(feedback=[answer("a", 9)], orders=[order("b", "2024-01-01")])
    with pytest.raises(NothingToMeasure, match="nobody bought again, or everybody did"):
        cut_points(alone, as_of="2025-01-01")
    with pytest.raises(NothingToMeasure, match="no answer is as old as the horizon"):
        cut_points(alone, as_of="2025-01-01", horizon=700)
    with pytest.raises(BadSetting, match="horizon cannot be 0"):
        cut_points(alone, horizon=0)
