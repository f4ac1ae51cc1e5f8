"""What erasing a row leaves on the disk: free pages, indexes, letters, rows that loads refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.apps import apps
from django.conf import settings
from django.db import connection

from saydo.web.customers.models import Consent, Found, Note, Person
from saydo.web.records import Record

_PAGES = 500  # of an index or of those that are free, taken at a time


def delete_securely() -> None:
    """SQLite overwrites what is deleted from now on, on this connection; PostgreSQL needs a VACUUM later (`purge`)."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")


def clean_refused(words: Sequence[str], keys: Sequence[str]) -> None:
    """Take rows out of what loads refused that hold one of the words, or are about one of the keys."""
    bare = pa.array({*keys, *(key.partition(":")[2] for key in keys if ":" in key)}, pa.string())
    for file in Path(settings.HOME).glob("loads/*/quarantine/*.parquet"):
        rows = pq.read_table(file)
        theirs = pa.array([False] * rows.num_rows)
        for column in (rows[name] for name in rows.column_names if pa.types.is_string(rows[name].type)):
            theirs = pc.or_(theirs, pc.fill_null(pc.is_in(column, value_set=bare), False))
            for word in words:
                met = pc.match_substring(column, word, ignore_case=True)
                theirs = pc.or_(theirs, pc.fill_null(met, False))
        if pc.any(theirs).as_py():
            part = file.with_suffix(".part")
            pq.write_table(rows.filter(pc.invert(theirs)), part)
            part.replace(file)


def forget_letters(*, before: datetime | None = None) -> None:
    """Delete letters that were written into the home because no mail server is set up: all, or those too old."""
    for file in (settings.HOME / "mail").glob("*.log"):
        if before is None or file.stat().st_mtime < before.timestamp():
            file.unlink(missing_ok=True)


def sweep() -> None:
    """Have the database overwrite what is no longer there."""
    if connection.in_atomic_block:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            delete_securely()
            cursor.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%fts5(%'")
            for (name,) in cursor.fetchall():
                _merge_index(cursor, name)
            _wipe_free_pages(cursor)
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return
        names = [model._meta.db_table for model in apps.get_models() if issubclass(model, Record)]
        for name in (*names, *(model._meta.db_table for model in (Person, Found, Note, Consent))):
            cursor.execute(f"VACUUM {connection.ops.quote_name(name)}")


def _wipe_free_pages(cursor: Any) -> None:
    """Pages that were free before anybody was erased hold what once stood there: fill them with zeros."""
    cursor.execute("DROP TABLE IF EXISTS wiped")  # of a run that was killed
    cursor.execute("PRAGMA page_size")
    (size,) = cursor.fetchone()
    cursor.execute("PRAGMA freelist_count")
    (free,) = cursor.fetchone()
    cursor.execute("CREATE TABLE wiped (zeros BLOB)")
    for start in range(0, free, _PAGES):  # step by step, so that others can write meanwhile
        cursor.execute("INSERT INTO wiped VALUES (zeroblob(%s))", [min(_PAGES, free - start) * size])
    cursor.execute("PRAGMA secure_delete = FAST")  # they are zeros already
    cursor.execute("DROP TABLE wiped")


def _merge_index(cursor: Any, name: str) -> None:
    """An index keeps what was deleted until its parts are merged: step by step, so that others can write meanwhile."""
    step = -_PAGES  # the first says that all parts are meant
    while True:
        before = connection.connection.total_changes
        cursor.execute(f"INSERT INTO {name} ({name}, rank) VALUES ('merge', {step})")  # noqa: S608  our own name
        if step > 0 and connection.connection.total_changes - before < 2:
            return
        step = _PAGES
