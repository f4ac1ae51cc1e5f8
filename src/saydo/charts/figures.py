"""Figures as people read them: rounded to what their interval can bear, with unit, count and interval in words."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from babel import dates, numbers

from saydo import language
from saydo.charts.headings import HEADINGS
from saydo.language import mark, mark_count, translate, translate_count

Unit = Literal["points", "share", "money", "count", "days", "score"]

NOTHING = "–"
_UNKNOWN = mark("unknown")
VALUES = {  # by split and value: what a company itself calls things stays as it is
    "occasion.relational": mark("about the relationship"),
    "occasion.event": mark("after an event"),
    "kind.firm": mark("firms"),
    "kind.person": mark("persons"),
    "segment.champions": mark("champions"),
    "segment.loyal": mark("loyal"),
    "segment.new": mark("new"),
    "segment.promising": mark("promising"),
    "segment.wavering": mark("wavering"),
    "segment.at risk": mark("at risk"),
    "segment.asleep": mark("asleep"),
    "segment.lost": mark("lost"),
    "pattern.basic": mark("basic: missed when bad"),
    "pattern.performance": mark("performance: counts both ways"),
    "pattern.attractive": mark("attractive: noticed when good"),
    "driver_kind.promise": mark("promise"),
    "driver_kind.touchpoint": mark("touchpoint"),
    "side.unhappy": mark("the unhappy"),
    "side.happy": mark("the happy"),
    "outcome.bought_again": mark("bought again"),
    "outcome.contacts": mark("contacts"),
    "outcome.margin": mark("margin"),
    "outcome.score": mark("score"),
    "band.promoters": mark("promoters"),
    "band.passives": mark("passives"),
    "band.detractors": mark("detractors"),
    "band.silent": mark("did not answer"),
    "band.never asked": mark("not asked yet"),
    "group.content": mark("answered in time, and content"),
    "group.answered": mark("answered in time"),
    "group.late": mark("answered late or never"),
    "came.brought": mark("brought by others"),
    "came.otherwise": mark("came otherwise"),
    "group.champions": mark("buy much and recommend"),
    "group.affluents": mark("buy much"),
    "group.advocates": mark("buy less and recommend"),
    "group.misers": mark("buy less"),
}
_WITHOUT = {"score": mark("all"), "item": NOTHING, "question": NOTHING, "scale_min": NOTHING, "scale_max": NOTHING}
_NOUNS = {
    "answers": mark_count("{count} answer", "{count} answers"),
    "customers": mark_count("{count} customer", "{count} customers"),
    "orders": mark_count("{count} order", "{count} orders"),
    "judged": mark_count("{count} promise", "{count} promises"),
    "payment_incidents.judged": mark_count("{count} payment", "{count} payments"),
    "invitations": mark_count("{count} invitation", "{count} invitations"),
    "payments": mark_count("{count} payment", "{count} payments"),
    "returns": mark_count("{count} return", "{count} returns"),
    "comments": mark_count("{count} comment", "{count} comments"),
    "cases": mark_count("{count} case", "{count} cases"),
    "contracts": mark_count("{count} contract", "{count} contracts"),
    "sold_lines": mark_count("{count} line sold", "{count} lines sold"),
}
SCALES = ("scale_min", "scale_max")
_NUMBERED = {"tenure": mark("year {number}")}
_BEYOND = 1e18
_YES, _NO = mark("yes"), mark("no")
_DAYS = mark("{days} days")
_INTERVAL = mark("{low} to {high}")
_QUARTER = mark("Q{quarter} {year}")
_WEEK = mark("week of {day}")


def show(value: float | Decimal | None, unit: Unit, currency: str | None = None, half: float | None = None) -> str:
    """A figure in the reader's form; ``half`` is half the width of its interval and decides its digits."""
    if value is None or not math.isfinite(value):
        return NOTHING
    value = float(value)
    match unit:
        case "points":
            text = language.signed(value)
        case "share":
            text = language.percent(value, _digits(100 * value, half and 100 * half))
        case "money":
            text = show_money(value, currency)
        case "days":
            text = translate(_DAYS, days=language.number(value, 1 if abs(value) < 10 else 0))
        case "score":
            text = language.number(value, 2 if half is not None and half < 0.1 else 1)
        case _:
            text = language.number(value)
    return text


