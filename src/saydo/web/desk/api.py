"""What only shows when all apps lie side by side: finding a customer, and their timeline."""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from saydo.facts import TABLES
from saydo.language import mark
from saydo.web.accounts.actions import note
from saydo.web.customers.api import find_whole
from saydo.web.customers.models import Customer, Person
from saydo.web.keys import demand
from saydo.web.paging import Paging, between, cursor_of, read_cursor
from saydo.web.records import columns_of, record_of
from saydo.web.rights import needs
from saydo.web.search import find_customers

router = Router()
_MOMENTS = ("orders", "returns", "commitments", "feedback", "invitations", "contacts", "cases", "referrals")


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
    """One thing that happened: the table it stands in, its time, and the row."""

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
        found = [
            {
                "customer_id": one.customer_id,
                **_shown(one.person),
                "how": one.how,
                "order_id": one.order_id or None,
            }
            for one in find_customers(wanted.search, wanted.limit)
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
    """All that happened between us and a customer, newest first: ordered, promised, said, called, returned ..."""
    whole = find_whole(key)
    records = [whole.pk, *Customer.objects.filter(merged_into=whole).values_list("pk", flat=True)]
    note(request, mark("seen"), "customers", whole.pk, part="timeline")
    last = tuple(read_cursor(paging.cursor, (datetime, str, str))) if paging.cursor else None
    found = [one for table in _MOMENTS for one in _moments(table, records, paging, last)]
    found.sort(key=_order, reverse=True)
    page = found[: paging.limit]
    following = cursor_of(*_order(page[-1])) if len(found) > len(page) else None
    return {"customer_id": whole.pk, "items": page, "next": following}


def _order(one: dict[str, Any]) -> tuple[datetime, str, str]:
    return one["at"], one["table"], one["key"]


def _moments(
    table: str, records: list[str], paging: Paging, last: tuple[datetime, str, str] | None
) -> list[dict[str, Any]]:
    """The rows of one table that may stand on the page."""
    columns, contract = columns_of(table), TABLES[table]
    at, key = columns[contract.at], columns[contract.key[0]]
    theirs = [columns[column.name] for column in contract.columns if column.refers_to == "customers"]
    rows = record_of(table)._default_manager.filter(reduce(or_, (Q(**{f"{name}__in": records}) for name in theirs)))
    rows = between(rows, at, paging)
    if last:
        before = Q(**{f"{at}__lt": last[0]})
        if table <= last[1]:
            before |= Q(**{at: last[0]}, **({f"{key}__lt": last[2]} if table == last[1] else {}))
        rows = rows.filter(before)
    found = rows.order_by(f"-{at}", f"-{key}").values(*columns.values())[: paging.limit + 1]
    return [
        {
            "table": table,
            "at": row[at],
            "key": row[key],
            "row": {name: row[attribute] for name, attribute in columns.items() if row[attribute] is not None},
        }
        for row in found
    ]
