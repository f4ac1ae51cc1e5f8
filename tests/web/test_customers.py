"""What is written down about a customer on their page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from saydo.web.accounts.models import Change, Entry
from saydo.web.care.models import Case, Contact
from saydo.web.customers.models import Consent, Customer, Note, Person
from saydo.web.trade.models import Order

Browser = Callable[[str], Client]


@pytest.fixture
def ada(company: Any) -> Customer:
    one = Customer.objects.create(customer_id="ada", change_id=0)
    Person.objects.create(customer=one, name="Ada Meier")
    return one


def last_change() -> tuple[str, str]:
    change = Change.objects.latest("id")
    return change.kind, change.table


def test_note_is_kept_with_its_writer(ada: Customer, client_of: Browser) -> None:
    page = client_of("agent").post("/customers/ada/add/note/", {"text": "Calls <early>"}, follow=True).content.decode()
    assert "Calls &lt;early&gt;" in page
    note = Note.objects.get(customer=ada)
    assert note.by is not None
    assert note.by.role == "agent"
    noted = Entry.objects.filter(action="noted").latest("id")
    assert (noted.key, noted.details) == ("ada", {})


def put_order(key: str) -> None:
    Order.objects.create(
        order_id=key, customer_id="ada", ordered_at=timezone.now(), status="paid", currency="EUR", change_id=1
    )


@pytest.mark.parametrize("what", ["contact", "case"])
def test_order_number_is_that_of_an_order(ada: Customer, client_of: Browser, what: str) -> None:
    put_order("7")
    client, typed = client_of("agent"), {"direction": "in", "purpose": "service", "cause": "wrong size"}
    for number in ("ada@example.org", "8"):
        refused = client.post(f"/customers/ada/add/{what}/", {**typed, "order_id": number})
        assert (refused.status_code, "There is no order with this number." in refused.content.decode()) == (400, True)
    client.post(f"/customers/ada/add/{what}/", {**typed, "order_id": "# 7"})
    client.post(f"/customers/ada/add/{what}/", typed)
    model = Contact if what == "contact" else Case
    assert sorted(model.objects.filter(customer_id="ada").values_list("order_id", flat=True), key=str) == ["7", None]


def test_contact_is_recorded_and_told(ada: Customer, client_of: Browser) -> None:
    put_order("7")
    typed = {"direction": "in", "purpose": "service", "asked": "where", "order_id": "7", "is_resolved": "on"}
    page = client_of("adviser").post("/customers/ada/add/contact/", typed, follow=True).content.decode()
    assert "Where is it now?" in page
    contact = Contact.objects.get(customer_id="ada")
    assert (contact.direction, contact.purpose, contact.asked, contact.order_id) == ("in", "service", "where", "7")
    assert contact.answered_at is not None
    assert contact.resolved_at is not None
    assert last_change() == ("written", "contacts")
    assert Change.objects.latest("id").id == contact.change_id


def test_consent_is_added_to_its_history(ada: Customer, client_of: Browser) -> None:
    client = client_of("agent")
    typed = {"purpose": "offers", "channel": "mail", "state": "granted", "how": "call", "text_shown": "May we write?"}
    client.post("/customers/ada/add/consent/", typed)
    page = client.post("/customers/ada/add/consent/", {**typed, "state": "revoked"}, follow=True).content.decode()
    assert list(Consent.objects.filter(customer=ada).values_list("state", flat=True)) == ["revoked", "granted"]
    assert page.count("May we write?") == 2
    assert '<span class="tag bad">taken back: e-mail</span>' in page
    assert last_change() == ("consent", "consents")


def test_words_of_a_case_are_cleaned_of_addresses_and_numbers(ada: Customer, client_of: Browser) -> None:
    client = client_of("agent")
    client.post("/customers/ada/add/case/", {"cause": " call ada@example.org or 06 12 34 56 78"})
    case = Case.objects.get(customer_id="ada")
    client.post(f"/customers/ada/cases/{case.pk}/", {"outcome": "wrote to ada@example.org"})
    case.refresh_from_db()
    assert (case.cause, case.outcome) == ("call [e-mail] or [phone]", "wrote to [e-mail]")


def test_case_is_opened_answered_and_closed(ada: Customer, client_of: Browser) -> None:
    client = client_of("agent")
    page = client.post("/customers/ada/add/case/", {"cause": "wrong size"}, follow=True).content.decode()
    assert "wrong size" in page
    case = Case.objects.get(customer_id="ada")
    address = f"/customers/ada/cases/{case.pk}/"
    client.post(address, {"answer": "1"})
    answered_at = Case.objects.get(pk=case.pk).answered_at
    assert answered_at is not None
    assert "Say what came of it" in client.post(address, {"outcome": ""}, follow=True).content.decode()
    client.post(address, {"outcome": "exchanged"})
    case.refresh_from_db()
    assert (case.outcome, case.answered_at) == ("exchanged", answered_at)
    assert case.closed_at is not None
    assert last_change() == ("closed", "cases")


def test_case_that_is_answered_or_closed_again_stays_as_it_is_and_tells_nothing(
    ada: Customer, client_of: Browser
) -> None:
    Case.objects.create(case_id="k", customer=ada, opened_at=timezone.now(), change_id=1)
    Case.objects.filter(pk="k").update(closed_at=timezone.now(), outcome="refunded")  # as a load brings it, unanswered
    client, before = client_of("agent"), (Case.objects.filter(pk="k").values().get(), Change.objects.count())
    client.post("/customers/ada/cases/k/", {"outcome": "exchanged"})
    assert (Case.objects.filter(pk="k").values().get(), Change.objects.count()) == before
    client.post("/customers/ada/cases/k/", {"answer": "1"})
    before = Case.objects.filter(pk="k").values().get(), Change.objects.count()
    client.post("/customers/ada/cases/k/", {"answer": "1"})
    assert (Case.objects.filter(pk="k").values().get(), Change.objects.count()) == before


def test_case_of_somebody_else_is_not_found(ada: Customer, client_of: Browser) -> None:
    other = Case.objects.exclude(customer_id="ada")[0]
    assert client_of("agent").post(f"/customers/ada/cases/{other.pk}/", {"outcome": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("what", "typed"),
    [("note", {"text": ""}), ("consent", {"purpose": "offers", "channel": "mail", "state": "granted", "how": ""})],
)
def test_what_is_missing_is_said_at_the_field_and_the_rest_kept(
    ada: Customer, client_of: Browser, what: str, typed: dict[str, str]
) -> None:
    response = client_of("agent").post(f"/customers/ada/add/{what}/", typed)
    page = response.content.decode()
    assert response.status_code == 400
    assert "errorlist" in page
    assert f'id="{what}" open' in page


def test_unknown_kind_of_writing_is_not_found(ada: Customer, client_of: Browser) -> None:
    assert client_of("agent").post("/customers/ada/add/spell/").status_code == 404


@pytest.mark.parametrize("role", ["analyst", "reader"])
@pytest.mark.parametrize("what", ["note", "contact", "consent", "case"])
def test_writing_is_closed_to_those_who_do_not_serve(ada: Customer, client_of: Browser, role: str, what: str) -> None:
    assert client_of(role).post(f"/customers/ada/add/{what}/", {"text": "x"}).status_code == 403


def test_seeing_a_customer_leaves_a_mark_without_the_name(ada: Customer, client_of: Browser) -> None:
    client_of("manager").get("/customers/ada/")
    entry = Entry.objects.latest("id")
    assert (entry.action, entry.table, entry.key, entry.details) == ("seen", "customers", "ada", {})


@pytest.mark.parametrize(
    ("state", "sentence"),
    [("denied", "They refused surveys: do not ask."), ("granted", "They may be asked for their opinion now.")],
)
def test_page_says_whether_a_survey_is_welcome(ada: Customer, client_of: Browser, state: str, sentence: str) -> None:
    Consent.objects.create(customer=ada, purpose="surveys", channel="any", state=state, how="call")
    assert sentence in client_of("agent").get("/customers/ada/").content.decode()
