"""Shopify: an export written by hand, with the quirks of real ones."""

# ruff: noqa: E501  rows of the export stand as they are

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.sources.imports import Imported, bring_in, write

HEADER = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,Taxes,"
    "Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem price,"
    "Lineitem compare at price,Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,"
    "Billing Name,Shipping Country,Notes,Cancelled at,Payment Method,Refunded Amount,Vendor,Id,Tags,Source,"
    "Lineitem discount,Phone\n"
)
# Taxes in the prices (20 %): 2 teapots at 40 less 10 on the order, 1 cup at 20, 10 for shipping: 100, of which 16.67 taxes.
INCLUDED = """\
#1001,Anna@example.org,paid,2024-01-05 10:22:40 +0100,fulfilled,2024-01-06 09:00:00 +0100,yes,EUR,90.00,10.00,16.67,100.00,\
TEN,10.00,Post,2024-01-05 10:22:33 +0100,2,Teapot,40.00,45.00,TP-1,true,true,fulfilled,Anna Muster,FR,"Ring twice,
please",,card,0.00,Potters,5001,,web,0.00,
#1001,anna@example.org,,,,,,,,,,,,,,2024-01-05 10:22:33 +0100,1,Cup,20.00,,,true,true,fulfilled,,,,,,,Potters,,,,0.00,
"""
# Taxes on top (8 % of 54): a line discount of 6 on 3 cups; partly refunded.
ON_TOP = """\
#1002,,partially_refunded,2024-02-01 12:00:00 +0100,unfulfilled,,no,EUR,54.00,0.00,4.32,58.32,,0.00,,\
2024-02-01 11:59:00 +0100,3,Cup,20.00,,CUP,true,true,pending,,CH,,,card,29.16,Potters,5002,,pos,6.00,+41791234567
"""
# Paid, cancelled and paid back in full, before it was sent; without taxes.
CANCELLED = """\
#1003, ANNA@example.org,refunded,2024-03-01 08:00:00 +0100,unfulfilled,,no,EUR,20.00,0.00,0.00,20.00,,0.00,,\
2024-03-01 07:59:00 +0100,1,Cup,20.00,,CUP,true,false,pending,,FR,,2024-03-02 08:00:00 +0100,card,20.00,Potters,5003,,web,0.00,
"""
# Not paid yet; a gift card, a tip, and a free sample.
OPEN = """\
#1004,bob@example.org,pending,,unfulfilled,,no,EUR,55.00,0.00,0.00,55.00,,0.00,,2024-03-05 07:59:00 +0100,1,Gift Card 50,\
50.00,,,false,false,pending,,FR,,,card,0.00,,5004,,shopify_draft_order,0.00,
#1004,bob@example.org,,,,,,,,,,,,,,2024-03-05 07:59:00 +0100,1,Tip,5.00,,,false,false,pending,,,,,,,,,,,0.00,
#1004,bob@example.org,,,,,,,,,,,,,,2024-03-05 07:59:00 +0100,1,Sample,0.00,,,false,false,pending,,,,,,,,,,,0.00,
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    folder = tmp_path_factory.mktemp("shop") / "raw"
    return bring_in(write(folder, orders_export_1=HEADER + INCLUDED + ON_TOP + CANCELLED + OPEN), "shopify")


def test_order_stands_on_the_first_of_its_rows(shop: Imported) -> None:
    assert sorted(shop.rows("orders", "order_id", "ordered_at", "cancelled_at", "status", "touchpoint", "region")) == [
        ("#1001", datetime(2024, 1, 5, 9, 22, 33), None, "shipped", "web", "FR"),
        ("#1002", datetime(2024, 2, 1, 10, 59), None, "paid", "pos", "CH"),
        ("#1003", datetime(2024, 3, 1, 6, 59), datetime(2024, 3, 2, 7), "cancelled", "web", "FR"),
        ("#1004", datetime(2024, 3, 5, 6, 59), None, "placed", "shopify_draft_order", "FR"),
    ]


def test_prices_lose_discounts_and_taxes(shop: Imported) -> None:
    net = {
        row[:2]: row[2:] for row in shop.rows("order_lines", "order_id", "line", "quantity", "unit_price", "list_price")
    }
    assert net["#1001", 1] == (2, Decimal("29.9988"), Decimal("33.3320"))  # 40 less a tenth, less 16.67 in 100
    assert net["#1001", 2] == (1, Decimal("14.9994"), Decimal("16.6660"))
    assert net["#1002", 1] == (3, Decimal(18), Decimal(20))
    assert net["#1003", 1] == (1, Decimal(20), Decimal(20))


def test_order_comes_to_its_total_without_taxes(shop: Imported) -> None:
    lines = shop.rows("order_lines", "order_id", "quantity", "unit_price")
    charged = dict(shop.rows("orders", "order_id", "shipping_charged"))
    goods = {order: sum(quantity * price for key, quantity, price in lines if key == order) for order in charged}
    total = {order: float(goods[order] + charged[order]) for order in sorted(charged)}
    assert total == pytest.approx({"#1001": 83.33, "#1002": 54, "#1003": 20, "#1004": 55}, abs=0.001)


def test_kinds_of_lines_are_told_apart(shop: Imported) -> None:
    assert sorted(shop.rows("order_lines", "order_id", "line", "kind"))[-3:] == [
        ("#1004", 1, "gift"),
        ("#1004", 2, "fee"),
        ("#1004", 3, "product"),
    ]


def test_person_is_the_same_however_the_address_is_written_and_nowhere_named(shop: Imported) -> None:
    customers = dict(shop.rows("orders", "order_id", "customer_id"))
    assert customers["#1001"] == customers["#1003"]
    assert len({customer for customer in customers.values() if customer}) == 3
    stored = b"".join(path.read_bytes() for path in shop.folder.rglob("*.parquet"))
    for identity in (b"anna", b"Anna", b"ANNA", b"bob@", b"791234567", b"Muster", b"Ring"):
        assert identity not in stored


def test_refund_is_dated_at_the_last_trace_of_the_order(shop: Imported) -> None:
    assert sorted(shop.rows("returns", "order_id", "returned_at", "refund", "quantity")) == [
        ("#1002", datetime(2024, 2, 1, 11), Decimal("27.0000"), None),
        ("#1003", datetime(2024, 3, 2, 7), Decimal("20.0000"), None),
    ]


def test_payment_is_what_was_due_with_taxes(shop: Imported) -> None:
    assert sorted(shop.rows("payments", "order_id", "amount", "paid_at")) == [
        ("#1001", Decimal(100), datetime(2024, 1, 5, 9, 22, 40)),
        ("#1002", Decimal("58.32"), datetime(2024, 2, 1, 11)),
        ("#1003", Decimal(20), datetime(2024, 3, 1, 7)),
        ("#1004", Decimal(55), None),
    ]


def test_products_touchpoints_and_customers_are_complete(shop: Imported) -> None:
    tables = shop.manifest.tables
    assert {name: (entry.rows, entry.quarantined, entry.orphans) for name, entry in tables.items()} == {
        "customers": (3, 0, {}),
        "touchpoints": (3, 0, {}),
        "products": (6, 0, {}),
        "orders": (4, 0, {}),
        "order_lines": (7, 0, {}),
        "returns": (2, 0, {}),
        "payments": (4, 0, {}),
    }
    assert "promises" not in tables  # fulfilled is sent, not delivered: nothing tells what was kept


def test_order_in_two_exports_counts_as_the_later_has_it(tmp_path: Path) -> None:
    older = HEADER + CANCELLED.replace(",2024-03-02 08:00:00 +0100,card,20.00,", ",,card,0.00,") + OPEN
    shop = bring_in(write(tmp_path / "raw", orders_1=older, orders_2=HEADER + CANCELLED), "shopify")
    assert dict(shop.rows("orders", "order_id", "status")) == {"#1003": "cancelled", "#1004": "placed"}
    assert shop.counts("order_lines") == (4, 1)
    assert shop.refused("order_lines", "reason", "file", "row") == [
        ("the order stands in a later export too", "orders_1.csv", 2)
    ]


def test_export_without_the_newer_columns_is_read(tmp_path: Path) -> None:
    header = (
        "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Currency,Subtotal,Shipping,Taxes,Total,"
    )
    header += "Created at,Lineitem quantity,Lineitem name,Lineitem price\n"
    row = "#1,a@example.org,paid,2020-01-05 10:00:00 +0100,fulfilled,,EUR,20.00,0.00,0.00,20.00,2020-01-05 09:00:00 +0100,1,Cup,20\n"
    shop = bring_in(write(tmp_path / "raw", orders_export=header + row), "shopify")
    assert shop.rows("order_lines", "product_id", "unit_price", "list_price") == [("Cup", Decimal(20), Decimal(20))]
