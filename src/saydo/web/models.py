"""What the application keeps about its own work."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Task(models.Model):
    """Something to be done once, in the background (`saydo.web.worker.later`); gone when it is done."""

    function = models.CharField(max_length=200)  # its dotted name
    arguments = models.JSONField(default=list)
    due_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    failed_at = models.DateTimeField(null=True, blank=True)  # it is not tried again
    error = models.CharField(max_length=200, blank=True)  # the kind of the last error, without values

    class Meta:
        db_table = "tasks"
        indexes = (models.Index(fields=["failed_at", "due_at"], name="tasks_due"),)


class Beat(models.Model):
    """When something was last seen alive."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "beats"
