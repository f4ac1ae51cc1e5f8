"""What a report is made of: chapters of sections, each a sentence with its figure, evidence and what to do about it.

`Questions` asks each measure once, keeps the answers for whoever asks again, and notes what could not be answered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import ndtri, stdtrit

from saydo.charts import NARROW, WIDE, Chart, Grid, draw
from saydo.charts.figures import count_of, show, show_interval
from saydo.charts.kinds import half_width
from saydo.company import Facts
from saydo.errors import SaydoError
from saydo.language import mark, translate
from saydo.measures import Measure, find
from saydo.result import Result

Record = Mapping[str, Any]
Mood = Literal["unhappy", "happy", "neither"]
MOODS: tuple[Mood, ...] = ("unhappy", "happy")
LONG = timedelta(days=550)  # of facts, from which on the last year of them is reported on
LEAST = 30  # answers or cases below which a figure is not made a headline


_TOO_FEW = mark("Too few people answered for a figure that gives nobody away.")
_NOT_IN_FACTS = mark("The facts do not hold all that it is made from, or not for long enough.")


@dataclass(frozen=True)
class Figure:
    """A figure in words: its name, its value, how sure it is and on how many it stands."""

    label: str
    value: str
    sure: str = ""


@dataclass(frozen=True)
class Picture:
    """The same chart for a wide and a narrow page."""

    wide: Chart
    narrow: Chart


@dataclass(frozen=True)
class Voice:
    """A customer's own words, cleaned and shortened; in which mood."""

    text: str
    mood: Mood
    source: str
    language: str = ""


@dataclass(frozen=True)
class Step:
    """Something to do: the text, and how many cases stand behind it, by which steps are ranked."""

    text: str
    cases: int
    anchor: str = ""


@dataclass(frozen=True)
class Section:
    """One finding: a sentence, its figure, words, evidence, and what to do.

    ``beneath`` are words to be read with the pictures; ``weight`` above 0 lets it compete for the report's first line.
    """

    anchor: str
    heading: str
    figure: Figure | None = None
    texts: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    table: Grid | None = None
    beneath: Sequence[str] = ()
    voices: Sequence[Voice] = ()
    step: Step | None = None
    notes: Sequence[str] = ()
    weight: int = 0


@dataclass(frozen=True)
class Chapter:
    """One of the four squares, or what follows from them; ``absent`` says what would stand here."""

    anchor: str
    name: str
    square: int
    sections: Sequence[Section]
    absent: str = ""


@dataclass(frozen=True)
class Gap:
    """Something that could not be computed: what, why, and what would allow it."""

    title: str
    reason: str


