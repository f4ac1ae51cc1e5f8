"""One measure by itself: the sentence that its result amounts to, its foremost figures, its picture."""

from __future__ import annotations

from string import Formatter

from saydo.charts.cells import tell
from saydo.charts.figures import begin, count_of, show_group
from saydo.language import mark, translate, translate_count
from saydo.measures import TIME_UNITS
from saydo.report.story import Figure, Picture, Record, figure_of, known, picture, value_of
from saydo.result import Result

FOREMOST = 4
_UNTOLD = ("rank", "scale_min", "scale_max")  # they place a row and do not name it
_EXTREMES = mark("{measure}: {first} comes first with {first_figure}, {last} last with {last_figure}")
_COURSE = mark("{measure}: from {first_figure} ({first}) to {last_figure} ({last})")
_SOLE = mark("{measure}: {figure}")
_COHORTS = mark("{measure}: {sentence}")
_NO_FIGURE = mark("{measure}: too few were counted to show a figure")


def headline(result: Result) -> str:
    """What the result amounts to, as a sentence made from it."""
    title = translate(result.measure.title)
    records = known(result)
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
    if len(records) == 1 or _names_its_group(result):
        foremost = records[0] if len(records) == 1 else max(records, key=lambda one: one[result.measure.headline])
        told = tell(result, foremost).rstrip(".")
        return told or translate(_SOLE, measure=title, figure=value_of(result, foremost))
    return _tell_groups(result, records, title)


def _tell_groups(result: Result, records: list[Record], title: str) -> str:
    """From when to when, or from whom to whom."""
    if result.measure.chart == "cohorts" and {"cohort", "age"} <= set(result.by):
        return translate(_COHORTS, measure=title, sentence=picture(result).wide.description.rstrip("."))
    times = [name for name in result.by if name in TIME_UNITS]
    if times and len({label_of(result, record, times[0]) for record in records}) == 1:
        first, last = records[0], records[-1]
        pattern = _COURSE
    else:
        ordered = sorted(records, key=lambda one: -one[result.measure.headline])
        first, last = ordered[0], ordered[-1]
        pattern = _EXTREMES
    places = {"first": label_of(result, first), "last": label_of(result, last)}
    figures = {"first_figure": value_of(result, first), "last_figure": value_of(result, last)}
    return translate(pattern, measure=title, **places, **figures)


def _names_its_group(result: Result) -> bool:
    """Does the measure's own sentence say which of its groups it speaks of?"""
    places = {name for _, name, _, _ in Formatter().parse(result.measure.sentence) if name}
    telling = {name for name in result.by if name not in _UNTOLD and len(set(result.table[name].to_pylist())) > 1}
    return bool(telling) and telling <= places


def label_of(result: Result, record: Record, without: str = "") -> str:
    """What a row is called: its groups, those left out that are the same in all rows."""
    names = [name for name in result.by if name not in (without, *_UNTOLD)]
    telling = [name for name in names if len(result.table[name].unique()) > 1] or names
    return begin(" · ".join(show_group(record[name], name) for name in telling))


def foremost(result: Result) -> list[Figure]:
    """The figures of a result that has few of them, each with its interval and count; none of a long list."""
    records = known(result)
    if not records or len(records) > FOREMOST or len(result) > FOREMOST:
        return []
    if len(records) == 1 and len(result) == 1:
        return [figure_of(result, records[0])]
    return [figure_of(result, record, label_of(result, record)) for record in records]


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


def counted(result: Result, record: Record) -> str:
    """How many stand behind a row's headline, with their noun."""
    return count_of(f"{result.measure.name}.{result.measure.count}", record[result.measure.count])
