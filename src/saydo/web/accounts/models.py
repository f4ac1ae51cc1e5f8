"""People who work here, and what they and the machines did: users, keys, changes, the trail of who saw what."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone

from saydo.language import LANGUAGES, mark, translate
from saydo.web.rights import ROLES


def new_mark() -> str:
    """A random mark for a user's sessions."""
    return secrets.token_urlsafe(16)


class UserManager(BaseUserManager["User"]):
    """Makes users from their address; the first one is made by ``saydo user``."""

    def create_user(self, email: str, password: str | None = None, role: str = "reader", **more: Any) -> User:
        """A new user; without a password they can only come in by a link to set one."""
        user = self.model(email=self.normalize_email(email).lower(), role=role, **more)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """Somebody who works here. What they may do follows from their role (`saydo.web.rights`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    role = models.CharField(max_length=20, choices=[(role, name) for role, (name, _) in ROLES.items()])
    language = models.CharField(max_length=5, choices=[(code, code) for code in LANGUAGES], blank=True)
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(default=timezone.now, editable=False)
    session_mark = models.CharField(max_length=22, default=new_mark, editable=False)  # a new one ends all sessions

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    def __str__(self) -> str:
        return self.name or self.email

    def get_session_auth_hash(self) -> str:
        """What a session must match to be good: the password and the mark."""
        return super().get_session_auth_hash() + self.session_mark


class Company(models.Model):
    """The company itself, one row: its name, the zone of its days and months, its currency."""

    name = models.CharField(max_length=200, default="Saydo")
    zone = models.CharField(max_length=60, default="UTC")
    currency = models.CharField(max_length=3, blank=True)
    asks_second_factor = models.BooleanField(default=False)  # of everybody, at every log-in

    class Meta:
        db_table = "company"

    @classmethod
    def here(cls) -> Company:
        """The one row, made when it is first asked for."""
        return cls.objects.get_or_create(id=1)[0]


class Change(models.Model):
    """The outbox: one row for each write that matters, in the same transaction; a bulk load writes one per table.

    ``kind`` says what happened (loaded, written, merged, parted, erased, answered ...), ``table`` and ``key`` to what
    (no key: to the rows that bear this change's number). ``transaction`` orders changes as they were committed
    (`saydo.web.outbox`).
    """

    kind = models.CharField(max_length=40)
    table = models.CharField(max_length=40, blank=True)
    key = models.CharField(max_length=200, blank=True)
    rows = models.BigIntegerField(default=1)
    at = models.DateTimeField(default=timezone.now)
    transaction = models.BigIntegerField(default=0)  # PostgreSQL's number of the transaction; 0 on SQLite
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        db_table = "changes"
        indexes = (models.Index(fields=["transaction", "id"], name="changes_order"),)


class Place(models.Model):
    """How far a reader of the outbox has come: everything up to this change was dealt with."""

    reader = models.CharField(max_length=40, primary_key=True)
    transaction = models.BigIntegerField(default=0)
    change_id = models.BigIntegerField(default=0)

    class Meta:
        db_table = "places"


_DETAILS = {
    "found": mark("rows found"),
    "rows": mark("rows"),
    "pairs": mark("pairs"),
    "fields": mark("fields"),
    "role": mark("role"),
    "other": mark("other record"),
    "rights": mark("rights"),
    "written": mark("rows written"),
    "refused": mark("rows refused"),
    "event": mark("event"),
    "part": mark("page"),
    "purpose": mark("purpose"),
    "channel": mark("channel"),
    "at_risk": mark("customers at risk"),
}


class Entry(models.Model):
    """The trail: who did or saw what and when. It names things by their keys, never a person by name; append only."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    with_key = models.CharField(max_length=40, blank=True)  # the API key that was used, by its public part
    action = models.CharField(max_length=40)
    table = models.CharField(max_length=40, blank=True)
    key = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict)  # names of the fields that changed, counts; no values

    class Meta:
        db_table = "trail"
        indexes = (
            models.Index(fields=["table", "key"], name="trail_of"),
            models.Index(fields=["key", "id"], name="trail_of_key"),
            models.Index(fields=["by", "id"], name="trail_by"),
            models.Index(fields=["action", "id"], name="trail_action"),
        )

    @property
    def told(self) -> str:
        """The details as one line, in the language in use."""
        parts = (
            (name, ", ".join(map(str, one)) if isinstance(one, list) else one) for name, one in self.details.items()
        )
        called = ((translate(_DETAILS.get(name, name)), value) for name, value in parts)
        return "; ".join(translate("{name}: {value}", name=name, value=value) for name, value in called)


class Erasure(models.Model):
    """That a person was erased, without saying who it was: enough to do it again in a database that was restored.

    ``key`` is what the person's records are called since then. ``was`` is a digest, with a secret of this installation,
    of what they were called before; from neither can anybody be found.
    """

    key = models.CharField(max_length=200, unique=True)
    was = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    tables = models.JSONField(default=list)  # whose copies must be purged
    purged_at = models.DateTimeField(null=True, blank=True)  # when the last old file was gone

    class Meta:
        db_table = "erasures"


class ApiKey(models.Model):
    """A key with which a program comes in: shown once, kept as a hash, good for the rights it names until it ends."""

    public = models.CharField(max_length=16, primary_key=True)  # the part that may be seen and logged
    name = models.CharField(max_length=120)
    hashed = models.CharField(max_length=64)
    rights = models.JSONField(default=list)
    made_by = models.ForeignKey(User, models.CASCADE, related_name="keys")
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    ends_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "api_keys"

    @classmethod
    def make(cls, *, name: str, rights: Sequence[str], by: User, days: int) -> tuple[ApiKey, str]:
        """A new key and the whole of it, which nobody can see again; never more rights than its maker has."""
        allowed = ROLES[by.role][1]
        public, secret = f"sk_{secrets.token_hex(5)}", secrets.token_urlsafe(32)
        key = cls.objects.create(
            public=public,
            name=name,
            hashed=_hash(secret),
            rights=sorted(set(rights) & allowed),
            made_by=by,
            ends_at=timezone.now() + timedelta(days=days),
        )
        return key, f"{public}.{secret}"

    @classmethod
    def find(cls, whole: str) -> ApiKey | None:
        """The key, if it is one that is good now and its maker still works here."""
        public, _, secret = whole.partition(".")
        key = cls.objects.select_related("made_by").filter(public=public, revoked_at=None).first()
        hashed = key.hashed if key else _hash("nobody")  # as long for a key that is none
        if not secrets.compare_digest(hashed, _hash(secret)) or key is None:
            return None
        return key if key.ends_at > timezone.now() and key.made_by.is_active else None

    def may(self, right: str) -> bool:
        """Does the key have the right, and does its maker still?"""
        return right in self.rights and right in ROLES[self.made_by.role][1]


class Calls(models.Model):
    """How often a key or a person asked the API in the last minute in which they did (`saydo.web.keys`)."""

    who = models.CharField(max_length=60, primary_key=True)
    minute = models.BigIntegerField()
    seen = models.BigIntegerField()

    class Meta:
        db_table = "api_calls"


def _hash(secret: str) -> str:
    # a random secret of 256 bits needs no slow hash
    return hashlib.sha256(secret.encode()).hexdigest()
