"""What is done about people who work here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from smtplib import SMTPException

from allauth.account import app_settings
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import connection, transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from saydo.errors import BadAddress, LastAdministrator, UnknownRole, WeakPassword, nearest
from saydo.language import mark, translate, use
from saydo.web.accounts.models import ApiKey, Company, Entry, User, new_mark
from saydo.web.rights import ROLES

# What else stands in the trail, written by other parts, so that it can be read in every language.
ACTIONS = (
    mark("changed"),
    mark("consent recorded"),
    mark("contact recorded"),
    mark("deleted"),
    mark("exported"),
    mark("facts sent"),
    mark("gave files"),
    mark("listed"),
    mark("noted"),
    mark("read"),
    mark("saved"),
    mark("saw refused rows"),
    mark("searched"),
    mark("seen"),
    mark("started a load"),
    mark("threw away files"),
    mark("took refused rows away"),
    mark("tried a load"),
    mark("unwatched"),
    mark("watched"),
    mark("went on with a load"),
)


def note(request: HttpRequest, action: str, table: str = "", key: str = "", **details: object) -> None:
    """Write down in the trail who did or saw what; ``details`` are names of fields and counts, never values."""
    user = request.user if request.user.is_authenticated else None
    with_key = getattr(request, "api_key", None)
    Entry.objects.create(
        by=user, with_key=with_key.public if with_key else "", action=action, table=table, key=key, details=details
    )


def password_link(request: HttpRequest, user: User) -> str:
    """An address at which the user can choose a password, once, for three days."""
    token = app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(user)
    place = {"uidb36": user_pk_to_url_str(user), "key": token}
    return request.build_absolute_uri(reverse("account_reset_password_from_key", kwargs=place))


def send_invitation(user: User, link: str) -> bool:
    """Write to somebody who was invited; false if no letter can leave this machine."""
    if not settings.SENDS_MAIL:
        return False
    company = Company.here().name
    try:
        with use(user.language or "en"):
            send_mail(
                translate("{company} invites you to Saydo", company=company),
                translate(
                    "Open this link to choose a password and come in. It works once, for three days:\n\n{link}",
                    link=link,
                ),
                None,
                [user.email],
            )
    except (OSError, SMTPException):
        return False
    return True


def put_user(*, email: str, role: str, name: str, password: str) -> User:
    """Make a user, or give one another role and password and let them in again: for whoever has the machine itself."""
    if role not in ROLES:
        raise UnknownRole(role=role, choices=nearest(role, ROLES))
    user = User.objects.filter(email=email.lower()).first() or User(email=email.lower())
    user.role, user.name, user.is_active = role, name or user.name, True
    try:
        validate_email(email)
        validate_password(password, user)
    except ValidationError as error:
        if getattr(error, "code", "") == "invalid":  # the address
            raise BadAddress(email=email) from None
        raise WeakPassword(reason=" ".join(error.messages).rstrip(".")) from None
    user.set_password(password)
    with transaction.atomic():
        user.save()
        Entry.objects.create(action=mark("gave a role"), table="users", key=str(user.pk), details={"role": role})
    return user


def change_role(*, colleague: User, role: str) -> None:
    """Give a colleague another role: they log in anew, and their keys lose at once what it does not include."""
    if role == colleague.role:
        return
    with transaction.atomic():
        if role != "administrator":
            _keep_one_administrator(colleague)
        colleague.role, colleague.session_mark = role, new_mark()
        colleague.save(update_fields=["role", "session_mark"])


def close_account(*, colleague: User) -> None:
    """Shut a colleague out at once: their sessions end, their keys work no longer. What they did stays on record."""
    with transaction.atomic():
        _keep_one_administrator(colleague)
        colleague.is_active, colleague.session_mark = False, new_mark()
        colleague.save(update_fields=["is_active", "session_mark"])
        ApiKey.objects.filter(made_by=colleague, revoked_at=None).update(revoked_at=timezone.now())


def open_account(*, colleague: User) -> None:
    """Let a colleague in again, with the password they had; keys stay revoked."""
    colleague.is_active = True
    colleague.save(update_fields=["is_active"])


def take_off_factor(*, colleague: User) -> None:
    """For somebody whose telephone is lost: the next log-in asks for the password alone, and ends other sessions."""
    with transaction.atomic():
        Authenticator.objects.filter(user=colleague).delete()
        end_sessions(colleague)


def end_sessions(user: User) -> None:
    """Log a user out wherever they are logged in."""
    user.session_mark = new_mark()
    user.save(update_fields=["session_mark"])


def _keep_one_administrator(leaving: User) -> None:
    # locked, so that two administrators cannot remove each other at the same moment
    administrators = User.objects.select_for_update().filter(role="administrator", is_active=True)
    left = [user for user in administrators if user.pk != leaving.pk]
    if not left and leaving.role == "administrator" and leaving.is_active:
        raise LastAdministrator(name=leaving)


def revoke_key(*, key: ApiKey) -> None:
    """Make a key useless from now on."""
    key.revoked_at = key.revoked_at or timezone.now()
    key.save(update_fields=["revoked_at"])


@contextmanager
def with_open_trail() -> Iterator[None]:
    """Inside, the database lets the trail be changed: for erasures, and for what is too old to keep; nothing else."""
    guards = import_module("saydo.web.accounts.migrations.0005_cache_and_trail")
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what is not settled yet would forbid it
        for statement in guards.UNGUARD[connection.vendor]:
            cursor.execute(statement)
        yield
        for statement in guards.GUARD[connection.vendor]:
            cursor.execute(statement)


def forget_trail(*, before: datetime) -> int:
    """Delete what is older than a moment from the trail, which says so; how many entries."""
    with with_open_trail():
        rows = Entry.objects.filter(at__lt=before).delete()[0]
        Entry.objects.create(action="deleted", table="trail", details={"rows": rows})
    return rows
