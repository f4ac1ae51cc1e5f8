"""Webhooks: what is told to whom, signed, tried again, and never into our own network."""

from __future__ import annotations

import html
import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.test import Client
from django.utils import timezone
from standardwebhooks import Webhook

from saydo.language import translate, use
from saydo.web import post as post_module
from saydo.web.accounts.models import Place, User
from saydo.web.customers.models import Customer
from saydo.web.hooks import tasks
from saydo.web.hooks.models import EVENTS, ROTATION, Delivery, Endpoint, Event
from saydo.web.outbox import tell, untaken
from saydo.web.post import NotAllowed, is_public, post
from saydo.web.promises.models import Commitment
from saydo.web.trade.models import Order


class Receiver:
    """A program that is told: what it got, and what it answers."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status, self.headers = 200, dict[str, str]()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"thank you")

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/in"

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.HOOKS_PRIVATE = True
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def endpoint(company: Path, receiver: Receiver, user_of: Callable[[str], Any], monkeypatch: Any) -> Endpoint:
    """A receiver of everything. Changes of this test are seen though its transaction is still open."""
    monkeypatch.setattr("saydo.web.outbox._oldest_open", lambda: None)
    if changes := untaken("hooks", most=10**6):
        from saydo.web.outbox import taken

        taken("hooks", changes[-1])
    return Endpoint.objects.create(name="shop", url=receiver.url, kinds=list(EVENTS), made_by=user_of("administrator"))


def receive_order(key: str, **values: Any) -> Order:
    with transaction.atomic():
        change = tell("received", "orders", rows=1)
        given: dict[str, Any] = {"ordered_at": timezone.now(), "status": "paid", "currency": "EUR"} | values
        return Order.objects.create(pk=key, change_id=change.id, **given)


# What is told


def test_order_is_told_once_by_its_key_and_verifies(endpoint: Endpoint, receiver: Receiver) -> None:
    order = receive_order("n1", customer_id="c-1")
    assert tasks.deliver() == 1
    assert tasks.deliver() == 0
    headers, body = receiver.got[0]
    assert Webhook(endpoint.secret).verify(body, headers) == {
        "type": "order.received",
        "timestamp": order.ordered_at.isoformat().replace("+00:00", "Z"),
        "data": {
            "order_id": "n1",
            "customer_id": "c-1",
            "touchpoint": None,
            "status": "paid",
            "ordered_at": order.ordered_at.isoformat(),
        },
    }
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.status, delivery.answer, delivery.tries) == ("delivered", 200, "thank you", 1)


def test_order_that_changes_is_not_received_again(endpoint: Endpoint, receiver: Receiver) -> None:
    order = receive_order("n1")
    tasks.deliver()
    with transaction.atomic():
        order.change_id, order.status = tell("written", "orders", "n1").id, "shipped"
        order.save(update_fields=["change_id", "status"])
    tasks.deliver()
    assert len(receiver.got) == 1


def test_history_is_told_to_nobody(endpoint: Endpoint, receiver: Receiver) -> None:
    receive_order("old", ordered_at=timezone.now() - timedelta(days=30))
    tasks.deliver()
    assert receiver.got == []


def test_promise_is_told_broken_when_its_time_has_passed(endpoint: Endpoint, receiver: Receiver) -> None:
    now = timezone.now()
    tasks.deliver()
    with transaction.atomic():
        change = tell("received", "commitments", rows=4)
        shared: dict[str, Any] = {"promise_id": "delivery", "made_at": now - timedelta(days=1), "seen_by": "system"}
        given: dict[str, dict[str, Any]] = {
            "soon": {"due_at": now + timedelta(hours=1)},
            "late": {"due_at": now - timedelta(hours=2), "fulfilled_at": now - timedelta(hours=1)},
            "kept": {"due_at": now - timedelta(hours=1), "fulfilled_at": now - timedelta(hours=2)},
            "seen": {"kept": False},
        }
        for key, values in given.items():
            Commitment.objects.create(pk=key, change_id=change.id, **shared, **values)
    tasks.deliver()
    assert sorted(body["data"]["commitment_id"] for body in receiver.bodies()) == ["late", "seen"]
    Commitment.objects.filter(pk="soon").update(due_at=timezone.now())
    for _ in range(2):
        Place.objects.filter(reader=tasks.LOOK).update(change_id=int(now.timestamp()) - 90)
        tasks.deliver()
    assert [body["data"]["commitment_id"] for body in receiver.bodies()[2:]] == ["soon"]
    assert {body["type"] for body in receiver.bodies()} == {"promise.broken"}


def test_merges_and_erasures_are_told_by_key(endpoint: Endpoint, receiver: Receiver) -> None:
    with transaction.atomic():
        for kind in ("merged", "parted", "consent"):
            tell(kind, "customers", "c-7")
        tell("erased", "customers", "c-8")
        tell("erased", "feedback")
    tasks.deliver()
    assert [(body["type"], body["data"]) for body in receiver.bodies()] == [
        ("customer.merged", {"customer_id": "c-7"}),
        ("customer.parted", {"customer_id": "c-7"}),
        ("consent.changed", {"customer_id": "c-7"}),
        ("customer.erased", {"customer_id": "c-8"}),
    ]


def test_answer_is_told_without_its_words(endpoint: Endpoint, receiver: Receiver) -> None:
    from saydo.web.voice.models import Feedback

    with transaction.atomic():
        change = tell("received", "feedback")
        Feedback.objects.create(
            pk="f1", change_id=change.id, source="survey", said_at=timezone.now(), score=9, comment="Ada was here"
        )
    tasks.deliver()
    assert receiver.bodies()[0]["data"]["score"] == 9
    assert b"Ada" not in receiver.got[0][1]


def test_kinds_that_were_not_chosen_are_not_told(endpoint: Endpoint, receiver: Receiver) -> None:
    endpoint.kinds = ["customer.erased"]
    endpoint.save()
    receive_order("n1")
    tasks.deliver()
    assert (receiver.got, Event.objects.count()) == ([], 0)


# How it is tried


def test_failure_is_tried_again_later_and_later_then_given_up(endpoint: Endpoint, receiver: Receiver) -> None:
    receiver.status = 503
    receive_order("n1")
    waits = []
    for _ in tasks.WAITS:
        Delivery.objects.update(due_at=timezone.now())
        assert tasks.deliver() == 1
        delivery = Delivery.objects.get()
        waits.append((delivery.due_at - timezone.now()).total_seconds())
    for waited, wanted in zip(waits, tasks.WAITS[1:], strict=False):
        assert 0.85 * wanted - 1 <= waited <= 1.2 * wanted
    assert (delivery.state, delivery.tries) == ("given up", 10)
    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.sentence) == (False, "It failed 10 times, over three days.")
    with use("fr"):
        assert "10 fois" in endpoint.sentence
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


def test_owner_is_written_to_when_an_endpoint_is_stopped(
    endpoint: Endpoint, receiver: Receiver, django_capture_on_commit_callbacks: Any
) -> None:
    receiver.status = 410
    receive_order("n1")
    with django_capture_on_commit_callbacks(execute=True):
        tasks.deliver()
    endpoint.refresh_from_db()
    assert (endpoint.is_active, Delivery.objects.get().state) == (False, "given up")
    assert [letter.subject for letter in mail.outbox] == ["Saydo sends nothing more to shop"]


def test_why_an_endpoint_was_stopped_is_told_in_the_language_of_whoever_reads(
    endpoint: Endpoint, receiver: Receiver, client_of: Callable[[str], Client], django_capture_on_commit_callbacks: Any
) -> None:
    User.objects.filter(role="administrator").update(language="fr")
    receiver.status = 410
    receive_order("n1")
    with django_capture_on_commit_callbacks(execute=True):
        tasks.deliver()
    why = "It answered 410: nobody is there any more."
    with use("fr"):
        translated = translate(why)
    page = client_of("administrator").get(f"/hooks/{endpoint.pk}/").content.decode()
    assert translated != why
    assert (translated in mail.outbox[0].body, why in mail.outbox[0].body) == (True, False)
    assert (html.escape(translated) in page, why in page) == (True, False)


def test_wait_that_the_receiver_asks_for_is_kept(endpoint: Endpoint, receiver: Receiver) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "3600"}
    receive_order("n1")
    tasks.deliver()
    assert 3500 < (Delivery.objects.get().due_at - timezone.now()).total_seconds() <= 3600


def test_redirect_is_not_followed(endpoint: Endpoint, receiver: Receiver) -> None:
    receiver.status, receiver.headers = 302, {"Location": receiver.url}
    receive_order("n1")
    tasks.deliver()
    assert len(receiver.got) == 1
    assert Delivery.objects.get().answer == "It answered with another address; redirects are not followed."


def test_answer_that_is_packed_stays_packed(endpoint: Endpoint, receiver: Receiver) -> None:
    receiver.headers = {"Content-Encoding": "gzip"}  # it is not: unpacking it would fail
    receive_order("n1")
    tasks.deliver()
    assert receiver.got[0][0]["accept-encoding"] == "identity"
    assert Delivery.objects.get().answer == "thank you"


def test_receiver_that_fails_does_not_keep_others_waiting(endpoint: Endpoint, receiver: Receiver) -> None:
    dead = socket.socket()
    dead.bind(("127.0.0.1", 0))
    Endpoint.objects.create(name="dead", url=f"http://127.0.0.1:{dead.getsockname()[1]}/", kinds=["order.received"])
    for number in range(3):
        receive_order(f"n{number}")
    assert tasks.deliver() == 4
    dead.close()
    assert len(receiver.got) == 3
    assert Delivery.objects.filter(endpoint__name="dead", tries=0, state="waiting").count() == 2


def test_delivery_that_was_claimed_by_a_killed_worker_is_taken_again(endpoint: Endpoint, receiver: Receiver) -> None:
    receive_order("n1")
    tasks.collect()
    assert tasks._claim(set()) is not None
    assert tasks._claim(set()) is None
    Delivery.objects.update(due_at=timezone.now())
    assert tasks.deliver() == 1


def test_both_secrets_sign_for_a_day_after_a_change(endpoint: Endpoint, receiver: Receiver) -> None:
    from saydo.web.hooks.actions import rotate_secret

    old, new = endpoint.secret, rotate_secret(endpoint)
    receive_order("n1")
    tasks.deliver()
    headers, body = receiver.got[0]
    for secret in (old, new):
        Webhook(secret).verify(body, headers)
    endpoint.rotated_at = timezone.now() - ROTATION
    assert endpoint.secrets == [new]


def test_old_events_are_forgotten_but_not_those_that_wait(endpoint: Endpoint, receiver: Receiver) -> None:
    receiver.status = 503
    receive_order("n1")
    tasks.deliver()
    Event.objects.update(at=timezone.now() - timedelta(days=40))
    tasks.forget()
    assert Event.objects.count() == 1
    Delivery.objects.update(state="delivered")
    tasks.forget()
    assert Event.objects.count() == 0


# Where it is not sent


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",  # noqa: S104
            "224.0.0.1",
        ),
        *("192.0.0.192", "192.88.99.1", "fec0::1", "3fff::1"),  # some versions of Python take them for public
        *("::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::"),
    ],
)
def test_address_of_our_own_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("text", "seconds"), [("5", 5.0), ("\u00b2", None), ("9" * 400, None), ("soon", None), ("", None)]
)
def test_time_to_wait_that_is_no_time_is_passed_over(text: str, seconds: float | None) -> None:
    assert post_module._wait(text) == seconds


def test_address_of_the_internet_is_public() -> None:
    assert [is_public(address) for address in ("93.184.216.34", "2606:2800:220:1::1", "64:ff9b::808:808")] == [True] * 3


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "[::1]", "0x7f000001", "2130706433"])
def test_nothing_is_sent_into_our_own_network(receiver: Receiver, settings: Any, host: str) -> None:
    settings.HOOKS_PRIVATE = False
    with pytest.raises(NotAllowed):
        post(f"https://{host}:{receiver.server.server_port}/", b"{}", {})
    assert receiver.got == []


def test_name_that_leads_home_is_refused_when_it_is_looked_up(monkeypatch: Any, settings: Any) -> None:
    settings.HOOKS_PRIVATE = False
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(NotAllowed, match=r"leads to 10\.0\.0\.1"):
        post("https://example.org/", b"{}", {})


def test_plain_http_needs_the_setting(settings: Any) -> None:
    settings.HOOKS_PRIVATE = False
    with pytest.raises(NotAllowed, match="https"):
        post("http://example.org/", b"{}", {})


# Pages


def test_endpoint_is_made_by_page_and_its_secret_shown_once(company: Path, client_of: Any) -> None:
    administrator = client_of("administrator")
    typed = {"name": "shop", "url": "https://shop.example.org/in", "kinds": ["order.received"]}
    page = administrator.post("/hooks/new/", typed)
    endpoint = Endpoint.objects.get()
    assert (endpoint.url, endpoint.kinds) == (typed["url"], typed["kinds"])
    assert endpoint.secret in page.content.decode()
    assert endpoint.secret not in administrator.get(f"/hooks/{endpoint.pk}/").content.decode()
    assert endpoint.secret not in administrator.get("/hooks/").content.decode()


@pytest.mark.parametrize("url", ["http://example.org/", "https://me:secret@example.org/", "ftp://example.org/"])
def test_address_that_cannot_be_is_refused_at_the_field(company: Path, client_of: Any, url: str) -> None:
    page = client_of("administrator").post("/hooks/new/", {"name": "shop", "url": url, "kinds": ["order.received"]})
    assert Endpoint.objects.count() == 0
    assert 'class="errorlist"' in page.content.decode()
    assert 'value="shop"' in page.content.decode()


def test_log_shows_what_was_answered_and_sends_again(endpoint: Endpoint, receiver: Receiver, client_of: Any) -> None:
    receive_order("n1")
    tasks.deliver()
    administrator = client_of("administrator")
    page = administrator.get(f"/hooks/{endpoint.pk}/").content.decode()
    assert "1 of 1 events reached shop" in page
    assert "200 thank you" in page
    administrator.post(f"/hooks/again/{Delivery.objects.get().pk}/")
    tasks.deliver()
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len(receiver.got) == 2


def test_test_button_tells_what_came_of_it(endpoint: Endpoint, receiver: Receiver, client_of: Any) -> None:
    administrator = client_of("administrator")
    page = administrator.post(f"/hooks/{endpoint.pk}/test/", follow=True).content.decode()
    assert "The test arrived; the answer was 200." in page
    receiver.status = 500
    page = administrator.post(f"/hooks/{endpoint.pk}/test/", follow=True).content.decode()
    assert "The test did not arrive: 500 thank you" in page
    assert receiver.bodies()[0]["type"] == "test.sent"


def test_endpoint_is_changed_switched_rotated_and_removed(endpoint: Endpoint, client_of: Any) -> None:
    administrator, old = client_of("administrator"), endpoint.secret
    typed = {"name": "till", "url": "https://till.example.org/", "kinds": ["case.opened"]}
    administrator.post(f"/hooks/{endpoint.pk}/edit/", typed)
    administrator.post(f"/hooks/{endpoint.pk}/off/")
    shown = administrator.post(f"/hooks/{endpoint.pk}/rotate/").content.decode()
    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.kinds, endpoint.is_active) == ("till", ["case.opened"], False)
    assert endpoint.secret != old
    assert endpoint.secret in shown
    administrator.post(f"/hooks/{endpoint.pk}/on/")
    endpoint.refresh_from_db()
    assert endpoint.is_active
    administrator.post(f"/hooks/{endpoint.pk}/delete/")
    assert Endpoint.objects.count() == 0


def test_pages_are_for_administrators(endpoint: Endpoint, client_of: Any) -> None:
    for role in ("manager", "agent", "analyst", "reader"):
        for path in ("/hooks/", "/hooks/new/", f"/hooks/{endpoint.pk}/"):
            assert (role, path, client_of(role).get(path).status_code) == (role, path, 403)
    assert Client().get("/hooks/").status_code == 302


def test_log_asks_as_many_queries_for_three_rows_as_for_one(endpoint: Endpoint, client_of: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    administrator, counts = client_of("administrator"), []
    for number in range(3):
        receive_order(f"n{number}")
        tasks.deliver()
        Endpoint.objects.create(name=f"other {number}", url="https://example.org/", kinds=[])
        counts.append(0)
        for path in ("/hooks/", f"/hooks/{endpoint.pk}/"):
            administrator.get(path)
            with CaptureQueriesContext(connection) as queries:
                administrator.get(path)
            counts[-1] += len(queries)
    assert counts[0] == counts[2]


def test_customer_without_endpoints_leaves_no_events(company: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("saydo.web.outbox._oldest_open", lambda: None)
    with transaction.atomic():
        tell("merged", "customers", Customer.objects.order_by("pk")[0].pk)
    tasks.deliver()
    assert (Event.objects.count(), untaken("hooks")) == (0, [])
