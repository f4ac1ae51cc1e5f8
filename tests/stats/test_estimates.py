"""Sums of a group and what is estimated from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from saydo.stats.arrays import divide, find_quantile
from saydo.stats.estimates import Estimate, Sums, estimate_mean


def test_divide_by_zero_is_unknown() -> None:
    np.testing.assert_array_equal(divide([1, 0, 6], [0, 0, 3]), [np.nan, np.nan, 2.0])


def test_find_quantile_is_students_and_normal_without_end() -> None:
    np.testing.assert_allclose(
        find_quantile(0.95, [1, 9, np.inf]), [12.7062, 2.2622, 1.9600], atol=5e-5
    )  # printed tables of Student's t


@given(values=st.lists(st.integers(0, 10), min_size=2, max_size=40))
def test_estimate_mean_matches_plain_loop(values: list[int]) -> None:
    n = len(values)
    mean = sum(values) / n
    spread = sum((value - mean) ** 2 for value in values) / (n - 1)
    estimate = estimate_mean(Sums(n, sum(values), sum(value**2 for value in values)))
    np.testing.assert_allclose(estimate.value, mean)
    np.testing.assert_allclose(estimate.se, (spread / n) ** 0.5, atol=1e-7)


def test_estimate_mean_interval_matches_scipy() -> None:
    values = np.array([4.0, 5, 5, 3, 5, 1])
    low, high = estimate_mean(Sums(6, values.sum(), (values**2).sum())).interval(0.9)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    np.testing.assert_allclose(low, expected.low)
    np.testing.assert_allclose(high, expected.high)


def test_estimate_mean_of_nothing_and_of_one_is_unknown() -> None:
    estimate = estimate_mean(Sums([0, 1], [0, 7], [0, 49]))
    np.testing.assert_array_equal(estimate.value, [np.nan, 7.0])
    np.testing.assert_array_equal(estimate.se, [np.nan, np.nan])
    assert np.isnan(estimate.interval()).all()


def test_sums_of_millions_do_not_overflow() -> None:
    n = np.array([5_000_000], dtype=np.int32)
    sums = Sums(n, n * 10, n.astype(np.int64) * 101)
    np.testing.assert_allclose([sums.mean, sums.variance], [[10.0], [1.0]], rtol=1e-12)


def test_sums_of_mean_give_the_mean_and_variance_back() -> None:
    sums = Sums.of_mean([3.5, 0.0], [2.0, 1.0], [0.25, 1.0])
    np.testing.assert_allclose([sums.mean[0], sums.variance[0]], [2.0, 0.25])
    assert np.isnan(sums.mean[1])


def test_padded_sums_are_three_quarters_three_halves_three_quarters() -> None:
    padded = Sums.of_classes(5, 4, 1).padded(3, (-1, 1))
    np.testing.assert_array_equal([padded.n, padded.total, padded.squares], [13.0, 4.0, 7.5])
    low, middle, high = 1.0, 3.0, 5.0
    rated = Sums(2, 9, 41).padded(3, (1, 5))
    pseudo = [low] * 3 + [middle] * 6 + [high] * 3  # quarters of an answer
    expected = [5, 9 + sum(pseudo) / 4, 41 + sum(x * x for x in pseudo) / 4]
    np.testing.assert_array_equal([rated.n, rated.total, rated.squares], expected)


@pytest.mark.parametrize("level", [0.8, 0.99])
def test_estimate_interval_without_end_of_freedom_is_normal(level: float) -> None:
    low, high = Estimate(np.array(1.0), np.array(2.0), np.array(np.inf)).interval(level)
    np.testing.assert_allclose([low, high], stats.norm.interval(level, 1, 2))
