"""Who the customers are: names and addresses, which no fact may hold and only the application takes.

They lie in files of their own beside those of the tables (``people.csv`` and the like), are read as those are, and
refused rows go to the same quarantine.
"""

# Queries are put together here; names and texts of others are quoted by the engine's own functions.
# ruff: noqa: S608
from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import ibis.expr.types as ir

from saydo.company import TableEntry
from saydo.engine import Workbench, quote_name, quote_text
from saydo.errors import MissingColumn
from saydo.facts import KEY, TEXT, Column, Rule, Table
from saydo.language import mark
from saydo.sources import _identities, _values
from saydo.sources._csv import header_name
from saydo.sources._files import RawFile, check_file, find_table
from saydo.sources._identities import pseudonym_macro
from saydo.sources._publish import Draft
from saydo.sources._raw import name_columns, open_mapped, open_raw, stage_text
from saydo.sources._secret import find_secret
from saydo.sources._stage import Reading
from saydo.sources._tables import import_table

_LENGTHS = {"name": 200, "email": 254, "phone": 40, "street": 200, "postcode": 20, "city": 100}
_TOO_LONG = mark("{column} is too long")
Columns = Mapping[str, Mapping[str, str]]  # of each file: column -> header, or what makes a key of it


def _too_long(name: str) -> Rule:
    def is_too_long(rows: ir.Table) -> ir.BooleanValue:
        text: ir.Column = rows[name]
        return text.cast("string").length() > _LENGTHS[name]

    return Rule(name, _TOO_LONG, is_too_long)


PEOPLE = Table(
    "people",
    mark("who a customer is: stays in the application, out of the facts"),
    (
        Column("customer_id", KEY, mark("key of customers"), refers_to="customers", is_key=True),
        Column("name", TEXT, mark("name"), null=True, is_personal=True),
        Column("email", TEXT, mark("e-mail address"), null=True, is_personal=True),
        Column("phone", TEXT, mark("telephone number"), null=True, is_personal=True),
        Column("street", TEXT, mark("street and number"), null=True, is_personal=True),
        Column("postcode", TEXT, mark("postcode"), null=True, is_personal=True),
        Column("city", TEXT, mark("town"), null=True, is_personal=True),
    ),
    ("customer_id",),
    rules=tuple(map(_too_long, _LENGTHS)),
)


def find_people(origin: Path) -> list[Path]:
    """The files with people in a folder: people.csv, people-2.xlsx ..."""
    if not origin.is_dir():
        return [origin] if _holds_people(origin) else []
    return sorted(path for path in origin.iterdir() if _holds_people(path) and path.is_file())


def _holds_people(path: Path) -> bool:
    return find_table(path, (PEOPLE.name,)) is not None


def import_people(origin: Path, files: list[Path], to: Path, columns: Columns | None = None) -> TableEntry | None:
    """Check the people in these files below ``origin``, and write them (``people.parquet``) into the folder ``to``.

    ``columns`` says of a file which header is which column, where its headers do not say so themselves; other columns
    are passed over. Raises a `SourceError`.
    """
    if not files:
        return None
    desk = Path(tempfile.mkdtemp(prefix=".people-", dir=to))
    draft = Draft(to, to, desk)
    bench = Workbench("UTC", (*_values.MACROS, *_identities.MACROS, pseudonym_macro(find_secret(to))))
    try:
        raws = [_read(bench, path, origin, desk, (columns or {}).get(path.name)) for path in files]
        entry = import_table(bench, PEOPLE, raws, Reading(is_mapped=True), draft)
    finally:
        bench.close()
        shutil.rmtree(desk, ignore_errors=True)
    for file in entry.files:
        (to / file).chmod(0o600)
    return entry


def _read(bench: Workbench, path: Path, origin: Path, desk: Path, chosen: Mapping[str, str] | None) -> RawFile:
    check_file(path, origin)
    root = origin if origin.is_dir() else origin.parent
    raw = open_raw(bench, path, desk, str(path.relative_to(root)), PEOPLE.name, PEOPLE.names)
    chosen = chosen or {header_name(header): quote_name(header) for header in name_columns(raw)}
    if PEOPLE.key[0] not in chosen:
        raise MissingColumn(table=PEOPLE.name, path=path, column=PEOPLE.key, found=raw.headers)
    taken = ", ".join(f"{value} AS {quote_name(name)}" for name, value in chosen.items() if name in PEOPLE)
    made = desk / f"{path.name}.parquet"
    rows = f"SELECT {taken}, _file, _row FROM ({stage_text(bench, raw, desk)})"
    bench.sql(f"COPY ({rows}) TO {quote_text(str(made))} (FORMAT parquet)")
    return replace(open_mapped(bench, path, made, [raw]), header_row=raw.header_row)
