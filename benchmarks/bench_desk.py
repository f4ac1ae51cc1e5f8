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
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import quote

from benchmarks.company import ROOT
from benchmarks.desk_company import draw_people, fill
from benchmarks.publish import PAGE, Part, publish

_ABOUT = """\
Milliseconds at the server until the matches are found or the page is finished (all of Django, no network), one request
at a time. Names, addresses and numbers are drawn: some 50,000 surnames of which some are very common. Everybody has
five orders of two lines, each with a promise, an invitation, an answer and a contact. The aim is 100 ms for 95 of 100.
A figure is *cold* when nobody has asked for it since the facts changed: the time until it stands on the page, computing
included, for which the aim is 3 s."""
_HEADER = ("Page", "Median", "95 of 100", "Longest")


def main(people: int | None = None, rounds: int = 200, page: Path | None = PAGE, measures: Sequence[str] = ()) -> Part:
    """Fill the database if it is empty, ask each kind of question ``rounds`` times, and publish.

    ``measures`` are the figures to ask for: all if none is named.
    """
    _start_django()
    from django.db import connection

    from saydo.measures import MEASURES

    is_postgres = connection.vendor == "postgresql"
    people = people or (1_000_000 if is_postgres else 100_000)
    fill(people)
    client = _log_in()
    rows = [_describe(name, _time(ask, rounds)) for name, ask in _questions(people, client).items()]
    for name in _figures(client, measures or list(MEASURES)):
        ask = partial(_get_figure, client, f"/figures/{name}/")
        cold = [_time_once(ask, is_cold=True) for _ in range(min(3, rounds))]
        rows += [_describe(f"Figure: {name}, cold", cold), _describe(f"Figure: {name}", _time(ask, rounds))]
    where = "PostgreSQL" if is_postgres else "SQLite"
    name = f"desk-{connection.vendor}"
    part = Part(name, f"A customer found and seen: {people:,} people on {where}", _ABOUT, _HEADER, rows, ("django",))
    publish(part, page)
    return part


def _start_django() -> None:
    database = os.environ.get("DATABASE_URL", "sqlite").partition(":")[0]
    os.environ.setdefault("SAYDO_HOME", str(ROOT / f"desk-{database}"))
    from saydo.web.commands import start_django

    start_django()


# Questions


def _questions(people: int, client: Any) -> dict[str, Callable[[], object]]:
    """By name, what asks a question of that kind once more."""
    from saydo.web.search import find_customers

    known = list(draw_people(people))
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
        "Page: withdrawn ones of them": page(lambda: "/promises/delivery/?state=withdrawn"),
        "Page: commitments, far back": page(lambda: f"/promises/delivery/?page={chance.randint(500, 1000)}"),
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


def _get(client: Any, address: str) -> str:
    response = client.get(address)
    if response.status_code != HTTPStatus.OK:
        raise _Refused(f"{address}: {response.status_code}")
    return str(response.content)


def _figures(client: Any, measures: Sequence[str]) -> list[str]:
    """The measures that can be taken of this company; the page of another says in words what is missing."""
    found = []
    for name in measures:
        with suppress(_Refused):
            _get_figure(client, f"/figures/{name}/")
            found.append(name)
    return found


class _Refused(Exception):
    """A page that was not given."""


def _get_figure(client: Any, address: str) -> None:
    """The page with the figure on it; meanwhile it asks to be fetched again, as a browser does."""
    while "load delay" in _get(client, address):
        time.sleep(0.02)


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
    return [_time_once(ask) for _ in range(rounds + 3)][3:]  # the first ones open what stays open


def _time_once(ask: Callable[[], object], *, is_cold: bool = False) -> float:
    from saydo.web import answers, feed

    if is_cold:
        answers.forget()
        feed._open.cache_clear()  # nor are the rows there that a figure held
    start = time.perf_counter()
    ask()
    return 1000 * (time.perf_counter() - start)


def _describe(name: str, times: Sequence[float]) -> tuple[str, ...]:
    cuts = quantiles(times, n=20, method="inclusive")
    return name, f"{cuts[9]:.1f}", f"{cuts[18]:.1f}", f"{max(times):.1f}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
