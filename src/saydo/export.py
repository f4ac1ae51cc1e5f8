"""Figures as machines take them: JSON, CSV, Parquet. What is undefined is null in each of them, never nan."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet


def write_json(table: pa.Table, out: BinaryIO) -> None:
    """A list of records, one a line; dates in ISO form, decimals as numbers, what is undefined as null."""
    start = b"[\n"
    for batch in _defined(table).to_batches(max_chunksize=10_000):
        for record in batch.to_pylist():
            out.write(start + json.dumps(record, ensure_ascii=False, allow_nan=False, default=_plain).encode())
            start = b",\n"
    out.write(b"\n]\n" if start != b"[\n" else b"[]\n")


def write_csv(table: pa.Table, out: BinaryIO) -> None:
    """A header and one line per group; what is undefined is empty.

    A text that a spreadsheet would take for a formula gets an apostrophe in front; numbers stay as they are.
    """
    pyarrow.csv.write_csv(_defused(_defined(table)), out)


def write_parquet(table: pa.Table, out: BinaryIO) -> None:
    """The columns with their own types."""
    pyarrow.parquet.write_table(_defined(table), out)


def _defined(table: pa.Table) -> pa.Table:
    """The table with null in place of nan and infinities."""
    for index, field in enumerate(table.schema):
        if pa.types.is_floating(field.type):
            kept = pc.if_else(pc.is_finite(table[index]), table[index], pa.scalar(None, field.type))
            table = table.set_column(index, field, kept)
    return table


def _defused(table: pa.Table) -> pa.Table:
    """The table with no text that begins as a formula does."""
    for index, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(index, field.name, table[index].cast(field.type.value_type))
        if pa.types.is_string(table.schema[index].type) or pa.types.is_large_string(table.schema[index].type):
            texts = pc.replace_substring_regex(table[index], r"^([=+\-@\t\r\n])", r"'\1")
            table = table.set_column(index, field.name, texts)
    return table


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
