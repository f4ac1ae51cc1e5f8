"""A backup holds every row, is taken while others write, and comes back in either database, or not at all."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from django.conf import settings

from saydo.errors import DamagedBackup, NewerBackup, NotABackup, SaydoError
from saydo.web import restore

SERVER = os.environ.get("DATABASE_URL") if not settings.IS_SQLITE else None
pytestmark = pytest.mark.xdist_group("backup")  # its companies are made once


class Installation:
    """A home with a database of its own, spoken to through the terminal."""

    def __init__(self, home: Path, url: str | None) -> None:
        self.home = home
        self.environment = {**os.environ, "SAYDO_HOME": str(home), "SAYDO_LOG_LEVEL": "ERROR", "LANGUAGE": "en"}
        for name in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE", "SAYDO_SECRET_KEY"):
            self.environment.pop(name, None)
        if url:
            self.environment["DATABASE_URL"] = url

    def saydo(self, *arguments: object, code: int = 0) -> str:
        command = [sys.executable, "-c", "from saydo.cli import app; app()", *map(str, arguments)]
        run = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert run.returncode == code, run.stdout + run.stderr
        return run.stdout + run.stderr

    def django(self, code: str) -> str:
        """The last line that some code prints."""
        begin = "from saydo.web.commands import start_django; start_django()\n"
        run = subprocess.run(
            [sys.executable, "-c", begin + code], env=self.environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        return run.stdout.strip().rpartition("\n")[2]


@pytest.fixture(scope="module")
def databases() -> Iterator[list[str]]:
    """Names of databases that are dropped at the end."""
    made: list[str] = []
    yield made
    if SERVER:
        with psycopg.connect(SERVER, autocommit=True) as server:
            for name in made:
                server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def new_url(databases: list[str]) -> str | None:
    """A database of its own on the server that the tests run on; nothing for SQLite."""
    if not SERVER:
        return None
    name = f"saydo_backup_{secrets.token_hex(4)}"
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"'.encode())
    databases.append(name)
    return SERVER.rpartition("/")[0] + "/" + name


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, databases: list[str], company_folder: Path) -> Installation:
    """A company with a user and own columns, on the database that the tests run on."""
    made = Installation(tmp_path_factory.mktemp("source"), new_url(databases))
    made.saydo("load", company_folder)
    (made.home / "pseudonym.secret").write_text("0123abcd\n")  # as a load of raw files makes it
    made.environment["SAYDO_PASSWORD"] = "correct horse battery"  # noqa: S105
    made.saydo("user", "ada@example.org", "--name", 'Ada "É", Ltd')
    made.django(
        "from saydo.web.trade.models import Order\n"
        "Order.objects.filter(pk=Order.objects.order_by('pk')[0].pk).update(own={'x_gift': 'été, \"oui\"'})"
    )
    return made


@pytest.fixture(scope="module")
def file(source: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("backup") / "saydo.zip"
    source.saydo("backup", file)
    return file


def read(file: Path, tmp_path: Path) -> dict[str, list[dict[str, Any]]]:
    """Every row of a backup by table, in an order of their own; texts of JSON as what they mean."""
    found = {}
    with zipfile.ZipFile(file) as whole:
        for name in whole.namelist():
            if name.endswith(".parquet"):
                rows = pq.read_table(whole.extract(name, tmp_path / file.stem)).to_pylist()
                found[Path(name).stem] = sorted((_plain(row) for row in rows), key=str)
    return found


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row with texts of JSON as what they mean, their keys in order: PostgreSQL keeps them in one of its own."""

    def read_text(value: Any) -> Any:
        found = json.loads(value) if isinstance(value, str) and value[:1] in ("{", "[") else value
        return dict(sorted(found.items())) if isinstance(found, dict) else found

    return {key: read_text(value) for key, value in row.items()}


# What the readers of the outbox remember is renumbered, and the feed begins again; the rest is the same
RENUMBERED = {"places", "changes"}


@pytest.fixture(scope="module")
def copy(file: Path, tmp_path_factory: pytest.TempPathFactory, databases: list[str]) -> Installation:
    """The backup in another home, on a database of the same kind."""
    made = Installation(tmp_path_factory.mktemp("copy"), new_url(databases))
    assert "rows are restored" in made.saydo("restore", file)
    return made


def test_restored_rows_are_those_that_were_saved(
    source: Installation, copy: Installation, file: Path, tmp_path: Path
) -> None:
    copy.saydo("backup", tmp_path / "again.zip")
    before, after = read(file, tmp_path), read(tmp_path / "again.zip", tmp_path)
    assert set(after) == set(before)
    assert [name for name in before if name not in RENUMBERED and after[name] != before[name]] == []
    assert [row["id"] for row in after["changes"]] == [row["id"] for row in before["changes"]]
    assert max(row["transaction"] for row in after["changes"]) < 0
    assert len(before["orders"]) > 500
    assert (copy.home / "secret.key").read_text() == (source.home / "secret.key").read_text()


