"""The report: the right figures in the right words, however little is known of a company, in one safe file."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.companies import make_facts

from saydo.company import Facts
from saydo.engine import open_facts
from saydo.facts import TABLES
from saydo.measures import nps, promises_kept
from saydo.report import render_report, write_report
from saydo.report.satisfied import _begin_with as begin_with
from saydo.report.story import outliers
from saydo.simulate import simulate

VOID = {"meta", "br", "hr", "img", "input", "link", "wbr"}
HOSTILE = "<script>alert(1)</script> {{ 7 * 7 }} & </style> \u202egnp.exe"


def tidy(text: str) -> str:
    """The text with single spaces; those that cannot break stay."""
    return re.sub(r"[ \n\t]+", " ", text).strip()


class Page(HTMLParser):
    """A page read strictly: every tag is closed in its turn; what it holds by element."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> is out of turn"

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def all(self, tag: str) -> list[str]:
        return [tidy(text) for text in self.texts.get(tag, [])]

    @property
    def words(self) -> str:
        """All that is read, without style and drawings' descriptions apart."""
        return tidy(" ".join(self.texts["body"]))

    def attributes(self, name: str) -> Iterator[str]:
        return (attributes[name] for _, attributes in self.found if name in attributes)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    directory = tmp_path_factory.mktemp("company")
    simulate(directory, customers=2_500, seed=3)
    return open_facts(directory)


@pytest.fixture(scope="module")
def html(company: Facts) -> str:
    return render_report(company)


@pytest.fixture(scope="module")
def told(html: str) -> Page:
    return Page(html)


def check_page(html: str) -> Page:
    """What must hold for every report; gives the page back."""
    read = Page(html)
    assert read.open == []
    levels = [int(tag[1]) for tag, _ in read.found if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))
    identifiers = list(read.attributes("id"))
    assert len(identifiers) == len(set(identifiers))
    assert set(read.attributes("href")) <= {f"#{one}" for one in identifiers}
    assert not re.search(r"\b(None|nan|NaN|undefined|Traceback)\b|\{\w+\}|  +\.", read.words)
    return read


def test_report_is_one_sound_page(html: str) -> None:
    read = check_page(html)
    root = dict(read.found)["html"]
    assert root == {"lang": "en"}
    assert html.startswith("<!doctype html>")


def test_report_asks_nobody_for_anything(html: str, told: Page) -> None:
    tags = {tag for tag, _ in told.found}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "form", "base", "audio", "video"})
    assert list(told.attributes("src")) == []
    assert not re.search(r"https?://|//\w+\.|@import|url\((?!#)|\bon\w+\s*=", html)


def test_tables_and_pictures_are_announced(told: Page) -> None:
    heads = [attributes for tag, attributes in told.found if tag == "th"]
    assert heads
    assert all(attributes["scope"] in ("col", "row") for attributes in heads)
    drawings = [attributes for tag, attributes in told.found if tag == "svg"]
    assert len(drawings) >= 16
    assert all(attributes["role"] == "img" for attributes in drawings)


def test_figures_are_those_of_the_measures_over_the_last_year(company: Facts, told: Page) -> None:
    since = date(2025, 10, 1)
    assert "October 1, 2025 to September 30, 2026" in told.words
    (row,) = [row for row in nps(company, since=since) if row["occasion"] == "relational"]
    assert f"Net Promoter Score {row['nps']:+.0f} 95%: {row['nps_low']:+.0f} to {row['nps_high']:+.0f}" in told.words
    assert f"{row['answers']:,} answers" in told.words
    (kept,) = promises_kept(company, since=since)
    assert f"Of these kept: {kept['kept']:,}; broken: {kept['broken']:,};" in told.words
    assert any(re.search(rf"{kept['kept_rate']:.0%} of", heading) for heading in told.all("h2"))


