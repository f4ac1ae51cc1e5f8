"""The log: one JSON object per line. It names paths, keys and kinds, never a person."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON; what a request sent (its query, its body) is never in it."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _without_people(record.getMessage()),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["trace"] = _places(record)
        return json.dumps(line, ensure_ascii=False)


_QUERY = re.compile(r"\?\S*")
_ADDRESS = re.compile(r"[^\s@<>\"'(=/]+@[^\s@<>\"')/]+")
_NUMBER = re.compile(r"(?<![\w.-])(\+\d|0\d)[\d .()/-]{6,}\d(?![\w-])")


def _without_people(message: str) -> str:
    """The message's first line, since the server's tracebacks name values, without questions, addresses and numbers."""
    first = message.split("\n", 1)[0]
    return _NUMBER.sub("<number>", _ADDRESS.sub("<address>", _QUERY.sub("", first)))


def _places(record: logging.LogRecord) -> str:
    """Where it happened, innermost last: files and lines, without the values, which may be somebody's."""
    places = []
    trace = record.exc_info[2] if record.exc_info else None
    while trace:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return " > ".join(places[-12:])
