"""Raw files as people have them, given to the engine as rows of text.

CSV in any usual dialect and encoding, plain or compressed, Excel and Parquet all become the same thing: a relation
whose columns ``c0``, ``c1`` ... are text, in the order of the file, with its headers apart.
"""

# Queries are put together here; names and texts of others are quoted by the engine's own functions.
# ruff: noqa: S608
from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from saydo.engine import EngineError, Workbench, quote_name, quote_text
from saydo.errors import EmptyFile, UnreadableFile
from saydo.sources._bytes import examine
from saydo.sources._csv import DELIMITERS, account_for_lines, as_utf8, copy_in, open_csv
from saydo.sources._files import EXCEL_ENDINGS, RawFile, ending_of, first_line, fresh_numbers, literal_path

_WHOLE = 1e15  # up to here a float holds every whole number


def open_raw(
    bench: Workbench, path: Path, scratch: Path, label: str, table: str = "", words: Iterable[str] = ()
) -> RawFile:
    """Make a file readable; ``words`` are headers hoped for, which tell the delimiter, ``table`` a workbook's sheet.

    What has to be rewritten to be read (compressed, Excel, other encodings) is written below ``scratch``. Raises
    `EmptyFile` and `UnreadableFile`.
    """
    ending = ending_of(path)
    if ending == ".parquet":
        return replace(_open_parquet(bench, path), label=label)
    if ending in EXCEL_ENDINGS:
        return replace(_open_excel(path, copy_in(scratch), table), label=label)
    read, writing = as_utf8(path, scratch)
    return replace(open_csv(path, read, writing, DELIMITERS, words), label=label)


def open_mapped(bench: Workbench, query: Path, rows: Path, made_from: Iterable[RawFile]) -> RawFile:
    """What a mapping's ``query`` made, written to ``rows`` (Parquet); its rows are numbered from 1."""
    sources = tuple(made_from)
    raw = _open_parquet(bench, rows)
    return replace(
        raw, path=query, label=", ".join(source.label for source in sources), header_row=0, made_from=sources
    )


def stage_text(bench: Workbench, raw: RawFile, scratch: Path) -> str:
    """Copy a raw file's text as Parquet; a query of its rows with its own headers, ``_file`` and ``_row``."""
    target = quote_text(str(scratch / f"{next(fresh_numbers)}.parquet"))
    try:
        copied = bench.sql(f"COPY (FROM {raw.noting or raw.rows}) TO {target} (FORMAT parquet, COMPRESSION zstd)")
    except EngineError as error:
        raise UnreadableFile(path=raw.path, format=raw.format, reason=first_line(error)) from None
    account_for_lines(bench, raw, copied["Count"][0].as_py())
    named: dict[str, str] = {}
    for place, header in enumerate(raw.headers):
        name = header.strip(" \t\r\n\ufeff\u00a0") or f"column{place + 1}"
        taken = {known.casefold() for known in named}
        named[name if name.casefold() not in taken else f"{name}_{place + 1}"] = f"c{place}"
    columns = ", ".join(f"{place} AS {quote_name(name)}" for name, place in named.items())
    return (
        f"SELECT {columns}, {quote_text(raw.label)} AS _file, file_row_number + {raw.header_row + 1} AS _row "
        f"FROM read_parquet({target}, file_row_number = true) WHERE coalesce({', '.join(named.values())}) IS NOT NULL"
    )


def _open_parquet(bench: Workbench, path: Path) -> RawFile:
    source = f"read_parquet({quote_text(literal_path(path))}, hive_partitioning = false)"
    try:
        described = bench.sql(f"DESCRIBE SELECT * FROM {source}").to_pydict()
    except EngineError as error:
        raise UnreadableFile(path=path, format="Parquet", reason=first_line(error)) from None
    names, types = described["column_name"], described["column_type"]
    texts = (
        f"{_as_text(quote_name(name), type)} AS c{i}" for i, (name, type) in enumerate(zip(names, types, strict=True))
    )
    return RawFile(path, path.name, f"(SELECT {', '.join(texts)} FROM {source})", tuple(names))


def _as_text(column: str, type: str) -> str:
    """A typed column as text; whole numbers stored as floats (17850.0) lose their point, so that keys stay keys."""
    if type not in ("DOUBLE", "FLOAT"):
        return f"CAST({column} AS VARCHAR)"
    is_whole = f"{column} = trunc({column}) AND abs({column}) < {_WHOLE:.0f}"
    return (
        f"CASE WHEN isnan({column}) THEN NULL WHEN {is_whole} THEN CAST(CAST({column} AS BIGINT) AS VARCHAR) "
        f"ELSE CAST({column} AS VARCHAR) END"
    )


def _open_excel(path: Path, copy: Path, table: str) -> RawFile:
    """A sheet as CSV: the one named after the table, else the first."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(str(path))
        names = book.sheet_names
        sheet = book.get_sheet_by_name(next((name for name in names if name.strip().casefold() == table), names[0]))
    except (CalamineError, OSError, IndexError) as error:
        raise UnreadableFile(path=path, format="Excel", reason=first_line(error)) from None
    if sheet.start is None:
        raise EmptyFile(path=path)
    with copy.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows([_cell(value) for value in row] for row in sheet.iter_rows())
    return replace(open_csv(path, copy, examine(copy), (",",), ()), header_row=sheet.start[0] + 1)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _WHOLE else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else str(value)