def test_first_screen_has_the_four_squares_and_what_they_earn(told: Page) -> None:
    tiles = told.all("h2")[:6]
    assert tiles == [
        "What customers say",
        "What customers do",
        "What we promise",
        "What we deliver",
        "What it earns",
        "What it grows by",
    ]
    assert "Not known yet" not in told.words


def test_each_chapter_tells_what_the_facts_allow(told: Page) -> None:
    anchors = list(told.attributes("id"))
    says, keeps = ["response", "drivers", "themes", "voices"], ["kept", "cost", "promises"]
    does = ["again", "foretold", "afterwards", "score-value", "curve", "recovery", "returns"]
    earns = ["margin", "lifetime", "contracts", "referrals", "growth"]
    for chapter in (says, does, keeps, earns):
        assert [one for one in anchors if one in chapter] == chapter


def test_report_without_comments_promises_and_contracts_says_what_is_missing() -> None:
    read = check_page(render_report(make_facts(feedback=feedback(60), orders=orders())))
    assert set(read.attributes("id")).isdisjoint({"themes", "cost", "effect", "recovery", "contracts", "referrals"})
    gaps = read.words.split("What could not be computed")[1].split("What each figure means")[0]
    for title in ("What people talk about", "What broken promises cost", "Recovery", "Value of contracts"):
        assert title in gaps


def test_steps_stand_by_the_cases_behind_them(told: Page) -> None:
    cases = [int(count.replace(",", "")) for count in re.findall(r"([\d,]+) cases? stands? behind this", told.words)]
    assert len(cases) >= 3
    assert cases == sorted(cases, reverse=True)


def test_french_report_is_french(company: Facts) -> None:
    read = check_page(render_report(company, language="fr"))
    assert dict(read.found)["html"] == {"lang": "fr"}
    assert read.all("h2")[:4] == [
        "Ce que disent les clients",
        "Ce que font les clients",
        "Ce que nous promettons",
        "Ce que nous tenons",
    ]
    for english in ("What to do", "Share of", "answers", "customers", "promises", "because"):
        assert english not in re.sub("«[^»]*»", "", read.words)
    # a space that cannot break stands where French wants one
    assert not re.search(r"[\w%»] [:;?!»%]|« \w", " ".join(read.all("p")))
    assert re.search("\\d\u00a0%", read.words)


def test_report_is_the_same_twice(company: Facts, html: str, tmp_path: Path) -> None:
    write_report(company, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == html
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def feedback(count: int = 12, **more: Any) -> list[dict[str, Any]]:
    scores = [10, 9, 9, 8, 7, 3]
    return [
        {"score": scores[n % 6], "said_at": f"2024-0{1 + n % 6}-03T10:00", "customer_id": f"c{n}", **more}
        for n in range(count)
    ]


def orders(count: int = 40) -> list[dict[str, Any]]:
    return [
        {"order_id": f"o{n}", "customer_id": f"c{n % 25}", "ordered_at": f"2024-0{1 + n % 6}-02T10:00"}
        for n in range(count)
    ]


def lines(count: int = 40, cost: float | None = 60) -> list[dict[str, Any]]:
    return [{"order_id": f"o{n}", "line": 1, "unit_price": 100, "unit_cost": cost} for n in range(count)]


def commitments(count: int = 40) -> list[dict[str, Any]]:
    return [
        {
            "promise": "delivery",
            "order_id": f"o{n}",
            "made_at": "2024-01-02",
            "due_at": "2024-01-05",
            "fulfilled_at": "2024-01-04" if n % 5 else "2024-01-09",
            "seen_by": "system",
        }
        for n in range(count)
    ]


COMPANIES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "one answer": {"feedback": feedback(1)},
    "answers": {"feedback": feedback(60)},
    "answers after an event": {"feedback": feedback(60, occasion="event", touchpoint="web")},
    "comments": {"feedback": feedback(60, comment="It came far too late, and nobody told me.")},
    "stars alone": {"feedback": feedback(60, question="stars", scale_min=0, scale_max=10)},
    "one order": {"orders": orders(1)},
    "orders": {"orders": orders()},
    "sales without costs": {"orders": orders(), "order_lines": lines(cost=None)},
    "sales": {"orders": orders(), "order_lines": lines()},
    "promises": {"commitments": commitments()},
    "promises and orders": {"commitments": commitments(), "orders": orders()},
    "answers and promises": {"feedback": [{**one, "order_id": f"o{n}"} for n, one in enumerate(feedback(40))],
                             "commitments": commitments()},
    "customers alone": {"customers": [{"customer_id": "c1"}]},
    "costs alone": {"costs": [{"month": "2024-01-01", "kind": "acquisition", "amount": 10}]},
}  # fmt: skip


