"""Files as people have them: names, delimiters, encodings, compression, Excel; and those that cannot be read."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.sources.imports import FEEDBACK, ORDER, bring_in, write

from saydo.errors import EmptyFile, NoKnownTable, NoSuchPath, SaydoError, UnreadableFile
from saydo.facts import TABLES
from saydo.sources import refusals

ORDERS = [("1", datetime(2024, 1, 5), "placed", "EUR"), ("2", datetime(2024, 1, 6), "paid", "EUR")]
COLUMNS = ("order_id", "ordered_at", "status", "currency")


def csv(delimiter: str = ",", end: str = "\n") -> str:
    rows = ["order_id,ordered_at,status,currency", "1,2024-01-05,placed,EUR", "2,2024-01-06,paid,EUR"]
    return "".join(row.replace(",", delimiter) + end for row in rows)


def failure(origin: Path, kind: type[SaydoError], **settings: str) -> str:
    with pytest.raises(kind) as error:
        bring_in(origin, **settings)
    return str(error.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_usual_delimiter_and_line_end_is_read(tmp_path: Path, delimiter: str, end: str) -> None:
    folder = write(tmp_path / "raw", orders=csv(delimiter, end))
    assert bring_in(folder).rows("orders", *COLUMNS) == ORDERS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_any_usual_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    text = FEEDBACK.replace("score", "comment") + "1,a,review,2024-01-05,Zu spät – für 5 € à refaire\n"
    folder = write(tmp_path / "raw", feedback=text.encode(encoding))
    assert bring_in(folder).rows("feedback", "comment") == ["Zu spät – für 5 € à refaire"]


def test_line_ends_of_two_kinds_are_read(tmp_path: Path) -> None:
    text = FEEDBACK.replace("score", "comment") + '1,a,review,2024-01-05,"so\r\nlate"\n2,b,review,2024-01-06,fine\r\n'
    assert bring_in(write(tmp_path / "raw", feedback=text)).rows("feedback", "comment") == ["so\nlate", "fine"]


def test_quoted_line_ends_delimiters_and_quotes_are_read(tmp_path: Path) -> None:
    text = FEEDBACK.replace("score", "comment") + '1,a,review,2024-01-05,"He said ""no"",\n\nthen; left"\n'
    assert bring_in(write(tmp_path / "raw", feedback=text)).rows("feedback", "comment") == [
        'He said "no",\n\nthen; left'
    ]


def test_headers_may_be_written_freely(tmp_path: Path) -> None:
    text = csv().replace("order_id,ordered_at,status", "\ufeff Order ID ,ORDERED-AT,\u00a0Status")
    assert bring_in(write(tmp_path / "raw", orders=text)).rows("orders", *COLUMNS) == ORDERS


def test_line_that_tells_the_delimiter_to_excel_is_heeded(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders="sep=;\n" + csv(";") + "3;2024-01-07;sent;EUR\n")
    imported = bring_in(folder)
    assert imported.rows("orders", *COLUMNS) == ORDERS
    assert imported.refused("orders", "row", "value") == [(5, "sent")]


def test_empty_and_null_texts_are_null(tmp_path: Path) -> None:
    rows = "".join(f"{i},{null},2024-01-05,placed,EUR\n" for i, null in enumerate(["", '""', "NULL", "\\N"]))
    folder = write(tmp_path / "raw", orders="order_id,customer_id,ordered_at,status,currency\n" + rows)
    assert bring_in(folder).rows("orders", "customer_id") == [None] * 4


def test_spaces_around_keys_and_states_do_not_count(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=ORDER + " 1 ,2024-01-05 , Placed,eur\n")
    assert bring_in(folder).rows("orders", *COLUMNS) == ORDERS[:1]


def test_rows_and_columns_without_a_value_are_none(tmp_path: Path) -> None:
    text = csv().replace("\n", ",,\n") + ",,,,,\n\n"
    imported = bring_in(write(tmp_path / "raw", orders=text))
    assert imported.rows("orders", *COLUMNS) == ORDERS
    assert imported.counts("orders") == (2, 0)


def test_compressed_file_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders__csv_gz=gzip.compress(csv(";").encode()))
    assert bring_in(folder).rows("orders", *COLUMNS) == ORDERS


def test_parts_make_one_table_and_the_first_row_of_a_key_stays(tmp_path: Path) -> None:
    parts = {"orders-2": "2,2024-01-06,paid,EUR\n1,2024-01-09,paid,EUR\n", "orders-1": "1,2024-01-05,placed,EUR\n"}
    folder = write(tmp_path / "raw", **{name: ORDER + rows for name, rows in parts.items()})
    imported = bring_in(folder)
    assert imported.rows("orders", *COLUMNS) == ORDERS
    assert imported.refused("orders", "file", "row", "value") == [("orders-2.csv", 3, "1")]


def test_folder_of_parquet_is_a_table(tmp_path: Path) -> None:
    rows = {"order_id": [1.0, 2.0], "ordered_at": [row[1] for row in ORDERS], "status": ["placed", "paid"]}
    (tmp_path / "raw" / "orders" / "year=2024").mkdir(parents=True)
    pq.write_table(pa.table({**rows, "currency": ["EUR"] * 2}), tmp_path / "raw" / "orders" / "year=2024" / "a.parquet")
    assert bring_in(tmp_path / "raw").rows("orders", *COLUMNS) == ORDERS


def test_single_file_is_a_company(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=csv(), feedback="not,feedback\n")
    assert bring_in(folder / "orders.csv").rows("orders", *COLUMNS) == ORDERS


def test_local_time_in_parquet_is_the_companys(tmp_path: Path) -> None:
    moments = [datetime(2024, 7, 1, 12), datetime(2024, 7, 1, 12)]
    table = {"order_id": ["1", "2"], "status": ["placed"] * 2, "currency": ["EUR"] * 2}
    (tmp_path / "raw").mkdir()
    pq.write_table(pa.table({**table, "ordered_at": pa.array(moments)}), tmp_path / "raw" / "orders-1.parquet")
    instants = pa.array(moments, pa.timestamp("us", "UTC"))
    other = {**table, "order_id": ["3", "4"], "ordered_at": instants}
    pq.write_table(pa.table(other), tmp_path / "raw" / "orders-2.parquet")
    found = bring_in(tmp_path / "raw", zone="Europe/Paris").rows("orders", "ordered_at")
    assert [moment.hour for moment in found] == [10, 10, 12, 12]


SHEET = """<?xml version="1.0" encoding="UTF-8"?><worksheet
xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>"""
WORKBOOK = """<?xml version="1.0" encoding="UTF-8"?><workbook
xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"
xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>
<sheet name="Notes" sheetId="1" r:id="rId1"/><sheet name="Orders" sheetId="2" r:id="rId2"/></sheets></workbook>"""
STYLES = """<?xml version="1.0" encoding="UTF-8"?><styleSheet
xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs><xf numFmtId="0"/><xf numFmtId="22"/>
<xf numFmtId="14"/></cellXfs></styleSheet>"""
RELATIONS = """<?xml version="1.0" encoding="UTF-8"?><Relationships
xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{relations}</Relationships>"""
RELATION = """<Relationship Id="{id}" Target="{target}"
Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{type}"/>"""


