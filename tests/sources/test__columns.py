"""Headers matched with the contract."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sources.imports import ORDER, bring_in, write

from saydo.errors import DuplicateColumn, MissingColumn, SaydoError, UnknownColumn


def failure(origin: Path, kind: type[SaydoError]) -> str:
    with pytest.raises(kind) as error:
        bring_in(origin)
    return str(error.value)


def test_missing_columns_are_told(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "raw", orders="order_id,ordered_at,state\n1,2024-01-05,placed\n".replace("state", "x_state")
    )
    assert failure(folder, MissingColumn) == (
        f"The table orders in {folder}/orders.csv has no column status, currency, which it must have; it has order_id, "
        "ordered_at, x_state. Rename or add the column, or import the file with a mapping."
    )


def test_unknown_column_is_told_with_those_that_look_like_it(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders="order_id,ordred_at,status,currency\n1,2024-01-05,placed,EUR\n")
    assert failure(folder, UnknownColumn) == (
        f"The table orders in {folder}/orders.csv has a column ordred_at that the contract does not know. Did you mean "
        "ordered_at, order_id, adviser_id? Name a column of your own x_ordred_at to keep it."
    )


def test_column_given_twice_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders="order_id,Order ID,ordered_at,status,currency\n")
    assert failure(folder, DuplicateColumn) == (
        f"The table orders in {folder}/orders.csv has the column order_id more than once. Take the columns out that "
        "are too many, or rename them."
    )


@pytest.mark.parametrize(
    "header", ['a"b', "'; drop table x; --", "=1+1", "x_", "\x07bell", "a\nb", "$.x", "été", "(SELECT 1)"]
)
def test_strange_header_is_only_a_strange_header(tmp_path: Path, header: str) -> None:
    quoted = '"' + header.replace('"', '""') + '"'
    folder = write(
        tmp_path / "raw", orders=f"order_id,ordered_at,status,currency,{quoted}\n1,2024-01-05,placed,EUR,y\n"
    )
    assert "has a column " in failure(folder, UnknownColumn)


def test_own_columns_are_numbers_or_text_as_their_values_are(tmp_path: Path) -> None:
    header = "order_id,ordered_at,status,currency,x_km,x_zip,x_note,x_kg,x_none\n"
    rows = '1,2024-01-05,placed,EUR,3.5,01200,late,"1,5",\n2,2024-01-05,placed,EUR,12,75001,7,2,\n'
    imported = bring_in(write(tmp_path / "raw", orders=header + rows))
    types = {"x_kg": "float64", "x_km": "float64", "x_none": "string", "x_note": "string", "x_zip": "string"}
    assert imported.manifest.tables["orders"].own_columns == types
    assert imported.rows("orders", "x_km", "x_zip", "x_note", "x_kg") == [
        (3.5, "01200", "late", 1.5),
        (12, "75001", "7", 2),
    ]


def test_own_column_is_text_when_one_late_value_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saydo.sources._forms.SAMPLE", 1)
    header = "order_id,ordered_at,status,currency,x_km\n"
    rows = "1,2024-01-05,placed,EUR,3.50\n2,2024-01-05,placed,EUR,far\n"
    folder = write(tmp_path / "raw", orders_1=header + rows, orders_2=header + "3,2024-01-05,placed,EUR,7\n")
    imported = bring_in(folder)
    assert imported.rows("orders", "x_km") == ["3.50", "far", "7"]
    assert imported.counts("orders") == (3, 0)


def test_currency_that_is_said_fills_a_column_that_is_not_there(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders="order_id,ordered_at,status\n1,2024-01-05,placed\n")
    assert bring_in(folder, currency="chf").rows("orders", "currency") == ["CHF"]


def test_currency_that_is_said_fills_gaps_where_one_is_needed(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + "1,2024-01-05,placed,\n2,2024-01-05,placed,usd\n")
    assert bring_in(folder, currency="CHF").rows("orders", "currency") == ["CHF", "USD"]
