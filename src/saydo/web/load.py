"""The road in: checked facts into the database, in bulk, and as often as one likes with the same result.

Rows go in by key: new ones are added, changed ones replaced, equal ones left alone. Each table is one transaction with
its change in the outbox. A load that was killed is simply done again. People go to a table of their own, which no fact
comes from; whoever was erased is not brought back.
"""

# Queries are put together here; names are the contract's, texts are quoted.
# ruff: noqa: S608

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
from saydo.errors import KeyTooLong
from saydo.facts import TABLES, Column, Table
from saydo.sources import PEOPLE
from saydo.web.accounts.models import Company, User
from saydo.web.outbox import tell
from saydo.web.records import KEY, record_of

MAIN = "main"
_SHARED = ("touchpoint", "promise")  # words of the company, not keys of one of its systems
_BATCH = 50_000
_PERSONAL = {"feedback": ("comment",)}  # what a person wrote, which goes with them
Progress = Callable[[str, int, int], None]  # the table at hand, rows done, rows in all
TellRows = Callable[[int], None]  # rows done


@dataclass
class Loaded:
    """What a load did: rows written (new or changed) and rows read, by table."""

    written: dict[str, int] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)


def load_facts(
    directory: Path, *, origin: str = MAIN, by: User | None = None, progress: Progress | None = None
) -> Loaded:
    """Load the checked facts of an import into the database; see the module. Raises `KeyTooLong`."""
    manifest, loaded = Manifest.read(directory), Loaded()
    tables = [name for name in TABLES if name in manifest.tables]
    rows, done = sum(manifest.tables[name].rows for name in tables), 0
    engine = DuckDBEngine()
    try:
        for name in tables:
            entry = manifest.tables[name]
            engine.view(name, [directory / file for file in entry.files], _stored(name, entry))
            tell_rows = _teller(progress, name, done, rows)
            with transaction.atomic():
                change = tell("loaded", name, rows=entry.rows, by=by)
                loaded.read[name] = entry.rows
                loaded.written[name] = write_rows(engine, name, list(entry.own_columns), origin, change.id, tell_rows)
                change.rows = loaded.written[name]
                change.save(update_fields=["rows"])
            done += entry.rows
    finally:
        engine.close()
    _remember(manifest)
    _learn(sum(loaded.written.values()))
    return loaded


def _teller(progress: Progress | None, name: str, before: int, rows: int) -> TellRows:
    if progress:
        progress(name, before, rows)
    return lambda done: progress(name, before + done, rows) if progress else None


def _learn(written: int) -> None:
    """Let SQLite look at what it now holds, so that it finds its indexes; PostgreSQL does so by itself."""
    if connection.vendor == "sqlite" and written and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA analysis_limit = 1000")
            cursor.execute("ANALYZE")


def load_people(
    files: Sequence[Path], *, origin: str = MAIN, by: User | None = None, progress: Progress | None = None
) -> Loaded:
    """Load checked people (`saydo.sources.import_people`); whom nobody knows yet becomes a customer."""
    engine = DuckDBEngine()
    try:
        engine.view("people", files, {column.name: "string" for column in PEOPLE.columns})
        _check_keys(engine, PEOPLE, origin)
        _note_erased(engine)
        key = "customer_id" if origin == MAIN else f"{quote_text(origin + ':')} || customer_id"
        values = ", ".join(f"coalesce({name}, '') AS {name}" for name in PEOPLE.names[1:])
        query = f"SELECT {key} AS customer_id, {values} FROM people WHERE {key} NOT IN (FROM erased)"
        rows = int(engine.sql("SELECT count(*) AS n FROM people")["n"][0].as_py())
        with transaction.atomic():
            _add_customers(engine, key, origin, by)
            writing = Writing("people", PEOPLE.names, PEOPLE.key)
            written = writing.all(engine.batches(query, _BATCH), _teller(progress, "people", 0, rows))
            tell("loaded", "people", rows=written, by=by)
    finally:
        engine.close()
    _learn(written)
    return Loaded({"people": written}, {"people": rows})