@pytest.mark.parametrize("known", COMPANIES)
def test_report_of_a_company_of_which_little_is_known(known: str) -> None:
    read = check_page(render_report(make_facts(**COMPANIES[known]), language="fr"))
    assert len(read.all("article")) == 6


def test_broken_promises_and_scores_are_called_an_association() -> None:
    said = [
        {"order_id": f"o{n}", "customer_id": f"c{n}", "said_at": "2024-02-01", "score": 8 if n % 2 else 3}
        for n in range(80)
    ]
    given = [{**one, "fulfilled_at": "2024-01-04" if n % 2 else "2024-01-09"} for n, one in enumerate(commitments(80))]
    promised = [{"promise": "delivery", "statement": "There in three days."}]
    told = check_page(render_report(make_facts(feedback=said, commitments=given, promises=promised)))
    assert told.all("h1") == [
        "Customers give 3.0 of 10 when the promise “There in three days” is broken, and 8.0 when it is kept"
    ]
    assert "that is not the effect of the broken promise" in told.words


def years_of_sales(*days: str) -> dict[str, Any]:
    """Forty customers who buy on each of these days."""
    bought = [(f"o{number}-{n}", f"c{n}", on) for number, on in enumerate(days) for n in range(40)]
    return {
        "orders": [{"order_id": key, "customer_id": who, "ordered_at": on} for key, who, on in bought],
        "order_lines": [{"order_id": key, "line": 1, "unit_price": 100, "unit_cost": 60} for key, _, _ in bought],
        "contacts": [{"at": "2024-12-31", "direction": "in"}],
    }


def test_growth_over_a_year_that_is_not_all_on_file_is_not_told() -> None:
    read = check_page(render_report(make_facts(**years_of_sales("2023-10-05", "2024-02-05", "2024-10-05"))))
    [heading] = [one for one in read.all("h3") if "grew" in one]
    assert heading == (
        "How much sales grew cannot be told yet: the orders on file begin on October 5, 2023, "
        "within the year to compare with"
    )
    assert "Earned growth" not in read.words.split("What could not be computed")[0]
    whole = check_page(render_report(make_facts(**years_of_sales("2023-01-01", "2024-02-05", "2024-10-05"))))
    assert any(one.startswith("Sales grew by 100%") for one in whole.all("h3"))


def cohort(first: str, again: str, back: int) -> list[dict[str, Any]]:
    """Forty customers who first buy on a day, and how many of them buy again on another."""
    return [
        {"order_id": f"{first}-{n}-{on}", "customer_id": f"{first}-{n}", "ordered_at": on}
        for on, count in ((first, 40), (again, back))
        for n in range(count)
    ]


EARLY = {"order_id": "early", "customer_id": "early", "ordered_at": "2020-01-05"}


def test_cohorts_of_different_seasons_are_not_compared() -> None:
    spring, christmas = cohort("2022-05-05", "2022-08-05", 30), cohort("2023-11-05", "2024-02-05", 5)
    summer = cohort("2022-08-06", "2022-11-05", 30)
    facts = make_facts(orders=[EARLY, *spring, *summer, *christmas], contacts=[{"at": "2024-04-05", "direction": "in"}])
    headings = check_page(render_report(facts)).all("h3")
    assert "How many come back, by when they first bought" in headings
    assert not [heading for heading in headings if "than a year before" in heading or "Newer customers" in heading]


