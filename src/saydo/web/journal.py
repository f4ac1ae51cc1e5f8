"""The journal of erasures, in a file beside the database, so that it outlives it.

It says which records were erased by keys and digests that name nobody. A backup is older than the erasures that came
after it: a restore takes them from the database that it replaces and from this file.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

from django.conf import settings

from saydo.web.accounts.models import Erasure

NAME = "erasures.json"


def keep_journal() -> None:
    """Write into the journal what it lacks; cheap if nothing.

    It may list what this database does not know, so that numbers alone say nothing.
    """
    file = settings.HOME / NAME
    known = read_journal(file)
    if known.keys() >= set(Erasure.objects.values_list("key", flat=True)):
        return
    rows = Erasure.objects.order_by("at", "id").values_list("key", "was", "at")  # a database to be replaced is older
    found = {key: {"was": was, "at": at.isoformat()} for key, was, at in rows}
    part = file.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump({**known, **found}, out, indent=0)
        os.fsync(out.fileno())
    part.replace(file)


def read_journal(file: Path) -> dict[str, dict[str, str]]:
    """The erasures that a journal lists, by the key of what they left."""
    if not file.is_file():
        return {}
    found: dict[str, dict[str, str]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def take_in(file: Path) -> None:
    """Write the erasures of a journal into the database, those that it does not know."""
    for key, erasure in read_journal(file).items():
        at = datetime.fromisoformat(erasure["at"])
        Erasure.objects.get_or_create(key=key, defaults={"was": erasure["was"], "at": at})
