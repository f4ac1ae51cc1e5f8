"""Lists of the API: a page at a time, by a cursor that stays right while rows are added.

A page has ``items`` and ``next``, which is null on the last one, and else what to send as ``cursor`` for the page that
follows. Rows come newest first; the cursor holds the time and key of the last row given.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, cast
from zoneinfo import ZoneInfo

import msgspec
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from ninja import Schema
from pydantic import Field, WithJsonSchema, create_model

from saydo.company import parse_moment
from saydo.facts import COUNT, DAY, NUMBER, TABLES, TIME, YES_NO
from saydo.language import mark
from saydo.web.accounts.actions import note
from saydo.web.problems import Problem
from saydo.web.records import columns_of, record_of

MOST = 200
_AMOUNT = Annotated[Decimal, WithJsonSchema({"type": "number"})]
_TYPES: dict[str, Any] = {TIME: datetime, DAY: date, YES_NO: bool, COUNT: int, NUMBER: float}
_BAD_CURSOR = mark("This cursor is none that was given out: begin again without one.")


class Paging(Schema):
    """Which page, and of which time."""

    limit: int = Field(50, ge=1, le=MOST, description="Rows on a page.")
    cursor: str | None = Field(None, max_length=1000, description="What the page before gave as `next`.")
    since: str | None = Field(None, max_length=40, description="From this day or time on.", examples=["2024-01-01"])
    until: str | None = Field(None, max_length=40, description="Before this day or time.", examples=["2024-07-01"])


def page_number(request: HttpRequest) -> int:
    """The page of a list that people leaf through; the first if what is asked for is none."""
    text = request.GET.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 5 else 1


def row_schema(table: str) -> type[Schema]:
    """The columns of a fact table, as the contract describes them."""
    fields: dict[str, Any] = {}
    for column in TABLES[table].columns:
        kind = _TYPES.get(column.type, _AMOUNT if column.type.startswith("decimal") else str)
        fields[column.name] = (kind | None if column.null else kind, Field(..., description=column.meaning))
    return cast(type[Schema], create_model(f"Row of {table}".title().replace(" ", ""), __base__=Schema, **fields))


def page_schema(row: type[Schema]) -> type[Schema]:
    """A page of such rows."""
    following: Any = (str | None, Field(..., description="Send this as `cursor` for the next page; null on the last."))
    name = f"PageOf{row.__name__}"
    return cast(type[Schema], create_model(name, __base__=Schema, items=(list[row], ...), next=following))  # type: ignore[valid-type]


def list_rows(request: HttpRequest, table: str, filters: dict[str, Any], paging: Paging) -> dict[str, Any]:
    """A page of a fact table's rows, newest first; ``filters`` are columns of the contract, null ones ignored.

    Rows are deeds and words of persons, so the trail tells who took how many.
    """
    columns, contract = columns_of(table), TABLES[table]
    chosen = {columns[name]: value for name, value in filters.items() if value is not None}
    rows = record_of(table)._default_manager.filter(**chosen)
    at = columns[contract.at]
    rows = between(rows, at, paging)
    found = take_page(rows.values(*columns.values()), at, columns[contract.key[0]], paging)
    named = {attribute: name for name, attribute in columns.items()}
    found["items"] = [{named[attribute]: value for attribute, value in row.items()} for row in found["items"]]
    note(request, mark("listed"), table, filters.get("customer_id") or "", found=len(found["items"]))
    return found


def between(rows: QuerySet[Any, Any], at: str, paging: Paging) -> QuerySet[Any, Any]:
    """Rows of the period that was asked for; a day is in it when it begins in it, in the company's zone."""
    for name, text, which in (("since", paging.since, "gte"), ("until", paging.until, "lt")):
        if text:
            edge = moment(name, text)
            rows = rows.filter(**{f"{at}__{which}": _first_day_from(edge) if is_day(rows, at) else edge})
    return rows


def is_day(rows: QuerySet[Any, Any], at: str) -> bool:
    """Is this attribute of the rows a day, without a time?"""
    return at not in rows.query.annotations and rows.model._meta.get_field(at).get_internal_type() == "DateField"


def _first_day_from(edge: datetime) -> date:
    from saydo.web.accounts.models import Company

    local = edge.astimezone(ZoneInfo(Company.here().zone))
    return local.date() + timedelta(days=local.time() != time.min)


def read_key(rows: QuerySet[Any, Any], name: str, text: str) -> Any:
    """The key that a cursor holds as text, as the rows have it."""
    try:
        return rows.model._meta.get_field(name).to_python(text)
    except ValidationError:
        raise Problem(422, "bad_cursor", _BAD_CURSOR, "query.cursor") from None


def take_page(rows: QuerySet[Any, Any], at: str, key: str, paging: Paging) -> dict[str, Any]:
    """The page after the cursor, of dicts ordered by time and key, newest first."""
    if paging.cursor:
        last = read_cursor(paging.cursor, (datetime, str))
        rows = rows.filter(Q(**{f"{at}__lt": last[0]}) | Q(**{at: last[0], f"{key}__lt": last[1]}))
    found = list(rows.order_by(f"-{at}", f"-{key}")[: paging.limit + 1])
    page = found[: paging.limit]
    return {"items": page, "next": cursor_of(page[-1][at], page[-1][key]) if len(found) > len(page) else None}


def cursor_of(*values: object) -> str:
    """Where a page ended."""
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def read_cursor(cursor: str, kinds: tuple[type, ...]) -> list[Any]:
    """What `cursor_of` was given; raises for anything else."""
    try:
        whole = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        return list(msgspec.json.decode(whole, type=tuple[kinds]))  # type: ignore[valid-type]
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise Problem(422, "bad_cursor", _BAD_CURSOR, "query.cursor") from None


def moment(name: str, text: str) -> datetime:
    """A day's first instant in the company's zone, or a time."""
    from saydo.web.accounts.models import Company

    found = parse_moment(name, text)
    if not isinstance(found, datetime):
        found = datetime.combine(found, datetime.min.time())
    try:
        return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(Company.here().zone))).astimezone(UTC)
    except OverflowError:
        raise Problem(422, "bad_setting", mark("That time is out of reach."), f"query.{name}") from None
