"""Rows per second that programs can send in, beside a bare insert of the same rows into the same table.

python -m benchmarks.bench_intake

Runs on the database that DATABASE_URL names (it only adds rows), or on an SQLite file of its own.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.company import ROOT
from benchmarks.publish import PAGE, Part, publish

_ABOUT = """\
Order lines as JSON through the whole of Django (no network), one sender: the key is found, each row is read and judged
by the very checks that files meet, written by its key with its change, and committed before the answer. *Bare* inserts
the same rows, unread and unchecked, into the same table with its indexes ({bare}), committed per batch. The ratio is to
bare with batches of the same size. A batch costs a fixed time whatever its size: send few large ones."""
_HEADER = ("Batch", "Saydo, rows per second", "Bare, rows per second", "Ratio", "Saydo, ms per batch")
_numbers = count()
Rows = list[dict[str, Any]]


def main(sizes: tuple[int, ...] = (1, 100, 1000, 5000), rounds: int = 6, page: Path | None = PAGE) -> Part:
    """Send batches of each size in turn with bare inserts; gives what was published."""
    _start_django()
    from django.db import connection

    send = _make_sender()
    rows = [_race(size, send, rounds) for size in sizes]
    is_postgres = connection.vendor == "postgresql"
    where, bare = ("PostgreSQL", "COPY") if is_postgres else ("SQLite", "executemany")
    title = f"Facts in by programs on {where}"
    part = Part(f"intake-{connection.vendor}", title, _ABOUT.format(bare=bare), _HEADER, rows, ("django", "duckdb"))
    publish(part, page)
    return part


def _start_django() -> None:
    os.environ.setdefault("SAYDO_HOME", str(ROOT / "intake"))
    from saydo.web.commands import start_django

    start_django()


def _race(size: int, send: Callable[[Rows], None], rounds: int) -> tuple[str, ...]:
    send(_draw(size))  # the first of a process is slower
    seconds = {"saydo": 0.0, "bare": 0.0}
    for _ in range(rounds):
        for name, do in (("saydo", send), ("bare", insert)):
            rows = _draw(size)
            begun = time.perf_counter()
            do(rows)
            seconds[name] += time.perf_counter() - begun
    each = {name: size * rounds / spent for name, spent in seconds.items()}
    return (
        f"{size:,}",
        f"{each['saydo']:,.0f}",
        f"{each['bare']:,.0f}",
        f"{each['saydo'] / each['bare']:.2f}",
        f"{1000 * seconds['saydo'] / rounds:.0f}",
    )


def _draw(size: int) -> Rows:
    """Lines that were never sent before."""
    batch = f"{time.time_ns()}-{next(_numbers)}"
    return [
        {
            "order_id": f"{batch}-{number}",
            "line": 1,
            "kind": "product",
            "product_id": f"P{number % 500}",
            "quantity": 1 + number % 3,
            "unit_price": 19.95,
            "unit_cost": 12.5,
            "tax_rate": 0.2,
        }
        for number in range(size)
    ]


def _make_sender() -> Callable[[Rows], None]:
    """A program with a key."""
    from django.conf import settings
    from django.test import Client

    from saydo.web.accounts.models import ApiKey, User

    settings.API_RATE = 10**9
    if "testserver" not in settings.ALLOWED_HOSTS:
        settings.ALLOWED_HOSTS.append("testserver")
    user = User.objects.filter(role="manager").first() or User.objects.create_user("bench@example.org", None, "manager")
    key = ApiKey.make(name="bench", rights=["load_data"], by=user, days=1)[1]
    client = Client(headers={"Authorization": f"Bearer {key}"})

    def send(rows: Rows) -> None:
        answer = client.generic("POST", "/api/v1/facts/order_lines", json.dumps(rows), "application/json")
        assert answer.json()["written"] == len(rows), answer.content

    return send


def insert(rows: Rows) -> None:
    """The bare way of the database."""
    from django.db import connection, transaction

    names = (*rows[0], "origin", "change_id")
    with transaction.atomic(), connection.cursor() as cursor:
        values = ((*row.values(), "main", 0) for row in rows)
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY order_lines ({', '.join(names)}) FROM STDIN (FORMAT csv)") as copy:
                for text in _as_csv(values):
                    copy.write(text)
            return
        places = ", ".join("?" for _ in names)
        cursor.connection.executemany(f"INSERT INTO order_lines ({', '.join(names)}) VALUES ({places})", values)


def _as_csv(values: Iterator[tuple[Any, ...]]) -> Iterator[str]:
    out = io.StringIO()
    out.writelines(",".join(map(str, row)) + "\n" for row in values)
    yield out.getvalue()


if __name__ == "__main__":
    main()
