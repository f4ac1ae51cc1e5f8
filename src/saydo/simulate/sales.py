"""What is sold, paid, sent back and subscribed to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import betaincinv, expit, logit, ndtr

from saydo.simulate import columns as to
from saydo.simulate.block import Block, draw, pick
from saydo.simulate.catalogue import MAINTENANCE_PRICE, PRODUCTS, PUSHY, RETURN_FACTORS
from saydo.simulate.clock import in_daytime
from saydo.simulate.columns import Array
from saydo.simulate.orders import COLLECT, HOME, Lines, Orders
from saydo.simulate.people import People, region_names
from saydo.simulate.promises import Given, commit

PRODUCT_KEYS = tuple(f"P{number:02}" for number in range(1, len(PRODUCTS) + 2))  # the last is the maintenance contract
PERIOD_MONTHS = 3
REASONS = ("broken", "wrong", "not as expected", "changed my mind", "too late")
_FACTORS = np.array([RETURN_FACTORS[product.category] for product in PRODUCTS])


@dataclass(frozen=True)
class _State:
    """What became of orders; ``cancelled`` is NaN for those that were not."""

    placed: Array
    status: Array
    cancelled: Array


def write_sales(block: Block, people: People, orders: Orders, lines: Lines) -> None:
    """Orders with their lines and payments, and attempts that were cancelled shortly before the real order.

    Such an attempt is an extra row beside the real order: the process of buying again stays as it was planted.
    """
    places = block.places("orders", len(orders))  # the first places: an order's place is its key
    days = block.clock.days
    status = np.where(orders.arrived < days, 3, np.where(orders.placed + 1 < days, 2, 1))
    _write_orders(block, people, orders, places, _State(orders.placed, status, np.full(len(orders), np.nan)))
    _write_lines(block, people, orders, lines, places)
    _pay_orders(block, people, orders, places)
    _cancel(block, people, orders, lines)


def _cancel(block: Block, people: People, orders: Orders, lines: Lines) -> None:
    """The cancelled attempts, with what was promised for them."""
    chance = block.chance("cancelled")
    chosen = np.flatnonzero(chance.random(len(orders)) < block.plan.cancelled)
    attempts, places = pick(orders, chosen), block.places("orders", len(chosen))
    tried = np.maximum(attempts.placed - chance.uniform(0.01, 0.1, len(chosen)), 0.0)
    cancelled = tried + (attempts.placed - tried) * 0.8
    _write_orders(block, people, attempts, places, _State(tried, np.full(len(chosen), 4), cancelled))
    place_of = np.full(len(orders), -1)
    place_of[chosen] = np.arange(len(chosen))
    wanted = pick(lines, place_of[lines.order] >= 0)
    _write_lines(block, people, attempts, replace(wanted, order=place_of[wanted.order]), places)
    is_home = attempts.how == HOME
    nothing = np.full(int(is_home.sum()), np.nan)
    due = attempts.due[is_home] - 1 / to.SECONDS
    where, who = attempts.touchpoint[is_home], attempts.who[is_home]
    given = Given(tried[is_home], due, nothing, where, who, places[is_home])
    commit(block, "delivery_date", given, withdrawn=cancelled[is_home])


def _shipping(orders: Orders) -> tuple[Array, Array]:
    """Cents charged and spent; free from EUR 150 on unless large, nothing when it is carried home."""
    charged = np.where(orders.is_large, 1900, np.where(orders.value >= 15_000, 0, 490))
    cost = 420 + 90 * orders.distance + 1500 * orders.is_large
    is_home = orders.how == HOME
    return np.where(is_home, charged, 0), np.where(is_home, cost, 0)


def _write_orders(block: Block, people: People, orders: Orders, places: Array, state: _State) -> None:
    charged, cost = _shipping(orders)
    region = np.where(orders.who >= 0, people.region[orders.who], orders.shop * 3)
    block.write(
        "orders",
        len(orders),
        order_id=block.keys("O", places),
        customer_id=block.keys("C", orders.who),
        ordered_at=block.times(state.placed),
        cancelled_at=block.times(state.cancelled),
        touchpoint=to.words(block.plan.touchpoints, orders.touchpoint),
        adviser_id=to.keys("V", 11 + orders.adviser, orders.adviser >= 0),
        status=to.words(("placed", "paid", "shipped", "delivered", "cancelled"), state.status),
        region=to.words(region_names(block), region),
        shipping_charged=to.money(charged),
        shipping_cost=to.money(cost),
        currency="EUR",
        x_large=orders.is_large.astype(float),
    )


def _write_lines(block: Block, people: People, orders: Orders, lines: Lines, places: Array) -> None:
    who = orders.who[lines.order]
    block.write(
        "order_lines",
        len(lines.order),
        order_id=block.keys("O", places[lines.order]),
        line=lines.line,
        kind="product",
        product_id=to.words(PRODUCT_KEYS, lines.product),
        quantity=to.quantities(lines.quantity),
        unit_price=to.money(lines.price),
        list_price=to.money(lines.listed),
        unit_cost=to.money(lines.cost),
        tax_rate=np.where(who >= 0, people.tax[who], 0.2),
    )


def _pay_orders(block: Block, people: People, orders: Orders, places: Array) -> None:
    """Persons pay at once, firms within 30 days; a payment that fails is tried again."""
    plan, chance, count = block.plan, block.chance("payments"), len(orders)
    is_firm = (orders.who >= 0) & (people.account[orders.who] >= 0)
    slow = expit(
        logit(np.clip(plan.firm_pays_late, 1e-9, 1 - 1e-9)) - plan.happiness_on_paying * people.happiness[orders.who]
    )
    is_late = is_firm & (chance.random(count) < slow)
    due = np.where(is_firm, np.floor(orders.placed) + 31 - 1 / to.SECONDS, orders.placed)
    spread = np.where(is_late, chance.exponential(12.0, count) + 0.5, -chance.uniform(0.5, 20.0, count))
    paid = np.where(is_firm, due + spread, orders.placed)
    charged, _ = _shipping(orders)
    _pay(block, chance, {"order": places, "contract": np.full(count, -1)}, due, paid, orders.value + charged)
    is_due = is_firm & (due < block.clock.days)
    block.tally.add("firm_payments", [is_due.sum(), (is_due & is_late).sum()])


def _pay(
    block: Block, chance: np.random.Generator, of: dict[str, Array], due: Array, paid: Array, cents: Array
) -> None:
    """Payments, and before some of them a first try that failed."""
    fails = np.flatnonzero(chance.random(len(due)) < block.plan.failed)
    again = paid[fails] + chance.uniform(0.1, 6.0, len(fails))
    nothing = np.full(len(due), np.nan)
    failed = np.concatenate([nothing, paid[fails]])
    settled = paid.copy()
    settled[fails] = again
    settled = np.concatenate([settled, nothing[fails]])
    row = np.concatenate([np.arange(len(due)), fails])
    is_fact = np.where(np.isnan(failed), True, failed < block.clock.days)
    row, failed, settled = row[is_fact], failed[is_fact], settled[is_fact]
    block.write(
        "payments",
        len(row),
        payment_id=block.keys("Y", block.places("payments", len(row))),
        order_id=block.keys("O", of["order"][row]),
        contract_id=block.keys("S", of["contract"][row]),
        due_at=block.planned(due[row]),
        paid_at=block.times(settled),
        failed_at=block.times(failed),
        amount=to.money(cents[row].astype(np.int64)),
        currency="EUR",
    )
    block.tally.add("payments", [len(due), int((~np.isnan(failed)).sum())])


def take_back(block: Block, orders: Orders, lines: Lines) -> None:
    """Returns and their refunds; what one pushy adviser sold comes back more often."""
    plan, chance = block.plan, block.chance("returns")
    order = lines.order
    share = plan.returned * _FACTORS[lines.product] * np.where(orders.adviser[order] == PUSHY, plan.pushy_returns, 1.0)
    back = in_daytime(orders.arrived[order] + chance.uniform(2, 25, len(order)))
    sold = orders.adviser[order] == PUSHY
    is_back = (chance.random(len(order)) < share) & (orders.who[order] >= 0) & ~np.isnan(back)
    block.tally.add("returned_lines", [[(~sold).sum(), (is_back & ~sold).sum()], [sold.sum(), (is_back & sold).sum()]])
    chosen = np.flatnonzero(is_back & (back < block.clock.days))
    order, back, count = order[chosen], back[chosen], len(chosen)
    where = np.where(orders.how[order] == COLLECT, orders.shop[order], orders.touchpoint[order])
    is_kept = chance.random(count) < block.kept("refund_14d")[where]
    refunded = back + np.where(is_kept, chance.uniform(1.0, 13.9, count), 14.1 + chance.exponential(6.0, count))
    reason = np.where(
        orders.is_late[order] & (chance.random(count) < 0.4), 4, draw(chance, (0.3, 0.15, 0.3, 0.25), count)
    )
    block.write(
        "returns",
        count,
        return_id=block.keys("B", block.places("returns", count)),
        order_id=block.keys("O", order),
        customer_id=block.keys("C", orders.who[order]),
        line=lines.line[chosen],
        product_id=to.words(PRODUCT_KEYS, lines.product[chosen]),
        returned_at=block.times(back),
        quantity=to.quantities(lines.quantity[chosen]),
        refund=to.money(lines.price[chosen] * lines.quantity[chosen]),
        refunded_at=block.times(refunded),
        currency="EUR",
        reason=to.words(REASONS, reason),
    )
    commit(block, "refund_14d", Given(back, back + 14, refunded, where, orders.who[order], order))


def subscribe(block: Block, people: People) -> Array:
    """Maintenance contracts, renewed every three months with the customer's own chance (sBG); who has one."""
    plan, clock, chance, count = block.plan, block.clock, block.chance("contracts"), len(people)
    start = clock.add_months(np.floor(people.first) + chance.integers(0, 30, count), np.zeros(count, np.int64))
    has_one = (chance.random(count) < plan.contracted) & (start < clock.days) & (start >= np.floor(people.first))
    uniform = ndtr(np.sqrt(0.75) * chance.standard_normal(count) - 0.5 * people.happiness)
    ends = np.clip(betaincinv(plan.contract_a, plan.contract_b, uniform), 1e-6, 1 - 1e-12)
    periods = np.minimum(np.ceil(chance.standard_exponential(count) / -np.log1p(-ends)), 400).astype(np.int64)
    who = np.flatnonzero(has_one)
    start, periods = start[who], np.maximum(periods[who], 1)
    end = clock.add_months(start, PERIOD_MONTHS * periods)
    places = block.places("contracts", len(who))
    is_over = end < clock.days
    reason = np.where(is_over, draw(chance, (0.45, 0.3, 0.25), len(who)), -1)
    block.write(
        "contracts",
        len(who),
        contract_id=block.keys("S", places),
        customer_id=block.keys("C", who),
        product_id=PRODUCT_KEYS[-1],
        started_on=to.days(clock.start, start),
        period_months=np.full(len(who), PERIOD_MONTHS),
        price=to.money(np.full(len(who), round(MAINTENANCE_PRICE * 100))),
        currency="EUR",
        ended_on=to.days(clock.start, np.where(is_over, end, np.nan)),
        end_reason=to.words(("not needed any more", "price", "unhappy"), reason),
    )
    _pay_contracts(block, chance, places, start, periods)
    return has_one


def _pay_contracts(block: Block, chance: np.random.Generator, places: Array, start: Array, periods: Array) -> None:
    clock = block.clock
    most = clock.days // 90 + 1
    begin = np.stack(
        [clock.add_months(start, np.full(len(start), PERIOD_MONTHS * period)) for period in range(most + 1)], axis=1
    )
    number = np.arange(most + 1)
    at_risk = (begin < clock.days) & (number >= 1) & (periods[:, None] >= number)
    block.tally.add("renewals", np.stack([at_risk.sum(0), (at_risk & (periods[:, None] > number)).sum(0)]))
    contract, period = np.nonzero((begin < clock.days) & (periods[:, None] > number))
    due = begin[contract, period] + 1 - 1 / to.SECONDS
    cents = np.full(len(due), round(MAINTENANCE_PRICE * 100))
    of = {"order": np.full(len(due), -1), "contract": places[contract]}
    _pay(block, chance, of, due, due - 0.6, cents)
