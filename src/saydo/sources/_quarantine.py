"""Refused rows: found across the files of a table, told apart from those kept, and written with their reasons.

One row of the quarantine is one refused row: the first reason, the file, the number of the row as a spreadsheet shows
it, the column and value, and the whole row as it was written (JSON), so that it can be mended and given back.
``rule`` is the reason as a message id.
"""

# Queries are put together here; names and texts of others are quoted by the engine's own functions.
# ruff: noqa: S608
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saydo.engine import DuckDBEngine, Workbench, quote_name, quote_text
from saydo.errors import UnreadableFile
from saydo.facts import KEY, Table
from saydo.language import mark, translate
from saydo.sources._checks import BLANK, DUPLICATE, FILE, ROW, SAID_BY_MAPPING, places
from saydo.sources._columns import is_own
from saydo.sources._csv import REJECTS_LIMIT
from saydo.sources._files import RawFile
from saydo.sources._stage import Staged, parquet, row_as_json

FOLDER = "quarantine"
_MALFORMED = {
    "MISSING COLUMNS": mark("the row has fewer values than the header has columns"),
    "TOO MANY COLUMNS": mark("the row has more values than the header has columns"),
    "UNQUOTED VALUE": mark("a quotation mark stands in the wrong place"),
    "LINE SIZE OVER MAXIMUM": mark("the row is longer than 2 million signs"),
    "INVALID ENCODING": mark("the text is no UTF-8"),
}
_OTHERWISE = mark("the row is no CSV")


def note_refused(bench: Workbench, files: Sequence[Staged]) -> None:
    """Make the tables of rows that were not kept: ``malformed`` (by number of the row) and ``broken`` (by place).

    What takes a row out shifts the places of those behind it: ``read_shifts`` tell by how much in what was read, and
    ``kept_shifts`` in what was kept.
    """
    bench.sql("CREATE OR REPLACE TEMP TABLE malformed (file INTEGER, row BIGINT, reason VARCHAR, text VARCHAR)")
    for number, raw in enumerate(_all_files(files)):
        if raw.rejects is not None:
            bench.sql(f"INSERT INTO malformed {_malformed(number, raw)}")
            if count_rows(bench, f"malformed WHERE file = {number}") >= REJECTS_LIMIT:
                reason = mark("more than 100,000 of its rows are malformed")
                raise UnreadableFile(path=raw.path, format=raw.format, reason=translate(reason))
    headers = " ".join(f"WHEN {number} THEN {file.raw.header_row}" for number, file in enumerate(files))
    _note_shifts(bench, "read_shifts", f"SELECT file, row - (CASE file {headers} END) - 1 AS place FROM malformed")
    bench.sql("CREATE OR REPLACE TEMP TABLE broken (file INTEGER, place BIGINT, problem SMALLINT, raw VARCHAR)")
    for number, file in enumerate(files):
        bench.sql(f"INSERT INTO broken SELECT {number}, place, problem, raw FROM {parquet(file.broken)}")
    _note_shifts(bench, "kept_shifts", "SELECT file, place FROM broken")


def _malformed(number: int, raw: RawFile) -> str:
    reasons = " ".join(f"WHEN {quote_text(kind)} THEN {quote_text(reason)}" for kind, reason in _MALFORMED.items())
    first = "CAST(arg_min(error_type, coalesce(column_idx, 0)) AS VARCHAR)"
    reason = f"CASE {first} {reasons} ELSE {quote_text(_OTHERWISE)} END"
    row = f"line + {raw.header_row - 1}"
    return f"SELECT {number}, {row}, {reason}, any_value(csv_line) FROM {raw.rejects} GROUP BY line"


def _all_files(files: Sequence[Staged]) -> list[RawFile]:
    """The files of a table, then the raw files that a mapping made them from; their places here are their numbers."""
    return [file.raw for file in files] + [source for file in files for source in file.raw.made_from]


