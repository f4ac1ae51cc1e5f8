"""What only shows when all apps lie side by side: finding a customer, and their timeline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from saydo.facts import TABLES
from saydo.language import mark
from saydo.web.accounts.actions import note
from saydo.web.customers.api import find_whole
from saydo.web.customers.models import Consent, Customer, Note, Person
from saydo.web.keys import demand, may_here
from saydo.web.paging import Paging, between, cursor_of, is_day, read_cursor, read_key
from saydo.web.problems import Problem
from saydo.web.records import columns_of, record_of
from saydo.web.rights import needs
from saydo.web.search import find_customers
from saydo.web.trade.models import Contract, Order, Payment

router = Router()
LEAST_LETTERS, MOST_FOUND = 3, 20  # for those who may find a customer, but not take all of them away
_FEW_LETTERS = mark("Search for three letters at least: only with the right export_people for fewer.")
_MOMENTS = (
    "orders",
    "returns",
    "contracts",
    "commitments",
    "feedback",
    "invitations",
    "contacts",
    "cases",
    "referrals",
)


class Found(Schema):
    customer_id: str
    name: str
    email: str
    phone: str
    how: str | None = Field(None, description="How well it fits: exact, order, begins, words or similar.")
    order_id: str | None = Field(None, description="The order by whose number they were found.")


class CustomerPage(Schema):
    items: list[Found]
    next: str | None


class Wanted(Schema):
    search: str = Field("", max_length=100, description="Name, e-mail, phone, order number or key.")
    limit: int = Field(20, ge=1, le=200)
    cursor: str | None = Field(None, max_length=1000, description="Of the list without `search`.")


class Moment(Schema):
    """One thing that happened: the table it stands in (consents and notes too), its time, and the row."""

    table: str = Field(..., examples=["orders"])
    at: datetime
    key: str
    row: dict[str, Any]


class Timeline(Schema):
    customer_id: str
    items: list[Moment]
    next: str | None


@router.get("", response=CustomerPage, summary="Find customers")
@needs("see_identities")
def list_customers(request: HttpRequest, wanted: Query[Wanted]) -> dict[str, Any]:
    """Whom a name, address, number or key fits, best first; without `search` all by key (needs export_people)."""
    if wanted.search:
        is_free = may_here(request, "export_people")
        if not is_free and len(wanted.search.strip()) < LEAST_LETTERS:
            raise Problem(422, "bad_setting", _FEW_LETTERS, "query.search")
        most = wanted.limit if is_free else min(wanted.limit, MOST_FOUND)
        found = [
            {
                "customer_id": one.customer_id,
                **_shown(one.person),
                "how": one.how,
                "order_id": one.order_id or None,
            }
            for one in find_customers(wanted.search, most)
        ]
        note(request, mark("searched"), "customers", found=len(found))
        return {"items": found, "next": None}
    demand(request, "export_people")
    rows = Customer.objects.filter(merged_into=None, erased_at=None).select_related("person").order_by("pk")
    if wanted.cursor:
        rows = rows.filter(pk__gt=read_cursor(wanted.cursor, (str,))[0])
    page = list(rows[: wanted.limit + 1])
    shown = page[: wanted.limit]
    note(request, mark("listed"), "customers", found=len(shown))
    items = [{"customer_id": one.pk, **_shown(getattr(one, "person", None))} for one in shown]
    return {"items": items, "next": cursor_of(shown[-1].pk) if len(page) > len(shown) else None}


def _shown(person: Person | None) -> dict[str, str]:
    return {name: getattr(person, name, "") for name in ("name", "email", "phone")}


@router.get("/{key}/timeline", response=Timeline, summary="A customer's timeline")
@needs("see_identities")
def show_timeline(request: HttpRequest, key: str, paging: Query[Paging]) -> dict[str, Any]:
    """All that happened between us and a customer, newest first: ordered, promised, said, called, paid, noted ..."""
    whole = find_whole(key)
    records = [whole.pk, *Customer.objects.filter(merged_into=whole).values_list("pk", flat=True)]
    note(request, mark("seen"), "customers", whole.pk, part="timeline")
    last = _Place(*read_cursor(paging.cursor, (datetime, str, str))) if paging.cursor else None
    found = [one for source in _sources(records) for one in _moments(source, paging, last)]
    found.sort(key=lambda one: one[0][:2], reverse=True)  # equal ones stay as the database has them
    page = found[: paging.limit]
    following = cursor_of(*page[-1][0]) if len(found) > len(page) else None
    return {"customer_id": whole.pk, "items": [item for _, item in page], "next": following}


class _Place(NamedTuple):
    """Where a moment stands: its time, then its source, then its key."""

    at: datetime
    source: str
    key: str


class _Source(NamedTuple):
    """Rows of one table, the attributes of their time and key, and the attribute of each name that is shown."""

    name: str
    table: str
    rows: QuerySet[Any]
    at: str
    key: str
    shown: dict[str, str]


def _sources(records: list[str]) -> Iterator[_Source]:
    """Whatever stands on the timeline's page: rows of the contract, and what facts must not hold."""
    for table in _MOMENTS:
        columns, contract = columns_of(table), TABLES[table]
        theirs = [columns[column.name] for column in contract.columns if column.refers_to == "customers"]
        rows = record_of(table)._default_manager.filter(reduce(or_, (Q(**{f"{name}__in": records}) for name in theirs)))
        yield _Source(table, table, rows, columns[contract.at], columns[contract.key[0]], columns)
    payments, columns = Payment.objects.annotate(at=Coalesce("due_at", "paid_at", "failed_at")), columns_of("payments")
    payments = payments.filter(at__isnull=False)
    orders, contracts = (model.objects.filter(customer_id__in=records).values("pk") for model in (Order, Contract))
    yield _Source("payments", "payments", payments.filter(order_id__in=orders), "at", "payment_id", columns)
    of_contracts = payments.filter(order_id=None, contract_id__in=contracts)
    yield _Source("payments of contracts", "payments", of_contracts, "at", "payment_id", columns)
    said = {name: name for name in ("purpose", "channel", "state", "how", "text_shown")}
    yield _Source("consents", "consents", Consent.objects.filter(customer_id__in=records), "at", "id", said)
    yield _Source("notes", "notes", Note.objects.filter(customer_id__in=records), "at", "id", {"text": "text"})


