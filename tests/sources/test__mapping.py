"""Mappings: queries over raw files of any shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.sources.imports import Imported, bring_in, write

from saydo.errors import MappingError, NoKnownTable, NoSuchPath, UnknownSource
from saydo.sources import refusals

SALES = (
    "Nr;Datum;Kunde;Artikel;Menge;Preis\n1;05.01.2024 10:00;K1;Kanne;2;1.234,50\n1;05.01.2024 10:00;K1;Tasse;1;9,90\n"
)
ORDERS = """
select distinct Nr as order_id, Kunde as customer_id, Datum as ordered_at, 'placed' as status, 'EUR' as currency
from read('sales.csv')
"""
LINES = """
select Nr as order_id, row_number() over (partition by Nr order by _row) as line, 'product' as kind,
    Menge as quantity, Preis as unit_price
from read('sales.csv')
"""


def mapped(tmp_path: Path, raw: Mapping[str, str | bytes], **queries: str) -> Imported:
    folder = write(tmp_path / "map", **{f"{name}__sql": text for name, text in queries.items()})
    return bring_in(write(tmp_path / "raw", **raw), str(folder))


def failure(tmp_path: Path, raw: Mapping[str, str | bytes], **queries: str) -> str:
    with pytest.raises(MappingError) as error:
        mapped(tmp_path, raw, **queries)
    return str(error.value).replace(str(tmp_path), "TMP")


def test_texts_of_a_query_are_read_as_those_of_a_file(tmp_path: Path) -> None:
    imported = mapped(tmp_path, {"sales": SALES}, orders=ORDERS, order_lines=LINES)
    assert imported.rows("orders", "customer_id", "ordered_at") == [("K1", datetime(2024, 1, 5, 10))]
    assert imported.rows("order_lines", "line", "unit_price") == [(1, Decimal("1234.5")), (2, Decimal("9.9"))]


def test_helpers_read_what_a_query_computes_with(tmp_path: Path) -> None:
    query = """
    select Nr as order_id, max(as_time(Datum, 'dmy')) as ordered_at, 'placed' as status, 'EUR' as currency,
        sum(as_number(Menge, ',') * as_number(Preis, ',')) as x_total, pseudonym(any_value(Kunde)) as customer_id
    from read('sales.csv') group by Nr
    """
    folder = write(tmp_path / "map", orders__sql=query, mapping__toml='zone = "Europe/Berlin"\n')
    imported = bring_in(write(tmp_path / "raw", sales=SALES), str(folder))
    assert imported.rows("orders", "ordered_at", "x_total") == [(datetime(2024, 1, 5, 9), 2478.9)]
    assert (imported.manifest.zone, imported.manifest.source) == ("Europe/Berlin", str(folder))


def test_settings_of_a_mapping_yield_to_the_users(tmp_path: Path) -> None:
    folder = write(tmp_path / "map", orders__sql=ORDERS, mapping__toml='zone = "Europe/Berlin"\ncurrency = "EUR"\n')
    imported = bring_in(write(tmp_path / "raw", sales=SALES), str(folder), zone="UTC")
    assert imported.rows("orders", "ordered_at") == [datetime(2024, 1, 5, 10)]
    assert imported.manifest.currency == "EUR"


def test_queries_build_on_each_other_in_any_order(tmp_path: Path) -> None:
    imported = mapped(
        tmp_path,
        {"sales": SALES},
        customers="select customer_id from orders union select 'K9' from _first",
        orders=ORDERS,
        _first="-- read('nothing.csv') in a comment reads nothing\nselect 1 as one from order_lines limit 1",
        order_lines=LINES,
    )
    assert sorted(imported.rows("customers", "customer_id")) == ["K1", "K9"]


def test_call_within_quotation_marks_is_a_text(tmp_path: Path) -> None:
    query = """
    select Nr as order_id, Datum as ordered_at, 'placed' as status, 'EUR' as currency,
        'see read(''nothing.csv'')' as x_said, "read('other.csv')" as x_named
    from (select *, '-' as "read('other.csv')" from read('sales.csv')) where _row = 2
    """
    imported = mapped(tmp_path, {"sales": SALES}, orders=query)
    assert imported.rows("orders", "x_said", "x_named") == [("see read('nothing.csv')", "-")]


def test_files_of_one_pattern_are_read_together(tmp_path: Path) -> None:
    raw = {"a-1": "Nr,When\n1,2024-01-05\n", "a-2": "When;Nr;More\n2024-01-06;2;x\n"}
    query = """
    select Nr as order_id, "When" as ordered_at, 'placed' as status, 'EUR' as currency,
        concat(_file, ':', _row) as x_from
    from read('a-*.csv')
    """
    imported = mapped(tmp_path, raw, orders=query)
    assert sorted(imported.rows("orders", "order_id", "x_from")) == [("1", "a-1.csv:2"), ("2", "a-2.csv:2")]


def test_first_file_of_several_names_is_read(tmp_path: Path) -> None:
    query = ORDERS.replace("'sales.csv'", "'umsatz.csv', 'sales.csv'")
    assert mapped(tmp_path, {"sales": SALES}, orders=query).counts("orders") == (1, 0)


def test_lines_are_read_unsplit(tmp_path: Path) -> None:
    query = """
    select line[1:4] as order_id, line[5:12] as ordered_at, 'placed' as status, 'EUR' as currency
    from read_lines('log.txt') where _row > 1
    """
    imported = mapped(tmp_path, {"log__txt": "HEADER;1\nA00120240105\r\nA00220240106\r\n"}, orders=query)
    assert imported.rows("orders", "order_id", "ordered_at") == [
        ("A001", datetime(2024, 1, 5)),
        ("A002", datetime(2024, 1, 6)),
    ]


def test_row_that_a_query_refuses_goes_to_the_quarantine_with_its_reason_and_place(tmp_path: Path) -> None:
    query = LINES.replace(
        "from read", ", case when Artikel = 'Tasse' then 'a cup {is} no pot' end as refused, _row, _file from read"
    )
    imported = mapped(tmp_path, {"sales": SALES}, orders=ORDERS, order_lines=query)
    assert imported.refused("order_lines", "reason", "file", "row") == [("a cup {is} no pot", "sales.csv", 3)]
    assert [each.sentence() for each in refusals(imported.folder)] == ["a cup {is} no pot"]
    assert imported.counts("order_lines") == (1, 1)


def test_row_that_breaks_the_contract_is_refused_with_the_number_of_the_result(tmp_path: Path) -> None:
    query = "select * from (values ('1', '2024-01-05', 'placed', 'EUR'), ('2', '2024-01-05', 'lost', 'EUR'))\n"
    query += "as t(order_id, ordered_at, status, currency) cross join (select count(*) as x_n from read('sales.csv'))"
    imported = mapped(tmp_path, {"sales": SALES}, orders=query)
    assert imported.refused("orders", "file", "row", "value") == [("sales.csv", 2, "lost")]


def test_rows_that_no_query_can_see_are_refused_too(tmp_path: Path) -> None:
    imported = mapped(tmp_path, {"sales": SALES + "2;05.01.2024\n"}, orders=ORDERS)
    assert imported.refused("orders", "reason", "file", "row") == [
        ("the row has fewer values than the header has columns", "sales.csv", 4)
    ]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("select Nr,\n  Prise\nfrom read('sales.csv')", 'line 2: Binder Error: Referenced column "Prise" not found'),
        ("select Nr\nform read('sales.csv') x y", "line 2: Parser Error: syntax error at or near"),
        ("select 1\nfrom read('buys.csv')", "line 2: there is no buys.csv in TMP/raw; it holds: sales.csv."),
        ("\n\nselect 1 from orderz", "line 3: Catalog Error: Table with name orderz does not exist"),
        ("select 1; drop table x", "line 1: it must be one single query."),
        ("copy (select 1) to 'x'", "line 1: it must be one single query."),
        ("", "line 1: it must be one single query."),
        ("select 1) to '/tmp/x.csv'; --", "line 1: Parser Error: "),
        ("select 1 from orders", "line 1: it builds on itself, by way of orders."),
        (
            "select cast(Nr as integer) + cast(Kunde as integer)\nfrom read('sales.csv')",
            "Could not convert string 'K1'",
        ),
        ("select 1 from read('../map/orders.sql')", "line 1: ../map/orders.sql does not lie below TMP/raw."),
        ("select 1\nfrom read('/etc/passwd')", "line 2: /etc/passwd does not lie below TMP/raw."),
        ("select 1 from read('link.csv')", "line 1: link.csv leads to TMP/private.csv, outside TMP/raw."),
        ("select * from read_text('/etc/passwd')", "Permission Error: Cannot access file"),
        ("select * from read_csv('TMP/private.csv')", "Permission Error: Cannot access file"),
        ("select * from glob('/*')", "Permission Error: Cannot access file"),
        ("select * from read_csv('https://example.org/x.csv')", "Permission Error"),
        ("select * from 's3://bucket/x.parquet'", "Permission Error"),
        ("attach 'TMP/x.db' as x", "line 1: it must be one single query."),
        ("install httpfs", "line 1: it must be one single query."),
        ("load httpfs", "line 1: it must be one single query."),
        ("set enable_external_access = true", "line 1: it must be one single query."),
        ("pragma database_list", "line 1: "),
        ("export database 'TMP/x'", "line 1: it must be one single query."),
        ("insert into orders select 1", "line 1: it must be one single query."),
        ("select getenv('HOME') as order_id", "Catalog Error: Scalar Function with name getenv does not exist"),
    ],
)
def test_fault_in_a_query_is_told_with_file_and_line(tmp_path: Path, query: str, words: str) -> None:
    write(tmp_path, private="a,b\n")
    write(tmp_path / "raw")
    (tmp_path / "raw" / "link.csv").symlink_to(tmp_path / "private.csv")
    if "there is no" in words:
        (tmp_path / "raw" / "link.csv").unlink()
    message = failure(tmp_path, {"sales": SALES}, orders=query.replace("TMP", str(tmp_path)))
    assert message.startswith("TMP/map/orders.sql, line ")
    assert words in message
    assert message.endswith("`saydo sources` lists ready mappings.")


def test_file_that_cannot_be_read_is_told_where_it_is_asked_for(tmp_path: Path) -> None:
    message = failure(tmp_path, {"sales": b"\x89PNG\0"}, orders=ORDERS)
    assert message.startswith("TMP/map/orders.sql, line 3: The file TMP/raw/sales.csv cannot be read as CSV")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("zone = Europe", "line 1: Invalid value"),
        ("\nzome = 'x'", "it sets zome; known are zone, currency, dates."),
        ("currency = 5", "line 1: currency must be a text in quotation marks."),
    ],
)
def test_fault_in_the_settings_is_told(tmp_path: Path, settings: str, words: str) -> None:
    folder = write(tmp_path / "map", orders__sql=ORDERS, mapping__toml=settings)
    with pytest.raises(MappingError) as error:
        bring_in(write(tmp_path / "raw", sales=SALES), str(folder))
    assert words in str(error.value)


def test_query_in_another_encoding_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "map", orders__sql="-- für Köln\nselect 1".encode("cp1252"))
    with pytest.raises(MappingError) as error:
        bring_in(write(tmp_path / "raw", sales=SALES), str(folder))
    assert "orders.sql, line 1: it is no UTF-8." in str(error.value)


def test_query_named_after_no_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoKnownTable) as error:
        mapped(tmp_path, {"sales": SALES}, orders=ORDERS, clients="select 1")
    assert "it holds clients.sql." in str(error.value)


def test_unknown_source_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownSource) as error:
        bring_in(write(tmp_path / "raw", sales=SALES), "magento")
    assert str(error.value) == (
        "There is no source called magento. Choose one of folder, cdnow, olist, online-retail, shopify, or give the "
        "path of a folder of <table>.sql files."
    )


def test_folder_of_raw_files_that_is_not_there_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "map", orders__sql=ORDERS)
    with pytest.raises(NoSuchPath):
        bring_in(tmp_path / "nowhere", str(folder))
