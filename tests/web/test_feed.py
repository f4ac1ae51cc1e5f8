"""The copy follows the database: merged records under one key and exactly back, files held, kills survived."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pyarrow as pa
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

import saydo
from saydo.company import Manifest
from saydo.facts import TABLES
from saydo.simulate import simulate
from saydo.web import feed, lake
from saydo.web.customers.models import Assignment, Customer, Referral
from saydo.web.outbox import taken, tell, untaken
from saydo.web.trade.models import Order, OrderLine, Product, Usage


def rows(table: str) -> list[dict[str, Any]]:
    facts = feed.current_facts()
    key = [(column, "ascending") for column in TABLES[table].key]
    found: list[dict[str, Any]] = facts.run(facts.table(table)).sort_by(key).to_pylist()
    return found


def touch(*models: Any) -> None:
    """Mark rows as changed, as an action does that writes them."""
    for model in models:
        with transaction.atomic():
            model.objects.update(change_id=tell("written", model.table).id)


@pytest.fixture
def small(transactional_db: None, tmp_path: Path, settings: Any) -> None:
    """Three records, two of which bear the same rows, fed."""
    settings.FACTS = tmp_path / "facts"
    call_command("flush", interactive=False, verbosity=0)
    with transaction.atomic():
        change = {"change_id": tell("written").id}
        for key in "ABS":
            Customer.objects.create(customer_id=key, country="FR", **change)
            day = datetime(2024, 1, 5, tzinfo=UTC)
            Order.objects.create(
                order_id=f"O{key}", customer_id=key, ordered_at=day, status="paid", currency="EUR", **change
            )
            Assignment.objects.create(customer_id=key, experiment="ask", arm=key, assigned_at=day, **change)
            Usage.objects.create(customer_id=key, product_id=f"P{key}", used_on=date(2024, 1, 5), amount=1, **change)
        Referral.objects.create(referral_id="R", referrer_id="A", referred_id="B", referred_at=day, **change)
        Product.objects.create(product_id="PA", name="Pen", **change)
    touch(Customer, Order, Assignment, Usage, Referral, Product)
    feed.refresh()


TOLD = ("customers", "orders", "assignments", "usage", "referrals")


def merge(into: str | None, *records: str) -> None:
    """What merging records into one, or parting them, does to the rows that name them."""
    with transaction.atomic():
        Customer.objects.filter(pk__in=records).update(merged_into=into, change_id=tell("rekeyed", "customers").id)
        for model in (Order, Assignment, Usage):
            mine = model.objects.filter(customer_id__in=records)
            mine.update(change_id=tell("rekeyed", model.table).id)
        Referral.objects.update(change_id=tell("rekeyed", "referrals").id)
    feed.refresh()


def test_merged_records_share_a_key_and_are_parted_exactly(small: None) -> None:
    before = {table: rows(table) for table in TOLD}
    merge("S", "A", "B")
    assert [row["customer_id"] for row in rows("customers")] == ["S"]
    assert [row["customer_id"] for row in rows("orders")] == ["S", "S", "S"]
    assert [(row["customer_id"], row["arm"]) for row in rows("assignments")] == [("S", "S")]
    assert [(row["customer_id"], row["product_id"]) for row in rows("usage")] == [("S", "PA"), ("S", "PB"), ("S", "PS")]
    assert [(row["referrer_id"], row["referred_id"]) for row in rows("referrals")] == [("S", "S")]
    merge(None, "A", "B")
    assert {table: rows(table) for table in TOLD} == before


def test_record_that_stays_merged_shows_what_the_parted_one_hid(small: None) -> None:
    Assignment.objects.filter(customer_id="S").update(experiment="other")
    feed.rewrite(["assignments"])
    merge("S", "A", "B")
    assert [(row["experiment"], row["arm"]) for row in rows("assignments")] == [("ask", "A"), ("other", "S")]
    merge(None, "A")
    found = sorted((row["customer_id"], row["experiment"], row["arm"]) for row in rows("assignments"))
    assert [one for one in found if one[1] == "ask"] == [("A", "ask", "A"), ("S", "ask", "B")]


def test_rows_with_keys_of_two_columns_are_replaced_and_added(small: None) -> None:
    with transaction.atomic():
        change = tell("written", "order_lines").id
        for line in (1, 2):
            values = {"kind": "product", "quantity": 1, "unit_price": line, "change_id": change}
            OrderLine.objects.create(order_id="OA", line=line, **values)
    feed.refresh()
    with transaction.atomic():
        change = tell("written", "order_lines").id
        OrderLine.objects.filter(order_id="OA", line=2).update(unit_price=5, change_id=change)
        OrderLine.objects.create(order_id="OB", line=2, kind="product", quantity=1, unit_price=7, change_id=change)
    feed.refresh()
    assert [(row["order_id"], row["line"], float(row["unit_price"])) for row in rows("order_lines")] == [
        ("OA", 1, 1.0),
        ("OA", 2, 5.0),
        ("OB", 2, 7.0),
    ]


def test_texts_come_out_as_they_went_in(small: None) -> None:
    words = ["", 'say "hi"', "a,b\nc\r\nd", "NULL", "\\N", "é\u2009€"]
    with transaction.atomic():
        change = tell("written", "products").id
        for number, text in enumerate(words):
            values = {"x_n": number / 4, "x_t": text}
            Product.objects.create(product_id=f"Z{number}", name=text, own=values, change_id=change)
        Product.objects.create(product_id="Z9", name="bare", change_id=change)
    feed.refresh()
    found = [row for row in rows("products") if row["product_id"].startswith("Z")]
    assert [row["name"] for row in found] == [*words, "bare"]
    assert [row["category"] for row in found] == [None] * 7
    facts = feed.current_facts()
    own = facts.run(facts.table("products")).sort_by("product_id").to_pylist()[-7:]
    assert [(row["x_n"], row["x_t"]) for row in own] == [*((n / 4, text) for n, text in enumerate(words)), (None, None)]


def test_manifest_knows_what_little_was_added(small: None) -> None:
    with transaction.atomic():
        at = datetime(2025, 6, 1, tzinfo=UTC)
        values = {"ordered_at": at, "status": "paid", "currency": "EUR", "change_id": tell("written", "orders").id}
        Order.objects.create(order_id="O9", customer_id="unknown", **values)
    feed.refresh()
    added = Manifest.read(settings.FACTS)
    assert (added.tables["orders"].rows, added.last) == (4, datetime(2025, 6, 1))
    assert added.tables["orders"].orphans == {}  # counted when the manifest is put together anew
    os.utime(settings.FACTS / ".described-in-part", (0, 0))
    feed.refresh()
    anew = Manifest.read(settings.FACTS)
    assert anew.tables["orders"].orphans == {"customer_id": 1}
    assert (anew.last, anew.tables["orders"].files) == (added.last, added.tables["orders"].files)


def test_files_stay_as_long_as_a_reader_may_hold_them(small: None) -> None:
    held = Manifest.read(settings.FACTS).tables["orders"].files
    touch(Order)
    feed.refresh()
    needed = Manifest.read(settings.FACTS).tables["orders"].files
    assert not set(held) & set(needed)
    lake.sweep(settings.FACTS, needed)
    assert all((settings.FACTS / file).is_file() for file in held)
    for file in held:
        os.utime(settings.FACTS / file, (0, time.time() - lake.HELD - 1))
    touch(Customer)
    feed.refresh()
    assert not any((settings.FACTS / file).exists() for file in held)
    assert len(rows("orders")) == 3


def test_many_small_files_are_joined(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake, "_MANY", 2)
    for number in range(4):
        with transaction.atomic():
            change = tell("written", "products").id
            Product.objects.create(product_id=f"N{number}", name="New", change_id=change)
        feed.refresh()
    assert len(Manifest.read(settings.FACTS).tables["products"].files) <= 2
    assert len(rows("products")) == 5


def test_change_that_is_committed_late_is_not_skipped(transactional_db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one transaction write at a time")
    written, may_end = threading.Event(), threading.Event()

    def write_slowly() -> None:
        try:
            with transaction.atomic():
                tell("slow", "orders")
                written.set()
                may_end.wait(10)
        finally:
            connection.close()

    slow = threading.Thread(target=write_slowly)
    slow.start()
    try:
        assert written.wait(10)
        with transaction.atomic():
            tell("quick", "orders")
        early = [change.kind for change in untaken("test")]
    finally:
        may_end.set()
        slow.join()
    found = untaken("test")
    assert early == []  # the quick one has the greater number: taking it would skip the slow one
    assert [change.kind for change in found] == ["slow", "quick"]
    taken("test", found[-1])
    assert untaken("test") == []


# Killed at work

LOAD = "from saydo.web.load import load_facts; load_facts(Path(sys.argv[1]), progress=lambda *a: print(*a, flush=True))"
FEED = """
from saydo.web import feed, lake
take_in = lake.take_in
def slowly(place, numbers):
    print(place.name, flush=True)
    return take_in(place, numbers)
