"""What people said, for programs."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema

from saydo.web.keys import demand
from saydo.web.paging import Paging, list_rows, page_schema, row_schema
from saydo.web.rights import needs

router = Router()
FeedbackPage = page_schema(row_schema("feedback"))


class Wanted(Schema):
    customer_id: str | None = None
    order_id: str | None = None
    touchpoint: str | None = None
    survey: str | None = None
    source: Literal["survey", "review", "mention", "complaint", "mystery"] | None = None
    question: Literal["nps", "csat", "ces", "stars", "choice", "open"] | None = None
    score: float | None = None


@router.get("", response=FeedbackPage, summary="What people said")
@needs("see_identities")
def list_feedback(request: HttpRequest, wanted: Query[Wanted], paging: Query[Paging]) -> dict[str, Any]:
    """Newest first, with their own words. Of one customer with see_identities; of all only with export_people."""
    if wanted.customer_id is None:
        demand(request, "export_people")
    return list_rows(request, "feedback", wanted.dict(), paging)
