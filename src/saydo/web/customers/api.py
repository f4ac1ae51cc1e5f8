"""Customers for programs: who they are, what they agreed to, what colleagues noted; and identities in."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, cast

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema, Status
from pydantic import Field

from saydo.language import mark
from saydo.sources import IDENTITY, clean_text, is_identity
from saydo.web.accounts.actions import note
from saydo.web.accounts.models import User
from saydo.web.customers.actions import current_consents, record_consent
from saydo.web.customers.models import Customer, Note, Person
from saydo.web.outbox import tell
from saydo.web.problems import Problem
from saydo.web.rights import needs

router, people = Router(), Router()
_OWN = ("country", "region", "language", "segment")  # columns of the facts that colleagues may mend
_SHOWN = (*_OWN, "kind", "account_id", "first_seen_at", "left_at", "acquired_via", "is_earned")
_PERSON = ("name", "email", "phone", "street", "postcode", "city")
_TELLS_NOTHING = mark("Name at least one field to change.")


class ConsentRow(Schema):
    purpose: str = Field(..., examples=["surveys"])
    channel: str = Field(..., examples=["mail"])
    state: str = Field(..., examples=["granted"])
    at: datetime


class CustomerRow(Schema):
    """A person or firm with all their records taken together."""

    customer_id: str
    records: list[str] = Field(..., description="Keys of records that were merged into this one.")
    name: str
    email: str
    phone: str
    street: str
    postcode: str
    city: str
    kind: str | None
    account_id: str | None
    country: str | None
    region: str | None
    language: str | None
    segment: str | None
    acquired_via: str | None
    is_earned: bool | None
    first_seen_at: datetime | None
    left_at: datetime | None
    consents: list[ConsentRow] = Field(..., description="What was said last, by purpose and way; any way: all.")


class Identity(Schema):
    """Who a customer is. None of it enters the facts."""

    name: str = Field("", max_length=200, examples=["Ada Lovelace"])
    email: str = Field("", max_length=254, examples=["ada@example.org"])
    phone: str = Field("", max_length=40, examples=["+33 1 23 45 67 89"])
    street: str = Field("", max_length=200)
    postcode: str = Field("", max_length=20)
    city: str = Field("", max_length=100)


class Mending(Schema):
    """Fields that are left out stay as they are."""

    name: str | None = Field(None, max_length=200)
    email: str | None = Field(None, max_length=254, examples=["ada@example.org"])
    phone: str | None = Field(None, max_length=40)
    street: str | None = Field(None, max_length=200)
    postcode: str | None = Field(None, max_length=20)
    city: str | None = Field(None, max_length=100)
    country: str | None = Field(None, max_length=200)
    region: str | None = Field(None, max_length=200)
    language: str | None = Field(None, max_length=200, examples=["fr"])
    segment: str | None = Field(None, max_length=200)


class Changed(Schema):
    customer_id: str
    changed: list[str] = Field(..., description="Names of the fields that are different now.")


class NewNote(Schema):
    text: str = Field(..., min_length=1, max_length=4000, examples=["Prefers to be called in the morning."])


class NewConsent(Schema):
    purpose: Literal["service", "surveys", "offers", "analysis"]
    channel: Literal["mail", "phone", "sms", "post", "any"]
    state: Literal["granted", "denied", "revoked"]
    how: str = Field(..., min_length=1, max_length=200, examples=["form at the checkout"])
    text_shown: str = Field("", max_length=10_000, description="The words that the person saw.")
    at: datetime | None = Field(None, description="Now, if not said.")


class Written(Schema):
    id: str
    at: datetime


def find_whole(key: str) -> Customer:
    """The customer that a record belongs to; raises when there is none, or when it was erased."""
    record = Customer.objects.select_related("merged_into").filter(pk=key).first()
    whole = record.merged_into or record if record else None
    if whole is None or whole.erased_at:
        raise Problem(404, place="path.key")
    return whole


@router.get("/{key}", response=CustomerRow, summary="One customer")
@needs("see_identities")
def show_customer(request: HttpRequest, key: str) -> dict[str, Any]:
    """Who it is, and what they agreed to. That it was read is written into the trail."""
    whole = find_whole(key)
    records = sorted(Customer.objects.filter(merged_into=whole).values_list("pk", flat=True))
    note(request, mark("seen"), "customers", whole.pk)
    person = Person.objects.filter(pk__in=[whole.pk, *records]).order_by("pk").first()
    return {
        "customer_id": whole.pk,
        "records": records,
        **{name: getattr(person, name, "") for name in _PERSON},
        **{name: getattr(whole, name) for name in _SHOWN},
        "consents": current_consents([whole.pk, *records]),
    }


@router.patch("/{key}", response=Changed, summary="Mend a customer")
@needs("serve_customers")
def mend_customer(request: HttpRequest, key: str, mending: Mending) -> dict[str, Any]:
    """Change some fields. Null takes a value away."""
    whole, given = find_whole(key), mending.dict(exclude_unset=True)
    if not given:
        raise Problem(422, message=_TELLS_NOTHING, place="body")
    identity = {name: given[name] or "" for name in _PERSON if name in given}
    own = {name: clean_text(given[name] or "") for name in _OWN if name in given}
    with transaction.atomic():
        changed = _change_person(whole, identity) if identity else []
        different = [name for name, value in own.items() if getattr(whole, name) != value]
        if different:
            for name in different:
                setattr(whole, name, own[name])
            whole.change_id = tell("written", "customers", whole.pk, by=_user(request)).id
            whole.save(update_fields=[*different, "change_id"])
        changed += different
        if changed:
            note(request, mark("changed"), "customers", whole.pk, fields=changed)
    return {"customer_id": whole.pk, "changed": changed}


@router.post("/{key}/notes", response={201: Written}, summary="Note something")
@needs("serve_customers")
def add_note(request: HttpRequest, key: str, written: NewNote) -> Status[Any]:
    """A note for colleagues on the customer's page."""
    whole = find_whole(key)
    with transaction.atomic():
        made = Note.objects.create(customer=whole, text=written.text, by=_user(request))
        note(request, mark("noted"), "customers", whole.pk)
    return Status(201, {"id": str(made.pk), "at": made.at})


