"""Kinds of companies, what is asked of them, and what a case is.

A kind of company is a plan of the simulator. Of `PLAIN` and `HOUSE` every truth follows from the plan alone. `LIVED` is
the realistic company with all of its traps: there too some truths follow from the plan, others are those of one company
of two million customers with the same plan, counted by the simulator or, where it does not count them, measured. Of
`HARM` and `PLACEBO` it is known what a late parcel does, and that distance and size mislead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from saydo.simulate import NO_EFFECT, PLAIN_ANSWERS, PURE_LAPSE, Shop

Row = Mapping[str, Any]
Truth = Callable[[Mapping[str, Any], Row], float | None]  # truth.json and a row of the result: null to leave it out
HOUSES = 100  # shops of the company HOUSE
DEAR_EVERY = 5  # of so many hundreds of companies one is asked what takes long


@dataclass(frozen=True, eq=False)
class Setting:
    """A kind of company: what is planted, the customers of each, and the split whose groups are the companies."""

    name: str
    about: str
    plan: Mapping[str, Any]
    customers: int = 1_000
    part: str = "customers.x_part"


@dataclass(frozen=True, eq=False)
class Ask:
    """One call of a measure, whose result serves several cases. A dear one is asked of one hundred in `DEAR_EVERY`."""

    setting: Setting
    measure: str
    by: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_dear: bool = False


@dataclass(frozen=True)
class Case:
    """A figure with its interval, the rows of the result that are meant, and its truth.

    ``truth`` follows from the plan, or where ``source`` says so from the count of the large company; without it the
    large company is asked the same, or all companies of the simulation as one. ``families``: what is judged is no
    interval but whether any of a company's comparisons is called a change where nothing changed. ``known`` says why a
    case lies outside the goal, ``is_off`` that its estimate cannot but be off the truth: shown, not tested.
    """

    title: str
    ask: Ask
    figure: str
    stem: str
    truth: Truth | None = None
    only: Mapping[str, Any] = field(default_factory=dict)
    source: Literal["plan", "count", "large company", "all companies"] = "plan"
    families: bool = False
    known: str = ""
    is_off: bool = False


PLAIN = Setting(
    "plain",
    "persons only; answers, purchases, lateness and returns have nothing to do with each other",
    {
        **PLAIN_ANSWERS,
        **NO_EFFECT,
        **PURE_LAPSE,
        "segments": tuple(replace(segment, kind="person") for segment in PLAIN_ANSWERS["segments"]),
        "happiness_on_lapse": 0.0,
        "collect_on_score": 0.0,
        "remote_on_score": 0.0,
        "large_on_score": 0.0,
        "slow_answer_on_ces": 0.0,
        "late_base": 0.10,
        "late_by_distance": 0.0,
        "late_by_value": 0.0,
        "bad_week_late": 0.0,
        "pushy_returns": 1.0,
        "anonymous": 0.0,
        "event_invited": 0.6,
    },
)
LIVED = Setting(
    "lived",
    "the simulator's company with all of its traps, but nobody says goodbye (so that who could be asked is known) or "
    "buys without a name (so that every order is some company's)",
    {"leaving": 0.0, "anonymous": 0.0},
)
HOUSE = Setting(
    "house",
    "a shop each, visited twice a month for three years",
    {"shops": tuple(Shop(f"Shop {number}", "Lyon", "FR", 1 / HOUSES) for number in range(HOUSES))},
    customers=0,
    part="touchpoint",
)
HARM = Setting(
    "harm",
    "as lived, but without calls, and everybody is asked after an order: late parcels do harm, and come more often to "
    "those who buy less anyway",
    {**LIVED.plan, "calls": 0.0, "calls_if_late": 0.0, "event_invited": 1.0},
    customers=1_980,  # of a hundred companies together fewer than those of which measures take a part
)
PLACEBO = Setting("placebo", "the same, but late parcels do no harm", {**HARM.plan, **NO_EFFECT}, HARM.customers)
SETTINGS = {setting.name: setting for setting in (PLAIN, LIVED, HOUSE, HARM, PLACEBO)}
