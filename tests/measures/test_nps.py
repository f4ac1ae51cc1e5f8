"""The Net Promoter Score by hand, against a plain loop, and against the truth of answers drawn at random."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng
from scipy.special import ndtri
from tests.companies import make_facts

from saydo.errors import MissingTable, NothingToMeasure
from saydo.measures import nps
from saydo.stats.trials import binomial_p, is_unbiased

NOON = datetime(2024, 3, 1, 12)
SHARES = {0: 0.10, 7: 0.40, 9: 0.50}  # true score 40
CUTS = ndtri(np.cumsum([0.10, 0.40]))


def say(*scores: float, **same: Any) -> list[dict[str, Any]]:
    return [{"score": score, "said_at": NOON, **same} for score in scores]


def measure(answers: list[dict[str, Any]], **settings: Any) -> dict[str, Any]:
    (row,) = nps(make_facts(feedback=answers), show_small_groups=True, **settings)
    return row


# --- by hand


def test_five_promoters_four_passives_one_detractor_are_forty() -> None:
    row = measure(say(10, 10, 9, 9, 9, 8, 8, 7, 7, 6))
    assert (row["answers"], row["promoters"], row["passives"], row["detractors"]) == (10, 5, 4, 1)
    assert row["nps"] == 40.0
    # iterative score interval, as B. Rocks' own routine gives it (The American Statistician 70, 2016)
    assert (row["nps_low"], row["nps_high"]) == pytest.approx((-8.73, 72.01), abs=0.01)
    assert [row[f"score_{score}"] for score in range(11)] == [0, 0, 0, 0, 0, 0, 1, 2, 2, 3, 2]


def test_the_same_forty_is_surer_when_fewer_disagree() -> None:
    torn = measure(say(*[10] * 70, *[0] * 30))
    mild = measure(say(*[10] * 40, *[7] * 60))
    assert torn["nps"] == mild["nps"] == 40.0
    # (s n / (n + 3)) -+ 1.96 sqrt(variance with 3/4, 3/2, 3/4 pseudo-answers / (n + 3)), by hand
    assert (torn["nps_low"], torn["nps_high"]) == pytest.approx((21.19, 56.48), abs=0.01)
    assert (mild["nps_low"], mild["nps_high"]) == pytest.approx((29.14, 48.53), abs=0.01)
    assert torn["passive_share"] == 0
    assert mild["passive_share"] == 0.6


def test_a_unanimous_group_is_not_certain() -> None:
    row = measure(say(*[10] * 40))
    assert row["nps"] == 100
    assert row["nps_low"] < 95
    assert row["nps_high"] == 100


def test_the_last_answer_of_a_person_counts() -> None:
    answers = [
        {"customer_id": "c1", "score": 10, "said_at": NOON},
        {"customer_id": "c1", "score": 0, "said_at": NOON + timedelta(days=1)},
        {"customer_id": "c2", "score": 9, "said_at": NOON, "feedback_id": "f2"},
        {"customer_id": "c2", "score": 8, "said_at": NOON, "feedback_id": "f1"},
    ]
    row = measure(answers)
    assert (row["answers"], row["detractors"], row["passives"]) == (2, 1, 1)  # in the same second, the lowest
    assert measure(answers, each="answer")["answers"] == 4


def test_answers_of_nobody_known_are_persons_of_their_own() -> None:
    """Even when an answer has the same key as a customer."""
    answers = [
        {"feedback_id": "7", "score": 10, "said_at": NOON},
        *say(0, customer_id="7", feedback_id="1"),
        *say(9, 9),
    ]
    assert measure(answers)["answers"] == 4


def test_a_person_counts_once_in_each_group() -> None:
    places = [
        {"customer_id": "c1", "score": s, "said_at": NOON, "touchpoint": t} for s, t in ((10, "web"), (0, "shop"))
    ]
    rows = nps(make_facts(feedback=places), by="touchpoint", show_small_groups=True)
    assert [(row["touchpoint"], row["nps"]) for row in rows] == [("shop", -100.0), ("web", 100.0)]


def test_occasions_are_never_mixed() -> None:
    answers = say(10, 10, occasion="relational") + say(0, occasion="event") + say(8)
    facts = make_facts(feedback=answers)
    rows = {row["occasion"]: (row["answers"], row["nps"]) for row in nps(facts, show_small_groups=True)}
    assert rows == {"relational": (2, 100.0), "event": (1, -100.0), None: (1, 0.0)}
    (only,) = nps(facts, occasion="event", show_small_groups=True)
    assert only["nps"] == -100.0


def test_nps_says_why_answers_from_1_to_10_are_none() -> None:
    scale = {"scale_min": 1, "scale_max": 10, "said_at": "2024-03-01"}
    said = [{"customer_id": f"c{n}", "score": 1 + n % 10, **scale} for n in range(30)]
    with pytest.raises(NothingToMeasure, match="all answers are on another scale than 0 to 10"):
        nps(make_facts(feedback=said))


def test_answers_on_another_scale_are_left_out_and_counted() -> None:
    answers = say(9, 9, 9, 9, 9) + say(5, question="nps", scale_min=1, scale_max=5)
    result = nps(make_facts(feedback=answers))
    assert result.to_records()[0]["answers"] == 5
    assert [str(note) for note in result.notes] == [
        "Answers on another scale than 0 to 10: 1. They answer another question and are left out."
    ]


def test_other_questions_and_answers_without_a_score_do_not_count() -> None:
    wordy = {"question": "nps", "score": None, "comment": "no score", "said_at": NOON}
    assert measure([*say(9, 9, 9), *say(1, question="csat"), wordy])["answers"] == 3


def test_nobody_is_an_error_and_not_a_zero() -> None:
    with pytest.raises(NothingToMeasure) as caught:
        measure(say(9), until="2024-01-01")
    assert str(caught.value).startswith("nps found nothing to measure")


# --- weights and clusters


def test_reach_lets_an_answer_count_by_those_who_see_it() -> None:
    row = measure(say(0, reach=6) + say(10, 10, 10, reach=None) + say(10, reach=0.2), weight="reach")
    assert row["nps"] == pytest.approx(100 * (4 - 6) / 10)
    assert row["promoter_share"] == pytest.approx(0.4)
    assert (row["answers"], row["promoters"]) == (5, 4)


def firms(people: int) -> list[dict[str, Any]]:
    """Three firms of so many people; everybody in a firm says the same: 10, 8 and 0."""
    return [
        {"customer_id": f"{firm}{i}", "score": score, "said_at": NOON}
        for firm, score in (("a", 10), ("b", 8), ("c", 0))
        for i in range(people if firm != "a" else 2 * people)
    ]


def in_accounts(answers: list[dict[str, Any]], **chosen: Any) -> dict[str, Any]:
    customers = [{"customer_id": one["customer_id"], "account_id": one["customer_id"][0]} for one in answers]
    (row,) = nps(make_facts(feedback=answers, customers=customers), show_small_groups=True, **chosen)
    return row


def test_value_lets_an_answer_count_by_the_margin_of_the_year_before() -> None:
    answers = [
        {"score": score, "customer_id": name, "said_at": "2024-06-01"}
        for name, score in {"a": 10, "b": 0, "c": 9, "d": 0, "e": 8}.items()
    ]
    when = {"a": "2023-07-01", "b": "2024-05-31", "c": "2023-05-01", "d": "2024-06-02", "e": "2024-05-01"}
    left = {"a": 30, "b": 10, "c": 999, "d": 999, "e": -50}  # too early, too late and a loss weigh nothing
    facts = make_facts(
        feedback=answers,
        orders=[{"order_id": name, "customer_id": name, "ordered_at": day} for name, day in when.items()],
        order_lines=[
            {"order_id": name, "line": 1, "unit_price": 1000, "unit_cost": 1000 - value} for name, value in left.items()
        ],
    )
    result = nps(facts, weight="value")
    (row,) = result
    assert (row["answers"], row["promoter_share"], row["detractor_share"]) == (5, 0.75, 0.25)
    assert row["nps"] == 50
    assert [str(note) for note in result.notes] == [
        "Answers that weigh nothing, because their customer left no known margin in the year before: 60%."
    ]


def test_value_without_sales_is_an_error() -> None:
    with pytest.raises(MissingTable, match="nps needs the table order_lines"):
        measure(say(10), weight="value")


def test_account_gives_every_account_the_same_weight() -> None:
    assert in_accounts(firms(10))["nps"] == pytest.approx(25)
    assert in_accounts(firms(10), weight="account")["nps"] == pytest.approx(0)


def test_people_of_one_firm_make_nothing_surer() -> None:
    few, many, free = in_accounts(firms(2)), in_accounts(firms(50)), measure(firms(50))
    width = [row["nps_high"] - row["nps_low"] for row in (few, many, free)]
    assert width[1] > 0.9 * width[0]
    assert width[2] < width[1] / 5


def test_the_same_answer_given_ten_times_counts_as_one_person() -> None:
    rng = default_rng(5)
    once = rng.choice([0, 7, 9], 60, p=[0.1, 0.4, 0.5])
    repeated = [
        {"customer_id": f"c{i}", "score": score, "said_at": NOON + timedelta(days=day)}
        for i, score in enumerate(once)
        for day in range(10)
    ]
    person, answer = measure(repeated), measure(repeated, each="answer")
    assert person["nps"] == pytest.approx(answer["nps"])
    assert answer["answers"] == 600
    wide = answer["nps_high"] - answer["nps_low"]
    assert wide == pytest.approx(person["nps_high"] - person["nps_low"], rel=0.05)


# --- against a plain loop

ANSWER = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from(["a", "b", "c", None]),
        "score": st.integers(0, 10),
        "touchpoint": st.sampled_from(["web", "shop", None]),
        "occasion": st.sampled_from(["event", None]),
        "said_at": st.integers(0, 5).map(lambda day: NOON + timedelta(days=day)),
    }
)


def last_of_each(answers: list[dict[str, Any]]) -> dict[tuple[Any, Any], list[int]]:
    """Scores per (touchpoint, occasion): the last of each person; answers without a customer all count.

    Of those in the same second it is the lowest.
    """
    kept: dict[tuple[Any, Any], dict[Any, dict[str, Any]]] = defaultdict(dict)
    for number, answer in enumerate(answers):
        person = answer["customer_id"] or number
        before = kept[answer["touchpoint"], answer["occasion"]].get(person)
        if before is None or (before["said_at"], -before["score"]) <= (answer["said_at"], -answer["score"]):
            kept[answer["touchpoint"], answer["occasion"]][person] = answer
    return {group: [one["score"] for one in people.values()] for group, people in kept.items()}


@settings(max_examples=10, deadline=None)
@given(st.lists(ANSWER, min_size=1, max_size=25))
def test_counts_agree_with_a_plain_loop(answers: list[dict[str, Any]]) -> None:
    expected = last_of_each(answers)
    facts = make_facts(feedback=answers)
    rows = nps(facts, by="touchpoint", show_small_groups=True).to_records()
    assert len(rows) == len(expected)
    seen_by_one = nps(facts, by="touchpoint", weight="reach", show_small_groups=True).to_records()
    assert [row["score_0"] for row in seen_by_one] == [row["score_0"] for row in rows]
    assert [row["nps"] for row in seen_by_one] == pytest.approx([row["nps"] for row in rows])
    for row in rows:
        scores = expected[row["touchpoint"], row["occasion"]]
        told = Counter(scores)
        assert [row[f"score_{score}"] for score in range(11)] == [told[score] for score in range(11)]
        points = 100 * (sum(score >= 9 for score in scores) - sum(score <= 6 for score in scores)) / len(scores)
        assert row["nps"] == pytest.approx(points)
        assert -100 <= row["nps_low"] <= row["nps"] <= row["nps_high"] <= 100


# --- coverage: many small companies at once, as groups of one


def covered(feedback: list[dict[str, Any]], truth: float = 40.0, **more: Any) -> tuple[int, int]:
    """In how many groups (x_company) the interval holds the truth, and the number of groups."""
    chosen = {"each": more.pop("each", "person"), "weight": more.pop("weight", "none")}
    result = nps(make_facts(feedback=feedback, **more), by="x_company", show_small_groups=True, **chosen)
    held = [row["nps_low"] <= truth <= row["nps_high"] for row in result]
    return sum(held), len(held)


def draw_scores(rng: np.random.Generator, clusters: np.ndarray[Any, Any], tie: float) -> np.ndarray[Any, Any]:
    """Scores with the true shares whose latent values correlate by ``tie`` inside a cluster."""
    common = rng.standard_normal(clusters.max() + 1)[clusters]
    latent = np.sqrt(tie) * common + np.sqrt(1 - tie) * rng.standard_normal(len(clusters))
    return np.array([0, 7, 9])[np.searchsorted(CUTS, latent)]


def test_interval_covers_when_people_answer_several_times() -> None:
    rng = default_rng(11)
    companies, people = 300, 30
    times = 1 + rng.poisson(1.5, companies * people)
    who = np.repeat(np.arange(companies * people), times)
    scores = draw_scores(rng, who, tie=0.6)
    feedback = [
        {"customer_id": f"c{one}", "score": score, "said_at": NOON, "x_company": f"{one // people}"}
        for one, score in zip(who, scores, strict=True)
    ]
    assert binomial_p(*covered(feedback, each="answer")) > 0.001
    naive = nps(
        make_facts(feedback=[{**answer, "customer_id": None} for answer in feedback]), by="x_company", each="answer"
    )
    assert binomial_p(sum(row["nps_low"] <= 40 <= row["nps_high"] for row in naive), companies) < 0.001


def test_interval_covers_when_people_belong_to_firms() -> None:
    rng = default_rng(12)
    companies, firms_each = 300, 30
    size = 1 + rng.poisson(2, companies * firms_each)
    firm = np.repeat(np.arange(companies * firms_each), size)
    scores = draw_scores(rng, firm, tie=0.4)
    feedback = [
        {"customer_id": f"c{i}", "score": score, "said_at": NOON, "x_company": f"{firm[i] // firms_each}"}
        for i, score in enumerate(scores)
    ]
    customers = [{"customer_id": f"c{i}", "account_id": f"a{one}"} for i, one in enumerate(firm)]
    assert binomial_p(*covered(feedback, customers=customers)) > 0.001


def test_interval_covers_when_answers_have_weights() -> None:
    rng = default_rng(13)
    companies, people = 300, 60
    reach = np.exp(1 + 0.7 * rng.standard_normal(companies * people)) + 1
    scores = rng.choice(list(SHARES), companies * people, p=list(SHARES.values()))
    feedback = [
        {"score": score, "said_at": NOON, "reach": weight, "x_company": f"{i // people}"}
        for i, (score, weight) in enumerate(zip(scores, reach, strict=True))
    ]
    assert binomial_p(*covered(feedback, weight="reach", each="answer")) > 0.001


@pytest.mark.parametrize("each", ["person", "answer"])
def test_interval_covers_the_truth_of_simulated_companies(hundred: Any, each: str) -> None:
    """Six waves, firms of several people, people who answer several times."""
    asked = {"by": "customers.x_part", "occasion": "relational", "each": each, "until": hundred.changed_on}
    rows = nps(hundred.facts, **asked).to_records()
    held = sum(row["nps_low"] <= hundred.before <= row["nps_high"] for row in rows)
    assert binomial_p(held, len(rows)) > 0.001, held
    width = np.mean([row["nps_high"] - row["nps_low"] for row in rows])
    assert is_unbiased([row["nps"] for row in rows], hundred.before, width / 3.92)
