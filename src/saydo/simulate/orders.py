"""What customers buy and when: baskets, deliveries, and the process of buying again or lapsing.

After each order a customer lapses with the chance drawn for them, else buys again after an exponential wait in elapsed
time (MBG/NBD). A late parcel ends the relationship with a planted chance at the end of the promised day, unless
something was bought before: so both potential outcomes of every delivery are known (`saydo.simulate.effects`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from saydo.simulate.block import Block, draw, join, pick
from saydo.simulate.catalogue import ADVISERS, COMPLEMENTS, FOLLOW_UPS, PRODUCTS, SUBSTITUTES
from saydo.simulate.clock import in_daytime
from saydo.simulate.columns import Array
from saydo.simulate.people import People

TAKEN, HOME, COLLECT = 0, 1, 2  # taken along, delivered, collected in the shop
NAMES = tuple(product.name for product in PRODUCTS)
PRICES = np.array([round(product.price * 100) for product in PRODUCTS])
COSTS = np.array([round(product.cost * 100) for product in PRODUCTS])
IS_CONSUMABLE = np.array([product.is_consumable for product in PRODUCTS])
POPULARITY = np.array([product.popularity for product in PRODUCTS])
YEARLY_RISE = 1.03  # of list prices
_MOST = 24  # products drawn for one basket


@dataclass(frozen=True)
class Orders:
    """Columns of orders, sorted by customer and time; ``due`` and ``arrived`` are NaN where there is none."""

    who: Array  # place of the customer in the block; -1 for somebody unknown
    drawn: Array  # time before it is pressed into business hours: the process runs on it
    touchpoint: Array
    shop: Array  # the customer's own
    how: Array  # TAKEN, HOME or COLLECT
    distance: Array
    adviser: Array  # -1 on the web
    due: Array  # end of the promised day, or of the two hours
    arrived: Array
    is_late: Array
    value: Array  # cents of goods
    margin: Array  # cents
    is_large: Array
    stays: Array  # chance to go on buying, before any late parcel
    ends: Array  # planted chance that being late ends it
    is_last: Array  # the customer lapsed after it
    following: Array  # time of the next order on the scale of drawn; infinite if none

    def __len__(self) -> int:
        return len(self.who)

    @property
    def placed(self) -> Array:
        return in_daytime(self.drawn)


@dataclass(frozen=True)
class Lines:
    """Columns of order lines; ``order`` is the place in `Orders`."""

    order: Array
    line: Array
    product: Array
    quantity: Array
    price: Array  # cents, as charged
    listed: Array
    cost: Array


@dataclass(frozen=True)
class _Start:
    """What is known of orders as they are placed."""

    who: Array
    drawn: Array
    shop: Array
    distance: Array
    rate: Array
    lapse: Array


def buy(block: Block, people: People) -> tuple[Orders, Lines]:
    """All orders of the block's customers up to the horizon, and the sales to unknown people."""
    chance = block.chance("orders")
    sales = [_sell_to_unknown(block)]
    who, drawn = np.arange(len(people)), people.first
    before = np.zeros((len(people), len(PRODUCTS)), bool)
    while len(who):
        basket = _fill_baskets(block, chance, before)
        lapse = people.lapse[who]
        if not block.plan.lapses_after_first:
            lapse = np.where(drawn == people.first[who], 0.0, lapse)
        start = _Start(who, drawn, people.shop[who], people.distance[who], people.rate[who], lapse)
        sales.append(_place(block, chance, basket, start))
        following = sales[-1][0].following
        goes_on = np.isfinite(following)
        who, drawn, before = who[goes_on], following[goes_on], basket[goes_on]
    return _sort([orders for orders, _ in sales], [lines for _, lines in sales])


