"""One timeline of a customer, and the rule by which a promise of theirs is kept or broken."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from saydo.measures._commitments import judge_commitments
from saydo.web import feed
from saydo.web.accounts.models import Company
from saydo.web.care.models import Case, Contact
from saydo.web.customers.models import Consent, Customer, Note, Person, Referral, Touchpoint
from saydo.web.promises.models import Commitment, Promise
from saydo.web.standing import find_consents, find_pressure, find_worth
from saydo.web.timeline import KINDS, Entry, read_timeline
from saydo.web.trade.models import Contract, Order, OrderLine, Payment, Product, Return
from saydo.web.voice.models import Feedback, Invitation

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture
def customer(company: Any) -> Customer:
    """Somebody with whom everything happened once."""
    new = {"change_id": 0}
    one = Customer.objects.create(customer_id="c", first_seen_at=ago(400), **new)
    Person.objects.create(customer=one, name="Ada Meier", email="ada@example.org")
    Customer.objects.create(customer_id="d", **new)
    Touchpoint.objects.create(touchpoint="shop-x", kind="shop", **new)
    Product.objects.create(product_id="p", name="Teapot", unit_cost=6, **new)
    Promise.objects.create(promise="pr", statement="Delivered within three days", **new)
    Order.objects.create(order_id="o", customer=one, ordered_at=ago(100), status="delivered", currency="EUR", **new)
    OrderLine.objects.create(
        order_id="o", line=1, kind="product", product_id="p", quantity=2, unit_price=Decimal("10.5"), **new
    )
    Commitment.objects.create(
        commitment_id="k", promise_id="pr", customer=one, order_id="o", made_at=ago(100), due_at=ago(97),
        fulfilled_at=ago(95), seen_by="system", **new,
    )  # fmt: skip
    Return.objects.create(
        return_id="r", customer=one, product_id="p", returned_at=ago(90), refund=5, currency="EUR", **new
    )
    Payment.objects.create(
        payment_id="y", order_id="o", due_at=ago(80), paid_at=ago(70), amount=21, currency="EUR", **new
    )
    Invitation.objects.create(invitation_id="i", customer=one, survey="nps", sent_at=ago(20), **new)
    Feedback.objects.create(
        feedback_id="f", customer=one, source="survey", survey="nps", question="nps", occasion="relational",
        said_at=ago(19), score=3, scale_min=0, scale_max=10, comment="It came <late>", replied_at=ago(18), **new,
    )  # fmt: skip
    Contact.objects.create(
        contact_id="n",
        customer=one,
        at=ago(96),
        direction="in",
        purpose="service",
        asked="where",
        touchpoint_id="shop-x",
        **new,
    )
    Case.objects.create(
        case_id="s", customer=one, cause="late parcel", opened_at=ago(17), closed_at=ago(15), outcome="sorry", **new
    )
    Contract.objects.create(contract_id="t", customer=one, product_id="p", started_on=ago(300).date(), **new)
    Referral.objects.create(referral_id="e", referrer=one, referred_id="d", referred_at=ago(50), **new)
    Consent.objects.create(customer=one, purpose="offers", channel="mail", state="granted", at=ago(99), how="form")
    Note.objects.create(customer=one, text="Likes green tea", at=ago(1))
    return one


def test_timeline_tells_everything_newest_first(customer: Customer) -> None:
    entries = read_timeline(["c"], NOW).entries
    assert [entry.text for entry in entries] == [
        "A colleague noted",
        "Case closed",
        "Case opened",
        "We answered what they had said",
        "Answered nps",
        "Asked for an opinion (nps)",
        "Recommended us",
        "€21.00 paid 10 days late",
        "Sent back: Teapot",
        "Promise fulfilled 2 days late",
        "Asked us something",
        "Agreed: offers: advice, news and advertisements, e-mail",
        "Order o of €21.00",
        "Promised",
        "Contract begun: Teapot",
        "Became our customer",
    ]
    said = next(entry for entry in entries if entry.kind == "said")
    assert (said.words, said.tone, said.more) == ("It came <late>", "bad", ["3 of 10"])
    assert {entry.words for entry in entries if entry.kind == "promised"} == {"Delivered within three days"}


@pytest.mark.parametrize("kind", KINDS)
def test_timeline_can_be_narrowed_to_a_kind(customer: Customer, kind: str) -> None:
    entries = read_timeline(["c"], NOW, kinds=[kind]).entries
    assert {entry.kind for entry in entries} == {kind}


def test_timeline_pages_hold_together_all_that_one_page_would(company: Any) -> None:
    busiest = Counter(Commitment.objects.exclude(customer_id=None).values_list("customer_id", flat=True)).most_common(
        1
    )[0][0]
    whole = read_timeline([busiest], NOW, size=10_000)
    pages, number = [], 1
    while True:
        page = read_timeline([busiest], NOW, number=number, size=7)
        pages += page.entries
        if not page.has_more:
            break
        number += 1
    assert len(whole.entries) > 14
    assert spread(pages) == spread(whole.entries)


def spread(entries: list[Entry]) -> Counter[tuple[datetime, str, str]]:
    """One item for each thing told: answers given together may stand on two pages."""
    return Counter((entry.at, entry.text, one) for entry in entries for one in entry.more or [""])


def test_timeline_holds_what_came_with_merged_records(customer: Customer) -> None:
    Contact.objects.create(contact_id="n2", customer_id="d", at=ago(2), direction="out", purpose="offer", change_id=0)
    texts = [entry.text for entry in read_timeline(["c", "d"], NOW).entries]
    assert texts[1] == "We sent an offer"
    assert "Came by a recommendation" in texts


def test_commitments_are_judged_as_the_measures_judge_them(company: Any) -> None:
    facts = feed.current_facts()
    judged = facts.run(judge_commitments(facts).select("commitment_id", "state")).to_pylist()
    now = facts.as_of.replace(tzinfo=UTC)
    ours = {row.pk: row.state_at(now) for row in Commitment.objects.select_related("order")}
    assert ours == {row["commitment_id"]: row["state"] for row in judged}
    assert set(Counter(ours.values())) >= {"kept", "broken", "withdrawn"}


def test_worth_counts_the_last_twelve_months_and_says_how_much_cost_is_known(customer: Customer) -> None:
    OrderLine.objects.create(order_id="o", line=2, kind="fee", quantity=1, unit_price=9, change_id=0)
    Order.objects.create(
        order_id="old", customer_id="c", ordered_at=ago(500), status="paid", currency="EUR", change_id=0
    )
    Order.objects.create(
        order_id="no", customer_id="c", ordered_at=ago(5), status="cancelled", currency="EUR", change_id=0
    )
    OrderLine.objects.create(order_id="no", line=1, kind="fee", quantity=1, unit_price=99, change_id=0)
    worth = find_worth(["c"], NOW)
    assert worth is not None
    assert (worth.orders, worth.all_orders, float(worth.sales), float(worth.margin or 0)) == (1, 2, 30.0, 9.0)
    assert (worth.currency, float(worth.refunds), round(worth.known_share, 6)) == ("EUR", 5.0, 0.7)


def test_worth_of_somebody_who_never_ordered_is_unknown(customer: Customer) -> None:
    assert find_worth(["d"], NOW) is None


def test_pressure_counts_what_nobody_asked_for_and_says_until_when_to_wait(customer: Customer) -> None:
    Contact.objects.create(contact_id="o1", customer_id="c", at=ago(40), direction="out", purpose="offer", change_id=0)
    Contact.objects.create(contact_id="o2", customer_id="c", at=ago(3), direction="out", purpose="service", change_id=0)
    pressure = find_pressure(["c"], NOW)
    assert (pressure.surveys_30, pressure.surveys_90, pressure.offers_30, pressure.offers_90) == (1, 1, 0, 1)
    waits = {limit.days: limit.free_at for limit in pressure.limits}
    assert waits == {7: None, 30: None, 90: ago(20) + timedelta(days=90)}  # that survey was about the relationship


def test_consent_given_last_counts(customer: Customer) -> None:
    Consent.objects.create(customer=customer, purpose="offers", channel="mail", state="revoked", at=ago(3), how="call")
    Consent.objects.create(customer=customer, purpose="surveys", channel="any", state="granted", at=ago(3), how="call")
    said = {name: [(one.channel, one.state) for one in last] for name, last in find_consents(["c"])}
    assert list(said.values()) == [[], [("any", "granted")], [("mail", "revoked")], []]


def test_page_shows_the_person_and_escapes_their_words(customer: Customer, client_of: Callable[[str], Client]) -> None:
    page = client_of("agent").get("/customers/c/").content.decode()
    assert "Ada Meier" in page
    assert "It came &lt;late&gt;" in page
    assert "Delivered within three days" in page


def test_page_asks_the_database_as_often_for_many_as_for_one(
    customer: Customer, client_of: Callable[[str], Client]
) -> None:
    client = client_of("agent")
    client.get("/customers/c/")
    with CaptureQueriesContext(connection) as once:
        client.get("/customers/c/")
    for model in (Order, Contact, Invitation, Case, Note, Consent, Commitment, Return, Feedback, Contract, Referral):
        owner = "referrer_id" if model is Referral else "customer_id"
        row = model._default_manager.filter(**{owner: "c"})[0]
        for copy in range(2):
            row.pk = None if model in (Note, Consent) else f"{row.pk}{copy}"
            row._state.adding = True
            row.save(force_insert=True)
    with CaptureQueriesContext(connection) as thrice:
        page = client.get("/customers/c/").content.decode()
    assert page.count("Likes green tea") == 3
    assert len(thrice) == len(once)
    assert len(once) < 60


def test_page_of_a_merged_record_leads_to_the_person(customer: Customer, client_of: Callable[[str], Client]) -> None:
    Customer.objects.filter(pk="d").update(merged_into="c")
    response = client_of("agent").get("/customers/d/")
    assert (response.status_code, response.headers["Location"]) == (302, "/customers/c/")


def test_page_of_an_erased_person_is_gone(customer: Customer, client_of: Callable[[str], Client]) -> None:
    Customer.objects.filter(pk="c").update(erased_at=NOW)
    assert client_of("agent").get("/customers/c/").status_code == 404


def test_page_opens_for_a_key_with_a_slash(company: Any, client_of: Callable[[str], Client]) -> None:
    Customer.objects.create(customer_id="2024/001", change_id=0)
    page = client_of("agent").get("/customers/2024%2F001/").content.decode()
    assert "Nothing happened yet" in page


@pytest.mark.parametrize("role", ["analyst", "reader"])
def test_page_is_closed_to_those_who_see_no_identity(
    customer: Customer, client_of: Callable[[str], Client], role: str
) -> None:
    assert client_of(role).get("/customers/c/").status_code == 403


def test_page_speaks_french(
    customer: Customer, client_of: Callable[[str], Client], user_of: Callable[[str], Any]
) -> None:
    user = user_of("agent")
    user.language = "fr"
    user.save()
    page = client_of("agent").get("/customers/c/").content.decode()
    assert 'lang="fr"' in page
    assert "21,00" in page


def test_day_is_the_same_in_every_zone_and_midnight_is_no_time(customer: Customer, client_of: Any) -> None:
    Company.here()
    Company.objects.update(zone="America/New_York")
    Contract.objects.filter(pk="t").update(started_on=date(2026, 3, 5))
    Customer.objects.filter(pk="c").update(first_seen_at=datetime(2026, 3, 2, 5, tzinfo=UTC))  # midnight there
    page = client_of("agent").get("/customers/c/").content.decode()
    told = [" ".join(part.split()) for part in re.sub("<[^>]+>", "\n", page).splitlines() if part.strip()]
    assert told[told.index("Became our customer") - 1] == "Mar 2"
    begun = next(place for place, text in enumerate(told) if text.startswith("Contract begun"))
    assert told[begun - 1] == "Mar 5"
