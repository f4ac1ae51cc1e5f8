"""How the columns of one file are written, found out from their values.

A sample is enough to begin with; what it leaves open, or gets wrong, is decided on the whole column.
"""

# Queries are put together here; names and texts of others are quoted by the engine's own functions.
# ruff: noqa: S608
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from saydo.engine import Workbench
from saydo.errors import AmbiguousDates
from saydo.facts import DAY, TIME, Column
from saydo.sources._columns import is_own
from saydo.sources._files import RawFile
from saydo.sources._values import UNITS, Form, is_number

SAMPLE = 20_000

Forms = dict[Column, Form]
Signs = dict[str, Any]


def guess_forms(bench: Workbench, raw: RawFile, columns: Mapping[Column, str], dates: str | None) -> Forms:
    """The form of every number and time among ``columns`` (column -> c0, c1 ...), from a sample.

    ``dates`` (``dmy`` or ``mdy``) settles the order of dates that are not written year first. A column of the company's
    own that is no number all through is text: it gets no form. Raises `AmbiguousDates` when not even the whole column
    tells.
    """
    signs = _signs(bench, columns, f"(SELECT * FROM {raw.rows} LIMIT {SAMPLE})")
    is_mark_open = _common_mark(signs.values()) is None
    unsure = {
        column: columns[column] for column, seen in signs.items() if _is_unsure(column, seen, dates, is_mark_open)
    }
    signs |= _signs(bench, unsure, raw.rows)
    fallback = _common_mark(signs.values()) or ("," if raw.delimiter == ";" else ".")
    return _decide(raw, signs, dates, dict.fromkeys(signs, fallback))


def revise_forms(
    bench: Workbench,
    raw: RawFile,
    columns: Mapping[Column, str],
    dates: str | None,
    known: Forms,
    failed: Mapping[Column, str],
) -> Forms:
    """The ``known`` forms of ``columns``, thought over; ``failed`` are relations of values (``text``) that do not fit.

    Where another form explains some of those, the whole column decides; a column of the company's own becomes text.
    """
    forms = dict(known)
    for column, values in failed.items():
        seen = _signs(bench, {column: "text"}, values)[column]
        if is_own(column):
            del forms[column]
        elif _suggests_other(seen, known[column]):
            whole = _signs(bench, {column: columns[column]}, raw.rows)
            forms |= _decide(raw, whole, dates, {column: known[column].mark})
    return forms


def _suggests_other(seen: Signs, form: Form) -> bool:
    if "either" in seen:
        return any(seen[sign] for sign in ("day_first", "month_first", "alike", "either"))
    return bool(seen["comma" if form.mark == "." else "dot"]) or _unit(seen) not in ("", form.unit)


def _is_time(column: Column) -> bool:
    return column.type in (TIME, DAY)


def _signs(bench: Workbench, columns: Mapping[Column, str], relation: str) -> dict[Column, Signs]:
    """What the values of each column show: counts of those that can only be read one way, and an example."""
    chosen = {column: place for column, place in columns.items() if _is_time(column) or is_number(column.type)}
    if not chosen:
        return {}
    asked = (_time_signs(place) if _is_time(column) else _number_signs(place) for column, place in chosen.items())
    listed = ", ".join(f"{{{signs}}} AS s{i}" for i, signs in enumerate(asked))
    row = bench.sql(f"SELECT {listed} FROM {relation}").to_pylist()[0]
    return dict(zip(chosen, row.values(), strict=True))


def _number_signs(x: str) -> str:
    dot, comma = f"fits_dot({x})", f"fits_comma({x})"
    strange = f"FILTER (NOT {dot} AND NOT {comma})"
    return (
        f"n: count({x}), dot: count(*) FILTER ({dot}), comma: count(*) FILTER ({comma}), "
        f"only_dot: count(*) FILTER ({dot} AND NOT {comma}), only_comma: count(*) FILTER ({comma} AND NOT {dot}), "
        f"first_unit: min(unit_of({x})) {strange}, last_unit: max(unit_of({x})) {strange}, "
        f"separated: count(*) FILTER (regexp_matches({x}, '[.,]')), "
        f"coded: count(*) FILTER (regexp_matches({x}, '^0[0-9]|^[+][0-9]{{8}}'))"
    )


def _time_signs(x: str) -> str:
    first, second = f"date_part_of({x}, 1)", f"date_part_of({x}, 2)"
    dotted = f"regexp_matches({x}, '^ *[0-9]+\\.[0-9]+\\.')"  # never written month first
    either = f"{first} <= 12 AND {second} <= 12 AND {first} <> {second} AND NOT {dotted}"
    return (
        f"day_first: count(*) FILTER (({first} > 12 AND {second} <= 12) OR ({first} IS NOT NULL AND {dotted})), "
        f"month_first: count(*) FILTER ({second} > 12 AND {first} <= 12), "
        f"alike: count(*) FILTER ({first} = {second}), either: count(*) FILTER ({either}), "
        f"example: min({x}) FILTER ({either})"
    )


def _is_unsure(column: Column, seen: Signs, dates: str | None, is_mark_open: bool) -> bool:
    if _is_time(column):
        return _order(seen, dates) is None
    return is_mark_open and seen["only_dot"] == seen["only_comma"] and seen["separated"] > 0


def _common_mark(signs: Iterable[Signs]) -> str | None:
    """The decimal mark of the file, told by the columns that show one."""
    numbers = [seen for seen in signs if "only_dot" in seen]
    dots = sum(seen["only_dot"] > seen["only_comma"] for seen in numbers)
    commas = sum(seen["only_comma"] > seen["only_dot"] for seen in numbers)
    return None if dots == commas else "." if dots > commas else ","


def _decide(raw: RawFile, signs: Mapping[Column, Signs], dates: str | None, marks: Mapping[Column, str]) -> Forms:
    forms: Forms = {}
    for column, seen in signs.items():
        if not _is_time(column):
            form = _number_form(column, seen, marks[column])
            forms |= {column: form} if form else {}
        elif order := _order(seen, dates):
            forms[column] = Form(order=order)
        else:
            raise AmbiguousDates(path=raw.path, column=column.name, value=seen["example"])
    return forms


def _number_form(column: Column, seen: Signs, fallback: str) -> Form | None:
    is_open = seen["only_dot"] == seen["only_comma"]
    mark = fallback if is_open else "." if seen["only_dot"] > seen["only_comma"] else ","
    if is_own(column):
        is_all_numbers = seen["n"] and seen["coded"] == 0 and seen["dot" if mark == "." else "comma"] == seen["n"]
        return Form(mark) if is_all_numbers else None
    return Form(mark, _unit(seen))


def _unit(seen: Signs) -> str:
    """The unit that all values with one have, or nothing."""
    unit = seen["first_unit"] if seen["first_unit"] == seen["last_unit"] else None
    return unit if unit in UNITS else ""


def _order(seen: Signs, dates: str | None) -> str | None:
    """The order of day, month and year; null when the values fit both."""
    if dates and (seen["day_first"] or seen["month_first"] or seen["either"]):
        return dates
    if seen["day_first"] or seen["month_first"]:
        return "dmy" if seen["day_first"] >= seen["month_first"] else "mdy"
    return None if seen["either"] else "dmy" if seen["alike"] else "ymd"
