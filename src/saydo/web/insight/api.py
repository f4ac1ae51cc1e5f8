"""Measures for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, get_args, get_origin

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from saydo.charts.cells import tell
from saydo.language import mark, translate
from saydo.measures import MEASURES, Measure, find, names_a_person, splits_of
from saydo.result import Result
from saydo.web import answers, feed
from saydo.web.accounts.actions import note
from saydo.web.keys import demand, may_here
from saydo.web.problems import Problem, json_response
from saydo.web.rights import needs

router = Router()
_OURS = ("by", "as_of")
_PATIENCE = 20  # seconds; what takes longer goes on, and is there when it is asked for again


class Setting(Schema):
    name: str
    type: str = Field(..., examples=["date"])
    choices: list[str] = Field(..., description="What it can be; empty if anything of its type.")
    default: Any = None


class Figure(Schema):
    """A measure, as the list has it."""

    name: str = Field(..., examples=["nps"])
    title: str
    question: str
    definition: str
    cautions: list[str]
    unit: str = Field(..., examples=["points"])
    good: str = Field(..., description="The direction that is good news: high, low or neither.")
    headline: str = Field(..., description="The column to show first.")
    count: str = Field(..., description="The column that says how many it stands on.")
    low: str = Field(..., description="The column of the interval's lower end; empty for a census.")
    high: str
    reads: list[str] = Field(..., description="Tables that it cannot do without.")
    settings: list[Setting]
    splits: list[str] = Field(..., description="What `by` can be with the facts at hand.")
    lists_people: bool = Field(..., description="Without `by` its rows are customers; needs see_identities.")


class Figures(Schema):
    items: list[Figure]


class Answer(Schema):
    """The figures of one measure: a record per group, the columns of `by` first."""

    name: str
    question: str
    sentence: str | None = Field(..., description="The figure in words, where it is but one.")
    as_of: datetime = Field(..., description="Everything in it was known before this moment.")
    currency: str | None
    by: list[str]
    settings: dict[str, Any]
    headline: str
    records: list[dict[str, Any]]
    notes: list[str] = Field(..., description="What a reader must know beside the figures.")


class Asked(Schema):
    by: str = Field("", max_length=400, description="Splits, with commas.", examples=["month", "touchpoint,country"])
    as_of: str | None = Field(None, max_length=40, description="As known before this day or time.")


@router.get("", response=Figures, summary="All measures")
@needs("see_figures")
def list_figures(request: HttpRequest) -> dict[str, Any]:
    """Every measure with its question, its settings and what can split it."""
    return {"items": [_describe(measure) for measure in MEASURES.values()]}


@router.get(
    "/{name}",
    response={200: Answer},
    summary="One measure",
    openapi_extra={
        "parameters": [
            {
                "in": "query",
                "name": "settings",
                "style": "form",
                "explode": True,
                "description": "The measure's own settings, each under its name, such as `since=2024-01-01`.",
                "schema": {"type": "object", "additionalProperties": {"type": "string"}},
                "example": {"since": "2024-01-01"},
            }
        ]
    },
)
@needs("see_figures")
def ask_figure(request: HttpRequest, name: str, asked: Query[Asked]) -> HttpResponse:
    """The figures, with their notes.

    From keys without see_identities a group of fewer than five people is hidden where the figure is of what people
    said, and its dates are set to the first of a month.
    """
    measure = find(name)
    given = {key: value for key, value in request.GET.items() if key not in _OURS}
    knows = may_here(request, "see_identities")
    whole = answers.question(measure, asked.by, asked.as_of or None, given, show_small_groups=knows)
    question = answers.coarsen(whole)
    if question.names_people:
        _demand_people(request)
    result = answers.ask_within(question, _PATIENCE)
    if result is None:
        raise Problem(503, seconds=_PATIENCE)
    if question.names_people or any(map(names_a_person, result.table.column_names)):
        _demand_people(request)
        note(request, mark("seen"), "figures", measure.name, rows=len(result))
    return json_response(_answer(result))


def _demand_people(request: HttpRequest) -> None:
    """A list of persons as a whole is an export of them, whichever door it leaves by."""
    for right in ("see_identities", "export_people"):
        demand(request, right)


def _describe(measure: Measure) -> dict[str, Any]:
    plain = ("name", "unit", "good", "headline", "count", "low", "high", "reads", "lists_people")
    return {
        **{name: getattr(measure, name) for name in plain},
        "title": translate(measure.title),
        "question": translate(measure.question),
        "definition": translate(measure.definition),
        "cautions": [translate(caution) for caution in measure.cautions],
        "settings": [
            _setting(name, kind, default)
            for name, (kind, default) in measure.settings.items()
            if name not in answers.FILES
        ],
        "splits": splits_of(feed.current_facts(), measure.base, measure.at) if feed.version() else [],
    }


def _setting(name: str, kind: Any, default: Any) -> dict[str, Any]:
    options = [option for option in get_args(kind) if option is not type(None)] or [kind]
    plain = options[0]
    chosen = get_args(plain) if get_origin(plain) is Literal else options if get_origin(kind) is Literal else ()
    type_name = "text" if chosen or plain is str else getattr(plain, "__name__", str(plain))
    return {"name": name, "type": type_name, "choices": [str(choice) for choice in chosen], "default": default}


def _answer(result: Result) -> dict[str, Any]:
    records = result.to_records()
    return {
        "name": result.measure.name,
        "question": translate(result.measure.question),
        "as_of": _utc(result.as_of),
        "currency": result.currency,
        "by": list(result.by),
        "settings": dict(result.settings),
        "headline": result.measure.headline,
        "sentence": (tell(result, records[0]) or None) if len(records) == 1 else None,
        "records": [{name: _utc(value) for name, value in row.items()} for row in records],
        "notes": [str(note) for note in result.notes],
    }


def _utc(value: Any) -> Any:
    """Times of the facts are UTC without saying so."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
