"""Files are given by page, recognised, mended, tried and loaded; what was refused is shown and taken away."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.test import Client
from django.test.utils import CaptureQueriesContext

from saydo.errors import LoadUnderWay
from saydo.web.accounts.models import Entry
from saydo.web.customers.models import Customer, Person
from saydo.web.loads import actions, tasks
from saydo.web.loads.models import Load, Recipe
from saydo.web.trade.models import Order

ORDERS = (
    "Number;Customer ID;Day;Status;weight\nP1;X1;05.01.2024;paid;3\nP2;X2;06.01.2024;delivered;4\nP3;X1;soon;paid;5\n"
)
PEOPLE = "customer_id,name,e-mail\nX1,Zoé Ünal,zoe@example.org\nX9,=1+2,nine@example.org\n"

ClientOf = Callable[[str], Client]


@pytest.fixture
def manager(company: Path, client_of: ClientOf) -> Client:
    return client_of("manager")


def give(client: Client, source: str = "folder", **files: str) -> Load:
    sent = [SimpleUploadedFile(f"{name}.csv", text.encode()) for name, text in files.items()]
    answer = client.post("/load/", {"files": sent, "source": source})
    assert answer.status_code == 302, answer.content.decode()
    return Load.objects.latest("id")


def pick(client: Client, load: Load, then: str = "", **chosen: str) -> Any:
    """Send the form as the page shows it, with some choices made otherwise."""
    page = client.get(f"/load/{load.id}/").context
    sent = {
        "zone": page["values"].get("zone") or "",
        "currency": "EUR",
        "origin": page["values"]["origin"],
        "then": then,
    }
    for file in page["files"]:
        sent[f"table-{file['place']}"] = sent[f"shown-{file['place']}"] = file["table"]
        for column in file["columns"]:
            sent[column["field"]] = next((value for _, value, _, is_chosen in column["options"] if is_chosen), "")
        sent |= {one["field"]: "on" for one in file["unused"] if one["is_kept"]}
    return client.post(f"/load/{load.id}/", sent | chosen)


def work() -> None:
    """What the background work would do."""
    for load in Load.objects.filter(state="waiting"):
        tasks.carry_out(load.id)


MENDED = {"column-0-order_id": "h:Number", "column-0-ordered_at": "h:Day", "column-0-currency": "v:"}


def test_files_lie_closed_to_others(manager: Client) -> None:
    load = give(manager, orders=ORDERS)
    file = load.raw / "orders.csv"
    assert file.read_text() == ORDERS
    assert file.stat().st_mode & 0o777 == 0o600
    assert load.raw.stat().st_mode & 0o777 == 0o700
    assert load.files == [["orders.csv", len(ORDERS)]]
    assert Entry.objects.latest("id").details == {"files": 1}


def test_large_file_is_moved_from_the_disk_where_it_lies(manager: Client) -> None:
    rows = "".join(f"P{i},K{i},2024-01-05,paid,EUR\n" for i in range(120_000))
    load = give(manager, orders=f"order_id,customer_id,ordered_at,status,currency\n{rows}")
    assert (load.raw / "orders.csv").stat().st_mode & 0o777 == 0o600
    assert TemporaryUploadedFile.__name__ not in (load.raw / "orders.csv").name
    assert load.read_picks()["orders.csv"].missing == []


@pytest.mark.parametrize(
    ("files", "source", "sentence"),
    [
        ([], "folder", "Choose at least one file."),
        (["letter.pdf"], "folder", "letter.pdf is none of the kinds of file that can be read"),
        (["a.csv", "a.csv"], "folder", "Two files are called a.csv."),
        (["a.csv"], "elsewhere", "Choose what the files are."),
    ],
)
def test_what_is_wrong_with_files_is_told_at_the_field(
    manager: Client, files: list[str], source: str, sentence: str
) -> None:
    sent = [SimpleUploadedFile(name, b"a,b\n1,2\n") for name in files]
    answer = manager.post("/load/", {"files": sent, "source": source})
    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    assert not Load.objects.exists()


@pytest.mark.parametrize(("role", "status"), [("", 400), ("reader", 400), ("manager", 403)])
def test_large_file_is_read_only_of_who_may_load(
    company: Path, client_of: ClientOf, settings: Any, monkeypatch: pytest.MonkeyPatch, role: str, status: int
) -> None:
    read: list[bytes] = []

    def receive(self: Any, data: bytes, start: int) -> bytes:
        read.append(data)
        return data

    monkeypatch.setattr("saydo.web.uploads.Doorkeeper.receive_data_chunk", receive)
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 5000
    client = client_of(role) if role else Client()
    client.handler.enforce_csrf_checks = True
    client.cookies["csrftoken"] = "a" * 32  # to look for its like in the form, the form is read
    answer = client.post("/account/login/", {"files": SimpleUploadedFile("orders.csv", b"x" * 20_000)})
    assert (answer.status_code, bool(read)) == (status, role == "manager")


def test_wrong_column_is_mended_and_loaded(manager: Client) -> None:
    load = give(manager, orders=ORDERS, people=PEOPLE)
    page = manager.get(f"/load/{load.id}/").content.decode()
    assert "Still missing: order_id, ordered_at, currency" in page
    assert "Zoé Ünal" in page
    refused = pick(manager, load, "load")
    assert refused.status_code == 400
    assert "Something is still missing" in refused.content.decode()
    mended = {**MENDED, "column-0-currency": "h:Status", "keep-0-4": "on"}
    assert pick(manager, load, "try", **mended).status_code == 302
    work()
    page = manager.get(f"/load/{load.id}/").content.decode()
    assert "That did not work; the files are still here." in page


def load_all(client: Client) -> Load:
    """Orders whose currency stands in no column: with a column added it is known."""
    rows = ORDERS.replace("weight\n", "weight;currency\n").replace(";3\n", ";3;EUR\n").replace(";4\n", ";4;EUR\n")
    load = give(client, orders=rows.replace(";5\n", ";5;EUR\n"), people=PEOPLE)
    pick(client, load, "load", **{**MENDED, "column-0-currency": "h:currency", "keep-0-4": "on"})
    work()
    return Load.objects.get(id=load.id)


def test_load_by_page_writes_what_a_command_would(manager: Client) -> None:
    load = load_all(manager)
    assert load.sentence == ""
    assert load.state == "done"
    assert load.counts == {
        "orders": {"kept": 2, "refused": 1, "written": 2},
        "people": {"kept": 2, "refused": 0, "written": 2},
        "customers": {"kept": 2, "refused": 0, "written": 2},
    }
    order = Order.objects.get(order_id="P1")
    assert (order.customer_id, order.currency, order.own) == ("X1", "EUR", {"x_weight": 3.0})
    assert Person.objects.get(customer_id="X1").email == "zoe@example.org"
    assert Customer.objects.filter(customer_id="X9").count() == 1
    assert [path.name for path in load.place.iterdir() if not path.name.startswith(".")] == ["quarantine"]
    assert load_all(manager).written == 0


def test_choices_are_proposed_for_the_next_file_with_these_headers(manager: Client) -> None:
    load_all(manager)
    assert Recipe.objects.count() == 2
    again = give(manager, **{"export-of-may": ORDERS.replace("weight\n", "weight;currency\n")})
    pick_again = again.read_picks()["export-of-may.csv"]
    assert pick_again.table == "orders"
    assert pick_again.columns["order_id"].header == "Number"
    assert pick_again.columns["x_weight"].header == "weight"


def test_trial_writes_nothing_and_tells_what_would_be_refused(manager: Client) -> None:
    before = Order.objects.count()
    load = give(
        manager, orders=ORDERS.replace("weight\n", "currency\n").replace(";3\n", ";EUR\n").replace(";5\n", ";EUR\n")
    )
    pick(manager, load, "try", **{"column-0-order_id": "h:Number", "column-0-ordered_at": "h:Day"})
    assert Load.objects.get(id=load.id).state == "waiting"
    work()
    page = manager.get(f"/load/{load.id}/")
    assert Order.objects.count() == before
    text = page.content.decode()
    assert "2 rows would be refused." in text
    assert [(one.sentence(), one.rows, one.row, one.value) for one in page.context["reasons"]] == [
        ("currency is no ISO 4217 code", 1, 3, "4"),
        ("ordered_at is no time that can be read", 1, 4, "soon"),
    ]
    pick(manager, load, "load")
    work()
    assert Load.objects.get(id=load.id).state == "done"
    assert Order.objects.count() == before + 1


def test_settings_that_are_wrong_keep_what_was_typed(manager: Client) -> None:
    load = give(manager, orders=ORDERS)
    answer = pick(manager, load, zone="Nowhere/Atall", currency="eu", **{"column-0-order_id": "h:Number"})
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "Nowhere/Atall is no time zone. Write one such as Europe/Paris." in text
    assert 'value="eu"' in text
    assert '<option value="h:Number" selected>' in text


def test_table_picked_otherwise_shows_its_columns(manager: Client) -> None:
    load = give(manager, strange="a,product,name\n1,2,3\n")
    pick(manager, load, **{"table-0": "products"})
    page = manager.get(f"/load/{load.id}/").context["files"][0]
    assert page["table"] == "products"
    assert page["missing"] == ["product_id"]


def test_refused_rows_are_shown_and_taken_away_without_formulas(manager: Client) -> None:
    load = load_all(manager)
    page = manager.get(f"/load/{load.id}/refused/?table=orders")
    assert [(row.row, row.value) for row in page.context["rows"]] == [(4, "soon")]
    sheet = b"".join(manager.get(f"/load/{load.id}/refused.csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert sheet.splitlines()[0] == '"table","reason","file","row","column","value","raw"'
    assert '"orders","ordered_at is no time that can be read","orders.csv",4,"ordered_at","soon"' in sheet
    assert Entry.objects.latest("id").details == {"rows": 1}


def test_error_is_told_at_the_page_in_the_readers_language(manager: Client) -> None:
    rows = "order_id,customer_id,ordered_at,status,currency\nP1,X1,03/04/2024,paid,EUR\n"
    load = give(manager, orders=rows)
    pick(manager, load, "load")
    work()
    text = manager.get(f"/load/{load.id}/").content.decode()
    assert "can be read day first or month first (for example 03/04/2024)" in text
    assert str(load.place) not in text
    pick(manager, load, "load", dates="dmy")
    work()
    assert Load.objects.get(id=load.id).state == "done"


def test_unexpected_error_is_kept_and_told(manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    load = give(manager, touchpoints="touchpoint,kind\nkiosk,shop\n")

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(actions, "load_facts", fail)
    pick(manager, load, "load")
    work()
    assert "Something unexpected happened (ZeroDivisionError)." in manager.get(f"/load/{load.id}/").content.decode()


def test_page_tells_when_nobody_works_in_the_background(manager: Client) -> None:
    load = give(manager, touchpoints="touchpoint,kind\nkiosk,shop\n")
    pick(manager, load, "load")
    assert "No background work is running" in manager.get(f"/load/{load.id}/").content.decode()
    assert "No background work is running" in manager.get(f"/load/{load.id}/progress/").content.decode()
    work()
    assert manager.get(f"/load/{load.id}/progress/").headers["HX-Refresh"] == "true"


def test_interrupted_load_goes_on(manager: Client) -> None:
    load = give(manager, touchpoints="touchpoint,kind\nkiosk,shop\n")
    Load.objects.filter(id=load.id).update(state="loading")
    assert "It was interrupted." in manager.get(f"/load/{load.id}/").content.decode()
    manager.post(f"/load/{load.id}/go-on/")
    work()
    assert Load.objects.get(id=load.id).counts["touchpoints"]["written"] == 1


def test_files_are_thrown_away(manager: Client) -> None:
    load = give(manager, orders=ORDERS)
    manager.post(f"/load/{load.id}/drop/")
    assert not load.place.exists()
    assert not Load.objects.filter(id=load.id).exists()


def test_refused_rows_need_both_rights(company: Path, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    load = load_all(client_of("manager"))
    monkeypatch.setitem(
        __import__("saydo.web.rights", fromlist=["ROLES"]).ROLES, "reader", ("Reader", frozenset({"load_data"}))
    )
    reader = client_of("reader")
    assert reader.get(f"/load/{load.id}/").status_code == 200
    assert "soon" not in reader.get(f"/load/{load.id}/").content.decode()
    assert reader.get(f"/load/{load.id}/refused/").status_code == 403
    assert reader.get(f"/load/{load.id}/refused.csv").status_code == 403


def test_list_asks_as_often_for_three_loads_as_for_one(
    manager: Client, django_assert_num_queries: Any, user_of: Any
) -> None:
    from django.db import connection

    counts = []
    for _ in range(2):
        Load.objects.create(by=user_of("manager"), state="done", counts={"orders": {"written": 2}})
        Load.objects.create(by=user_of("administrator"))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            text = manager.get("/load/").content.decode()
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert "4 loads were begun here." in text


def test_old_files_are_swept_away(manager: Client) -> None:
    from datetime import timedelta

    from django.utils import timezone

    load = give(manager, orders=ORDERS)
    Load.objects.filter(id=load.id).update(at=timezone.now() - timedelta(days=actions.DAYS_KEPT + 1))
    actions.sweep()
    assert not load.raw.exists()
    assert "Its files are not here any more" in manager.get(f"/load/{load.id}/").content.decode()


def _hold(load: Load, kind: int) -> Any:
    load.place.mkdir(parents=True, exist_ok=True)
    lock = (load.place / ".lock").open("w")
    fcntl.flock(lock, kind)
    return lock


def test_load_is_carried_out_although_a_page_asks_at_that_moment_whether_it_is(manager: Client) -> None:
    load = give(manager, orders=ORDERS)
    pick(manager, load, **MENDED)
    tasks.start(load, is_trial=True)
    page = _hold(load, fcntl.LOCK_SH)
    Timer(0.3, page.close).start()
    work()
    assert Load.objects.get(id=load.id).state == "tried"


def test_two_pages_that_ask_at_once_do_not_take_each_other_for_work(manager: Client) -> None:
    load = give(manager, orders=ORDERS)
    assert not actions.is_at_work(load)
    with _hold(load, fcntl.LOCK_SH):
        assert not actions.is_at_work(load)
    with _hold(load, fcntl.LOCK_EX):
        assert actions.is_at_work(load)


def test_load_that_another_holds_is_tried_again(manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "_PATIENCE", 0.0)
    load = give(manager, orders=ORDERS)
    with _hold(load, fcntl.LOCK_EX), pytest.raises(LoadUnderWay):
        tasks.carry_out(load.id)
