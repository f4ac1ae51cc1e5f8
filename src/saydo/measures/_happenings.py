"""What went wrong for customers, as dated rows: promises broken, low scores, cases, returns, failed payments, and
questions asked again.

Each row counts from the moment at which it became known, so that any past moment can be looked at as it was then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import ibis
import ibis.expr.types as ir

from saydo.company import Facts
from saydo.language import mark
from saydo.measures._commitments import judge_commitments
from saydo.measures._payments import add_customer

LOW_NPS = 6
LOW_SHARE = 0.4  # of the way from the lowest to the highest score: a 2 of 1 to 5
SCALED = ("csat", "ces", "stars")
HARMLESS = ("find", "available", "again")  # questions of somebody who wants to buy


@dataclass(frozen=True)
class Kind:
    """A kind of happening: its name, the table that tells of it, its title, and up to how many of it are told apart."""

    name: str
    table: str
    title: str
    levels: int = 1


KINDS = (
    Kind("broken_promises", "commitments", mark("promises broken"), 2),
    Kind("low_scores", "feedback", mark("low scores"), 2),
    Kind("open_cases", "cases", mark("cases open")),
    Kind("returns", "returns", mark("returns")),
    Kind("failed_payments", "payments", mark("failed payments")),
    Kind("repeated_questions", "contacts", mark("questions asked again")),
)
_COLUMNS: Mapping[str, str] = {
    "customer_id": "string",
    "kind": "string",
    "at": "timestamp(6)",
    "until": "timestamp(6)",
    "in_a_row": "int64",
    "promise": "string",
    "score": "float64",
    "scale_max": "float64",
}


def find_happenings(facts: Facts, days: int) -> ir.Table | None:
    """Everything that went wrong, ever: customer_id, kind, at (when it became known), until (cases: when it was
    closed; null while open), in_a_row and promise (of broken ones), score and scale_max (of low ones).

    Null where none of the tables is there. ``days`` is how close two questions about the same must lie.
    """
    rows = [_shape(kind.name, _FIND[kind.name](facts, days)) for kind in KINDS if facts.has(kind.table)]
    return reduce(lambda one, other: one.union(other), rows) if rows else None


def _shape(kind: str, rows: ir.Table) -> ir.Table:
    values = {name: rows[name].cast(of) if name in rows.columns else ibis.null(of) for name, of in _COLUMNS.items()}
    rows = rows.select(**{**values, "kind": ibis.literal(kind)})
    return rows.filter(rows.customer_id.notnull() & rows["at"].notnull())


def _broken(facts: Facts, _: int) -> ir.Table:
    """Broken promises, with how many of the kind were broken in a row by then; mystery visits are nobody's."""
    rows = judge_commitments(facts)
    rows = rows.filter(rows.customer_id.notnull() & rows.state.isin(("kept", "broken")) & (rows.seen_by != "mystery"))
    is_broken = rows.state == "broken"
    by_time = ibis.ifelse(is_broken, rows.due_at, rows.fulfilled_at)
    at = ibis.ifelse(rows.kept.notnull(), rows.settled_at, by_time).coalesce(by_time, rows.settled_at, rows.made_at)
    rows = rows.select("customer_id", "promise", "commitment_id", at=at, is_broken=is_broken)
    # only who was let down twice can have been so in a row, and few were: the others need no ordering
    broken = rows.filter(rows.is_broken)
    often = broken.group_by(_who="customer_id", _what="promise").aggregate(_times=broken.count())
    often = often.filter(often["_times"] > 1)
    same = [("customer_id", "_who"), ("promise", "_what")]
    once = broken.anti_join(often, same).mutate(in_a_row=1)
    several = rows.semi_join(often, same)
    order = [several["at"], several.commitment_id]
    so_far = ibis.window(group_by=["customer_id", "promise"], order_by=order, preceding=None, following=0)
    several = several.mutate(kept_so_far=(~several.is_broken).ifelse(1, 0).sum().over(so_far))
    several = several.filter(several.is_broken)
    run = ibis.window(
        group_by=["customer_id", "promise", "kept_so_far"], order_by=[several["at"], several.commitment_id]
    )
    several = several.mutate(in_a_row=ibis.row_number().over(run) + 1)
    names = ("customer_id", "promise", "at", "in_a_row")
    return _narrow(once, names).union(_narrow(several, names))


def _narrow(rows: ir.Table, names: tuple[str, ...]) -> ir.Table:
    return rows.select(**{name: rows[name].cast(_COLUMNS[name]) for name in names})


