"""Rows of the database in the contract's columns and types, on their way to the copy that measures read.

Of merged records the person's one key is given. Where the person is part of a row's key (`record_key`), two records of
theirs may have a row each where the contract wants one: that of the record kept counts, else that of the first.
"""

# Queries are put together here; names are the contract's, numbers our own.
# ruff: noqa: S608
from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from django.db import connection

from saydo.engine import quote_name, quote_text
from saydo.facts import TABLES, Table
from saydo.web.records import record_of

GONE = "_gone"  # says of a row that it is to be taken out
RECORD = "_record"  # the customer's own record, where rows are told apart by it
_BATCH = 50_000
_MERGED = (
    "SELECT customer_id FROM customers WHERE merged_into_id IS NOT NULL "
    "UNION SELECT merged_into_id FROM customers WHERE merged_into_id IS NOT NULL"
)


def record_key(name: str) -> tuple[str, ...]:
    """The columns by which the copy tells rows apart: the contract's key, with the record in the customer's place."""
    contract = TABLES[name]
    return tuple(RECORD if contract[column].refers_to == "customers" else column for column in contract.key)


def schema_of(name: str, own: dict[str, pa.DataType]) -> pa.Schema:
    """The columns of the copy: the contract's, the company's own, the record where rows are told apart by it."""
    contract = ibis.schema({column.name: column.type for column in TABLES[name].columns}).to_pyarrow()
    fields = [pa.field(field.name, field.type) for field in contract] + list(own.items())
    return pa.schema(fields + ([pa.field(RECORD, pa.string())] if RECORD in record_key(name) else []))