def _moments(source: _Source, paging: Paging, last: _Place | None) -> list[tuple[_Place, dict[str, Any]]]:
    """The rows of a source that may stand on the page, the newest first."""
    rows = between(source.rows, source.at, paging)
    if last:
        rows = rows.filter(_before(source, last))
    found = rows.order_by(f"-{source.at}", f"-{source.key}")[: paging.limit + 1]
    moments = []
    for row in found.values(*{source.at, source.key, *source.shown.values()}):
        at = row[source.at] if isinstance(row[source.at], datetime) else _midnight(row[source.at])
        shown = {name: row[attribute] for name, attribute in source.shown.items() if row[attribute] is not None}
        place = _Place(at, source.name, str(row[source.key]))
        moments.append((place, {"table": source.table, "at": at, "key": place.key, "row": shown}))
    return moments


def _before(source: _Source, last: _Place) -> Q:
    """Those that come after the last one that was given; a day counts as its first instant."""
    at: datetime | date = last.at
    if is_day(source.rows, source.at):
        at = last.at.date()
        if last.at > _midnight(at):
            return Q(**{f"{source.at}__lte": at})
    before = Q(**{f"{source.at}__lt": at})
    if source.name < last.source:
        before |= Q(**{source.at: at})
    elif source.name == last.source:
        before |= Q(**{source.at: at, f"{source.key}__lt": read_key(source.rows, source.key, last.key)})
    return before


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
