"""Customers are found by anything that somebody remembers of them, slips included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from saydo.web.accounts.models import Entry
from saydo.web.customers.models import Customer, Found, Person
from saydo.web.plain import digits_of, fold
from saydo.web.search import _distance, find_customers
from saydo.web.trade.models import Order

PEOPLE = {
    "s1": ("Hélène Müller", "helene.muller@example.org", "+41 79 123 45 67", "Genève"),
    "s2": ("Helen Muller-Smith", "hs@example.com", "079 765 43 21", "Zürich"),
    "s3": ("Zoé Łukasiewicz", "zoe@example.org", "+33 6 12 34 56 78", "Lyon"),
    "s4": ("Jean d'Œuvre", "jean@example.org", "0041 22 700 11 22", "Nyon"),
    "s5": ("Anna Li", "li@example.org", "", "Basel"),
    "s6": ("Annabel Lindt", "annabel@example.org", "", "Basel"),
}


@pytest.fixture
def people(company: Any) -> None:
    for key, (name, email, phone, city) in PEOPLE.items():
        Customer.objects.create(customer_id=key, change_id=0)
        Person.objects.create(customer_id=key, name=name, email=email, phone=phone, city=city)


def found(text: str) -> list[str]:
    return [match.customer_id for match in find_customers(text)]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("Hélène Müller", "s1"),
        ("helene muller", "s1"),
        ("MÜLLER HÉLÈNE", "s1"),
        ("lukasiewicz", "s3"),
        ("Łukasiewicz zoe", "s3"),
        ("d'oeuvre", "s4"),
        ("D’Œuvre", "s4"),
        ("helene.muller@example.org", "s1"),
        ("helene.mul", "s1"),
        ("anna li", "s5"),
        ("li", "s5"),
        ("annab", "s6"),
    ],
)
def test_search_finds_by_name_and_mail(people: None, typed: str, first: str) -> None:
    assert found(typed)[:1] == [first]


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("Hélène Mueller", "s1"),
        ("Helene Muler", "s1"),
        ("Heelne Muller", "s1"),
        ("Lukasievicz", "s3"),
        ("Lukaziewic", "s3"),
        ("Anabel Lind", "s6"),
    ],
)
def test_search_forgives_a_slip_or_two(people: None, typed: str, key: str) -> None:
    assert key in found(typed)


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("+41 79 123 45 67", "s1"),
        ("079 123 45 67", "s1"),
        ("0041791234567", "s1"),
        ("+41 (0)79 123.45.67", "s1"),
        ("079/1234567", "s1"),
        ("+41 79 765 43 21", "s2"),
        ("0797654321", "s2"),
        ("06 12 34 56 78", "s3"),
        ("022 700 11 22", "s4"),
        ("22 700 11", "s4"),
    ],
)
def test_search_finds_a_telephone_number_in_any_spelling(people: None, typed: str, key: str) -> None:
    assert found(typed)[:1] == [key]


def test_search_puts_exact_before_begun_before_similar(people: None) -> None:
    for key, name in (("t1", "Marta Lopez"), ("t2", "Marta Lopezza"), ("t3", "Marta Lobez")):
        Customer.objects.create(customer_id=key, change_id=0)
        Person.objects.create(customer_id=key, name=name)
    matches = [(match.customer_id, match.how) for match in find_customers("marta lopez")]
    assert matches == [("t1", "exact"), ("t2", "begins"), ("t3", "similar")]


def test_search_finds_by_order_number_and_by_key(people: None) -> None:
    Order.objects.create(
        order_id="web:A-1001",
        customer_id="s3",
        ordered_at="2025-01-01T00:00Z",
        status="paid",
        currency="EUR",
        change_id=0,
    )
    Customer.objects.create(customer_id="web:77", origin="web", change_id=0)
    match = find_customers("#A-1001")[0]
    assert (match.customer_id, match.how, match.order_id) == ("s3", "order", "web:A-1001")
    assert found("web:A-1001")[:1] == ["s3"]
    assert found("77")[:1] == ["web:77"]
    assert found("s4")[:1] == ["s4"]


def test_search_shows_merged_records_as_one_person(people: None) -> None:
    Customer.objects.filter(pk="s2").update(merged_into="s1")
    assert found("muller") == ["s1"]


@pytest.mark.parametrize(
    "typed", ["", " ", "x", "%%", '"', "___", "' OR 1=1", "*", "a" * 500, "\x00", "NEAR(", "l'", "§§§"]
)
def test_search_survives_anything_typed(people: None, typed: str) -> None:
    assert isinstance(found(typed), list)


def test_search_finds_nobody_for_an_unknown_name(people: None) -> None:
    assert found("Xqwzk Vbnml") == []


def test_search_follows_changes_of_a_person(people: None) -> None:
    person = Person.objects.get(pk="s6")
    person.name = "Berta Neu"
    person.save()
    assert found("annabel lindt") == []
    assert found("berta neu") == ["s6"]
    person.delete()
    assert found("berta neu") == []
    assert not Found.objects.filter(customer_id="s6").exists()


def test_search_knows_people_that_were_written_in_bulk(company: Any) -> None:
    Customer.objects.bulk_create(Customer(customer_id=f"b{n}", change_id=0) for n in range(50))
    Person.objects.bulk_create(Person(customer_id=f"b{n}", name=f"Bülk Person{n}") for n in range(50))
    assert found("bulk person7") == ["b7"]
    Person.objects.filter(customer_id__in=["b7", "b8"]).update(name="Another One")
    assert sorted(found("another one")) == ["b7", "b8"]


@pytest.mark.parametrize(
    ("first", "second", "slips"),
    [
        ("muller", "muller", 0),
        ("muler", "muller", 1),
        ("mulelr", "muller", 1),
        ("mueler", "muller", 1),
        ("muelr", "muller", 2),
        ("abc", "xyz", 3),
    ],
)
def test_distance_counts_letters_and_swaps(first: str, second: str, slips: int) -> None:
    assert _distance(first, second, 2) == min(slips, 3)


@pytest.mark.parametrize(
    "name", [name for name, *_ in PEOPLE.values()] + ["ÀÉÎÕÜ ÇÑ ŠŽ ĄĘŁ ØÅÆ ß", "O’Neil -- (Jr.)", "e\u0301lan"]
)
def test_database_folds_names_as_the_reader_does(company: Any, name: str) -> None:
    Customer.objects.create(customer_id="f", change_id=0)
    Person.objects.create(customer_id="f", name=name, phone="+41 (0)79 12-34")
    parts = [part.strip() for part in Found.objects.get(customer_id="f").plain.split("|")]
    assert (parts[1], parts[3].split()[0]) == (fold(name), digits_of("+41 (0)79 12-34"))


def test_search_page_shows_matches_and_leaves_a_mark_without_the_words(
    people: None, client_of: Callable[[str], Client]
) -> None:
    page = client_of("agent").get("/customers/", {"q": "mueler"}).content.decode()
    assert "Hélène Müller" in page
    assert "These are similar" in page
    entry = Entry.objects.latest("id")
    assert (entry.action, entry.table, entry.details) == ("searched", "customers", {"found": 2})


def test_search_as_one_types_gives_the_list_alone(people: None, client_of: Callable[[str], Client]) -> None:
    page = client_of("adviser").get("/customers/", {"q": "zoe"}, headers={"HX-Request": "true"}).content.decode()
    assert "Łukasiewicz" in page
    assert "<html" not in page


def test_search_of_nobody_says_what_to_try(people: None, client_of: Callable[[str], Client]) -> None:
    page = client_of("agent").get("/customers/", {"q": "<b>qqqq"}).content.decode()
    assert "Nobody fits “&lt;b&gt;qqqq”." in page


@pytest.mark.parametrize("role", ["analyst", "reader"])
def test_search_is_closed_to_those_who_see_no_identity(
    company: Any, client_of: Callable[[str], Client], role: str
) -> None:
    assert client_of(role).get("/customers/").status_code == 403


@pytest.mark.parametrize("typed", ["muller", "mueler", "s1", "079 123 45 67"])
def test_search_asks_as_often_for_three_as_for_one(
    people: None, django_assert_max_num_queries: Any, typed: str
) -> None:
    with django_assert_max_num_queries(16):
        find_customers(typed)