def find_own(name: str, numbers: Collection[int] = ()) -> dict[str, pa.DataType]:
    """The company's own columns of all rows, or of those of certain changes; numbers if nothing else was met."""
    table = quote_name(record_of(name)._meta.db_table)
    chosen = f" AND change_id IN ({_list(numbers)})" if numbers else ""
    each = (
        f"SELECT DISTINCT key, jsonb_typeof(value) FROM {table}, jsonb_each(own) WHERE own IS NOT NULL{chosen}"
        if connection.vendor == "postgresql"
        else f"SELECT DISTINCT key, type FROM {table}, json_each(own) WHERE own IS NOT NULL{chosen}"
    )
    found: dict[str, set[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(each)
        for key, kind in cursor.fetchall():
            found.setdefault(key, set()).add(kind)
    plain = {"number", "integer", "real", "null"}
    return {key: pa.float64() if kinds <= plain else pa.string() for key, kinds in sorted(found.items())}


def spool(name: str, schema: pa.Schema, numbers: Collection[int], file: Path) -> None:
    """Write the rows of certain changes with a mark for those gone; without numbers all rows that are there."""
    marked = schema.append(pa.field(GONE, pa.bool_()))
    read = _read_copied if connection.vendor == "postgresql" else _read_fetched
    with pq.ParquetWriter(file, marked, compression="zstd") as writer:
        for batch in read(_query(name, schema, numbers), marked, file.with_suffix(".csv")):
            writer.write_batch(batch if numbers else batch.filter(pc.invert(batch.column(GONE))))


def _read_copied(query: str, schema: pa.Schema, sheet: Path) -> Iterator[pa.RecordBatch]:
    """By COPY, which is several times faster than to fetch; no value becomes a Python object."""
    try:
        with connection.cursor() as cursor, sheet.open("wb") as out:
            sheet.chmod(0o600)
            with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy:
                for block in copy:
                    out.write(block)
        if sheet.stat().st_size:
            convert = pcsv.ConvertOptions(
                column_types=schema,
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,  # an empty text is written in quotation marks, nothing is not
                timestamp_parsers=["%Y-%m-%d %H:%M:%S", pcsv.ISO8601],
            )
            names = pcsv.ReadOptions(column_names=schema.names, block_size=16 << 20)
            yield from pcsv.open_csv(sheet, names, pcsv.ParseOptions(newlines_in_values=True), convert)
    finally:
        sheet.unlink(missing_ok=True)  # rows in plain text, whatever happened


def _read_fetched(query: str, schema: pa.Schema, sheet: Path) -> Iterator[pa.RecordBatch]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(_BATCH):
            columns = zip(*rows, strict=True)
            arrays = [_array(values, field.type) for values, field in zip(columns, schema, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """A column in the contract's type; SQLite gives amounts as floats, some times as texts, yes and no as numbers."""
    if pa.types.is_boolean(kind):
        return pa.array([None if value is None else bool(value) for value in values], kind)
    if pa.types.is_floating(kind):
        return pa.array([None if value is None else float(value) for value in values], kind)
    if pa.types.is_decimal(kind):
        return pa.array([None if value is None else float(value) for value in values]).cast(kind, safe=False)
    found = pa.array(values)
    return found.cast(pa.timestamp("us")).cast(kind) if pa.types.is_timestamp(found.type) else found.cast(kind)


def _query(name: str, schema: pa.Schema, numbers: Collection[int]) -> str:
    contract, is_copied = TABLES[name], connection.vendor == "postgresql"
    table = quote_name(record_of(name)._meta.db_table)
    joins, values = "", []
    for place, column in enumerate(contract.columns):
        value = f"t.{quote_name(column.name)}"
        if column.refers_to == "customers":
            joins += f" LEFT JOIN customers m{place} ON m{place}.customer_id = {value}"
            value = f"COALESCE(m{place}.merged_into_id, {value})"
        if (name, column.name) == ("costs", "channel"):
            value = "NULLIF(t.channel, '')"
        values.append(f"{value} AT TIME ZONE 'UTC'" if is_copied and column.is_time else value)
    values += [f"t.own ->> {quote_text(field)}" for field in schema.names if field.startswith("x_")]
    values += ["t.customer_id"] if RECORD in schema.names else []
    rows = f"SELECT {', '.join(values)}, {_gone(contract, table)} FROM {table} t{joins}"
    return rows + (f" WHERE {_is_concerned(contract, table, numbers)}" if numbers else "")


def _gone(contract: Table, table: str) -> str:
    """Is the row not to be in the copy: that of a merged record, or the second of one person?"""
    if contract.name == "customers":
        return "t.merged_into_id IS NOT NULL"
    if RECORD not in record_key(contract.name):
        return "1 = 0"
    whole, other = "COALESCE(m0.merged_into_id, t.customer_id)", "COALESCE(c.merged_into_id, c.customer_id)"
    before = f"o.customer_id = {whole} OR (t.customer_id <> {whole} AND o.customer_id < t.customer_id)"
    return (
        f"(t.customer_id IN ({_MERGED}) AND EXISTS (SELECT 1 FROM {table} o JOIN customers c "
        f"ON c.customer_id = o.customer_id WHERE {_same_rest(contract, 'o')} AND {other} = {whole} "
        f"AND o.customer_id <> t.customer_id AND ({before})))"
    )


def _is_concerned(contract: Table, table: str, numbers: Collection[int]) -> str:
    """Rows of the changes; where records stand for one another, those too that one of these hid or hides."""
    changed = f"t.change_id IN ({_list(numbers)})"
    if RECORD not in record_key(contract.name):
        return changed
    return (
        f"({changed} OR (t.customer_id IN ({_MERGED}) AND EXISTS (SELECT 1 FROM {table} o "
        f"WHERE o.change_id IN ({_list(numbers)}) AND {_same_rest(contract, 'o')})))"
    )


def _same_rest(contract: Table, other: str) -> str:
    rest = (column for column in contract.key if contract[column].refers_to != "customers")
    return " AND ".join(f"{other}.{quote_name(column)} = t.{quote_name(column)}" for column in rest)


def _list(numbers: Collection[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
