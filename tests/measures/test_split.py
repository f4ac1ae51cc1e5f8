"""Splits, settings, small groups and moments: what every measure shares, seen through the Net Promoter Score."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from tests.companies import make_facts

from saydo.company import Facts
from saydo.errors import BadSetting, MissingTable, NothingToMeasure, UnknownSetting, UnknownSplit
from saydo.language import translate
from saydo.measures import nps
from saydo.measures._split import split_rows, splits_of
from saydo.result import Result


def answers(scores: list[float], **same: Any) -> list[dict[str, Any]]:
    return [{"score": score, "said_at": "2024-03-01 12:00", **same} for score in scores]


def counts(result: Result, *names: str) -> dict[Any, int]:
    """Answers per value of the split."""
    key = names or result.by[:1]
    return {tuple(row[name] for name in key) if len(key) > 1 else row[key[0]]: row["answers"] for row in result}


def many_of_each(**groups: int) -> Facts:
    """So many answers at each touchpoint."""
    return make_facts(feedback=[answer for place, n in groups.items() for answer in answers([9] * n, touchpoint=place)])


# --- small groups


def test_groups_under_five_are_hidden_with_the_next_smallest() -> None:
    result = nps(many_of_each(app=20, shop=4, web=6), by="touchpoint")
    rows = {row["touchpoint"]: row for row in result}
    assert {place for place, row in rows.items() if row["is_hidden"]} == {"shop", "web"}
    assert rows["app"]["nps"] == 100.0
    for place in ("shop", "web"):
        shown = {name: value for name, value in rows[place].items() if value is not None}
        assert shown == {"touchpoint": place, "is_hidden": True}
    assert any("fewer than 5 people answered" in str(note) and str(note).endswith(": 2.") for note in result.notes)


def test_two_small_groups_hide_each_other() -> None:
    result = nps(many_of_each(app=20, shop=4, web=4, mail=6), by="touchpoint")
    assert {row["touchpoint"] for row in result if row["is_hidden"]} == {"shop", "web"}


def test_hidden_groups_are_five_people_together() -> None:
    result = nps(many_of_each(app=20, shop=1, web=2, mail=6), by="touchpoint")
    assert {row["touchpoint"] for row in result if row["is_hidden"]} == {"shop", "web", "mail"}


def test_five_answers_are_shown() -> None:
    result = nps(many_of_each(app=5, shop=20), by="touchpoint")
    assert [row["is_hidden"] for row in result] == [False, False]
    assert not result.notes


def test_a_single_small_group_is_hidden_alone() -> None:
    (row,) = nps(many_of_each(app=4), by="touchpoint")
    assert row["is_hidden"]
    assert row["nps"] is None


def crossed(**counts: tuple[int, int]) -> Facts:
    """So many answers by touchpoint from each of two surveys."""
    said = [
        answer
        for place, pair in counts.items()
        for survey, n in zip("xy", pair, strict=True)
        for answer in answers([9] * n, touchpoint=place, survey=survey)
    ]
    return make_facts(feedback=said)


def test_groups_are_hidden_among_those_with_whom_they_have_a_total() -> None:
    """The smallest other group, of another occasion, is never added to the small one: it hides nothing."""
    said = answers([9] * 3, touchpoint="shop", occasion="event") + answers([9] * 20, touchpoint="web", occasion="event")
    said += answers([9] * 6, touchpoint="app", occasion="relational")
    rows = nps(make_facts(feedback=said), by="touchpoint")
    assert {row["touchpoint"]: row["is_hidden"] for row in rows} == {"app": False, "shop": True, "web": True}


def test_a_small_occasion_hides_no_other() -> None:
    said = answers([9] * 3, occasion="event") + answers([9] * 20, occasion="relational")
    assert [row["is_hidden"] for row in nps(make_facts(feedback=said))] == [True, False]


def test_crossed_groups_are_hidden_from_the_sums_of_both_splits() -> None:
    """With one companion the sum by touchpoint, or that by survey, would give the three away."""
    shop, web, app = (3, 20), (30, 40), (50, 60)
    rows = nps(crossed(shop=shop, web=web, app=app), by="touchpoint,survey")
    hidden = {(row["touchpoint"], row["survey"]) for row in rows if row["is_hidden"]}
    assert hidden == {("shop", "x"), ("shop", "y"), ("web", "x"), ("web", "y")}


def test_small_groups_are_shown_to_those_who_may_see_identities() -> None:
    rows = nps(many_of_each(app=20, shop=1), by="touchpoint", show_small_groups=True).to_records()
    assert [row["answers"] for row in rows] == [20, 1]
    assert "is_hidden" not in rows[0]


# --- words for splits


def test_a_split_reaches_the_customer_through_the_keys() -> None:
    facts = make_facts(
        feedback=answers([9] * 5, customer_id=None)
        + [{**a, "customer_id": f"c{i}"} for i, a in enumerate(answers([9] * 5))],
        customers=[{"customer_id": f"c{i}", "country": "FR"} for i in range(5)],
    )
    assert counts(nps(facts, by="customers.country")) == {"FR": 5, None: 5}
    assert counts(nps(facts, by="country")) == {"FR": 5, None: 5}


def test_an_unknown_split_names_the_nearest_choices() -> None:
    with pytest.raises(UnknownSplit) as caught:
        nps(many_of_each(app=5), by="touchpont")
    assert str(caught.value).startswith("nps cannot be split by touchpont. Choose from touchpoint")


def test_an_ambiguous_split_names_the_tables_that_have_it() -> None:
    facts = make_facts(
        feedback=answers([9] * 5, customer_id="c1", order_id="o1"),
        customers=[{"customer_id": "c1", "region": "Savoie"}],
        orders=[{"order_id": "o1", "customer_id": "c1", "ordered_at": "2024-01-01", "region": "Isère"}],
    )
    with pytest.raises(UnknownSplit) as caught:
        nps(facts, by="region")
    assert str(caught.value) == "nps cannot be split by region. Choose from customers.region, orders.region."
    assert counts(nps(facts, by="orders.region", each="answer", show_small_groups=True)) == {"Isère": 5}


def test_a_column_of_the_company_s_own_splits() -> None:
    facts = make_facts(feedback=answers([9] * 5, x_weather="rain") + answers([2] * 6, x_weather="sun"))
    assert counts(nps(facts, by="x_weather")) == {"rain": 5, "sun": 6}


def test_two_splits_make_a_row_for_each_pair() -> None:
    facts = make_facts(
        feedback=answers([9] * 5, touchpoint="web", survey="a") + answers([9] * 6, touchpoint="web", survey="b")
    )
    found = nps(facts, by=["touchpoint", "survey"])
    assert found.by == ("touchpoint", "survey", "occasion")
    assert counts(found, "touchpoint", "survey") == {("web", "a"): 5, ("web", "b"): 6}
    assert counts(nps(facts, by=" touchpoint , survey "), "survey", "touchpoint") == {("a", "web"): 5, ("b", "web"): 6}


def test_every_split_offered_can_be_asked_for() -> None:
    facts = make_facts(
        feedback=answers([9] * 5, customer_id="c1", order_id="o1", product_id="p1", touchpoint="web"),
        customers=[{"customer_id": "c1"}],
        touchpoints=[{"touchpoint": "web"}],
        products=[{"product_id": "p1", "category": "lamps"}],
        orders=[{"order_id": "o1", "customer_id": "c1", "ordered_at": "2024-01-01"}],
        order_lines=[{"order_id": "o1", "product_id": "p1", "unit_price": 5}],
    )
    offered = splits_of(facts, "feedback")
    assert {"month", "touchpoint", "customers.segment", "orders.region", "products.category"} <= set(offered)
    for split in offered:
        found = split_rows(facts, "nps", "feedback", facts.table("feedback"), [split])
        assert facts.run(found.rows.select(found.names)).num_rows == 5, split


# --- overlapping groups


def overlapping() -> Facts:
    """Ten answers after orders that each hold a lamp and a chair twice, and five after orders of chairs alone."""
    orders = [{"order_id": f"o{i}", "customer_id": f"c{i}", "ordered_at": "2024-01-01"} for i in range(15)]
    baskets = [("lamp", "chair", "chair") if i < 10 else ("chair",) for i in range(15)]
    return make_facts(
        feedback=[{**a, "customer_id": f"c{i}", "order_id": f"o{i}"} for i, a in enumerate(answers([9] * 15))],
        orders=orders,
        order_lines=[
            {"order_id": f"o{i}", "product_id": product, "unit_price": 10}
            for i, basket in enumerate(baskets)
            for product in basket
        ],
        products=[{"product_id": "lamp", "category": "light"}, {"product_id": "chair", "category": "seats"}],
    )


def test_an_answer_counts_once_in_each_category_of_its_order() -> None:
    result = nps(overlapping(), by="category")
    assert counts(result) == {"light": 10, "seats": 15}
    assert any("Groups overlap" in str(note) or "the groups overlap" in str(note) for note in result.notes)


def test_groups_that_cannot_overlap_say_nothing_of_it() -> None:
    assert nps(overlapping(), by="touchpoint").notes == ()


def test_an_answer_about_one_product_stands_in_its_category_alone() -> None:
    facts = make_facts(
        feedback=answers([9] * 5, order_id="o1", product_id="lamp", customer_id=None),
        orders=[{"order_id": "o1", "ordered_at": "2024-01-01"}],
        order_lines=[{"order_id": "o1", "product_id": p, "unit_price": 1} for p in ("lamp", "chair")],
        products=[{"product_id": "lamp", "category": "light"}, {"product_id": "chair", "category": "seats"}],
    )
    assert counts(nps(facts, by="category")) == {"light": 5}


# --- settings


def test_settings_are_read_from_text_by_their_type() -> None:
    facts = make_facts(feedback=answers([9] * 5) + [{**a, "said_at": "2024-05-01"} for a in answers([2] * 6)])
    from_text = nps(facts, since="2024-04-01", until="2024-06-01", each="answer")
    from_values = nps(facts, since=date(2024, 4, 1), until=date(2024, 6, 1), each="answer")
    assert from_text.to_records() == from_values.to_records()
    assert counts(from_text) == {None: 6}
    assert from_text.settings == {"since": date(2024, 4, 1), "until": date(2024, 6, 1), "each": "answer"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"each": "persn"}, "each cannot be persn. It must be one of person, answer."),
        (
            {"since": "1.4.2024"},
            "since cannot be 1.4.2024. It must be a day or a time, such as 2024-07-01 or 2024-07-01T12:00.",
        ),
        (
            {"as_of": "soon"},
            "as_of cannot be soon. It must be a day or a time, such as 2024-07-01 or 2024-07-01T12:00.",
        ),
    ],
)
def test_a_bad_setting_says_what_it_must_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(BadSetting) as caught:
        nps(many_of_each(app=5), **settings)
    assert str(caught.value) == words


def test_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(UnknownSetting) as caught:
        nps(many_of_each(app=5), ech="person")
    assert str(caught.value).startswith("nps has no setting called ech. It knows each,")


def test_a_measure_without_its_table_says_which() -> None:
    with pytest.raises(MissingTable) as caught:
        nps(make_facts(customers=[{"customer_id": "c1"}]))
    assert str(caught.value).startswith("nps needs the table feedback")


def test_nothing_in_the_period_is_an_error_and_not_an_empty_table() -> None:
    with pytest.raises(NothingToMeasure) as caught:
        nps(many_of_each(app=5), since="2025-01-01")
    assert translate("nothing of the kind happened in the period") in str(caught.value)


# --- moments


def test_as_of_sees_only_what_was_known_before_it() -> None:
    facts = make_facts(feedback=answers([9] * 5) + [{**a, "said_at": "2024-05-01 12:00"} for a in answers([2] * 6)])
    assert counts(nps(facts)) == {None: 11}
    assert counts(nps(facts, as_of="2024-05-01")) == {None: 5}
    assert counts(nps(facts, as_of="2024-05-01T12:00")) == {None: 5}
    assert counts(nps(facts, as_of=datetime(2024, 5, 1, 12, 1))) == {None: 11}


def test_as_of_makes_later_knowledge_null_again() -> None:
    facts = make_facts(
        customers=[{"customer_id": "c1", "first_seen_at": "2023-01-01", "left_at": "2024-06-01"}],
        orders=[{"ordered_at": "2024-01-01", "status": "cancelled", "cancelled_at": "2024-02-01", "customer_id": "c1"}],
        commitments=[
            {"promise": "p", "made_at": "2024-01-01", "kept": False, "settled_at": "2024-02-01", "seen_by": "customer"}
        ],
    )
    before, after = facts.known_before(date(2024, 1, 15)), facts.known_before(date(2024, 3, 1))
    seen = [(known.run(known.table("orders")).to_pylist()[0]) for known in (before, after)]
    assert [(row["status"], row["cancelled_at"]) for row in seen] == [
        ("placed", None),
        ("cancelled", datetime(2024, 2, 1)),
    ]
    assert [known.run(known.table("commitments"))["kept"].to_pylist() for known in (before, after)] == [[None], [False]]
    assert before.run(before.table("customers"))["left_at"].to_pylist() == [None]


def test_the_moment_defaults_to_the_end_of_the_last_local_day() -> None:
    facts = make_facts(feedback=[{"score": 9, "said_at": "2024-03-01 23:30"}], zone="Europe/Paris")
    assert facts.as_of == datetime(2024, 3, 2, 23, 0)  # half past midnight on the second of March in Paris
    assert len(nps(facts, show_small_groups=True)) == 1


@pytest.mark.parametrize(
    ("said_at", "day"),
    [
        ("2024-03-30 22:59:59", date(2024, 3, 30)),  # winter: UTC + 1
        ("2024-03-30 23:00:00", date(2024, 3, 31)),
        ("2024-03-31 00:59:59", date(2024, 3, 31)),  # a second before the clocks go forward
        ("2024-03-31 01:00:00", date(2024, 3, 31)),
        ("2024-03-31 21:59:59", date(2024, 3, 31)),  # summer: UTC + 2
        ("2024-03-31 22:00:00", date(2024, 4, 1)),
        ("2024-10-26 22:00:00", date(2024, 10, 27)),
        ("2024-10-27 00:30:00", date(2024, 10, 27)),  # half past two, the first time
        ("2024-10-27 01:30:00", date(2024, 10, 27)),  # half past two, the second time
        ("2024-10-27 22:59:59", date(2024, 10, 27)),
        ("2024-10-27 23:00:00", date(2024, 10, 28)),
    ],
)
def test_days_are_local_on_both_sides_of_a_clock_change(said_at: str, day: date) -> None:
    edges = [{"score": 9, "said_at": moment} for moment in ("2023-06-01", "2024-12-01", said_at)]
    facts = make_facts(feedback=edges, zone="Europe/Paris")
    days = [row["day"] for row in nps(facts, by="day", show_small_groups=True)]
    assert days == sorted([date(2023, 6, 1), day, date(2024, 12, 1)])


def test_local_time_is_that_of_the_zone_database_at_any_hour_of_three_years() -> None:
    from datetime import UTC, timedelta
    from zoneinfo import ZoneInfo

    for zone in ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"):
        moments = [datetime(2022, 1, 1) + timedelta(hours=n, minutes=n % 60) for n in range(0, 3 * 8766, 7)]
        facts = make_facts(feedback=[{"score": 9, "said_at": moment} for moment in moments], zone=zone)
        rows = facts.table("feedback")
        found = facts.run(rows.select(rows.said_at, local=facts.local(rows.said_at)).order_by("said_at"))
        expected = [m.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for m in moments]
        assert found["local"].to_pylist() == expected


def test_a_period_is_half_open_in_local_days() -> None:
    moments = ["2024-03-30 22:59:59", "2024-03-30 23:00:00", "2024-03-31 21:59:59", "2024-03-31 22:00:00"]
    facts = make_facts(
        feedback=[{"score": s, "said_at": at} for s, at in zip((1, 2, 3, 4), moments, strict=True)], zone="Europe/Paris"
    )
    (row,) = nps(facts, since="2024-03-31", until="2024-04-01", show_small_groups=True)
    assert {score for score in range(11) if row[f"score_{score}"]} == {2, 3}


def test_a_quarter_and_a_week_begin_on_their_first_local_day() -> None:
    facts = make_facts(feedback=answers([9] * 5), zone="Europe/Paris")  # Friday, 1 March 2024
    firsts = {unit: nps(facts, by=unit).to_records()[0][unit] for unit in ("day", "week", "month", "quarter", "year")}
    assert firsts == {
        "day": date(2024, 3, 1),
        "week": date(2024, 2, 26),
        "month": date(2024, 3, 1),
        "quarter": date(2024, 1, 1),
        "year": date(2024, 1, 1),
    }
