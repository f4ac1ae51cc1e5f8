"""The measures: every named figure that Saydo knows, one file each.

This list is what the terminal, the pages, the API, the report and the docs read. `find` gives one by name. A package of
somebody else's adds its own by the entry point ``saydo.measures``, each leading to a `Measure`.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from saydo.errors import UnknownMeasure, nearest
from saydo.measures._measure import HIDE_BELOW, Figures, Measure
from saydo.measures.acquisition import acquisition
from saydo.measures.cost_to_serve import cost_to_serve
from saydo.measures.earned_growth import earned_growth
from saydo.measures.margin import margin
from saydo.measures.nps import nps
from saydo.measures.nps_change import nps_change
from saydo.measures.payment_incidents import payment_incidents
from saydo.measures.promises_kept import promises_kept
from saydo.measures.repeat_rate import repeat_rate
from saydo.measures.response import response
from saydo.measures.retention import retention
from saydo.measures.return_reasons import return_reasons
from saydo.measures.returns_rate import returns_rate
from saydo.measures.rfm import rfm
from saydo.measures.said_when_broken import said_when_broken
from saydo.measures.satisfaction import satisfaction

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        acquisition,
        cost_to_serve,
        earned_growth,
        margin,
        nps,
        nps_change,
        payment_incidents,
        promises_kept,
        repeat_rate,
        response,
        retention,
        return_reasons,
        returns_rate,
        rfm,
        said_when_broken,
        satisfaction,
    )
}
MEASURES.update({found.name: found.load() for found in entry_points(group="saydo.measures")})


def find(name: str) -> Measure:
    """The measure of that name; raises `UnknownMeasure`."""
    if name not in MEASURES:
        raise UnknownMeasure(name=name, choices=nearest(name, MEASURES))
    return MEASURES[name]


__all__ = [
    "HIDE_BELOW",
    "MEASURES",
    "Figures",
    "Measure",
    "acquisition",
    "cost_to_serve",
    "earned_growth",
    "find",
    "margin",
    "nps",
    "nps_change",
    "payment_incidents",
    "promises_kept",
    "repeat_rate",
    "response",
    "retention",
    "return_reasons",
    "returns_rate",
    "rfm",
    "said_when_broken",
    "satisfaction",
]
