"""Keys for programs: shown once, never more rights than their maker has, gone when revoked or ended."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from saydo.web.accounts.models import ApiKey, Entry, User

ClientOf = Callable[[str], Client]
UserOf = Callable[[str], User]


def test_key_is_shown_once_and_kept_as_a_digest(client_of: ClientOf) -> None:
    client = client_of("administrator")
    page = client.post(reverse("keys"), {"name": "shop", "rights": ["load_data", "see_figures"], "days": "90"})
    whole = re.findall(r'id="new-key">([^<]+)<', page.content.decode())[0]
    key = ApiKey.objects.get()
    assert (key.name, key.rights, (key.ends_at - key.made_at + timedelta(minutes=1)).days) == (
        "shop",
        ["load_data", "see_figures"],
        90,
    )
    found = ApiKey.find(whole)
    assert found == key
    secret = whole.partition(".")[2]
    assert secret not in client.get(reverse("keys")).content.decode()
    assert secret not in "".join(str(value) for value in ApiKey.objects.values_list()[0])
    entry = Entry.objects.get(action="made a key")
    assert (entry.key, secret in str(entry.details)) == (key.public, False)


def test_key_that_was_revoked_or_has_ended_or_is_misspelt_brings_nobody_in(
    client_of: ClientOf, user_of: UserOf
) -> None:
    key, whole = ApiKey.make(name="shop", rights=["see_figures"], by=user_of("administrator"), days=30)
    assert ApiKey.find(whole) == key
    assert [ApiKey.find(bad) for bad in (whole[:-1], whole + "x", "", ".", key.public, f"sk_none.{whole}")] == [
        None
    ] * 6
    ApiKey.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    assert ApiKey.find(whole) is None
    ApiKey.objects.update(ends_at=timezone.now() + timedelta(days=1))
    client_of("administrator").post(reverse("revoke_key", args=[key.public]))
    assert ApiKey.find(whole) is None


def test_key_never_has_more_rights_than_its_maker(user_of: UserOf) -> None:
    manager = user_of("manager")
    key, _ = ApiKey.make(name="shop", rights=["erase_people", "load_data"], by=manager, days=30)
    assert key.rights == ["load_data"]
    manager.role = "reader"
    manager.save()
    key.refresh_from_db()
    assert (key.may("load_data"), key.may("see_figures")) == (False, False)


def test_key_form_says_what_is_missing_and_keeps_what_was_typed(client_of: ClientOf) -> None:
    page = client_of("administrator").post(reverse("keys"), {"name": "shop", "days": "90"}).content.decode()
    assert page.count('class="errorlist"') == 1
    assert 'value="shop"' in page
    assert ApiKey.objects.count() == 0
