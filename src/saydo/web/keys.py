"""The door for programs: who comes in, with which rights, how often, and the same answer to the same request.

`enter` wraps every view of the API. A program shows a key (``Authorization: Bearer <key>``), a person's browser its
session; both get the rights that a page would ask for (`saydo.web.rights.needs`). A write that names an
``Idempotency-Key`` is done once, in one transaction with its answer, however often it is sent.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import wraps
from typing import Any, cast

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.views.decorators.csrf import csrf_exempt
from ninja.utils import check_csrf

from saydo.language import mark
from saydo.web.accounts.models import ApiKey, Company, User
from saydo.web.problems import Problem, check_text
from saydo.web.rights import may, open_to_all

logger = logging.getLogger(__name__)
View = Callable[..., HttpResponse]
RightOf = Callable[[HttpRequest], str | None]  # of the operation asked for; null closes it
_SAFE = ("GET", "HEAD", "OPTIONS")
_REUSED = mark("This Idempotency-Key was used for another request: take a new one for each thing to be done.")
_NO_TOKEN = mark("A person's browser must send the X-CSRFToken of its page; programs use a key.")
_NO_FACTOR = mark("Set up your second factor first: the company asks for one.")
_WINDOW = 60  # seconds
# in one statement, so that of two processes each counts its own
_COUNT = """
    INSERT INTO api_calls (who, minute, seen) VALUES (%s, %s, 1) ON CONFLICT (who) DO UPDATE
    SET seen = CASE WHEN api_calls.minute = excluded.minute THEN api_calls.seen + 1 ELSE 1 END, minute = excluded.minute
    RETURNING seen
"""


def enter(view: View, right_of: RightOf) -> View:
    """The view behind the door."""

    @wraps(view)
    def entered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            with _counted(request) as left:
                check_text(request)
                _check_right(request, right_of(request), view)
                response = _once(request, lambda: view(request, *args, **kwargs))
                response["RateLimit-Remaining"] = str(left)
        except Problem as problem:
            response = problem.response()
            if problem.status in (429, 503):
                response["Retry-After"] = str(problem.values["seconds"])
            if problem.status == 401:
                response["WWW-Authenticate"] = "Bearer"
        except Exception as error:
            logger.exception("API failed: %s %s", request.method, request.path, exc_info=error)
            response = Problem(500).response()
        response["Cache-Control"] = "no-store"  # it may tell of persons
        return response

    return csrf_exempt(open_to_all(entered))  # keys need no token; `_check_right` asks sessions for it


def may_here(request: HttpRequest, right: str) -> bool:
    """Does the key, or the person, have the right?"""
    key: ApiKey | None = getattr(request, "api_key", None)
    has_right = key.may(right) if key else may(request.user, right)
    if has_right:
        _used(request).add(right)
    return has_right


def _used(request: HttpRequest) -> set[str]:
    """The rights that were of use to this request."""
    used: set[str] = request.__dict__.setdefault("rights_used", set())
    return used


def demand(request: HttpRequest, right: str) -> None:
    """Refuse those without the right."""
    if not may_here(request, right):
        raise Problem(403, right=right)


@contextmanager
def _counted(request: HttpRequest) -> Iterator[int]:
    """Find out who it is, and count the request; what is left in this minute."""
    whole = request.headers.get("Authorization", "")
    key = ApiKey.find(whole[7:].strip()) if whole[:7].lower() == "bearer " else None
    if key:
        request.api_key, request.user = key, key.made_by  # type: ignore[attr-defined]
        if key.used_at is None or timezone.now() - key.used_at > timedelta(minutes=1):
            ApiKey.objects.filter(pk=key.pk).update(used_at=timezone.now())
    if whole and not key:
        # not counted: nobody guesses 256 bits, and a count would let strangers write to the database
        raise Problem(401, "wrong_key", mark("The key is not good: mistyped, ended or revoked."))
    if not request.user.is_authenticated:
        raise Problem(401)
    yield _count(f"key:{key.pk}" if key else f"user:{request.user.pk}", settings.API_RATE)


def _count(who: str, most: int) -> int:
    """Requests left to somebody in this minute; raises when there is none."""
    now = time.time()
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [who, int(now // _WINDOW)])
        seen = int(cursor.fetchone()[0])
    if seen > most:
        raise Problem(429, seconds=_WINDOW - int(now % _WINDOW))
    return most - seen


def _check_right(request: HttpRequest, right: str | None, view: View) -> None:
    if right is None or (right and not may_here(request, right)):
        raise Problem(403, right=right or "")
    is_session = not hasattr(request, "api_key")
    if is_session and not request.session.get("has_factor") and _lacks_factor(request):
        raise Problem(403, "second_factor", _NO_FACTOR)
    if is_session and request.method not in _SAFE and check_csrf(request, view):
        raise Problem(403, "csrf", _NO_TOKEN)


def _lacks_factor(request: HttpRequest) -> bool:
    """Does the company ask for a second factor that this person has not set up yet?"""
    asks = Company.objects.filter(asks_second_factor=True).exists()
    return asks and not is_mfa_enabled(cast(User, request.user))


def _once(request: HttpRequest, do: Callable[[], HttpResponse]) -> HttpResponse:
    """Do it; a write with an Idempotency-Key only the first time, then say the same again."""
    from saydo.web.hooks.models import Kept

    name = request.headers.get("Idempotency-Key", "")
    if request.method in _SAFE or not name:
        return do()
    if len(name) > 200 or not name.isprintable():
        raise Problem(422, "invalid", mark("An Idempotency-Key has up to 200 signs."), "header.Idempotency-Key")
    name = salted_hmac("saydo.idempotency", name, algorithm="sha256").hexdigest()  # it may be somebody's address
    who = request.api_key.pk if hasattr(request, "api_key") else str(request.user.pk)
    asked = f"{request.method} {request.get_full_path()}\n".encode() + request.body
    digest = salted_hmac("saydo.api", asked, algorithm="sha256").hexdigest()  # of a body nobody can find by trying
    try:
        with transaction.atomic():
            # the row first: a second request waits here for the first to end
            with transaction.atomic():
                kept = Kept.objects.create(who=who, name=name, digest=digest)
            response = do()
            if response.status_code >= 300:
                transaction.set_rollback(True)  # nothing was done, so that it can be mended and sent again
            else:
                kept.status, kept.body = response.status_code, response.content.decode()
                kept.rights = sorted(_used(request))
                kept.save(update_fields=["status", "body", "rights"])
            return response
    except IntegrityError:
        found = Kept.objects.filter(who=who, name=name).first()
        if found is None:
            raise
    if found.digest != digest:
        raise Problem(422, "idempotency_key_reused", _REUSED, "header.Idempotency-Key")
    for right in found.rights:  # of which some may have been taken away since
        demand(request, right)
    response = HttpResponse(found.body, status=found.status, content_type="application/json; charset=utf-8")
    response["Idempotent-Replayed"] = "true"
    return response
