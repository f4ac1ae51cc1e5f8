"""Telling programs what happened: changes become events, events deliveries, which are tried until they succeed.

`deliver` does one round and is called again and again by the worker. A round that is killed is made good by the next:
at worst an event is sent twice, under the same identifier.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from smtplib import SMTPException
from time import monotonic
from typing import Any

import httpx
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from standardwebhooks import Webhook

from saydo.language import mark, translate, use
from saydo.web.accounts.models import Change, Place
from saydo.web.hooks.models import TEST, Delivery, Endpoint, Event, Kept
from saydo.web.outbox import taken, untaken
from saydo.web.post import Answered, NotAllowed, post
from saydo.web.promises.models import Commitment
from saydo.web.records import columns_of, record_of

READER, LOOK = "hooks", "hooks: due"
# What is waited before each try; an endpoint that fails the last is stopped.
WAITS = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
NEWS = timedelta(days=7)  # what happened longer ago is history that was loaded, and is told to nobody
KEPT_FOR = timedelta(days=30)
ANSWERS_KEPT_FOR = timedelta(hours=24)
_LEASE = timedelta(minutes=2)  # after a kill it is tried again then
_BATCH = 500
_LOOK_EVERY = 60  # seconds
_FORGET_EVERY = 3600
_forgotten = [0.0]  # when this process last did
_GONE = mark("It answered 410: nobody is there any more.")
_FAILED = mark("It failed {tries} times, over three days.")
_REDIRECT = mark("It answered with another address; redirects are not followed.")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """Rows of a table that are events: of which kind, when they happened (the first known), and what is told."""

    kind: str
    at: tuple[str, ...]
    columns: tuple[str, ...]


SOURCES = {
    "orders": Source(
        "order.received", ("ordered_at",), ("order_id", "customer_id", "touchpoint", "status", "ordered_at")
    ),
    "feedback": Source(
        "answer.received",
        ("said_at",),
        (
            *("feedback_id", "reply_id", "customer_id", "order_id", "source", "survey"),
            *("question", "score", "scale_min", "scale_max", "said_at"),
        ),
    ),
    "commitments": Source(
        "promise.broken",
        ("due_at", "settled_at", "made_at"),
        ("commitment_id", "promise", "customer_id", "order_id", "made_at", "due_at", "fulfilled_at", "kept"),
    ),
    "cases": Source("case.opened", ("opened_at",), ("case_id", "customer_id", "feedback_id", "order_id", "opened_at")),
}
# Changes that are themselves what is told, by kind
_TOLD = {
    "merged": "customer.merged",
    "parted": "customer.parted",
    "erased": "customer.erased",
    "consent": "consent.changed",
}


def deliver(seconds: float = 45) -> int:
    """One round: take up what happened and send what is due, for so many seconds; how many were sent."""
    collect()
    if _forgotten[0] < monotonic() - _FORGET_EVERY:
        forget()
        _forgotten[0] = monotonic()
    ends, count, failing = monotonic() + seconds, 0, set[int]()
    while monotonic() < ends and (delivery := _claim(failing)):
        if not send(delivery):
            failing.add(delivery.endpoint_id)  # it has had its chance in this round: the others' turn
        count += 1
    return count


# What happened


def collect() -> None:
    """Make events of the changes since the last round, and of promises whose time has passed."""
    endpoints = list(Endpoint.objects.filter(is_active=True))
    while changes := untaken(READER):
        with transaction.atomic():
            for change in changes:
                for events in _events(change, endpoints):
                    _write(events, endpoints)
            taken(READER, changes[-1])
    if any("promise.broken" in endpoint.kinds for endpoint in endpoints):
        _look_at_promises(endpoints)


def _events(change: Change, endpoints: Sequence[Endpoint]) -> Iterator[list[Event]]:
    wanted = {kind for endpoint in endpoints for kind in endpoint.kinds}
    told = _TOLD.get(change.kind)
    if told and change.key:
        if told in wanted:
            yield [_event(told, f"{change.key}:{change.id}", change.at, {"customer_id": change.key})]
        return
    source = SOURCES.get(change.table)
    if source is None or source.kind not in wanted or change.kind in ("rekeyed", "erased"):
        return
    rows = record_of(change.table)._default_manager.all()
    rows = rows.filter(pk=change.key) if change.key else rows.filter(change_id=change.id)
    yield from _of_rows(change.table, rows, change.at - NEWS)


def _of_rows(table: str, rows: QuerySet[Any, Any], since: datetime) -> Iterator[list[Event]]:
    """An event for each row that happened since then, in batches."""
    source, columns, now = SOURCES[table], columns_of(table), timezone.now()
    if table == "commitments":
        rows = rows.select_related("order")
    batch: list[Event] = []
    for row in rows.iterator(_BATCH):
        at = next(time for name in source.at if (time := getattr(row, name)))
        if at < since or (isinstance(row, Commitment) and row.state_at(now) != "broken"):
            continue
        told = {name: _plain(getattr(row, columns[name])) for name in source.columns}
        batch.append(_event(source.kind, str(row.pk), min(at, now), told))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _event(kind: str, key: str, at: datetime, values: dict[str, object]) -> Event:
    return Event(kind=kind, once=f"{kind}:{key}", at=at, values=values)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _write(given: Sequence[Event], endpoints: Sequence[Endpoint]) -> None:
    """Keep the events that are new, with a delivery to each endpoint that wants them."""
    Event.objects.bulk_create(given, ignore_conflicts=True)
    known = set(Event.objects.filter(pk__in=[event.pk for event in given]).values_list("pk", flat=True))
    made = [
        Delivery(endpoint=endpoint, event=event)
        for event in given
        if event.pk in known
        for endpoint in endpoints
        if event.kind in endpoint.kinds
    ]
    Delivery.objects.bulk_create(made, ignore_conflicts=True)


def _look_at_promises(endpoints: Sequence[Endpoint]) -> None:
    """Promises whose time has passed since the last look, which no change tells of."""
    now = timezone.now()
    place = Place.objects.filter(reader=LOOK).first()
    if place and now.timestamp() - place.change_id < _LOOK_EVERY:
        return
    since = datetime.fromtimestamp(place.change_id, now.tzinfo) if place else now - timedelta(days=1)
    rows = Commitment.objects.filter(due_at__gte=since, due_at__lt=now).exclude(kept=True)
    rows = rows.filter(Q(fulfilled_at=None) | Q(fulfilled_at__gt=F("due_at")) | Q(kept=False))
    with transaction.atomic():
        for events in _of_rows("commitments", rows, since):
            _write(events, endpoints)
        Place.objects.update_or_create(reader=LOOK, defaults={"change_id": int(now.timestamp())})


def forget() -> None:
    """Let go of what nobody asks for any more."""
    old = timezone.now() - KEPT_FOR
    waiting = Delivery.objects.filter(state=Delivery.WAITING, endpoint__is_active=True).values("event_id")
    Event.objects.filter(at__lt=old).exclude(pk__in=waiting).delete()
    Kept.objects.filter(at__lt=timezone.now() - ANSWERS_KEPT_FOR).delete()


# Sending


def _claim(failing: set[int]) -> Delivery | None:
    """The next delivery that is due, taken by nobody else for two minutes."""
    now = timezone.now()
    due = Delivery.objects.filter(state=Delivery.WAITING, due_at__lte=now, endpoint__is_active=True)
    while (
        found := due.exclude(endpoint__in=failing).select_related("endpoint", "event").order_by("due_at", "id").first()
    ):
        mine = Delivery.objects.filter(pk=found.pk, state=Delivery.WAITING, due_at=found.due_at)
        if mine.update(due_at=now + _LEASE):
            return found
    return None


def send(delivery: Delivery) -> bool:
    """Try once; what came of it is written down."""
    try:
        answered = post(delivery.endpoint.url, *signed(delivery.event, delivery.endpoint))
    except (NotAllowed, httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        answered = None
        delivery.answer = (str(error) or type(error).__name__)[:500]
    if answered:
        delivery.answer = _REDIRECT if 300 <= answered.status < 400 else answered.text
    delivery.status, delivery.tried_at = answered.status if answered else None, timezone.now()
    delivery.tries += 1
    is_done = answered is not None and 200 <= answered.status < 300
    with transaction.atomic():
        _decide(delivery, is_done, answered)
        delivery.save(update_fields=["state", "due_at", "tries", "tried_at", "status", "answer"])
    return is_done


def _decide(delivery: Delivery, is_done: bool, answered: Answered | None) -> None:
    """Done, to be tried again, or given up."""
    if is_done:
        delivery.state = Delivery.DELIVERED
    elif delivery.event.kind == TEST:
        delivery.state = Delivery.GIVEN_UP  # somebody is looking at it, and tries again by hand
    elif answered and answered.status == 410:
        delivery.state = Delivery.GIVEN_UP
        _stop(delivery.endpoint, _GONE)
    elif delivery.tries >= len(WAITS):
        delivery.state = Delivery.GIVEN_UP
        _stop(delivery.endpoint, _FAILED, tries=delivery.tries)
    else:
        wait = max(WAITS[delivery.tries] * random.uniform(0.9, 1.2), (answered and answered.wait) or 0)  # noqa: S311
        delivery.due_at = timezone.now() + timedelta(seconds=min(wait, WAITS[-1]))


def signed(event: Event, endpoint: Endpoint) -> tuple[bytes, dict[str, str]]:
    """The body of an event and its headers (Standard Webhooks), signed with every secret that is good now."""
    told = {"type": event.kind, "timestamp": event.at.isoformat().replace("+00:00", "Z"), "data": event.values}
    body, now = json.dumps(told, separators=(",", ":"), ensure_ascii=False), timezone.now()
    signatures = [Webhook(secret).sign(event.pk, now, body) for secret in endpoint.secrets]
    return body.encode(), {
        "Content-Type": "application/json",
        "webhook-id": event.pk,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _stop(endpoint: Endpoint, why: str, **values: object) -> None:
    """Send nothing more there, and tell whoever set it up."""
    endpoint.is_active, endpoint.stopped_why, endpoint.stopped_with = False, why, values
    endpoint.save(update_fields=["is_active", "stopped_why", "stopped_with"])
    if endpoint.made_by and endpoint.made_by.is_active:
        transaction.on_commit(partial(_write_to_owner, endpoint))


def _write_to_owner(endpoint: Endpoint) -> None:
    owner = endpoint.made_by
    if owner is None:
        return
    with use(owner.language or "en"):
        subject = translate(mark("Saydo sends nothing more to {name}"), name=endpoint.name)
        words = mark(
            "Events for {name} could not be delivered. {why}\n\nMend it, then switch it on again under Webhooks."
        )
        try:
            send_mail(subject, translate(words, name=endpoint.name, why=endpoint.sentence), None, [owner.email])
        except (OSError, SMTPException):
            logger.warning("no letter could be sent about an endpoint that was stopped")
