"""Pages about webhooks: which programs are told what happens, and how that goes."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from saydo.language import mark, translate
from saydo.web.accounts.actions import note
from saydo.web.accounts.models import User
from saydo.web.hooks import actions
from saydo.web.hooks.forms import EndpointForm
from saydo.web.hooks.models import EVENTS, TEST, Delivery, Endpoint
from saydo.web.rights import needs

_PAGE = 50
_MEANINGS = {**EVENTS, TEST: mark("A test.")}


@needs("manage_users")
def hooks(request: HttpRequest) -> HttpResponse:
    """Which programs are told, and how many events wait for each."""
    waiting = Count("deliveries", filter=Q(deliveries__state=Delivery.WAITING))
    delivered = Count("deliveries", filter=Q(deliveries__state=Delivery.DELIVERED))
    endpoints = list(Endpoint.objects.annotate(waiting=waiting, delivered=delivered))
    active = sum(endpoint.is_active for endpoint in endpoints)
    shown = {"endpoints": endpoints, "active": active, "events": EVENTS, "tab": "hooks"}
    return render(request, "hooks/hooks.html", shown)


@needs("manage_users")
def new_hook(request: HttpRequest) -> HttpResponse:
    """Add an endpoint; its secret is shown once."""
    form = EndpointForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        endpoint = form.save_in(Endpoint(made_by=cast(User, request.user)))
        note(request, mark("webhook added"), "hooks", str(endpoint.pk))
        return _show_secret(request, endpoint)
    return render(request, "hooks/form.html", {"form": form, "tab": "hooks"})


def _show_secret(request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    return render(request, "hooks/secret.html", {"endpoint": endpoint, "tab": "hooks"})


@needs("manage_users")
def hook(request: HttpRequest, endpoint: int) -> HttpResponse:
    """One endpoint: what was sent, what it answered, and what is still to come."""
    found = get_object_or_404(Endpoint, pk=endpoint)
    rows = found.deliveries.select_related("event").order_by("-id")
    state = request.GET.get("state", "")
    if state in dict(Delivery.STATES):
        rows = rows.filter(state=state)
    page = Paginator(rows, _PAGE).get_page(request.GET.get("page"))
    states, counts = dict(Delivery.STATES), dict(found.deliveries.values_list("state").annotate(Count("id")))
    shown = {
        "endpoint": found,
        "page": page,
        "states": [(name, words, counts.get(name, 0)) for name, words in states.items()],
        "state": state,
        "delivered": counts.get(Delivery.DELIVERED, 0),
        "total": sum(counts.values()),
        "told": [(kind, _MEANINGS[kind]) for kind in found.kinds if kind in _MEANINGS],
        "tab": "hooks",
    }
    return render(request, "hooks/hook.html", shown)


@needs("manage_users")
def edit_hook(request: HttpRequest, endpoint: int) -> HttpResponse:
    """Change the name, the address or the kinds of events."""
    found = get_object_or_404(Endpoint, pk=endpoint)
    typed = {name: getattr(found, name) for name in ("name", "url", "kinds")}
    form = EndpointForm(request.POST or None, initial=typed)
    if request.method == "POST" and form.is_valid():
        form.save_in(found)
        note(request, mark("webhook changed"), "hooks", str(found.pk), fields=form.changed_data)
        return redirect("hook", found.pk)
    return render(request, "hooks/form.html", {"form": form, "endpoint": found, "tab": "hooks"})


@needs("manage_users")
@require_POST
def act_on_hook(request: HttpRequest, endpoint: int, act: str) -> HttpResponse:
    """Test it, give it a new secret, switch it on or off, or take it away."""
    found = get_object_or_404(Endpoint, pk=endpoint)
    note(request, _ACTS[act], "hooks", str(found.pk))
    if act == "rotate":
        actions.rotate_secret(found)
        return _show_secret(request, found)
    if act == "test":
        _tell_test(request, actions.send_test(found))
    elif act == "delete":
        found.delete()
        return redirect("hooks")
    else:
        actions.switch(found, on=act == "on")
    return redirect("hook", found.pk)


_ACTS = {
    "test": mark("webhook tested"),
    "rotate": mark("webhook given a new secret"),
    "on": mark("webhook switched on"),
    "off": mark("webhook switched off"),
    "delete": mark("webhook removed"),
}


def _tell_test(request: HttpRequest, delivery: Delivery) -> None:
    if delivery.state == Delivery.DELIVERED:
        messages.success(request, translate("The test arrived; the answer was {status}.", status=delivery.status))
    else:
        said = f"{delivery.status or ''} {translate(delivery.answer)}".strip()
        messages.error(request, translate("The test did not arrive: {said}", said=said))


@needs("manage_users")
@require_POST
def send_again(request: HttpRequest, delivery: int) -> HttpResponse:
    """Send an event once more, under the same identifier."""
    found = get_object_or_404(Delivery.objects.select_related("endpoint"), pk=delivery)
    actions.send_again(found)
    note(request, mark("event sent again"), "hooks", str(found.endpoint_id), event=found.event_id)
    messages.success(request, translate("It will be sent again within a minute."))
    return redirect("hook", found.endpoint_id)
