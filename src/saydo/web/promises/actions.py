"""What is done about promises."""

from __future__ import annotations

from django.db import transaction
from django.utils.text import slugify

from saydo.sources import clean_text
from saydo.web.accounts.models import User
from saydo.web.outbox import tell
from saydo.web.promises.models import Promise


def write_promise(promise: Promise, by: User) -> Promise:
    """Keep a promise, new or changed; a new one gets its short name from its statement."""
    promise.statement = clean_text(promise.statement) or ""  # they go into the facts
    promise.standard, promise.owner = clean_text(promise.standard or ""), clean_text(promise.owner or "")
    with transaction.atomic():
        is_new = not promise.promise
        if is_new:
            promise.promise = _name(promise.statement)
        promise.change_id = tell("written", "promises", promise.promise, by=by).id
        promise.save(force_insert=is_new)
    return promise


def _name(statement: str) -> str:
    """A short name that nothing else has: letters, digits and hyphens, so that it can stand in an address."""
    base = slugify(statement)[:40].strip("-") or "promise"
    taken = set(Promise.objects.filter(promise__startswith=base).values_list("promise", flat=True))
    return next(
        name for number in range(len(taken) + 1) if (name := f"{base}-{number}" if number else base) not in taken
    )
