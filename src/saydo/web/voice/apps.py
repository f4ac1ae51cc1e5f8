"""The app ``voice``."""

from __future__ import annotations

from django.apps import AppConfig


class Voice(AppConfig):
    name = "saydo.web.voice"
    label = "voice"
