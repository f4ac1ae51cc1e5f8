"""A small run of every benchmark, so that they never rot; and the figures they compare are the same figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from math import isclose
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from benchmarks import bench_check, bench_measures, bench_report
from benchmarks.bare import BARE, BY_EIGHT, FITTED, NPS_BY_EIGHT, Bare
from benchmarks.company import SMALL, make_company
from benchmarks.peers import PEERS
from benchmarks.publish import Part, publish
from benchmarks.race import Contender, LapFailed, race

from saydo.company import Facts, Manifest
from saydo.engine import DuckDBEngine, open_facts
from saydo.measures import MEASURES, find
from saydo.result import Result

CASES = [(name, by, bare) for name, bare in BARE.items() for by in ("", *bare.splits)] + [
    ("nps", BY_EIGHT, NPS_BY_EIGHT)
]
PEER_CASES = [(name, by) for name in PEERS for by in ("", *BARE[name].splits)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_company(SMALL, tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def facts(folder: Path) -> Facts:
    return open_facts(folder, DuckDBEngine(threads=1))


def require_same(facts: Facts, name: str, by: str, others: Iterable[Mapping[str, Any]]) -> None:
    """Every figure that the other shows is what the measure says of the same group."""
    result = find(name)(facts, by=by, show_small_groups=True)
    rows = list(others)
    assert rows
    keys = [split for split in result.by if split in rows[0]]
    ours = {tuple(row[key] for key in keys): row for row in result}
    for row in rows:
        same = ours[tuple(row[key] for key in keys)]
        unequal = {column: (same[column], value) for column, value in row.items() if not is_same(same[column], value)}
        assert not unequal, [row[key] for key in keys]


def is_same(ours: Any, other: Any) -> bool:
    return ours == other or (None not in (ours, other) and isclose(ours, other, rel_tol=1e-9, abs_tol=1e-9))


def test_every_measure_that_counts_has_a_bare_query() -> None:
    assert set(MEASURES) - FITTED == set(BARE)


@pytest.mark.parametrize(("name", "by", "bare"), CASES, ids=[f"{name}-{by}" for name, by, _ in CASES])
def test_bare_query_says_what_the_measure_says(facts: Facts, folder: Path, name: str, by: str, bare: Bare) -> None:
    table = bench_measures.prepare_query(folder, bare.write(by))()
    assert isinstance(table, pa.Table)
    require_same(facts, name, by, table.to_pylist())


@pytest.mark.parametrize("name", ["promises_kept", "payment_incidents", "returns_rate", "cost_to_serve"])
def test_what_intervals_take_besides_adds_up_to_the_figures(folder: Path, name: str) -> None:
    """The sums over customers are those of the bare query, and as many customers stand behind them."""
    bare = BARE[name]
    tables = [bench_measures.prepare_query(folder, query)() for query in (bare.write(""), bare.write_rest(""))]
    counts, sums = (table.to_pylist()[0] for table in tables if isinstance(table, pa.Table))
    pairs = {
        "promises_kept": {"kept_c": "kept", "kept_m": "judged"},
        "payment_incidents": {"incident_m": "payments"},
        "returns_rate": {"lines_c": "returned_lines", "lines_m": "sold_lines", "value_c": "returned_value"},
        "cost_to_serve": {"contacts_c": "contacts_in", "contacts_m": "orders"},
    }[name]
    withdrawn = counts.get("withdrawn", 0) if name == "payment_incidents" else 0
    for ours, theirs in pairs.items():
        assert is_same(sums[ours], counts[theirs] - withdrawn)


@pytest.mark.parametrize(("name", "by"), PEER_CASES)
def test_peer_says_what_the_measure_says(facts: Facts, folder: Path, name: str, by: str) -> None:
    require_same(facts, name, by, PEERS[name](folder, by).collect(engine="streaming").to_dicts())


def test_the_small_company_keeps_its_word(folder: Path) -> None:
    """As many rows as it says, and every order belongs to a customer."""
    with duckdb.connect() as engine:
        orders = engine.read_parquet(str(folder / "orders.parquet"))  # noqa: F841  DuckDB reads it by its name
        customers = engine.read_parquet(str(folder / "customers.parquet"))  # noqa: F841
        assert engine.sql("SELECT count(*) FROM orders SEMI JOIN customers USING (customer_id)").fetchall() == [(8000,)]


# --- the benchmarks themselves


def test_race_finds_the_slower() -> None:
    short, long = (Contender(name, partial, (sum, range(10**size))) for name, size in (("short", 4), ("long", 7)))
    laps = race([short, long], laps=2)
    assert laps["long"].cpu_seconds > 10 * laps["short"].cpu_seconds
    assert laps["short"].peak_mb > 5


def test_race_names_who_failed(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LapFailed, match="broken"):
        race([Contender("broken", partial, (divmod, 1, 0))], laps=1)
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_publish_replaces_its_own_part_and_no_other(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    for figure, name in (("1", "one"), ("2", "two"), ("3", "one")):
        publish(Part(name, name, "how", ("what", "s"), [("a", figure)]), page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Benchmarks\n")
    assert [line for line in text.splitlines() if line.startswith("| a")] == ["| a | 3 |", "| a | 2 |"]
    assert text.count("cores") == 2


def test_check_compares_imports_of_the_same_rows(folder: Path, tmp_path: Path) -> None:
    """The bad file's 16 bad rows (of 16,000) go to quarantine; those who check nothing keep those they can read."""
    raw = bench_check.write_csv(folder, tmp_path / "bad" / "raw")
    for prepare in (bench_check.prepare_import, *bench_check.BARE):
        prepare(raw)()
    manifest = Manifest.read(tmp_path / "bad" / "facts").tables["order_lines"]
    assert (manifest.rows, manifest.quarantined) == (15_984, 16)
    rows = "SELECT count(*) FROM '{}'"
    with duckdb.connect() as engine:
        found = [
            engine.sql(rows.format(tmp_path / "bad" / f"{name}.parquet")).fetchall()[0][0]
            for name in ("duckdb", "polars", "pandas")
        ]
    assert found == [15_994, 16_000, 16_000]


def test_a_measure_is_timed_as_a_user_calls_it(folder: Path) -> None:
    run = bench_measures.prepare_measure(folder, "retention", "")
    assert isinstance(run(), Result)


@pytest.mark.slow
def test_benchmarks_run_and_publish_all_parts(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    bench_measures.main([], folder, laps=1, page=page)
    bench_report.main(folder, page)
    bench_check.main(folder, laps=1, page=page)
    text = page.read_text(encoding="utf-8")
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles == ["## Measures", "## Report", "## Checked facts"]
    assert "| nps | eight columns and month |" in text
