"""Pages about people who work here: who they are, their keys, what they did, and each one's own settings."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from saydo.language import LANGUAGES, mark, translate
from saydo.web.accounts import actions
from saydo.web.accounts.actions import note
from saydo.web.accounts.forms import CompanyForm, InviteForm, KeyForm, MeForm, RoleForm, TrailForm
from saydo.web.accounts.models import ApiKey, Company, Entry, User
from saydo.web.rights import RIGHTS, ROLES, for_everybody_here, needs, open_to_all

_PAGE = 50
_MET = 5000  # of the trail's newest entries tell what can be chosen: all of them may be millions
_UNSAFE = ("=", "+", "-", "@", "\t", "\r")


@needs("manage_users")
def colleagues(request: HttpRequest) -> HttpResponse:
    """Who works here, and what each role may do."""
    sought = request.GET.get("q", "").strip()
    from allauth.mfa.models import Authenticator

    found = User.objects.annotate(
        has_factor=Exists(Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP))
    ).order_by("-is_active", "name", "email")
    if sought:
        found = found.filter(Q(name__icontains=sought) | Q(email__icontains=sought))
    page = Paginator(found, _PAGE).get_page(request.GET.get("page"))
    active = User.objects.filter(is_active=True).count()
    rights = [(words, [right in granted for _, granted in ROLES.values()]) for right, words in RIGHTS.items()]
    shown = {"page": page, "sought": sought, "active": active, "roles": ROLES, "rights": rights, "tab": "colleagues"}
    return render(request, "accounts/colleagues.html", shown)


@needs("manage_users")
def invite(request: HttpRequest) -> HttpResponse:
    """Invite somebody: they get a link, or the administrator does where no letter can leave."""
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = User.objects.create_user(
            form.cleaned_data["email"], None, form.cleaned_data["role"], name=form.cleaned_data["name"]
        )
        note(request, mark("invited"), "users", str(made.pk), role=made.role)
        return _show_link(request, made)
    return render(request, "accounts/invite.html", {"form": form, "tab": "colleagues"})


def _show_link(request: HttpRequest, user: User) -> HttpResponse:
    """The link, once; it also went out by mail if that is set up."""
    link = actions.password_link(request, user)
    was_sent = actions.send_invitation(user, link)
    shown = {"invited": user, "link": "" if was_sent else link, "sends_mail": settings.SENDS_MAIL, "tab": "colleagues"}
    return render(request, "accounts/invited.html", shown)


@needs("manage_users")
def colleague(request: HttpRequest, user: UUID) -> HttpResponse:
    """One colleague: their role, their keys, and the door."""
    found = get_object_or_404(User, pk=user)
    form = RoleForm(initial={"role": found.role})
    if request.method == "POST":
        if "role" in request.POST:
            form = RoleForm(request.POST)
            if form.is_valid():
                actions.change_role(colleague=found, role=form.cleaned_data["role"])
                note(request, mark("gave a role"), "users", str(found.pk), role=found.role)
                return redirect("colleague", found.pk)
        elif answer := _at_the_door(request, found):
            return answer
    entries = Entry.objects.filter(by=found).order_by("-id")[:10]
    shown = {
        "found": found,
        "form": form,
        "entries": entries,
        "keys": found.keys.order_by("-made_at"),
        "tab": "colleagues",
    }
    return render(request, "accounts/colleague.html", shown)


def _at_the_door(request: HttpRequest, found: User) -> HttpResponse | None:
    """Shut out, let in, give a new link, take off a lost second factor."""
    wish = request.POST.get("do")
    if wish == "close":
        actions.close_account(colleague=found)
        note(request, mark("closed an account"), "users", str(found.pk))
    elif wish == "open":
        actions.open_account(colleague=found)
        note(request, mark("opened an account"), "users", str(found.pk))
    elif wish == "factor":
        actions.take_off_factor(colleague=found)
        note(request, mark("took off a second factor"), "users", str(found.pk))
    elif wish == "link" and found.is_active:
        note(request, mark("made a link for a password"), "users", str(found.pk))
        return _show_link(request, found)
    else:
        return None
    return redirect("colleague", found.pk)


@for_everybody_here
def me(request: HttpRequest) -> HttpResponse:
    """What everybody may change about themselves."""
    user = _user(request)
    form = MeForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        note(request, mark("changed own settings"), "users", str(user.pk), fields=form.changed_data)
        messages.success(request, translate(mark("Saved.")))
        return redirect("me")
    came = Entry.objects.filter(table="users", key=str(user.pk), action__in=("logged in", "log-in failed"))
    shown = {"form": form, "came": came.order_by("-id")[:10], "role": ROLES[user.role][0]}
    shown["rights"] = [words for right, words in RIGHTS.items() if right in ROLES[user.role][1]]
    return render(request, "accounts/me.html", shown)


@require_POST
@for_everybody_here
def leave_elsewhere(request: HttpRequest) -> HttpResponse:
    """Log out everywhere but here."""
    user = _user(request)
    actions.end_sessions(user)
    update_session_auth_hash(request, user)
    note(request, mark("logged out elsewhere"), "users", str(user.pk))
    messages.success(request, translate(mark("You are logged in here only.")))
    return redirect("me")


@require_POST
@open_to_all
def set_language(request: HttpRequest) -> HttpResponse:
    """Speak another language: to somebody logged in from now on, else to this browser."""
    chosen, place = request.POST.get("language", ""), request.POST.get("next", "/")
    is_ours = url_has_allowed_host_and_scheme(place, {request.get_host()}, require_https=request.is_secure())
    answer = HttpResponseRedirect(place if is_ours and place.startswith("/") else "/")
    if chosen in LANGUAGES:
        if isinstance(request.user, User):
            User.objects.filter(pk=request.user.pk).update(language=chosen)
        year = 365 * 24 * 60 * 60
        answer.set_cookie("language", chosen, year, samesite="Lax", secure=settings.IS_SECURE, httponly=True)
    return answer


@needs("manage_users")
def company(request: HttpRequest) -> HttpResponse:
    """The company's name, zone, currency, and whether everybody needs a second factor."""
    here = Company.here()
    form = CompanyForm(request.POST or None, instance=here)
    if request.method == "POST" and form.is_valid():
        form.save()
        note(request, mark("changed the company's settings"), "company", str(here.pk), fields=form.changed_data)
        messages.success(request, translate(mark("Saved.")))
        return redirect("company")
    return render(request, "accounts/company.html", {"form": form, "tab": "company"})