def _sell_to_unknown(block: Block) -> tuple[Orders, Lines]:
    """Sales over the counter to people who gave no name."""
    plan, clock, chance = block.plan, block.clock, block.chance("unknown")
    count = int(chance.poisson(plan.anonymous * block.size))
    drawn = clock.calendar(chance.random(count) * clock.elapsed(np.array(float(clock.days))))
    basket = _fill_baskets(block, chance, np.zeros((count, len(PRODUCTS)), bool))
    shop = draw(chance, [shop.share for shop in plan.shops], count)
    start = _Start(np.full(count, -1), drawn, shop, np.zeros(count, np.int64), np.ones(count), np.ones(count))
    return _place(block, chance, basket, start)


def _sort(orders: list[Orders], lines: list[Lines]) -> tuple[Orders, Lines]:
    offsets = np.cumsum([0, *(len(one) for one in orders)])
    whole: Orders = join(orders)
    goods: Lines = join(lines)
    places = np.concatenate([one.order + offset for one, offset in zip(lines, offsets[:-1], strict=True)])
    order = np.lexsort((whole.drawn, whole.who))
    place_of = np.empty(len(order), np.int64)
    place_of[order] = np.arange(len(order))
    goods = replace(goods, order=place_of[places])
    return pick(whole, order), pick(goods, np.lexsort((goods.line, goods.order)))


def keep_facts(block: Block, orders: Orders, lines: Lines) -> tuple[Orders, Lines]:
    """What was ordered up to the last day."""
    is_fact = orders.drawn < block.clock.days
    place = np.cumsum(is_fact) - 1
    lines = pick(lines, is_fact[lines.order])
    return pick(orders, is_fact), replace(lines, order=place[lines.order])


def _fill_baskets(block: Block, chance: np.random.Generator, before: Array) -> Array:
    """Which products are in which basket (orders x products): drawn independently, then the planted pairs.

    ``before`` is the customer's previous basket.
    """
    plan, count = block.plan, len(before)
    sizes = 1 + draw(chance, _size_shares(plan.basket_shape, plan.basket_mean), count)
    row = np.repeat(np.arange(count), sizes)
    basket = np.zeros((count, len(PRODUCTS)), bool)
    basket[row, draw(chance, POPULARITY, len(row))] = True
    if not plan.complements:
        return basket
    for one, other, share in FOLLOW_UPS:
        basket[:, NAMES.index(other)] |= before[:, NAMES.index(one)] & (chance.random(count) < share)
    for one, other, share in COMPLEMENTS:
        basket[:, NAMES.index(other)] |= basket[:, NAMES.index(one)] & (chance.random(count) < share)
    for one, other, share in SUBSTITUTES:
        basket[:, NAMES.index(other)] &= ~(basket[:, NAMES.index(one)] & (chance.random(count) < share))
    return basket


def _size_shares(shape: float, mean: float) -> Array:
    """Negative binomial shares of 1, 2, ... draws, empty baskets dropped."""
    shares = [(shape / (shape + mean)) ** shape]
    for size in range(_MOST):
        shares.append(shares[-1] * (shape + size) / (size + 1) * mean / (shape + mean))
    return np.array(shares[1:])


