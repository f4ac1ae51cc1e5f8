"""What happened, for programs that ask instead of being told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from saydo.language import mark
from saydo.web import outbox
from saydo.web.accounts.actions import note
from saydo.web.paging import MOST, cursor_of, read_cursor
from saydo.web.rights import needs

router = Router()


class ChangeRow(Schema):
    id: int
    kind: str = Field(..., examples=["received"])
    table: str = Field(..., examples=["orders"])
    key: str = Field(..., description="Empty where many rows changed at once.")
    rows: int
    at: datetime


class Changes(Schema):
    items: list[ChangeRow]
    next: str = Field(..., description="Send this as `cursor` to go on, now or tomorrow; it is never null.")


class Wanted(Schema):
    cursor: str | None = Field(None, max_length=1000, description="How far you have come; from the beginning without.")
    limit: int = Field(50, ge=1, le=MOST)


@router.get("", response=Changes, summary="What changed")
@needs("export_people")
def list_changes(request: HttpRequest, wanted: Query[Wanted]) -> dict[str, Any]:
    """Oldest first, in the order in which they were committed: who keeps the cursor misses none and sees none twice."""
    place = read_cursor(wanted.cursor, (int, int)) if wanted.cursor else [0, 0]
    found = outbox.told_after(*place, most=wanted.limit)
    last = [found[-1].transaction, found[-1].id] if found else place
    note(request, mark("listed"), "changes", found=len(found))
    columns = ("id", "kind", "table", "key", "rows", "at")
    items = [{name: getattr(change, name) for name in columns} for change in found]
    return {"items": items, "next": cursor_of(*last)}
