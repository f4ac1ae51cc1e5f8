"""The commands that run the application, and what is written about them."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from saydo.web.rights import ROLES

ROOT = Path(__file__).parents[2]
SAYDO = [sys.executable, "-c", "from saydo.cli import app; app()"]
pytestmark = [
    pytest.mark.xdist_group("commands"),
    pytest.mark.skipif(not settings.IS_SQLITE, reason="nothing of it differs by database"),
]


def run(*arguments: object, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SAYDO_", "DJANGO_"))}
    environment.pop("DATABASE_URL", None)
    environment |= {"SAYDO_HOME": str(home), "LANGUAGE": "en", **more}
    return subprocess.run([*SAYDO, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The home of a small demonstration, and what its making said."""
    home = tmp_path_factory.mktemp("demo") / "home"
    made = run("demo", home, "--customers", 100, "--no-serve", home=home / "elsewhere")
    assert made.returncode == 0, made.stderr
    return home, made.stdout


def test_demo_says_where_to_go_and_who_can_log_in(demo: tuple[Path, str]) -> None:
    home, said = demo
    password = (home / "demo.password").read_text()
    assert "http://localhost:8000" in said
    assert f"The password of each is {password}." in said
    assert re.findall(r"^  (\S+)@example.org", said, re.MULTILINE) == ["demo", *list(ROLES)[1:]]
    assert stat.S_IMODE((home / "demo.password").stat().st_mode) == 0o600


def test_demo_can_be_logged_in_to_as_every_role(demo: tuple[Path, str]) -> None:
    home, _ = demo
    check = (
        "from saydo.web.commands import load_django; load_django()\n"
        "from saydo.web.accounts.models import User\nfrom saydo.web.customers.models import Customer, Person\n"
        f"password = open({str(home / 'demo.password')!r}).read()\n"
        "print(sorted(u.role for u in User.objects.all() if u.check_password(password)))\n"
        "print(Customer.objects.count() > 50, Person.objects.exclude(name='').count() > 50)"
    )
    environment = {**os.environ, "SAYDO_HOME": str(home)}
    environment.pop("DATABASE_URL", None)
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    checked = subprocess.run(
        [sys.executable, "-c", check], env=environment, capture_output=True, text=True, check=False
    )
    assert checked.stdout == f"{sorted(ROLES)}\nTrue True\n", checked.stderr


def test_demo_takes_what_is_there(demo: tuple[Path, str]) -> None:
    home, said = demo
    before = (home / "company" / "saydo.json").stat().st_mtime_ns
    again = run("demo", home, "--customers", 100, "--no-serve", home=home)
    assert again.stdout == said
    assert (home / "company" / "saydo.json").stat().st_mtime_ns == before


def test_old_entries_of_the_trail_are_forgotten_by_a_command(demo: tuple[Path, str]) -> None:
    home, _ = demo
    put = (
        "from saydo.web.commands import load_django; load_django()\n"
        "from datetime import UTC, datetime\nfrom saydo.web.accounts.models import Entry\n"
        "Entry.objects.create(action='read', at=datetime(2015, 12, 31, 23, tzinfo=UTC))\n"
        "Entry.objects.create(action='read', at=datetime(2016, 1, 1, tzinfo=UTC))"
    )
    environment = {**os.environ, "SAYDO_HOME": str(home)}
    for name in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE"):
        environment.pop(name, None)
    subprocess.run([sys.executable, "-c", put], env=environment, check=True)
    said = [run("forget-trail", "--before", "2016-01-01", home=home).stdout for _ in range(2)]
    assert said == ["1 entry of the trail is deleted.\n", "0 entries of the trail are deleted.\n"]
    wrong = run("forget-trail", "--before", "last year", home=home)
    assert wrong.returncode == 2
    assert "last year" in wrong.stderr


def test_every_setting_is_named_in_the_documents() -> None:
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "src/saydo/web").rglob("*.py"))
    settings = set(re.findall(r"""["'](SAYDO_[A-Z_]+|DATABASE_URL)["']""", sources))
    page = (ROOT / "docs/guides/operate.md").read_text(encoding="utf-8")
    assert {"SAYDO_HOME", "DATABASE_URL", "SAYDO_MAIL_URL", "SAYDO_PASSWORD"} <= settings
    assert sorted(name for name in settings if f"| `{name}` |" not in page) == []


def test_every_setting_that_is_documented_exists() -> None:
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "src/saydo").rglob("*.py"))
    page = (ROOT / "docs/guides/operate.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE)
    assert [name for name in named if name not in sources] == []


def test_containers_start_what_there_is() -> None:
    compose, image = ((ROOT / name).read_text(encoding="utf-8") for name in ("compose.yaml", "Dockerfile"))
    settings = (ROOT / "src/saydo/web/settings.py").read_text(encoding="utf-8")
    named = re.findall(r"^      (SAYDO_\w+|DATABASE_URL): ", compose, re.MULTILINE)
    assert len(named) >= 3
    assert [name for name in named if f'"{name}"' not in settings] == []
    assert 'CMD ["saydo", "serve", "--host", "0.0.0.0"]' in image
    assert "\nUSER saydo\n" in image
