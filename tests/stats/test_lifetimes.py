"""Models of repeat purchases, against what was published, brute force, and customers drawn from the models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gammaln, hyperu
from scipy.stats import beta as beta_law
from scipy.stats import gamma as gamma_law
from tests.stats.lives import Lives, live, read_cdnow

from saydo.errors import NoFit, TooFewRepeats
from saydo.stats import likelihood
from saydo.stats.arrays import Array
from saydo.stats.lifetimes import MODELS, Fit, Histories, Model, choose, fit, fitting, log_chances
from saydo.stats.trials import binomial_p, is_unbiased

TRUTH = {
    "bg_nbd": (0.9, 12.0, 0.8, 2.5),
    "mbg_nbd": (1.4, 18.0, 1.2, 5.0),
    "pareto_nbd": (0.9, 12.0, 1.6, 60.0),
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)


def known(model: Model, parameters: Any = None) -> Fit:
    """A fit that knows the parameters."""
    values = np.array(parameters or TRUTH[model.name], dtype=float)
    return Fit(values, 0.0, np.zeros((4, 4)), np.zeros(4, bool), model, 0, 0)


# Many distinct rows: a part of them tells where to look


@every_model
def test_fit_from_a_part_of_many_rows_is_that_of_all(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(4)
    seen = live(model.name, TRUTH[model.name], chance.uniform(20, 60, 6_000), 10.0, chance).seen()
    from_afar = fit(seen, model)
    looked: list[float] = []
    monkeypatch.setattr(fitting, "MOST_ROWS", 2_000)
    monkeypatch.setattr(fitting, "climb", _count_rows(looked))
    from_near = fit(seen, model)
    assert 0 < max(looked) < 2_500 < len(seen)  # nothing climbed from afar but the part
    np.testing.assert_allclose(from_near.parameters, from_afar.parameters, rtol=2e-4)
    np.testing.assert_allclose(from_near.se, from_afar.se, rtol=1e-3)
    assert from_near.log_likelihood == pytest.approx(from_afar.log_likelihood, abs=1e-4)


def test_fit_of_many_rows_bears_a_part_that_is_nothing_like_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(5)
    whole = live("bg_nbd", TRUTH["bg_nbd"], chance.uniform(20, 60, 4_000), 10.0, chance).seen()
    astray = live("bg_nbd", (9.0, 1.0, 0.01, 9.0), chance.uniform(20, 60, 1_000), 10.0, chance).seen()
    order = np.arange(len(whole)) % 5 == 0  # every fifth row, as the part takes them, is another kind of customer
    columns = {name: getattr(whole, name).copy() for name in ("repeats", "last", "age", "count")}
    for name, values in columns.items():
        values[order] = np.resize(getattr(astray, name), order.sum())
    mixed = Histories.of(*columns.values())
    from_afar = fit(mixed, MODELS["bg_nbd"])
    monkeypatch.setattr(fitting, "MOST_ROWS", len(mixed) // 5)
    np.testing.assert_allclose(fit(mixed, MODELS["bg_nbd"]).parameters, from_afar.parameters, rtol=1e-3)


def _count_rows(looked: list[float]) -> Any:
    """The climb from afar, which notes how many customers it was asked of."""

    def climb(slope: Any, start: Array, weight: float, most: float) -> Any:
        looked.append(weight)
        return likelihood.climb(slope, start, weight, most)

    return climb


# What was published


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "parameters", "log_likelihood"),
    [
        ("bg_nbd", [0.24259, 4.41360, 0.79292, 2.42591], -9582.429),
        ("pareto_nbd", [0.5533, 10.578, 0.6062, 11.669], -9594.976),
    ],
)
def test_fit_matches_fader_hardie_lee_2005_on_cdnow(
    real_data: Path, name: str, parameters: list[float], log_likelihood: float
) -> None:
    found = fit(read_cdnow(real_data), MODELS[name])
    assert (found.customers, found.rows) == (2357, 1016)
    np.testing.assert_allclose(found.parameters, parameters, rtol=1e-4)
    assert found.log_likelihood == pytest.approx(log_likelihood, abs=5e-4)


@pytest.mark.real
def test_standard_errors_match_clvtools_on_cdnow(real_data: Path) -> None:
    found = fit(read_cdnow(real_data), MODELS["pareto_nbd"])
    np.testing.assert_allclose(found.se, [0.0476, 0.8427, 0.1873, 6.2105], rtol=2e-3)


# Against brute force


@pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd"])
@pytest.mark.parametrize("history", [(0, 0.0, 20.0), (1, 3.5, 20.0), (4, 18.0, 20.0), (3, 7.0, 7.0)])
def test_likelihood_matches_integral_over_all_customers(name: str, history: tuple[int, float, float]) -> None:
    r, alpha, a, b = TRUTH[name]
    (x, t, end), k = history, int(name == "mbg_nbd")

    def buy(until: float) -> float:
        return float(gamma_law(r, scale=1 / alpha).expect(lambda rate: rate**x * np.exp(-rate * until)))

    def stay(times: int, stops: int) -> float:
        return float(beta_law(a, b).expect(lambda stop: stop**stops * (1 - stop) ** times))

    expected = buy(end) * stay(x + k, 0) + (buy(t) * stay(x + k - 1, 1) if x + k else 0)
    found = MODELS[name].log_likelihood(np.array(TRUTH[name]), Histories.of(*history))
    assert found[0] == pytest.approx(np.log(expected), rel=1e-6)


@pytest.mark.parametrize("beta", [0.01, 3.0, 11.999, 12.0, 40.0, 3000.0])
@pytest.mark.parametrize("history", [(0, 0.0, 50.0), (2, 49.0, 50.0), (30, 20.0, 50.0)])
def test_pareto_likelihood_matches_integral_whichever_is_larger(beta: float, history: tuple[int, float, float]) -> None:
    r, alpha, s = 0.9, 12.0, 1.6
    x, t, end = history

    def gone(u: float) -> float:
        return float(np.exp(-(r + x) * np.log((alpha + u) / (alpha + t)) - (s + 1) * np.log(beta + u)))

    whole = s * quad(gone, t, end, epsrel=1e-11)[0] * (alpha + t) ** -(r + x)
    whole += (alpha + end) ** -(r + x) * (beta + end) ** -s
    expected = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + np.log(whole)
    found = MODELS["pareto_nbd"].log_likelihood(np.array([r, alpha, s, beta]), Histories.of(*history))
    assert found[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("beta", [1e-4, 0.05, 0.9, 1.1, 60.0])
def test_pareto_likelihood_of_many_ages_matches_that_of_each(beta: float) -> None:
    chance = np.random.default_rng(1)
    age = chance.integers(1, 1_000, 20_000) / 400
    repeats = chance.integers(0, 8, len(age)).astype(float)
    last = np.where(repeats > 0, np.floor(age * 400 * chance.random(len(age))) / 400, 0.0)
    histories, parameters = Histories.of(repeats, last, age), np.array([0.7, 1.0, 0.6, beta])
    found = MODELS["pareto_nbd"].log_likelihood(parameters, histories)
    some = [0, 1, 17, int(age.argmin()), int(age.argmax())]
    each = [
        MODELS["pareto_nbd"].log_likelihood(parameters, histories.at(np.arange(len(age)) == one))[0] for one in some
    ]
    np.testing.assert_allclose(found[some], each, rtol=1e-9)


@every_model
def test_likelihood_of_hundreds_of_purchases_stays_finite(model: Model) -> None:
    histories = Histories.of([221, 221, 900], [103.43, 1.0, 800.0], [103.57, 103.57, 800.0])
    for parameters in [TRUTH[model.name], (0.5, 10.6, 0.6, 11.7), (0.24, 4.4, 0.8, 2.4)]:
        found = known(model, parameters)
        assert np.isfinite(model.log_likelihood(found.parameters, histories)).all()
        alive = found.alive(histories)
        assert alive[0] > 0.98
        assert alive[1] < 1e-100
        assert np.isfinite(found.expected(histories, 52.0)).all()


HISTORY = st.tuples(st.integers(0, 12), st.floats(0.1, 40), st.floats(0, 30), st.integers(1, 3)).map(
    lambda one: (one[0], one[1] if one[0] else 0.0, one[1] + one[2], one[3])
)
SHAPE = st.floats(0.05, 20) | st.floats(20, 1_000)
PARAMETERS = st.tuples(SHAPE, st.floats(0.1, 50), SHAPE, SHAPE).map(lambda one: (one[0], one[0] * one[1], *one[2:]))


@every_model
@settings(max_examples=12)
@given(rows=st.lists(HISTORY, min_size=1, max_size=5), parameters=PARAMETERS)
def test_grouped_likelihood_and_its_slopes_match_plain_loop(
    model: Model, rows: list[tuple[int, float, float, int]], parameters: tuple[float, ...]
) -> None:
    values = np.array(parameters)
    histories = Histories.of(*np.array(rows, dtype=float).T)

    def add_up(logs: Array) -> float:
        single = [model.log_likelihood(np.exp(logs), Histories.of(*row[:3]))[0] for row in rows for _ in range(row[3])]
        return float(np.sum(single))

    value, slope = model.slope(values, histories)
    assert value == pytest.approx(add_up(np.log(values)), rel=1e-10)
    assert value == pytest.approx(histories.count @ model.log_likelihood(values, histories), rel=1e-10)
    steps = 1e-4 * np.eye(4)
    rough = [(add_up(np.log(values) + step) - add_up(np.log(values) - step)) / 2e-4 for step in steps]
    np.testing.assert_allclose(slope, rough, rtol=1e-4, atol=1e-4 * max(1.0, abs(value)))


@every_model
@settings(max_examples=25)
@given(row=HISTORY, parameters=PARAMETERS, horizon=st.floats(0.5, 100))
def test_expectations_agree_with_the_chances_of_every_count(
    model: Model, row: tuple[int, float, float, int], parameters: tuple[float, ...], horizon: float
) -> None:
    found, histories = known(model, parameters), Histories.of(*row[:3])
    expected = float(found.expected(histories, horizon)[0])
    chances = found.chance_of(histories, horizon, np.arange(1, 50 + 60 * expected))
    assert (np.diff(chances) <= 1e-12).all()
    assert chances.sum() <= expected * (1 + 1e-5) + 1e-9
    if chances[-1] < 1e-9:
        assert chances.sum() == pytest.approx(expected, rel=1e-5, abs=1e-6)
    at = int(found.quantile(histories, horizon, 0.95)[0])
    assert at == 0 or (found.chance_of(histories, horizon, at)[0] > 0.05)
    assert found.chance_of(histories, horizon, at + 1)[0] <= 0.05


@every_model
def test_expectation_has_no_hole_where_its_formula_divides_by_nothing(model: Model) -> None:
    r, alpha, _, fourth = TRUTH[model.name]
    histories = Histories.of([0, 3], [0, 10], [20, 20])
    around = [known(model, (r, alpha, third, fourth)).expected(histories, 52.0) for third in (0.999, 1, 1.001)]
    np.testing.assert_allclose(around[1], (around[0] + around[2]) / 2, rtol=1e-5)


@every_model
def test_discounted_expectation_matches_integral_over_time(model: Model) -> None:
    found, histories = known(model), Histories.of([0, 3, 40], [0, 10, 199], [20, 20, 200])

    def weigh(at: float, row: int) -> float:
        rate = (found.expected(histories, at + 1e-4) - found.expected(histories, at - 1e-4)) / 2e-4
        return float(np.exp(-0.03 * at) * rate[row])

    for horizon in (52.0, 1000.0):
        expected = [quad(weigh, 1e-4, horizon, args=(row,), limit=200)[0] for row in range(3)]
        np.testing.assert_allclose(found.expected(histories, horizon, 0.03), expected, rtol=1e-3)
    np.testing.assert_allclose(found.expected(histories, 52.0, 1e-12), found.expected(histories, 52.0), rtol=1e-9)


def test_discounted_transactions_match_fader_hardie_lee_2005() -> None:
    # RFM and CLV: using iso-value curves for customer base analysis, JMR 42, equation 2
    r, alpha, s, beta = 0.5533, 10.578, 0.6062, 11.669
    model, d = MODELS["pareto_nbd"], 0.0026877  # 15 % a year, by week
    histories = Histories.of([0, 1, 2, 26], [0, 5, 30.43, 30.86], [38.86, 38.86, 38.86, 31.0])
    x, end = histories.repeats, histories.age
    expected = (
        r * np.log(alpha) + s * np.log(beta) + (s - 1) * np.log(d) + gammaln(r + x + 1)
        + np.log(hyperu(s, s, d * (beta + end))) - gammaln(r) - (r + x + 1) * np.log(alpha + end)
        - model.log_likelihood(np.array([r, alpha, s, beta]), histories)
    )  # fmt: skip
    found = known(model, (r, alpha, s, beta)).expected(histories, np.inf, d)
    np.testing.assert_allclose(found, np.exp(expected), rtol=1e-6)


# Against customers drawn from the models


@pytest.fixture(scope="module")
def lives() -> dict[str, Lives]:
    chance = np.random.default_rng(20240601)
    return {name: live(name, TRUTH[name], chance.uniform(5, 80, 10_000), 40, chance) for name in TRUTH}


@every_model
def test_chances_and_expectations_match_simulated_customers(model: Model, lives: dict[str, Lives]) -> None:
    found, drawn = known(model), lives[model.name]
    histories = Histories.of(drawn.repeats, drawn.last, drawn.age)
    told = {
        "alive": (found.alive(histories), drawn.is_alive),
        "purchases": (found.expected(histories, 40.0), drawn.coming),
        "once": (found.chance_of(histories, 40.0, 1), drawn.coming >= 1),
        "three": (found.chance_of(histories, 40.0, 3), drawn.coming >= 3),
    }
    recent = drawn.last > drawn.age / 2
    for least, most in ((0, 0), (1, 1), (2, 3), (4, 8), (9, 999)):
        for side in (recent, ~recent):
            chosen = (drawn.repeats >= least) & (drawn.repeats <= most) & side
            for name, (expected, happened) in told.items() if chosen.sum() > 200 else ():
                off = np.asarray(happened[chosen], dtype=float) - expected[chosen]
                assert abs(off.mean()) <= 4 * off.std() / np.sqrt(chosen.sum()) + 1e-12, (name, least)


@every_model
def test_expectation_since_first_matches_simulated_customers(model: Model, lives: dict[str, Lives]) -> None:
    drawn = lives[model.name]
    for low, high in ((5, 10), (70, 80)):
        chosen = (drawn.age >= low) & (drawn.age < high)
        off = drawn.repeats[chosen] - known(model).expected_since_first(drawn.age[chosen])
        assert abs(off.mean()) <= 4 * off.std() / np.sqrt(chosen.sum())


@every_model
def test_quantiles_hold_what_simulated_customers_buy(model: Model, lives: dict[str, Lives]) -> None:
    drawn = lives[model.name]
    histories = Histories.of(drawn.repeats, drawn.last, drawn.age)
    at = known(model).quantile(histories, 40.0, 0.9)
    assert (drawn.coming <= at).mean() >= 0.9 - 4 * np.sqrt(0.09 / len(at))
    busy = at >= 8
    assert (drawn.coming[busy] <= at[busy]).mean() < 0.93


@every_model
def test_fit_finds_the_parameters_that_customers_were_drawn_with(model: Model, lives: dict[str, Lives]) -> None:
    found = fit(lives[model.name].seen(), model)
    off = (np.log(found.parameters) - np.log(TRUTH[model.name])) / np.sqrt(np.diag(found.covariance))
    assert np.abs(off).max() < 4
    assert (found.se / found.parameters).max() < 0.4


def hold(model: str, companies: int, customers: int) -> tuple[int, int, Array]:
    """Of so many companies: how many intervals of parameters hold the truth, of how many; and the sums expected."""
    chance = np.random.default_rng(20240602)
    hits = told = 0
    totals = []
    for _ in range(companies):
        drawn = live(model, TRUTH[model], chance.uniform(20, 80, customers), 40, chance)
        histories = drawn.seen()
        found = fit(histories, MODELS[model])
        low, high = found.interval()
        free = ~found.is_bound
        hits += int(((low <= TRUTH[model]) & (TRUTH[model] <= high))[free].sum())
        told += int(free.sum())
        truth = known(MODELS[model]).expected(histories, 40.0)
        totals.append(histories.count @ (found.expected(histories, 40.0) - truth) / customers)
    return hits, told, np.array(totals)


@every_model
def test_intervals_of_parameters_hold_the_truth(model: Model) -> None:
    hits, told, totals = hold(model.name, 8 if model.name == "pareto_nbd" else 40, 500)
    assert binomial_p(hits, told) > 0.001
    assert is_unbiased(totals, 0.0, float(totals.std()))


@pytest.mark.slow
@every_model
def test_intervals_of_parameters_hold_the_truth_in_two_hundred_companies(model: Model) -> None:
    hits, told, totals = hold(model.name, 200, 2_000)
    assert binomial_p(hits, told) > 0.001
    assert is_unbiased(totals, 0.0, float(totals.std()))


# Choosing a model


def test_chances_of_counts_add_up_to_one() -> None:
    histories = Histories.of(3, 10.0, 20.0)
    for model in MODELS.values():
        chances = np.exp(log_chances(known(model), histories, 30.0, np.arange(200)))
        assert chances.sum() == pytest.approx(1, abs=1e-9)


def test_choice_finds_the_model_that_customers_were_drawn_from(lives: dict[str, Lives]) -> None:
    drawn = lives["mbg_nbd"]
    histories = Histories.of(drawn.repeats, drawn.last, drawn.age)
    fits = [fit(drawn.seen(), MODELS[name]) for name in ("bg_nbd", "mbg_nbd")]
    choice = choose(fits, histories, 40.0, drawn.coming)
    assert choice.place == 1
    assert choice.leads[1] > 2 * choice.se[1] > 0


def test_choice_stays_with_the_first_while_nothing_speaks_against_it() -> None:
    histories = Histories.of([0, 2, 5], [0, 9, 19], [20, 20, 20], [30, 5, 2])
    same = known(MODELS["mbg_nbd"])
    choice = choose([same, same], histories, 10.0, [0, 1, 2])
    assert (choice.place, choice.leads[1], choice.se[1]) == (0, 0, 0)


# What cannot be fitted


@every_model
@pytest.mark.parametrize("rows", [([0, 0], [0, 0], [9, 5], [50, 60]), ([4], [30.0], [52.0], [1])])
def test_fit_of_nobody_who_came_back_is_an_error(model: Model, rows: Any) -> None:
    with pytest.raises(TooFewRepeats, match="bought again, on another day: no model"):
        fit(Histories.of(*rows), model)


@every_model
def test_fit_of_customers_who_do_not_differ_says_so(model: Model) -> None:
    chance = np.random.default_rng(5)
    age, count = np.full(1_000, 50.0), 1_000
    repeats = chance.poisson(4.0, count).astype(float)
    last = np.where(repeats > 0, np.ceil(age * chance.random(count) ** (1 / np.maximum(repeats, 1))), 0)
    try:
        found = fit(Histories.of(repeats, last, age), model)
    except NoFit:
        return
    wide = found.is_bound | (found.parameters > 50) | (found.parameters < 0.05)
    assert wide.any()
    expected = found.expected(Histories.of(repeats, last, age), 10.0).mean()
    assert expected == pytest.approx(repeats.mean() / 5, rel=0.05)


def test_histories_refuse_what_nobody_can_have_done() -> None:
    for row in [(1, 9, 8), (0, 1, 8), (-1, 0, 8)]:
        with pytest.raises(ValueError, match="no history"):
            Histories.of(*row)
