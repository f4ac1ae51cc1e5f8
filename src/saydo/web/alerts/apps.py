"""The app ``alerts``."""

from __future__ import annotations

from django.apps import AppConfig


class Alerts(AppConfig):
    name = "saydo.web.alerts"
    label = "alerts"
