"""The steps that `benchmarks.bench_load` times, one in each process: prints the seconds it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
from django.db import connection, transaction

from saydo.web.commands import start_django

COLUMNS = "order_id, line, kind, product_id, quantity, unit_price, list_price, unit_cost, tax_rate"
_ROWS = "SELECT {columns}, NULL AS own, 'main' AS origin, 0 AS change_id FROM '{facts}/order_lines.parquet'"
_INSERTED = COLUMNS + ", own, origin, change_id"


def bare(facts: str) -> Callable[[], None]:
    """The statement of a person, into the same empty table with the same indexes; the table is emptied afterwards."""
    if connection.vendor == "postgresql":
        return _bare_copy(facts)
    decimals = ("quantity", "unit_price", "list_price", "unit_cost")
    columns = ", ".join(f"{name}::DOUBLE" if name in decimals else name for name in COLUMNS.split(", "))
    rows = duckdb.sql(_ROWS.format(columns=columns, facts=facts)).fetchall()
    insert = f"INSERT INTO order_lines ({_INSERTED}) VALUES ({', '.join('?' * (_INSERTED.count(',') + 1))})"

    def run() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.connection.executemany(insert, rows)

    return run


def _bare_copy(facts: str) -> Callable[[], None]:
    sheet = Path(facts) / "order_lines.csv"
    duckdb.sql(f"COPY ({_ROWS.format(columns=COLUMNS, facts=facts)}) TO '{sheet}' (HEADER false)")

    copied = f"COPY order_lines ({_INSERTED}) FROM STDIN (FORMAT csv)"

    def run() -> None:
        with (
            transaction.atomic(),
            connection.cursor() as cursor,
            sheet.open("rb") as source,
            cursor.copy(copied) as copy,
        ):
            while block := source.read(1 << 16):
                copy.write(block)

    return run


def load(facts: str) -> Callable[[], None]:
    """Checked facts into the database."""
    from saydo.web.load import load_facts

    def run() -> None:
        load_facts(Path(facts))

    return run


def refresh() -> Callable[[], None]:
    """The copy brought in line."""
    from saydo.web.feed import refresh

    def run() -> None:
        refresh()

    return run


def change(what: str) -> Callable[[], None]:
    """The same after 1,000 lines that are new, or changed, scattered over all orders."""
    from saydo.web.outbox import tell
    from saydo.web.trade.models import OrderLine

    with transaction.atomic():
        number = tell("written", "order_lines").id
        if what == "new":
            values = {"kind": "product", "product_id": "p1", "quantity": 1, "unit_price": 9, "change_id": number}
            OrderLine.objects.bulk_create(
                [OrderLine(order_id=f"new{place}", line=1, origin="main", **values) for place in range(1000)]
            )
        else:
            orders = OrderLine.objects.filter(line=1).order_by("order_id").values_list("order_id", flat=True)
            step = max(1, orders.count() // 1000)
            chosen = list(orders[: 1000 * step : step])
            OrderLine.objects.filter(line=1, order_id__in=chosen).update(unit_price=1, change_id=number)
    return refresh()


def empty() -> None:
    """Take the bare statement's rows out again."""
    with connection.cursor() as cursor:
        is_postgres = connection.vendor == "postgresql"
        cursor.execute("TRUNCATE order_lines" if is_postgres else "DELETE FROM order_lines")
        if not is_postgres:
            cursor.execute("VACUUM")


STEPS: dict[str, Callable[..., Callable[[], None]]] = {"bare": bare, "load": load, "refresh": refresh, "change": change}


def main(step: str, *arguments: str) -> None:
    """Prepare a step, time it, and print the seconds."""
    start_django()
    run = STEPS[step](*arguments)
    begin = time.perf_counter()
    run()
    print(time.perf_counter() - begin)
    if step == "bare":
        empty()


if __name__ == "__main__":
    main(*sys.argv[1:])
