"""What is typed about promises."""

from __future__ import annotations

from typing import Any

from django import forms

from saydo.language import mark, translate
from saydo.web.customers.models import Touchpoint
from saydo.web.promises.models import Promise

MADE_TO = {
    "customer": mark("customers"),
    "employee": mark("employees"),
    "partner": mark("partners"),
    "public": mark("the public"),
}


class PromiseForm(forms.Form):
    """A kind of promise."""

    statement = forms.CharField(
        label=mark("The promise"),
        help_text=mark("As the customer hears it: “Delivered within two days”."),
        max_length=500,
    )
    standard = forms.CharField(
        label=mark("What counts as kept"),
        max_length=500,
        required=False,
        help_text=mark("So that two people judge alike."),
    )
    touchpoint = forms.ChoiceField(label=mark("Where it is given"), required=False)
    owner = forms.CharField(
        label=mark("Who answers for it"), help_text=mark("A role, not a name."), max_length=200, required=False
    )
    made_to = forms.ChoiceField(label=mark("To whom"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = Touchpoint.objects.order_by("touchpoint").values_list("touchpoint", flat=True)
        self.fields["touchpoint"].choices = [("", "–"), *((place, place) for place in places)]  # type: ignore[attr-defined]
        parties = [("", "–"), *((value, translate(name)) for value, name in MADE_TO.items())]
        self.fields["made_to"].choices = parties  # type: ignore[attr-defined]

    @staticmethod
    def of(promise: Promise) -> dict[str, Any]:
        """What a promise says, as the form's values."""
        return {
            "statement": promise.statement,
            "standard": promise.standard or "",
            "touchpoint": promise.touchpoint_id or "",
            "owner": promise.owner or "",
            "made_to": promise.made_to or "",
        }

    def put_into(self, promise: Promise) -> Promise:
        """The promise with what was typed."""
        given = self.cleaned_data
        promise.statement = given["statement"]
        promise.standard, promise.owner = given["standard"] or None, given["owner"] or None
        promise.touchpoint_id, promise.made_to = given["touchpoint"] or None, given["made_to"] or None
        return promise
