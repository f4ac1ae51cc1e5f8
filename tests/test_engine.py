"""The engines: Arrow out with the expression's types, safe between threads, nothing fetched from outside."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.companies import make_facts

from saydo.engine import DuckDBEngine, EngineError, Workbench, open_facts
from saydo.errors import BadSetting, NoSuchPath
from saydo.facts import TABLES


def test_run_gives_the_types_of_the_expression_even_for_large_sums() -> None:
    facts = make_facts(feedback=[{"score": 9, "said_at": "2024-01-01"}])
    rows = facts.table("feedback")
    total = facts.run(rows.aggregate(total=ibis.ifelse(rows.score > 0, 1, 0).cast("int64").sum()))
    assert total.schema == pa.schema([("total", pa.int64())])


def test_one_engine_answers_many_threads_at_once() -> None:
    facts = make_facts(orders=[{"ordered_at": f"2024-01-{1 + n % 28:02}"} for n in range(100)])

    def count(minimum: int) -> int:
        orders = facts.table("orders")
        rows = orders.filter(orders.ordered_at.day() >= minimum)
        return int(facts.run(rows.aggregate(n=rows.count()))["n"][0].as_py())

    with ThreadPoolExecutor(8) as threads:
        counts = list(threads.map(count, [1, 15, 28] * 40))
    assert counts == [100, 44, 3] * 40


def test_tables_that_an_expression_brings_along_are_joined_by_many_threads() -> None:
    facts = make_facts(orders=[{"customer_id": f"c{n}", "ordered_at": "2024-01-01"} for n in range(5)])

    def add_up(factor: int) -> int:
        given = ibis.memtable(pa.table({"key": [f"c{n}" for n in range(5)], "worth": [n * factor for n in range(5)]}))
        orders = facts.table("orders")
        joined = orders.join(given, [("customer_id", "key")])
        return int(facts.run(joined.aggregate(worth=joined.worth.sum()))["worth"][0].as_py())

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(add_up, range(12))) == [10 * factor for factor in range(12)]


def test_kept_rows_are_computed_once_and_are_the_same() -> None:
    facts = make_facts(orders=[{"ordered_at": f"2024-01-{day:02}"} for day in (1, 2, 3)]).keeping()
    orders = facts.table("orders").select("order_id", "ordered_at")
    first = facts.keep(orders)
    assert facts.run(first).equals(facts.run(orders))
    facts.engine.connection.execute("DELETE FROM orders")  # type: ignore[attr-defined]
    assert facts.run(facts.keep(orders)).num_rows == 3
    assert facts.run(orders).num_rows == 0


def test_what_was_known_earlier_is_kept_apart() -> None:
    facts = make_facts(orders=[{"ordered_at": f"2024-01-{day:02}"} for day in (1, 2, 3)]).keeping()
    early = facts.known_before(date(2024, 1, 3))
    assert [facts.run(one.keep(one.table("orders"))).num_rows for one in (facts, early)] == [3, 2]


def test_nothing_is_kept_unless_asked() -> None:
    facts = make_facts(orders=[{"ordered_at": "2024-01-01"}])
    orders = facts.table("orders")
    assert facts.keep(orders) is orders


def test_facts_make_a_thing_of_a_name_once() -> None:
    facts = make_facts(orders=[{"ordered_at": "2024-01-01"}])
    made = [facts.once(("list", number), lambda: [object()]) for number in (1, 2, 1)]
    assert made[0] is made[2] is not made[1]
    assert facts.known_before(date(2024, 1, 1)).once(("list", 1), list) == []


def test_many_threads_keep_the_same_rows_at_once() -> None:
    facts = make_facts(orders=[{"ordered_at": "2024-01-01"}]).keeping()

    def count(_: int) -> int:
        return facts.run(facts.keep(facts.table("orders"))).num_rows

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(count, range(40))) == [1] * 40


def test_open_facts_names_the_manifest_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NoSuchPath, match=r"saydo\.json"):
        open_facts(tmp_path)


def test_open_facts_survives_quotes_in_a_folder_name(tmp_path: Path) -> None:
    folder = tmp_path / 'l\'été "2024"'
    folder.mkdir()
    make_facts(folder, orders=[{"ordered_at": "2024-01-01"}])
    facts = open_facts(folder)
    assert facts.run(facts.table("orders")).num_rows == 1


def test_view_gives_old_files_the_types_of_the_contract(tmp_path: Path) -> None:
    rows = pa.table({"touchpoint": ["web"], "kind": ["web"], "place": pa.array([None], pa.string())})
    pq.write_table(rows, tmp_path / "t.parquet")
    engine = DuckDBEngine()
    engine.view("touchpoints", [tmp_path / "t.parquet"], dict(TABLES["touchpoints"].schema.items()))
    rows = engine.run(ibis.table(TABLES["touchpoints"].schema, name="touchpoints"))
    assert rows.to_pylist() == [{"touchpoint": "web", "kind": "web", "place": None}]


def test_engine_takes_no_extension_from_outside() -> None:
    settings = DuckDBEngine().sql("SELECT current_setting('autoinstall_known_extensions') AS installs")
    assert settings["installs"].to_pylist() == [False]


@pytest.mark.parametrize("zone", ["europe/paris", "Paris", "Europe", "../UTC", ""])
def test_workbench_takes_no_zone_that_its_company_could_not_be_opened_with(zone: str) -> None:
    with pytest.raises(BadSetting, match="Europe/Paris"):
        Workbench(zone)


def test_what_nobody_asks_for_any_more_goes_where_it_grows_large(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = make_facts(orders=[{"ordered_at": f"2024-01-{day:02}"} for day in (1, 2, 3)])
    orders, engine = facts.table("orders"), facts.engine
    assert isinstance(engine, DuckDBEngine)
    first = facts.hold(orders)
    monkeypatch.setattr("saydo.engine.MOST_KEPT", 0)
    second = facts.hold(orders.limit(2))
    assert facts.run(first).num_rows == 3  # lately asked for
    monkeypatch.setattr("saydo.engine._LATELY", -1.0)
    third = facts.hold(orders.limit(1))
    assert not list(engine._spill.glob("*.parquet"))
    for gone in (first, second, third):
        with pytest.raises(EngineError):
            facts.run(gone)
    monkeypatch.setattr("saydo.engine.MOST_KEPT", 10**9)
    assert facts.run(facts.hold(orders)).num_rows == 3
