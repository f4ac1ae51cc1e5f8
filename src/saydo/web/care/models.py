"""Conversations, and dissatisfactions being worked."""

from __future__ import annotations

from django.db import models

from saydo.web.records import KEY, Record, Reference, choices


class Contact(Record):
    """A conversation or message."""

    table = "contacts"
    contact_id = models.CharField(max_length=KEY, primary_key=True)
    customer = Reference("customers.Customer", null=True, blank=True)
    at = models.DateTimeField()
    direction = models.CharField(max_length=16, choices=choices("contacts", "direction"))
    touchpoint = Reference("customers.Touchpoint", null=True, blank=True, db_index=False, db_column="touchpoint")
    purpose = models.CharField(max_length=16, choices=choices("contacts", "purpose"), null=True, blank=True)
    asked = models.CharField(max_length=16, choices=choices("contacts", "asked"), null=True, blank=True)
    order = Reference("trade.Order", null=True, blank=True)
    feedback = Reference("voice.Feedback", null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    cost = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    currency = models.CharField(max_length=3, null=True, blank=True)

    class Meta:
        db_table = "contacts"


class Case(Record):
    """A dissatisfaction being worked."""

    table = "cases"
    case_id = models.CharField(max_length=KEY, primary_key=True)
    customer = Reference("customers.Customer", null=True, blank=True)
    feedback = Reference("voice.Feedback", null=True, blank=True)
    order = Reference("trade.Order", null=True, blank=True)
    commitment = Reference("promises.Commitment", null=True, blank=True)
    cause = models.TextField(null=True, blank=True)
    opened_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.TextField(null=True, blank=True)
    cost = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    currency = models.CharField(max_length=3, null=True, blank=True)
    asked_again = Reference("voice.Feedback", null=True, blank=True, db_index=False)

    class Meta:
        db_table = "cases"
