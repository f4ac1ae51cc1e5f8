"""The cells of a table of figures: what a column holds, its value with its interval, and a row's sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from string import Formatter
from typing import TYPE_CHECKING, Any, TypeGuard

from saydo.charts.figures import NOTHING, Unit, show, show_ends, show_group, show_interval
from saydo.language import mark, number, probability, translate
from saydo.result import Result

if TYPE_CHECKING:
    from saydo.measures import Measure

Record = Mapping[str, Any]

_MONEY = {"amount", "bought", "cost", "costs", "earned", "losses", "margin", "refund", "retained", "returns", "revenue"}
_MONEY |= {"sales", "shipping", "unknown", "value", "won"}
_MOST = 4  # digits after the point
_HIDDEN = mark("hidden")
_WITH_INTERVAL = mark("{value} ({interval})")


def tell(result: Result, record: Record) -> str:
    """The measure's sentence with the figures of one record; empty when one of them is undefined."""
    sentence = result.measure.sentence
    places = {name for _, name, _, _ in Formatter().parse(sentence) if name}
    if any(record[name] is None for name in places):
        return ""
    shown = {name: show_value(result, name, record[name]) for name in places}
    for name in places:
        ends = ends_of(result, name)
        if ends and places.issuperset(ends) and all(is_figure(record[one]) for one in (name, *ends)):
            unit, (low, high) = unit_of(result.measure, name, record[name]), (float(record[end]) for end in ends)
            shown |= zip(ends, show_ends(low, high, unit, result.currency), strict=True)
            shown[name] = show(record[name], unit, result.currency, (high - low) / 2)
    return translate(sentence, **shown)


def is_figure(value: object) -> TypeGuard[float | Decimal]:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def show_cell(result: Result, name: str, record: Record) -> str:
    """A value with its interval where it has one."""
    if record.get("is_hidden") and name == result.measure.headline:
        return translate(_HIDDEN)
    value = record[name]
    ends = ends_of(result, name)
    if not ends or not is_figure(value) or any(record[end] is None for end in ends):
        return show_value(result, name, value)
    low, high = (float(record[end]) for end in ends)
    unit = unit_of(result.measure, name, value)
    shown = show(value, unit, result.currency, (high - low) / 2)
    return translate(_WITH_INTERVAL, value=shown, interval=show_interval(low, high, unit, result.currency))


def show_value(result: Result, name: str, value: object) -> str:
    if not is_figure(value):
        return NOTHING if value is None else show_group(value, name)
    unit = unit_of(result.measure, name, value)
    if name in ("p", "placebo_p") and value < 10**-_MOST:
        return probability(float(value), _MOST)
    if unit == "score" and name != result.measure.headline:
        return number(float(value), _digits(float(value)))
    return show(value, unit, result.currency)


def _digits(value: float) -> int:
    """Digits after the point that leave three that tell, and at most four: 1,235, 12.3, 0.0312."""
    return min(_MOST, max(0, 2 - math.floor(math.log10(abs(value))))) if value else 0


def ends_of(result: Result, name: str) -> tuple[str, ...]:
    """The ends of a figure's interval, if it has one: the two columns after it, as every measure puts them."""
    names = result.table.column_names
    following = tuple(names[names.index(name) + 1 :][:2])
    return following if [end.rpartition("_")[2] for end in following] == ["low", "high"] else ()


def unit_of(measure: Measure, name: str, value: object) -> Unit:
    """What a column holds: the measure says it of its headline, the words of its name of any other."""
    if name in (measure.headline, measure.low, measure.high):
        return measure.unit
    words = set(name.split("_"))
    if words & {"share", "rate", "retention"}:
        return "share"
    if "days" in words:
        return "days"
    if words & {"nps", "change"}:
        return "points"
    if isinstance(value, int):
        return "count"
    return "money" if words & _MONEY and not words & {"ratio", "e"} else "score"  # an E-value is a ratio
