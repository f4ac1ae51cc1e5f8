"""Changes, against published examples, exact enumeration and scipy."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from saydo.stats import changes
from saydo.stats.changes import Change
from saydo.stats.estimates import Estimate, Sums, estimate_mean
from saydo.stats.intervals import wilson

PANEL = np.array([[5, 3, 2], [4, 20, 16], [1, 7, 42]])  # rows before, columns after: detractors, passives, promoters


def estimate_plainly(sums: Sums) -> Estimate:
    return Estimate(sums.mean, np.sqrt(sums.variance / sums.n), np.array(np.inf))


def unpack(change: Change) -> list[float]:
    return [float(value) for value in (change.difference, change.low, change.high, change.p)]


def test_compare_estimates_matches_the_published_example() -> None:
    before, after = Sums.of_classes(50, 40, 10), Sums.of_classes(40, 40, 20)
    change = changes.compare_estimates(estimate_plainly(before), estimate_plainly(after))
    np.testing.assert_allclose(unpack(change), [-0.2, -0.2 - 0.1 * 1.959964, -0.2 + 0.1 * 1.959964, 0.0455], atol=5e-6)


def test_compare_estimates_matches_welch_in_scipy() -> None:
    first, second = np.array([4.0, 5, 5, 3, 5, 1]), np.array([2.0, 9, 4, 7])
    sums = [Sums(x.size, x.sum(), (x**2).sum()) for x in (first, second)]
    change = changes.compare_estimates(estimate_mean(sums[0]), estimate_mean(sums[1]))
    test = stats.ttest_ind(second, first, equal_var=False)
    expected = test.confidence_interval(0.95)
    np.testing.assert_allclose(unpack(change), [22 / 4 - 23 / 6, expected.low, expected.high, test.pvalue])


def test_compare_estimates_without_errors_judge_nothing() -> None:
    certain = Estimate(np.array(0.4), np.array(0.0), np.array(9.0))
    change = changes.compare_estimates(certain, Estimate(np.array(0.5), np.array(0.0), np.array(9.0)))
    np.testing.assert_allclose(unpack(change), [0.1, np.nan, np.nan, np.nan])


def wilson_limits(successes: float, n: int) -> changes.Limits:
    return (successes / n, *wilson(successes, n))


def test_compare_limits_matches_newcombe_1998() -> None:
    """His method 10 for 56 of 70 less 48 of 80: 0.2000, 0.0524 to 0.3339."""
    change = changes.compare_limits(wilson_limits(48, 80), wilson_limits(56, 70))
    np.testing.assert_allclose(unpack(change)[:3], [0.2, 0.0524, 0.3339], atol=5e-5)


def test_compare_limits_of_symmetric_intervals_is_the_usual_test() -> None:
    half = 1.959964
    before, after = (1.0, 1 - half * 3, 1 + half * 3), (13.0, 13 - half * 4, 13 + half * 4)
    expected = [12, 12 - 1.959964 * 5, 12 + 1.959964 * 5, 2 * stats.norm.sf(12 / 5)]
    np.testing.assert_allclose(unpack(changes.compare_limits(before, after)), expected, rtol=1e-6)


def test_compare_limits_judge_nothing_without_limits() -> None:
    nothing = [np.nan] * 3
    np.testing.assert_allclose(unpack(changes.compare_limits((1, 1, 1), (2, 2, 2))), [1, *nothing])
    np.testing.assert_allclose(unpack(changes.compare_limits((1, np.nan, np.nan), (2, 1, 3))), [1, *nothing])
    np.testing.assert_allclose(unpack(changes.compare_limits((1, 0, 2), (1, 0, 3))), [0, -np.sqrt(2), np.sqrt(5), 1])


@given(
    successes=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    more=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    level=st.sampled_from([0.8, 0.95]),
)
def test_compare_limits_leave_out_no_change_just_when_p_is_small(
    successes: tuple[int, int], more: tuple[int, int], level: float
) -> None:
    one, other = ((x / (x + y), *wilson(x, x + y, level)) for x, y in zip(successes, more, strict=True))
    _, low, high, p = unpack(changes.compare_limits(one, other, level))
    assert (low > 0 or high < 0) == (p < 1 - level)


@pytest.mark.parametrize("sizes", [(10, 10), (10, 30), (30, 30), (100, 30)])
def test_compare_limits_hold_the_true_change_of_a_share(sizes: tuple[int, int]) -> None:
    shares = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)
    x, y = (np.arange(n + 1.0) for n in sizes)
    before, after = ((k / n, *wilson(k, n)) for k, n in ((x[:, None], sizes[0]), (y[None, :], sizes[1])))
    change = changes.compare_limits(before, after)
    held = []
    for p, q in product(shares, shares):
        chance = np.outer(stats.binom.pmf(x, sizes[0], p), stats.binom.pmf(y, sizes[1], q))
        held.append(chance[(change.low <= q - p + 1e-12) & (q - p - 1e-12 <= change.high)].sum())
    assert min(held) > 0.89, min(held)
    assert 0.94 < np.mean(held) < 0.98


def test_compare_nps_shows_the_plain_difference_and_judges_nearly_as_the_published_example() -> None:
    difference, low, high, p = unpack(changes.compare_nps((50, 40, 10), (40, 40, 20)))
    assert difference == pytest.approx(-20)
    assert p == pytest.approx(0.0455, abs=0.002)
    assert low < -20 < high < 0


@given(
    before=st.tuples(*[st.integers(0, 30)] * 3).filter(any),
    after=st.tuples(*[st.integers(0, 30)] * 3).filter(any),
    level=st.sampled_from([0.8, 0.95]),
)
def test_compare_nps_interval_leaves_out_no_change_just_when_p_is_small(
    before: tuple[int, int, int], after: tuple[int, int, int], level: float
) -> None:
    difference, low, high, p = unpack(changes.compare_nps(before, after, level))
    assert (low > 0 or high < 0) == (p < 1 - level)
    assert -200 <= low < high <= 200
    np.testing.assert_allclose(
        unpack(changes.compare_nps(after, before, level)), [-difference, -high, -low, p], atol=1e-9
    )


@pytest.mark.parametrize(
    ("sizes", "worst"), [((10, 10), 0.938), ((10, 30), 0.931), ((30, 30), 0.944), ((10, 60), 0.926)]
)
def test_compare_nps_holds_the_true_change(sizes: tuple[int, int], worst: float) -> None:
    triples = [(0.10, 0.40, 0.50), (0.25, 0.35, 0.40), (0.40, 0.30, 0.30), (0.05, 0.15, 0.80), (0.02, 0.08, 0.90)]

    def count(n: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
        return np.array([(p, n - p - d, d) for p in range(n + 1) for d in range(n + 1 - p)])

    outcomes = [count(n) for n in sizes]
    change = changes.compare_nps(tuple(outcomes[0].T[:, :, None]), tuple(outcomes[1].T[:, None, :]))
    chances = [
        [stats.multinomial(n, triple[::-1]).pmf(table) for triple in triples]
        for n, table in zip(sizes, outcomes, strict=True)
    ]
    coverage = []
    for (i, before), (j, after) in product(enumerate(triples), repeat=2):
        truth = 100 * ((after[2] - after[0]) - (before[2] - before[0]))
        held = (change.low <= truth + 1e-9) & (truth - 1e-9 <= change.high)
        coverage.append(chances[0][i] @ held @ chances[1][j])
    assert min(coverage) >= worst
    assert 0.945 < np.mean(coverage) < 0.965


def test_compare_nps_of_nobody_is_unknown_and_unanimous_groups_are_not_certain() -> None:
    change = changes.compare_nps(([0, 9, 9], [0, 0, 0], [0, 0, 0]), ([9, 9, 0], [0, 0, 0], [0, 0, 9]))
    np.testing.assert_array_equal(change.difference, [np.nan, 0, -200])
    np.testing.assert_array_equal(np.isnan(change.p), [True, False, False])
    assert change.low[1] < 0 < change.high[1]
    assert change.p[1] == 1
    assert change.low[2] == -200
    assert -200 < change.high[2] < -100


def test_compare_means_follows_the_scale() -> None:
    low_answers, high_answers = Sums.of_classes(3, 2, 5), Sums.of_classes(6, 2, 2)
    points = changes.compare_means(low_answers, high_answers, (-1, 1))
    # The same answers told as 1, 3 and 5.
    stretched = [
        Sums(10, 2 * sums.total + 30, 4 * sums.squares + 12 * sums.total + 90) for sums in (low_answers, high_answers)
    ]
    rated = changes.compare_means(stretched[0], stretched[1], (1, 5))
    np.testing.assert_allclose(unpack(rated), [2 * x for x in unpack(points)[:3]] + [float(points.p)])


def test_compare_shares_matches_agresti_and_caffo() -> None:
    # Their interval by hand: one success and one failure more in each group; 7 of 34 against 1 of 34.
    a, b = 8 / 36, 2 / 36
    half = 1.959964 * (a * (1 - a) / 36 + b * (1 - b) / 36) ** 0.5
    change = changes.compare_shares((1, 34), (7, 34))
    np.testing.assert_allclose(unpack(change)[:3], [6 / 34, a - b - half, a - b + half], rtol=1e-6)


def test_compare_shares_of_nobody_are_unknown_and_of_everybody_not_certain() -> None:
    change = changes.compare_shares(([0, 20], [0, 20]), ([3, 20], [4, 20]))
    assert np.isnan([change.difference[0], change.low[0], change.p[0]]).all()
    assert change.low[1] < 0 < change.high[1]


@pytest.mark.parametrize("sizes", [(5, 5), (10, 30), (10, 100)])
def test_compare_shares_hold_the_true_change(sizes: tuple[int, int]) -> None:
    x, y = np.arange(sizes[0] + 1), np.arange(sizes[1] + 1)
    change = changes.compare_shares((x[:, None], sizes[0]), (y[None, :], sizes[1]))
    shares = [0.02, 0.05, 0.1, 0.3, 0.5, 0.8, 0.95, 0.98]
    coverage = [
        stats.binom(sizes[0], p).pmf(x)
        @ ((change.low <= q - p + 1e-12) & (q - p - 1e-12 <= change.high))
        @ stats.binom(sizes[1], q).pmf(y)
        for p, q in product(shares, shares)
    ]
    assert min(coverage) > 0.91
    assert np.mean(coverage) > 0.95


def test_compare_panel_matches_the_published_example() -> None:
    # Ten thousand times the people: pseudo-answers no longer matter, and errors are a hundredth of the published ones.
    before, after = PANEL.sum(axis=1)[::-1], PANEL.sum(axis=0)[::-1]
    paired = changes.compare_panel(10_000 * PANEL)
    unpaired = changes.compare_nps(tuple(10_000 * before), tuple(10_000 * after))
    for change, published in ((paired, 6.40), (unpaired, 9.43)):
        assert change.difference == pytest.approx(10)
        assert 100 * (change.high - change.low) / 2 / 1.959964 == pytest.approx(published, abs=0.005)
    small = changes.compare_panel(PANEL)
    assert (small.high - small.low) / 2 == pytest.approx(1.959964 * 6.40, rel=0.015)


@given(table=st.lists(st.lists(st.integers(0, 20), min_size=3, max_size=3), min_size=3, max_size=3))
def test_compare_panel_matches_plain_loop(table: list[list[int]]) -> None:
    steps = [j - i for i in range(3) for j in range(3) for _ in range(table[i][j])]
    padded = [(j - i, table[i][j] + 1 / 6) for i in range(3) for j in range(3)]
    change = changes.compare_panel(table)
    if not steps:
        assert np.isnan(unpack(change)).all()
        return
    n = sum(weight for _, weight in padded)
    mean = sum(step * weight for step, weight in padded) / n
    se = (sum(weight * (step - mean) ** 2 for step, weight in padded) / n / n) ** 0.5
    expected = [
        100 * sum(steps) / len(steps),
        max(-200, 100 * (mean - 1.959964 * se)),
        min(200, 100 * (mean + 1.959964 * se)),
    ]
    np.testing.assert_allclose(unpack(change)[:3], expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(change.p, 2 * stats.norm.sf(abs(mean) / se))


def test_compare_panels_are_those_of_each_group() -> None:
    tables = np.stack([PANEL, PANEL.T, np.diag([3, 4, 5]), np.zeros((3, 3))])
    together = changes.compare_panel(tables)
    alone = [unpack(changes.compare_panel(table)) for table in tables]
    np.testing.assert_allclose(
        np.transpose([together.difference, together.low, together.high, together.p]), alone, rtol=1e-12
    )
    assert together.difference[1] == pytest.approx(-10)
    assert together.low[2] < 0 < together.high[2]  # nobody moved: not certain that nobody would


# The fifteen comparisons of Benjamini and Hochberg (1995), who reject the first four at 5 %.
THROMBOLYSIS = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0
]  # fmt: skip


def test_adjust_p_values_rejects_the_four_of_benjamini_and_hochberg_1995() -> None:
    adjusted = changes.adjust_p_values(THROMBOLYSIS)
    np.testing.assert_array_equal(adjusted <= 0.05, [True] * 4 + [False] * 11)
    np.testing.assert_allclose(adjusted[:4], [15 * 0.0001, 15 * 0.0004 / 2, 15 * 0.0019 / 3, 15 * 0.0095 / 4])


def test_adjust_p_values_leaves_the_unknown_out_of_the_family() -> None:
    table = np.array([[0.01, np.nan, 0.04], [np.nan, 0.03, 0.5]])
    np.testing.assert_allclose(changes.adjust_p_values(table), [[0.04, np.nan, 0.16 / 3], [np.nan, 0.16 / 3, 0.5]])
    assert np.isnan(changes.adjust_p_values([np.nan])).all()
    assert changes.adjust_p_values([]).size == 0


def test_compare_means_of_the_same_people_is_the_panel_comparison() -> None:
    table = np.array([[5, 3, 2], [4, 20, 16], [1, 7, 42]])
    before, after = table.sum(axis=1)[::-1], table.sum(axis=0)[::-1]
    sums = Sums.of_classes(*before), Sums.of_classes(*after)
    steps = np.array([-1, 0, 1])
    product = (table * np.outer(steps, steps)).sum() / 100
    covariance = (product - sums[0].mean * sums[1].mean) / 100
    shared = changes.compare_means(*sums, (-1, 1), covariance=covariance)
    panel = changes.compare_panel(table)
    np.testing.assert_allclose([100 * shared.difference, 100 * shared.low], [panel.difference, panel.low], atol=0.2)
    alone = changes.compare_means(*sums, (-1, 1))
    assert shared.high - shared.low < 0.75 * (alone.high - alone.low)
