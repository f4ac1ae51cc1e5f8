"""The app ``trade``."""

from __future__ import annotations

from django.apps import AppConfig


class Trade(AppConfig):
    name = "saydo.web.trade"
    label = "trade"
