"""Who may do what: one table of roles, and a guard that lets nobody through to a page that does not say its right.

Every view is marked with the right it asks for (`needs`) or as open to all (`open_to_all`); a view with neither is
closed to everybody, so that forgetting is safe.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import SimpleLazyObject

from saydo.language import mark

View = TypeVar("View", bound=Callable[..., Any])

# Rights, and what each lets a person do.
RIGHTS = {
    "see_figures": mark("see measures, promises and alerts"),
    "see_identities": mark("see who a customer is, their timeline and their own words"),
    "serve_customers": mark("write notes, record consent and contacts, merge and part records"),
    "export_figures": mark("take figures away as a file, save views and set alerts"),
    "export_people": mark("take data about persons away, one by one or in bulk"),
    "load_data": mark("load files and mend what was refused"),
    "erase_people": mark("erase a person"),
    "manage_users": mark("invite colleagues, give roles, make keys, read the trail"),
}
ROLES: dict[str, tuple[str, frozenset[str]]] = {
    "administrator": (mark("Administrator"), frozenset(RIGHTS)),
    "manager": (
        mark("Manager"),
        frozenset({"see_figures", "see_identities", "serve_customers", "export_figures", "export_people", "load_data"}),
    ),
    "agent": (mark("Service agent"), frozenset({"see_figures", "see_identities", "serve_customers"})),
    "adviser": (mark("Adviser"), frozenset({"see_identities", "serve_customers"})),
    "analyst": (mark("Analyst"), frozenset({"see_figures", "export_figures"})),
    "reader": (mark("Read only"), frozenset({"see_figures"})),
}
_LIBRARIES = ("allauth.",)  # log-in pages guard themselves


def needs(right: str) -> Callable[[View], View]:
    """Mark a view with the right that it asks for."""
    if right not in RIGHTS:
        raise KeyError(right)

    def marked(view: View) -> View:
        view.right = right  # type: ignore[attr-defined]
        return view

    return marked


def for_everybody_here(view: View) -> View:
    """Mark a view that everybody who is logged in may see."""
    view.right = ""  # type: ignore[attr-defined]
    return view


def open_to_all(view: View) -> View:
    """Mark a view that needs no log-in, or that checks a key of its own."""
    view.is_open = True  # type: ignore[attr-defined]
    return view


def may(user: Any, right: str) -> bool:
    """Does the person have the right?"""
    return bool(user.is_authenticated and user.is_active and right in ROLES[user.role][1])


class Guard:
    """Middleware: nobody reaches a view without the right that it names."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.user.is_authenticated:  # what was seen here must not be seen after logging out
            response.headers.setdefault("Cache-Control", "no-store, private")
        return response

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponse | None:
        """Refuse with the log-in page (nobody) or 403 (somebody without the right)."""
        if getattr(view, "is_open", False) or view.__module__.startswith(_LIBRARIES):
            return None
        if not request.user.is_authenticated:
            from django.contrib.auth.views import redirect_to_login  # it loads the user, whose roles stand here

            return redirect_to_login(request.get_full_path())
        right = getattr(view, "right", None)
        if right is None or (right and not may(request.user, right)):
            raise PermissionDenied
        return _lead_to_second_factor(request)


def _lead_to_second_factor(request: HttpRequest) -> HttpResponse | None:
    """Where the company asks for a second factor, to the page that sets it up; a session is looked at once."""
    if request.session.get("has_factor"):
        return None
    from allauth.mfa.utils import is_mfa_enabled  # both load models, whose roles stand here

    from saydo.web.accounts.models import Company

    if not Company.objects.filter(asks_second_factor=True).exists():
        return None
    if not is_mfa_enabled(request.user):
        return redirect("mfa_activate_totp")
    request.session["has_factor"] = True
    return None


class _Rights:
    """In templates: ``{% if may.load_data %}``."""

    def __init__(self, user: Any) -> None:
        self.user = user

    def __getitem__(self, right: str) -> bool:
        if right not in RIGHTS:
            raise KeyError(right)
        return may(self.user, right)


def in_pages(request: HttpRequest) -> dict[str, Any]:
    """What every template knows: the rights of the person who reads it, the company, the languages."""
    from django.contrib.auth.models import AnonymousUser

    from saydo.web.accounts.models import Company

    user = getattr(request, "user", AnonymousUser())
    return {"may": _Rights(user), "company": SimpleLazyObject(Company.here), "languages": settings.LANGUAGES}
