"""The company itself: places, products, promises, mystery visits, rotas, rumours, what winning customers cost."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from saydo.simulate import columns as to
from saydo.simulate.block import Block, Tally, draw
from saydo.simulate.catalogue import (
    CHANNELS,
    ELSEWHERE,
    MAINTENANCE,
    MAINTENANCE_COST,
    MAINTENANCE_PRICE,
    NEEDS,
    PRODUCTS,
    PROMISES,
)
from saydo.simulate.clock import in_daytime
from saydo.simulate.columns import Array
from saydo.simulate.orders import COSTS, NAMES, PRICES
from saydo.simulate.promises import Given, commit
from saydo.simulate.sales import PRODUCT_KEYS
from saydo.simulate.voice import say, scored, worded
from saydo.simulate.words import choose_theme, themes

VISITS = 2  # mystery visits to each shop and month


def furnish(block: Block, customers: int) -> None:
    """Write all rows that belong to no customer, costs apart."""
    _write_catalogue(block)
    _visit_shops(block)
    _post_rotas(block)
    _be_talked_about(block, customers)


def _write_catalogue(block: Block) -> None:
    plan, shops = block.plan, block.plan.shops
    kinds = [*("shop" for _ in shops), *(kind for _, kind in ELSEWHERE)]
    places = pa.array([*(shop.place for shop in shops), *(None for _ in ELSEWHERE)])
    block.write("touchpoints", len(kinds), touchpoint=list(plan.touchpoints), kind=kinds, place=places)
    prices = [*PRICES, round(MAINTENANCE_PRICE * 100)]
    block.write(
        "products",
        len(PRODUCT_KEYS),
        product_id=list(PRODUCT_KEYS),
        name=[*NAMES, MAINTENANCE],
        category=[*(product.category for product in PRODUCTS), "services"],
        list_price=to.money(np.array(prices)),
        unit_cost=to.money(np.array([*COSTS, round(MAINTENANCE_COST * 100)])),
        currency="EUR",
    )
    product, need, relation, degree = zip(*NEEDS, strict=True)
    keys = [PRODUCT_KEYS[NAMES.index(name)] for name in product]
    block.write("needs", len(keys), product_id=keys, need=list(need), relation=list(relation), degree=list(degree))
    statement, standard, owner, made_to = zip(*PROMISES.values(), strict=True)
    columns = {"statement": list(statement), "standard": list(standard), "owner": list(owner), "made_to": list(made_to)}
    block.write("promises", len(PROMISES), promise=list(PROMISES), **columns)


def _visit_shops(block: Block) -> None:
    """Mystery visits: two promises checked on each; the last day sees one in every shop."""
    plan, clock, chance = block.plan, block.clock, block.chance("visits")
    shops, months = len(plan.shops), len(clock.months)
    begin = (clock.months.astype("datetime64[D]") - clock.start).astype(float)
    shop, month = (grid.ravel() for grid in np.meshgrid(np.arange(shops), np.repeat(np.arange(months), VISITS)))
    day = np.floor(begin[month] + chance.uniform(0, 28, len(month)))
    day = np.where((day < 0) | (day >= clock.days), clock.days - 1, day)
    shop, day = np.concatenate([shop, np.arange(shops)]), np.concatenate([day, np.full(shops, clock.days - 1)])
    at = in_daytime(day + chance.random(len(day)) * 0.9)
    visits = block.keys("N", np.arange(len(at)))
    found = []
    for promise in ("opening_hours", "advice_first"):
        found.append(chance.random(len(at)) < block.kept(promise)[shop])
        _check(block, promise, at, shop, visits, found[-1])
    mark = 50 * (found[0].astype(int) + found[1])
    at_shop = to.words(plan.touchpoints, shop)
    say(block, "mystery", np.full(len(at), -1), at, survey="mystery visit", touchpoint=at_shop, **scored(mark, 0, 100))


def _check(block: Block, promise: str, at: Array, shop: Array, visits: pa.Array, is_kept: Array) -> None:
    touchpoints = len(block.plan.touchpoints) + 1
    counts = np.bincount(shop * 3 + ~is_kept, minlength=touchpoints * 3)
    block.tally.add(f"promise_{promise}", counts.reshape(touchpoints, 3))
    block.write(
        "commitments",
        len(at),
        commitment_id=block.keys("K", block.places("commitments", len(at))),
        promise=promise,
        visit_id=visits,
        touchpoint=to.words(block.plan.touchpoints, shop),
        made_at=block.times(at),
        kept=is_kept,
        settled_at=block.times(at),
        seen_by="mystery",
    )


def _post_rotas(block: Block) -> None:
    """The promise to the people who serve: hours known 14 days before the month begins."""
    clock, chance, shops = block.clock, block.chance("rotas"), len(block.plan.shops)
    begin = (clock.months[1:].astype("datetime64[D]") - clock.start).astype(float)
    shop, begin = np.tile(np.arange(shops), len(begin)), np.repeat(begin, shops)
    is_kept = chance.random(len(begin)) < block.kept("rota_14d")[shop]
    posted = begin - 14 + np.where(is_kept, -chance.uniform(0.5, 5, len(begin)), chance.uniform(0.5, 8, len(begin)))
    nobody = np.full(len(begin), -1)
    commit(block, "rota_14d", Given(begin - 28, begin - 14, posted, shop, nobody, nobody))


def _be_talked_about(block: Block, customers: int) -> None:
    """Mentions on social media: now and then a kind one, and a wave of rumours after the bad week."""
    plan, clock, chance = block.plan, block.clock, block.chance("mentions")
    bad = clock.day(plan.bad_week)
    days = np.arange(clock.days)
    is_wave = (days >= bad + 2) & (days < bad + 12) & (plan.bad_week_late > plan.late_base)
    usual = max(customers, 5_000) / 25_000
    count = chance.poisson(usual * np.where(is_wave, 14.0, 1.0))
    day, rumour = np.repeat(days, count), np.repeat(is_wave, count)
    rumour &= chance.random(len(day)) < 0.9
    theme = np.where(rumour, themes("rumour"), choose_theme(chance, (("mention",),), np.zeros(len(day)), 1.0))
    language = draw(chance, (0.6, 0.1, 0.3), len(day))
    at = in_daytime(day + chance.random(len(day)))
    say(
        block,
        "mention",
        np.full(len(day), -1),
        at,
        touchpoint=to.words(plan.touchpoints, np.full(len(day), len(plan.touchpoints) - 1)),
        reach=pa.array(np.rint(np.exp(chance.normal(np.where(rumour, 7.0, 5.5), 1.2)))),
        replied_at=block.times(np.where(chance.random(len(day)) < 0.5, at + chance.exponential(1.0, len(day)), np.nan)),
        **worded(chance, theme, language),
    )
    block.tally.add("mentions", [(~rumour).sum(), rumour.sum()])


def write_costs(block: Block, tally: Tally) -> None:
    """What winning customers cost, by month and channel: the sum of what each of them cost."""
    cents = np.rint(tally["acquisition_cents"]).astype(np.int64)
    channel, month = np.nonzero(cents)
    begin = (block.clock.months.astype("datetime64[D]") - block.clock.start).astype(float)
    block.write(
        "costs",
        len(channel),
        month=to.days(block.clock.start, begin[month]),
        channel=to.words(tuple(CHANNELS), channel),
        kind="acquisition",
        amount=to.money(cents[channel, month]),
        currency="EUR",
    )
