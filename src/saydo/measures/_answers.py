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
from saydo.measures._clusters import add_cluster
from saydo.measures._measure import in_period
from saydo.measures._split import Split, split_rows


def answers_to(facts: Facts, questions: Sequence[str], since: date | None, until: date | None) -> ir.Table:
    """Scored answers to ``questions`` in the period, with ``person`` and ``cluster`` beside feedback's columns."""
    feedback = facts.table("feedback")
    rows = feedback.filter(feedback.question.isin(questions) & feedback.score.notnull())
    rows = in_period(facts, rows, "said_at", since, until)
    # marked, because the keys of two tables can be equal
    rows = rows.mutate(person=rows.customer_id.coalesce("answer " + rows.feedback_id))
    return add_cluster(facts, rows, "customer_id", "feedback_id")


def group_answers(
    facts: Facts,
    measure: str,
    rows: ir.Table,
    by: Sequence[str],
    *,
    each: str,
    apart: Sequence[str] = ("occasion",),
) -> Split:
    """Answers with their groups: the split columns, then those of ``apart``, which are never mixed.

    ``each="person"`` keeps the last answer of each person in each group (ties: the highest feedback_id), so that a
    group's figure is the same as if only that group had been asked.
    """
    split = split_rows(facts, measure, "feedback", rows, by)
    names = (*split.names, *(name for name in apart if name not in split.names))
    rows = split.rows
    if each == "person":
        window = ibis.window(group_by=[*names, "person"], order_by=[rows.said_at.desc(), rows.feedback_id.desc()])
        rows = rows.mutate(_turn=ibis.row_number().over(window))
        rows = rows.filter(rows["_turn"] == 0).drop("_turn")
    return Split(rows, names, split.times, split.overlaps)