lake.take_in = slowly
feed.refresh()
"""
START = "import sys; from pathlib import Path; from saydo.web.commands import start_django; start_django()\n"


@pytest.fixture
def home(transactional_db: None, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of an installation of its own, on the database that the tests run on."""
    environment = {**os.environ, "SAYDO_HOME": str(tmp_path / "home"), "DJANGO_SETTINGS_MODULE": "saydo.web.settings"}
    if connection.vendor != "postgresql":
        environment.pop("DATABASE_URL", None)
        yield environment
        return
    name = f"saydo_killed_{os.getpid()}"
    parts = urlsplit(os.environ["DATABASE_URL"])
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    yield {**environment, "DATABASE_URL": urlunsplit(parts._replace(path=f"/{name}"))}
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def run(environment: dict[str, str], code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", START + code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def kill_at(environment: dict[str, str], code: str, word: str, *arguments: str) -> None:
    """Start it, and kill it the moment it says that it comes to this table."""
    command = [sys.executable, "-c", START + code, *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(word):
                os.kill(process.pid, signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL


COUNT = """
from saydo.facts import TABLES
from saydo.web import records
print({name: records.record_of(name)._default_manager.count() for name in TABLES})
"""


def test_load_and_refresh_survive_kill(home: dict[str, str], tmp_path: Path) -> None:
    company = tmp_path / "company"
    simulate(company, customers=1_500, seed=5)
    whole = {name: entry.rows for name, entry in Manifest.read(company).tables.items()}
    kill_at(home, LOAD, "order_lines", str(company))
    found = eval(run(home, COUNT))  # noqa: S307  our own words
    assert all(found[name] in {0, rows} for name, rows in whole.items()), "all or nothing of each table"
    assert found["orders"] == whole["orders"], "what was committed stays"
    run(home, LOAD, str(company))
    assert {name: rows for name, rows in eval(run(home, COUNT)).items() if rows} == whole  # noqa: S307
    facts = Path(home["SAYDO_HOME"]) / "facts"
    kill_at(home, FEED, "order_lines")
    assert not (facts / "saydo.json").exists(), "half a version is never seen"
    run(home, FEED)
    check_same(company, facts)
    run(
        home,
        "from saydo.web.trade.models import *; from saydo.web.outbox import tell; from django.db import transaction\n"
        "with transaction.atomic(): Order.objects.update(change_id=tell('written', 'orders').id)\n"
        "with transaction.atomic(): OrderLine.objects.update(change_id=tell('written', 'order_lines').id)",
    )
    kill_at(home, FEED, "order_lines")
    check_same(company, facts)
    run(home, FEED)
    check_same(company, facts)


def check_same(company: Path, facts: Path) -> None:
    one, other = saydo.read(company), saydo.read(facts)
    for name in one.manifest.tables:
        key = [(column, "ascending") for column in TABLES[name].key]
        first, second = (facts.run(facts.table(name)).sort_by(key) for facts in (one, other))
        assert isinstance(first, pa.Table)
        assert second.equals(first), name
