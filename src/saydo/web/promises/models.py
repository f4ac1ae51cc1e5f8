"""What we promise, and each promise given."""

from __future__ import annotations

from django.db import models

from saydo.web.records import KEY, Record, Reference, choices


class Promise(Record):
    """A kind of promise."""

    table = "promises"
    promise = models.CharField(max_length=KEY, primary_key=True)
    statement = models.TextField()
    standard = models.TextField(null=True, blank=True)
    touchpoint = Reference("customers.Touchpoint", null=True, blank=True, db_index=False, db_column="touchpoint")
    owner = models.TextField(null=True, blank=True)
    made_to = models.CharField(max_length=16, choices=choices("promises", "made_to"), null=True, blank=True)

    class Meta:
        db_table = "promises"


class Commitment(Record):
    """One promise given once, or checked on one visit."""

    table = "commitments"
    commitment_id = models.CharField(max_length=KEY, primary_key=True)
    promise = Reference("Promise", db_column="promise")
    customer = Reference("customers.Customer", null=True, blank=True)
    order = Reference("trade.Order", null=True, blank=True)
    visit_id = models.CharField(max_length=KEY, null=True, blank=True)
    touchpoint = Reference("customers.Touchpoint", null=True, blank=True, db_index=False, db_column="touchpoint")
    made_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    fulfilled_at = models.DateTimeField(null=True, blank=True)
    kept = models.BooleanField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    seen_by = models.CharField(max_length=16, choices=choices("commitments", "seen_by"))

    class Meta:
        db_table = "commitments"
