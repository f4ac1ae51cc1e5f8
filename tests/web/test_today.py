"""The first page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from saydo.measures import _happenings
from saydo.web.customers.models import Customer
from saydo.web.promises.models import Commitment, Promise
from saydo.web.timeline import read_timeline
from saydo.web.today.tasks import calls_of_today
from saydo.web.trade.models import Order
from saydo.web.voice.models import LOW_NPS, LOW_SHARE, SCALED, Feedback

ClientOf = Callable[[str], Client]


def test_today_says_one_thing_first_and_leads_down(company: Path, client_of: ClientOf) -> None:
    page = client_of("manager").get("/today/").content.decode()
    assert page.count("<h1") == 1
    assert "Net Promoter Score" in page
    for measure in ("nps", "promises_kept", "repeat_rate", "margin"):
        assert f'href="/figures/{measure}/"' in page
    assert page.count("<svg") >= 3


def test_today_counts_no_promise_that_nobody_waits_for_any_more(company: Path, client_of: ClientOf) -> None:
    def due() -> int:
        return int(client_of("manager").get("/today/").context["work"]["due"])

    now, before = timezone.now(), due()
    promise = Promise.objects.all()[0]
    for key, status in (("o1", "paid"), ("o2", "cancelled")):
        Order.objects.create(order_id=key, ordered_at=now, status=status, currency="EUR", change_id=0)
        Commitment.objects.create(
            commitment_id=key,
            promise=promise,
            order_id=key,
            made_at=now,
            due_at=now + timedelta(hours=5),
            seen_by="system",
            change_id=0,
        )
    assert due() == before + 1


SCORES = {  # question, score, scale, source: is somebody unhappy?
    ("nps", 6, (0, 10), "survey"): True,
    ("nps", 7, (0, 10), "survey"): False,
    ("csat", 2, (1, 5), "survey"): True,
    ("csat", 3, (1, 5), "survey"): False,
    ("stars", 4, (0, 10), "review"): True,
    ("stars", 2, (0, 4), "review"): False,
    ("ces", 2, (1, 7), "survey"): True,
    ("csat", 1, (None, None), "survey"): False,
    (None, None, (None, None), "complaint"): True,
    ("stars", 1, (1, 5), "mystery"): False,
}


def test_unhappy_are_the_same_everywhere(company: Path) -> None:
    assert (LOW_NPS, LOW_SHARE, SCALED) == (_happenings.LOW_NPS, _happenings.LOW_SHARE, _happenings.SCALED)
    Customer.objects.create(customer_id="u", change_id=0)
    for place, (question, score, (low, high), source) in enumerate(SCORES):
        Feedback.objects.create(
            feedback_id=f"u{place}",
            customer_id="u",
            source=source,
            question=question,
            score=score,
            scale_min=low,
            scale_max=high,
            said_at=timezone.now(),
            change_id=0,
        )
    wanted = {f"u{place}" for place, is_unhappy in enumerate(SCORES.values()) if is_unhappy}
    assert set(Feedback.unhappy().filter(customer="u").values_list("pk", flat=True)) == wanted
    assert {row.pk for row in Feedback.objects.filter(customer="u") if row.is_unhappy} == wanted
    shown = read_timeline(["u"], timezone.now(), kinds=["said"]).entries
    assert {entry.key for entry in shown if entry.tone == "bad"} == wanted


def test_today_in_french_speaks_french(company: Path, client_of: ClientOf, user_of: Callable[[str], Any]) -> None:
    manager = user_of("manager")
    manager.language = "fr"
    manager.save(update_fields=["language"])
    page = client_of("manager").get("/today/").content.decode()
    assert '<html lang="fr">' in page
    assert "What customers say" not in page


def test_today_shows_voices_and_calls_only_to_those_who_may_know(company: Path, client_of: ClientOf) -> None:
    said = Feedback.objects.filter(question="nps", score__lte=6).exclude(comment=None).order_by("-said_at")[0]
    assert said.comment
    words = said.comment[:20]
    assert words in client_of("agent").get("/today/").content.decode()
    analyst = client_of("analyst")
    page = analyst.get("/today/").content.decode()
    assert (words in page, "today/calls" in page) == (False, False)
    assert analyst.get("/today/calls/").status_code == 403


def test_today_lists_whom_to_call_with_the_reason(company: Path, client_of: ClientOf) -> None:
    calls_of_today()
    page = client_of("agent").get("/today/calls/", headers={"HX-Request": "true"}).content.decode()
    assert page.count('<th scope="row">') == 10
    assert "95%" in page


def test_today_takes_as_many_queries_whatever_it_shows(
    company: Path, client_of: ClientOf, django_assert_max_num_queries: Any
) -> None:
    client = client_of("agent")
    client.get("/today/")
    with django_assert_max_num_queries(9):
        client.get("/today/")
    calls_of_today()
    with django_assert_max_num_queries(7):
        client.get("/today/calls/")


def test_today_without_facts_teaches_how_to_start(db: None, client_of: ClientOf, settings: Any, tmp_path: Path) -> None:
    settings.FACTS = tmp_path
    page = client_of("manager").get("/today/").content.decode()
    assert "Load your files" in page
    assert "Load your files" not in client_of("reader").get("/today/").content.decode()


@pytest.mark.parametrize(("role", "place"), [("manager", "/today/"), ("adviser", "/customers/")])
def test_start_leads_each_role_where_it_works(db: None, client_of: ClientOf, role: str, place: str) -> None:
    from django.urls import NoReverseMatch, reverse

    try:
        reverse("customers")
    except NoReverseMatch:
        pytest.skip("the page of customers is not there")
    assert client_of(role).get("/").headers["Location"] == place
