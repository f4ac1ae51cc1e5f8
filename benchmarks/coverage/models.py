"""Studies of the formulas of models and effects: customers, contracts and parcels drawn from the models themselves."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt

from benchmarks.coverage.samples import Array, around, holds
from saydo.errors import NoSpread
from saydo.stats.arrays import divide
from saydo.stats.chains import draw_counts, draw_means, draw_shares, find_ends
from saydo.stats.cuts import STANDARD, profile_cuts
from saydo.stats.effects import Arms, estimate_effect, saturate
from saydo.stats.estimates import Estimate, Sums, estimate_mean
from saydo.stats.lifetimes import MODELS, Fit, Histories, fit
from saydo.stats.spend import Spending, fit_spend
from saydo.stats.survival import Renewals, bound_renewals, fit_renewals

Pair = tuple[float, float]
Pairs = Iterator[Pair]
_DRAWS = 200  # as in the measure
_HORIZON = 365.0


def lifetimes(rng: np.random.Generator) -> Pairs:
    """The share still with us, then the purchases of the next year: expected with the fit, and with the truth."""
    mbg = MODELS["mbg_nbd"]
    for truth in ((1.4, 130.0, 1.2, 9.0), (0.8, 100.0, 0.8, 3.0)):
        held = []
        for _ in range(200):
            histories = _live(truth, rng.uniform(100, 1_000, 500), rng)
            found = fit(histories, mbg)
            known = Fit(np.array(truth), 0.0, found.covariance, found.is_bound, mbg, 0, 0)
            true = _add_up(known, histories)
            drawn = np.array([_add_up(one, histories) for one in found.drawn(_DRAWS, rng)])
            ours = np.quantile(drawn, [0.025, 0.975], axis=0)
            alone = Fit(found.parameters, 0.0, np.diag(np.diag(found.covariance)), found.is_bound, mbg, 0, 0)
            apart = np.array([_add_up(one, histories) for one in alone.drawn(_DRAWS, rng)])
            plain = np.quantile(apart, [0.025, 0.975], axis=0)
            held.append([holds((ends[0], ends[1]), true) for ends in (ours, plain)])
        for ours, plain in np.mean(held, axis=0).T:
            yield float(ours), float(plain)


def _add_up(model: Fit, histories: Histories) -> Array:
    alive = model.alive(histories) @ histories.count / histories.customers
    return np.array([alive, model.expected(histories, _HORIZON) @ histories.count])


def _live(truth: tuple[float, ...], age: Array, rng: np.random.Generator) -> Histories:
    """Customers of the MBG/NBD model, whole days: repeat purchases and the day of the last, up to their age."""
    r, alpha, a, b = truth
    age = np.floor(age)
    rate, lapse = rng.gamma(r, 1 / alpha, len(age)), rng.beta(a, b, len(age))
    repeats, last, now = np.zeros(len(age)), np.zeros(len(age)), np.zeros(len(age))
    is_on = rng.random(len(age)) >= lapse
    while is_on.any():
        now = np.where(is_on, now + rng.exponential(1 / rate), now)
        is_on &= now <= age
        repeats, last = repeats + is_on, np.where(is_on, now, last)
        is_on &= rng.random(len(age)) >= lapse
    rows, count = np.unique(np.stack([repeats, last, age]), axis=1, return_counts=True)
    return Histories.of(rows[0], rows[1], rows[2], count)


def spending(rng: np.random.Generator) -> Pairs:
    """The mean of the Gamma-Gamma model, and Student's of the customers' means."""
    for people, (p, q, v) in product((100, 300, 1_000), ((5.0, 4.0, 30.0), (6.25, 3.74, 15.44))):
        truth, held = p * v / (q - 1), []
        for _ in range(300):
            x = 1.0 + rng.poisson(2.0, people)
            m = rng.gamma(p * x, 1 / (x * rng.gamma(q, 1 / v, people)))
            plain = estimate_mean(Sums(float(people), m.sum(), (m**2).sum())).interval()
            ours = _mean_spend(Spending.of_customers(x, m)) or plain
            held.append([bool(holds(one, truth)) for one in (ours, plain)])
        ours_held, plain_held = np.mean(held, axis=0)
        yield float(ours_held), float(plain_held)


def _mean_spend(spending: Spending) -> tuple[Array, Array] | None:
    """Null where customers differ by no more than chance: then the measure takes Student's interval too."""
    try:
        low, high = fit_spend(spending).mean_interval()
    except NoSpread:
        return None
    return np.asarray(low), np.asarray(high)


def cut_points(rng: np.random.Generator) -> Pairs:
    """Whether the credible set holds the true pair, and whether the best pair is it."""
    shares = (0.02, 0.01, 0.01, 0.02, 0.02, 0.05, 0.07, 0.15, 0.25, 0.20, 0.20)
    for answers, gap in product((300, 1_000, 5_000), (0.05, 0.15)):
        rates = np.array([0.55 - gap] * 7 + [0.55] * 2 + [0.55 + gap] * 2)
        held = []
        for _ in range(1_000):
            n = rng.multinomial(answers, shares)
            profile = profile_cuts(n, rng.binomial(n, rates))
            held.append([profile.is_in_set[STANDARD], profile.best == STANDARD])
        ours, best = np.mean(held, axis=0)
        yield float(ours), float(best)


