"""Figures of a list as dots with their intervals, in the order given: for figures other than a result's headline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from saydo.charts import WIDE, Chart, Grid, shapes
from saydo.charts.figures import NOTHING
from saydo.charts.kinds import finish, steady
from saydo.charts.shapes import Point, scale_of
from saydo.language import mark, translate

_INTERVAL = mark("95% interval")
_ENDS = mark("{low} to {high}")
_ONE = mark("{label}: {figure}")


@dataclass(frozen=True)
class Look:
    """How a list is shown: its title, the headings of names, figures and what stands beside them, and the figures."""

    title: str
    head: tuple[str, str, str]
    write: Callable[[float], str]
    bounds: tuple[float, float] = (float("-inf"), float("inf"))
    reference: float | None = None
    reference_label: str = ""


def point_of(label: str, record: Mapping[str, Any], name: str, beside: str, ends: str = "") -> Point:
    """A figure of a record with its interval, the ends of which are called after it, or after ``ends``."""
    columns = (name, f"{ends or name}_low", f"{ends or name}_high")
    value, low, high = (None if record[one] is None else steady(record[one]) for one in columns)
    return Point(label, value, low, high, beside=beside)


def listed(points: Sequence[Point], look: Look, width: int = WIDE) -> Chart:
    """The points as rows of dots with whiskers; those without a value are only in the table."""
    told = [replace(point, text=_write(look, point.value)) for point in points]
    drawn = [point for point in told if point.value is not None]
    values = [value for point in drawn for value in (point.value, point.low, point.high)]
    scale = scale_of(
        [*values, look.reference],
        lambda tick, _: look.write(tick),
        count=shapes.room(drawn, width) // 60,
        bounds=look.bounds,
    )
    spec = shapes.dots(drawn, scale, width, reference=look.reference, reference_label=look.reference_label)
    names, figures, beside = look.head
    rows = tuple((point.label, point.text, _interval(look, point), point.beside) for point in told)
    table = Grid((names, figures, translate(_INTERVAL), beside), rows)
    description = "; ".join(translate(_ONE, label=point.label, figure=point.text) for point in told) + "."
    return finish(spec, look.title, description, table)


def _write(look: Look, value: float | None) -> str:
    return NOTHING if value is None else look.write(value)


def _interval(look: Look, point: Point) -> str:
    if point.low is None or point.high is None:
        return NOTHING
    return translate(_ENDS, low=look.write(point.low), high=look.write(point.high))
