"""Whether all is well, for probes and for whoever asks: nothing that a stranger could use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from saydo.language import mark
from saydo.web import feed, outbox
from saydo.web.rights import open_to_all
from saydo.web.worker import is_alive

BEHIND = timedelta(minutes=10)  # a feed that has not taken a change in for longer is taken for stuck


def is_database_well() -> bool:
    """Does the database answer?"""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone())


def is_feed_well() -> bool:
    """Are figures in line with what was written a while ago?"""
    waiting = outbox.untaken(feed.READER, most=1)
    return not waiting or waiting[0].at > timezone.now() - BEHIND


CHECKS: dict[str, tuple[Callable[[], bool], str]] = {
    "database": (is_database_well, mark("the database")),
    "worker": (is_alive, mark("the background work")),
    "feed": (is_feed_well, mark("the copy that figures are read from")),
}


@never_cache
@open_to_all
def health(request: HttpRequest) -> HttpResponse:
    """``ok``, or what is not; the status is 503 then, so that a probe need not read."""
    wrong = [name for name, (is_well, _) in CHECKS.items() if not _ask(is_well)]
    status = 503 if wrong else 200
    if not request.accepts("text/html") or request.headers.get("Accept", "*/*") == "*/*":
        return JsonResponse({"ok": not wrong, "wrong": wrong}, status=status)
    return render(request, "health.html", {"wrong": [CHECKS[name][1] for name in wrong]}, status=status)


def _ask(is_well: Callable[[], bool]) -> bool:
    try:
        return is_well()
    except DatabaseError:
        return False
