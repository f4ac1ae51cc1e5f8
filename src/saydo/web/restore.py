"""A backup back into a database: all of it or nothing; see `saydo.web.backup`."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from saydo import __version__
from saydo.engine import quote_name
from saydo.errors import NewerBackup, StillRunning, TargetInUse
from saydo.web.accounts.models import ApiKey, Erasure, User
from saydo.web.backup import PASSING, SECRET, Contents, Progress, open_backup
from saydo.web.columns import stored
from saydo.web.erasure import replay_erasures
from saydo.web.home import PSEUDONYMS
from saydo.web.journal import NAME, keep_journal, take_in

_BATCH = 20_000
_BEFORE_ALL = -(2**62)


@dataclass(frozen=True)
class Restored:
    """What a restore did: rows that stand in the database again, persons erased again, keys that are good no more."""

    rows: int
    erased: int
    revoked: int


def read_backup(file: Path, *, replace: bool = False, progress: Progress | None = None) -> Restored:
    """Restore a backup; Django is loaded, the database may have any shape or none."""
    with open_backup(file) as (contents, desk), _nobody_at_work():
        targets = _find_targets(file, contents)
        if not replace and _holds_something():
            raise TargetInUse(target=_target())
        _keep_journal()
        access = _Access.now()
        with _secret_of(desk), _new_database():
            MigrationExecutor(connection).migrate(targets)
            _load(targets, contents, desk, progress)
            call_command("migrate", verbosity=0, interactive=False)
            take_in(settings.HOME / NAME)
            revoked = access.restore()
            erased = replay_erasures()  # where it fails, nobody comes back: the old database stays
        _take(desk, PSEUDONYMS)
        _make_facts_anew()
    return Restored(sum(rows for name, rows in contents.rows.items() if name not in PASSING), erased, revoked)


def _target() -> str:
    return str(connection.settings_dict["NAME"])


@contextmanager
def _nobody_at_work() -> Iterator[None]:
    """Nobody reads or writes meanwhile, and nobody starts."""
    with (settings.HOME / "running.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StillRunning(target=settings.HOME) from None
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
                )
                if cursor.fetchone()[0]:
                    raise StillRunning(target=_target())
        yield


def _find_targets(file: Path, contents: Contents) -> list[tuple[str, str]]:
    """The last migration of each app that the backup was made with."""
    graph = MigrationExecutor(connection).loader.graph
    made_with = {(app, name) for app, name in contents.migrations}
    if made_with - set(graph.nodes):
        raise NewerBackup(path=file, made_by=contents.made_by, own=__version__)
    return sorted(
        node
        for node in made_with
        if not any(child.key[0] == node[0] and child.key in made_with for child in graph.node_map[node].children)
    )


def _holds_something() -> bool:
    names = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table in {get_user_model()._meta.db_table, "changes"} & names:
            cursor.execute(f"SELECT 1 FROM {quote_name(table)} LIMIT 1")  # noqa: S608  our own names
            if cursor.fetchone():
                return True
    return False


@contextmanager
def _new_database() -> Iterator[None]:
    """An empty database in the place of what is there, which is gone only when all went well."""
    if connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT quote_ident(current_schema())")
                (schema,) = cursor.fetchone()
                cursor.execute(f"DROP SCHEMA {schema} CASCADE")
                cursor.execute(f"CREATE SCHEMA {schema}")
            yield
        return
    real = Path(connection.settings_dict["NAME"])
    new = real.with_name(real.name + ".restored")
    _remove(new)
    connection.close()
    connection.settings_dict["NAME"] = str(new)
    try:
        yield
    except BaseException:
        _leave(real)
        _remove(new)
        raise
    _leave(real)
    _remove(real, besides=real)
    new.replace(real)


def _leave(real: Path) -> None:
    """Turn to the old file; the last connection to the new one writes everything into it."""
    connection.close()
    connection.settings_dict["NAME"] = str(real)


def _remove(file: Path, besides: Path | None = None) -> None:
    for one in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
        if one != besides:
            one.unlink(missing_ok=True)


def _load(targets: list[tuple[str, str]], contents: Contents, desk: Path, progress: Progress | None) -> None:
    """Rows into the tables as they were when the backup was made."""
    registry = MigrationExecutor(connection).loader.project_state(targets).apps
    by_table = {model._meta.db_table: model for model in registry.get_models(include_auto_created=True)}
    with transaction.atomic():
        for done, table in enumerate(name for name in contents.rows if name not in PASSING):
            if progress:
                progress(table, done, len(contents.rows))
            rows = pq.ParquetFile(desk / f"{table}.parquet")
            _empty(table)
            for batch in rows.iter_batches(batch_size=_BATCH):
                _write(table, batch)
        _shift_back()
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for statement in connection.ops.sequence_reset_sql(no_style(), _loaded(by_table, contents)):
                cursor.execute(statement)


def _loaded(by_table: dict[str, type[models.Model]], contents: Contents) -> list[type[models.Model]]:
    return [by_table[table] for table in contents.rows if table in by_table]


def _empty(table: str) -> None:
    """What migrations put there comes from the backup too."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {quote_name(table)}")  # noqa: S608  our own names


