"""Promises kept: of what was promised and fell due, how much was done in time, and how late the rest came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from saydo.company import Facts
from saydo.language import mark
from saydo.measures._clusters import add_cluster, hold, is_whole, named, run_with_clusters, share_interval
from saydo.measures._commitments import STATES, judge_commitments
from saydo.measures._measure import Figures, Measure, Note, add_columns, column, in_period
from saydo.measures._split import split_rows
from saydo.stats.arrays import divide
from saydo.stats.ratios import ClusterSums

_UNDATED = mark(
    "Past due and never fulfilled, of orders that were cancelled at an unknown time: {count}. They count as withdrawn."
)
_JUDGED = ("kept", "broken")
_LATENESS = ("late", "overdue", "undated", "late_days", "days", "timed", "early")
_SHARES = [0.5, 0.9]


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    placed: Literal["due", "made"] = "due",
    seen_by: Literal["system", "customer", "mystery"] | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """Commitments kept over commitments judged, kept / (kept + broken).

    Of what fell due, a commitment is kept if it was fulfilled by its due time (a due date means the end of that
    local day), broken if not. It is open as long as it is not due, even if fulfilled already: of what is not due
    only the kept ones are known. It is withdrawn if its order was cancelled before it was due
    (`saydo.measures._commitments` has every rule). ``placed`` says which time puts a commitment in a period and in
    a unit of time: when it was ``due`` (when it was made, if it has no due time) or when it was ``made``.
    ``seen_by`` keeps what the system, the customer or a mystery visit saw. Money back, answers and repairs are
    promises like deliveries.

    Reads:   commitments (due_at null: never late; fulfilled_at null: not fulfilled yet; kept null: time tells;
             customer_id null: a cluster of its own); orders.cancelled_at and status; customers.account_id where
             there is one.
    Returns: the splits; given, kept, broken, open, withdrawn, judged = kept + broken (counts); kept_rate, kept_low,
             kept_high (0 to 1; null when nothing was judged); clusters (how many customers or accounts with equally
             many commitments would tell as much: the interval has one degree of freedom less); late (fulfilled after
             they were due), overdue (past due and still not fulfilled) (counts); late_days_median, late_days_p90 (of
             those late), days_median, days_p90 (fulfilled_at - due_at of all that fell due and were fulfilled, negative
             if early) (days; null without any); early_share (0 to 1, of these: a whole day or more before it).
    Interval: Wilson, 95 %, on the effective number of commitments: those of one customer (or account; without a
             customer, those of one order or visit) go well or badly together, so they count for less than as many
             customers would.
    Cautions: all promises in one row is a mixture that changes when more is promised of what is easy: split by
             promise. Days late know only what was fulfilled: those overdue will be later still. What goes wrong for
             everybody on one day (a strike) is not in the interval.
    Source:  Wilson 1927; Korn and Graubard 1998 (effective number).
    """
    rows = _when_due(judge_commitments(facts))
    rows = rows if seen_by is None else rows.filter(rows.seen_by == seen_by)
    rows = rows.mutate(placed_at=rows.made_at if placed == "made" else rows.due_at.coalesce(rows.made_at))
    rows = in_period(facts, rows, "placed_at", since, until)
    others = () if is_whole(facts, "commitments", "customer_id") else ("order_id", "visit_id", "commitment_id")
    rows = add_cluster(facts, rows, "customer_id", *others)
    split = split_rows(facts, "promises_kept", "commitments", rows, by, at="placed_at")
    held = hold(facts, _narrow(split.rows, split.names))
    kept = (held.is_kept, held.is_kept | held.is_broken)
    counts, sums = run_with_clusters(facts, held, split.names, _counts(held), kept=kept)
    return Figures(_figures(counts, sums["kept"]), split.names, split.overlaps, _note_undated(facts, rows, counts))


def _note_undated(facts: Facts, rows: ir.Table, counts: pa.Table) -> tuple[Note, ...]:
    if not pc.sum(counts["undated"]).as_py():
        return ()
    count = facts.run(rows.aggregate(count=rows.is_undated.sum()))["count"][0].as_py()  # groups can overlap
    return (Note(_UNDATED, {"count": count}),)


def _when_due(rows: ir.Table) -> ir.Table:
    """``rows`` with what is not due yet as open, though it may be fulfilled already, and without its days."""
    is_ahead = rows.state.isin(_JUDGED) & ~rows.is_due
    days_late = ibis.ifelse(rows.is_due, rows.days_late, ibis.null("float64"))
    return rows.mutate(state=ibis.ifelse(is_ahead, "open", rows.state), days_late=days_late)


def _narrow(rows: ir.Table, names: Sequence[str]) -> ir.Table:
    """What is counted of each commitment."""
    columns = [name for name in ("cluster", "days_late", "is_undated") if name not in names]
    states = {f"is_{state}": rows.state == state for state in STATES}
    is_overdue = (rows.state == "broken") & rows.fulfilled_at.isnull() & rows.kept.isnull()
    return rows.select(*names, *columns, **states, is_overdue=is_overdue)


def _counts(rows: ir.Table) -> dict[str, ir.Value]:
    days = rows.days_late
    is_late = (days > 0).fill_null(False)  # Spark's count of what is never known is null
    return {
        "given": rows.count(),
        **{state: rows.count(where=rows[f"is_{state}"]) for state in STATES},
        "late": rows.count(where=is_late),
        "overdue": rows.count(where=rows.is_overdue),
        "undated": rows.is_undated.sum().coalesce(0),
        "late_days": days.quantile(_SHARES, where=is_late),
        "days": days.quantile(_SHARES),
        "timed": days.count(),
        "early": rows.count(where=days <= -1),
    }


def _figures(counts: pa.Table, sums: ClusterSums) -> pa.Table:
    """Counts, then the rate with its interval, then lateness; both hold the same groups in the same order."""
    rows = counts.select([name for name in counts.column_names if name not in _LATENESS])
    rows = add_columns(rows, {"judged": pc.add(counts["kept"], counts["broken"])})
    rows = add_columns(rows, named("kept_rate", share_interval(sums), "kept"))
    rows = add_columns(rows, {"clusters": sums.effective_clusters})
    rows = add_columns(rows, {name: counts[name] for name in ("late", "overdue")})
    for name in ("late_days", "days"):
        middle, high = (pc.list_element(counts[name], place) for place in range(len(_SHARES)))
        rows = add_columns(rows, {f"{name}_median": middle, f"{name}_p90": high})
    rows = add_columns(rows, {"early_share": divide(column(counts, "early"), column(counts, "timed"))})
    return rows.filter(pc.field("given") > 0)


promises_kept = Measure(
    name="promises_kept",
    title=mark("Promises kept"),
    question=mark("Which of our promises do we keep, and how late are we with the others?"),
    compute=compute,
    base="commitments",
    at="due_at",
    reads=("commitments",),
    uses=("promises", "orders", "customers"),
    unit="share",
    headline="kept_rate",
    count="judged",
    low="kept_low",
    high="kept_high",
    good="high",
    chart="rate",
    sentence=mark(
        "{kept} of {judged} promises that fell due were kept: {kept_rate} (95 %: {kept_low} to {kept_high})."
    ),
    definition=mark(
        "Share of the promises that fell due which were fulfilled in time. A day promised means the end of that day; "
        "what is not due yet, or was withdrawn before, does not count."
    ),
    cautions=(
        mark("Different promises in one figure hide each other: look at each promise by itself."),
        mark("Days late are those of what came in the end; what is still missing will be later."),
        mark("The interval does not know days on which everything went wrong for everybody."),
    ),
)
