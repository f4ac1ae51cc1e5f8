"""How many answers to ask for."""

from __future__ import annotations

import numpy as np
from scipy import stats

from saydo.stats.estimates import Sums
from saydo.stats.planning import answers_per_group, sample_size


def test_sample_size_matches_published_figures() -> None:
    # Published rounded to the nearest, as 676, 1291, 1537 and 384; rounded up, the interval is never wider than asked.
    np.testing.assert_array_equal(sample_size([0.05, 0.05, 0.05, 0.10], [0.44, 0.84, 1, 1]), [677, 1291, 1537, 385])


def test_sample_size_of_a_small_population_is_smaller() -> None:
    np.testing.assert_array_equal(
        sample_size(0.05, population=[2000, 50, np.inf]), [870, 49, 1537]
    )  # 869.2 by the book


def test_sample_size_is_just_enough() -> None:
    n = sample_size(0.05, 0.44)
    half = 1.959964 * np.sqrt(Sums.of_mean([n - 1, n], 0.4, 0.44).variance / [n - 1, n])
    assert half[1] <= 0.05 < half[0]


def test_answers_per_group_match_published_figures() -> None:
    np.testing.assert_array_equal(answers_per_group([0.05, 0.10], 0.44), [2763, 691])


def test_answers_per_group_give_the_power_that_was_asked() -> None:
    n = answers_per_group(0.05, 0.44, power=0.9)
    found = stats.norm.sf(1.959964 - 0.05 / np.sqrt(2 * 0.44 / n))
    np.testing.assert_allclose(found, 0.9, atol=1e-3)
