"""Pages of a person's own rights: to be told all that is kept about them, and to be forgotten."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import datetime
from typing import Any

from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone

from saydo.facts import TABLES
from saydo.language import language, mark, translate
from saydo.web.accounts.actions import note
from saydo.web.accounts.models import Erasure, User
from saydo.web.customers.models import Customer
from saydo.web.erasure import Dossier, collect, erase_person
from saydo.web.records import columns_of
from saydo.web.rights import needs


@needs("export_people")
def export(request: HttpRequest, key: str) -> HttpResponse:
    """Everything about a person, to hand over: a page that anybody can read, and the same for programs."""
    dossier = _dossier(key)
    if request.method != "POST":
        return render(request, "privacy/export.html", {"dossier": dossier, "key": dossier.keys[0]})
    note(request, mark("exported a person"), "customers", dossier.keys[0], rows=dossier.count)
    answer = HttpResponse(_pack(dossier), content_type="application/zip")
    answer["Content-Disposition"] = 'attachment; filename="person.zip"'
    return answer


@needs("erase_people")
def erase(request: HttpRequest, key: str) -> HttpResponse:
    """Erase a person, for good; whoever does it types the key, so that it is no slip."""
    dossier = _dossier(key)
    shown: dict[str, Any] = {"dossier": dossier, "key": dossier.keys[0], "typed": request.POST.get("typed", "")}
    done = Erasure.objects.filter(key=dossier.keys[0]).first()
    if done:
        return render(request, "privacy/erased.html", {"erasure": done})
    if request.method == "POST":
        if shown["typed"].strip() != dossier.keys[0]:
            shown["wrong"] = translate(mark("That is not the key of this customer; nothing was erased."))
            return render(request, "privacy/erase.html", shown, status=400)
        by: Any = request.user
        new = erase_person(key, by=by if isinstance(by, User) else None)
        note(request, mark("erased a person"), "customers", new, rows=dossier.count)
        return render(request, "privacy/erased.html", {"erasure": Erasure.objects.get(key=new)})
    return render(request, "privacy/erase.html", shown)


def _dossier(key: str) -> Dossier:
    try:
        return collect(key)
    except Customer.DoesNotExist:
        raise Http404 from None


def _pack(dossier: Dossier) -> bytes:
    """A zip of a page and of JSON with the same content."""
    held = _held(dossier)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("person.json", json.dumps(held, ensure_ascii=False, indent=2, default=_plain))
        sections = [
            (name, _meaning(name), list(rows[0]), [list(row.values()) for row in rows]) for name, rows in held.items()
        ]
        shown = {"sections": sections, "key": dossier.keys[0], "at": timezone.now(), "lang": language()}
        parts.writestr("person.html", render_to_string("privacy/person.html", shown))
    return packed.getvalue()


def _held(dossier: Dossier) -> dict[str, list[dict[str, Any]]]:
    """What is held, by table, as columns and values; empty tables are left out."""
    held = {
        "people": [
            _values(one, ("customer_id", "name", "email", "phone", "street", "postcode", "city"))
            for one in dossier.people
        ],
        "consents": [
            _values(one, ("purpose", "channel", "state", "at", "how", "text_shown")) for one in dossier.consents
        ],
        "notes": [_values(one, ("at", "text")) for one in dossier.notes],
    }
    for name, rows in dossier.rows.items():
        columns = columns_of(name)
        held[name] = [
            {column: getattr(row, attribute) for column, attribute in columns.items()} | (row.own or {}) for row in rows
        ]
        if any(row.own for row in rows):
            own = sorted({column for row in rows for column in row.own or {}})
            held[name] = [{**dict.fromkeys([*columns, *own]), **row} for row in held[name]]
    return {name: rows for name, rows in held.items() if rows}


def _values(row: models.Model, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _meaning(name: str) -> str:
    own = {
        "people": mark("Who you are"),
        "consents": mark("What you agreed to or refused"),
        "notes": mark("What we noted about you"),
    }
    return own.get(name) or TABLES[name].meaning


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
