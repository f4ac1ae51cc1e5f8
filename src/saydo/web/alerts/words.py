"""Alarms and alerts as sentences."""

from __future__ import annotations

from saydo.charts.figures import show, show_group, show_interval, show_period
from saydo.language import join, translate
from saydo.measures import find
from saydo.web.alerts.models import Alarm, Alert


def name_alert(alert: Alert) -> str:
    """The measure, and by what it is split."""
    title = translate(find(alert.measure).title)
    return translate("{measure} by {split}", measure=title, split=alert.split) if alert.split else title


def tell_alarm(alarm: Alarm) -> str:
    """What got worse, from what to what, and how sure that is."""
    measure = find(alarm.alert.measure)
    currency = alarm.currency or None
    shown = {
        "measure": translate(measure.title),
        "before": show(alarm.before, measure.unit, currency),
        "after": show(alarm.after, measure.unit, currency),
        "interval": show_interval(alarm.low, alarm.high, measure.unit, currency),
        "period": show_period(alarm.since, alarm.alert.rhythm),
    }
    groups = [show_group(value, name) for name, value in alarm.group.items() if value is not None]
    if groups:
        return translate(
            "{measure}, {group}: {after} in {period}, against {before} in the year before "
            "(difference, 95%: {interval}).",
            group=join(groups),
            **shown,
        )
    return translate(
        "{measure}: {after} in {period}, against {before} in the year before (difference, 95%: {interval}).",
        **shown,
    )
