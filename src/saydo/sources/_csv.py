"""Text files given to the engine: whatever their encoding, compression, line ends and delimiter."""

# Queries are put together here; names and texts of others are quoted by the engine's own functions.
# ruff: noqa: S608
from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from saydo.engine import Workbench, quote_text
from saydo.errors import EmptyFile, UnreadableFile
from saydo.language import mark, translate
from saydo.sources._bytes import Writing, count_blank_lines, examine, has_long_line, rewrite
from saydo.sources._files import RawFile, first_line, fresh_numbers, literal_path

DELIMITERS = (",", ";", "\t", "|")
HEADER_SIGNS = 1_000_000
REJECTS_LIMIT = 100_000  # the reader holds them in memory
FEW = 100
_UNPACKED, _PACKED = 100 << 20, 100  # bytes in any case, and times the packed ones, of which tables take thirty
_BOMB = mark("it unpacks to more than a hundred times its size, as no table does")
_TOO_LONG = mark("a row is longer than 2 million signs")
_NO_LINE = mark("its first line has more than a million signs")
_NO_ROWS = mark("most of its rows do not have as many values as its header")
_UNCLOSED = mark("a quotation mark is opened and never closed")
_NULLS = ("", "NULL", "\\N")


def open_csv(path: Path, read: Path, writing: Writing, delimiters: tuple[str, ...], words: Iterable[str]) -> RawFile:
    """A text file of rows, its delimiter and header found in its first lines; ``read`` is where its UTF-8 text lies.

    ``words`` are column names that a header may hold. Lines that the reader refuses are noted in a table of rejects.
    Raises `EmptyFile` and `UnreadableFile`.
    """
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
    _check_shape(path, top, delimiter, len(headers))
    rejects = f"rejects_{next(fresh_numbers)}"
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


def _check_shape(path: Path, top: str, delimiter: str, columns: int) -> None:
    """Give up at once on garbage, which the engine's reader would turn over for long, row by row."""
    reader = csv.reader(io.StringIO(top[: top.rfind("\n") + 1], newline=""), delimiter=delimiter)
    right = wrong = 0
    try:
        for row in reader:
            right, wrong = right + (len(row) == columns), wrong + (len(row) not in (0, columns))
    except csv.Error:
        wrong += FEW
    if wrong > max(right, FEW):
        raise UnreadableFile(path=path, format="CSV", reason=translate(_NO_ROWS))


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
        f"read_csv({quote_text(literal_path(path))}, auto_detect = false, header = true, skip = {skipped}, "
        f"delim = {quote_text(delimiter)}, quote = '\"', escape = '\"', nullstr = [{nulls}], "
        f"columns = {{{listed}}}, {errors})"
    )


def open_lines(path: Path, scratch: Path, label: str) -> RawFile:
    """A file whose lines are not split: one column ``line``, from the first line on."""
    read, writing = as_utf8(path, scratch)
    rows = (
        f"read_csv({quote_text(literal_path(read))}, auto_detect = false, header = false, delim = '\\x01', quote = '', "
        "escape = '', columns = {'c0': 'VARCHAR'})"
    )
    return RawFile(path, label, rows, ("line",), header_row=0, writing=writing)


def as_utf8(path: Path, scratch: Path) -> tuple[Path, Writing]:
    """The text of a file as the engine reads it: the file itself, or a copy of it."""
    read = path
    if path.name.casefold().endswith(".gz"):
        read = copy_in(scratch)
        _unpack(path, read)
    writing = examine(read, path)
    if writing.needs_rewriting:
        copy = copy_in(scratch)
        writing = rewrite(read, copy, writing, path)
        read = copy
    return read, writing


def copy_in(scratch: Path) -> Path:
    return scratch / f"{next(fresh_numbers)}.csv"


def _unpack(path: Path, to: Path) -> None:
    try:
        most = max(_UNPACKED, path.stat().st_size * _PACKED)
        with gzip.open(path) as packed, to.open("wb") as out:
            while chunk := packed.read(1 << 20):
                out.write(chunk)
                if out.tell() > most:
                    raise UnreadableFile(path=path, format="gzip", reason=translate(_BOMB))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UnreadableFile(path=path, format="gzip", reason=first_line(error)) from None


def account_for_lines(bench: Workbench, raw: RawFile, rows: int) -> None:
    """Make sure that no line was lost when ``rows`` were read; raises `UnreadableFile`.

    A quotation mark that is never closed can swallow any number of lines, and the reader may not tell.
    """
    if raw.writing is None or raw.read is None or raw.rejects is None:
        return
    refused = f"(SELECT any_value(rtrim(csv_line, chr(10))) AS text FROM {raw.rejects} GROUP BY line)"
    lost = raw.writing.lines - rows - _sum(bench, "1", refused)
    if lost == 0:
        return
    ends = "length(text) - length(replace(text, chr(10), ''))"
    fields = ", ".join(f"c{i}" for i in range(len(raw.headers)))
    lost -= _sum(bench, ends, refused) + _sum(bench, ends, f"(SELECT concat({fields}) AS text FROM {raw.rows})")
    if lost > count_blank_lines(raw.read):
        reason = _TOO_LONG if has_long_line(raw.read) else _UNCLOSED
        raise UnreadableFile(path=raw.path, format=raw.format, reason=translate(reason))


def forget_rejects(bench: Workbench, raw: RawFile) -> None:
    """Let a file be read once more."""
    if raw.rejects:
        bench.sql(f"DROP TABLE IF EXISTS {raw.rejects}")
        bench.sql(f"DROP TABLE IF EXISTS {raw.rejects}_scan")


def _sum(bench: Workbench, expression: str, relation: str) -> int:
    return int(bench.sql(f"SELECT coalesce(sum({expression}), 0) AS n FROM {relation}")["n"][0].as_py())