@pytest.mark.parametrize(
    ("back", "told"),
    [
        (5, "New customers come back less than a year before: 12% of those of Q4 2023, 75% of those of Q4 2022"),
        (40, "New customers come back more than a year before: 100% of those of Q4 2023, 75% of those of Q4 2022"),
        (29, "New customers come back no more and no less than a year before that could be told from noise: "),
    ],
)
def test_cohorts_are_compared_with_those_of_the_same_months_a_year_earlier(back: int, told: str) -> None:
    christmases = cohort("2022-11-05", "2023-02-05", 30) + cohort("2023-11-05", "2024-02-05", back)
    others = cohort("2023-05-05", "2023-08-05", 20)
    facts = make_facts(orders=[EARLY, *christmases, *others], contacts=[{"at": "2024-04-05", "direction": "in"}])
    headings = check_page(render_report(facts)).all("h3")
    assert len([heading for heading in headings if heading.startswith(told)]) == 1


def test_those_who_came_soon_after_the_first_order_on_file_make_no_repeat_rate() -> None:
    """The forty of the first year all came back, perhaps not for the first time; of the later ones a tenth did."""
    first, later = cohort("2021-01-05", "2021-03-05", 40), cohort("2022-02-05", "2022-04-05", 4)
    end = [{"at": "2023-04-05", "direction": "in"}]
    told = check_page(render_report(make_facts(orders=[*first, *later], contacts=end)))
    assert "Most customers do not come back: only 10% buy again within a year" in told.all("h2") + told.all("h3")
    assert "Counted are customers who first bought on January 5, 2022 or later" in told.words
    assert "Ask some of those who did not come back within a year why" in told.words
    alone = check_page(render_report(make_facts(orders=first, contacts=end)))
    assert "The orders on file begin on January 5, 2021. Some customers who look new here" in alone.words


def test_missing_tables_are_named_with_what_they_would_tell() -> None:
    read = Page(render_report(make_facts(feedback=feedback(60))))
    assert "It takes the table commitments: one row for each promise given" in read.words
    assert "Not known yet. It takes the table orders." in read.words
    gaps = read.words.split("What could not be computed")[1]
    assert "Promises keptpromises_kept needs the table commitments" in gaps


def test_few_answers_make_no_headline() -> None:
    read = Page(render_report(make_facts(feedback=feedback(12))))
    assert read.all("h1") == ["Only 12 answers so far: too few to tell where we stand"]


def test_worst_of_more_groups_must_be_farther_off_to_be_named() -> None:
    due = [
        {
            "promise": "in time",
            "touchpoint": place,
            "made_at": "2024-04-01",
            "due_at": "2024-05-01",
            "kept": n >= broken,
        }
        for place, broken in (("north", 14), ("south", 5))
        for n in range(60)
    ]
    places = promises_kept(make_facts(commitments=due), by="touchpoint", as_of="2024-06-01")
    assert [row["touchpoint"] for row in outliers(places, 0.9)[0]] == ["north"]
    assert outliers(places, 0.9, 60) == ([], [])


def test_few_customers_must_be_farther_off_to_be_named_however_many_promises_each_was_given() -> None:
    """Every eighth customer has everything kept, the others a seventh: of eight people less is known than of eighty."""
    due = [
        {
            "promise": "in time",
            "touchpoint": place,
            "customer_id": f"{place}{n % people}",
            "made_at": "2024-04-01",
            "due_at": "2024-05-01",
            "kept": n % 8 == 0 or n % 7 == 0,
        }
        for place, people in (("few", 8), ("many", 80))
        for n in range(300)
    ]
    places = promises_kept(make_facts(commitments=due), by="touchpoint", as_of="2024-06-01")
    assert [round(row["clusters"]) for row in places] == [8, 79]
    few = places.to_records()[0]
    normal = 2.87 / 1.96  # of twelve groups the normal law would have been content with this
    assert few["kept_rate"] + normal * (few["kept_high"] - few["kept_rate"]) < 0.72
    assert [row["touchpoint"] for row in outliers(places, 0.72, 12)[0]] == ["many"]