def test_restored_company_measures_the_same_and_goes_on(source: Installation, copy: Installation) -> None:
    mine, theirs = (one.saydo("measure", "nps", one.home / "facts", "--format", "csv") for one in (copy, source))
    assert mine == theirs
    goes_on = (
        "from django.db import transaction\n"
        "from saydo.web import feed\nfrom saydo.web.accounts.models import User\nfrom saydo.web.outbox import tell\n"
        "assert feed.refresh() == 0\n"
        "with transaction.atomic():\n    tell('written', 'orders')\n"
        "User.objects.create_user('new@example.org')\n"
        "print(feed.refresh())"
    )
    assert copy.django(goes_on) == "1"


def test_restored_home_makes_the_same_keys_of_the_same_people(source: Installation, copy: Installation) -> None:
    for name in ("secret.key", "pseudonym.secret"):
        assert (copy.home / name).read_text() == (source.home / name).read_text()
        assert stat.S_IMODE((copy.home / name).stat().st_mode) == 0o600


def test_restore_goes_into_the_other_database_too(
    source: Installation, file: Path, tmp_path: Path, databases: list[str]
) -> None:
    other = None if SERVER else os.environ.get("SAYDO_TEST_POSTGRES")
    if not SERVER and not other:
        pytest.skip("SAYDO_TEST_POSTGRES names no PostgreSQL server")
    name = f"saydo_backup_{secrets.token_hex(4)}"
    try:
        if other:
            with psycopg.connect(other, autocommit=True) as server:
                server.execute(f'CREATE DATABASE "{name}"'.encode())
        copy = Installation(tmp_path / "copy", other.rpartition("/")[0] + "/" + name if other else None)
        copy.saydo("restore", file)
        copy.saydo("backup", tmp_path / "again.zip")
        before, after = read(file, tmp_path), read(tmp_path / "again.zip", tmp_path)
        assert [name for name in before if name not in RENUMBERED and after[name] != before[name]] == []
    finally:
        if other:
            with psycopg.connect(other, autocommit=True) as server:
                server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


def test_restore_leaves_a_database_alone_unless_told_to_replace_it(source: Installation, file: Path) -> None:
    count = "from saydo.web.accounts.models import User; print(User.objects.count())"
    source.django("from saydo.web.accounts.models import User; User.objects.create_user('late@example.org')")
    assert "holds data already" in source.saydo("restore", file, code=2)
    assert source.django(count) == "2"
    source.saydo("restore", file, "--replace")
    assert source.django(count) == "1"


def test_restore_erases_again_whom_the_backup_still_knows(copy: Installation, file: Path) -> None:
    erase = (
        "from saydo.web.customers.models import Customer\nfrom saydo.web.erasure import erase_person\n"
        "who = Customer.objects.filter(merged_into=None).order_by('pk')[0]\n"
        "erase_person(who.pk)\nprint(who.pk)"
    )
    who = copy.django(erase)
    assert "1 person is erased again" in copy.saydo("restore", file, "--replace")
    known = (
        f"from saydo.web.customers.models import Customer; print(Customer.objects.filter(pk={who!r}, erased_at=None))"
    )
    assert copy.django(known) == "<QuerySet []>"
    # on a machine that has only the backup and the journal, too
    again = Installation(copy.home.with_name("again"), None)
    again.home.mkdir()
    shutil.copy(copy.home / "erasures.json", again.home)
    assert "1 person is erased again" in again.saydo("restore", file)


def test_restore_that_cannot_erase_again_leaves_the_old_database(copy: Installation, file: Path) -> None:
    secret = (copy.home / "secret.key").read_text()
    code = (
        "from pathlib import Path\nfrom saydo.web import restore\nfrom saydo.web.accounts.models import User\n"
        "User.objects.create_user('late@example.org')\n"
        "def fail(): raise RuntimeError\n"
        "restore.replay_erasures = fail\n"
        f"try: restore.read_backup(Path({str(file)!r}), replace=True)\n"
        "except RuntimeError: print(User.objects.filter(email='late@example.org').count())"
    )
    assert copy.django(code) == "1"
    assert (copy.home / "secret.key").read_text() == secret
    assert list(copy.home.glob("*.restored*")) == []


