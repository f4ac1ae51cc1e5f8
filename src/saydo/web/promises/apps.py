"""The app ``promises``."""

from __future__ import annotations

from django.apps import AppConfig


class Promises(AppConfig):
    name = "saydo.web.promises"
    label = "promises"