def invited(friends: int, others: int) -> dict[str, Any]:
    """Two kinds of customers of a hundred each, of whom so many answer: +100 among friends, -20 among the others."""
    kinds = [
        (f"{kind}{n}", kind, n < heard) for kind, heard in (("friend", friends), ("other", others)) for n in range(100)
    ]
    survey = {"survey": "s", "question": "nps"}
    return {
        "customers": [{"customer_id": key, "segment": kind} for key, kind, _ in kinds],
        "invitations": [{**survey, "customer_id": key, "sent_at": "2024-01-05"} for key, _, _ in kinds],
        "feedback": [
            {"survey": "s", "customer_id": key, "said_at": "2024-01-07", "score": 9 if kind == "friend" else 5 + n % 5}
            for n, (key, kind, is_heard) in enumerate(kinds)
            if is_heard
        ],
        "contacts": [{"at": "2024-05-05", "direction": "in"}],
    }


def test_score_brought_back_to_all_is_set_against_the_plain_one_where_they_surely_differ() -> None:
    sure = check_page(render_report(make_facts(**invited(60, 20))))
    assert "40% of those we asked answered; brought back to all of them, the score is +40 and not +70" in sure.all("h3")
    unsure = check_page(render_report(make_facts(**invited(22, 18))))
    assert [one for one in unsure.all("h3") if "of those we asked answered" in one] == [
        "20% of those we asked answered; who they are changes the score by no more than could be noise"
    ]


def test_few_payments_make_no_headline() -> None:
    due = [{"amount": 10, "due_at": "2024-01-05", "paid_at": f"2024-01-{4 + n % 2 * 4:02}"} for n in range(29)]
    few = check_page(render_report(make_facts(payments=due, orders=orders())))
    assert "Only 29 payments have fallen due: too few to tell how customers pay" in few.words
    enough = check_page(render_report(make_facts(payments=[*due, due[0]], orders=orders())))
    assert [one for one in enough.all("h2") + enough.all("h3") if "of what falls due" in one] == [
        "47% of what falls due is paid late, only at a second try, or not at all"
    ]


def test_cost_of_winning_that_is_known_of_few_says_so() -> None:
    people = [{"customer_id": f"c{n}", "acquired_via": "ads" if n < 60 else "friend"} for n in range(65)]
    bought = [{**one, "customer_id": f"c{n}"} for n, one in enumerate(orders(65))]

    def told(costed: int) -> Page:
        customers = [{**one, "acquisition_cost": 12 if n < costed else None} for n, one in enumerate(people)]
        return check_page(render_report(make_facts(orders=bought, order_lines=lines(65), customers=customers)))

    some, few, whole = told(40), told(29), told(65)
    assert "Winning a customer costs €12.00, as far as is known: of 62% of the new ones" in some.all("h3")
    assert "Ads60–––" in some.words
    assert not [heading for heading in few.all("h3") if "Winning" in heading]
    assert "Winning a customer costs €12.00" in whole.all("h3")
    assert "Friend5–––" in whole.words


def test_touchpoint_below_the_others_need_not_disappoint() -> None:
    """+35 against +52 is lower, and yet most would recommend it."""
    said = [
        {"score": 9 if n % 100 < happy else 7 if n % 100 < 98 else 3, "said_at": "2024-02-01", "touchpoint": place}
        for place, happy in (("web", 37), ("shop", 70))
        for n in range(500)
    ]
    told = check_page(render_report(make_facts(feedback=said)))
    assert "web scores lower than the whole: +35, against +52" in told.all("h3") + told.all("h2")
    assert "Listen to those who gave 6 or less at web" in told.words
    assert "disappoint" not in told.words


