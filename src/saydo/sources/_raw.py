"""Raw files as people have them, given to the engine as rows of text.

CSV in any usual dialect and encoding, plain or compressed, Excel and Parquet all become the same thing: a relation whose
columns ``c0``, ``c1`` ... are text, in the order of the file, with its headers apart.
"""

# Queries are put together here; names and texts of others are quoted by the engine's own functions.
# ruff: noqa: S608
from __future__ import annotations

import csv
import gzip
import io
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import count
from pathlib import Path
from typing import Any

from saydo.engine import EngineError, Workbench, quote_name, quote_text
from saydo.errors import EmptyFile, NoKnownTable, NoSuchPath, UnreadableFile
from saydo.facts import TABLES
from saydo.language import mark, translate
from saydo.sources._bytes import Writing, examine, rewrite

TEXT_ENDINGS = (".csv", ".tsv", ".txt")
EXCEL_ENDINGS = (".xlsx", ".xlsm", ".xls", ".ods")
ENDINGS = (".parquet", *TEXT_ENDINGS, *(ending + ".gz" for ending in TEXT_ENDINGS), *EXCEL_ENDINGS)
DELIMITERS = (",", ";", "\t", "|")
HEADER_SIGNS = 1_000_000
REJECTS_LIMIT = 1_000_000
_NULLS = ("", "NULL", "\\N")
_NO_LINE = mark("its first line has more than a million signs")
_WHOLE = 1e15  # up to here a float holds every whole number
_numbers = count()


@dataclass(frozen=True)
class RawFile:
    """One raw file, ready to be read: ``rows`` is a relation of text columns c0, c1 ...; ``label`` names it to the user.

    ``header_row`` is the number of its header as a spreadsheet shows it. For CSV, ``noting`` is the same relation which notes
    the rows that it cannot tell apart in the table ``rejects``, ``read`` is the file that the engine reads (``path``, or its
    copy in UTF-8), and ``writing`` counts the lines of its rows; else these are null. What a mapping made names the raw
    files it was made from as ``made_from``.
    """

    path: Path
    label: str
    rows: str
    headers: tuple[str, ...]
    header_row: int = 1
    delimiter: str = ","
    noting: str | None = None
    rejects: str | None = None
    read: Path | None = None
    writing: Writing | None = None
    made_from: tuple[RawFile, ...] = ()

    @property
    def format(self) -> str:
        """What the file is, in errors."""
        ending = _ending(self.path)
        return "Parquet" if ending == ".parquet" else "Excel" if ending in EXCEL_ENDINGS else "CSV"


def find_tables(origin: Path) -> dict[str, list[Path]]:
    """The files in a folder (or the one file given) that are named after tables of the contract, by table."""
    if not origin.exists():
        raise NoSuchPath(path=origin)
    entries = sorted(origin.iterdir(), key=_rank) if origin.is_dir() else [origin]
    found: dict[str, list[Path]] = {}
    for entry in entries:
        if table := _table_of(entry):
            found.setdefault(table, []).extend(_parts(entry) if entry.is_dir() else [entry])
    if not any(found.values()):
        names = [entry.name for entry in entries if not entry.name.startswith(".")]
        raise NoKnownTable(path=origin, found=names or "nothing", tables=list(TABLES))
    return {table: found[table] for table in TABLES if found.get(table)}


def _table_of(entry: Path) -> str | None:
    """The table that a file (orders.csv, orders-2024.csv, orders_part-3.parquet) or a folder is named after."""
    name, ending = entry.name.casefold(), _ending(entry)
    if entry.is_dir():
        return name if name in TABLES else None
    name = re.sub(r"[-_. ](part[-_.]?)?\d[\d\-_.]*$", "", name.removesuffix(ending))
    return name if ending and name in TABLES else None


def _parts(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if _ending(path) and not path.name.startswith((".", "_")))
    return sorted(found, key=_rank)


def _rank(path: Path) -> list[tuple[int, str]]:
    """Parts in the order in which people number them: orders, orders-2, orders-10."""
    name = str(path).casefold().removesuffix(_ending(path))
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _ending(path: Path) -> str:
    return next((ending for ending in ENDINGS if path.name.casefold().endswith(ending)), "")


def open_raw(
    bench: Workbench, path: Path, scratch: Path, label: str, table: str = "", words: Iterable[str] = ()
) -> RawFile:
    """Make a file readable; ``words`` are headers hoped for, which tell the delimiter, ``table`` the sheet of a workbook.

    What has to be rewritten to be read (compressed, Excel, other encodings) is written below ``scratch``. Raises
    `EmptyFile` and `UnreadableFile`.
    """
    ending = _ending(path)
    if ending == ".parquet":
        return replace(_open_parquet(bench, path), label=label)
    if ending in EXCEL_ENDINGS:
        return replace(_open_excel(path, _copy_in(scratch), table), label=label)
    read, writing = _as_utf8(path, scratch)
    return replace(_open_csv(path, read, writing, DELIMITERS, words), label=label)


def open_lines(path: Path, scratch: Path, label: str) -> RawFile:
    """A file whose lines are not split: one column ``line``, from the first line on."""
    read, writing = _as_utf8(path, scratch)
    rows = (
        f"read_csv({quote_text(_literal(read))}, auto_detect = false, header = false, delim = '\\x01', quote = '', "
        "escape = '', columns = {'c0': 'VARCHAR'})"
    )
    return RawFile(path, label, rows, ("line",), header_row=0, writing=writing)


