"""A company's facts, opened: its past, its zone, its manifest."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.companies import make_facts

from saydo.company import MANIFEST_FILE, Facts, Manifest, TableEntry, parse_moment
from saydo.errors import BadSetting, DamagedManifest, NotFacts

ORDER = {"order_id": "o1", "ordered_at": "2024-01-10", "cancelled_at": "2024-01-20", "status": "cancelled"}


def test_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    entry = TableEntry(("orders.parquet",), 3, 1, {"customer_id": 2}, ("CHF", "EUR"), {"x_distance": "float64"}, True)
    manifest = Manifest(
        {"orders": entry}, datetime(2024, 1, 1), datetime(2024, 2, 1, 3, 4, 5), "Europe/Paris", "EUR", "Né"
    )
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest


def test_manifest_of_another_contract_is_refused_with_both_versions(tmp_path: Path) -> None:
    Manifest({}, None, None, contract=99).write(tmp_path)
    with pytest.raises(NotFacts, match="contract version 99; this program reads 1"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"contract": 1}', '{"contract": 1, "tables": {}, "first": "x", "last": null}']
)
def test_damaged_manifest_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(DamagedManifest, match="Import the company again"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("file", ["/etc/passwd", "../other/orders.parquet", "orders/../../other.parquet"])
def test_manifest_leads_to_no_file_outside_its_folder(tmp_path: Path, file: str) -> None:
    Manifest({"orders": TableEntry((file,), 1)}, None, None).write(tmp_path)
    with pytest.raises(DamagedManifest, match="does not lie in this folder"):
        Manifest.read(tmp_path)


def test_facts_are_seen_by_default_from_the_end_of_their_last_local_day() -> None:
    facts = make_facts(orders=[{"ordered_at": "2024-06-30T23:30"}], zone="Europe/Paris")
    assert facts.as_of == datetime(2024, 7, 1, 22)  # 2 July, 00:00 in Paris: there it was already 1 July


def test_known_before_takes_away_later_rows_and_what_became_known_later() -> None:
    facts = make_facts(orders=[ORDER, {"order_id": "o2", "ordered_at": "2024-02-01"}])
    then = facts.known_before(date(2024, 1, 15))
    rows = then.run(then.table("orders")).to_pylist()
    assert [(row["order_id"], row["cancelled_at"], row["status"]) for row in rows] == [("o1", None, "placed")]


def test_known_before_shows_what_was_known_at_that_moment_and_no_later() -> None:
    facts = make_facts(orders=[ORDER])
    at_the_instant = facts.known_before(datetime(2024, 1, 20))
    a_moment_later = facts.known_before(datetime(2024, 1, 20, 0, 0, 1))
    assert at_the_instant.run(at_the_instant.table("orders"))["cancelled_at"].to_pylist() == [None]
    assert a_moment_later.run(a_moment_later.table("orders"))["status"].to_pylist() == ["cancelled"]


def test_kept_is_unknown_until_it_was_settled() -> None:
    facts = make_facts(
        commitments=[{"promise": "p", "made_at": "2024-01-01", "kept": False, "settled_at": "2024-03-01"}],
        orders=[{"ordered_at": "2024-04-01"}],
    )
    then = facts.known_before(date(2024, 2, 1))
    assert then.run(then.table("commitments"))["kept"].to_pylist() == [None]
    assert facts.run(facts.table("commitments"))["kept"].to_pylist() == [False]


def test_a_table_that_the_company_does_not_have_is_empty_with_all_its_columns() -> None:
    facts = make_facts(orders=[ORDER])
    returns = facts.run(facts.table("returns"))
    assert (returns.num_rows, facts.has("returns"), facts.has("orders")) == (0, False, True)
    assert "refunded_at" in returns.column_names


@given(
    moment=st.datetimes(datetime(2015, 1, 1), datetime(2026, 1, 1)),
    zone=st.sampled_from(["UTC", "Europe/Paris", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_local_time_is_what_the_zone_says(moment: datetime, zone: str) -> None:
    facts = SPANNING[zone]
    rows = facts.table("orders")
    one = rows.filter(rows.order_id == "first").mutate(at=moment)
    local = facts.run(one.select(local=facts.local(one["at"])))["local"][0].as_py()
    assert local == moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


SPAN = [{"order_id": "first", "ordered_at": "2015-01-01"}, {"order_id": "last", "ordered_at": "2026-01-01"}]
SPANNING: dict[str, Facts] = {
    zone: make_facts(orders=SPAN, zone=zone)
    for zone in ["UTC", "Europe/Paris", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe"]
}


def test_local_time_changes_at_the_very_second_of_the_clock_change() -> None:
    facts = SPANNING["Europe/Paris"]
    change = datetime(2024, 3, 31, 1)
    rows = facts.table("orders")
    one = rows.filter(rows.order_id == "first").mutate(before=change - timedelta(seconds=1), after=change)
    local = facts.run(one.select(before=facts.local(one.before), after=facts.local(one.after))).to_pylist()
    assert local == [{"before": datetime(2024, 3, 31, 1, 59, 59), "after": datetime(2024, 3, 31, 3)}]


def test_instant_of_a_day_is_its_local_midnight() -> None:
    assert SPANNING["Europe/Paris"].instant(date(2024, 7, 1)) == datetime(2024, 6, 30, 22)
    assert SPANNING["UTC"].instant(date(2024, 7, 1)) == datetime(2024, 7, 1)


def test_parse_moment_takes_days_and_times_and_refuses_the_rest() -> None:
    assert parse_moment("as_of", "2024-07-01") == date(2024, 7, 1)
    assert parse_moment("as_of", "2024-07-01T12:00+02:00") == datetime.fromisoformat("2024-07-01T12:00+02:00")
    with pytest.raises(
        BadSetting, match=r"as_of cannot be 1\.7\.2024\. It must be a day or a time, such as 2024-07-01"
    ):
        parse_moment("as_of", "1.7.2024")
