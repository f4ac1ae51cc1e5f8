"""Seconds at the server of what somebody waits for who has a customer on the telephone.

python -m benchmarks.bench_desk [PEOPLE]

Runs on the database that DATABASE_URL names, which it fills and should be an empty one (a million people), or on an
SQLite file of its own (100,000).
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import quote

from benchmarks.company import ROOT
from benchmarks.publish import PAGE, Part, publish

_FIRST = """Anna Marie Jean Pierre Luc Hélène Zoé François Jürgen Sofia Léa Hugo Emma Louis Alice Jules Chloé Gabriel
Inès Arthur Manon Paul Camille Noah Sarah Adam Eva Nathan Julie Thomas Laura Nicolas Élodie Antoine Céline Maxime
Émilie Alexandre Nathalie Olivier Isabelle Philippe Sylvie Laurent Valérie Christophe Sandrine Éric Véronique David
Björn Åsa Søren Małgorzata Łukasz Paweł Zsófia Márton Günther Heidi"""
_STARTS = """Ba Be Bo Bru Ca Char Cor Da De Du Fa Fer Fa Ga Ger Gi Hu Ja Jo La Le Lam Ma Mar Mer Mo Mul Na Ni Pa Per Pi
Re Ro Sa Sche Schnei Si Ta Tho Va Vin Wa We Zim"""
_MIDDLES = (
    "ba ber bi cha co da de di do fa ge go la le li lo ma me mi mo na ne ni no pe ra re ri ro sa si so ta te ti to va"
)
_ENDS = (
    "ard aud ault eau el elle er et ez ier in lin mann ner non on oux quet rand rel ret ron sen set ski tin ton tz vel"
)
_BATCH = 20_000
_WITH_DEEDS = 20_000
_ABOUT = f"""\
Milliseconds at the server until the matches are found or the page is finished (all of Django, no network), one request
at a time. Names, addresses and numbers are drawn: some 50,000 surnames of which some are very common; the first
{_WITH_DEEDS:,} people have about ten happenings each. The aim is 100 ms for 95 of 100."""
_HEADER = ("Page", "Median", "95 of 100", "Longest")


def main(people: int | None = None, rounds: int = 200, page: Path | None = PAGE) -> Part:
    """Fill the database if it is empty, ask each kind of question ``rounds`` times, and publish."""
    _start_django()
    from django.db import connection

    is_postgres = connection.vendor == "postgresql"
    people = people or (1_000_000 if is_postgres else 100_000)
    fill(people)
    rows = [_describe(name, _time(ask, rounds)) for name, ask in _questions(people).items()]
    where = "PostgreSQL" if is_postgres else "SQLite"
    name = f"desk-{connection.vendor}"
    part = Part(name, f"A customer found and seen: {people:,} people on {where}", _ABOUT, _HEADER, rows, ("django",))
    publish(part, page)
    return part


def _start_django() -> None:
    os.environ.setdefault("SAYDO_HOME", str(ROOT / "desk"))
    from saydo.web.commands import start_django

    start_django()


# People


def draw_people(count: int, seed: int = 1) -> Iterator[tuple[str, str, str, str]]:
    """Key, name, e-mail address and telephone number of so many people, always the same."""
    chance = random.Random(seed)  # noqa: S311  nothing here is secret
    first_names = _FIRST.split()
    surnames = list(dict.fromkeys(_draw_surname(chance) for _ in range(80_000)))
    for number in range(count):
        first = chance.choice(first_names)
        last = surnames[int(len(surnames) * chance.random() ** 3)]  # some are common, most are rare
        mail = f"{first}.{last}{number}@example.org".lower()
        phone = f"+41 {chance.randint(76, 79)} {chance.randint(100, 999)} {number % 100:02} {number // 100 % 100:02}"
        yield f"C{number:08}", f"{first} {last}", mail, phone if number % 2 else phone.replace("+41 ", "0")


def _draw_surname(chance: random.Random) -> str:
    middle = "".join(chance.choice(_MIDDLES.split()) for _ in range(chance.choice((0, 1, 1, 2))))
    return chance.choice(_STARTS.split()) + middle + chance.choice(_ENDS.split())


def fill(people: int) -> None:
    """Write the people and what happened with each of them, unless they are there."""
    from saydo.web.customers.models import Customer

    if Customer.objects.count() >= people:
        return
    batch: list[tuple[str, str, str, str]] = []
    for person in draw_people(people):
        batch.append(person)
        if len(batch) == _BATCH:
            _write(batch)
            batch = []
    _write(batch)
    _settle()


def _write(people: Sequence[tuple[str, str, str, str]]) -> None:
    from django.db import transaction

    from saydo.web.customers.models import Customer, Person

    with transaction.atomic():
        Customer.objects.bulk_create(Customer(customer_id=key, change_id=0) for key, *_ in people)
        Person.objects.bulk_create(Person(customer_id=k, name=n, email=e, phone=p) for k, n, e, p in people)
        for model, rows in _happened([key for key, *_ in people if key < f"C{_WITH_DEEDS:08}"]):
            model.objects.bulk_create(rows)


def _happened(keys: Sequence[str]) -> Iterator[tuple[type[Any], list[Any]]]:
    """What each customer did and heard: orders with lines and a promise, an invitation, an answer, contacts."""
    from saydo.web.care.models import Contact
    from saydo.web.promises.models import Commitment
    from saydo.web.trade.models import Order, OrderLine
    from saydo.web.voice.models import Feedback, Invitation

    def rows(model: type[Any], times: int, make: Callable[[str, int, datetime], dict[str, Any]]) -> Any:
        made = []
        for place, key in enumerate(keys):
            for turn in range(times):
                at = _START + timedelta(days=place % 300 + 30 * turn, seconds=place)
                made.append(model(change_id=0, **make(key, turn, at)))
        return model, made

    yield rows(Order, 2, lambda key, turn, at: _mine(key, order_id=f"O{key}{turn}", ordered_at=at) | _PAID)
    yield rows(OrderLine, 4, lambda key, turn, _: {"order_id": f"O{key}{turn % 2}", "line": turn // 2} | _SOLD)
    yield rows(
        Commitment,
        2,
        lambda key, turn, at: (
            _mine(key, commitment_id=f"P{key}{turn}", order_id=f"O{key}{turn}", made_at=at)
            | {"due_at": at + timedelta(days=3), "fulfilled_at": at + timedelta(days=2 + turn * 2)}
            | {"promise_id": "delivery", "seen_by": "system"}
        ),
    )
    yield rows(Invitation, 1, lambda key, _, at: _mine(key, invitation_id=f"I{key}", sent_at=at))
    yield rows(Feedback, 1, lambda key, _, at: _mine(key, feedback_id=f"F{key}", said_at=at) | _PROMOTER)
    yield rows(Contact, 2, lambda key, turn, at: _mine(key, contact_id=f"N{key}{turn}", at=at, direction="in"))


_START = datetime(2025, 1, 1, tzinfo=UTC)
_PAID = {"status": "paid", "currency": "EUR"}
_SOLD = {"kind": "product", "quantity": 1, "unit_price": 20, "unit_cost": 12}
_PROMOTER = {"source": "survey", "question": "nps", "score": 9, "scale_min": 0, "scale_max": 10}


def _mine(key: str, **columns: object) -> dict[str, Any]:
    return {"customer_id": key, **columns}


def _settle() -> None:
    """What the database does by itself within minutes of a load: statistics, and the index brought in order."""
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")
        else:
            cursor.execute("INSERT INTO found_index (found_index) VALUES ('optimize')")
            cursor.execute("ANALYZE")


# Questions


def _questions(people: int) -> dict[str, Callable[[], object]]:
    """By name, what asks a question of that kind once more."""
    from saydo.web.search import find_customers

    known, client = list(draw_people(min(people, _WITH_DEEDS))), _log_in()
    chance = random.Random(2)  # noqa: S311  nothing here is secret

    def find(part: Callable[[tuple[str, str, str, str]], str]) -> Callable[[], object]:
        return lambda: find_customers(part(chance.choice(known)))

    def page(address: Callable[[], str]) -> Callable[[], object]:
        return lambda: _get(client, address())

    return {
        "Search: whole name": find(lambda one: one[1]),
        "Search: surname": find(lambda one: one[1].split()[1]),
        "Search: three letters of a surname": find(lambda one: one[1].split()[1][:3]),
        "Search: two letters of a name": find(lambda one: one[1][:2]),
        "Search: name but for three letters": find(lambda one: one[1][:-3]),
        "Search: misspelt name": find(lambda one: misspell(one[1], chance)),
        "Search: misspelt surname": find(lambda one: misspell(one[1].split()[1], chance)),
        "Search: e-mail address": find(lambda one: one[2]),
        "Search: telephone number": find(lambda one: one[3]),
        "Search: order number": find(lambda one: f"O{one[0]}1"),
        "Search: nobody": find(lambda _: "Xqwzk Vbnml"),
        "Page: search": page(lambda: f"/customers/?q={quote(chance.choice(known)[1])}"),
        "Page: customer with timeline": page(lambda: f"/customers/{chance.choice(known)[0]}/"),
        "Page: records to merge": page(lambda: "/customers/merge/"),
        "Page: commitments of a promise": page(lambda: f"/promises/delivery/?page={chance.randint(1, 20)}"),
        "Page: broken ones of them": page(lambda: f"/promises/delivery/?state=broken&page={chance.randint(1, 20)}"),
    }


def _log_in() -> Any:
    from django.test import Client

    from saydo.web.accounts.models import User
    from saydo.web.promises.models import Promise

    Promise.objects.get_or_create(promise="delivery", defaults={"statement": "Here in three days", "change_id": 0})
    email = "bench@example.org"
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.filter(email=email).first() or User.objects.create_user(email, role="manager"))
    return client


def _get(client: Any, address: str) -> None:
    response = client.get(address)
    if response.status_code != HTTPStatus.OK:
        raise RuntimeError(f"{address}: {response.status_code}")


def misspell(name: str, chance: random.Random) -> str:
    """One letter left out, doubled, swapped with its neighbour or replaced, not the first of a word."""
    place = chance.randrange(len(name) - 3, len(name) - 1) if len(name) < 7 else chance.randrange(4, len(name) - 1)
    way = chance.randrange(4)
    if way == 0:
        return name[:place] + name[place + 1 :]
    if way == 1:
        return name[:place] + name[place] + name[place:]
    if way == 2:
        return name[:place] + name[place + 1] + name[place] + name[place + 2 :]
    return name[:place] + chance.choice("aeioulnrst") + name[place + 1 :]


def _time(ask: Callable[[], object], rounds: int) -> list[float]:
    times = []
    for _ in range(rounds + 3):
        start = time.perf_counter()
        ask()
        times.append(1000 * (time.perf_counter() - start))
    return times[3:]  # the first ones open what stays open


def _describe(name: str, times: Sequence[float]) -> tuple[str, ...]:
    cuts = quantiles(times, n=20, method="inclusive")
    return name, f"{cuts[9]:.1f}", f"{cuts[18]:.1f}", f"{max(times):.1f}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
