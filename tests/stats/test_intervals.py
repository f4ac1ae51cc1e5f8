"""Intervals against published tables, exact enumeration, and plain searches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from saydo.stats import intervals
from saydo.stats.estimates import Sums
from saydo.stats.ratios import ClusterSums, effective_answers, estimate_ratio
from saydo.stats.trials import binomial_p, exact_coverage

OF_THE_SCORE = ["wald", "adjusted_wald", "bonett_price", "goodman", "score", "may_johnson"]
# Detractors, passives, promoters; from R, the score rows also from Rocks' own routine.
FIXED_POINTS = {
    (1, 4, 5): [(-1.11, 81.11), (-6.98, 68.52), (-8.84, 75.51), (-11.34, 91.34), (-8.73, 72.01), (-7.77, 65.56)],
    (10, 40, 50): [(27.00, 53.00), (25.93, 51.74), (26.14, 52.29), (23.76, 56.24), (26.13, 52.15), (25.68, 51.36)],
}
Interval = Callable[..., tuple[Any, Any]]


def find(name: str) -> Interval:
    found: Interval = getattr(intervals, name)
    return found


@pytest.mark.parametrize("counts", FIXED_POINTS)
@pytest.mark.parametrize("name", OF_THE_SCORE)
def test_score_intervals_match_r_and_rocks_2016(name: str, counts: tuple[int, int, int]) -> None:
    expected = FIXED_POINTS[counts][OF_THE_SCORE.index(name)]
    np.testing.assert_allclose(find(name)(*counts[::-1]), expected, atol=0.00501)


# Coverage and mean length / 100 of 10, 30 and 100 answers, by exact enumeration in an independent program.
COVERAGE = {
    (0.10, 0.40, 0.50): [(0.868, 0.928, 0.944), (0.948, 0.952, 0.950), (0.964, 0.951, 0.951)],
    (0.25, 0.35, 0.40): [(0.901, 0.938, 0.946), (0.951, 0.950, 0.949), (0.954, 0.950, 0.950)],
    (0.40, 0.30, 0.30): [(0.900, 0.935, 0.946), (0.948, 0.942, 0.948), (0.948, 0.953, 0.950)],
    (0.05, 0.15, 0.80): [(0.884, 0.916, 0.935), (0.944, 0.963, 0.954), (0.969, 0.965, 0.948)],
    (0.02, 0.08, 0.90): [(0.649, 0.841, 0.930), (0.930, 0.958, 0.962), (0.959, 0.961, 0.956)],
}
LENGTH = {
    (0.10, 0.40, 0.50): [(0.759, 0.464, 0.258), (0.729, 0.454, 0.256)],
    (0.25, 0.35, 0.40): [(0.919, 0.556, 0.309), (0.812, 0.527, 0.304)],
    (0.40, 0.30, 0.30): [(0.966, 0.583, 0.324), (0.843, 0.551, 0.318)],
    (0.05, 0.15, 0.80): [(0.516, 0.365, 0.208), (0.690, 0.397, 0.213)],
    (0.02, 0.08, 0.90): [(0.289, 0.235, 0.146), (0.621, 0.326, 0.161)],
}


@pytest.mark.parametrize("shares", COVERAGE)
def test_score_intervals_hold_the_truth_as_often_as_the_table_says(shares: tuple[float, float, float]) -> None:
    trials = [
        [exact_coverage(find(name), shares[::-1], n) for n in (10, 30, 100)]
        for name in ("wald", "adjusted_wald", "score")
    ]
    np.testing.assert_allclose([[coverage for coverage, _ in row] for row in trials], COVERAGE[shares], atol=0.0006)
    np.testing.assert_allclose([[length / 100 for _, length in row] for row in trials[:2]], LENGTH[shares], atol=0.0006)


def test_nps_interval_is_the_score_interval_below_thirty() -> None:
    up, level, down = [20, 20], [5, 5], [4, 5]
    low, high = intervals.nps_interval(up, level, down)
    few, many = intervals.score(20, 5, 4), intervals.adjusted_wald(20, 5, 5)
    np.testing.assert_array_equal([low, high], np.transpose([few, many]))


@pytest.mark.parametrize("shares", COVERAGE)
@pytest.mark.parametrize("n", [5, 7, 15, 29, 30, 60])
def test_nps_interval_holds_the_truth_at_any_size(shares: tuple[float, float, float], n: int) -> None:
    coverage, _ = exact_coverage(intervals.nps_interval, shares[::-1], n)
    assert 0.925 < coverage < 0.98  # measured: 0.9297 to 0.9747


@pytest.mark.parametrize("name", [*OF_THE_SCORE, "nps_interval"])
def test_score_intervals_of_nobody_are_unknown(name: str) -> None:
    assert np.isnan(find(name)(0, 0, 0)).all()


@pytest.mark.parametrize("name", ["score", "nps_interval"])
def test_score_interval_of_one_answer_matches_its_closed_form(name: str) -> None:
    z2 = stats.norm.ppf(0.975) ** 2
    low = 100 * (1 - z2) / (1 + z2)
    np.testing.assert_allclose(find(name)(1, 0, 0), (low, 100))
    np.testing.assert_allclose(find(name)(0, 0, 1), (-100, -low))
    middle = 100 * z2 / (1 + z2)
    np.testing.assert_allclose(find(name)(0, 1, 0), (-middle, middle))


COUNT = st.integers(0, 60)


@given(up=COUNT, level=COUNT, down=st.integers(1, 60), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_score_interval_ends_where_the_test_rejects(up: int, level: int, down: int, confidence: float) -> None:
    n, z = up + level + down, stats.norm.ppf(0.5 + confidence / 2)

    def reject(t: float) -> bool:
        """Tango's test of the score t, the fitted share of detractors found by searching the likelihood."""
        d = np.linspace(max(0, -t), (1 - t) / 2, 4001)[1:-1]
        log_likelihood = up * np.log(d + t) + down * np.log(d) + level * np.log1p(-2 * d - t)
        fitted = d[np.argmax(log_likelihood)]
        return bool(abs(up - down - n * t) > z * np.sqrt(n * (2 * fitted + t - t**2)))

    low, high = (float(end) / 100 for end in intervals.score(up, level, down, confidence))
    assert not reject(low + 0.002)
    assert not reject(high - 0.002)
    assert low - 0.002 <= -1 or reject(low - 0.002)
    assert high + 0.002 >= 1 or reject(high + 0.002)


