"""What customers say after an order and of the products; the score follows from what they lived through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from saydo.simulate import columns as to
from saydo.simulate.answers import EVENT_SHARES, ITEM_SHARES, STAR_SHARES, answer_delay, response_rates, score
from saydo.simulate.block import Block
from saydo.simulate.catalogue import ELSEWHERE, PRODUCTS, PUSHY
from saydo.simulate.clock import in_daytime
from saydo.simulate.columns import Array
from saydo.simulate.orders import COLLECT, HOME, Lines, Orders
from saydo.simulate.people import People
from saydo.simulate.sales import PRODUCT_KEYS
from saydo.simulate.voice import COMMENTING, SAID, filter_columns, invite, say, scored, worded
from saydo.simulate.words import choose_theme, themes

AFTER_ORDER = "after an order"
ITEMS = ("advice", "product", "delivery", "price")
WEIGHTS = np.array([0.35, 0.40, 0.50, 0.25])  # what each item weighs in the score after an order
SHARED = 0.45  # loading of each item on the customer's happiness
OWN = 0.50  # standard deviation of what no item explains
NORM = float(np.sqrt((WEIGHTS**2).sum() * (1 - SHARED**2) + (SHARED * WEIGHTS.sum()) ** 2 + OWN**2))
QUALITY = np.array([product.quality for product in PRODUCTS])
POSTING = np.array([0.100, 0.050, 0.010, 0.010, 0.025])  # P(writing a review) by the stars one would give


@dataclass(frozen=True)
class Replies:
    """Answers after an order: places of the order and of the feedback row (negative: too late), time, score."""

    order: Array
    feedback: Array
    at: Array
    score: Array


def ask_after_orders(block: Block, people: People, orders: Orders) -> Replies:
    """The survey after an order, for a part of the orders that have reached their customer."""
    plan, chance = block.plan, block.chance("after an order")
    place = np.flatnonzero(orders.who >= 0)
    where = np.where(orders.how == COLLECT, orders.shop, orders.touchpoint)[place]
    items, answers = _live_through(block, people, orders, place, where)
    done = np.where(np.isnan(orders.arrived), orders.due + 5, orders.arrived)[place]
    is_done = done < block.clock.days
    is_asked = is_done & ~people.is_held_out[orders.who[place]] & (chance.random(len(place)) < plan.event_invited)
    rates = response_rates(plan, plan.event_response_by_score)[people.segment[orders.who[place]], answers]
    speaks = is_asked & (chance.random(len(place)) < rates)
    _count_scores(block, where, answers, is_done, speaks)
    sent = in_daytime(done + chance.uniform(1, 3, len(place)))
    answered = np.where(speaks, sent + answer_delay(chance, answers), np.nan)
    at = to.words(plan.touchpoints, where[is_asked])
    invite(block, AFTER_ORDER, "nps", orders.who[place[is_asked]], sent[is_asked], answered[is_asked], touchpoint=at)
    order, answers = place[speaks], answers[speaks]
    columns = {
        "survey": AFTER_ORDER,
        "occasion": "event",
        "order_id": block.keys("O", order),
        "touchpoint": to.words(plan.touchpoints, where[speaks]),
        "reply_id": block.keys("Q", block.places("replies", len(order))),
    }
    who, said = orders.who[order], answered[speaks]
    words = worded(chance, _choose_words(chance, orders, order, answers), people.language[who])
    feedback = say(block, "survey", who, said, question="nps", **columns, **scored(answers, 0, 10), **words)
    _rate_items(block, orders, order, items[speaks], said, columns)
    return Replies(order, feedback, said, answers)


def _live_through(block: Block, people: People, orders: Orders, place: Array, where: Array) -> tuple[Array, Array]:
    """What each customer felt of the four items (latent), and the score that follows from them.

    A late delivery harms the item *delivery* just so far that the latent score falls by the planted shift. Distance,
    large orders and the shop move the score too; the first two also make parcels late, so comparing late with punctual
    ones misleads.
    """
    plan, chance = block.plan, block.chance("experience")
    who, how, is_late = orders.who[place], orders.how[place], orders.is_late[place]
    is_home = how == HOME
    items = SHARED * people.happiness[who][:, None] + np.sqrt(1 - SHARED**2) * chance.standard_normal((len(place), 4))
    shifts = np.array([*(shop.shift for shop in plan.shops), *(0.0 for _ in ELSEWHERE)])
    moves = {
        "advice": shifts[where],
        "product": plan.large_on_score * orders.is_large[place],
        "delivery": -plan.remote_on_score * orders.distance[place] * is_home,
    }
    for item, move in moves.items():
        items[:, ITEMS.index(item)] += move * NORM / WEIGHTS[ITEMS.index(item)]
    latent = (items @ WEIGHTS + OWN * chance.standard_normal(len(place))) / NORM
    harm = np.select([is_home, how == COLLECT], [plan.late_on_score, plan.collect_on_score], 0.0)
    if_kept, if_late = score(EVENT_SHARES, latent), score(EVENT_SHARES, latent - harm)
    items[:, ITEMS.index("delivery")] -= harm * is_late * NORM / WEIGHTS[ITEMS.index("delivery")]
    _count_harm(block, orders, place, if_kept, if_late)
    return items, np.where(is_late, if_late, if_kept)


def _count_harm(block: Block, orders: Orders, place: Array, if_kept: Array, if_late: Array) -> None:
    """Sums by promise, kept or late: orders, score as it is, and what being late changes in it."""
    late = orders.is_late[place]
    given = np.where(late, if_late, if_kept)
    for promise, how in (("delivery_date", HOME), ("collect_2h", COLLECT)):
        chosen = (orders.how[place] == how) & (orders.due[place] + 5 < block.clock.days)
        groups = (chosen & ~late, chosen & late)
        sums = [[group.sum(), given[group].sum(), (if_late - if_kept)[group].sum()] for group in groups]
        block.tally.add(f"harm_{promise}", sums)


def _count_scores(block: Block, where: Array, answers: Array, is_done: Array, speaks: Array) -> None:
    """Sums by touchpoint and score: what all would answer, and who answered."""
    touchpoints = len(block.plan.touchpoints)
    for name, chosen in (("all", is_done), ("answered", speaks)):
        counts = np.bincount(where[chosen] * 11 + answers[chosen], minlength=touchpoints * 11)
        block.tally.add(f"event_{name}", counts.reshape(touchpoints, 11))


def _choose_words(chance: np.random.Generator, orders: Orders, order: Array, answers: Array) -> Array:
    """The words follow the experience: a late parcel, a pushy adviser, a friendly one, an easy site."""
    chosen = choose_theme(chance, SAID, np.digitize(answers, (7, 9)), COMMENTING)
    late, pushy, adviser, easy, on_time, fine = themes("late", "pushy", "adviser", "easy", "on_time", "fine")
    is_home, was_late, alone = orders.how[order] == HOME, orders.is_late[order], orders.adviser[order] < 0
    chosen = np.where(((chosen == late) & ~was_late) | ((chosen == pushy) & alone), fine, chosen)
    chosen = np.where(((chosen == on_time) & (was_late | ~is_home)) | ((chosen == adviser) & alone), easy, chosen)
    talks = chance.random(len(order)) < 0.6
    chosen = np.where(was_late & is_home & (answers <= 8) & talks, late, chosen)
    return np.where((orders.adviser[order] == PUSHY) & (answers <= 6) & talks, pushy, chosen)


def _rate_items(block: Block, orders: Orders, order: Array, items: Array, said: Array, columns: dict[str, Any]) -> None:
    """Satisfaction 1 to 5 with each item, in the same reply; delivery only where something was delivered."""
    chance = block.chance("items")
    for number, item in enumerate(ITEMS):
        rates = (chance.random(len(order)) < 0.9) & ((item != "delivery") | ~np.isnan(orders.due[order]))
        stars = 1 + score(ITEM_SHARES, items[rates, number])
        some = filter_columns(columns, rates)
        asked = {"question": "csat", "item": item, **some, **scored(stars, 1, 5)}
        say(block, "survey", orders.who[order[rates]], said[rates], **asked)


def review(block: Block, people: People, orders: Orders, lines: Lines) -> None:
    """Stars for products: every buyer has an opinion, those at the ends of the scale write it down."""
    chance = block.chance("reviews")
    known = np.flatnonzero(orders.who[lines.order] >= 0)
    order, product = lines.order[known], lines.product[known]
    who, arrived = orders.who[order], orders.arrived[order]
    latent = 0.4 * people.happiness[who] + np.sqrt(0.84) * chance.standard_normal(len(who)) + QUALITY[product]
    stars = score(STAR_SHARES, latent)
    at = in_daytime(arrived + chance.uniform(3, 40, len(who)))
    posts = (chance.random(len(who)) < POSTING[stars]) & (at < block.clock.days)
    for name, chosen in (("all", arrived < block.clock.days), ("posted", posts)):
        counts = np.bincount(product[chosen] * 5 + stars[chosen], minlength=len(PRODUCTS) * 5)
        block.tally.add(f"stars_{name}", counts.reshape(-1, 5))
    who, stars, at, count = who[posts], stars[posts], at[posts], int(posts.sum())
    theme = choose_theme(chance, (("product_bad",), ("fine",), ("product_good",)), np.digitize(stars, (2, 3)), 0.8)
    replies = chance.random(count) < np.where(stars <= 1, 0.6, 0.1)
    say(
        block,
        "review",
        who,
        at,
        question="stars",
        order_id=block.keys("O", order[posts]),
        product_id=to.words(PRODUCT_KEYS, product[posts]),
        touchpoint=to.words(block.plan.touchpoints, np.full(count, len(block.plan.shops))),
        reach=pa.array(np.rint(np.exp(chance.normal(4.5, 1.0, count)))),
        replied_at=block.times(np.where(replies, at + chance.exponential(3.0, count), np.nan)),
        **scored(stars + 1, 1, 5),
        **worded(chance, theme, people.language[who]),
    )
