"""The judges themselves are judged: enumeration, chance and bias."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from saydo.stats.arrays import Array
from saydo.stats.trials import binomial_p, exact_coverage, is_unbiased


def draw_nothing(up: Array, level: Array, down: Array, confidence: float) -> tuple[Array, Array]:
    return np.full(up.shape, 1.0), np.full(up.shape, 3.0)


def test_exact_coverage_weighs_all_outcomes() -> None:
    assert exact_coverage(draw_nothing, (0.32, 0.38, 0.30), 7) == pytest.approx((1, 2))
    assert exact_coverage(draw_nothing, (0.5, 0.2, 0.3), 7) == pytest.approx((0, 2))


def test_exact_coverage_knows_the_chance_of_an_outcome() -> None:
    def hold_at_two_promoters(up: Array, level: Array, down: Array, confidence: float) -> tuple[Array, Array]:
        return np.where((up == 2) & (down == 1), -100.0, 100.0), np.full(up.shape, 100.0)

    coverage, length = exact_coverage(hold_at_two_promoters, (0.2, 0.5, 0.3), 4)
    chance = 12 * 0.2**2 * 0.5 * 0.3
    assert (coverage, length) == pytest.approx((chance, 200 * chance))


def test_exact_coverage_of_a_class_that_nobody_chooses_is_finite() -> None:
    assert exact_coverage(draw_nothing, (1, 0, 0), 3) == pytest.approx((0, 2))


def test_binomial_p_adds_up_the_outcomes_that_are_no_likelier() -> None:
    chance = [comb(20, k) * 0.95**k * 0.05 ** (20 - k) for k in range(21)]
    expected = sum(p for p in chance if p <= chance[16] * (1 + 1e-9))
    assert binomial_p(16, 20) == pytest.approx(expected)
    assert binomial_p(1900, 2000) > 0.95
    assert binomial_p(1860, 2000) < 0.001


def test_is_unbiased_allows_chance_and_a_twentieth_of_the_error() -> None:
    estimates = np.tile([-1.0, 1.0], 5000)  # mean 0, Monte Carlo standard error .01
    assert is_unbiased(estimates, 0.08, 1.0)
    assert not is_unbiased(estimates, 0.09, 1.0)
    assert is_unbiased(estimates, 0.03, 0.0)
    assert not is_unbiased(estimates, -0.04, 0.0)
