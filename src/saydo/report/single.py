"""One measure by itself: the sentence that its result amounts to, its foremost figures, its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from string import Formatter

import pyarrow as pa

from saydo.charts.cells import tell
from saydo.charts.figures import SCALES, begin, heading, is_told, show_group, show_period
from saydo.charts.groups import number_of_groups
from saydo.language import mark, translate, translate_count
from saydo.language import number as show_number
from saydo.measures import TIME_UNITS
from saydo.report.story import Figure, Picture, Record, figure_of, known, picture, value_of, widened_ends
from saydo.result import Result

FOREMOST = 4
_UNTOLD = ("rank", *SCALES)  # they place a row and do not name it
_PARTS = ("score", "item")  # unknown in rows of the whole
_SCORES, _TONGUES = (
    ("nps", "satisfaction"),
    ("country", "language"),
)  # levels on a scale, and those who use it their way
_DIFFERENT = ("question", "outcome", "scale_max", "occasion")  # rows that differ in these cannot be ranked
_BESIDE = mark("{measure}: {first} stands at {first_figure}, {last} at {last_figure}")
_EXTREMES = mark("{measure}: {first} comes first with {first_figure}, {last} last with {last_figure}")
_APART = mark("{measure}: {first} stands above {last} by more than chance, with {first_figure} against {last_figure}")
_NOISE = mark(
    "{measure}: {count} groups, from {last_figure} to {first_figure}; even the highest and the lowest may differ by "
    "chance alone"
)
_HABITS = mark(
    "{measure}: {first} stands at {first_figure}, {last} at {last_figure}; people of different countries and languages "
    "use scales differently, so this is no ranking"
)
_COURSE = mark("{measure}: from {first_figure} ({first}) to {last_figure} ({last})")
_COURSE_OF = mark("{measure}, {group}: from {first_figure} ({first}) to {last_figure} ({last})")
_SOLE = mark("{measure}: {figure}")
_COHORTS = mark("{measure}: {sentence}")
_NO_FIGURE = mark("{measure}: too few were counted to show a figure")


def headline(result: Result) -> str:
    """What the result amounts to, as a sentence made from it."""
    title = translate(result.measure.title)
    records = _wholes(result, known(result))
    if not records:
        return translate(_NO_FIGURE, measure=title)
    if result.measure.names_people(result.by) and len(records) > 1:
        return translate_count(
            "{measure}: {count} customer, at the top {figure}",
            "{measure}: {count} customers, at the top {figure}",
            len(records),
            measure=title,
            figure=value_of(result, records[0]),
        )
    if result.measure.chart == "cohorts" and {"cohort", "age"} <= set(result.by):
        return translate(_COHORTS, measure=title, sentence=picture(result).wide.description.rstrip("."))
    if len(records) == 1 or _names_its_group(result):
        counted = result.measure.count
        foremost = max(records, key=lambda one: (one[counted] or 0, one[result.measure.headline]))
        told = begin(tell(result, foremost).rstrip("."))
        return told or translate(_SOLE, measure=title, figure=value_of(result, foremost))
    return _tell_groups(result, records, title)


def _wholes(result: Result, records: list[Record]) -> list[Record]:
    """Of rows of which some are parts of others (a score of a band, an item of a question), the whole ones."""
    for name in _PARTS:
        if name in result.by and any(record[name] is None for record in records):
            records = [record for record in records if record[name] is None]
    return records


def _tell_groups(result: Result, records: list[Record], title: str) -> str:
    """From when to when, from whom to whom; or the two most counted, where rows are of different things.

    Who comes first and last is said only where that is more than chance.
    """
    if any(name in TIME_UNITS for name in result.by):
        return _tell_course(result, records, title)
    number = number_of_groups(result)
    if any(len({record[name] for record in records}) > 1 for name in _DIFFERENT if name in result.by):
        pattern, first, last = (_BESIDE, *_most_counted(result, records))
    elif number:
        ordered = sorted(records, key=lambda one: (one[number] is None, one[number]))
        pattern, first, last = _COURSE, ordered[0], ordered[-1]
    else:
        pattern, first, last = _find_extremes(result, records)
    places = {"first": label_of(result, first, records), "last": label_of(result, last, records)}
    if number and pattern == _COURSE:
        places = {place: f"{heading(number, result.measure.name)} {name}" for place, name in places.items()}
    figures = {"first_figure": _own_value(result, first), "last_figure": _own_value(result, last)}
    return translate(pattern, measure=title, count=show_number(len(records)), **places, **figures)


def _most_counted(result: Result, records: list[Record]) -> tuple[Record, Record]:
    most = sorted(records, key=lambda one: -(one[result.measure.count] or 0))
    return most[0], most[1]


def _find_extremes(result: Result, records: list[Record]) -> tuple[str, Record, Record]:
    """What can be said of the highest and the lowest group, and which they are.

    Of many alike groups some lie far apart by chance, the small ones first. So their intervals, widened for the number
    of groups, must not overlap; else two other groups are named that are apart, if there are any.
    """
    measure = result.measure
    if measure.name in _SCORES and _telling([name for name in result.by if name.endswith(_TONGUES)], records):
        return (_HABITS, *_most_counted(result, records))
    ordered = sorted(records, key=lambda one: -one[measure.headline])
    first, last = ordered[0], ordered[-1]
    if not measure.low:
        return _EXTREMES, first, last
    ends = [widened_ends(measure, record, len(records)) for record in ordered]
    if ends[0][0] > ends[-1][1]:
        return _EXTREMES, first, last
    above = max(range(len(ends)), key=lambda place: ends[place][0])
    below = min(range(len(ends)), key=lambda place: ends[place][1])
    if ends[above][0] > ends[below][1]:
        return _APART, ordered[above], ordered[below]
    return _NOISE, first, last


def _own_value(result: Result, record: Record) -> str:
    """The figure of a row in the digits that its own interval bears: beside it may stand something else altogether."""
    return value_of(replace(result, table=pa.Table.from_pylist([dict(record)], result.table.schema)), record)


def _tell_course(result: Result, records: list[Record], title: str) -> str:
    """From when to when, of the group with the most counted."""
    unit = next(name for name in result.by if name in TIME_UNITS)
    series: dict[str, list[Record]] = {}
    others = [name for name in result.by if name != unit]
    for record in records:
        if record[unit] is not None:
            label = " · ".join(show_group(record[name], name) for name in _telling(others, records))
            series.setdefault(label, []).append(record)
    if not series:
        return translate(_NO_FIGURE, measure=title)
    group = max(series, key=lambda label: sum(record[result.measure.count] or 0 for record in series[label]))
    ordered = sorted(series[group], key=lambda record: record[unit])
    first, last = ordered[0], ordered[-1]
    places = {"first": show_period(first[unit], unit), "last": show_period(last[unit], unit), "group": group}
    figures = {"first_figure": value_of(result, first), "last_figure": value_of(result, last)}
    return translate(_COURSE_OF if group else _COURSE, measure=title, **places, **figures)


def _names_its_group(result: Result) -> bool:
    """Does the measure's own sentence say which of its groups it speaks of?"""
    places = {name for _, name, _, _ in Formatter().parse(result.measure.sentence) if name}
    telling = {name for name in result.by if name not in _UNTOLD and len(set(result.table[name].to_pylist())) > 1}
    return bool(telling) and telling <= places


