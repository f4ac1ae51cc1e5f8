"""What a late parcel does to buying again, known exactly: both potential outcomes of every delivery.

An order is followed by another after an exponential wait, if the customer stays. If nothing was bought before the due
day, a late parcel ends the relationship with the planted chance. So, given the customer, the chance of an order within
H days after the due day is ``stays x P(wait reaches the due day) x P(then less than H)``, times one minus the planted
chance if late. Averaging these chances over all deliveries, instead of what happened, leaves no luck in the truth.
"""

from __future__ import annotations

import numpy as np

from saydo.simulate.block import Block
from saydo.simulate.clock import FUTURE_DAYS
from saydo.simulate.columns import Array
from saydo.simulate.orders import HOME, Orders
from saydo.simulate.people import People

HORIZONS = (60, 90, 180)  # days after the due day
_APART = 100_000.0  # days between two customers on one common scale of time


def add_bought_again(block: Block, people: People, orders: Orders) -> None:
    """Sums over deliveries whose horizon lies within the facts: outcomes if late, if not, and as they were."""
    moment = orders.who * _APART + orders.drawn
    value, margin = (np.concatenate([[0], np.cumsum(cents)]) for cents in (orders.value, orders.margin))
    for horizon in HORIZONS:
        place = np.flatnonzero((orders.how == HOME) & (orders.due + horizon <= block.clock.days))
        after = orders.who[place] * _APART + orders.due[place]
        first, end = np.searchsorted(moment, after), np.searchsorted(moment, after + horizon)
        happened = np.stack([end > first, end - first, value[end] - value[first], margin[end] - margin[first]])
        chances = _chances(block, people, orders, place, horizon)
        bought_before = orders.following[place] < orders.due[place]
        if_kept, if_late = (np.where(bought_before, happened[0], 0) + one for one in chances)
        late, ends = orders.is_late[place], orders.ends[place]
        # Amounts: a late delivery that did not end it stands for those that did (Horvitz-Thompson).
        unharmed = happened[1:] * np.where(late & ~bought_before, 1 / np.maximum(1 - ends, 1e-9), 1.0)
        lost = -ends * ~bought_before * unharmed
        effect = np.vstack([if_late - if_kept, lost])
        name = f"again_{horizon}"
        block.tally.add(f"{name}_late", [(~late).sum(), late.sum()])
        block.tally.add(f"{name}_happened", np.stack([happened[:, ~late].sum(1), happened[:, late].sum(1)]))
        block.tally.add(f"{name}_effect", np.stack([effect[:, ~late].sum(1), effect[:, late].sum(1)]))
        block.tally.add(f"{name}_chance", [if_kept.sum(), if_late.sum()])


def _chances(block: Block, people: People, orders: Orders, place: Array, horizon: int) -> tuple[Array, Array]:
    """P(next order falls within the horizon after the due day), if kept and if late."""
    elapsed, due, rate = block.clock.elapsed, orders.due[place], people.rate[orders.who[place]]
    reaches = np.exp(-rate * (elapsed(due) - elapsed(orders.drawn[place])))
    then = -np.expm1(-rate * (elapsed(due + horizon) - elapsed(due)))
    kept = orders.stays[place] * reaches * then
    return kept, kept * (1 - orders.ends[place])


def add_lapse(block: Block, people: People, orders: Orders) -> tuple[Array, Array]:
    """Who is still active on the last day, and how many orders each will place in the year after; both per customer."""
    days, count = block.clock.days, len(people)
    known = orders.who >= 0
    past = known & (orders.drawn < days)
    placed = np.bincount(orders.who[past], minlength=count)
    is_active = np.ones(count, bool)
    is_active[orders.who[past & orders.is_last]] = False
    for horizon in (30, 90, 180, FUTURE_DAYS):
        soon = known & (orders.drawn >= days) & (orders.drawn < days + horizon)
        block.tally.add(f"next_{horizon}", [soon.sum(), orders.value[soon].sum(), orders.margin[soon].sum()])
    coming = np.bincount(orders.who[known & (orders.drawn >= days)], minlength=count)
    repeats = np.minimum(placed - 1, 5)
    block.tally.add("repeats", np.stack([np.bincount(repeats, weight, 6) for weight in (None, is_active, coming)]))
    return is_active, coming
