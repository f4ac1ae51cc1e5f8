"""CDNOW: both files' forms, in rows made up here."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

from tests.sources.imports import bring_in, write

MASTER = (
    " customer_id  date number_of_cds  dollar_value\r\n 00001 19970101  1   11.77\r\n 00002 19970112  3   10.00\r\n"
)
MASTER += " 00002 19970112  3   10.00\r\n 00003 19970701  1    0.00\r\n"
SAMPLE = " 00004 0001 19970101  2   29.33\r\n 00021 0002 19970113  1   11.77\r\n"
LINE = ("order_id", "quantity", "unit_price")


def test_master_is_read(tmp_path: Path) -> None:
    shop = bring_in(write(tmp_path / "raw", CDNOW_master__txt=MASTER, CDNOW_sample__txt=SAMPLE), "cdnow")
    assert shop.rows("orders", "customer_id", "ordered_at") == [
        ("00001", datetime(1997, 1, 1, 5)),
        ("00002", datetime(1997, 1, 12, 5)),
        ("00002", datetime(1997, 1, 12, 5)),
        ("00003", datetime(1997, 7, 1, 4)),
    ]
    assert shop.rows("order_lines", *LINE) == [
        ("2", Decimal(1), Decimal("11.77")),
        ("3", Decimal(3), Decimal("3.3333")),
        ("4", Decimal(3), Decimal("3.3333")),
        ("5", Decimal(1), Decimal(0)),
    ]


def test_sample_is_read(tmp_path: Path) -> None:
    shop = bring_in(write(tmp_path / "raw", CDNOW_sample__txt=SAMPLE), "cdnow")
    assert shop.rows("orders", "customer_id", "ordered_at") == [
        ("00004", datetime(1997, 1, 1, 5)),
        ("00021", datetime(1997, 1, 13, 5)),
    ]
    assert shop.rows("order_lines", *LINE) == [
        ("1", Decimal(2), Decimal("14.665")),
        ("2", Decimal(1), Decimal("11.77")),
    ]
