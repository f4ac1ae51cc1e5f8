"""The road out: from database rows to the facts that measures read; nothing else leads there.

The copy is one Delta Lake table per fact table below ``SAYDO_HOME/facts``, and a manifest (``saydo.json``) that names
the files of one version of each. The manifest is swapped whole, so that a reader never sees half a version, and is what
`saydo.read` opens: an analyst can point the terminal or a notebook at the same folder. No identity is in it.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake
from django.conf import settings
from django.db import connection

from saydo.company import MANIFEST_FILE, Facts, Manifest, TableEntry
from saydo.engine import open_facts, quote_name
from saydo.facts import TABLES, Table
from saydo.sources import describe_facts
from saydo.web.accounts.models import Change, Company
from saydo.web.outbox import taken, untaken
from saydo.web.records import record_of

READER = "feed"
_BATCH = 50_000
_GONE = "_gone"


def current_facts() -> Facts:
    """The facts as of the last refresh, opened once per version; raises `NoSuchPath` before the first."""
    manifest = settings.FACTS / MANIFEST_FILE
    return _open(settings.FACTS, manifest.stat().st_mtime_ns if manifest.is_file() else 0)


def version() -> str:
    """A short name of the version that `current_facts` gives; empty before the first refresh."""
    manifest = settings.FACTS / MANIFEST_FILE
    return str(manifest.stat().st_mtime_ns) if manifest.is_file() else ""


@lru_cache(maxsize=2)
def _open(directory: Path, stamp: int) -> Facts:
    return open_facts(directory)


def refresh() -> int:
    """Bring the facts in line with the database; how many changes were taken in. Safe to call from several places."""
    settings.FACTS.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(settings.FACTS):
        count = 0
        while changes := untaken(READER):
            touched = _group(changes)
            for name, numbers in touched.items():
                _refresh_table(name, numbers)
            _publish()
            taken(READER, changes[-1])
            count += len(changes)
        return count


def rewrite(names: Sequence[str]) -> None:
    """Write tables anew from the database and delete every older file and log of theirs, after an erasure."""
    with _alone(settings.FACTS):
        places = [settings.FACTS / name for name in names if DeltaTable.is_deltatable(str(settings.FACTS / name))]
        for place in places:
            _write_all(place.name)
        if places:
            _publish()
        for place in places:
            _forget_versions(place)


def _write_all(name: str) -> None:
    """All rows in the place of those there were."""
    with TemporaryDirectory(dir=settings.FACTS, prefix=".rows-") as desk:
        file = Path(desk) / "rows.parquet"
        schema = _spool(name, [], file)
        rows = (batch.drop_columns([_GONE]) for batch in pq.ParquetFile(file).iter_batches() if batch.num_rows)
        reader = pa.RecordBatchReader.from_batches(schema, rows)
        write_deltalake(str(settings.FACTS / name), reader, mode="overwrite", schema_mode="overwrite")


def _forget_versions(place: Path) -> None:
    """Delete what older versions needed: their files, and their logs, in which the least and greatest values stand."""
    table = DeltaTable(str(place))
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    table.create_checkpoint()
    for log in (place / "_delta_log").iterdir():
        if log.name.partition(".")[0].isdigit() and int(log.name.partition(".")[0]) < table.version():
            log.unlink()


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One refresh at a time, over all processes; a killed one leaves no lock behind."""
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _group(changes: Sequence[Change]) -> dict[str, list[int]]:
    """The numbers of the changes to each fact table."""
    found: dict[str, list[int]] = {}
    for change in changes:
        if change.table in TABLES:
            found.setdefault(change.table, []).append(change.id)
    return found


def _refresh_table(name: str, numbers: Sequence[int]) -> None:
    """Take the rows that these changes wrote into the Delta table; all rows the first time, and for a new column."""
    place, schema = settings.FACTS / name, _schema(name)
    if not DeltaTable.is_deltatable(str(place)) or _columns(place) != set(schema.names):
        _write_all(name)
        return
    # Delta reads on threads of its own, where the database is not ours: rows go by way of a file
    with TemporaryDirectory(dir=settings.FACTS, prefix=".rows-") as desk:
        file = Path(desk) / "rows.parquet"
        _merge(place, TABLES[name].key, _spool(name, numbers, file), pq.ParquetFile(file))


def _columns(place: Path) -> set[str]:
    return {column.name for column in DeltaTable(str(place)).schema().fields}


def _merge(place: Path, key: Sequence[str], schema: pa.Schema, rows: pq.ParquetFile) -> None:
    """Rows by key: replaced, added, or taken out if they are gone."""
    marked = pa.RecordBatchReader.from_batches(schema.append(pa.field(_GONE, pa.bool_())), rows.iter_batches())
    same = " AND ".join(f"(kept.{column} IS NOT DISTINCT FROM new.{column})" for column in key)
    values = {column: f"new.{column}" for column in schema.names}
    (
        DeltaTable(str(place))
        .merge(marked, same, source_alias="new", target_alias="kept")
        .when_matched_delete(f"new.{_GONE}")
        .when_matched_update(values)
        .when_not_matched_insert(values, predicate=f"NOT new.{_GONE}")
        .execute()
    )


