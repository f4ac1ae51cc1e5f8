"""The form of a measure's page, built from what the measure says of itself: its splits, its period, its settings.

What a reader chose stands in the address, under the names that the terminal and the API use too: ``by``, ``as_of`` and
the settings' own. ``sort`` and ``page`` are the table's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlencode

from django.http import QueryDict

from saydo.charts.figures import begin, heading, show_group
from saydo.company import Facts
from saydo.errors import BadSetting, SaydoError, UnknownSplit
from saydo.facts import TABLES
from saydo.language import day, mark, number, translate
from saydo.measures import TIME_UNITS, Measure, names_a_person, splits_of
from saydo.web.answers import FILES

MOST_SPLITS = 2
PERIOD = ("since", "until")
_AMOUNTS = ("decimal", "float")  # every one its own group: no splits
_LABELS = {
    "since": mark("From"),
    "until": mark("Until"),
    "as_of": mark("As known before"),
    "adjust": mark("Take also into account"),
    "at": mark("Day that parts before and after"),
    "calibrate_until": mark("Fit to what happened before"),
    "came_anyway": mark("Share who would have come anyway"),
    "check": mark("Try it on the past"),
    "compare": mark("Compare by"),
    "days": mark("Days"),
    "discount": mark("Discount per year"),
    "each": mark("Count each"),
    "experience": mark("Experience told by"),
    "first": mark("First period"),
    "horizon": mark("Days ahead"),
    "languages": mark("Languages"),
    "lost_after_days": mark("Lost after days"),
    "model": mark("Model"),
    "months": mark("Months followed"),
    "most": mark("Rows at most"),
    "occasion": mark("Occasion"),
    "outcome": mark("What follows"),
    "parts": mark("Parts"),
    "period": mark("Period"),
    "periods": mark("Periods back"),
    "placed": mark("Place a promise by the day it was"),
    "promise": mark("Promise"),
    "quarters": mark("Quarters back"),
    "question": mark("Question"),
    "second": mark("Second period"),
    "seen_by": mark("Seen by"),
    "settled": mark("Days to settle a case"),
    "themes": mark("Themes"),
    "topics": mark("Topics to find"),
    "unit": mark("Unit of time"),
    "wait_days": mark("Days to wait for an answer"),
    "weight": mark("Weight of an answer"),
    "weight_on": mark("Weigh back to the customers by"),
    "years": mark("Years followed"),
    "within": mark("Days to answer a case"),
    "within_days": mark("Within days"),
    "words": mark("Words of each side"),
}
_OPTIONS = {
    "answer": mark("every answer"),
    "each.person": mark("the last answer of each person"),
    "each.customer": mark("customer"),
    "group": mark("group"),
    "frequency": mark("number of repeat purchases"),
    "any": mark("both"),
    "none": mark("all the same"),
    "weight.value": mark("margin of the customer"),
    "reach": mark("people who see it"),
    "account": mark("every firm the same"),
    "nps": mark("recommendation"),
    "csat": mark("satisfaction"),
    "ces": mark("effort"),
    "stars": mark("stars"),
    "day": mark("day"),
    "week": mark("week"),
    "month": mark("month"),
    "quarter": mark("quarter"),
    "year": mark("year"),
    "best": mark("the one that fits best"),
    "due": mark("due"),
    "made": mark("made"),
    "system": mark("our systems"),
    "seen_by.customer": mark("customers"),
    "mystery": mark("mystery visitors"),
    "experience.score": mark("score"),
    "experience.satisfaction": mark("satisfaction"),
    "experience.promises": mark("promises kept"),
    "outcome.score": mark("score"),
    "bought_again": mark("bought again"),
    "margin": mark("margin"),
    "contacts": mark("contacts"),
}
_KINDS: dict[object, tuple[str, str]] = {
    int: ("number", mark("A whole number.")),
    float: ("number", mark("A number; a share is 0.5 for 50 %.")),
    bool: ("yes", ""),
    str: ("text", mark("A text.")),
    date: ("date", ""),
}


@dataclass(frozen=True)
class Asked:
    """What stands in the address: texts as they were typed."""

    measure: Measure
    by: tuple[str, ...] = ()
    as_of: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    sort: str = ""
    page: int = 1

    @property
    def query(self) -> str:
        """The question in its one form, without what the table adds; empty for the question as it comes."""
        pairs = [("by", ",".join(self.by)), ("as_of", self.as_of), *sorted(self.settings.items())]
        return urlencode([pair for pair in pairs if pair[1]], safe=",")

    @property
    def address(self) -> str:
        """The question, and how its table is looked at."""
        more = [("sort", self.sort), ("page", str(self.page) if self.page > 1 else "")]
        return "&".join(filter(None, [self.query, urlencode([pair for pair in more if pair[1]])]))

    def at(self, **changes: Any) -> str:
        """The address with changes, as a link begins."""
        return "?" + replace(self, **changes).address


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    is_chosen: bool = False


@dataclass(frozen=True)
class Input:
    """One field of the form: ``kind`` is select, yes, number, date or text; ``wrong`` why it cannot be so."""

    name: str
    label: str
    kind: str
    value: str = ""
    hint: str = ""
    options: tuple[Option, ...] = ()
    step: str = ""
    wrong: str = ""


@dataclass(frozen=True)
class SplitGroup:
    """Splits of one table, or of time."""

    label: str
    options: tuple[Option, ...]


def read_asked(measure: Measure, query: QueryDict) -> Asked:
    """What the address asks. Empty fields of the form ask nothing; names that nobody knows are left for the measure."""
    by = [part.strip() for text in query.getlist("by") for part in text.split(",")]
    page = query.get("page", "")
    settings = {name: str(query[name]).strip() for name in query if name not in ("by", "as_of", "sort", "page")}
    return Asked(
        measure,
        tuple(dict.fromkeys(filter(None, by))),
        str(query.get("as_of", "")).strip(),
        {name: value for name, value in settings.items() if value and not _is_default(measure, name, value)},
        str(query.get("sort", "")),
        int(page) if page.isdecimal() and len(page) < 9 else 1,
    )


def _is_default(measure: Measure, name: str, value: str) -> bool:
    """A field that was left as it stood says nothing."""
    default = measure.settings[name][1] if name in measure.settings else None
    return default is not None and value == _write(default)


def _write(value: object) -> str:
    """A value as the form and the address write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def period_inputs(asked: Asked, error: SaydoError | None = None) -> list[Input]:
    """Since, until and as of: those that the measure knows."""
    names = [name for name in PERIOD if name in asked.measure.settings]
    inputs = [_input(asked, name, error) for name in names]
    not_counted = translate(mark("That day is not counted."))
    inputs = [replace(one, hint=not_counted) if one.name == "until" else one for one in inputs]
    hint = translate(mark("Today, if left out."))
    label = translate(_LABELS["as_of"])
    return [*inputs, Input("as_of", label, "date", asked.as_of, hint, wrong=_wrong("as_of", error))]


