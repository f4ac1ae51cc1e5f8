"""What keeps strangers out and data in: headers, cookies, passwords, redirects, and templates without script."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

import saydo.web
from saydo.web.accounts.models import User
from saydo.web.customers.models import Customer

PASSWORD = "correct horse battery"  # noqa: S105
HERE = Path(saydo.web.__file__).parent
TEMPLATES = sorted(HERE.rglob("templates/**/*.html"))
DRAWN = re.compile(r"\{\{ (findings|chart)\|safe \}\}")  # drawn by ourselves, escaped then
UserOf = Callable[[str], User]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: str(file.relative_to(HERE)))
def test_template_has_no_script_style_or_stranger_in_it(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")[^>]*>", text) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=\"|javascript:", text) == []
    assert re.findall(r"(?:src|href|action)=\"(?:https?:)?//[^\"]+", text) == []
    assert re.findall(r"\|safe\b|autoescape off", DRAWN.sub("", text)) == []


@pytest.mark.parametrize("place", ["/account/login/", "/nothing/here/", "/colleagues/", "/account/password/reset/"])
def test_answer_carries_the_headers_that_protect_it(db: None, place: str) -> None:
    headers = Client().get(place).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    named = ("X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy")
    assert [headers[name] for name in named] == ["DENY", "nosniff", "same-origin", "same-origin"]


@pytest.mark.parametrize(
    "place", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_sent_to_a_strange_place(user_of: UserOf, place: str) -> None:
    user = user_of("agent")
    asked = {"login": user.email, "password": PASSWORD, "next": place}
    for answer in (
        Client().post(reverse("account_login"), asked),
        Client().post(reverse("set_language"), {"language": "fr", "next": place}),
    ):
        assert (answer.status_code, "evil" in answer["Location"], "script" in answer["Location"]) == (302, False, False)


def test_log_in_gives_a_new_session(user_of: UserOf) -> None:
    client, user = Client(), user_of("agent")
    session = client.session
    session["planted"] = "by a stranger"
    session.save()
    before = session.session_key
    client.cookies["sessionid"] = str(before)
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert client.cookies["sessionid"].value != before
    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 12 * 60 * 60)


def test_log_out_ends_the_session_for_good(user_of: UserOf) -> None:
    client, user = Client(), user_of("agent")
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    session = client.cookies["sessionid"].value
    assert client.get(reverse("account_logout")).status_code == 200
    client.post(reverse("account_logout"))
    thief = Client()
    thief.cookies["sessionid"] = session
    assert thief.get(reverse("me")).status_code == 302


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short words", "too short"),
        ("123456789012345", "entirely numeric"),
        ("passwordpassword", ""),
        ("agent@example.org", "too similar"),
    ],
)
def test_weak_password_is_refused(user_of: UserOf, password: str, why: str) -> None:
    client = Client()
    client.force_login(user_of("agent"))
    asked = {"oldpassword": PASSWORD, "password1": password, "password2": password}
    answer = client.post(reverse("account_change_password"), asked)
    if why:
        assert (answer.status_code, why in answer.content.decode()) == (200, True)
        assert User.objects.get(role="agent").check_password(PASSWORD)


def test_log_in_says_the_same_of_a_wrong_password_and_of_a_stranger(user_of: UserOf) -> None:
    known = Client().post(reverse("account_login"), {"login": user_of("agent").email, "password": "wrong wrong wrong"})
    stranger = Client().post(reverse("account_login"), {"login": "no@example.org", "password": "wrong wrong wrong"})
    said = [re.findall(r"<li>(.*?)</li>", answer.content.decode()) for answer in (known, stranger)]
    assert said[0] == said[1] != []


def test_nobody_signs_up(db: None) -> None:
    asked = {"email": "me@example.org", "password1": PASSWORD}
    answer = Client().post("/account/signup/", asked)
    assert "By invitation only" in answer.content.decode()
    assert User.objects.count() == 0


def test_address_cannot_be_changed_by_its_owner(user_of: UserOf) -> None:
    client = Client()
    client.force_login(user_of("agent"))
    answer = client.post("/account/email/", {"email": "other@example.org", "action_add": ""})
    assert (answer.status_code, answer["Location"]) == (302, reverse("me"))
    assert User.objects.get(role="agent").email == "agent@example.org"


def test_unexpected_error_shows_nothing_of_itself(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.urls import resolve

    client = Client(raise_request_exception=False)
    monkeypatch.setattr("allauth.account.views.LoginView.get_context_data", lambda *_, **__: 1 / 0)
    assert resolve("/account/login/") is not None
    answer = client.get("/account/login/")
    assert answer.status_code == 500
    assert "Something unexpected happened" in answer.content.decode()
    assert "ZeroDivision" not in answer.content.decode()


def run(*code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {"DJANGO_SETTINGS_MODULE": "saydo.web.settings", **environment}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SAYDO_", "DATABASE_URL"))}
    command = [sys.executable, *code]
    return subprocess.run(command, env={**clean, **settings}, capture_output=True, text=True, check=False)


def test_check_before_going_public_finds_nothing(tmp_path: Path) -> None:
    found = run(
        "-m", "django", "check", "--deploy", "--fail-level", "WARNING",
        SAYDO_HOSTS="saydo.example.org", SAYDO_HOME=str(tmp_path),
    )  # fmt: skip
    assert (found.returncode, found.stdout.strip()) == (0, "System check identified no issues (0 silenced).")


def test_cookies_and_addresses_are_for_https_alone_where_it_is_public(tmp_path: Path) -> None:
    names = ["SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "CSRF_COOKIE_HTTPONLY", "DEBUG"]
    tell = f"import json, saydo.web.settings as s; print(json.dumps([getattr(s, n) for n in {names}]))"
    public = run("-c", tell, SAYDO_HOSTS="saydo.example.org", SAYDO_HOME=str(tmp_path))
    local = run("-c", tell, SAYDO_HOME=str(tmp_path))
    assert json.loads(public.stdout) == [True, True, True, True, False]
    assert json.loads(local.stdout) == [False, False, False, True, False]


def test_server_that_believes_any_name_is_refused(tmp_path: Path) -> None:
    tried = run(
        "-c", "from saydo.cli import app; app()", "user", "a@example.org", SAYDO_HOSTS="*", SAYDO_HOME=str(tmp_path)
    )
    assert tried.returncode == 2
    assert "SAYDO_HOSTS=saydo.example.org" in tried.stderr + tried.stdout
    assert "Traceback" not in tried.stderr


def test_home_and_secret_are_closed_to_others(tmp_path: Path) -> None:
    from saydo.web.home import find_secret_key

    home = tmp_path / "home"
    run("-c", "import saydo.web.settings", SAYDO_HOME=str(home))
    assert (home.stat().st_mode & 0o777, (home / "secret.key").stat().st_mode & 0o777) == (0o700, 0o600)
    assert find_secret_key(home) == (home / "secret.key").read_text()


def test_language_chosen_at_the_door_is_kept_by_an_account(user_of: UserOf) -> None:
    client: Any = Client()
    client.force_login(user_of("agent"))
    client.post(reverse("set_language"), {"language": "fr", "next": "/"})
    client.post(reverse("set_language"), {"language": "xx", "next": "/"})
    assert User.objects.get(role="agent").language == "fr"


def test_way_back_from_a_mistake_leads_nowhere_else(user_of: UserOf) -> None:
    client, user = Client(), user_of("administrator")
    client.force_login(user)
    place = reverse("colleague", args=[user.pk])
    strange = client.post(place, {"do": "close"}, headers={"referer": "https://evil.example/x"})
    own = client.post(place, {"do": "close"}, headers={"referer": f"http://testserver{place}"})
    assert (strange.status_code, "evil" in strange.content.decode()) == (400, False)
    assert f'href="http://testserver{place}"' in own.content.decode()


@pytest.mark.parametrize("place", ["foo", "me", "//evil.example/", "https://evil.example/"])
def test_language_form_leads_nowhere_but_to_our_own_addresses(db: None, place: str) -> None:
    answer = Client().post(reverse("set_language"), {"language": "fr", "next": place})
    assert (answer.status_code, answer["Location"]) == (302, "/")


@pytest.mark.parametrize(
    "address",
    ["/customers/{key}/?page=\u00b2", "/colleagues/trail/?end=9999-12-31", "/colleagues/trail/?start=0001-01-01"],
)
def test_strange_numbers_and_days_in_an_address_do_no_harm(
    company: Path, client_of: Callable[[str], Client], address: str
) -> None:
    key = Customer.objects.filter(merged_into=None, erased_at=None).values_list("pk", flat=True)[0]
    assert client_of("administrator").get(address.format(key=key)).status_code == 200