def _price(chance: np.random.Generator, basket: Array, month: Array) -> Lines:
    order, product = np.nonzero(basket)
    count = len(order)
    sizes = np.bincount(order, minlength=len(basket))
    line = np.arange(count) - (np.cumsum(sizes) - sizes)[order] + 1
    listed = np.rint(PRICES[product] * YEARLY_RISE ** (month[order] // 12)).astype(np.int64)
    discount = np.where(chance.random(count) < 0.22, np.array([0.05, 0.10, 0.15])[chance.integers(0, 3, count)], 0.0)
    quantity = 1 + chance.poisson(0.5, count) * IS_CONSUMABLE[product]
    price = np.rint(listed * (1 - discount)).astype(np.int64)
    return Lines(order, line, product, quantity, price, listed, COSTS[product])


def _place(block: Block, chance: np.random.Generator, basket: Array, start: _Start) -> tuple[Orders, Lines]:
    """One order each, what becomes of it, and the time of the customer's next."""
    plan, clock, count = block.plan, block.clock, len(basket)
    lines = _price(chance, basket, clock.month(start.drawn))
    value = np.bincount(lines.order, lines.price * lines.quantity, count)
    is_large = value >= plan.large_order * 100
    touchpoint, how = _choose_touchpoint(chance, start, is_large, len(plan.shops))
    due, arrived, is_late = _deliver(block, chance, start, (touchpoint, how, is_large))
    stays = (1 - start.lapse) * np.array(plan.stay_by_distance)[start.distance]
    stays = np.where(is_large, stays, stays * plan.stay_if_small)
    ends = np.where(how == HOME, plan.late_ends + plan.late_ends_if_large * is_large, 0.0)
    following = clock.calendar(clock.elapsed(start.drawn) + chance.standard_exponential(count) / start.rate)
    is_ended = is_late & (following >= due) & (chance.random(count) < ends)
    is_last = (chance.random(count) >= stays) | is_ended
    seat = np.minimum(touchpoint, len(plan.shops)) * ADVISERS + chance.integers(0, ADVISERS, count)
    orders = Orders(
        who=start.who,
        drawn=start.drawn,
        touchpoint=touchpoint,
        shop=start.shop,
        how=how,
        distance=start.distance,
        adviser=np.where(touchpoint == len(plan.shops), -1, seat),
        due=due,
        arrived=arrived,
        is_late=is_late,
        value=value,
        margin=value - np.bincount(lines.order, lines.cost * lines.quantity, count),
        is_large=is_large,
        stays=stays,
        ends=ends,
        is_last=is_last,
        following=np.where(is_last, np.inf, following),
    )
    return orders, lines


def _choose_touchpoint(chance: np.random.Generator, start: _Start, is_large: Array, shops: int) -> tuple[Array, Array]:
    """Where it is ordered (own shop, web or phone) and how it reaches the customer; unknown people carry it home."""
    count, is_known = len(is_large), start.who >= 0
    place = np.where(is_known, draw(chance, (0.36, 0.54, 0.10), count), 0)
    luck = chance.random(count)
    in_shop = np.where(is_large & is_known & (luck < 0.35), HOME, TAKEN)
    on_web = np.where(luck < 0.25, COLLECT, HOME)
    how = np.select([place == 0, place == 1], [in_shop, on_web], HOME)
    return np.where(place == 0, start.shop, shops + place - 1), how


def _deliver(
    block: Block, chance: np.random.Generator, start: _Start, order: tuple[Array, Array, Array]
) -> tuple[Array, Array, Array]:
    """Until when it is promised, when it comes (NaN: never), and whether that is too late."""
    touchpoint, how, is_large = order
    count, day, placed = len(how), np.floor(start.drawn), in_daytime(start.drawn)
    ways = [how == HOME, how == COLLECT]
    lead = 2 + start.distance + 2 * is_large + chance.integers(0, 2, count)
    late = _late_share(block, day, start.distance, touchpoint, is_large)
    is_late = chance.random(count) < np.select(ways, [late, 1 - block.kept("collect_2h")[start.shop]], 0.0)
    early = np.minimum(draw(chance, (0.6, 0.3, 0.1), count), lead - 1)
    delay = np.where(is_late, chance.geometric(0.35, count), -early)
    parcel = in_daytime(day + lead + delay + chance.random(count))
    parcel = np.where(is_late & (chance.random(count) < 0.02), np.nan, parcel)
    hours = np.where(is_late, 2.1 + chance.exponential(5.0, count), chance.uniform(0.2, 1.95, count))
    due = np.select(ways, [day + lead + 1, placed + 2 / 24], np.nan)
    return due, np.select(ways, [parcel, placed + hours / 24], placed), is_late


def _late_share(block: Block, day: Array, distance: Array, touchpoint: Array, is_large: Array) -> Array:
    plan = block.plan
    share = plan.late_base + plan.late_by_distance * distance + plan.late_by_value * is_large
    bad = block.clock.day(plan.bad_week)
    in_bad_week = (day >= bad) & (day < bad + 7) & (touchpoint == len(plan.shops))
    return np.where(in_bad_week, np.maximum(share, plan.bad_week_late), share)
