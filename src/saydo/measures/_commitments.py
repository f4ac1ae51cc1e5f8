"""What became of a commitment: kept, broken, open or withdrawn, decided in this one place.

In this order, with everything seen as it was known at `Facts.as_of`:

- ``kept``, where somebody judged it (a mystery visit, a customer), wins: true is kept, false is broken.
- *withdrawn*: taken back (``withdrawn_at``, or its order cancelled) before it was due and before it was fulfilled.
  What a cancellation itself promises (the money back within 14 days) is not taken back by it. An order cancelled at
  an unknown time withdraws what was never fulfilled: nobody can tell whether it was due by then, so it is not
  called broken.
- fulfilled: *kept* if not after ``due_at`` (the end of the day, where a day was promised) or without one, else
  *broken*.
- not fulfilled: *broken* once it is past due; until then, and without a ``due_at``, *open*.

Only what is open can change as time goes by, unless somebody judges it later (``settled_at``). A rate counts what
is due only: before that, those that will be kept are known and those that will be broken are not.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from saydo.company import Facts

STATES = ("kept", "broken", "open", "withdrawn")
SECONDS_A_DAY = 86_400


def judge_commitments(facts: Facts) -> ir.Table:
    """Every commitment with ``state`` (one of STATES), ``is_due``, ``days_late`` and ``is_undated``, else
    untouched.

    ``is_due``: its due time has passed, or it has none. ``days_late`` is fulfilled_at - due_at, negative if early;
    null if it is not fulfilled (yet), was withdrawn or has no due_at. ``is_undated`` marks what is past due and
    withdrawn only because its order was cancelled at an unknown time.
    """
    rows = _with_cancellation(facts)
    rows = rows.mutate(state=_state(rows, facts))
    days_late = ibis.ifelse(
        rows.state == "withdrawn", ibis.null("float64"), days_between(rows.due_at, rows.fulfilled_at)
    )
    is_undated = rows["_is_undated"] & (rows.state == "withdrawn") & _is_past_due(rows, facts) & ~_is_withdrawn(rows)
    is_due = rows.due_at.isnull() | _is_past_due(rows, facts)
    return rows.mutate(is_due=is_due, days_late=days_late, is_undated=is_undated).drop("_cancelled_at", "_is_undated")


def days_between(start: ir.TimestampValue, end: ir.TimestampValue) -> ir.FloatingValue:
    """Days from start to end, to the second (engines differ in what they do with less); null if either is."""
    seconds = end.truncate("s").epoch_seconds() - start.truncate("s").epoch_seconds()
    return seconds.cast("float64") / SECONDS_A_DAY  # as float: Spark would divide by a rounded decimal


def _with_cancellation(facts: Facts) -> ir.Table:
    """Commitments with what the cancellation of their order says; only cancelled orders are joined, for they are
    few.
    """
    rows, orders = facts.table("commitments"), facts.table("orders")
    is_cancelled = orders.cancelled_at.notnull() | (orders.status == "cancelled")
    cancelled = orders.filter(is_cancelled).select(_key="order_id", _at="cancelled_at")
    joined = rows.left_join(cancelled, rows.order_id == cancelled["_key"])
    takes_back = cancelled["_at"] > rows.made_at
    return joined.select(
        rows,
        _cancelled_at=ibis.ifelse(takes_back, cancelled["_at"], ibis.null("timestamp(6)")),
        _is_undated=cancelled["_key"].notnull() & cancelled["_at"].isnull() & rows.fulfilled_at.isnull(),
    )


def _state(rows: ir.Table, facts: Facts) -> ir.StringValue:
    is_in_time = rows.due_at.isnull() | (rows.fulfilled_at <= rows.due_at)
    return ibis.cases(
        (rows.kept.notnull(), ibis.ifelse(rows.kept, "kept", "broken")),
        (_is_withdrawn(rows) | rows["_is_undated"], "withdrawn"),
        (rows.fulfilled_at.notnull(), ibis.ifelse(is_in_time, "kept", "broken")),
        (_is_past_due(rows, facts), "broken"),
        else_="open",
    )


def _is_past_due(rows: ir.Table, facts: Facts) -> ir.BooleanValue:
    return (rows.due_at < ibis.literal(facts.as_of)).fill_null(False)


def _is_withdrawn(rows: ir.Table) -> ir.BooleanValue:
    return _is_taken_back(rows, rows.withdrawn_at) | _is_taken_back(rows, rows["_cancelled_at"])


def _is_taken_back(rows: ir.Table, moment: ir.TimestampValue) -> ir.BooleanValue:
    """Was it neither due nor fulfilled at this moment? False without a moment."""
    is_over = (moment > rows.due_at).fill_null(False) | (rows.fulfilled_at <= moment).fill_null(False)
    return moment.notnull() & ~is_over
