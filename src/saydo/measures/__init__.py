"""The measures: every named figure that Saydo knows, one file each.

This list is what the terminal, the pages, the API, the report and the docs read. `find` gives one by name. A package of
somebody else's adds its own by the entry point ``saydo.measures``, each leading to a `Measure`.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from saydo.errors import UnknownMeasure, nearest
from saydo.measures._measure import HIDE_BELOW, Figures, Measure, names_a_person
from saydo.measures._split import TIME_UNITS, splits_of
from saydo.measures.acquisition import acquisition
from saydo.measures.at_risk import at_risk
from saydo.measures.contract_renewals import contract_renewals
from saydo.measures.contract_value import contract_value
from saydo.measures.cost_to_serve import cost_to_serve
from saydo.measures.cut_points import cut_points
from saydo.measures.drivers import drivers
from saydo.measures.earned_growth import earned_growth
from saydo.measures.lifetime_value import lifetime_value
from saydo.measures.loyalty_curve import loyalty_curve
from saydo.measures.margin import margin
from saydo.measures.nps import nps
from saydo.measures.nps_change import nps_change
from saydo.measures.payment_incidents import payment_incidents
from saydo.measures.promise_cost import promise_cost
from saydo.measures.promise_effect import promise_effect
from saydo.measures.promises_kept import promises_kept
from saydo.measures.recovery import recovery
from saydo.measures.referral_value import referral_value
from saydo.measures.referred import referred
from saydo.measures.referrers import referrers
from saydo.measures.repeat_rate import repeat_rate
from saydo.measures.repurchase_check import repurchase_check
from saydo.measures.repurchase_model import repurchase_model
from saydo.measures.response import response
from saydo.measures.retention import retention
from saydo.measures.return_reasons import return_reasons
from saydo.measures.returns_rate import returns_rate
from saydo.measures.rfm import rfm
from saydo.measures.said_when_broken import said_when_broken
from saydo.measures.satisfaction import satisfaction
from saydo.measures.say_do import say_do
from saydo.measures.score_value import score_value
from saydo.measures.spend_model import spend_model
from saydo.measures.telling_words import telling_words
from saydo.measures.themes import themes

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        acquisition,
        at_risk,
        contract_renewals,
        contract_value,
        cost_to_serve,
        drivers,
        cut_points,
        earned_growth,
        lifetime_value,
        loyalty_curve,
        margin,
        nps,
        nps_change,
        payment_incidents,
        promise_cost,
        promise_effect,
        promises_kept,
        recovery,
        referral_value,
        referred,
        referrers,
        repeat_rate,
        repurchase_check,
        repurchase_model,
        response,
        retention,
        return_reasons,
        returns_rate,
        rfm,
        said_when_broken,
        satisfaction,
        say_do,
        score_value,
        spend_model,
        telling_words,
        themes,
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
    "TIME_UNITS",
    "Figures",
    "Measure",
    "acquisition",
    "at_risk",
    "contract_renewals",
    "contract_value",
    "cost_to_serve",
    "cut_points",
    "drivers",
    "earned_growth",
    "find",
    "lifetime_value",
    "loyalty_curve",
    "margin",
    "names_a_person",
    "nps",
    "nps_change",
    "payment_incidents",
    "promise_cost",
    "promise_effect",
    "promises_kept",
    "recovery",
    "referral_value",
    "referred",
    "referrers",
    "repeat_rate",
    "repurchase_check",
    "repurchase_model",
    "response",
    "retention",
    "return_reasons",
    "returns_rate",
    "rfm",
    "said_when_broken",
    "satisfaction",
    "say_do",
    "score_value",
    "spend_model",
    "splits_of",
    "telling_words",
    "themes",
]