@dataclass
class Questions:
    """One company, asked measure by measure."""

    facts: Facts
    gaps: dict[str, Gap] = field(default_factory=dict)
    used: dict[str, Measure] = field(default_factory=dict)
    _kept: dict[Any, Result | None] = field(default_factory=dict)

    @cached_property
    def since(self) -> date | None:
        """Where the year reported on begins; None where the facts are too short to leave any out.

        What people said and what was kept three years ago would hide what is so today.
        """
        begin, end = self.facts.manifest.first, self.facts.local_day(self.facts.as_of)
        if begin is None or end - self.facts.local_day(begin) < LONG:
            return None
        return a_year_before(end)

    @cached_property
    def first_order(self) -> date | None:
        """The day of the first order on file: whoever comes soon after it may have bought before."""
        orders = self.facts.table("orders")
        found = self.facts.run(orders.aggregate(first=orders.ordered_at.min()))["first"][0].as_py()
        return None if found is None else self.facts.local_day(found)

    @cached_property
    def new_from(self) -> date | None:
        """From when on customers seen for the first time are taken for new: a year after the first order on file."""
        return None if self.first_order is None else a_year_after(self.first_order)

    def knows(self, table: str, column: str) -> bool:
        """Is this column known of any row?"""
        if not self.facts.has(table):
            return False
        known_somewhere = self.facts.table(table)[column].notnull().any()
        return bool(self.facts.run(known_somewhere.name("known").as_table())["known"][0].as_py())

    def lately(self, name: str, by: str = "", **settings: Any) -> Result | None:
        """The figures of a measure over the last year, where the facts are long enough."""
        return self.ask(name, by, **(settings | {"since": self.since} if self.since else settings))

    def ask(self, name: str, by: str = "", **settings: Any) -> Result | None:
        """The figures of a measure; None, and a gap to report, where they cannot be had."""
        key = (name, by, tuple(sorted(settings.items())))
        if key not in self._kept:
            self._kept[key] = self._answer(name, by, settings)
        return self._kept[key]

    def _answer(self, name: str, by: str, settings: Mapping[str, Any]) -> Result | None:
        title = name
        try:
            measure = find(name)
            title = translate(measure.title)
            result = measure(self.facts, by, **settings)
        except SaydoError as error:
            if name not in self.used:  # a further split that cannot be had is no gap of its own
                self.gaps.setdefault(name, Gap(title, str(error)))
            return None
        if known(result):
            self.used[name] = measure
            self.gaps.pop(name, None)  # what could not be had of some is had of others
        else:
            hidden = "is_hidden" in result.table.column_names and any(result.table["is_hidden"].to_pylist())
            reason = _TOO_FEW if hidden else _NOT_IN_FACTS
            self.gaps.setdefault(name, Gap(title, translate(reason)))
        return result


def only(result: Result, **values: object) -> Result:
    """The rows that hold these values, without a null in any other split; the columns asked for are no splits more."""
    table = result.table
    for name, value in values.items():
        table = table.filter(pc.is_null(table[name]) if value is None else pc.equal(table[name], pa.scalar(value)))
    by = tuple(name for name in result.by if name not in values)
    for name in by:
        table = table.filter(pc.is_valid(table[name]))
    return replace(result, table=table, by=by)


def rename(result: Result, split: str, names: Mapping[str, str]) -> Result:
    """The same figures with groups called as people call them."""
    index = result.table.column_names.index(split)
    called = pa.array([names.get(value, value) for value in result.table[split].to_pylist()], pa.string())
    return replace(result, table=result.table.set_column(index, split, called))


def only_over(result: Result, unit: str, facts: Facts, since: date | None = None) -> Result:
    """The rows of whole units of time: one not over, or that began before ``since``, would look like a fall or rise."""
    today = facts.local_day(facts.as_of)
    current = {"month": today.replace(day=1), "quarter": quarter_start(today), "year": today.replace(month=1, day=1)}
    starts = result.table[unit]
    is_whole = pc.less(starts, pa.scalar(current[unit]))
    if since:
        is_whole = pc.and_(is_whole, pc.greater_equal(starts, pa.scalar(since)))
    return replace(result, table=result.table.filter(is_whole))


def first(result: Result | None) -> Record | None:
    """The only row of a result without splits, if its headline is known."""
    if result is None or not len(result):
        return None
    record: Record = result.to_records()[0]
    return record if record[result.measure.headline] is not None else None


def known(result: Result | None) -> list[Record]:
    """The rows whose headline is known."""
    if result is None:
        return []
    return [record for record in result.to_records() if record[result.measure.headline] is not None]


def figure_of(result: Result, record: Record, label: str = "") -> Figure:
    """The headline figure of a row, with its interval and count in words."""
    measure = result.measure
    label = label or translate(measure.title)
    counted = count_of(f"{measure.name}.{measure.count}", record[measure.count])
    interval = interval_of(result, record)
    if measure.is_bounded:
        is_known = record[measure.low] == record[measure.high]
        sure = counted if is_known else translate("bounds: {interval} · {count}", interval=interval, count=counted)
    else:
        sure = translate("95%: {interval} · {count}", interval=interval, count=counted) if interval else counted
    return Figure(label, value_of(result, record), sure)


