"""NumPy arrays in, Arrow columns of the contract out: whole columns at a time, no Python object per row."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from saydo.facts import TABLES

Array = npt.NDArray[Any]
SECONDS = 86_400


def keys(prefix: str, numbers: Array, known: Array | None = None) -> pa.Array:
    """Opaque keys such as ``O1000017``; null where not ``known``."""
    texts = pc.cast(pa.array(numbers, pa.int64(), mask=None if known is None else ~known), pa.string())
    return pc.binary_join_element_wise(pa.scalar(prefix), texts, pa.scalar(""))


def words(choices: Sequence[str], codes: Array) -> pa.Array:
    """The chosen words; null where the code is negative."""
    indices = pa.array(codes, pa.int32(), mask=codes < 0)
    return pa.array(choices, pa.string()).take(indices)


def times(start: np.datetime64, days: Array) -> pa.Array:
    """Days since ``start`` as UTC times in whole seconds; null where NaN."""
    is_null = np.isnan(days)
    seconds = np.rint(np.where(is_null, 0.0, days) * SECONDS).astype(np.int64)
    return pa.array(start.astype("datetime64[us]").astype(np.int64) + seconds * 1_000_000, mask=is_null).cast(
        pa.timestamp("us")
    )


def money(cents: Array, known: Array | None = None) -> pa.Array:
    """Whole cents as decimal(18,4); null where not ``known``."""
    return _decimals(cents.astype(np.int64) * 100, 4, known)


def quantities(counts: Array) -> pa.Array:
    """Whole numbers as decimal(18,3)."""
    return _decimals(counts.astype(np.int64) * 1000, 3, None)


def _decimals(units: Array, scale: int, known: Array | None) -> pa.Array:
    """Integers of 10^-scale as decimals: the 16 bytes of a decimal are the integer, sign-extended."""
    wide = np.empty((len(units), 2), np.int64)
    wide[:, 0] = units
    wide[:, 1] = units >> 63
    validity = None if known is None else pa.py_buffer(np.packbits(known, bitorder="little").tobytes())
    return pa.Array.from_buffers(pa.decimal128(18, scale), len(units), [validity, pa.py_buffer(wide)])


def numbers(values: Array) -> pa.Array:
    """Floats; null where NaN."""
    return pa.array(values.astype(np.float64), mask=np.isnan(values.astype(np.float64)))


@cache
def contract_schema(name: str) -> pa.Schema:
    """The table's columns and types in the order of the contract."""
    return TABLES[name].schema.to_pyarrow()


def rows(name: str, count: int, columns: dict[str, Any]) -> pa.Table:
    """A table of the contract: what is not given is null, a single text stands in every row, ``x_`` comes last."""
    schema = contract_schema(name)
    own = [column for column in columns if column.startswith("x_")]
    if unknown := set(columns) - set(schema.names) - set(own):
        raise ValueError(f"{name} has no column {unknown}")
    filled = {field.name: _column(columns.get(field.name), field.type, count) for field in schema}
    return pa.table({**filled, **{column: columns[column] for column in own}})


def _column(value: Any, type: pa.DataType, count: int) -> pa.Array:
    if value is None:
        return pa.nulls(count, type)
    if isinstance(value, str):
        return pa.repeat(pa.scalar(value, type), count)
    array = value if isinstance(value, (pa.Array, pa.ChunkedArray)) else pa.array(value)
    return array if array.type == type else array.cast(type)


def days(start: np.datetime64, counts: Array) -> pa.Array:
    """Days since ``start`` as dates; null where NaN."""
    is_null = np.isnan(counts)
    first = int(start.astype("datetime64[D]").astype(np.int64))
    return pa.array(first + np.where(is_null, 0, counts).astype(np.int32), pa.int32(), mask=is_null).cast(pa.date32())
