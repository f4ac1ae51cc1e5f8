"""The company of `benchmarks.bench_desk`: people with names, and what happened with each of them, in the database.

The first 20,000 people are written as the application writes them. What happened with the others is a copy of what
happened with these, under their own keys, made by the database: ten million lines take minutes, not an hour.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

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
BLOCK = 20_000  # people written at a time, and those whose happenings the others copy
_ORDERS = 5
_DIGITS = {"postgresql": "to_char({}, 'FM00000000')", "sqlite": "printf('%%08d', {})"}


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
    """Write the people and what happened with each of them, and the copy for measures, unless they are there."""
    from saydo.web.customers.models import Customer
    from saydo.web.feed import version
    from saydo.web.trade.models import Order

    done = Order.objects.filter(order_id=f"OC{people - 1:08}0").exists()
    if done and version():  # the feed is filled last
        return
    if Customer.objects.filter(customer_id=f"C{0:08}").exists():
        raise RuntimeError("An earlier run ended before all was there: remove the database and SAYDO_HOME.")
    batch: list[tuple[str, str, str, str]] = []
    for person in draw_people(people):
        batch.append(person)
        if len(batch) == BLOCK:
            _write(batch)
            batch = []
    _write(batch)
    for block in range(1, -(-people // BLOCK)):
        _copy(block, people)
    _settle()
    _feed()


def _feed() -> None:
    """The copy that measures are made from."""
    from django.db import transaction

    from saydo.web import feed
    from saydo.web.customers.models import Customer
    from saydo.web.outbox import tell

    with transaction.atomic():
        tell("written", Customer.table)
        for model, _ in _happened([]):
            tell("written", model.table)
    feed.refresh()


def _write(people: Sequence[tuple[str, str, str, str]]) -> None:
    from django.db import transaction

    from saydo.web.customers.models import Customer, Person

    with transaction.atomic():
        Customer.objects.bulk_create(Customer(customer_id=key, change_id=0) for key, *_ in people)
        Person.objects.bulk_create(Person(customer_id=k, name=n, email=e, phone=p) for k, n, e, p in people)
        for model, rows in _happened([key for key, *_ in people if key < f"C{BLOCK:08}"]):
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

    def draw(key: str, *choices: int) -> int:  # by the key, so that every run draws the same
        return choices[int(key[1:]) % len(choices)]

    yield rows(Order, _ORDERS, lambda key, turn, at: _mine(key, order_id=f"O{key}{turn}", ordered_at=at) | _PAID)
    yield rows(
        OrderLine,
        2 * _ORDERS,
        lambda key, turn, _: (
            {"order_id": f"O{key}{turn // 2}", "line": turn % 2, "unit_price": draw(key, *range(15, 150, 7))} | _SOLD
        ),
    )
    yield rows(
        Commitment,
        _ORDERS,
        lambda key, turn, at: (
            _mine(key, commitment_id=f"P{key}{turn}", order_id=f"O{key}{turn}", made_at=at)
            | {"due_at": at + timedelta(days=3), "fulfilled_at": at + timedelta(days=2 + turn % 2 * 2)}
            | {"promise_id": "delivery", "seen_by": "system"}
        ),
    )
    yield rows(Invitation, 1, lambda key, _, at: _mine(key, invitation_id=f"I{key}", sent_at=at))
    yield rows(
        Feedback,
        1,
        lambda key, _, at: _mine(key, feedback_id=f"F{key}", said_at=at, score=draw(key, *_SCORES)) | _ASKED,
    )
    yield rows(Contact, 1, lambda key, turn, at: _mine(key, contact_id=f"N{key}{turn}", at=at, direction="in"))


def _copy(block: int, people: int) -> None:
    """What happened with the first people, for those of a later block: keys hold the number of a person."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        for model, _ in _happened([]):
            columns = [field.column for field in model._meta.concrete_fields]
            keys = {name: 2 if name == "customer_id" else 3 for name in columns if name in _KEYS}
            values = [_shift(name, keys[name], block, connection.vendor) if name in keys else name for name in columns]
            own, letters = ("customer_id", "C") if "customer_id" in columns else ("order_id", "OC")
            cursor.execute(
                f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) SELECT {', '.join(values)} "
                f"FROM {model._meta.db_table} WHERE {own} >= %s AND {own} < %s",
                [f"{letters}{0:08}", f"{letters}{min(BLOCK, people - block * BLOCK):08}"],
            )


_KEYS = ("customer_id", "order_id", "commitment_id", "invitation_id", "feedback_id", "contact_id")


def _shift(column: str, start: int, block: int, vendor: str) -> str:
    """A key with the number of a person, from the place ``start`` on, raised by so many blocks."""
    number = f"CAST(substr({column}, {start}, 8) AS integer) + {block * BLOCK}"
    return f"substr({column}, 1, {start - 1}) || {_DIGITS[vendor].format(number)} || substr({column}, {start + 8})"


_START = datetime(2025, 1, 1, tzinfo=UTC)
_PAID = {"status": "paid", "currency": "EUR"}
_SOLD = {"kind": "product", "quantity": 1, "unit_cost": 12}
_ASKED = {"source": "survey", "question": "nps", "scale_min": 0, "scale_max": 10}
_SCORES = (10, 9, 8, 10, 9, 7, 10, 6, 9, 8, 3, 10, 9)


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
