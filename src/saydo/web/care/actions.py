"""What is done about conversations and dissatisfactions."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from saydo.sources import clean_text
from saydo.web.accounts.models import User
from saydo.web.care.models import Case, Contact
from saydo.web.outbox import tell


def record_contact(*, customer: str, by: User, at: datetime | None = None, **said: Any) -> Contact:
    """Write down a conversation or message; ``said`` are columns of the contract."""
    key = f"contact-{secrets.token_hex(8)}"
    with transaction.atomic():
        change = tell("written", "contacts", key, by=by)
        return Contact.objects.create(
            contact_id=key, customer_id=customer, at=at or timezone.now(), change_id=change.id, **said
        )


def open_case(*, customer: str, by: User, cause: str = "", order: str | None = None, **known: Any) -> Case:
    """Begin to work on a dissatisfaction."""
    key = f"case-{secrets.token_hex(8)}"
    with transaction.atomic():
        change = tell("opened", "cases", key, by=by)
        return Case.objects.create(
            case_id=key,
            customer_id=customer,
            cause=clean_text(cause),  # it goes into the facts
            order_id=order,
            opened_at=timezone.now(),
            change_id=change.id,
            **known,
        )


def answer_case(case: Case, by: User) -> bool:
    """The customer had a first answer; a second time changes nothing. Was it the first?"""
    return _write(case, "answered", by, Q(answered_at=None), answered_at=timezone.now())


def close_case(case: Case, by: User, outcome: str) -> bool:
    """What came of it; a case that is closed stays as it is. Was it open?"""
    now = timezone.now()
    answered_at = Coalesce("answered_at", now)
    return _write(
        case, "closed", by, Q(closed_at=None), closed_at=now, outcome=clean_text(outcome), answered_at=answered_at
    )


def _write(case: Case, what: str, by: User, state: Q, **values: Any) -> bool:
    """Change a case that is in this state, and tell of it."""
    with transaction.atomic():
        is_changed = bool(Case.objects.filter(state, pk=case.pk).update(**values))
        if is_changed:
            change = tell(what, "cases", case.pk, by=by)
            Case.objects.filter(pk=case.pk).update(change_id=change.id)
    return is_changed
