"""Who answers and for whom: by hand, and against companies where the silent are known too."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng
from scipy.stats import binomtest
from tests.companies import make_facts

from saydo.company import Facts
from saydo.engine import DuckDBEngine, open_facts
from saydo.errors import BadSetting, MissingTable, UnknownSplit
from saydo.measures import nps, response
from saydo.simulate import simulate
from saydo.stats.trials import binomial_p, is_unbiased

SENT = datetime(2024, 3, 1, 9)
LATER = "2024-07-01"  # when all have had time to answer
Record = dict[str, Any]


def asked(customer: str | None, *, after: float | None = None, **more: Any) -> Record:
    """An invitation to the survey s; answered so many days after."""
    answered = None if after is None else SENT + timedelta(days=after)
    return {"customer_id": customer, "survey": "s", "question": "nps", "sent_at": SENT, "answered_at": answered, **more}


def said(customer: str | None, score: float, *, after: float = 1, **more: Any) -> Record:
    at = SENT + timedelta(days=after)
    return {"customer_id": customer, "survey": "s", "score": score, "said_at": at, **more}


def measure(invitations: list[Record], answers: list[Record], **chosen: Any) -> list[Record]:
    more = {name: chosen.pop(name) for name in ("customers", "orders") if name in chosen}
    facts = make_facts(invitations=invitations, feedback=answers, **more)
    return response(facts, **{"show_small_groups": True, "as_of": LATER, **chosen}).to_records()


def only(invitations: list[Record], answers: list[Record], **chosen: Any) -> Record:
    (row,) = measure(invitations, answers, **chosen)
    return row


# --- by hand


def test_rate_counts_what_was_delivered() -> None:
    bounced = SENT + timedelta(hours=1)
    invitations = [
        asked("a", after=1),
        asked("b"),
        asked("c", bounced_at=bounced),
        asked("d", after=2, bounced_at=bounced),  # bounced at one address, answered from another
        asked(None, after=1),
        asked(None),
    ]
    row = only(invitations, [said("a", 9), said("d", 0, after=2)])
    assert (row["invitations"], row["delivered"], row["answers"]) == (6, 5, 3)
    wilson = binomtest(3, 5).proportion_ci(method="wilson")
    rate = (row["response_rate"], row["response_low"], row["response_high"])
    assert rate == pytest.approx((0.6, wilson.low, wilson.high))
    assert (row["reached"], row["heard"], row["promoters"], row["detractors"]) == (3, 2, 1, 1)
    assert row["nps"] == 0


def test_the_silent_bound_the_score() -> None:
    row = only([asked(name) for name in "abcd"], [said("a", 9), said("b", 7)])
    assert row["nps"] == 50
    assert (row["nps_lowest"], row["nps_highest"]) == pytest.approx((-25, 75))


def test_an_answer_belongs_to_the_last_invitation_of_its_survey_and_question() -> None:
    invitations = [asked("a"), asked("a", sent_at=SENT + timedelta(days=20))]
    invitations += [asked("b"), asked("c"), asked("d"), asked("e"), asked("f")]
    answers = [
        said("a", 9, after=19),
        said("a", 0, after=21),  # of the second invitation
        said("b", 9, after=89.9),
        said("c", 9, after=90),  # too late
        said("d", 9, after=-1),  # too early
        said("e", 9, survey="t"),
        said("f", 5, question="csat", scale_min=1, scale_max=5),
    ]
    row = only(invitations, answers, each="answer")
    assert (row["invitations"], row["answers"], row["heard"]) == (7, 3, 3)
    assert (row["promoters"], row["detractors"]) == (2, 1)


def test_a_survey_and_question_that_are_not_named_match_each_other() -> None:
    row = only([asked("a", survey=None, question=None)], [said("a", 9, survey=None)])
    assert (row["question"], row["answers"], row["nps"]) == (None, 1, 100)


def test_an_answered_invitation_needs_no_answer_in_the_facts() -> None:
    row = only([asked("a", after=1), asked("b")], [said("z", 9)])
    assert (row["answers"], row["heard"], row["nps"], row["nps_weighted"]) == (1, 0, None, None)
    assert row["response_rate"] == 0.5


def test_the_last_of_several_answers_counts() -> None:
    row = only([asked("a")], [said("a", 9, after=1), said("a", 7, after=2), said("a", 0, after=1.5)])
    assert (row["heard"], row["passives"]) == (1, 1)


def test_a_person_asked_twice_counts_once_with_the_last_answer() -> None:
    later = SENT + timedelta(days=30)
    invitations = [asked("a"), asked("a", sent_at=later), asked("b"), asked("b", sent_at=later)]
    answers = [said("a", 9), said("a", 0, after=31), said("b", 9)]
    person, answer = only(invitations, answers), only(invitations, answers, each="answer")
    assert (person["reached"], person["heard"], person["nps"]) == (2, 2, 0)
    assert (answer["reached"], answer["heard"], answer["nps"]) == (4, 3, pytest.approx(100 / 3))
    assert person["response_rate"] == answer["response_rate"] == 0.75


def test_other_questions_have_a_rate_and_no_net_promoter_score() -> None:
    row = only(
        [asked("a", question="csat"), asked("b", question="csat")],
        [said("a", 5, question="csat", scale_min=1, scale_max=5)],
    )
    assert (row["question"], row["answers"], row["heard"], row["response_rate"]) == ("csat", 1, 1, 0.5)
    assert row["nps"] is row["nps_weighted"] is row["nps_lowest"] is row["effective_answers"] is None


def test_the_occasion_is_that_of_the_survey_where_its_answers_agree() -> None:
    invitations = [asked(name, survey=name) for name in "abc"]
    answers = [
        said("a", 9, survey="a", occasion="event"),
        said("b", 9, survey="b", occasion="event"),
        said("z", 9, survey="b", occasion="relational"),
    ]
    rows = measure(invitations, answers)
    assert [(row["occasion"], row["invitations"]) for row in rows] == [("event", 1), (None, 2)]


def test_a_report_of_the_past_does_not_know_later_answers() -> None:
    invitations, answers = [asked("a", after=1), asked("b", after=3)], [said("a", 9), said("b", 0, after=3)]
    row = only(invitations, answers, as_of="2024-03-04", wait_days=2)
    assert (row["answers"], row["heard"], row["nps"]) == (1, 1, 100)


def test_invitations_that_may_still_be_answered_are_no_silence_and_no_answers() -> None:
    """Two weeks after, b has not answered an old invitation, and one of the two asked the day after has answered."""
    later = SENT + timedelta(days=1)
    invitations = [asked("a"), asked("b"), asked("c", sent_at=later), asked("d", sent_at=later)]
    invitations += [asked("e", sent_at=later, bounced_at=later)]
    answers = [said("a", 9), said("c", 0, after=2)]
    facts = make_facts(invitations=invitations, feedback=answers)
    result = response(facts, weight_on="", show_small_groups=True, as_of="2024-03-15T10:00")
    (row,) = result.to_records()
    counts = ("invitations", "waiting", "delivered", "answers", "response_rate", "reached", "heard")
    assert tuple(row[name] for name in counts) == (5, 2, 2, 1, 0.5, 4, 2)
    assert [str(note) for note in result.notes] == [
        "Invitations of the last 14 days: 2. They are left out of the response rate, for some of them will still be "
        "answered."
    ]
    (all_over,) = response(facts, weight_on="", show_small_groups=True, as_of="2024-03-15T10:00", wait_days=0)
    assert (all_over["waiting"], all_over["delivered"], all_over["response_rate"]) == (0, 4, 0.5)
    (none_over,) = response(facts, weight_on="", show_small_groups=True, as_of="2024-03-04")
    assert (none_over["response_rate"], none_over["nps"]) == (None, 0)


def test_waiting_takes_days() -> None:
    with pytest.raises(BadSetting, match=r"wait_days cannot be -1\. It must be 0 or more"):
        only([asked("a")], [said("a", 9)], wait_days=-1)


def test_invitations_are_needed() -> None:
    with pytest.raises(MissingTable) as caught:
        response(make_facts(feedback=[said("a", 9)]))
    assert str(caught.value).startswith("response needs the table invitations")


# --- weights


def two_segments(reached: int = 100) -> dict[str, list[Record]]:
    """Half of the friends answer and all promote; a tenth of the others answer, and none does."""
    people = [(f"{kind}{i}", kind, i) for kind in ("friend", "other") for i in range(reached)]
    speaking = {"friend": reached // 2, "other": reached // 10}
    return {
        "invitations": [asked(key) for key, _, _ in people],
        "answers": [said(key, 9 if kind == "friend" else 0) for key, kind, i in people if i < speaking[kind]],
        "customers": [
            {"customer_id": key, "segment": kind, "country": "FR" if i % 2 else "CH", "first_seen_at": "2023-01-01"}
            for key, kind, i in people
        ],
    }


def test_weighting_gives_every_segment_its_share_of_those_asked() -> None:
    row = only(**two_segments())
    assert row["nps"] == pytest.approx(100 * 40 / 60)
    assert row["nps_weighted"] == pytest.approx(0, abs=1e-6)
    assert row["nps_weighted_low"] < 0 < row["nps_weighted_high"] < row["nps"]
    assert row["nps_lowest"] <= 0 <= row["nps_highest"]
    assert row["nps_shift"] == pytest.approx(row["nps_weighted"] - row["nps"])
    assert row["nps_shift_high"] < 0


def test_shift_by_weighting_is_surer_than_the_two_scores() -> None:
    """Both rest on the same answers; where weights say nothing there is next to no shift."""
    plain, weighted = only(**two_segments(), weight_on=""), only(**two_segments())
    assert plain["nps_shift"] == plain["nps_shift_low"] == plain["nps_shift_high"] == pytest.approx(0, abs=1e-6)
    names = ("nps_shift", "nps", "nps_weighted")
    shift, *scores = (weighted[f"{name}_high"] - weighted[f"{name}_low"] for name in names)
    assert 0 < shift < 0.75 * sum(scores)


@pytest.mark.parametrize("weight_on", ["", "country", "tenure", "customers.language"])
def test_weighting_on_what_says_nothing_changes_nothing(weight_on: str) -> None:
    row = only(**two_segments(), weight_on=weight_on)
    assert row["nps_weighted"] == pytest.approx(row["nps"], abs=1)
    assert row["nps_weighted_high"] - row["nps_weighted_low"] == pytest.approx(
        row["nps_high"] - row["nps_low"], rel=0.1
    )


def test_a_segment_with_few_answers_is_not_blown_up() -> None:
    """Nine answers are too few to speak for a segment of their own."""
    row = only(**two_segments(90), weight_on="segment")
    assert row["nps_weighted"] == pytest.approx(row["nps"])


def test_the_plain_score_is_that_of_the_measure_of_it() -> None:
    company = two_segments()
    facts = make_facts(feedback=company["answers"], invitations=company["invitations"], customers=company["customers"])
    (here,), (there,) = response(facts, as_of=LATER), nps(facts)
    for name in ("nps", "nps_low", "nps_high", "promoters", "passives", "detractors"):
        assert here[name] == pytest.approx(there[name])


def test_a_split_is_weighted_within_itself() -> None:
    rows = measure(**two_segments(), by="segment")
    assert [(row["segment"], row["reached"], row["nps_weighted"]) for row in rows] == [
        ("friend", 100, pytest.approx(100)),
        ("other", 100, pytest.approx(-100)),
    ]


def test_orders_before_the_invitation_and_tenure_can_be_weighted_on() -> None:
    """Those who bought answer, those who never did seldom; what was bought since then says nothing."""
    company = two_segments()
    friends = [one["customer_id"] for one in company["customers"] if one["segment"] == "friend"]
    others = [one["customer_id"] for one in company["customers"] if one["segment"] == "other"]
    early, late = SENT - timedelta(days=5), SENT + timedelta(days=5)
    orders = [{"customer_id": key, "ordered_at": early} for key in friends]
    orders += [{"customer_id": key, "ordered_at": late} for key in others]
    orders += [{"customer_id": key, "ordered_at": early, "status": "cancelled"} for key in others]
    assert only(**company, orders=orders, weight_on="orders_before")["nps_weighted"] == pytest.approx(0, abs=1e-6)
    for one in company["customers"]:
        one["first_seen_at"] = SENT - timedelta(days=89 if one["segment"] == "friend" else 90)
    assert only(**company, weight_on="tenure")["nps_weighted"] == pytest.approx(0, abs=1e-6)


def test_an_unknown_weight_is_an_error() -> None:
    with pytest.raises(UnknownSplit) as caught:
        only(**two_segments(), weight_on="segmnt")
    assert str(caught.value).startswith("response cannot be split by segmnt. Choose from")


def test_weights_with_too_many_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["saydo.measures.response"], "_MOST_CELLS", 100)  # the package names the measure so
    with pytest.raises(BadSetting) as caught:
        only(**two_segments(), weight_on="customer_id")
    assert str(caught.value) == "weight_on cannot be customer_id. It must be splits with few different values."


# --- chance: many small companies at once, as groups of one

CELLS = {  # segment, country: share of those asked, chance to answer, shares of detractors, passives, promoters
    ("young", "FR"): (0.3, 0.15, (0.35, 0.40, 0.25)),
    ("young", "CH"): (0.2, 0.30, (0.30, 0.40, 0.30)),
    ("old", "FR"): (0.2, 0.35, (0.15, 0.35, 0.50)),
    ("old", "CH"): (0.3, 0.60, (0.05, 0.35, 0.60)),
}


Truth = dict[str, tuple[float, float]]


def draw_companies(seed: int, companies: int, people: int, in_firms: bool = False) -> tuple[Facts, Truth]:
    """Companies where the cell explains who answers; what the score of all who were asked would be in each, and by how
    much that differs from the score to expect of those who answer.
    """
    rng, keys = default_rng(seed), list(CELLS)
    cell = rng.choice(len(keys), companies * people, p=[CELLS[key][0] for key in keys])
    firm = np.arange(companies * people) // 3
    if in_firms:  # three people of one cell, who answer alike
        cell = cell[firm * 3]
    rates = np.array([CELLS[key][1] for key in keys])[cell]
    shares = np.array([CELLS[key][2] for key in keys])
    common = rng.random(companies * people)
    luck = np.where(rng.random(companies * people) < 0.5, common[firm * 3], common) if in_firms else common
    score = np.array([0, 7, 9])[(luck[:, None] > shares.cumsum(axis=1)[cell][:, :2]).sum(axis=1)]
    each = 100 * (shares[:, 2] - shares[:, 0])[cell].reshape(companies, people)
    points = each.mean(axis=1)
    heard = np.average(each, axis=1, weights=rates.reshape(companies, people))
    speaks = rng.random(companies * people) < rates
    customers = [
        {
            "customer_id": f"c{i}",
            "segment": keys[one][0],
            "country": keys[one][1],
            "account_id": f"a{firm[i]}" if in_firms else None,
            "x_company": f"{i // people}",
        }
        for i, one in enumerate(cell)
    ]
    facts = make_facts(
        customers=customers,
        invitations=[asked(f"c{i}") for i in range(len(cell))],
        feedback=[said(f"c{i}", float(score[i])) for i in np.flatnonzero(speaks)],
    )
    pairs = zip(points, heard, strict=True)
    return facts, {str(i): (float(truth), float(truth - plain)) for i, (truth, plain) in enumerate(pairs)}


@pytest.mark.parametrize("in_firms", [False, True], ids=["people", "firms"])
def test_weighted_interval_covers_what_all_who_were_asked_would_say(in_firms: bool) -> None:
    companies = 200
    facts, truth = draw_companies(41, companies, 150, in_firms)
    rows = response(facts, by="customers.x_company", as_of=LATER).to_records()
    held = sum(row["nps_weighted_low"] <= truth[row["x_company"]][0] <= row["nps_weighted_high"] for row in rows)
    assert binomial_p(held, companies) > 0.001, held
    held = sum(row["nps_shift_low"] <= truth[row["x_company"]][1] <= row["nps_shift_high"] for row in rows)
    assert binomial_p(held, companies) > 0.001, held
    off = [row["nps_weighted"] - truth[row["x_company"]][0] for row in rows]
    width = np.mean([row["nps_weighted_high"] - row["nps_weighted_low"] for row in rows])
    assert is_unbiased(off, 0, width / 3.92), np.mean(off)
    assert np.mean([row["nps"] - truth[row["x_company"]][0] for row in rows]) > 10


def compare_with_truth(folder: Path, seed: int, **planted: Any) -> list[tuple[float, float, float, bool]]:
    """By wave: plain and weighted score less that of all who could be asked, half the width, and is it held."""
    found = simulate(folder, **{"customers": 20_000, "seed": seed, "leaving": 0.0, **planted})
    waves = {day: wave["realised"]["nps"] for day, wave in found["recommendation"]["waves"].items() if day != "meaning"}
    rows = response(open_facts(folder, DuckDBEngine(threads=1)), by="quarter")
    told = [row for row in rows if row["occasion"] == "relational"]
    assert len(told) == len(waves)
    return [
        (
            row["nps"] - truth,
            row["nps_weighted"] - truth,
            (row["nps_weighted_high"] - row["nps_weighted_low"]) / 2,
            row["nps_lowest"] <= truth <= row["nps_highest"],
        )
        for row, truth in zip(told, waves.values(), strict=True)
    ]


def test_weighting_comes_nearer_the_truth_where_segments_explain_the_silence(tmp_path: Path) -> None:
    plain, weighted, _, is_held = (
        np.array(part) for part in zip(*compare_with_truth(tmp_path, 2001, response_by_score=0.0), strict=True)
    )
    assert plain.mean() > 2
    assert abs(weighted.mean()) < plain.mean() / 2
    assert is_held.all()


def test_weighting_cannot_mend_silence_that_the_answer_itself_explains(tmp_path: Path) -> None:
    plain, weighted, _, is_held = (np.array(part) for part in zip(*compare_with_truth(tmp_path, 2002), strict=True))
    assert 2 < weighted.mean() < plain.mean()
    assert is_held.all()


@pytest.mark.slow
def test_weighted_score_is_unbiased_and_covers_where_segments_explain_the_silence(tmp_path: Path) -> None:
    planted = {"response_by_score": 0.0, "customers": 3000}
    last = [compare_with_truth(tmp_path / str(seed), seed, **planted)[-1] for seed in range(3000, 3100)]
    plain, weighted, half, is_held = (np.array(part) for part in zip(*last, strict=True))
    assert is_unbiased(weighted, 0, half.mean() / 1.96), weighted.mean()
    assert not is_unbiased(plain, 0, half.mean() / 1.96), plain.mean()
    assert binomial_p(int((np.abs(weighted) <= half).sum()), len(last)) > 0.001
    assert is_held.all()
