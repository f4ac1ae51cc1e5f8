"""Folders and files that mean harm, or were made by accident: each ends in one sentence, in bounded time and memory."""

from __future__ import annotations

import gzip
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.sources.imports import ORDER, bring_in, write
from tests.sources.test__raw import COLUMNS, cell, workbook

from saydo.errors import MissingColumn, NoAccess, SourceError, UnknownColumn, UnreadableFile

ROW = "1,2024-01-05,placed,EUR\n"
HEADERS = "".join(map(cell, COLUMNS))


def failure(origin: Path, kind: type[SourceError] = SourceError) -> str:
    with pytest.raises(kind) as error:
        bring_in(origin)
    assert error.value.exit_code == 2
    assert [path.name for path in origin.parent.iterdir() if "raw-facts" in path.name] == []
    return str(error.value)


@pytest.mark.parametrize("target", ["/etc/passwd", "/dev/zero", "../private.csv"])
def test_link_out_of_the_folder_is_refused(tmp_path: Path, target: str) -> None:
    write(tmp_path, private="a,b\n")
    folder = write(tmp_path / "raw")
    (folder / "orders.csv").symlink_to(target)
    leads = "/etc/passwd" if "passwd" in target else str(tmp_path / "private.csv") if "private" in target else target
    assert failure(folder, NoAccess) == (
        f"{folder}/orders.csv cannot be read: it leads to {leads}, outside {folder}. "
        "Check that it is what you mean, and that you may read it."
    )


def test_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", export=ORDER + ROW)
    (folder / "orders.csv").symlink_to("export.csv")
    assert bring_in(folder).counts("orders") == (1, 0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (os.mkfifo, "it is no file"),
        (Path.mkdir, "it is no file"),
        (lambda path: path.symlink_to("nowhere"), "No such file or directory"),
        (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
    ],
)
def test_what_is_no_file_is_told(tmp_path: Path, make: Callable[[Path], None], words: str) -> None:
    (tmp_path / "raw" / "orders").mkdir(parents=True)
    make(tmp_path / "raw" / "orders" / "a.csv")
    assert f"orders/a.csv cannot be read: {words}." in failure(tmp_path / "raw", NoAccess)


def test_name_that_is_no_utf_8_is_told(tmp_path: Path) -> None:
    (tmp_path / "raw" / "orders").mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(tmp_path / "raw" / "orders") + b"/\xff.csv")).write_text(ORDER + ROW)
    assert "its name is no UTF-8." in failure(tmp_path / "raw", NoAccess)


def test_name_with_line_ends_and_quotes_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "raw" / "orders"
    write(folder, **{"a\n'\"[*]b": ORDER + ROW + "2,2024-01-05,lost,EUR\n"})
    imported = bring_in(tmp_path / "raw")
    assert imported.refused("orders", "file", "row") == [("orders/a\n'\"[*]b.csv", 3)]


def test_gzip_that_unpacks_to_any_size_is_refused(tmp_path: Path) -> None:
    bomb = gzip.compress(ORDER.encode() + ROW.encode() * 6_000_000)
    assert len(bomb) < 1_000_000
    words = failure(write(tmp_path / "raw", orders__csv_gz=bomb), UnreadableFile)
    assert "cannot be read as gzip: it unpacks to more than a hundred times its size, as no table does." in words


def test_gzip_that_ends_too_early_is_told(tmp_path: Path) -> None:
    packed = gzip.compress((ORDER + ROW).encode())
    assert "cannot be read as gzip" in failure(write(tmp_path / "raw", orders__csv_gz=packed[:-9]), UnreadableFile)
    broken = packed[:14] + bytes([packed[14] ^ 255]) + packed[15:]
    assert "cannot be read as gzip" in failure(write(tmp_path / "raw", orders__csv_gz=broken), UnreadableFile)


def test_row_of_a_hundred_million_signs_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + ROW + "2,2024-01-05," + "x" * 100_000_000 + ",EUR\n")
    assert "a row is longer than 2 million signs." in failure(folder, UnreadableFile)


def test_table_of_too_many_columns_is_told(tmp_path: Path) -> None:
    names = ",".join(f"x_{i}" for i in range(5000))
    folder = write(tmp_path / "raw", orders=f"{ORDER.strip()},{names}\n{ROW.strip()}{',1' * 5000}\n")
    assert "it has 5,004 columns; a table has 1,000 at most." in failure(folder, UnreadableFile)


def corner(path: Path) -> None:
    """A workbook with a cell in the first and one in the last corner of its sheet."""
    last = '<c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c>'
    workbook(path, [HEADERS, last])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet2.xml"
    parts[sheet] = parts[sheet].replace(b"<row><c r=", b'<row r="1048576"><c r=')
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_workbook_that_asks_for_all_memory_is_refused(tmp_path: Path) -> None:
    corner(tmp_path / "raw" / "orders.xlsx")
    words = failure(tmp_path / "raw", UnreadableFile)
    assert "orders.xlsx cannot be read as Excel: reading it takes more than 2 GB of memory." in words


def test_workbook_with_a_title_above_its_header_is_told(tmp_path: Path) -> None:
    workbook(tmp_path / "raw" / "orders.xlsx", [cell("Orders of 2024"), HEADERS])
    assert "has a column Orders of 2024 that the contract does not know" in failure(tmp_path / "raw", UnknownColumn)


def test_workbook_without_a_sheet_of_that_name_gives_its_first(tmp_path: Path) -> None:
    workbook(tmp_path / "raw" / "customers.xlsx", [HEADERS])
    assert "has a column nothing here" in failure(tmp_path / "raw", UnknownColumn)


def orders() -> pa.Table:
    rows = [[str(i) for i in range(50_000)], ["2024-01-05"] * 50_000, ["placed"] * 50_000, ["EUR"] * 50_000]
    return pa.table(dict(zip(COLUMNS, rows, strict=True)))


@pytest.mark.parametrize("harm", ["truncated", "magic", "footer", "pages", "empty"])
def test_broken_parquet_is_told(tmp_path: Path, harm: str) -> None:
    path = write(tmp_path / "raw") / "orders.parquet"
    pq.write_table(orders(), path)
    content = bytearray(path.read_bytes())
    if harm == "pages":
        content[20 : len(content) // 2 : 7] = bytes(len(content[20 : len(content) // 2 : 7]))
    broken = {
        "truncated": content[: len(content) // 2],
        "magic": b"PAR1" + bytes(500) + b"PAR1",
        "footer": b"PAR1" + bytes(500) + b"\xff\xff\xff\x7fPAR1",
        "empty": b"",
    }
    path.write_bytes(bytes(broken.get(harm, content)))
    assert "orders.parquet cannot be read as Parquet: " in failure(tmp_path / "raw", UnreadableFile)


def test_nested_parquet_is_text(tmp_path: Path) -> None:
    table = orders().slice(0, 1).append_column("x_nested", pa.array([{"a": [1, 2], "b": {"c": "anna@example.org"}}]))
    pq.write_table(table, write(tmp_path / "raw") / "orders.parquet")
    assert bring_in(tmp_path / "raw").rows("orders", "x_nested") == ["{'a': [1, 2], 'b': {'c': [e-mail]}}"]


def test_parquet_of_another_table_is_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"order_id": [1]}), write(tmp_path / "raw") / "orders.parquet")
    assert "has no column ordered_at, status, currency" in failure(tmp_path / "raw", MissingColumn)
