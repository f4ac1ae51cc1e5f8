"""Files of any names and headers: what each seems to be, and a mapping from what somebody picked instead.

A pick says of one file which table it is, and of the table's columns where they come from: a header of the file, a key
made of it (``pseudonym``), or one value for all rows.
"""

# Queries are put together here; names and texts of others are quoted by the engine's own functions.
# ruff: noqa: S608
from __future__ import annotations

import difflib
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from saydo.engine import Workbench, quote_name, quote_text
from saydo.errors import SourceError
from saydo.facts import TABLES, Table
from saydo.sources import _identities, _values
from saydo.sources._csv import header_name
from saydo.sources._files import check_file, find_table
from saydo.sources._people import PEOPLE
from saydo.sources._raw import name_columns, open_raw

READABLE = {**TABLES, PEOPLE.name: PEOPLE}  # the tables that a file can be
SAMPLE = 5
_CLOSE = 0.84  # how alike a header must be to a column's name to be proposed for it


@dataclass(frozen=True)
class Origin:
    """Where a column comes from: a header, a key made of a header, or a value for all rows; one of the three."""

    header: str = ""
    pseudonym: str = ""
    value: str = ""

    @property
    def expression(self) -> str:
        """It as an expression of a query."""
        if self.header:
            return quote_name(self.header)
        return f"pseudonym({quote_name(self.pseudonym)})" if self.pseudonym else quote_text(self.value)


@dataclass(frozen=True)
class Pick:
    """What a file is: its table (none: it is left out) and where each column comes from."""

    table: str = ""
    columns: Mapping[str, Origin] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """Columns that the table must have and that come from nowhere."""
        if self.table not in READABLE:
            return []
        needed = (column.name for column in READABLE[self.table].columns if not column.null)
        return [name for name in needed if name not in self.columns]


@dataclass(frozen=True)
class Recognised:
    """A file as it was found: its headers, some rows as text, what it seems to be; or why it cannot be read."""

    file: str
    headers: tuple[str, ...] = ()
    sample: tuple[tuple[str, ...], ...] = ()
    pick: Pick = Pick()
    error: str = ""


def recognise(files: Iterable[Path]) -> list[Recognised]:
    """Say of each file what it seems to be."""
    desk = Path(tempfile.mkdtemp(prefix="saydo-"))
    bench = Workbench("UTC", (*_values.MACROS, *_identities.MACROS))
    try:
        return [_recognise(bench, path, desk) for path in files]
    finally:
        bench.close()
        shutil.rmtree(desk, ignore_errors=True)


def _recognise(bench: Workbench, path: Path, desk: Path) -> Recognised:
    table = find_table(path, READABLE)
    try:
        check_file(path, path.parent)
        words = READABLE[table].names if table else {name for one in READABLE.values() for name in one.names}
        raw = open_raw(bench, path, desk, path.name, table or "", words)
        named = name_columns(raw)
        rows = bench.sql(f"SELECT {', '.join(named.values())} FROM {raw.rows} LIMIT {SAMPLE}").to_pylist()
    except SourceError as error:
        return Recognised(path.name, error=str(error))
    sample = tuple(tuple("" if value is None else str(value)[:80] for value in row.values()) for row in rows)
    return Recognised(path.name, tuple(named), sample, guess(tuple(named), table))


def guess(headers: tuple[str, ...], table: str | None = None) -> Pick:
    """What a file with these headers seems to be; ``table`` is known if its name says so."""
    if table:
        return Pick(table, match_headers(READABLE[table], headers))
    found = {name: match_headers(contract, headers) for name, contract in READABLE.items()}
    whole = [name for name, columns in found.items() if not Pick(name, columns).missing and len(columns) > 1]
    best = max(whole, key=lambda name: len(found[name]), default="")
    return Pick(best, found[best]) if best else Pick()


def match_headers(contract: Table, headers: tuple[str, ...]) -> dict[str, Origin]:
    """Of the table's columns, those that a header is called like, spelling apart, and those that one nearly is."""
    names = {header_name(header): header for header in reversed(headers)}
    found = {name: Origin(names[name]) for name in contract.names if name in names}
    left = [name for name in names if name not in found]
    for name in contract.names:
        close = difflib.get_close_matches(name, left, n=1, cutoff=_CLOSE) if name not in found else []
        if close:
            found[name] = Origin(names[close[0]])
            left.remove(close[0])
    own = {name: Origin(names[name]) for name in left if name.startswith("x_") and name.isidentifier()}
    return {**{name: found[name] for name in contract.names if name in found}, **own}


def own_name(header: str) -> str:
    """The name of a column of the company's own that keeps what stands below a header."""
    plain = re.sub(r"\W+", "_", header_name(header)).strip("_")
    return plain if plain.startswith("x_") else f"x_{plain or 'column'}"


def write_mapping(picks: Mapping[str, Pick], folder: Path) -> bool:
    """Write the picks as a mapping; files of people apart, which are no facts. Was there anything to write?"""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    for table in TABLES:
        chosen = {file: pick for file, pick in picks.items() if pick.table == table and pick.columns}
        if chosen:
            query = "\nunion all by name\n".join(_query(file, pick) for file, pick in chosen.items())
            (folder / f"{table}.sql").write_text(query + "\n", encoding="utf-8")
    return any(folder.glob("*.sql"))


def _query(file: str, pick: Pick) -> str:
    columns = [f"{origin.expression} as {quote_name(name)}" for name, origin in pick.columns.items()]
    return f"select {', '.join([*columns, '_file', '_row'])} from read({quote_text(file)})"


def people_columns(picks: Mapping[str, Pick]) -> dict[str, dict[str, str]]:
    """Of each file that was picked as people, the expressions of its columns."""
    return {
        file: {name: origin.expression for name, origin in pick.columns.items()}
        for file, pick in picks.items()
        if pick.table == PEOPLE.name
    }
