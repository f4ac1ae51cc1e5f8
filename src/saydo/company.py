"""One company's facts, opened: every table as an expression, in the company's zone and currency, as known at a moment.

`Facts` is what a measure receives. It never asks where the facts lie: tables are Ibis expressions, and ``run`` hands an
expression to the engine that holds them. `Manifest` is the small file ``saydo.json`` beside the tables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path, PurePath
from threading import RLock
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from saydo.errors import BadSetting, DamagedManifest, NotFacts
from saydo.facts import CONTRACT_VERSION, TABLES, Column, Table
from saydo.language import mark

MANIFEST_FILE = "saydo.json"
Made = TypeVar("Made")
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2200, 1, 1)  # far beyond them the calendar ends
_MOMENT = mark("a day or a time, such as 2024-07-01 or 2024-07-01T12:00")


class Engine(Protocol):
    """Runs expressions over the tables that it holds."""

    def run(self, expression: ir.Expr) -> pa.Table:
        """The rows of an expression, with the column types of its schema."""
        ...

    def keep(self, rows: ir.Table) -> ir.Table:
        """The same rows, computed once and held for half an hour at least after they were last asked for."""
        ...


@dataclass(frozen=True)
class TableEntry:
    """What the manifest says of one table: files (relative), rows kept, refused, orphaned; currencies; own columns."""

    files: tuple[str, ...]
    rows: int
    quarantined: int = 0
    orphans: dict[str, int] = field(default_factory=dict)
    currencies: tuple[str, ...] = ()
    own_columns: dict[str, str] = field(default_factory=dict)  # x_<name> -> Ibis type
    is_derived: bool = False  # customers made from the keys in other tables


@dataclass(frozen=True)
class Manifest:
    """The file ``saydo.json``: which files make up which table, and what was learnt when they were checked.

    ``first`` and ``last`` are the earliest and latest times (UTC) of all facts, planned times apart; null without
    facts.
    """

    tables: dict[str, TableEntry]
    first: datetime | None
    last: datetime | None
    zone: str = "UTC"
    currency: str | None = None
    name: str = ""
    source: str = ""
    contract: int = CONTRACT_VERSION

    def write(self, directory: Path) -> None:
        """Write the manifest; its appearance is what makes the folder a company's facts, so it is written last."""
        content = json.dumps(asdict(self), indent=2, default=datetime.isoformat, ensure_ascii=False)
        partial = directory / (MANIFEST_FILE + ".partial")
        partial.write_text(content + "\n", encoding="utf-8")
        partial.replace(directory / MANIFEST_FILE)

    @staticmethod
    def read(directory: Path) -> Manifest:
        """Read the manifest of ``directory``; raises `NotFacts` (another version wrote it) or `DamagedManifest`."""
        path = directory / MANIFEST_FILE
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if content.get("contract") != CONTRACT_VERSION:
                raise NotFacts(path=directory, found=content.get("contract"), expected=CONTRACT_VERSION)
            return _parse(content)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DamagedManifest(path=path, reason=str(error).rstrip(".")) from None


def _parse(content: dict[str, Any]) -> Manifest:
    tables = {name: TableEntry(**_tuples(entry)) for name, entry in content["tables"].items()}
    for file in (PurePath(file) for entry in tables.values() for file in entry.files):
        # a folder from others must not lead to what else this machine holds
        if file.is_absolute() or ".." in file.parts:
            raise ValueError(f"{file} does not lie in this folder")
    times = {name: content[name] and datetime.fromisoformat(content[name]) for name in ("first", "last")}
    return Manifest(**{**content, **times, "tables": tables})


def _tuples(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}


def _only_currency(manifest: Manifest) -> str | None:
    """The currency of a company that names none of its own and has met one alone; null without any, or with several."""
    met = {currency for entry in manifest.tables.values() for currency in entry.currencies}
    return met.pop() if len(met) == 1 else None


