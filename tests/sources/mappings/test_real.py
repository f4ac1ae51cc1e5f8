"""The ready mappings on the data sets themselves: every raw row is accounted for, and sums come out to the penny."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from tests.sources.imports import Imported

from saydo.sources import import_facts, refusals

pytestmark = pytest.mark.real


def bring(real_data: Path, tmp_path_factory: pytest.TempPathFactory, source: str, folder: str) -> Imported:
    to = tmp_path_factory.mktemp(source) / "facts"
    return Imported(to, import_facts(source, real_data / folder, to))


@pytest.fixture(scope="module")
def olist(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    return bring(real_data, tmp_path_factory, "olist", "olist")


@pytest.fixture(scope="module")
def retail(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    return bring(real_data, tmp_path_factory, "online-retail", "online_retail")


@pytest.fixture(scope="module")
def cdnow(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    return bring(real_data, tmp_path_factory, "cdnow", "cdnow")


def test_olist_is_read_whole(olist: Imported) -> None:
    tables = olist.manifest.tables
    assert {name: (entry.rows, entry.quarantined, entry.orphans) for name, entry in tables.items()} == {
        "customers": (8016, 0, {}),
        "touchpoints": (1, 0, {}),
        "products": (5460, 0, {}),
        "orders": (8135, 0, {}),
        "order_lines": (8365, 0, {}),
        "payments": (8924, 0, {}),
        "promises": (2, 0, {}),
        "commitments": (15486, 9, {}),
        "feedback": (8225, 0, {}),
    }
    assert (olist.manifest.zone, olist.manifest.currency) == ("America/Sao_Paulo", "BRL")


def test_olist_delivery_is_late_by_the_day(olist: Imported) -> None:
    rows = olist.rows("commitments", "promise", "due_at", "fulfilled_at", "withdrawn_at")
    deliveries = [row[1:] for row in rows if row[0] == "delivery"]
    late = [due < fulfilled for due, fulfilled, _ in deliveries if fulfilled]
    assert (sum(late), len(late)) == (343, 5164 + 6)  # 415 if the estimate were midnight; 8 delivered have no date
    assert sum(withdrawn is not None for *_, withdrawn in deliveries) == 618  # 625 cancelled: 6 delivered, 1 overdue
    assert {(due.hour, due.minute, due.second) for due, *_ in deliveries} <= {(2, 59, 59), (1, 59, 59)}


def test_olist_scores_and_words_are_those_of_the_reviews(olist: Imported, real_data: Path) -> None:
    raw = pyarrow.csv.read_csv(
        real_data / "olist" / "olist_order_reviews_dataset.csv",
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
    )
    assert sorted(olist.rows("feedback", "score")) == sorted(map(float, raw["review_score"].to_pylist()))
    titles, messages = (raw[f"review_comment_{part}"].to_pylist() for part in ("title", "message"))
    said = sum(
        bool((title or "").strip() or (message or "").strip()) for title, message in zip(titles, messages, strict=True)
    )
    assert sum(comment is not None for comment in olist.rows("feedback", "comment")) == said
    assert set(olist.rows("feedback", "occasion")) == {"event"}


def test_olist_money_is_that_of_the_files(olist: Imported, real_data: Path) -> None:
    items = pyarrow.csv.read_csv(real_data / "olist" / "olist_order_items_dataset.csv")
    payments = pyarrow.csv.read_csv(real_data / "olist" / "olist_order_payments_dataset.csv")
    assert float(sum(olist.rows("order_lines", "unit_price"))) == pytest.approx(pc.sum(items["price"]).as_py())
    assert float(sum(filter(None, olist.rows("orders", "shipping_charged")))) == pytest.approx(
        pc.sum(items["freight_value"]).as_py()
    )
    assert float(sum(olist.rows("payments", "amount"))) == pytest.approx(pc.sum(payments["payment_value"]).as_py())
    assert olist.rows("orders", "shipping_charged").count(None) == 775


def test_every_line_of_online_retail_is_a_fact_or_refused(retail: Imported) -> None:
    kept = {name: retail.counts(name) for name in ("order_lines", "returns")}
    assert kept == {"order_lines": (530510, 2111), "returns": (9215, 73)}
    assert sum(map(sum, kept.values())) == 541_909
    assert [(each.table, each.rows, each.sentence()) for each in refusals(retail.folder)] == [
        ("order_lines", 1336, "stock written off, no sale"),
        ("order_lines", 772, "no price and no customer: stock corrected, no sale"),
        ("order_lines", 3, "an adjustment of bad debt, no sale"),
        ("returns", 73, "a fee paid to a partner, no money back to a customer"),
    ]


def test_facts_and_refused_lines_of_online_retail_sum_to_the_file(retail: Imported) -> None:
    sold = sum(quantity * price for quantity, price in retail.rows("order_lines", "quantity", "unit_price"))
    back = sum(retail.rows("returns", "refund"))
    lines = [json.loads(raw) for (raw,) in retail.refused("order_lines", "raw")]
    credits = [json.loads(raw) for (raw,) in retail.refused("returns", "raw")]
    refused = sum((Decimal(line["quantity"]) * Decimal(line["unit_price"]) for line in lines), start=Decimal(0))
    refused -= sum(Decimal(line["refund"]) for line in credits)
    assert round(sold - back + refused, 2) == Decimal("9747747.93")


def test_refused_lines_of_online_retail_point_into_the_file(retail: Imported, real_data: Path) -> None:
    codes = pq.read_table(real_data / "online_retail" / "online_retail.parquet", columns=["InvoiceNo"])
    for row, raw in retail.refused("order_lines", "row", "raw"):
        assert codes["InvoiceNo"][row - 2].as_py() == json.loads(raw)["order_id"]


def test_online_retail_keeps_its_customers_and_kinds(retail: Imported) -> None:
    assert retail.counts("customers") == (4372, 0)
    assert "17850" in retail.rows("customers", "customer_id")
    kinds = retail.rows("order_lines", "kind", "product_id")
    assert {kind for kind, product in kinds if product is None} == {"shipping", "fee", "trial"}
    assert {kind for kind, product in kinds if product is not None} == {"product", "gift"}
    assert retail.manifest.first == datetime(2010, 12, 1, 8, 26)
    assert retail.manifest.last == datetime(2011, 12, 9, 12, 50)


def test_compressed_csv_of_online_retail_gives_the_same_facts(
    retail: Imported, real_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "online_retail.csv.gz").symlink_to(real_data / "online_retail" / "online_retail.csv.gz")
    with pytest.raises(Exception, match="leads to"):
        import_facts("online-retail", tmp_path / "raw", tmp_path / "facts")
    content = (real_data / "online_retail" / "online_retail.csv.gz").read_bytes()
    (tmp_path / "raw" / "online_retail.csv.gz").unlink()
    (tmp_path / "raw" / "online_retail.csv.gz").write_bytes(content)
    manifest = import_facts("online-retail", tmp_path / "raw", tmp_path / "facts")
    assert {name: entry.rows for name, entry in manifest.tables.items()} == {
        name: entry.rows for name, entry in retail.manifest.tables.items()
    }
    other = Imported(tmp_path / "facts", manifest)
    columns = ("order_id", "line", "kind", "product_id", "quantity", "unit_price")
    assert sorted(other.rows("order_lines", *columns), key=str) == sorted(retail.rows("order_lines", *columns), key=str)


def test_cdnow_is_read_whole(cdnow: Imported, real_data: Path) -> None:
    tables = cdnow.manifest.tables
    assert {name: (entry.rows, entry.quarantined, entry.orphans) for name, entry in tables.items()} == {
        "customers": (23570, 0, {}),
        "touchpoints": (1, 0, {}),
        "orders": (69659, 0, {}),
        "order_lines": (69659, 0, {}),
    }
    lines = [line.split() for line in (real_data / "cdnow" / "CDNOW_master.txt").read_text().splitlines()[1:]]
    assert sum(cdnow.rows("order_lines", "quantity")) == sum(int(discs) for _, _, discs, _ in lines)
    paid = sum(quantity * price for quantity, price in cdnow.rows("order_lines", "quantity", "unit_price"))
    assert float(paid) == pytest.approx(sum(float(dollars) for *_, dollars in lines), abs=0.5)  # price of one, rounded
    assert cdnow.rows("order_lines", "unit_price").count(Decimal(0)) == 80
    assert min(cdnow.rows("orders", "ordered_at")) == datetime(1997, 1, 1, 5)


def test_cdnow_sample_is_read_where_the_master_is_not(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "CDNOW_sample.txt").write_bytes((real_data / "cdnow" / "CDNOW_sample.txt").read_bytes())
    manifest = import_facts("cdnow", tmp_path / "raw", tmp_path / "facts")
    assert (manifest.tables["customers"].rows, manifest.tables["orders"].rows) == (2357, 6919)