def label_of(result: Result, record: Record, among: list[Record]) -> str:
    """What a row is called: its groups, those left out that are the same in all rows ``among`` which it stands."""
    names = [name for name in result.by if name not in _UNTOLD]
    telling = _telling(names, among) or names
    return " · ".join(show_group(record[name], name) for name in telling if is_told(record[name], name))


def _telling(names: Sequence[str], among: Sequence[Record]) -> list[str]:
    """The groups in which these rows differ."""
    return [name for name in names if len({one[name] for one in among}) > 1]


def foremost(result: Result) -> list[Figure]:
    """The figures of a result that has few of them, each with its interval and count; none of a long list."""
    records = known(result)
    if not records or len(records) > FOREMOST or len(result) > FOREMOST:
        return []
    if len(records) == 1 and len(result) == 1:
        return [figure_of(result, records[0])]
    return [figure_of(result, record, begin(label_of(result, record, records))) for record in records]


def drawn(result: Result) -> Picture | None:
    """The chart that suits the result, for both widths; none where there is nothing to compare or to shape."""
    measure = result.measure
    if not known(result):
        return None
    is_shape = measure.chart in ("shares", "cohorts") or len(result) > 1
    return picture(result) if is_shape or _adds_up(result) else None


def _adds_up(result: Result) -> bool:
    from saydo.charts.kinds import ADDS_UP

    return result.measure.name in ADDS_UP
