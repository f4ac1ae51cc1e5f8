"""One raw file staged: every row as read, with the number of the check that it breaks and, for such rows, as it was written.

The staged copy is Parquet in the order of the file, so that a row's place in it is its number in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from saydo.engine import EngineError, Workbench, compile_sql, engine_type, quote_name, quote_text
from saydo.errors import UnreadableFile
from saydo.facts import Column, Table
from saydo.sources._bytes import count_blank_lines
from saydo.sources._checks import Check, judge, utc_now, written
from saydo.sources._columns import own_column
from saydo.sources._forms import revise_forms
from saydo.sources._raw import RawFile, first_line
from saydo.sources._values import PLAIN, Form, typed


@dataclass(frozen=True)
class Reading:
    """What is said of the files: the company's currency, the order of dates such as 03/04/2024, and does a mapping make them."""

    currency: str | None = None
    dates: str | None = None
    is_mapped: bool = False


@dataclass
class Staged:
    """A raw file on its way: its columns (column -> c0, c1 ...), how they are written, and where its rows are staged."""

    raw: RawFile
    columns: dict[Column, str]
    path: Path
    forms: dict[Column, Form] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    problems: dict[int, int] = field(default_factory=dict)  # code of a check -> rows

    @property
    def rows(self) -> str:
        """The staged rows as a relation, with their places as ``file_row_number``."""
        return f"read_parquet({quote_text(str(self.path))}, file_row_number = true)"


def stage(bench: Workbench, contract: Table, file: Staged, own: Mapping[str, str], reading: Reading) -> None:
    """Read and judge every row of ``file``; raises `UnreadableFile`."""
    given = frozenset(column.name for column in file.columns)
    judged, file.checks = judge(contract, own, given, utc_now())
    names = ", ".join(map(quote_name, (*contract.names, *own)))
    as_written = row_as_json({column: quote_name(written(column.name)) for column in file.columns})
    query = (
        f"WITH parsed AS ({_parse(contract, file, own, reading)}), judged AS ({compile_sql(judged)}) "
        f"SELECT {names}, _problem, CASE WHEN _problem IS NOT NULL THEN {as_written} END AS _raw FROM judged"
    )
    _forget_rejects(bench, file.raw)
    try:
        bench.sql(f"COPY ({query}) TO {quote_text(str(file.path))} (FORMAT parquet, COMPRESSION zstd)")
    except EngineError as error:
        raise UnreadableFile(path=file.raw.path, format=file.raw.format, reason=first_line(error)) from None
    counts = bench.sql(f"SELECT _problem, count(*) AS n FROM {file.rows} GROUP BY _problem").to_pylist()
    file.problems = {row["_problem"]: row["n"] for row in counts if row["_problem"] is not None}
    _account_for_lines(bench, file.raw, sum(row["n"] for row in counts))


def revise(bench: Workbench, file: Staged, reading: Reading) -> bool:
    """Think again about columns with values that could not be read; were they written in another way than it seemed?"""
    broken = {file.checks[code - 1] for code in file.problems if code}
    doubtful = {check.column for check in broken if check.is_form}
    columns = {
        column: place for column, place in file.columns.items() if column in file.forms and column.name in doubtful
    }
    revised = revise_forms(bench, file.raw, columns, reading.dates, file.forms)
    forms = {column: form for column, form in file.forms.items() if column not in columns} | revised
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
    """The row as it was written, as JSON; a comment without addresses and numbers here too."""
    listed = (
        f"{quote_text(column.name)}: {'clean' if column.name == 'comment' else ''}({text})"
        for column, text in fields.items()
    )
    return f"CAST(to_json({{{', '.join(listed)}}}) AS VARCHAR)"


def _forget_rejects(bench: Workbench, raw: RawFile) -> None:
    if raw.rejects:
        bench.sql(f"DROP TABLE IF EXISTS {raw.rejects}")
        bench.sql(f"DROP TABLE IF EXISTS {raw.rejects}_scan")


def _account_for_lines(bench: Workbench, raw: RawFile, rows: int) -> None:
    """Make sure that the reader lost no line: a quotation mark that is never closed can swallow any number of them."""
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
        reason = "a quotation mark is opened and never closed"
        raise UnreadableFile(path=raw.path, format="CSV", reason=reason)


def _sum(bench: Workbench, expression: str, relation: str) -> int:
    return int(bench.sql(f"SELECT coalesce(sum({expression}), 0) AS n FROM {relation}")["n"][0].as_py())
