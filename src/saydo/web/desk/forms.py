"""What is typed at the desk."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from saydo.language import mark, translate
from saydo.web.customers.models import Consent, Touchpoint
from saydo.web.timeline import ASKED
from saydo.web.trade.models import Order


def _words(pairs: Any) -> Any:
    """Choices in the reader's words, made when the form is."""
    return lambda: [(value, translate(name)) for value, name in pairs]


_PURPOSES = (
    ("service", mark("service: a question, an order, a complaint")),
    ("offer", mark("an offer")),
    ("survey", mark("a survey")),
    ("notice", mark("a notice")),
)

_NO_ORDER = mark("There is no order with this number. Leave it empty if unsure.")


class OrderNumber(forms.CharField):
    """The number of an order that there is: the facts hold it, so that nothing else may be typed here."""

    def __init__(self) -> None:
        super().__init__(label=mark("Order number, if it is about one"), max_length=200, required=False)

    def clean(self, value: Any) -> str:
        """The key of the order; empty if none was typed."""
        number = str(super().clean(value))
        keys = {number, number.removeprefix("#").strip()}
        found = Order.objects.filter(pk__in=keys).values_list("pk", flat=True).first() if number else ""
        if found is None:
            raise forms.ValidationError(
                translate(mark("There is no order with this number. Leave it empty if unsure."))
            )
        return found


class NoteForm(forms.Form):
    """Something that colleagues should know."""

    text = forms.CharField(label=mark("Note for colleagues"), max_length=4000, widget=forms.Textarea(attrs={"rows": 3}))


class ContactForm(forms.Form):
    """A conversation or message."""

    direction = forms.ChoiceField(
        label=mark("Who turned to whom"), choices=_words((("in", mark("they to us")), ("out", mark("we to them"))))
    )
    touchpoint = forms.ChoiceField(label=mark("Where"), required=False)
    purpose = forms.ChoiceField(label=mark("What for"), choices=_words(_PURPOSES))
    asked = forms.ChoiceField(
        label=mark("What they asked"),
        required=False,
        choices=_words((("", mark("something else")), *ASKED.items())),
    )
    order_id = OrderNumber()
    is_resolved = forms.BooleanField(label=mark("It is settled"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = Touchpoint.objects.order_by("touchpoint").values_list("touchpoint", flat=True)
        self.fields["touchpoint"].choices = [("", "–"), *((place, place) for place in places)]  # type: ignore[attr-defined]

    @property
    def said(self) -> dict[str, Any]:
        """The columns of the contact."""
        given, now = self.cleaned_data, timezone.now()
        return {
            "direction": given["direction"],
            "touchpoint_id": given["touchpoint"] or None,
            "purpose": given["purpose"],
            "asked": given["asked"] or None,
            "order_id": given["order_id"] or None,
            "answered_at": now if given["direction"] == "in" else None,
            "resolved_at": now if given["is_resolved"] else None,
        }


class ConsentForm(forms.Form):
    """What somebody agreed to or refused."""

    purpose = forms.ChoiceField(label=mark("What for"), choices=_words(Consent.PURPOSES))
    channel = forms.ChoiceField(label=mark("By which way"), choices=_words(Consent.CHANNELS))
    state = forms.ChoiceField(label=mark("They"), choices=_words(Consent.STATES))
    how = forms.CharField(label=mark("How they said so"), help_text=mark("A call, a form, a letter."), max_length=200)
    text_shown = forms.CharField(
        label=mark("The words they were shown or read"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )


class CaseForm(forms.Form):
    """A dissatisfaction to be worked."""

    cause = forms.CharField(label=mark("What is wrong"), max_length=500)
    order_id = OrderNumber()


class CloseForm(forms.Form):
    """What came of it."""

    outcome = forms.CharField(label=mark("What came of it"), max_length=500)


# What can be written down on a customer's page: its title, the words of its button, its form.
ACTS: dict[str, tuple[str, str, type[forms.Form]]] = {
    "note": (mark("Add a note"), mark("Keep the note"), NoteForm),
    "contact": (mark("Record a contact"), mark("Keep the contact"), ContactForm),
    "consent": (mark("Record consent"), mark("Keep the consent"), ConsentForm),
    "case": (mark("Open a case"), mark("Open the case"), CaseForm),
}
