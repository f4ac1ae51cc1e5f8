"""A person is handed everything about them, and is gone when they ask for it: from the database, facts and answers."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from tests.web.conftest import let_trail_be_emptied

from saydo.web import erasure, feed
from saydo.web.accounts.models import Change, Entry, Erasure, Place
from saydo.web.care.models import Case, Contact
from saydo.web.customers.models import Consent, Customer, Note, Person
from saydo.web.hooks.models import Event
from saydo.web.outbox import tell
from saydo.web.trade.models import Order
from saydo.web.voice.models import Feedback

ClientOf = Callable[[str], Client]
TRACES = (
    "Quillfeather",
    "quillfeather",
    "zenobia.q@",
    "0612345678",
    "Nightingale Lane",
    "purple elephant",
    "shopkey-zq",
)


@pytest.fixture
def kept_company(own_company: Path) -> Iterator[Path]:
    """A company that is really committed, and whose trail can be emptied afterwards."""
    yield own_company
    let_trail_be_emptied()


def put_zenobia() -> str:
    """Somebody with a name, notes, comments and a second record; the key of her first one."""
    with transaction.atomic():
        orders = Order.objects.exclude(customer=None)
        busiest = Feedback.objects.exclude(customer=None).exclude(order=None).order_by("pk")[0]
        main = str(busiest.customer_id)
        other = Customer.objects.exclude(pk=main).filter(pk__in=orders.values("customer_id")).order_by("pk")[0]
        other.merged_into_id = main
        change = tell("written", "customers", rows=1)
        other.change_id = change.id
        other.save()
        for record in (main, other.pk):
            Person.objects.update_or_create(
                customer_id=record,
                defaults={
                    "name": "Zenobia Quillfeather",
                    "email": "zenobia.q@example.org",
                    "phone": "0612345678",
                    "street": "3 Nightingale Lane",
                },
            )
        Note.objects.create(customer_id=main, text="A purple elephant lives with her.")
        Consent.objects.create(
            customer_id=main,
            purpose="offers",
            channel="mail",
            state="granted",
            how="call",
            text_shown="purple elephant",
        )
        change = tell("written", "feedback", rows=1)
        Feedback.objects.filter(pk=busiest.pk).update(comment="I am Quillfeather, purple elephant", change_id=change.id)
        by_order = Feedback.objects.create(
            feedback_id="anonymous-1",
            order_id=orders.filter(customer_id=other.pk)[0].pk,
            source="survey",
            comment="purple elephant said by nobody",
            said_at=busiest.said_at,
            change_id=change.id,
            own={"x_remark": "purple elephant", "x_size": 3},
        )
        change = tell("written", "cases", rows=1)
        Case.objects.create(
            case_id="case-quillfeather",
            feedback_id=by_order.pk,
            cause="purple elephant",
            opened_at=busiest.said_at,
            change_id=change.id,
        )
        change = tell("written", "customers", key=str(main))
        Customer.objects.filter(pk=main).update(region="purple elephant land", change_id=change.id)
        Entry.objects.create(action="looked at", table="customers", key="zenobia.q@example.org")
        Note.objects.create(
            customer_id=Customer.objects.exclude(pk__in=(main, other.pk)).order_by("pk")[0].pk,
            text="Neighbour of zenobia quillfeather.",
        )
    feed_all()
    return str(main)


def feed_all() -> None:
    """Feed until everything told is taken in: on PostgreSQL other programs' open transactions hold it up."""
    last = Change.objects.order_by("-transaction", "-id")[0]
    for _ in range(300):
        feed.refresh()
        place = Place.objects.get(reader=feed.READER)
        if (place.transaction, place.change_id) >= (last.transaction, last.id):
            return
        time.sleep(0.2)
    pytest.fail("the feed does not come round")


