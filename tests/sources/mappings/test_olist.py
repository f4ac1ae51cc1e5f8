"""Olist: each quirk of the data set once, in rows made up here."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from tests.sources.imports import Imported, bring_in, write

ORDERS = """\
order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,\
order_delivered_customer_date,order_estimated_delivery_date
kept,c1,delivered,2018-01-05 10:00:00,2018-01-05 11:00:00,2018-01-06 09:00:00,2018-01-20 22:30:00,2018-01-20 00:00:00
late,c2,delivered,2018-01-05 10:00:00,2018-01-05 11:00:00,2018-01-12 09:00:00,2018-01-21 00:30:00,2018-01-20 00:00:00
undated,c3,delivered,2018-01-05 10:00:00,2018-01-05 11:00:00,,,2018-01-20 00:00:00
never,c4,unavailable,2018-01-05 10:00:00,2018-01-05 11:00:00,,,2018-01-20 00:00:00
cancelled,c5,canceled,2018-01-05 10:00:00,2018-01-08 11:00:00,,,2018-01-20 00:00:00
sent,c6,shipped,2018-01-05 10:00:00,2018-01-05 11:00:00,2018-01-04 09:00:00,,2018-01-20 00:00:00
"""
ITEMS = """\
order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value
kept,1,p1,s1,2018-01-10 10:00:00,99.9,10.5
kept,2,p2,s2,2018-01-11 10:00:00,10.0,1.5
late,1,p1,s1,2018-01-10 10:00:00,99.9,10.5
undated,1,p1,s1,2018-01-10 10:00:00,99.9,10.5
cancelled,1,p1,s1,2018-01-10 10:00:00,99.9,10.5
sent,1,p1,s2,2018-01-10 10:00:00,99.9,10.5
"""
CUSTOMERS = """\
customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state
c1,anna,01310,sao paulo,SP
c2,anna,20031,rio,RJ
c3,bob,01310,sao paulo,SP
c4,carl,01310,sao paulo,SP
c5,dora,01310,sao paulo,SP
c6,eva,01310,sao paulo,SP
"""
REVIEWS = """\
review_id,order_id,review_score,review_comment_title,review_comment_message,review_creation_date,review_answer_timestamp
r1,kept,5,Ótimo ,"Chegou
antes",2018-01-21 00:00:00,2018-01-22 12:00:00
r1,late,1,,,2018-01-21 00:00:00,2018-01-22 12:00:00
r2,late,2,,Escreva para a@b.example,2018-01-21 00:00:00,2018-01-23 12:00:00
"""
PAYMENTS = """\
order_id,payment_sequential,payment_type,payment_installments,payment_value
kept,1,credit_card,3,100.00
kept,2,voucher,1,21.90
cancelled,1,not_defined,1,0.00
"""
PRODUCTS = "product_id,product_category_name,product_name_lenght\np1,pcs,40\np2,,\n"
NAMES = "\ufeffproduct_category_name,product_category_name_english\nbebes,baby\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    files = {"orders": ORDERS, "order_items": ITEMS, "order_payments": PAYMENTS, "order_reviews": REVIEWS}
    files |= {"products": PRODUCTS, "customers": CUSTOMERS, "sellers": "seller_id,seller_state\ns1,SP\ns2,MG\n"}
    named = {f"olist_{name}_dataset": text for name, text in files.items()}
    folder = tmp_path_factory.mktemp("olist") / "raw"
    return bring_in(write(folder, **named, product_category_name_translation=NAMES), "olist")


def test_orders_have_their_state_and_the_persons_key(shop: Imported) -> None:
    columns = (
        "order_id",
        "customer_id",
        "status",
        "cancelled_at",
        "shipping_charged",
        "x_same_state",
        "x_seller_state",
    )
    assert sorted(shop.rows("orders", *columns)) == [
        ("cancelled", "dora", "cancelled", datetime(2018, 1, 8, 13), Decimal("10.5"), "yes", "SP"),
        ("kept", "anna", "delivered", None, Decimal("12"), "no", "several"),
        ("late", "anna", "delivered", None, Decimal("10.5"), "no", "SP"),
        ("never", "carl", "paid", None, None, None, None),
        ("sent", "eva", "shipped", None, Decimal("10.5"), "no", "MG"),
        ("undated", "bob", "delivered", None, Decimal("10.5"), "yes", "SP"),
    ]


def test_delivery_is_due_at_the_end_of_the_local_day(shop: Imported) -> None:
    rows = shop.rows("commitments", "commitment_id", "due_at", "fulfilled_at", "withdrawn_at")
    due = datetime(2018, 1, 21, 1, 59, 59, 999999)
    assert sorted(row for row in rows if row[0].endswith("-delivery")) == [
        ("cancelled-delivery", due, None, datetime(2018, 1, 8, 13)),
        ("kept-delivery", due, datetime(2018, 1, 21, 0, 30), None),
        ("late-delivery", due, datetime(2018, 1, 21, 2, 30), None),
        ("never-delivery", due, None, None),
        ("sent-delivery", due, None, None),
    ]


def test_dispatch_is_due_at_the_latest_limit_of_the_items(shop: Imported) -> None:
    rows = shop.rows("commitments", "commitment_id", "due_at", "fulfilled_at", "withdrawn_at")
    assert sorted(row for row in rows if row[0].endswith("-dispatch")) == [
        ("cancelled-dispatch", datetime(2018, 1, 10, 12), None, datetime(2018, 1, 8, 13)),
        ("kept-dispatch", datetime(2018, 1, 11, 12), datetime(2018, 1, 6, 11), None),
        ("late-dispatch", datetime(2018, 1, 10, 12), datetime(2018, 1, 12, 11), None),
        ("sent-dispatch", datetime(2018, 1, 10, 12), datetime(2018, 1, 4, 11), None),
    ]


def test_delivery_without_a_date_is_refused(shop: Imported) -> None:
    assert [reason[:40] for (reason,) in shop.refused("commitments", "reason")] == [
        "delivered, but when is not recorded: kep",
        "handed over, but when is not recorded: k",
    ]


def test_reviews_are_one_answer_for_each_order(shop: Imported) -> None:
    assert sorted(shop.rows("feedback", "feedback_id", "reply_id", "score", "comment", "language"), key=str) == [
        ("r1-kept", "r1", 5, "Ótimo\nChegou\nantes", "pt"),
        ("r1-late", "r1", 1, None, None),
        ("r2-late", "r2", 2, "Escreva para [e-mail]", "pt"),
    ]


def test_payments_products_and_people_are_read(shop: Imported) -> None:
    assert sorted(shop.rows("payments", "payment_id", "amount", "x_type", "x_installments")) == [
        ("cancelled-1", Decimal(0), "not_defined", 1),
        ("kept-1", Decimal(100), "credit_card", 3),
        ("kept-2", Decimal("21.9"), "voucher", 1),
    ]
    assert sorted(shop.rows("products", "product_id", "name", "category"), key=str) == [
        ("p1", "pcs p1", "pcs"),
        ("p2", "product p2", None),
    ]
    assert sorted(shop.rows("customers", "customer_id", "region"))[0] == (
        "anna",
        "RJ",
    )
    assert {name: entry.orphans for name, entry in shop.manifest.tables.items() if entry.orphans} == {}
