"""The road in: checked facts into the database, in bulk, and as often as one likes with the same result.

Rows go in by key: new ones are added, changed ones replaced, equal ones left alone. Each table is one transaction with
its change in the outbox. A load that was killed is simply done again.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pcsv
from django.db import connection, transaction

from saydo.company import Manifest, TableEntry
from saydo.engine import DuckDBEngine, quote_name, quote_text
from saydo.facts import TABLES, Column
from saydo.web.accounts.models import Company, User
from saydo.web.outbox import tell
from saydo.web.records import record_of

MAIN = "main"
_SHARED = ("touchpoint", "promise")  # words of the company, not keys of one of its systems
_BATCH = 50_000
Progress = Callable[[str, int, int], None]  # the table at hand, tables done, tables in all


@dataclass
class Loaded:
    """What a load did: rows written (new or changed) and rows read, by table."""

    written: dict[str, int] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)


def load_facts(
    directory: Path, *, origin: str = MAIN, by: User | None = None, progress: Progress | None = None
) -> Loaded:
    """Load the checked facts of an import into the database; see the module."""
    manifest, loaded = Manifest.read(directory), Loaded()
    tables = [name for name in TABLES if name in manifest.tables]
    engine = DuckDBEngine()
    try:
        for done, name in enumerate(tables):
            if progress:
                progress(name, done, len(tables))
            entry = manifest.tables[name]
            engine.view(name, [directory / file for file in entry.files], _stored(name, entry))
            with transaction.atomic():
                change = tell("loaded", name, rows=entry.rows, by=by)
                loaded.read[name] = entry.rows
                loaded.written[name] = write_rows(engine, name, list(entry.own_columns), origin, change.id)
                change.rows = loaded.written[name]
                change.save(update_fields=["rows"])
    finally:
        engine.close()
    _remember(manifest)
    return loaded


def _remember(manifest: Manifest) -> None:
    """The company takes its zone and currency from the first load that knows them."""
    company = Company.here()
    if company.zone == "UTC":
        company.zone = manifest.zone
    company.currency = company.currency or manifest.currency or ""
    if company.name == "Saydo" and manifest.name:
        company.name = manifest.name
    company.save()


def _stored(name: str, entry: TableEntry) -> dict[str, str]:
    return {**{column.name: column.type for column in TABLES[name].columns}, **entry.own_columns}


def write_rows(engine: DuckDBEngine, name: str, own: Sequence[str], origin: str, change: int) -> int:
    """Write the checked rows of one table, a view of the engine's, in batches; how many were new or different.

    ``own`` are the columns named x_..., ``change`` the number of the change that tells of it.
    """
    columns = [*TABLES[name].names, "own", "origin", "change_id"]
    query = _query(name, own, origin, change)
    write = _write_postgres if connection.vendor == "postgresql" else _write_sqlite
    return write(name, columns, engine.batches(query, _BATCH))


def _query(name: str, own: Sequence[str], origin: str, change: int) -> str:
    """The rows as the database stores them."""
    values = [f"{_value(column, origin)} AS {quote_name(column.name)}" for column in TABLES[name].columns]
    packed = ", ".join(f"{quote_name(column)} := {quote_name(column)}" for column in own)
    values += [f"{f'to_json(struct_pack({packed}))::VARCHAR' if own else 'NULL::VARCHAR'} AS own"]
    values += [f"{quote_text(origin)} AS origin", f"{change}::BIGINT AS change_id"]
    return f"SELECT {', '.join(values)} FROM {quote_name(name)}"  # noqa: S608  names are the contract's


def _value(column: Column, origin: str) -> str:
    name = quote_name(column.name)
    if column.is_key and origin != MAIN and column.name not in _SHARED:
        return f"{quote_text(origin + ':')} || {name}"
    if connection.vendor == "postgresql":
        return name
    if column.type.startswith("decimal"):
        return f"{name}::DOUBLE"
    if column.is_time or column.type == "date":
        return f"{name}::VARCHAR"
    return name


def _upsert(name: str, columns: Sequence[str], source: str, differs: str) -> str:
    """Rows by key: added if new, replaced if anything but the number of the change differs."""
    model = record_of(name)
    quoted = ", ".join(map(quote_name, columns))
    key = ", ".join(quote_name(column) for column in TABLES[name].key if _in_key(model, column))
    mine = [column for column in columns if column not in TABLES[name].key or not _in_key(model, column)]
    sets = ", ".join(f"{quote_name(column)} = excluded.{quote_name(column)}" for column in mine)
    table = quote_name(model._meta.db_table)
    compared = [column for column in mine if column != "change_id"]
    changed = " OR ".join(f"{table}.{quote_name(c)} {differs} excluded.{quote_name(c)}" for c in compared)
    return f"INSERT INTO {table} ({quoted}) {source} ON CONFLICT ({key}) DO UPDATE SET {sets} WHERE {changed}"


def _in_key(model: Any, column: str) -> bool:
    key = model._meta.pk
    names = [part.column for part in getattr(key, "fields", (key,))]
    return column in names


def _write_sqlite(name: str, columns: Sequence[str], batches: Iterator[pa.RecordBatch]) -> int:
    places = ", ".join("?" for _ in columns)
    statement = _upsert(name, columns, f"VALUES ({places})", "IS NOT")
    written = 0
    with connection.cursor() as cursor:
        raw = cursor.connection.cursor()
        for batch in batches:
            raw.executemany(statement, zip(*(values.to_pylist() for values in batch.columns), strict=True))
            written += raw.rowcount
    return written


def _write_postgres(name: str, columns: Sequence[str], batches: Iterator[pa.RecordBatch]) -> int:
    """By way of a table without indexes, into which rows are copied."""
    table, quoted = quote_name(record_of(name)._meta.db_table), ", ".join(map(quote_name, columns))
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS SELECT {quoted} FROM {table} WITH NO DATA"  # noqa: S608
        )
        with cursor.copy(f"COPY incoming ({quoted}) FROM STDIN (FORMAT csv)") as copy:
            for batch in batches:
                sheet = io.BytesIO()
                pcsv.write_csv(batch, sheet, pcsv.WriteOptions(include_header=False))
                copy.write(sheet.getvalue())
        cursor.execute(_upsert(name, columns, f"SELECT {quoted} FROM incoming", "IS DISTINCT FROM"))  # noqa: S608
        written = cursor.rowcount
        cursor.execute("DROP TABLE incoming")
    return int(written)