def _write(table: str, batch: pa.RecordBatch) -> None:
    columns = ", ".join(map(quote_name, batch.schema.names))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sheet = io.BytesIO()
            pcsv.write_csv(_as_text(batch), sheet, pcsv.WriteOptions(include_header=False))
            with cursor.copy(f"COPY {quote_name(table)} ({columns}) FROM STDIN (FORMAT csv)") as copy:
                copy.write(sheet.getvalue())
            return
        values = [stored(field.type, column.to_pylist()) for field, column in zip(batch.schema, batch, strict=True)]
        places = ", ".join("?" for _ in batch.schema.names)
        statement = f"INSERT INTO {quote_name(table)} ({columns}) VALUES ({places})"  # noqa: S608  our own names
        cursor.connection.cursor().executemany(statement, zip(*values, strict=True))


def _as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Bytes as PostgreSQL writes them."""
    for place, field in enumerate(batch.schema):
        if pa.types.is_binary(field.type):
            text = [None if value is None else "\\x" + value.hex() for value in batch.column(place).to_pylist()]
            batch = batch.set_column(place, field.name, pa.array(text, pa.string()))
    return batch


def _shift_back() -> None:
    """Put the order of old changes before every new one: another database numbers its transactions from elsewhere.

    The feed begins at the very start, because its copy is made anew.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT max(newest) FROM (SELECT max("transaction") AS newest FROM changes'
            ' UNION ALL SELECT max("transaction") FROM places) AS both_of_them'
        )
        shift = (cursor.fetchone()[0] or 0) + 1
        for table in ("changes", "places"):
            cursor.execute(f'UPDATE {table} SET "transaction" = "transaction" - %s', [shift])  # noqa: S608
        cursor.execute("DELETE FROM places WHERE reader = 'feed'")
        cursor.execute("INSERT INTO places (reader, \"transaction\", change_id) VALUES ('feed', %s, 0)", [_BEFORE_ALL])


@contextmanager
def _secret_of(desk: Path) -> Iterator[None]:
    """Links in letters that were sent, second factors and digests are good only with the secret they were made with.

    It is in use inside, and kept when all went well.
    """
    if not (desk / SECRET).is_file() or os.environ.get("SAYDO_SECRET_KEY"):
        yield
        return
    own, settings.SECRET_KEY = settings.SECRET_KEY, (desk / SECRET).read_text(encoding="ascii").strip()
    try:
        yield
    except BaseException:
        settings.SECRET_KEY = own
        raise
    _take(desk, SECRET)


def _take(desk: Path, name: str) -> None:
    """A secret of the backup, if it has it, in the place of this home's own."""
    if (desk / name).is_file():
        new = settings.HOME / f"{name}.new"
        new.touch(mode=0o600)
        shutil.copyfile(desk / name, new)
        new.replace(settings.HOME / name)


def _keep_journal() -> None:
    """The erasures that the database knows which is about to go: the backup may be older than they are."""
    if Erasure._meta.db_table in connection.introspection.table_names():
        keep_journal()


@dataclass(frozen=True)
class _Access:
    """Who may come in to the database that is about to go: it knows what was taken away since the backup."""

    keys: frozenset[str]  # that are good
    users: tuple[tuple[uuid.UUID, str, bool], ...]  # with their roles, and whether the account is open

    @classmethod
    def now(cls) -> _Access:
        names = connection.introspection.table_names()
        keys = ApiKey.objects.filter(revoked_at=None).values_list("pk", flat=True)
        users = User.objects.values_list("pk", "role", "is_active")
        return cls(
            frozenset(keys if ApiKey._meta.db_table in names else ()),
            tuple(users if User._meta.db_table in names else ()),
        )

    def restore(self) -> int:
        """The same people and programs come in, no others; how many keys were revoked.

        A key that was not good before may be one that was revoked after the backup was made.
        """
        for pk, role, is_active in self.users:
            User.objects.filter(pk=pk).update(role=role, is_active=is_active)
        others = ApiKey.objects.filter(revoked_at=None).exclude(pk__in=self.keys)
        return others.update(revoked_at=timezone.now())


def _make_facts_anew() -> None:
    from saydo.web import feed

    shutil.rmtree(settings.FACTS, ignore_errors=True)
    feed.refresh()
