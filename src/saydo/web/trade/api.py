"""Orders for programs."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema

from saydo.web.keys import demand
from saydo.web.paging import Paging, list_rows, page_schema, row_schema
from saydo.web.rights import needs

router = Router()
OrderPage = page_schema(row_schema("orders"))


class Wanted(Schema):
    customer_id: str | None = None
    touchpoint: str | None = None
    adviser_id: str | None = None
    status: Literal["placed", "paid", "shipped", "delivered", "cancelled"] | None = None
    region: str | None = None


@router.get("", response=OrderPage, summary="Orders")
@needs("see_identities")
def list_orders(request: HttpRequest, wanted: Query[Wanted], paging: Query[Paging]) -> dict[str, Any]:
    """Newest first. Of one customer with see_identities; of all only with export_people."""
    if wanted.customer_id is None:
        demand(request, "export_people")
    return list_rows(request, "orders", wanted.dict(), paging)
