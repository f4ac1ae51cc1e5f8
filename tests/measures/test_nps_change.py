"""Changes of the Net Promoter Score by hand, against published tests, and against answers drawn at random."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng
from scipy.special import ndtri
from scipy.stats import binomtest
from tests.companies import make_facts

from saydo.errors import BadSetting, UnknownSplit
from saydo.measures import nps_change
from saydo.result import Result
from saydo.stats.changes import adjust_p_values
from saydo.stats.trials import binomial_p, is_unbiased

BEFORE, AFTER = datetime(2024, 2, 1, 12), datetime(2024, 5, 1, 12)  # in the first and the second quarter
END = "2024-07-01"
SCORES = np.array([0, 7, 9])


def say(at: datetime, *scores: float, **same: Any) -> list[dict[str, Any]]:
    return [{"score": score, "said_at": at, **same} for score in scores]


def measure(answers: list[dict[str, Any]], **chosen: Any) -> Result:
    more = {name: chosen.pop(name) for name in ("customers", "zone") if name in chosen}
    return nps_change(make_facts(feedback=answers, **more), **{"show_small_groups": True, "as_of": END, **chosen})


def only(answers: list[dict[str, Any]], **chosen: Any) -> dict[str, Any]:
    (row,) = measure(answers, **chosen)
    return row


# --- by hand and against published tests


def test_two_groups_of_different_people_match_the_textbook_test() -> None:
    """50/40/10 against 40/40/20 of a hundred each: 20 points, standard error 10, z = 2, p = .0455."""
    row = only(say(BEFORE, *[9] * 50, *[7] * 40, *[0] * 10) + say(AFTER, *[9] * 40, *[7] * 40, *[0] * 20))
    assert (row["nps_before"], row["nps_after"], row["change"]) == (40.0, 20.0, pytest.approx(-20))
    assert (row["change_low"], row["change_high"]) == pytest.approx((-39.6, -0.4), abs=0.7)
    assert row["p"] == pytest.approx(0.0455, abs=0.005)
    assert (row["answers_before"], row["answers_after"], row["fewer_answers"]) == (100, 100, 100)
    assert (row["people_twice"], row["is_change"]) == (0, True)
    assert (row["before"], row["after"]) == ("2024-01-01..2024-04-01", "2024-04-01..2024-07-01")


def test_the_same_people_twice_are_a_panel() -> None:
    """A hundred people move as [[5, 3, 2], [4, 20, 16], [1, 7, 42]]: +10 points, standard error 6.40 and not 9.43."""
    moves = [[5, 3, 2], [4, 20, 16], [1, 7, 42]]
    answers, person = [], 0
    for i, row in enumerate(moves):
        for j, people in enumerate(row):
            for _ in range(people):
                person += 1
                answers += say(BEFORE, SCORES[i], customer_id=f"c{person}")
                answers += say(AFTER, SCORES[j], customer_id=f"c{person}")
    panel = only(answers)
    strangers = only([{**answer, "customer_id": None} for answer in answers])
    assert panel["change"] == strangers["change"] == pytest.approx(10)
    assert (panel["people_twice"], strangers["people_twice"]) == (100, 0)
    assert (panel["change_high"] - panel["change_low"]) / 2 == pytest.approx(1.96 * 6.40, rel=0.03)
    assert (strangers["change_high"] - strangers["change_low"]) / 2 == pytest.approx(1.96 * 9.43, rel=0.03)


def test_a_side_without_answers_leaves_the_change_unknown() -> None:
    row = only(say(AFTER, 9, 9, 0))
    assert (row["answers_before"], row["answers_after"], row["fewer_answers"]) == (0, 3, 3)
    assert row["nps_after"] == pytest.approx(100 / 3)
    unknown = ("nps_before", "change", "change_low", "change_high", "p", "p_adjusted", "is_change")
    assert all(row[name] is None for name in unknown)


def test_unanimous_sides_are_not_certain() -> None:
    row = only(say(BEFORE, *[9] * 8) + say(AFTER, *[9] * 8))
    assert (row["change"], row["p"], row["is_change"]) == (0, 1, False)
    assert row["change_low"] < -10
    assert row["change_high"] > 10


def test_occasions_are_compared_with_themselves() -> None:
    answers = say(BEFORE, 9, 9, occasion="event") + say(AFTER, 0, 0, occasion="relational")
    assert [(row["occasion"], row["change"]) for row in measure(answers)] == [("event", None), ("relational", None)]


def test_the_last_answer_of_a_person_in_each_period_counts() -> None:
    answers = say(BEFORE, 0, customer_id="c") + say(BEFORE + timedelta(days=1), 9, customer_id="c")
    answers += say(AFTER, 7, customer_id="c")
    assert only(answers)["change"] == pytest.approx(-100)
    assert only(answers, each="answer")["answers_before"] == 2


def test_a_group_is_hidden_when_either_side_is_small() -> None:
    answers = say(BEFORE, *[9] * 3) + say(AFTER, *[9] * 30)
    (row,) = measure(answers, show_small_groups=False)
    assert row["is_hidden"]
    assert row["nps_before"] is row["nps_after"] is row["fewer_answers"] is None


# --- what is compared


def test_the_last_full_quarter_is_that_of_the_company_s_zone() -> None:
    """Half past midnight on the first of April in Paris is still March in UTC."""
    edge = datetime(2024, 3, 31, 22, 30)
    answers = say(BEFORE, 9) + say(edge, 0)
    assert only(answers, zone="Europe/Paris")["answers_after"] == 1
    assert only(answers, zone="UTC")["answers_after"] == 0
    (early,) = measure(answers, as_of="2024-06-30", zone="Europe/Paris")
    assert (early["before"], early["after"]) == ("2023-10-01..2024-01-01", "2024-01-01..2024-04-01")


@pytest.mark.parametrize(
    ("chosen", "before", "after"),
    [
        ({"compare": "month"}, "2024-05-01..2024-06-01", "2024-06-01..2024-07-01"),
        ({"compare": "year"}, "2022-01-01..2023-01-01", "2023-01-01..2024-01-01"),
        ({"compare": "week"}, "2024-06-17..2024-06-24", "2024-06-24..2024-07-01"),
        ({"compare": "day"}, "2024-06-29..2024-06-30", "2024-06-30..2024-07-01"),
        ({"second": "2024-02-29"}, "2023-10-01..2024-01-01", "2024-01-01..2024-04-01"),
        ({"second": "2024-05-20", "first": "2023-05-20"}, "2023-04-01..2023-07-01", "2024-04-01..2024-07-01"),
        ({"second": "2024-05-01..2024-05-15", "first": "2024-02-01..2024-03-01"}, "2024-02-01..2024-03-01", ""),
        ({"at": "2024-05-01", "days": "30"}, "2024-04-01..2024-05-01", "2024-05-01..2024-05-31"),
    ],
)
def test_periods_are_named_in_the_result(chosen: dict[str, Any], before: str, after: str) -> None:
    days = [datetime(2022, 1, 1, 12) + timedelta(days=day) for day in range(912)]
    row = only([{"score": 9, "said_at": day} for day in days], **chosen)
    assert (row["before"], row["after"]) == (before, after or chosen["second"])
    for side in ("before", "after"):
        start, end = (datetime.fromisoformat(day) for day in row[side].split(".."))
        assert row[f"answers_{side}"] == (end - start).days


def test_a_period_that_has_not_ended_is_noted() -> None:
    result = measure(say(BEFORE, 9) + say(AFTER, 9), at="2024-04-15", days=90)
    assert [str(note) for note in result.notes] == [
        "The later period lasts until 2024-07-14, beyond this report: answers are still to come."
    ]


def test_two_groups_are_compared_within_the_period() -> None:
    answers = say(BEFORE, 9, 9, 0, touchpoint="web") + say(AFTER, 9, 9, touchpoint="web")
    answers += say(AFTER, 0, 7, touchpoint="shop")
    row = only(answers, compare="touchpoint")
    assert (row["before"], row["after"], row["answers_before"], row["answers_after"]) == ("shop", "web", 2, 5)
    turned = only(answers, compare="touchpoint", first="web", second="shop", since="2024-04-01")
    assert (turned["nps_before"], turned["nps_after"], turned["change"]) == (100.0, -50.0, pytest.approx(-150))


def test_groups_can_be_those_of_the_customer() -> None:
    answers = say(AFTER, 9, customer_id="a") + say(AFTER, 0, customer_id="b") + say(AFTER, 7, customer_id="c")
    customers = [{"customer_id": key, "country": country} for key, country in (("a", "FR"), ("b", "CH"), ("c", "BE"))]
    row = only(answers, customers=customers, compare="customers.country", first="FR", second="BE")
    assert row["change"] == pytest.approx(-100)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"compare": "touchpoint"}, "first or second cannot be left out. It must be shop, web, app."),
        (
            {"compare": "touchpoint", "first": "web"},
            "first or second cannot be left out. It must be shop, web, app.",
        ),
        (
            {"compare": "touchpoint", "first": "web", "second": "fax"},
            "second cannot be fax. It must be shop, web, app.",
        ),
        ({"compare": "touchpoint", "first": "web", "second": "web"}, "second cannot be web. It must be shop, app."),
        ({"first": "2024-04-01..2024-05-01"}, "first cannot be 2024-04-01..2024-05-01. It must be days that second"),
        (
            {"second": "2024-05-01..2024-04-01"},
            "second cannot be 2024-05-01..2024-04-01. It must be an earlier day, two dots, a later day.",
        ),
        ({"compare": "occasion"}, "compare cannot be occasion. It must be another split"),
        (
            {"second": "May"},
            "second cannot be May. It must be a day or a time, such as 2024-07-01 or 2024-07-01T12:00.",
        ),
        ({"at": "2024-05-01", "days": "0"}, "days cannot be 0. It must be 1 or more."),
        ({"at": "2024-05-01", "days": "ten"}, "days cannot be ten. It must be a whole number."),
    ],
)
def test_a_comparison_that_cannot_be_made_says_why(chosen: dict[str, str], words: str) -> None:
    answers = say(AFTER, 9, 9, 9, touchpoint="shop") + say(AFTER, 9, 9, touchpoint="web")
    with pytest.raises(BadSetting) as caught:
        measure(answers + say(AFTER, 9, touchpoint="app"), **chosen)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("compare", "by"),
    [
        ("touchpoint", "touchpoint"),
        ("feedback.touchpoint", "survey,touchpoint"),
        ("country", "customers.country"),
    ],
)
def test_groups_that_are_compared_cannot_be_kept_apart(compare: str, by: str) -> None:
    """Each row would hold one of the two sides alone."""
    answers = say(AFTER, 9, touchpoint="shop", customer_id="a") + say(AFTER, 0, touchpoint="web", customer_id="b")
    people = [{"customer_id": "a", "country": "CH"}, {"customer_id": "b", "country": "FR"}]
    with pytest.raises(BadSetting) as caught:
        measure(answers, customers=people, compare=compare, by=by)
    assert str(caught.value) == (
        f"by cannot be {compare}. It must be another split than the one whose groups are compared."
    )
    assert len(measure(answers, customers=people, compare="touchpoint", by="touchpoints.kind")) == 1


def test_an_unknown_split_to_compare_is_named() -> None:
    with pytest.raises(UnknownSplit) as caught:
        measure(say(AFTER, 9), compare="touchpnt")
    assert str(caught.value).startswith("nps_change cannot be split by touchpnt. Choose from touchpoint")


# --- against a plain loop

ANSWER = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from(["a", "b", "c", None]),
        "score": st.integers(0, 10),
        "touchpoint": st.sampled_from(["web", None]),
        "said_at": st.sampled_from([BEFORE, BEFORE + timedelta(days=3), AFTER, AFTER + timedelta(days=3)]),
    }
)


@settings(max_examples=8, deadline=None)
@given(st.lists(ANSWER, min_size=1, max_size=20))
def test_figures_agree_with_a_plain_loop(answers: list[dict[str, Any]]) -> None:
    sides: dict[Any, Any] = defaultdict(lambda: ([], [], set(), set()))
    for number, answer in enumerate(answers):
        side = int(answer["said_at"] >= AFTER)
        sides[answer["touchpoint"]][side].append(100 * (answer["score"] >= 9) - 100 * (answer["score"] <= 6))
        sides[answer["touchpoint"]][2 + side].add(answer["customer_id"] or number)
    rows = measure(answers, by="touchpoint", each="answer").to_records()
    assert len(rows) == len(sides)
    for row in rows:
        before, after, people_before, people_after = sides[row["touchpoint"]]
        assert (row["answers_before"], row["answers_after"]) == (len(before), len(after))
        assert row["people_twice"] == len(people_before & people_after)
        if before and after:
            assert row["change"] == pytest.approx(np.mean(after) - np.mean(before))


# --- chance: many small companies at once, as groups of one


def draw(rng: np.random.Generator, clusters: np.ndarray[Any, Any], tie: float, shares: list[float]) -> Any:
    """Scores whose latent values correlate by ``tie`` inside a cluster, and between two draws of the same clusters."""
    common = default_rng(7).standard_normal(clusters.max() + 1)[clusters]
    latent = np.sqrt(tie) * common + np.sqrt(1 - tie) * rng.standard_normal(len(clusters))
    return SCORES[np.searchsorted(ndtri(np.cumsum(shares)[:2]), latent)]


def two_waves(rng: np.random.Generator, companies: int, people: int, after: list[float]) -> list[dict[str, Any]]:
    """Every person may answer in either wave or both, some more than once; who they are drives both answers."""
    answers = []
    for at, shares in ((BEFORE, [0.2, 0.4, 0.4]), (AFTER, after)):
        who = np.repeat(np.arange(companies * people), rng.choice([0, 1, 2], companies * people, p=[0.3, 0.5, 0.2]))
        scores = draw(rng, who, 0.7, shares)
        answers += [
            {"score": score, "said_at": at, "customer_id": f"c{one}", "x_company": f"{one // people}"}
            for one, score in zip(who, scores, strict=True)
        ]
    return answers


def test_interval_covers_when_some_people_answer_in_both_periods() -> None:
    companies = 300
    answers = two_waves(default_rng(31), companies, 40, [0.1, 0.4, 0.5])
    for each in ("person", "answer"):
        rows = measure(answers, by="x_company", each=each).to_records()
        held = sum(row["change_low"] <= 20 <= row["change_high"] for row in rows)
        assert binomial_p(held, companies) > 0.001, (each, held)
    strangers = measure([{**one, "customer_id": None} for one in answers], by="x_company", each="answer")
    assert binomial_p(sum(row["change_low"] <= 20 <= row["change_high"] for row in strangers), companies) < 0.01


def test_interval_covers_when_people_belong_to_firms() -> None:
    companies, firms = 200, 30
    answers = two_waves(default_rng(32), companies, firms, [0.2, 0.4, 0.4])  # a firm is what the answers have in common
    for number, answer in enumerate(answers):
        answer["x_firm"], answer["customer_id"] = answer["customer_id"], f"p{number}"
    customers = [{"customer_id": one["customer_id"], "account_id": one["x_firm"]} for one in answers]
    rows = measure(answers, customers=customers, by="x_company").to_records()
    assert {row["people_twice"] for row in rows} == {0}
    held = sum(row["change_low"] <= 0 <= row["change_high"] for row in rows)
    assert binomial_p(held, companies) > 0.001, held


def test_many_comparisons_seldom_find_a_change_that_is_none() -> None:
    """A hundred tables of twenty groups without any change: finds in at most 5 % of the groups, and of the tables."""
    answers = two_waves(default_rng(33), 2000, 20, [0.2, 0.4, 0.4])
    p = {int(row["x_company"]): row["p"] for row in measure(answers, by="x_company")}
    finds = sum(value < 0.05 for value in p.values())
    assert binomtest(finds, 2000, 0.05, alternative="greater").pvalue > 0.001, finds
    tables = [adjust_p_values([p[20 * table + group] for group in range(20)]) for table in range(100)]
    assert binomtest(sum(table.min() < 0.05 for table in tables), 100, 0.05, alternative="greater").pvalue > 0.001
    rows = measure([one for one in answers if int(one["x_company"]) < 20], by="x_company").to_records()
    by_company = {int(row["x_company"]): row["p_adjusted"] for row in rows}
    assert [by_company[group] for group in range(20)] == pytest.approx(list(tables[0]))


def test_the_planted_improvement_is_found_as_large_as_it_is(hundred: Any) -> None:
    """Six waves before people grew happier and six after; many who answer after have answered before."""
    asked = {"at": hundred.changed_on, "days": 730, "show_small_groups": True}
    truth = hundred.after - hundred.before
    parts = [row for row in nps_change(hundred.facts, by="customers.x_part", **asked) if is_relational(row)]
    held = sum(row["change_low"] <= truth <= row["change_high"] for row in parts)
    assert binomial_p(held, len(parts)) > 0.001, held
    width = np.mean([row["change_high"] - row["change_low"] for row in parts])
    assert is_unbiased([row["change"] for row in parts], truth, width / 3.92)
    assert np.mean([row["people_twice"] for row in parts]) > 5
    (whole,) = filter(is_relational, nps_change(hundred.facts, **asked))
    assert whole["is_change"]
    assert whole["change_low"] <= truth <= whole["change_high"]


def is_relational(row: dict[str, Any]) -> bool:
    return bool(row["occasion"] == "relational")
