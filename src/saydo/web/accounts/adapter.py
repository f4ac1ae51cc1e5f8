"""How people come in: with an invitation only."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Nobody signs up; administrators invite."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Closed, always."""
        return False
