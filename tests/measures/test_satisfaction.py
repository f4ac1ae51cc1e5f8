"""Satisfaction, effort and stars by hand, against a plain loop, and against the truth of answers drawn at random."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng
from scipy.special import ndtri
from scipy.stats import binomtest
from tests.companies import make_facts

from saydo.engine import DuckDBEngine, open_facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.measures import satisfaction
from saydo.simulate import simulate
from saydo.stats.trials import binomial_p

NOON = datetime(2024, 3, 1, 12)


def say(
    *scores: float, question: str = "csat", low: float | None = 1, high: float | None = 5, **same: Any
) -> list[Any]:
    common = {"question": question, "scale_min": low, "scale_max": high, "said_at": NOON, **same}
    return [{**common, "score": score} for score in scores]


def measure(answers: list[dict[str, Any]], **chosen: Any) -> list[dict[str, Any]]:
    return satisfaction(make_facts(feedback=answers), show_small_groups=True, **chosen).to_records()


# --- by hand


def test_mean_and_shares_of_five_answers() -> None:
    (row,) = measure(say(5, 5, 4, 3, 1))
    assert (row["answers"], row["mean"], row["top_share"], row["top_two_share"]) == (5, 3.6, 0.4, 0.6)
    assert [row[f"score_{score}"] for score in range(6)] == [0, 1, 0, 1, 1, 2]
    wilson = binomtest(2, 5).proportion_ci(method="wilson")
    assert (row["top_low"], row["top_high"]) == pytest.approx((wilson.low, wilson.high))
    # mean 3.375 and variance 2.234 after 3/4, 3/2, 3/4 pseudo-answers at 1, 3, 5; -+ 1.96 sqrt(2.234 / 8), by hand
    assert (row["mean_low"], row["mean_high"]) == pytest.approx((2.339, 4.411), abs=1e-3)


def test_questions_scales_items_and_occasions_stand_apart() -> None:
    answers = [
        *say(4),
        *say(4, high=10),
        *say(4, item="delivery"),
        *say(4, occasion="event"),
        *say(4, question="stars"),
        *say(4, question="ces", high=7),
    ]
    rows = measure(answers)
    assert len(rows) == 6
    assert {row["mean"] for row in rows} == {4.0}
    assert len(measure(answers, question="csat")) == 4


def test_scores_at_the_top_are_not_certain_and_stay_on_the_scale() -> None:
    (row,) = measure(say(*[5] * 20))
    assert row["mean"] == row["mean_high"] == 5
    assert 4.3 < row["mean_low"] < 4.5
    assert (row["top_share"], row["top_high"]) == (1, 1)
    assert 0.8 < row["top_low"] < 0.9


def test_the_same_answers_on_a_longer_scale_are_the_same_but_for_the_unit() -> None:
    (short,), (long,) = measure(say(5, 4, 4, 2, 1)), measure(say(10, 8, 8, 4, 2, low=2, high=10))
    for name in ("mean", "mean_low", "mean_high"):
        assert long[name] == pytest.approx(2 * short[name])


def test_an_unknown_scale_has_no_top_and_students_interval() -> None:
    (row,) = measure(say(3, 4, 5, low=None, high=None))
    # 4 -+ 4.303 * 1 / sqrt(3)
    assert (row["mean"], row["mean_low"], row["mean_high"]) == pytest.approx((4, 1.516, 6.484), abs=1e-3)
    assert row["top_share"] is row["top_low"] is row["top_two_share"] is row["top_two_high"] is None
    (alone,) = measure(say(3, low=None, high=None))
    assert alone["mean"] == 3
    assert alone["mean_low"] is alone["mean_high"] is None


def test_halves_are_no_whole_score_and_a_slider_has_no_two_best() -> None:
    (half,) = measure(say(4.5, 5, 3.5, question="stars"))
    assert (half["score_4"], half["score_5"], half["score_other"]) == (0, 1, 2)
    assert half["top_two_share"] == pytest.approx(2 / 3)
    (slider,) = measure(say(0, 73, 100, low=0, high=100))
    assert (slider["score_0"], slider["score_other"], slider["top_two_share"]) == (1, 2, None)
    assert slider["top_share"] == pytest.approx(1 / 3)


def test_the_last_answer_of_a_person_to_each_question_counts() -> None:
    later = datetime(2024, 3, 2)
    answers = (
        say(1, customer_id="c") + say(5, customer_id="c", said_at=later) + say(2, customer_id="c", item="delivery")
    )
    rows = measure(answers)
    assert [(row["item"], row["answers"], row["mean"]) for row in rows] == [("delivery", 1, 2.0), (None, 1, 5.0)]
    assert [row["answers"] for row in measure(answers, each="answer")] == [1, 2]


def test_the_same_answer_given_ten_times_counts_as_one_person() -> None:
    once = default_rng(5).choice([1, 2, 3, 4, 5], 60)
    repeated = [one for i, score in enumerate(once) for one in say(*[score] * 10, customer_id=f"c{i}")]
    (person,), (answer,) = measure(repeated), measure(repeated, each="answer")
    for name in ("mean", "top_share"):
        assert answer[name] == pytest.approx(person[name])
    for low, high in (("mean_low", "mean_high"), ("top_low", "top_high"), ("top_two_low", "top_two_high")):
        assert answer[high] - answer[low] == pytest.approx(person[high] - person[low], rel=0.05)


def test_nps_is_no_satisfaction() -> None:
    with pytest.raises(NothingToMeasure):
        measure(say(9, question="nps", low=0, high=10))
    with pytest.raises(BadSetting) as caught:
        measure(say(4), question="nps")
    assert str(caught.value) == "question cannot be nps. It must be one of csat, ces, stars."


# --- against a plain loop

ANSWER = st.builds(
    lambda score, high, item, place: say(min(score, high), high=high, item=item, touchpoint=place)[0],
    st.sampled_from([1, 2, 3, 4, 4.5, 5, 7]),
    st.sampled_from([5, 7]),
    st.sampled_from(["price", None]),
    st.sampled_from(["web", None]),
)


@settings(max_examples=8, deadline=None)
@given(st.lists(ANSWER, min_size=1, max_size=20))
def test_figures_agree_with_a_plain_loop(answers: list[dict[str, Any]]) -> None:
    groups: dict[Any, list[float]] = defaultdict(list)
    for answer in answers:
        groups[answer["touchpoint"], answer["item"], answer["scale_max"]].append(answer["score"])
    rows = measure(answers, by="touchpoint")
    assert len(rows) == len(groups)
    for row in rows:
        scores = np.array(groups[row["touchpoint"], row["item"], row["scale_max"]])
        assert row["mean"] == pytest.approx(scores.mean())
        assert row["top_share"] == pytest.approx((scores == row["scale_max"]).mean())
        assert row["top_two_share"] == pytest.approx((scores >= row["scale_max"] - 1).mean())
        assert [row[f"score_{n}"] for n in range(11)] == [(scores == n).sum() for n in range(11)]
        assert 1 <= row["mean_low"] <= row["mean"] <= row["mean_high"] <= row["scale_max"]


# --- coverage: many small companies at once, as groups of one


def test_intervals_cover_when_people_answer_several_times() -> None:
    rng = default_rng(21)
    companies, people, shares = 300, 40, np.array([0.03, 0.05, 0.12, 0.35, 0.45])
    who = np.repeat(np.arange(companies * people), 1 + rng.poisson(1.5, companies * people))
    latent = np.sqrt(0.6) * rng.standard_normal(companies * people)[who] + np.sqrt(0.4) * rng.standard_normal(len(who))
    scores = 1 + np.searchsorted(ndtri(np.cumsum(shares)[:-1]), latent)
    feedback = [
        {**say(score, customer_id=f"c{one}")[0], "x_company": f"{one // people}"}
        for one, score in zip(who, scores, strict=True)
    ]
    rows = satisfaction(make_facts(feedback=feedback), by="x_company", each="answer").to_records()
    truths = {"mean": (shares * np.arange(1, 6)).sum(), "top": 0.45, "top_two": 0.80}
    for name, truth in truths.items():
        held = sum(row[f"{name}_low"] <= truth <= row[f"{name}_high"] for row in rows)
        assert binomial_p(held, companies) > 0.001, (name, held)


def test_written_stars_are_counted_right_and_are_not_those_of_all_buyers(tmp_path: Path) -> None:
    """Buyers at the ends of the scale write; no interval mends that."""
    reviews = simulate(tmp_path, customers=1500, seed=2201)["reviews"]
    (row,) = satisfaction(open_facts(tmp_path, DuckDBEngine(threads=1)), question="stars", each="answer")
    assert (row["answers"], row["mean"]) == (reviews["written"]["count"], pytest.approx(reviews["written"]["mean"]))
    assert row["mean_high"] < reviews["all_buyers"]["mean"]
