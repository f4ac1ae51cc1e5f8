"""What is done about endpoints."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from saydo.web.hooks.models import TEST, Delivery, Endpoint, Event, new_id, new_secret
from saydo.web.hooks.tasks import send


def rotate_secret(endpoint: Endpoint) -> str:
    """A new secret, which is shown once; the old one signs too for a day."""
    endpoint.old_secret, endpoint.secret, endpoint.rotated_at = endpoint.secret, new_secret(), timezone.now()
    endpoint.save(update_fields=["old_secret", "secret", "rotated_at"])
    return endpoint.secret


def send_test(endpoint: Endpoint) -> Delivery:
    """Send something harmless now, and tell what came of it."""
    name = new_id()
    with transaction.atomic():
        event = Event.objects.create(pk=name, kind=TEST, once=name, values={"endpoint": endpoint.name})
        state = Delivery.GIVEN_UP  # until it is sent: no round may take it meanwhile
        delivery = Delivery.objects.create(endpoint=endpoint, event=event, state=state)
    send(delivery)
    return delivery


def send_again(delivery: Delivery) -> None:
    """Put a delivery down to be sent once more, under the same identifier."""
    delivery.state, delivery.due_at, delivery.tries = Delivery.WAITING, timezone.now(), 0
    delivery.save(update_fields=["state", "due_at", "tries"])


def switch(endpoint: Endpoint, *, on: bool) -> None:
    """Send to it again, or no more."""
    endpoint.is_active, endpoint.stopped_why, endpoint.stopped_with = on, "", {}
    endpoint.save(update_fields=["is_active", "stopped_why", "stopped_with"])
