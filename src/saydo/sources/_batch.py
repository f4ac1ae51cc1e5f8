"""Rows that a program sends, judged as rows of a file are: the same columns, the same checks, the same words.

One thing is stricter: a program writes numbers with a point and days year first. How values are written is not found
out from the batch, for then the same row could be read in two ways.
"""

# Queries are put together here; names and texts of others are quoted by the engine's own functions.
# ruff: noqa: S608
from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saydo.engine import Workbench
from saydo.errors import UnknownColumn
from saydo.facts import DAY, NUMBER, TABLES, TEXT, TIME, Column, Table
from saydo.language import mark
from saydo.sources import _identities, _values
from saydo.sources._checks import BLANK, DUPLICATE, Check, places
from saydo.sources._columns import is_own, match_columns
from saydo.sources._excel import WHOLE
from saydo.sources._files import RawFile
from saydo.sources._quarantine import drop_duplicates, find_duplicates
from saydo.sources._stage import Reading, Staged, parquet, stage
from saydo.sources._tables import refuse_identities
from saydo.sources._values import PLAIN, is_number

LABEL = mark("the batch")
KEY_LENGTH = 200
COLUMNS = 1000
TEXTS = pa.string()
_EMPTY = mark("the row is empty")
_LONG = mark("{column} is longer than {high} characters")
_benches = threading.local()  # making one takes longer than judging a small batch

Value = str | int | float | bool | None


@dataclass(frozen=True)
class Bad:
    """A row that was refused: its place in the batch (from 0), the column, and why: a message id and its values."""

    row: int
    column: str | None
    reason: str
    values: Mapping[str, object]


@dataclass(frozen=True)
class Batch:
    """A batch that was judged: its sound rows are the view of the table's name in ``bench``; ``own`` are its x_..."""

    bench: Workbench
    rows: int
    own: tuple[str, ...]
    refused: tuple[Bad, ...]


@contextmanager
def check_batch(
    table: str, records: Sequence[Mapping[str, Value]], *, zone: str, currency: str | None
) -> Iterator[Batch]:
    """Judge rows of a table; raises a `SourceError` where columns are wrong. The view lasts as long as the block."""
    contract, reading = TABLES[table], Reading(currency, None, False)
    headers = _headers(records)
    if len(headers) > COLUMNS:  # as many as a file may have
        raise UnknownColumn(table=table, path=LABEL, column=headers[COLUMNS], choices=list(contract.names))
    long = _too_long(contract, records)
    places = sorted(set(range(len(records))) - {bad.row for bad in long})
    judged = [records[place] for place in places]
    bench = _find_bench(zone, _may_hold_identities(judged))
    with TemporaryDirectory(prefix="saydo-batch-") as desk:
        file, own = _judge(bench, contract, judged, headers, reading, Path(desk))
        refused = [replace(bad, row=places[bad.row]) for bad in _refused(bench, contract, file, len(judged))]
        drop_duplicates(bench, [file])
        bench.view(table, [file.kept], {**{column.name: column.type for column in contract.columns}, **own})
        yield Batch(bench, file.rows, tuple(own), tuple(sorted(long + refused, key=lambda bad: bad.row)))


def _may_hold_identities(records: Sequence[Mapping[str, Value]]) -> bool:
    """Could an e-mail address or telephone number stand in a text of these rows?"""
    texts = pa.array([text for row in records for text in row.values() if isinstance(text, str)], TEXTS)
    return bool(pc.any(pc.match_substring_regex(texts, _identities.MAY_HOLD)).as_py())


def _find_bench(zone: str, may_hold: bool) -> Workbench:
    """This thread's workbench for rows in which identities may stand, or for others, which is ready much sooner."""
    made: dict[tuple[str, bool], Workbench] = _benches.__dict__.setdefault("made", {})
    if (zone, may_hold) not in made:
        macros = _identities.MACROS if may_hold else _identities.MACROS_OF_PLAIN
        made[zone, may_hold] = Workbench(zone, (*_values.MACROS, *macros))
    return made[zone, may_hold]


def _headers(records: Sequence[Mapping[str, Value]]) -> list[str]:
    return list(dict.fromkeys(name for row in records for name in row))


def _text(value: Value) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value == int(value) and abs(value) < WHOLE:
        return str(int(value))  # 12.0 is the key 12
    return str(value)


def _judge(
    bench: Workbench,
    contract: Table,
    records: Sequence[Mapping[str, Value]],
    headers: Sequence[str],
    reading: Reading,
    desk: Path,
) -> tuple[Staged, dict[str, str]]:
    """The rows as text, as a file holds them, read and judged; the types of the company's own columns."""
    texts = {f"c{place}": [_text(row.get(name)) for row in records] for place, name in enumerate(headers)}
    columns = {name: pa.array(values, TEXTS) for name, values in (texts or {"none": []}).items()}
    bench.connection.register("batch", pa.table(columns))
    try:
        file, own = _stage(bench, contract, records, headers, reading, desk)
    finally:
        bench.connection.unregister("batch")
    refuse_identities(bench, contract, file, own)
    find_duplicates(bench, contract, [file])
    return file, own


def _stage(
    bench: Workbench,
    contract: Table,
    records: Sequence[Mapping[str, Value]],
    headers: Sequence[str],
    reading: Reading,
    desk: Path,
) -> tuple[Staged, dict[str, str]]:
    raw = RawFile(Path(LABEL), LABEL, "batch", tuple(headers), header_row=0)
    columns = match_columns(bench, contract, raw, filled=("currency",) if reading.currency else ())
    file = Staged(raw, columns, desk / "kept.parquet", desk / "broken.parquet")
    worded = {
        f"c{place}" for place, name in enumerate(headers) if any(isinstance(row.get(name), str) for row in records)
    }
    file.forms = {column: PLAIN for column, place in columns.items() if _has_form(column, place in worded)}
    own = {column.name: NUMBER if column in file.forms else TEXT for column in columns if is_own(column)}
    stage(bench, contract, file, own, reading)
    return file, own


def _has_form(column: Column, is_text: bool) -> bool:
    """Is it a number or time? A column of the company's own is a number if no text is in it."""
    if is_own(column):
        return not is_text
    return column.type in (TIME, DAY) or is_number(column.type)


def _refused(bench: Workbench, contract: Table, file: Staged, rows: int) -> list[Bad]:
    """Why rows were refused."""
    found: list[Bad] = []
    for row in bench.sql(f"SELECT place, problem FROM {parquet(file.broken)}").to_pylist():
        check = file.checks[row["problem"] - 1] if row["problem"] != BLANK else Check("", _EMPTY, ibis.literal(True))
        told = {"column": check.column, **places(contract, check.column, check.reason)}
        found.append(Bad(row["place"], check.column, check.reason, told))
    sound = np.setdiff1d(np.arange(rows), [bad.row for bad in found])
    again = bench.sql("SELECT place FROM duplicates")["place"].to_pylist()
    key = ", ".join(contract.key)
    return found + [Bad(int(sound[place]), key, DUPLICATE, {"column": key}) for place in again]


def _too_long(contract: Table, records: Sequence[Mapping[str, Value]]) -> list[Bad]:
    """Rows with a key that no database would take in."""
    names = {column.name for column in contract.columns if column.is_key} | set(contract.key)
    return [
        Bad(place, name, _LONG, {"column": name, "high": KEY_LENGTH})
        for place, row in enumerate(records)
        if (name := next((name for name in names if len(str(row.get(name, ""))) > KEY_LENGTH), None))
    ]
