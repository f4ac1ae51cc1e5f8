"""The engines: Arrow out with the expression's types, safe between threads, nothing fetched from outside."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.companies import make_facts

from saydo.engine import DuckDBEngine, Workbench, open_facts
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
