"""Refused rows, read back from a quarantine: page by page, or all as one table."""

# Queries are put together here; names and texts of others are quoted by the engine's own functions.
# ruff: noqa: S608
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from saydo.engine import DuckDBEngine, quote_text
from saydo.language import translate
from saydo.sources._checks import SAID_BY_MAPPING, places
from saydo.sources._picks import READABLE


@dataclass(frozen=True)
class RefusedRow:
    """One refused row: why, where it stands, the value to blame if a single one is, and the whole row as JSON."""

    table: str
    reason: str
    file: str
    row: int
    column: str | None
    value: str | None
    raw: str | None


def count_refused(quarantine: Path) -> dict[str, int]:
    """How many rows of each table lie in a quarantine."""
    engine = DuckDBEngine()
    try:
        counted = {table: f"SELECT count(*) AS n FROM {_rows(quarantine, table)}" for table in _tables(quarantine)}
        return {table: int(engine.sql(query)["n"][0].as_py()) for table, query in counted.items()}
    finally:
        engine.close()


def read_refused(quarantine: Path, table: str = "", first: int = 0, most: int = 50) -> list[RefusedRow]:
    """Refused rows in the order of their files, those of one table if it is named, their reasons in words."""
    return [RefusedRow(**row) for row in refused_table(quarantine, table, first, most).to_pylist()]


def refused_table(quarantine: Path, table: str = "", first: int = 0, most: int | None = None) -> pa.Table:
    """The same rows as a table."""
    names = [name for name in _tables(quarantine) if not table or name == table]
    if not names:
        return _SCHEMA.empty_table()
    each = (
        f'SELECT {quote_text(name)} AS "table", rule, file, "row", "column", value, raw FROM {_rows(quarantine, name)}'
        for name in names
    )
    page = f"LIMIT {most} OFFSET {first}" if most is not None else ""
    engine = DuckDBEngine()
    try:
        rows = engine.sql(f'FROM ({" UNION ALL ".join(each)}) ORDER BY "table", file, "row" {page}').to_pylist()
    finally:
        engine.close()
    for row in rows:
        row["reason"] = _say(row["table"], row.pop("rule"), row["column"], row["value"])
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


_SCHEMA = pa.schema(
    [
        (name, pa.int64() if name == "row" else pa.string())
        for name in ("table", "reason", "file", "row", "column", "value", "raw")
    ]
)


def _tables(quarantine: Path) -> list[str]:
    return [name for name in READABLE if (quarantine / f"{name}.parquet").is_file()]


def _rows(quarantine: Path, table: str) -> str:
    return f"read_parquet({quote_text(str(quarantine / f'{table}.parquet'))})"


def _say(table: str, rule: str, column: str | None, value: str | None) -> str:
    said = value if rule == SAID_BY_MAPPING else None
    return translate(rule, **{"column": column, "value": said, **places(READABLE[table], column, rule)})
