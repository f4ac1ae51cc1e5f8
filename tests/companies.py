"""Small companies written by hand: records in, facts out.

    facts = make_facts(feedback=[{"score": 9, "said_at": "2024-03-01"}], orders=[...], zone="Europe/Paris")

What a record leaves out is null where the contract allows it; otherwise keys are numbered, closed lists take their
first value, quantities are 1 and currencies are those of the company. A score without a question is an nps answer, on
0 to 10. Times and days may be ISO texts, money and quantities plain numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from saydo.company import Facts, Manifest, TableEntry
from saydo.engine import DuckDBEngine, open_facts
from saydo.facts import DAY, MONEY, NUMBER, QUANTITY, TABLES, TIME, Column, Table

Record = Mapping[str, Any]


def make_facts(
    directory: Path | None = None,
    *,
    zone: str = "UTC",
    currency: str | None = "EUR",
    **records: Iterable[Record],
) -> Facts:
    """The facts of a company whose tables hold these records; in memory, or as Parquet files in ``directory``.

    An unknown table or column is a mistake of the test and raises KeyError. The manifest's first and last times are
    those of the records, planned times apart.
    """
    tables = {name: _table(TABLES[name], list(given), currency) for name, given in records.items()}
    times = sorted(moment for name, rows in tables.items() for moment in _times(TABLES[name], rows, zone))
    entries = {name: _entry(name, rows) for name, rows in tables.items()}
    first, last = (times[0], times[-1]) if times else (None, None)
    manifest = Manifest(entries, first, last, zone=zone, currency=currency)
    return _store(directory, manifest, tables) if directory else _hold(manifest, tables)


def _store(directory: Path, manifest: Manifest, tables: Mapping[str, pa.Table]) -> Facts:
    for name, rows in tables.items():
        pq.write_table(rows, directory / f"{name}.parquet")
    manifest.write(directory)
    return open_facts(directory, DuckDBEngine(threads=1))


def _hold(manifest: Manifest, tables: Mapping[str, pa.Table]) -> Facts:
    engine = DuckDBEngine(threads=1)
    for name in TABLES:
        rows = tables.get(name, _table(TABLES[name], [], None))  # noqa: F841  DuckDB reads it by its name
        engine.connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM rows')  # noqa: S608
    return Facts(engine, manifest)


def _table(contract: Table, records: list[Record], currency: str | None) -> pa.Table:
    own = {name: _own_type(name, records) for name in _names(records) if name.startswith("x_")}
    if unknown := set(_names(records)) - set(contract.names) - set(own):
        raise KeyError(f"{contract.name} has no column {sorted(unknown)}")
    schema = ibis.schema({**dict(contract.schema.items()), **own}).to_pyarrow()
    filled = [_fill(contract, record, number, currency) for number, record in enumerate(records, 1)]
    return pa.Table.from_pylist(filled, schema=schema)


def _names(records: list[Record]) -> list[str]:
    return list(dict.fromkeys(name for record in records for name in record))


def _own_type(name: str, records: list[Record]) -> str:
    return "string" if any(isinstance(record.get(name), str) for record in records) else "float64"


def _fill(contract: Table, record: Record, number: int, currency: str | None) -> dict[str, Any]:
    filled = dict(record)
    for column in contract.columns:
        if column.name not in record:
            filled[column.name] = _default(contract, column, number, currency)
        else:
            filled[column.name] = _value(column, record[column.name])
    if contract.name == "feedback" and "question" not in record and record.get("score") is not None:
        filled["question"] = "nps"
    if contract.name == "feedback" and filled["question"] == "nps" and "scale_max" not in record:
        filled |= {"scale_min": 0.0, "scale_max": 10.0}
    return filled


def _default(contract: Table, column: Column, number: int, currency: str | None) -> Any:
    if column.null:
        return None
    if contract.key == (column.name,):
        return f"{contract.name}-{number:06}"
    if column.values:
        return "survey" if column.name == "source" else column.values[0]
    defaults = {"line": number, "quantity": Decimal(1), "currency": currency, "name": "?"}
    if column.name not in defaults:
        raise KeyError(f"a record of {contract.name} needs {column.name}")
    return defaults[column.name]


def _value(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.type == TIME:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    if column.type == DAY:
        return date.fromisoformat(value) if isinstance(value, str) else value
    if column.type in (MONEY, QUANTITY):
        return Decimal(str(value))
    return float(value) if column.type == NUMBER else value


def _times(contract: Table, rows: pa.Table, zone: str) -> Iterable[datetime]:
    """Every time of the rows as naive UTC; days as their first instant in the company's zone; planned ones left out."""
    for column in contract.columns:
        if column.type in (TIME, DAY) and not column.planned:
            for value in rows[column.name].drop_null().to_pylist():
                yield value if column.type == TIME else _midnight(value, zone)


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)


def _entry(name: str, rows: pa.Table) -> TableEntry:
    own = {field.name: str(ibis.dtype(field.type)) for field in rows.schema if field.name.startswith("x_")}
    met = rows["currency"].drop_null().unique().to_pylist() if "currency" in rows.column_names else []
    return TableEntry((f"{name}.parquet",), rows.num_rows, currencies=tuple(sorted(met)), own_columns=own)


def cut_company(facts: Facts, parts: int) -> Facts:
    """The same company cut into many by ``customers.x_part``: no account (or customer without one) is in two parts.

    One call then measures as many companies as a test of chance needs.
    """
    engine, entry = facts.engine, facts.manifest.tables["customers"]
    assert isinstance(engine, DuckDBEngine)
    part = f"CAST(hash(coalesce(account_id, customer_id)) % {int(parts)} AS VARCHAR)"
    engine.connection.execute(f"CREATE TABLE cut AS SELECT *, {part} AS x_part FROM customers")  # noqa: S608
    engine.connection.execute("DROP VIEW customers; ALTER TABLE cut RENAME TO customers")
    cut = replace(entry, own_columns={**entry.own_columns, "x_part": "string"})
    return Facts(engine, replace(facts.manifest, tables={**facts.manifest.tables, "customers": cut}))