def _add_customers(engine: DuckDBEngine, key: str, origin: str, by: User | None) -> None:
    """A customer for each person whom no row of customers knows."""
    change = tell("loaded", "customers", rows=0, by=by)
    query = f"SELECT {key} AS customer_id, {quote_text(origin)} AS origin, {change.id}::BIGINT AS change_id FROM people"
    writing = Writing("customers", ("customer_id", "origin", "change_id"), ("customer_id",), keeps=True)
    change.rows = writing.all(engine.batches(query, _BATCH))
    if change.rows:
        change.save(update_fields=["rows"])
    else:
        change.delete()


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


def write_rows(
    engine: DuckDBEngine,
    name: str,
    own: Sequence[str],
    origin: str,
    change: int,
    tell_rows: TellRows = lambda done: None,
) -> int:
    """Write the checked rows of one table, a view of the engine's, in batches; how many were new or different.

    ``own`` are the columns named x_..., ``change`` the number of the change that tells of it. Raises `KeyTooLong`.
    """
    model = record_of(name)
    _check_keys(engine, TABLES[name], origin)
    if name in _PERSONAL:
        _note_erased(engine)
    key = tuple(column for column in TABLES[name].key if _in_key(model, column))
    columns = (*TABLES[name].names, "own", "origin", "change_id")
    writing = Writing(model._meta.db_table, columns, key, silent=("change_id",))
    return writing.all(engine.batches(_query(name, own, origin, change), _BATCH), tell_rows)


def _check_keys(engine: DuckDBEngine, contract: Table, origin: str) -> None:
    """Stop before a key that the database has no room for, which it would refuse in words of its own."""
    room = KEY if origin == MAIN else KEY - len(origin) - 1
    for key in (column.name for column in contract.columns if column.is_key):
        long = f"SELECT {key} AS key FROM {quote_name(contract.name)} WHERE length({key}) > {room} LIMIT 1"
        if (found := engine.sql(long)).num_rows:
            raise KeyTooLong(table=contract.name, column=key, value=found["key"][0].as_py(), most=room)


def _note_erased(engine: DuckDBEngine) -> None:
    """Let queries know who was erased."""
    from saydo.web.customers.models import Customer  # models are not there yet when this file may first be read

    erased = list(Customer.objects.exclude(erased_at=None).values_list("customer_id", flat=True))
    engine.sql("CREATE OR REPLACE TABLE erased AS SELECT unnest($1::VARCHAR[]) AS customer_id", [erased])


def _query(name: str, own: Sequence[str], origin: str, change: int) -> str:
    """The rows as the database stores them."""
    hidden = _PERSONAL.get(name, ())
    values = [
        f"{_value(column, origin, column.name in hidden)} AS {quote_name(column.name)}"
        for column in TABLES[name].columns
    ]
    packed = ", ".join(f"{quote_name(column)} := {quote_name(column)}" for column in own)
    values += [f"{f'to_json(struct_pack({packed}))::VARCHAR' if own else 'NULL::VARCHAR'} AS own"]
    values += [f"{quote_text(origin)} AS origin", f"{change}::BIGINT AS change_id"]
    return f"SELECT {', '.join(values)} FROM {quote_name(name)}"


def _value(column: Column, origin: str, is_hidden: bool = False) -> str:
    name = quote_name(column.name)
    if is_hidden:
        key = "customer_id" if origin == MAIN else f"{quote_text(origin + ':')} || customer_id"
        return f"CASE WHEN {key} IN (FROM erased) THEN NULL ELSE {name} END"
    if column.is_key and origin != MAIN and column.name not in _SHARED:
        return f"{quote_text(origin + ':')} || {name}"
    if connection.vendor == "postgresql":
        return name
    if column.type.startswith("decimal"):
        return f"{name}::DOUBLE"
    if column.is_time or column.type == "date":
        return f"{name}::VARCHAR"
    return name


