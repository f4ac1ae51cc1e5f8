"""Pages of figures: the list of all measures, one measure with all that can be asked of it, its files, saved views."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc
from babel import dates
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_GET

from saydo import export
from saydo.charts.cells import ends_of, is_figure, show_cell
from saydo.charts.figures import begin, heading, show_group
from saydo.errors import EmptyTable, MissingTable, SaydoError, UnknownMeasure, UnknownSplit
from saydo.language import current_locale, day, mark, translate
from saydo.measures import MEASURES, Measure, find, names_a_person
from saydo.report.single import drawn, foremost, headline
from saydo.report.story import Figure, figure_of, known, notes_of
from saydo.result import Result
from saydo.web import answers, feed
from saydo.web.accounts.actions import note
from saydo.web.accounts.models import User
from saydo.web.insight import actions, forms
from saydo.web.insight.forms import Asked
from saydo.web.insight.tasks import ask_for_figures
from saydo.web.rights import may, needs

PATIENCE = 2.0  # seconds that a reader is kept waiting before being told that it takes longer
ROWS = 100
FORMS: dict[str, tuple[str, Callable[[pa.Table, BinaryIO], None]]] = {
    "csv": ("text/csv; charset=utf-8", export.write_csv),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", export.write_xlsx),
    "parquet": ("application/vnd.apache.parquet", export.write_parquet),
    "json": ("application/json", export.write_json),
}
_SQUARES = (
    mark("What customers say"),
    mark("What we deliver"),
    mark("What customers do"),
    mark("What it earns"),
)
_PEOPLE = mark("This list is of single customers, and your role does not see who they are.")
_SPLIT_IT = mark("Choose a split, and it gives sums of groups.")


@dataclass(frozen=True)
class Row:
    """A measure in the list: its figure if it is kept, else why there is none."""

    measure: Measure
    figure: Figure | None = None
    reason: str = ""


@dataclass(frozen=True)
class Column:
    """A column of the table: its heading, how it is sorted now, and the address that sorts it the other way."""

    name: str
    heading: str
    is_number: bool
    order: str
    link: str


@dataclass(frozen=True)
class Cell:
    text: str
    is_number: bool = False
    link: str = ""

    @property
    def is_long(self) -> bool:
        """Does it need room, so as not to become a tower?"""
        return len(self.text) > 30


# The list


@needs("see_figures")
@require_GET
def figures(request: HttpRequest) -> HttpResponse:
    """All measures by what they are about, each with its figure if it is known; nothing is computed here."""
    searched = str(request.GET.get("q", "")).strip()
    shown = [measure for measure in MEASURES.values() if _is_about(measure, searched.casefold())]
    has_facts = bool(feed.version())
    rows = {measure.name: _row(measure) for measure in shown} if has_facts else {}
    missing = sum(not row.figure and not row.reason for row in rows.values())
    if missing:
        ask_for_figures()
    squares = [
        (name, [rows.get(measure.name, Row(measure)) for measure in shown if _square(measure) == place])
        for place, name in enumerate(_SQUARES)
    ]
    page = {
        "squares": [square for square in squares if square[1]],
        "views": list(actions.views_of(_user(request))),
        "searched": searched,
        "missing": missing,
        "count": len(shown),
        "has_facts": has_facts,
    }
    return render(request, "insight/figures.html", page)


def _is_about(measure: Measure, searched: str) -> bool:
    told = " ".join([measure.name, *map(translate, (measure.title, measure.question, measure.definition))]).casefold()
    return all(word in told for word in searched.split())


def _square(measure: Measure) -> int:
    """Which of the squares a measure is about, from what it counts and in which unit."""
    if measure.base in ("commitments", "promises"):
        return 1
    if measure.said:
        return 0
    return 3 if measure.unit == "money" else 2


def _row(measure: Measure) -> Row:
    facts = feed.current_facts()
    for table in measure.reads:
        if not facts.has(table):
            return Row(measure, reason=translate(mark("It needs the table {table}."), table=table))
    if measure.names_people():
        return Row(measure, reason=translate(mark("A list of customers: open it.")))
    found = answers.find_kept(answers.question(measure))
    if found is None or isinstance(found, SaydoError):
        return Row(measure, reason=str(found or ""))
    records = known(found)
    if not records:
        return Row(measure, reason=translate(mark("Too few people answered for a figure that gives nobody away.")))
    if len(found) == 1:
        return Row(measure, figure_of(found, records[0], label=" "))
    return Row(measure, Figure("", headline(found)))


# One measure


@needs("see_figures")
@require_GET
def figure(request: HttpRequest, name: str) -> HttpResponse:
    """One measure as the address asks for it, in words, picture and table; mistakes are told where they were made."""
    try:
        asked = forms.read_asked(find(name), request.GET)
    except UnknownMeasure as error:
        return render(request, "told.html", {"sentence": str(error)}, status=404)
    if request.META.get("QUERY_STRING", "") and any(value == "" for _, value in request.GET.items()):
        return redirect(f"{request.path}{asked.at()}".rstrip("?"))
    if not feed.version():
        return render(request, "insight/figure.html", {"asked": asked, "measure": asked.measure, "is_empty": True})
    page, status = _answer(request, asked)
    return render(request, "insight/figure.html", _form(request, asked, page) | page, status=status)


def _answer(request: HttpRequest, asked: Asked) -> tuple[dict[str, Any], int]:
    """What the page says of the answer, and its status."""
    try:
        question = _question(request, asked)
        if _is_refused(request, question):
            sentence = translate(_PEOPLE)
            return {"refused": sentence, "way_out": "" if asked.by else translate(_SPLIT_IT)}, 403
        result = answers.ask_within(question, PATIENCE)
    except SaydoError as error:
        is_absent = isinstance(error, (MissingTable, EmptyTable))
        return {"error": error, "is_told": forms.is_at_a_field(error, asked), "is_absent": is_absent}, 400
    if result is None:
        return {"is_waiting": True}, 200
    if _shows_people(result):
        if not may(request.user, "see_identities"):
            raise PermissionDenied
        note(request, "seen", "figures", asked.measure.name, rows=len(result))
    return _tell(request, asked, question, result), 200


def _question(request: HttpRequest, asked: Asked) -> answers.Question:
    knows = may(request.user, "see_identities")
    whole = answers.question(asked.measure, asked.by, asked.as_of or None, asked.settings, show_small_groups=knows)
    return answers.coarsen(whole)


def _is_refused(request: HttpRequest, question: answers.Question) -> bool:
    return question.names_people and not may(request.user, "see_identities")


def _shows_people(result: Result) -> bool:
    return any(map(names_a_person, result.table.column_names))


def _tell(request: HttpRequest, asked: Asked, question: answers.Question, result: Result) -> dict[str, Any]:
    pages = max(1, -(-len(result) // ROWS))
    page = min(asked.page, pages)
    columns = _columns(asked, result)
    return {
        "result": result,
        "headline": headline(result),
        "foremost": foremost(result),
        "picture": _picture(question, result),
        "notes": notes_of(result),
        "as_of": _moment(result.as_of),
        "columns": columns,
        "rows": _cells(result, columns, asked.sort, page),
        "pages": [(number, asked.at(page=number)) for number in range(1, pages + 1)] if pages > 1 else [],
        "page": page,
        "files": [(form, _file_address(asked, form)) for form in FORMS] if _may_take(request, result) else [],
    }


def _moment(as_of: datetime) -> str:
    """A moment of the facts in the company's zone; a midnight is called by its day."""
    facts = feed.current_facts()
    local = as_of.replace(tzinfo=UTC).astimezone(facts.zone)
    if local.time() == time():
        return day(local.date())
    return dates.format_datetime(local, "long", tzinfo=facts.zone, locale=current_locale())


