"""What happens to every request: the reader's language, and mistakes told in one sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme

from saydo.errors import SaydoError
from saydo.language import LANGUAGES, use

Answer = Callable[[HttpRequest], HttpResponse]
logger = logging.getLogger(__name__)


def speak(get_response: Answer) -> Answer:
    """Speak the person's own language, else the one that the browser asks for, for Saydo's words and Django's alike."""

    def answer(request: HttpRequest) -> HttpResponse:
        language = request.LANGUAGE_CODE = find_language(request)
        with use(language), translation.override(language):
            response = get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response

    return answer


def find_language(request: HttpRequest) -> str:
    """The language of the person who is logged in, else of the log-in page's choice, else of the browser."""
    own = getattr(request.user, "language", "") or request.COOKIES.get("language", "")
    if own in LANGUAGES:
        return own
    return translation.get_language_from_request(request)


def _back(request: HttpRequest) -> str:
    """Where the person came from, if that is here."""
    place = request.META.get("HTTP_REFERER", "")
    is_here = url_has_allowed_host_and_scheme(place, {request.get_host()}, require_https=request.is_secure())
    return place if is_here else "/"


def tell_errors(get_response: Answer) -> Answer:
    """Turn a mistake that the user can mend into a page with its sentence; the status is 400."""

    class Told:
        def __call__(self, request: HttpRequest) -> HttpResponse:
            return get_response(request)

        def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
            if not isinstance(error, SaydoError):
                return None
            return render(request, "told.html", {"sentence": str(error), "back": _back(request)}, status=400)

    told = Told()

    def answer(request: HttpRequest) -> HttpResponse:
        return told(request)

    answer.process_exception = told.process_exception  # type: ignore[attr-defined]
    return answer
