"""Charts: results in, Vega-Lite specifications out (plain dictionaries), drawn as SVG.

chart = draw(measures.nps(facts, by="touchpoint"))
chart.spec, chart.svg(), chart.table

Which kind a chart is follows from the figures: over time a line with its interval as a band, in groups sorted dots with
whiskers, the Net Promoter Score always with its three shares and the eleven bars, cohorts as a triangle. No pies, no
third dimension, no second axis, no legend: names stand where the eye is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saydo.result import Result

WIDE, NARROW = 680, 340


@dataclass(frozen=True)
class Grid:
    """The figures of a chart as a table of texts, for those who would rather read them."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1  # how many of the first columns are names and no figures


@dataclass(frozen=True)
class Chart:
    """A picture of figures: its specification, and in words what it is and what it shows."""

    spec: Mapping[str, Any]
    title: str
    description: str
    table: Grid

    def svg(self) -> str:
        """One SVG element, announced with title and description; the page decides on light or dark."""
        from saydo.charts.look import draw_svg

        return draw_svg(self.spec, self.title, self.description)

    def _repr_svg_(self) -> str:
        return self.svg()


def draw(result: Result, width: int = WIDE, **marks: Any) -> Chart:
    """The chart that suits the figures; ``marks`` are a ``reference`` value and its ``reference_label`` for groups."""
    from saydo.charts.kinds import chart_of

    return chart_of(result, width, **marks)


__all__ = ["NARROW", "WIDE", "Chart", "Grid", "draw"]
