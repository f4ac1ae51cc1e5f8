"""What happened, told once: changes are written with what they tell of, and each reader takes them at its own pace.

Readers (the feed, webhooks, alerts) see changes in the order in which they were committed and never skip one: on
PostgreSQL a change with a small number can be committed after one with a greater number, so a reader only takes
changes of transactions that are older than every open one. On SQLite there is one writer at a time.
"""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models import Q

from saydo.web.accounts.models import Change, Place, User


def tell(kind: str, table: str = "", key: str = "", *, rows: int = 1, by: User | None = None) -> Change:
    """Write down that something happened, in the transaction that did it."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("A change is told in the transaction that makes it.")
    return Change.objects.create(kind=kind, table=table, key=key, rows=rows, by=by, transaction=_this_transaction())


def untaken(reader: str, most: int = 1000) -> list[Change]:
    """The next changes that this reader has not dealt with, oldest first."""
    place = Place.objects.filter(reader=reader).first() or Place(reader=reader)
    return told_after(place.transaction, place.change_id, most=most)


def told_after(number: int, change: int, *, most: int) -> list[Change]:
    """The next changes after one of a transaction, for a reader that keeps its own place."""
    later = Q(transaction=number, id__gt=change) | Q(transaction__gt=number)
    found = Change.objects.filter(later).order_by("transaction", "id")
    if (oldest := _oldest_open()) is not None:
        found = found.filter(transaction__lt=oldest)
    return list(found[:most])


def taken(reader: str, last: Change) -> None:
    """Remember that the reader has dealt with everything up to this change."""
    Place.objects.update_or_create(reader=reader, defaults={"transaction": last.transaction, "change_id": last.id})


def _this_transaction() -> int:
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        return int(cursor.fetchone()[0])


def _oldest_open() -> int | None:
    """The oldest transaction that may still be committed; null where writers wait for each other.

    Those of this database alone: a long one in another database of the same server keeps no reader here waiting. What
    is begun after the statement was has a greater number than the snapshot's end.
    """
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # else the first answer stands for the whole transaction
        cursor.execute(_OPEN)
        end, *found = cursor.fetchone()
    # numbers of open transactions come without their upper half, in which they can be one round behind
    rounds, place = divmod(end, 1 << 32)
    return min([end, *((rounds - (number > place) << 32) + number for number in found[0])])


_OPEN = """
    SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint, ARRAY(
        SELECT backend_xid::text::bigint FROM pg_stat_activity
        WHERE backend_xid IS NOT NULL AND datname = current_database()
        UNION ALL
        SELECT transaction::text::bigint FROM pg_prepared_xacts WHERE database = current_database())
"""
