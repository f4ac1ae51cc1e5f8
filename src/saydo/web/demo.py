"""The demonstration: a company that does not exist, and one person of each role to log in as."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from saydo.simulate import simulate
from saydo.web import feed
from saydo.web.accounts.models import User
from saydo.web.alerts.models import Alert
from saydo.web.loads.actions import begin, carry_out
from saydo.web.rights import ROLES

Progress = Callable[[str, int, int], None]
FIRST = "demo@example.org"


@dataclass(frozen=True)
class Logins:
    """Who can log in, each with the message id of their role, and the one password of them all."""

    people: tuple[tuple[str, str], ...]
    password: str


def prepare(home: Path, *, customers: int, progress: Progress | None = None) -> Logins:
    """Make what is missing of the demonstration in its home; a prepared one is taken as it is."""
    done = home / "demo.password"
    if not done.is_file():
        _load(home / "company", customers, progress)
        _make_users(done)
    feed.refresh()
    people = [(FIRST, "administrator"), *((f"{role}@example.org", role) for role in ROLES if role != "administrator")]
    return Logins(tuple((email, ROLES[role][0]) for email, role in people), done.read_text(encoding="ascii").strip())


def _load(folder: Path, customers: int, progress: Progress | None) -> None:
    """Facts and people; a preparation that was interrupted is simply done again."""
    last = date.today() - timedelta(days=1)  # a company of yesterday, so that its day has something in it
    bad_week = last - timedelta(days=last.weekday() + 14)
    simulate(folder, customers=customers, seed=1, start=date(last.year - 3, last.month, 1), end=last, bad_week=bad_week)
    one = begin(source="folder", origin="main", given={"zone": "", "currency": "", "dates": ""}, by=None)
    carry_out(one, folder.absolute(), progress=progress)


def _make_users(done: Path) -> None:
    """One person per role, with a password that is made here and readable by its owner alone."""
    password = "-".join(secrets.token_hex(2) for _ in range(4))
    for role, (name, _) in ROLES.items():
        email = FIRST if role == "administrator" else f"{role}@example.org"
        user = User.objects.filter(email=email).first() or User(email=email)
        user.role, user.name = role, name
        user.set_password(password)
        user.save()
    _watch(User.objects.get(email=FIRST))
    done.touch(mode=0o600)
    done.write_text(password, encoding="ascii")


def _watch(owner: User) -> None:
    """Two figures that are watched from the start, so that one sees what an alert is."""
    for measure, split in (("promises_kept", "touchpoint"), ("nps", "")):
        Alert.objects.get_or_create(measure=measure, split=split, rhythm="week", owner=owner)
