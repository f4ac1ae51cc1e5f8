"""The register of promises: what we promise, how often it is kept, and what is behind the figures."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast
from zoneinfo import ZoneInfo

import pyarrow.compute as pc
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from saydo.charts import NARROW, WIDE, draw
from saydo.errors import SaydoError
from saydo.language import mark, translate
from saydo.result import Result
from saydo.web import feed
from saydo.web.accounts.actions import note
from saydo.web.accounts.models import Company, User
from saydo.web.answers import Question, ask_within, keep_text, question
from saydo.web.paging import page_number
from saydo.web.promises.actions import write_promise
from saydo.web.promises.forms import MADE_TO, PromiseForm
from saydo.web.promises.models import Commitment, Promise
from saydo.web.rights import may, needs

_PAGE = 50
_MAY_BE_EMPTY = ("customer_id", "touchpoint_id", "due_at", "fulfilled_at", "order_id")  # columns of the list
_COMPUTING = mark("The figures are being computed. Look again in a minute.")
_PATIENCE = 8.0  # seconds to wait for a figure with the page
STATES = {
    "broken": mark("broken"),
    "kept": mark("kept"),
    "open": mark("not due yet"),
    "withdrawn": mark("withdrawn"),
}


@needs("see_figures")
def promises(request: HttpRequest) -> HttpResponse:
    """All that we promise, the worst kept first."""
    sought = request.GET.get("q", "").strip()
    kept, reason = _ask(question("promises_kept", by=("promise",)))
    figures = {row["promise"]: row for row in kept.to_records()} if kept else {}
    rows = [(promise, figures.get(promise.pk)) for promise in Promise.objects.all()]
    if sought:
        rows = [row for row in rows if sought.casefold() in _text(row[0])]
    rows.sort(key=_worst_first)
    judged = [row for row in rows if row[1] and row[1]["judged"]]
    shown = {
        "rows": rows,
        "worst": judged[0] if judged else None,
        "sought": sought,
        "made_to": MADE_TO,
        "reason": reason,
        "as_of": kept.as_of if kept else None,
    }
    return render(request, "promises/promises.html", shown)


def _text(promise: Promise) -> str:
    parts = (promise.pk, promise.statement, promise.standard, promise.owner, promise.touchpoint_id)
    return " ".join(part for part in parts if part).casefold()


def _worst_first(row: tuple[Promise, dict[str, Any] | None]) -> tuple[bool, float, str]:
    rate = row[1]["kept_rate"] if row[1] else None
    return rate is None, rate or 0.0, row[0].pk


@needs("see_figures")
def promise(request: HttpRequest, name: str) -> HttpResponse:
    """One promise: how often it was kept, over time, how late the rest came, and each time it was given."""
    found = get_object_or_404(Promise, pk=name)
    shown: dict[str, Any] = {"promise": found, "made_to": MADE_TO.get(found.made_to or "", "")}
    whole, shown["reason"] = _ask(question("promises_kept", by=("promise",)))
    shown["figure"] = _only(whole, name).to_records()[0] if whole and len(_only(whole, name)) else None
    shown["charts"] = _charts(name)
    if may(request.user, "see_identities"):
        shown |= _given(request, found)
    template = "promises/given.html" if request.htmx else "promises/promise.html"  # type: ignore[attr-defined]
    return render(request, template, shown)


def _ask(asked: Question, seconds: float = _PATIENCE) -> tuple[Result | None, str]:
    """The answer, or why there is none."""
    if not feed.version():
        return None, translate("Nothing was loaded yet.")
    try:
        found = ask_within(asked, seconds)
    except SaydoError as error:
        return None, str(error)
    return found, "" if found else translate(_COMPUTING)


def _only(result: Result, name: str) -> Result:
    """The figures of one promise, without its name."""
    table = result.table.filter(pc.equal(result.table["promise"], name)).drop_columns(["promise"])
    return replace(result, table=table, by=tuple(split for split in result.by if split != "promise"))


def _charts(name: str) -> list[tuple[str, str]]:
    """The share kept, month by month with its band, drawn for wide and narrow screens; none of less than two months."""
    asked = question("promises_kept", by=("promise", "month"))
    months, _ = _ask(asked)
    own = _only(months, name) if months else None
    if own is None or len(own) < 2:
        return []
    return [
        (shape, keep_text(asked, f"{_safe(name)}.{shape}.svg", partial(_draw, own, width)))
        for shape, width in (("wide", WIDE), ("narrow", NARROW))
    ]


def _draw(result: Result, width: int) -> str:
    return draw(result, width).svg()


def _safe(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _known_until() -> datetime:
    """The moment up to which the figures know what happened, so that the list agrees with them."""
    return feed.current_facts().as_of.replace(tzinfo=UTC) if feed.version() else timezone.now()


def _given(request: HttpRequest, found: Promise) -> dict[str, Any]:
    """The times that it was given, newest first, those of one state or all."""
    state, now = request.GET.get("state", ""), _known_until()
    number = page_number(request)
    rows = Commitment.in_state(state, now) if state in STATES else Commitment.objects.all()
    rows = rows.filter(promise_id=found.pk).order_by("-made_at", "-pk")
    start = (number - 1) * _PAGE
    keys = list(rows.values_list("pk", flat=True)[start : start + _PAGE + 1])  # pages far back pass over keys alone
    shown = Commitment.objects.select_related("order", "customer__person").in_bulk(keys)
    given = [shown[key] for key in keys if key in shown]
    zone = ZoneInfo(Company.here().zone)
    for row in given[:_PAGE]:
        row.state = row.state_at(now)  # type: ignore[attr-defined]
        late = (row.fulfilled_at - row.due_at).total_seconds() / 86400 if row.fulfilled_at and row.due_at else None
        row.days_late = round(late, 1) if late is not None and late > 0 else None  # type: ignore[attr-defined]
        for name in ("made_at", "due_at", "fulfilled_at"):
            value = getattr(row, name)
            setattr(row, name, value.astimezone(zone) if value else None)
    note(request, mark("listed"), "commitments", found.pk, found=len(given[:_PAGE]))
    return {
        "given": given[:_PAGE],
        "tells": {name: any(getattr(row, name) for row in given) for name in _MAY_BE_EMPTY},
        "state": state if state in STATES else "",
        "states": STATES,
        "as_of": now.astimezone(zone) - timedelta(microseconds=1),
        "number": number,
        "newer": number - 1,
        "older": number + 1 if len(given) > _PAGE else 0,
    }


@needs("see_figures")
def cost(request: HttpRequest, name: str) -> HttpResponse:
    """What breaking this promise costs: a piece of its page, fetched when somebody asks, for it takes a while."""
    found = get_object_or_404(Promise, pk=name)
    result, reason = _ask(question("promise_cost"), 2.0 if request.htmx else 60.0)  # type: ignore[attr-defined]
    rows = _only(result, name).to_records() if result else []
    shown = {
        "promise": found,
        "cost": rows[0] if rows else None,
        "currency": result.currency if result else None,
        "notes": result.notes if result else (),
        "is_computing": result is None and reason == translate(_COMPUTING),
        "reason": reason,
    }
    page = "promises/cost.html" if request.htmx else "promises/cost_page.html"  # type: ignore[attr-defined]
    return render(request, page, shown)


@needs("serve_customers")
def edit(request: HttpRequest, name: str = "") -> HttpResponse:
    """Write a promise into the register, or mend what stands there."""
    found = get_object_or_404(Promise, pk=name) if name else Promise()
    form = PromiseForm(request.POST or None, initial=PromiseForm.of(found) if name else None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            write_promise(form.put_into(found), cast("User", request.user))
            note(request, mark("changed") if name else mark("added"), "promises", found.pk, fields=form.changed_data)
        messages.success(request, translate("The promise stands in the register."))
        if may(request.user, "see_figures"):
            return redirect("promise", found.pk)
        return redirect("customers")
    return render(request, "promises/edit.html", {"form": form, "promise": found if name else None})
