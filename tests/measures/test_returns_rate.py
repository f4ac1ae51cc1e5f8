"""How much of what was sold came back."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.companies import make_facts

from saydo.company import Facts
from saydo.errors import BadSetting, MissingTable, MixedCurrencies, NothingToMeasure
from saydo.measures.returns_rate import returns_rate
from saydo.simulate.catalogue import RETURN_FACTORS
from saydo.stats.intervals import wilson
from saydo.stats.trials import binomial_p

Row = dict[str, Any]
AS_OF = "2024-12-01"


def line(order: str, number: int, product: str = "x", quantity: float = 1, price: float = 10, **more: Any) -> Row:
    return {"order_id": order, "line": number, "product_id": product, "quantity": quantity, "unit_price": price, **more}


def back(order: str | None, on: str | datetime = "2024-01-20", **more: Any) -> Row:
    return {"order_id": order, "returned_at": on, **more}


def order(name: str, on: str | datetime = "2024-01-10", **more: Any) -> Row:
    return {"order_id": name, "ordered_at": on, **more}


def company(orders: list[Row], lines: list[Row], returns: list[Row]) -> Facts:
    return make_facts(orders=orders, order_lines=lines, returns=returns)


def only(facts: Facts, **settings: Any) -> Row:
    (row,) = returns_rate(facts, **({"as_of": AS_OF} | settings)).to_records()
    return row


def test_return_counts_lines_quantity_and_value() -> None:
    lines = [line("a", 1, quantity=2), line("a", 2, "y", price=5), line("b", 1, price=20), line("c", 1)]
    facts = company(
        [order(name) for name in "abc"], lines, [back("a", line=1, quantity=1, refund=8), back("b", line=1)]
    )
    row = only(facts)
    assert (row["sold_lines"], row["returned_lines"], row["return_rate"]) == (4, 2, 0.5)
    assert (row["sold_quantity"], row["returned_quantity"], row["quantity_rate"]) == (5, 2, 0.4)
    assert (row["sold_value"], row["returned_value"], row["value_rate"]) == (55, 28, 28 / 55)
    assert (row["unlinked_returns"], row["unlinked_quantity"], row["totals_rate"]) == (0, 0, 0.4)
    assert row["return_low"] < 0.5 < row["return_high"]


def test_return_of_single_lines_by_strangers_has_wilson_s_interval() -> None:
    names = [f"o{number}" for number in range(12)]
    facts = company([order(name) for name in names], [line(name, 1) for name in names], [back("o1"), back("o2")])
    row = only(facts)
    low, high = wilson(2, 12)
    assert (row["return_low"], row["return_high"]) == pytest.approx((float(low), float(high)))


def test_return_stands_for_the_line_the_product_or_the_order_that_it_names() -> None:
    cases: list[tuple[Row, list[float]]] = [
        ({"line": 1, "quantity": 2}, [2, 0, 0]),
        ({"line": 3, "product_id": "y"}, [0, 0, 1]),  # the line is surer than the product
        ({"product_id": "x", "quantity": 2}, [1.5, 0, 0.5]),
        ({"product_id": "x"}, [3, 0, 1]),
        ({"quantity": 1}, [0.6, 0.2, 0.2]),
        ({}, [3, 1, 1]),
        ({"line": 1, "quantity": 99}, [3, 0, 0]),  # never more than was sold
        ({"line": 7}, [0, 0, 0]),
    ]
    names = [f"o{number}" for number in range(len(cases))]
    lines = [line(name, *sold) for name in names for sold in ((1, "x", 3), (2, "y", 1), (3, "x", 1))]
    returns = [back(name, **named) for name, (named, _) in zip(names, cases, strict=True)]
    rows = returns_rate(company([order(name) for name in names], lines, returns), by="order_id,line", as_of=AS_OF)
    found = [row["returned_quantity"] for row in rows]
    assert found == pytest.approx([quantity for _, quantities in cases for quantity in quantities])


def test_return_takes_back_its_refund_else_the_price_and_never_more_than_was_charged() -> None:
    cases: list[tuple[list[Row], float]] = [
        ([{"quantity": 2}], 20),
        ([{"quantity": 2, "refund": 15}], 15),
        ([{"quantity": 1, "refund": 5}, {"quantity": 1}], 15),
        ([{"refund": 90}], 40),
    ]
    names = [f"o{number}" for number in range(len(cases))]
    returns = [back(name, **given) for name, (all_given, _) in zip(names, cases, strict=True) for given in all_given]
    facts = company([order(name) for name in names], [line(name, 1, quantity=4) for name in names], returns)
    found = [row["returned_value"] for row in returns_rate(facts, by="order_id", as_of=AS_OF)]
    assert found == [value for _, value in cases]


def test_return_counts_only_for_goods_of_orders_that_were_not_cancelled() -> None:
    orders = [order("a"), order("b", cancelled_at="2024-01-11"), order("c", status="cancelled"), order("d")]
    lines = [line("a", 1), line("b", 1), line("c", 1), line("d", 1, kind="fee"), line("d", 2, quantity=-1)]
    row = only(company(orders, lines, [back(name) for name in "abcd"]))
    assert (row["sold_lines"], row["returned_lines"]) == (1, 1)


def test_return_gives_every_order_the_same_time() -> None:
    orders = [order("old"), order("slow"), order("young", "2024-11-15")]
    lines = [line(name, 1) for name in ("old", "slow", "young")]
    facts = company(orders, lines, [back("old", "2024-03-09"), back("slow", "2024-03-10"), back("young", "2024-11-16")])
    result = returns_rate(facts, as_of=AS_OF)
    assert (result.to_records()[0]["sold_lines"], result.to_records()[0]["returned_lines"]) == (2, 1)
    assert [note.values for note in result.notes] == [{"count": 1, "days": 60}]
    whole = returns_rate(facts, as_of=AS_OF, within_days=0)
    assert (whole.to_records()[0]["sold_lines"], whole.to_records()[0]["returned_lines"]) == (3, 3)
    assert not whole.notes


def test_return_belongs_to_the_month_of_its_order() -> None:
    orders = [order("a"), order("b", "2024-02-01", touchpoint="shop")]
    facts = company(orders, [line("a", 1), line("b", 1)], [back("a", "2024-02-10"), back("b", "2024-03-10")])
    assert [(row["month"], row["returned_lines"]) for row in returns_rate(facts, by="month", as_of=AS_OF)] == [
        (date(2024, 1, 1), 1),
        (date(2024, 2, 1), 1),
    ]
    assert only(facts, since="2024-02-01")["sold_lines"] == 1
    assert [row["touchpoint"] for row in returns_rate(facts, by="orders.touchpoint", as_of=AS_OF)] == ["shop", None]


def test_returns_without_an_order_are_in_the_rate_of_totals_alone() -> None:
    returns = [back("a"), back(None, product_id="y", quantity=2), back(None, "2024-11-20")]
    facts = company([order("a"), order("b")], [line("a", 1, "x", 4), line("b", 1, "y", 5)], returns)
    result = returns_rate(facts, by="product_id", as_of=AS_OF)
    found = [(r["product_id"], r["returned_quantity"], r["unlinked_returns"], r["totals_rate"]) for r in result]
    assert found == [("x", 4, 0, 1.0), ("y", 0, 1, 0.4)]
    assert result.notes[0].values == {"count": 2, "all": 3}
    assert [r["unlinked_quantity"] for r in returns_rate(facts, as_of=AS_OF, within_days=0)] == [3]


def test_returns_that_never_name_an_order_leave_the_rate_unknown() -> None:
    row = only(company([order("a")], [line("a", 1, quantity=4)], [back(None, quantity=1)]))
    assert (row["return_rate"], row["return_low"], row["quantity_rate"], row["value_rate"]) == (None, None, None, None)
    assert (row["sold_lines"], row["returned_lines"], row["returned_value"]) == (1, None, None)
    assert row["totals_rate"] == 0.25


def test_returns_in_other_currencies_are_brought_into_the_company_s() -> None:
    orders = [order("a", currency="CHF"), order("b")]
    tables: dict[str, Any] = {"order_lines": [line("a", 1), line("b", 1)], "returns": [back("a", refund=5)]}
    rate = {"day": "2024-01-01", "currency": "CHF", "to_currency": "EUR", "rate": 2.0}
    row = only(make_facts(orders=orders, exchange_rates=[rate], **tables))
    assert (row["sold_value"], row["returned_value"]) == (30, 10)
    with pytest.raises(MixedCurrencies, match="CHF"):
        only(make_facts(orders=orders, **tables))


def test_returns_ask_for_tables_a_possible_window_and_orders_old_enough() -> None:
    facts = company([order("a", "2024-11-30")], [line("a", 1)], [back("a", "2024-11-30")])
    with pytest.raises(NothingToMeasure):
        returns_rate(facts)
    with pytest.raises(BadSetting) as wrong:
        returns_rate(facts, within_days=-1)
    assert str(wrong.value) == "within_days cannot be -1. It must be 0 or more."
    with pytest.raises(MissingTable, match="returns"):
        returns_rate(make_facts(orders=[order("a")], order_lines=[line("a", 1)]))


orders_drawn = st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["k", "m", None])), min_size=1, max_size=6)
lines_drawn = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from("xy"), st.integers(1, 4), st.integers(0, 9)), max_size=12
)
returns_drawn = st.lists(
    st.tuples(
        st.none() | st.integers(0, 5),
        st.integers(0, 60),
        st.none() | st.integers(1, 3),
        st.none() | st.sampled_from("xy"),
        st.none() | st.integers(1, 5),
        st.none() | st.integers(0, 20),
    ),
    max_size=8,
)


@given(orders_drawn, lines_drawn, returns_drawn)
@settings(max_examples=6, deadline=None)
def test_returns_agree_with_a_plain_loop(orders: list[Any], lines: list[Any], returns: list[Any]) -> None:
    start, window, as_of = datetime(2024, 1, 1), 20, datetime(2024, 2, 10)
    placed = {f"o{i}": start + timedelta(days=day) for i, (day, _) in enumerate(orders)}
    sold: dict[tuple[str, int], tuple[str, float, float]] = {}
    for o, product, quantity, price in lines:
        if f"o{o}" in placed:
            sold[f"o{o}", 1 + sum(key[0] == f"o{o}" for key in sold)] = (product, quantity, price)
    quantities: dict[Any, float] = defaultdict(float)
    values: dict[Any, float] = defaultdict(float)
    given_back = []
    for o, day, on_line, product, quantity, refund in returns:
        at, name = start + timedelta(days=day), None if o is None else f"o{o}"
        given_back.append(back(name, at, line=on_line, product_id=product, quantity=quantity, refund=refund))
        stands_for = [
            key
            for key, (bought, _, _) in sold.items()
            if key[0] == name and (key[1] == on_line if on_line else product in (None, bought))
        ]
        whole = sum(sold[key][1] for key in stands_for)
        for key in stands_for:
            if at < as_of and at < placed[key[0]] + timedelta(days=window):
                part = sold[key][1] / whole
                amount = (quantity if quantity is not None else whole) * part
                quantities[key] += amount
                values[key] += refund * part if refund is not None else amount * sold[key][2]
    counted = [key for key in sold if placed[key[0]] < as_of - timedelta(days=window)]
    facts = make_facts(
        orders=[order(f"o{i}", placed[f"o{i}"], customer_id=who) for i, (_, who) in enumerate(orders)],
        order_lines=[line(*key, product, quantity, price) for key, (product, quantity, price) in sold.items()],
        returns=given_back or [back("nothing")],
        customers=[{"customer_id": "k", "first_seen_at": "2024-02-20"}],
    )
    try:
        row = only(facts, as_of=as_of, within_days=window) if sold else {"sold_lines": 0}
    except NothingToMeasure:
        row = {"sold_lines": 0}
    assert row["sold_lines"] == len(counted)
    seen = [o for o, day, *_ in returns if start + timedelta(days=day) < as_of]
    if counted and seen and all(o is None for o in seen):
        assert (row["returned_lines"], row["returned_quantity"], row["returned_value"]) == (None, None, None)
    elif counted:
        assert row["returned_lines"] == sum(quantities[key] > 0 for key in counted)
        assert row["returned_quantity"] == pytest.approx(sum(min(quantities[key], sold[key][1]) for key in counted))
        worth = {key: sold[key][1] * sold[key][2] for key in counted}
        assert row["sold_value"] == pytest.approx(sum(worth.values()))
        assert row["returned_value"] == pytest.approx(sum(min(values[key], worth[key]) for key in counted))


def test_returns_intervals_hold_the_planted_rates(straight: tuple[Facts, dict[str, Any]]) -> None:
    facts, truth = straight
    held = []
    for row in returns_rate(facts, by="products.category,month"):
        rate = truth["planted"]["returned"] * RETURN_FACTORS[row["category"]]
        held.append(row["return_low"] <= rate <= row["return_high"])
    assert len(held) > 150
    # months with few sales hold rare returns more often than 95 % of the time
    assert sum(held) >= 0.95 * len(held) or binomial_p(sum(held), len(held)) > 0.001, sum(held) / len(held)
