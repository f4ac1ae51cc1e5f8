"""Records of one person are proposed, merged and parted again exactly."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from saydo.errors import AlreadyDecided, CannotMerge
from saydo.web import feed
from saydo.web.accounts.models import Change, Place, User
from saydo.web.customers.actions import merge, merge_by_hand, merge_sure, part, propose, refuse
from saydo.web.customers.models import Customer, Person, Proposal
from saydo.web.outbox import untaken
from saydo.web.trade.models import Order


def add(key: str, name: str, email: str = "", phone: str = "", origin: str = "main", **more: Any) -> None:
    Customer.objects.create(customer_id=key, origin=origin, change_id=0, **more)
    Person.objects.create(customer_id=key, name=name, email=email, phone=phone)


def proposed() -> set[tuple[str, str, str, bool]]:
    return set(Proposal.objects.filter(state="open").values_list("main_id", "other_id", "rule", "is_sure"))


def standing() -> dict[str, str | None]:
    return dict(Customer.objects.filter(pk__in=["a", "b", "c", "x"]).values_list("pk", "merged_into_id"))


@pytest.fixture
def by(user_of: Callable[[str], User]) -> User:
    return user_of("agent")


def test_proposals_name_the_rule_and_whether_it_is_sure(company: Any) -> None:
    add("a", "Ada Meier", "ada@example.org", first_seen_at=datetime(2020, 1, 1, tzinfo=UTC))
    add("b", "ADA MEIER", "Ada@Example.org ")
    add("c", "Bo Meier", "ada@example.org")
    add("x", "Cy", phone="+41 79 111 22 33")
    add("y", "Cyrille", phone="079 111 22 33")
    add("shop:5", "Dora Ott", origin="shop")
    add("till:5", "Döra Ott", origin="till")
    add("shop:6", "Someone", origin="shop")
    add("till:6", "Else", origin="till")
    propose()
    assert proposed() == {
        ("a", "b", "mail", True),
        ("a", "c", "mail", False),
        ("x", "y", "phone", False),
        ("shop:5", "till:5", "number", False),
    }


def test_proposals_leave_out_what_many_share(company: Any) -> None:
    for number in range(6):
        add(f"m{number}", f"Member {number}", "info@example.org", "022 999 88 77")
    assert propose() == 0


def test_refused_proposal_is_not_made_again(company: Any, by: User) -> None:
    add("a", "Ada", "ada@example.org")
    add("b", "Ada", "ada@example.org")
    assert (propose(), propose()) == (1, 1)
    refuse(Proposal.objects.get(), by)
    assert propose() == 0


def test_merge_is_flat_and_part_restores_what_was(company: Any, by: User) -> None:
    for key in "abcx":
        add(key, key)
    first = merge_by_hand(main="a", other="x", by=by)
    before = standing()
    second = merge_by_hand(main="b", other="a", by=by)
    assert standing() == {"a": "b", "b": None, "c": None, "x": "b"}
    third = merge_by_hand(main="c", other="x", by=by)  # x stands for b by now
    assert standing() == {"a": "c", "b": "c", "c": None, "x": "c"}
    part(third, by)
    assert standing() == {"a": "b", "b": None, "c": None, "x": "b"}
    part(second, by)
    assert standing() == before
    part(first, by)
    assert set(standing().values()) == {None}


def test_part_in_another_order_takes_along_what_came_along(company: Any, by: User) -> None:
    for key in "abcx":
        add(key, key)
    first = merge_by_hand(main="a", other="x", by=by)
    second = merge_by_hand(main="b", other="a", by=by)
    part(first, by)
    assert standing() == {"a": "b", "b": None, "c": None, "x": None}
    part(second, by)
    assert set(standing().values()) == {None}


def test_merge_refuses_records_of_one_person_and_erased_ones(company: Any, by: User) -> None:
    for key in "abc":
        add(key, key)
    merge_by_hand(main="a", other="b", by=by)
    with pytest.raises(CannotMerge, match="the same person already"):
        merge_by_hand(main="b", other="a", by=by)
    Customer.objects.filter(pk="c").update(erased_at=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(CannotMerge, match="was erased"):
        merge_by_hand(main="a", other="c", by=by)
    assert Proposal.objects.filter(rule="hand", state="merged").count() == 1


def test_sure_pairs_are_merged_together(company: Any, by: User) -> None:
    for key in "abc":
        add(key, "Ada", "ada@example.org")
    propose()
    assert merge_sure(by) == 2
    assert standing() == {"a": None, "b": "a", "c": "a"}
    assert not proposed()


def test_merge_tells_of_every_table_that_it_touches(company: Any, by: User) -> None:
    add("a", "Ada")
    add("b", "Ada")
    Order.objects.create(
        order_id="ob", customer_id="b", ordered_at="2026-01-01T00:00Z", status="paid", currency="EUR", change_id=0
    )
    last = Change.objects.latest("id").id
    merge_by_hand(main="a", other="b", by=by)
    changes = list(Change.objects.filter(id__gt=last).order_by("id").values_list("kind", "table", "key", "rows"))
    assert changes == [("merged", "customers", "a", 1), ("rekeyed", "orders", "", 1)]
    assert Order.objects.get(pk="ob").change_id > last


def take_in() -> None:
    """Refresh the facts until all changes are in: PostgreSQL holds them back while other transactions are open."""
    deadline = time.monotonic() + 60
    while untaken(feed.READER) or Place.objects.get(reader=feed.READER).change_id < Change.objects.latest("id").id:
        feed.refresh()
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.1)


def test_facts_follow_a_merge_and_a_parting(own_company: Path, by: User) -> None:
    keys = [
        str(key) for key in Order.objects.exclude(customer_id=None).values_list("customer_id", flat=True).distinct()[:2]
    ]

    def orders() -> dict[str, int]:
        facts = feed.current_facts()
        table = facts.table("orders")
        rows = facts.run(table.filter(table.customer_id.isin(keys)).customer_id.value_counts(name="n")).to_pylist()
        known = facts.run(
            facts.table("customers").filter(lambda t: t.customer_id.isin(keys)).count().as_table()
        ).to_pylist()
        return {row["customer_id"]: row["n"] for row in rows} | {"known": next(iter(known[0].values()))}

    before = orders()
    assert before["known"] == 2
    proposal = merge_by_hand(main=keys[0], other=keys[1], by=by)
    take_in()
    assert orders() == {keys[0]: before[keys[0]] + before[keys[1]], "known": 1}
    part(proposal, by)
    take_in()
    assert orders() == before


def test_merge_page_shows_both_and_merges_and_parts(company: Any, client_of: Callable[[str], Client]) -> None:
    add("a", "Ada Meier", "ada@example.org", "1")
    add("b", "A. Meier", "ada@example.org", "2")
    client = client_of("agent")
    client.post("/customers/merge/look/")
    page = client.get("/customers/merge/").content.decode()
    assert "1 pair of records looks like one person" in page
    assert "the same e-mail address" in page
    assert "A. Meier" in page
    number = Proposal.objects.get().pk
    client.post(f"/customers/merge/{number}/", {"merge": "1"})
    assert standing() == {"a": None, "b": "a"}
    person = client.get("/customers/a/").content.decode()
    assert "Several records are taken as this person" in person
    client.post(f"/customers/merge/{number}/", {"part": "1", "back": "a"})
    assert standing() == {"a": None, "b": None}


def test_merge_by_hand_from_the_page_says_what_is_wrong(company: Any, client_of: Callable[[str], Client]) -> None:
    add("a", "Ada")
    client = client_of("manager")
    assert (
        "no customer with the key nix"
        in client.post("/customers/a/merge/", {"other": "nix"}, follow=True).content.decode()
    )
    response = client.post("/customers/a/merge/", {"other": "a"})
    assert response.status_code == 400
    assert "records of the same person already" in response.content.decode()


def test_merge_page_asks_as_often_for_three_pairs_as_for_one(
    company: Any, client_of: Callable[[str], Client], django_assert_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client, counts = client_of("agent"), []
    for number in (1, 3):
        for pair in range(number):
            for side in "ab":
                add(f"{number}{pair}{side}", "Ada", f"ada{number}{pair}@example.org")
        propose()
        client.get("/customers/merge/")
        with CaptureQueriesContext(connection) as queries:
            client.get("/customers/merge/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("role", ["analyst", "reader"])
def test_merge_is_closed_to_those_who_do_not_serve(company: Any, client_of: Callable[[str], Client], role: str) -> None:
    assert client_of(role).get("/customers/merge/").status_code == 403
    assert client_of(role).post("/customers/merge/sure/").status_code == 403


def test_merge_of_a_proposal_keeps_the_older_record(company: Any, by: User) -> None:
    add("a", "Ada", "ada@example.org", first_seen_at=datetime(2024, 1, 1, tzinfo=UTC))
    add("b", "Ada", "ada@example.org", first_seen_at=datetime(2020, 1, 1, tzinfo=UTC))
    propose()
    merge(Proposal.objects.get(), by)
    assert standing() == {"a": "b", "b": None}


def test_decision_from_an_old_page_changes_nothing(company: Any, by: User) -> None:
    add("a", "Ada", "ada@example.org")
    add("b", "Ada", "ada@example.org")
    propose()
    old = [Proposal.objects.get() for _ in range(3)]
    merge(Proposal.objects.get(), by)
    with pytest.raises(AlreadyDecided, match=r"any more: merged\. Look at the pair again"):
        refuse(old[0], by)
    with pytest.raises(CannotMerge, match="the same person already"):
        merge(old[1], by)
    assert Proposal.objects.get().state == "merged"
    part(old[2], by)
    assert standing() == {"a": None, "b": None}
    with pytest.raises(AlreadyDecided, match="two persons"):
        part(old[2], by)


def test_pair_that_somebody_refuses_meanwhile_is_not_merged_with_the_sure_ones(
    company: Any, by: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in "abc":
        add(key, "Ada", "ada@example.org")
    propose()
    first, second = Proposal.objects.order_by("id")

    def merge_while_another_refuses(proposal: Proposal, by: User) -> None:
        merge(proposal, by)
        Proposal.objects.filter(pk=second.pk).update(state="refused")

    monkeypatch.setattr("saydo.web.customers.actions.merge", merge_while_another_refuses)
    assert merge_sure(by) == 1
    assert standing() == {"a": None, first.other_id: "a", second.other_id: None}


def test_pairs_that_are_one_person_by_way_of_a_third_have_nothing_to_part(
    company: Any, by: User, client_of: Callable[[str], Client]
) -> None:
    for key in "abc":
        add(key, "Ada", "ada@example.org")
    propose()
    merge_by_hand(main="b", other="c", by=by)
    assert merge_sure(by) == 1
    page = client_of("agent").get("/customers/merge/?state=merged").content.decode()
    assert (page.count("<section"), page.count("Part again")) == (3, 2)
