"""Products of uncertain factors: each draw has the law it should, and the interval of the product holds the truth."""

from __future__ import annotations

import numpy as np
import pytest

from saydo.stats.chains import draw_counts, draw_means, draw_shares, find_ends, share_of_whole
from saydo.stats.estimates import Estimate
from saydo.stats.trials import binomial_p


def test_drawn_counts_are_as_uncertain_as_poisson_or_as_the_periods() -> None:
    even, uneven, none = draw_counts([[100, 100, 100, 100], [40, 160, 40, 160], [0, 0, 0, 0]], np.random.default_rng(1))
    assert even.mean() == pytest.approx(100, rel=0.01)
    assert even.std() == pytest.approx(5, rel=0.05)  # sqrt(100 / 4)
    assert uneven.std() == pytest.approx(np.sqrt(4_800 / 4), rel=0.05)
    assert 0 < none.mean() < 0.25


def test_drawn_shares_are_those_of_beta() -> None:
    few, many = draw_shares([0.1, 0.1], [20, 2_000], np.random.default_rng(2))
    assert few.mean() == pytest.approx(2.5 / 21, rel=0.02)
    assert many.std() == pytest.approx(np.sqrt(0.1 * 0.9 / 2_000), rel=0.05)


def test_drawn_means_are_students_and_unknown_ones_stay_unknown() -> None:
    known, unknown = draw_means(
        Estimate(np.array([5.0, np.nan]), np.array([2.0, np.nan]), np.array([4.0, np.nan])), np.random.default_rng(3)
    )
    assert find_ends(known[None])[1][0] == pytest.approx(5 + 2 * 2.776, rel=0.05)
    assert np.isnan(unknown).all()
    assert np.isnan(find_ends(unknown[None])).all()


def test_interval_of_a_product_holds_it() -> None:
    """300 chains of 4 quarters: counts of mean 50, a share of .2 of those seen, a cost of mean 30."""
    chance, held = np.random.default_rng(4), 0
    for _ in range(300):
        counts = chance.poisson(50, (1, 4))
        broken = chance.binomial(counts.sum(), 0.2)
        seen = chance.normal(30, 60, 80)
        each = Estimate(np.array([seen.mean()]), np.array([seen.std(ddof=1) / np.sqrt(80)]), np.array([79.0]))
        share = draw_shares([broken / counts.sum()], [counts.sum()], chance)
        low, high = find_ends(draw_counts(counts, chance) * share * draw_means(each, chance))
        held += low[0] <= 50 * 0.2 * 30 <= high[0]
    assert binomial_p(held, 300) > 0.001


def test_shares_leave_out_what_brought_money() -> None:
    assert share_of_whole([30.0, -20.0, 10.0, np.nan]) == pytest.approx([0.75, np.nan, 0.25, np.nan], nan_ok=True)
    assert np.isnan(share_of_whole([-1.0, 0.0])).all()