def cell(value: str | float, style: int = 0) -> str:
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
    return f'<c s="{style}"><v>{value}</v></c>'


def workbook(path: Path, rows: list[str]) -> None:
    """The smallest workbook that Excel would open: a sheet of notes, then one named Orders."""
    sheets = [f"<row>{cell('nothing here')}</row>", "".join(f"<row>{row}</row>" for row in rows)]
    relations = [RELATION.format(id=f"rId{i}", type="worksheet", target=f"worksheets/sheet{i}.xml") for i in (1, 2)]
    relations.append(RELATION.format(id="rId3", type="styles", target="styles.xml"))
    start = RELATION.format(id="rId1", type="officeDocument", target="xl/workbook.xml")
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_rels/.rels", RELATIONS.format(relations=start))
        archive.writestr("xl/workbook.xml", WORKBOOK)
        archive.writestr("xl/styles.xml", STYLES)
        archive.writestr("xl/_rels/workbook.xml.rels", RELATIONS.format(relations="".join(relations)))
        for i, rows_of_sheet in enumerate(sheets, start=1):
            archive.writestr(f"xl/worksheets/sheet{i}.xml", SHEET.format(rows=rows_of_sheet))


def test_sheet_named_after_the_table_is_read(tmp_path: Path) -> None:
    headers = "".join(map(cell, (*COLUMNS, "shipping_charged")))
    first = cell(1.0) + cell(45296.0, 2) + cell("placed") + cell("EUR") + cell(4.5)
    second = cell(2.0) + cell(45297.5, 1) + cell("paid") + cell("EUR") + cell("free")
    workbook(tmp_path / "raw" / "orders.xlsx", [headers, first, second])
    imported = bring_in(tmp_path / "raw")
    assert imported.rows("orders", *COLUMNS) == ORDERS[:1]
    assert imported.refused("orders", "file", "row", "column", "value") == [
        ("orders.xlsx", 3, "shipping_charged", "free")
    ]


def test_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    words = failure(tmp_path / "nowhere", NoSuchPath)
    assert words == f"There is no file or folder at {tmp_path}/nowhere. Check the spelling and the folder you are in."


def test_folder_without_a_known_table_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", clients="a,b\n", notes__md="")
    assert failure(folder, NoKnownTable) == (
        f"The folder {folder} holds no table that Saydo knows; it holds clients.csv, notes.md. Name the files after "
        f"the tables of the contract ({', '.join(TABLES)}), or import them with a mapping."
    )


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_empty_file_is_told(tmp_path: Path, content: str) -> None:
    folder = write(tmp_path / "raw", orders=content)
    assert failure(folder, EmptyFile) == (
        f"The file {folder}/orders.csv is empty: it has not even a header. "
        "Export it again, or take it out of the folder."
    )


