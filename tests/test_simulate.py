"""The simulator's files: same seed same rows, whatever the chunk; accepted by the contract; errors that say so."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

import saydo
from saydo.company import Manifest
from saydo.engine import open_facts
from saydo.errors import BadSetting, DestinationInUse, UnknownSetting
from saydo.facts import DAY, TABLES
from saydo.simulate import columns as to
from saydo.simulate import simulate
from saydo.sources import import_facts


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("simulated") / "company"
    simulate(directory, customers=1_500, seed=11)
    return directory


def hashes(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def table(directory: Path, name: str) -> pa.Table:
    manifest = Manifest.read(directory)
    return pa.concat_tables([pq.read_table(directory / file) for file in manifest.tables[name].files])


def test_simulate_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        simulate(tmp_path / name, customers=400, seed=seed)
    one, same, other = (hashes(tmp_path / name) for name in ("one", "same", "other"))
    assert one == same
    assert one["orders.parquet"] != other["orders.parquet"]


def test_simulate_chunk_moves_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saydo.simulate.BLOCK", 150)
    truth = simulate(tmp_path / "whole", customers=500, chunk=1_000)
    parted = simulate(tmp_path / "parts", customers=500, chunk=160)  # whole blocks: 300 customers, then 200
    assert parted == truth
    entries = Manifest.read(tmp_path / "parts").tables
    assert entries["orders"].files == ("orders/part-00000.parquet", "orders/part-00001.parquet")
    assert entries["products"].files == ("products.parquet",)
    assert Manifest.read(tmp_path / "whole").tables["orders"].files == ("orders.parquet",)
    assert all(table(tmp_path / "parts", name).equals(table(tmp_path / "whole", name)) for name in entries)


def test_simulate_writes_what_the_contract_accepts(company: Path, tmp_path: Path) -> None:
    told = Manifest.read(company)
    checked = import_facts("folder", company, tmp_path / "checked", strict=True)
    for name, entry in told.tables.items():
        assert (checked.tables[name].rows, checked.tables[name].orphans) == (entry.rows, {}), name
        assert checked.tables[name].currencies == entry.currencies, name
        assert checked.tables[name].own_columns == entry.own_columns, name
    assert (checked.first, checked.last) == (told.first, told.last)


def test_simulate_columns_are_those_of_the_contract(company: Path) -> None:
    entries = Manifest.read(company).tables
    assert set(TABLES) - set(entries) == {"usage", "exchange_rates"}
    for name, entry in entries.items():
        schema = pq.read_schema(company / entry.files[0])
        own = [field for field in schema if field.name.startswith("x_")]
        assert [field.name for field in own] == list(entry.own_columns)
        assert pa.schema(list(schema)[: len(schema) - len(own)]).equals(TABLES[name].schema.to_pyarrow()), name


def test_simulate_nothing_is_known_after_the_last_day(company: Path) -> None:
    end = datetime(2026, 10, 1)
    for name in Manifest.read(company).tables:
        for column in TABLES[name].columns:
            if (column.is_time or column.type == DAY) and not column.planned:
                latest = pc.max(table(company, name)[column.name].cast(pa.timestamp("us"))).as_py()
                assert latest is None or latest < end, (name, column.name)


def test_simulate_opens_as_of_the_day_after_the_last(company: Path) -> None:
    facts = open_facts(company)
    assert facts.as_of == datetime(2026, 10, 1)
    assert (facts.currency, facts.manifest.name) == ("EUR", "Comptoir du Tilleul")
    rows = facts.run(facts.table("orders").count().name("rows").as_table())["rows"][0].as_py()
    assert rows == facts.manifest.tables["orders"].rows


@pytest.mark.parametrize("customers", [1, 2])
def test_simulate_smallest_companies_live(customers: int, tmp_path: Path) -> None:
    truth = simulate(tmp_path / "small", customers=customers)
    assert truth["lapse"]["customers"] == customers
    assert table(tmp_path / "small", "customers").num_rows == customers


def test_simulate_other_dates_move_the_history(tmp_path: Path) -> None:
    simulate(tmp_path / "short", customers=100, start=date(2025, 2, 1), end=date(2025, 6, 30))
    manifest = Manifest.read(tmp_path / "short")
    assert (manifest.first, manifest.last) == (datetime(2025, 2, 1), manifest.last)
    assert manifest.last is not None
    assert manifest.last.date() == date(2025, 6, 30)


def test_simulate_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saydo.simulate.BLOCK", 40)
    told: list[tuple[int, int]] = []
    simulate(tmp_path / "told", customers=100, progress=lambda done, total: told.append((done, total)))
    assert told == [(40, 100), (80, 100), (100, 100)]


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"customers": 0}, BadSetting, "customers cannot be 0"),
        ({"chunk": -5}, BadSetting, "chunk cannot be -5"),
        ({"late_end": 0.1}, UnknownSetting, "no setting called late_end"),
    ],
)
def test_simulate_refuses_what_it_cannot_plant(
    settings: dict[str, Any], error: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        simulate(tmp_path / "never", **settings)
    assert not (tmp_path / "never").exists()


def test_simulate_replaces_a_company_and_nothing_else(tmp_path: Path) -> None:
    simulate(tmp_path / "company", customers=50)
    (tmp_path / "company" / "usage.parquet").touch()
    simulate(tmp_path / "company", customers=60)
    assert table(tmp_path / "company", "customers").num_rows == 60
    assert not (tmp_path / "company" / "usage.parquet").exists()
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("dear")
    with pytest.raises(DestinationInUse):
        simulate(tmp_path / "letters", customers=50)
    assert (tmp_path / "letters" / "dear.txt").read_text() == "dear"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["company", "letters"]


@pytest.mark.parametrize("is_new", [True, False])
def test_simulate_interrupted_leaves_what_was_there(is_new: bool, tmp_path: Path) -> None:
    if not is_new:
        simulate(tmp_path / "company", customers=50)
    before = hashes(tmp_path)

    def interrupt(done: int, total: int) -> None:
        assert (tmp_path / "company").is_dir()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "company", customers=60, progress=interrupt)
    assert hashes(tmp_path) == before
    assert (tmp_path / "company").exists() is not is_new


def test_simulate_comments_speak_the_customers_language(company: Path) -> None:
    said = table(company, "feedback").select(["customer_id", "comment", "language"])
    said = said.filter(pc.and_(pc.is_valid(said["comment"]), pc.is_valid(said["customer_id"])))
    spoken = table(company, "customers").select(["customer_id", "language"]).rename_columns(["customer_id", "spoken"])
    joined = said.join(spoken, "customer_id")
    assert joined["language"].to_pylist() == joined["spoken"].to_pylist()
    assert {"en", "fr", "de"} <= set(joined["language"].to_pylist())
    assert len(set(joined["comment"].to_pylist())) > 300
    assert not any("{" in comment or "@" in comment for comment in joined["comment"].to_pylist())


def test_money_keeps_cents_signs_and_nulls() -> None:
    cents = np.array([1, -250, 123_456_789_012, 0])
    column = to.money(cents, np.array([True, True, True, False]))
    assert column.type == pa.decimal128(18, 4)
    assert [None if value is None else str(value) for value in column.to_pylist()] == [
        "0.0100",
        "-2.5000",
        "1234567890.1200",
        None,
    ]


def test_times_are_whole_seconds_and_null_where_unknown() -> None:
    column = to.times(np.datetime64("2024-02-28"), np.array([1.5, np.nan, 2 - 1 / to.SECONDS]))
    assert column.to_pylist() == [datetime(2024, 2, 29, 12), None, datetime(2024, 2, 29, 23, 59, 59)]


def test_people_stand_beside_the_facts_and_not_in_them(tmp_path: Path) -> None:
    for place in ("one", "two"):
        simulate(tmp_path / place, customers=500, seed=3)
    first, second = ((tmp_path / place / "people.csv").read_bytes() for place in ("one", "two"))
    assert first == second
    people = pacsv.read_csv(tmp_path / "one" / "people.csv").to_pydict()
    facts = saydo.read(tmp_path / "one")
    assert people["customer_id"] == facts.run(facts.table("customers"))["customer_id"].to_pylist()
    assert "people" not in facts.manifest.tables
    mails = [mail for mail in people["email"] if mail]
    assert len(mails) == len(set(mails)) > 400
    assert {mail.rpartition("@")[2] for mail in mails} == {"example.org", "example.net", "example.com"}
    assert len(set(people["name"])) > 400
