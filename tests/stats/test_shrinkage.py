"""Shrinkage, against R, Stan's eight schools, and groups whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from saydo.stats.estimates import Sums
from saydo.stats.shrinkage import compare_groups, fit_shares, pool_variance, shrink, shrink_shares
from saydo.stats.trials import binomial_p

# Detractors, passives, promoters of eight segments; fitted by an independent program.
SEGMENTS = np.array([[1, 4, 5], [3, 0, 7], [0, 6, 4], [10, 40, 50], [2, 3, 1], [8, 6, 16], [5, 5, 5], [1, 2, 12]])
SEGMENT_SCORES = [35.42, 35.42, 35.42, 38.75, 23.39, 29.69, 20.55, 48.90]

# Thirteen trials of the BCG vaccine: cases and others among the treated, cases and others among the controls.
BCG = np.array(
    [
        (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761),
        (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232),
        (17, 1699, 65, 1600),        (186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825),
    ]
)  # fmt: skip

SCHOOLS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
SCHOOL_ERRORS = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])


def test_fit_shares_matches_an_independent_fit() -> None:
    prior = fit_shares(SEGMENTS)
    np.testing.assert_allclose(prior.shares * prior.strength, [4.22099, 7.38670, 12.19252], atol=5e-6)
    assert prior.log_likelihood == pytest.approx(-193.97753, abs=5e-6)
    shares = shrink_shares(SEGMENTS, prior)
    np.testing.assert_allclose(100 * (shares[:, 2] - shares[:, 0]), SEGMENT_SCORES, atol=0.005)


COUNTS = st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=3, max_size=12)


@settings(max_examples=40)
@given(counts=COUNTS)
def test_fit_shares_is_at_minkas_fixed_point(counts: list[list[int]]) -> None:
    x = np.array(counts)
    prior = fit_shares(x)
    if not np.isfinite(prior.strength) or prior.strength > 1e4:
        return
    a = prior.shares * prior.strength
    a, x = a[a > 1e-4], x[:, a > 1e-4]  # towards 0, where the likelihood of a class that is rarely met is flat
    n = np.array(counts).sum(axis=1, keepdims=True)
    above = (special.psi(x + a) - special.psi(a)).sum(axis=0)
    below = (special.psi(n + prior.strength) - special.psi(prior.strength)).sum()
    np.testing.assert_allclose(a * above / below, a, rtol=1e-4)


@given(counts=COUNTS)
def test_shrink_shares_lie_between_the_group_and_the_mean(counts: list[list[int]]) -> None:
    x = np.array(counts)
    n = x.sum(axis=1, keepdims=True)
    prior = fit_shares(x)
    shares = shrink_shares(x, prior)
    if np.isnan(prior.strength):
        assert (n > 0).sum() < 3
        assert np.isnan(shares).all()
        return
    np.testing.assert_array_equal(np.isnan(shares), np.broadcast_to(n == 0, x.shape))
    asked = n[:, 0] > 0
    own = x[asked] / n[asked]
    assert np.all(shares[asked] >= np.minimum(own, prior.shares) - 1e-12)
    assert np.all(shares[asked] <= np.maximum(own, prior.shares) + 1e-12)
    np.testing.assert_allclose(shares[asked].sum(axis=1), 1)


def test_fit_shares_of_groups_that_do_not_differ_takes_all_to_the_mean() -> None:
    counts = np.array([[2, 4, 4], [4, 8, 8], [1, 2, 2], [20, 40, 40]])
    prior = fit_shares(counts)
    assert prior.strength == np.inf
    assert prior.log_likelihood == pytest.approx((counts * np.log([0.2, 0.4, 0.4])).sum())
    np.testing.assert_allclose(shrink_shares(counts, prior), np.tile([0.2, 0.4, 0.4], (4, 1)))


def test_fit_shares_bears_a_class_that_nobody_chose() -> None:
    counts = np.array([[9, 0, 1], [1, 0, 9], [5, 0, 5], [10, 0, 0]])
    prior = fit_shares(counts)
    assert prior.shares[1] == 0
    assert 0 < prior.strength < 10


def test_fit_shares_of_large_groups_stays_exact() -> None:
    rng = np.random.default_rng(20160301)
    shares = rng.dirichlet([40, 60, 100], size=400)
    prior = fit_shares(rng.multinomial(5_000_000 // 400, shares))
    np.testing.assert_allclose(prior.shares, [0.2, 0.3, 0.5], atol=0.01)
    assert prior.strength == pytest.approx(200, rel=0.15)


def test_compare_groups_matches_dersimonian_and_laird_on_bcg() -> None:
    a, b, c, d = BCG.T
    found = compare_groups(np.log(a / (a + b) / (c / (c + d))), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))
    np.testing.assert_allclose([found.mean, found.se, found.variance], [-0.71412, 0.17874, 0.30876], atol=5e-6)
    assert found.q == pytest.approx(152.233, abs=5e-4)
    assert found.p == pytest.approx(stats.chi2.sf(152.233, 12), rel=1e-3)


def test_compare_groups_that_agree_have_no_variance_between() -> None:
    found = compare_groups([0.30, 0.31, 0.29, np.nan], [0.01, 0.02, 0.01, 0.01])
    assert found.variance == 0
    assert found.mean == pytest.approx((0.30 * 100 + 0.31 * 50 + 0.29 * 100) / 250)
    assert found.se == pytest.approx(250**-0.5)
    assert found.p > 0.99


def test_shrink_matches_stan_on_eight_schools() -> None:
    # Means and standard deviations of 20,000 draws, Monte Carlo errors .04 to .07 (RStan, 2018).
    means, deviations = (
        [11.42, 7.96, 6.16, 7.71, 5.15, 6.22, 10.72, 8.48],
        [8.41, 6.18, 7.72, 6.60, 6.43, 6.65, 6.85, 7.82],
    )
    value, low, high = shrink(SCHOOLS, SCHOOL_ERRORS**2)
    np.testing.assert_allclose(value, means, atol=0.2)
    np.testing.assert_allclose((high - low) / 2 / 1.959964, deviations, rtol=0.02)


def test_shrink_has_a_grid_that_is_long_and_fine_enough() -> None:
    taus, v = np.arange(0.125, 250, 0.25), SCHOOL_ERRORS**2
    chances, means = [], []
    for (
        tau
    ) in taus:  # four times as long and twice as fine; a mean that may be anything is a common part of huge variance
        covariance = np.diag(v + tau**2) + 1e8
        chances.append(np.exp(stats.multivariate_normal(cov=covariance).logpdf(SCHOOLS)))
        means.append(SCHOOLS - v * np.linalg.solve(covariance, SCHOOLS))
    np.testing.assert_allclose(shrink(SCHOOLS, v)[0], np.average(means, axis=0, weights=chances), atol=0.005)


def test_shrink_below_three_groups_is_unknown_and_nan_stays() -> None:
    assert np.isnan(shrink([1, 2, np.nan], [1, 1, 1])).all()
    value, low, high = shrink([1, 2, 3, np.nan, 4], [1, 1, 1, 1, 0])
    np.testing.assert_array_equal(np.isnan([value, low, high]), np.tile([False, False, False, True, True], (3, 1)))
    assert np.isnan(compare_groups([1, 2], [1, 1]).mean)
    assert np.isnan(fit_shares([[1, 2, 3], [0, 0, 0], [1, 1, 1]]).strength)


def test_pool_variance_matches_plain_loop() -> None:
    groups = [[1, 1, 0], [-1], [], [0, 1, 1, -1]]
    within = sum(len(group) * np.var(group) for group in groups if group)
    sums = Sums(*([f(group) for group in groups] for f in (len, sum, lambda group: sum(y * y for y in group))))
    assert pool_variance(sums) == pytest.approx(within / (8 - 3))
    assert np.isnan(pool_variance(Sums([1, 0], [1, 0], [1, 0])))


def test_shrink_finds_small_groups_better_than_their_own_figures() -> None:
    rng = np.random.default_rng(20160302)
    errors, hits, raw_errors, share_errors = [], 0, [], []
    for _ in range(25):
        truth = np.clip(rng.normal(0.30, 0.12, 200), -0.6, 0.6)
        n = rng.integers(5, 60, 200)
        up = (0.65 + truth) / 2
        counts = rng.multinomial(n, np.stack([0.65 - up, np.full(200, 0.35), up], axis=1))
        sums = Sums.of_classes(counts[:, 2], counts[:, 1], counts[:, 0])
        value, low, high = shrink(sums.mean, pool_variance(sums) / n)
        shares = shrink_shares(counts, fit_shares(counts))
        errors.append(np.mean((value - truth) ** 2))
        share_errors.append(np.mean((shares[:, 2] - shares[:, 0] - truth) ** 2))
        raw_errors.append(np.mean((sums.mean - truth) ** 2))
        hits += int(np.sum((low <= truth) & (truth <= high)))
    assert np.mean(errors) / np.mean(raw_errors) < 0.40  # measured .33
    assert np.mean(share_errors) / np.mean(raw_errors) < 0.40  # measured .35: one strength for both ends of the scale
    assert binomial_p(hits, 5000) > 0.001
