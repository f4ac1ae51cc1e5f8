"""Who said what, and who said nothing: answers, invitations without an answer, and customers who were never asked, as
events that can be followed.

An answer happens when it was given, a silence when the invitation was sent (if it arrived). Who was never asked has no
date of its own: such a customer takes part at a moment of every month in which others were asked (the mean one), if he
was a customer by then, had not left, and had not been asked before that moment, on the occasion looked at; and it
counts by the share of customers who were asked in the month. So the never asked are looked at at the same times as the
others. That somebody is asked later must not matter, be it the next day: those who stay are asked sooner or later, so
that only those who left would be never asked; and where surveys follow orders, who is asked next is who bought again.
It makes newcomers of many of them, which matching takes into account, and raw figures do not. Of more than `MOST` such
moments every second (third ...) is taken.
"""

from __future__ import annotations

from typing import Literal

import ibis
import ibis.expr.types as ir

from saydo.company import Facts
from saydo.measures._answers import answers_to
from saydo.measures._invitations import find_invitations
from saydo.measures._purchases import find_purchases
from saydo.measures._split import cut_time
from saydo.measures.nps import on_own_scale
from saydo.result import Note

Occasion = Literal["relational", "event", "any"]
BANDS = ("detractors", "passives", "promoters")
SILENT, NEVER_ASKED = "silent", "never asked"
MOST = 400_000
_COLUMNS = ("event", "customer_id", "at", "band", "score", "weight")


def find_answers(facts: Facts, occasion: Occasion) -> tuple[ir.Table, tuple[Note, ...]]:
    """Answers of known customers to the question nps: event, customer_id, at, band, score, weight (1)."""
    rows = answers_to(facts, ["nps"], None, None)
    rows = rows if occasion == "any" else rows.filter(rows.occasion == occasion)
    rows, notes = on_own_scale(facts, rows.filter(rows.customer_id.notnull()))
    band = ibis.cases((rows.score >= 9, "promoters"), (rows.score <= 6, "detractors"), else_="passives")
    score = rows.score.round().cast("int64")
    return rows.select("customer_id", event="feedback_id", at="said_at", band=band, score=score, weight=1.0), notes


def find_silent(facts: Facts, occasion: Occasion) -> ir.Table:
    """Invitations to the question nps that arrived and were not answered, in the shape of `find_answers`."""
    rows = find_invitations(facts, None, None)
    rows = rows.filter(rows.is_delivered & ~rows.is_answered & rows.customer_id.notnull() & _asks_nps(rows))
    rows = rows if occasion == "any" else rows.filter(rows.occasion == occasion)
    event = "invitation " + rows.invitation_id  # marked, because the keys of two tables can be equal
    return _without_score(rows.mutate(event=event, at=rows.sent_at, weight=1.0), SILENT)


def find_never_asked(facts: Facts, answers: ir.Table, occasion: Occasion) -> ir.Table:
    """Customers who had neither been invited to the question nps nor answered it on this occasion, at the moments at
    which others were asked.
    """
    sent = find_invitations(facts, None, None)
    sent = sent.filter(_asks_nps(sent))
    sent = sent if occasion == "any" else sent.filter(sent.occasion == occasion)
    sent, given = sent.select("customer_id", at="sent_at"), answers.select("customer_id", "at")
    asked = sent if facts.has("invitations") else given
    asked = asked.mutate(month=cut_time(facts, asked["at"], "month"), second=asked["at"].epoch_seconds())
    months = asked.group_by("month").aggregate(second=asked.second.mean().floor().cast("int64"), asked=asked.count())
    at = months.second.as_timestamp("s").cast("timestamp(6)")
    months = months.mutate(at=at, turn=ibis.row_number().over(ibis.window(order_by="month")))
    known = _since_when(facts)
    present = known.join(months, (known.since < months["at"]) & (known.until.isnull() | (known.until > months["at"])))
    share = present.asked / present.count().over(ibis.window(group_by="month"))
    present = present.mutate(share=share.cast("float64"))
    step = _find_step(facts, known, months)
    rows = present.left_join(_first_asked(sent.union(given)), [("customer_id", "_customer")])
    is_later = rows["_first"].isnull() | (rows["_first"] > rows["at"])
    rows = rows.filter(is_later & ((rows.number + rows.turn) % step == 0))
    event = "never " + rows.customer_id + " " + rows.month.cast("string")
    rows = rows.mutate(event=event, weight=rows.share / rows.share.max().over(ibis.window()))
    return _without_score(rows, NEVER_ASKED)


def _find_step(facts: Facts, known: ir.Table, months: ir.Table) -> int:
    """Every how many-th moment is taken."""
    customers, times = (facts.run(rows.aggregate(count=rows.count()))["count"][0].as_py() for rows in (known, months))
    return max(1, -(-customers * times // MOST))


def _asks_nps(rows: ir.Table) -> ir.BooleanValue:
    return rows.question.coalesce("nps") == "nps"


def _without_score(rows: ir.Table, band: str) -> ir.Table:
    named = rows.mutate(band=ibis.literal(band), score=ibis.null("int64"), weight=rows.weight.cast("float64"))
    return named.select(*_COLUMNS)


def _since_when(facts: Facts) -> ir.Table:
    """Every customer with ``since`` (first seen, or bought), ``until`` (said goodbye) and a ``number``."""
    purchases = find_purchases(facts)
    rows = purchases.select("customer_id", at="ordered_at", left_at=ibis.null("timestamp(6)"))
    if facts.has("customers"):
        customers = facts.table("customers")
        rows = rows.union(customers.select("customer_id", at="first_seen_at", left_at="left_at"))
    found = rows.group_by("customer_id").aggregate(since=rows["at"].min(), until=rows.left_at.max())
    found = found.filter(found.since.notnull())
    return found.mutate(number=ibis.row_number().over(ibis.window(order_by="customer_id")))


def _first_asked(asked: ir.Table) -> ir.Table:
    """When each customer (``_customer``) was first asked, or answered (``_first``)."""
    asked = asked.filter(asked.customer_id.notnull())
    return asked.group_by(_customer="customer_id").aggregate(_first=asked["at"].min())