def _note_shifts(bench: Workbench, name: str, gone: str) -> None:
    """Make the table ``name``: from which place on, counted without them, how many ``gone`` rows come before."""
    counted = f"SELECT file, place, row_number() OVER (PARTITION BY file ORDER BY place) AS before FROM ({gone})"
    bench.sql(
        f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT file, place - before + 1 AS place, max(before) AS gone "
        f"FROM ({counted}) GROUP BY ALL"
    )


def _shift(relation: str, shifts: str, number: int) -> str:
    """The relation with its places counted as they were before rows were taken out."""
    before = f"SELECT place, gone FROM {shifts} WHERE file = {number}"
    return (
        f"(SELECT found.* REPLACE (found.place + coalesce(gone, 0) AS place) FROM {relation} AS found "
        f"ASOF LEFT JOIN ({before}) AS shifts ON found.place >= shifts.place)"
    )


def find_duplicates(bench: Workbench, contract: Table, files: Sequence[Staged]) -> None:
    """Make the table ``duplicates`` (file, place): kept rows whose key an earlier one has.

    Keys that only grow, as those of most exports do, have none. Else hashes are compared first, which takes a fraction
    of the memory, and only keys of equal hashes are compared themselves.
    """
    key, kept = ", ".join(map(quote_name, contract.key)), parquet(*(file.kept for file in files))
    bench.sql("CREATE OR REPLACE TEMP TABLE duplicates (file INTEGER, place BIGINT)")
    if not bench.sql(_first_descent(contract, kept)).num_rows:
        return
    hashes = f"SELECT hash({key}) AS hash FROM {kept}"
    bench.sql(f"CREATE OR REPLACE TEMP TABLE suspects AS {hashes} GROUP BY hash HAVING count(*) > 1")
    rows = " UNION ALL ".join(
        f"SELECT {number} AS file, file_row_number AS place, {key} FROM {parquet(file.kept, places=True)} "
        f"WHERE hash({key}) IN (FROM suspects)"
        for number, file in enumerate(files)
    )
    counted = f"SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY file, place) AS occurrence FROM ({rows})"
    bench.sql(f"INSERT INTO duplicates SELECT file, place FROM ({counted}) WHERE occurrence > 1")


