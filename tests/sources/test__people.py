"""Files of people: found by name, read in any dialect, refused rows to the quarantine, closed to other users."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from saydo.errors import MissingColumn
from saydo.sources import find_people, import_facts, import_people, refusals


def write(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding=encoding)
    return folder


def read(folder: Path, to: Path) -> list[dict[str, object]]:
    to.mkdir(exist_ok=True)
    entry = import_people(folder, find_people(folder), to)
    assert entry is not None
    return [row for file in entry.files for row in pq.read_table(to / file).to_pylist()]


def test_people_are_read_in_any_dialect(tmp_path: Path) -> None:
    raw = write(
        tmp_path / "raw", "People.csv", "Customer ID;E-Mail;Name;Email\nK1;;Zoé Ünal; zoe@example.org \n", "cp1252"
    )
    assert read(raw, tmp_path / "to") == [
        {
            "customer_id": "K1",
            "name": "Zoé Ünal",
            "email": "zoe@example.org",
            "phone": None,
            "street": None,
            "postcode": None,
            "city": None,
        }
    ]
    assert (tmp_path / "to" / "people.parquet").stat().st_mode & 0o777 == 0o600


def test_people_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    rows = f"customer_id,name\nK1,A\nK1,B\n,C\nx@example.org,D\nK2,{'e' * 300}\nK3,F\n"
    kept = read(write(tmp_path / "raw", "people.csv", rows), tmp_path / "to")
    assert [row["name"] for row in kept] == ["A", "F"]
    assert sorted((found.row, found.column) for found in refusals(tmp_path / "to")) == [
        (3, "customer_id"),
        (4, "customer_id"),
        (5, "customer_id"),
        (6, "name"),
    ]


def test_people_without_keys_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingColumn, match="customer_id"):
        read(write(tmp_path / "raw", "people.csv", "name\nA\n"), tmp_path / "to")


def test_import_of_facts_passes_people_over(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw", "people.csv", "customer_id,name\nK1,A\n")
    write(raw, "touchpoints.csv", "touchpoint,kind\nweb,web\n")
    assert list(import_facts("folder", raw, tmp_path / "facts").tables) == ["touchpoints"]
    assert find_people(raw) == [raw / "people.csv"]
