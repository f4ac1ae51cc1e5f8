"""The app ``loads``."""

from __future__ import annotations

from django.apps import AppConfig


class Loads(AppConfig):
    name = "saydo.web.loads"
    label = "loads"
