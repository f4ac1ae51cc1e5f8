"""What is typed about endpoints."""

from __future__ import annotations

from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from saydo.language import mark, translate
from saydo.web.hooks.models import EVENTS, Endpoint


def kinds() -> list[tuple[str, str]]:
    """The kinds of events in the reader's words."""
    return [(kind, f"{translate(meaning)} ({kind})") for kind, meaning in EVENTS.items()]


class EndpointForm(forms.Form):
    """Where events are sent, and which."""

    name = forms.CharField(label=mark("Name"), max_length=100, help_text=mark("The program that is told."))
    url = forms.URLField(label=mark("Address"), max_length=500, assume_scheme="https")
    kinds = forms.MultipleChoiceField(
        label=mark("It is told when"), choices=kinds, widget=forms.CheckboxSelectMultiple, initial=list(EVENTS)
    )

    def clean_url(self) -> str:
        """Addresses that could ever be sent to; where a name leads is looked at each time."""
        url: str = self.cleaned_data["url"]
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise ValidationError(translate(mark("Leave the password out: events are signed.")))
        if parts.scheme != "https" and not (settings.HOOKS_PRIVATE and parts.scheme == "http"):
            raise ValidationError(translate(mark("The address must begin with https://.")))
        return url

    def save_in(self, endpoint: Endpoint) -> Endpoint:
        """Take what was typed into the endpoint."""
        for name in ("name", "url", "kinds"):
            setattr(endpoint, name, self.cleaned_data[name])
        endpoint.save()
        return endpoint
