"""Why a customer may leave, in whole sentences of the reader's language, made from the figures of his row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saydo.company import Facts
from saydo.language import day, mark, mark_count, number, translate, translate_count

_BROKEN = mark("Promise “{promise}” broken on {day}.")
_BROKEN_IN_A_ROW = mark_count(
    "Promise “{promise}” broken {count} time in a row, last on {day}.",
    "Promise “{promise}” broken {count} times in a row, last on {day}.",
)
_BROKEN_SEVERAL = mark_count(
    "{count} promise broken, the last (“{promise}”) on {day}.",
    "{count} promises broken, the last (“{promise}”) on {day}.",
)
_SCORED = mark("Scored {score} of {most} on {day}.")
_SCORED_ALONE = mark("Scored {score} on {day}.")
_SCORED_OFTEN = mark_count(
    "{count} low score, the last ({score}) on {day}.", "{count} low scores, the last ({score}) on {day}."
)
_SILENT_DAYS = mark_count(
    "{gap} days between purchases on average, silent for {count} day.",
    "{gap} days between purchases on average, silent for {count} days.",
)
_SILENT_WEEKS = mark_count(
    "Bought every {gap} weeks on average, silent for {count} week.",
    "Bought every {gap} weeks on average, silent for {count} weeks.",
)
_PLAIN = {
    "open_cases": mark_count("{count} case open, the last since {day}.", "{count} cases open, the last since {day}."),
    "returns": mark_count(
        "Sent goods back {count} time, last on {day}.", "Sent goods back {count} times, last on {day}."
    ),
    "failed_payments": mark_count(
        "{count} payment failed, the last on {day}.", "{count} payments failed, the last on {day}."
    ),
    "repeated_questions": mark_count(
        "Had to ask again {count} time, last on {day}.", "Had to ask again {count} times, last on {day}."
    ),
}
_WEEK = 7
_IN_WEEKS = 14  # days between purchases from which weeks are told


def tell_reason(facts: Facts, row: Mapping[str, Any]) -> str:
    """The sentences of one row of the list, the heaviest kind of reason first, as they stand in `KINDS`."""
    told = [_tell_broken(facts, row), _tell_score(facts, row), *(_tell_plain(facts, row, name) for name in _PLAIN)]
    return " ".join(text for text in (*told, _tell_silence(row)) if text)


def _on(facts: Facts, row: Mapping[str, Any], kind: str) -> str:
    at = row[f"last_{kind}"]
    return day(facts.local_day(at) if at else None)


def _tell_broken(facts: Facts, row: Mapping[str, Any]) -> str:
    count, in_a_row = row["broken_promises"], row["in_a_row"] or 0
    values = {"promise": row["last_promise"], "day": _on(facts, row, "broken_promises")}
    if not count:
        return ""
    if in_a_row > 1:
        return translate_count(*_BROKEN_IN_A_ROW, in_a_row, **values)
    return translate(_BROKEN, **values) if count == 1 else translate_count(*_BROKEN_SEVERAL, count, **values)


def _tell_score(facts: Facts, row: Mapping[str, Any]) -> str:
    count, score, most = row["low_scores"], row["last_score"], row["last_scale_max"]
    if not count:
        return ""
    values = {"score": _plain(score), "day": _on(facts, row, "low_scores")}
    if count > 1:
        return translate_count(*_SCORED_OFTEN, count, **values)
    return translate(_SCORED, most=_plain(most), **values) if most is not None else translate(_SCORED_ALONE, **values)


def _plain(score: float) -> str:
    return number(score, 0 if float(score).is_integer() else 1)


def _tell_plain(facts: Facts, row: Mapping[str, Any], kind: str) -> str:
    count = row[kind]
    return translate_count(*_PLAIN[kind], count, day=_on(facts, row, kind)) if count else ""


def _tell_silence(row: Mapping[str, Any]) -> str:
    if not row["is_silent"]:
        return ""
    gap, silent = row["gap_days"], round(row["silent_days"])
    if gap < _IN_WEEKS:
        return translate_count(*_SILENT_DAYS, silent, gap=number(gap, 1))
    return translate_count(*_SILENT_WEEKS, round(silent / _WEEK), gap=number(round(gap / _WEEK)))
