"""Promises kept: counts, the rate and how sure it is, lateness."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.companies import make_facts

from saydo.company import Facts
from saydo.engine import open_facts
from saydo.errors import BadSetting, MissingTable, NothingToMeasure, UnknownSplit
from saydo.measures.promises_kept import promises_kept
from saydo.sources import import_facts
from saydo.stats.intervals import wilson
from saydo.stats.trials import binomial_p

DUE = "2024-01-10T12:00"


def given(end: str | None = None, **more: Any) -> dict[str, Any]:
    return {"promise": "delivery", "made_at": "2024-01-01", "due_at": DUE, "fulfilled_at": end} | more


def test_promises_count_once_each_and_only_those_due_make_the_rate() -> None:
    commitments = [
        given("2024-01-10T12:00"),
        given("2024-01-08T00:00"),
        given("2024-01-11T00:00"),
        given("2024-01-13T12:00"),
        given(),
        given(due_at="2024-04-01"),
        given(withdrawn_at="2024-01-02"),
        given(due_at=None, kept=False),
    ]
    facts = make_facts(commitments=commitments)
    (row,) = promises_kept(facts, as_of=date(2024, 3, 1)).to_records()
    low, high = wilson(2, 6)
    assert row == {
        "given": 8,
        "kept": 2,
        "broken": 4,
        "open": 1,
        "withdrawn": 1,
        "judged": 6,
        "kept_rate": 2 / 6,
        "kept_low": float(low),
        "kept_high": float(high),
        "late": 2,
        "overdue": 1,  # the one judged as broken may never have been due
        "late_days_median": (0.5 + 3) / 2,
        "late_days_p90": pytest.approx(0.5 + 0.9 * 2.5),
        "days_median": 0.25,
        "days_p90": pytest.approx(0.5 + 0.7 * 2.5),
        "early_share": 1 / 4,
        "clusters": 6,
    }


def test_promises_that_are_not_due_have_no_rate() -> None:
    (row,) = promises_kept(make_facts(commitments=[given(due_at="2024-04-01")])).to_records()
    assert (row["open"], row["judged"], row["kept_rate"], row["kept_low"], row["late_days_median"]) == (
        1,
        0,
        *[None] * 3,
    )


def test_promises_kept_ahead_wait_for_the_others_that_fall_due_with_them() -> None:
    ahead = given("2024-02-20", due_at="2024-03-05")
    facts = make_facts(commitments=[ahead, given(due_at="2024-03-05"), given("2024-01-10")])
    (row,) = promises_kept(facts, as_of="2024-03-01").to_records()
    assert (row["kept"], row["open"], row["kept_rate"], row["days_median"]) == (1, 2, 1.0, -0.5)
    (row,) = promises_kept(facts, as_of="2024-04-01").to_records()
    assert (row["kept"], row["broken"], row["open"]) == (2, 1, 0)


def test_promises_stand_in_the_period_in_which_they_fell_due_or_were_made() -> None:
    commitments = [given(), given(due_at=None, fulfilled_at="2024-01-03"), given(due_at="2024-02-10")]
    facts = make_facts(commitments=commitments)

    def months(**settings: Any) -> dict[date, int]:
        records = promises_kept(facts, by="month", as_of="2024-03-01", **settings).to_records()
        return {record["month"]: record["given"] for record in records}

    assert months() == {date(2024, 1, 1): 2, date(2024, 2, 1): 1}
    assert months(placed="made") == {date(2024, 1, 1): 3}
    assert months(since="2024-02-01", until="2024-03-01") == {date(2024, 2, 1): 1}
    with pytest.raises(NothingToMeasure):
        months(placed="made", since="2024-02-01")
    with pytest.raises(NothingToMeasure):
        promises_kept(facts, since="2025-01-01")


def test_promises_take_the_month_of_the_company_s_zone() -> None:
    facts = make_facts(commitments=[given("2024-01-31T23:30", due_at="2024-01-31T23:30")], zone="Europe/Paris")
    assert promises_kept(facts, by="month").to_records()[0]["month"] == date(2024, 2, 1)


def test_promises_are_split_by_their_kind_their_place_and_that_of_the_order() -> None:
    commitments = [
        given(DUE, touchpoint="phone", order_id="o"),
        given(promise="answer", touchpoint="web", order_id="o"),
        given(promise="answer"),
    ]
    orders = [{"order_id": "o", "ordered_at": "2024-01-01", "touchpoint": "shop"}]
    promises = [{"promise": "answer", "statement": "within a day", "owner": "call centre"}]
    facts = make_facts(commitments=commitments, orders=orders, promises=promises)
    rates = {r["promise"]: r["kept_rate"] for r in promises_kept(facts, by="promise", as_of="2024-03-01")}
    assert rates == {"answer": 0.0, "delivery": 1.0}
    result = promises_kept(facts, by="touchpoint,orders.touchpoint,owner", as_of="2024-03-01")
    assert [tuple(record.values())[:4] for record in result] == [
        ("phone", "shop", None, 1),
        ("web", "shop", "call centre", 1),
        (None, None, "call centre", 1),
    ]
    assert result.table.column_names[:3] == ["touchpoint", "orders_touchpoint", "owner"]


def test_promises_seen_by_customers_are_kept_apart_from_those_of_the_system() -> None:
    facts = make_facts(commitments=[given(DUE), given(kept=False, seen_by="mystery", visit_id="v")])
    assert [record["kept_rate"] for record in promises_kept(facts, seen_by="mystery")] == [0.0]
    assert promises_kept(facts, seen_by=None).to_records()[0]["given"] == 2
    with pytest.raises(BadSetting, match="seen_by"):
        promises_kept(facts, seen_by="nobody")
    assert [record["seen_by"] for record in promises_kept(facts, by="seen_by")] == ["mystery", "system"]


def test_promises_to_the_same_customer_count_for_less_than_to_many() -> None:
    ends = [DUE, DUE, None, None] * 10
    same = [given(end, customer_id=f"c{number // 2}") for number, end in enumerate(ends)]
    many = [given(end, customer_id=f"c{number}") for number, end in enumerate(ends)]
    widths = []
    for commitments in (same, many):
        (row,) = promises_kept(make_facts(commitments=commitments), as_of="2024-03-01").to_records()
        assert row["kept_rate"] == 0.5
        widths.append(row["kept_high"] - row["kept_low"])
    low, high = wilson(20, 40)
    assert widths[1] == float(high - low)
    assert 1.4 < widths[0] / widths[1] < 1.6  # pairs alike: as sure as half as many, and Student's quantile


def test_promises_of_undated_cancellations_are_told() -> None:
    orders = [{"order_id": "o", "ordered_at": "2024-01-01", "status": "cancelled"}]
    result = promises_kept(make_facts(commitments=[given(order_id="o")], orders=orders), as_of="2024-03-01")
    assert [note.values for note in result.notes] == [{"count": 1}]
    assert result.to_records()[0]["withdrawn"] == 1


def test_promises_ask_for_their_table_and_name_the_splits_that_exist() -> None:
    with pytest.raises(MissingTable) as missing:
        promises_kept(make_facts())
    assert "promises_kept needs the table commitments" in str(missing.value)
    with pytest.raises(UnknownSplit) as unknown:
        promises_kept(make_facts(commitments=[given()]), by="promis")
    assert "promises_kept cannot be split by promis. Choose from promise," in str(unknown.value)


def test_promises_are_counted_as_they_were_kept_in_a_simulated_company(straight: tuple[Facts, dict[str, Any]]) -> None:
    facts, truth = straight
    for row in promises_kept(facts, by="promise"):
        told = truth["promises"][row["promise"]]
        assert row["broken"] == told["broken"]
        assert row["kept"] + row["open"] == told["kept"] + told["open"]  # there, what is kept ahead is no longer open


def test_promises_intervals_hold_the_planted_rates(straight: tuple[Facts, dict[str, Any]]) -> None:
    facts, truth = straight
    held = []
    for row in promises_kept(facts, by="promise,touchpoint,quarter"):
        if row["judged"] >= 5 and row["promise"] != "delivery_date":
            planted = truth["promises"][row["promise"]]["planted"]
            rate = planted.get(row["touchpoint"], planted.get(""))
            held.append(row["kept_low"] <= rate <= row["kept_high"])
    assert len(held) > 150
    assert binomial_p(sum(held), len(held)) > 0.001, sum(held) / len(held)


@pytest.mark.real
def test_promises_of_olist_are_late_by_the_day(real_data: Path, tmp_path: Path) -> None:
    import_facts("olist", real_data / "olist", tmp_path / "facts")
    rows = {row["promise"]: row for row in promises_kept(open_facts(tmp_path / "facts"), by="promise").to_records()}
    delivery = rows["delivery"]
    # The data set has 343 deliveries after the day promised (415 after its first instant) of 5,170 with a date, and 625
    # cancelled orders, of which 6 were delivered and 1 was cancelled after the day promised.
    assert (delivery["late"], delivery["kept"], delivery["withdrawn"]) == (343, 5170 - 343, 618)
    assert delivery["broken"] == delivery["late"] + delivery["overdue"]
