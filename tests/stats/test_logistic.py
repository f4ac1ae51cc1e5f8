"""Logistic regression on grouped rows, and the area under the curve."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import mannwhitneyu

from saydo.stats.logistic import draw_curve, fit_logistic, log_likelihood
from saydo.stats.trials import binomial_p


def test_logistic_of_one_yes_or_no_is_the_log_of_the_odds_ratio() -> None:
    design = [[1, 0], [1, 1]]
    constant, slope = fit_logistic(design, [20, 45], [80, 55], ridge=0)
    assert (constant, slope) == (pytest.approx(np.log(20 / 80)), pytest.approx(np.log(45 / 55 * 80 / 20)))


def test_logistic_agrees_with_a_general_optimiser() -> None:
    chance = np.random.default_rng(3)
    design = np.column_stack([np.ones(60), chance.normal(size=(60, 4))])
    yes, no = chance.integers(0, 9, (2, 60)).astype(float)

    def loss(coefficients: np.ndarray) -> float:
        return -log_likelihood(design @ coefficients, yes, no) + 0.7 * float((coefficients[1:] ** 2).sum()) / 2

    found = minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-9})
    assert fit_logistic(design, yes, no, ridge=0.7) == pytest.approx(found.x, abs=1e-5)


def test_logistic_says_the_same_of_grouped_rows_and_of_each_row() -> None:
    grouped = fit_logistic([[1, 0], [1, 1]], [3, 5], [4, 1])
    yes = [1] * 3 + [0] * 4 + [1] * 5 + [0]
    single = fit_logistic([[1, 0]] * 7 + [[1, 1]] * 6, yes, [1 - one for one in yes])
    assert grouped == pytest.approx(single)


def test_logistic_bears_what_foretells_perfectly_and_what_never_occurs() -> None:
    found = fit_logistic([[1, 0, 0], [1, 1, 0]], [0, 50], [50, 0])
    assert np.isfinite(found).all()
    assert found[1] > 3
    assert found[2] == 0


def test_curve_is_the_rank_test_of_mann_and_whitney() -> None:
    chance = np.random.default_rng(4)
    odds = chance.integers(0, 6, 80).astype(float)
    is_yes = chance.random(80) < 0.2 + 0.1 * odds
    expected = mannwhitneyu(odds[is_yes], odds[~is_yes]).statistic / is_yes.sum() / (~is_yes).sum()
    assert draw_curve(odds, is_yes, ~is_yes).area == pytest.approx(expected)


def test_curve_of_all_yes_is_unknown() -> None:
    assert np.isnan(draw_curve([1, 2], [3, 4], [0, 0]).area)


def test_curve_has_the_error_that_it_says() -> None:
    """Over 400 samples the influences make intervals that hold the area of a large sample as often as they should."""
    chance = np.random.default_rng(5)
    held = 0
    ways = [(a + 1 > b) + 0.5 * (a + 1 == b) for a in range(6) for b in range(6)]
    truth = float(np.mean(ways))
    for _ in range(400):
        odds = np.concatenate([chance.integers(0, 6, 60) + 1, chance.integers(0, 6, 60)]).astype(float)
        is_yes = np.arange(120) < 60
        curve = draw_curve(odds, is_yes, ~is_yes)
        error = np.sqrt((curve.of_yes[is_yes] ** 2).sum() + (curve.of_no[~is_yes] ** 2).sum())
        held += abs(curve.area - truth) < 1.98 * error
    assert binomial_p(held, 400) > 0.001
