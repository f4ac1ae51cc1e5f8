"""How people come in: with an invitation only, and with a second factor where the company asks for one."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse

from saydo.language import mark
from saydo.web.accounts.actions import end_sessions, note
from saydo.web.accounts.models import Company, User

logger = logging.getLogger(__name__)


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Nobody signs up; administrators invite. Log-ins stand in the trail, those that failed too."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Closed, always."""
        return False

    def add_message(
        self, request: HttpRequest, level: int, message_template: str = "", *rest: Any, **more: Any
    ) -> None:
        """Every message but the greeting: that one is logged in can be seen."""
        if "logged_in" not in message_template and "logged_out" not in message_template:
            super().add_message(request, level, message_template, *rest, **more)

    def send_notification_mail(
        self, template_prefix: str, user: User, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """Tell somebody what changed about their account, at the address that they log in with."""
        super().send_notification_mail(template_prefix, user, context, email or user.email)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a letter; a mail server that is down must not keep a password from being changed."""
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, SMTPException) as error:
            logger.error("A letter could not be sent: %s", type(error).__name__)

    def post_login(self, request: HttpRequest, user: User, **more: Any) -> HttpResponse:
        """Write down who came in."""
        response: HttpResponse = super().post_login(request, user, **more)
        note(request, mark("logged in"), "users", str(user.pk))
        return response

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Write down at whose door somebody failed; an address that is nobody's is not written down."""
        user = User.objects.filter(email=str(credentials.get("email", "")).lower()).first()
        if user:
            note(request, mark("log-in failed"), "users", str(user.pk))


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """The second factor, which cannot be taken off where the company asks for it."""

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        """Not while the company asks for a second factor."""
        return not Company.here().asks_second_factor


def end_others(request: HttpRequest, user: User, **_: Any) -> None:
    """A second factor came or went: sessions that never showed the one that is good now end, but for this one."""
    request.session.pop("has_factor", None)
    end_sessions(user)
    update_session_auth_hash(request, user)