def open_mapped(bench: Workbench, query: Path, rows: Path, made_from: Iterable[RawFile]) -> RawFile:
    """What a mapping's ``query`` made, written to ``rows`` (Parquet); its rows are numbered from 1."""
    sources = tuple(made_from)
    raw = _open_parquet(bench, rows)
    return replace(
        raw, path=query, label=", ".join(source.label for source in sources), header_row=0, made_from=sources
    )


def stage_text(bench: Workbench, raw: RawFile, scratch: Path) -> str:
    """Copy a raw file's text as Parquet; a query of its rows with its own headers, ``_file`` and ``_row``."""
    target = quote_text(str(scratch / f"{next(_numbers)}.parquet"))
    try:
        bench.sql(f"COPY (FROM {raw.noting or raw.rows}) TO {target} (FORMAT parquet, COMPRESSION zstd)")
    except EngineError as error:
        raise UnreadableFile(path=raw.path, format=raw.format, reason=first_line(error)) from None
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
    source = f"read_parquet({quote_text(_literal(path))}, hive_partitioning = false)"
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
    return replace(_open_csv(path, copy, examine(copy), (",",), ()), header_row=sheet.start[0] + 1)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _WHOLE else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else str(value)


def _as_utf8(path: Path, scratch: Path) -> tuple[Path, Writing]:
    """The text of a file as the engine reads it: the file itself, or a copy of it."""
    read = path
    if path.name.casefold().endswith(".gz"):
        read = _copy_in(scratch)
        _unpack(path, read)
    writing = examine(read, path)
    if writing.needs_rewriting:
        copy = _copy_in(scratch)
        writing = rewrite(read, copy, writing, path)
        read = copy
    return read, writing


def _copy_in(scratch: Path) -> Path:
    return scratch / f"{next(_numbers)}.csv"


def _unpack(path: Path, to: Path) -> None:
    try:
        with gzip.open(path) as packed, to.open("wb") as out:
            shutil.copyfileobj(packed, out, 1 << 20)
    except (gzip.BadGzipFile, EOFError, OSError) as error:
        raise UnreadableFile(path=path, format="gzip", reason=first_line(error)) from None


def _open_csv(path: Path, read: Path, writing: Writing, delimiters: tuple[str, ...], words: Iterable[str]) -> RawFile:
    with read.open(encoding="utf-8-sig", errors="replace", newline="") as source:
        top = source.read(HEADER_SIGNS)
    if not top.strip():
        raise EmptyFile(path=path)
    skipped = 0
    if named := re.match(r"sep=(.)\r?\n", top):  # Excel's own way of telling the delimiter
        delimiters, skipped, top = (named[1],), 1, top[named.end() :]
    if len(top) == HEADER_SIGNS and not re.search(r"[\r\n]", top):
        raise UnreadableFile(path=path, format="CSV", reason=translate(_NO_LINE))
    delimiter, headers, lines = _split_header(path, top, delimiters, set(words))
    rejects = f"rejects_{next(_numbers)}"
    noting = (
        f"store_rejects = true, rejects_table = '{rejects}', rejects_scan = '{rejects}_scan', "
        f"rejects_limit = {REJECTS_LIMIT}"
    )
    return RawFile(
        path,
        path.name,
        _read_csv(read, delimiter, len(headers), skipped, "ignore_errors = true"),
        headers,
        header_row=1 + skipped,
        delimiter=delimiter,
        noting=_read_csv(read, delimiter, len(headers), skipped, noting),
        rejects=rejects,
        read=read,
        writing=replace(writing, lines=writing.lines - lines - skipped),
    )


def _split_header(
    path: Path, top: str, delimiters: tuple[str, ...], words: set[str]
) -> tuple[str, tuple[str, ...], int]:
    """The delimiter that splits the header best, the headers, and the number of lines they take."""
    splits = [(*_first_record(path, top, delimiter), delimiter) for delimiter in delimiters]
    headers, lines, delimiter = max(
        splits, key=lambda split: (sum(header_name(header) in words for header in split[0]), len(split[0]))
    )
    return delimiter, headers, lines


def _first_record(path: Path, top: str, delimiter: str) -> tuple[tuple[str, ...], int]:
    reader = csv.reader(io.StringIO(top, newline=""), delimiter=delimiter)
    try:
        return tuple(next(reader)), reader.line_num
    except (csv.Error, StopIteration) as error:
        raise UnreadableFile(path=path, format="CSV", reason=first_line(error)) from None


def header_name(header: str) -> str:
    """A header as a column's name: without stray spaces, in small letters, with low lines for spaces and hyphens."""
    return re.sub(r"[\s\-]+", "_", header.strip(" \t\r\n\ufeff\u00a0").casefold())


def _read_csv(path: Path, delimiter: str, columns: int, skipped: int, errors: str) -> str:
    listed = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(columns))
    nulls = ", ".join(map(quote_text, _NULLS))
    return (
        f"read_csv({quote_text(_literal(path))}, auto_detect = false, header = true, skip = {skipped}, "
        f"delim = {quote_text(delimiter)}, quote = '\"', escape = '\"', nullstr = [{nulls}], "
        f"columns = {{{listed}}}, {errors})"
    )


def _literal(path: Path) -> str:
    """A path that the engine does not take for a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def first_line(error: BaseException) -> str:
    """What an error says first, without the full stop that our own sentences add."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(". ")
