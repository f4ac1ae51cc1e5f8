"""Views that people keep: a measure as it was looked at."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from saydo.web.accounts.models import User


class View(models.Model):
    """A measure with what it was asked (``query``, as it stands in the address), under a name; shared or one's own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    measure = models.CharField(max_length=80)
    query = models.CharField(max_length=2000, blank=True)
    owner = models.ForeignKey(User, models.CASCADE, related_name="views")
    is_shared = models.BooleanField(default=False)
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "views"
        ordering = ("name", "made_at")

    def __str__(self) -> str:
        return self.name
