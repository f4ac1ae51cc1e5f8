"""Watching figures: the period that is over against the year before it, with as few false alarms as was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import transaction

from saydo.company import Facts
from saydo.errors import NothingToMeasure, SaydoError
from saydo.language import mark
from saydo.measures import MEASURES, Measure, find
from saydo.web import answers
from saydo.web.alerts.models import CHECKS_A_YEAR, WEEK, Alarm, Alert

_YEAR = timedelta(days=365)
LEAST_BEFORE = 60  # days of facts before a period, below which there is nothing to hold it against
_TOO_YOUNG = mark("too little is known from before to hold the period against")


@dataclass(frozen=True)
class Period:
    """Days, half open, and the year before them."""

    since: date
    until: date

    @property
    def before(self) -> date:
        """Where the year begins that it is held against."""
        return self.since - _YEAR


def watchable() -> dict[str, Measure]:
    """The measures that can be watched: figures with an interval, of any period one asks for."""
    return {
        name: measure
        for name, measure in MEASURES.items()
        if measure.low and not measure.is_bounded and {"since", "until"} <= set(measure.settings)
        if "compare" not in measure.settings  # a change has its own two periods
    }


def last_period(rhythm: str, today: date) -> Period:
    """The last week (from Monday) or month that is over; ``today`` is the first day that is not known whole."""
    if rhythm == WEEK:
        until = today - timedelta(days=today.weekday())
        return Period(until - timedelta(days=7), until)
    until = today.replace(day=1)
    return Period((until - timedelta(days=1)).replace(day=1), until)


def threshold(alert: Alert, groups: int) -> float:
    """How small p (two-sided) must be: false alarms a year = checks x groups x p, halved where one side is bad news.

    Never above 0.05: what the interval of the difference does not show is not told, though it gives fewer alarms than
    were allowed. It is about chance among customers; a season or a strike is a change, and is told as one.
    """
    sides = 1 if find(alert.measure).good == "neither" else 2
    return min(0.05, sides * alert.false_alarms / (CHECKS_A_YEAR[alert.rhythm] * max(1, groups)))


def check_alert(alert: Alert, facts: Facts) -> list[Alarm]:
    """Look at the last period that is over, once; the new alarms. ``trouble`` says what stood in the way."""
    period = last_period(alert.rhythm, facts.local_day(facts.as_of))
    if alert.checked_until and alert.checked_until >= period.until:
        return []
    try:
        found, trouble = _find_alarms(alert, facts, period), ""
    except NothingToMeasure as error:
        found, trouble = [], str(error)
    except SaydoError as error:  # mended, it can be looked at again
        alert.trouble = str(error)
        alert.save(update_fields=["trouble"])
        return []
    with transaction.atomic():
        made = [_keep(alert, one) for one in found]
        alert.checked_until, alert.trouble = period.until, trouble
        alert.save(update_fields=["checked_until", "trouble"])
    return [alarm for alarm, is_new in made if is_new]


def _find_alarms(alert: Alert, facts: Facts, period: Period) -> list[Alarm]:
    first = facts.manifest.first
    if first is None or period.since - facts.local_day(first) < timedelta(days=LEAST_BEFORE):
        raise NothingToMeasure(measure=alert.measure, reason=_TOO_YOUNG)
    measure = find(alert.measure)
    before = _ask(measure, alert, period.before, period.since)
    after = _ask(measure, alert, period.since, period.until)
    rows = [row for row in measure.compare(before, after).to_pylist() if row["p"] is not None]
    limit = threshold(alert, len(rows))
    return [
        _alarm(row, after.by, period, after.currency) for row in rows if row["p"] < limit and _is_worse(measure, row)
    ]


def _ask(measure: Measure, alert: Alert, since: date, until: date) -> Any:
    return answers.ask(answers.question(measure, alert.split, settings={"since": since, "until": until}))


def _is_worse(measure: Measure, row: dict[str, Any]) -> bool:
    return measure.good == "neither" or (row["difference"] < 0) == (measure.good == "high")


def _alarm(row: dict[str, Any], by: tuple[str, ...], period: Period, currency: str | None) -> Alarm:
    group = {name: None if row[name] is None else str(row[name]) for name in by}
    figures = {name: row[name] for name in ("before", "after", "low", "high", "p")}
    return Alarm(since=period.since, until=period.until, group=group, currency=currency or "", **figures)


def _keep(alert: Alert, alarm: Alarm) -> tuple[Alarm, bool]:
    """The alarm in the database, and whether it is new."""
    figures = ("since", "before", "after", "low", "high", "p", "currency")
    values = {name: getattr(alarm, name) for name in figures}
    return Alarm.objects.get_or_create(alert=alert, until=alarm.until, group=alarm.group, defaults=values)
