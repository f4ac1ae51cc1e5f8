"""Saved views: what a page of a measure shows, kept under a name."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from saydo.language import mark, translate
from saydo.measures import find
from saydo.web.accounts.actions import note
from saydo.web.accounts.models import User
from saydo.web.insight import actions, forms
from saydo.web.insight.models import View
from saydo.web.rights import needs


@needs("export_figures")
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep what a page of a measure shows under a name."""
    measure = find(str(request.POST.get("measure", "")))
    name = str(request.POST.get("name", "")).strip()[:120]
    asked = forms.read_asked(measure, QueryDict(str(request.POST.get("query", ""))[:2000]))
    place = f"{reverse('figure', args=[measure.name])}{asked.at()}".rstrip("?")
    if not name:
        messages.error(request, translate(mark("Give the view a name.")))
        return redirect(place)
    shared = bool(request.POST.get("is_shared"))
    with transaction.atomic():
        view = actions.save_view(
            name=name, measure=measure.name, query=asked.address, is_shared=shared, by=cast(User, request.user)
        )
        note(request, "saved", "views", str(view.id))
    messages.success(request, translate(mark("The view is saved: it stands at the top of the figures.")))
    return redirect(place)


@needs("export_figures")
@require_POST
def change(request: HttpRequest, key: str) -> HttpResponse:
    """Rename, share or delete a view of one's own."""
    view = get_object_or_404(View, pk=key, owner=cast(User, request.user))
    if "delete" in request.POST:
        with transaction.atomic():
            note(request, "deleted", "views", str(view.id))
            actions.delete_view(view)
        messages.success(request, translate(mark("The view is deleted.")))
        return redirect("figures")
    name = str(request.POST.get("name", "")).strip()[:120] or view.name
    with transaction.atomic():
        actions.change_view(view, name=name, is_shared=bool(request.POST.get("is_shared")))
        note(request, "changed", "views", str(view.id), fields=["name", "is_shared"])
    return redirect("figures")
