"""The trail: who did or saw what; it can be searched and taken away, and never changed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from saydo.language import use
from saydo.web.accounts.actions import forget_trail
from saydo.web.accounts.models import Entry, User
from saydo.web.care.models import Case, Contact
from saydo.web.customers.models import Customer, Note, Person, Proposal
from saydo.web.insight.models import View
from saydo.web.promises.models import Promise

ClientOf = Callable[[str], Client]
GUARDS = import_module("saydo.web.accounts.migrations.0005_cache_and_trail")


@pytest.fixture
def guarded(db: None) -> None:
    """The trail as the application has it: tests take the guard away where they must empty the database."""
    with connection.cursor() as cursor:
        for statement in (*GUARDS.UNGUARD[connection.vendor], *GUARDS.GUARD[connection.vendor]):
            cursor.execute(statement)


def put(count: int, **values: Any) -> None:
    Entry.objects.bulk_create([Entry(**{"action": "looked at", "table": "customers", **values}) for _ in range(count)])


def rows(answer: Any) -> int:
    return int(answer.content.decode().count('<td class="nowrap">'))


def test_database_refuses_to_change_or_delete_what_stands_there(guarded: None) -> None:
    put(1, key="c1")
    for wish in (lambda: Entry.objects.update(key="c2"), lambda: Entry.objects.all().delete()):
        with pytest.raises(DatabaseError, match="the trail stays"), transaction.atomic():
            wish()
    assert list(Entry.objects.values_list("key", flat=True)) == ["c1"]


def test_old_entries_can_be_forgotten_and_the_guard_stands_again(guarded: None) -> None:
    put(2, key="old", at=timezone.now() - timedelta(days=4000))
    put(1, key="new")
    assert forget_trail(before=timezone.now() - timedelta(days=3650)) == 2
    assert list(Entry.objects.order_by("id").values_list("action", "key")) == [("looked at", "new"), ("deleted", "")]
    assert Entry.objects.get(action="deleted").details == {"rows": 2}
    with pytest.raises(DatabaseError, match="the trail stays"), transaction.atomic():
        Entry.objects.all().delete()


def test_trail_is_narrowed_by_who_what_where_and_when(client_of: ClientOf, user_of: Callable[[str], User]) -> None:
    agent = user_of("agent")
    put(3, by=agent, key="c1")
    put(2, action="erased a person", key="c2", at=timezone.now() - timedelta(days=3))
    put(1, table="orders", key="o1")
    client, place = client_of("administrator"), reverse("trail")
    today = timezone.now().date()
    asked = {
        f"by={agent.pk}": 3,
        "action=erased+a+person": 2,
        "table=orders": 1,
        "key=c2": 2,
        f"start={today - timedelta(days=1)}": 4,
        f"end={today - timedelta(days=1)}": 2,
        "key=nothing": 0,
        "by=nobody": 6,
        f"by={agent.pk}&key=c1&table=customers&action=looked+at&start={today}": 3,
    }
    assert {query: rows(client.get(f"{place}?{query}")) for query in asked} == asked


def test_trail_goes_back_page_by_page_without_a_query_per_row(
    client_of: ClientOf, user_of: Callable[[str], User]
) -> None:
    client = client_of("administrator")
    put(1, by=user_of("agent"))
    with CaptureQueriesContext(connection) as few:
        client.get(reverse("trail"))
    put(120, by=user_of("agent"))
    with CaptureQueriesContext(connection) as many:
        page = client.get(reverse("trail"))
    assert len(many) == len(few)
    assert rows(page) == 50
    seen, older = 50, page.context["older"]
    while older:
        page = client.get(f"{reverse('trail')}?{older}")
        seen, older = seen + rows(page), page.context["older"]
    assert seen == Entry.objects.count()


def test_trail_is_taken_away_as_csv_that_no_sheet_computes(client_of: ClientOf, user_of: Callable[[str], User]) -> None:
    put(1, by=user_of("agent"), key="=1+1", details={"rows": 3, "fields": ["name", "email"]})
    answer = client_of("administrator").get(reverse("export_trail") + "?table=customers")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    lines = list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))
    assert [(line["email"], line["key"], line["details"]) for line in lines] == [
        ("agent@example.org", "'=1+1", "rows: 3; fields: name, email")
    ]
    assert Entry.objects.filter(action="exported the trail").count() == 1


def test_details_are_told_in_the_language_in_use() -> None:
    entry = Entry(details={"found": 3, "fields": ["name", "email"], "unheard": 1})
    assert entry.told == "rows found: 3; fields: name, email; unheard: 1"
    with use("fr"):
        assert entry.told == "lignes trouvées\u00a0: 3; champs\u00a0: name, email; unheard\u00a0: 1"


DOORS: dict[str, tuple[str, dict[str, str], Callable[[], Any]]] = {
    "note": ("/customers/t1/add/note/", {"text": "x"}, Note.objects.count),
    "contact": (
        "/customers/t1/add/contact/",
        {"direction": "in", "purpose": "service"},
        lambda: Contact.objects.filter(customer_id="t1").count(),
    ),
    "case": ("/customers/t1/add/case/", {"cause": "x"}, lambda: Case.objects.filter(customer_id="t1").count()),
    "answer": ("/customers/t1/cases/t/", {"answer": "1"}, lambda: Case.objects.get(pk="t").answered_at),
    "close": ("/customers/t1/cases/t/", {"outcome": "x"}, lambda: Case.objects.get(pk="t").closed_at),
    "look": ("/customers/merge/look/", {}, Proposal.objects.count),
    "sure": ("/customers/merge/sure/", {}, lambda: Customer.objects.get(pk="t2").merged_into_id),
    "merge": ("/customers/merge/7001/", {"merge": "1"}, lambda: Customer.objects.get(pk="t2").merged_into_id),
    "refuse": ("/customers/merge/7001/", {"refuse": "1"}, lambda: Proposal.objects.get(pk=7001).state),
    "merge by hand": (
        "/customers/t1/merge/",
        {"other": "t3"},
        lambda: Customer.objects.get(pk="t3").merged_into_id,
    ),
    "promise": ("/promises/new/", {"statement": "We call back."}, Promise.objects.count),
    "view": ("/figures/views/", {"name": "x", "measure": "nps", "query": ""}, View.objects.count),
}


@pytest.mark.parametrize("door", DOORS)
def test_what_cannot_be_written_into_the_trail_is_not_done(
    company: Any, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    address, typed, look = DOORS[door]
    for key in ("t1", "t2", "t3"):
        Customer.objects.create(customer_id=key, change_id=0)
        Person.objects.create(customer_id=key, name="Ada", email="ada@example.org" if key == "t3" else "")
    Case.objects.create(case_id="t", customer_id="t1", opened_at=timezone.now(), change_id=0)
    Proposal.objects.create(pk=7001, main_id="t1", other_id="t2", rule="mail", is_sure=True)
    Person.objects.filter(pk="t1").update(email="ada@example.org")
    client, before = client_of("manager"), look()
    client.raise_request_exception = False

    def fail(*_: Any, **__: Any) -> None:
        raise DatabaseError("full")

    with monkeypatch.context() as broken:
        for module in ("desk.views", "promises.views", "insight.saved"):
            broken.setattr(f"saydo.web.{module}.note", fail)
        assert client.post(address, typed).status_code == 500
    assert look() == before
    assert client.post(address, typed).status_code == 302
    assert look() != before
