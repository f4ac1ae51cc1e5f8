"""A mapping: a folder with one query per fact table, which makes facts of raw files of any shape.

    orders.sql          select "Order" as order_id, ... from read('export.csv')
    order_lines.sql     select ... from read('lines-*.csv') join orders using (order_id)
    _paid.sql           select ...: a step that other queries share, named _paid
    mapping.toml        zone, currency and dates, unless the user says otherwise

``read('file')`` is the rows of a file below the folder of raw files, every column as text, with ``_file`` and ``_row``,
the number of the row; ``read_lines('file')`` its lines unsplit (``line``). Several names are tried in turn, and a name
with * reads all that fit. What a query gives is read as a file is: texts in any usual form become numbers and times. A
column ``refused`` says why a row is to be refused; null keeps it. ``_file`` and ``_row`` say where it comes from.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from saydo.engine import EngineError, Workbench, quote_name, quote_text
from saydo.errors import EmptyFile, MappingError, NoKnownTable, NoSuchPath, UnknownSource, UnreadableFile
from saydo.facts import TABLES
from saydo.language import mark, translate
from saydo.sources._csv import open_lines
from saydo.sources._files import RawFile, check_file, could_not_write, first_line
from saydo.sources._raw import open_mapped, open_raw, stage_text

_QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\""
_SKIPPED = re.compile(rf"{_QUOTED}|--[^\n]*|/\*.*?\*/", re.DOTALL)
# what stands in quotation marks is met first, and is no call
_READS = re.compile(
    rf"{_QUOTED}|\b(read|read_lines)\s*\(\s*('(?:[^']|'')*'(?:\s*,\s*'(?:[^']|'')*')*)\s*\)", re.IGNORECASE
)
_NAMES = re.compile(r"'((?:[^']|'')*)'")
_SETTINGS = ("zone", "currency", "dates")


@dataclass(frozen=True)
class MappingFolder:
    """A mapping as it lies on disk; ``queries`` are its files, by table or shared step."""

    name: str
    queries: dict[str, Path]
    zone: str | None = None
    currency: str | None = None
    dates: str | None = None

    @property
    def makes_pseudonyms(self) -> bool:
        """Does one of its queries turn identities into keys?"""
        return any("pseudonym" in path.read_text(encoding="utf-8").casefold() for path in self.queries.values())


@dataclass
class Query:
    """One file of a mapping: its text for the engine, and the raw files that it reads, by way of other queries too."""

    path: Path
    text: str
    reads: list[RawFile]


def ready_mappings() -> dict[str, MappingFolder]:
    """The mappings that come with the program, by name."""
    root = Path(str(resources.files("saydo.sources") / "mappings"))
    return {folder.name: read_mapping(folder) for folder in sorted(root.iterdir()) if any(folder.glob("*.sql"))}


def find_mapping(source: str) -> MappingFolder:
    """The ready mapping of that name, or the one in that folder; raises `UnknownSource`."""
    ready = ready_mappings()
    if source in ready:
        return ready[source]
    if any(Path(source).glob("*.sql")):
        return read_mapping(Path(source))
    raise UnknownSource(name=source, choices=["folder", *ready])


def read_mapping(folder: Path) -> MappingFolder:
    """The mapping in a folder; raises `NoKnownTable` for queries without a table, `MappingError` for its settings."""
    queries = {path.stem: path for path in sorted(folder.glob("*.sql"))}
    strange = [name for name in queries if name not in TABLES and not name.startswith("_")]
    if strange or not any(name in TABLES for name in queries):
        raise NoKnownTable(path=folder, found=[f"{name}.sql" for name in strange or queries], tables=list(TABLES))
    return MappingFolder(folder.name, queries, **_read_settings(folder / "mapping.toml"))


def _read_settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        line = re.search(r"line (\d+)", str(error))
        raise MappingError(path=path, line=line[1] if line else 1, reason=first_line(error)) from None
    if strange := [name for name in settings if name not in _SETTINGS]:
        names = {"names": ", ".join(strange), "choices": ", ".join(_SETTINGS)}
        reason = translate(mark("it sets {names}; known are {choices}"), **names)
        raise MappingError(path=path, line=1, reason=reason)
    if wrong := [name for name, value in settings.items() if not isinstance(value, str)]:
        reason = translate(mark("{names} must be a text in quotation marks"), names=", ".join(wrong))
        raise MappingError(path=path, line=1, reason=reason)
    return settings


def run_mapping(bench: Workbench, mapping: MappingFolder, origin: Path, scratch: Path) -> dict[str, RawFile]:
    """What the mapping makes of the raw files, by table of the contract; raises `MappingError`.

    The raw files are copied below ``scratch`` first; from then on the engine reads and writes only there and beside it.
    """
    if not origin.exists():
        raise NoSuchPath(path=origin)
    reader = _Reader(bench, origin, scratch)
    queries = {name: reader.prepare(path) for name, path in mapping.queries.items()}
    bench.confine(scratch.parent)
    for query in queries.values():
        with _blaming(query):
            if not bench.is_one_query(query.text):
                raise MappingError(path=query.path, line=1, reason=translate(mark("it must be one single query")))
    made = _run_all(bench, queries, scratch)
    return {
        name: open_mapped(bench, queries[name].path, made[name], queries[name].reads) for name in TABLES if name in made
    }


def _run_all(bench: Workbench, queries: Mapping[str, Query], scratch: Path) -> dict[str, Path]:
    """Write what each query gives and let the others know it by its name; a query that misses one of them waits."""
    waiting, made = dict(queries), dict[str, Path]()
    while waiting:
        for name, query in list(waiting.items()):
            made[name] = scratch / f"mapped-{name}.parquet"
            try:
                with _blaming(query, waiting):
                    bench.sql(f"COPY ({query.text}\n) TO {quote_text(str(made[name]))} (FORMAT parquet)")
            except _TooEarly:
                continue
            del waiting[name]
            bench.sql(f"CREATE TEMP VIEW {quote_name(name)} AS FROM read_parquet({quote_text(str(made[name]))})")
            for other in (queries[word] for word in re.findall(r"\w+", query.text) if word in made and word != name):
                query.reads += [raw for raw in other.reads if raw not in query.reads]
            break
        else:
            reason = translate(mark("it builds on itself, by way of {names}"), names=", ".join(waiting))
            raise MappingError(path=next(iter(waiting.values())).path, line=1, reason=reason)
    return made


class _TooEarly(Exception):
    """A query builds on another that has not run yet."""


@contextmanager
def _blaming(query: Query, waiting: Collection[str] = ()) -> Iterator[None]:
    """Turn what the engine says of a query into an error at its file and line; it may only be too early."""
    try:
        yield
    except EngineError as error:
        if could_not_write(error):
            raise
        missing = re.search(r"Table with name (\S+) does not exist", str(error))
        if missing and missing[1] in waiting:
            raise _TooEarly from None
        line = re.search(r"^LINE (\d+):", str(error), re.MULTILINE)
        words = " ".join(str(error).split("\n\nLINE")[0].split())
        raise MappingError(path=query.path, line=line[1] if line else 1, reason=words.rstrip(".!")) from None


class _Reader:
    """Finds what queries read and gives it to the engine, each file once."""

    def __init__(self, bench: Workbench, origin: Path, scratch: Path) -> None:
        self.bench, self.origin, self.scratch = bench, origin.resolve(), scratch
        self.root = self.origin if self.origin.is_dir() else self.origin.parent
        self.opened: dict[str, list[RawFile]] = {}

    def prepare(self, path: Path) -> Query:
        """A query with views in the place of read(...), no line moved."""
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise MappingError(path=path, line=1, reason=mark("it is no UTF-8")) from None
        plain = _SKIPPED.sub(lambda found: _blank(found[0]) if found[0][0] in "-/" else found[0], text)
        text = _READS.sub(lambda found: quote_name(_view(found)) if found[1] else found[0], plain)
        query = Query(path, text.rstrip("; \n"), [])
        for found in (one for one in _READS.finditer(plain) if one[1]):
            line = plain.count("\n", 0, found.start()) + 1
            query.reads += [raw for raw in self._open(path, line, found) if raw not in query.reads]
        return query

    def _open(self, path: Path, line: int, found: re.Match[str]) -> list[RawFile]:
        view = _view(found)
        if view not in self.opened:
            try:
                names = [name.replace("''", "'") for name in _NAMES.findall(found[2])]
                raws = [self._open_file(file, found[1].lower()) for file in self._find(names)]
                rows = " UNION ALL BY NAME ".join(stage_text(self.bench, raw, self.scratch) for raw in raws)
            except (EmptyFile, UnreadableFile) as error:
                raise MappingError(path=path, line=line, reason=str(error).split(". ")[0]) from error
            except ValueError as error:
                raise MappingError(path=path, line=line, reason=str(error)) from None
            self.bench.sql(f"CREATE TEMP VIEW {quote_name(view)} AS {rows}")
            self.opened[view] = raws
        return self.opened[view]

    def _open_file(self, file: Path, function: str) -> RawFile:
        label = str(file.relative_to(self.root))
        if function == "read_lines":
            return open_lines(file, self.scratch, label)
        return open_raw(self.bench, file, self.scratch, label)

    def _find(self, names: list[str]) -> list[Path]:
        """The files of the first name that there is; raises ValueError when there is none, or it lies elsewhere."""
        for name in names:
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise ValueError(translate(mark("{name} does not lie below {path}"), name=name, path=self.origin))
            exact = self.root / name
            files = [exact] if exact.is_file() else sorted(path for path in self.root.glob(name) if path.is_file())
            found = [file.resolve() for file in files if self.origin.is_dir() or file.resolve() == self.origin]
            if outside := [file for file in found if not file.is_relative_to(self.root)]:
                reason = mark("{name} leads to {target}, outside {path}")
                raise ValueError(translate(reason, name=name, target=outside[0], path=self.origin))
            for file in found:
                check_file(file, self.origin)
            if found:
                return found
        held = sorted(entry.name for entry in self.root.iterdir()) if self.origin.is_dir() else [self.origin.name]
        places = {"names": ", ".join(names), "path": self.origin, "found": ", ".join(held[:20])}
        raise ValueError(translate(mark("there is no {names} in {path}; it holds: {found}"), **places))


def _view(found: re.Match[str]) -> str:
    return f"{found[1].lower()}({found[2]})"


def _blank(comment: str) -> str:
    return re.sub(r"[^\n]", " ", comment)
