"""Promises for programs: what we promise, and each promise given."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema

from saydo.web.keys import demand
from saydo.web.paging import Paging, list_rows, page_schema, row_schema
from saydo.web.promises.models import Promise
from saydo.web.records import columns_of
from saydo.web.rights import needs

router = Router()
PromiseRow = row_schema("promises")
CommitmentPage = page_schema(row_schema("commitments"))


class Promises(Schema):
    items: list[PromiseRow]  # type: ignore[valid-type]


class Wanted(Schema):
    promise: str | None = None
    customer_id: str | None = None
    order_id: str | None = None
    touchpoint: str | None = None
    seen_by: Literal["system", "customer", "mystery"] | None = None


@router.get("/promises", response=Promises, summary="What we promise")
@needs("see_figures")
def list_promises(request: HttpRequest) -> dict[str, Any]:
    """The whole register; how they are kept tells the measure promises_kept, split by promise."""
    columns = columns_of("promises")
    rows = Promise.objects.order_by("pk").values_list(*columns.values())
    return {"items": [dict(zip(columns, row, strict=True)) for row in rows]}


@router.get("/commitments", response=CommitmentPage, summary="Promises given")
@needs("see_identities")
def list_commitments(request: HttpRequest, wanted: Query[Wanted], paging: Query[Paging]) -> dict[str, Any]:
    """Newest first. Of one customer or order with see_identities; of all only with export_people."""
    if wanted.customer_id is None and wanted.order_id is None:
        demand(request, "export_people")
    return list_rows(request, "commitments", wanted.dict(), paging)
