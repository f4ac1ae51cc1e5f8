"""Renewals and survival: the published numbers, the edges, and the truth of simulated contracts."""

from __future__ import annotations

import numpy as np
import pytest

from saydo.stats.survival import Renewals, bound_renewals, fit_renewals, kaplan_meier, log_rank, score_renewals
from saydo.stats.trials import binomial_p, is_unbiased

REGULAR = np.array([100, 63.1, 46.8, 38.2, 32.6, 28.9, 26.2, 24.1]) * 10
MAINTAINED = ([9, 13, 18, 23, 28, 31, 34, 45, 48, 161], [1, 1, 1, 1, 0, 1, 1, 0, 1, 0], [0, 1, 0, 0, 1, 0, 0, 1, 0, 1])
OTHERS = ([5, 8, 12, 16, 23, 27, 30, 33, 43, 45], [2, 2, 1, 0, 1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 0, 0, 0, 0, 0, 0])


def fit_curve(alive: np.ndarray) -> Renewals:
    model = fit_renewals(alive[:-1] - alive[1:], alive[1:])
    assert model is not None
    return model


def test_sbg_matches_fader_hardie_2007_on_regular_customers() -> None:
    model = fit_curve(REGULAR)
    assert [model.a, model.b] == pytest.approx([0.7041, 1.1820], abs=5e-5)
    assert model.log_likelihood == pytest.approx(-1680.265, abs=5e-4)
    assert model.survival(12)[8:] == pytest.approx([0.2201, 0.2044, 0.1912, 0.1799, 0.1700], abs=5e-5)
    assert model.expected_periods(0.10) == pytest.approx(3.6949, abs=5e-5)


def test_sbg_matches_fader_hardie_2010_on_four_cohorts() -> None:
    """Cohorts of 10,000 seen for 1, 2, 3 and 4 renewals, all on one curve."""
    alive = np.array([10_000, 8_000, 6_480, 5_307, 4_391])
    cohorts = np.array([4, 3, 2, 1])  # how many cohorts saw each renewal
    model = fit_renewals((alive[:-1] - alive[1:]) * cohorts, alive[1:] * cohorts)
    assert model is not None
    assert [model.a, model.b] == pytest.approx([3.7981, 15.1919], abs=2e-4)
    assert model.log_likelihood == pytest.approx(-40255.84, abs=5e-3)


def test_sbg_periods_left_are_the_sum_of_what_is_likely_to_come() -> None:
    model = fit_curve(REGULAR)
    curve = model.survival(4_000)
    discounts = 1.1 ** -np.arange(4_001.0)
    assert model.expected_periods(0.1) == pytest.approx((curve * discounts).sum())
    later = curve[4:] / curve[3] * 1.1 ** -np.arange(len(curve) - 4.0)
    assert float(model.periods_left(3, 0.1)) == pytest.approx(later.sum())


def test_sbg_says_when_contracts_are_alike() -> None:
    alive = 10_000 * 0.8 ** np.arange(8)
    model = fit_curve(alive)
    assert model.is_alike
    assert model.retention([1, 7]) == pytest.approx([0.8, 0.8], abs=1e-4)
    assert model.expected_periods(0.1) == pytest.approx(1 / (1 - 0.8 / 1.1), rel=1e-3)
    churn = 0.2
    spread = np.array([1, -1]) @ model.covariance @ np.array([1, -1])  # of the log-odds of ending
    assert spread == pytest.approx(1 / (churn * (1 - churn) * alive[:-1].sum()), rel=1e-3)


@pytest.mark.parametrize(("lost", "renewed"), [([0, 0], [5, 4]), ([5], [0]), ([], [])])
def test_sbg_is_null_where_nothing_can_be_learnt(lost: list[int], renewed: list[int]) -> None:
    assert fit_renewals(lost, renewed) is None


def test_sbg_scores_add_up_to_nothing_where_the_likelihood_is_highest() -> None:
    model = fit_renewals([30, 10, 3], [70, 40, 20])
    assert model is not None
    renewed, is_lost = np.array([0, 1, 2, 1, 2, 3]), np.array([1, 1, 1, 0, 0, 0], dtype=bool)
    contracts = np.array([30, 10, 3, 20, 17, 20])  # those seen once: 70 - 50; twice: 40 - 23
    assert contracts @ score_renewals(model, renewed, is_lost) == pytest.approx([0, 0], abs=1e-4)


def test_sbg_is_right_about_simulated_contracts() -> None:
    """400 companies of 600 contracts, seen for 1 to 8 renewals: no bias, and intervals that hold what they promise."""
    chance = np.random.default_rng(4711)
    a, b, found, held = 1.0, 6.0, [], 0
    truth = Renewals(a, b, 0.0, np.eye(2)).expected_periods(0.05)
    for _ in range(400):
        churn = chance.beta(a, b, 600)
        life = chance.geometric(np.maximum(churn, 1e-9))
        seen = chance.integers(1, 9, 600)
        n = np.arange(1, 9)[:, None]
        met = (life >= n) & (seen >= n)
        model = fit_renewals((met & (life == n)).sum(1), (met & (life > n)).sum(1))
        assert model is not None
        steps = np.eye(2) * 1e-5
        both = [(model.shifted(step), model.shifted(-step)) for step in steps]
        ends = [(up.expected_periods(0.05), down.expected_periods(0.05)) for up, down in both]
        slope = np.array([np.log(up / down) / 2e-5 for up, down in ends])
        error = float(np.sqrt(slope @ model.covariance @ slope))
        value = np.log(model.expected_periods(0.05))
        found.append(value)
        held += abs(value - np.log(truth)) <= 1.959964 * error
    assert binomial_p(held, len(found)) > 0.001
    assert is_unbiased(np.exp(found), truth, float(np.std(np.exp(found))))


