"""The first page: what changed, what to do, whom to call."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from saydo.errors import SaydoError
from saydo.report.story import interval_of, value_of
from saydo.result import Result
from saydo.web import feed
from saydo.web.accounts.actions import note
from saydo.web.alerts.models import Alarm
from saydo.web.alerts.words import tell_alarm
from saydo.web.care.models import Case
from saydo.web.customers.models import Customer, Person
from saydo.web.promises.models import Commitment
from saydo.web.rights import for_everybody_here, may, needs
from saydo.web.today.tasks import calls_of_today, findings_of_today
from saydo.web.voice.models import Feedback

_VOICES = 5
_CALLS = 10
_SECONDS = 2.0  # after which the page asks again instead of waiting


@for_everybody_here
def start(request: HttpRequest) -> HttpResponse:
    """Where each role begins."""
    return redirect("today" if may(request.user, "see_figures") else "customers")


@needs("see_figures")
def today(request: HttpRequest) -> HttpResponse:
    """What changed and what to do."""
    found: dict[str, Any] = {"version": feed.version()}
    if found["version"]:
        found["findings"] = findings_of_today()
        found["work"] = _work()
        found["alarms"] = [
            tell_alarm(alarm) for alarm in Alarm.objects.select_related("alert").filter(seen_at=None)[:3]
        ]
        if may(request.user, "see_identities"):
            found["voices"] = _voices()
            note(request, "read", "feedback", voices=len(found["voices"]))
    return render(request, "today/today.html", found)


@needs("see_identities")
def calls(request: HttpRequest) -> HttpResponse:
    """Whom to call today, with the reason: a piece of the page, because it takes longer than the rest; or a page."""
    found: dict[str, Any] = {}
    try:
        result = calls_of_today(_SECONDS) if feed.version() else None
        found = {"is_making": result is None, "people": _named(result) if result else []}
    except SaydoError as error:
        found = {"reason": str(error)}
    if found.get("people"):
        note(request, "read", "customers", at_risk=len(found["people"]))
    whole = "today/calls.html" if request.htmx else "today/calls_page.html"  # type: ignore[attr-defined]
    return render(request, whole, found)


def _named(result: Result) -> list[dict[str, Any]]:
    """The list with names and telephone numbers, which the facts do not know."""
    records = result.to_records()
    keys = [record["customer_id"] for record in records]
    persons = Person.objects.in_bulk(keys)
    erased = set(Customer.objects.filter(pk__in=keys).exclude(erased_at=None).values_list("pk", flat=True))
    return [
        {
            "key": record["customer_id"],
            "person": persons.get(record["customer_id"]),
            "reason": record["reason"],
            "amount": value_of(result, record),
            "interval": interval_of(result, record),
        }
        for record in records
        if record["customer_id"] not in erased
    ][:_CALLS]


def _work() -> dict[str, int]:
    """What waits: counted in the database, so that it is of this minute."""
    now = timezone.now()
    due = Commitment.in_state("open", now)
    unanswered = Feedback.unhappy().filter(replied_at=None)
    return {
        "due": due.filter(due_at__gte=now, due_at__lt=now + timedelta(days=1)).count(),
        "cases": Case.objects.filter(closed_at=None).count(),
        "unanswered": unanswered.filter(said_at__gte=now - timedelta(days=30)).count(),
    }


def _voices() -> list[Feedback]:
    """The latest words of people who are unhappy, the newest first."""
    said = Feedback.unhappy().filter(customer__isnull=False).exclude(comment=None).exclude(comment="")
    return list(said.select_related("customer__person").order_by("-said_at")[:_VOICES])