class Facts:
    """A company's facts as known at ``as_of`` (UTC, exclusive), ready to be measured.

    Every table of the contract can be asked for; those that the company does not have are empty (`has` tells). With
    ``is_keeping`` what several measures need is computed once (see `keeping`).
    """

    def __init__(
        self, engine: Engine, manifest: Manifest, as_of: datetime | None = None, is_keeping: bool = False
    ) -> None:
        self.engine = engine
        self.is_keeping = is_keeping
        self.manifest = manifest
        self.zone = ZoneInfo(manifest.zone)
        self.currency = manifest.currency or _only_currency(manifest)
        self.as_of = as_of if as_of is not None else self._end_of_last_day()
        self._made: dict[Hashable, Any] = {}
        self._making: dict[Hashable, RLock] = {}

    def has(self, table: str) -> bool:
        """Does the company have rows of this table?"""
        entry = self.manifest.tables.get(table)
        return entry is not None and entry.rows > 0

    def table(self, name: str) -> ir.Table:
        """The table as it was known at ``as_of``: later rows are gone, what became known later is null again."""
        entry = self.manifest.tables.get(name)
        own = entry.own_columns if entry else {}
        rows = ibis.table({**dict(TABLES[name].schema.items()), **own}, name=name)
        last = self.manifest.last
        return rows if last is None or self.as_of > last else self._mask(TABLES[name], rows)

    def run(self, expression: ir.Expr) -> pa.Table:
        """The rows of an expression built on these tables."""
        return self.engine.run(expression)

    def keeping(self) -> Facts:
        """The same facts for many measures in a row: what several of them need is computed once and written down."""
        return Facts(self.engine, self.manifest, self.as_of, is_keeping=True)

    def keep(self, rows: ir.Table) -> ir.Table:
        """``rows`` that several measures need: held by the engine if the facts are `keeping`, else as they are."""
        return self.engine.keep(rows) if self.is_keeping else rows

    def hold(self, rows: ir.Table) -> ir.Table:
        """``rows`` of many joins that one measure reads several times: held by the engine for half an hour at least."""
        return self.engine.keep(rows)

    def once(self, name: Hashable, make: Callable[[], Made]) -> Made:
        """What ``make`` gives, made the first time that these facts are asked for it by this name.

        For what is small and dear, such as a fit, or an expression of many joins, which takes long to build.
        """
        with self._making.setdefault(name, RLock()):  # threads that need the same wait for the first of them
            if name not in self._made:
                self._made[name] = make()
        made: Made = self._made[name]
        return made

    def known_before(self, moment: datetime | date | None) -> Facts:
        """The same facts seen from a moment (a date is its first instant, locally); null changes nothing."""
        return self if moment is None else Facts(self.engine, self.manifest, self.instant(moment), self.is_keeping)

    def instant(self, moment: datetime | date) -> datetime:
        """A day's first instant in the company's zone, or a time, as naive UTC."""
        if not isinstance(moment, datetime):
            moment = datetime.combine(moment, time.min)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=self.zone)
        return aware.astimezone(UTC).replace(tzinfo=None)

    def local_day(self, moment: datetime) -> date:
        """The day in the company's zone of a naive UTC time."""
        return moment.replace(tzinfo=UTC).astimezone(self.zone).date()

    def local(self, moment: ir.TimestampValue) -> ir.TimestampValue:
        """A UTC time as wall-clock time in the company's zone.

        A zone is a handful of constant offsets over the span of the facts, so it is a case expression that every engine
        knows.
        """
        offsets = self._offsets
        shifted = [moment + ibis.interval(seconds=seconds) if seconds else moment for _, seconds in offsets]
        if len(shifted) == 1:
            return shifted[0]
        ends = [start for start, _ in offsets[1:]]
        branches = [(moment < ibis.literal(end), value) for end, value in zip(ends, shifted, strict=False)]
        return ibis.cases(*branches, else_=shifted[-1])

    @cached_property
    def _offsets(self) -> list[tuple[datetime, int]]:
        """(first UTC instant, offset in seconds) of each stretch of constant offset over the span of the facts."""
        start = self.manifest.first or self.as_of
        end = max(self.as_of, self.manifest.last or self.as_of)
        found: list[tuple[datetime, int]] = []
        hour = start.replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
        while hour <= end + timedelta(days=2):
            seconds = self._offset_at(hour)
            if not found or found[-1][1] != seconds:
                found.append((self._change(hour, seconds) if found else hour, seconds))
            hour += timedelta(days=1)
        return found

    def _change(self, later: datetime, seconds: int) -> datetime:
        """The instant within the day before ``later`` at which the offset became ``seconds``."""
        low, high = later - timedelta(days=1), later
        while high - low > timedelta(seconds=1):
            middle = low + (high - low) / 2
            low, high = (low, middle) if self._offset_at(middle) == seconds else (middle, high)
        return high.replace(microsecond=0)

    def _offset_at(self, moment: datetime) -> int:
        offset = moment.replace(tzinfo=UTC).astimezone(self.zone).utcoffset()
        return int(offset.total_seconds()) if offset else 0

    def _end_of_last_day(self) -> datetime:
        last = self.manifest.last or datetime(1970, 1, 1)
        return self.instant(self.local_day(last) + timedelta(days=1))

    def _mask(self, contract: Table, rows: ir.Table) -> ir.Table:
        if contract.at:
            at = rows[contract.at]
            rows = rows.filter(at.isnull() | (at < self._limit(contract[contract.at])))
        late = [column for column in contract.columns if column.known_at]
        return rows.mutate(**{column.name: self._as_known(contract, column, rows) for column in late})

    def _as_known(self, contract: Table, column: Column, rows: ir.Table) -> ir.Value:
        since = rows[column.known_at]
        before = ibis.literal(column.before, type=column.type)
        is_later = since.notnull() & (since >= self._limit(contract[column.known_at]))
        return ibis.ifelse(is_later, before, rows[column.name])

    def _limit(self, column: Column) -> ir.Value:
        return ibis.literal(self.as_of if column.is_time else self.local_day(self.as_of))


def parse_moment(name: str, text: str) -> datetime | date:
    """A date (2024-07-01) or time (2024-07-01T12:00, with or without an offset) as given by a user."""
    try:
        moment = date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
    except ValueError:
        raise BadSetting(name=name, value=text, choices=_MOMENT) from None
    require_moment(name, moment)
    return moment


def require_moment(name: str, moment: datetime | date) -> None:
    """Raise `BadSetting` unless a moment lies within FIRST_DAY and LAST_DAY."""
    day = moment.date() if isinstance(moment, datetime) else moment
    if not FIRST_DAY <= day <= LAST_DAY:
        raise BadSetting(name=name, value=moment, choices=f"{FIRST_DAY} ... {LAST_DAY}")


def expected_columns(name: str, own: Mapping[str, str]) -> dict[str, str]:
    """Column names and Ibis types of a stored table: those of the contract, then the company's own."""
    return {**{column.name: column.type for column in TABLES[name].columns}, **own}
