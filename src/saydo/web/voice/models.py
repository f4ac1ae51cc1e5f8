"""What people say: answers, reviews, mentions, and whom we asked."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from saydo.web.records import KEY, Record, Reference, choices

# Who is unhappy, as `saydo.measures.at_risk` decides it (a test holds them together)
LOW_NPS = 6
LOW_SHARE = 0.4  # of the way from the lowest to the highest score: a 2 of 1 to 5
SCALED = ("csat", "ces", "stars")


class Feedback(Record):
    """One answer to one question, or something said unasked."""

    table = "feedback"
    feedback_id = models.CharField(max_length=KEY, primary_key=True)
    reply_id = models.CharField(max_length=KEY, null=True, blank=True)
    customer = Reference("customers.Customer", null=True, blank=True)
    order = Reference("trade.Order", null=True, blank=True)
    product = Reference("trade.Product", null=True, blank=True)
    touchpoint = Reference("customers.Touchpoint", null=True, blank=True, db_index=False, db_column="touchpoint")
    survey = models.TextField(null=True, blank=True)
    occasion = models.CharField(max_length=16, choices=choices("feedback", "occasion"), null=True, blank=True)
    source = models.CharField(max_length=16, choices=choices("feedback", "source"))
    question = models.CharField(max_length=16, choices=choices("feedback", "question"), null=True, blank=True)
    item = models.TextField(null=True, blank=True)
    said_at = models.DateTimeField()
    score = models.FloatField(null=True, blank=True)
    scale_min = models.FloatField(null=True, blank=True)
    scale_max = models.FloatField(null=True, blank=True)
    choice = models.TextField(null=True, blank=True)
    comment = models.TextField(null=True, blank=True)
    language = models.TextField(null=True, blank=True)
    reach = models.FloatField(null=True, blank=True)
    replied_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "feedback"
        indexes = (models.Index(fields=["said_at"], name="feedback_said"),)

    @classmethod
    def unhappy(cls) -> models.QuerySet[Feedback]:
        """Those of which `is_unhappy` says yes."""
        highest = F("scale_min") + LOW_SHARE * (F("scale_max") - F("scale_min"))
        is_low = Q(question="nps", score__lte=LOW_NPS) | Q(question__in=SCALED, score__lte=highest)
        return cls.objects.filter(is_low | Q(source="complaint")).exclude(source="mystery")

    @property
    def is_unhappy(self) -> bool:
        """Did somebody complain, or give a low score? What a mystery visit reports is nobody's own."""
        if self.source in ("complaint", "mystery") or self.score is None:
            return self.source == "complaint"
        if self.question == "nps":
            return self.score <= LOW_NPS
        if self.question not in SCALED or self.scale_min is None or self.scale_max is None:
            return False
        return self.score <= self.scale_min + LOW_SHARE * (self.scale_max - self.scale_min)


class Invitation(Record):
    """Someone asked for feedback."""

    table = "invitations"
    invitation_id = models.CharField(max_length=KEY, primary_key=True)
    customer = Reference("customers.Customer", null=True, blank=True)
    survey = models.TextField(null=True, blank=True)
    question = models.CharField(max_length=16, choices=choices("invitations", "question"), null=True, blank=True)
    touchpoint = Reference("customers.Touchpoint", null=True, blank=True, db_index=False, db_column="touchpoint")
    sent_at = models.DateTimeField()
    bounced_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "invitations"
