"""The app ``desk``."""

from __future__ import annotations

from django.apps import AppConfig


class Desk(AppConfig):
    name = "saydo.web.desk"
    label = "desk"
