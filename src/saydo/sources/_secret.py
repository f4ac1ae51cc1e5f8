"""The secret with which pseudonyms are made: who does not have it cannot find an address by trying many.

It is that of the environment variable SAYDO_PSEUDONYM_SECRET, so that several companies or machines make the same keys;
else it lies beside the facts, for its owner alone to read, and stays there when they are imported again.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

VARIABLE = "SAYDO_PSEUDONYM_SECRET"


def find_secret(to: Path) -> str:
    """The secret for the facts in ``to``; a new one if there is none yet."""
    path = _path(to)
    kept = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    return os.environ.get(VARIABLE) or kept or secrets.token_hex(32)


def keep_secret(to: Path, secret: str) -> None:
    """Lay the secret beside the facts, unless the environment holds it or it lies there."""
    if os.environ.get(VARIABLE) or _path(to).is_file():
        return
    with os.fdopen(os.open(_path(to), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(secret + "\n")


def _path(to: Path) -> Path:
    return to.with_name(f"{to.name}.secret")
