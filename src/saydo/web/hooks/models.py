"""What programs are told: endpoints, events, deliveries. And answers that are kept for requests sent twice."""

from __future__ import annotations

import base64
import secrets
from datetime import timedelta

from django.db import models
from django.utils import timezone

from saydo.language import mark, translate

ROTATION = timedelta(hours=24)  # both secrets sign for so long

# Kinds of events, and what each tells.
EVENTS = {
    "order.received": mark("An order came in."),
    "answer.received": mark("Somebody answered a survey, wrote a review, or said something unasked."),
    "promise.broken": mark("A promise was broken: its time passed, or it was fulfilled late."),
    "case.opened": mark("A case was opened."),
    "consent.changed": mark("Somebody agreed to something, refused it, or took it back."),
    "customer.merged": mark("Two records turned out to be the same person and were merged."),
    "customer.parted": mark("Records that had been merged were parted again."),
    "customer.erased": mark("A person was erased: erase what you hold about this key."),
}
TEST = "test.sent"


def new_secret() -> str:
    """A secret as Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def new_id() -> str:
    """An identifier of an event, which stays the same over all tries."""
    return f"evt_{secrets.token_urlsafe(16)}"


class Endpoint(models.Model):
    """An address of another program that is told what happens."""

    name = models.CharField(max_length=100)
    url = models.URLField(max_length=500)
    kinds = models.JSONField(default=list)
    secret = models.CharField(max_length=100, default=new_secret, editable=False)
    old_secret = models.CharField(max_length=100, blank=True, editable=False)
    rotated_at = models.DateTimeField(null=True, blank=True, editable=False)
    is_active = models.BooleanField(default=True)
    stopped_why = models.CharField(max_length=200, blank=True, editable=False)  # a message id, when we stopped it
    stopped_with = models.JSONField(default=dict, editable=False)  # the values in that message
    made_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+", editable=False)
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "hook_endpoints"
        ordering = ("name", "id")

    @property
    def sentence(self) -> str:
        """Why we stopped it, in the reader's language."""
        return translate(self.stopped_why, **self.stopped_with)

    @property
    def secrets(self) -> list[str]:
        """The secrets that sign now: the new one, and for a day the one before."""
        is_both = self.old_secret and self.rotated_at and self.rotated_at > timezone.now() - ROTATION
        return [self.secret, self.old_secret] if is_both else [self.secret]


class Event(models.Model):
    """Something that happened, as it is told: keys, never a person. ``once`` keeps it from being told twice."""

    id = models.CharField(primary_key=True, max_length=40, default=new_id)
    kind = models.CharField(max_length=40)
    once = models.CharField(max_length=260, unique=True)
    at = models.DateTimeField(default=timezone.now, db_index=True)
    values = models.JSONField(default=dict)

    class Meta:
        db_table = "hook_events"


class Delivery(models.Model):
    """An event on its way to an endpoint: when it is tried next, how often it was, and what was answered last."""

    WAITING, DELIVERED, GIVEN_UP = "waiting", "delivered", "given up"
    STATES = ((WAITING, mark("waiting")), (DELIVERED, mark("delivered")), (GIVEN_UP, mark("given up")))

    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(Event, models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=STATES, default=WAITING)
    due_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    tried_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)  # of HTTP; null when there was no answer
    answer = models.CharField(max_length=500, blank=True)  # its beginning, or what went wrong (our own: a message id)

    class Meta:
        db_table = "hook_deliveries"
        constraints = (models.UniqueConstraint(fields=["endpoint", "event"], name="hook_delivery_once"),)
        indexes = (
            models.Index(fields=["state", "due_at"], name="hook_due"),
            models.Index(fields=["endpoint", "-id"], name="hook_log"),
        )


class Kept(models.Model):
    """The answer to a write that named an Idempotency-Key. It holds keys and counts, no identity."""

    who = models.CharField(max_length=40)  # the public part of an API key, or a user
    name = models.CharField(max_length=64)  # a digest of the Idempotency-Key, which may be anything
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(blank=True)
    rights = models.JSONField(default=list)  # that it took, and takes to be told again
    at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        db_table = "kept_answers"
        constraints = (models.UniqueConstraint(fields=["who", "name"], name="kept_once"),)
