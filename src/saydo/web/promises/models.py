"""What we promise, and each promise given."""

from __future__ import annotations

from datetime import datetime

from django.db import models

from saydo.web.records import KEY, Record, Reference, choices
from saydo.web.trade.models import Order


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

    def state_at(self, now: datetime) -> str:
        """kept, broken, open or withdrawn, as `saydo.measures._commitments` decides it (a test holds them together).

        Reads the order: fetch it with ``select_related``.
        """
        if self.kept is not None and (self.settled_at is None or self.settled_at < now):
            return "kept" if self.kept else "broken"
        if self._is_taken_back():
            return "withdrawn"
        if self.fulfilled_at:
            return "kept" if self.due_at is None or self.fulfilled_at <= self.due_at else "broken"
        return "broken" if self.due_at and self.due_at < now else "open"

    def _is_taken_back(self) -> bool:
        """Was it withdrawn, or its order cancelled, before it was due and before it was fulfilled?"""
        try:
            order = self.order
        except Order.DoesNotExist:
            order = None
        cancelled_at = order.cancelled_at if order else None
        if order and order.status == "cancelled" and cancelled_at is None and self.fulfilled_at is None:
            return True  # cancelled nobody knows when
        times = [self.withdrawn_at, cancelled_at if cancelled_at and cancelled_at > self.made_at else None]
        back_at = min((time for time in times if time), default=None)
        if back_at is None or (self.due_at and back_at > self.due_at):
            return False
        return self.fulfilled_at is None or back_at < self.fulfilled_at
