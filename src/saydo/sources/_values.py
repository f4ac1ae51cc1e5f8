"""How values are written: numbers, times and yes-or-no as people and programs write them, read as the contract's.

The expressions are macros of the engine, so that a mapping may use them too. What cannot be read gives null, and the
caller tells it from what was null before. Most values are written plainly, so each expression tries that first, by
CASE: the engine evaluates the rest for the other rows alone, which COALESCE does not do.
"""

from __future__ import annotations

from dataclasses import dataclass

from saydo.engine import engine_type, quote_text
from saydo.facts import COUNT, DAY, NUMBER, TEXT, TIME, YES_NO, Column

_SPACES = " \u00a0\u202f\u2009"
_GROUPS = _SPACES + "'\u2019"
_YES = ("true", "t", "yes", "y", "1", "oui", "ja", "vrai", "wahr")
_NO = ("false", "f", "no", "n", "0", "non", "nein", "faux", "falsch")
UNITS = ("€", "$", "£", "CHF", "EUR", "USD", "GBP", "Fr.", "%")


@dataclass(frozen=True)
class Form:
    """How one column is written: its decimal mark, a unit to strip, the order of day, month and year."""

    mark: str = "."
    unit: str = ""
    order: str = "ymd"


PLAIN = Form()


def _number_pattern(mark: str) -> str:
    other = "," if mark == "." else "."
    return rf"[+\-−]?(?:\d+|\d{{1,3}}(?:[{_GROUPS}{other}]\d{{3}})+)?(?:\{mark}\d*)?"


def _list(words: tuple[str, ...]) -> str:
    return ", ".join(map(quote_text, words))


_DOT, _COMMA = quote_text(_number_pattern(".")), quote_text(_number_pattern(","))
_MOMENTS = _list(("%Y-%m-%d %I:%M:%S %p", "%Y-%m-%d %I:%M %p", "%Y-%m-%dT%H:%M"))

MACROS = (
    # text without spaces around it; nothing left is null
    f"""bare(x) AS CASE WHEN x LIKE ' %' OR x LIKE '% ' OR x LIKE '\u00a0%' OR x LIKE '%\u00a0'
        THEN nullif(trim(x, {quote_text(_SPACES)}), '') ELSE x END""",
    # a number without its group separators and with a point for its decimal mark
    f"""ungrouped(x, mark) AS CASE WHEN regexp_full_match(bare(x), CASE WHEN mark = ',' THEN {_COMMA} ELSE {_DOT} END)
        THEN replace(replace(regexp_replace(x, CASE WHEN mark = ',' THEN '[^0-9,+−-]' ELSE '[^0-9.+−-]' END, '', 'g'),
                             ',', '.'), '−', '-') END""",
    """as_number(x, mark := '.') AS
        CASE WHEN mark = ',' THEN try_cast(ungrouped(x, ',') AS DECIMAL(18, 4))
        WHEN try_cast(x AS DECIMAL(18, 4)) IS NOT NULL THEN try_cast(x AS DECIMAL(18, 4))
        ELSE try_cast(ungrouped(x, '.') AS DECIMAL(18, 4)) END""",
    # day, month and year in the order of ISO 8601; two digits of a year are of this century
    r"""reordered(x, first, second) AS regexp_replace(
        regexp_replace(bare(x), '^(\d{1,2})[./-](\d{1,2})[./-](\d\d)($|\D)', '\1/\2/20\3\4'),
        '^(\d{1,2})[./-](\d{1,2})[./-](\d{4})', '\3-' || second || '-' || first)""",
    """iso(x, dates) AS CASE WHEN dates = 'dmy' THEN reordered(x, '\\1', '\\2')
        WHEN dates = 'mdy' THEN reordered(x, '\\2', '\\1') ELSE x END""",
    # 20240105 and +0100 as the engine wants them
    r"""tidy(x) AS regexp_replace(regexp_replace(bare(x), '^(\d{4})(\d\d)(\d\d)($|[T ])', '\1-\2-\3\4'),
        '(:\d\d(?:\.\d+)?) ?([+-]\d\d):?(\d\d)$', '\1\2:\3')""",
    # an instant: a bare local time is one of the session's zone
    f"""instant(x) AS CASE WHEN try_cast(x AS TIMESTAMPTZ) IS NOT NULL THEN try_cast(x AS TIMESTAMPTZ)
        ELSE coalesce(try_cast(tidy(x) AS TIMESTAMPTZ),
                      CAST(try_strptime(tidy(x), [{_MOMENTS}]) AS TIMESTAMPTZ)) END""",
    "as_time(x, dates := 'ymd') AS instant(iso(x, dates))",
    "as_day(x, dates := 'ymd') AS CAST(instant(iso(x, dates)) AS DATE)",
    "end_of(day) AS CAST(day + 1 AS TIMESTAMPTZ) - INTERVAL 1 MICROSECOND",
    """as_end_of_day(x, dates := 'ymd') AS
        CASE WHEN contains(x, ':') THEN as_time(x, dates) ELSE end_of(as_day(x, dates)) END""",
    # not with IN, which the engine makes a join of: that would not keep the order of the rows
    f"""as_yes_no(x) AS CASE WHEN list_contains([{_list(_YES)}], lower(bare(x))) THEN true
        WHEN list_contains([{_list(_NO)}], lower(bare(x))) THEN false END""",
    # what tells one way of writing from another
    f"fits_dot(x) AS regexp_full_match(bare(x), {_DOT} || '(?:[eE][+-]?[0-9]+)?')",
    f"fits_comma(x) AS regexp_full_match(bare(x), {_COMMA})",
    f"unit_of(x) AS nullif(regexp_replace(x, {quote_text(f'[0-9.,+−{_GROUPS}-]')}, '', 'g'), '')",
    r"""date_part_of(x, place) AS
        try_cast(regexp_extract(bare(x), '^(\d{1,2})[./-](\d{1,2})[./-]\d\d', place) AS INTEGER)""",
)