def test_picture_named_csv_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0" + bytes(range(256)))
    assert failure(folder, UnreadableFile) == (
        f"The file {folder}/orders.csv cannot be read as CSV: it holds zero bytes, as only binary files do. "
        "Open it in the program that wrote it and save it as CSV (UTF-8), Excel or Parquet."
    )


@pytest.mark.parametrize(("ending", "form"), [("parquet", "Parquet"), ("xlsx", "Excel"), ("csv_gz", "gzip")])
def test_text_named_otherwise_is_told(tmp_path: Path, ending: str, form: str) -> None:
    folder = write(tmp_path / "raw", **{f"orders__{ending}": csv()})
    words = failure(folder, UnreadableFile)
    assert words.startswith(f"The file {folder}/orders.{ending.replace('_', '.')} cannot be read as {form}: ")


def test_quotation_mark_that_is_never_closed_is_told(tmp_path: Path) -> None:
    rows = "".join(f"{i},2024-01-05,placed,{chr(34) if i == 2000 else ''}EUR\n" for i in range(3000))
    folder = write(tmp_path / "raw", orders=ORDER + rows)
    assert "cannot be read as CSV: a quotation mark is opened and never closed." in failure(folder, UnreadableFile)


def test_first_line_without_end_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders="order_id," + "x" * 3_000_000)
    assert "its first line has more than a million signs" in failure(folder, UnreadableFile)


def test_row_of_many_millions_of_signs_is_refused_alone(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", orders=csv() + "3,2024-01-05,placed," + "x" * 5_000_000 + "\n")
    imported = bring_in(folder)
    assert imported.rows("orders", *COLUMNS) == ORDERS
    assert imported.refused("orders", "reason", "row") == [("the row is longer than 2 million signs", 4)]


def test_broken_bytes_in_a_text_file_are_refused_alone(tmp_path: Path) -> None:
    text = FEEDBACK.replace("score", "comment") + "1,a,review,2024-01-05,schön spät\n2,b,review,2024-01-05,"
    imported = bring_in(write(tmp_path / "raw", feedback=text.encode() + b"sp\xc3(t\n"))
    assert imported.rows("feedback", "comment") == ["schön spät"]
    assert imported.refused("feedback", "reason", "row") == [("the text is no UTF-8", 3)]


@pytest.mark.parametrize("seed", [1, 2])
def test_megabytes_of_garbage_end_in_one_sentence(tmp_path: Path, seed: int) -> None:
    signs = random.Random(seed)
    content = signs.randbytes(20_000_000) if seed == 1 else ORDER.encode() + signs.randbytes(10_000_000).hex().encode()
    words = failure(write(tmp_path / "raw", orders=content), SaydoError)
    assert words.count(". ") <= 2
    assert len(words) < 1000


@pytest.mark.parametrize("name", ["it's", 'say "hi"', "a; drop table x --", "[1] * ?", "ünï çødé", "$HOME `id`"])
def test_folder_of_any_name_is_read(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / name, orders=csv() + "3,2024-01-07,sent,EUR\n")
    imported = bring_in(folder)
    assert imported.rows("orders", *COLUMNS) == ORDERS
    assert imported.refused("orders", "value") == [("sent",)]
    assert imported.manifest.name == name


@pytest.mark.parametrize(
    "value", ["=1+1", "=cmd|' /C calc'!A0", "'; DROP TABLE orders; --", "{column} {0}", "$(id)", "\\x00"]
)
def test_formulas_and_queries_in_values_are_only_text(tmp_path: Path, value: str) -> None:
    quoted = '"' + value.replace('"', '""') + '"'
    imported = bring_in(
        write(tmp_path / "raw", orders=csv() + f"{quoted},2024-01-07,paid,EUR\n4,2024-01-07,{quoted},EUR\n")
    )
    assert imported.rows("orders", "order_id") == ["1", "2", value]
    assert imported.refused("orders", "value", "column") == [(value, "status")]
    assert refusals(imported.folder)[0].sentence() == "status is none of placed, paid, shipped, delivered, cancelled"


GARBAGE = """
import random, resource, sys, time
from pathlib import Path
from saydo.errors import SaydoError
from saydo.sources import import_facts
raw, signs = Path(sys.argv[1]), random.Random(7)
with (raw / "orders.csv").open("wb") as out:
    out.write(b"order_id,ordered_at,status,currency\\n")
    block = bytes(signs.choices(b'abcdefghijklmnopqrstuvwxyz0123456789,;"-. \\n', k=1 << 20))
    for number in range(1024):
        out.write(b"%d" % number + block)
start = time.monotonic()
try:
    import_facts("folder", raw, raw.parent / "facts")
except SaydoError as error:
    print(error)
print(time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.slow
def test_gigabyte_of_garbage_ends_in_one_sentence_within_its_memory(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    run = subprocess.run([sys.executable, "-c", GARBAGE, tmp_path / "raw"], capture_output=True, text=True, check=True)
    sentence, figures = run.stdout.splitlines()
    seconds, megabytes = map(float, figures.split())
    assert "cannot be read as CSV: most of its rows do not have as many values as its header." in sentence
    assert megabytes < 2000
    assert seconds < 120
