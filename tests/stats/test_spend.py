"""What a purchase brings, and how much of a customer's own margin to believe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import gamma as gamma_law

from saydo.errors import NoSpread
from saydo.stats.arrays import Array
from saydo.stats.credibility import Credibility, CredibilitySums
from saydo.stats.spend import Spending, correlate, fit_spend, slope
from saydo.stats.trials import binomial_p

TRUTH = np.array([5.0, 4.0, 30.0])


def draw(customers: int, chance: np.random.Generator) -> tuple[Array, Array]:
    """Purchases and their mean, from the model."""
    p, q, v = TRUTH
    x = 1.0 + chance.poisson(2.0, customers)
    means = chance.gamma(p * x, 1 / (x * chance.gamma(q, 1 / v, customers)))
    return np.asarray(x, dtype=np.float64), np.asarray(means, dtype=np.float64)


def bin_up(x: Array, m: Array, width: float = 0.01) -> Spending:
    keys, place = np.unique(np.stack([x, np.floor(np.log(m) / width)]), axis=1, return_inverse=True)
    sums = (np.bincount(place.ravel(), one) for one in (np.ones_like(m), m, m**2, np.log(m)))
    return Spending.of(keys[0], *sums)


@pytest.mark.real
def test_gamma_gamma_matches_fader_hardie_2013_on_cdnow(real_data: Path) -> None:
    spent: dict[str, dict[str, float]] = {}
    for line in (real_data / "cdnow" / "CDNOW_sample.txt").read_text().splitlines():
        who, _, day, _, paid = line.split()
        if day < "19971001":
            days = spent.setdefault(who, {})
            days[day] = days.get(day, 0.0) + float(paid)
    repeats = [[days[day] for day in sorted(days)[1:]] for days in spent.values() if len(days) > 1]
    x, m = np.array([len(one) for one in repeats], float), np.array([np.mean(one) for one in repeats])
    for spending in (Spending.of_customers(x, m), bin_up(x, m)):
        fitted = fit_spend(spending)
        assert fitted.customers == 946
        np.testing.assert_allclose(fitted.parameters, [6.2496, 3.7442, 15.4435], rtol=1e-5)
        assert fitted.value == pytest.approx(-4055.918, abs=5e-4)
        assert fitted.mean == pytest.approx(35.170, abs=5e-4)
        assert correlate(spending)[0] == pytest.approx(0.114, abs=5e-4)


def test_likelihood_matches_integral_over_all_customers() -> None:
    p, q, v = TRUTH
    for x, m in ((1.0, 9.0), (4.0, 55.0)):
        rates = np.linspace(1e-6, 3, 200_001)
        chances = gamma_law(q, scale=1 / v).pdf(rates) * gamma_law(p * x, scale=1 / (x * rates)).pdf(m)
        expected = np.trapezoid(chances, rates)
        assert slope(TRUTH, Spending.of_customers(x, m))[0] == pytest.approx(np.log(expected), rel=1e-6)


def test_slopes_match_differences() -> None:
    spending = bin_up(*draw(300, np.random.default_rng(1)), width=0.2)
    steps = 1e-5 * np.eye(3)
    rough = [
        (slope(TRUTH * np.exp(step), spending)[0] - slope(TRUTH * np.exp(-step), spending)[0]) / 2e-5 for step in steps
    ]
    np.testing.assert_allclose(slope(TRUTH, spending)[1], rough, rtol=1e-5, atol=1e-4)


def test_intervals_hold_the_truth_and_bins_change_nothing() -> None:
    chance = np.random.default_rng(20240605)
    hits = told = 0
    for _ in range(40):
        x, m = draw(600, chance)
        fitted, binned = fit_spend(Spending.of_customers(x, m)), fit_spend(bin_up(x, m))
        np.testing.assert_allclose(binned.parameters, fitted.parameters, rtol=2e-5)
        low, high = fitted.interval()
        ends = fitted.mean_interval()
        hits += int(((low <= TRUTH) & (high >= TRUTH)).sum()) + int(ends[0] <= 50 <= ends[1])
        told += 4
    assert binomial_p(hits, told) > 0.001


def test_expected_spend_lies_between_the_customers_mean_and_that_of_all() -> None:
    fitted = fit_spend(Spending.of_customers(*draw(5_000, np.random.default_rng(3))))
    few, many = fitted.expected([1, 40], [200.0, 200.0])
    assert fitted.mean < few < many < 200
    assert fitted.expected(0, 0) == pytest.approx(fitted.mean)


def test_expected_spend_is_right_on_average() -> None:
    chance = np.random.default_rng(4)
    p, q, v = TRUTH
    rate = chance.gamma(q, 1 / v, 50_000)
    m, coming = chance.gamma(2 * p, 1 / (2 * rate)), chance.gamma(p, 1 / rate)
    expected = p * (v + 2 * m) / (2 * p + q - 1)
    for low, high in ((0, 25), (25, 50), (50, 1e9)):
        off = (coming - expected)[(m >= low) & (m < high)]
        assert abs(off.mean()) < 4 * off.std() / np.sqrt(len(off))


def test_customers_who_spend_alike_have_no_model() -> None:
    chance = np.random.default_rng(5)
    x = 1.0 + chance.poisson(2.0, 2_000)
    with pytest.raises(NoSpread, match=r"2000 customers .* differs no more .* the mean, 1\d\.\d\d"):
        fit_spend(Spending.of_customers(x, chance.gamma(3 * x, 4 / x)))
    with pytest.raises(NoSpread, match="20 customers"):
        fit_spend(Spending.of_customers(np.full(20, 2.0), np.full(20, 9.0)))
    with pytest.raises(NoSpread, match="1 customers"):
        fit_spend(Spending.of_customers(2.0, 9.0))


def test_correlation_is_that_of_customers() -> None:
    x, m = draw(200, np.random.default_rng(6))
    found, low, high = correlate(bin_up(x, m, width=0.5))
    assert found == pytest.approx(np.corrcoef(x, m)[0, 1])
    assert low < found < high
    assert np.isnan(correlate(Spending.of_customers(x, np.full(200, 7.0)))).all()


# Credibility


def sum_up(margins: list[Array]) -> CredibilitySums:
    n, total = np.array([len(one) for one in margins], float), np.array([one.sum() for one in margins])
    squares = sum(float((one**2).sum()) for one in margins)
    weighted = float((total**2 / n).sum())
    return CredibilitySums(len(n), n.sum(), (n**2).sum(), total.sum(), weighted, squares, weighted)


def test_credibility_is_the_analysis_of_variance_by_hand() -> None:
    found = Credibility.of(sum_up([np.array([1.0, 3.0]), np.array([-4.0, -2.0]), np.array([10.0, 12.0])]))
    assert [found.mean, found.within] == pytest.approx([10 / 3, 2.0])
    between = ((2 - 10 / 3) ** 2 + (-3 - 10 / 3) ** 2 + (11 - 10 / 3) ** 2) / 2 - 2.0 / 2
    assert found.between == pytest.approx(between)
    assert found.weight == pytest.approx(2.0 / between)


def test_credibility_foretells_margins_better_than_either_mean() -> None:
    chance = np.random.default_rng(7)
    hits, errors = 0, np.zeros(3)
    for _ in range(60):
        own = chance.normal(5.0, 8.0, 400)
        n = 1 + chance.poisson(2.0, 400)
        margins = [chance.normal(mean, 20.0, size) for mean, size in zip(own, n, strict=True)]
        found = Credibility.of(sum_up(margins))
        total = np.array([one.sum() for one in margins])
        shrunk = (found.weight * found.mean + total) / (found.weight + n)
        errors += [np.mean((guess - own) ** 2) for guess in (shrunk, total / n, np.full(400, found.mean))]
        hits += int(abs(found.mean - 5.0) <= 1.96 * found.se)
    assert errors[0] < 0.95 * errors[1:].min()
    assert binomial_p(hits, 60) > 0.001


def test_credibility_of_customers_who_do_not_differ_goes_to_the_mean() -> None:
    chance = np.random.default_rng(8)
    found = Credibility.of(sum_up([np.array([1.0, -1.0]) for _ in range(50)]))
    assert (found.mean, found.between, found.weight) == (0, 0, np.inf)
    single = Credibility.of(sum_up([chance.normal(3, 1, 1) for _ in range(50)]))
    assert (single.between, single.weight) == (0, np.inf)
    assert 0.05 < single.se < 0.5