def test_months_that_look_alike_are_not_said_to_be_equal() -> None:
    due = [
        {"promise": "in time", "made_at": f"2024-0{month}-01", "due_at": f"2024-0{month}-05", "kept": n % 5 > 0}
        for month in range(1, 7)
        for n in range(40)
    ]
    end = [{"at": "2024-08-01", "direction": "in"}]
    told = check_page(render_report(make_facts(commitments=due, contacts=end)))
    assert "No month stands out from the others by more than noise" in told.all("h3") + told.all("h2")
    for one in due[:20]:
        one["kept"] = False
    worse = check_page(render_report(make_facts(commitments=due, contacts=end)))
    assert any(one.startswith("The worst month was January 2024") for one in worse.all("h3") + worse.all("h2"))
    assert "has a cause of its own" not in worse.words


def test_change_over_the_year_agrees_with_its_interval() -> None:
    """Far worse in the last quarter than in the one before, and the whole year much the same as the year before."""
    shares = {2022: (60, 60, 60, 60), 2023: (60, 60, 80, 38)}
    said = [
        {"score": 9 if n < happy else 3, "said_at": f"{year}-{3 * quarter + 2:02}-05T10:00"}
        for year, quarters in shares.items()
        for quarter, happy in enumerate(quarters)
        for n in range(100)
    ]
    told = check_page(render_report(make_facts(feedback=said, contacts=[{"at": "2024-01-05", "direction": "in"}])))
    assert "The score fell from +60 to −24 in a quarter, and that is more than noise" in told.words
    assert "From 2022 to 2023 it changed by −1.0 points, which is within noise (95%: " in told.words


def test_share_of_best_scores_that_is_unknown_makes_no_step() -> None:
    record = {"item": "advice", "answers": 40, "top_two_share": None}
    assert begin_with(record) is None
    step = begin_with({**record, "top_two_share": 0.0})
    assert step is not None
    assert step.cases == 40


def test_customers_words_cannot_act_nor_break_the_page() -> None:
    said = feedback(60, comment=HOSTILE + " and some more words", touchpoint=HOSTILE, occasion="event")
    facts = make_facts(feedback=said)
    html = render_report(facts)
    read = check_page(html)
    assert not any(tag == "script" for tag, _ in read.found)
    assert "<script" not in html
    assert "\u202e" not in html
    assert "49" not in " ".join(read.all("blockquote"))
    assert read.all("blockquote")[0].startswith("<script>alert(1)</script> {{ 7 * 7 }} & </style> gnp.exe")


@pytest.mark.parametrize(("people", "shown"), [(7, 0), (8, 1)])
def test_comments_of_fewer_than_eight_people_are_hidden(people: int, shown: int) -> None:
    said = feedback(60)
    for n, answer in enumerate(said):
        if n < 10:
            answer |= {
                "score": 2,
                "customer_id": f"c{n % people}",
                "comment": "It came far too late, I am sorry to say.",
            }
    read = Page(render_report(make_facts(feedback=said)))
    assert len(read.all("blockquote")) == shown


def test_comments_that_hold_an_address_are_not_shown() -> None:
    said = feedback(60, comment="Please answer to somebody@example.org, I have been waiting.")
    assert Page(render_report(make_facts(feedback=said))).all("blockquote") == []


def test_every_table_of_the_contract_has_a_name_in_french() -> None:
    from saydo.charts.figures import heading
    from saydo.language import use

    with use("fr"):
        assert [name for name in TABLES if heading(name) == name.replace("_", " ")] == [
            "invitations",
            "contacts",
            "usage",
        ]


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 390, 1440])
def test_page_never_scrolls_sideways(html: str, tmp_path: Path, browser: Any, width: int) -> None:
    path = tmp_path / "report.html"
    path.write_text(html, encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.close()
