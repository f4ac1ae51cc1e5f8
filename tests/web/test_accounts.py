"""People come in by invitation, with a password and, where asked for, a second factor."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, hotp_value
from django.core import mail
from django.test import Client
from django.urls import reverse

from saydo.web.accounts import actions
from saydo.web.accounts.models import ApiKey, Company, Entry, User

PASSWORD = "correct horse battery"  # noqa: S105
SECRET = "JBSWY3DPEHPK3PXP"  # noqa: S105
ClientOf = Callable[[str], Client]
UserOf = Callable[[str], User]


def log_in(client: Client, email: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post(reverse("account_login"), {"login": email, "password": password, **more})


def words(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def code_of(secret: str) -> str:
    return f"{hotp_value(secret, int(time.time()) // 30):06}"


def test_login_page_names_the_company_and_speaks_both_languages(db: None) -> None:
    Company.objects.update_or_create(id=1, defaults={"name": "Ferry & Sons"})
    client = Client()
    assert "Log in to Ferry &amp; Sons" in client.get(reverse("account_login")).content.decode()
    answer = client.post(reverse("set_language"), {"language": "fr", "next": "/account/login/?next=/colleagues/me/"})
    assert (answer.status_code, answer["Location"]) == (302, "/account/login/?next=/colleagues/me/")
    page = client.get(reverse("account_login"))
    assert page["Content-Language"] == "fr"
    assert '<html lang="fr">' in page.content.decode()
    assert "Mot de passe" in page.content.decode()


def test_login_brings_in_and_stands_in_the_trail(user_of: UserOf) -> None:
    user = user_of("agent")
    answer = log_in(Client(), user.email, next="/colleagues/me/")
    assert (answer.status_code, answer["Location"]) == (302, "/colleagues/me/")
    assert list(Entry.objects.filter(by=user).values_list("action", "key")) == [("logged in", str(user.pk))]


def test_five_wrong_passwords_lock_the_address_for_the_right_one_too(user_of: UserOf) -> None:
    user, client = user_of("agent"), Client()
    for _ in range(5):
        assert "not correct" in words(log_in(client, user.email, "wrong wrong wrong"))
    assert "Too many failed" in words(log_in(Client(REMOTE_ADDR="10.9.8.7"), user.email))
    assert Entry.objects.filter(action="log-in failed", key=str(user.pk)).count() == 5
    other = user_of("reader")
    assert log_in(client, other.email).status_code == 302


def test_lock_out_is_known_to_every_process(user_of: UserOf) -> None:
    from django.core.cache import cache
    from django.db import connection

    cache.set("known", "everywhere")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM cache WHERE cache_key LIKE %s", ["%known"])
        assert cursor.fetchone()[0] == 1


def test_login_with_a_second_factor_asks_for_its_code(user_of: UserOf) -> None:
    user, client = user_of("agent"), Client()
    TOTP.activate(user, SECRET)
    answer = log_in(client, user.email)
    assert answer["Location"].startswith(reverse("mfa_authenticate"))
    assert client.get(reverse("me")).status_code == 302
    assert "Incorrect code" in words(client.post(answer["Location"], {"code": "000000"}))
    assert client.post(answer["Location"], {"code": code_of(SECRET)}).status_code == 302
    assert client.get(reverse("me")).status_code == 200


def test_five_wrong_codes_lock_the_second_factor(user_of: UserOf) -> None:
    user, client = user_of("agent"), Client()
    TOTP.activate(user, SECRET)
    place = log_in(client, user.email)["Location"]
    for _ in range(5):
        assert "Incorrect code" in words(client.post(place, {"code": "000000"}))
    answer = client.post(place, {"code": code_of(SECRET)})
    assert (answer.status_code, "Too many failed" in words(answer)) == (200, True)


def test_second_factor_is_set_up_by_hand_and_gives_recovery_codes(user_of: UserOf) -> None:
    user, client = user_of("agent"), Client()
    log_in(client, user.email)
    page = to_activation(client)
    secret = re.findall(r'class="secret">(\w+)<', page.content.decode())[0]
    assert "data:image/svg+xml" in page.content.decode()
    answer = client.post(reverse("mfa_activate_totp"), {"code": code_of(secret)}, follow=True)
    assert len(re.findall(r"<li><code>\d{8}</code>", answer.content.decode())) == 10


def test_company_that_asks_for_a_second_factor_leads_there(client_of: ClientOf, user_of: UserOf) -> None:
    Company.objects.update_or_create(id=1, defaults={"asks_second_factor": True})
    client = client_of("agent")
    answer = client.get(reverse("me"))
    assert (answer.status_code, answer["Location"]) == (302, reverse("mfa_activate_totp"))
    assert "asks everybody for a second factor" in words(to_activation(client))
    TOTP.activate(user_of("agent"), SECRET)
    assert client.get(reverse("me")).status_code == 200
    client.post(reverse("mfa_deactivate_totp"))
    assert Authenticator.objects.filter(user=user_of("agent")).count() == 1


def to_activation(client: Client) -> Any:
    """The page that sets a second factor up, which asks for the password once more."""
    place = client.get(reverse("mfa_activate_totp"))["Location"]
    assert "Type your password once more" in words(client.get(place))
    return client.post(place, {"password": PASSWORD}, follow=True)


def test_forgotten_password_is_set_by_mail_once(user_of: UserOf) -> None:
    user, client = user_of("agent"), Client()
    client.post(reverse("account_reset_password"), {"email": user.email})
    client.post(reverse("account_reset_password"), {"email": "nobody@example.org"})
    assert [letter.to for letter in mail.outbox] == [[user.email]]
    link = re.findall(r"http://testserver(\S+)", str(mail.outbox[0].body))[0]
    form = client.get(link, follow=True)
    place = form.redirect_chain[-1][0]
    assert "too short" in words(client.post(place, {"password1": "short", "password2": "short"}))
    new = "four little words here"
    client.post(place, {"password1": new, "password2": new})
    assert log_in(Client(), user.email, new).status_code == 302
    assert "works no longer" in words(Client().get(link, follow=True))


def test_changed_password_ends_the_other_sessions(user_of: UserOf) -> None:
    user, here, elsewhere = user_of("agent"), Client(), Client()
    log_in(here, user.email)
    log_in(elsewhere, user.email)
    new = "four little words here"
    asked = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert here.post(reverse("account_change_password"), asked).status_code == 302
    assert [(letter.subject, letter.to) for letter in mail.outbox] == [("Your password was changed", [user.email])]
    assert (here.get(reverse("me")).status_code, elsewhere.get(reverse("me")).status_code) == (200, 302)


def test_invitation_gives_a_link_that_brings_somebody_in(client_of: ClientOf) -> None:
    asked = {"email": "New.Person@example.org", "name": "Noor", "role": "agent"}
    page = client_of("administrator").post(reverse("invite"), asked)
    assert "Give Noor this link" in words(page)
    link = re.findall(r'class="once">http://testserver([^<]+)<', page.content.decode())[0]
    client = Client()
    place = client.get(link, follow=True).redirect_chain[-1][0]
    client.post(place, {"password1": PASSWORD, "password2": PASSWORD})
    assert log_in(client, "new.person@example.org").status_code == 302
    assert User.objects.get(name="Noor").role == "agent"
    again = client_of("administrator").post(reverse("invite"), asked)
    assert "Somebody with this address works here already." in words(again)
    assert 'value="New.Person@example.org"' in again.content.decode()


def test_invitation_goes_by_mail_where_mail_is_set_up(client_of: ClientOf, settings: Any) -> None:
    settings.SENDS_MAIL = True
    page = client_of("administrator").post(reverse("invite"), {"email": "x@example.org", "name": "", "role": "reader"})
    assert "A letter is on its way" in words(page)
    assert "/account/password/reset/key/" not in page.content.decode()
    assert "/account/password/reset/key/" in str(mail.outbox[0].body)


def test_closed_account_loses_sessions_and_keys_at_once(client_of: ClientOf, user_of: UserOf) -> None:
    leaving = user_of("manager")
    session = client_of("manager")
    _, whole = ApiKey.make(name="shop", rights=["see_figures"], by=leaving, days=30)
    assert ApiKey.find(whole) is not None
    client_of("administrator").post(reverse("colleague", args=[leaving.pk]), {"do": "close"})
    assert session.get(reverse("me")).status_code == 302
    assert ApiKey.find(whole) is None
    assert "closed" in words(log_in(Client(), leaving.email)) or log_in(Client(), leaving.email).status_code == 302
    client_of("administrator").post(reverse("colleague", args=[leaving.pk]), {"do": "open"})
    assert session.get(reverse("me")).status_code == 302
    assert ApiKey.find(whole) is None


def test_last_administrator_stays(client_of: ClientOf, user_of: UserOf) -> None:
    last = user_of("administrator")
    client = client_of("administrator")
    for wish in ({"do": "close"}, {"role": "agent"}):
        answer = client.post(reverse("colleague", args=[last.pk]), wish)
        assert answer.status_code == 400
        assert "is the last administrator who can log in" in words(answer)
    second = User.objects.create_user("second@example.org", PASSWORD, "administrator")
    actions.change_role(colleague=last, role="agent")
    assert list(User.objects.filter(role="administrator")) == [second]


def test_lost_telephone_is_taken_off(client_of: ClientOf, user_of: UserOf) -> None:
    user = user_of("agent")
    TOTP.activate(user, SECRET)
    client_of("administrator").post(reverse("colleague", args=[user.pk]), {"do": "factor"})
    assert Authenticator.objects.filter(user=user).count() == 0


def test_role_that_is_taken_away_ends_the_sessions_it_had(client_of: ClientOf, user_of: UserOf) -> None:
    manager, administrator = client_of("manager"), client_of("administrator")
    place = reverse("colleague", args=[user_of("manager").pk])
    administrator.post(place, {"role": "manager"})
    assert manager.get(reverse("me")).status_code == 200
    administrator.post(place, {"role": "reader"})
    assert manager.get(reverse("me")).status_code == 302


def test_second_factor_that_is_reset_ends_sessions(client_of: ClientOf, user_of: UserOf) -> None:
    Company.objects.update_or_create(id=1, defaults={"asks_second_factor": True})
    user, client = user_of("agent"), client_of("agent")
    for one in (user, user_of("administrator")):
        TOTP.activate(one, SECRET)
    assert client.get(reverse("me")).status_code == 200
    client_of("administrator").post(reverse("colleague", args=[user.pk]), {"do": "factor"})
    assert reverse("account_login") in client.get(reverse("me"))["Location"]


@pytest.mark.django_db(transaction=True)
def test_second_factor_set_up_here_or_taken_off_ends_sessions_that_never_showed_it(user_of: UserOf) -> None:
    user, here, elsewhere = user_of("agent"), Client(), Client()
    log_in(here, user.email)
    log_in(elsewhere, user.email)
    secret = re.findall(r'class="secret">(\w+)<', to_activation(here).content.decode())[0]
    here.post(reverse("mfa_activate_totp"), {"code": code_of(secret)})
    assert (here.get(reverse("me")).status_code, elsewhere.get(reverse("me")).status_code) == (200, 302)
    user.refresh_from_db()
    elsewhere.force_login(user)
    here.post(reverse("mfa_deactivate_totp"))
    assert (here.get(reverse("me")).status_code, elsewhere.get(reverse("me")).status_code) == (200, 302)
    assert "has_factor" not in here.session


def test_my_settings_change_my_language_at_once(client_of: ClientOf, user_of: UserOf) -> None:
    client = client_of("reader")
    page = client.post(reverse("me"), {"name": "Ada", "language": "fr"}, follow=True)
    assert '<html lang="fr">' in page.content.decode()
    user = User.objects.get(role="reader")
    assert (user.name, user.language) == ("Ada", "fr")


def test_leaving_elsewhere_keeps_this_session(user_of: UserOf) -> None:
    user, here, elsewhere = user_of("agent"), Client(), Client()
    log_in(here, user.email)
    log_in(elsewhere, user.email)
    here.post(reverse("leave_elsewhere"))
    assert (here.get(reverse("me")).status_code, elsewhere.get(reverse("me")).status_code) == (200, 302)


def test_company_settings_are_kept(client_of: ClientOf) -> None:
    asked = {"name": "Ferry", "zone": "Europe/Paris", "currency": "EUR", "asks_second_factor": ""}
    answer = client_of("administrator").post(reverse("company"), asked, follow=True)
    assert "Ferry counts its days in Europe/Paris" in words(answer)
    assert Company.here().currency == "EUR"


@pytest.mark.parametrize("more", [0, 2])
def test_colleagues_are_listed_without_a_query_per_row(client_of: ClientOf, more: int) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for place in range(more):
        User.objects.create_user(f"u{place}@example.org", PASSWORD, "agent")
    client = client_of("administrator")
    with CaptureQueriesContext(connection) as queries:
        page = client.get(reverse("colleagues"))
    assert len(queries) <= 9
    assert "erase a person" in words(page)


def test_command_makes_a_user_and_refuses_what_cannot_be(db: None) -> None:
    from saydo.errors import BadAddress, SaydoError, UnknownRole, WeakPassword

    wrong: list[tuple[type[SaydoError], dict[str, str]]] = [
        (UnknownRole, {"role": "king"}),
        (BadAddress, {"email": "ada"}),
        (WeakPassword, {"password": "short"}),
    ]
    right = {"email": "Ada@example.org", "role": "administrator", "name": "Ada", "password": PASSWORD}
    for kind, values in wrong:
        with pytest.raises(kind):
            actions.put_user(**{**right, **values})
    assert User.objects.count() == 0
    user = actions.put_user(**right)
    assert (user.email, user.check_password(PASSWORD)) == ("ada@example.org", True)
    actions.close_account(colleague=User.objects.create_user("b@example.org", PASSWORD, "agent"))
    assert actions.put_user(**{**right, "email": "b@example.org", "role": "reader"}).is_active
