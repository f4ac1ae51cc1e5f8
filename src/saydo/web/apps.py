"""The pages and roads that all apps share."""

from __future__ import annotations

from django.apps import AppConfig


class Web(AppConfig):
    name = "saydo.web"
    label = "web"