def other_inputs(asked: Asked, error: SaydoError | None = None) -> list[Input]:
    """The measure's other settings."""
    return [_input(asked, name, error) for name in asked.measure.settings if name not in (*PERIOD, *FILES)]


def _input(asked: Asked, name: str, error: SaydoError | None) -> Input:
    type_, default = asked.measure.settings[name]
    label = translate(_LABELS[name]) if name in _LABELS else begin(heading(name))
    wrong = _wrong(name, error)
    known = [option for option in get_args(type_) if option is not type(None)]
    plain = known[0] if known and get_origin(type_) is not Literal else type_
    value = asked.settings.get(name, _write(default))
    if get_origin(plain) is Literal:
        options = [Option(str(one), tell_option(name, one), str(one) == value) for one in get_args(plain)]
        if default is None:
            options.insert(0, Option("", translate(mark("all")), not value))
        return Input(name, label, "select", value, options=tuple(options), wrong=wrong)
    kind, hint = _KINDS.get(plain, ("text", ""))
    step = {int: "1", float: "any"}.get(plain, "")
    return Input(name, label, kind, value, _hint(translate(hint), default), step=step, wrong=wrong)


def _hint(text: str, default: object) -> str:
    if default in (None, "") or isinstance(default, bool):
        return text
    told = number(default, 0 if float(default).is_integer() else 2) if isinstance(default, (int, float)) else default
    told = day(default) if isinstance(default, date) else told
    return f"{text} {translate(mark('{value} if left out.'), value=told)}".strip()