@router.post("/{key}/consents", response={201: Written}, summary="Record consent")
@needs("serve_customers")
def add_consent(request: HttpRequest, key: str, given: NewConsent) -> Status[Any]:
    """What somebody agreed to or refused. Nothing is overwritten: the last word counts, the history stays."""
    whole = find_whole(key)
    said = given.dict(exclude={"at"})
    at = given.at or timezone.now()
    with transaction.atomic():
        made = record_consent(whole, _user(request), at=_aware(at), **said)
        note(request, mark("consent recorded"), "customers", whole.pk, purpose=made.purpose, channel=made.channel)
    return Status(201, {"id": str(made.pk), "at": made.at})


@people.put("/{customer_id}", response={200: Changed, 201: Changed}, summary="Say who a customer is")
@needs("serve_customers")
def put_person(request: HttpRequest, customer_id: str, identity: Identity) -> Status[Any]:
    """The whole identity of a record, in the place of what was known; the record is made if there is none."""
    if len(customer_id) > 200:
        raise Problem(422, place="path.customer_id")
    with transaction.atomic():
        record = Customer.objects.filter(pk=customer_id).first()
        is_new = record is None
        if record is None and is_identity(customer_id):  # the facts know the key; older ones are left as they are
            raise Problem(422, message=IDENTITY, place="path.customer_id", column="customer_id")
        if record is None:
            change = tell("received", "customers", customer_id, by=_user(request))
            record = Customer.objects.create(pk=customer_id, change_id=change.id)
        if record.erased_at:
            raise Problem(409, "erased", mark("This person was erased."), "path.customer_id")
        changed = _change_person(record, identity.dict())
        if changed:
            note(request, mark("changed"), "customers", record.pk, fields=changed)
    return Status(201 if is_new else 200, {"customer_id": record.pk, "changed": changed})


def _change_person(record: Customer, fields: dict[str, str]) -> list[str]:
    """Write fields of an identity; the names of those that are different now."""
    fields = {name: value.strip() for name, value in fields.items()}
    if fields.get("email"):
        fields["email"] = fields["email"].lower()
        try:
            validate_email(fields["email"])
        except ValidationError:
            raise Problem(422, message=mark("This is no e-mail address."), place="body.email") from None
    person = Person.objects.filter(pk=record.pk).first() or Person(customer=record)
    changed = [name for name, value in fields.items() if getattr(person, name) != value]
    for name in changed:
        setattr(person, name, fields[name])
    if changed:
        person.save()
    return changed


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)  # of the key, its maker; the door lets nobody else in


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else timezone.make_aware(at)
