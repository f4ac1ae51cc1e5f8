"""What is done about figures: views are kept, changed and taken away, answers computed ahead and forgotten."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q, QuerySet

from saydo.errors import SaydoError
from saydo.measures import MEASURES
from saydo.web import answers, feed
from saydo.web.accounts.models import User
from saydo.web.insight.models import View


def views_of(user: User) -> QuerySet[View]:
    """The views that a person sees: their own, and those that others share."""
    return View.objects.filter(Q(owner=user) | Q(is_shared=True)).select_related("owner")


@transaction.atomic
def save_view(*, name: str, measure: str, query: str, is_shared: bool, by: User) -> View:
    """Keep a view; one of the person's own with that name is replaced."""
    view = View.objects.filter(owner=by, name=name).first() or View(owner=by, name=name)
    view.measure, view.query, view.is_shared = measure, query, is_shared
    view.save()
    return view


@transaction.atomic
def change_view(view: View, *, name: str, is_shared: bool) -> View:
    """Give a view another name, share it, or keep it to oneself."""
    view.name, view.is_shared = name, is_shared
    view.save(update_fields=["name", "is_shared"])
    return view


def delete_view(view: View) -> None:
    """Take a view away."""
    view.delete()


def forget_results() -> None:
    """Discard every answer kept. After an erasure: once the facts are refreshed, so that none is made of the old."""
    answers.forget()


def missing_answers() -> list[answers.Question]:
    """Every measure as it comes that these facts allow and that is not computed yet; single customers are not."""
    facts = feed.current_facts()
    asked = [answers.question(measure) for measure in MEASURES.values() if all(map(facts.has, measure.reads))]
    return [one for one in asked if not one.names_people and answers.find_kept(one) is None]


def compute_ahead() -> int:
    """Compute what is missing, one after the other, the quick ones first seen; how many there were."""
    asked = missing_answers()
    for one in asked:
        try:
            answers.ask(one)
        except SaydoError:
            continue  # why it cannot be had is kept too
    return len(asked)
