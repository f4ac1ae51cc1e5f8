"""Online Retail: each quirk of the data set once, in rows made up here."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.sources.imports import Imported, bring_in, write

ROWS = """\
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
500001,10001A, RED POT ,6,2011-07-01 08:26:00,2.50,17001.0,France
500001,10001A,RED POT,6,2011-07-01 08:26:00,2.50,17001.0,France
500001,POST,POSTAGE,1,2011-07-01 08:27:00,18.00,17001.0,France
500001,10002,FREE SAMPLE,1,2011-07-01 08:27:00,0.00,17001.0,France
500002,10001a,wet,2,2011-07-02 10:00:00,3.00,,United Kingdom
500002,gift_0001_20,Voucher,1,2011-07-02 10:00:00,17.02,,United Kingdom
500002,BANK CHARGES,Bank Charges,1,2011-07-02 10:00:00,15.00,,United Kingdom
500003,10003,,5,2011-07-03 10:00:00,0.00,,United Kingdom
500004,10003,damaged,-5,2011-07-03 11:00:00,0.00,,United Kingdom
500005,S,SAMPLES,1,2011-07-04 09:00:00,33.05,17001.0,Spain
C500006,10001A,RED POT,-2,2011-07-05 09:00:00,2.50,17001.0,France
C500006,D,Discount,-1,2011-07-05 09:00:00,4.00,17001.0,France
C500007,AMAZONFEE,AMAZON FEE,-1,2011-07-06 09:00:00,13541.33,,United Kingdom
A500008,B,Adjust bad debt,1,2011-07-07 09:00:00,-11062.06,,United Kingdom
500009,10002,JAR,1,2011-07-08 09:00:00,4.00,17002.0,Unspecified
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    return bring_in(write(tmp_path_factory.mktemp("retail") / "raw", online_retail=ROWS), "online-retail")


def test_lines_have_their_kinds_and_numbers(shop: Imported) -> None:
    assert sorted(shop.rows("order_lines", "order_id", "line", "kind", "product_id", "quantity", "unit_price")) == [
        ("500001", 1, "product", "10001A", Decimal(6), Decimal("2.5")),
        ("500001", 2, "product", "10001A", Decimal(6), Decimal("2.5")),
        ("500001", 3, "shipping", None, Decimal(1), Decimal(18)),
        ("500001", 4, "gift", "10002", Decimal(1), Decimal(0)),
        ("500002", 1, "product", "10001A", Decimal(2), Decimal(3)),
        ("500002", 2, "gift", "GIFT_0001_20", Decimal(1), Decimal("17.02")),
        ("500002", 3, "fee", None, Decimal(1), Decimal(15)),
        ("500005", 1, "trial", None, Decimal(1), Decimal("33.05")),
        ("500009", 1, "product", "10002", Decimal(1), Decimal(4)),
    ]


def test_invoice_with_a_sale_is_an_order_in_local_time(shop: Imported) -> None:
    assert sorted(shop.rows("orders", "order_id", "customer_id", "ordered_at", "region"), key=str) == [
        ("500001", "17001", datetime(2011, 7, 1, 7, 26), "France"),
        ("500002", None, datetime(2011, 7, 2, 9), "United Kingdom"),
        ("500005", "17001", datetime(2011, 7, 4, 8), "Spain"),
        ("500009", "17002", datetime(2011, 7, 8, 8), None),
    ]


def test_credit_notes_are_returns(shop: Imported) -> None:
    assert sorted(
        shop.rows("returns", "return_id", "customer_id", "product_id", "quantity", "refund", "reason"), key=str
    ) == [
        ("C500006-1", "17001", "10001A", Decimal(2), Decimal(5), None),
        ("C500006-2", "17001", None, None, Decimal(4), "Discount"),
    ]


def test_what_is_no_sale_is_refused_with_its_reason_and_row(shop: Imported) -> None:
    assert shop.refused("order_lines", "row", "reason") == [
        (9, "no price and no customer: stock corrected, no sale"),
        (10, "stock written off, no sale"),
        (15, "an adjustment of bad debt, no sale"),
    ]
    assert shop.refused("returns", "row", "reason") == [(14, "a fee paid to a partner, no money back to a customer")]


def test_products_have_the_name_of_their_paid_lines_and_customers_the_country_of_most(shop: Imported) -> None:
    names = {"10001A": "RED POT", "10002": "JAR", "GIFT_0001_20": "Voucher"}
    assert dict(shop.rows("products", "product_id", "name")) == names
    assert sorted(shop.rows("customers", "customer_id", "country"), key=str) == [("17001", "France"), ("17002", None)]


def test_file_with_semicolons_is_read_too(tmp_path: Path) -> None:
    shop = bring_in(write(tmp_path / "raw", online_retail=ROWS.replace(",", ";")), "online-retail")
    assert shop.counts("order_lines") == (9, 3)