def typed(column: Column, text: str, form: Form) -> str:
    """The expression that reads ``text`` (an expression of text) as the type of ``column``; null where it cannot."""
    dates = f"dates := {quote_text(form.order)}"
    if column.type == TIME:
        return f"timezone('UTC', {'as_end_of_day' if column.end_of_day else 'as_time'}({text}, {dates}))"
    if column.type == DAY:
        return f"as_day({text}, {dates})"
    if column.type == YES_NO:
        return f"as_yes_no({text})"
    if is_number(column.type):
        return _number(column.type, f"replace({text}, {quote_text(form.unit)}, '')" if form.unit else text, form.mark)
    return _words(column, text)


def is_number(type: str) -> bool:
    """Is this a type of numbers?"""
    return type in (NUMBER, COUNT) or type.startswith("decimal")


def is_words(column: Column) -> bool:
    """Is it free text, of which e-mail addresses and telephone numbers are taken out?"""
    is_code = column.values or column.name in ("currency", "to_currency")
    return column.type == TEXT and not column.is_key and not is_code and not column.is_personal


def _number(type: str, text: str, mark: str) -> str:
    if type == COUNT:  # the engine would round 2.5 to a whole number
        number = _number("decimal(18, 3)", text, mark)
        whole = f"CASE WHEN {number} = trunc({number}) THEN CAST({number} AS BIGINT) END"
        plain = f"CASE WHEN NOT contains({text}, '.') THEN try_cast({text} AS BIGINT) END"
    else:
        whole = f"try_cast(ungrouped({text}, {quote_text(mark)}) AS {engine_type(type)})"
        plain = f"try_cast({text} AS {engine_type(type)})"
    return whole if mark == "," else f"CASE WHEN {plain} IS NOT NULL THEN {plain} ELSE {whole} END"


def _words(column: Column, text: str) -> str:
    if column.values:
        return f"lower(bare({text}))"
    if column.name in ("currency", "to_currency"):
        return f"upper(bare({text}))"
    if column.name == "comment":
        return f"said({text})"
    return f"clean(bare({text}))" if is_words(column) else f"bare({text})"
