"""What we promise, and each promise given."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q

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


_MAY_BE_BROKEN = Q(fulfilled_at=None) | Q(fulfilled_at__gt=F("due_at")) | Q(kept=False)
_WAS_WITHDRAWN = Q(withdrawn_at__isnull=False)


class Commitment(Record):
    """One promise given once, or checked on one visit."""

    table = "commitments"
    commitment_id = models.CharField(max_length=KEY, primary_key=True)
    promise = Reference("Promise", db_column="promise", db_index=False)
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
        indexes = (
            models.Index(fields=["promise", "made_at"], name="commitments_given"),
            models.Index(fields=["due_at"], name="commitments_due"),
            models.Index(fields=["promise", "made_at"], name="commitments_unkept", condition=_MAY_BE_BROKEN),
            models.Index(fields=["promise", "made_at"], name="commitments_withdrawn", condition=_WAS_WITHDRAWN),
        )

    @classmethod
    def in_state(cls, state: str, now: datetime) -> models.QuerySet[Commitment]:
        """Those of which `state_at` says ``state``."""
        nothing = Q(pk__in=[])
        judged = Q(kept__isnull=False) & (Q(settled_at=None) | Q(settled_at__lt=now))
        back = {"withdrawn_at": ~nothing, "order__cancelled_at": Q(order__cancelled_at__gt=F("made_at"))}
        before_due, before_done = nothing, nothing
        for time, holds in back.items():
            was = Q(**{f"{time}__isnull": False}) & holds
            before_due |= was & (Q(due_at=None) | Q(**{f"{time}__lte": F("due_at")}))
            before_done |= was & (Q(fulfilled_at=None) | Q(**{f"{time}__lt": F("fulfilled_at")}))
        undated = Q(order__status="cancelled", order__cancelled_at=None, fulfilled_at=None) & Q(order__isnull=False)
        withdrawn = (before_due & before_done) | undated
        done = Q(fulfilled_at__isnull=False)
        in_time = Q(due_at=None) | Q(fulfilled_at__lte=F("due_at"))
        is_past = Q(due_at__lt=now)
        by_time = {"kept": done & in_time, "broken": (done & ~in_time) | (~done & is_past), "open": ~done & ~is_past}
        found = {
            "kept": judged & Q(kept=True),
            "broken": judged & Q(kept=False),
            "withdrawn": ~judged & withdrawn,
            "open": nothing,
        }[state]
        if state in by_time:
            found |= ~judged & ~withdrawn & by_time[state]
        return cls._that_may_be(state).filter(found)

    @classmethod
    def _that_may_be(cls, state: str) -> models.QuerySet[Commitment]:
        """All of a state and some more, found by an index where they are few among millions."""
        if state == "broken":
            return cls.objects.filter(_MAY_BE_BROKEN)
        if state != "withdrawn":
            return cls.objects.all()
        taken_back = cls.objects.filter(_WAS_WITHDRAWN).values("pk")
        return cls.objects.filter(pk__in=taken_back.union(cls.objects.filter(order__in=Order.cancelled()).values("pk")))

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
