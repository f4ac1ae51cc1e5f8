"""The app ``today``: the first page. It reads every other app; nothing imports it."""

from __future__ import annotations

from django.apps import AppConfig


class Today(AppConfig):
    name = "saydo.web.today"
    label = "today"
