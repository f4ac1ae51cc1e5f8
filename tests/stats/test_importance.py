"""What a score goes with: against relaimpo of R on the Swiss data of 1888, brute force, definitions and simulations."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saydo.stats import importance
from saydo.stats.importance import correlate, explained, sample_shapley, shapley
from saydo.stats.trials import binomial_p

Array = np.ndarray[Any, Any]

# Mosteller and Tukey, Data Analysis and Regression (1977): 47 provinces; agriculture, examination, education, catholic,
# infant mortality and, last, fertility.
SWISS = """
17 15 12 9.96 22.2 80.2 | 45.1 6 9 84.84 22.2 83.1 | 39.7 5 5 93.4 20.2 92.5 | 36.5 12 7 33.77 20.3 85.8 |
43.5 17 15 5.16 20.6 76.9 | 35.3 9 7 90.57 26.6 76.1 | 70.2 16 7 92.85 23.6 83.8 | 67.8 14 8 97.16 24.9 92.4 |
53.3 12 7 97.67 21 82.4 | 45.2 16 13 91.38 24.4 82.9 | 64.5 14 6 98.61 24.5 87.1 | 62 21 12 8.52 16.5 64.1 |
67.5 14 7 2.27 19.1 66.9 | 60.7 19 12 4.43 22.7 68.9 | 69.3 22 5 2.82 18.7 61.7 | 72.6 18 2 24.2 21.2 68.3 |
34 17 8 3.3 20 71.7 | 19.4 26 28 12.11 20.2 55.7 | 15.2 31 20 2.15 10.8 54.3 | 73 19 9 2.84 20 65.1 |
59.8 22 10 5.23 18 65.5 | 55.1 14 3 4.52 22.4 65 | 50.9 22 12 15.14 16.7 56.6 | 54.1 20 6 4.2 15.3 57.4 |
71.2 12 1 2.4 21 72.5 | 58.1 14 8 5.23 23.8 74.2 | 63.5 6 3 2.56 18 72 | 60.8 16 10 7.72 16.3 60.5 |
26.8 25 19 18.46 20.9 58.3 | 49.5 15 8 6.1 22.5 65.4 | 85.9 3 2 99.71 15.1 75.5 | 84.9 7 6 99.68 19.8 69.3 |
89.7 5 2 100 18.3 77.3 | 78.2 12 6 98.96 19.4 70.5 | 64.9 7 3 98.22 20.2 79.4 | 75.9 9 9 99.06 17.8 65 |
84.6 3 3 99.46 16.3 92.2 | 63.1 13 13 96.83 18.1 79.3 | 38.4 26 12 5.62 20.3 70.4 | 7.7 29 11 13.79 20.5 65.7 |
16.7 22 13 11.22 18.9 72.7 | 17.6 35 32 16.92 23 64.4 | 37.6 15 7 4.97 20 77.6 | 18.7 25 7 8.65 19.5 67.6 |
1.2 37 53 42.34 18 35 | 46.6 16 29 50.43 18.2 44.7 | 27.7 22 29 58.33 19.3 42.8
"""
PUBLISHED = {
    "shapley": [0.05709122, 0.17117303, 0.26013468, 0.10557015, 0.11276592],
    "relative_weights": [0.04841690, 0.15470825, 0.27196411, 0.11468003, 0.11696572],
    "used_last": [0.04286961, 0.00738742, 0.16196269, 0.06237263, 0.05694526],
    "used_alone": [0.12466491, 0.41716447, 0.44061565, 0.21500350, 0.17351893],
    "pratt": [-0.11048599, 0.10642740, 0.44500457, 0.16117681, 0.10461221],
    "car": [0.00056747, 0.15113399, 0.32326807, 0.11507318, 0.11669228],
}


def sum_products(columns: Array) -> Array:
    """The cross-products of rows with a leading one."""
    rows = np.column_stack([np.ones(len(columns)), columns])
    return rows.T @ rows


@pytest.fixture(scope="module")
def swiss() -> Array:
    rows = np.array([line.split() for line in SWISS.split("|")], dtype=float)
    assert rows.shape == (47, 6)
    return correlate(sum_products(rows))


@pytest.mark.parametrize("name", PUBLISHED)
def test_parts_match_relaimpo_on_the_swiss_data_of_mosteller_and_tukey_1977(name: str, swiss: Array) -> None:
    np.testing.assert_allclose(getattr(importance, name)(swiss), PUBLISHED[name], atol=1e-8)


def test_explained_matches_relaimpo_on_the_swiss_data(swiss: Array) -> None:
    assert round(float(explained(swiss)), 6) == 0.706735
    for name in ("shapley", "relative_weights", "pratt", "car"):
        np.testing.assert_allclose(getattr(importance, name)(swiss).sum(), explained(swiss), rtol=1e-12)


def test_sampled_orders_come_near_all_orders_within_their_stated_error(swiss: Array) -> None:
    sampled = sample_shapley(swiss, orders=400, seed=1)
    assert (sampled.se < 0.004).all()
    assert (np.abs(sampled.value - shapley(swiss)) < 3.5 * sampled.se).all()
    np.testing.assert_allclose(sampled.value.sum(), explained(swiss))
    np.testing.assert_array_equal(sampled.value, sample_shapley(swiss, orders=400, seed=1).value)


def brute(rows: Array) -> Array:
    """The mean gain in R^2 over all orders, each model fitted anew by least squares."""
    count = rows.shape[1] - 1

    def fit(chosen: tuple[int, ...]) -> float:
        model = np.column_stack([np.ones(len(rows)), rows[:, list(chosen)]])
        left = rows[:, -1] - model @ np.linalg.lstsq(model, rows[:, -1], rcond=None)[0]
        return 1 - left @ left / ((rows[:, -1] - rows[:, -1].mean()) ** 2).sum()

    gains = np.zeros(count)
    orders = list(permutations(range(count)))
    for order in orders:
        for place, column in enumerate(order):
            gains[column] += fit(order[: place + 1]) - fit(order[:place])
    return gains / len(orders)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 4), copies=st.booleans())
def test_shapley_agrees_with_all_orders_one_by_one(seed: int, count: int, copies: bool) -> None:
    chance = np.random.default_rng(seed)
    rows = chance.normal(size=(30, count + 1)) @ chance.normal(size=(count + 1, count + 1))
    if copies:
        rows[:, 0] = 2 * rows[:, count - 1] + 3 if count > 1 else 1.0  # tells another in full; or does not vary
    np.testing.assert_allclose(shapley(correlate(sum_products(rows))), brute(rows), atol=1e-7)


def test_columns_that_tell_each_other_share_alike() -> None:
    chance = np.random.default_rng(1)
    one, other = chance.normal(size=(2, 200))
    rows = np.column_stack([one, 1 - 3 * one, other, one + other + chance.normal(size=200)])
    correlations = correlate(sum_products(rows))
    for parts in (shapley(correlations), importance.relative_weights(correlations)):
        assert parts[0] == pytest.approx(parts[1])
        assert parts.sum() == pytest.approx(float(explained(correlations)))


def test_places_that_add_up_to_one_need_no_reference() -> None:
    """A column for every one of three touchpoints, without leaving one out."""
    chance = np.random.default_rng(2)
    at = chance.integers(0, 3, 300)
    score = np.array([5.0, 7.0, 9.0])[at] + chance.normal(size=300)
    parts = shapley(correlate(sum_products(np.column_stack([np.eye(3)[at], score]))))
    within = sum(((score[at == place] - score[at == place].mean()) ** 2).sum() for place in range(3))
    assert parts.sum() == pytest.approx(1 - within / ((score - score.mean()) ** 2).sum())
    assert parts.argmin() == 1


def test_nothing_that_varies_explains_nothing() -> None:
    rows = np.column_stack([np.ones(9), np.arange(9.0), np.full(9, 7.0)])
    correlations = correlate(sum_products(rows))
    assert float(explained(correlations)) == 0
    for name in ("shapley", "relative_weights", "used_last", "used_alone", "pratt", "car"):
        assert getattr(importance, name)(correlations).tolist() == [0, 0], name


def test_too_many_columns_for_every_order_say_so() -> None:
    with pytest.raises(ValueError, match="take sample_shapley"):
        shapley(np.eye(17))


def test_fifteen_columns_take_every_order() -> None:
    chance = np.random.default_rng(3)
    rows = chance.normal(size=(400, 16)) + chance.normal(size=(400, 1))
    correlations = correlate(sum_products(rows))
    exact, sampled = shapley(correlations), sample_shapley(correlations, orders=600, seed=2)
    assert exact.sum() == pytest.approx(float(explained(correlations)))
    assert (np.abs(sampled.value - exact) < 4 * sampled.se).all()


def test_cross_products_of_parts_add_up() -> None:
    rows = np.random.default_rng(4).normal(size=(60, 4))
    parts = np.stack([sum_products(part) for part in np.split(rows, 6)])
    np.testing.assert_allclose(parts.sum(axis=0), sum_products(rows))
    without = importance.leave_out(parts)
    np.testing.assert_allclose(without[2], sum_products(np.delete(rows, np.s_[20:30], axis=0)))


def test_coefficients_are_those_of_least_squares_and_unknown_where_told_by_others() -> None:
    chance = np.random.default_rng(5)
    rows = chance.normal(3, 1, size=(50, 4))
    rows[:, 1] = 2 - rows[:, 0]
    found = importance.coefficients(sum_products(rows))
    model = np.column_stack([np.ones(50), rows[:, 0], rows[:, 2]])
    expected = np.linalg.lstsq(model, rows[:, -1], rcond=None)[0]
    np.testing.assert_allclose(found[[0, 1, 3]], expected, rtol=1e-8)
    assert np.isnan(found[2])


def test_jackknife_gives_the_error_of_a_mean() -> None:
    values = np.random.default_rng(6).normal(size=40)
    without = np.array([np.delete(values, place).mean() for place in range(40)])
    found = importance.jackknife(np.array(values.mean()), without)
    assert float(found.se) == pytest.approx(values.std(ddof=1) / np.sqrt(40))
    assert np.isnan(importance.jackknife(np.array(1.0), np.array([1.0])).se)


def rate(chance: np.random.Generator, count: int) -> Array:
    """Ratings of three things with something in common, on whole steps of 1 to 5, and a score of 0 to 10 from them."""
    common = chance.normal(size=(count, 1))
    felt = 0.5 * common + chance.normal(size=(count, 3))
    score = felt @ [0.5, 0.3, 0.1] + 0.6 * chance.normal(size=count)
    return np.column_stack([np.clip(np.rint(4 + felt), 1, 5), np.clip(np.rint(7.5 + 2 * score), 0, 10)])


def test_jackknife_share_holds_the_truth() -> None:
    chance = np.random.default_rng(7)
    truth = shapley(correlate(sum_products(rate(chance, 400_000))))
    truth = truth / truth.sum()
    runs, held = 300, np.zeros(3, dtype=int)
    for _ in range(runs):
        lots = np.stack([sum_products(part) for part in np.split(rate(chance, 240), 60)])
        parts, others = (shapley(correlate(sums)) for sums in (lots.sum(axis=0), importance.leave_out(lots)))
        low, high = importance.jackknife_share(parts / parts.sum(), others / others.sum(axis=-1, keepdims=True))
        held += (low <= truth) & (truth <= high)
    assert [binomial_p(int(count), runs) > 0.001 for count in held] == [True] * 3, held


def test_jackknife_share_of_nothing_or_everything_is_unknown() -> None:
    low, high = importance.jackknife_share(np.array([0.0, 1.0]), np.array([[0.0, 1.0]] * 5))
    assert np.isnan([low, high]).all()
