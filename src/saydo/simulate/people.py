"""Who the customers are: segment, place, happiness, how often they buy, how soon they lapse, and who brought them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, ndtr

from saydo.simulate import columns as to
from saydo.simulate.block import Block, draw
from saydo.simulate.catalogue import CHANNELS, LANGUAGE_SHARES, LANGUAGES, REGIONS, TAX_RATES
from saydo.simulate.clock import in_daytime
from saydo.simulate.columns import Array

CHANNEL_NAMES = tuple(CHANNELS)
RECOMMENDED = CHANNEL_NAMES.index("recommendation")
WALK_IN = CHANNEL_NAMES.index("walk in")


@dataclass(frozen=True)
class People:
    """Columns of one block's customers, sorted by their first order. Codes point into the plan's lists."""

    first: Array  # time of the first order
    segment: Array
    shop: Array
    distance: Array  # delivery zone 0, 1, 2
    language: Array
    account: Array  # number of the firm; -1 for persons
    happiness: Array  # standard normal
    rate: Array  # orders per day of elapsed time while active
    lapse: Array  # chance to stop after an order
    channel: Array
    referrer: Array  # place in the block; -1 for nobody
    tax: Array
    region: Array
    is_held_out: Array  # never asked anything

    def __len__(self) -> int:
        return len(self.first)


def meet_people(block: Block, count: int) -> People:
    """Draw customers: segment, shop, distance, rate and arrival are independent, happiness moves the lapse only."""
    plan, clock, chance = block.plan, block.clock, block.chance("people")
    first = clock.calendar(np.sort(chance.random(count) ** 1.25) * clock.elapsed(np.array(float(clock.days))))
    segment = draw(chance, [segment.share for segment in plan.segments], count)
    shop = draw(chance, [shop.share for shop in plan.shops], count)
    account = _join_firms(block, np.array([s.kind == "firm" for s in plan.segments])[segment])
    happiness = _tie_accounts(block, account)
    channel = draw(chance, [share for share, _, _ in CHANNELS.values()], count)
    channel[:1] = WALK_IN  # nobody can have brought the first one
    referrer = np.where(channel == RECOMMENDED, _find_referrers(chance, np.arange(count), happiness), -1)
    rank = plan.happiness_on_lapse
    uniform = ndtr(np.sqrt(1 - rank**2) * chance.standard_normal(count) - rank * happiness)
    lapse = betaincinv(plan.a, plan.b, uniform) * np.where(referrer >= 0, plan.referred_lapse, 1.0)
    return People(
        first=first,
        segment=segment,
        shop=shop,
        distance=draw(chance, plan.distances, count),
        language=_speak(block, shop),
        account=account,
        happiness=happiness,
        rate=chance.gamma(plan.r, 1 / plan.alpha, count),
        lapse=lapse,
        channel=channel,
        referrer=referrer,
        region=shop * 3 + draw(chance, (0.6, 0.25, 0.15), count),
        is_held_out=chance.random(count) < plan.never_asked,
        tax=np.array([TAX_RATES.get(shop.country, 0.2) for shop in plan.shops])[shop],
    )


def region_names(block: Block) -> list[str]:
    """Three regions for each shop."""
    return [name for shop in block.plan.shops for name in REGIONS.get(shop.country, (shop.country,) * 3)]


def _join_firms(block: Block, is_firm: Array) -> Array:
    chance = block.chance("accounts")
    firms = max(1, int(is_firm.sum() / 2.5))
    return np.where(is_firm, chance.integers(0, firms, len(is_firm)), -1)


def _tie_accounts(block: Block, account: Array) -> Array:
    """Standard normal happiness, correlated inside a firm."""
    chance, tie = block.chance("happiness"), block.plan.account_tie
    own = chance.standard_normal(len(account))
    shared = chance.standard_normal(int(account.max(initial=0)) + 1)[account]
    return np.where(account >= 0, np.sqrt(1 - tie) * own + np.sqrt(tie) * shared, own)


def _find_referrers(chance: np.random.Generator, position: Array, happiness: Array) -> Array:
    """Somebody who came earlier: the happier one of two, because happy customers bring others."""
    two = (chance.random((len(position), 2)) * position[:, None]).astype(np.int64)
    return np.where(happiness[two[:, 0]] >= happiness[two[:, 1]], two[:, 0], two[:, 1])


def _speak(block: Block, shop: Array) -> Array:
    chance = block.chance("language")
    shares = np.array([LANGUAGE_SHARES.get(shop.country, (0.0, 1.0, 0.0)) for shop in block.plan.shops])
    return (chance.random(len(shop))[:, None] > np.cumsum(shares, axis=1)[shop][:, :-1]).sum(axis=1)


def write_people(block: Block, people: People, left: Array) -> None:
    """Write customers, who brought whom, and what each cost; ``left`` is NaN for those who did not say goodbye."""
    plan, chance, count = block.plan, block.chance("profile"), len(people)
    countries = [shop.country for shop in plan.shops]
    cost = _acquisition_cost(chance, people.channel)
    is_earned = np.array([earned for _, _, earned in CHANNELS.values()])
    known = np.floor(people.first) - np.where(chance.random(count) < 0.5, 0, chance.integers(1, 15, count))
    block.write(
        "customers",
        count,
        customer_id=block.keys("C", np.arange(count)),
        account_id=block.keys("A", people.account),
        first_seen_at=block.times(np.maximum(known, 0.0)),
        left_at=block.times(left),
        kind=to.words([segment.kind for segment in plan.segments], people.segment),
        country=to.words(countries, people.shop),
        region=to.words(region_names(block), people.region),
        language=to.words(LANGUAGES, people.language),
        segment=to.words([segment.name for segment in plan.segments], people.segment),
        acquired_via=to.words(CHANNEL_NAMES, people.channel),
        acquisition_cost=to.money(cost),
        is_earned=is_earned[people.channel],
        currency="EUR",
        x_distance=people.distance.astype(float),
        x_shop=to.words([shop.name for shop in plan.shops], people.shop),
    )
    _write_referrals(block, people)
    months = len(block.clock.months)
    spent = np.bincount(people.channel * months + block.clock.month(people.first), cost, len(CHANNELS) * months)
    block.tally.add("acquisition_cents", spent.reshape(len(CHANNELS), months))
    block.tally.add("acquired", np.bincount(people.channel, minlength=len(CHANNELS)))


def _acquisition_cost(chance: np.random.Generator, channel: Array) -> Array:
    """Cents: spread around the channel's mean; the reward of a recommendation is always the same."""
    means = np.array([cost for _, cost, _ in CHANNELS.values()])[channel]
    spread = np.where(channel == RECOMMENDED, 1.0, chance.gamma(4.0, 0.25, len(channel)))
    return np.rint(means * spread * 100).astype(np.int64)


def _write_referrals(block: Block, people: People) -> None:
    """The recommendations that worked, and half as many that did not."""
    chance = block.chance("referrals")
    referred = np.flatnonzero(people.referrer >= 0)
    referrer = people.referrer[referred]
    told = np.maximum(people.first[referred] - chance.uniform(0.5, 20, len(referred)), people.first[referrer])
    misses = _find_referrers(chance, np.full(len(referred) // 2, len(people)), people.happiness)
    missed = people.first[misses] + chance.random(len(misses)) * (block.clock.days - people.first[misses])
    who, whom = np.concatenate([referrer, misses]), np.concatenate([referred, np.full(len(misses), -1)])
    block.write(
        "referrals",
        len(who),
        referral_id=block.keys("R", block.places("referrals", len(who))),
        referrer_id=block.keys("C", who),
        referred_id=block.keys("C", whom),
        referred_at=block.times(in_daytime(np.concatenate([told, missed]))),
        converted_at=block.times(in_daytime(np.concatenate([people.first[referred], np.full(len(misses), np.nan)]))),
    )
    block.tally.add("referrals", [len(referred), len(misses)])
