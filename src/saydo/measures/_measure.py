"""What a measure is: a named figure per group, with all that its doors (terminal, page, API, docs) need to know."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from saydo.company import Facts, parse_moment, require_moment
from saydo.errors import BadSetting, EmptyTable, MissingTable, NoInterval, NothingToMeasure, UnknownSetting, nearest
from saydo.language import mark, translate
from saydo.measures._compare import compare_results
from saydo.measures._split import KEYS_OF_PEOPLE, TIME_UNITS
from saydo.result import Note, Result

HIDE_BELOW = 5
MOST = 100_000  # of any number: as many days reach back before any fact, and more than the calendar knows are an error
_AFTER_SINCE = mark("later than since")
_HIDDEN = mark(
    "Groups hidden, because fewer than {least} people answered or because they would give such a group away: {count}."
)
_OVERLAP = mark("A fact can stand in several groups of {split}: the groups overlap and do not add up to the whole.")


@dataclass(frozen=True)
class Figures:
    """What a measure's ``compute`` gives: rows, split columns first; their names; do groups overlap; notes to read.

    Rows stay an expression as long as nothing but the engine was needed.
    """

    rows: ir.Table | pa.Table
    by: tuple[str, ...] = ()
    overlaps: bool = False
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, repr=False)
class Measure:
    """A measure. Calling it runs it, `compare` sets two of its results against each other.

    ``base`` is the table whose rows it counts and whose columns can split it, ``at`` the time that places a row in a
    period (that of the table if not said); ``reads`` the tables it cannot do without, ``uses`` those that it takes if
    they are there. ``headline`` names the column to show first, with the columns of its ``count``, ``low`` and ``high``
    (empty for a census, which has no interval; with ``is_bounded`` they are bounds that unknown facts leave, and no
    interval by chance). ``good`` is the direction that is good news. ``said`` marks figures of what people said: small
    groups are hidden. ``lists_people`` marks one whose rows, where nothing splits it, are single customers. ``bound``
    says what leaves the engine. ``sentence`` names columns of the result as its places. ``is_worded`` marks rows or
    notes that hold words in the language in use.
    """

    name: str
    title: str
    question: str
    compute: Callable[..., Figures]
    base: str
    headline: str
    count: str
    unit: Literal["points", "share", "money", "count", "days", "score"]
    low: str = ""
    high: str = ""
    is_bounded: bool = False
    at: str = ""
    reads: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    good: Literal["high", "low", "neither"] = "high"
    said: bool = False
    lists_people: bool = False
    is_worded: bool = False
    sentence: str = ""
    definition: str = ""
    cautions: tuple[str, ...] = ()
    bound: str = mark("one row per group")
    chart: Literal["shares", "rate", "level", "distribution", "cohorts", "bars"] = "level"

    do_not_call_in_templates: ClassVar[bool] = True  # a page that names a measure does not ask it

    def __repr__(self) -> str:
        return f"<measure {self.name}>"

    def __call__(
        self,
        facts: Facts,
        by: str | Sequence[str] = (),
        as_of: datetime | date | str | None = None,
        *,
        show_small_groups: bool = False,
        **settings: Any,
    ) -> Result:
        """The figures of ``facts``, one row per group of ``by``, as known before ``as_of``.

        ``by`` is one split, several, or a text with commas; ``settings`` are those of `settings`, as values or as text.
        Groups of fewer than 5 answers are hidden unless ``show_small_groups`` (for readers who may see identities).
        Raises `MissingTable`, `EmptyTable`, `UnknownSplit`, `UnknownSetting`, `BadSetting`, `NothingToMeasure`.
        """
        self._require(facts)
        splits = tuple(part.strip() for part in by.split(",") if part.strip()) if isinstance(by, str) else tuple(by)
        moment = parse_moment("as_of", as_of) if isinstance(as_of, str) else as_of
        facts = facts.known_before(moment)
        chosen = self.parse(settings)
        _require_order(facts, chosen)
        figures = self.compute(facts, splits, **chosen)
        rows = figures.rows if isinstance(figures.rows, pa.Table) else facts.run(figures.rows)
        if not rows.num_rows:
            raise NothingToMeasure(measure=self.name, reason=mark("nothing of the kind happened in the period"))
        rows = _ordered(rows, figures.by)
        notes = list(figures.notes)
        if figures.overlaps:
            notes.append(Note(_OVERLAP, {"split": ", ".join(splits)}))
        result = Result(self, rows, figures.by, facts.as_of, facts.currency, chosen, tuple(notes))
        return result if show_small_groups else self.hide_small_groups(result, len(splits))

    def hide_small_groups(self, result: Result, splits: int) -> Result:
        """The result for readers who may not see what fewer than 5 people said; it was split by so many columns."""
        if not self.said:
            return result
        each = result.settings.get("each", self.settings.get("each", (None, None))[1])
        people = "clusters" if each == "answer" else "people"
        rows, hidden = _hide_small(result.table, self.count, people, result.by, result.by[:splits])
        notes = (Note(_HIDDEN, {"count": hidden, "least": HIDE_BELOW}),) if hidden else ()
        return replace(result, table=rows, notes=(*result.notes, *notes))

    def compare(self, before: Result, after: Result) -> pa.Table:
        """The headline of ``after`` less that of ``before``, two results of this measure about independent facts.

        difference = after - before. low and high by MOVER, which takes for each end what it needs of the two intervals,
        so that intervals that lean to one side give one that does; p by a normal law of that width, below 0.05 just
        where low and high leave out 0 (`saydo.stats.changes.compare_limits`).

        Reads:   both results. Groups (the columns of ``by``) are matched; one that only one side has stays.
        Returns: the columns of ``by``; before, after, difference, low, high (unit of the measure; 95 %), p (0 to 1).
                 Null where a side has no figure (it is hidden, or nothing was counted), or no interval.
        Cautions: the periods must not overlap. Where the same people are on both sides and go on as they did, the
                 interval is wider than need be (`nps_change` takes that into account). Of many groups some look changed
                 by chance. A change after an action is not yet its effect.
        Source:  Zou and Donner 2008, Statistics in Medicine 27 (MOVER).

        Raises `NoInterval` for a census, and `BadSetting` for results of another measure, split or way of counting.
        """
        if not self.low or self.is_bounded:
            raise NoInterval(measure=self.name)
        for name, result in (("before", before), ("after", after)):
            if result.measure is not self:
                raise BadSetting(name=name, value=result.measure.name, choices=self.name)
        return compare_results(before, after)

    def names_people(self, by: Sequence[str] = (), settings: Mapping[str, Any] | None = None) -> bool:
        """Are the rows of this question single customers, or deeds of theirs? For those who may know who they are."""
        each = (settings or {}).get("each")
        return (self.lists_people and not by) or each == "customer" or any(map(names_a_person, by))

    @cached_property
    def settings(self) -> dict[str, tuple[Any, Any]]:
        """Each setting with its type and default, read from the signature of ``compute``."""
        hints = get_type_hints(self.compute)
        parameters = inspect.signature(self.compute).parameters.values()
        return {p.name: (hints[p.name], p.default) for p in parameters if p.kind is p.KEYWORD_ONLY}

    def parse(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The values of settings given as values or as text; raises `UnknownSetting`, `BadSetting`."""
        return {name: self._setting(name, value) for name, value in settings.items()}

    def _require(self, facts: Facts) -> None:
        for table in self.reads:
            if not facts.has(table):
                raise (EmptyTable if table in facts.manifest.tables else MissingTable)(measure=self.name, table=table)

    def _setting(self, name: str, value: Any) -> Any:
        if name not in self.settings:
            raise UnknownSetting(measure=self.name, name=name, choices=nearest(name, self.settings))
        return _parse(name, value, self.settings[name][0])


