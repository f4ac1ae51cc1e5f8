"""What the API says when something is wrong: one shape everywhere.

    {"error": {"code": "unknown_measure", "message": "There is no measure called npz. ...", "place": "name"}}

``code`` is for programs and never changes, ``message`` is for people and speaks their language, ``place`` names the
part of the request that is to blame (``query.limit``, ``body.text``, ``rows[3].score``), ``details`` lists several.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse

from saydo.errors import (
    EmptyTable,
    MissingTable,
    NoSuchPath,
    QuestionError,
    SaydoError,
    UnknownMeasure,
    UnknownSetting,
    UnknownSplit,
)
from saydo.language import mark, translate

_STATUS: tuple[tuple[type[SaydoError], int], ...] = (
    (UnknownMeasure, 404),
    (MissingTable, 409),
    (EmptyTable, 409),
    (NoSuchPath, 409),
    (QuestionError, 422),
    (SaydoError, 422),
)
_PLACES = {UnknownMeasure: "path.name", UnknownSplit: "query.by"}
_SENTENCES = {
    400: ("malformed", mark("The request cannot be read.")),
    401: ("unauthorized", mark("A key is needed: send it as the header Authorization: Bearer <key>.")),
    403: ("forbidden", mark("This key or person does not have the right {right}.")),
    404: ("not_found", mark("There is nothing under this address or key.")),
    405: ("method_not_allowed", mark("This address does not know the method {method}.")),
    409: ("conflict", mark("The state of things does not allow this.")),
    413: ("too_large", mark("The body is larger than {most}.")),
    422: ("invalid", mark("The request has a part that cannot be.")),
    429: ("too_many_requests", mark("Too many requests: wait {seconds} seconds.")),
    503: ("not_yet", mark("This takes long and goes on: ask again in {seconds} seconds.")),
    500: ("failed", mark("Something failed on our side. It was written into the log.")),
}


class Problem(Exception):
    """Something that a door refuses; raised anywhere below it."""

    def __init__(
        self,
        status: int,
        code: str = "",
        message: str = "",
        place: str = "",
        details: Sequence[dict[str, object]] = (),
        **values: object,
    ) -> None:
        self.status, self.place, self.details = status, place, details
        usual, sentence = _SENTENCES[status]
        self.code, self.message, self.values = code or usual, message or sentence, values
        super().__init__(self.code)

    def response(self) -> HttpResponse:
        """As the program gets it."""
        error: dict[str, object] = {
            "code": self.code,
            "message": translate(self.message, **self.values),
            "place": self.place,
        }
        if self.details:
            error["details"] = self.details
        return json_response({"error": error}, self.status)


def of_error(error: SaydoError) -> Problem:
    """The same sentence that pages and the terminal say."""
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    name = str(error.values.get("name", ""))
    place = next((place for kind, place in _PLACES.items() if isinstance(error, kind)), name and f"query.{name}")
    code = re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()
    if isinstance(error, UnknownSetting):
        code = "unknown_setting"
    return Problem(status, code, "{said}", place, said=str(error))


def json_response(content: Any, status: int = 200) -> HttpResponse:
    """Anything as JSON: amounts as numbers with all their digits, times in UTC, what is no number as null."""
    return HttpResponse(encode(content), status=status, content_type="application/json; charset=utf-8")


def encode(content: Any) -> bytes:
    """Bytes of JSON; see `json_response`."""
    return _ENCODER.encode(content)


_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


def check_text(request: HttpRequest) -> None:
    """Refuse the one sign that no database takes into a text."""
    if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
        raise Problem(400, "malformed", mark("A text holds the sign NUL, which cannot be kept."))
