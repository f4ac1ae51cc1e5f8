"""Locks that die with whoever holds them, so that nothing has to be freed after a crash.

On PostgreSQL they belong to the connection and hold on all machines; on SQLite, which lives on one machine, to an open
file.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection
from django.db.utils import Error


@contextmanager
def alone(name: str, *, wait: bool = False) -> Iterator[bool]:
    """Hold the lock inside the block; false if somebody else does and one does not ``wait``."""
    hold = _in_postgres if connection.vendor == "postgresql" else _in_file
    with hold(name, wait) as is_mine:
        yield is_mine


@contextmanager
def _in_postgres(name: str, wait: bool) -> Iterator[bool]:
    number = int.from_bytes(hashlib.sha256(f"saydo {name}".encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        if wait:
            cursor.execute("SELECT pg_advisory_lock(%s)", [number])
            is_mine = True
        else:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
            is_mine = bool(cursor.fetchone()[0])
    try:
        yield is_mine
    finally:
        if is_mine:
            _free(number)


def _free(number: int) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [number])
    except Error:
        connection.close()  # a connection that is broken, or in a failed transaction, takes its locks with it


@contextmanager
def _in_file(name: str, wait: bool) -> Iterator[bool]:
    folder = settings.HOME / "locks"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / name
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            if name.startswith("task-"):  # one per task; whoever gets the lock of a removed file finds no task
                file.unlink(missing_ok=True)
