"""The chapters on themes, drivers, what people did later, costs and worth: the right sentence for each figure."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest
from tests.companies import make_facts

from saydo.charts.listed import Look, listed, point_of
from saydo.company import Facts
from saydo.measures import find
from saydo.report.afterwards import what_the_score_adds, what_they_did_after
from saydo.report.bring import what_contracts_are_worth, what_recommendations_bring
from saydo.report.cost import what_broken_promises_cost
from saydo.report.does import which_segments_there_are
from saydo.report.drivers import what_the_score_goes_with
from saydo.report.pays import how_it_pays, who_came_back
from saydo.report.story import Questions, figure_of, is_surely_above, is_surely_below, only_over
from saydo.report.talk import what_people_talk_about
from saydo.report.worth import how_well_foretold, what_they_are_worth
from saydo.result import Note, Result

Row = dict[str, Any]
AS_OF = datetime(2024, 7, 1)


class Told(Questions):
    """Questions whose answers are made by hand: measure -> (splits, rows)."""

    answers: dict[str, tuple[tuple[str, ...], list[Row]]]
    notes: tuple[Note, ...] = ()

    def ask(self, name: str, by: str = "", **settings: Any) -> Result | None:
        if name not in self.answers:
            return None
        splits, rows = self.answers[name]
        return Result(find(name), pa.Table.from_pylist(rows), splits, AS_OF, "EUR", settings, self.notes)


def told(notes: tuple[Note, ...] = (), **answers: tuple[tuple[str, ...], list[Row]]) -> Told:
    questions = Told(make_facts())
    questions.answers, questions.notes = answers, notes
    return questions


def ends(name: str, value: float | None, half: float = 0.0) -> Row:
    """A figure and its interval under the names of its columns."""
    low, high = (None, None) if value is None else (value - half, value + half)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def band(name: str, difference: float | None, half: float = 0.02, events: int = 400, rate: float = 0.3) -> Row:
    rate_ends = {"bought_rate": rate, "bought_low": rate - 0.02, "bought_high": rate + 0.02}
    deeds = {"margin_mean": 50.0, "returns_mean": None, "contacts_mean": None, "referrals_mean": 0.1, "left_rate": None}
    return {
        "band": name,
        "score": None,
        "events": events,
        "matched": 300.0,
        **rate_ends,
        **deeds,
        **ends("bought_difference", difference, half),
    }


@pytest.mark.parametrize(
    ("promoters", "detractors", "beginning"),
    [
        (0.05, -0.05, "A 9 is a 9 here"),
        (0.05, -0.01, "Promoters buy again more than passives who had bought alike before; detractors no less"),
        (0.01, -0.05, "Detractors buy again less than passives who had bought alike before; promoters no more"),
        (0.01, -0.01, "A 9 need not be a 9 here"),
        (-0.05, -0.05, "A 9 is no 9 here"),
        (0.01, 0.05, "Detractors buy again more than passives"),
        (None, None, "A 9 need not be a 9 here"),
    ],
)
def test_a_9_is_a_9_only_where_both_differences_are_sure(
    promoters: float | None, detractors: float | None, beginning: str
) -> None:
    rows = [band("promoters", promoters), band("passives", None), band("detractors", detractors)]
    section = what_they_did_after(told(say_do=(("band", "score"), rows)))
    assert section is not None
    assert section.heading.startswith(beginning)
    assert "does not say that a better score would make anybody buy" in section.beneath[0]


def test_few_answers_do_not_tell_what_follows() -> None:
    rows = [band("promoters", 0.05, events=29), band("passives", None), band("detractors", -0.05)]
    section = what_they_did_after(told(say_do=(("band", "score"), rows)))
    assert section is not None
    assert section.heading == "There are too few answers to tell what customers do after them"


def test_silence_is_a_sign_only_where_the_silent_surely_buy_less() -> None:
    rows = [band("promoters", 0.05), band("passives", None), band("detractors", -0.05)]
    less, alike = (
        what_they_did_after(told(say_do=(("band", "score"), [*rows, band("silent", difference)])))
        for difference in (-0.05, -0.01)
    )
    assert less is not None
    assert alike is not None
    assert "Silence is a sign, too." in less.texts[1]
    assert "Silence" not in alike.texts[1]


def gained(gain: float, half: float, placebo: float = 0.0) -> Row:
    return {
        "encoding": "score",
        "answers": 800,
        "later_answers": 400,
        **ends("gain", gain, half),
        **ends("placebo", placebo, 0.001),
    }


@pytest.mark.parametrize(
    ("gain", "half", "beginning"),
    [
        (0.03, 0.01, "The score tells something of who buys again that past purchases do not: 3.0%"),
        (0.03, 0.04, "The score adds nothing to what past purchases tell of who buys again, as far as 400 answers"),
        (-0.03, 0.01, "The score adds nothing to what past purchases tell of who buys again, as far as 400 answers"),
    ],
)
def test_score_adds_only_where_its_interval_is_above_0(gain: float, half: float, beginning: str) -> None:
    section = what_the_score_adds(told(score_value=(("encoding",), [gained(gain, half)])))
    assert section is not None
    assert section.heading.startswith(beginning)


def test_score_that_tells_more_of_the_days_before_is_said_to_look_back() -> None:
    back, ahead = (
        what_the_score_adds(told(score_value=(("encoding",), [gained(0.03, 0.01, placebo)])))
        for placebo in (0.04, 0.02)
    )
    assert back is not None
    assert ahead is not None
    assert any("it may be about what they have lived" in text for text in back.texts)
    assert not any("it may be about what they have lived" in text for text in ahead.texts)


def lived(part: int, rate: float, half: float = 0.02, events: int = 500) -> Row:
    return {
        "part": part,
        "experience_from": 3.0 * part,
        "experience_to": 3.0 * part + 2,
        "events": events,
        "bought_rate": rate,
        "bought_low": rate - half,
        "bought_high": rate + half,
        "margin_mean": 10.0,
        "referrals_mean": 0.1,
    }


@pytest.mark.parametrize(
    ("worst", "best", "beginning"),
    [
        (0.3, 0.4, "The better the score, the more customers buy again within a year: from 30% to 40%"),
        (0.3, 0.33, "From the worst experiences to the best, customers buy again alike"),
        (0.4, 0.3, "Customers with the best experiences buy again less than those with the worst: 30%, against 40%"),
    ],
)
def test_curve_rises_only_where_its_ends_are_apart(worst: float, best: float, beginning: str) -> None:
    section = how_it_pays(told(loyalty_curve=(("part",), [lived(1, worst), lived(2, best)])))
    assert section is not None
    assert section.heading.startswith(beginning)
    assert not any("Almost nobody" in text for text in section.texts)


@pytest.mark.parametrize(
    ("rates", "beginning"),
    [
        ((0.3, 0.33, 0.35, 0.4), "The better the score, the more customers buy again"),
        ((0.3, 0.5, 0.4), "Customers with the best experiences buy again more than those with the worst: 40%, "),
        ((0.3, 0.5, 0.32), "Customers with the best experiences buy again as much as those with the worst"),
        ((0.3, 0.32, 0.31), "From the worst experiences to the best, customers buy again alike"),
    ],
)
def test_curve_rises_only_where_what_lies_between_bears_it_out(rates: tuple[float, ...], beginning: str) -> None:
    section = how_it_pays(told(loyalty_curve=(("part",), [lived(part, rate) for part, rate in enumerate(rates, 1)])))
    assert section is not None
    assert section.heading.startswith(beginning)


def test_curve_rises_only_where_the_line_through_all_parts_does() -> None:
    """The ends are apart, but what is known best lies between them and does not rise."""
    level = [lived(part, 0.345, 0.002) for part in range(2, 8)]
    section = how_it_pays(told(loyalty_curve=(("part",), [lived(1, 0.3, 0.04), *level, lived(8, 0.385, 0.04)])))
    assert section is not None
    assert "between them it does not rise steadily" in section.heading


def test_curve_of_promises_tells_the_broken_from_the_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [lived(1, 0.3) | {"experience_from": 0.0}, lived(2, 0.4) | {"experience_from": 1.0}]
    questions = told(loyalty_curve=(("part",), parts))
    ask = questions.ask
    monkeypatch.setattr(questions, "ask", lambda name, experience: ask(name) if experience == "promises" else None)
    section = how_it_pays(questions)
    assert section is not None
    assert section.heading.startswith("Customers to whom a promise was kept buy again more than those to whom one was")
    assert section.table is not None
    assert [row[0] for row in section.table.rows] == ["broken promise", "kept promise"]


def test_curve_of_those_who_hardly_ever_come_back_says_how_few_they_are() -> None:
    section = how_it_pays(told(loyalty_curve=(("part",), [lived(1, 0.01, 0.005), lived(2, 0.03, 0.005)])))
    assert section is not None
    assert "Almost nobody buys again in these facts, 20 of 1,000" in section.texts[1]


def segment(name: str, silent: float, usual: float | None, customers: int = 40) -> Row:
    paces = {"days_since_last_purchase_median": silent, "days_between_purchases_median": usual}
    return {"segment": name, "customers": customers, "customer_share": 0.2, "sales_share": 0.3, **paces}


@pytest.mark.parametrize(
    ("silent", "usual", "beginning", "is_called"),
    [
        (200, 30, "40 good customers have not bought for long; they made 30% of our sales", True),
        (8, 30, "40 good customers bought longer ago than most, but not long ago", False),
        (60, 30, "40 good customers bought longer ago than most, but not long ago", False),
        (200, None, "40 good customers bought longer ago than most, but not long ago", False),
    ],
)
def test_good_customers_have_stopped_only_if_silent_by_their_own_measure(
    silent: float, usual: float | None, beginning: str, is_called: bool
) -> None:
    section = which_segments_there_are(told(rfm=(("segment",), [segment("at risk", silent, usual)])))
    assert section is not None
    assert section.heading.startswith(beginning)
    assert (section.step is not None, len(section.texts)) == (is_called, 2 if is_called else 1)


def case(group: str, difference: float | None, events: int = 60) -> Row:
    row = band("", difference, events=events)
    return {"group": group} | {name: value for name, value in row.items() if name not in ("band", "score")}


@pytest.mark.parametrize(
    ("difference", "late", "beginning"),
    [
        (0.05, 60, "Those whose case was answered in time come back more than those alike who waited"),
        (0.01, 60, "Whether a case was answered in time makes no difference to coming back"),
        (-0.05, 60, "Those whose case was answered in time come back less than those alike who waited"),
        (0.05, 29, "There are too few cases to tell whether those who were answered come back"),
    ],
)
def test_recovery_is_told_by_its_interval(difference: float, late: int, beginning: str) -> None:
    rows = [case("content", difference), case("answered", 0.0), case("late", None, late)]
    section = who_came_back(told(recovery=(("group",), rows)))
    assert section is not None
    assert section.heading.startswith(beginning)
    assert section.step is not None
    assert section.step.cases == 60


def cost(
    promise: str,
    rank: int,
    value: float,
    half: float,
    placebo_p: float | None = 0.5,
    broken: int = 90,
    p: float | None = 0.001,
) -> Row:
    return {
        "rank": rank,
        "promise": promise,
        "kept_rate": 0.9,
        "broken_per_quarter": 30.0,
        "broken": broken,
        "cost_per_broken": value / 30,
        **ends("cost_per_quarter", value, half),
        **ends("half_cost", value / 2, half / 2),
        "p": p,
        "placebo": 0.0,
        "placebo_p": placebo_p,
        "e_value": 1.5,
        "e_value_limit": 1.2,
    }


COVARIATES = (Note("Adjusted for: {covariates}.", {"covariates": "lead_days, orders.x_large"}),)


@pytest.mark.parametrize(
    ("half", "placebo_p", "broken", "p", "is_told"),
    [
        (1000.0, 0.5, 90, 0.001, True),
        (1000.0, None, 90, 0.001, True),
        (4000.0, 0.5, 90, 0.001, False),
        (1000.0, 0.01, 90, 0.001, False),
        (1000.0, 0.5, 29, 0.001, False),
        (1000.0, 0.5, 90, 0.03, False),  # the dearest of two is as dear as that by chance more often than 1 in 20
    ],
)
def test_broken_promises_are_priced_only_where_range_chance_placebo_and_count_allow_it(
    half: float, placebo_p: float | None, broken: int, p: float, is_told: bool
) -> None:
    rows = [cost("in time", 1, 3000, half, placebo_p, broken, p), cost("refund", 2, 100, 300)]
    section = what_broken_promises_cost(told(COVARIATES, promise_cost=(("promise",), rows)), {"in time": "Fast"}, None)
    assert section is not None
    known = "Where “Fast” is broken, its customers together leave €3,000 a quarter less than those like them where it"
    unknown = "What broken promises cost cannot be told from nothing with these facts"
    assert section.heading.startswith(known if is_told else unknown)
    assert (section.weight, section.step is not None) == ((3, True) if is_told else (0, False))
    words = " ".join(section.texts)
    assert ("mending half of them would bring €1,500 a quarter" in words) == is_told
    assert ("those compared were not alike" in words) == (placebo_p == 0.01)
    assert "alike in what was known when they were made: days promised and large." in words
    assert section.notes == []


def test_promise_whose_range_overlaps_with_the_next_is_not_called_the_dearest() -> None:
    rows = [cost("in time", 1, 3000, 1000), cost("refund", 2, 2500, 1000)]
    section = what_broken_promises_cost(told(promise_cost=(("promise",), rows)), {}, None)
    assert section is not None
    assert "Whether it is the dearest is open" in section.texts[0]


def changed(effect: float, half: float, placebo_p: float | None = None) -> Row:
    return {
        "promise": "in time",
        "outcome": "score",
        "question": "nps",
        "item": None,
        "kept": 300,
        "broken": 60,
        "naive": -2.0,
        **ends("effect", effect, half),
        "placebo_p": placebo_p,
        "e_value": 2.0,
        "e_value_limit": None,
    }


@pytest.mark.parametrize(
    ("row", "beginning"),
    [
        (changed(-1.5, 0.5), "Like for like, the score is 1.5 points lower where “in time” is broken"),
        (changed(-0.3, 0.5), "Like for like, a broken “in time” makes no lower score"),
        (changed(-1.5, 0.5, 0.01), "Like for like, a broken “in time” makes no lower score"),
    ],
)
def test_without_costs_the_score_is_compared_like_for_like(row: Row, beginning: str) -> None:
    asked = {"promise": "in time", "question": "nps"}
    section = what_broken_promises_cost(told(promise_effect=(("promise", "outcome"), [row])), {}, asked)
    assert section is not None
    assert section.heading.startswith(beginning)


def foretold(expected: float, made: int, half: float = 30) -> list[Row]:
    return [
        {
            "repeats": repeats,
            "customers": 500,
            "purchases": made,
            "expected_purchases": expected,
            "expected_low": expected - half,
            "expected_high": expected + half,
        }
        for repeats in (0, 7)
    ]


HELD_OUT = (Note("Fitted until {day}, compared until {end}.", {"day": "2024-01-01", "end": "2024-06-30"}),)


@pytest.mark.parametrize(
    ("expected", "made", "heading"),
    [
        (120, 100, "A model of past purchases foretold 20% more than customers then bought"),
        (80, 100, "A model of past purchases foretold 20% less than customers then bought"),
        (105, 100, "A model of past purchases foretold to within a tenth what customers then bought"),
        (20, 12, "Whether customers buy again cannot be foretold from these facts: almost nobody has"),
    ],
)
def test_forecast_is_told_beside_what_happened(expected: float, made: int, heading: str) -> None:
    questions = told(HELD_OUT, repurchase_check=(("repeats",), foretold(expected, made)))
    section = how_well_foretold(questions)
    assert section is not None
    assert section.heading == heading
    assert ("repurchase_check" in questions.gaps) == (made == 12)
    if made == 12:
        assert (
            "1,000 customers had bought by January 1, 2024; from then until June 30, 2024 they made 24"
            in section.texts[0]
        )
    else:
        assert section.table is not None
        assert [row[0] for row in section.table.rows] == ["0", "7 or more"]


def value(amount: float, half: float) -> list[Row]:
    return [
        {
            "customers": 1000,
            "alive_share": 0.4,
            "expected_purchases": 200.0,
            "value_per_customer": amount / 1000,
            "value_low": 1.0,
            "value_high": 2.0,
            "expected_margin": amount,
            "margin_low": amount - half,
            "margin_high": amount + half,
        }
    ]


@pytest.mark.parametrize(
    ("half", "expected", "heading"),
    [
        (
            500.0,
            105,
            "Today's customers can be expected to leave €9,000 in the coming year, €9.00 each, if nothing changes",
        ),
        (
            500.0,
            120,
            "Today's customers can be expected to leave rather less than €9,000 in the coming year, going by a model "
            "that lately foretold too much",
        ),
        (
            500.0,
            80,
            "Today's customers can be expected to leave rather more than €9,000 in the coming year, going by a model "
            "that lately foretold too little",
        ),
        (9500.0, 105, "What today's customers will leave in the coming year cannot be told well: −€500 to €18.5K"),
        (5000.0, 105, "What today's customers will leave in the coming year cannot be told well: €4,000 to €14K"),
    ],
)
def test_worth_is_told_by_its_interval_and_by_how_well_the_model_foretold(
    half: float, expected: float, heading: str
) -> None:
    answers: dict[str, Any] = {
        "margin": ((), [{"margin": 5.0}]),
        "lifetime_value": ((), value(9000.0, half)),
        "repurchase_check": (("repeats",), foretold(expected, 100)),
    }
    section = what_they_are_worth(told(**answers))
    assert section is not None
    assert section.heading == heading
    assert what_they_are_worth(told(**{**answers, "margin": ((), [{"margin": None}])})) is None


def brought(nobody: float, half: float, everybody: float, sure: float = 5.0) -> list[Row]:
    return [
        {
            "referrals": 90,
            "brought": 40,
            "conversion_rate": 0.5,
            "value": half,
            **ends("value_0", nobody, sure),
            **ends("value_50", half, sure),
            **ends("value_100", everybody, sure),
        }
    ]


@pytest.mark.parametrize(
    ("worth", "beginning"),
    [
        (
            brought(100, 60, 20),
            "A customer brought by another is worth €20.00 to €100, however many would have come anyway",
        ),
        (
            brought(100, 45, -10),
            "A customer brought by another is worth €45.00, if half of them would have come anyway",
        ),
        (brought(20, 3, -14), "Recommendations pay only if few of those brought would have come anyway: €20.00 each"),
        (brought(3, -4, -10), "Recommendations do not pay for their reward that could be told from noise"),
    ],
)
def test_recommendations_are_told_for_three_shares_who_would_have_come_anyway(worth: list[Row], beginning: str) -> None:
    section = what_recommendations_bring(told(referral_value=((), worth)))
    assert section is not None
    assert section.heading.startswith(beginning)
    assert [row[0] for row in section.pictures[0].wide.table.rows] == ["Nobody", "Half of them", "All of them"]


@pytest.mark.parametrize(
    ("difference", "words"),
    [(0.02, "no difference that could be told from noise"), (0.08, "like for like +8.0 points of percent")],
)
def test_those_brought_are_compared_with_others_by_their_interval(difference: float, words: str) -> None:
    sides = [
        {"came": "brought", "bought_rate": 0.5, "matched": 200, **ends("bought_difference", difference, 0.05)},
        {"came": "otherwise", "bought_rate": 0.4, "matched": None},
    ]
    worth = brought(100, 60, 20)
    section = what_recommendations_bring(told(referral_value=((), worth), referred=(("tenure", "came"), sides)))
    assert section is not None
    assert "50% of those brought bought again, of the others 40%" in section.texts[1]
    assert words in section.texts[1]


def test_contracts_need_renewals_that_came_due() -> None:
    row = {
        "period_months": 3,
        "contracts": 90,
        "running": 60,
        "due": 29,
        "lost_renewals": 8,
        "renewal_rate": 0.9,
        "renewal_low": 0.8,
        "renewal_high": 0.95,
        **ends("value_new", 200.0, 20.0),
        "value_running": 900.0,
    }
    assert what_contracts_are_worth(told(contract_value=(("period_months",), [row]))) is None
    section = what_contracts_are_worth(told(contract_value=(("period_months",), [{**row, "due": 30}])))
    assert section is not None
    assert section.heading == "A contract that begins today can be expected to leave €200; the 60 that run, €900 still"
    assert section.step is not None
    assert section.step.cases == 8


def theme(name: str, difference: float | None, half: float = 0.3, language: str = "en", share: float = 0.2) -> Row:
    examples = {f"example_{number}": f"Words on {name} <b>{number}</b>" for number in (1, 2, 3)}
    return {
        "language": language,
        "theme": name,
        "comments": 50,
        "score_answers": 40,
        **ends("share", share, 0.01),
        **ends("score_difference", difference, half),
        **ends("share_change", 0.0, 0.1),
        "words": name,
        **examples,
    }


def test_heaviest_theme_of_the_language_that_most_write_in_is_told() -> None:
    rows = [theme("late", -2.0), theme("dear", -1.0), theme("kind", 1.5), theme("retard", -3.0, language="fr")]
    section = what_people_talk_about(told(themes=(("language", "theme"), rows)))
    assert section is not None
    assert section.heading == "Comments on “late” come with scores 2.0 points lower than the others"
    assert [voice.mood for voice in section.voices] == ["unhappy"] * 3
    assert any("In French, comments on “retard” come with scores 3.0 points lower" in text for text in section.texts)
    assert any("does not make it their reason" in text for text in section.texts)
    assert section.step is not None


def test_theme_whose_scores_could_be_chance_among_so_many_is_no_headline() -> None:
    rows = [theme("late", -0.33, share=0.3), *(theme(f"other {n}", 0.0) for n in range(9))]
    section = what_people_talk_about(told(themes=(("language", "theme"), rows)))
    assert section is not None
    assert section.heading == "People write most about “late”"
    assert section.step is None


def test_themes_that_fewer_than_eight_wrote_of_are_not_told() -> None:
    hidden = {**theme("late", -2.0), "words": None}
    assert what_people_talk_about(told(themes=(("language", "theme"), [hidden]))) is None


def driver(name: str, importance: float, half: float = 0.02, stands: float = 0.7, explained: float = 0.5) -> Row:
    parts = {"importance_share": importance, "importance_low": importance - half, "importance_high": importance + half}
    stands_at = {"performance_share": stands, "performance_low": stands - 0.01, "performance_high": stands + 0.01}
    whole = {"explained_share": explained, "explained_low": explained - 0.03, "explained_high": explained + 0.03}
    return {
        "occasion": "event",
        "driver_kind": "csat",
        "driver": name,
        "answers": 300,
        "pattern": "basic",
        "penalty": 1.2,
        "reward": 0.4,
        **parts,
        **stands_at,
        **whole,
    }


@pytest.mark.parametrize(
    ("rows", "heading"),
    [
        (
            [driver("delivery", 0.6), driver("price", 0.4)],
            "The score goes most with delivery: 60% of what is explained of it",
        ),
        (
            [driver("delivery", 0.51), driver("price", 0.49)],
            "The score goes most with delivery and price; which of them more is within noise",
        ),
        (
            [driver("delivery", 0.6, explained=0.05), driver("price", 0.4, explained=0.05)],
            "What is known beside the score explains little of it: 5%",
        ),
    ],
)
def test_drivers_are_ranked_only_where_their_ranges_are_apart(rows: list[Row], heading: str) -> None:
    section = what_the_score_goes_with(told(drivers=(("occasion", "driver_kind", "driver"), rows)), "nps", None)
    assert section is not None
    assert section.heading == heading
    assert section.beneath[0].startswith("Importance is not the effect of a change.")


def test_driver_that_weighs_and_stands_low_is_to_be_tried_unless_another_section_says_so() -> None:
    rows = [driver("delivery", 0.6, stands=0.5), driver("price", 0.4, stands=0.8)]
    questions = told(drivers=(("occasion", "driver_kind", "driver"), rows))
    section, other = (what_the_score_goes_with(questions, "nps", already) for already in (None, "delivery"))
    assert section is not None
    assert other is not None
    assert section.step is not None
    assert section.step.text.startswith("Try what better delivery brings")
    assert other.step is None


def test_many_looks_need_a_wider_interval() -> None:
    figure = ends("share_change", 0.11, 0.1)
    assert is_surely_above(figure, "share_change", 0)
    assert not is_surely_above(figure, "share_change", 0, among=20)
    assert is_surely_below(ends("share_change", -0.11, 0.1), "share_change", 0)
    assert not is_surely_below({**figure, "share_change_low": None, "share_change_high": None}, "share_change", 0)


def test_list_keeps_its_order_and_tells_what_is_not_known() -> None:
    rows: list[Row] = [
        {"rate": 0.2, "rate_low": 0.1, "rate_high": 0.3},
        {"rate": None, "rate_low": None, "rate_high": None},
    ]
    points = [point_of(name, row, "rate", "5") for name, row in zip(("one", "two"), rows, strict=True)]
    chart = listed(points, Look("Rates", ("name", "rate", "count"), lambda share: f"{share:.0%}"))
    assert chart.table.rows == (("one", "20%", "10% to 30%", "5"), ("two", "–", "–", "5"))
    assert "<svg" in chart.svg()


@pytest.mark.parametrize(
    "section",
    [
        what_people_talk_about,
        what_they_did_after,
        what_the_score_adds,
        how_it_pays,
        who_came_back,
        how_well_foretold,
        what_they_are_worth,
        what_contracts_are_worth,
        what_recommendations_bring,
    ],
)
def test_nothing_is_told_of_facts_that_do_not_hold_it_and_the_gap_is_named(section: Any) -> None:
    facts: Facts = make_facts(customers=[{"customer_id": "c1"}])
    questions = Questions(facts)
    assert section(questions) is None
    assert questions.gaps


def test_bounds_are_told_as_bounds_and_not_at_all_where_everything_is_known() -> None:
    row = {"customers": 120, "earned_growth_rate": 0.05, "earned_growth_low": 0.05}
    rows = [row | {"earned_growth_high": 0.11}, row | {"earned_growth_high": 0.05}]
    result = Result(find("earned_growth"), pa.Table.from_pylist(rows), (), AS_OF, "EUR", {}, ())
    assert [figure_of(result, record).sure for record in rows] == ["bounds: 5% to 11% · 120 customers", "120 customers"]


def test_a_month_of_which_only_some_days_count_is_not_compared_with_whole_ones() -> None:
    starts = [date(2024, month, 1) for month in (1, 2, 3)]
    rows = pa.table({"month": starts, "kept_rate": [0.5, 0.9, 0.1]})
    result = Result(find("promises_kept"), rows, ("month",), AS_OF, None, {}, ())
    facts = make_facts(orders=[{"ordered_at": "2024-03-20"}])
    assert only_over(result, "month", facts, date(2024, 1, 23)).table["month"].to_pylist() == [date(2024, 2, 1)]
