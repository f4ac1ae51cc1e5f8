"""One raw file read and judged: rows that pass every check go to the facts at once, the others to a file of their own.

The engine reads, types and judges in one pass; its batches come in the order of the file, so that a row's place tells
its number.
"""

# Queries are put together here; names and texts of others are quoted by the engine's own functions.
# ruff: noqa: S608
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from saydo.engine import EngineError, Workbench, compile_sql, engine_type, quote_name, quote_text
from saydo.errors import UnreadableFile
from saydo.facts import TEXT, Column, Table
from saydo.sources._checks import BLANK, FILE, REFUSED, ROW, Check, judge, utc_now, written
from saydo.sources._columns import own_column
from saydo.sources._csv import account_for_lines, forget_rejects
from saydo.sources._files import RawFile, could_not_write, first_line
from saydo.sources._forms import revise_forms
from saydo.sources._values import PLAIN, Form, is_words, typed

_BROKEN = pa.schema({"place": pa.int64(), "problem": pa.int16(), "raw": pa.string()})


@dataclass(frozen=True)
class Reading:
    """What is said of the files: the currency, the order of dates such as 03/04/2024, and does a mapping make them."""

    currency: str | None = None
    dates: str | None = None
    is_mapped: bool = False


@dataclass
class Staged:
    """A raw file on its way: its columns (column -> c0, c1 ...), how they are written, and where its rows go.

    ``kept`` holds the rows that pass, ``broken`` the place, code of the check and text of the others (Parquet both).
    """

    raw: RawFile
    columns: dict[Column, str]
    kept: Path
    broken: Path
    forms: dict[Column, Form] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    rows: int = 0
    problems: dict[int, int] = field(default_factory=dict)  # code of a check -> rows


def stage(bench: Workbench, contract: Table, file: Staged, own: Mapping[str, str], reading: Reading) -> None:
    """Read and judge every row of ``file``; raises `UnreadableFile`."""
    given = frozenset(column.name for column in file.columns)
    judged, file.checks = judge(contract, own, given, utc_now())
    names = ", ".join(map(quote_name, (*contract.names, *own)))
    as_written = row_as_json({column: _as_written(column, own) for column in file.columns})
    query = (
        f"WITH parsed AS ({_parse(contract, file, own, reading)}), judged AS ({compile_sql(judged)}) "
        f"SELECT {names}, _problem, CASE WHEN _problem IS NOT NULL THEN {as_written} END AS _raw FROM judged"
    )
    forget_rejects(bench, file.raw)
    try:
        file.rows = _part(bench.stream(query), file)
    except (EngineError, pa.ArrowException) as error:
        if could_not_write(error):
            raise
        raise UnreadableFile(path=file.raw.path, format=file.raw.format, reason=first_line(error)) from None
    counts = bench.sql(f"SELECT problem, count(*) AS n FROM {parquet(file.broken)} GROUP BY problem").to_pylist()
    file.problems = {row["problem"]: row["n"] for row in counts}
    account_for_lines(bench, file.raw, file.rows + sum(file.problems.values()))


def _as_written(column: Column, own: Mapping[str, str]) -> str:
    """The text of a cell; of words, whose addresses and numbers are for nobody, what was read."""
    is_said = own.get(column.name) == TEXT or (is_words(column) and column.name not in (REFUSED, FILE, ROW))
    return quote_name(column.name if is_said else written(column.name))


def _part(batches: pa.RecordBatchReader, file: Staged) -> int:
    """Write each batch's sound rows to ``kept`` and the others to ``broken``; how many were sound."""
    facts = pa.schema(list(batches.schema)[:-2])
    rows = place = 0
    with _writer(file.kept, facts) as kept, _writer(file.broken, _BROKEN) as broken:
        for batch in batches:
            problem, raw = batch.columns[-2:]
            sound = pa.RecordBatch.from_arrays(batch.columns[:-2], schema=facts)
            if problem.null_count < len(batch):
                places = pa.array(np.arange(place, place + len(batch)))
                failed = pa.RecordBatch.from_arrays([places, problem, raw], schema=_BROKEN)
                broken.write_batch(failed.filter(problem.is_valid()))
                sound = sound.filter(problem.is_null())
            kept.write_batch(sound)
            rows, place = rows + len(sound), place + len(batch)
    return rows


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, schema, compression="zstd", store_decimal_as_integer=True)


def parquet(*paths: Path, places: bool = False) -> str:
    """Parquet files as a relation, on demand with each row's place in its file (``file_row_number``)."""
    listed = ", ".join(quote_text(str(path)) for path in paths)
    return f"read_parquet([{listed}]{', file_row_number = true' if places else ''})"


def revise(bench: Workbench, file: Staged, reading: Reading) -> bool:
    """Think again about columns with values that could not be read; were they written in another way than it seemed?"""
    codes: dict[str, list[str]] = {}
    for code in file.problems.keys() - {BLANK}:
        check = file.checks[code - 1]
        if check.is_form:
            codes.setdefault(check.column, []).append(str(code))
    failed = {
        column: f"(SELECT json_extract_string(raw, '$.\"{column.name}\"') AS text FROM {parquet(file.broken)} "
        f"WHERE problem IN ({', '.join(codes[column.name])}))"
        for column in file.forms
        if column.name in codes
    }
    forms = revise_forms(bench, file.raw, file.columns, reading.dates, file.forms, failed)
    is_other = forms != file.forms
    file.forms = forms
    return is_other


def _parse(contract: Table, file: Staged, own: Mapping[str, str], reading: Reading) -> str:
    """Every column of the contract and of the company's own as read, and those given as written."""
    places = {column.name: place for column, place in file.columns.items()}
    forms = {column.name: form for column, form in file.forms.items()}
    wanted = (*contract.columns, *(own_column(name, type) for name, type in own.items()))
    read = [
        f"{_read(column, places.get(column.name), forms.get(column.name, PLAIN), reading)} AS {quote_name(column.name)}"
        for column in wanted
    ]
    as_written = [f"{place} AS {quote_name(written(name))}" for name, place in places.items()]
    return f"SELECT {', '.join(read + as_written)} FROM {file.raw.noting or file.raw.rows}"


def _read(column: Column, place: str | None, form: Form, reading: Reading) -> str:
    is_filled = column.name == "currency" and not column.null and reading.currency is not None
    currency = quote_text(reading.currency or "")
    if place is None:
        return f"CAST({currency if is_filled else 'NULL'} AS {engine_type(column.type)})"
    value = typed(column, place, form)
    return f"coalesce({value}, {currency})" if is_filled else value


def row_as_json(fields: Mapping[Column, str]) -> str:
    """A row as JSON: columns with their expressions."""
    listed = ", ".join(f"{quote_text(column.name)}: {value}" for column, value in fields.items())
    return f"CAST(to_json({{{listed}}}) AS VARCHAR)"
