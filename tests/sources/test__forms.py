"""Dialects: each file is written one way or another, and its values tell which."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.sources.imports import bring_in, write

from saydo.errors import AmbiguousDates

LINES = "order_id;line;kind;quantity;unit_price;list_price\n"


def prices(folder: Path) -> list[tuple[Decimal, Decimal, Decimal | None]]:
    return bring_in(folder).rows("order_lines", "quantity", "unit_price", "list_price")


@pytest.mark.parametrize(
    "written",
    [
        "1,5;1234,50;12,25",
        "1,5;1 234,50;12,25",
        "1,5;1\u00a0234,50;12,25",
        "1,5;1\u202f234,50;12,25",
        "1,5;1.234,50;12,25",
        "1,5;1'234,50;12,25",
        "1.5;1,234.50;12.25",
        "1.5;1’234.50;12.25",
        "1.5;1234.5;12.25",
        "1.5;1234.50 €;€ 12.25",
        "1,5;1 234,50 CHF;12,25 CHF",
    ],
)
def test_decimal_marks_and_thousands_are_told_from_the_values(tmp_path: Path, written: str) -> None:
    folder = write(tmp_path / "raw", order_lines=LINES + f"A;1;product;{written}\n")
    assert prices(folder) == [(Decimal("1.5"), Decimal("1234.5"), Decimal("12.25"))]


def test_three_digits_after_a_mark_take_their_meaning_from_the_other_columns(tmp_path: Path) -> None:
    comma = write(tmp_path / "comma", order_lines=LINES + "A;1;product;1.000;2,50;\n")
    point = write(tmp_path / "point", order_lines=LINES + "A;1;product;1.000;2.50;\n")
    assert prices(comma) == [(Decimal(1000), Decimal("2.5"), None)]
    assert prices(point) == [(Decimal(1), Decimal("2.5"), None)]


def test_three_digits_after_a_comma_are_decimals_where_semicolons_part_the_columns(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", order_lines=LINES + "A;1;product;1,000;2,500;\n")
    assert prices(folder) == [(Decimal(1), Decimal("2.5"), None)]


def test_comma_that_comes_after_the_sample_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saydo.sources._forms.SAMPLE", 1)
    folder = write(
        tmp_path / "raw", order_lines=LINES + "A;1;product;1;2;\nA;2;product;1;1.250;\nA;3;product;1;2,50;\n"
    )
    imported = bring_in(folder)
    assert imported.rows("order_lines", "unit_price") == [Decimal(2), Decimal(1250), Decimal("2.5")]
    assert imported.counts("order_lines") == (3, 0)


def test_value_that_no_form_explains_changes_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", order_lines=LINES + "A;1;product;1;2.50;\nA;2;product;1;cheap;\n")
    imported = bring_in(folder)
    assert imported.rows("order_lines", "unit_price") == [Decimal("2.5")]
    assert imported.refused("order_lines", "reason", "row", "value") == [("unit_price is no number", 3, "cheap")]


@pytest.mark.parametrize(
    ("values", "days"),
    [
        (("25/12/2024", "03/04/2024"), [25, 3]),
        (("12/25/2024", "04/03/2024"), [25, 3]),
        (("25.12.2024", "03.04.2024"), [25, 3]),
        (("03.04.2024", "05.06.2024"), [3, 5]),  # points are never written month first
        (("3/3/2024", "4/4/2024"), [3, 4]),  # the same both ways
        (("2024-12-25", "2024-04-03"), [25, 3]),
    ],
)
def test_order_of_dates_is_told_from_the_values(tmp_path: Path, values: tuple[str, str], days: list[int]) -> None:
    rows = "".join(f"{i},{value},placed,EUR\n" for i, value in enumerate(values))
    folder = write(tmp_path / "raw", orders="order_id,ordered_at,status,currency\n" + rows)
    found = bring_in(folder).rows("orders", "ordered_at")
    assert [moment.day for moment in found] == days


def test_dates_that_may_be_read_both_ways_are_asked_for(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders="order_id,ordered_at,status,currency\n1,03/04/2024,placed,EUR\n")
    with pytest.raises(AmbiguousDates) as error:
        bring_in(folder)
    assert str(error.value) == (
        f"In {folder}/orders.csv, the column ordered_at can be read day first or month first (for example 03/04/2024). "
        "Say which with --dates dmy or --dates mdy."
    )
    assert bring_in(folder, dates="dmy").rows("orders", "ordered_at") == [datetime(2024, 4, 3)]
    assert bring_in(folder, dates="mdy").rows("orders", "ordered_at") == [datetime(2024, 3, 4)]


def test_date_that_decides_may_stand_after_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saydo.sources._forms.SAMPLE", 1)
    rows = "1,03/04/2024,placed,EUR\n2,25/04/2024,placed,EUR\n"
    folder = write(tmp_path / "raw", orders="order_id,ordered_at,status,currency\n" + rows)
    assert bring_in(folder).rows("orders", "ordered_at") == [datetime(2024, 4, 3), datetime(2024, 4, 25)]


def test_order_of_dates_that_the_user_says_does_not_touch_iso_dates(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders="order_id,ordered_at,status,currency\n1,2024-03-04,placed,EUR\n")
    assert bring_in(folder, dates="dmy").rows("orders", "ordered_at") == [datetime(2024, 3, 4)]


def test_times_with_and_without_offset_may_stand_in_one_column(tmp_path: Path) -> None:
    rows = "1,2024-07-01 12:00,placed,EUR\n2,2024-07-01T12:00:00Z,placed,EUR\n3,2024-07-01 12:00:00 -0400,placed,EUR\n"
    folder = write(tmp_path / "raw", orders="order_id,ordered_at,status,currency\n" + rows)
    found = bring_in(folder, zone="Europe/Paris").rows("orders", "ordered_at")
    assert [moment.replace(tzinfo=UTC).hour for moment in found] == [10, 12, 16]
