"""A large plain company for measuring speed: a million customers, ten million order lines, five million NPS answers.

Drawn by the engine from hashes of row numbers, so that one version of DuckDB draws the same company on every machine,
in less than a minute. It holds no planted truth: that is what `saydo.simulate` is for.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from saydo.company import Manifest, TableEntry
from saydo.facts import TABLES, Column

ROOT = Path(__file__).parents[1] / "build" / "bench"
FIRST, LAST = datetime(2023, 1, 1), datetime(2025, 12, 31, 23, 59, 59)
_START = f"TIMESTAMP '{FIRST:%Y-%m-%d}'"
_DAYS = 1070  # three years less what follows an order: its payment, its delivery


@dataclass(frozen=True)
class Size:
    """How large a company is: customers, orders, lines of an order, answers to the NPS question."""

    name: str
    customers: int
    orders: int
    lines_per_order: int
    answers: int


LARGE = Size("large", 1_000_000, 5_000_000, 2, 5_000_000)
SMALL = Size("small", 2_000, 8_000, 2, 8_000)


def _draw(salt: int) -> str:
    """A number from 0 to 1 that looks random and depends on the row alone."""
    return f"(hash(i * 1000 + {salt}) % 1000003) / 1000003.0"


def _pick(salt: int, *choices: str) -> str:
    listed = ", ".join(f"'{choice}'" for choice in choices)
    return f"[{listed}][1 + (hash(i * 1000 + {salt}) % {len(choices)})::int]"


def _moment(salt: int) -> str:
    return f"{_START} + to_seconds(floor({_draw(salt)} * {_DAYS} * 86400)::int)"


def _key(letter: str, number: str) -> str:
    return f"'{letter}' || lpad(({number})::varchar, 9, '0')"


def _people(size: Size) -> dict[str, str]:
    return {
        "customers": f"""
            SELECT {_key("c", "i")} customer_id, {_START} first_seen_at, {_pick(5, "FR", "CH", "BE", "DE")} country,
                {_pick(6, "home", "small firm", "school", "pro")} segment,
                {_pick(7, "search", "shop", "friends")} acquired_via, {_draw(8)} < 0.3 is_earned
            FROM range({size.customers}) r(i)""",
        "touchpoints": """
            SELECT * FROM (VALUES ('web', 'web'), ('Lyon', 'shop'), ('Genève', 'shop'), ('Paris', 'shop'),
                ('phone', 'phone')) t(touchpoint, kind)""",
        "products": f"""
            SELECT 'p' || i product_id, 'product ' || i AS name, 20 + 500 * {_draw(10)} list_price,
                {_pick(9, "computers", "printers", "bicycles", "coffee", "audio")} category,
                10 + 300 * {_draw(11)} unit_cost
            FROM range(500) r(i)""",
        "promises": """
            SELECT * FROM (VALUES ('delivery', 'in 3 days'), ('answer', 'in 24 h'), ('refund', 'in 14 days'))
                t(promise, statement)""",
        "costs": """
            SELECT (DATE '2023-01-01' + to_months(m::int))::date "month", channel, 'acquisition' kind, 40000 amount,
                'EUR' currency
            FROM range(36) t(m), unnest(['search', 'shop', 'friends']) c(channel)""",
    }


def _events(size: Size) -> dict[str, str]:
    """What happens; row i of every table belongs to the same customer, row i of commitments to order i as well."""
    customer = _key("c", f"floor({_draw(1)} * {_draw(2)} * {size.customers})::bigint")
    order = _key("o", f"hash(i * 1000 + 3) % {size.orders}")
    touchpoint = _pick(4, "web", "Lyon", "Genève", "Paris", "phone")
    is_nps = f"i < {size.answers}"
    return {
        "orders": f"""
            SELECT {_key("o", "i")} order_id, {customer} customer_id, {_moment(12)} ordered_at, {touchpoint} touchpoint,
                CASE WHEN {_draw(13)} < 0.02 THEN 'cancelled' ELSE 'delivered' END AS status,
                CASE WHEN {_draw(13)} < 0.02 THEN {_moment(12)} + INTERVAL 1 HOUR END cancelled_at,
                5.9 shipping_charged, 4.2 shipping_cost, 'EUR' currency
            FROM range({size.orders}) r(i)""",
        "order_lines": f"""
            SELECT {_key("o", f"i // {size.lines_per_order}")} order_id, 1 + i % {size.lines_per_order} line,
                'product' kind, 'p' || (hash(i * 1000 + 14) % 500) product_id, 1 + hash(i * 1000 + 15) % 3 quantity,
                round(20 + 500 * {_draw(16)}, 2) unit_price, round(10 + 300 * {_draw(17)}, 2) unit_cost, 0.2 tax_rate
            FROM range({size.orders * size.lines_per_order}) r(i)""",
        "returns": f"""
            SELECT 'r' || i return_id, {order} order_id, 1 + hash(i * 1000 + 32) % {size.lines_per_order} line,
                {_moment(18)} returned_at, 1 quantity, round(100 * {_draw(19)}, 2) refund,
                {_pick(33, "broken", "wrong", "too late", "regret")} reason
            FROM range({size.orders // 12}) r(i)""",
        "payments": f"""
            SELECT 'y' || i payment_id, {order} order_id, {_moment(20)} due_at, round(400 * {_draw(23)}, 2) amount,
                if({_draw(21)} < 0.97, {_moment(20)} + to_days((hash(i * 1000 + 22) % 20)::int - 15), NULL) paid_at,
                CASE WHEN {_draw(21)} > 0.98 THEN {_moment(20)} + INTERVAL 3 DAY END failed_at
            FROM range({size.orders // 2}) r(i)""",
        "commitments": f"""
            SELECT 'm' || i commitment_id, {_pick(24, "delivery", "delivery", "answer", "refund")} promise,
                {customer} customer_id, {_key("o", "i")} order_id, {touchpoint} touchpoint, {_moment(12)} made_at,
                {_moment(12)} + INTERVAL 3 DAY due_at,
                {_moment(12)} + to_hours(floor(90 * {_draw(25)})::int) fulfilled_at, 'system' seen_by
            FROM range({size.orders}) r(i)""",
        "feedback": f"""
            SELECT 'f' || i feedback_id, {customer} customer_id, {order} order_id, {touchpoint} touchpoint,
                'wave' survey, {_pick(26, "event", "event", "relational")} occasion, 'survey' AS source,
                if({is_nps}, 'nps', 'csat') question, {_moment(27)} said_at,
                if({is_nps}, hash(i * 1000 + 28) % 11, 1 + hash(i * 1000 + 28) % 5)::double score,
                if({is_nps}, 0.0, 1.0) scale_min, if({is_nps}, 10.0, 5.0) scale_max
            FROM range({size.answers + size.answers // 5}) r(i)""",
        "invitations": f"""
            SELECT 'i' || i invitation_id, {customer} customer_id, 'wave' survey, 'nps' question,
                {touchpoint} touchpoint, {_moment(27)} sent_at,
                CASE WHEN {_draw(29)} < 0.5 THEN {_moment(27)} + INTERVAL 1 DAY END answered_at
            FROM range({size.answers * 2}) r(i)""",
        "contacts": f"""
            SELECT 't' || i contact_id, {customer} customer_id, {_moment(30)} "at", 'in' direction,
                {touchpoint} touchpoint, 'service' purpose, {order} order_id, round(8 * {_draw(31)}, 2) AS cost
            FROM range({size.orders // 5}) r(i)""",
        "cases": f"""
            SELECT 'a' || i case_id, {customer} customer_id, {order} order_id, {_moment(34)} opened_at,
                {_moment(34)} + to_hours((hash(i * 1000 + 35) % 200)::int) closed_at, 'late' AS cause,
                round(50 * {_draw(36)}, 2) AS cost
            FROM range({size.orders // 25}) r(i)""",
    }


def make_company(size: Size, root: Path = ROOT) -> Path:
    """The folder of that company's facts inside ``root``, made if it is not there yet."""
    folder = root / size.name
    if (folder / "saydo.json").is_file():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    queries = _people(size) | _events(size)
    with duckdb.connect(config={"memory_limit": "3GB", "temp_directory": str(folder / "spill")}) as engine:
        engine.execute("SET enable_progress_bar = false")
        entries = {name: write_table(engine, folder, name, query) for name, query in queries.items()}
    shutil.rmtree(folder / "spill", ignore_errors=True)
    Manifest(entries, FIRST, LAST, currency="EUR", name=size.name).write(folder)
    return folder


def write_table(engine: duckdb.DuckDBPyConnection, folder: Path, name: str, query: str) -> TableEntry:
    """Write one table with all columns of the contract; those that the query does not draw are null."""
    drawn = engine.sql(query).columns
    columns = ", ".join(_cast(column, column.name in drawn) for column in TABLES[name].columns)
    engine.execute(f"COPY (SELECT {columns} FROM ({query}) q) TO '{folder / name}.parquet' (COMPRESSION zstd)")
    rows = engine.sql(f"SELECT count(*) FROM '{folder / name}.parquet'").fetchall()[0][0]
    currencies = ("EUR",) if "currency" in drawn else ()
    return TableEntry((f"{name}.parquet",), rows, currencies=currencies)


def _cast(column: Column, is_drawn: bool) -> str:
    value = f'q."{column.name}"' if is_drawn else "NULL"
    return f'CAST({value} AS {_sql_type(column.type)}) AS "{column.name}"'


def _sql_type(type: str) -> str:
    return {"string": "VARCHAR", "timestamp(6)": "TIMESTAMP", "float64": "DOUBLE", "int64": "BIGINT"}.get(type, type)
