"""Margin per customer: totals, splits, and how few customers make it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.companies import make_facts

from saydo.company import Facts
from saydo.errors import MissingTable, NothingToMeasure, UnknownSplit
from saydo.measures.margin import margin


def company(*margins: float | None, **more: Any) -> Facts:
    """One customer per margin, each with one order of a single line."""
    orders = [{"order_id": f"o{n}", "customer_id": f"c{n}", "ordered_at": "2024-01-05"} for n, _ in enumerate(margins)]
    lines = [
        {"order_id": f"o{n}", "line": 1, "unit_price": 100, "unit_cost": left if left is None else 100 - left}
        for n, left in enumerate(margins)
    ]
    return make_facts(**{"orders": orders, "order_lines": lines, **more})


def only(facts: Facts, **asked: Any) -> dict[str, Any]:
    [record] = margin(facts, **asked).to_records()
    return record


def test_margin_counts_the_customers_and_what_each_leaves() -> None:
    found = only(company(50, 30, 20))
    assert (found["customers"], found["sales"], found["margin"]) == (3, 300, 100)
    assert (found["margin_rate"], found["margin_per_customer"]) == pytest.approx((1 / 3, 100 / 3))


def test_margin_says_how_few_customers_make_it() -> None:
    found = only(company(50, 30, 10, 10))
    shares = [found[f"customers_{part}_share"] for part in (50, 80, 100)]
    assert (shares, found["losing_customers"], found["peak_share"]) == ([0.25, 0.5, 1.0], 0, 1.0)


def test_margin_above_100_percent_is_made_where_others_lose() -> None:
    found = only(company(60, 60, -10, -10))
    shares = [found[f"customers_{part}_share"] for part in (50, 80, 100)]
    assert (shares, found["losing_customers"], found["losses"], found["peak_share"]) == ([0.25, 0.5, 0.5], 2, 20, 1.2)


def test_margin_that_is_lost_has_no_makers() -> None:
    found = only(company(10, -30))
    assert (found["margin"], found["customers_80_share"], found["peak_share"]) == (-20, None, None)


def test_margin_of_unknown_cost_is_left_out_and_its_share_said() -> None:
    result = margin(company(60, None))
    [found] = result.to_records()
    assert (found["sales"], found["sales_without_cost"], found["margin"], found["margin_rate"]) == (200, 100, 60, 0.6)
    assert [str(note) for note in result.notes] == [
        "Sales whose cost is not known: 50%. They are left out of the margin."
    ]


def test_margin_is_null_where_no_cost_is_known() -> None:
    found = only(company(None, None))
    assert (found["sales"], found["margin"], found["margin_rate"], found["margin_per_customer"]) == (
        200,
        None,
        None,
        None,
    )


def test_margin_leaves_out_sales_to_nobody_and_says_their_share() -> None:
    orders = [{"order_id": "o0", "customer_id": "c", "ordered_at": "2024-01-05"}]
    orders += [{"order_id": f"x{n}", "ordered_at": "2024-01-05"} for n in range(3)]
    result = margin(company(50, orders=orders))
    assert (result.to_records()[0]["customers"], result.to_records()[0]["sales"]) == (1, 100)
    assert [str(note) for note in result.notes] == ["Orders without a customer: 75% of all. They are left out."]


def test_margin_splits_by_the_customer_s_columns() -> None:
    facts = company(
        50, 30, 20, customers=[{"customer_id": "c0", "country": "FR"}, {"customer_id": "c1", "country": "CH"}]
    )
    found = {row["country"]: row["margin"] for row in margin(facts, by="country")}
    assert found == {"FR": 50, "CH": 30, None: 20}


def test_margin_splits_by_month_and_each_customer_counts_in_each() -> None:
    orders = [{"order_id": f"o{n}", "customer_id": "c", "ordered_at": f"2024-0{n + 1}-05"} for n in range(2)]
    found = [
        (str(row["month"]), row["customers"], row["margin"])
        for row in margin(company(50, 30, orders=orders), by="month")
    ]
    assert found == [("2024-01-01", 1, 50), ("2024-02-01", 1, 30)]


def test_margin_by_category_leaves_what_names_no_product_in_a_group_of_its_own() -> None:
    facts = company(
        orders=[{"order_id": "o", "customer_id": "c", "ordered_at": "2024-01-05", "shipping_cost": 7}],
        order_lines=[{"order_id": "o", "product_id": name, "unit_price": 10} for name in ("p", "q")],
        products=[
            {"product_id": "p", "category": "bikes", "unit_cost": 4},
            {"product_id": "q", "category": "bells", "unit_cost": 1},
        ],
    )
    result = margin(facts, by="category")
    found = {row["category"]: (row["customers"], row["margin"]) for row in result}
    assert found == {"bikes": (1, 6), "bells": (1, 9), None: (1, -7)}
    assert result.notes == ()


def test_margin_splits_by_columns_of_order_customer_and_line_at_once() -> None:
    facts = company(
        orders=[
            {"order_id": "o0", "customer_id": "c0", "ordered_at": "2024-01-05", "touchpoint": "web", "region": "north"},
            {
                "order_id": "o1",
                "customer_id": "c0",
                "ordered_at": "2024-01-05",
                "touchpoint": "shop",
                "region": "north",
            },
        ],
        order_lines=[
            {"order_id": f"o{n}", "line": 1, "kind": kind, "unit_price": 10, "unit_cost": 4}
            for n, kind in enumerate(["product", "gift"])
        ],
        customers=[{"customer_id": "c0", "region": "south", "kind": "firm"}],
    )
    result = margin(facts, by="orders.touchpoint,customers.region,orders.region,kind,order_lines.kind")
    assert result.by == ("touchpoint", "customers_region", "region", "customers_kind", "kind")
    assert [tuple(row.values())[:5] for row in result] == [
        ("shop", "south", "north", "firm", "gift"),
        ("web", "south", "north", "firm", "product"),
    ]


def test_margin_by_customer_lists_them() -> None:
    result = margin(company(50, -30), by="customer_id")
    assert [(row["customer_id"], row["margin"]) for row in result] == [("c0", 50), ("c1", -30)]
    assert "peak_share" not in result.table.column_names


def test_margin_refuses_a_split_by_what_a_line_alone_has() -> None:
    with pytest.raises(UnknownSplit, match="margin cannot be split by unit_price"):
        margin(company(50), by="unit_price")


def test_margin_of_a_period_without_anything_is_an_error() -> None:
    with pytest.raises(NothingToMeasure):
        margin(company(50), since="2024-02-01")


def test_margin_needs_order_lines() -> None:
    with pytest.raises(MissingTable, match="margin needs the table order_lines"):
        margin(make_facts(orders=[{"customer_id": "c", "ordered_at": "2024-01-01"}]))


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.integers(-20, 40), st.sampled_from(["FR", "CH"])), min_size=1, max_size=16))
def test_margin_s_makers_are_those_whom_a_plain_loop_finds(customers: list[tuple[int, str]]) -> None:
    people = [{"customer_id": f"c{n}", "country": country} for n, (_, country) in enumerate(customers)]
    facts = company(*(float(left) for left, _ in customers), customers=people)
    for row in margin(facts, by="country"):
        margins = sorted((left for left, country in customers if country == row["country"]), reverse=True)
        assert row["margin"] == sum(margins)
        assert [row[f"customers_{part}_share"] for part in (50, 80, 100)] == [
            _makers(margins, part) for part in (50, 80, 100)
        ]
        assert row["losing_customers"] == sum(left < 0 for left in margins)


def _makers(margins: list[int], part: int) -> float | None:
    made = 0
    for count, left in enumerate(margins, 1):
        made += left
        if 100 * made >= part * sum(margins) > 0:
            return count / len(margins)
    return None