def traces_in_database() -> list[tuple[str, str]]:
    """Where in any column of any table one of the words stands."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            for column in connection.introspection.get_table_description(cursor, table):
                name = connection.ops.quote_name(column.name)
                for word in TRACES:
                    cursor.execute(
                        f"SELECT count(*) FROM {connection.ops.quote_name(table)} WHERE CAST({name} AS text) LIKE %s",  # noqa: S608
                        [f"%{word}%"],
                    )
                    if cursor.fetchone()[0]:
                        found.append((table, column.name))
    return found


def traces_in_files(folder: Path) -> list[str]:
    """Which files hold one of the words, read as tables where they are, and as bytes."""
    found = []
    for file in (one for one in folder.rglob("*") if one.is_file()):
        text = file.read_bytes().decode("latin-1")
        if file.suffix == ".parquet":
            text += str(pq.ParquetFile(file).read().to_pydict())
        if any(word in text for word in TRACES):
            found.append(str(file.relative_to(folder)))
    return found


def put_refused(key: str) -> Path:
    """Rows that a load refused: one about her, one by her, one of somebody else."""
    file = Path(django_settings.HOME) / "loads" / "7" / "quarantine" / "feedback.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [(key, "green", 1), ("?", "ask ZENOBIA.Q@example.org", 2), ("somebody else", "blue", 3)]
    pq.write_table(
        pa.Table.from_pylist([dict(zip(("customer", "remark", "row"), row, strict=True)) for row in rows]), file
    )
    return file


def test_erasure_leaves_no_trace_and_all_counts(kept_company: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = put_zenobia()
    results = django_settings.HOME / "results"
    results.mkdir(exist_ok=True)
    (results / "stale").mkdir(exist_ok=True)
    refused = put_refused(key)
    counts = {model: model.objects.count() for model in (Customer, Order, Feedback, Case, Consent)}
    facts = feed.current_facts()
    rows = {name: facts.run(facts.table(name)).num_rows for name in ("customers", "feedback", "cases", "orders")}
    assert len({table for table, _ in traces_in_database()}) >= 5
    assert len(traces_in_files(kept_company)) >= 3

    assert erasure.erase_person(key) == key
    assert traces_in_database() == []
    assert erasure.purge() == 2

    assert traces_in_files(kept_company) == []
    assert traces_in_files(results) == []
    assert pq.read_table(refused).to_pylist() == [{"customer": "somebody else", "remark": "blue", "row": 3}]
    assert not any(word in caplog.text for word in TRACES)
    assert {model: model.objects.count() for model in counts} == counts
    facts = feed.current_facts()
    assert {name: facts.run(facts.table(name)).num_rows for name in rows} == rows
    assert Customer.objects.filter(pk=key).exclude(erased_at=None).count() == 1
    assert Feedback.objects.get(pk="anonymous-1").own == {"x_size": 3}
    assert Erasure.objects.filter(purged_at=None).count() == 0
    feed_all()
    assert traces_in_files(kept_company) == []


def test_erasure_keeps_words_that_many_others_have(kept_company: Path) -> None:
    key = put_zenobia()
    before = Customer.objects.get(pk=key)
    erasure.erase_person(key)
    after = Customer.objects.get(pk=key)
    assert (after.country, after.first_seen_at, after.currency) == (
        before.country,
        before.first_seen_at,
        before.currency,
    )
    assert (before.region, after.region) == ("purple elephant land", None)


def test_key_that_tells_who_it_is_becomes_opaque_everywhere(kept_company: Path) -> None:
    key = put_zenobia()
    with transaction.atomic():
        Person.objects.filter(customer_id=key).delete()
        erasure._rename("customers", key, "shopkey-zq@example.org", None)
        Person.objects.create(customer_id="shopkey-zq@example.org", name="Zenobia Quillfeather")
    feed_all()
    orders = Order.objects.filter(customer_id="shopkey-zq@example.org").count()
    new = erasure.erase_person("shopkey-zq@example.org")
    erasure.purge()
    assert new.startswith("erased-")
    assert Order.objects.filter(customer_id=new).count() == orders
    assert (traces_in_database(), traces_in_files(kept_company)) == ([], [])
    assert Case.objects.filter(case_id__startswith="erased-").count() == 1


def test_replay_erases_again_in_a_restored_database(kept_company: Path) -> None:
    key = put_zenobia()
    erasure.erase_person(key)
    erasure.purge()
    with transaction.atomic():  # as a backup from before would bring it back
        Customer.objects.filter(pk=key).update(erased_at=None)
        Person.objects.create(customer_id=key, name="Zenobia Quillfeather", email="zenobia.q@example.org")
    assert erasure.replay_erasures() == 1
    assert traces_in_database() == []
    assert erasure.replay_erasures() == 0


def test_replay_knows_a_record_by_the_digest_of_its_old_key(company: Path) -> None:
    record = Customer.objects.order_by("pk")[0]
    Person.objects.update_or_create(customer=record, defaults={"name": "Zenobia Quillfeather"})
    Erasure.objects.create(key="erased-0011", was=erasure._digest(record.pk))
    assert erasure.replay_erasures() == 1
    assert Customer.objects.filter(pk=record.pk).count() == 0
    assert Customer.objects.get(pk="erased-0011").erased_at is not None


def test_person_whom_a_source_sends_again_under_the_old_key_goes_again(company: Path) -> None:
    record = Customer.objects.filter(pk__in=Order.objects.values("customer_id")).order_by("pk")[0]
    Erasure.objects.create(key="erased-0011", was=erasure._digest(record.pk))
    erasure.replay_erasures()
    orders = Order.objects.filter(customer_id="erased-0011")
    Customer.objects.create(pk=record.pk, change_id=1)
    Person.objects.create(customer_id=record.pk, name="Zenobia Quillfeather")
    Order.objects.filter(pk=orders[0].pk).update(customer_id=record.pk)
    before = orders.count()
    assert erasure.replay_erasures() == 1
    assert (Customer.objects.filter(pk=record.pk).count(), orders.count()) == (0, before + 1)
    assert Person.objects.filter(name="Zenobia Quillfeather").count() == 0


def test_erased_person_is_not_erased_twice(company: Path) -> None:
    key = Customer.objects.order_by("pk")[0].pk
    erasure.erase_person(key)
    was = Erasure.objects.get(key=key).was
    assert erasure.erase_person(key) == key
    assert Erasure.objects.get(key=key).was == was


def test_erase_page_wants_the_key_typed(company: Path, client_of: ClientOf) -> None:
    key = Customer.objects.order_by("pk")[0].pk
    client, place = client_of("administrator"), reverse("person_erase", args=[key])
    assert "Erase customer" in client.get(place).content.decode()
    wrong = client.post(place, {"typed": "something else"})
    assert (wrong.status_code, Customer.objects.get(pk=key).erased_at) == (400, None)
    assert 'value="something else"' in wrong.content.decode()
    done = client.post(place, {"typed": key})
    assert "This person was erased on" in done.content.decode()
    assert Customer.objects.get(pk=key).erased_at is not None
    entry = Entry.objects.get(action="erased a person")
    assert (entry.key, sorted(entry.details)) == (key, ["rows"])
    assert client_of("manager").get(place).status_code == 403


def test_export_holds_all_records_of_the_person(kept_company: Path, client_of: ClientOf) -> None:
    key = put_zenobia()
    client, place = client_of("manager"), reverse("person_export", args=[key])
    assert "rows are kept about customer" in client.get(place).content.decode()
    parts = zipfile.ZipFile(io.BytesIO(client.post(place).content))
    held: dict[str, Any] = json.loads(parts.read("person.json"))
    assert {"people", "notes", "consents", "customers", "orders", "order_lines", "feedback"} <= set(held)
    assert (len(held["people"]), len(held["customers"])) == (2, 2)
    assert [note["text"] for note in held["notes"]] == ["A purple elephant lives with her."]
    assert "purple elephant said by nobody" in [answer["comment"] for answer in held["feedback"]]
    assert {order["customer_id"] for order in held["orders"]} <= {row["customer_id"] for row in held["customers"]}
    assert "Zenobia Quillfeather" in parts.read("person.html").decode()
    assert "change_id" not in held["orders"][0]
    assert Entry.objects.filter(action="exported a person", key=key).count() == 1
    assert client_of("agent").get(place).status_code == 403


ON_DISK = """
from saydo.web.commands import load_django; load_django()
from django.conf import settings
from django.core.mail import send_mail
from django.core.management import call_command
from saydo.web import erasure
from saydo.web.accounts.models import Change
from saydo.web.customers.models import Customer, Note, Person
call_command("migrate", verbosity=0)
change = Change.objects.create(kind="written").id
for number in range(600):
    key = f"c{number}"
    Customer.objects.create(pk=key, change_id=change)
    Person.objects.create(customer_id=key, name=f"Somebody Else{number}", email=f"s{number}@example.org")
