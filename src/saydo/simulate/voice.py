"""What customers say when they are asked every quarter, and who stays silent; how answers are written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from saydo.simulate import columns as to
from saydo.simulate.answers import answer_delay, response_rates, segment_scores
from saydo.simulate.block import Block
from saydo.simulate.catalogue import LANGUAGES
from saydo.simulate.clock import in_daytime
from saydo.simulate.columns import Array
from saydo.simulate.people import People
from saydo.simulate.words import choose_theme, write_comments

RELATIONAL = "how are we doing"
# Themes of comments by class of the answer: detractors, passives, promoters.
SAID = (
    ("pushy", "expensive", "slow_answer", "late", "broken", "fine"),
    ("fine", "expensive", "easy", "on_time"),
    ("great", "adviser", "easy", "on_time", "quick_answer"),
)
COMMENTING = 0.45


def say(block: Block, source: str, who: Array, at: Array, **columns: Any) -> Array:
    """Write feedback said up to the last day; the rows' places, negative for later ones.

    ``columns`` are Arrow columns of the same length, or single texts.
    """
    is_fact = at < block.clock.days
    places = block.places("feedback", int(is_fact.sum()))
    block.write(
        "feedback",
        len(places),
        feedback_id=block.keys("F", places),
        customer_id=block.keys("C", who[is_fact]),
        source=source,
        said_at=block.times(at[is_fact]),
        **filter_columns(columns, is_fact),
    )
    where = np.full(len(at), -1)
    where[is_fact] = places
    return where


def filter_columns(columns: dict[str, Any], chosen: Array) -> dict[str, Any]:
    """The chosen rows of Arrow columns; single texts stay."""
    mask = pa.array(chosen)
    return {name: value if isinstance(value, str) else value.filter(mask) for name, value in columns.items()}


def scored(values: Array, lowest: int, highest: int) -> dict[str, pa.Array]:
    """The columns of a score and its scale."""
    low, high = (pa.array(np.full(len(values), float(end))) for end in (lowest, highest))
    return {"score": pa.array(values.astype(float)), "scale_min": low, "scale_max": high}


def worded(chance: np.random.Generator, theme: Array, language: Array) -> dict[str, pa.Array]:
    """The columns of a comment and its language; null where the theme is negative."""
    spoken = to.words(LANGUAGES, np.where(theme < 0, -1, language))
    return {"comment": write_comments(chance, theme, language), "language": spoken}


def invite(block: Block, survey: str, question: str, who: Array, sent: Array, answered: Array, **columns: Any) -> None:
    """Write invitations sent up to the last day; ``answered`` is NaN for the silent, some never reached."""
    is_fact = sent < block.clock.days
    chance, count = block.chance(f"bounced {survey}"), int(is_fact.sum())
    bounces = np.isnan(answered) & (chance.random(len(sent)) < block.plan.bounced)
    block.write(
        "invitations",
        count,
        invitation_id=block.keys("I", block.places("invitations", count)),
        customer_id=block.keys("C", who[is_fact]),
        survey=survey,
        question=question,
        sent_at=block.times(sent[is_fact]),
        bounced_at=block.times(np.where(bounces, sent + 0.01, np.nan)[is_fact]),
        answered_at=block.times(answered[is_fact]),
        **filter_columns(columns, is_fact),
    )


def ask_everybody(block: Block, people: People, left: Array, deeds: tuple[Array, Array]) -> None:
    """The relational survey: a latent answer of every customer in every wave; some are asked, the happier answer more.

    ``deeds`` are who is still active, and orders in the year to come.
    """
    plan, chance = block.plan, block.chance("relational")
    waves = block.clock.waves(plan.waves)
    shape = (len(people), len(waves))
    latent = np.sqrt(plan.stability) * people.happiness[:, None]
    latent = latent + np.sqrt(1 - plan.stability) * chance.standard_normal(shape)
    latent += np.array([shop.shift for shop in plan.shops])[people.shop][:, None]
    latent += plan.improvement * (np.arange(len(waves)) >= plan.improved_from)
    answers = segment_scores(plan, people.segment, latent)
    in_frame = (people.first[:, None] < waves) & ~(left[:, None] < waves)
    is_asked = in_frame & ~people.is_held_out[:, None] & (chance.random(shape) < plan.invited)
    rates = response_rates(plan, plan.response_by_score)[people.segment[:, None], answers]
    answering = is_asked & (chance.random(shape) < rates)
    _count_answers(block, people, answers, in_frame, answering)
    _count_deeds(block, answers[:, -1], deeds)
    _write_hold_out(block, people)
    who, wave = np.nonzero(is_asked)
    sent, given = waves[wave] + 0.4, answers[who, wave].astype(np.int64)
    answered = np.where(answering[who, wave], sent + answer_delay(chance, given), np.nan)
    invite(block, RELATIONAL, "nps", who, sent, answered)
    spoke = ~np.isnan(answered)
    who, answered, given = who[spoke], answered[spoke], given[spoke]
    theme = choose_theme(chance, SAID, np.digitize(given, (7, 9)), COMMENTING)
    asked = {"survey": RELATIONAL, "occasion": "relational", "question": "nps"}
    say(block, "survey", who, answered, **asked, **scored(given, 0, 10), **worded(chance, theme, people.language[who]))


def _count_answers(block: Block, people: People, answers: Array, in_frame: Array, answering: Array) -> None:
    """Sums by wave, segment, shop and score: of those who could be asked, and of those who answered."""
    plan = block.plan
    shape = (answers.shape[1], len(plan.segments), len(plan.shops), 11)
    cell = (people.segment * shape[2] + people.shop)[:, None] * 11 + answers
    cell = cell + np.arange(shape[0]) * (shape[1] * shape[2] * 11)
    for name, chosen in (("frame", in_frame), ("answered", answering)):
        block.tally.add(f"relational_{name}", np.bincount(cell[chosen], minlength=np.prod(shape)).reshape(shape))
    last = cell[:, -1] - (shape[0] - 1) * shape[1] * shape[2] * 11
    block.tally.add("relational_all", np.bincount(last, minlength=np.prod(shape[1:])).reshape(shape[1:]))


def _count_deeds(block: Block, answers: Array, deeds: tuple[Array, Array]) -> None:
    """Sums by class of the true answer, detractors first: customers, still active, orders in the coming year."""
    group = np.digitize(answers, (7, 9))
    block.tally.add("deeds", np.stack([np.bincount(group, weight, 3) for weight in (None, *deeds)]))


def _write_hold_out(block: Block, people: People) -> None:
    block.write(
        "assignments",
        len(people),
        customer_id=block.keys("C", np.arange(len(people))),
        experiment="survey hold-out",
        arm=to.words(("asked", "never asked"), people.is_held_out.astype(np.int64)),
        assigned_at=block.times(in_daytime(people.first)),
    )