def _wrong(name: str, error: SaydoError | None) -> str:
    return str(error) if isinstance(error, BadSetting) and error.values.get("name") == name else ""


def tell_option(name: str, value: object) -> str:
    """A value of a setting in words."""
    called = _OPTIONS.get(f"{name}.{value}") or _OPTIONS.get(str(value))
    return translate(called) if called else show_group(value, name)


def is_at_a_field(error: SaydoError, asked: Asked) -> bool:
    """Is the mistake told at a field of the form (or does it belong above the page)?"""
    if isinstance(error, UnknownSplit):
        return True
    return isinstance(error, BadSetting) and error.values.get("name") in {*asked.measure.settings, "as_of"} - {*FILES}


def split_groups(facts: Facts, asked: Asked, place: int, *, may_see_people: bool) -> list[SplitGroup]:
    """The splits within reach for the first or second choice, by table; one chosen by address stands among them."""
    chosen = asked.by[place] if place < len(asked.by) else ""
    names = [name for name in _splits(facts, asked.measure) if may_see_people or not names_a_person(name)]
    if chosen and chosen not in names:
        names = [chosen, *names]
    groups: dict[str, list[Option]] = {}
    for name in names:
        table, _, column = name.rpartition(".")
        group = _group_of(name, table, asked.measure)
        groups.setdefault(group, []).append(Option(name, begin(heading(column)), name == chosen))
    return [SplitGroup(label, tuple(options)) for label, options in groups.items()]


def _group_of(name: str, table: str, measure: Measure) -> str:
    if name in TIME_UNITS:
        return translate(mark("Time"))
    return begin(heading(table or measure.base))


def _splits(facts: Facts, measure: Measure) -> Iterator[str]:
    for name in splits_of(facts, measure.base, measure.at):
        table, _, column = name.rpartition(".")
        contract = {one.name: one for one in TABLES[table or measure.base].columns}
        is_amount = column in contract and contract[column].type.startswith(_AMOUNTS)
        is_key = names_a_person(column) and column not in ("customer_id", "account_id")
        if name in TIME_UNITS or not (is_amount or is_key):
            yield name


def command_line(asked: Asked, *, show_small_groups: bool) -> str:
    """The same question for the terminal."""
    from shlex import quote

    parts = ["saydo measure", asked.measure.name, '"$SAYDO_HOME/facts"']
    parts += ["--by " + quote(",".join(asked.by))] if asked.by else []
    parts += ["--as-of " + quote(asked.as_of)] if asked.as_of else []
    parts += [f"--set {quote(f'{name}={value}')}" for name, value in sorted(asked.settings.items())]
    parts += ["--show-small-groups"] if show_small_groups and asked.measure.said else []
    return " ".join(parts)


def snippet(asked: Asked, *, show_small_groups: bool) -> str:
    """The same question for a notebook."""
    parts: list[str] = ["facts"]
    parts += [f"by={','.join(asked.by)!r}"] if asked.by else []
    parts += [f"as_of={asked.as_of!r}"] if asked.as_of else []
    parts += [f"{name}={value!r}" for name, value in sorted(asked.settings.items())]
    parts += ["show_small_groups=True"] if show_small_groups and asked.measure.said else []
    name = asked.measure.name
    lines: Sequence[str] = (
        "import os",
        "import saydo",
        "from saydo.measures import find",
        "",
        'facts = saydo.read(os.environ["SAYDO_HOME"] + "/facts")',
        f'result = find("{name}")({", ".join(parts)})',
        "result.to_pandas()",
    )
    return "\n".join(lines)
