"""Facts in from programs: the verdicts of files, all or nothing, and nothing acknowledged is ever lost."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client

from saydo.company import Manifest
from saydo.facts import TABLES
from saydo.sources import check_batch, import_facts, refusals
from saydo.web import intake
from saydo.web.accounts.models import ApiKey, Change
from saydo.web.customers.models import Customer
from saydo.web.records import record_of
from saydo.web.trade.models import Order
from saydo.web.voice.models import Feedback

Send = Callable[..., Any]


@pytest.fixture
def send(db: None, user_of: Callable[[str], Any]) -> Send:
    """Send a batch with a key that may load."""
    cache.clear()
    _, whole = ApiKey.make(name="shop", rights=["load_data"], by=user_of("manager"), days=1)
    client = Client(headers={"Authorization": f"Bearer {whole}"})

    def make(table: str, rows: Any, query: str = "", **headers: str) -> Any:
        body = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
        path = f"/api/v1/facts/{table}{query}"
        return client.generic("POST", path, body, "application/json", headers=headers)

    return make


def order(key: str, **values: Any) -> dict[str, Any]:
    return {"order_id": key, "ordered_at": "2024-05-01T10:00:00Z", "status": "paid", "currency": "EUR"} | values


def test_batch_is_written_and_told(company: Path, send: Send) -> None:
    answer = send("orders", [order("n1", shipping_cost=4.25), order("n2", customer_id=17)])
    assert answer.json() == {"table": "orders", "rows": 2, "written": 2, "refused": 0, "details": []}
    assert Order.objects.get(pk="n2").customer_id == "17"
    assert str(Order.objects.get(pk="n1").shipping_cost) in ("4.2500", "4.25")
    change = Change.objects.latest("id")
    assert (change.kind, change.table, change.rows) == ("received", "orders", 2)
    assert Order.objects.filter(change_id=change.id).count() == 2


def test_batch_sent_again_changes_nothing(company: Path, send: Send) -> None:
    rows = [order("n1"), order("n2")]
    send("orders", rows)
    changes = Change.objects.count()
    assert send("orders", rows).json()["written"] == 0
    assert Change.objects.count() == changes
    assert send("orders", [order("n1", status="delivered")]).json()["written"] == 1
    assert Order.objects.get(pk="n1").status == "delivered"


def test_batch_with_a_bad_row_is_refused_whole(company: Path, send: Send) -> None:
    answer = send("orders", [order("n1"), order("n2", status="lost"), order("n1")])
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["place"]) == (422, "rows_refused", "rows[1].status")
    assert error["details"] == [
        {
            "place": "rows[1].status",
            "message": "status is none of placed, paid, shipped, delivered, cancelled",
        },
        {"place": "rows[2].order_id", "message": "order_id stands in an earlier row: the key must be unique"},
    ]
    assert not Order.objects.filter(pk="n1").exists()


def test_batch_taken_in_part_says_what_was_left_out(company: Path, send: Send) -> None:
    answer = send("orders", [order("n1"), order("n2", status="lost")], "?partial=1")
    assert answer.status_code == 207
    assert (answer.json()["written"], answer.json()["refused"]) == (1, 1)
    assert answer.json()["details"][0]["place"] == "rows[1].status"
    assert list(Order.objects.filter(pk__in=["n1", "n2"]).values_list("pk", flat=True)) == ["n1"]


def test_lines_and_packed_bodies_are_read(company: Path, send: Send) -> None:
    lines = "\n".join(json.dumps(order(f"l{i}")) for i in range(3)).encode()
    assert send("orders", lines).json()["written"] == 3
    packed = gzip.compress(json.dumps([order("g1")]).encode())
    assert send("orders", packed, **{"Content-Encoding": "gzip"}).json()["written"] == 1


def test_body_that_swells_is_stopped(company: Path, send: Send) -> None:
    bomb = gzip.compress(b"[" + b" " * (200 * 1024 * 1024))
    assert len(bomb) < 300_000
    answer = send("orders", bomb, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    many = send("orders", [order(f"m{i}") for i in range(intake.MOST_ROWS + 1)])
    assert (many.status_code, many.json()["error"]["code"]) == (413, "too_many_rows")


@pytest.mark.parametrize(
    ("body", "status", "place"),
    [
        (b"", 422, "rows"),
        (b"[]", 422, "rows"),
        (b"[{]", 400, "body"),
        (b'[{"order_id": {"a": 1}}]', 422, "rows[0][...]"),
        (b'"text"', 422, "rows[0]"),
        (b"\xff\xfe", 400, "body"),
        (b'[{"order_id": "a\\u0000"}]', 400, "body"),
        (b'[{"order_id": "\\ud800"}]', 400, "body"),
        (b"[{}]", 422, ""),
    ],
)
def test_body_that_is_no_batch_is_told_so(company: Path, send: Send, body: bytes, status: int, place: str) -> None:
    answer = send("orders", body)
    assert (answer.status_code, answer.json()["error"]["place"]) == (status, place)


def test_column_that_nobody_knows_stops_the_batch(company: Path, send: Send) -> None:
    answer = send("orders", [order("n1", colour="red")])
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "unknown_column")
    assert "x_colour" in answer.json()["error"]["message"]
    missing = send("orders", [{"order_id": "n1"}])
    assert missing.json()["error"]["code"] == "missing_column"


def test_own_columns_are_kept(company: Path, send: Send) -> None:
    assert send("orders", [order("n1", x_weight=2.5, x_colour="red")]).json()["written"] == 1
    assert Order.objects.get(pk="n1").own == {"x_weight": 2.5, "x_colour": "red"}


def test_comments_are_cleaned_and_keys_that_are_identities_refused(company: Path, send: Send) -> None:
    said = {"feedback_id": "f1", "source": "review", "said_at": "2024-05-01", "comment": "write to ada@example.org"}
    assert send("feedback", [said]).json()["written"] == 1
    assert Feedback.objects.get(pk="f1").comment == "write to [e-mail]"
    answer = send("orders", [order("n1", customer_id="ada@example.org"), order("n2"), order("n3")])
    assert answer.json()["error"]["place"] == "rows[0].customer_id"
    assert "ada" not in answer.content.decode()


LONG = "".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(200))  # nothing to compress


@pytest.mark.skipif(settings.IS_SQLITE, reason="SQLite has room for a text of any length")
@pytest.mark.parametrize(
    "limit",
    ["ALTER TABLE customers ALTER COLUMN region TYPE varchar(9)", "CREATE INDEX narrow ON customers (region)"],
    ids=["column", "index"],
)
def test_value_that_the_database_has_no_room_for_is_refused_in_one_sentence(
    company: Path, send: Send, limit: str
) -> None:
    Customer.objects.update(region=None)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(limit)
    answer = send("customers", [{"customer_id": "n1", "region": LONG}])
    assert (answer.status_code, answer.json()["error"]["place"]) == (422, "rows"), answer.content
    assert "no room" in answer.json()["error"]["message"]


def test_keys_of_another_origin_stay_apart(company: Path, send: Send) -> None:
    send("orders", [order("n1")])
    send("orders", [order("n1", status="placed", customer_id="c")], "?origin=shop")
    assert Order.objects.get(pk="n1").status == "paid"
    assert Order.objects.get(pk="shop:n1").customer_id == "shop:c"
    assert send("orders", [order("n1")], "?origin=A%20B").json()["error"]["place"] == "query.origin"


def test_table_that_is_none_is_not_found(company: Path, send: Send) -> None:
    answer = send("order", [order("n1")])
    assert answer.status_code == 404
    assert "orders" in answer.json()["error"]["message"]


def test_key_without_the_right_sends_nothing(company: Path, user_of: Any) -> None:
    _, whole = ApiKey.make(name="x", rights=["see_figures"], by=user_of("manager"), days=1)
    client = Client(headers={"Authorization": f"Bearer {whole}"})
    answer = client.generic("POST", "/api/v1/facts/orders", json.dumps([order("n1")]), "application/json")
    assert answer.status_code == 403
    assert not Order.objects.filter(pk="n1").exists()


def test_batch_with_a_key_of_its_own_gets_the_same_answer(company: Path, send: Send) -> None:
    first = send("orders", [order("n1")], **{"Idempotency-Key": "b1"})
    again = send("orders", [order("n1")], **{"Idempotency-Key": "b1"})
    assert (first.json()["written"], again.json()["written"]) == (1, 1)
    assert again["Idempotent-Replayed"] == "true"


WRONG: dict[str, list[dict[str, Any]]] = {
    "orders": [
        order("1", status="lost"),
        order("2", ordered_at="tomorrow"),
        order("3", ordered_at="2999-01-01"),
        order("4", currency="XXZ"),
        order("5", cancelled_at="2020-01-01"),
        order("6", customer_id="+33 1 23 45 67 89"),
        order("7", shipping_cost="much"),
        order("8", ordered_at=None),
        order("9"),
        order("9"),
    ],
    "feedback": [
        {"feedback_id": "1", "source": "survey", "said_at": "2024-01-01", "score": 11, "scale_min": 0, "scale_max": 10},
        {"feedback_id": "2", "source": "survey", "said_at": "2024-01-01", "score": 9, "scale_min": 0, "scale_max": 10},
        {"feedback_id": "3", "source": "hearsay", "said_at": "2024-01-01"},
        {"feedback_id": None, "source": "review", "said_at": "2024-01-01"},
    ],
    "order_lines": [
        {"order_id": "1", "line": 1, "kind": "product", "quantity": 0, "unit_price": 1},
        {"order_id": "1", "line": 1.5, "kind": "product", "quantity": 1, "unit_price": 1},
        {"order_id": "1", "line": 2, "kind": "product", "quantity": 1, "unit_price": 1},
    ],
}


@pytest.mark.parametrize("table", list(WRONG))
def test_verdicts_are_those_of_a_file_with_the_same_rows(tmp_path: Path, table: str) -> None:
    rows, headers = WRONG[table], list(dict.fromkeys(name for row in WRONG[table] for name in row))
    lines = [",".join("" if row.get(name) is None else str(row[name]) for name in headers) for row in rows]
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / f"{table}.csv").write_text("\n".join([",".join(headers), *lines]) + "\n")
    import_facts("folder", tmp_path / "raw", tmp_path / "facts", zone="Europe/Paris", currency="EUR")
    by_file = sorted((one.column or "", one.rule, one.rows) for one in refusals(tmp_path / "facts"))
    with check_batch(table, rows, zone="Europe/Paris", currency="EUR") as batch:
        told = [(bad.column or "", bad.reason) for bad in batch.refused]
        assert sorted((*one, told.count(one)) for one in set(told)) == by_file
        assert batch.rows == Manifest.read(tmp_path / "facts").tables[table].rows


def test_company_that_went_out_comes_in_again_the_same(company: Path, send: Send) -> None:
    """Every table's rows as the database holds them are sound rows that change nothing."""
    from saydo.web.records import columns_of

    for table in TABLES:
        columns = columns_of(table)
        rows = record_of(table)._default_manager.order_by("pk").values("own", *columns.values())[:40]
        sent = [
            {name: None if row[held] is None else _plain(row[held]) for name, held in columns.items()}
            | (row["own"] or {})
            for row in rows
        ]
        if sent:
            answer = send(table, sent)
            assert (table, answer.status_code, answer.json().get("written")) == (table, 200, 0), answer.content


