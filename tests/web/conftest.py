"""A company that has been loaded, and one colleague for each role."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from saydo.simulate import simulate
from saydo.web.rights import ROLES


@pytest.fixture(scope="session")
def company_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The facts of a small company that does not exist."""
    folder = tmp_path_factory.mktemp("company") / "facts"
    simulate(folder, customers=400, seed=7)
    return folder


def load_company(folder: Path) -> None:
    """Load the small company into the database and feed it into the facts."""
    from saydo.web import feed
    from saydo.web.accounts.models import Change, Place
    from saydo.web.load import load_facts

    load_facts(folder)
    for _ in range(600):  # on PostgreSQL, an open transaction of other tests on the same server holds the feed up
        feed.refresh()
        last = Change.objects.order_by("transaction", "id").last()
        if last is None or Place.objects.filter(reader=feed.READER, change_id=last.id).exists():
            break
        time.sleep(0.1)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any, company_folder: Path) -> None:
    """The small company stands in the database from the start; each test undoes what it does to it."""
    with django_db_blocker.unblock():
        load_company(company_folder)
        let_trail_be_emptied()


def let_trail_be_emptied() -> None:
    """Committed tests empty every table afterwards, which SQLite does by deleting (tests/web/test_trail.py guards)."""
    from django.db import connection

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER IF EXISTS trail_kept")


@pytest.fixture
def company(db: None) -> Path:
    """A test that looks at the small company; the folder of its facts."""
    return Path(settings.FACTS)


@pytest.fixture
def own_company(transactional_db: None, company_folder: Path, tmp_path: Path, settings: Any) -> Path:
    """A company of the test's own, really committed, so that what is written to it is fed too; its facts."""
    settings.FACTS = tmp_path / "facts"
    load_company(company_folder)
    return tmp_path / "facts"


@pytest.fixture
def user_of(db: None) -> Callable[[str], Any]:
    """A colleague with a role."""
    from saydo.web.accounts.models import User

    def make(role: str) -> Any:
        return User.objects.filter(role=role).first() or User.objects.create_user(
            f"{role}@example.org", "correct horse battery", role, name=ROLES[role][0]
        )

    return make


@pytest.fixture
def client_of(user_of: Callable[[str], Any]) -> Callable[[str], Client]:
    """A browser in which somebody with a role is logged in."""

    def make(role: str) -> Client:
        client = Client()
        client.force_login(user_of(role))
        return client

    return make
