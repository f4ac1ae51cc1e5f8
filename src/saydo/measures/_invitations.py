"""Invitations and what came of them: which answer belongs to which invitation, and who was reached.

An invitation is delivered unless it bounced (one that bounced and was answered all the same was delivered). Its answer
is the last one that the same customer gave to the same survey and question within 90 days of it and before the next
such invitation. It was answered if it says so (``answered_at``) or if such an answer is there.
"""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from saydo.company import Facts
from saydo.measures._answers import order_answers
from saydo.measures._measure import in_period

ANSWER_DAYS = 90
_NPS = "nps"


def find_invitations(facts: Facts, since: date | None, until: date | None) -> ir.Table:
    """Invitations sent in the period, with what came of each beside their own columns.

    ``person``; ``is_delivered``, ``is_answered``; ``occasion`` of the survey (null if its answers do not agree on one);
    ``spoke_at``, the time of its answer, and ``score``: that of an answer to the question nps on 0 to 10, else null.
    An invitation that names no question is taken to ask the question nps.
    """
    later = until and until + timedelta(days=ANSWER_DAYS)
    rows = in_period(facts, facts.table("invitations"), "sent_at", since, later)
    rows = rows.mutate(
        person=rows.customer_id.coalesce("invitation " + rows.invitation_id),  # marked: keys of two tables can be equal
        is_delivered=rows.bounced_at.isnull() | rows.answered_at.notnull(),
        _survey=rows.survey.coalesce(""),
        _question=rows.question.coalesce(_NPS),
    )
    answers = _find_answers(facts, rows, since)
    sent = in_period(facts, rows, "sent_at", None, until)
    found = sent.left_join(answers, sent.invitation_id == answers["_invitation"])
    found = found.select(sent, spoke_at=answers["_said_at"], score=answers["_score"])
    found = found.mutate(is_answered=found.answered_at.notnull() | found.spoke_at.notnull())
    return _add_occasion(facts, found).drop("_survey", "_question")


def _find_answers(facts: Facts, rows: ir.Table, since: date | None) -> ir.Table:
    """The last answer to each invitation: ``_invitation``, ``_said_at``, ``_score``."""
    said = in_period(facts, facts.table("feedback"), "said_at", since, None)
    said = said.select(
        _customer="customer_id",
        _to=said.survey.coalesce(""),
        _about="question",
        feedback_id="feedback_id",
        said_at="said_at",
        score=ibis.ifelse(_is_nps(said), said.score, None),
        order=order_answers(said),
    )
    reached = rows.filter(rows.is_delivered & rows.customer_id.notnull())
    pairs = reached.join(
        said,
        [
            reached.person == said["_customer"],
            reached["_survey"] == said["_to"],
            reached["_question"] == said["_about"],
            said.said_at >= reached.sent_at,
            said.said_at < reached.sent_at + ibis.interval(days=ANSWER_DAYS),
        ],
    ).select(said, reached.invitation_id, reached.sent_at)
    last = pairs.invitation_id.argmax(pairs.sent_at)
    answers = pairs.aggregate(by=["feedback_id", "said_at", "score", "order"], _invitation=last)
    latest, score = answers.said_at.max(), answers.score.argmax(answers.order)
    return answers.aggregate(by="_invitation", _said_at=latest, _score=score)


def _is_nps(said: ir.Table) -> ir.BooleanValue:
    is_own_scale = (said.scale_min.coalesce(0.0) == 0) & (said.scale_max.coalesce(10.0) == 10)
    return (said.question == _NPS) & is_own_scale


def _add_occasion(facts: Facts, rows: ir.Table) -> ir.Table:
    said = facts.table("feedback")
    said = said.filter(said.survey.notnull() & said.occasion.notnull())
    surveys = said.aggregate(by="survey", _first=said.occasion.min(), _last=said.occasion.max())
    surveys = surveys.select(
        _key="survey", occasion=ibis.ifelse(surveys["_first"] == surveys["_last"], surveys["_first"], None)
    )
    joined = rows.left_join(surveys, rows.survey == surveys["_key"])
    return joined.select(rows, occasion=surveys.occasion)