def _picture(question: answers.Question, result: Result) -> dict[str, SafeString | str] | None:
    """Both widths, drawn once for each version of the facts."""
    picture = drawn(result)
    if picture is None:
        return None
    both = {"wide": picture.wide, "narrow": picture.narrow}
    svg = {
        # Vega and `saydo.charts.look` have escaped their texts
        name: mark_safe(answers.keep_text(question, f"{name}.svg", chart.svg))  # noqa: S308
        for name, chart in both.items()
    }
    return {"title": picture.wide.title, **svg}


def _columns(asked: Asked, result: Result) -> list[Column]:
    """The splits, the headline and its count first; ends of intervals stand beside their figure."""
    names = [name for name in result.table.column_names if name != "is_hidden"]
    ends = {end for name in names for end in ends_of(result, name)}
    measure = result.measure
    first = dict.fromkeys([*_telling(result), measure.headline, measure.count])
    rest = [name for name in names if name not in {*first, *ends, *result.by}]
    columns = [_column(asked, result, name) for name in [*first, *rest]]
    met = Counter(column.heading for column in columns)
    return [_told_apart(column) if met[column.heading] > 1 else column for column in columns]


def _told_apart(column: Column) -> Column:
    """Of two columns that people call the same (so many, and their share) the share says so."""
    if not column.name.endswith(("_share", "_rate")):
        return column
    return replace(column, heading=translate(mark("{name}, share"), name=column.heading))


def _telling(result: Result) -> list[str]:
    """Splits that are unknown for all rows tell nothing."""
    return [name for name in result.by if result.table[name].null_count < len(result)]


