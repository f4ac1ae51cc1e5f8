"""Forms for alerts."""

from __future__ import annotations

from typing import Any

from django import forms

from saydo.errors import SaydoError
from saydo.language import mark, translate
from saydo.web import answers
from saydo.web.alerts.actions import watchable
from saydo.web.alerts.models import FALSE_ALARMS, RHYTHMS, Alert

_PEOPLE = mark("An alert watches groups, not single customers: everybody who sees figures sees it.")


class AlertForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own class takes none
    """What to watch, by what, how often, and how many false alarms one puts up with."""

    class Meta:
        model = Alert
        fields = ("measure", "split", "rhythm", "false_alarms")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        titles = sorted((translate(measure.title), name) for name, measure in watchable().items())
        self.fields["measure"] = forms.ChoiceField(choices=[(name, title) for title, name in titles])
        self.fields["rhythm"] = forms.ChoiceField(choices=[(value, translate(name)) for value, name in RHYTHMS])
        self.fields["false_alarms"] = forms.TypedChoiceField(
            choices=[(value, translate(name)) for value, name in FALSE_ALARMS], coerce=float, initial="0.5"
        )
        self.fields["split"] = forms.CharField(required=False, max_length=120)

    def clean(self) -> dict[str, Any]:
        """A split must be one that the measure knows; asked of the facts, because they have columns of their own."""
        cleaned = super().clean() or {}
        if cleaned.get("split") and cleaned.get("measure"):
            try:
                asked = answers.question(cleaned["measure"], cleaned["split"])
                if asked.names_people:
                    self.add_error("split", translate(_PEOPLE))
                else:
                    answers.ask(asked)
            except SaydoError as error:
                self.add_error("split", str(error))
        return cleaned