@needs("manage_users")
def keys(request: HttpRequest) -> HttpResponse:
    """Keys for programs: make one (it is shown once), see when each was used, revoke."""
    user = _user(request)
    form = KeyForm(request.POST or None, user=user)
    whole = ""
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        key, whole = ApiKey.make(name=asked["name"], rights=asked["rights"], by=user, days=int(asked["days"]))
        note(request, mark("made a key"), "api_keys", key.public, rights=key.rights)
        form = KeyForm(user=user)
    found = ApiKey.objects.select_related("made_by").order_by("revoked_at", "-made_at")
    page = Paginator(found, _PAGE).get_page(request.GET.get("page"))
    shown = {"form": form, "whole": whole, "page": page, "rights": RIGHTS, "tab": "keys"}
    return render(request, "accounts/keys.html", shown)


@require_POST
@needs("manage_users")
def revoke(request: HttpRequest, public: str) -> HttpResponse:
    """Make a key useless."""
    key = get_object_or_404(ApiKey, pk=public)
    actions.revoke_key(key=key)
    note(request, mark("revoked a key"), "api_keys", key.public)
    messages.success(request, translate(mark("The key {name} works no longer."), name=key.name))
    return redirect("keys")


@needs("manage_users")
def trail(request: HttpRequest) -> HttpResponse:
    """Who did or saw what, newest first."""
    form = TrailForm(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    entries = list(_entries(asked)[: _PAGE + 1])
    older = request.GET.copy()
    older["before"] = str(entries[_PAGE - 1].pk) if len(entries) > _PAGE else ""
    met = set(Entry.objects.order_by("-id").values_list("action", "table")[:_MET])
    shown = {
        "form": form,
        "asked": asked,
        "entries": entries[:_PAGE],
        "older": older.urlencode() if older["before"] else "",
        "query": request.GET.urlencode(),
        "people": User.objects.order_by("name", "email"),
        "actions": sorted(({action for action, _ in met} | {asked.get("action", "")}) - {""}),
        "tables": sorted(({table for _, table in met} | {asked.get("table", "")}) - {""}),
        "tab": "trail",
    }
    return render(request, "accounts/trail.html", shown)


@needs("manage_users")
def export_trail(request: HttpRequest) -> StreamingHttpResponse:
    """The same part of the trail as a file."""
    form = TrailForm(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    note(request, mark("exported the trail"), "trail")
    answer = StreamingHttpResponse(_as_csv(_entries(asked)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="trail.csv"'
    return answer


def _entries(asked: dict[str, Any]) -> QuerySet[Entry]:
    """The entries that a form asks for; days are the company's."""
    found = Entry.objects.select_related("by").order_by("-id")
    for name in ("action", "table", "key"):
        if asked.get(name):
            found = found.filter(**{name: asked[name]})
    if asked.get("by"):
        found = found.filter(by_id=asked["by"])
    zone = ZoneInfo(Company.here().zone)
    if asked.get("start"):
        found = found.filter(at__gte=datetime.combine(asked["start"], time(), zone))
    if asked.get("end"):
        found = found.filter(at__lt=datetime.combine(asked["end"] + timedelta(days=1), time(), zone))
    return found.filter(pk__lt=asked["before"]) if asked.get("before") else found


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, line: str) -> str:
        return line


def _as_csv(entries: QuerySet[Entry]) -> Iterator[str]:
    write = csv.writer(_Echo()).writerow
    yield "\ufeff" + str(write(["at", "user", "email", "api_key", "action", "table", "key", "details"]))
    for entry in entries.iterator(chunk_size=2000):
        who = (str(entry.by_id or ""), entry.by.email if entry.by else "")
        row = (entry.at.isoformat(), *who, entry.with_key, entry.action, entry.table, entry.key, entry.told)
        yield str(write([f"'{value}" if value.startswith(_UNSAFE) else value for value in row]))


def _user(request: HttpRequest) -> User:
    """The person who is logged in; the guard let nobody else through."""
    user: Any = request.user
    return user