def value_of(result: Result, record: Record) -> str:
    """The headline figure of a row in words."""
    measure = result.measure
    return show(record[measure.headline], measure.unit, result.currency, half_width(result))


def interval_of(result: Result, record: Record) -> str:
    """The interval of a row's headline in words; empty for a census."""
    measure = result.measure
    if not measure.low:
        return ""
    return show_interval(record[measure.low], record[measure.high], measure.unit, result.currency)


def outliers(result: Result, whole: float, among: int | None = None) -> tuple[list[Record], list[Record]]:
    """Groups surely below and surely above a value, farthest first.

    Whoever picks the extremes of many groups finds some by chance, so each interval is widened for the number of groups
    looked at (Bonferroni): of 100 such looks without any difference, 95 name none. ``among`` is that number where the
    look goes over more groups than those of ``result``. Quantiles are Student's with the degrees of freedom of the
    customers (or accounts) behind the group, because far out they differ much where these are few.
    """
    measure, records = result.measure, comparable(result)
    looks = among or len(records)
    ends = [(record, *widened_ends(measure, record, looks)) for record in records]
    below = sorted((r for r, _, high in ends if high < whole), key=lambda r: r[measure.headline])
    above = sorted((r for r, low, _ in ends if low > whole), key=lambda r: -r[measure.headline])
    return below, above


def widened_ends(measure: Measure, record: Record, looks: int) -> tuple[float, float]:
    """The ends of a group's interval, widened for so many looks (Bonferroni); of bounds, which no chance moves, as they
    are; without an end (a single customer) endlessly far.
    """
    value, clusters = float(record[measure.headline]), record.get("clusters")
    df = math.inf if clusters is None else clusters - 1
    if record[measure.low] is None or record[measure.high] is None or df < 1:
        return -math.inf, math.inf
    tail = 0.025 if measure.is_bounded else 0.025 / max(1, looks)
    factor = float((stdtrit(df, 1 - tail) / stdtrit(df, 0.975)) if df < math.inf else ndtri(1 - tail) / ndtri(0.975))
    low, high = (value + factor * (float(record[name]) - value) for name in (measure.low, measure.high))
    return low, high


def is_surely_below(record: Record, name: str, value: float, among: int = 1) -> bool:
    """Does the figure ``name`` lie below a value by more than chance among so many looks (Bonferroni)?

    Its interval is widened as a normal one.
    """
    high = _end(record, name, "high", among)
    return high is not None and high < value


def is_surely_above(record: Record, name: str, value: float, among: int = 1) -> bool:
    """As `is_surely_below`, above."""
    low = _end(record, name, "low", among)
    return low is not None and low > value


def _end(record: Record, name: str, side: str, among: int) -> float | None:
    figure, end = record[name], record[f"{name}_{side}"]
    if figure is None or end is None:
        return None
    return float(figure) + float(ndtri(1 - 0.025 / max(1, among)) / ndtri(0.975)) * (float(end) - float(figure))


def comparable(result: Result) -> list[Record]:
    """The groups that are large enough to be set against a value, of more customers than one."""
    measure = result.measure
    return [r for r in known(result) if r[measure.count] >= LEAST and r[measure.low] is not None and r["clusters"] >= 2]


def picture(result: Result, **marks: Any) -> Picture:
    """The chart that suits a result, for both widths."""
    return picture_by(lambda width: draw(result, width, **marks))


def picture_by(drawn: Callable[[int], Chart]) -> Picture:
    """A chart for both widths."""
    return Picture(drawn(WIDE), drawn(NARROW))


def notes_of(*results: Result | None) -> list[str]:
    """What a reader must know beside the figures, each said once."""
    return list(dict.fromkeys(str(note) for result in results if result for note in result.notes))


def a_year_before(day: date) -> date:
    """The same day of the year before; the 28th for a 29th of February."""
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def a_year_after(day: date) -> date:
    """The same day of the year after; the 28th for a 29th of February."""
    return day.replace(year=day.year + 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def quarter_start(day: date) -> date:
    """The first day of a day's quarter."""
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
