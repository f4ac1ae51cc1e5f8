"""The app ``hooks``."""

from __future__ import annotations

from django.apps import AppConfig


class Hooks(AppConfig):
    name = "saydo.web.hooks"
    label = "hooks"