def _column(asked: Asked, result: Result, name: str) -> Column:
    kind = result.table.schema.field(name).type
    is_number = name not in result.by and (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )
    order = {name: "ascending", f"-{name}": "descending"}.get(asked.sort, "none")
    first = f"-{name}" if is_number else name
    other = {name: f"-{name}", f"-{name}": name}.get(asked.sort, first)
    measure = result.measure
    words = heading(name, measure.name)
    title = translate(measure.title) if name == measure.headline and words == name.replace("_", " ") else begin(words)
    return Column(name, title, is_number, order, asked.at(sort=other, page=1))


def _cells(result: Result, columns: Sequence[Column], sort: str, page: int) -> list[list[Cell]]:
    table = _sorted(result.table, sort).slice((page - 1) * ROWS, ROWS)
    return [[_cell(result, column, record) for column in columns] for record in table.to_pylist()]


def _sorted(table: pa.Table, sort: str) -> pa.Table:
    """The rows by a column, unknown ones last; as they come where the address names none."""
    name = sort.removeprefix("-")
    if name not in table.column_names or not len(table):
        return table
    order = "descending" if sort.startswith("-") else "ascending"
    return table.take(pc.sort_indices(table, sort_keys=[(name, order)]))


def _cell(result: Result, column: Column, record: Mapping[str, Any]) -> Cell:
    value = record[column.name]
    if column.name in result.by or (value is not None and not is_figure(value)):
        return Cell(
            show_group(value, column.name), link=_customer_link(value) if column.name == "customer_id" and value else ""
        )
    return Cell(show_cell(result, column.name, record), column.is_number)


def _customer_link(key: object) -> str:
    try:
        return reverse("customer", args=[key])
    except NoReverseMatch:
        return ""


def _form(request: HttpRequest, asked: Asked, page: Mapping[str, Any]) -> dict[str, Any]:
    """What the page knows before the answer: the form, the words about the measure, the same question elsewhere."""
    error = page.get("error")
    knows = may(request.user, "see_identities")
    facts = feed.current_facts()
    groups = [forms.split_groups(facts, asked, place, may_see_people=knows) for place in range(forms.MOST_SPLITS)]
    others = forms.other_inputs(asked, error)
    return {
        "asked": asked,
        "measure": asked.measure,
        "splits": groups,
        "split_error": str(error) if isinstance(error, UnknownSplit) else "",
        "period": forms.period_inputs(asked, error),
        "others": others,
        "is_open": any(one.name in asked.settings or one.wrong for one in others),
        "api": f"/api/v1/figures/{asked.measure.name}{asked.at(sort='', page=1)}".rstrip("?"),
        "command": forms.command_line(asked, show_small_groups=knows),
        "snippet": forms.snippet(asked, show_small_groups=knows),
        "views": list(actions.views_of(_user(request)).filter(measure=asked.measure.name)),
    }


# Files


@needs("export_figures")
@require_GET
def figure_file(request: HttpRequest, name: str, form: str) -> HttpResponse:
    """Exactly what the page shows, all rows of it, as a file."""
    measure = MEASURES.get(name)
    if measure is None or form not in FORMS:
        return render(request, "404.html", status=404)
    asked = forms.read_asked(measure, request.GET)
    question = _question(request, asked)
    if question.names_people and not _may_take_people(request):
        raise PermissionDenied
    result = answers.ask_within(question, PATIENCE and 10 * PATIENCE)
    if result is None:  # its page tells how far it is, and offers the file again
        return redirect(f"{reverse('figure', args=[name])}{asked.at()}")
    if not _may_take(request, result):
        raise PermissionDenied
    kind, write = FORMS[form]
    out = io.BytesIO()
    write(_sorted(result.table, asked.sort), out)
    note(request, "exported", "figures", name, form=form, rows=len(result))
    headers = {"Content-Disposition": f'attachment; filename="{"-".join([name, *_plain(asked.by)])}.{form}"'}
    return HttpResponse(out.getvalue(), content_type=kind, headers=headers)


def _plain(names: Sequence[str]) -> list[str]:
    return ["".join(sign if sign.isalnum() and sign.isascii() else "_" for sign in name) for name in names]


def _file_address(asked: Asked, form: str) -> str:
    place = reverse("figure_file", args=[asked.measure.name, form])
    return f"{place}{asked.at(page=1)}".rstrip("?")


def _may_take(request: HttpRequest, result: Result) -> bool:
    if not may(request.user, "export_figures"):
        return False
    return not _shows_people(result) or _may_take_people(request)


def _may_take_people(request: HttpRequest) -> bool:
    return may(request.user, "see_identities") and may(request.user, "export_people")


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
