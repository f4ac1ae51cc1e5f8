"""What is typed about people who work here."""

from __future__ import annotations

from datetime import date
from typing import Any, cast
from zoneinfo import available_timezones

from babel import Locale
from babel.numbers import get_currency_name, list_currencies
from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator

from saydo.language import current_locale, mark, translate
from saydo.web.accounts.models import Company, User
from saydo.web.rights import RIGHTS, ROLES


def roles() -> list[tuple[str, str]]:
    """The roles in the reader's words."""
    return [(role, translate(name)) for role, (name, _) in ROLES.items()]


def _languages() -> list[tuple[str, str]]:
    return [("", translate("As my browser asks")), ("en", "English"), ("fr", "Français")]


class InviteForm(forms.Form):
    """Somebody who shall work here."""

    email = forms.EmailField(label=mark("E-mail"), max_length=254)
    name = forms.CharField(label=mark("Name"), max_length=120, required=False)
    role = forms.ChoiceField(label=mark("Role"), choices=roles, initial="agent")

    def clean_email(self) -> str:
        """One account for each address, however it is written."""
        email: str = self.cleaned_data["email"].lower()
        if User.objects.filter(email=email).exists():
            raise ValidationError(translate("Somebody with this address works here already."))
        return email


class RoleForm(forms.Form):
    """Another role."""

    role = forms.ChoiceField(label=mark("Role"), choices=roles)


class MeForm(forms.ModelForm):  # type: ignore[type-arg]
    """What everybody may change about themselves."""

    name = forms.CharField(label=mark("Name"), max_length=120, required=False)
    language = forms.ChoiceField(label=mark("Language"), choices=_languages, required=False)

    class Meta:
        model = User
        fields = ("name", "language")


def _zones() -> list[tuple[str, str]]:
    return [(zone, zone.replace("_", " ")) for zone in sorted(available_timezones()) if "/" in zone or zone == "UTC"]


def _currencies() -> list[tuple[str, str]]:
    locale: Locale = current_locale()
    return [("", "–")] + [(code, f"{code} {get_currency_name(code, locale=locale)}") for code in list_currencies_now()]


def list_currencies_now() -> list[str]:
    """The codes of ISO 4217 that a country uses today."""
    from babel.core import get_global

    today = {code for entries in get_global("territory_currencies").values() for code, _, end, *_ in entries if not end}
    return sorted(today & set(list_currencies()))


class CompanyForm(forms.ModelForm):  # type: ignore[type-arg]
    """The company itself."""

    name = forms.CharField(label=mark("Name"), max_length=200)
    zone = forms.ChoiceField(
        label=mark("Time zone"),
        choices=_zones,
        help_text=mark("Days and months of all figures are those of this zone."),
    )
    currency = forms.ChoiceField(
        label=mark("Currency"),
        choices=_currencies,
        required=False,
        help_text=mark("Of amounts that come without one; amounts of different currencies are never added."),
    )
    asks_second_factor = forms.BooleanField(
        label=mark("Everybody needs a second factor to log in"),
        required=False,
        help_text=mark("Those who have none are led to set it up when they open their next page."),
    )

    class Meta:
        model = Company
        fields = ("name", "zone", "currency", "asks_second_factor")

    def clean_name(self) -> str:
        """On one line: it stands in the heads of letters."""
        return " ".join(str(self.cleaned_data["name"]).split())


def _spans() -> list[tuple[str, str]]:
    spans = {"30": mark("30 days"), "90": mark("90 days"), "365": mark("One year"), "730": mark("Two years")}
    return [(days, translate(words)) for days, words in spans.items()]


class KeyForm(forms.Form):
    """A key for a program; it can have no right that its maker has not."""

    name = forms.CharField(
        label=mark("What is it for?"), max_length=120, help_text=mark("The name of the program or of the shop, say.")
    )
    rights = forms.MultipleChoiceField(label=mark("What may it do?"), widget=forms.CheckboxSelectMultiple)
    days = forms.ChoiceField(label=mark("How long does it work?"), choices=_spans, initial="365")

    def __init__(self, *rest: Any, user: User, **more: Any) -> None:
        super().__init__(*rest, **more)
        allowed = ROLES[user.role][1]
        rights = cast(forms.MultipleChoiceField, self.fields["rights"])
        rights.choices = [(right, translate(words)) for right, words in RIGHTS.items() if right in allowed]


_WITHIN_REACH = [MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(2200, 1, 1))]


class TrailForm(forms.Form):
    """Which part of the trail."""

    by = forms.UUIDField(required=False)
    action = forms.CharField(required=False, max_length=40)
    table = forms.CharField(required=False, max_length=40)
    key = forms.CharField(label=mark("Key"), required=False, max_length=200)
    start = forms.DateField(label=mark("From"), required=False, validators=_WITHIN_REACH)
    end = forms.DateField(label=mark("To"), required=False, validators=_WITHIN_REACH)
    before = forms.IntegerField(required=False)
