"""What makes a margin: each convention by hand, and all of them against a plain loop."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.companies import make_facts

from saydo.company import Facts
from saydo.measures._margin import AMOUNTS, movements, sum_margin

ORDER = {"order_id": "o", "customer_id": "c", "ordered_at": "2024-01-01"}
LINE = {"order_id": "o", "line": 1, "quantity": 2, "unit_price": 10, "unit_cost": 6}


def amounts(*keys: str, **tables: Any) -> Any:
    """The amounts that are not 0, per group; without keys of all in one. An order kept as one row says the same."""
    tables = {"orders": [ORDER], "order_lines": [LINE], **tables}
    facts = make_facts(**tables)
    shown = add_up(facts, *keys)
    if not {"product_id", "kind"} & set(keys):
        assert add_up(facts.keeping(), *keys) == {key: pytest.approx(group) for key, group in shown.items()}
    return shown if keys else shown[()]


def add_up(facts: Facts, *keys: str) -> dict[Any, dict[str, float]]:
    found = facts.run(sum_margin(movements(facts), *keys)).to_pylist()
    return {
        tuple(row[key] for key in keys): {name: row[name] for name in (*AMOUNTS, "margin") if row[name]}
        for row in found
    }


def test_margin_is_sales_less_cost() -> None:
    assert amounts() == {"sales": 20, "cost_of_goods": 12, "margin": 8}


def test_order_without_lines_moves_nothing() -> None:
    empty = {**ORDER, "order_id": "e", "customer_id": "d"}
    assert list(amounts("customer_id", orders=[ORDER, empty])) == [("c",)]


def test_cancelled_order_takes_its_returns_and_payments_along() -> None:
    found = amounts(
        orders=[
            ORDER,
            {**ORDER, "order_id": "x", "status": "cancelled"},
            {**ORDER, "order_id": "y", "cancelled_at": "2024-01-02"},
        ],
        order_lines=[LINE, {**LINE, "order_id": "x"}, {**LINE, "order_id": "y"}],
        returns=[{"order_id": "x", "line": 1, "quantity": 2, "refund": 20, "returned_at": "2024-01-05"}],
        payments=[{"order_id": "y", "amount": 20, "failed_at": "2024-01-05"}],
    )
    assert found == {"sales": 20, "cost_of_goods": 12, "margin": 8}


def test_line_without_a_cost_takes_that_of_its_product() -> None:
    line = {**LINE, "unit_cost": None, "product_id": "p"}
    product = {"product_id": "p", "unit_cost": 4}
    assert amounts(order_lines=[line], products=[product]) == {"sales": 20, "cost_of_goods": 8, "margin": 12}


def test_line_of_unknown_cost_drops_out_of_the_margin() -> None:
    unknown = {**LINE, "line": 2, "unit_cost": None, "unit_price": 50}
    found = amounts(order_lines=[LINE, unknown])
    assert found == {"sales": 120, "sales_without_cost": 100, "cost_of_goods": 12, "margin": 8}


def test_margin_is_null_when_no_cost_is_known() -> None:
    facts = make_facts(orders=[ORDER], order_lines=[{**LINE, "unit_cost": None}])
    assert facts.run(sum_margin(movements(facts)))["margin"].to_pylist() == [None]


def test_gift_costs_and_fee_has_no_goods() -> None:
    gift = {**LINE, "line": 2, "kind": "gift", "quantity": 1, "unit_price": 0, "unit_cost": 3}
    fee = {**LINE, "line": 3, "kind": "fee", "quantity": 1, "unit_price": 5, "unit_cost": None}
    assert amounts(order_lines=[LINE, gift, fee]) == {"sales": 25, "cost_of_goods": 15, "margin": 10}


def test_shipping_is_what_it_cost_less_what_was_charged() -> None:
    order = {**ORDER, "shipping_cost": 7, "shipping_charged": 5}
    assert amounts(orders=[order]) == {"sales": 20, "cost_of_goods": 12, "shipping": 2, "margin": 6}


def test_shipping_line_counts_where_the_order_says_nothing() -> None:
    shipping = {**LINE, "line": 2, "kind": "shipping", "quantity": 1, "unit_price": 5, "unit_cost": None}
    silent = {**ORDER, "shipping_cost": 7}
    found = {"sales": 20, "cost_of_goods": 12, "shipping": 2, "margin": 6}
    assert amounts(orders=[silent], order_lines=[LINE, shipping]) == found
    assert amounts(orders=[{**silent, "shipping_charged": 5}], order_lines=[LINE, shipping]) == found


BACK = {"return_id": "r", "order_id": "o", "line": 1, "returned_at": "2024-02-01", "quantity": 1}


def test_return_takes_back_refund_and_goods() -> None:
    assert amounts(returns=[{**BACK, "refund": 9}]) == {"sales": 20, "returns": 9, "cost_of_goods": 6, "margin": 5}


def test_return_without_a_refund_takes_back_what_it_was_sold_for() -> None:
    assert amounts(returns=[BACK])["returns"] == 10


def test_return_that_names_the_product_alone_finds_its_line() -> None:
    lines = [{**LINE, "product_id": "p"}, {**LINE, "line": 2, "product_id": "q", "unit_price": 99}]
    found = amounts(order_lines=lines, returns=[{**BACK, "line": None, "product_id": "p"}])
    assert (found["returns"], found["cost_of_goods"]) == (10, 12 + 12 - 6)


def test_return_that_does_not_say_what_came_back_loses_the_goods() -> None:
    found = amounts(returns=[{**BACK, "line": None, "quantity": None, "refund": 9}])
    assert found == {"sales": 20, "returns": 9, "cost_of_goods": 12, "margin": -1}


def test_return_of_unknown_cost_drops_out_as_it_came_in() -> None:
    unknown = {**LINE, "line": 2, "unit_cost": None, "unit_price": 50}
    found = amounts(order_lines=[LINE, unknown], returns=[{**BACK, "line": 2, "refund": 50}])
    assert found == {"sales": 120, "returns": 50, "sales_without_cost": 50, "cost_of_goods": 12, "margin": 8}


def test_return_without_an_order_counts_for_its_own_customer() -> None:
    lone = {"customer_id": "d", "product_id": "p", "quantity": 1, "refund": 9, "returned_at": "2024-02-01"}
    found = amounts("customer_id", returns=[lone], products=[{"product_id": "p", "unit_cost": 4}])
    assert found[("d",)] == {"returns": 9, "cost_of_goods": -4, "margin": -5}


def test_payment_that_failed_is_lost_once_whatever_the_number_of_tries() -> None:
    due = {"order_id": "o", "amount": 20, "due_at": "2024-01-10"}
    tries = [{**due, "failed_at": "2024-01-10"}, {**due, "failed_at": "2024-01-12"}]
    assert amounts(payments=tries)["payment_losses"] == 20
    assert "payment_losses" not in amounts(payments=[*tries, {**due, "paid_at": "2024-01-14"}])
    assert "payment_losses" not in amounts(payments=[*tries, due])  # one more try is open


def test_payment_is_lost_90_days_after_it_was_due() -> None:
    due = {"order_id": "o", "amount": 20, "due_at": "2024-01-10"}
    quiet = {"contact_id": "k", "direction": "in"}
    assert "payment_losses" not in amounts(payments=[due], contacts=[{**quiet, "at": "2024-04-08T12:00"}])
    assert amounts(payments=[due], contacts=[{**quiet, "at": "2024-04-10T12:00"}])["payment_losses"] == 20


def test_payment_that_is_paid_after_it_failed_is_not_lost() -> None:
    paid = {"order_id": "o", "amount": 20, "failed_at": "2024-01-10", "paid_at": "2024-01-11"}
    assert "payment_losses" not in amounts(payments=[paid])
    assert amounts(payments=[{**paid, "failed_at": "2024-01-12"}])["payment_losses"] == 20  # it went back


def test_order_that_came_back_and_was_never_paid_is_lost_once() -> None:
    unpaid = {"order_id": "o", "amount": 20, "due_at": "2024-01-10", "failed_at": "2024-01-11"}
    back = {**BACK, "quantity": 2, "refund": 20}
    assert amounts(payments=[unpaid], returns=[back]) == {"sales": 20, "returns": 20}
    half = amounts(payments=[unpaid], returns=[BACK])
    assert half == {"sales": 20, "returns": 10, "cost_of_goods": 6, "payment_losses": 10, "margin": -6}


def test_payments_lost_are_at_most_what_their_order_still_owes() -> None:
    order = {**ORDER, "shipping_charged": 5, "shipping_cost": 5}
    rates = [{"order_id": "o", "amount": 20, "due_at": f"2024-01-{day}"} for day in (10, 20)]
    failed = [{**rate, "failed_at": "2024-01-25"} for rate in rates]
    assert amounts(orders=[order], payments=failed)["payment_losses"] == 25  # of 40 that were asked for
    by_half = amounts("order_id", payments=[{**rates[0], "paid_at": "2024-01-10", "amount": 8}, failed[1]])
    assert by_half[("o",)]["payment_losses"] == 12


def test_payment_with_vat_loses_no_more_than_was_sold_without() -> None:
    """Amounts are without VAT; of a company that tells them with it, the VAT is no loss."""
    line = {**LINE, "tax_rate": 0.2}
    net, gross = ({"order_id": "o", "amount": amount, "failed_at": "2024-01-11"} for amount in (20, 24))
    found = {"sales": 20, "cost_of_goods": 12, "payment_losses": 20, "margin": -12}
    assert amounts(order_lines=[line], payments=[net]) == amounts(order_lines=[line], payments=[gross]) == found


def test_payments_without_a_due_time_are_not_tries_of_one() -> None:
    """Two instalments of the same amount, of which one failed."""
    rate = {"order_id": "o", "amount": 10}
    rates = [{**rate, "failed_at": "2024-01-11"}, {**rate, "paid_at": "2024-01-11"}]
    assert amounts(payments=rates)["payment_losses"] == 10
    assert "payment_losses" not in amounts(payments=[*rates, {**rate, "paid_at": "2024-01-12"}])  # nothing is owed


def test_payment_of_a_contract_is_its_holder_s_loss() -> None:
    contract = {"contract_id": "k", "customer_id": "d", "product_id": "p", "started_on": "2024-01-01"}
    failed = {"contract_id": "k", "amount": 9, "due_at": "2024-01-10", "failed_at": "2024-01-10"}
    found = amounts("customer_id", contracts=[contract], payments=[failed])
    assert found == {
        ("c",): {"sales": 20, "cost_of_goods": 12, "margin": 8},
        ("d",): {"payment_losses": 9, "margin": -9},
    }


def test_offers_and_surveys_are_no_service() -> None:
    contact = {"customer_id": "c", "at": "2024-01-03", "cost": 4, "direction": "out"}
    sent = [{**contact, "purpose": purpose} for purpose in ("offer", "survey", "service", "notice", None)]
    assert amounts(contacts=sent)["cost_to_serve"] == 12


def test_service_costs_what_contacts_and_cases_say() -> None:
    found = amounts(
        "customer_id",
        contacts=[{"customer_id": "c", "at": "2024-01-03", "cost": 4}, {"customer_id": "c", "at": "2024-01-04"}],
        cases=[{"customer_id": "d", "opened_at": "2024-01-03", "closed_at": "2024-01-05", "cost": 6}],
    )
    assert found == {
        ("c",): {"sales": 20, "cost_of_goods": 12, "cost_to_serve": 4, "margin": 4},
        ("d",): {"cost_to_serve": 6, "margin": -6},
    }


def test_amounts_count_on_the_day_on_which_they_arose() -> None:
    facts = make_facts(orders=[ORDER], order_lines=[LINE], returns=[{**BACK, "refund": 9}])
    february = sum_margin(movements(facts, since=datetime(2024, 2, 1).date()))
    found = facts.run(february).to_pylist()[0]
    assert (found["sales"], found["returns"], found["cost_of_goods"]) == (0, 9, -6)


def test_amounts_of_several_currencies_are_brought_into_one() -> None:
    found = amounts(
        orders=[{**ORDER, "currency": "CHF", "shipping_cost": 4}],
        order_lines=[{**LINE, "unit_cost": None, "product_id": "p"}, {**LINE, "line": 2}],
        products=[{"product_id": "p", "unit_cost": 6, "currency": "USD"}],
        returns=[{**BACK, "line": 2}],
        contacts=[{"customer_id": "c", "at": "2024-01-03", "cost": 3, "currency": "EUR", "order_id": "o"}],
        exchange_rates=[
            {"day": "2024-01-01", "currency": "CHF", "to_currency": "EUR", "rate": 2},
            {"day": "2024-01-01", "currency": "USD", "to_currency": "EUR", "rate": 0.5},
        ],
    )
    sales, cost, back = 2 * 40, 0.5 * 12 + 2 * 12, 2 * 10
    assert found == {
        "sales": sales,
        "cost_of_goods": cost - 2 * 6,
        "returns": back,
        "shipping": 8,
        "cost_to_serve": 3,
        "margin": sales - (cost - 12) - back - 8 - 3,
    }


START = datetime(2024, 1, 1)
KEYS = st.sampled_from(["a", "b"])
MAYBE = st.none() | st.integers(0, 9)
LINES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["product", "gift", "fee", "shipping"]),
        "product_id": st.sampled_from([None, "p", "q"]),
        "quantity": st.integers(1, 3),
        "unit_price": st.integers(0, 9),
        "unit_cost": MAYBE,
    }
)
ORDERS = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from([None, "c", "d"]),
        "day": st.integers(0, 30),
        "status": st.sampled_from(["paid", "paid", "cancelled"]),
        "shipping_charged": MAYBE,
        "shipping_cost": MAYBE,
        "lines": st.lists(LINES, max_size=3),
        "back": st.none() | st.tuples(st.sampled_from([None, 1, 2]), st.sampled_from([None, "p"]), MAYBE, MAYBE),
        "tries": st.lists(st.sampled_from(["paid", "failed", "open"]), max_size=3),
    }
)


@settings(max_examples=10, deadline=None)
@given(st.lists(ORDERS, min_size=1, max_size=12))
def test_amounts_are_what_a_plain_loop_finds(orders: list[dict[str, Any]]) -> None:
    costs = {"p": 4.0, "q": None}
    tables: dict[str, Any] = defaultdict(list)
    expected: dict[str | None, dict[str, float]] = defaultdict(lambda: dict.fromkeys(AMOUNTS, 0.0))
    for number, order in enumerate(orders):
        key, at = f"o{number}", START + timedelta(days=order["day"])
        tables["orders"].append(
            {name: order[name] for name in ("customer_id", "status", "shipping_charged", "shipping_cost")}
            | {"order_id": key, "ordered_at": at}
        )
        lines = [{"order_id": key, "line": place, **line} for place, line in enumerate(order["lines"], 1)]
        tables["order_lines"] += lines
        if order["back"] is not None:
            names = ("line", "product_id", "quantity", "refund")
            tables["returns"].append(
                {"order_id": key, "returned_at": at, **dict(zip(names, order["back"], strict=True))}
            )
        for state in order["tries"]:
            done = {} if state == "open" else {f"{state}_at": at}
            tables["payments"].append({"order_id": key, "amount": 9, "due_at": at, **done})
        if order["status"] != "cancelled":
            _add_by_loop(expected[order["customer_id"]], order, lines, costs)
    tables["products"] = [{"product_id": name, "unit_cost": cost} for name, cost in costs.items()]
    facts = make_facts(**tables)
    found = facts.run(sum_margin(movements(facts), "customer_id")).to_pylist()
    compared = {row["customer_id"]: {name: row[name] for name in AMOUNTS} for row in found}
    none = dict.fromkeys(AMOUNTS, 0.0)
    assert {key: value for key, value in compared.items() if value != none} == {
        key: pytest.approx(value) for key, value in expected.items() if value != none
    }


def _add_by_loop(
    sums: dict[str, float], order: dict[str, Any], lines: list[dict[str, Any]], costs: dict[str, float | None]
) -> None:
    def cost_of(line: dict[str, Any]) -> float | None:
        return line["unit_cost"] if line["unit_cost"] is not None else costs.get(line["product_id"] or "")

    sums["shipping"] += (order["shipping_cost"] or 0) - (order["shipping_charged"] or 0)
    for line in lines:
        amount, cost = line["quantity"] * line["unit_price"], cost_of(line)
        if line["kind"] != "shipping":
            sums["sales"] += amount
        elif order["shipping_charged"] is None:
            sums["shipping"] -= amount
        if cost is not None:
            sums["cost_of_goods"] += line["quantity"] * cost
        elif line["kind"] in ("product", "gift"):
            sums["sales_without_cost"] += amount
    charged = order["shipping_charged"] or 0
    charged += sum(
        line["quantity"] * line["unit_price"]
        for line in lines
        if line["kind"] != "shipping" or order["shipping_charged"] is None
    )
    back = _take_back_by_loop(sums, order, lines, cost_of)
    if order["tries"] and set(order["tries"]) == {"failed"}:
        sums["payment_losses"] += min(9, max(charged - back, 0))


def _take_back_by_loop(
    sums: dict[str, float], order: dict[str, Any], lines: list[dict[str, Any]], cost_of: Callable[..., float | None]
) -> float:
    """The amount of what came back."""
    if order["back"] is None:
        return 0
    place, product, quantity, refund = order["back"]
    same = [line for line in lines if (line["line"] == place if place else product and line["product_id"] == product)]
    prices, own = ([line[name] for line in same if line[name] is not None] for name in ("unit_price", "unit_cost"))
    named = product or max((line["product_id"] for line in same if line["product_id"]), default=None)
    cost = sum(own) / len(own) if own else cost_of({"unit_cost": None, "product_id": named})
    if refund is None:
        refund = quantity * sum(prices) / len(prices) if prices and quantity is not None else 0
    sums["returns"] += refund
    if quantity is not None and cost is not None:
        sums["cost_of_goods"] -= quantity * cost
    has_goods = not same or any(line["kind"] in ("product", "gift") for line in same)
    if (same or named) and has_goods and cost is None:
        sums["sales_without_cost"] -= refund
    return float(refund)
