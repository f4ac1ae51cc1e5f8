"""The home of an installation: the one folder in which everything it keeps lies."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

PSEUDONYMS = "pseudonym.secret"  # with which loads make keys of names and addresses; another one makes other customers


def find_home() -> Path:
    """The folder that SAYDO_HOME names, else ``saydo`` in the working folder; made, closed to others, if missing."""
    os.umask(0o077)  # nor is anything open to others that is laid into a home that was there before
    home = Path(os.environ.get("SAYDO_HOME", "saydo")).absolute()
    for folder in (home, home / "uploads", home / "static"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home


def find_secret_key(home: Path) -> str:
    """The key that signs sessions, made on first use and readable by its owner alone."""
    file = home / "secret.key"
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as new:
        key = secrets.token_urlsafe(64)
        new.write(key)
    return key
