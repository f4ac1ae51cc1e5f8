"""What only shows when the tables lie side by side: customers from keys, orphans, currencies, the span of time."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources.imports import FEEDBACK, ORDER, bring_in, write

import saydo
from saydo.engine import open_facts
from saydo.errors import SaydoError
from saydo.facts import TABLES

ORDERS = "order_id,customer_id,ordered_at,status,currency\n"
LINES = "order_id,line,kind,product_id,quantity,unit_price\n"


def test_customers_are_made_from_the_keys_in_the_other_tables(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "raw",
        orders=ORDERS + "1,b,2024-03-05,placed,EUR\n2,,2024-01-05,placed,EUR\n3,a,2024-02-05,placed,EUR\n",
        feedback=FEEDBACK + "1,a,survey,2024-01-31,\n",
        usage="customer_id,product_id,used_on\nc,p,2024-02-01\n",
        referrals="referral_id,referrer_id,referred_id,referred_at\n1,d,b,2024-03-01\n",
    )
    imported = bring_in(folder, zone="Europe/Paris")
    assert sorted(imported.rows("customers", "customer_id", "first_seen_at")) == [
        ("a", datetime(2024, 1, 30, 23)),
        ("b", datetime(2024, 2, 29, 23)),
        ("c", datetime(2024, 1, 31, 23)),
        ("d", datetime(2024, 2, 29, 23)),
    ]
    assert imported.manifest.tables["customers"].is_derived
    assert not any(entry.orphans for entry in imported.manifest.tables.values())


def test_orphans_stay_and_are_counted(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "raw",
        customers="customer_id\na\n",
        orders=ORDERS + "1,a,2024-03-05,placed,EUR\n2,z,2024-03-05,placed,EUR\n3,,2024-03-05,placed,EUR\n",
        order_lines=LINES + "1,1,product,p,1,1\n9,1,product,p,1,1\n9,2,product,,1,1\n",
    )
    imported = bring_in(folder)
    tables = imported.manifest.tables
    assert (tables["orders"].orphans, tables["order_lines"].orphans) == ({"customer_id": 1}, {"order_id": 2})
    assert (imported.counts("orders"), imported.counts("order_lines")) == ((3, 0), (3, 0))


def test_orders_that_were_refused_leave_orphans(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "raw",
        orders=ORDER + "1,2024-03-05,placed,EUR\n2,2024-03-05,lost,EUR\n",
        order_lines=LINES + "1,1,product,p,1,1\n2,1,product,p,1,1\n",
    )
    assert bring_in(folder).manifest.tables["order_lines"].orphans == {"order_id": 1}


def test_currencies_come_by_way_of_orders_and_contracts(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "raw",
        orders=ORDER + "1,2024-03-05,placed,EUR\n2,2024-03-05,placed,CHF\n",
        order_lines=LINES + "1,1,product,p,1,1\n",
        contracts="contract_id,customer_id,started_on,currency\nk,a,2024-01-01,USD\n",
        payments="payment_id,order_id,contract_id,amount,currency\n1,2,,5,\n2,,k,5,\n3,1,,5,GBP\n",
        returns="return_id,returned_at\n1,2024-03-06\n",
    )
    manifest = bring_in(folder).manifest
    assert {name: entry.currencies for name, entry in manifest.tables.items()} == {
        "customers": (),
        "orders": ("CHF", "EUR"),
        "order_lines": ("EUR",),
        "payments": ("CHF", "GBP", "USD"),
        "contracts": ("USD",),
        "returns": (),
    }
    assert manifest.currency is None
    assert bring_in(folder, currency="EUR").manifest.currency == "EUR"


def test_company_has_the_only_currency_that_is_met(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + "1,2024-03-05,placed,CHF\n")
    assert bring_in(folder).manifest.currency == "CHF"


def test_span_is_that_of_all_times_but_planned_ones(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "raw",
        orders="order_id,ordered_at,cancelled_at,status,currency\n1,2024-03-05,2024-03-09 12:00,cancelled,EUR\n",
        payments="payment_id,amount,due_at,paid_at\n1,5,2024-06-01,2024-03-01\n",
        contracts="contract_id,customer_id,started_on,ended_on\nk,a,2024-02-01,2030-01-01\n",
        exchange_rates="day,currency,to_currency,rate\n2020-01-01,EUR,CHF,1\n",
    )
    manifest = bring_in(folder, zone="Europe/Paris").manifest
    assert (manifest.first, manifest.last) == (datetime(2024, 1, 31, 23), datetime(2024, 3, 9, 11))


def test_manifest_tells_zone_name_and_source(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", orders=ORDER + "1,2024-03-05,placed,CHF\n")
    manifest = bring_in(folder, zone="Europe/Zurich").manifest
    assert (manifest.zone, manifest.name, manifest.source) == ("Europe/Zurich", "shop", "folder")
    assert bring_in(folder, name="Our shop").manifest.name == "Our shop"


def test_unknown_zone_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDER)
    with pytest.raises(SaydoError) as error:
        bring_in(folder, zone="Mars/Olympus")
    assert str(error.value) == (
        "zone cannot be Mars/Olympus. It must be the name of a time zone, such as Europe/Paris, America/Sao_Paulo or "
        "UTC."
    )


def test_facts_have_the_types_of_the_contract(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "raw",
        orders=ORDERS + "1,b,2024-03-05,placed,EUR\n",
        order_lines=LINES + "1,1,product,p,1,1.50\n",
        contracts="contract_id,customer_id,started_on\nk,a,2024-01-01\n",
        feedback=FEEDBACK + "1,a,survey,2024-01-31,3\n",
        usage="customer_id,product_id,used_on\nc,p,2024-02-01\n",
    )
    facts = open_facts(bring_in(folder).folder)
    for name, entry in facts.manifest.tables.items():
        stored = facts.run(facts.table(name))
        assert stored.schema.equals(TABLES[name].schema.to_pyarrow().remove_metadata()), name
        assert stored.num_rows == entry.rows


def test_reading_what_cannot_be_used_keeps_the_reasons_after_the_process_has_ended(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + "1,2024-01-05,lost,EUR\n")
    code = f"import saydo, tempfile; tempfile.tempdir = {str(tmp_path)!r}\nsaydo.read({str(folder)!r})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    (kept,) = tmp_path.glob("saydo-*/facts.refused/orders.parquet")
    assert f"The reasons stand in {kept.parent};" in run.stderr


def test_reading_a_raw_folder_leaves_nothing_in_it(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDERS + "1,b,2024-03-05,placed,EUR\n")
    facts = saydo.read(folder, zone="Europe/Paris")
    assert facts.run(facts.table("orders").select("ordered_at"))["ordered_at"].to_pylist() == [datetime(2024, 3, 4, 23)]
    assert [path.name for path in tmp_path.rglob("*")] == ["raw", "orders.csv"]
    assert saydo.read(bring_in(folder).folder).manifest.tables["orders"].rows == 1


CELL = st.one_of(
    st.sampled_from(
        ["", "1", "2", "0", "-1", "1.5", "1,5", "abc", "2024-01-05", "NULL", " ", "é", "product", "gift", "x" * 50]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8),
)
COLUMNS = ("order_id", "line", "kind", "quantity", "unit_price", "tax_rate", "x_note")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELL, min_size=5, max_size=8), max_size=12), delimiter=st.sampled_from(",;\t"))
def test_every_row_is_kept_or_refused(tmp_path: Path, rows: list[list[str]], delimiter: str) -> None:
    quoted = [delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    sound = [f"S{i}{delimiter}1{delimiter}product{delimiter}1{delimiter}1{delimiter}{delimiter}" for i in range(2)]
    text = "\n".join([delimiter.join(COLUMNS), *sound, *quoted]) + "\n"
    folder = write(tmp_path / "raw", order_lines=text)
    imported = bring_in(folder)
    blank = sum(
        not any(cell.strip(" ") not in ("", "NULL") for cell in row) and len(row) == len(COLUMNS) for row in rows
    )
    assert sum(imported.counts("order_lines")) == len(rows) + 2 - blank
    assert set(imported.rows("order_lines", "order_id")) >= {"S0", "S1"}
    numbers = [row for (row,) in imported.refused("order_lines", "row")]
    assert len(numbers) == len(set(numbers)) == imported.manifest.tables["order_lines"].quarantined
    for key, file, row, column in imported.refused("order_lines", "value", "file", "row", "column"):
        assert file == "order_lines.csv"
        check_place(rows, row, column, key)


def check_place(rows: list[list[str]], row: int, column: str | None, value: str | None) -> None:
    """The quarantine points at the cell that it blames."""
    if column in COLUMNS and value is not None:
        assert rows[row - 4][COLUMNS.index(column)] == value
