"""What is done about people who work here."""

from __future__ import annotations

from django.http import HttpRequest

from saydo.web.accounts.models import Entry


def note(request: HttpRequest, action: str, table: str = "", key: str = "", **details: object) -> None:
    """Write down in the trail who did or saw what; ``details`` are names of fields and counts, never values."""
    user = request.user if request.user.is_authenticated else None
    with_key = getattr(request, "api_key", None)
    Entry.objects.create(
        by=user, with_key=with_key.public if with_key else "", action=action, table=table, key=key, details=details
    )
