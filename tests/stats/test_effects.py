"""Adjusted effects: identities, a known truth with its exact values, published E-values, and chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saydo.stats.arrays import Array
from saydo.stats.effects import (
    Arms,
    Design,
    Ints,
    Nuisance,
    e_value,
    e_value_limit,
    estimate_effect,
    fit_chances,
    fit_means,
    overlap_bounds,
    predict,
    saturate,
    standardised_ratio,
)
from saydo.stats.trials import binomial_p, is_unbiased

# The known truth: distance d and value v make a parcel late, and change the chance of buying again.
D, V = (grid.ravel() for grid in np.meshgrid([0, 1, 2], [0, 1], indexing="ij"))
SHARE = np.array([0.5, 0.3, 0.2])[D] * np.array([0.6, 0.4])[V]
LATE = 0.05 + 0.15 * D + 0.10 * V
IF_KEPT = 0.60 - 0.08 * D + 0.15 * V
IF_LATE = IF_KEPT - (0.10 + 0.05 * V)


def shares(n: float, cells: Array = SHARE, late: Array = LATE) -> Arms:
    """The population, exactly, as if n had been seen."""
    counts = n * np.stack([cells * (1 - late), cells * late])
    hits = counts * np.stack([IF_KEPT, IF_LATE])
    return Arms(counts, hits, hits)


def draw(chance: np.random.Generator, n: int) -> Arms:
    """So many parcels drawn from it, counted per cell."""
    seen = chance.multinomial(n, SHARE)
    late = chance.binomial(seen, LATE)
    counts = np.stack([seen - late, late])
    hits = chance.binomial(counts, np.stack([IF_KEPT, IF_LATE])).astype(float)
    return Arms(counts.astype(float), hits, hits)


def cross_fit(levels: Ints, sizes: tuple[int, ...], folds: Ints, count: int, arms: Arms) -> Nuisance:
    design = Design(levels, sizes)
    return predict(design, folds, fit_chances(design, folds, count, arms.n), fit_means(design, folds, count, arms))


def test_the_effect_of_the_training_that_dehejia_and_wahba_published_is_found() -> None:
    """National Supported Work: earnings of 1978 of 185 trained men and of 260 who were left out by lot.

    R. Dehejia and S. Wahba, Journal of the American Statistical Association 94 (1999) 1053-1062: +1794.34, SE 671.00.
    The published deviations divide by n - 1, the influence by n, which makes the error smaller by some 1 / 2n.
    """
    n, means, deviations = np.array([260.0, 185.0]), np.array([4554.80, 6349.14]), np.array([5483.84, 7867.40])
    squares = (n - 1) * deviations**2 + n * means**2
    arms = Arms(n[:, None], (n * means)[:, None], squares[:, None])
    effect = estimate_effect(arms, saturate(arms))
    for one in (effect.on_all, effect.on_hit):
        assert one.value == pytest.approx(1794.34, abs=0.01)
        assert one.se == pytest.approx(671.00, rel=0.003)
    assert np.sqrt((deviations**2 / n).sum()) == pytest.approx(671.00, abs=0.005)
    assert effect.trimmed_share == 0
    assert effect.effective.tolist() == pytest.approx([260, 185])


def test_known_truth_is_found_exactly() -> None:
    arms = shares(20_000)
    effect = estimate_effect(arms, saturate(arms))
    assert arms.n[1].sum() / 20_000 == pytest.approx(0.195)
    assert effect.on_all.value == pytest.approx(-0.12)
    assert effect.on_hit.value == pytest.approx(-0.1261538, abs=1e-7)
    spared = (20_000 * effect.on_all.value - arms.n[1].sum() * effect.on_hit.value) / arms.n[0].sum()
    assert spared == pytest.approx(-0.1185093, abs=1e-7)
    assert 20_000 * effect.on_all.se**2 == pytest.approx(2.5550663)
    assert effect.on_all.se == pytest.approx(0.011303, abs=1e-6)
    assert effect.if_spared == pytest.approx(0.604)
    assert effect.trimmed_share == 0
    ratio = 1 + effect.on_all.value / effect.if_spared
    assert ratio == pytest.approx(0.8013245, abs=1e-7)
    assert e_value(ratio) == pytest.approx(1.80418, abs=1e-5)


def test_known_truth_is_missed_without_a_confounder() -> None:
    arms = shares(1.0)
    naive = arms.total[1].sum() / arms.n[1].sum() - arms.total[0].sum() / arms.n[0].sum()
    assert naive == pytest.approx(-0.1498519, abs=1e-7)
    by_distance = Arms(*(np.stack([part[:, distance == D].sum(axis=1) for distance in range(3)], axis=1)
                         for part in (arms.n, arms.total, arms.squares)))  # fmt: skip
    assert estimate_effect(by_distance, saturate(by_distance)).on_all.value == pytest.approx(-0.0978565, abs=1e-7)


def test_known_truth_is_held_by_the_interval() -> None:
    """400 companies of 20,000 parcels: no bias, and the interval holds the truth as often as it says."""
    chance = np.random.default_rng(61)
    found = [estimate_effect(arms, saturate(arms)) for arms in (draw(chance, 20_000) for _ in range(400))]
    for name, truth in (("on_all", -0.12), ("on_hit", -0.1261538)):
        values = np.array([float(getattr(one, name).value) for one in found])
        errors = np.array([float(getattr(one, name).se) for one in found])
        assert is_unbiased(values, truth, float(errors.mean()))
        held = np.abs(values - truth) <= 1.959964 * errors
        assert binomial_p(int(held.sum()), 400) > 0.001
        assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.12)


COUNTS = st.lists(st.tuples(*[st.integers(1, 40)] * 2, *[st.floats(-5, 5)] * 2), min_size=1, max_size=6)


@given(cells=COUNTS)
def test_saturated_estimate_is_weighting_and_standardisation(cells: list[tuple[int, int, float, float]]) -> None:
    table = np.array(cells, dtype=float)
    n, means = table[:, :2].T, table[:, 2:].T
    arms = Arms(n, n * means, n * (means**2 + 1))
    models = saturate(arms)
    low, high = overlap_bounds(n[1].sum() / n.sum())
    inside = (models.chance >= low) & (models.chance <= high)
    effect = estimate_effect(arms, models)
    n, total = n[:, inside], arms.total[:, inside]
    rate = n[1] / n.sum(axis=0)
    weighted = (total[1] / rate - total[0] / (1 - rate)).sum() / n.sum()
    standardised = (n.sum(axis=0) * (total[1] / n[1] - total[0] / n[0])).sum() / n.sum()
    assert effect.on_all.value == pytest.approx(standardised, abs=1e-9)
    assert effect.on_all.value == pytest.approx(weighted, abs=1e-9)
    on_hit = (n[1] * (total[1] / n[1] - total[0] / n[0])).sum() / n[1].sum()
    assert effect.on_hit.value == pytest.approx(on_hit, abs=1e-9)


def test_estimate_is_right_if_either_model_is() -> None:
    """Doubly robust: the chance or the means may be wrong, not both."""
    arms = shares(1.0)
    right, flat = saturate(arms), np.full(6, 0.3)
    for models in (Nuisance(flat, right.if_spared, right.if_hit), Nuisance(right.chance, flat, flat)):
        assert estimate_effect(arms, models).on_all.value == pytest.approx(-0.12)
        assert estimate_effect(arms, models).on_hit.value == pytest.approx(-0.1261538, abs=1e-7)
    assert abs(estimate_effect(arms, Nuisance(flat, flat, flat)).on_all.value + 0.12) > 0.01


def test_error_is_that_of_a_plain_loop_over_events() -> None:
    arms = draw(np.random.default_rng(4), 300)
    models = Nuisance(np.clip(LATE, 0.05, 1), IF_KEPT + 0.1, IF_LATE - 0.1)
    influence, hit_influence = [], []
    rows = [(cell, arm, y) for arm in (0, 1) for cell in range(6) for y in (0.0, 1.0)
            for _ in range(int(arms.total[arm, cell] if y else arms.n[arm, cell] - arms.total[arm, cell]))]  # fmt: skip
    for cell, arm, y in rows:
        e, m0, m1 = models.chance[cell], models.if_spared[cell], models.if_hit[cell]
        influence.append(m1 - m0 + arm * (y - m1) / e - (1 - arm) * (y - m0) / (1 - e))
        hit_influence.append(arm * (y - m0) - (1 - arm) * (y - m0) * e / (1 - e))
    effect, hits = estimate_effect(arms, models), arms.n[1].sum()
    assert effect.on_all.value == pytest.approx(np.mean(influence))
    assert effect.on_all.se == pytest.approx(np.std(influence) / np.sqrt(300))
    assert effect.on_hit.value == pytest.approx(np.sum(hit_influence) / hits)
    loose = [one - arm * effect.on_hit.value for one, (_, arm, _) in zip(hit_influence, rows, strict=True)]
    assert effect.on_hit.se == pytest.approx(np.sqrt(np.sum(np.square(loose))) / hits)
    weights = np.array([1 / models.chance[cell] for cell, arm, _ in rows if arm])
    assert effect.effective[1] == pytest.approx(weights.sum() ** 2 / (weights**2).sum())


def test_cell_that_cannot_be_compared_is_trimmed() -> None:
    n = np.array([[50.0, 30.0, 100.0], [50.0, 0.0, 1.0]])
    arms = Arms(n, n * 0.5, n * 0.5)
    effect = estimate_effect(arms, saturate(arms))
    assert effect.trimmed_share == pytest.approx(131 / 231)
    assert effect.on_all.value == 0
    assert np.isfinite(effect.on_all.se)


def test_overlap_of_a_rare_event_is_measured_against_its_own_rate() -> None:
    assert overlap_bounds(0.5) == (0.05, 0.95)
    assert overlap_bounds(0.02) == pytest.approx((0.004, 0.95))
    assert overlap_bounds(0.98) == pytest.approx((0.05, 0.996))


def test_cross_fitted_models_adjust_for_more_covariates_than_cells_can_hold() -> None:
    """20 companies of 2,000 events, six covariates of four levels (4,096 cells): the naive difference is far off."""
    chance = np.random.default_rng(62)
    found, errors, naive, held = [], [], [], 0
    for _ in range(20):
        levels = chance.integers(0, 4, (2_000, 6))
        push = (levels - 1.5).sum(axis=1)
        hit = chance.random(2_000) < 1 / (1 + np.exp(1.2 - 0.25 * push))
        y = 0.5 * push - 1.0 * hit + chance.standard_normal(2_000)
        pick = np.stack([~hit, hit]).astype(float)
        arms, folds = Arms(pick, pick * y, pick * y**2), chance.integers(0, 4, 2_000)
        sizes = (4,) * 6
        models = cross_fit(levels, sizes, folds, 4, arms)
        effect = estimate_effect(arms, models)
        found.append(float(effect.on_all.value))
        errors.append(float(effect.on_all.se))
        naive.append(y[hit].mean() - y[~hit].mean())
        held += abs(found[-1] + 1) <= 1.96 * errors[-1]
    assert np.mean(naive) > -0.6
    assert is_unbiased(found, -1.0, float(np.mean(errors)))
    assert binomial_p(held, 20) > 0.001


def test_cross_fitting_on_grouped_rows_is_that_on_single_ones() -> None:
    chance = np.random.default_rng(63)
    levels, folds = chance.integers(0, 2, (200, 2)), chance.integers(0, 2, 200)
    hit, y = chance.random(200) < 0.4, chance.standard_normal(200)
    pick = np.stack([~hit, hit]).astype(float)
    single = Arms(pick, pick * y, pick * y**2)
    keys, place = np.unique(np.column_stack([levels, folds]), axis=0, return_inverse=True)
    parts = (single.n, single.total, single.squares)
    sums = [np.stack([np.bincount(place.ravel(), row, len(keys)) for row in part]).astype(float) for part in parts]
    grouped = Arms(*sums)
    one, other = cross_fit(levels, (2, 2), folds, 2, single), cross_fit(keys[:, :2], (2, 2), keys[:, 2], 2, grouped)
    for name in ("chance", "if_spared", "if_hit"):
        assert getattr(other, name)[place.ravel()] == pytest.approx(getattr(one, name))


def test_penalised_models_are_those_of_the_dense_equations() -> None:
    """The design is never written out: hold its sums against plain matrices."""
    chance = np.random.default_rng(64)
    levels = np.column_stack([chance.integers(0, 3, 60), chance.integers(0, 2, 60)])
    design = Design(levels, (3, 2))
    dense = np.column_stack([np.ones(60), *(levels[:, 0] == level for level in range(3)),
                             *(levels[:, 1] == level for level in range(2))]).astype(float)  # fmt: skip
    weights, coefficients = chance.random(60), chance.standard_normal(6)
    assert design.width == 6
    assert design.cross(weights) == pytest.approx(dense.T @ (dense * weights[:, None]))
    assert design.sum(weights) == pytest.approx(dense.T @ weights)
    assert design.predict(coefficients) == pytest.approx(dense @ coefficients)
    n = np.stack([chance.integers(1, 5, 60), chance.integers(1, 5, 60)]).astype(float)
    folds = np.zeros(60, dtype=np.int64)
    found = fit_chances(design, folds, 1, n)[0]
    slope = dense.T @ (n[1] - n.sum(axis=0) / (1 + np.exp(-dense @ found)))
    assert slope == pytest.approx([0, *found[1:]], abs=1e-7)  # half for each of two covariates
    total = chance.standard_normal((2, 60))
    spared, hit = (one[0] for one in fit_means(design, folds, 1, Arms(n, total, total**2)))
    assert dense.T @ (total[0] - n[0] * (dense @ spared)) == pytest.approx([0, *(4 * spared[1:])], abs=1e-7)
    assert dense.T @ (total[1] - n[1] * (dense @ hit)) == pytest.approx([0, *(4 * (hit - spared)[1:])], abs=1e-7)


def test_models_without_covariates_are_the_means() -> None:
    n = np.array([[30.0, 50.0], [10.0, 10.0]])
    arms = Arms(n, n * np.array([[1.0, 1.0], [3.0, 3.0]]), n * 9)
    none, folds = np.zeros((2, 0), dtype=np.int64), np.array([0, 1])
    models = cross_fit(none, (), folds, 2, arms)
    assert models.if_spared == pytest.approx([1, 1])
    assert models.if_hit == pytest.approx([3, 3])
    assert models.chance == pytest.approx([10 / 60, 10 / 40])  # each from the other's fold


def test_perfectly_separated_arms_still_give_finite_models() -> None:
    levels, folds = np.array([[0], [1], [0], [1]]), np.array([0, 0, 1, 1])
    n = np.array([[20.0, 0.0, 20.0, 0.0], [0.0, 20.0, 0.0, 20.0]])
    arms = Arms(n, n, n)
    models = cross_fit(levels, (2,), folds, 2, arms)
    assert np.isfinite([models.chance, models.if_spared, models.if_hit]).all()
    assert models.chance[0] < 0.3
    assert models.chance[1] > 0.7


@pytest.mark.parametrize(
    ("ratio", "low", "high", "expected", "limit"),
    [(0.80, 0.71, 0.91, 1.809, 1.429), (10.72978, 8.017457, 14.4, 20.947, 15.518)],
)
def test_e_values_match_vanderweele_and_ding_2017(
    ratio: float, low: float, high: float, expected: float, limit: float
) -> None:
    assert e_value(ratio) == pytest.approx(expected, abs=5e-4)
    assert e_value_limit(low, high) == pytest.approx(limit, abs=5e-4)


def test_e_value_edges() -> None:
    assert e_value([3.9, 1.8, 1.0]) == pytest.approx([7.263, 3.000, 1.0], abs=5e-4)
    assert e_value_limit(0.9, 1.2) == 1
    assert np.isnan(e_value_limit(np.nan, np.nan))
    assert standardised_ratio([0.5, 0.0], [1.0, 2.0]) == pytest.approx([np.exp(0.455), 1.0])
    assert np.isnan(standardised_ratio(1.0, 0.0))
