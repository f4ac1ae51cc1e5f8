"""The register of promises, what was kept of them, and what is behind the figures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from saydo import measures
from saydo.language import percent
from saydo.web import feed
from saydo.web.accounts.models import Change, Entry
from saydo.web.promises.models import Commitment, Promise
from saydo.web.promises.views import STATES
from saydo.web.trade.models import Order

Browser = Callable[[str], Client]


def test_register_puts_the_worst_kept_promise_in_the_title(company: Any, client_of: Browser) -> None:
    rows = measures.promises_kept(feed.current_facts(), by="promise").to_records()
    worst = min((row for row in rows if row["judged"]), key=lambda row: row["kept_rate"])
    statement = Promise.objects.get(pk=worst["promise"]).statement
    page = client_of("reader").get("/promises/").content.decode()
    title = page.split("<h1>")[1].split("</h1>")[0]
    assert statement in title
    assert percent(worst["kept_rate"]) in title
    assert all(promise.statement in page for promise in Promise.objects.all())


def test_register_can_be_searched(company: Any, client_of: Browser) -> None:
    Promise.objects.create(promise="zz", statement="Spare parts for ten years", change_id=0)
    page = client_of("reader").get("/promises/", {"q": "SPARE"}).content.decode()
    assert page.count("<tbody>") == 1
    assert page.count('<th scope="row">') == 1
    assert "No promise fits “xyz”." in client_of("reader").get("/promises/", {"q": "xyz"}).content.decode()


def test_register_without_promises_says_what_to_write(company: Any, client_of: Browser) -> None:
    Promise.objects.all().delete()
    assert "The register is empty." in client_of("agent").get("/promises/").content.decode()


def test_promise_page_shows_rate_band_and_lateness(company: Any, client_of: Browser) -> None:
    row = max(measures.promises_kept(feed.current_facts(), by="promise").to_records(), key=lambda row: row["late"])
    page = client_of("analyst").get(f"/promises/{row['promise']}/").content.decode()
    assert percent(row["kept_rate"], 1) in page
    assert "<svg" in page
    assert "one in ten by more than" in page
    assert "Each time it was given" not in page  # names of customers are not for analysts


def test_promise_page_lists_those_behind_the_figure(company: Any, client_of: Browser) -> None:
    name = Commitment.objects.exclude(customer_id=None).values_list("promise_id", flat=True)[0]
    client = client_of("agent")
    page = client.get(f"/promises/{name}/", {"state": "kept"}).content.decode()
    assert "/customers/" in page.split('id="given"')[1]
    assert "tag bad" not in page.split('id="given"')[1]
    entry = Entry.objects.latest("id")
    assert (entry.action, entry.table, entry.key) == ("listed", "commitments", name)


def test_promise_page_asks_as_often_for_many_as_for_few(company: Any, client_of: Browser) -> None:
    client, counts = client_of("agent"), []
    names = list(Commitment.objects.values_list("promise_id", flat=True).distinct())
    for keep in (1, 3):
        name = names[0]
        kept = Commitment.objects.filter(promise_id=name).order_by("pk").values_list("pk", flat=True)[:keep]
        hidden = Commitment.objects.filter(promise_id=name).exclude(pk__in=list(kept))
        client.get(f"/promises/{name}/")
        hidden.update(promise_id="hidden")
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/promises/{name}/")
        counts.append(len(queries))
        Commitment.objects.filter(promise_id="hidden").update(promise_id=name)
    assert counts[0] == counts[1]


@pytest.mark.parametrize("state", STATES)
def test_list_of_a_state_holds_those_that_are_in_it(company: Any, state: str) -> None:
    now = feed.current_facts().as_of.replace(tzinfo=UTC)
    chosen = set(Commitment.in_state(state, now).values_list("pk", flat=True))
    assert chosen == {row.pk for row in Commitment.objects.select_related("order") if row.state_at(now) == state}


def test_promise_is_added_and_changed(company: Any, client_of: Browser) -> None:
    client = client_of("manager")
    typed = {"statement": "Réponse en un jour", "standard": "24 h", "owner": "service", "made_to": "customer"}
    response = client.post("/promises/new/", typed, follow=True)
    assert "The promise stands in the register." in response.content.decode()
    assert "It was never given yet." in response.content.decode()
    made = Promise.objects.get(statement="Réponse en un jour")
    assert (made.pk, made.standard, made.owner, made.made_to) == ("reponse-en-un-jour", "24 h", "service", "customer")
    change = Change.objects.get(pk=made.change_id)
    assert (change.kind, change.table, change.key) == ("written", "promises", made.pk)
    client.post(f"/promises/{made.pk}/edit/", {**typed, "owner": "shop"})
    assert Promise.objects.get(pk=made.pk).owner == "shop"
    client.post("/promises/new/", typed)
    assert Promise.objects.filter(pk="reponse-en-un-jour-1").exists()


def test_charts_of_promises_that_begin_alike_are_not_mixed_up(
    company: Any, client_of: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []

    def keep_name(asked: Any, name: str, make: Any) -> str:
        names.append(name)
        return ""

    monkeypatch.setattr("saydo.web.promises.views.keep_text", keep_name)
    monkeypatch.setattr("saydo.web.promises.views._only", lambda result, name: result)
    for end in "ab":
        Promise.objects.create(promise=f"{'delivered ' * 8}{end}", statement=end, change_id=0)
        client_of("reader").get(f"/promises/{'delivered ' * 8}{end}/")
    assert len(set(names)) == 4


def test_promise_without_words_is_refused_at_the_field(company: Any, client_of: Browser) -> None:
    page = client_of("agent").post("/promises/new/", {"statement": "", "owner": "warehouse"}).content.decode()
    assert "errorlist" in page
    assert 'value="warehouse"' in page


@pytest.mark.parametrize("role", ["analyst", "reader"])
def test_promise_is_changed_by_those_who_serve_alone(company: Any, client_of: Browser, role: str) -> None:
    assert client_of(role).get("/promises/new/").status_code == 403


def test_cost_of_a_broken_promise_is_estimated_or_says_why_not(company: Any, client_of: Browser) -> None:
    name = Commitment.objects.values_list("promise_id", flat=True)[0]
    page = client_of("reader").get(f"/promises/{name}/cost/").content.decode()
    assert "What breaking it costs" in page
    assert "Cost in a quarter" in page or "Too few outcomes" in page or 'class="hint"' in page


@pytest.mark.django_db
def test_list_of_a_state_is_right_in_the_oddest_cases() -> None:
    now = datetime(2026, 1, 10, tzinfo=UTC)
    times = (None, now - timedelta(days=6), now - timedelta(days=3), now + timedelta(days=2))
    orders = [
        Order(order_id=f"o{place}", ordered_at=times[1], status=status, cancelled_at=at, currency="EUR", change_id=0)
        for place, (status, at) in enumerate(product(("paid", "cancelled"), times))
    ]
    Order.objects.bulk_create(orders)
    rows = [
        Commitment(
            commitment_id=f"c{place}",
            promise_id="p",
            order_id=order,
            made_at=now - timedelta(days=8),
            due_at=due,
            fulfilled_at=fulfilled,
            withdrawn_at=withdrawn,
            kept=kept,
            change_id=0,
            seen_by="system",
        )
        for place, (order, due, fulfilled, withdrawn, kept) in enumerate(
            product([None, *(order.pk for order in orders)], times, times, times, (None, True, False))
        )
    ]
    Commitment.objects.bulk_create(rows)
    for state in STATES:
        chosen = set(Commitment.in_state(state, now).values_list("pk", flat=True))
        assert chosen == {row.pk for row in Commitment.objects.select_related("order") if row.state_at(now) == state}
        assert chosen
