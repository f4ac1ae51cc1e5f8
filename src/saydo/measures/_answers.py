"""Answers with a score, ready to be counted: who said it and in which group, as one row per answer.

Shared by the measures of what people say. A person is ``customer_id``; an answer without one is a person of its own.
Where customers belong to accounts (firms, households), the account is the cluster: people of one firm do not err
independently.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from saydo.company import Facts
from saydo.measures._clusters import add_cluster, is_whole
from saydo.measures._measure import in_period
from saydo.measures._split import Split, split_rows


def answers_to(facts: Facts, questions: Sequence[str], since: date | None, until: date | None) -> ir.Table:
    """Scored answers to ``questions`` in the period, with ``person`` beside feedback's columns."""
    feedback = facts.table("feedback")
    rows = feedback.filter(feedback.question.isin(questions) & feedback.score.notnull())
    rows = in_period(facts, rows, "said_at", since, until)
    if is_whole(facts, "feedback", "customer_id"):
        return rows.mutate(person=rows.customer_id)
    # marked, because the keys of two tables can be equal
    return rows.mutate(person=rows.customer_id.coalesce("answer " + rows.feedback_id))


def group_answers(
    facts: Facts,
    measure: str,
    rows: ir.Table,
    by: Sequence[str],
    *,
    each: str,
    apart: Sequence[str] = ("occasion",),
    keep: Sequence[str] = (),
) -> Split:
    """Answers with their groups: the split columns, then those of ``apart``, which are never mixed.

    ``each="person"`` takes the last answer of each person in each group, so that a group's figure is the same as if
    only that group had been asked; of those in the same second, the lowest score. The rows then hold the groups,
    ``person``, ``cluster``, ``score`` and the columns of ``keep``, each of which makes it slower.
    """
    split = split_rows(facts, measure, "feedback", rows, by)
    names = (*split.names, *(name for name in apart if name not in split.names))
    last = _keep_last(split.rows, names, keep) if each == "person" else split.rows
    return Split(add_cluster(facts, last, "person"), names, split.times, split.overlaps)


def _keep_last(rows: ir.Table, names: Sequence[str], keep: Sequence[str]) -> ir.Table:
    """The last answer of each person in each group."""
    order = order_answers(rows)
    if not keep:  # aggregating takes half the time of a window
        scores = {} if "score" in names else {"score": rows.score.argmax(order)}
        return rows.aggregate(by=[*names, "person"], **scores)
    window = ibis.window(group_by=[*names, "person"], order_by=[order.desc(), rows.feedback_id.desc()])
    turns = rows.mutate(_turn=ibis.row_number().over(window))
    return turns.filter(turns["_turn"] == 0).select(*dict.fromkeys([*names, "person", "score", *keep]))


def order_answers(rows: ir.Table) -> ir.FloatingValue:
    """A number that is highest for the last answer, of those in the same second for the lowest score.

    By whole seconds, because engines differ in what they do with less; exact for scores up to a thousand.
    """
    return rows.said_at.epoch_seconds().cast("float64").floor() * 1024 - rows.score.coalesce(0.0)
