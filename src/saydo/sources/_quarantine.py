"""Refused rows: found across the files of a table, told apart from those kept, and written with their reasons.

One row of the quarantine is one refused row: the first reason, the file, the number of the row as a spreadsheet shows it, the
column and value, and the whole row as it was written (JSON), so that it can be mended and given back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from saydo.engine import DuckDBEngine, Workbench, quote_name, quote_text
from saydo.errors import UnreadableFile
from saydo.facts import Column, Table
from saydo.language import mark
from saydo.sources._checks import BLANK, DUPLICATE, FILE, ROW, SAID_BY_MAPPING, places
from saydo.sources._raw import REJECTS_LIMIT, RawFile
from saydo.sources._stage import Staged, row_as_json

FOLDER = "quarantine"
_MALFORMED = {
    "MISSING COLUMNS": mark("the row has fewer values than the header has columns"),
    "TOO MANY COLUMNS": mark("the row has more values than the header has columns"),
    "UNQUOTED VALUE": mark("a quotation mark stands in the wrong place"),
    "LINE SIZE OVER MAXIMUM": mark("the row is longer than 2 million signs"),
    "INVALID ENCODING": mark("the text is no UTF-8"),
}
_OTHERWISE = mark("the row is no CSV")


def note_rejects(bench: Workbench, files: Sequence[Staged]) -> None:
    """Make the tables ``malformed`` (file, row, reason, text) and ``shifts``: how many such rows precede a staged place.

    Rows of raw files that a mapping never saw, because they cannot be told apart, are refused here too.
    """
    bench.sql("CREATE OR REPLACE TEMP TABLE malformed (file INTEGER, row BIGINT, reason VARCHAR, text VARCHAR)")
    reasons = " ".join(f"WHEN {quote_text(kind)} THEN {quote_text(reason)}" for kind, reason in _MALFORMED.items())
    for number, raw in enumerate(_all_files(files)):
        if raw.rejects is None:
            continue
        bench.sql(
            f"INSERT INTO malformed SELECT {number}, line + {raw.header_row - 1}, CASE "
            f"CAST(arg_min(error_type, column_idx) AS VARCHAR) {reasons} ELSE {quote_text(_OTHERWISE)} END, "
            f"any_value(csv_line) FROM {raw.rejects} GROUP BY line"
        )
        if count_rows(bench, f"malformed WHERE file = {number}") >= REJECTS_LIMIT:
            raise UnreadableFile(path=raw.path, format="CSV", reason=f"over {REJECTS_LIMIT} rows are malformed")
    headers = " ".join(f"WHEN {number} THEN {file.raw.header_row}" for number, file in enumerate(files))
    bench.sql(
        "CREATE OR REPLACE TEMP TABLE shifts AS SELECT file, place, max(before) AS rejected FROM (SELECT file, "
        "row_number() OVER (PARTITION BY file ORDER BY row) AS before, "
        f"row - (CASE file {headers} END) - before AS place FROM malformed WHERE file < {len(files)}) GROUP BY ALL"
    )


def _all_files(files: Sequence[Staged]) -> list[RawFile]:
    """The files of a table, then the raw files that a mapping made them from; their places here are their numbers."""
    return [file.raw for file in files] + [source for file in files for source in file.raw.made_from]


def find_duplicates(bench: Workbench, contract: Table, files: Sequence[Staged]) -> None:
    """Make the table ``duplicates`` (file, place): rows whose key an earlier sound row has.

    Hashes are compared first, which takes a fraction of the memory; only keys of equal hashes are compared themselves.
    """
    key = ", ".join(map(quote_name, contract.key))
    rows = " UNION ALL ".join(
        f"SELECT {number} AS file, file_row_number AS place, {key} FROM {file.rows} WHERE _problem IS NULL"
        for number, file in enumerate(files)
    )
    bench.sql(
        f"CREATE OR REPLACE TEMP TABLE suspects AS SELECT hash({key}) AS hash FROM ({rows}) GROUP BY hash HAVING count(*) > 1"
    )
    bench.sql(
        "CREATE OR REPLACE TEMP TABLE duplicates AS SELECT file, place FROM ("
        f"SELECT file, place, row_number() OVER (PARTITION BY {key} ORDER BY file, place) AS occurrence FROM ({rows}) "
        f"WHERE hash({key}) IN (SELECT hash FROM suspects)) WHERE occurrence > 1"
    )


def write_quarantine(bench: Workbench, contract: Table, files: Sequence[Staged], out: Path) -> int:
    """Write the refused rows of a table, if any, and give their number."""
    labels = " ".join(f"WHEN {number} THEN {quote_text(raw.label)}" for number, raw in enumerate(_all_files(files)))
    bench.sql(
        f"CREATE OR REPLACE TEMP TABLE refused AS SELECT reason, CASE file {labels} END AS file, row, "
        'CAST(NULL AS VARCHAR) AS "column", CAST(NULL AS VARCHAR) AS value, '
        "CAST(to_json({line: clean(text)}) AS VARCHAR) AS raw, reason AS rule FROM malformed"
    )
    for number, file in enumerate(files):
        if file.problems.keys() - {BLANK}:
            bench.sql(f"INSERT INTO refused {_broken(contract, number, file)}")
        if count_rows(bench, f"duplicates WHERE file = {number}"):
            bench.sql(f"INSERT INTO refused {_duplicated(contract, number, file)}")
    count = count_rows(bench, "refused")
    if count:
        (out / FOLDER).mkdir(exist_ok=True)
        target = quote_text(str(out / FOLDER / f"{contract.name}.parquet"))
        bench.sql(f"COPY (FROM refused ORDER BY file, row) TO {target} (FORMAT parquet, COMPRESSION zstd)")
    return count


def write_kept(
    bench: Workbench, contract: Table, files: Sequence[Staged], own: Mapping[str, str], out: Path
) -> dict[str, int]:
    """Write the rows of each file that were not refused, in their order; the file names with their rows."""
    columns = ", ".join(map(quote_name, (*contract.names, *own)))
    kept: dict[str, int] = {}
    for number, file in enumerate(files):
        name = f"{contract.name}.parquet" if len(files) == 1 else f"{contract.name}-{number + 1}.parquet"
        repeated = f"SELECT place FROM duplicates WHERE file = {number}"
        bench.sql(
            f"COPY (SELECT {columns} FROM {file.rows} WHERE _problem IS NULL AND file_row_number NOT IN ({repeated})) "
            f"TO {quote_text(str(out / name))} (FORMAT parquet, COMPRESSION zstd)"
        )
        kept[name] = count_rows(bench, f"read_parquet({quote_text(str(out / name))})")
        file.path.unlink()
    return kept


def count_rows(bench: Workbench, relation: str) -> int:
    """How many rows a relation has."""
    return int(bench.sql(f"SELECT count(*) AS n FROM {relation}")["n"][0].as_py())


def summarise(engine: DuckDBEngine, contract: Table, path: Path) -> list[dict[str, Any]]:
    """Rules broken in a quarantine file, with their values, the rows refused and the first of them."""
    rows = engine.sql(
        'SELECT rule, "column", count(*) AS rows, arg_min(file, row) AS file, min(row) AS row, '
        "arg_min(value, row) AS value, CASE WHEN rule = ? THEN value END AS said "
        f'FROM read_parquet({quote_text(str(path))}) GROUP BY ALL ORDER BY rows DESC, rule, "column"',
        [SAID_BY_MAPPING],
    ).to_pylist()
    for row in rows:
        said = row.pop("said")
        row["values"] = {"column": row["column"], "value": said, **places(_column(contract, row["column"]))}
    return rows


def _column(contract: Table, name: str | None) -> Column | None:
    return contract[name] if name is not None and name in contract else None


def _broken(contract: Table, number: int, file: Staged) -> str:
    """The rows of a staged file that break a check, as rows of the quarantine."""
    checks = ", ".join(
        f"({code}, {quote_text(_words(contract, check.column, check.reason))}, {quote_text(check.reason)}, "
        f"{quote_text(check.column)})"
        for code, check in enumerate(file.checks, start=1)
    )
    value = """json_extract_string(raw, '$."' || "column" || '"')"""
    is_said = f"rule = {quote_text(SAID_BY_MAPPING)}"
    return (
        f"SELECT CASE WHEN {is_said} THEN {value} ELSE reason END, {_location(file)}, "
        f'CASE WHEN NOT {is_said} THEN "column" END, {value}, raw, rule '
        f"FROM (SELECT file_row_number AS place, _problem, _raw AS raw FROM {file.rows} WHERE _problem > {BLANK}) AS found "
        f'JOIN (VALUES {checks}) AS checks(code, reason, rule, "column") ON code = _problem {_shifted(number)}'
    )


def _duplicated(contract: Table, number: int, file: Staged) -> str:
    """The rows whose key an earlier row has, as rows of the quarantine; they were sound, so they are read once more."""
    names = {column.name: place for column, place in file.columns.items()}
    column = ", ".join(contract.key)
    value = f"concat_ws(', ', {', '.join(names[name] for name in contract.key if name in names)})"
    return (
        f"SELECT {quote_text(_words(contract, column, DUPLICATE))}, {_location(file)}, {quote_text(column)}, "
        f"value, raw, {quote_text(DUPLICATE)} "
        f"FROM (SELECT place, {value} AS value, {row_as_json(file.columns)} AS raw "
        f"FROM (SELECT row_number() OVER () - 1 AS place, * FROM {file.raw.rows}) "
        f"WHERE place IN (SELECT place FROM duplicates WHERE file = {number})) AS found {_shifted(number)}"
    )


def _location(file: Staged) -> str:
    """File and row: as the mapping says, else the file and the number of the row in it."""
    names = {column.name for column in file.columns}
    label, row = quote_text(file.raw.label), f"found.place + {file.raw.header_row + 1} + coalesce(rejected, 0)"
    if FILE in names:
        label = f"coalesce(json_extract_string(raw, '$.{FILE}'), {label})"
    if ROW in names:
        row = f"coalesce(try_cast(json_extract_string(raw, '$.{ROW}') AS BIGINT), {row})"
    return f"{label}, {row}"


def _shifted(number: int) -> str:
    shifts = f"(SELECT place, rejected FROM shifts WHERE file = {number})"
    return f"ASOF LEFT JOIN {shifts} AS shifts ON found.place >= shifts.place"


def _words(contract: Table, column: str, reason: str) -> str:
    """The reason in English, its places filled."""
    return reason.format(column=column, value="{value}", **places(_column(contract, column)))
