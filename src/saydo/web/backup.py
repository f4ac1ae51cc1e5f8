"""All that the database holds in one file, and back: from SQLite or PostgreSQL into either.

A backup is a zip of one Parquet file per table, the secrets of the installation, and a list of all with their checksums
and the state of the database's shape (its migrations). It is read in one snapshot, so that it is consistent while
others write. It is restored into tables of the shape that it was made with, which are then brought to this version.
Facts are not in it: the feed makes them anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.db.migrations.recorder import MigrationRecorder

from saydo import __version__
from saydo.errors import DamagedBackup, DestinationInUse, NewerBackup, NotABackup
from saydo.web.columns import kind_of, rows_of
from saydo.web.home import PSEUDONYMS

FORMAT = 1
CONTENTS = "backup.json"
SECRET = "secret.key"  # noqa: S105  a file's name
DERIVED = ("found",)  # tables that triggers fill from others
PASSING = ("django_session", "beats", "api_calls", "kept_answers")  # what is over when the application is
_BATCH = 20_000
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Contents:
    """What lies in a backup: rows per table, the digest of each file, and the migrations that made the tables."""

    made_at: str
    made_by: str
    rows: dict[str, int] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    migrations: list[tuple[str, str]] = field(default_factory=list)
    format: int = FORMAT


def write_backup(file: Path, *, progress: Progress | None = None) -> int:
    """Write everything into a file that only its owner can read; how many rows."""
    if file.exists():
        raise DestinationInUse(path=file)
    part = file.with_name(file.name + ".part")
    with TemporaryDirectory(dir=settings.HOME, prefix=".backup-") as desk:
        contents = _spool(Path(desk), progress)
        part.unlink(missing_ok=True)  # what lay there may be a link, or open to others
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as whole:
            for one in sorted(Path(desk).iterdir()):
                whole.write(one, one.name)
            whole.writestr(CONTENTS, json.dumps(asdict(contents), indent=1))
            out.flush()
            os.fsync(out.fileno())
    part.replace(file)
    return sum(contents.rows.values())


def _spool(desk: Path, progress: Progress | None) -> Contents:
    """Every table as it is at one moment, as a file each."""
    contents = Contents(datetime.now(UTC).isoformat(timespec="seconds"), __version__)
    kept = tables_of(apps)
    with _one_moment():
        contents.migrations.extend(sorted(MigrationRecorder(connection).applied_migrations()))
        for done, model in enumerate(kept):
            table = model._meta.db_table
            if progress:
                progress(table, done, len(kept))
            contents.rows[table] = _write_table(model, desk / f"{table}.parquet")
    for name in (SECRET, PSEUDONYMS):
        if (secret := settings.HOME / name).is_file():
            shutil.copyfile(secret, desk / name)
    contents.digests.update({one.name: _digest(one) for one in desk.iterdir()})
    return contents


def tables_of(registry: Any) -> list[type[models.Model]]:
    """The models whose rows are kept."""
    found = [model for model in registry.get_models(include_auto_created=True) if model._meta.managed]
    left_out = (*DERIVED, *PASSING)
    return sorted((m for m in found if m._meta.db_table not in left_out), key=lambda model: model._meta.db_table)


@contextmanager
def _one_moment() -> Iterator[None]:
    """All that is read inside is as it was at the start; nobody who writes waits for it."""
    postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if postgres else "BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def _write_table(model: type[models.Model], file: Path) -> int:
    fields = [one for one in model._meta.concrete_fields if not getattr(one, "generated", False)]
    schema = pa.schema([(one.column, kind_of(one)) for one in fields])
    count = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in rows_of(model, schema, _BATCH):
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _digest(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


@contextmanager
def open_backup(file: Path) -> Iterator[tuple[Contents, Path]]:
    """The list of a backup and a folder with its files, once all of it was found to be whole."""
    try:
        with zipfile.ZipFile(file) as whole, TemporaryDirectory(dir=settings.HOME, prefix=".restore-") as desk:
            contents = _read_contents(file, whole)
            for name, digest in contents.digests.items():
                if Path(name).name != name or name not in whole.namelist():
                    raise DamagedBackup(path=file, reason=name)
                whole.extract(name, desk)
                if _digest(Path(desk) / name) != digest:
                    raise DamagedBackup(path=file, reason=name)
            yield contents, Path(desk)
    except zipfile.BadZipFile as error:
        raise (DamagedBackup(path=file, reason=error) if zipfile.is_zipfile(file) else NotABackup(path=file)) from error
    except OSError as error:
        raise NotABackup(path=file) from error


def _read_contents(file: Path, whole: zipfile.ZipFile) -> Contents:
    if CONTENTS not in whole.namelist():
        raise NotABackup(path=file)
    try:
        contents = Contents(**json.loads(whole.read(CONTENTS)))
    except (ValueError, TypeError) as error:
        raise NotABackup(path=file) from error
    if contents.format > FORMAT:
        raise NewerBackup(path=file, made_by=contents.made_by, own=__version__)
    return contents
