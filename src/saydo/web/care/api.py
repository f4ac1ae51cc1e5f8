"""Conversations and messages, reported by other programs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal, cast

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema, Status
from pydantic import Field

from saydo.language import mark
from saydo.web.accounts.actions import note
from saydo.web.accounts.models import User
from saydo.web.care.actions import record_contact
from saydo.web.customers.models import Customer, Touchpoint
from saydo.web.problems import Problem
from saydo.web.rights import needs
from saydo.web.trade.models import Order

router = Router()


class NewContact(Schema):
    customer_id: str = Field(..., max_length=200)
    direction: Literal["in", "out"]
    touchpoint: str | None = Field(None, max_length=200, examples=["phone"])
    purpose: Literal["service", "offer", "survey", "notice"] | None = None
    asked: Literal["find", "available", "ordered", "where", "when", "return", "again"] | None = None
    order_id: str | None = Field(None, max_length=200)
    at: datetime | None = Field(None, description="Now, if not said.")
    answered_at: datetime | None = None
    resolved_at: datetime | None = None


class Recorded(Schema):
    id: str = Field(..., description="The key of the contact.")
    at: datetime


@router.post("", response={201: Recorded}, summary="Record a contact")
@needs("serve_customers")
def add_contact(request: HttpRequest, given: NewContact) -> Status[Any]:
    """That somebody called or wrote, or was called or written to; not what was said."""
    customer = Customer.objects.filter(pk=given.customer_id).first()
    if customer is None or customer.erased_at:
        raise Problem(422, "unknown_customer", place="body.customer_id")
    if given.touchpoint and not Touchpoint.objects.filter(pk=given.touchpoint).exists():
        raise Problem(422, "unknown_touchpoint", place="body.touchpoint")
    if given.order_id and not Order.objects.filter(pk=given.order_id).exists():
        raise Problem(422, "unknown_order", place="body.order_id")
    values = given.dict(exclude={"customer_id", "touchpoint", "at"})
    values["order_id"] = given.order_id or None
    values |= {"customer": customer.pk, "touchpoint_id": given.touchpoint}
    times = {"at": given.at or timezone.now(), "answered_at": given.answered_at, "resolved_at": given.resolved_at}
    values |= {name: _checked(name, value, times) for name, value in times.items()}
    with transaction.atomic():
        made = record_contact(by=cast("User", request.user), **values)
        note(request, mark("contact recorded"), "customers", customer.pk)
    return Status(201, {"id": made.pk, "at": made.at})


def _checked(name: str, at: datetime | None, times: dict[str, datetime | None]) -> datetime | None:
    """A time with its zone: neither in the future nor before the contact."""
    if at is None:
        return None
    at = at if at.tzinfo else timezone.make_aware(at)
    begun = times["at"]
    begun = begun if begun is None or begun.tzinfo else timezone.make_aware(begun)
    if at > timezone.now() + timedelta(days=1) or at.year < 1900 or (begun and at < begun):
        raise Problem(422, place=f"body.{name}")
    return at
