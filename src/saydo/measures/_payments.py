"""What became of a payment: paid in time, late, failed, overdue, open or withdrawn, decided in this one place.

Seen as it was known at `Facts.as_of`:

- A row that failed is a *try*. If another row of the same order or contract, due time and amount did not fail, that
  one is the payment and the try only marks it; of several that failed and no other, one stands for all. Without a due
  time nothing tells whether two rows are one payment: each stands for itself.
- not due yet: *open*, whatever became of it already, for of what is not due only the good payers are known.
- paid: *on_time* by its due time (a due date means the end of that local day) or without one; *retried* if so, but
  only after a failed try; *late* after it. Money that came and went back (failed after it was paid) is not paid.
- not paid: *failed* if refused or given up; *withdrawn* if its order was cancelled before it was due (or at an
  unknown time); *overdue* once past due; without a due time *open*.

Money that is owed to the customer (an amount of 0 or less) is no payment of theirs and left out.
"""

from __future__ import annotations

from datetime import datetime

import ibis
import ibis.expr.types as ir

from saydo.company import Facts
from saydo.measures._commitments import days_between
from saydo.measures._money import convert_money

STATES = ("on_time", "retried", "late", "failed", "overdue", "open", "withdrawn")
INCIDENTS = ("retried", "late", "failed", "overdue")
_NEVER = datetime(9999, 12, 31)
_TRY = ("_parent", "_due", "amount")  # what the tries of one payment have in common


def judge_payments(facts: Facts, payments: ir.Table | None = None) -> ir.Table:
    """Payments with ``state`` (one of STATES), ``placed_at``, ``days_late``, ``is_cancelled`` and ``is_paid``.

    ``payments`` are the rows to judge, with all their tries; the whole table if not given. ``is_paid`` is true for
    money that came and stayed, before it was due too. ``amount`` is in the company's currency (float64).
    ``placed_at`` is when it was due, else paid, else failed. ``days_late`` is null unless the state is late;
    ``is_cancelled`` tells of the order. Seen from the past, payments of orders and contracts that did not exist yet
    are left out.
    """
    rows = _with_cancellation(facts, _join_tries(_customers_payments(facts, payments)))
    rows = rows.mutate(placed_at=rows.due_at.coalesce(rows.paid_at, rows.failed_at))
    rows = convert_money(facts, "payments", rows, ["amount"], at="placed_at")
    state = _state(rows, facts)
    days_late = ibis.ifelse(state == "late", days_between(rows.due_at, rows.paid_at), ibis.null("float64"))
    rows = rows.select(
        *("payment_id", "order_id", "contract_id", "currency", "placed_at", "failed_at", "is_cancelled"),
        is_paid=rows.paid_at.notnull() & ~rows["_is_failed"],
        amount=rows.amount.cast("float64"),
        state=state,
        days_late=days_late,
    )
    # filtered last: an engine that filters first takes what is left for small, and the joins hold it all in memory
    return rows.filter(rows.state.notnull())


def add_customer(facts: Facts, rows: ir.Table) -> ir.Table:
    """``rows`` of payments with ``customer_id``: who ordered, else who holds the contract."""
    orders = facts.table("orders").select(_order="order_id", _buyer="customer_id")
    contracts = facts.table("contracts").select(_contract="contract_id", _holder="customer_id")
    joined = rows.left_join(orders, rows.order_id == orders["_order"])
    joined = joined.left_join(contracts, joined.contract_id == contracts["_contract"])
    # in two steps: Ibis 12 cannot join a join whose column was computed while selecting
    joined = joined.select(*rows.columns, "_buyer", "_holder")
    return joined.mutate(customer_id=joined["_buyer"].coalesce(joined["_holder"])).drop("_buyer", "_holder")


def _customers_payments(facts: Facts, payments: ir.Table | None) -> ir.Table:
    """What customers had to pay, with ``_is_failed`` and what the tries of one payment have in common."""
    rows = _known(facts, facts.table("payments") if payments is None else payments)
    parent = rows.order_id.coalesce(rows.contract_id, rows.payment_id)
    return rows.mutate(
        _is_failed=rows.failed_at.notnull() & (rows.paid_at.isnull() | (rows.failed_at > rows.paid_at)),
        _parent=ibis.ifelse(rows.due_at.isnull(), rows.payment_id, parent),
        _due=rows.due_at.coalesce(ibis.literal(_NEVER)),
    )


def _known(facts: Facts, rows: ir.Table) -> ir.Table:
    """Payments have no time of their own: seen from the past, those of later orders and contracts are not there yet."""
    if facts.manifest.last is None or facts.as_of > facts.manifest.last:
        return rows
    for key, table in (("order_id", "orders"), ("contract_id", "contracts")):
        if facts.has(table):
            known = facts.table(table).select(_known=key)
            joined = rows.left_join(known, rows[key] == known["_known"])
            rows = joined.filter(joined[key].isnull() | joined["_known"].notnull()).drop("_known")
    return rows


def _join_tries(rows: ir.Table) -> ir.Table:
    """``rows`` with ``_counts`` (a payment, not one of its tries) and ``_was_tried`` (a try of it failed).

    Failed tries are few: all is joined to them.
    """
    failed = rows.filter(rows["_is_failed"]).select(**{f"_of{name}": rows[name] for name in _TRY}).distinct()
    same = rows.join(failed, [(name, f"_of{name}") for name in _TRY])
    tries = same.group_by([f"_of{name}" for name in _TRY]).aggregate(
        _kept=same.payment_id.max(where=same["_is_failed"]), _is_all=same["_is_failed"].all()
    )
    joined = rows.left_join(tries, [(name, f"_of{name}") for name in _TRY])
    stands = (joined["_is_all"] & (joined.payment_id == joined["_kept"])).fill_null(False)
    return joined.select(
        *rows.columns,
        _counts=(joined.amount > 0) & (~joined["_is_failed"] | stands),
        _was_tried=joined["_kept"].notnull() | joined.failed_at.notnull(),
    )


def _with_cancellation(facts: Facts, rows: ir.Table) -> ir.Table:
    """``rows`` with what the cancellation of their order says; only cancelled orders are joined, for they are few."""
    orders = facts.table("orders")
    is_cancelled = orders.cancelled_at.notnull() | (orders.status == "cancelled")
    cancelled = orders.filter(is_cancelled).select(_order="order_id", _cancelled="cancelled_at")
    joined = rows.left_join(cancelled, rows.order_id == cancelled["_order"])
    return joined.select(*rows.columns, "_cancelled", is_cancelled=joined["_order"].notnull())


def _state(rows: ir.Table, facts: Facts) -> ir.StringValue:
    is_in_time = rows.due_at.isnull() | (rows.paid_at <= rows.due_at)
    is_unpaid = rows.paid_at.isnull() & ~rows["_is_failed"]
    is_withdrawn = is_unpaid & rows.is_cancelled & (rows["_cancelled"] <= rows.due_at).fill_null(True)
    return ibis.cases(
        (~rows["_counts"], None),
        (is_withdrawn, "withdrawn"),
        ((rows.due_at >= ibis.literal(facts.as_of)).fill_null(False), "open"),
        (rows["_is_failed"], "failed"),
        (rows.paid_at.notnull() & ~is_in_time, "late"),
        (rows.paid_at.notnull(), ibis.ifelse(rows["_was_tried"], "retried", "on_time")),
        (rows.due_at.notnull(), "overdue"),
        else_="open",
    )
