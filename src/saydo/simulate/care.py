"""Calls and messages, repairs, complaints, and the cases that follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from saydo.simulate import columns as to
from saydo.simulate.after_order import Replies
from saydo.simulate.answers import CES_SHARES, EVENT_SHARES, score
from saydo.simulate.block import Block, draw, pick
from saydo.simulate.clock import in_daytime
from saydo.simulate.columns import Array
from saydo.simulate.orders import HOME, Orders
from saydo.simulate.people import People
from saydo.simulate.promises import Given, commit
from saydo.simulate.voice import invite, say, scored, worded
from saydo.simulate.words import choose_theme, themes

AFTER_CALL, AFTER_CASE = "after a call", "after a case"
ASKED = ("find", "available", "ordered", "when", "return", "again", "where")
OUTCOMES = ("solved", "compensated", "not solved")
OUTCOME_SHARES = (0.60, 0.25, 0.15)
AFTER_CASE_SHIFTS = (-0.1, 0.1, -1.4)  # of the score after an order, by outcome
CAUSES = ("late delivery", "fault", "service", "price")


def serve(block: Block, people: People, orders: Orders) -> None:
    """Service calls and messages, more after a late parcel; each costs, and is promised an answer within 24 hours."""
    plan, chance = block.plan, block.chance("service")
    is_late = orders.is_late & (orders.how == HOME)
    rings = (orders.who >= 0) & (chance.random(len(orders)) < plan.calls + plan.calls_if_late * is_late)
    _count_calls(block, orders, rings)
    order = np.flatnonzero(rings)
    count, late = len(order), is_late[order]
    wonders = orders.due[order] + chance.uniform(0, 2, count)
    at = in_daytime(np.where(late, wonders, orders.placed[order] + chance.uniform(1, 20, count)))
    phone = len(plan.shops) + 1
    touchpoint = phone + (chance.random(count) < 0.4)
    is_quick = chance.random(count) < block.kept("answer_24h")[touchpoint]
    on_phone, by_mail = chance.exponential(0.02, count).clip(0.0005, 0.9), chance.uniform(0.04, 0.98, count)
    quick = np.where(touchpoint == phone, on_phone, by_mail)
    answered = at + np.where(is_quick, quick, 1.02 + chance.exponential(1.2, count))
    asked = np.where(late, len(ASKED) - 1, chance.integers(0, len(ASKED) - 1, count))
    calls = Given(at, at + 1, answered, touchpoint, orders.who[order], order)
    _write_calls(block, calls, asked)
    commit(block, "answer_24h", calls)
    _ask_effort(block, people, calls, ~is_quick)


def _count_calls(block: Block, orders: Orders, rings: Array) -> None:
    """Sums by kept and late: deliveries with a call, deliveries; those long enough ago for the call to be a fact."""
    known = (orders.who >= 0) & (orders.how == HOME) & (orders.drawn + 20 < block.clock.days)
    known &= orders.due + 2 < block.clock.days
    groups = (known & ~orders.is_late, known & orders.is_late)
    block.tally.add("calls", [[(rings & group).sum(), group.sum()] for group in groups])


def _write_calls(block: Block, calls: Given, asked: Array) -> None:
    chance, days = block.chance("calls"), block.clock.days
    count = len(calls.made)
    on_phone = calls.touchpoint == len(block.plan.shops) + 1
    cents = np.rint(np.where(on_phone, 640, 380) * chance.gamma(4.0, 0.25, count)).astype(np.int64)
    resolved = calls.fulfilled + chance.exponential(0.8, count)
    keep = calls.made < days
    block.write(
        "contacts",
        int(keep.sum()),
        contact_id=block.keys("T", block.places("contacts", int(keep.sum()))),
        customer_id=block.keys("C", calls.who[keep]),
        at=block.times(calls.made[keep]),
        direction="in",
        touchpoint=to.words(block.plan.touchpoints, calls.touchpoint[keep]),
        purpose="service",
        asked=to.words(ASKED, asked[keep]),
        order_id=block.keys("O", calls.order[keep]),
        answered_at=block.times(calls.fulfilled[keep]),
        resolved_at=block.times(resolved[keep]),
        cost=to.money(cents[keep]),
        currency="EUR",
    )


def _ask_effort(block: Block, people: People, calls: Given, is_slow: Array) -> None:
    """The effort score after a call, 1 to 7; a slow answer costs a planted part of it."""
    plan, chance, who, count = block.plan, block.chance("effort"), calls.who, len(calls.who)
    latent = 0.5 * people.happiness[who] + np.sqrt(0.75) * chance.standard_normal(count)
    if_quick, if_slow = score(CES_SHARES, latent), score(CES_SHARES, latent - plan.slow_answer_on_ces)
    given = np.where(is_slow, if_slow, if_quick)
    known = calls.made < block.clock.days
    groups = (known & ~is_slow, known & is_slow)
    sums = [[group.sum(), given[group].sum(), (if_slow - if_quick)[group].sum()] for group in groups]
    block.tally.add("harm_answer_24h", sums)
    chosen = np.flatnonzero((chance.random(count) < 0.35) & ~people.is_held_out[who])
    who, given, slow = who[chosen], given[chosen], is_slow[chosen]
    sent = calls.fulfilled[chosen] + 0.1
    speaks = chance.random(len(chosen)) < 0.35
    said = np.where(speaks, sent + chance.exponential(0.8, len(chosen)) + 0.01, np.nan)
    where = to.words(plan.touchpoints, calls.touchpoint[chosen])
    invite(block, AFTER_CALL, "ces", who, sent, said, touchpoint=where)
    choice = np.where(slow, 0, np.digitize(given, (3, 5)))
    theme = choose_theme(chance, (("slow_answer",), ("fine",), ("quick_answer",)), choice, 0.35)
    words = worded(chance, theme[speaks], people.language[who[speaks]])
    columns = {
        "survey": AFTER_CALL,
        "occasion": "event",
        "question": "ces",
        "touchpoint": where.filter(pa.array(speaks)),
    }
    say(block, "survey", who[speaks], said[speaks], **columns, **scored(given[speaks] + 1, 1, 7), **words)


def offer(block: Block, people: People, left: Array) -> None:
    """Messages with an offer, at random times between the first order and the goodbye."""
    chance, days = block.chance("offers"), block.clock.days
    until = np.fmin(left, days)
    who = np.repeat(np.arange(len(people)), chance.poisson(block.plan.offers * (until - people.first).clip(0) / 365))
    at = people.first[who] + chance.random(len(who)) * (until - people.first)[who]
    block.write(
        "contacts",
        len(who),
        contact_id=block.keys("T", block.places("contacts", len(who))),
        customer_id=block.keys("C", who),
        at=block.times(in_daytime(at)),
        direction="out",
        touchpoint=to.words(block.plan.touchpoints, np.full(len(who), len(block.plan.shops) + 2)),
        purpose="offer",
        cost=to.money(np.full(len(who), 2)),
        currency="EUR",
    )


def repair(block: Block, orders: Orders) -> None:
    """Repairs promised within seven days."""
    chance = block.chance("repairs")
    order = np.flatnonzero((orders.who >= 0) & (chance.random(len(orders)) < 0.04) & ~np.isnan(orders.arrived))
    made = in_daytime(orders.arrived[order] + chance.uniform(15, 250, len(order)))
    is_kept = chance.random(len(order)) < block.kept("repair_7d")[orders.shop[order]]
    took = np.where(is_kept, chance.uniform(0.5, 6.9, len(order)), 7.1 + chance.exponential(4.0, len(order)))
    commit(block, "repair_7d", Given(made, made + 7, made + took, orders.shop[order], orders.who[order], order))


def complain(block: Block, people: People, orders: Orders, delivery: Array, replies: Replies) -> None:
    """Complaints, and a case for each and for half of the low scores after an order.

    ``delivery`` holds the place of each order's commitment.
    """
    plan, chance = block.plan, block.chance("complaints")
    is_late = orders.is_late & (orders.how == HOME)
    order = np.flatnonzero((orders.who >= 0) & (chance.random(len(orders)) < np.where(is_late, 0.06, 0.004)))
    since = np.where(is_late | np.isnan(orders.arrived), orders.due, orders.arrived)[order]
    at = in_daytime(since + chance.uniform(1, 6, len(order)))
    cause = np.where(is_late[order], 0, 1 + draw(chance, (0.5, 0.3, 0.2), len(order)))
    who = orders.who[order]
    feedback = say(
        block,
        "complaint",
        who,
        at,
        order_id=block.keys("O", order),
        touchpoint=to.words(plan.touchpoints, np.full(len(order), len(plan.shops) + 2)),
        question="open",
        replied_at=block.times(at + chance.exponential(1.5, len(order))),
        **worded(chance, themes("late", "broken", "slow_answer", "expensive")[cause], people.language[who]),
    )
    low = (replies.score <= 4) & (chance.random(len(replies.score)) < 0.5)
    low_cause = np.where(is_late[replies.order[low]], 0, 1 + draw(chance, (0.3, 0.4, 0.3), int(low.sum())))
    case = _Case(
        np.concatenate([order, replies.order[low]]),
        np.concatenate([feedback, replies.feedback[low]]),
        np.concatenate([at, replies.at[low]]) + 0.05,
        np.concatenate([cause, low_cause]),
    )
    case = pick(case, (case.feedback >= 0) & (case.opened < block.clock.days))
    _work_on(block, orders, case, np.where(case.cause == 0, delivery[case.order], -1))


@dataclass(frozen=True)
class _Case:
    order: Array
    feedback: Array
    opened: Array
    cause: Array


def _work_on(block: Block, orders: Orders, case: _Case, commitment: Array) -> None:
    """Answer and close the cases, and ask some of these customers again."""
    chance, count = block.chance("cases"), len(case.order)
    answered = case.opened + chance.exponential(0.9, count)
    closed = answered + chance.exponential(5.0, count)
    outcome = draw(chance, OUTCOME_SHARES, count)
    latent = np.array(AFTER_CASE_SHIFTS)[outcome] + chance.standard_normal(count)
    given, again = score(EVENT_SHARES, latent), np.full(count, -1)
    asked = (chance.random(count) < 0.25) & (closed < block.clock.days)
    columns = {
        "survey": AFTER_CASE,
        "occasion": "event",
        "question": "nps",
        "order_id": block.keys("O", case.order[asked]),
    }
    at = in_daytime(closed[asked] + chance.uniform(4, 12, int(asked.sum())))
    again[asked] = say(block, "survey", orders.who[case.order[asked]], at, **columns, **scored(given[asked], 0, 10))
    is_closed = closed < block.clock.days
    cents = np.rint(900 * chance.gamma(3.0, 1 / 3, count) + np.where(outcome == 1, 2500, 0)).astype(np.int64)
    block.write(
        "cases",
        count,
        case_id=block.keys("D", block.places("cases", count)),
        customer_id=block.keys("C", orders.who[case.order]),
        feedback_id=block.keys("F", case.feedback),
        order_id=block.keys("O", case.order),
        commitment_id=block.keys("K", commitment),
        cause=to.words(CAUSES, case.cause),
        opened_at=block.times(case.opened),
        answered_at=block.times(answered),
        closed_at=block.times(closed),
        outcome=to.words(OUTCOMES, np.where(is_closed, outcome, -1)),
        cost=to.money(cents, is_closed),
        currency="EUR",
        asked_again_id=block.keys("F", again),
    )
    block.tally.add("cases", np.bincount(outcome, minlength=3))
