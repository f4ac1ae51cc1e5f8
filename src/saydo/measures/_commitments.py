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
MICROSECONDS_A_DAY = 86_400_000_000


def judge_commitments(facts: Facts) -> ir.Table:
    """Every commitment with ``state`` (one of STATES), ``is_due``, ``days_late`` and ``is_undated``, else
    untouched.

    ``is_due``: its due time has passed, or it has none. ``days_late`` is fulfilled_at - due_at, negative if early;
    null if it is not fulfilled (yet), was withdrawn or has no due_at. ``is_undated`` marks what is past due and
    withdrawn only because its order was cancelled at an unknown time.
    """
    rows = _with_cancellation(facts)
    is_past_due = (rows.due_at < ibis.literal(facts.as_of)).fill_null(False)
    is_undated = rows["_is_undated"] & ~_is_taken_back(rows) & rows.kept.isnull() & is_past_due
    rows = rows.mutate(
        state=_state(rows, is_past_due), is_due=rows.due_at.isnull() | is_past_due, is_undated=is_undated
    )
    days_late = ibis.ifelse(
        rows.state == "withdrawn", ibis.null("float64"), days_between(rows.due_at, rows.fulfilled_at)
    )
    return rows.mutate(days_late=days_late).drop("_back_at", "_is_undated")


def days_between(start: ir.TimestampValue, end: ir.TimestampValue) -> ir.FloatingValue:
    """Days from start to end; null if either is."""
    return end.delta(start, unit="microsecond").cast("float64") / MICROSECONDS_A_DAY


def promises_known_at_answers(facts: Facts, answers: ir.Table) -> ir.Table:
    """Answers about orders, once for each kind of promise of the order, with ``promise`` and ``is_broken``.

    Of several promises of a kind, one broken is enough. Only what was decided when the answer was given: who answers
    before cannot know.
    """
    answers = answers.filter(answers.order_id.notnull())
    # few orders are answered about: judge no others; where others will ask too, those of all answers
    asked = facts.table("feedback").filter(lambda said: said.order_id.notnull()) if facts.is_keeping else answers
    outcomes = facts.keep(_decided(facts, asked.select(_asked="order_id").distinct()))
    joined = answers.inner_join(outcomes, [("order_id", "_order")])
    known = joined["_decided_at"].isnull() | (joined.said_at >= joined["_decided_at"])
    kept = {name: joined[name] for name in answers.columns}
    return joined.filter(known).select(**kept, promise=joined["_promise"], is_broken=joined["_broken"])


def _decided(facts: Facts, asked: ir.Table) -> ir.Table:
    """Of each kind of promise of the orders ``_asked``: ``_order``, ``_promise``, ``_broken``, ``_decided_at``."""
    judged = judge_commitments(facts)
    judged = judged.filter(judged.state.isin(("kept", "broken")))
    judged = judged.semi_join(asked, [("order_id", "_asked")])
    is_broken = judged.state == "broken"
    by_time = ibis.ifelse(is_broken, judged.due_at, judged.fulfilled_at)
    decided_at = ibis.ifelse(judged.kept.notnull(), judged.settled_at, by_time)
    return judged.group_by(_order="order_id", _promise="promise").aggregate(
        _broken=is_broken.max(), _decided_at=decided_at.max()
    )


def _with_cancellation(facts: Facts) -> ir.Table:
    """Commitments with what the cancellation of their order says; only cancelled orders are joined, for they are
    few.
    """
    rows, orders = facts.table("commitments"), facts.table("orders")
    is_cancelled = orders.cancelled_at.notnull() | (orders.status == "cancelled")
    cancelled = orders.filter(is_cancelled).select(_key="order_id", _at="cancelled_at")
    joined = rows.left_join(cancelled, rows.order_id == cancelled["_key"])
    cancelled_at = ibis.ifelse(cancelled["_at"] > rows.made_at, cancelled["_at"], ibis.null("timestamp(6)"))
    return joined.select(
        rows,
        _back_at=ibis.least(rows.withdrawn_at, cancelled_at),  # of two, the one that is given
        _is_undated=cancelled["_key"].notnull() & cancelled["_at"].isnull() & rows.fulfilled_at.isnull(),
    )


def _state(rows: ir.Table, is_past_due: ir.BooleanValue) -> ir.StringValue:
    is_in_time = rows.due_at.isnull() | (rows.fulfilled_at <= rows.due_at)
    return ibis.cases(
        (rows.kept.notnull(), ibis.ifelse(rows.kept, "kept", "broken")),
        (_is_taken_back(rows) | rows["_is_undated"], "withdrawn"),
        (rows.fulfilled_at.notnull(), ibis.ifelse(is_in_time, "kept", "broken")),
        (is_past_due, "broken"),
        else_="open",
    )


def _is_taken_back(rows: ir.Table) -> ir.BooleanValue:
    """Was it neither due nor fulfilled when it was first taken back? False if it never was."""
    back_at = rows["_back_at"]
    is_before_due = (back_at <= rows.due_at).fill_null(True)
    return back_at.notnull() & is_before_due & (back_at < rows.fulfilled_at).fill_null(True)
