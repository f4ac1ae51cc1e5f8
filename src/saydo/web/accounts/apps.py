"""The app ``accounts``."""

from __future__ import annotations

from django.apps import AppConfig


class Accounts(AppConfig):
    name = "saydo.web.accounts"
    label = "accounts"
