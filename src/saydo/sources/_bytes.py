"""The bytes of a text file: which encoding, which line ends, how many lines; and the same text as plain UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saydo.errors import EmptyFile, UnreadableFile
from saydo.language import mark, translate

_CHUNK = 1 << 24
_BINARY = mark("it holds zero bytes, as only binary files do")
_NO_TEXT = mark("its text is neither UTF-8 nor UTF-16 nor Windows-1252")


@dataclass(frozen=True)
class Writing:
    """How a text file is written: its encoding, whether its line ends differ among each other, and its lines."""

    encoding: str
    has_mixed_ends: bool
    lines: int

    @property
    def needs_rewriting(self) -> bool:
        """Is it anything but UTF-8 with one kind of line end, which the engine reads as it is?"""
        return self.encoding != "utf-8" or self.has_mixed_ends


def examine(path: Path, named: Path | None = None) -> Writing:
    """Read a file (``named`` in errors) once, in chunks; raises `EmptyFile`, or `UnreadableFile` if it is no text."""
    named = named or path
    marked = _byte_order_mark(path)
    if marked:
        return Writing(marked, False, 0)
    feeds = returns = 0
    last, is_utf8, decoder = b"", True, codecs.getincrementaldecoder("utf-8")()
    for chunk in _chunks(path):
        if b"\0" in chunk:
            raise UnreadableFile(path=named, format="CSV", reason=translate(_BINARY))
        feeds += _count(chunk, b"\n")
        returns += _count(chunk, b"\r") if b"\r" in chunk else 0
        is_utf8 = is_utf8 and _decodes(decoder, chunk)
        last = chunk[-1:]
    if not last:
        raise EmptyFile(path=named)
    encoding = "utf-8" if is_utf8 else _guess_encoding(path, named)
    lines = (feeds or returns) + (last not in b"\r\n")
    return Writing(encoding, returns not in (0, feeds) and feeds > 0, lines)


def rewrite(path: Path, copy: Path, writing: Writing, named: Path) -> Writing:
    """Write the text as UTF-8 with line feeds; broken bytes in a UTF-8 file stay, so that their rows are refused."""
    errors = "surrogateescape" if writing.encoding == "utf-8" else "strict"
    try:
        with (
            path.open(encoding=writing.encoding, errors=errors, newline=None) as source,
            copy.open("w", encoding="utf-8", errors=errors, newline="") as out,
        ):
            while text := source.read(_CHUNK):
                out.write(text)
    except UnicodeError as error:
        raise UnreadableFile(path=named, format="CSV", reason=str(error)) from None
    return examine(copy, named)


def count_blank_lines(path: Path) -> int:
    """How many lines have not one sign (those inside quoted texts too)."""
    blank, before = 0, b"\n"
    for chunk in _chunks(path):
        text = (before + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        ends = np.frombuffer(text, dtype=np.uint8) == ord("\n")
        blank += int(np.count_nonzero(ends[1:] & ends[:-1]))
        before = text[-1:]
    return blank


def has_long_line(path: Path, signs: int = 2_000_000) -> bool:
    """Is there a line that is longer than the engine reads?"""
    open_since = place = 0
    for chunk in _chunks(path):
        ends = np.flatnonzero(np.frombuffer(chunk, dtype=np.uint8) == ord("\n")) + place
        place += len(chunk)
        if np.diff(ends, prepend=open_since, append=place).max() > signs:
            return True
        open_since = int(ends[-1]) if len(ends) else open_since
    return False


def _byte_order_mark(path: Path) -> str:
    with path.open("rb") as source:
        start = source.read(2)
    return "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else ""


def _guess_encoding(path: Path, named: Path) -> str:
    """UTF-8 with some broken bytes, or Windows-1252, whose text hardly ever looks like UTF-8."""
    broken = whole = 0
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    western = codecs.getincrementaldecoder("cp1252")()
    is_western = True
    for chunk in _chunks(path):
        text = decoder.decode(chunk)
        wrong = text.count("\ufffd")
        broken += wrong
        whole += len(text) - len(text.encode("ascii", "ignore")) - wrong
        is_western = is_western and _decodes(western, chunk)
    if whole > broken:
        return "utf-8"
    if not is_western:
        raise UnreadableFile(path=named, format="CSV", reason=translate(_NO_TEXT))
    return "cp1252"


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes) -> bool:
    try:
        if not chunk.isascii() or decoder.getstate()[0]:
            decoder.decode(chunk)
    except UnicodeDecodeError:
        return False
    return True


def _count(chunk: bytes, sign: bytes) -> int:
    return int(np.count_nonzero(np.frombuffer(chunk, dtype=np.uint8) == sign[0]))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            yield chunk
