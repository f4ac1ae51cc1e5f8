"""A few words of customers themselves, of those who were unhappy and those who were happy."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from saydo.charts.figures import clean, show_group
from saydo.language import day, number, translate, translate_count
from saydo.report.story import MOODS, Mood, Questions, Record, Section, Voice

HIDE_COMMENTS_BELOW = 8
VOICES = 3  # of each mood
LENGTHS = (20, 400)  # signs; what is shorter says nothing, what is longer nobody reads here
LOOKS_PERSONAL = r"@|[0-9]{6}"  # comments come cleaned; should one not be, it is not shown


def customers_words(questions: Questions) -> Section | None:
    """The latest words of unhappy and of happy customers; none of a mood in which fewer than eight have spoken."""
    if not questions.facts.has("feedback"):
        return None
    feedback = questions.facts.table("feedback")
    if questions.since:
        feedback = feedback.filter(feedback.said_at >= questions.facts.instant(questions.since))
    said = _with_mood(feedback)
    people = said.customer_id.coalesce(said.feedback_id).nunique()
    counts = questions.facts.run(said.group_by("mood").aggregate(count=said.count(), people=people)).to_pylist()
    enough = {row["mood"]: row["count"] for row in counts if row["people"] >= HIDE_COMMENTS_BELOW}
    voices = [voice for mood in MOODS if mood in enough for voice in _latest(questions, said, mood)]
    if not voices:
        return None
    total = sum(enough.values())
    heading = translate_count("{count} comment tells why", "{count} comments tell why", total)
    text = translate(
        "Here are the latest of those who were unhappy and of those who were happy, as they wrote them. They are "
        "examples, chosen by date alone; they do not say how many feel the same."
    )
    return Section("voices", heading, None, [text], voices=voices)


def _with_mood(feedback: ir.Table) -> ir.Table:
    """Comments worth reading with a score of which it is plain whether it is a good one."""
    rows = feedback.filter(feedback.comment.notnull() & feedback.score.notnull() & feedback.question.notnull())
    rows = rows.filter(rows.comment.length().between(*LENGTHS) & ~rows.comment.re_search(LOOKS_PERSONAL))
    place = (rows.score - rows.scale_min) / (rows.scale_max - rows.scale_min).nullif(0)
    is_nps = rows.question == "nps"
    mood = ibis.cases(
        (is_nps & (rows.score <= 6), "unhappy"),
        (is_nps & (rows.score >= 9), "happy"),
        (~is_nps & (place <= 0.25), "unhappy"),
        (~is_nps & (place >= 1), "happy"),
    )
    rows = rows.mutate(mood=mood, scale_max=ibis.ifelse(is_nps, 10.0, rows.scale_max))
    return rows.filter(rows.mood.notnull())


def _latest(questions: Questions, said: ir.Table, mood: Mood) -> list[Voice]:
    rows = said.filter(said.mood == mood).order_by([said.said_at.desc(), said.feedback_id.desc()]).limit(40)
    chosen = rows.select("comment", "touchpoint", "score", "scale_max", "said_at", "language", "feedback_id")
    found = questions.facts.run(chosen.order_by([chosen.said_at.desc(), chosen.feedback_id.desc()])).to_pylist()
    voices = [Voice(clean(row["comment"], 280), mood, _source(questions, row), row["language"] or "") for row in found]
    return list({voice.text: voice for voice in reversed(voices)}.values())[::-1][:VOICES]  # nobody's twice


def _source(questions: Questions, row: Record) -> str:
    shown = {
        "score": number(row["score"]),
        "most": number(row["scale_max"]),
        "day": day(questions.facts.local_day(row["said_at"])),
    }
    if row["touchpoint"] is None:
        return translate("{score} of {most}, {day}", **shown)
    return translate("{score} of {most}, {touchpoint}, {day}", touchpoint=show_group(row["touchpoint"]), **shown)
