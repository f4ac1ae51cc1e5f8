"""Figures as files: JSON, CSV, Excel, Parquet. What is undefined is null in each of them, never nan."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet


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


def write_xlsx(table: pa.Table, out: BinaryIO) -> None:
    """A sheet with a header that stays in sight; figures as numbers, days and times as such, what is undefined empty.

    Rows go out as they come, so that a long table needs no memory. Texts are texts, whatever they begin with, and one
    that would be a formula elsewhere gets an apostrophe in front, as in `write_csv`.
    """
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "nan_inf_to_errors": False,
        "remove_timezone": True,
    }
    with Workbook(out, options) as book:
        bold = book.add_format({"bold": True})
        formats = {date: {"num_format": "yyyy-mm-dd"}, datetime: {"num_format": "yyyy-mm-dd hh:mm:ss"}}
        looks = {kind: book.add_format(look) for kind, look in formats.items()}
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, max(0, table.num_columns - 1), 16)
        for place, name in enumerate(table.column_names):
            sheet.write_string(0, place, name, bold)
        number = 0
        for batch in _defused(_defined(table)).to_batches(max_chunksize=10_000):
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1
                _write_line(sheet, number, values, looks)


def _write_line(sheet: Worksheet, number: int, values: Sequence[object], looks: Mapping[Any, Format]) -> None:
    for place, value in enumerate(values):
        match value:
            case None:
                continue
            case bool():
                sheet.write_boolean(number, place, value)
            case datetime() | date():
                sheet.write_datetime(number, place, value, looks[type(value)])
            case int() | float() | Decimal():
                sheet.write_number(number, place, float(value))
            case _:
                sheet.write_string(number, place, str(value))


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
