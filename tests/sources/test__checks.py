"""Rows that break the contract: each is refused with its reason, its place and itself; none is lost."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from tests.sources.imports import FEEDBACK, ORDER, bring_in, write

from saydo.engine import Workbench
from saydo.errors import NothingUsable, RowsRefused
from saydo.facts import TABLES, Table
from saydo.sources import refusals

GOOD = {
    "customers": {"customer_id": "a"},
    "products": {"product_id": "p", "name": "Pot"},
    "needs": {"product_id": "p", "need": "tea", "relation": "meets"},
    "orders": {"order_id": "1", "ordered_at": "2024-01-05", "status": "placed", "currency": "EUR"},
    "order_lines": {"order_id": "1", "line": "1", "kind": "product", "quantity": "1", "unit_price": "2"},
    "returns": {"return_id": "1", "returned_at": "2024-01-05"},
    "payments": {"payment_id": "1", "amount": "5"},
    "contracts": {"contract_id": "1", "customer_id": "a", "started_on": "2024-01-05"},
    "commitments": {"commitment_id": "1", "promise": "p", "made_at": "2024-01-05", "seen_by": "system"},
    "feedback": {"feedback_id": "1", "source": "survey", "said_at": "2024-01-05", "scale_min": "1", "scale_max": "5"},
    "exchange_rates": {"day": "2024-01-05", "currency": "EUR", "to_currency": "USD", "rate": "1.1"},
}
TOMORROW = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"


def test_no_refusals_where_there_are_none(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "raw", **{table: table_of(row, row | {next(iter(row)): "z"}) for table, row in GOOD.items()}
    )
    imported = bring_in(folder)
    assert {table: imported.counts(table) for table in GOOD if table not in ("exchange_rates",)} == {
        table: (2, 0) for table in GOOD if table not in ("exchange_rates",)
    }


def table_of(*rows: dict[str, str]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [",".join(row.get(column, "") for column in columns) for row in rows]
    return "\n".join([",".join(columns), *lines]) + "\n"


@pytest.mark.parametrize(
    ("table", "broken", "reason"),
    [
        ("orders", {"order_id": ""}, "order_id is missing"),
        ("orders", {"ordered_at": "yesterday"}, "ordered_at is no time that can be read"),
        ("orders", {"ordered_at": "2024-02-30"}, "ordered_at is no time that can be read"),
        ("orders", {"ordered_at": "1899-12-31"}, "ordered_at lies before the year 1900"),
        ("orders", {"ordered_at": TOMORROW}, "ordered_at lies in the future"),
        ("orders", {"ordered_at": "infinity"}, "ordered_at lies in the future"),
        ("orders", {"cancelled_at": "2024-01-04"}, "cancelled_at lies before ordered_at"),
        ("orders", {"status": "lost"}, "status is none of placed, paid, shipped, delivered, cancelled"),
        ("orders", {"currency": "EURO"}, "currency is no ISO 4217 code"),
        ("orders", {"currency": ""}, "currency is missing"),
        ("orders", {"shipping_cost": "-1"}, "shipping_cost is below 0"),
        ("orders", {"shipping_cost": "x"}, "shipping_cost is no number"),
        ("orders", {"shipping_cost": "1e17"}, "shipping_cost is too large a number"),
        ("order_lines", {"line": "1.5"}, "line is no whole number"),
        ("order_lines", {"quantity": "0"}, "quantity is zero"),
        ("order_lines", {"tax_rate": "20"}, "tax_rate is above 1"),
        ("order_lines", {"tax_rate": "nan"}, "tax_rate is no number"),
        ("order_lines", {"tax_rate": "inf"}, "tax_rate is no number"),
        ("order_lines", {"kind": "thing"}, f"kind is none of {', '.join(TABLES['order_lines']['kind'].values)}"),
        ("contracts", {"started_on": "05.13.2024"}, "started_on is no date that can be read"),
        ("contracts", {"ended_on": "2024-01-01"}, "ended_on lies before started_on"),
        ("contracts", {"ended_on": "2201-01-01"}, "ended_on lies after the year 2200"),
        ("commitments", {"due_at": "2024-01-04"}, "due_at lies before made_at"),
        ("commitments", {"kept": "perhaps"}, "kept is neither yes nor no"),
        ("customers", {"is_earned": "2"}, "is_earned is neither yes nor no"),
        ("feedback", {"score": "6"}, "score is above its scale"),
        ("feedback", {"score": "0"}, "score is below its scale"),
        ("feedback", {"scale_max": "1"}, "scale_max is not above scale_min"),
        (
            "feedback",
            {"score": "4.5", "question": "nps"},
            "score is no NPS answer: that question knows the whole numbers 0 to 10",
        ),
        ("exchange_rates", {"rate": "0"}, "rate is not above zero"),
        ("exchange_rates", {"to_currency": "dollar"}, "to_currency is no ISO 4217 code"),
    ],
)
def test_row_that_breaks_the_contract_is_refused(
    tmp_path: Path, table: str, broken: dict[str, str], reason: str
) -> None:
    good = GOOD[table]
    other = good | {column: f"{value}9" for column, value in good.items() if column in TABLES[table].key[:1]}
    folder = write(tmp_path / "raw", **{table: table_of(other | broken, good)})
    if table == "exchange_rates":
        folder = write(tmp_path / "raw", **{table: table_of(good | broken | {"day": "2024-01-06"}, good)})
    imported = bring_in(folder)
    column = reason.partition(" ")[0]
    value = broken.get(column)
    assert imported.refused(table, "reason", "file", "row", "column", "value") == [
        (reason, f"{table}.csv", 2, column, value or None)
    ]
    assert imported.counts(table) == (1, 1)


def test_due_date_may_lie_in_the_future(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", commitments=table_of(GOOD["commitments"] | {"due_at": "2150-01-01"}))
    assert bring_in(folder).rows("commitments", "due_at") == [datetime(2150, 1, 1, 23, 59, 59, 999999)]


def test_first_row_of_a_key_stays_and_the_others_are_refused(tmp_path: Path) -> None:
    rows = "1,2024-01-05,placed,EUR\n2,bad,placed,EUR\n1,2024-01-06,paid,EUR\n"
    rows += "2,2024-01-07,paid,EUR\nx\n1,2024-01-08,paid,EUR\n"
    imported = bring_in(write(tmp_path / "raw", orders=ORDER + rows), zone="Europe/Paris")
    assert imported.rows("orders", "order_id", "status") == [("1", "placed"), ("2", "paid")]
    reason = "order_id stands in an earlier row: the key must be unique"
    assert imported.refused("orders", "row", "column", "value", "reason") == [
        (3, "ordered_at", "bad", "ordered_at is no time that can be read"),
        (4, "order_id", "1", reason),
        (6, None, None, "the row has fewer values than the header has columns"),
        (7, "order_id", "1", reason),
    ]
    ((raw,),) = imported.refused("orders", "raw")[1:2]
    assert json.loads(raw) == {
        "order_id": "1", "ordered_at": "2024-01-05 23:00:00+00", "status": "paid", "currency": "EUR"
    }  # fmt: skip


def test_keys_that_grow_as_numbers_do_have_no_duplicates_and_others_are_compared(tmp_path: Path) -> None:
    grown = "".join(f"{i},2024-01-05,placed,EUR\n" for i in (9, 10, 99, 100, 1000))
    imported = bring_in(write(tmp_path / "raw", orders=ORDER + grown + "1000,2024-01-05,placed,EUR\n"))
    assert imported.refused("orders", "row", "value") == [(7, "1000")]
    imported = bring_in(write(tmp_path / "raw", orders=ORDER + grown + "10,2024-01-05,placed,EUR\n"))
    assert imported.refused("orders", "row", "value") == [(7, "10")]
    assert bring_in(write(tmp_path / "raw", orders=ORDER + grown)).counts("orders") == (5, 0)


def test_null_in_a_key_equals_null(tmp_path: Path) -> None:
    header = "month,channel,kind,amount,currency\n"
    rows = "2024-01-01,,service,5,EUR\n2024-01-01,web,service,5,EUR\n2024-01-01,,service,7,EUR\n"
    imported = bring_in(write(tmp_path / "raw", costs=header + rows))
    assert imported.counts("costs") == (2, 1)
    assert imported.refused("costs", "row") == [(4,)]


def test_refused_row_can_be_mended_and_given_back(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + "1,2024-01-05,placed,EUR\n2,2024-01-06,lost,EUR\n")
    ((raw,),) = bring_in(folder).refused("orders", "raw")
    mended = {**json.loads(raw), "status": "paid"}
    write(folder, **{"orders-2": table_of(mended)})
    write(folder, orders=ORDER + "1,2024-01-05,placed,EUR\n")
    assert bring_in(folder).rows("orders", "order_id", "status") == [("1", "placed"), ("2", "paid")]


def test_quarantine_keeps_no_identity(tmp_path: Path) -> None:
    rows = "1,a,survey,,ring +41 79 123 45 67\n2,b,survey,2024-01-05,a@b.example,too many\n3,b,survey,2024-01-05,fine\n"
    imported = bring_in(write(tmp_path / "raw", feedback=FEEDBACK.replace("score", "comment") + rows))
    raws = [json.loads(raw) for (raw,) in imported.refused("feedback", "raw")]
    assert [raw.get("comment", raw.get("line")) for raw in raws] == [
        "ring [phone]",
        "2,b,survey,2024-01-05,[e-mail],too many",
    ]


def test_refusals_are_counted_by_reason_with_the_first_of_each(tmp_path: Path) -> None:
    rows = "1,2024-01-05,lost,EUR\n2,2024-01-06,gone,EUR\n3,never,placed,EUR\n4,2024-01-06,placed,EUR\n"
    imported = bring_in(write(tmp_path / "raw", orders=ORDER + rows))
    found = [(each.sentence(), each.rows, each.row, each.value) for each in refusals(imported.folder)]
    assert found == [
        ("status is none of placed, paid, shipped, delivered, cancelled", 2, 2, "lost"),
        ("ordered_at is no time that can be read", 1, 4, "never"),
    ]


def test_nothing_usable_is_an_error_that_keeps_the_reasons(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + "1,2024-01-05,lost,EUR\n")
    with pytest.raises(NothingUsable) as error:
        bring_in(folder)
    assert str(error.value) == (
        f"No row of {folder} could be used: all that it has (1) were refused. The reasons stand in "
        f"{folder}-facts.refused; the first is: status is none of placed, paid, shipped, delivered, cancelled."
    )
    assert [path.name for path in (tmp_path / "raw-facts.refused").iterdir()] == ["orders.parquet"]
    assert not (tmp_path / "raw-facts").exists()


def test_strict_import_allows_no_refused_row(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + "1,2024-01-05,lost,EUR\n2,2024-01-05,paid,EUR\n")
    with pytest.raises(RowsRefused) as error:
        bring_in(folder, strict=True)
    assert str(error.value).startswith(
        f"Rows of {folder} were refused (1), and none was allowed to be. The reasons stand in "
    )
    assert error.value.exit_code == 3
    assert not (tmp_path / "raw-facts").exists()


def test_table_without_rows_is_no_error(tmp_path: Path) -> None:
    imported = bring_in(write(tmp_path / "raw", orders=ORDER))
    assert imported.counts("orders") == (0, 0)
    assert imported.manifest.last is None


@pytest.mark.parametrize("contract", TABLES.values(), ids=lambda contract: contract.name)
def test_query_that_reads_a_table_keeps_the_order_of_the_file(
    tmp_path: Path, contract: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A join would not, and the engine makes one of a long IN: rows would then be told by wrong numbers."""
    plans: list[str] = []

    def explain(bench: Workbench, query: str, rows: int = 122_880) -> pa.RecordBatchReader:
        plans.extend(bench.sql(f"EXPLAIN {query}")["explain_value"].to_pylist())
        return stream(bench, query, rows)

    stream = Workbench.stream
    monkeypatch.setattr(Workbench, "stream", explain)
    bring_in(write(tmp_path / "raw", **{contract.name: ",".join(contract.names) + "\n"}), currency="EUR")
    assert "READ_CSV" in plans[0]
    assert re.findall(r"[A-Z_]*(?:JOIN|ORDER|AGGREGATE|UNION)\b", "\n".join(plans)) == []


@pytest.mark.slow
def test_rows_of_a_large_file_keep_their_order_and_numbers(tmp_path: Path) -> None:
    numbers = range(3_000_000)
    rows = (f"K{i},{i % 7 + 1},{'thing' if i % 100_003 == 7 else 'product'},1,2.50\n" for i in numbers)
    folder = write(tmp_path / "raw", order_lines="order_id,line,kind,quantity,unit_price\n" + "".join(rows))
    imported = bring_in(folder)
    assert imported.refused("order_lines", "row") == [(i + 2,) for i in numbers if i % 100_003 == 7]
    assert imported.rows("order_lines", "order_id") == [f"K{i}" for i in numbers if i % 100_003 != 7]
