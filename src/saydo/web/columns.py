"""Columns of the database as Arrow types, the same from SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
from django.db import connection, models
from django.utils import timezone

from saydo.engine import quote_name

_KINDS: dict[str, pa.DataType] = {
    "AutoField": pa.int64(),
    "BigAutoField": pa.int64(),
    "BigIntegerField": pa.int64(),
    "BooleanField": pa.bool_(),
    "DateField": pa.date32(),
    "DateTimeField": pa.timestamp("us", tz="UTC"),
    "FloatField": pa.float64(),
    "IntegerField": pa.int64(),
    "PositiveBigIntegerField": pa.int64(),
    "PositiveIntegerField": pa.int64(),
    "PositiveSmallIntegerField": pa.int64(),
    "SmallIntegerField": pa.int64(),
    "BinaryField": pa.binary(),
}


def kind_of(field: Any) -> pa.DataType:
    """The Arrow type of a field; what is not a number, a time or bytes is kept as text."""
    if isinstance(field, models.ForeignKey):
        return kind_of(field.target_field)
    if isinstance(field, models.DecimalField):
        return pa.decimal128(field.max_digits, field.decimal_places)
    return _KINDS.get(field.get_internal_type(), pa.string())


def rows_of(model: type[models.Model], schema: pa.Schema, size: int) -> Iterator[pa.RecordBatch]:
    """All rows of a table in batches."""
    names = ", ".join(map(quote_name, schema.names))
    values = [_value_of(kind) for kind in schema.types]
    with connection.chunked_cursor() as cursor:
        cursor.execute(f"SELECT {names} FROM {quote_name(model._meta.db_table)}")  # noqa: S608  our own names
        while rows := cursor.fetchmany(size):
            columns = zip(*rows, strict=True)
            arrays = [
                pa.array([None if value is None else plain(value) for value in column], kind)
                for column, plain, kind in zip(columns, values, schema.types, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _value_of(kind: pa.DataType) -> Callable[[Any], Any]:
    """What makes of a value, as either database gives it, one of the Arrow type."""
    if pa.types.is_timestamp(kind):
        return _time
    if pa.types.is_date(kind):
        return lambda value: value if isinstance(value, date) else date.fromisoformat(value)
    if pa.types.is_decimal(kind):
        exponent = Decimal(1).scaleb(-kind.scale)
        return lambda value: Decimal(str(value)).quantize(exponent)
    return next((plain for test, plain in _PLAIN if test(kind)), lambda value: value)


def _time(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment if timezone.is_aware(moment) else moment.replace(tzinfo=timezone.get_fixed_timezone(0))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return value.hex if isinstance(value, UUID) else json.dumps(value, ensure_ascii=False)


_PLAIN: Sequence[tuple[Callable[[pa.DataType], bool], Callable[[Any], Any]]] = (
    (pa.types.is_boolean, bool),
    (pa.types.is_binary, bytes),
    (pa.types.is_string, _text),
)


def stored(kind: pa.DataType, column: list[Any]) -> list[Any]:
    """Values of an Arrow column as this database takes them."""
    if connection.vendor == "postgresql":
        return column
    if pa.types.is_timestamp(kind):
        return [None if value is None else value.replace(tzinfo=None).isoformat(" ") for value in column]
    if pa.types.is_date(kind):
        return [None if value is None else value.isoformat() for value in column]
    if pa.types.is_decimal(kind):
        return [None if value is None else float(value) for value in column]
    return column
