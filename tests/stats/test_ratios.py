"""Ratios of sums, against R's survey package and plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saydo.stats.ratios import ClusterSums, design_effect, effective_answers, estimate_ratio, sums_of_lots

ROWS = np.arange(100)
SCORES = np.where(ROWS % 5 == 0, -1, np.where(ROWS % 3 == 0, 0, 1))
WEIGHTS = 1 + ROWS % 7


def sum_clusters(c: np.ndarray[Any, Any], m: np.ndarray[Any, Any]) -> ClusterSums:
    return ClusterSums(c.size, c.sum(), m.sum(), (c * c).sum(), (c * m).sum(), (m * m).sum())


def test_estimate_ratio_matches_svymean_of_r() -> None:
    sums = sum_clusters(WEIGHTS * SCORES, WEIGHTS)
    estimate = estimate_ratio(sums)
    np.testing.assert_allclose(
        [estimate.value, estimate.se, sums.effective_clusters], [0.3189873, 0.0896718, 79.402], rtol=1e-6
    )
    np.testing.assert_allclose(estimate.df, 78.402, rtol=1e-6)


@given(
    clusters=st.lists(
        st.lists(st.tuples(st.sampled_from([-1.0, 0.0, 1.0]), st.floats(0.5, 9)), min_size=1, max_size=5),
        min_size=2,
        max_size=12,
    )
)
def test_estimate_ratio_matches_plain_loop(clusters: list[list[tuple[float, float]]]) -> None:
    c = [sum(w * y for y, w in answers) for answers in clusters]
    m = [sum(w for _, w in answers) for answers in clusters]
    ratio, g = sum(c) / sum(m), len(clusters)
    squares = sum((ck - ratio * mk) ** 2 for ck, mk in zip(c, m, strict=True))
    estimate = estimate_ratio(sum_clusters(np.array(c), np.array(m)))
    np.testing.assert_allclose(estimate.value, ratio, atol=1e-12)
    np.testing.assert_allclose(estimate.se, (g / (g - 1) * squares) ** 0.5 / sum(m), atol=1e-6)


def test_estimate_ratio_of_nothing_and_of_one_cluster_is_unknown() -> None:
    estimate = estimate_ratio(ClusterSums([0, 1, 2], [0, 3, 0], [0, 4, 0], [0, 9, 2], [0, 12, 0], [0, 16, 0]))
    np.testing.assert_array_equal(estimate.value, [np.nan, 0.75, np.nan])
    np.testing.assert_array_equal([estimate.se, estimate.df], np.full((2, 3), np.nan))


def test_estimate_ratio_has_one_degree_of_freedom_at_least() -> None:
    assert estimate_ratio(sum_clusters(np.array([1.0, 900.0]), np.array([1.0, 1000.0]))).df == 1


def test_design_effect_of_simple_answers_is_one() -> None:
    estimate = estimate_ratio(sum_clusters(SCORES, np.ones(100)))
    variance = np.var(SCORES)
    np.testing.assert_allclose(design_effect(estimate.se, variance, 100), 1)
    np.testing.assert_allclose(effective_answers(estimate.se, variance, 100, 100), 100)


def test_effective_answers_of_copies_count_each_cluster_once() -> None:
    copies = np.repeat(5, 100)  # every customer gave the same answer five times
    estimate = estimate_ratio(sum_clusters(5 * SCORES, copies))
    np.testing.assert_allclose(
        effective_answers(estimate.se, np.var(SCORES), 500, 100), 100, rtol=0.01
    )  # 100 * 499 / 495


@pytest.mark.parametrize(
    ("se", "variance", "n", "clusters", "expected"),
    [
        (0.0, 0.0, 40, 10.5, 10.5),  # unanimous: nothing shows how alike the answers of a customer are
        (1e-10, 1e-17, 40, 10.5, 10.5),  # the same after rounding
        (0.0, 0.0, 8, 10.5, 8),
        (0.01, 0.5, 40, 10, 40),  # more certain than a random sample: not believed
        (0.0, 0.5, 40, 10, 40),
        (0.2, 0.5, 41, 10, 41 * 0.5 / 0.04 / 40),
        (np.nan, 0.5, 40, 1, np.nan),
    ],
)
def test_effective_answers_stay_between_clusters_and_answers(
    se: float, variance: float, n: int, clusters: float, expected: float
) -> None:
    np.testing.assert_allclose(effective_answers(se, variance, n, clusters), expected)


def test_ratios_of_groups_are_those_of_each_group() -> None:
    groups = [(WEIGHTS[i:] * SCORES[i:], WEIGHTS[i:]) for i in (0, 30, 98, 99)]
    alone = [sum_clusters(c, m) for c, m in groups]
    names = ("clusters", "c", "m", "cc", "cm", "mm")
    together = estimate_ratio(ClusterSums(*([getattr(sums, name) for sums in alone] for name in names)))
    expected = [estimate_ratio(sums) for sums in alone]
    np.testing.assert_array_equal(together.value, [one.value for one in expected])
    np.testing.assert_array_equal(together.se, [one.se for one in expected])


def test_sums_of_lots_are_those_of_the_clusters_in_the_mean_of_all_draws() -> None:
    rng = np.random.default_rng(20261122)
    clusters, lots, runs = 3_000, 1_024, 400
    m = np.ceil(rng.lognormal(0.5, 1, clusters))
    c = rng.binomial(m.astype(int), rng.beta(3, 1, clusters)).astype(float)
    full, drawn = sum_clusters(c, m), []
    for _ in range(runs):
        lot = rng.integers(0, lots, clusters)
        above, below = (np.bincount(lot, side, lots) for side in (c, m))
        sums = sum_clusters(above, below)
        sums.clusters = np.asarray((below > 0).sum(), dtype=float)
        drawn.append(sums_of_lots(sums, lots))
    for name in ("c", "m"):
        assert {float(getattr(one, name)) for one in drawn} == {float(getattr(full, name))}
    errors = np.array([estimate_ratio(one).se ** 2 for one in drawn]) / estimate_ratio(full).se ** 2
    # the error of the mean of 400 draws, each of which misses by sqrt(2 / 1,024) = 4.4 %, is 0.2 %
    assert errors.mean() == pytest.approx(1, abs=0.01)
    assert errors.std() == pytest.approx(np.sqrt(2 / lots), rel=0.2)
    assert np.mean([one.clusters for one in drawn]) == pytest.approx(clusters, rel=0.01)
    assert np.mean([one.effective_clusters for one in drawn]) == pytest.approx(full.effective_clusters, rel=0.01)


def test_sums_of_few_lots_are_left_as_they_are() -> None:
    sums = sum_clusters(WEIGHTS * SCORES, WEIGHTS)
    lots = sums_of_lots(sums, 65_536)
    assert {name: float(value) for name, value in vars(lots).items()} == {
        name: float(value) for name, value in vars(sums).items()
    }
