"""Plain letters: how names, addresses and numbers are spelled where they are searched.

The same table of letters folds what is stored (by triggers of the database, so that a bulk load need not know of it)
and what is typed (`fold`). A plain text is words between single blanks; its parts stand between bars:
``| anna muller | anna muller example org | 41791234567 1791234567 791234567 91234567 | 1204 geneve |``: a number given
with its country also stands there without it, for codes of one, two and three digits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

_LETTERS = {
    "a": "àáâãäåāăąǎ", "c": "çćĉċč", "d": "ďđð", "e": "èéêëēĕėęě", "g": "ĝğġģ", "h": "ĥħ", "i": "ìíîïĩīĭįıǐ", "j": "ĵ",
    "k": "ķ", "l": "ĺļľŀł", "n": "ñńņňŉ", "o": "òóôõöøōŏőǒ", "r": "ŕŗř", "s": "śŝşšș", "t": "ţťŧț",
    "u": "ùúûüũūŭůűųǔ", "w": "ŵ", "y": "ýÿŷ", "z": "źżž",
}  # fmt: skip
_PAIRS = {"ß": "ss", "ẞ": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "þ": "th", "Þ": "th"}
_BLANKS = ".,;:-_@+'’‘`\"/\\()[]{}<>=~^$%&#|*!?–—\t\n\r\u00a0\u202f"
_MARKS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327\u0328"  # accents written apart
_ONE = {letter: base for base, letters in _LETTERS.items() for letter in letters + letters.upper() if letter > "\x7f"}
_FOLD = str.maketrans({**_ONE, **_PAIRS, **dict.fromkeys(_BLANKS, " "), **dict.fromkeys(_MARKS, None)})
_DEPTH = 20
_BETWEEN = " .-/()+\t\u00a0\u202f"  # what people write between the digits of a number


def fold(text: str) -> str:
    """What somebody typed, in plain letters: words between single blanks."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_FOLD).lower().split())


def digits_of(text: str) -> str:
    """The digits of a telephone number without the zeros that stand for "abroad" or "within the country"."""
    return re.sub(r"\D", "", text.replace("(0)", "")).lstrip("0")


def sql_postgres() -> str:
    """A person's plain text from the columns name, email, phone, postcode and city."""

    def words(value: str) -> str:
        for pair, letters in _PAIRS.items():
            value = f"replace({value}, {_text(pair)}, {_text(letters)})"
        letters, into = "".join(_ONE) + _BLANKS + _MARKS, "".join(_ONE.values()) + " " * len(_BLANKS)
        return f"trim(regexp_replace(lower(translate({value}, {_text(letters)}, {_text(into)})), ' +', ' ', 'g'))"

    parts = (words("name"), words("email"), _sql_numbers("phone"), words("postcode || ' ' || city"))
    return "'| ' || " + " || ' | ' || ".join(parts) + " || ' |'"


def sql_sqlite(row: str, desk: str) -> list[str]:
    """Statements that leave a person's plain text in the one row of ``desk``: SQLite's parser takes few at a time."""
    columns = [f"replace({row}.{name}, '|', ' ')" for name in ("name", "email", "postcode", "city")]
    numbers = _sql_numbers(f"{row}.phone")
    whole = f"'| ' || {columns[0]} || ' | ' || {columns[1]} || ' | ' || {numbers} || ' | ' || "
    statements = [
        f"DELETE FROM {desk}",  # noqa: S608  names are ours
        f"INSERT INTO {desk} (plain) VALUES (lower({whole}{columns[2]} || ' ' || {columns[3]}) || ' |')",  # noqa: S608
    ]
    blanks = [(blank, " ") for blank in _BLANKS if blank != "|"]
    odd = [*_ONE.items(), *_PAIRS.items(), *((mark, "") for mark in _MARKS), *(b for b in blanks if b[0] > "\x7f")]
    statements += _replace(desk, odd, "plain GLOB '*[^ -~]*'")  # most need none of these
    plain = [pair for pair in blanks if pair[0] <= "\x7f"]
    return [*statements, *_replace(desk, [*plain, *[("  ", " ")] * 3], "1")]


def _replace(desk: str, pairs: Sequence[tuple[str, str]], where: str) -> Iterator[str]:
    for start in range(0, len(pairs), _DEPTH):
        value = "plain"
        for old, new in pairs[start : start + _DEPTH]:
            value = f"replace({value}, {_text(old)}, {_text(new)})"
        yield f"UPDATE {desk} SET plain = {value} WHERE {where}"  # noqa: S608


def sql_digits(value: str) -> str:
    """In SQL, what `digits_of` gives of a telephone number as people write it."""
    value = f"replace({value}, '(0)', '')"
    for between in _BETWEEN:
        value = f"replace({value}, {_text(between)}, '')"
    return f"ltrim({value}, '0')"


def _sql_numbers(value: str) -> str:
    digits = sql_digits(value)
    shorter = " || ' ' || ".join(f"substr({digits}, {start})" for start in (2, 3, 4))
    abroad = f"{value} LIKE '+%' OR {value} LIKE '00%'"
    return f"CASE WHEN {abroad} THEN {digits} || ' ' || {shorter} ELSE {digits} END"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
