"""What a row must satisfy, derived from the contract: conditions over the row as read and as it was written.

A row is refused for the first check that it fails, in the order of the contract's columns, then of the rules across
columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import ibis
import ibis.expr.types as ir

from saydo.facts import COUNT, DAY, NUMBER, TIME, YES_NO, Column, Table
from saydo.language import mark
from saydo.sources._columns import own_column
from saydo.sources._identities import holds_identity
from saydo.sources._values import is_number

EARLIEST = date(1900, 1, 1)
LATEST_PLAN = date(2200, 1, 1)
MANY = 20  # from here on a pattern is faster than a list
BLANK = 0  # the code of a row without a single value, which is no row
REFUSED = "refused"  # the column in which a mapping says why it wants a row refused
FILE, ROW = "_file", "_row"  # those in which it says where a row comes from
DUPLICATE = mark("{column} stands in an earlier row: the key must be unique")
IDENTITY = mark(
    "{column} holds an e-mail address or phone number, and facts know no identities: a mapping's pseudonym() makes a "
    "key of it"
)
SAID_BY_MAPPING = "{value}"

_UNREADABLE = {
    TIME: mark("{column} is no time that can be read"),
    DAY: mark("{column} is no date that can be read"),
    COUNT: mark("{column} is no whole number"),
    YES_NO: mark("{column} is neither yes nor no"),
}
_NO_NUMBER = mark("{column} is no number")
_TOO_LARGE = mark("{column} is too large a number")


@dataclass(frozen=True)
class Check:
    """A condition that no row may fulfil; ``reason`` is a message id with the places {column} and {value}.

    ``is_form`` tells that another way of writing (a decimal comma, the day first) could explain it.
    """

    column: str
    reason: str
    broken: ir.BooleanValue
    is_form: bool = False


def written(column: str) -> str:
    """The name of a column as it was written, beside the same column as it was read."""
    return f"{column} as written"


def judge(
    contract: Table, own: Mapping[str, str], given: frozenset[str], now: datetime
) -> tuple[ir.Table, list[Check]]:
    """The relation ``parsed`` with ``_problem`` (code of the first check that a row breaks, or null), and the checks.

    ``given`` are the columns that the file has; ``parsed`` holds every column of the contract and ``own`` as read, and
    those given as written.
    """
    types = {**dict(contract.schema.items()), **own, **{written(name): "string" for name in sorted(given)}}
    parsed = ibis.table(types, name="parsed")
    numbers = [own_column(name) for name, type in own.items() if type == NUMBER and name in given]
    checks = list(_checks(contract, numbers, parsed, given, now))
    is_blank = ibis.and_(*(parsed[written(name)].isnull() for name in sorted(given)))
    branches = [(is_blank, BLANK), *((check.broken, code) for code, check in enumerate(checks, start=1))]
    return parsed.mutate(_problem=ibis.cases(*branches).cast("int16")), checks


def _checks(
    contract: Table, own: Sequence[Column], parsed: ir.Table, given: frozenset[str], now: datetime
) -> Iterator[Check]:
    if REFUSED in given:
        yield Check(REFUSED, SAID_BY_MAPPING, parsed[written(REFUSED)].notnull())
    for column in contract.columns:
        if column.name in given:
            yield from _type_checks(column, parsed[column.name], parsed[written(column.name)])
        if not column.null:
            yield Check(column.name, mark("{column} is missing"), parsed[column.name].isnull())
        if column.name in given:
            yield from _value_checks(column, parsed[column.name], now)
    for column in own:
        yield from _type_checks(column, parsed[column.name], parsed[written(column.name)])
    for rule in contract.rules:
        yield Check(rule.column, rule.reason, rule.broken(parsed))


def _type_checks(column: Column, value: ir.Value, text: ir.StringValue) -> Iterator[Check]:
    unreadable = value.isnull() & text.notnull()
    if is_number(column.type):
        yield Check(column.name, _TOO_LARGE, unreadable & (text.try_cast("float64").abs() >= 1e12))
        yield Check(column.name, _UNREADABLE.get(column.type, _NO_NUMBER), unreadable, is_form=True)
    elif column.type in _UNREADABLE:
        yield Check(column.name, _UNREADABLE[column.type], unreadable, is_form=True)
    if column.type == NUMBER:
        yield Check(column.name, _NO_NUMBER, value.isnan() | value.isinf())


def _value_checks(column: Column, value: ir.Value, now: datetime) -> Iterator[Check]:
    if column.is_key:
        yield Check(column.name, IDENTITY, holds_identity(column, value))
    if column.values:
        yield Check(column.name, mark("{column} is none of {choices}"), _is_none_of(value, column.values))
    if column.low is not None:
        yield Check(column.name, mark("{column} is below {low}"), value < column.low)
    if column.high is not None:
        yield Check(column.name, mark("{column} is above {high}"), value > column.high)
    if column.type in (TIME, DAY):
        yield Check(column.name, mark("{column} lies before the year 1900"), value < _literal(EARLIEST, column))
        if column.planned:
            yield Check(column.name, mark("{column} lies after the year 2200"), value >= _literal(LATEST_PLAN, column))
        else:
            latest = now + timedelta(days=1)
            yield Check(column.name, mark("{column} lies in the future"), value > _literal(latest, column))
    if column.name in ("currency", "to_currency"):
        yield Check(column.name, mark("{column} is no ISO 4217 code"), _is_none_of(value, _currencies()))


def _literal(moment: date, column: Column) -> ir.Value:
    if column.type == DAY:
        return ibis.literal(moment.date() if isinstance(moment, datetime) else moment)
    return ibis.literal(moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day))


def _is_none_of(value: ir.Value, choices: Sequence[str]) -> ir.BooleanValue:
    """Not with IN: the engine makes a join of a long one, and a join does not keep the order of the rows."""
    if len(choices) > MANY:
        return ~value.re_search(f"^(?:{'|'.join(map(re.escape, choices))})$")
    return ~ibis.array(list(choices)).contains(value)


def _currencies() -> list[str]:
    from babel.numbers import list_currencies

    return sorted(list_currencies())


def places(contract: Table, name: str | None, reason: str) -> dict[str, object]:
    """What fills the places of a reason that the contract knows: choices, low, high and start."""
    if name is None or name not in contract:
        return {}
    column, rules = contract[name], (rule for rule in contract.rules if (rule.column, rule.reason) == (name, reason))
    start = next((rule.start for rule in rules), "")
    return {"choices": ", ".join(column.values), "low": _short(column.low), "high": _short(column.high), "start": start}


def _short(number: float | None) -> str:
    return "" if number is None else f"{number:g}"


def utc_now() -> datetime:
    """The present, as a naive UTC time."""
    return datetime.now(UTC).replace(tzinfo=None)
