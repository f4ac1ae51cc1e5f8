"""The app ``accounts``."""

from __future__ import annotations

from django.apps import AppConfig


class Accounts(AppConfig):
    name = "saydo.web.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Hear of second factors that people set up or take off themselves, on the library's own pages."""
        from allauth.mfa.signals import authenticator_added, authenticator_removed

        from saydo.web.accounts.adapter import end_others

        for happened in (authenticator_added, authenticator_removed):
            happened.connect(end_others, dispatch_uid="saydo.end_others")