@pytest.mark.parametrize(("contracts", "a", "b"), [(1_000, 0.7, 2.0), (20_000, 1.0, 6.0)])
def test_bounds_of_renewals_hold_the_truth_in_small_companies_and_in_large_ones(
    contracts: int, a: float, b: float
) -> None:
    """40 companies of each size: where the data are many, the bounds are near, and must not be missed."""
    chance, held = np.random.default_rng(4712), 0
    truth = Renewals(a, b, 0.0, np.eye(2)).expected_periods(0.05)
    n = np.arange(1, 9)[:, None]
    for _ in range(40):
        life, seen = chance.geometric(np.maximum(chance.beta(a, b, contracts), 1e-9)), chance.integers(1, 9, contracts)
        met = (life >= n) & (seen >= n)
        counts = (met & (life == n)).sum(1), (met & (life > n)).sum(1)
        model = fit_renewals(*counts)
        assert model is not None
        edge = zip(*bound_renewals(model, *counts), strict=True)
        ends = [Renewals(float(one), float(other), 0.0, np.eye(2)).expected_periods(0.05) for one, other in edge]
        held += min(ends) <= truth <= max(ends)
    assert binomial_p(held, 40) > 0.001


def test_kaplan_meier_matches_r_survival_on_aml() -> None:
    curve = kaplan_meier(*MAINTAINED)
    assert list(curve.time) == [9, 13, 18, 23, 31, 34, 48]
    assert curve.share == pytest.approx([0.9091, 0.8182, 0.7159, 0.6136, 0.4909, 0.3682, 0.1841], abs=5e-5)
    assert curve.se == pytest.approx([0.0867, 0.1163, 0.1397, 0.1526, 0.1642, 0.1627, 0.1535], abs=5e-5)
    assert (curve.median, kaplan_meier(*OTHERS).median) == (31, 23)
    assert [curve.low[0], curve.high[0]] == pytest.approx([0.5081, 0.9867], abs=5e-4)


def test_kaplan_meier_of_all_lost_has_no_interval_at_its_end() -> None:
    curve = kaplan_meier([1, 2], [1, 1], [0, 0])
    assert list(curve.share) == [0.5, 0.0]
    assert np.isnan(curve.low[1])
    assert curve.median == 1
    assert np.isnan(kaplan_meier([3], [0], [5]).median)


def test_kaplan_meier_of_lives_that_go_together_is_that_of_fewer() -> None:
    time, lost, left = (np.array(values) for values in MAINTAINED)
    tied, alone = kaplan_meier(time, 4 * lost, 4 * left, design_effect=4), kaplan_meier(time, lost, left)
    assert tied.se == pytest.approx(alone.se)
    assert tied.low == pytest.approx(alone.low)
    tables = np.array([[40, 30], [50, 45]]), np.array([[10, 5], [3, 4]])
    assert log_rank(*tables, design_effect=2)[0] == pytest.approx(log_rank(*tables)[0] / 2)


def test_log_rank_matches_r_survival_on_aml() -> None:
    times = np.union1d(MAINTAINED[0], OTHERS[0])
    lost, at_risk = [], []
    for time, gone, left in (MAINTAINED, OTHERS):
        lost.append([sum(g for t, g in zip(time, gone, strict=True) if t == one) for one in times])
        at_risk.append([sum(g + u for t, g, u in zip(time, gone, left, strict=True) if t >= one) for one in times])
    chi2, p = log_rank(at_risk, lost)
    assert chi2 == pytest.approx(3.3964, abs=5e-5)
    assert p == pytest.approx(0.0653, abs=5e-5)


def test_log_rank_needs_two_groups_and_a_loss() -> None:
    assert np.isnan(log_rank([[5, 4]], [[1, 1]])).all()
    assert np.isnan(log_rank([[5], [5]], [[0], [0]])).all()


def test_log_rank_finds_no_difference_more_often_than_it_should() -> None:
    chance = np.random.default_rng(12)
    found = 0
    for _ in range(400):
        life = chance.geometric(0.2, (3, 60))
        n = np.arange(1, 11)
        at_risk = (life[:, :, None] >= n).sum(1)
        found += log_rank(at_risk, (life[:, :, None] == n).sum(1))[1] < 0.05
    assert binomial_p(found, 400, 0.05) > 0.001


def test_sbg_edge_lies_where_the_likelihood_falls_by_half_a_quantile() -> None:
    lost, renewed = np.array([60.0, 25, 12, 6]), np.array([240.0, 150, 80, 40])
    model = fit_renewals(lost, renewed)
    assert model is not None
    a, b = bound_renewals(model, lost, renewed)
    n = np.arange(4)[:, None]
    falls = lost @ np.log(a / (a + b + n)) + renewed @ np.log((b + n) / (a + b + n)) - model.log_likelihood
    assert falls == pytest.approx(np.full(len(a), -(1.959964**2) / 2), abs=0.02)
    wider = bound_renewals(model, lost, renewed, design_effect=4)
    assert (wider[0] / wider[1]).max() > (a / b).max()
    assert (wider[0] / wider[1]).min() < (a / b).min()
