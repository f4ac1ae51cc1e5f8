from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook

from saydo.export import write_csv, write_json, write_parquet, write_xlsx

NAN, INFINITE = float("nan"), float("inf")
FIGURES = pa.table(
    {
        "group": ["a, b", "é\n", None],
        "share": [0.5, NAN, INFINITE],
        "amount": pa.array([Decimal("12.5000"), Decimal(3), None], pa.decimal128(18, 4)),
        "day": [date(2024, 7, 1), None, date(2024, 7, 3)],
        "at": pa.array([datetime(2024, 7, 1, 12), None, None], pa.timestamp("us")),
        "is_hidden": [False, True, None],
    }
)


def test_json_has_dates_in_iso_form_decimals_as_numbers_and_null_for_undefined() -> None:
    out = io.BytesIO()
    write_json(FIGURES, out)
    first, second, third = json.loads(out.getvalue())
    assert first == {
        "group": "a, b",
        "share": 0.5,
        "amount": 12.5,
        "day": "2024-07-01",
        "at": "2024-07-01T12:00:00Z",
        "is_hidden": False,
    }
    assert (second["group"], second["share"], second["amount"]) == ("é\n", None, 3)
    assert (third["group"], third["share"], third["amount"], third["is_hidden"]) == (None, None, None, None)


@pytest.mark.parametrize("rows", [0, 1, 25_000])
def test_json_is_one_list_whatever_the_number_of_rows(rows: int) -> None:
    out = io.BytesIO()
    write_json(pa.table({"number": pa.array(range(rows), pa.int64())}), out)
    assert [record["number"] for record in json.loads(out.getvalue())] == list(range(rows))


def test_csv_leaves_the_undefined_empty() -> None:
    out = io.BytesIO()
    write_csv(FIGURES.select(["group", "share", "amount"]), out)
    assert out.getvalue().decode() == '"group","share","amount"\n"a, b",0.5,12.5000\n"é\n",,3.0000\n,,\n'


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_csv_gives_no_text_that_a_spreadsheet_would_run(kind: pa.DataType) -> None:
    texts = ["=1+1", "+41", "-2", "@SUM(A1)", "\t=1", "\r=1", "a=1", "", None, "'=1"]
    table = pa.table({"group": pa.array(texts).cast(kind), "nps": [-5.0] * 9 + [5.0], "answers": [-1] * 10})
    out = io.BytesIO()
    write_csv(table, out)
    rows = list(csv.reader(io.StringIO(out.getvalue().decode(), newline="")))
    assert [row[0] for row in rows[1:]] == [
        *("'=1+1", "'+41", "'-2", "'@SUM(A1)", "'\t=1", "'\r=1", "a=1", "", "", "'=1")
    ]
    assert {tuple(row[1:]) for row in rows[1:10]} == {("-5", "-1")}


def test_other_forms_keep_texts_as_they_are() -> None:
    table = pa.table({"group": ["=1+1"]})
    out = io.BytesIO()
    write_json(table, out)
    assert json.loads(out.getvalue()) == [{"group": "=1+1"}]


def test_parquet_keeps_types_and_has_null_for_undefined() -> None:
    out = io.BytesIO()
    write_parquet(FIGURES, out)
    read = pq.read_table(out)
    assert read.schema.types == FIGURES.schema.types
    assert read["share"].to_pylist() == [0.5, None, None]


def test_excel_holds_numbers_days_and_texts_that_are_no_formulas() -> None:
    out = io.BytesIO()
    write_xlsx(FIGURES.append_column("said", pa.array(["=1+1", "@cmd", "-5"])), out)
    head, first, second, _ = (
        CalamineWorkbook.from_filelike(io.BytesIO(out.getvalue())).get_sheet_by_index(0).to_python()
    )
    assert head == ["group", "share", "amount", "day", "at", "is_hidden", "said"]
    assert first == ["a, b", 0.5, 12.5, date(2024, 7, 1), datetime(2024, 7, 1, 12), False, "'=1+1"]
    assert (second[1], second[3], second[5], second[6]) == ("", "", True, "'@cmd")


def test_excel_of_a_long_table_has_all_its_rows() -> None:
    out = io.BytesIO()
    write_xlsx(pa.table({"n": range(25_000)}), out)
    rows = _read_sheet(out)
    assert [row[0] for row in rows[1:]] == list(range(25_000))


def _read_sheet(out: io.BytesIO) -> list[list[object]]:
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(out.getvalue())).get_sheet_by_index(0)
    return [list(row) for row in sheet.to_python()]
