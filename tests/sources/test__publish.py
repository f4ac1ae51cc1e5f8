"""A company's folder is written whole or not at all, and nothing of others is replaced."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.sources.imports import ORDER, bring_in, write

from saydo.errors import DestinationInUse, DestinationOverlaps, Unwritable
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
        f"The folder {folder} already holds something else, and it is left as it is. Choose a new or empty folder."
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


@pytest.mark.parametrize(("origin", "to"), [("raw", "raw/company"), ("company/quarantine", "company")])
def test_facts_among_the_raw_files_are_refused(tmp_path: Path, origin: str, to: str) -> None:
    write(tmp_path / origin, orders=ORDER + "1,2024-01-05,placed,EUR\n")
    before = contents(tmp_path)
    with pytest.raises(DestinationOverlaps) as error:
        import_facts("folder", tmp_path / origin, tmp_path / to)
    assert str(error.value) == (
        f"Of the folder for the facts, {tmp_path / to}, and that of the raw files, {tmp_path / origin}, one lies in "
        "the other. Choose a folder for the facts elsewhere."
    )
    assert contents(tmp_path) == before


def test_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + "1,2024-01-05,placed,EUR\n")
    to = Path("/proc/nothing/company")
    with pytest.raises(Unwritable) as error:
        import_facts("folder", folder, to)
    assert str(error.value) == (
        "Nothing can be written to /proc/nothing/company: No such file or directory. "
        "Choose a folder that you may write to, on a disk that has room."
    )


def test_file_in_the_way_of_the_folder_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + "1,2024-01-05,placed,EUR\n")
    with pytest.raises(Unwritable) as error:
        import_facts("folder", folder, write(tmp_path, notes="mine") / "notes.csv" / "company")
    assert "notes.csv/company: File exists." in str(error.value)


FULL = """
import resource, sys
from pathlib import Path
from saydo.errors import Unwritable
from saydo.sources import import_facts
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    import_facts("folder", Path(sys.argv[1]), Path(sys.argv[2]))
except Unwritable as error:
    print(error)
"""


@pytest.mark.parametrize("ending", ["csv", "csv_gz"])
def test_disk_that_is_full_leaves_the_old_facts_and_nothing_else(tmp_path: Path, ending: str) -> None:
    """A limit on the size of files stands for the end of the disk."""
    old = contents(bring_in(write(tmp_path / "raw", orders=ORDER + "1,2024-01-05,placed,EUR\n")).folder)
    signs = random.Random(3)
    rows = "".join(f"{signs.getrandbits(64):x},2024-01-05,placed,EUR\n" for _ in range(20_000))
    (tmp_path / "raw" / "orders.csv").unlink()
    text = (ORDER + rows).encode()
    write(tmp_path / "raw", **{f"orders__{ending}": gzip.compress(text) if ending == "csv_gz" else text})
    call = [sys.executable, "-c", FULL, str(tmp_path / "raw"), str(tmp_path / "raw-facts"), "50000"]
    run = subprocess.run(call, capture_output=True, text=True, check=True)
    assert run.stdout.startswith(f"Nothing can be written to {tmp_path / 'raw-facts'}: ")
    assert run.stdout.endswith("Choose a folder that you may write to, on a disk that has room.\n")
    assert contents(tmp_path / "raw-facts") == old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw", "raw-facts"]


def test_facts_that_cannot_take_their_place_leave_the_old_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + "1,2024-01-05,placed,EUR\n")
    old = contents(bring_in(folder).folder)
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == "out":
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(Unwritable):
        bring_in(folder)
    assert contents(tmp_path / "raw-facts") == old


def test_quarantine_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + "1,2024-01-05,placed,EUR\n2,2024-01-05,lost,EUR\n")
    quarantine = bring_in(folder).folder / "quarantine"
    modes = [path.stat().st_mode & 0o777 for path in (quarantine, quarantine / "orders.parquet")]
    assert modes == [0o700, 0o600]
