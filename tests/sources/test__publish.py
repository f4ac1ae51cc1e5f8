"""A company's folder is written whole or not at all, and nothing of others is replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.sources.imports import ORDER, bring_in, write

from saydo.errors import DestinationInUse
from saydo.sources import _tables, import_facts


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_second_import_replaces_the_first(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + "1,2024-01-05,placed,EUR\n2,2024-01-05,lost,EUR\n")
    first = bring_in(folder)
    write(folder, orders=ORDER + "7,2024-01-06,paid,EUR\n")
    second = bring_in(folder)
    assert second.rows("orders", "order_id") == ["7"]
    assert sorted(contents(first.folder)) == ["customers.parquet", "orders.parquet", "saydo.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw", "raw-facts"]


def test_same_import_twice_gives_the_same_facts(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + "1,2024-01-05,placed,EUR\n2,2024-01-05,lost,EUR\n")
    first = contents(bring_in(folder).folder)
    assert contents(bring_in(folder).folder) == first


def test_import_that_fails_in_the_middle_leaves_the_old_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + "1,2024-01-05,placed,EUR\n")
    old = contents(bring_in(folder).folder)

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(_tables, "find_duplicates", fail)
    write(folder, orders=ORDER + "7,2024-01-06,paid,EUR\n")
    with pytest.raises(MemoryError):
        bring_in(folder)
    assert contents(tmp_path / "raw-facts") == old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw", "raw-facts"]


def test_import_that_is_killed_leaves_the_old_facts(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + "1,2024-01-05,placed,EUR\n")
    old = contents(bring_in(folder).folder)
    code = (
        "import os, signal, sys; from pathlib import Path; from saydo.sources import import_facts\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "import_facts('folder', Path(sys.argv[1]), Path(sys.argv[2]), progress=die)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(folder), str(tmp_path / "raw-facts")], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert contents(tmp_path / "raw-facts") == old


def test_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + "1,2024-01-05,placed,EUR\n")
    with pytest.raises(DestinationInUse) as error:
        import_facts("folder", folder, folder)
    assert str(error.value) == (
        f"The folder {folder} already holds something that is no imported company. Choose a new or empty folder."
    )
    assert os.listdir(folder) == ["orders.csv"]  # noqa: PTH208


@pytest.mark.parametrize("name", ["notes.txt", "quarantine.xlsx"])
def test_import_with_something_of_the_users_beside_it_is_left_alone(tmp_path: Path, name: str) -> None:
    imported = bring_in(write(tmp_path / "raw", orders=ORDER + "1,2024-01-05,placed,EUR\n"))
    (imported.folder / name).write_text("mine")
    with pytest.raises(DestinationInUse):
        bring_in(tmp_path / "raw")
    assert (imported.folder / name).read_text() == "mine"


def test_file_in_the_place_of_the_folder_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "raw", orders=ORDER)
    (tmp_path / "raw-facts").write_text("mine")
    with pytest.raises(DestinationInUse):
        bring_in(tmp_path / "raw")


def test_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "raw-facts").mkdir()
    assert bring_in(write(tmp_path / "raw", orders=ORDER)).counts("orders") == (0, 0)
