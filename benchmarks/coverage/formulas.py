"""The formulas of `saydo.stats` alone, on samples drawn for the purpose: the figures that their docstrings quote.

A study yields, for each of its settings, how often the interval held the truth and how often the textbook's did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import binom

from benchmarks.coverage import models
from benchmarks.coverage.samples import (
    SHARES,
    Array,
    around,
    draw_alike,
    draw_moves,
    draw_sizes,
    holds,
    list_outcomes,
    of_classes,
    sum_clusters,
    tilt,
    weigh_outcomes,
)
from saydo.measures._clusters import rate_interval, share_interval
from saydo.stats import changes, intervals, shrinkage, weighting
from saydo.stats.estimates import Estimate, Sums, estimate_mean
from saydo.stats.ratios import ClusterSums, effective_answers, estimate_ratio

Pair = tuple[float, float]  # coverage of our interval and of the textbook's
SEED = 20_261_122
ORDINARY = (SHARES[0], SHARES[1], SHARES[3])
Z = float(ndtri(0.975))


@dataclass(frozen=True)
class Study:
    """A formula, what was drawn, what the textbook's interval is; and the settings' coverage."""

    formula: str
    drawn: str
    textbook: str
    run: Callable[[np.random.Generator], Iterator[Pair]]


def run_study(place: int) -> list[Pair]:
    """The coverage in each setting of a study, always the same."""
    return list(STUDIES[place].run(np.random.default_rng(SEED)))


# --- several answers per customer, and weights


def _judge_score(sums: ClusterSums, up: Array, down: Array, n: Array, truth: float) -> Pair:
    mean = estimate_ratio(sums)
    effective = effective_answers(mean.se, up + down - (up - down) ** 2, n, sums.effective_clusters)
    ours = intervals.nps_interval_effective(up, down, effective, mean.df)
    plain = around(mean, float(sums.clusters[0]) - 1)
    return float(holds(ours, 100 * truth).mean()), float(holds(plain, truth).mean())


def _score_of_clusters(sigma: float) -> Callable[[np.random.Generator], Iterator[Pair]]:
    def run(rng: np.random.Generator) -> Iterator[Pair]:
        for tie, clusters, shares in product((0.0, 0.1, 0.3), (30, 100, 300), ORDINARY):
            size = draw_sizes(rng, clusters, sigma, 4_000)
            counts = draw_alike(rng, size, shares, tie)
            up, down, n = counts[..., 2].sum(1), counts[..., 0].sum(1), size.sum(1)
            sums = sum_clusters((counts[..., 2] - counts[..., 0]).astype(float), size.astype(float))
            yield _judge_score(sums, up / n, down / n, n, shares[2] - shares[0])

    return run


def _score_weighted(sigmas: Sequence[float]) -> Callable[[np.random.Generator], Iterator[Pair]]:
    def run(rng: np.random.Generator) -> Iterator[Pair]:
        for sigma, link, people, shares in product(sigmas, (0.0, 0.3), (30, 100, 300), ORDINARY):
            low, high = ndtri(shares[0]), ndtri(shares[0] + shares[1])
            log_weight = rng.normal(size=(4_000, people))
            latent = link * log_weight + np.sqrt(1 - link**2) * rng.normal(size=log_weight.shape)
            weight, mass = np.exp(sigma * log_weight), np.exp(sigma * log_weight).sum(1)
            up, down = latent >= high, latent < low
            truth = 1 - ndtr(high - link * sigma) - ndtr(low - link * sigma)
            up_share, down_share = ((weight * one).sum(1) / mass for one in (up, down))
            sums = sum_clusters(weight * (up.astype(float) - down), weight)
            yield _judge_score(sums, up_share, down_share, np.full(4_000, float(people)), float(truth))

    return run


def _mean_of_clusters(rng: np.random.Generator) -> Iterator[Pair]:
    for _ in range(5):
        weight = np.exp(1.5 * rng.normal(size=(4_000, 30)))
        mean = estimate_ratio(sum_clusters(weight * rng.normal(size=weight.shape), weight))
        yield float(holds(mean.interval(), 0.0).mean()), float(holds(around(mean, 29), 0.0).mean())


def _share_of_clusters(rng: np.random.Generator) -> Iterator[Pair]:
    for sigma, tie, clusters, share in product((1.0, 1.5), (0.0, 0.1, 0.3), (30, 100, 300), (0.5, 0.8, 0.95, 0.98)):
        size = draw_sizes(rng, clusters, sigma, 3_000)
        sums = sum_clusters(draw_alike(rng, size, (1 - share, share), tie)[..., 1].astype(float), size.astype(float))
        ratio, n = estimate_ratio(sums), size.sum(1)
        effective = effective_answers(ratio.se, ratio.value * (1 - ratio.value), n, sums.effective_clusters)
        ours = intervals.wilson(ratio.value * effective, effective, df=ratio.df)
        yield float(holds(ours, share).mean()), float(holds(around(ratio), share).mean())


def _share_of_rows(tie: float) -> Callable[[np.random.Generator], Iterator[Pair]]:
    def run(rng: np.random.Generator) -> Iterator[Pair]:
        for clusters, share in product((10, 30, 100, 300), (0.5, 0.8, 0.95, 0.99)):
            size = draw_sizes(rng, clusters, 1.0, 4_000)
            kept = draw_alike(rng, size, (1 - share, share), tie)[..., 1]
            sums = sum_clusters(kept.astype(float), size.astype(float))
            plain = intervals.wilson(kept.sum(1), size.sum(1))
            yield float(holds(share_interval(sums)[1:], share).mean()), float(holds(plain, share).mean())

    return run


def _share_of_money(rng: np.random.Generator) -> Iterator[Pair]:
    for sigma, people, share in product((0.5, 1.0, 1.5), (30, 100, 500, 2_000), (0.03, 0.1, 0.3)):
        weight = np.exp(sigma * rng.normal(size=(3_000, people)))
        sums = sum_clusters(weight * (rng.random(weight.shape) < share), weight)
        equal = weight.sum(1) ** 2 / (weight**2).sum(1)
        ours, without = share_interval(sums, equal), share_interval(sums)
        yield float(holds(ours[1:], share).mean()), float(holds(without[1:], share).mean())


def _rates(rng: np.random.Generator) -> Iterator[Pair]:
    """Contacts per order, then their cost; customers differ by a gamma factor (shape), or not at all."""
    for people, rate, shape in product((8, 30, 100, 1_000), (0.05, 0.2, 0.5), (0.5, 2.0, np.inf)):
        orders = 1 + rng.poisson(1.3, (2_000, people))
        factor = rng.gamma(shape, 1 / shape, orders.shape) if np.isfinite(shape) else 1.0
        contacts = rng.poisson(rate * orders * factor)
        cost = rng.gamma(4.0 * np.maximum(contacts, 1e-9), 0.25)
        for sums, events in (
            (sum_clusters(contacts * 1.0, orders * 1.0), None),
            (sum_clusters(cost, orders * 1.0), contacts.sum(1)),
        ):
            _, low, high = rate_interval(sums, events)
            known, plain = ~np.isnan(low), estimate_ratio(sums).interval()
            yield float(holds((low, high), rate)[known].mean()), float(holds(plain, rate)[known].mean())


# --- weighting back


def _judge_weighted(found: weighting.WeightedMean, plain_se: Array, truth: float) -> Pair:
    square = found.variance + found.value**2
    up, down = (square + found.value) / 2, (square - found.value) / 2
    ours = intervals.nps_interval_effective(up, down, found.n_effective, found.df)
    known, plain = ~np.isnan(found.se), Estimate(found.value, plain_se, found.df)
    return float(holds(ours, 100 * truth)[known].mean()), float(holds(around(plain), truth)[known].mean())


def _post_stratified(rng: np.random.Generator) -> Iterator[Pair]:
    for (cells, n), shares in product(((4, 20), (4, 40), (10, 50), (10, 100), (20, 60), (20, 200)), ORDINARY):
        population = rng.dirichlet(np.full(cells, 3.0))
        asked = population * np.exp(rng.normal(0, 0.7, cells))
        chances = tilt(shares, rng.normal(0, 0.3, cells))
        truth = float(population @ (chances[:, 2] - chances[:, 0]))
        answers = rng.multinomial(n, asked / asked.sum(), size=6_000)
        counts = rng.multinomial(answers, np.broadcast_to(chances, (6_000, cells, 3)))
        found = weighting.post_stratify(of_classes(counts), population)
        weight = np.where(answers > 0, population / np.maximum(answers, 1), 0)
        plain = np.sqrt(n / (n - 1) * (weight**2 * found.residual_squares).sum(1)) / found.covered
        yield _judge_weighted(found, plain, truth)


def _raked(rng: np.random.Generator) -> Iterator[Pair]:
    margins = (((2, 2), 20), ((4, 3), 40), ((4, 3, 3), 60), ((4, 3, 3), 150), ((6, 5), 60), ((6, 5, 4), 400))
    for (sizes, n), shares in product(margins, ORDINARY):
        levels = np.array(list(product(*map(range, sizes))))
        population = rng.dirichlet(np.full(len(levels), 1.5))
        drift, shift = (
            sum(rng.normal(0, spread, size)[levels[:, place]] for place, size in enumerate(sizes))
            for spread in (0.5, 0.3)
        )
        asked, chances = population * np.exp(drift), tilt(shares, np.asarray(shift))
        truth = float(population @ (chances[:, 2] - chances[:, 0]))
        targets = [np.bincount(level, population) for level in levels.T]
        judged = []
        for _ in range(800):
            counts = rng.multinomial(rng.multinomial(n, asked / asked.sum()), chances).astype(float)
            raking = weighting.rake(counts.sum(1), levels, targets)
            if raking.covered.min() == 1 and raking.gap < 1e-6:
                found = weighting.estimate_raked(of_classes(counts), raking, levels)
                plain = np.sqrt(n / (n - 1) * (raking.weights**2 * found.residual_squares).sum())
                judged.append(_judge_weighted(found, plain, truth))
        ours, textbook = np.mean(judged, axis=0)
        yield float(ours), float(textbook)


def _shrunk(rng: np.random.Generator) -> Iterator[Pair]:
    for groups, spread in product((3, 5, 10, 30, 200), (0.0, 0.05, 0.12, 0.25)):
        held = []
        for _ in range(20_000 // groups):
            truth = np.clip(rng.normal(0.3, spread, groups), -0.6, 0.6)
            chances = np.stack([(0.65 - truth) / 2, np.full(groups, 0.35), (0.65 + truth) / 2], 1)
            sums = of_classes(rng.multinomial(rng.integers(5, 60, groups), chances))
            variances = shrinkage.pool_variance(sums) / sums.n
            _, low, high = shrinkage.shrink(sums.mean, variances)
            held.append([holds(one, truth).mean() for one in ((low, high), _empirical_bayes(sums.mean, variances))])
        ours, textbook = np.mean(held, axis=0)
        yield float(ours), float(textbook)


def _empirical_bayes(estimates: Array, variances: Array) -> tuple[Array, Array]:
    """As if the variance between groups were what DerSimonian and Laird estimate."""
    between = shrinkage.compare_groups(estimates, variances)
    pull = variances / (variances + between.variance)
    half = Z * np.sqrt(variances * (1 - pull) + (pull * between.se) ** 2)
    value = pull * between.mean + (1 - pull) * estimates
    return value - half, value + half


# --- means and changes

_SCORES = (
    (range(1, 6), (0.02, 0.03, 0.05, 0.20, 0.70)),
    (range(1, 6), (0.10, 0.10, 0.20, 0.30, 0.30)),
    (range(1, 6), (0.01, 0.01, 0.02, 0.06, 0.90)),
    (range(1, 6), (0.05, 0.00, 0.00, 0.05, 0.90)),
    (range(11), (0.02, 0.01, 0.01, 0.02, 0.02, 0.05, 0.07, 0.15, 0.25, 0.20, 0.20)),
    (range(2), (0.1, 0.9)),
    (range(2), (0.02, 0.98)),
)


def _mean_scores(*sizes: int) -> Callable[[np.random.Generator], Iterator[Pair]]:
    def run(rng: np.random.Generator) -> Iterator[Pair]:
        for n, (scores, shares) in product(sizes, _SCORES):
            values = np.array(scores, dtype=float)
            counts, truth = rng.multinomial(n, shares, size=20_000), float(values @ shares)
            sums = Sums(n, counts @ values, counts @ values**2)
            ours = intervals.mean_score_interval(sums, (values[0], values[-1]))
            yield float(holds(ours, truth).mean()), float(holds(estimate_mean(sums).interval(), truth).mean())

    return run


def _changes_of_scores(rng: np.random.Generator) -> Iterator[Pair]:
    for sizes in ((10, 10), (10, 30), (30, 30), (10, 100)):
        before, after = list_outcomes(sizes[0])[:, None, :], list_outcomes(sizes[1])[None, :, :]
        sums = of_classes(before), of_classes(after)
        change = changes.compare_means(*sums, scale=intervals.NPS_SCALE)
        half = Z * np.sqrt(sums[0].variance / sums[0].n + sums[1].variance / sums[1].n)
        plain = change.difference - half, change.difference + half
        for old, new in product(SHARES, repeat=2):
            chance = weigh_outcomes(before, sizes[0], old) * weigh_outcomes(after, sizes[1], new)
            truth = new[2] - new[0] - old[2] + old[0]
            ours = float(chance[holds((change.low, change.high), truth)].sum())
            yield ours, float(chance[holds(plain, truth)].sum())


def _changes_of_shares(rng: np.random.Generator) -> Iterator[Pair]:
    for n, m in ((5, 5), (10, 10), (10, 30), (30, 30), (10, 100), (100, 100)):
        x, y = np.arange(n + 1)[:, None], np.arange(m + 1)[None, :]
        change = changes.compare_shares((x, n), (y, m))
        half = Z * np.sqrt(x / n * (1 - x / n) / n + y / m * (1 - y / m) / m)
        plain = change.difference - half, change.difference + half
        for old, new in product((0.02, 0.05, 0.1, 0.3, 0.5, 0.8, 0.95, 0.98), repeat=2):
            chance = binom.pmf(x, n, old) * binom.pmf(y, m, new)
            ours = float(chance[holds((change.low, change.high), new - old)].sum())
            yield ours, float(chance[holds(plain, new - old)].sum())


def _panels(n: int) -> Callable[[np.random.Generator], Iterator[Pair]]:
    moves = (changes.STEPS[None, :] - changes.STEPS[:, None]).ravel()

    def run(rng: np.random.Generator) -> Iterator[Pair]:
        for old, new, tie in product(SHARES[:4], SHARES[:4], (0.0, 0.5, 0.8, 0.95)):
            chances = draw_moves(rng, old, new, tie)
            people, truth = rng.multinomial(n, chances, size=20_000), 100 * float(chances @ moves)
            change = changes.compare_panel(people.reshape(-1, 3, 3))
            student = estimate_mean(Sums(n, people @ (100.0 * moves), people @ (100.0 * moves) ** 2)).interval()
            yield float(holds((change.low, change.high), truth).mean()), float(holds(student, truth).mean())

    return run


def _overlapping(rng: np.random.Generator) -> Iterator[Pair]:
    """Half or all of the people of two groups of equal size are in both; the textbook takes the groups as different."""
    for n, part, tie, (old, new) in product(
        (6, 10, 30, 100),
        (0.5, 1.0),
        (0.0, 0.5, 0.8, 0.97),
        ((SHARES[0], SHARES[0]), (SHARES[1], SHARES[0]), SHARES[2:4]),
    ):
        both = round(part * n)
        chances = draw_moves(rng, old, new, tie)
        truth = float(chances @ (changes.STEPS[None, :] - changes.STEPS[:, None]).ravel())
        people = rng.multinomial(both, chances, size=20_000).reshape(-1, 3, 3)
        before, after = (
            people.sum(axis=axis) + rng.multinomial(n - both, people_of, size=20_000)
            for axis, people_of in ((2, chances.reshape(3, 3).sum(1)), (1, chances.reshape(3, 3).sum(0)))
        )
        sums = of_classes(before), of_classes(after)
        steps = [changes.STEPS[None, :] - one.mean[:, None] for one in sums]
        shared = np.einsum("sij,si,sj->s", people, *steps) / n**2
        paired, apart = (
            changes.compare_means(*sums, scale=intervals.NPS_SCALE, covariance=covariance)
            for covariance in (shared, np.zeros(1))
        )
        yield (
            float(holds((paired.low, paired.high), truth).mean()),
            float(holds((apart.low, apart.high), truth).mean()),
        )


_UNEQUAL = "30, 100, 300 customers with log-normal numbers of answers"
_PLAIN_T = "value -+ t se"
STUDIES = (
    Study("nps_interval_effective", f"{_UNEQUAL} (sigma 1), alike by 0 to .3", _PLAIN_T, _score_of_clusters(1.0)),
    Study("nps_interval_effective", f"{_UNEQUAL} (sigma 1.5), alike by 0 to .3", _PLAIN_T, _score_of_clusters(1.5)),
    Study(
        "nps_interval_effective",
        "30, 100, 300 answers with log-normal weights (sigma .5, 1), tied to the answer by 0 or .3",
        _PLAIN_T,
        _score_weighted((0.5, 1.0)),
    ),
    Study("nps_interval_effective", "the same with sigma 1.5", _PLAIN_T, _score_weighted((1.5,))),
    Study("estimate_ratio", "30 log-normal weights (sigma 1.5), normal values", "29 degrees", _mean_of_clusters),
    Study(
        "wilson, effective n",
        f"{_UNEQUAL} (sigma 1, 1.5), alike by 0 to .3, shares .5 to .98",
        "value -+ 1.96 se",
        _share_of_clusters,
    ),
    Study(
        "share_interval",
        "10 to 300 customers with log-normal numbers of rows (sigma 1), alike by .1, shares .5 to .99",
        "Wilson on the number of rows",
        _share_of_rows(0.1),
    ),
    Study("share_interval", "the same, alike by .5", "Wilson on the number of rows", _share_of_rows(0.5)),
    Study(
        "share_interval",
        "30 to 2,000 amounts (log-normal, sigma .5 to 1.5), shares .03 to .3",
        "without Kish's number of rows",
        _share_of_money,
    ),
    Study(
        "rate_interval",
        "8 to 1,000 customers, .05 to .5 contacts per order and their cost; customers alike or not (gamma shape .5, 2)",
        "Student",
        _rates,
    ),
    Study("post_stratify", "4 to 20 cells, 20 to 200 answers", "R's survey, 1.96 se", _post_stratified),
    Study("estimate_raked", "2 or 3 margins, 20 to 400 answers", "R's survey, 1.96 se", _raked),
    Study(
        "shrink",
        "3 to 200 groups of 5 to 59 answers that differ by 0 to 25 points",
        "as if DerSimonian and Laird's variance were true",
        _shrunk,
    ),
    Study(
        "mean_score_interval", "5, 10, 30, 100 answers, seven distributions", "Student", _mean_scores(5, 10, 30, 100)
    ),
    Study("mean_score_interval", "2 or 3 answers, seven distributions", "Student", _mean_scores(2, 3)),
    Study(
        "compare_means, compare_nps", "exact: 10 to 100 answers, 25 pairs of shares", "plain errors", _changes_of_scores
    ),
    Study("compare_shares", "exact: 5 to 100 answers, shares .02 to .98", "plain errors", _changes_of_shares),
    *(Study("compare_panel", f"{n} people, 64 pairs of shares and ties", "Student", _panels(n)) for n in (5, 10, 30)),
    Study(
        "compare_means, covariance",
        "6 to 100 people, half or all of them in both groups, answers tied by 0 to .97",
        "as if they were different people",
        _overlapping,
    ),
    Study(
        "lifetimes.fit",
        "500 customers of the MBG/NBD, seen for 100 to 1,000 days: share still with us, purchases of the next year",
        "as if the parameters' errors were independent",
        models.lifetimes,
    ),
    Study(
        "fit_spend", "100 to 1,000 customers of the Gamma-Gamma: mean", "Student on customers' means", models.spending
    ),
    Study("bound_renewals", "100 to 1,000 contracts of up to 11 renewals", "error of the logarithm", models.renewals),
    Study(
        "profile_cuts",
        "300 to 5,000 answers, three groups that differ by 5 or 15 points: is the true pair in the set?",
        "the best pair alone",
        models.cut_points,
    ),
    Study(
        "estimate_effect",
        "1,000 to 20,000 parcels in six cells that confound, with an effect or none: on all, on those hit",
        "plain difference",
        models.effects,
    ),
    Study(
        "draw_counts, draw_shares, draw_means",
        "costs of broken promises in a quarter",
        "relative errors",
        models.chains,
    ),
)
