"""Raw files as people have them, given to the engine as rows of text.

CSV in any usual dialect and encoding, plain or compressed, Excel and Parquet all become the same thing: a relation
whose columns ``c0``, ``c1`` ... are text, in the order of the file, with its headers apart.
"""

# Queries are put together here; names and texts of others are quoted by the engine's own functions.
# ruff: noqa: S608
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from saydo.engine import EngineError, Workbench, quote_name, quote_text
from saydo.errors import EmptyFile, UnreadableFile
from saydo.language import mark, number, translate
from saydo.sources import _excel
from saydo.sources._bytes import examine
from saydo.sources._csv import DELIMITERS, account_for_lines, as_utf8, copy_in, open_csv
from saydo.sources._files import (
    EXCEL_ENDINGS,
    RawFile,
    could_not_write,
    ending_of,
    first_line,
    fresh_numbers,
    literal_path,
)

_TOO_LARGE = mark("reading it takes more than 2 GB of memory")
_TOO_WIDE = mark("it has {count} columns; a table has 1,000 at most")
_COLUMNS = 1000


def open_raw(
    bench: Workbench, path: Path, scratch: Path, label: str, table: str = "", words: Iterable[str] = ()
) -> RawFile:
    """Make a file readable; ``words`` are headers hoped for, which tell the delimiter, ``table`` a workbook's sheet.

    What has to be rewritten to be read (compressed, Excel, other encodings) is written below ``scratch``. Raises
    `EmptyFile` and `UnreadableFile`.
    """
    ending = ending_of(path)
    if ending == ".parquet":
        raw = _open_parquet(bench, path)
    elif ending in EXCEL_ENDINGS:
        raw = _open_excel(path, copy_in(scratch), table)
    else:
        raw = open_csv(path, *as_utf8(path, scratch), DELIMITERS, words)
    if len(raw.headers) > _COLUMNS:  # the engine would be at work on them for hours
        reason = translate(_TOO_WIDE, count=number(len(raw.headers)))
        raise UnreadableFile(path=path, format=raw.format, reason=reason)
    return replace(raw, label=label)


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
        if could_not_write(error):
            raise
        raise UnreadableFile(path=raw.path, format=raw.format, reason=first_line(error)) from None
    account_for_lines(bench, raw, copied["Count"][0].as_py())
    named = name_columns(raw)
    columns = ", ".join(f"{place} AS {quote_name(name)}" for name, place in named.items())
    return (
        f"SELECT {columns}, {quote_text(raw.label)} AS _file, file_row_number + {raw.header_row + 1} AS _row "
        f"FROM read_parquet({target}, file_row_number = true) WHERE coalesce({', '.join(named.values())}) IS NOT NULL"
    )


def name_columns(raw: RawFile) -> dict[str, str]:
    """The names by which queries know the columns of a file (its headers, each once), and where they lie."""
    named: dict[str, str] = {}
    for place, header in enumerate(raw.headers):
        name = header.strip(" \t\r\n\ufeff\u00a0") or f"column{place + 1}"
        taken = {known.casefold() for known in named}
        named[name if name.casefold() not in taken else f"{name}_{place + 1}"] = f"c{place}"
    return named


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
    is_whole = f"{column} = trunc({column}) AND abs({column}) < {_excel.WHOLE:.0f}"
    return (
        f"CASE WHEN isnan({column}) THEN NULL WHEN {is_whole} THEN CAST(CAST({column} AS BIGINT) AS VARCHAR) "
        f"ELSE CAST({column} AS VARCHAR) END"
    )


def _open_excel(path: Path, copy: Path, table: str) -> RawFile:
    """A sheet as CSV: the one named after the table, else the first."""
    told = _excel.run(path, table, copy)
    if "errno" in told:
        raise OSError(told["errno"], told["reason"])
    if "start" not in told:
        reason = first_line(ValueError(told["wrong"])) if "wrong" in told else translate(_TOO_LARGE)
        raise UnreadableFile(path=path, format="Excel", reason=reason)
    if told["start"] is None:
        raise EmptyFile(path=path)
    return replace(open_csv(path, copy, examine(copy), (",",), ()), header_row=told["start"] + 1)