@given(counts=st.tuples(COUNT, COUNT, COUNT).filter(any))
def test_nps_interval_turns_round_with_the_scale(counts: tuple[int, int, int]) -> None:
    low, high = intervals.nps_interval(*counts)
    np.testing.assert_allclose(intervals.nps_interval(*counts[::-1]), (-high, -low), atol=1e-9)
    assert -100 <= low <= 100 * (counts[0] - counts[2]) / sum(counts) <= high <= 100


@pytest.mark.parametrize("name", [*OF_THE_SCORE, "nps_interval"])
def test_score_intervals_of_groups_are_those_of_each_group(name: str) -> None:
    counts = np.array([[5, 4, 1], [0, 0, 0], [0, 0, 7], [100, 0, 0], [3_000_000, 1_500_000, 500_000]])
    together = find(name)(*counts.T)
    alone = [find(name)(*row) for row in counts]
    np.testing.assert_array_equal(together, np.transpose(alone))


def test_nps_interval_of_five_million_small_integers_is_exact() -> None:
    up, level, down = (np.array([count], dtype=np.int32) for count in (3_000_000, 1_500_000, 500_000))
    half = 100 * 1.959964 * np.sqrt((0.7 - 0.25) / 5e6)
    low, high = intervals.nps_interval(up, level, down)
    np.testing.assert_allclose([low[0], high[0]], [50 - half, 50 + half], atol=1e-4)


def test_nps_interval_effective_is_adjusted_wald_for_simple_answers() -> None:
    plain = intervals.adjusted_wald(50, 40, 10)
    np.testing.assert_allclose(intervals.nps_interval_effective(0.5, 0.1, 100, np.inf), plain)


def test_nps_interval_effective_widens_with_fewer_clusters() -> None:
    low, high = intervals.nps_interval_effective(0.5, 0.1, [100, 40, 40, np.nan], [np.inf, np.inf, 3, 3])
    assert np.all(np.diff((high - low)[:3]) > 0)
    assert np.isnan(low[3])


def draw_clusters(sigma: float, shares: tuple[float, float, float]) -> tuple[np.ndarray[Any, Any], ...]:
    """2,000 samples of 60 customers whose numbers of answers are log-normal and whose own answers are alike (.2)."""
    rng = np.random.default_rng(20160101)
    size = np.minimum(1 + np.floor(np.exp(rng.normal(0.5, sigma, (2000, 60)))), 2000).astype(int)
    liking = np.sqrt(0.2) * rng.normal(size=size.shape)
    cuts = stats.norm.ppf(np.cumsum(shares)[:2])
    down, up_to = stats.norm.cdf((cuts[:, None, None] - liking) / np.sqrt(0.8))
    detractors = rng.binomial(size, down)
    passives = rng.binomial(size - detractors, (up_to - down) / (1 - down))
    return size, size - detractors - passives, detractors


def draw_weights(sigma: float, shares: tuple[float, float, float]) -> tuple[np.ndarray[Any, Any], ...]:
    """2,000 samples of 60 customers with one answer each and log-normal weights."""
    rng = np.random.default_rng(20160102)
    weight = np.exp(rng.normal(0, sigma, (2000, 60)))
    answer = rng.choice(3, size=weight.shape, p=shares)
    return weight, weight * (answer == 2), weight * (answer == 0)


