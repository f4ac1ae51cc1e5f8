"""The columns of a raw file matched with those of the contract, by their headers."""

# Queries are put together here; names and texts of others are quoted by the engine's own functions.
# ruff: noqa: S608
from __future__ import annotations

import re
from collections.abc import Iterable

from saydo.engine import Workbench
from saydo.errors import DuplicateColumn, MissingColumn, UnknownColumn, nearest
from saydo.facts import NUMBER, TEXT, Column, Table
from saydo.sources._csv import header_name
from saydo.sources._files import RawFile

_OWN = re.compile(r"x_\w+")


def match_columns(
    bench: Workbench, contract: Table, raw: RawFile, *, filled: Iterable[str] = (), extra: Iterable[str] = ()
) -> dict[Column, str]:
    """Which column of the file (c0, c1 ...) is which of the contract; the company's own columns are named x_<name>.

    ``filled`` are required columns that something else fills, ``extra`` further names to let in. A column without a
    header is left out if it has no value. Raises `MissingColumn`, `UnknownColumn` and `DuplicateColumn`.
    """
    matched: dict[Column, str] = {}
    for place, header in enumerate(raw.headers):
        name = header_name(header)
        if not name and _is_empty(bench, raw, place):
            continue
        column = _column(contract, raw, name, header or f"({place + 1})", tuple(extra))
        if column in matched:
            raise DuplicateColumn(table=contract.name, path=raw.path, column=column.name)
        matched[column] = f"c{place}"
    found = {column.name for column in matched} | set(filled)
    missing = [column.name for column in contract.columns if not column.null and column.name not in found]
    if missing:
        raise MissingColumn(table=contract.name, path=raw.path, column=missing, found=raw.headers)
    return matched


def is_own(column: Column) -> bool:
    """Is it a column of the company's own?"""
    return _OWN.fullmatch(column.name) is not None


def own_column(name: str, type: str = NUMBER) -> Column:
    """A column of the company's own, of which the contract knows nothing."""
    return Column(name, type, "", True)


def _column(contract: Table, raw: RawFile, name: str, header: str, extra: tuple[str, ...]) -> Column:
    if name in contract:
        return contract[name]
    if _OWN.fullmatch(name):
        return own_column(name)
    if name in extra:
        return own_column(name, TEXT)
    raise UnknownColumn(table=contract.name, path=raw.path, column=header, choices=nearest(name, contract.names)[:3])


def _is_empty(bench: Workbench, raw: RawFile, place: int) -> bool:
    return not bench.sql(f"SELECT c{place} FROM {raw.rows} WHERE c{place} IS NOT NULL LIMIT 1").num_rows