def renewals(rng: np.random.Generator) -> Pairs:
    """The discounted periods of a new contract, contracts of all ages."""
    for contracts, (a, b) in product((100, 300, 1_000), ((1.0, 8.0), (0.7, 2.0), (3.0, 12.0))):
        truth, held = Renewals(a, b, 0.0, np.eye(2)).expected_periods(0.025), []
        for _ in range(250):
            counts = _renew(a, b, contracts, rng)
            model = fit_renewals(*counts)
            if model is not None:
                held.append([holds(ends, truth) for ends in (_profile(model, *counts), _delta(model))])
        ours, plain = np.mean(held, axis=0)
        yield float(ours), float(plain)


def _renew(a: float, b: float, contracts: int, rng: np.random.Generator) -> tuple[Array, Array]:
    life = rng.geometric(np.maximum(rng.beta(a, b, contracts), 1e-9))
    seen, n = rng.integers(0, 12, contracts), np.arange(1, 12)[:, None]
    met = (life >= n) & (seen >= n)
    return (met & (life == n)).sum(1), (met & (life > n)).sum(1)


def _profile(model: Renewals, lost: Array, renewed: Array) -> tuple[Array, Array]:
    edge = [
        Renewals(float(a), float(b), 0.0, np.eye(2)) for a, b in zip(*bound_renewals(model, lost, renewed), strict=True)
    ]
    values = [one.expected_periods(0.025) for one in (model, *edge)]
    return np.array(min(values)), np.array(max(values))


def _delta(model: Renewals) -> tuple[Array, Array]:
    """The textbook's: the error of the logarithm."""
    steps = np.eye(2) * 1e-4
    ends = [
        (model.shifted(step).expected_periods(0.025), model.shifted(-step).expected_periods(0.025)) for step in steps
    ]
    slope = np.array([np.log(up / down) / 2e-4 for up, down in ends])
    half = 1.96 * np.sqrt(max(float(slope @ model.covariance @ slope), 0.0))
    value = np.log(model.expected_periods(0.025))
    return np.exp(value - half), np.exp(value + half)


def effects(rng: np.random.Generator) -> Pairs:
    """Parcels in six cells of distance and size: the effect on all, then on those hit; and the plain difference."""
    cells = np.outer([0.5, 0.3, 0.2], [0.6, 0.4]).ravel()
    zone, size = (place.ravel() for place in np.indices((3, 2)))
    late, if_kept = 0.05 + 0.15 * zone + 0.10 * size, 0.60 - 0.08 * zone + 0.15 * size
    for parcels, harm in product((1_000, 5_000, 20_000), (0.0, 0.10)):
        change = -(harm + 0.05 * size * (harm > 0))
        truths = [float(weight @ change / weight.sum()) for weight in (cells, cells * late)]
        held = []
        for _ in range(1_000):
            arms = _deliver(rng, rng.multinomial(parcels, cells), late, np.stack([if_kept, if_kept + change]))
            found = estimate_effect(arms, saturate(arms))
            plain = around(_naive(arms))
            held.append(
                [
                    [holds(around(one), truth), holds(plain, truth)]
                    for one, truth in zip((found.on_all, found.on_hit), truths, strict=True)
                ]
            )
        for ours, naive in np.mean(held, axis=0):
            yield float(ours), float(naive)


def _deliver(rng: np.random.Generator, seen: npt.NDArray[np.int64], late: Array, rates: Array) -> Arms:
    hit = rng.binomial(seen, late)
    counts = np.stack([seen - hit, hit])
    yes = rng.binomial(counts, rates).astype(float)
    return Arms(counts.astype(float), yes, yes)


def _naive(arms: Arms) -> Estimate:
    n, mean = arms.n.sum(1), divide(arms.total.sum(1), arms.n.sum(1))
    return Estimate(np.asarray(mean[1] - mean[0]), np.sqrt((mean * (1 - mean) / n).sum()), np.asarray(np.inf))


def chains(rng: np.random.Generator) -> Pairs:
    """What broken promises cost in a quarter: count x share x loss; the textbook adds up the relative errors."""
    for due, share, loss in product((20.0, 100.0), (0.05, 0.2), (10.0, 30.0)):
        truth, held = due * share * loss, []
        for _ in range(500):
            counts = rng.poisson(due, (1, 4))
            whole = counts.sum()
            broken = rng.binomial(whole, share)
            seen = rng.normal(loss, 40.0, max(10, broken))
            each = Estimate(
                np.array([seen.mean()]), np.array([seen.std(ddof=1) / np.sqrt(len(seen))]), np.array([len(seen) - 1.0])
            )
            rate = np.array([broken / whole])
            ours = find_ends(draw_counts(counts, rng) * draw_shares(rate, [whole], rng) * draw_means(each, rng))
            parts = (
                counts.mean() / 4 / counts.mean() ** 2 + divide((1 - rate) / whole, rate) + (each.se / each.value) ** 2
            )
            cost = counts.mean() * rate * each.value
            half = 1.96 * np.abs(cost) * np.sqrt(parts)
            held.append([holds(ends, truth)[0] for ends in (ours, (cost - half, cost + half))])
        ours_held, plain_held = np.mean(held, axis=0)
        yield float(ours_held), float(plain_held)
