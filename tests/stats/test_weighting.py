"""Post-stratification and raking, against R's survey package, plain loops, and known populations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saydo.stats.estimates import Sums, estimate_mean
from saydo.stats.intervals import mean_score_interval
from saydo.stats.trials import binomial_p, is_unbiased
from saydo.stats.weighting import (
    Raking,
    WeightedMean,
    bound_nonresponse,
    estimate_raked,
    merge_rare,
    post_stratify,
    rake,
    reweigh,
)

Ints = np.ndarray[Any, np.dtype[np.int64]]

ROWS = np.arange(100)
SCORES = np.where(ROWS % 5 == 0, -1, np.where(ROWS % 3 == 0, 0, 1))
SEGMENTS = np.repeat([0, 0, 1, 1], [30, 20, 40, 10])  # 300 and 700 in the population
CHANNELS = np.repeat([0, 1, 0, 1], [30, 20, 40, 10])  # web 550, shop 450
LEVELS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
TARGETS = [[300, 700], [550, 450]]


def sum_cells(cell: Ints) -> Sums:
    return Sums(np.bincount(cell), np.bincount(cell, SCORES), np.bincount(cell, SCORES**2))


CELLS = sum_cells(2 * SEGMENTS + CHANNELS)


def find_survey_error(mean: WeightedMean, weights: Any) -> float:
    """The standard error as R's survey package has it: the whole sample's n / (n - 1) and no leverages."""
    return float(np.sqrt(100 / 99 * (np.square(weights) * mean.residual_squares).sum()) / 1000)


def test_post_stratify_matches_survey_of_r() -> None:
    mean = post_stratify(sum_cells(SEGMENTS), [300, 700])
    assert mean.value == pytest.approx(0.326)
    assert find_survey_error(mean, [6, 14]) == pytest.approx(0.08514, abs=5e-6)
    assert mean.se == pytest.approx(0.0856, abs=5e-5)  # sqrt of sum W^2 s^2 / n with the divisor n - 1 in each stratum


def test_post_stratify_matches_plain_loop() -> None:
    sums, population = Sums([4, 9, 1], [2, 3, 1], [4, 5, 1]), np.array([50, 30, 20])
    within = [ss - t**2 / n for n, t, ss in ((4, 2, 4), (9, 3, 5), (1, 1, 1))]
    pooled = sum(within) / (14 - 3)
    variance = sum(
        (size / 100) ** 2 * (ss + pooled) / n / n for size, ss, n in zip(population, within, (4, 9, 1), strict=True)
    )
    mean = post_stratify(sums, population)
    assert mean.value == pytest.approx(0.5 * 0.5 + 0.3 / 3 + 0.2)
    assert mean.se == pytest.approx(variance**0.5)
    assert mean.kish == pytest.approx(100**2 / (50**2 / 4 + 30**2 / 9 + 20**2))
    assert mean.df == pytest.approx(mean.kish - 1)


def test_post_stratify_of_one_cell_is_the_plain_mean() -> None:
    sums = Sums([40], [10], [20])
    mean, plain = post_stratify(sums, [1000]), estimate_mean(sums)
    np.testing.assert_allclose([mean.value, mean.se, mean.n_effective], [0.25, plain.se[0], 40])


def test_post_stratify_says_what_it_does_not_cover() -> None:
    mean = post_stratify(Sums([4, 0, 9], [2, 0, 3], [4, 0, 5]), [50, 25, 25])
    without = post_stratify(Sums([4, 9], [2, 3], [4, 5]), [50, 25])
    assert mean.covered == pytest.approx(0.75)
    np.testing.assert_allclose(
        [mean.value, mean.se, mean.n_effective], [without.value, without.se, without.n_effective]
    )


def test_post_stratify_of_nobody_and_of_single_answers_is_unknown() -> None:
    mean = post_stratify(Sums([[0, 0], [1, 1]], [[0, 0], [1, -1]], [[0, 0], [1, 1]]), [30, 10])
    np.testing.assert_array_equal(mean.value, [np.nan, 0.5])
    np.testing.assert_array_equal(mean.covered, [0, 1])
    np.testing.assert_array_equal([mean.se, mean.n_effective], np.full((2, 2), np.nan))


def test_post_stratify_groups_are_those_of_each_group() -> None:
    n, total, squares = np.array([[[4, 9], [5, 0], [30, 20]], [[2, 3], [1, 0], [10, 10]], [[4, 5], [3, 0], [12, 15]]])
    population = np.array([[10, 20], [20, 10], [5, 5]])
    together = post_stratify(Sums(n, total, squares), population)
    alone = [post_stratify(Sums(n[i], total[i], squares[i]), population[i]) for i in range(3)]
    for name in ("value", "se", "n_effective", "df", "kish", "covered"):
        np.testing.assert_allclose(getattr(together, name), [getattr(one, name) for one in alone])


def test_post_stratify_finds_the_population_that_answers_unevenly() -> None:
    rng = np.random.default_rng(20160201)
    size, answering = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])
    shares = np.array([[0.4, 0.3, 0.3], [0.2, 0.3, 0.5], [0.1, 0.3, 0.6], [0.05, 0.15, 0.8]])  # detractors first
    truth = size @ (shares[:, 2] - shares[:, 0])
    answers = rng.multinomial(60, size * answering / (size @ answering), size=2000)
    down, level, up = np.moveaxis(rng.multinomial(answers, shares), -1, 0)
    mean = post_stratify(Sums.of_classes(up, level, down), size)
    assert is_unbiased(mean.value, truth, float(np.median(mean.se)))
    assert not is_unbiased((up - down).sum(axis=1) / 60, truth, float(np.median(mean.se)))
    low, high = mean_score_interval(Sums.of_mean(mean.n_effective, mean.value, mean.variance), (-1, 1), df=mean.df)
    hits = int(np.sum((low <= truth) & (truth <= high)))
    assert binomial_p(hits, 2000) > 0.001


def test_rake_matches_survey_of_r() -> None:
    raking = rake(CELLS.n, LEVELS, TARGETS)
    np.testing.assert_allclose(raking.weights, [3.817169, 9.274247, 10.887123, 26.451506], atol=1e-6)
    mean = estimate_raked(CELLS, raking, LEVELS)
    assert mean.value == pytest.approx(0.3239785, abs=5e-8)
    assert mean.kish == pytest.approx(71.9665, abs=5e-5)
    assert find_survey_error(mean, raking.weights) == pytest.approx(0.0930, abs=5e-5)
    assert 0.0930 < mean.se < 0.0930 * 1.03  # leverages and one answer's worth of the pooled variance per cell
    assert raking.gap < 1e-10


def test_rake_on_one_margin_is_post_stratification() -> None:
    cells, levels = sum_cells(SEGMENTS), [[0], [1]]
    raking = rake(cells.n, levels, [[300, 700]])
    raked, expected = estimate_raked(cells, raking, levels), post_stratify(cells, [300, 700])
    np.testing.assert_allclose(raking.weights, [6, 14])
    for name in ("value", "se", "variance", "n_effective", "df", "kish", "covered", "residual_squares"):
        np.testing.assert_allclose(getattr(raked, name), getattr(expected, name))


def test_estimate_raked_matches_regression_person_by_person() -> None:
    raking = rake(CELLS.n, LEVELS, TARGETS)
    cell = 2 * SEGMENTS + CHANNELS
    w, x = raking.weights[cell], np.stack([SEGMENTS == 0, SEGMENTS == 1, CHANNELS == 0], axis=1).astype(float)
    inverse = np.linalg.inv((x * w[:, None]).T @ x)
    e = SCORES - x @ inverse @ (x.T @ (w * SCORES))
    free = 1 - w * np.sum(x @ inverse * x, axis=1)
    pooled = (e**2).sum() / 97
    within = [((e**2)[cell == k].sum() + pooled) / (free[cell == k].sum() + 1) for k in range(4)]
    variance = sum((w[cell == k] ** 2).sum() * within[k] for k in range(4)) / w.sum() ** 2
    assert estimate_raked(CELLS, raking, LEVELS).se == pytest.approx(variance**0.5)


@given(
    counts=st.lists(st.integers(1, 50), min_size=12, max_size=12),
    margins=st.lists(st.floats(0.5, 9), min_size=7, max_size=7),
)
def test_rake_meets_every_margin_and_keeps_the_odds_ratios(counts: list[int], margins: list[float]) -> None:
    levels = np.array([[i, j] for i in range(3) for j in range(4)])
    targets = [np.array(margins[:3]) / sum(margins[:3]), np.array(margins[3:]) / sum(margins[3:])]
    raking = rake(counts, levels, targets)
    table = (raking.weights * counts).reshape(3, 4)
    np.testing.assert_allclose(table.sum(axis=1), targets[0], atol=1e-9)
    np.testing.assert_allclose(table.sum(axis=0), targets[1], atol=1e-9)
    weights = raking.weights.reshape(3, 4)
    np.testing.assert_allclose(weights[0, 0] * weights[1, 1], weights[0, 1] * weights[1, 0], rtol=1e-6)


def test_rake_leaves_out_levels_that_nobody_answered_from() -> None:
    counts = [30, 20, 0, 0]
    raking = rake(counts, LEVELS, TARGETS)
    np.testing.assert_allclose(raking.covered, [0.3, 1])
    np.testing.assert_allclose(raking.weights * counts, [300 * 0.55, 300 * 0.45, 0, 0])
    assert raking.gap < 1e-10


def test_rake_of_nobody_is_unknown() -> None:
    raking = rake([0, 0, 0, 0], LEVELS, TARGETS)
    mean = estimate_raked(Sums(*np.zeros((3, 4))), raking, LEVELS)
    np.testing.assert_array_equal(raking.weights, 0)
    np.testing.assert_array_equal([*raking.covered, raking.gap], [0, 0, np.nan])
    assert np.isnan([mean.value, mean.se, mean.n_effective, mean.kish]).all()


def test_rake_trims_the_largest_weights_and_still_meets_the_margins() -> None:
    free, trimmed = rake(CELLS.n, LEVELS, TARGETS), rake(CELLS.n, LEVELS, TARGETS, max_ratio=2)
    assert free.weights.max() / 10 > 2.6
    np.testing.assert_allclose(trimmed.weights.max() / 10, 2)
    held = trimmed.weights * CELLS.n
    np.testing.assert_allclose([held[0] + held[1], held[0] + held[2]], [300, 550])
    assert trimmed.gap < 1e-10


@pytest.mark.parametrize(("counts", "max_ratio"), [([30, 20, 40, 10], 1.3), ([50, 0, 0, 50], np.inf)])
def test_rake_says_when_the_margins_cannot_be_met(counts: list[int], max_ratio: float) -> None:
    assert rake(counts, LEVELS, TARGETS, max_ratio).gap > 0.05


def test_estimate_raked_without_weighting_is_the_plain_mean() -> None:
    cells = Sums([40], [10], [20])
    mean = estimate_raked(cells, Raking(np.ones(1), 0.0, np.ones(1)), [[0]])
    np.testing.assert_allclose([mean.value, mean.se], [0.25, estimate_mean(cells).se[0]])


def test_bound_nonresponse_reaches_from_all_against_to_all_for() -> None:
    low, high = bound_nonresponse([40, 40, np.nan], [0.0, 0.7, 0.5])
    np.testing.assert_allclose([low, high], [[40, -58, np.nan], [40, 82, np.nan]])
    np.testing.assert_allclose(bound_nonresponse(4.2, 0.5, (1, 5)), (2.6, 4.6))


def test_merge_rare_gives_every_level_enough_answers() -> None:
    levels = np.array([3, 3, 0, 7, 9, 9])
    np.testing.assert_array_equal(merge_rare(levels, [8, 8, 4, 7, 20, 1]), [1, 1, 0, 0, 2, 2])
    np.testing.assert_array_equal(merge_rare(levels, [8, 8, 4, 2, 20, 1]), [0, 0, 0, 0, 1, 1])
    np.testing.assert_array_equal(merge_rare(levels, [2, 2, 2, 2, 2, 2]), [0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(merge_rare([0, 1], [10, 10]), [0, 1])


def test_reweigh_on_one_margin_post_stratifies_and_on_none_changes_nothing() -> None:
    cells = Sums([60, 40, 3], [30, -10, 3], [50, 30, 3])
    population = np.array([100, 300, 20])
    single = reweigh(cells, population, [[0, 0], [0, 1], [0, 2]])
    merged = post_stratify(Sums([60, 43], [30, -7], [50, 33]), [100, 320])
    np.testing.assert_allclose([single.value, single.se], [merged.value, merged.se])
    plain = reweigh(cells, population, np.zeros((3, 1)))
    np.testing.assert_allclose(plain.value, 23 / 103)


def test_reweigh_on_two_margins_rakes() -> None:
    cells = Sums([40, 20, 30, 10], [30, 5, -3, 2], [36, 17, 22, 8])
    levels = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    population = np.array([100, 150, 200, 250])
    targets = [[250, 450], [300, 400]]
    raked = estimate_raked(cells, rake(cells.n, levels, targets), levels)
    found = reweigh(cells, population, levels)
    np.testing.assert_allclose([found.value, found.se, found.n_effective], [raked.value, raked.se, raked.n_effective])
