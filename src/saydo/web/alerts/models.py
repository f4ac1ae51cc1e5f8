"""What people want to be told of: a figure that gets worse, and the week in a letter."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from saydo.language import mark
from saydo.web.accounts.models import User

WEEK, MONTH = "week", "month"
RHYTHMS = ((WEEK, mark("every week")), (MONTH, mark("every month")))
CHECKS_A_YEAR = {WEEK: 52, MONTH: 12}
FALSE_ALARMS = (
    ("0.1", mark("one false alarm in ten years")),
    ("0.5", mark("one false alarm in two years")),
    ("1", mark("one false alarm a year")),
    ("4", mark("four false alarms a year")),
)


class Alert(models.Model):
    """A watch on a figure: each week or month that is over is held against the year before it.

    ``false_alarms`` is how many a year its owner puts up with where nothing changes; from it follows how small the
    chance of a difference must be before it is told (`saydo.web.alerts.actions.threshold`). ``checked_until`` is the
    end of the last period that was looked at.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    measure = models.CharField(max_length=80)
    split = models.CharField(max_length=120, blank=True)
    rhythm = models.CharField(max_length=10, choices=RHYTHMS, default=MONTH)
    false_alarms = models.FloatField(default=0.5)
    owner = models.ForeignKey(User, models.CASCADE, related_name="alerts")
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    checked_until = models.DateField(null=True, editable=False)
    trouble = models.TextField(blank=True, editable=False)  # why the last check could not be made

    class Meta:
        db_table = "alerts"
        ordering = ("measure", "split", "made_at")


class Alarm(models.Model):
    """A figure got worse by more than chance would, in one period of one alert (and one group of it)."""

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="alarms")
    since = models.DateField()
    until = models.DateField()
    group = models.JSONField(default=dict)  # split column -> value
    before = models.FloatField()
    after = models.FloatField()
    low = models.FloatField()  # of the difference, 95 %
    high = models.FloatField()
    p = models.FloatField()
    currency = models.CharField(max_length=3, blank=True)
    told_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "alarms"
        ordering = ("-until", "p")
        constraints = (models.UniqueConstraint(fields=("alert", "until", "group"), name="alarm_once"),)


class Digest(models.Model):
    """Somebody who wants the week in a letter, and up to when they had it."""

    reader = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="digest")
    sent_until = models.DateField(null=True)

    class Meta:
        db_table = "digests"
