"""The app ``care``."""

from __future__ import annotations

from django.apps import AppConfig


class Care(AppConfig):
    name = "saydo.web.care"
    label = "care"
