"""Relative drops on grouped rows: against the plain ratio, their sums, and how often the interval holds the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from saydo.stats.drops import Drops, fit_drops


def fit_table(counts: list[tuple[int, int, int, int]], ridge: float = 1e-6) -> Drops:
    """One stratum per tuple: (yes, no) of those to whom nothing happened, then of the others; ten random groups."""
    like = np.repeat(np.column_stack([np.ones(len(counts)), np.eye(len(counts))[:, 1:]]), 2, axis=0)
    happened = np.tile([[0.0], [1.0]], (len(counts), 1))
    sums = np.array(counts, dtype=float).reshape(-1, 2)
    rows, groups = np.repeat(np.arange(len(sums)), 10), np.tile(np.arange(10), len(sums))
    yes, no = (np.repeat(sums[:, side] / 10, 10) for side in (0, 1))
    return fit_drops(like, happened, yes, no, rows, groups, ridge)


def test_drop_of_one_stratum_is_the_plain_ratio() -> None:
    drop, _, share = fit_table([(60, 40, 30, 70)]).of([[1.0]], [[1.0]])
    assert drop[0] == pytest.approx(1 - 0.3 / 0.6, abs=1e-6)
    assert share[0] == pytest.approx(0.3, abs=1e-6)


def test_nothing_happened_is_no_drop_without_error() -> None:
    drop, se, _ = fit_table([(60, 40, 30, 70), (10, 90, 5, 95)]).of([[1.0, 1.0]], [[0.0]])
    assert (drop[0], se[0]) == (0.0, 0.0)


def test_error_is_that_of_a_ratio_of_shares() -> None:
    """With groups that do not differ the error is the likelihood's: (1 - p) / (n p) on both sides, of the log ratio."""
    drops = fit_table([(60, 40, 30, 70)])
    _, se, _ = drops.of([[1.0]], [[1.0]])
    assert se[0] == pytest.approx(0.5 * np.sqrt(0.4 / 60 + 0.7 / 30), rel=1e-3)


def test_sum_of_one_row_is_that_row() -> None:
    drops = fit_table([(60, 40, 30, 70), (10, 90, 5, 95)])
    like, happened = np.array([[1.0, 0.0], [1.0, 1.0]]), np.ones((2, 1))
    drop, se, _ = drops.of(like, happened)
    total, error = drops.sum(like, happened, np.eye(2))
    assert total == pytest.approx(drop)
    assert error == pytest.approx(se)


def test_ridge_draws_what_was_seen_seldom_to_no_drop() -> None:
    few, many = (fit_table([(600, 400, *one)], ridge=1.0).of([[1.0]], [[1.0]])[0][0] for one in ((1, 3), (100, 300)))
    plain = 1 - 0.25 / 0.6
    assert 0 < few < many < plain


def test_interval_holds_the_true_drop() -> None:
    """400 samples: 20 strata, a drop of a fifth or so on the scale of odds, people who come twice."""
    chance = np.random.default_rng(5)
    base, effect = np.linspace(-1.5, 1.0, 5), -0.4
    like = np.repeat(np.column_stack([np.ones(5), np.eye(5)[:, 1:]]), 2, axis=0)
    happened = np.tile([[0.0], [1.0]], (5, 1))
    shares = 1 / (1 + np.exp(-(np.repeat(base, 2) + effect * happened[:, 0])))
    held = 0
    for _ in range(400):
        people = 2_000
        row = 2 * chance.integers(0, 5, people) + (chance.random(people) < 0.2)
        said = np.tile(chance.random(people) < shares[row], 2)  # the same person twice, saying the same
        group = np.tile(np.arange(people) % 41, 2)
        row = np.tile(row, 2)
        drops = fit_drops(like, happened, said.astype(float), (~said).astype(float), row, group)
        drop, se, _ = drops.of(like[5:6], happened[5:6])
        low, high = drops.interval(drop, se)
        truth = 1 - shares[5] / shares[4]
        held += int(low[0] <= truth <= high[0])
    assert binom.cdf(held, 400, 0.95) > 0.001, held
    assert held < 400
