"""Files as the user named them: which of them are tables, and what a file is once it can be read."""

from __future__ import annotations

import os
import re
from collections.abc import Container
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from saydo.errors import NoAccess, NoKnownTable, NoSuchPath
from saydo.facts import TABLES
from saydo.language import mark, translate
from saydo.sources._bytes import Writing

TEXT_ENDINGS = (".csv", ".tsv", ".txt")
EXCEL_ENDINGS = (".xlsx", ".xlsm", ".xls", ".ods")
ENDINGS = (".parquet", *TEXT_ENDINGS, *(ending + ".gz" for ending in TEXT_ENDINGS), *EXCEL_ENDINGS)
fresh_numbers = count()  # for the names of copies and tables, of which every file needs its own


@dataclass(frozen=True)
class RawFile:
    """One raw file, ready to be read: ``rows`` is a relation of text columns c0, c1 ..., ``label`` its name for people.

    ``header_row`` is the number of its header as a spreadsheet shows it. For CSV, ``noting`` is the same relation,
    which notes the rows that it cannot tell apart in the table ``rejects``; ``read`` is the file that the engine
    reads (``path`` or its copy in UTF-8), and ``writing`` counts the lines of its rows; else these are null.
    ``made_from`` are the raw files of what a mapping made.
    """

    path: Path
    label: str
    rows: str
    headers: tuple[str, ...]
    header_row: int = 1
    delimiter: str = ","
    noting: str | None = None
    rejects: str | None = None
    read: Path | None = None
    writing: Writing | None = None
    made_from: tuple[RawFile, ...] = ()

    @property
    def format(self) -> str:
        """What the file is, in errors."""
        ending = ending_of(self.path)
        return "Parquet" if ending == ".parquet" else "Excel" if ending in EXCEL_ENDINGS else "CSV"


def find_tables(origin: Path) -> dict[str, list[Path]]:
    """The files in a folder (or the one file given) that are named after tables of the contract, by table."""
    if not origin.exists():
        raise NoSuchPath(path=origin)
    entries = sorted(origin.iterdir(), key=_rank) if origin.is_dir() else [origin]
    found: dict[str, list[Path]] = {}
    for entry in entries:
        if table := _table_of(entry):
            found.setdefault(table, []).extend(_parts(entry) if entry.is_dir() else [entry])
    if not any(found.values()):
        names = [entry.name for entry in entries if not entry.name.startswith(".")]
        raise NoKnownTable(path=origin, found=names or "nothing", tables=list(TABLES))
    for path in (path for paths in found.values() for path in paths):
        check_file(path, origin)
    return {table: found[table] for table in TABLES if found.get(table)}


def check_file(path: Path, origin: Path) -> None:
    """Raise `NoAccess` unless it is a plain file, below ``origin`` where links lead, and of a name that can be told."""
    target, root = Path(os.path.realpath(path)), Path(os.path.realpath(origin))  # resolve() gives up on circles
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise NoAccess(path=repr(str(path)), reason=mark("its name is no UTF-8")) from None
    if not target.is_relative_to(root):
        raise NoAccess(
            path=path, reason=translate(mark("it leads to {target}, outside {path}"), target=target, path=root)
        )
    if path.exists() and not path.is_file():
        raise NoAccess(path=path, reason=mark("it is no file"))


def _table_of(entry: Path) -> str | None:
    if entry.is_dir():
        name = entry.name.casefold()
        return name if name in TABLES else None
    return find_table(entry, TABLES)


def find_table(file: Path, tables: Container[str]) -> str | None:
    """The table that a file is named after: orders.csv, orders-2024.csv, orders_part-3.parquet."""
    name, ending = file.name.casefold(), ending_of(file)
    name = re.sub(r"[-_. ](part[-_.]?)?\d[\d\-_.]*$", "", name.removesuffix(ending))
    return name if ending and name in tables else None


def _parts(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if ending_of(path) and not path.name.startswith((".", "_")))
    return sorted(found, key=_rank)


def _rank(path: Path) -> list[tuple[int, str]]:
    """Parts in the order in which people number them: orders, orders-2, orders-10."""
    name = str(path).casefold().removesuffix(ending_of(path))
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def ending_of(path: Path) -> str:
    """The known ending of a file's name, or nothing."""
    return next((ending for ending in ENDINGS if path.name.casefold().endswith(ending)), "")


def literal_path(path: Path) -> str:
    """A path that the engine does not take for a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def could_not_write(error: BaseException) -> bool:
    """Does the engine complain of the disk that it writes to, and not of what it reads?"""
    return re.search("could not write|no space left|failed to offload", str(error), re.IGNORECASE) is not None


def first_line(error: BaseException) -> str:
    """What an error says first, without the full stop that our own sentences add."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(". ")
