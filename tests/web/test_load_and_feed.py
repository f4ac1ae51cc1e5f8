"""Facts go into the database and come out again as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

import saydo
from saydo import measures
from saydo.company import Manifest
from saydo.facts import TABLES
from saydo.web import feed
from saydo.web.load import load_facts
from saydo.web.records import record_of


def test_load_brings_every_row_into_the_database(company: Path, company_folder: Path) -> None:
    manifest = Manifest.read(company_folder)
    stored = {name: record_of(name)._default_manager.count() for name in manifest.tables}
    assert stored == {name: entry.rows for name, entry in manifest.tables.items()}


def test_load_twice_changes_nothing(company: Path, company_folder: Path) -> None:
    loaded = load_facts(company_folder)
    assert sum(loaded.written.values()) == 0
    assert sum(loaded.read.values()) > 5000


def test_feed_gives_back_the_same_rows(company: Path, company_folder: Path) -> None:
    before, after = saydo.read(company_folder), feed.current_facts()
    for name in before.manifest.tables:
        key = [(column, "ascending") for column in TABLES[name].key]
        first, second = (facts.run(facts.table(name)).sort_by(key) for facts in (before, after))
        assert second.equals(first), name


@pytest.mark.parametrize("name", ["nps", "promises_kept", "margin"])
def test_measures_of_the_copy_are_those_of_the_files(company: Path, company_folder: Path, name: str) -> None:
    measure = getattr(measures, name)
    assert measure(feed.current_facts()).to_records() == measure(saydo.read(company_folder)).to_records()


def test_feed_takes_in_what_was_written_since(own_company: Path) -> None:
    from django.db import transaction

    from saydo.web.outbox import tell
    from saydo.web.trade.models import Order

    order = Order.objects.order_by("pk")[0]
    with transaction.atomic():
        order.change_id, order.status = tell("written", "orders", order.pk).id, "cancelled"
        order.save(update_fields=["change_id", "status"])
    assert feed.refresh() == 1
    facts = feed.current_facts()
    orders = facts.table("orders")
    assert facts.run(orders.filter(orders.order_id == order.pk).select("status")).to_pylist() == [
        {"status": "cancelled"}
    ]
    assert facts.run(orders).num_rows == Order.objects.count()