for number in range(0, 600, 40):
    Person.objects.filter(pk=f"c{number}").update(name=f"Zenobia Quixworth{number}", street="Zenobia Quixworth Road")
Note.objects.create(customer_id="c40", text="called Zenobia Quixworth " * 40_000)
Note.objects.all().update(text="called Zenobia Quixworth again")
Note.objects.all().delete()
send_mail("About Zenobia", "Zenobia Quixworth is angry", None, ["demo@example.org"])
def traces():
    files = [one for one in settings.HOME.rglob("*") if one.is_file()]
    return sorted(one.name for one in files if b"quixworth" in one.read_bytes().lower())
print(len(traces()) > 1)
for number in range(0, 600, 40):
    erasure.erase_person(f"c{number}")
erasure.purge()
print(traces(), Person.objects.count())
"""


@pytest.mark.skipif(not django_settings.IS_SQLITE, reason="PostgreSQL's files are its own")
def test_erasure_leaves_no_letters_in_the_files_of_the_database(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SAYDO_", "DJANGO_"))}
    environment.pop("DATABASE_URL", None)
    done = subprocess.run(
        [sys.executable, "-c", ON_DISK],
        env={**environment, "SAYDO_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "True\n[] 585\n", done.stdout + done.stderr[-2000:]


def put_person(key: str, **fields: str) -> None:
    """A record with an identity and nothing else."""
    change = tell("received", "customers", key)
    Customer.objects.create(pk=key, change_id=change.id)
    Person.objects.create(customer_id=key, **fields)


def test_erasure_leaves_what_was_done_in_the_trail_whatever_somebody_is_called(company: Path) -> None:
    other = Customer.objects.order_by("pk")[0].pk
    colleague = "0b0d7b7e-0000-4000-8000-123456789012"
    told = [
        Entry.objects.create(action="logged in", table="users", key=colleague),
        Entry.objects.create(action="exported a person", table="customers", key=other, details={"fields": ["set 1"]}),
        Entry.objects.create(action="seen", table="customers", key="Zenobia Quillfeather"),
    ]
    put_person("vic-1", name="logged in", email="Zenobia Quillfeather", phone=f" {other}", street=colleague)
    put_person("vic-2", name="exported a person", phone="set 1  ", street=other)
    for key in ("vic-1", "vic-2"):
        erasure.erase_person(key)
    for entry in told:
        entry.refresh_from_db()
    assert [(entry.action, entry.table, entry.key) for entry in told] == [
        ("logged in", "users", colleague),
        ("exported a person", "customers", other),
        ("seen", "customers", "…"),
    ]
    assert told[1].details == {"fields": ["set 1"]}


def test_erasure_takes_whole_words_in_capitals_or_not(company: Path) -> None:
    other = Customer.objects.order_by("pk")[0]
    put_person("vic-1", name="Élodie Dupont", email="el@d.example", phone="061234567")
    texts = {
        "asked for ÉLODIE DUPONT": "asked for …",
        "asked for élodie dupont, twice": "asked for …, twice",
        "the Élodie Duponts of this town": "the Élodie Duponts of this town",
        "angel@d.example and el@d.example": "angel@d.example and …",
        "ring 061234567 or 0612345678": "ring … or 0612345678",
    }
    notes = [Note.objects.create(customer=other, text=text) for text in texts]
    event = Event.objects.create(kind="test", once="test:1", values={"remark": "of ÉLODIE DUPONT"})
    put_person("vic-2", name="Иван Петров")
    note = Note.objects.create(customer=other, text="спросил ИВАН ПЕТРОВ")
    cyrillic = Event.objects.create(kind="test", once="test:2", values={"remark": "ИВАН ПЕТРОВ"})
    for key in ("vic-1", "vic-2"):
        erasure.erase_person(key)
    assert [Note.objects.get(pk=note.pk).text for note in notes] == list(texts.values())
    assert Note.objects.get(pk=note.pk).text == "спросил …"
    assert [Event.objects.get(pk=one.pk).values["remark"] for one in (event, cyrillic)] == ["of …", "…"]


def test_erasure_of_words_that_become_the_same_is_not_stopped(company: Path) -> None:
    put_person("vic-1", name="Zenobia Quillfeather", email="zenobia@q.example")
    for name in ("Zenobia Quillfeather", "zenobia@q.example"):
        Event.objects.create(kind="order.received", once=f"order.received:{name}")
    erasure.erase_person("vic-1")
    assert len({event.once for event in Event.objects.filter(once__startswith="order.received:…")}) == 2


def test_erasure_takes_references_that_tell_who_it_is_and_lead_nowhere(company: Path) -> None:
    order = Order.objects.exclude(adviser_id=None)[0]
    put_person("vic-1", name="Zenobia Quillfeather", email="zenobia@q.example")
    Order.objects.filter(pk=order.pk).update(customer_id="vic-1", adviser_id="quillfeather-the-adviser")
    typed = {"lost": "ZENOBIA@q.example 7", "named": "quillfeather 2", "other": "unknown-7", "found": order.pk}
    for key, number in typed.items():
        values = {"customer_id": "vic-1", "at": order.ordered_at, "direction": "in", "change_id": 1}
        Contact.objects.create(contact_id=key, order_id=number, **values)
    erasure.erase_person("vic-1")
    left = dict(Contact.objects.filter(pk__in=typed).values_list("pk", "order_id"))
    assert left == {"lost": None, "named": None, "other": "unknown-7", "found": order.pk}
    assert "contacts" in Erasure.objects.get(key="vic-1").tables
    assert Order.objects.get(pk=order.pk).adviser_id == "quillfeather-the-adviser"