_KINDS = {bool: mark("yes or no"), int: mark("a whole number"), float: mark("a number: 0.5 for a half")}


def _one_of(options: Sequence[Any]) -> str:
    return translate(mark("one of {choices}"), choices=", ".join(map(str, options)))


def _parse(name: str, value: Any, kind: Any) -> Any:
    """A setting's value from a text or a value, checked against its type."""
    options = [option for option in get_args(kind) if option is not type(None)]
    if get_origin(kind) is Literal:
        if value not in options:
            raise BadSetting(name=name, value=value, choices=_one_of(options))
        return value
    plain = options[0] if options else kind
    if get_origin(plain) is Literal and value is not None:
        return _parse(name, value, plain)
    found = _read(name, value, plain) if isinstance(value, str) and plain is not str else value
    if isinstance(found, date):
        require_moment(name, found)
    if isinstance(found, (int, float)) and not -MOST <= found <= MOST:  # nan neither
        raise BadSetting(name=name, value=value, choices=f"-{MOST} ... {MOST}")
    return found


def _read(name: str, text: str, plain: Any) -> Any:
    if plain is date:
        return parse_moment(name, text)
    try:
        return {"yes": True, "true": True, "no": False, "false": False}[text.lower()] if plain is bool else plain(text)
    except (KeyError, ValueError):
        raise BadSetting(name=name, value=text, choices=_KINDS.get(plain, plain.__name__)) from None


