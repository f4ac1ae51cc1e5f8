"""The app ``insight``."""

from __future__ import annotations

from django.apps import AppConfig


class Insight(AppConfig):
    name = "saydo.web.insight"
    label = "insight"
