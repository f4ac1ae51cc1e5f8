"""Finds the messages in Django templates, for Babel: what the tags ``say`` and ``say_count`` are given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import IO, Any

_TAG = re.compile(r"{%\s*(say|say_count)\s+(.*?)%}", re.DOTALL)
_TEXT = r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""


def extract(
    file: IO[bytes], keywords: Any, comments: Any, options: Any
) -> Iterator[tuple[int, str, str | tuple[str, ...], Sequence[str]]]:
    """Babel's interface: line, function, message (or its two forms), comments."""
    text = file.read().decode("utf-8")
    for tag in _TAG.finditer(text):
        line = text.count("\n", 0, tag.start()) + 1
        texts = re.match(rf"{_TEXT}(?:\s+{_TEXT})?", tag[2])
        if not texts:
            continue
        if tag[1] == "say":
            yield line, "translate", texts[1][1:-1], ()
        elif texts[2]:
            yield line, "translate_count", (texts[1][1:-1], texts[2][1:-1]), ()