def _low_scores(facts: Facts, _: int) -> ir.Table:
    """Answers of detractors, and scores in the lower part of their scale."""
    rows = facts.table("feedback")
    rows = rows.filter(rows.source != "mystery")
    reached = (rows.score - rows.scale_min) / (rows.scale_max - rows.scale_min)
    is_low = ((rows.question == "nps") & (rows.score <= LOW_NPS)) | (
        rows.question.isin(SCALED) & (reached <= LOW_SHARE)
    )
    return rows.filter(is_low).rename(at="said_at").select("customer_id", "at", "score", "scale_max")


def _cases(facts: Facts, _: int) -> ir.Table:
    rows = facts.table("cases")
    return rows.select("customer_id", at="opened_at", until="closed_at")


def _returns(facts: Facts, _: int) -> ir.Table:
    """Returns by customer: their own, else that of their order; of one day one."""
    rows = facts.table("returns")
    orders = facts.table("orders").select(_order="order_id", _buyer="customer_id")
    joined = rows.left_join(orders, rows.order_id == orders["_order"])
    named = joined.select(customer_id=joined.customer_id.coalesce(joined["_buyer"]), at=joined.returned_at)
    day = facts.local(named["at"]).date()
    return named.group_by("customer_id", _day=day).aggregate(at=named["at"].max()).drop("_day")


def _failed(facts: Facts, _: int) -> ir.Table:
    rows = facts.table("payments")
    return add_customer(facts, rows.filter(rows.failed_at.notnull())).select("customer_id", at="failed_at")


def _asked_again(facts: Facts, days: int) -> ir.Table:
    """Contacts that the customer began about an order (else with a question) that he had asked about shortly before."""
    rows = facts.table("contacts")
    is_asking = (rows.direction == "in") & ~rows.asked.isin(HARMLESS).fill_null(False) & rows.customer_id.notnull()
    subject = ("order " + rows.order_id).coalesce("question " + rows.asked)
    rows = rows.filter(is_asking).select("customer_id", "contact_id", at="at", subject=subject)
    rows = rows.filter(rows.subject.notnull())
    turn = ibis.window(group_by=["customer_id", "subject"], order_by=[rows["at"], rows.contact_id])
    rows = rows.mutate(_before=rows["at"].lag().over(turn))
    return rows.filter(rows["_before"] >= rows["at"] - ibis.interval(days=days)).select("customer_id", "at")


_FIND = {
    "broken_promises": _broken,
    "low_scores": _low_scores,
    "open_cases": _cases,
    "returns": _returns,
    "failed_payments": _failed,
    "repeated_questions": _asked_again,
}


def count_happenings(happened: ir.Table, moments: ir.Table, days: int) -> ir.Table:
    """Per customer (``_who``) and ``moment`` (of ``moments``: moment, number) the happenings of the ``days`` before.

    Columns of each kind: its name (how many), last_<name> (when); longest_row, last_promise, last_score,
    last_scale_max. A case counts while it is open, however long.
    """
    rows = happened.cross_join(moments.select("moment"))
    is_recent = rows["at"] >= rows.moment - ibis.interval(days=days)
    is_open = rows.until.isnull() | (rows.until >= rows.moment)
    is_case = rows.kind == "open_cases"
    rows = rows.filter((rows["at"] < rows.moment) & ibis.ifelse(is_case, is_open, is_recent))
    columns: dict[str, ir.Value] = {}
    for kind in KINDS:
        is_it = rows.kind == kind.name
        columns[kind.name] = is_it.ifelse(1, 0).sum().cast("int64")
        columns[f"last_{kind.name}"] = rows["at"].max(where=is_it)
    return rows.group_by(_who="customer_id", moment="moment").aggregate(**columns, longest_row=rows.in_a_row.max())


def last_details(happened: ir.Table, as_of: ir.Value, days: int) -> ir.Table:
    """Per customer (``_whose``) the promise broken last (of several at once the one broken oftenest in a row) and the
    score given last (the lowest) within the ``days`` before.
    """
    rows = happened.filter((happened["at"] < as_of) & (happened["at"] >= as_of - ibis.interval(days=days)))
    rows = rows.filter(rows.kind.isin(("broken_promises", "low_scores")))
    order = [rows["at"].desc(), rows.in_a_row.desc(), rows.promise, rows.score, rows.scale_max]
    turn = ibis.row_number().over(ibis.window(group_by=["customer_id", "kind"], order_by=order))
    rows = rows.mutate(_turn=turn)
    rows = rows.filter(rows["_turn"] == 0)
    return rows.group_by(_whose="customer_id").aggregate(
        last_promise=rows.promise.max(),
        in_a_row=rows.in_a_row.max(),
        last_score=rows.score.max(),
        last_scale_max=rows.scale_max.max(),
    )
