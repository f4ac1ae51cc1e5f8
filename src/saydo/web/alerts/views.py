"""Pages of alerts: what is watched, what was found, who wants the week in a letter."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from saydo.language import translate
from saydo.web.accounts.actions import note
from saydo.web.alerts.forms import AlertForm
from saydo.web.alerts.models import Alarm, Alert, Digest
from saydo.web.alerts.words import name_alert, tell_alarm
from saydo.web.rights import may, needs

_SHOWN = 50


@needs("see_figures")
def alerts(request: HttpRequest) -> HttpResponse:
    """The alarms of all alerts, then what is watched; a form for another one."""
    form = AlertForm(request.POST or None)
    if request.method == "POST" and may(request.user, "export_figures") and form.is_valid():
        alert = form.save(commit=False)
        alert.owner = request.user
        alert.save()
        note(request, "watched", "alerts", str(alert.pk), measure=alert.measure)
        messages.success(request, translate("It is watched from now on."))
        return redirect("alerts")
    alarms = Alarm.objects.select_related("alert").all()[:_SHOWN]
    watched = Alert.objects.select_related("owner")
    page = {
        "form": form,
        "alarms": [{"alarm": alarm, "sentence": tell_alarm(alarm)} for alarm in alarms],
        "unseen": Alarm.objects.filter(seen_at=None).count(),
        "watched": [{"alert": alert, "name": name_alert(alert)} for alert in watched],
        "wants_digest": Digest.objects.filter(reader_id=request.user.pk).exists(),
        "sends_mail": settings.SENDS_MAIL,
    }
    return render(
        request, "alerts/alerts.html", page, status=200 if request.method == "GET" or form.is_valid() else 422
    )


@needs("export_figures")
@require_POST
def end_alert(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """Stop watching; an alert's owner can, and an administrator."""
    alert = get_object_or_404(Alert, pk=key)
    if alert.owner_id == request.user.pk or may(request.user, "manage_users"):
        alert.delete()
        note(request, "unwatched", "alerts", str(key), measure=alert.measure)
        messages.success(request, translate("It is no longer watched."))
    return redirect("alerts")


@needs("see_figures")
@require_POST
def see_alarms(request: HttpRequest) -> HttpResponse:
    """Take note of all alarms: they leave the first page."""
    Alarm.objects.filter(seen_at=None).update(seen_at=timezone.now())
    return redirect("alerts")


@needs("see_figures")
@require_POST
def choose_digest(request: HttpRequest) -> HttpResponse:
    """Want the week in a letter, or no longer."""
    if request.POST.get("wanted"):
        Digest.objects.get_or_create(reader_id=request.user.pk)
        messages.success(request, translate("The week comes to you in a letter, every Monday."))
    else:
        Digest.objects.filter(reader_id=request.user.pk).delete()
        messages.success(request, translate("No more letters about the week."))
    return redirect("alerts")
