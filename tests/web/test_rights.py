"""Every address, as every role and as nobody: it lets in whom its right names, and nobody else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from saydo.web.rights import RIGHTS, ROLES

ClientOf = Callable[[str], Client]
_VALUES = {
    "UUIDConverter": UUID(int=7),
    "IntConverter": 7,
    "StringConverter": "nothing",
    "SlugConverter": "nothing",
    "PathConverter": "nothing",
}


def addresses(patterns: list[Any] | None = None, before: str = "/") -> Iterator[tuple[str, Any]]:
    """Each address with something in its places, and its view."""
    for one in get_resolver().url_patterns if patterns is None else patterns:
        part = str(one.pattern)
        for name, converter in getattr(one.pattern, "converters", {}).items():
            kind = type(converter).__name__
            typed = {f"<{name}>", f"<{kind.removesuffix('Converter').lower()}:{name}>"}
            for place in typed | {f"<str:{name}>"}:
                part = part.replace(place, str(_VALUES[kind]))
        if isinstance(one, URLResolver):
            yield from addresses(one.url_patterns, before + part)
        elif isinstance(one, URLPattern) and not part.startswith("^"):
            yield before + part, one.callback


def of_libraries(view: Any) -> bool:
    """Log-in pages and the program interface guard themselves (their own tests look at that)."""
    return view.__module__.startswith(("allauth.", "ninja.", "django.views.generic")) or getattr(view, "is_open", False)


INLINE = re.compile(
    r"<style|<[a-z]+ [^>]*\bstyle=|<script(?![^>]*\bsrc=)(?![^>]*json)[^>]*>|<[a-z]+ [^>]*\bon[a-z]+=\""
)
GUARDED = sorted({(place, getattr(view, "right", None) or "") for place, view in addresses() if not of_libraries(view)})


def test_every_view_says_who_may_come() -> None:
    unmarked = [place for place, view in addresses() if not of_libraries(view) and getattr(view, "right", None) is None]
    assert unmarked == []
    assert {right for _, right in GUARDED} <= {*RIGHTS, ""}
    assert len(GUARDED) >= 15


def test_views_open_to_all_are_few_and_known() -> None:
    open_to_all = {place for place, view in addresses() if getattr(view, "is_open", False)}
    known = ("/api/v1/", "/health/", "/colleagues/language/", "/account/email/")
    assert sorted(place for place in open_to_all if not place.startswith(known)) == []


@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_is_led_to_the_log_in_page(company: Any, method: str) -> None:
    client = Client()
    for place, _ in GUARDED:
        answer = getattr(client, method)(place)
        assert (answer.status_code, answer.headers.get("Location", "").split("?")[0]) == (302, "/account/login/"), place


@pytest.mark.parametrize("role", ROLES)
def test_role_is_refused_what_it_has_no_right_to(company: Any, client_of: ClientOf, role: str) -> None:
    client, rights = client_of(role), ROLES[role][1]
    for place, right in GUARDED:
        for method in ("get", "post"):
            if right and right not in rights:
                answer = getattr(client, method)(place)
                assert (answer.status_code, place) == (403, place)
                assert "You may not see this page" in answer.content.decode()


@pytest.mark.parametrize("role", ["administrator", "adviser"])
def test_no_page_fails_for_a_role_that_may_see_it(company: Any, client_of: ClientOf, role: str) -> None:
    client, rights = client_of(role), ROLES[role][1]
    for place, right in GUARDED:
        if not right or right in rights:
            seen, sent = client.get(place), client.post(place)
            assert (seen.status_code < 500, sent.status_code < 500) == (True, True), place
            assert 403 not in (seen.status_code, sent.status_code), place
            if seen.headers.get("Content-Type", "").startswith("text/html"):
                assert "private" in seen.headers["Cache-Control"], place
                assert INLINE.findall(seen.content.decode()) == [], place
                assert "script-src 'self';" in seen.headers["Content-Security-Policy"] + ";", place


def test_form_without_its_token_is_refused(company: Any, user_of: Callable[[str], Any]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user_of("administrator"))
    for place, _ in GUARDED:
        answer = client.post(place, {"role": "reader", "do": "close"})
        assert answer.status_code == 403, place
        assert "This page was open too long" in answer.content.decode()


@pytest.mark.parametrize("role", ["analyst", "reader"])
def test_no_page_tells_who_somebody_is_to_those_who_see_figures_only(
    company: Any, client_of: ClientOf, role: str
) -> None:
    from saydo.web.customers.models import Customer, Person
    from saydo.web.voice.models import Feedback

    said = Feedback.objects.exclude(customer=None).exclude(comment=None).order_by("-said_at")[:50]
    for answer in said:  # those whose words are the newest are the likeliest to be shown
        Person.objects.update_or_create(
            customer_id=answer.customer_id,
            defaults={
                "name": f"Zenobia Quill {answer.pk}",
                "email": f"{answer.pk}@quill.example",
                "phone": "0612345678",
            },
        )
    assert Customer.objects.filter(person__name__startswith="Zenobia").count() > 5
    client, rights = client_of(role), ROLES[role][1]
    for place, right in GUARDED:
        if not right or right in rights:
            page = client.get(place, follow=True)
            text = b"".join(page.streaming_content) if page.streaming else page.content  # type: ignore[attr-defined]
            for word in (b"Zenobia", b"quill.example", b"0612345678"):
                assert word not in text, (place, word)
