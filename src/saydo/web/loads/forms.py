"""What is asked before files are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from babel.numbers import list_currencies
from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict

from saydo.facts import Column
from saydo.language import mark, translate
from saydo.sources import ENDINGS, READABLE, Origin, Pick, Recognised, list_sources, match_headers, own_name
from saydo.web.loads.actions import check_origin

_MOST = 60
_NO_FILE = mark("Choose at least one file.")
_MANY = mark("These are {count} files; load {most} at most at a time.")
_STRANGE = mark("{name} is none of the kinds of file that can be read: {endings}.")
_TWICE = mark("Two files are called {name}.")
_NO_SOURCE = mark("Choose what the files are.")
_NO_ZONE = mark("{value} is no time zone. Write one such as Europe/Paris.")
_NO_CURRENCY = mark("{value} is no currency. Write its three letters, such as EUR.")
_PERSONS = ("customer_id", "account_id", "adviser_id")  # keys that may be made of an e-mail address


def check_files(files: Sequence[UploadedFile[Any]]) -> list[str]:
    """What is wrong with the files that were sent."""
    names = [str(file.name) for file in files]
    if not names:
        return [translate(_NO_FILE)]
    if len(names) > _MOST:
        return [translate(_MANY, count=len(names), most=_MOST)]
    strange = [name for name in names if not name.casefold().endswith(ENDINGS) or not _can_be_written(name)]
    twice = sorted({name for name in names if names.count(name) > 1})
    return [
        translate(_STRANGE, name=ascii(name)[1:-1] if not name.isprintable() else name, endings=", ".join(ENDINGS))
        for name in strange
    ] + [translate(_TWICE, name=name) for name in twice]


def _can_be_written(name: str) -> bool:
    return name.isprintable() and len(name.encode()) <= 200  # of the 255 bytes that a disk gives a name


def check_source(source: str) -> list[str]:
    """What is wrong with the source that was chosen."""
    return [] if source in {one.name for one in list_sources()} else [translate(_NO_SOURCE)]


class Settings(forms.Form):
    """How what the files leave open is meant."""

    zone = forms.CharField(required=False, max_length=60)
    currency = forms.CharField(required=False, max_length=3)
    dates = forms.ChoiceField(required=False, choices=[("", ""), ("dmy", "dmy"), ("mdy", "mdy")])
    origin = forms.CharField(max_length=40)

    def clean_zone(self) -> str:
        """A zone that Python and the engine know."""
        value: str = self.cleaned_data["zone"].strip()
        try:
            return ZoneInfo(value).key if value else ""
        except (ValueError, KeyError, OSError):
            raise forms.ValidationError(translate(_NO_ZONE, value=value)) from None

    def clean_currency(self) -> str:
        """A currency of ISO 4217."""
        value: str = self.cleaned_data["currency"].strip().upper()
        if value and value not in list_currencies():
            raise forms.ValidationError(translate(_NO_CURRENCY, value=value))
        return value

    def clean_origin(self) -> str:
        """The name of a system."""
        from saydo.errors import BadSetting

        try:
            return check_origin(self.cleaned_data["origin"].strip())
        except BadSetting as error:
            raise forms.ValidationError(str(error)) from None


def read_picks(found: list[Recognised], sent: QueryDict) -> dict[str, Pick]:
    """What was picked for each file; of a file whose table was changed, what its headers say of the new one."""
    return {one.file: _read_pick(place, one, sent) for place, one in enumerate(found) if not one.error}


def _read_pick(place: int, one: Recognised, sent: QueryDict) -> Pick:
    table = sent.get(f"table-{place}", one.pick.table)
    if table not in READABLE:
        return Pick()
    if table != sent.get(f"shown-{place}", table) or f"shown-{place}" not in sent:
        return Pick(table, match_headers(READABLE[table], one.headers))
    chosen = {
        column.name: _origin(sent.get(f"column-{place}-{column.name}", ""), one) for column in READABLE[table].columns
    }
    own = {
        own_name(header): Origin(header)
        for index, header in enumerate(one.headers)
        if f"keep-{place}-{index}" in sent and table != "people"
    }
    return Pick(table, {name: origin for name, origin in chosen.items() if origin} | own)


def _origin(value: str, one: Recognised) -> Origin | None:
    kind, _, text = value.partition(":")
    if kind == "h" and text in one.headers:
        return Origin(text)
    if kind == "p" and text in one.headers:
        return Origin(pseudonym=text)
    return Origin(value=text) if kind == "v" and text else None


def show_picks(found: list[Recognised], picks: dict[str, Pick]) -> list[dict[str, Any]]:
    """Each file as the page shows it."""
    return [_show(place, one, picks.get(one.file, one.pick)) for place, one in enumerate(found)]


def _show(place: int, one: Recognised, pick: Pick) -> dict[str, Any]:
    contract = READABLE.get(pick.table)
    used = {origin.header or origin.pseudonym for origin in pick.columns.values()}
    kept = {origin.header for name, origin in pick.columns.items() if name.startswith("x_")}
    return {
        "place": place,
        "one": one,
        "table": pick.table,
        "meaning": contract.meaning if contract else "",
        "missing": pick.missing,
        "columns": [
            {
                "name": column.name,
                "field": f"column-{place}-{column.name}",
                "meaning": column.meaning,
                "is_needed": not column.null,
                "is_missing": column.name in pick.missing,
                "options": _options(column, one, pick.columns.get(column.name)),
            }
            for column in (contract.columns if contract else ())
        ],
        "unused": [
            {"field": f"keep-{place}-{index}", "header": header, "own": own_name(header), "is_kept": header in kept}
            for index, header in enumerate(one.headers)
            if header not in used or header in kept
        ],
    }


def _options(column: Column, one: Recognised, origin: Origin | None) -> list[tuple[str, str, str, bool]]:
    """Of each choice its kind, its value, what it shows and whether it is chosen."""
    found = [("header", f"h:{header}", header, bool(origin and origin.header == header)) for header in one.headers]
    if column.name in _PERSONS or column.refers_to == "customers":
        found += [("key", f"p:{header}", header, bool(origin and origin.pseudonym == header)) for header in one.headers]
    found += [("value", f"v:{value}", value, bool(origin and origin.value == value)) for value in column.values]
    return found