def _spool(name: str, numbers: Sequence[int], file: Path) -> pa.Schema:
    """Write the rows of certain changes (or all rows that are there) with a mark for those gone; their schema."""
    schema = _schema(name)
    marked = schema.append(pa.field(_GONE, pa.bool_()))
    with pq.ParquetWriter(file, marked) as writer:
        for batch in _read(name, schema, numbers):
            writer.write_batch(batch if numbers else batch.filter(pc.invert(batch.column(_GONE))))
    return schema


def _publish() -> None:
    """Name the files of the versions just written in a new manifest, and swap it in."""
    company = Company.here()
    entries = {name: _entry(name) for name in TABLES if DeltaTable.is_deltatable(str(settings.FACTS / name))}
    manifest = describe_facts(settings.FACTS, entries, zone=company.zone, currency=company.currency or None)
    Manifest(
        manifest.tables, manifest.first, manifest.last, company.zone, manifest.currency, company.name, "application"
    ).write(settings.FACTS)


def _entry(name: str) -> TableEntry:
    table = DeltaTable(str(settings.FACTS / name))
    files = [str(Path(name) / Path(file).relative_to(settings.FACTS / name)) for file in table.file_uris()]
    rows = sum(pa.table(table.get_add_actions(flatten=True)).column("num_records").to_pylist())
    own = {field.name: _OWN[field.type] for field in _schema(name) if field.name.startswith("x_")}
    return TableEntry(tuple(files), int(rows), own_columns=own)


_OWN = {pa.float64(): "float64", pa.string(): "string"}


def _own_columns(name: str) -> dict[str, pa.DataType]:
    """The company's own columns: all that any row has; numbers if nothing else was met."""
    table = quote_name(record_of(name)._meta.db_table)
    each = (
        f"SELECT DISTINCT key, jsonb_typeof(value) FROM {table}, jsonb_each(own) WHERE own IS NOT NULL"  # noqa: S608
        if connection.vendor == "postgresql"
        else f"SELECT DISTINCT key, type FROM {table}, json_each(own) WHERE own IS NOT NULL"  # noqa: S608
    )
    found: dict[str, set[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(each)
        for key, kind in cursor.fetchall():
            found.setdefault(key, set()).add(kind)
    numbers = {"number", "integer", "real", "null"}
    return {key: pa.float64() if kinds <= numbers else pa.string() for key, kinds in sorted(found.items())}


def _schema(name: str) -> pa.Schema:
    contract = ibis.schema({column.name: column.type for column in TABLES[name].columns}).to_pyarrow()
    return pa.schema([pa.field(field.name, field.type) for field in contract] + list(_own_columns(name).items()))


def _read(name: str, schema: pa.Schema, numbers: Sequence[int]) -> Iterator[pa.RecordBatch]:
    """Rows of the contract, those of certain changes or all; of merged records the person's one key."""
    own = [field.name for field in schema if field.name.startswith("x_")]
    query = _query(TABLES[name], own)
    if numbers:
        query += f" WHERE t.change_id IN ({', '.join(map(str, numbers))})"
    with connection.chunked_cursor() as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(_BATCH):
            *columns, gone = zip(*rows, strict=True)
            arrays = [_array(values, field.type) for values, field in zip(columns, schema, strict=True)]
            arrays.append(pa.array([bool(value) for value in gone]))
            yield pa.RecordBatch.from_arrays(arrays, schema=schema.append(pa.field(_GONE, pa.bool_())))


def _query(contract: Table, own: Sequence[str]) -> str:
    table = quote_name(record_of(contract.name)._meta.db_table)
    joins, values = "", []
    for place, column in enumerate(contract.columns):
        value = f"t.{quote_name(column.name)}"
        if column.refers_to == "customers":
            joins += f" LEFT JOIN customers m{place} ON m{place}.customer_id = {value}"
            value = f"COALESCE(m{place}.merged_into_id, {value})"
        values.append("NULLIF(t.channel, '')" if (contract.name, column.name) == ("costs", "channel") else value)
    values += [f"t.own ->> '{name}'" for name in own]
    gone = "t.merged_into_id IS NOT NULL" if contract.name == "customers" else "1 = 0"
    return f"SELECT {', '.join(values)}, {gone} FROM {table} t{joins}"  # noqa: S608  names are the contract's


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """A column of the database in the contract's type; SQLite gives amounts as floats, some times as texts."""
    if pa.types.is_boolean(kind):
        return pa.array([None if value is None else bool(value) for value in values], kind)
    if pa.types.is_floating(kind):
        return pa.array([None if value is None else float(value) for value in values], kind)
    if pa.types.is_decimal(kind) and connection.vendor != "postgresql":
        return pa.array([None if value is None else float(value) for value in values]).cast(kind, safe=False)
    found = pa.array(values)
    return found.cast(pa.timestamp("us")).cast(kind) if pa.types.is_timestamp(found.type) else found.cast(kind)
