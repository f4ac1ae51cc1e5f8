"""People come in beside the facts: once, under their system's name, and never again after an erasure."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.utils import timezone

from saydo.errors import BadSetting, KeyTooLong, RowsRefused
from saydo.web.customers.models import Customer, Person
from saydo.web.load import load_facts, load_people
from saydo.web.loads.actions import begin, carry_out, check_origin
from saydo.web.loads.models import Load
from saydo.web.trade.models import Order
from saydo.web.voice.models import Feedback


@pytest.fixture
def people(tmp_path: Path) -> Path:
    names = ("customer_id", "name", "email", "phone", "street", "postcode", "city")
    rows = [("N1", "Zoé", "z@example.org", None, None, None, None), ("N2", "Nils", None, None, None, None, "Bern")]
    table = pa.table({name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(names)})
    pq.write_table(table, tmp_path / "people.parquet")
    return tmp_path / "people.parquet"


def test_person_whom_nobody_knows_becomes_a_customer(company: Path, people: Path) -> None:
    assert load_people([people], origin="crm").written == {"people": 2}
    person = Person.objects.select_related("customer").get(customer_id="crm:N1")
    assert (person.name, person.email, person.phone, person.customer.origin) == ("Zoé", "z@example.org", "", "crm")
    assert load_people([people], origin="crm").written == {"people": 0}


def test_customer_that_is_there_stays_as_it_is(company: Path, people: Path) -> None:
    before = Customer.objects.create(customer_id="N1", country="FR", change_id=1)
    load_people([people])
    after = Customer.objects.get(customer_id="N1")
    assert (after.country, after.change_id) == (before.country, 1)


def test_erased_person_is_not_brought_back(company: Path, company_folder: Path, people: Path) -> None:
    load_people([people])
    said = Feedback.objects.exclude(comment=None).exclude(customer=None).order_by("pk")[0]
    Customer.objects.filter(pk__in=["N1", said.customer_id]).update(erased_at=timezone.now())
    Person.objects.filter(customer_id="N1").delete()
    Feedback.objects.filter(pk=said.pk).update(comment=None)
    assert load_people([people]).written == {"people": 0}
    load_facts(company_folder)
    assert not Person.objects.filter(customer_id="N1").exists()
    assert Feedback.objects.get(pk=said.pk).comment is None


def write(folder: Path, **files: str) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


ORDERS = "order_id,customer_id,ordered_at,status,currency\n"


def test_raw_folder_with_people_is_loaded_as_it_is(company: Path, tmp_path: Path) -> None:
    folder = write(
        tmp_path / "raw",
        orders=ORDERS + "Q1,K1,2024-01-05 10:00,paid,EUR\nQ2,K1,soon,paid,EUR\n",
        people="customer_id,name\nK1,Zoé\n,Nobody\n",
    )
    load = begin(source="folder", origin="shop", given={"zone": "Europe/Paris"}, by=None)
    carry_out(load, folder)
    assert load.counts == {
        "orders": {"kept": 1, "refused": 1, "written": 1},
        "people": {"kept": 1, "refused": 1, "written": 1},
        "customers": {"kept": 1, "refused": 0, "written": 1},
    }
    order = Order.objects.get(order_id="shop:Q1")
    assert (order.customer_id, order.ordered_at.hour) == ("shop:K1", 9)
    assert Person.objects.get(customer_id="shop:K1").name == "Zoé"
    assert sorted(path.name for path in load.quarantine.iterdir()) == ["orders.parquet", "people.parquet"]
    assert {path.stat().st_mode & 0o777 for path in load.quarantine.iterdir()} == {0o600}


def test_folder_of_people_alone_is_loaded(company: Path, tmp_path: Path) -> None:
    load = begin(source="folder", origin="main", given={}, by=None)
    carry_out(load, write(tmp_path / "raw", people="customer_id,name\nK1,Zoé\n"))
    assert load.counts == {"people": {"kept": 1, "refused": 0, "written": 1}}


def test_strict_load_writes_nothing_and_keeps_the_reasons(company: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDERS + "Q1,K1,2024-01-05,paid,EUR\nQ2,K1,soon,paid,EUR\n")
    load = begin(source="folder", origin="main", given={}, by=None)
    with pytest.raises(RowsRefused):
        carry_out(load, folder, strict=True)
    assert not Order.objects.filter(order_id="Q1").exists()
    kept = Load.objects.get(id=load.id)
    assert (kept.state, kept.error["kind"]) == ("failed", "RowsRefused")
    assert (load.quarantine / "orders.parquet").is_file()


def test_imported_folder_takes_no_settings_of_raw_files(company: Path, company_folder: Path) -> None:
    load = begin(source="folder", origin="main", given={"zone": "Europe/Paris"}, by=None)
    with pytest.raises(BadSetting, match="zone"):
        carry_out(load, company_folder)


def test_key_without_room_is_told(company: Path, tmp_path: Path) -> None:
    load = begin(source="folder", origin="main", given={}, by=None)
    with pytest.raises(KeyTooLong, match="order_id"):
        carry_out(load, write(tmp_path / "raw", orders=f"{ORDERS}{'q' * 201},K1,2024-01-05,paid,EUR\n"))


@pytest.mark.parametrize("origin", ["", "Main", "a:b", "x" * 41])
def test_system_has_a_short_plain_name(origin: str) -> None:
    with pytest.raises(BadSetting, match="origin"):
        check_origin(origin)


def test_pseudonyms_of_two_loads_are_the_same(company: Path, tmp_path: Path) -> None:
    mapping = tmp_path / "mapping"
    mapping.mkdir()
    query = (
        "select id as order_id, pseudonym(mail) as customer_id, day as ordered_at, state as status from read('x.csv')"
    )
    (mapping / "orders.sql").write_text(query)
    folder = write(tmp_path / "raw", x="id,mail,day,state\nQ1,a@example.org,2024-01-05,paid\n")
    found = []
    for _ in range(2):
        load = begin(source=str(mapping), origin="main", given={"currency": "EUR"}, by=None)
        carry_out(load, folder)
        found.append((Order.objects.get(order_id="Q1").customer_id, load.written))
    assert found[0][0] == found[1][0]
    assert [written for _, written in found] == [2, 0]
