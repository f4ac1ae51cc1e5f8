"""The log: one line of JSON each, with places and keys, and nobody's data."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from saydo.web.logs import JsonFormatter


def line(message: str, *values: object, error: BaseException | None = None) -> dict[str, Any]:
    trace = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("saydo.web", logging.ERROR, __file__, 1, message, values, trace)
    found: dict[str, Any] = json.loads(JsonFormatter().format(record))
    return found


@pytest.mark.parametrize(
    ("message", "written"),
    [
        ("Internal Server Error: /customers/", "Internal Server Error: /customers/"),
        ("Not Found: /customers/?q=ada+lovelace", "Not Found: /customers/"),
        ("Not Found: /customers/ada@example.org/", "Not Found: /customers/<address>/"),
        ("Traceback:\n  name = 'Ada Lovelace'", "Traceback:"),
        ("Key (email)=(ada@example.org) already exists", "Key (email)=(<address>) already exists"),
        ("called +33 6 12 34 56 78 in vain", "called <number> in vain"),
        ("called 0612345678", "called <number>"),
        ("order 2026-11-22 of c-0001 took 1234567890 ns", "order 2026-11-22 of c-0001 took 1234567890 ns"),
    ],
)
def test_message_keeps_keys_and_loses_people(message: str, written: str) -> None:
    assert line(message)["message"] == written


def test_error_is_told_by_kind_and_place_without_its_values() -> None:
    try:
        raise ValueError("Ada Lovelace, ada@example.org")
    except ValueError:
        told = line("failed", error=sys.exc_info()[1])
    assert told["error"] == "ValueError"
    assert told["trace"].startswith("test_logs.py:")
    assert "Ada" not in json.dumps(told)


def test_line_says_when_and_how_bad() -> None:
    told = line("%s rows", 3)
    assert (told["level"], told["logger"], told["message"]) == ("error", "saydo.web", "3 rows")
    assert told["at"].endswith("+00:00")