def signed_percent(share: float) -> str:
    """A relative change with its sign."""
    sign = "+" if share > 0 else "−" if share < 0 else ""
    return sign + language.percent(abs(share))


def signed_points(share: float) -> str:
    """A difference between two shares with its sign, in points of percent."""
    return language.signed(100 * share, 1)


def show_interval(low: Any, high: Any, unit: Unit, currency: str | None = None) -> str:
    """Both ends of an interval; empty when there is none."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    low_text, high_text = show_ends(low, high, unit, currency)
    return translate(_INTERVAL, low=low_text, high=high_text)


def show_ends(low: float, high: float, unit: Unit, currency: str | None = None) -> tuple[str, str]:
    """Both ends in as many digits as their distance bears, in one more where they would look alike."""
    half = (float(high) - float(low)) / 2
    ends = (show(low, unit, currency, half), show(high, unit, currency, half))
    return ends if ends[0] != ends[1] else (show(low, unit, currency, 0.0), show(high, unit, currency, 0.0))


def show_money(amount: float, currency: str | None) -> str:
    """An amount in three digits that tell: 12.50, 1 234, 41 k, 1.25 M."""
    size = abs(amount)
    if size >= _BEYOND:  # no money has such an amount, and Babel cannot write it
        return f"{amount:.1e} {currency or ''}".rstrip()
    if size < 10_000 or currency is None:
        return language.money(amount, currency, 2 if 0 < size < 100 else 0).replace("-", "−")
    digits = 0 if size >= 1e11 else 2 - (math.floor(math.log10(size)) % 3)
    short = numbers.format_compact_currency(
        amount, currency, locale=language.current_locale(), fraction_digits=max(digits, 0)
    )
    return short.replace("-", "−")


def show_group(value: object, split: str = "") -> str:
    """The name of a group; null is "unknown" (of a score: all of them), a date is called by its unit of time."""
    if value is None or value == "":
        return translate(_WITHOUT.get(split, _UNKNOWN))
    if isinstance(value, bool):
        return translate(_YES if value else _NO)
    if isinstance(value, date):
        return show_period(value, split)
    if split in _NUMBERED:
        return translate(_NUMBERED[split], number=value)
    if isinstance(value, float):
        return f"{value:g}"
    called = VALUES.get(f"{split}.{value}")
    return translate(called) if called else clean(str(value))


def is_told(value: object, split: str) -> bool:
    """Does the name of a group say anything? An answer that is about no item, and has no question, does not."""
    return value is not None or _WITHOUT.get(split) != NOTHING


def show_period(start: date, unit: str, *, short: bool = False) -> str:
    """The day, week, month, quarter or year that begins with ``start``."""
    if unit == "year":
        return str(start.year)
    if unit == "quarter":
        return translate(_QUARTER, quarter=(start.month + 2) // 3, year=start.year)
    if unit == "month":
        return dates.format_skeleton("yMMM" if short else "yMMMM", start, locale=language.current_locale())
    shown = dates.format_skeleton("MMMd" if short else "yMMMd", start, locale=language.current_locale())
    return translate(_WEEK, day=shown) if unit == "week" and not short else shown


def begin(text: str) -> str:
    """The text with a capital first letter, as a label or sentence begins."""
    return text[:1].upper() + text[1:]


def heading(column: str, measure: str = "") -> str:
    """The heading of a column, in a measure that calls it otherwise; without words of its own its name with spaces."""
    return translate(HEADINGS.get(f"{measure}.{column}") or HEADINGS.get(column, column.replace("_", " ")))


def clean(text: str, length: int = 60) -> str:
    """Somebody else's words on one line: control and direction marks taken out, cut where it becomes long."""
    kept = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(kept.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def count_of(what: str, count: float | None) -> str:
    """A count with its noun; ``what`` is a column, after its measure and a dot where it matters.

    A count of something that has no noun here is a bare number.
    """
    number = int(count or 0)
    nouns = _NOUNS.get(what) or _NOUNS.get(what.rpartition(".")[2])
    return translate_count(*nouns, number) if nouns else language.number(number)


def _digits(percentage: float, half: float | None) -> int:
    """One digit after the point only where it says something: near 0 and 100, or with a very narrow interval."""
    is_extreme = 0 < abs(percentage) < 2 or 98 < percentage < 100
    return 1 if is_extreme or (half is not None and half < 0.3) else 0