def _in_key(model: Any, column: str) -> bool:
    key = model._meta.pk
    names = [part.column for part in getattr(key, "fields", (key,))]
    return column in names


@dataclass(frozen=True)
class Writing:
    """Rows on their way into a table, by key: added if new, replaced if they differ in anything but ``silent`` columns.

    With ``keeps`` rows that are there stay as they are, whatever the new ones say.
    """

    table: str
    columns: Sequence[str]
    key: Sequence[str]
    silent: Sequence[str] = ()
    keeps: bool = False

    def all(self, batches: Iterator[pa.RecordBatch], tell_rows: TellRows = lambda done: None) -> int:
        """Write all of them; how many were new or different."""
        write = self._by_copy if connection.vendor == "postgresql" else self._by_rows
        with connection.wrap_database_errors:  # what goes past Django's cursors is told as its own errors too
            return write(_counted(batches, tell_rows))

    def _upsert(self, source: str, differs: str) -> str:
        table, quoted = quote_name(self.table), ", ".join(map(quote_name, self.columns))
        insert = f"INSERT INTO {table} ({quoted}) {source} ON CONFLICT ({', '.join(map(quote_name, self.key))}) DO"
        if self.keeps:
            return f"{insert} NOTHING"
        mine = [column for column in self.columns if column not in self.key]
        sets = ", ".join(f"{quote_name(column)} = excluded.{quote_name(column)}" for column in mine)
        compared = [quote_name(column) for column in mine if column not in self.silent]
        changed = " OR ".join(f"{table}.{column} {differs} excluded.{column}" for column in compared)
        return f"{insert} UPDATE SET {sets} WHERE {changed}"

    def _by_rows(self, batches: Iterator[pa.RecordBatch]) -> int:
        statement = self._upsert(f"VALUES ({', '.join('?' for _ in self.columns)})", "IS NOT")
        written = 0
        with connection.cursor() as cursor:
            raw = cursor.connection.cursor()
            for batch in batches:
                raw.executemany(statement, zip(*(values.to_pylist() for values in batch.columns), strict=True))
                written += raw.rowcount
        return written

    def _by_copy(self, batches: Iterator[pa.RecordBatch]) -> int:
        """Straight into a table that is empty, else by way of one without indexes."""
        table, quoted = quote_name(self.table), ", ".join(map(quote_name, self.columns))
        with connection.cursor() as cursor:
            if _lock_if_empty(cursor, table):
                return _copy(cursor, table, quoted, batches)
            cursor.execute(f"CREATE TEMP TABLE incoming ON COMMIT DROP AS SELECT {quoted} FROM {table} WITH NO DATA")
            _copy(cursor, "incoming", quoted, batches)
            cursor.execute(self._upsert(f"SELECT {quoted} FROM incoming", "IS DISTINCT FROM"))
            written = int(cursor.rowcount)
            cursor.execute("DROP TABLE incoming")
        return written


def _lock_if_empty(cursor: Any, table: str) -> bool:
    """Is the table empty? Then nobody else may write to it until we have."""
    is_empty = f"SELECT NOT EXISTS (SELECT 1 FROM {table})"
    cursor.execute(is_empty)
    if not cursor.fetchone()[0]:
        return False
    cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
    cursor.execute(is_empty)
    return bool(cursor.fetchone()[0])


def _counted(batches: Iterator[pa.RecordBatch], tell_rows: TellRows) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in batches:
        yield batch
        done += batch.num_rows
        tell_rows(done)


def _copy(cursor: Any, table: str, columns: str, batches: Iterator[pa.RecordBatch]) -> int:
    rows = 0
    with cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT csv)") as copy:
        for batch in batches:
            sheet = io.BytesIO()
            pcsv.write_csv(batch, sheet, pcsv.WriteOptions(include_header=False))
            copy.write(sheet.getbuffer())
            rows += batch.num_rows
    return rows