def test_restore_gives_nobody_back_what_was_taken_away(
    source: Installation, tmp_path: Path, databases: list[str]
) -> None:
    begin = "from saydo.web.accounts.models import ApiKey, User\n"
    source.django(
        begin + "bob = User.objects.create_user('bob@example.org', role='administrator')\n"
        "User.objects.create_user('eve@example.org', role='administrator')\n"
        "for name in ('good', 'leaked'): ApiKey.make(name=name, rights=[], by=bob, days=30)"
    )
    source.saydo("backup", tmp_path / "old.zip")
    source.django(
        begin + "from django.utils import timezone\n"
        "ApiKey.objects.filter(name='leaked').update(revoked_at=timezone.now())\n"
        "User.objects.filter(email='eve@example.org').update(is_active=False)\n"
        "User.objects.filter(email='bob@example.org').update(role='manager')"
    )
    shown = (
        begin + "print(list(ApiKey.objects.filter(revoked_at=None).values_list('name', flat=True)),"
        " User.objects.get(email='eve@example.org').is_active, User.objects.get(email='bob@example.org').role)"
    )
    assert "1 key of the API is revoked" in source.saydo("restore", tmp_path / "old.zip", "--replace")
    assert source.django(shown) == "['good'] False manager"
    elsewhere = Installation(tmp_path / "elsewhere", new_url(databases))
    assert "2 keys of the API are revoked" in elsewhere.saydo("restore", tmp_path / "old.zip")
    assert elsewhere.django(shown) == "[] True administrator"


def test_answers_kept_for_a_while_are_not_in_a_backup(source: Installation, file: Path, tmp_path: Path) -> None:
    source.django("from saydo.web.hooks.models import Kept; Kept.objects.create(who='sk_1', name='ada@example.org')")
    source.saydo("backup", tmp_path / "new.zip")
    assert "kept_answers" not in read(tmp_path / "new.zip", tmp_path)


def test_backup_is_readable_by_its_owner_alone_and_holds_no_facts(file: Path, source: Installation) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with zipfile.ZipFile(file) as whole:
        names = set(whole.namelist())
    assert {"backup.json", "secret.key", "pseudonym.secret", "trail.parquet", "orders.parquet"} <= names
    assert names & {"found.parquet", "django_session.parquet"} == set()
    assert "holds something else" in source.saydo("backup", file, code=2)


def test_backup_taken_while_others_write_is_of_one_moment(source: Installation, tmp_path: Path) -> None:
    """A writer that always adds two rows at once is never seen with one."""
    write = (
        "from django.db import transaction\nfrom saydo.web.accounts.models import Entry\nimport time\n"
        "print('go', flush=True)\nends = time.monotonic() + 60\n"
        "while time.monotonic() < ends:\n"
        "    with transaction.atomic():\n"
        "        Entry.objects.create(action='one')\n        Entry.objects.create(action='two')\n"
    )
    begin = "from saydo.web.commands import start_django; start_django()\n"
    writer = subprocess.Popen(
        [sys.executable, "-c", begin + write], env=source.environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout
        assert writer.stdout.readline() == "go\n"
        source.saydo("backup", tmp_path / "busy.zip")
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.communicate()
    actions = [row["action"] for row in read(tmp_path / "busy.zip", tmp_path)["trail"]]
    assert actions.count("one") == actions.count("two")


@pytest.mark.parametrize(
    ("harm", "error"),
    [
        (lambda whole: {**whole, "trail.parquet": whole["trail.parquet"][:-9] + b"123456789"}, DamagedBackup),
        (lambda whole: {name: text for name, text in whole.items() if name != "orders.parquet"}, DamagedBackup),
        (lambda whole: {name: text for name, text in whole.items() if name != "backup.json"}, NotABackup),
        (lambda whole: _with(whole, migrations=[["accounts", "9999_from_the_future"]]), NewerBackup),
        (lambda whole: _with(whole, format=2), NewerBackup),
    ],
    ids=["changed", "missing", "unlisted", "newer shape", "newer format"],
)
def test_restore_refuses_what_is_not_whole(
    db: None, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Any, error: type[SaydoError]
) -> None:
    monkeypatch.setattr(restore, "_nobody_at_work", nullcontext)
    with zipfile.ZipFile(file) as whole:
        texts = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(tmp_path / "harmed.zip", "w") as harmed:
        for name, text in harm(texts).items():
            harmed.writestr(name, text)
    with pytest.raises(error):
        restore.read_backup(tmp_path / "harmed.zip", replace=True)


def _with(whole: dict[str, bytes], **changes: Any) -> dict[str, bytes]:
    return {**whole, "backup.json": json.dumps({**json.loads(whole["backup.json"]), **changes}).encode()}


def test_restore_refuses_files_of_others_and_a_running_application(
    source: Installation, file: Path, tmp_path: Path
) -> None:
    (tmp_path / "letter.txt").write_text("Dear Ada")
    assert "is no backup of Saydo" in source.saydo("restore", tmp_path / "letter.txt", code=2)
    hold = (
        "import sys\nfrom saydo.web.commands import _running\n"
        "with _running():\n    print('go', flush=True)\n    sys.stdin.read()"
    )
    runs = subprocess.Popen(
        [sys.executable, "-c", hold], env=source.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert runs.stdout
    assert runs.stdout.readline() == "go\n"
    try:
        assert "is running" in source.saydo("restore", file, "--replace", code=2)
    finally:
        runs.communicate("")