@pytest.mark.parametrize("shares", [(0.10, 0.40, 0.50), (0.25, 0.35, 0.40), (0.05, 0.15, 0.80)])
@pytest.mark.parametrize("draw", [draw_clusters, draw_weights])
def test_nps_interval_effective_holds_the_truth_in_unequal_clusters(
    draw: Callable[[float, tuple[float, float, float]], tuple[np.ndarray[Any, Any], ...]],
    shares: tuple[float, float, float],
) -> None:
    m, up, down = draw(1.0, shares)
    c, total = up - down, m.sum(axis=1)
    sums = ClusterSums(60, c.sum(axis=1), total, (c**2).sum(axis=1), (c * m).sum(axis=1), (m**2).sum(axis=1))
    estimate = estimate_ratio(sums)
    p, d = up.sum(axis=1) / total, down.sum(axis=1) / total
    answers = total if draw is draw_clusters else 60
    n_effective = effective_answers(estimate.se, p + d - (p - d) ** 2, answers, sums.effective_clusters)
    low, high = intervals.nps_interval_effective(p, d, n_effective, estimate.df)
    truth = 100 * (shares[2] - shares[0])
    hits = int(np.sum((low <= truth) & (truth <= high)))
    # Near 95 %: no rarer than 93, no more often than 97.5, each judged with its own chance.
    assert binomial_p(hits, 2000, 0.93) > 0.001 or hits > 0.93 * 2000
    assert binomial_p(hits, 2000, 0.975) > 0.001 or hits < 0.975 * 2000
    plain_low, plain_high = estimate.value - 1.96 * estimate.se, estimate.value + 1.96 * estimate.se
    assert np.sum((plain_low <= truth / 100) & (truth / 100 <= plain_high)) < hits


def test_mean_score_interval_of_classes_is_adjusted_wald() -> None:
    low, high = intervals.mean_score_interval(Sums.of_classes(5, 4, 1), (-1, 1))
    np.testing.assert_allclose((100 * low, 100 * high), intervals.adjusted_wald(5, 4, 1))


def test_mean_score_interval_of_unanimous_answers_has_width_and_holds_their_mean() -> None:
    n = np.array([0, 1, 2, 8, 1000])
    low, high = intervals.mean_score_interval(Sums(n, 5 * n, 25 * n), (1, 5))
    assert np.isnan(low[0])
    np.testing.assert_array_equal(high[1:], 5)
    assert np.all(np.diff(low[1:]) > 0)
    assert low[-1] < 5


def test_mean_score_interval_holds_the_truth_where_students_does_not() -> None:
    scores, shares = np.arange(1, 6), [0.01, 0.01, 0.02, 0.06, 0.90]
    counts = np.random.default_rng(20160103).multinomial(10, shares, size=4000)
    low, high = intervals.mean_score_interval(Sums(10, counts @ scores, counts @ scores**2), (1, 5))
    truth = scores @ shares
    hits = int(np.sum((low <= truth) & (truth <= high)))
    assert binomial_p(hits, 4000) > 0.001 or hits > 0.95 * 4000  # Student's: 0.65


# R: binom::binom.confint(x, n, methods = "wilson"), and Newcombe (1998), table I, method 3.
@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_matches_newcombe_1998(successes: int, n: int, low: float, high: float) -> None:
    np.testing.assert_allclose(intervals.wilson(successes, n), (low, high), atol=5e-5)


def test_wilson_of_nobody_is_unknown_and_of_all_is_no_certainty() -> None:
    low, high = intervals.wilson([0, 3, 5_000_000], [0, 3, 5_000_000])
    assert np.isnan([low[0], high[0]]).all()
    np.testing.assert_allclose(low[1:], [0.438503, 0.99999923], atol=5e-7)
    np.testing.assert_allclose(high[1:], 1, rtol=1e-15)


def test_wilson_with_few_degrees_of_freedom_is_wider() -> None:
    low, high = intervals.wilson(8, 10, df=[np.inf, 20, 4])
    assert np.all(np.diff(high - low) > 0)


@given(n=st.integers(1, 80), share=st.sampled_from([0.1, 0.5, 0.9]))
def test_quantile_ranks_hold_the_quantile_and_no_narrower_pair_of_tails_does(n: int, share: float) -> None:
    low, high = intervals.quantile_ranks(n, share)
    below = stats.binom(n, share).cdf
    if np.isnan(low):
        assert below(0) > 0.025  # not even the smallest value leaves so little below
    else:
        assert below(low - 1) <= 0.025 < below(low)
    if np.isnan(high):
        assert 1 - below(n - 1) > 0.025
    else:
        assert 1 - below(high - 1) <= 0.025 < 1 - below(high - 2)


def test_quantile_ranks_match_the_printed_table_of_the_median() -> None:
    # Distribution-free 95 % intervals of the median: n = 6: 1 and 6, 10: 2 and 9, 20: 6 and 15, 50: 18 and 33.
    low, high = intervals.quantile_ranks([0, 5, 6, 10, 20, 50])
    np.testing.assert_array_equal(low, [np.nan, np.nan, 1, 2, 6, 18])
    np.testing.assert_array_equal(high, [np.nan, np.nan, 6, 9, 15, 33])
