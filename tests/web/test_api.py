"""The API: who comes in, what is asked and answered, and how it says that something is wrong."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.core.cache import cache
from django.test import Client

from saydo import measures
from saydo.web import feed
from saydo.web.accounts.models import ApiKey, Entry
from saydo.web.customers.models import Consent, Customer, Note, Person
from saydo.web.rights import RIGHTS
from saydo.web.trade.models import Contract, Order, Payment

Ask = Callable[..., Any]


class Program(Client):
    """A program that shows a key."""

    def __init__(self, key: str) -> None:
        super().__init__(headers={"Authorization": f"Bearer {key}"})


@pytest.fixture(autouse=True)
def _fresh_minute(db: None) -> None:
    cache.clear()


@pytest.fixture
def program(user_of: Callable[[str], Any]) -> Callable[..., Program]:
    """A program with a key of these rights (all, if none are named)."""

    def make(*rights: str) -> Program:
        _, whole = ApiKey.make(name="test", rights=rights or list(RIGHTS), by=user_of("administrator"), days=1)
        return Program(whole)

    return make


def send(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return client.generic(
        method, f"/api/v1{path}", "" if body is None else json.dumps(body), "application/json", headers=headers
    )


# Who comes in


def test_request_without_a_key_is_told_to_bring_one(company: Path) -> None:
    answer = Client().get("/api/v1/figures")
    assert answer.status_code == 401
    assert answer.json() == {
        "error": {
            "code": "unauthorized",
            "message": "A key is needed: send it as the header Authorization: Bearer <key>.",
            "place": "",
        }
    }
    assert answer["WWW-Authenticate"] == "Bearer"


def test_key_that_is_wrong_ended_or_revoked_does_not_open(company: Path, user_of: Any) -> None:
    from django.utils import timezone

    key, whole = ApiKey.make(name="x", rights=["see_figures"], by=user_of("administrator"), days=1)
    assert Program(whole).get("/api/v1/figures").status_code == 200
    assert Program(whole + "x").get("/api/v1/figures").json()["error"]["code"] == "wrong_key"
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
    assert Program(whole).get("/api/v1/figures").json()["error"]["code"] == "wrong_key"


def test_every_operation_names_a_right_and_refuses_keys_without_it(company: Path, program: Any) -> None:
    from saydo.web.api import api

    nothing = program("manage_users")  # a right that no operation asks for
    seen = 0
    for path, methods in api.get_openapi_schema(path_prefix="/api/v1/")["paths"].items():
        address = path.format(table="orders", name="nps", key="c1", customer_id="c1").removeprefix("/api/v1")
        for method in methods:
            answer = send(nothing, method.upper(), address, {} if method != "get" else None)
            assert (path, method, answer.status_code) == (path, method, 403)
            assert answer.json()["error"]["code"] == "forbidden"
            assert send(Client(), method.upper(), address, {}).status_code == 401
            seen += 1
    assert seen >= 15
    views = [view for router in api._get_bound_routers() for view in router.path_operations.values()]
    assert all(getattr(one.view_func, "right", None) in RIGHTS for view in views for one in view.operations)


def test_key_never_does_more_than_its_maker_may(company: Path, user_of: Any) -> None:
    maker = user_of("administrator")
    _, whole = ApiKey.make(name="x", rights=["see_identities"], by=maker, days=1)
    maker.role = "reader"
    maker.save(update_fields=["role"])
    assert Program(whole).get("/api/v1/customers?search=ada").status_code == 403


def test_browser_of_somebody_logged_in_may_ask_but_writes_only_with_a_token(company: Path, user_of: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user_of("agent"))
    assert browser.get("/api/v1/figures").status_code == 200
    key = Customer.objects.order_by("pk")[0].pk
    refused = send(browser, "POST", f"/customers/{key}/notes", {"text": "hello"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "csrf")
    assert Note.objects.count() == 0
    assert browser.get("/api/v1/docs").status_code == 200
    token = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    assert send(browser, "POST", f"/customers/{key}/notes", {"text": "hello"}, **token).status_code == 201


def test_too_many_requests_are_told_how_long_to_wait(company: Path, program: Any, settings: Any) -> None:
    settings.API_RATE = 3
    client = program("see_figures")
    answers = [client.get("/api/v1/promises") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0]["RateLimit-Remaining"] == "2"
    assert 1 <= int(answers[3]["Retry-After"]) <= 60
    assert answers[3].json()["error"]["code"] == "too_many_requests"


def test_two_processes_count_together(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from saydo.web import keys

    def with_another_process(who: str, most: int) -> int:
        left = keys._count(who, most)
        assert keys._count(who, most) == left - 1
        return left

    monkeypatch.setattr("time.time", lambda: 60_000.0)
    assert [with_another_process("key:a", 9) for _ in range(2)] == [8, 6]
    assert keys._count("key:b", 9) == 8
    monkeypatch.setattr("time.time", lambda: 60_060.0)
    assert keys._count("key:a", 9) == 8


def test_wrong_key_writes_nothing(company: Path, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1) as seen:
        assert Program("sk_1.x").get("/api/v1/figures").status_code == 401
    assert [query["sql"][:6] for query in seen.captured_queries] == ["SELECT"]


# Figures


def test_single_figure_comes_with_its_sentence(company: Path, program: Any) -> None:
    get = program("see_figures").get
    assert get("/api/v1/figures/margin").json()["sentence"].endswith(".")
    assert get("/api/v1/figures/margin?by=month").json()["sentence"] is None


def test_figures_are_listed_with_settings_and_splits(company: Path, program: Any) -> None:
    listed = program("see_figures").get("/api/v1/figures").json()["items"]
    assert [one["name"] for one in listed] == list(measures.MEASURES)
    nps = next(one for one in listed if one["name"] == "nps")
    assert nps["headline"] == "nps"
    assert "month" in nps["splits"]
    assert "since" in [setting["name"] for setting in nps["settings"]]


def test_figure_is_that_of_the_package(company: Path, program: Any) -> None:
    given = program("see_figures", "see_identities").get("/api/v1/figures/nps?by=touchpoint&since=2023-01-01").json()
    result = measures.nps(feed.current_facts(), "touchpoint", since="2023-01-01", show_small_groups=True)
    assert [row["nps"] for row in given["records"]] == [row["nps"] for row in result.to_records()]
    assert [row["answers"] for row in given["records"]] == [row["answers"] for row in result.to_records()]
    assert given["notes"] == [str(note) for note in result.notes]
    assert given["by"] == list(result.by)


def test_figure_hides_small_groups_from_keys_without_identities(company: Path, program: Any) -> None:
    path = "/api/v1/figures/nps?by=day"
    hidden = program("see_figures").get(path).json()
    shown = program("see_figures", "see_identities").get(path).json()
    assert [row["nps"] for row in hidden["records"]] != [row["nps"] for row in shown["records"]]
    assert any(row["answers"] is None for row in hidden["records"])


@pytest.mark.parametrize("path", ["at_risk", "nps?by=customers.customer_id", "recovery?by=cause"])
def test_figure_that_names_people_needs_the_right_to_know_them(company: Path, program: Any, path: str) -> None:
    answer = program("see_figures").get(f"/api/v1/figures/{path}")
    assert answer.status_code == 403
    assert answer.json()["error"]["message"].endswith("see_identities.")
    answer = program("see_figures", "see_identities").get(f"/api/v1/figures/{path}")
    assert answer.json()["error"]["message"].endswith("export_people.")  # the whole list at once is an export


@pytest.mark.parametrize(
    ("path", "status", "code", "place"),
    [
        ("npz", 404, "unknown_measure", "path.name"),
        ("nps?by=colour", 422, "unknown_split", "query.by"),
        ("nps?colour=red", 422, "unknown_setting", "query.colour"),
        ("nps?as_of=yesterday", 422, "bad_setting", "query.as_of"),
    ],
)
def test_figure_asked_wrongly_says_what_to_mend(
    company: Path, program: Any, path: str, status: int, code: str, place: str
) -> None:
    answer = program("see_figures").get(f"/api/v1/figures/{path}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["place"]) == (status, code, place)
    assert "Choose" in error["message"] or "knows" in error["message"] or "must be" in error["message"]


def test_error_speaks_the_language_of_the_request(company: Path, program: Any) -> None:
    answer = program("see_figures").get("/api/v1/figures/npz", headers={"Accept-Language": "fr"})
    assert "mesure" in answer.json()["error"]["message"]


# Lists


def all_pages(client: Client, path: str) -> Iterator[dict[str, Any]]:
    cursor = ""
    while True:
        page = client.get(f"/api/v1{path}{cursor}").json()
        yield from page["items"]
        if page["next"] is None:
            return
        cursor = f"&cursor={page['next']}"


@pytest.mark.parametrize("table", ["orders", "feedback", "commitments"])
def test_list_gives_every_row_once_newest_first(company: Path, program: Any, table: str) -> None:
    from saydo.facts import TABLES
    from saydo.web.records import record_of

    rows = list(all_pages(program(), f"/{table}?limit=150"))
    key, at = TABLES[table].key[0], TABLES[table].at
    assert len({row[key] for row in rows}) == len(rows) == record_of(table)._default_manager.count()
    assert [row[at] for row in rows] == sorted((row[at] for row in rows), reverse=True)
    assert set(rows[0]) == set(TABLES[table].names)


def test_list_keeps_to_filters_and_period(company: Path, program: Any) -> None:
    order = Order.objects.exclude(customer_id=None).order_by("-ordered_at")[0]
    mine = program("see_identities").get(f"/api/v1/orders?customer_id={order.customer_id}").json()["items"]
    assert {row["customer_id"] for row in mine} == {order.customer_id}
    day = order.ordered_at.date().isoformat()
    later = program().get(f"/api/v1/orders?since={day}&limit=200").json()["items"]
    assert {row["ordered_at"][:10] >= day for row in later} == {True}
    assert order.pk in {row["order_id"] for row in later}


def test_list_of_everybody_needs_the_right_to_take_people_away(company: Path, program: Any) -> None:
    for path in ("/orders", "/feedback", "/commitments", "/customers"):
        answer = program("see_identities").get(f"/api/v1{path}")
        assert (path, answer.status_code) == (path, 403)


def test_list_of_rows_leaves_a_trace(company: Path, program: Any) -> None:
    program("see_identities", "export_people").get("/api/v1/feedback?limit=2")
    entry = Entry.objects.latest("id")
    assert (entry.action, entry.table, entry.details["found"]) == ("listed", "feedback", 2)


def test_search_for_two_letters_needs_the_right_to_take_people_away(company: Path, program: Any) -> None:
    refused = program("see_identities").get("/api/v1/customers?search=an")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "bad_setting")
    assert len(program("see_identities").get("/api/v1/customers?search=ann&limit=200").json()["items"]) <= 20
    assert program("see_identities", "export_people").get("/api/v1/customers?search=an").status_code == 200


def test_list_asks_as_many_queries_for_three_rows_as_for_one(
    company: Path, program: Any, django_assert_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = program()
    counts = []
    for path in ("/orders?limit=1", "/orders?limit=3", "/customers?limit=1", "/customers?limit=3"):
        client.get(f"/api/v1{path}")
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/api/v1{path}")
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[2] == counts[3]


def test_cursor_that_was_never_given_is_refused(company: Path, program: Any) -> None:
    answer = program().get("/api/v1/orders?cursor=nonsense")
    assert (answer.status_code, answer.json()["error"]["place"]) == (422, "query.cursor")


def test_changes_go_on_where_the_cursor_stands(own_company: Path, program: Any, settings: Any) -> None:
    client, settings.API_RATE = program(), 10_000
    first = client.get("/api/v1/changes?limit=200").json()
    assert {change["kind"] for change in first["items"]} == {"loaded"}
    assert client.get(f"/api/v1/changes?cursor={first['next']}").json() == {"items": [], "next": first["next"]}
    key = Customer.objects.order_by("pk")[0].pk
    send(client, "PATCH", f"/customers/{key}", {"segment": "trade"})
    after: list[dict[str, Any]] = []
    for _ in range(300):  # on PostgreSQL, other tests on the same server can hold it up
        if after := client.get(f"/api/v1/changes?cursor={first['next']}").json()["items"]:
            break
        time.sleep(0.1)
    assert [(change["kind"], change["table"], change["key"]) for change in after] == [("written", "customers", key)]


# Customers


def test_customer_is_found_shown_and_mended(company: Path, program: Any) -> None:
    client, key = program(), Customer.objects.order_by("pk")[0].pk
    put = send(client, "PUT", f"/people/{key}", {"name": "Ada Lovelace", "email": "Ada@Example.org"})
    assert put.json() == {"customer_id": key, "changed": ["name", "email"]}
    found = client.get("/api/v1/customers?search=lovelace").json()["items"]
    assert [(one["customer_id"], one["email"]) for one in found] == [(key, "ada@example.org")]
    new = {"city": "London", "segment": "science", "name": "Ada Lovelace"}
    mended = send(client, "PATCH", f"/customers/{key}", new)
    assert mended.json() == {"customer_id": key, "changed": ["city", "segment"]}
    shown = client.get(f"/api/v1/customers/{key}").json()
    assert (shown["name"], shown["city"], shown["segment"]) == ("Ada Lovelace", "London", "science")


def test_trail_tells_of_reads_and_writes_by_key_alone(company: Path, program: Any) -> None:
    client, key = program(), Customer.objects.order_by("pk")[0].pk
    send(client, "PUT", f"/people/{key}", {"name": "Ada Lovelace"})
    client.get(f"/api/v1/customers/{key}")
    entries = list(Entry.objects.order_by("id").values_list("action", "table", "key", "details"))
    assert entries[-2:] == [
        ("changed", "customers", key, {"fields": ["name"]}),
        ("seen", "customers", key, {}),
    ]
    assert Entry.objects.latest("id").with_key.startswith("sk_")


def test_person_of_a_customer_not_yet_known_makes_the_record(company: Path, program: Any) -> None:
    answer = send(program(), "PUT", "/people/shop-77", {"name": "New Person"})
    assert answer.status_code == 201
    assert Person.objects.get(pk="shop-77").name == "New Person"


def test_identity_that_is_none_is_refused_at_its_place(company: Path, program: Any) -> None:
    answer = send(program(), "PUT", "/people/c-1", {"email": "not an address"})
    assert (answer.status_code, answer.json()["error"]["place"]) == (422, "body.email")


def test_consent_is_added_and_the_last_word_counts(company: Path, program: Any) -> None:
    client, key = program(), Customer.objects.order_by("pk")[0].pk
    said = {"purpose": "surveys", "channel": "mail", "how": "form"}
    send(client, "POST", f"/customers/{key}/consents", {**said, "state": "granted"})
    made = send(client, "POST", f"/customers/{key}/consents", {**said, "state": "revoked"})
    assert made.status_code == 201
    assert Consent.objects.filter(customer=key).count() == 2
    shown = client.get(f"/api/v1/customers/{key}").json()["consents"]
    assert [(one["purpose"], one["state"]) for one in shown] == [("surveys", "revoked")]


def test_refusal_of_any_way_takes_the_place_of_what_was_agreed_for_single_ones(company: Path, program: Any) -> None:
    client, key = program(), Customer.objects.order_by("pk")[0].pk
    for channel, state in (("mail", "granted"), ("any", "denied")):
        said = {"purpose": "offers", "channel": channel, "state": state, "how": "form"}
        assert send(client, "POST", f"/customers/{key}/consents", said).status_code == 201
    shown = client.get(f"/api/v1/customers/{key}").json()["consents"]
    assert [(one["channel"], one["state"]) for one in shown] == [("any", "denied")]


def test_timeline_gives_everything_once_newest_first(company: Path, program: Any) -> None:
    client = program()
    key = Order.objects.exclude(customer_id=None).order_by("pk")[0].customer_id
    whole = client.get(f"/api/v1/customers/{key}/timeline?limit=200").json()["items"]
    assert {"orders"} <= {one["table"] for one in whole}
    assert [one["at"] for one in whole] == sorted((one["at"] for one in whole), reverse=True)
    by_two = list(all_pages(client, f"/customers/{key}/timeline?limit=2"))
    assert by_two == whole


@pytest.mark.django_db
def test_timeline_holds_what_only_the_page_used_to_show(program: Any) -> None:
    client, new = program(), {"change_id": 0, "currency": "EUR"}
    Customer.objects.create(customer_id="c", change_id=0)
    at = datetime(2026, 1, 5, tzinfo=UTC)
    for place in range(3):  # all at the same moment, the first instant of the contracts' day
        Contract.objects.create(contract_id=f"t{place}", customer_id="c", started_on=at.date(), **new)
        Order.objects.create(order_id=f"o{place}", customer_id="c", ordered_at=at, status="paid", **new)
        Payment.objects.create(payment_id=f"a{place}", order_id=f"o{place}", amount=9, paid_at=at, **new)
        Payment.objects.create(payment_id=f"A{place}", contract_id=f"t{place}", amount=7, due_at=at, **new)
        Note.objects.create(customer_id="c", text=f"note {place}", at=at)
        Consent.objects.create(customer_id="c", purpose="offers", channel="mail", state="granted", at=at, how="form")
    Payment.objects.create(payment_id="never", order_id="o0", amount=1, **new)
    whole = client.get("/api/v1/customers/c/timeline?limit=200").json()["items"]
    assert Counter(one["table"] for one in whole) == {
        "orders": 3,
        "contracts": 3,
        "payments": 6,
        "notes": 3,
        "consents": 3,
    }
    assert {one["row"]["text"] for one in whole if one["table"] == "notes"} == {"note 0", "note 1", "note 2"}
    for size in (1, 2, 5):
        assert list(all_pages(client, f"/customers/c/timeline?limit={size}")) == whole
    for since, until, expected in (("2026-01-05", "2026-01-06", 18), ("2026-01-06", "2026-02-01", 0)):
        found = client.get(f"/api/v1/customers/c/timeline?limit=200&since={since}&until={until}").json()["items"]
        assert len(found) == expected, since
    for far in ("9999-12-31", "9999-12-31T23:00:00", "0001-01-01"):
        assert client.get(f"/api/v1/customers/c/timeline?since={far}").status_code in (200, 422)


def test_contact_is_recorded_with_its_change(company: Path, program: Any) -> None:
    from saydo.web.accounts.models import Change
    from saydo.web.care.models import Contact

    key = Customer.objects.order_by("pk")[0].pk
    made = send(program(), "POST", "/contacts", {"customer_id": key, "direction": "in", "purpose": "service"}).json()
    contact = Contact.objects.get(pk=made["id"])
    assert (contact.customer_id, contact.direction) == (key, "in")
    assert Change.objects.get(pk=contact.change_id).key == contact.pk


def test_contact_is_about_an_order_that_there_is(company: Path, program: Any) -> None:
    from saydo.web.care.models import Contact

    key, order = Customer.objects.order_by("pk")[0].pk, Order.objects.order_by("pk")[0].pk
    given = {"customer_id": key, "direction": "in"}
    refused = send(program(), "POST", "/contacts", {**given, "order_id": "ada@example.org"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "unknown_order")
    assert refused.json()["error"]["place"] == "body.order_id"
    for number, kept in ((order, order), ("", None)):
        made = send(program(), "POST", "/contacts", {**given, "order_id": number}).json()
        assert Contact.objects.get(pk=made["id"]).order_id == kept


@pytest.mark.parametrize("key", ["ada.victim@example.org", "+41 79 123 45 67", "0612345678"])
def test_new_customer_has_no_identity_for_a_key(company: Path, program: Any, key: str) -> None:
    refused = send(program(), "PUT", f"/people/{quote(key)}", {"name": "Ada Lovelace"})
    assert (refused.status_code, refused.json()["error"]["place"]) == (422, "path.customer_id")
    assert refused.json()["error"]["message"].startswith("customer_id holds an e-mail address or phone number")
    assert not Customer.objects.filter(pk=key).exists()
    Customer.objects.create(pk=key, change_id=1)  # of an older version
    assert send(program(), "PUT", f"/people/{quote(key)}", {"name": "Ada Lovelace"}).status_code == 200


def test_words_of_a_customer_that_facts_hold_are_cleaned(company: Path, program: Any) -> None:
    key = Customer.objects.order_by("pk")[0].pk
    send(program(), "PATCH", f"/customers/{key}", {"segment": " ada@example.org ", "region": "06 12 34 56 78 ring"})
    one = Customer.objects.get(pk=key)
    assert (one.segment, one.region) == ("[e-mail]", "[phone] ring")


def test_customer_that_is_not_there_is_not_found(company: Path, program: Any) -> None:
    answer = program().get("/api/v1/customers/nobody")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


# Once


def test_idempotency_key_is_kept_as_a_digest_and_stops_no_erasure(company: Path, program: Any) -> None:
    from saydo.web.erasure import erase_person
    from saydo.web.hooks.models import Kept

    key, client = Customer.objects.order_by("pk")[0].pk, program()
    Person.objects.update_or_create(customer_id=key, defaults={"name": "Zenobia Q", "email": "zenobia@q.example"})
    for name in ("zenobia@q.example", "ZENOBIA@Q.example"):
        made = send(client, "POST", f"/customers/{key}/notes", {"text": "called"}, **{"Idempotency-Key": name})
        assert made.status_code == 201
    assert [kept for kept in Kept.objects.values_list("name", flat=True) if "@" in kept or len(kept) != 64] == []
    assert erase_person(key) == key


def test_kept_answer_is_told_only_with_the_rights_that_it_took(company: Path, program: Any) -> None:
    from saydo.web.hooks.models import Kept

    client, key = program("serve_customers", "see_identities"), Customer.objects.order_by("pk")[0].pk
    once = {"Idempotency-Key": "note-0"}
    assert send(client, "POST", f"/customers/{key}/notes", {"text": "hello"}, **once).status_code == 201
    assert "serve_customers" in Kept.objects.get().rights
    Kept.objects.update(rights=["serve_customers", "erase_people"])  # one that was taken from the key since
    again = send(client, "POST", f"/customers/{key}/notes", {"text": "hello"}, **once)
    assert (again.status_code, again.json()["error"]["code"]) == (403, "forbidden")
    assert Note.objects.count() == 1


def test_write_with_a_key_of_its_own_is_done_once(company: Path, program: Any) -> None:
    client, key = program(), Customer.objects.order_by("pk")[0].pk
    once = {"Idempotency-Key": "note-1"}
    first = send(client, "POST", f"/customers/{key}/notes", {"text": "hello"}, **once)
    again = send(client, "POST", f"/customers/{key}/notes", {"text": "hello"}, **once)
    assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (201, first.json(), "true")
    assert Note.objects.count() == 1
    other = send(client, "POST", f"/customers/{key}/notes", {"text": "other"}, **once)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert send(program(), "POST", f"/customers/{key}/notes", {"text": "other"}, **once).status_code == 201


def test_write_that_was_refused_can_be_mended_under_the_same_key(company: Path, program: Any) -> None:
    client, key = program(), Customer.objects.order_by("pk")[0].pk
    once = {"Idempotency-Key": "note-2"}
    assert send(client, "POST", f"/customers/{key}/notes", {"text": ""}, **once).status_code == 422
    assert send(client, "POST", f"/customers/{key}/notes", {"text": "hello"}, **once).status_code == 201


def test_kept_answer_holds_no_identity(company: Path, program: Any) -> None:
    from saydo.web.hooks.models import Kept

    body = {"name": "Ada Lovelace", "email": "ada@example.org"}
    send(program(), "PUT", "/people/c-99", body, **{"Idempotency-Key": "p"})
    kept = Kept.objects.get()
    assert kept.body == '{"customer_id":"c-99","changed":["name","email"]}'


# Its shape


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/orders?limit=0", 422, "invalid"),
        ("DELETE", "/orders", 405, "method_not_allowed"),
        ("GET", "/customers/a%00b", 400, "malformed"),
    ],
)
def test_errors_have_one_shape(company: Path, program: Any, method: str, path: str, status: int, code: str) -> None:
    answer = send(program(), method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["place"] == ("query.limit" if "limit" in path else "")
    assert set(answer.json()["error"]) <= {"code", "message", "place", "details"}


def test_body_that_is_no_json_is_told_so(company: Path, program: Any) -> None:
    answer = program().generic("POST", "/api/v1/contacts", "{not json", "application/json")
    assert (answer.status_code, answer.json()["error"]["place"]) == (400, "body")


def test_validation_names_each_place(company: Path, program: Any) -> None:
    answer = send(program(), "POST", "/contacts", {"direction": "sideways"}).json()["error"]
    assert [detail["place"] for detail in answer["details"]] == ["body.customer_id", "body.direction"]


def test_description_names_every_operation_and_its_errors(company: Path, program: Any) -> None:
    document = program("see_figures").get("/api/v1/openapi.json").json()
    assert document["components"]["schemas"]["Error"]["required"] == ["error"]
    for methods in document["paths"].values():
        for operation in methods.values():
            assert {"401", "403", "404", "422", "429"} <= set(operation["responses"])
            assert operation["summary"]
            assert operation["description"]


def test_page_of_the_description_needs_no_script_from_anywhere(company: Path, client_of: Any) -> None:
    answer = client_of("reader").get("/api/v1/docs")
    text = answer.content.decode()
    assert "/api/v1/customers/{key}/timeline" in text
    assert "style=" not in text
    assert "<script>" not in text
    assert Client().get("/api/v1/docs").status_code == 302


# Its guide

GUIDES = Path(__file__).parents[2] / "docs" / "guides"


def test_guide_names_every_operation_and_no_other(company: Path) -> None:
    import re

    from saydo.web.api import api

    paths = api.get_openapi_schema(path_prefix="/api/v1/")["paths"]
    operations = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    told = set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /api/v1/\S+)`", (GUIDES / "api.md").read_text()))
    assert told == operations


def test_guide_names_every_event(company: Path) -> None:
    import re

    from saydo.web.hooks.models import EVENTS, TEST

    told = re.findall(r"^\| `([a-z]+\.[a-z]+)`", (GUIDES / "webhooks.md").read_text(), re.MULTILINE)
    assert told == [*EVENTS, TEST]


def test_examples_of_the_guide_work(own_company: Path, live_server: Any, user_of: Any) -> None:
    import os
    import re
    import subprocess

    _, key = ApiKey.make(name="guide", rights=list(RIGHTS), by=user_of("administrator"), days=1)
    cache.clear()
    text = (GUIDES / "api.md").read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in _commands(block)]
    assert len(lines) == 6
    for line in lines:
        place = {**os.environ, "KEY": key, "SAYDO": live_server.url}
        run = subprocess.run(
            ["bash", "-c", f"{line} -w '\\n%{{http_code}}'"], check=False, env=place, capture_output=True, text=True
        )
        answer, _, status = run.stdout.rpartition("\n")
        assert status in ("200", "201"), (line, answer)
        assert "error" not in json.loads(answer)


def _commands(block: str) -> list[str]:
    return block.replace("\\\n", " ").strip().splitlines()


def test_browser_without_the_second_factor_that_is_asked_for_is_sent_back(company: Path, client_of: Any) -> None:
    from saydo.web.accounts.models import Company

    browser = client_of("agent")
    assert browser.get("/api/v1/promises").status_code == 200
    here = Company.here()
    here.asks_second_factor = True
    here.save()
    answer = browser.get("/api/v1/promises")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "second_factor")
