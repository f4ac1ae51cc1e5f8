"""Facts in from programs: batches of rows, judged as rows of a file are, acknowledged only when they are committed.

``POST /api/v1/facts/orders`` takes an array of records or one record per line (NDJSON), plain or gzip. Rows go in by
their key, so that a batch may be sent again without harm: after an answer that never came, that is what to do.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

import msgspec
from django.db import DatabaseError, DataError, transaction
from django.http import HttpRequest, HttpResponse

from saydo.errors import SaydoError, nearest
from saydo.facts import TABLES
from saydo.language import mark, translate
from saydo.sources import Bad, Value, check_batch
from saydo.web.accounts.actions import note
from saydo.web.accounts.models import Company
from saydo.web.load import MAIN, write_rows
from saydo.web.outbox import tell
from saydo.web.problems import Problem, json_response, of_error

MOST_ROWS = 5000
MOST_BYTES = 8 * 1024 * 1024  # as they are after unpacking
MOST_TOLD = 100  # refused rows in one answer
_LIMIT_EXCEEDED = "54000"  # of PostgreSQL: a value is too long for an index
_ORIGIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_PLACE = re.compile(r" - at `\$(.*)`$")
_ROWS = msgspec.json.Decoder(list[dict[str, Value]])
_LINE = msgspec.json.Decoder(dict[str, Value])

_NO_TABLE = mark("There is no table called {table}: choose one of {choices}.")
_TOO_MANY = mark("A batch has up to {most} rows; this one has {rows}.")
_NO_ROWS = mark("The batch has no row.")
_NO_JSON = mark("This is no JSON that can be read: {reason}.")
_NO_RECORDS = mark("A batch is an array of records, or one record per line, whose values are texts, numbers or null.")
_NOT_PACKED = mark("This is no gzip that can be unpacked.")
_NO_ORIGIN = mark("An origin has up to 40 small letters, digits, - and _.")
_NUL = mark("A text holds the sign NUL, which cannot be kept.")
_REFUSED = mark("Rows were refused ({refused} of {rows}), so that none was written; ?partial=1 writes the others.")
_ALL_REFUSED = mark("Every row was refused.")
_NO_ROOM = mark("The database has no room for a value in these rows: it is too long or too large.")


def receive(request: HttpRequest, table: str) -> HttpResponse:
    """Take in a batch of one table: all of it or, with ``?partial=1``, its sound rows."""
    if request.method != "POST":
        raise Problem(405, method=request.method)
    if table not in TABLES:
        choices = ", ".join(nearest(table, TABLES))
        raise Problem(404, "unknown_table", _NO_TABLE, "path.table", table=table, choices=choices)
    origin = request.GET.get("origin", MAIN)
    if not _ORIGIN.fullmatch(origin):
        raise Problem(422, message=_NO_ORIGIN, place="query.origin")
    records = _read(request)
    try:
        return _take(request, table, records, origin)
    except SaydoError as error:
        raise of_error(error) from None
    except DatabaseError as error:
        if not _is_too_large(error):
            raise
        raise Problem(422, message=_NO_ROOM, place="rows") from None


def _is_too_large(error: DatabaseError) -> bool:
    """Was a value longer or larger than its column, or than an index, can hold?"""
    return isinstance(error, DataError) or getattr(error.__cause__, "sqlstate", "") == _LIMIT_EXCEEDED


def _take(request: HttpRequest, table: str, records: list[dict[str, Value]], origin: str) -> HttpResponse:
    company = Company.here()
    with check_batch(table, records, zone=company.zone, currency=company.currency or None) as batch:
        refused, is_partial = batch.refused, request.GET.get("partial") in ("1", "true", "yes")
        if refused and not (is_partial and batch.rows):
            message = _REFUSED if batch.rows else _ALL_REFUSED
            counts = {"refused": len(refused), "rows": len(records)}
            details = [_told(bad) for bad in refused[:MOST_TOLD]]
            raise Problem(422, "rows_refused", message, str(details[0]["place"]), details, **counts)
        with transaction.atomic():
            change = tell("received", table, rows=batch.rows, by=request.user)  # type: ignore[arg-type]
            written = write_rows(batch.bench, table, batch.own, origin, change.id)
            if written:
                change.rows = written
                change.save(update_fields=["rows"])
            else:
                change.delete()  # all was known: nothing to tell
            note(request, mark("facts sent"), table, rows=len(records), written=written, refused=len(refused))
    told = [_told(bad) for bad in refused[:MOST_TOLD]]
    answer = {"table": table, "rows": len(records), "written": written, "refused": len(refused), "details": told}
    return json_response(answer, 207 if refused else 200)


def _told(bad: Bad) -> dict[str, object]:
    """Where a row is to blame and why; its values are not repeated, they may be somebody's."""
    return {
        "place": f"rows[{bad.row}]" + (f".{bad.column}" if bad.column else ""),
        "message": translate(bad.reason, **{"value": "", **bad.values}),
    }


def _read(request: HttpRequest) -> list[dict[str, Value]]:
    """The records of the body."""
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length > MOST_BYTES:
        raise Problem(413, most="8 MB")
    body = request.body
    if request.headers.get("Content-Encoding", "") == "gzip":
        body = _unpack(body)
    if b"\\u0000" in body:
        raise Problem(400, message=_NUL, place="body")
    records = _decode(body)
    if not records:
        raise Problem(422, message=_NO_ROWS, place="rows")
    if len(records) > MOST_ROWS:
        raise Problem(413, "too_many_rows", _TOO_MANY, "rows", most=MOST_ROWS, rows=len(records))
    return records


def _unpack(body: bytes) -> bytes:
    """Unpacked as far as it may be large; a small file can hold a great many zeros."""
    packed = zlib.decompressobj(wbits=31)
    try:
        plain = packed.decompress(body, MOST_BYTES + 1)
    except zlib.error:
        raise Problem(400, message=_NOT_PACKED, place="body") from None
    if len(plain) > MOST_BYTES:
        raise Problem(413, most="8 MB")
    if not packed.eof:
        raise Problem(400, message=_NOT_PACKED, place="body")
    return plain


def _decode(body: bytes) -> list[dict[str, Any]]:
    try:
        if body.lstrip()[:1] == b"[":
            return _ROWS.decode(body)
        return _LINE.decode_lines(body)
    except msgspec.ValidationError as error:
        found = _PLACE.search(str(error))
        raise Problem(422, message=_NO_RECORDS, place="rows" + (found[1] if found else "")) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, message=_NO_JSON, place="body", reason=str(error)) from None
