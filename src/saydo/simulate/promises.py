"""Promises given, and whether they were kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from saydo.simulate import columns as to
from saydo.simulate.block import Block
from saydo.simulate.columns import Array
from saydo.simulate.orders import COLLECT, HOME, Orders


@dataclass(frozen=True)
class Given:
    """Promises of one kind as they were given; times are NaN and places negative where there is none."""

    made: Array
    due: Array
    fulfilled: Array
    touchpoint: Array
    who: Array
    order: Array


def commit(block: Block, promise: str, given: Given, withdrawn: Array | None = None) -> Array:
    """Write what was promised up to the last day; the rows' places, negative where it is later."""
    is_fact = given.made < block.clock.days
    place = np.where(is_fact, np.cumsum(is_fact) - 1, -1)
    kept = {name: column[is_fact] for name, column in vars(given).items()}
    places = block.places("commitments", int(is_fact.sum()))
    block.write(
        "commitments",
        len(places),
        commitment_id=block.keys("K", places),
        promise=promise,
        customer_id=block.keys("C", kept["who"]),
        order_id=block.keys("O", kept["order"]),
        touchpoint=to.words(block.plan.touchpoints, kept["touchpoint"]),
        made_at=block.times(kept["made"]),
        due_at=block.planned(kept["due"]),
        fulfilled_at=block.times(kept["fulfilled"]),
        withdrawn_at=None if withdrawn is None else block.times(withdrawn[is_fact]),
        seen_by="system",
    )
    if withdrawn is None:
        _count_kept(block, promise, **kept)
    return np.where(is_fact, places[0] + place, -1) if len(places) else place


def _count_kept(block: Block, promise: str, **given: Any) -> None:
    """Sums of kept, broken and open per touchpoint (the last place: none)."""
    days = block.clock.days
    is_kept = (given["fulfilled"] <= given["due"]) & (given["fulfilled"] < days)
    state = np.where(is_kept, 0, np.where(given["due"] <= days, 1, 2))
    touchpoints = len(block.plan.touchpoints) + 1
    counts = np.bincount((given["touchpoint"] % touchpoints) * 3 + state, minlength=3 * touchpoints)
    block.tally.add(f"promise_{promise}", counts.reshape(touchpoints, 3))


def promise_deliveries(block: Block, orders: Orders) -> Array:
    """Delivery days and two-hour collections; the place of each order's commitment, negative for none."""
    place = np.full(len(orders), -1)
    for promise, how in (("delivery_date", HOME), ("collect_2h", COLLECT)):
        chosen = np.flatnonzero(orders.how == how)
        is_home = how == HOME
        given = Given(
            made=orders.placed[chosen],
            due=orders.due[chosen] - (1 / to.SECONDS if is_home else 0),
            fulfilled=orders.arrived[chosen],
            touchpoint=(orders.touchpoint if is_home else orders.shop)[chosen],
            who=orders.who[chosen],
            order=chosen,
        )
        place[chosen] = commit(block, promise, given)
    return place
