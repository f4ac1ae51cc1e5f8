"""The kinds of chart, each from plain points to the parts of a Vega-Lite specification.

Columns of words stand at fixed places, so that a picture is the same whatever fonts the drawing machine has. From
NARROW pixels down names stand above their row instead of beside it: the same chart on a telephone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from saydo.charts.look import ACCENT, BANDS, INK, MUTED, ON_PASSIVE, PAPER

Spec = dict[str, Any]
NARROW = 480


_ROWS: Spec = {"field": "order", "type": "ordinal", "axis": None, "scale": {"type": "band"}}


@dataclass(frozen=True)
class Point:
    """One figure: ``at`` places it in time, ``text`` says it in words, ``beside`` its count."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    text: str = ""
    beside: str = ""
    at: date | None = None
    panel: str = ""
    colour: str = ACCENT

    @property
    def row(self) -> Spec:
        known = {"label": self.label, "value": self.value, "low": self.low, "high": self.high, "text": self.text}
        return {**known, "beside": self.beside, "at": self.at and self.at.isoformat(), "panel": self.panel}


@dataclass(frozen=True)
class Scale:
    """The values of an axis: its ends, its ticks, and how a tick is written."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    @property
    def axis(self) -> Spec:
        return {"values": list(self.ticks), "labelExpr": _lookup(self.ticks, self.labels, "datum.value")}

    @property
    def domain(self) -> list[float]:
        return [self.low, self.high]


def scale_of(
    values: Sequence[float | None],
    write: Callable[[float, float], str],
    *,
    count: int = 5,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    zero: bool = False,
) -> Scale:
    """An axis that holds the values and begins and ends on a round tick, within ``bounds``.

    ``write`` says a tick in words, given the tick and the step between two.
    """
    known = [value for value in values if value is not None and math.isfinite(value)] or [0.0]
    low, high = max(min(known), bounds[0]), min(max(known), bounds[1])
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 1e-9:
        low, high = max(low - 0.5, bounds[0]), min(high + 0.5, bounds[1])
    step = _round_step((high - low) / min(max(count, 2), 5))
    ticks = tuple(round(step * n, 10) for n in range(math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9) + 1))
    ticks = tuple(tick for tick in ticks if bounds[0] - 1e-9 <= tick <= bounds[1] + 1e-9)
    return Scale(min(ticks[0], low), max(ticks[-1], high), ticks, tuple(write(tick, step) for tick in ticks))


def dots(
    points: Sequence[Point], scale: Scale, width: int, *, reference: float | None = None, reference_label: str = ""
) -> Spec:
    """One row per group: the figure as a dot, its interval as a whisker, figure and count in words beside it."""
    narrow = width <= NARROW
    step = 46 if narrow else 30
    left = 0 if narrow else _column(points)
    side = 0 if narrow else _side(points)
    right = width - side - (0 if narrow else 64)
    x = {"type": "quantitative", "scale": {"domain": scale.domain, "range": [left + 16, right - 16], "zero": False}}
    drop = {"yOffset": 9} if narrow else {}
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "color": ACCENT, "opacity": 0.55, "strokeWidth": 3, "clip": True, **drop},
            "encoding": {"x": {"field": "low", **x, "axis": {**scale.axis, "grid": True}}, "x2": {"field": "high"}},
        },
        {
            "mark": {"type": "point", "filled": True, "opacity": 1, "color": ACCENT, "size": 90, **drop},
            "encoding": {"x": {"field": "value", **x}},
        },
        _words("label", 0, "left", **_raise(narrow)),
        _words("text", width - side, "right", fontWeight=600, **_raise(narrow)),
    ]
    if not narrow:
        layers.append(_words("beside", width, "right", fill=MUTED))
    if reference is not None:
        layers[:0] = _reference_line(reference, reference_label, x)
    return {
        "width": width,
        "height": step * len(points),
        "data": {"values": [point.row | {"order": order} for order, point in enumerate(points)]},
        "encoding": {"y": _ROWS},
        "layer": layers,
    }


def _reference_line(value: float, label: str, x: Spec) -> list[Spec]:
    data = {"data": {"values": [{"reference": value, "label": label}]}}
    place = {"x": {"field": "reference", **x}}
    return [
        {
            **data,
            "mark": {"type": "rule", "strokeDash": [3, 3], "color": MUTED},
            "encoding": {**place, "y": {"value": 0}, "y2": {"value": "height"}},
        },
        {
            **data,
            "mark": {"type": "text", "align": "center", "fill": MUTED, "dy": -8},
            "encoding": {**place, "y": {"value": 0}, "text": {"field": "label"}},
        },
    ]


def bars(points: Sequence[Point], scale: Scale, width: int) -> Spec:
    """One bar per group from zero, with the figure in words at its side; for what happened, which has no interval."""
    narrow = width <= NARROW
    left = 0 if narrow else _column(points)
    side = 0 if narrow else _side(points)
    right = width - side - (0 if narrow else 76)
    x = {"type": "quantitative", "scale": {"domain": scale.domain, "range": [left, right]}, "axis": None}
    drop = {"yOffset": 9} if narrow else {}
    layers = [
        {
            "mark": {"type": "bar", "height": 14, **drop},
            "encoding": {"x": {"field": "value", **x}, "x2": {"datum": 0}, "color": _own_colour("colour")},
        },
        _words("label", 0, "left", **_raise(narrow)),
        _words("text", width - side, "right", fontWeight=600, **_raise(narrow)),
    ]
    if side:
        layers.append(_words("beside", width, "right", fill=MUTED))
    return {
        "width": width,
        "height": (44 if narrow else 28) * len(points),
        "data": {"values": [p.row | {"order": order, "colour": p.colour} for order, p in enumerate(points)]},
        "encoding": {"y": _ROWS},
        "layer": layers,
    }


def waterfall(steps: Sequence[Point], scale: Scale, width: int) -> Spec:
    """How amounts add up to a total: each step begins where the last one ended; a step without ``low`` is a total.

    ``value`` is where a step ends and ``low`` where it begins.
    """
    rows = [Point(p.label, p.value, p.low or 0.0, p.high, p.text, p.beside, colour=p.colour) for p in steps]
    spec = bars(rows, scale, width)
    spec["layer"][0]["encoding"]["x2"] = {"field": "low"}
    return spec


def lines(points: Sequence[Point], scale: Scale, times: Scale, width: int, *, height: int = 200) -> Spec:
    """Figures over time with their interval as a band; one panel for each group, the last figure in words."""
    panels = list(dict.fromkeys(point.panel for point in points))
    columns = min(len(panels), 2 if width <= NARROW else 3)
    each = (width - 48 - 20 * (columns - 1)) // columns
    height = height if len(panels) == 1 else 110
    x = {"field": "at", "type": "temporal", "scale": {"type": "utc", "domain": times.domain}, "axis": _time_axis(times)}
    axis = {**scale.axis, "grid": True, "minExtent": 44, "maxExtent": 44}
    y = {"type": "quantitative", "scale": {"domain": scale.domain, "zero": False}, "axis": axis}
    layers = [
        {
            "mark": {"type": "area", "color": ACCENT, "opacity": 0.18, "clip": True},
            "encoding": {"x": x, "y": {"field": "low", **y}, "y2": {"field": "high"}},
        },
        {
            "mark": {"type": "line", "color": ACCENT, "strokeWidth": 2.5, "clip": True},
            "encoding": {"x": x, "y": {"field": "value", **y}},
        },
        {
            "transform": [{"filter": "datum.is_last"}],
            "mark": {"type": "point", "filled": True, "opacity": 1, "color": ACCENT, "size": 60},
            "encoding": {"x": x, "y": {"field": "value", **y}},
        },
        {
            "transform": [{"filter": "datum.is_last"}],
            "mark": {"type": "text", "align": "right", "dy": -14, "fontWeight": 600, "fontSize": 13},
            "encoding": {"x": x, "y": {"field": "value", **y}, "text": {"field": "text"}},
        },
    ]
    lasts = _lasts(points)
    rows = {"values": [point.row | {"is_last": point.at == lasts.get(point.panel)} for point in points]}
    if len(panels) == 1:
        return {"width": each, "height": height, "data": rows, "layer": layers}
    header = {"labelFontWeight": 600, "labelLimit": each}
    facet = {"field": "panel", "type": "nominal", "sort": panels, "header": header}
    spec = {"width": each, "height": height, "layer": layers}
    return {"data": rows, "facet": facet, "columns": columns, "spacing": 20, "spec": spec}


def _lasts(points: Sequence[Point]) -> dict[str, date]:
    """The last time with a figure in each panel."""
    lasts: dict[str, date] = {}
    for point in points:
        if point.at and point.value is not None:
            lasts[point.panel] = max(point.at, lasts.get(point.panel, point.at))
    return lasts


def _time_axis(times: Scale) -> Spec:
    values = list(times.ticks)
    return {
        "values": values,
        "labelExpr": _lookup(times.ticks, times.labels, "time(datum.value)"),
        "grid": False,
        "labelFlush": True,
    }


def shares(row: Mapping[str, tuple[float, str]], width: int, names: Mapping[str, str]) -> Spec:
    """The three shares of one group as one bar under their names; a share and the share in words for each band."""
    words = [{"order": 0, "text": f"{names[band]} {row[band][1]}"} for band in BANDS]
    layers: list[Spec] = [_stack(_width_scale(0, width), 22, 10)]
    for word, (place, align) in zip(words, _places(0, width), strict=True):
        layers.append({"data": {"values": [word]}, **_words("text", place, align, yOffset=-12, fontWeight=600)})
    return {
        "width": width,
        "height": 46,
        "data": {"values": _parts(row, 0)},
        "encoding": {"y": _ROWS},
        "layer": layers,
    }


def shares_by_group(
    rows: Sequence[tuple[str, Mapping[str, tuple[float, str]]]], width: int, names: Sequence[str]
) -> Spec:
    """The three shares of each group as a bar with the shares written in it; the names of the bands once, on top."""
    narrow = width <= NARROW
    left = 0 if narrow else _column_of([label for label, _ in rows])
    parts = [part | {"label": label} for order, (label, row) in enumerate(rows) for part in _parts(row, order)]
    x = _width_scale(left, width)
    down = 9 if narrow else 0
    fitting = [{**part, "middle": (part["start"] + part["end"]) / 2} for part in parts if part["share"] > 0.09]
    layers: list[Spec] = [
        _stack(x, 18, down),
        {
            "data": {"values": fitting},
            "mark": {"type": "text", "yOffset": down, "fontSize": 11},
            "encoding": {
                "x": {"field": "middle", **x},
                "text": {"field": "text"},
                "color": {"field": "on", "type": "nominal", "scale": None},
            },
        },
        {"data": {"values": parts[::3]}, **_words("label", 0, "left", **_raise(narrow))},
    ]
    for name, (place, align) in zip(names, _places(left, width), strict=True):
        head = {"type": "text", "align": align, "fontWeight": 600}
        layers.append(
            {
                "data": {"values": [{"name": name}]},
                "mark": head,
                "encoding": {"x": {"value": place}, "y": {"value": -10}, "text": {"field": "name"}},
            }
        )
    return {
        "width": width,
        "height": (44 if narrow else 26) * len(rows),
        "data": {"values": parts},
        "encoding": {"y": _ROWS},
        "layer": layers,
    }


def _parts(row: Mapping[str, tuple[float, str]], order: int) -> list[Spec]:
    parts: list[Spec] = []
    start = 0.0
    for band, colour in BANDS.items():
        share, text = row[band]
        on = ON_PASSIVE if band == "passive" else PAPER
        place = {"start": start, "end": start + share, "share": share}
        parts.append({"order": order, **place, "text": text, "colour": colour, "on": on})
        start += share
    return parts


def _stack(x: Spec, height: int, down: int) -> Spec:
    return {
        "mark": {"type": "bar", "height": height, "yOffset": down, "stroke": PAPER, "strokeWidth": 1},
        "encoding": {"x": {"field": "start", **x}, "x2": {"field": "end"}, "color": _own_colour("colour")},
    }


def _width_scale(left: float, right: float) -> Spec:
    return {"type": "quantitative", "scale": {"domain": [0, 1], "range": [left, right]}, "axis": None}


def _places(left: float, right: float) -> list[tuple[float, str]]:
    return [(left, "left"), ((left + right) / 2, "center"), (right, "right")]


def columns(points: Sequence[Point], width: int, *, height: int = 130) -> Spec:
    """Upright bars in the order given, each with its figure above and its name below: a distribution."""
    most = max((point.value or 0 for point in points), default=0) or 1
    x = {
        "field": "order",
        "type": "ordinal",
        "scale": {"paddingInner": 0.18, "paddingOuter": 0.1},
        "axis": {
            "labelAngle": 0,
            "labelExpr": _lookup(range(len(points)), [point.label for point in points], "datum.value"),
        },
    }
    y = {"field": "value", "type": "quantitative", "scale": {"domain": [0, most]}, "axis": None}
    return {
        "width": width,
        "height": height,
        "data": {"values": [point.row | {"order": n, "colour": point.colour} for n, point in enumerate(points)]},
        "encoding": {"x": x, "y": y},
        "layer": [
            {"mark": "bar", "encoding": {"color": _own_colour("colour")}},
            {
                "mark": {"type": "text", "dy": -9, "fontSize": 11 if width <= NARROW else 12},
                "encoding": {"text": {"field": "text"}},
            },
        ],
    }


def cohorts(
    cells: Sequence[Mapping[str, Any]], rows: Sequence[str], steps: Sequence[int], width: int, head: str
) -> Spec:
    """A triangle of shares: a row per cohort, a column per period since; the stronger the tint, the higher the share.

    A cell holds ``row`` and ``column`` (places in ``rows`` and ``steps``), ``value`` (0 to 1) and ``text``.
    """
    left = 66 if width <= NARROW else 110
    most = max((cell["value"] for cell in cells), default=1.0) or 1.0
    tinted = [{**cell, "tint": 0.06 + 0.94 * cell["value"] / most} for cell in cells]
    x = {
        "field": "column",
        "type": "ordinal",
        "scale": {"domain": list(range(len(steps))), "range": [left, width], "paddingInner": 0.06},
        "axis": {
            "orient": "top",
            "labelAngle": 0,
            "labelExpr": _lookup(range(len(steps)), list(map(str, steps)), "datum.value"),
        },
    }
    y = {
        "field": "row",
        "type": "ordinal",
        "scale": {"type": "band", "domain": list(range(len(rows))), "paddingInner": 0.08},
        "axis": None,
    }
    names = [{"row": number, "label": label} for number, label in enumerate(rows)]
    strong = {"test": "datum.tint > 0.6", "value": PAPER}
    return {
        "width": width,
        "height": 26 * len(rows),
        "data": {"values": tinted},
        "encoding": {"y": y},
        "layer": [
            {
                "mark": {"type": "rect", "color": ACCENT},
                "encoding": {"x": x, "opacity": {"field": "tint", "type": "quantitative", "scale": None}},
            },
            {
                "mark": {"type": "text", "fontSize": 10 if width <= NARROW else 12},
                "encoding": {"x": x, "text": {"field": "text"}, "color": {"condition": strong, "value": INK}},
            },
            {"data": {"values": names}, **_words("label", 0, "left")},
            {
                "data": {"values": [{"row": 0, "label": head}]},
                "mark": {"type": "text", "align": "left", "fill": MUTED},
                "encoding": {"x": {"value": 0}, "y": {"value": -14}, "text": {"field": "label"}},
            },
        ],
    }


def _own_colour(field: str) -> Spec:
    return {"field": field, "type": "nominal", "scale": None}


def _words(field: str, place: float, align: str, **mark: Any) -> Spec:
    return {
        "mark": {"type": "text", "align": align, **mark},
        "encoding": {"x": {"value": place}, "text": {"field": field}},
    }


def _raise(narrow: bool) -> Spec:
    return {"yOffset": -11} if narrow else {}


def _column(points: Sequence[Point]) -> int:
    return _column_of([point.label for point in points])


def room(points: Sequence[Point], width: int) -> int:
    """What names and counts leave of the width for the figures themselves."""
    return width if width <= NARROW else width - _column(points) - _side(points) - 64


def _side(points: Sequence[Point]) -> int:
    """Room for the counts in words at the right."""
    longest = max((len(point.beside) for point in points), default=0)
    return 16 + 7 * longest if longest else 0


def _column_of(labels: Sequence[str]) -> int:
    """Width of the column of names: as wide as its longest name, within reason."""
    return min(260, max(80, 16 + 7 * max(map(len, labels), default=0)))


def _lookup(values: Sequence[float], labels: Sequence[str], name: str) -> str:
    return f"{json.dumps(list(labels))}[indexof({json.dumps(list(values))}, {name})]"


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if step <= power * factor * 1.0001)
