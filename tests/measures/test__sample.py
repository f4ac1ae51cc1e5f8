"""A part of the customers of a very large company."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.companies import make_facts

from saydo import engine, measures, read
from saydo.company import Facts
from saydo.measures import _population, _sample
from saydo.measures._sample import take_some

CUSTOMERS = 400


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> Facts:
    """A company that counts as very large, with a tenth of its customers taken."""
    monkeypatch.setattr(_population, "MANY_CUSTOMERS", CUSTOMERS)
    monkeypatch.setattr(_sample, "MOST_CUSTOMERS", CUSTOMERS // 10)
    customers = [{"customer_id": f"c{n}", "account_id": f"a{n // 2}" if n % 3 else None} for n in range(CUSTOMERS)]
    orders = [{"order_id": f"o{n}", "customer_id": f"c{n}", "ordered_at": "2024-01-01"} for n in range(CUSTOMERS)]
    lines = [{"order_id": f"o{n}", "line": 1, "unit_price": 10} for n in range(CUSTOMERS)]
    returns = [
        {"order_id": f"o{n}", "line": 1, "returned_at": "2024-02-01", "customer_id": None if n % 2 else f"c{n}"}
        for n in range(CUSTOMERS)
    ]
    payments = [{"order_id": f"o{n}", "due_at": "2024-01-02", "amount": 10} for n in range(CUSTOMERS)]
    return make_facts(
        customers=customers,
        orders=orders,
        order_lines=lines,
        returns=returns,
        payments=payments,
        products=[{"product_id": "p"}],
    )


def test_some_customers_come_with_all_that_is_theirs(many: Facts) -> None:
    some, notes = take_some(many)
    taken = set(some.run(some.table("customers").select("customer_id"))["customer_id"].to_pylist())
    assert 20 <= len(taken) <= 60
    orders = {name.replace("c", "o") for name in taken}
    for table in ("orders", "order_lines", "returns", "payments"):
        assert set(some.run(some.table(table).select("order_id"))["order_id"].to_pylist()) == orders
    assert len(some.run(some.table("products"))) == 1
    assert [note.values for note in notes] == [{"customers": CUSTOMERS, "taken": len(taken)}]


def test_accounts_are_taken_whole_and_the_same_each_time(many: Facts) -> None:
    def ask() -> list[dict[str, str]]:
        some, _ = take_some(Facts(many.engine, many.manifest))
        return some.run(some.table("customers").select("customer_id", "account_id").order_by("customer_id")).to_pylist()

    taken = ask()
    accounts = {row["account_id"] for row in taken} - {None}
    everybody = many.run(many.table("customers").select("customer_id", "account_id")).to_pylist()
    assert sum(row["account_id"] in accounts for row in everybody) == sum(bool(row["account_id"]) for row in taken)
    assert ask() == taken


def test_what_was_kept_of_some_customers_and_let_go_is_kept_again(many: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    some, _ = take_some(many)
    orders = some.table("orders").select("order_id", "customer_id")
    before = some.run(some.hold(orders)).sort_by("order_id")
    monkeypatch.setattr(engine, "MOST_KEPT", 0)
    monkeypatch.setattr(engine, "_LATELY", -1.0)  # whatever is kept goes when the next is
    many.hold(many.table("payments"))
    many.hold(many.table("returns"))
    monkeypatch.setattr(engine, "MOST_KEPT", 10**9)
    again, _ = take_some(many)
    assert again is some
    assert again.run(again.hold(orders)).sort_by("order_id").equals(before)
    assert again.run(orders).num_rows == before.num_rows > 0


def test_a_company_of_usual_size_is_taken_whole(many: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_population, "MANY_CUSTOMERS", CUSTOMERS + 1)
    assert take_some(many) == (many, ())


def test_a_measure_of_some_customers_says_so(many: Facts) -> None:
    result = measures.loyalty_curve(
        make_facts(
            customers=[{"customer_id": f"c{n}"} for n in range(CUSTOMERS)],
            orders=[{"customer_id": f"c{n}", "ordered_at": "2024-01-01"} for n in range(CUSTOMERS)],
            feedback=[
                {"customer_id": f"c{n}", "score": n % 11, "said_at": "2024-01-10", "occasion": "relational"}
                for n in range(CUSTOMERS)
            ],
        ),
        as_of="2025-06-01",
    )
    assert sum(result.table["events"].to_pylist()) < CUSTOMERS / 4
    assert f"Of {CUSTOMERS} customers" in str(result.notes[0])


def bought_by(customers: int, nameless: int = 0) -> list[dict[str, str | None]]:
    """Two orders of each customer, and some of nobody."""
    names = [f"c{n}" for n in range(customers)] * 2 + [None] * nameless
    return [{"order_id": f"o{n}", "customer_id": name, "ordered_at": "2024-01-01"} for n, name in enumerate(names, 1)]


def test_customers_who_stand_in_orders_alone_are_counted_and_drawn(many: Facts) -> None:
    some, notes = take_some(make_facts(orders=bought_by(CUSTOMERS)))
    taken = some.run(some.table("orders").select("customer_id"))["customer_id"].to_pylist()
    assert 20 <= len(set(taken)) <= 60
    assert len(taken) == 2 * len(set(taken))
    assert [note.values for note in notes] == [{"customers": CUSTOMERS, "taken": len(set(taken))}]
    few = make_facts(orders=bought_by(CUSTOMERS // 2))
    assert take_some(few) == (few, ())


def test_customers_whom_an_incomplete_list_lacks_are_drawn_too(tmp_path: Path, many: Facts) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    rows = [f"{row['order_id']},{row['customer_id']},{row['ordered_at']},paid,EUR" for row in bought_by(CUSTOMERS)]
    (raw / "orders.csv").write_text(
        "\n".join(["order_id,customer_id,ordered_at,status,currency", *rows]), encoding="utf-8"
    )
    (raw / "customers.csv").write_text("customer_id\nc1\nc2\n", encoding="utf-8")
    some, notes = take_some(read(raw))
    taken = set(some.run(some.table("orders").select("customer_id"))["customer_id"].to_pylist())
    assert notes[0].values == {"customers": CUSTOMERS, "taken": len(taken)}
    assert 20 <= len(taken) <= 60


def test_the_share_of_orders_that_name_no_customer_is_told(many: Facts) -> None:
    _, notes = take_some(make_facts(orders=bought_by(CUSTOMERS, nameless=CUSTOMERS * 2)))
    assert str(notes[1]) == (
        "Orders that name no customer: 50% of all. They are left out, because customers are drawn, not orders."
    )


def test_customers_are_counted_only_where_there_can_be_many(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = make_facts(orders=bought_by(3))
    monkeypatch.setattr(facts.engine, "run", None)  # nothing is asked
    assert take_some(facts) == (facts, ())