def _plain(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float)) else str(value)


# A server that is killed

SERVER = """
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from saydo.web.commands import start_django
start_django()
from saydo.web.accounts.models import ApiKey, User
user = User.objects.filter(role="manager").first() or User.objects.create_user("m@example.org", None, "manager")
key = ApiKey.make(name="k", rights=["load_data"], by=user, days=1)[1]
from saydo.web.wsgi import application
class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
class Silent(WSGIRequestHandler):
    def log_message(self, *args): pass
server = make_server("127.0.0.1", 0, application, Server, Silent)
print(server.server_port, key, flush=True)
server.serve_forever()
"""
COUNT = """
from saydo.web.commands import start_django
start_django()
from django.db.models import Sum
from saydo.web.accounts.models import Change
from saydo.web.trade.models import OrderLine
told = Change.objects.filter(kind="received").aggregate(Sum("rows"))["rows__sum"]
print(OrderLine.objects.count(), told)
print(*OrderLine.objects.values_list("order_id", flat=True).distinct())
"""


@pytest.fixture
def place(tmp_path: Path, django_db_blocker: Any) -> Iterator[dict[str, str]]:
    """The environment of an installation of the test's own, in the kind of database that the tests run on."""
    given = {**os.environ, "SAYDO_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "saydo.web.settings"}
    given.pop("DATABASE_URL", None)
    if connection.vendor != "postgresql":
        yield given
        return
    import psycopg

    address, name = os.environ["DATABASE_URL"], f"saydo_kill_{os.getpid()}"
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name}")
        admin.execute(f"CREATE DATABASE {name}")
        yield {**given, "DATABASE_URL": f"{address.rpartition('/')[0]}/{name}"}
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    process = subprocess.Popen([sys.executable, "-c", SERVER], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        port, key = process.stdout.readline().split()
        yield process, f"http://127.0.0.1:{port}/api/v1/facts/order_lines", key
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def post(address: str, key: str, batch: int) -> int:
    rows = [
        {"order_id": f"o{batch}", "line": line, "kind": "product", "quantity": 1, "unit_price": 2}
        for line in range(300)
    ]
    head = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    asked = urllib.request.Request(address, json.dumps(rows).encode(), head)  # noqa: S310  our own server
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
            return int(json.loads(answer.read())["rows"])
    except (OSError, urllib.error.URLError, ValueError):
        return 0


def test_kill_in_the_middle_loses_nothing_acknowledged_and_doubles_nothing(place: dict[str, str]) -> None:
    acknowledged: set[int] = set()
    with serving(place) as (process, address, key):

        def work(first: int) -> None:
            for batch in range(first, 1000, 2):
                if not post(address, key, batch):
                    return
                acknowledged.add(batch)

        threads = [threading.Thread(target=work, args=(first,)) for first in (0, 1)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < 4:
            time.sleep(0.02)
        time.sleep(0.1)
        os.kill(process.pid, signal.SIGKILL)
        for thread in threads:
            thread.join()
    lines, told, orders = counted(place)
    assert {f"o{batch}" for batch in acknowledged} <= orders
    assert lines == 300 * len(orders) == told  # each batch whole or not at all
    last = max(acknowledged) + 4
    with serving(place) as (_, address, key):
        assert [post(address, key, batch) for batch in range(last)] == [300] * last
    assert counted(place)[:2] == (300 * last, 300 * last)


def counted(environment: dict[str, str]) -> tuple[int, int, set[str]]:
    """Lines, rows told of, orders."""
    run = subprocess.run([sys.executable, "-c", COUNT], env=environment, capture_output=True, text=True, check=True)
    first, second = run.stdout.splitlines()[-2:]
    lines, told = map(int, first.split())
    return lines, told, set(second.split())


def test_benchmark_runs_small(company: Path, monkeypatch: Any) -> None:
    from benchmarks import bench_intake

    monkeypatch.setattr(bench_intake, "_start_django", lambda: None)
    part = bench_intake.main(sizes=(3, 20), rounds=1, page=None)
    assert [row[0] for row in part.rows] == ["3", "20"]