def _first_descent(contract: Table, kept: str) -> str:
    """The first row whose key is not above that of the row before it; longer texts count as higher, as numbers do."""
    parts = [
        part
        for name in contract.key
        for part in ([f"strlen({quote_name(name)})"] if contract[name].type == KEY else []) + [quote_name(name)]
    ]
    columns = ", ".join(f"{part} AS this_{i}, lag({part}) OVER () AS last_{i}" for i, part in enumerate(parts))
    grows = "false"
    for i in reversed(range(len(parts))):
        grows = f"(this_{i} > last_{i} OR (this_{i} = last_{i} AND {grows}))"
    return (
        f"SELECT 1 FROM (SELECT {columns}, lag(true) OVER () AS has_before FROM {kept}) "
        f"WHERE has_before AND {grows} IS NOT TRUE LIMIT 1"
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
        (out / FOLDER).mkdir(mode=0o700, exist_ok=True)
        target = out / FOLDER / f"{contract.name}.parquet"
        rows = "FROM refused ORDER BY file, row"
        bench.sql(f"COPY ({rows}) TO {quote_text(str(target))} (FORMAT parquet, COMPRESSION zstd)")
        target.chmod(0o600)  # raw rows can hold what facts may not
    return count


def drop_duplicates(bench: Workbench, files: Sequence[Staged]) -> None:
    """Take the duplicates out of the kept rows."""
    for number, file in enumerate(files):
        repeated = count_rows(bench, f"duplicates WHERE file = {number}")
        if repeated:
            whole = file.kept.with_suffix(".whole")
            file.kept.rename(whole)
            bench.sql(
                f"COPY (SELECT * EXCLUDE (file_row_number) FROM {parquet(whole, places=True)} WHERE file_row_number "
                f"NOT IN (SELECT place FROM duplicates WHERE file = {number})) "
                f"TO {quote_text(str(file.kept))} (FORMAT parquet, COMPRESSION zstd)"
            )
            whole.unlink()
            file.rows -= repeated


def count_rows(bench: Workbench, relation: str) -> int:
    """How many rows a relation has."""
    return int(bench.sql(f"SELECT count(*) AS n FROM {relation}")["n"][0].as_py())


def summarise(engine: DuckDBEngine, contract: Table, path: Path) -> list[dict[str, Any]]:
    """Rules broken in a quarantine file, with their values, the rows refused and the first of them."""
    found = engine.sql(
        'SELECT rule, "column", count(*) AS rows, min({file: file, row: row, value: value}) AS first, '
        f"CASE WHEN rule = {quote_text(SAID_BY_MAPPING)} THEN value END AS said "
        f'FROM {parquet(path)} GROUP BY ALL ORDER BY rows DESC, rule, "column", said'
    ).to_pylist()
    return [
        {
            **{name: row[name] for name in ("rule", "column", "rows")},
            **row["first"],
            "values": {"column": row["column"], "value": row["said"], **places(contract, row["column"], row["rule"])},
        }
        for row in found
    ]


def _broken(contract: Table, number: int, file: Staged) -> str:
    """The rows of a file that break a check, as rows of the quarantine."""
    checks = ", ".join(
        f"({code}, {quote_text(_words(contract, check.column, check.reason))}, {quote_text(check.reason)}, "
        f"{quote_text(check.column)})"
        for code, check in enumerate(file.checks, start=1)
    )
    value = """clean(json_extract_string(raw, '$."' || "column" || '"'))"""
    is_said = f"rule = {quote_text(SAID_BY_MAPPING)}"
    found = _shift(f"(FROM broken WHERE file = {number})", "read_shifts", number)
    return (
        f"SELECT CASE WHEN {is_said} THEN {value} ELSE reason END, {_location(file)}, "
        f'CASE WHEN NOT {is_said} THEN "column" END, {value}, raw, rule FROM {found} '
        f'JOIN (VALUES {checks}) AS checks(code, reason, rule, "column") ON code = problem'
    )


def _duplicated(contract: Table, number: int, file: Staged) -> str:
    """The rows whose key an earlier row has, as rows of the quarantine; being sound, they stand there as read."""
    column, key = ", ".join(contract.key), ", ".join(map(quote_name, contract.key))
    given = {column: quote_name(column.name) for column in file.columns if column.name in contract or is_own(column)}
    texts = {column: f"{name} || '+00'" if column.is_time else name for column, name in given.items()}
    places = f"SELECT place FROM duplicates WHERE file = {number}"
    found = (
        f"(SELECT file_row_number AS place, concat_ws(', ', {key}) AS value, {row_as_json(texts)} AS raw "
        f"FROM {parquet(file.kept, places=True)} WHERE file_row_number IN ({places}))"
    )
    found = _shift(_shift(found, "kept_shifts", number), "read_shifts", number)
    reason = quote_text(_words(contract, column, DUPLICATE))
    return f"SELECT {reason}, {_location(file)}, {quote_text(column)}, value, raw, {quote_text(DUPLICATE)} FROM {found}"


def _location(file: Staged) -> str:
    """File and row: as the mapping says, else the file and the number of the row in it."""
    names = {column.name for column in file.columns}
    label, row = quote_text(file.raw.label), f"place + {file.raw.header_row + 1}"
    if FILE in names:
        label = f"coalesce(json_extract_string(raw, '$.{FILE}'), {label})"
    if ROW in names:
        row = f"coalesce(try_cast(json_extract_string(raw, '$.{ROW}') AS BIGINT), {row})"
    return f"{label}, {row}"


def _words(contract: Table, column: str, reason: str) -> str:
    """The reason in English, its places filled."""
    return reason.format(column=column, value="{value}", **places(contract, column, reason))