def _require_order(facts: Facts, settings: Mapping[str, Any]) -> None:
    """A period must not end before it begins."""
    since, until = settings.get("since"), settings.get("until")
    if since is not None and until is not None and facts.instant(until) <= facts.instant(since):
        raise BadSetting(name="until", value=until, choices=_AFTER_SINCE)


def names_a_person(column: str) -> bool:
    """Does a split, or a column of a result, tell one person, firm or deed of theirs from all others?"""
    return column.rpartition(".")[2].endswith(tuple(KEYS_OF_PEOPLE))


def in_period(facts: Facts, rows: ir.Table, at: str, since: date | None, until: date | None) -> ir.Table:
    """Rows whose time ``at`` lies in [since, until), days of the company's zone; null is open on that side."""
    if since is not None:
        rows = rows.filter(rows[at] >= facts.instant(since))
    if until is not None:
        rows = rows.filter(rows[at] < facts.instant(until))
    return rows


def add_columns(rows: pa.Table, columns: Mapping[str, Any]) -> pa.Table:
    """``rows`` with further columns from arrays; nan becomes null."""
    for name, values in columns.items():
        array = pa.array(np.asarray(values), from_pandas=True)
        rows = rows.append_column(name, array)
    return rows


def column(rows: pa.Table, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A column as float64; null becomes nan."""
    values = pc.cast(rows[name], pa.float64()).to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=np.float64)


def _ordered(rows: pa.Table, by: Sequence[str]) -> pa.Table:
    return rows.sort_by([(name, "ascending") for name in by]) if by else rows


def _hide_small(
    rows: pa.Table, count: str, people: str, by: Sequence[str], across: Sequence[str]
) -> tuple[pa.Table, int]:
    """Empty the figures of groups under HIDE_BELOW, and of others that would give them away; how many were.

    A hidden group can be had by taking the others from their total, which is what the same question says with one split
    less. So in every line of groups that differ in one column of ``across`` (the splits asked for) alone, two groups at
    least are hidden together, and HIDE_BELOW people: the smallest others come along, until no line is left with less.
    The rest of ``by`` (occasion, question) is never added up, so nobody is hidden there.

    What this does not prevent: working out bounds or, with luck, a value from the sums of several lines of crossed
    splits at once; and comparing this table with one of other splits, another period or another date of the report,
    each of which chooses its own companions.
    """
    counts = column(rows, count)
    if people in rows.column_names:  # several answers of one person are one person's
        counts = np.where(counts > 0, np.fmin(counts, np.fmax(column(rows, people), 1)), counts)
    small = (counts < HIDE_BELOW) & (counts > 0)
    lines = [line for name in across for line in _lines(rows, [other for other in by if other != name])]
    hidden = 0
    while hidden < small.sum():
        hidden = int(small.sum())
        for line in lines:
            small[line] = _add_companions(counts[line], small[line])
    for index, name in enumerate(rows.column_names):
        if name not in by:
            kept = pc.if_else(pa.array(small), pa.scalar(None, rows[name].type), rows[name].combine_chunks())
            rows = rows.set_column(index, name, kept)
    return rows.append_column("is_hidden", pa.array(small)), int(small.sum())


def _lines(rows: pa.Table, same: Sequence[str]) -> list[npt.NDArray[np.intp]]:
    """The places of the rows that have the columns ``same`` in common, of lines with two rows or more."""
    places: dict[tuple[Any, ...], list[int]] = {}
    for place, key in enumerate(rows.select(list(same)).to_pylist() if same else [{}] * len(rows)):
        places.setdefault(tuple(key.values()), []).append(place)
    return [np.array(line) for line in places.values() if len(line) > 1]


def _add_companions(counts: npt.NDArray[np.float64], small: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """``small`` with the next smallest groups of a line, while fewer than two or than HIDE_BELOW people are hidden."""
    hidden = small.copy()
    others = [place for place in np.argsort(counts, kind="stable") if counts[place] > 0 and not small[place]]
    while hidden.any() and others and (hidden.sum() < 2 or counts[hidden].sum() < HIDE_BELOW):
        hidden[others.pop(0)] = True
    return hidden


__all__ = ["TIME_UNITS", "Figures", "Measure", "Note", "add_columns", "column", "in_period", "names_a_person"]
