"""The simulator's truth: what is planted can be counted in the files, and naive counts go wrong as announced.

Bounds are chance bounds: 4 standard errors, or an exact binomial probability of 0.0001, at seeds fixed beforehand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from scipy.special import hyp2f1
from scipy.stats import binomtest

from saydo.simulate import NO_EFFECT, PLAIN_ANSWERS, PURE_LAPSE, Plan, simulate

Array = np.ndarray[Any, Any]
VIEWS = """
    CREATE VIEW deliveries AS
    SELECT o.order_id, o.customer_id, o.ordered_at, o.touchpoint, k.due_at, c.x_distance AS zone, o.x_large AS large,
           k.fulfilled_at IS NULL OR k.fulfilled_at > k.due_at AS late
    FROM commitments k JOIN orders o USING (order_id) JOIN customers c ON c.customer_id = o.customer_id
    WHERE k.promise = 'delivery_date' AND k.withdrawn_at IS NULL;
    CREATE VIEW bad_week AS
    SELECT *, ordered_at >= '2026-03-09' AND ordered_at < '2026-03-16' AS is_bad FROM deliveries
    WHERE due_at < TIMESTAMP '2026-10-01'"""


class Company:
    """A simulated company: its truth, and answers to SQL over its files."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.truth = simulate(directory, **settings)
        self.directory = directory
        self.connection = duckdb.connect(config={"threads": 2})
        for file in directory.glob("*.parquet"):
            self.connection.execute(f"CREATE VIEW {file.stem} AS FROM read_parquet('{file}')")
        self.connection.execute(VIEWS)

    def ask(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, values).fetchall()

    def columns(self, query: str, **values: Any) -> dict[str, Array]:
        found = self.connection.execute(query, values).fetchnumpy()
        return {name: np.asarray(column) for name, column in found.items()}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    built = Company(tmp_path_factory.mktemp("truth") / "company", customers=20_000, seed=21)
    yield built
    built.connection.close()


def is_likely(hits: int, trials: int, chance: float) -> bool:
    return bool(binomtest(int(hits), int(trials), chance).pvalue > 1e-4)


def score_of_recommendation(scores: Array) -> tuple[float, float]:
    """Points and their standard error."""
    classes = 100.0 * ((scores >= 9).astype(float) - (scores <= 6))
    return float(classes.mean()), float(classes.std() / math.sqrt(len(classes)))


# Who answers is not who is there


def test_answers_flatter_and_weighting_by_segment_helps_half_way(company: Company) -> None:
    wave = company.truth["recommendation"]["waves"]["2026-09-10"]
    rows = company.columns(
        "SELECT score, segment FROM feedback JOIN customers USING (customer_id)"
        " WHERE occasion = 'relational' AND said_at > '2025-03-20'"
    )
    raw, error = score_of_recommendation(rows["score"])
    assert abs(raw - wave["answers_expected"]["nps"]) < 4 * error
    assert raw - wave["expected"]["nps"] > 4 * error
    shares = {one["name"]: one["share"] for one in company.truth["planted"]["segments"]}
    parts = {name: score_of_recommendation(rows["score"][rows["segment"] == name]) for name in shares}
    weighted = sum(share * parts[name][0] for name, share in shares.items())
    weighted_error = math.sqrt(sum((share * parts[name][1]) ** 2 for name, share in shares.items()))
    assert abs(weighted - wave["by_segment_expected"]["nps"]) < 4 * weighted_error
    assert wave["expected"]["nps"] + 2 < wave["by_segment_expected"]["nps"] < wave["answers_expected"]["nps"] - 2


def test_truth_of_everybody_is_what_was_planted(company: Company) -> None:
    everybody = company.truth["recommendation"]["all_customers"]
    expected, realised = everybody["expected"], everybody["realised"]
    assert realised["count"] == 20_000
    assert expected["nps"] == pytest.approx(100 * (expected["promoters"] - expected["detractors"]))
    for score in range(11):
        assert is_likely(round(20_000 * realised["scores"][score]), 20_000, expected["scores"][score]), score


def test_response_rate_is_the_planted_one(company: Company) -> None:
    expected = company.truth["recommendation"]["waves"]["2026-09-10"]["response_expected"]
    [(asked, answered)] = company.ask("""
        SELECT count(*), count(answered_at) FROM invitations
        WHERE survey = 'how are we doing' AND sent_at > '2025-03-20' AND sent_at < '2026-09-01'""")
    assert is_likely(answered, asked, expected)


def test_plain_answers_need_no_correction(tmp_path: Path) -> None:
    company = Company(tmp_path / "plain", customers=6_000, seed=22, **PLAIN_ANSWERS)
    scores = company.columns("SELECT score FROM feedback WHERE occasion = 'relational'")["score"]
    nps, error = score_of_recommendation(scores)
    truth = company.truth["recommendation"]["all_customers"]["expected"]["nps"]
    assert abs(nps - truth) < 4 * 2 * error  # up to 12 waves of the same people: at most twice the error
    waves = company.truth["recommendation"]["waves"]
    answers = {round(wave["answers_expected"]["nps"], 9) for day, wave in waves.items() if day != "meaning"}
    assert answers == {round(truth, 9)}


def test_colleagues_feel_alike(company: Company) -> None:
    [(together,)] = company.ask("""
        WITH said AS (
            SELECT account_id, customer_id, avg(score) AS score FROM feedback JOIN customers USING (customer_id)
            WHERE occasion = 'relational' AND account_id IS NOT NULL GROUP BY ALL)
        SELECT corr(a.score, b.score) FROM said a JOIN said b USING (account_id)
        WHERE a.customer_id <> b.customer_id""")
    assert together > 0.1


def test_hold_out_is_never_asked(company: Company) -> None:
    [(held_out, asked, answered)] = company.ask("""
        SELECT count(*), count(*) FILTER (customer_id IN (SELECT customer_id FROM invitations)),
               count(*) FILTER (customer_id IN (SELECT customer_id FROM feedback WHERE survey <> 'after a case'))
        FROM assignments WHERE arm = 'never asked'""")
    assert is_likely(held_out, 20_000, company.truth["planted"]["never_asked"])
    assert (asked, answered) == (0, 0)


# A late parcel's effect is confounded


def count_again(company: Company, days: int) -> dict[str, Array]:
    """Deliveries by zone, size and lateness, and those followed by another order in so many days after the due day."""
    query = """
        WITH over AS (SELECT * FROM deliveries WHERE due_at + to_days($days) < TIMESTAMP '2026-10-01'),
        followed AS (
            SELECT d.order_id, count(o.order_id) > 0 AS again FROM over d LEFT JOIN orders o
            ON o.customer_id = d.customer_id AND o.status <> 'cancelled' AND o.ordered_at > d.due_at
            AND o.ordered_at <= d.due_at + to_days($days) GROUP BY ALL)
        SELECT late, zone, large, count(*)::float8 AS n, sum(again::int)::float8 AS again
        FROM over JOIN followed USING (order_id) GROUP BY ALL ORDER BY ALL"""
    return company.columns(query, days=days)


def naive_and_adjusted(cells: dict[str, Array]) -> tuple[float, float, float]:
    """The difference of shares, the difference within zone and size, and the standard error of the latter."""
    late = cells["late"].astype(bool)
    n, hits = cells["n"], cells["again"]
    naive = hits[late].sum() / n[late].sum() - hits[~late].sum() / n[~late].sum()
    share = hits / n
    weight = (n[late] + n[~late]) / n.sum()  # the same zones and sizes, first those on time
    variance = share * (1 - share) / n
    error = math.sqrt((weight**2 * (variance[late] + variance[~late])).sum())
    return float(naive), float((weight * (share[late] - share[~late])).sum()), error


@pytest.mark.parametrize("days", [60, 90, 180])
def test_late_parcels_naive_difference_is_the_one_told(company: Company, days: int) -> None:
    told = company.truth["effects"]["delivery_date"]["bought_again"][str(days)]
    cells = count_again(company, days)
    naive, adjusted, error = naive_and_adjusted(cells)
    assert (cells["n"].sum(), cells["n"][cells["late"]].sum()) == (told["deliveries"], told["late"])
    assert naive == pytest.approx(told["share"]["naive"], abs=1e-12)
    assert abs(adjusted - told["share"]["ate"]) < 4 * error
    assert told["share"]["ate"] == pytest.approx(told["share_if_late"] - told["share_if_kept"])


def test_late_parcels_naive_difference_misleads(tmp_path: Path) -> None:
    company = Company(tmp_path / "none", customers=40_000, seed=23, **NO_EFFECT)
    told = company.truth["effects"]["delivery_date"]
    assert (told["score"]["ate"], told["bought_again"]["90"]["share"]["ate"]) == (0, 0)
    assert (told["bought_again"]["90"]["margin"]["att"], told["bought_again"]["90"]["sales"]["ate"]) == (0, 0)
    naive, adjusted, error = naive_and_adjusted(count_again(company, 90))
    assert naive < -4 * error
    assert abs(adjusted) < 4 * error
    assert told["score"]["naive"] < -0.05


def test_late_parcels_money_lost_is_the_naive_one_of_a_randomised_company(tmp_path: Path) -> None:
    settings = {"late_by_distance": 0.0, "late_by_value": 0.0, "late_base": 0.3, "bad_week_late": 0.0}
    company = Company(tmp_path / "random", customers=12_000, seed=24, **settings)
    for name, figure in company.truth["effects"]["delivery_date"]["bought_again"]["90"].items():
        if name in ("share", "orders", "sales", "margin"):
            assert figure["naive"] == pytest.approx(figure["ate"], rel=0.25), name
            assert figure["att"] == pytest.approx(figure["ate"], rel=0.15), name


def test_late_parcels_harm_of_the_score_shows_in_the_answers(company: Company) -> None:
    told = company.truth["effects"]["delivery_date"]["score"]
    rows = company.ask("""
        SELECT zone, large, count(*) FILTER (late), count(*) FILTER (NOT late), avg(score) FILTER (late),
               avg(score) FILTER (NOT late), var_samp(score) FILTER (late), var_samp(score) FILTER (NOT late)
        FROM deliveries JOIN feedback USING (order_id) WHERE survey = 'after an order' AND question = 'nps'
        GROUP BY ALL""")
    table = np.array(rows, dtype=float)
    weight = table[:, 2:4].sum(axis=1) / table[:, 2:4].sum()
    adjusted = float((weight * (table[:, 4] - table[:, 5])).sum())
    error = math.sqrt((weight**2 * (table[:, 6] / table[:, 2] + table[:, 7] / table[:, 3])).sum())
    assert abs(adjusted - told["ate"]) < 4 * error
    assert told["naive"] < told["ate"] - 0.1


# Promises


def test_promises_kept_are_counted_as_told(company: Company) -> None:
    rows = company.ask("""
        SELECT promise, coalesce(touchpoint, ''), count(*) FILTER (ok), count(*) FILTER (NOT ok) FROM (
            SELECT *, coalesce(kept, fulfilled_at IS NOT NULL AND fulfilled_at <= due_at) AS ok FROM commitments
            WHERE withdrawn_at IS NULL
            AND (coalesce(due_at, made_at) < TIMESTAMP '2026-10-01' OR fulfilled_at IS NOT NULL))
        GROUP BY ALL""")
    promises = company.truth["promises"]
    told = {
        (promise, place): (counts["kept"], counts["broken"])
        for promise in ("delivery_date", *company.truth["planted"]["kept"])
        for place, counts in promises[promise]["by_touchpoint"].items()
    }
    assert {(promise, place): (kept, broken) for promise, place, kept, broken in rows} == told
    for (promise, place), (kept, broken) in told.items():
        planted = company.truth["planted"]["kept"].get(promise)
        if planted:
            assert is_likely(kept, kept + broken, planted.get(place, planted.get(""))), (promise, place)


def test_promises_late_parcels_follow_zone_and_size(company: Company) -> None:
    rows = company.ask("SELECT zone, large, count(*), sum(late::int) FROM bad_week WHERE NOT is_bad GROUP BY ALL")
    told = company.truth["promises"]["delivery_date"]["planted"]
    planted = {(one["distance"], one["large"]): one["late"] for one in told}
    assert len(rows) == len(planted) == 6
    assert all(is_likely(late, count, planted[zone, large]) for zone, large, count, late in rows)


def test_promises_bad_week_is_bad_in_the_web_shop_alone(company: Company) -> None:
    (_, others, late_others), (_, web, late_web) = company.ask("""
        SELECT touchpoint = 'Web shop', count(*), sum(late::int) FROM bad_week WHERE is_bad
        GROUP BY ALL ORDER BY ALL""")
    assert is_likely(late_web, web, company.truth["promises"]["bad_week"]["late"])
    assert late_others / others < 0.3
    [(wave, usual)] = company.ask("""
        SELECT count(*) FILTER (is_wave) / 10, count(*) FILTER (NOT is_wave) / 1086 FROM (
            SELECT said_at >= '2026-03-11' AND said_at < '2026-03-21' AS is_wave FROM feedback
            WHERE source = 'mention')""")
    assert wave > 8 * usual


def test_promises_other_rates_can_be_planted(tmp_path: Path) -> None:
    kept = {**Plan().kept, "refund_14d": {"": 0.5}}
    truth = simulate(tmp_path / "slow", customers=3_000, kept=kept)
    refunds = truth["promises"]["refund_14d"]
    assert is_likely(refunds["kept"], refunds["kept"] + refunds["broken"], 0.5)


def test_slow_answers_cost_effort_and_late_parcels_calls(company: Company) -> None:
    told = company.truth["effects"]["answer_24h"]["ces"]
    assert told["ate"] < -0.5
    rows = company.ask("""
        SELECT late, count(*), count(*) FILTER (order_id IN (SELECT order_id FROM contacts WHERE direction = 'in'))
        FROM deliveries WHERE due_at < TIMESTAMP '2026-09-09' GROUP BY ALL ORDER BY late""")
    planted = company.truth["care"]["calls"]["planted"]
    (_, kept, kept_calls), (_, late, late_calls) = rows
    assert is_likely(kept_calls, kept, planted["kept"])
    assert is_likely(late_calls, late, planted["late"])


# Lapses


def expected_repeats(days: Array, first_too: bool) -> Array:
    """Mean repeat orders in so many days: MBG/NBD if one may lapse after the first order, else BG/NBD."""
    r, alpha, a, b = (getattr(Plan(), name) for name in ("r", "alpha", "a", "b"))
    if first_too:
        return b / (a - 1) * (1 - (alpha / (alpha + days)) ** r * hyp2f1(r, b + 1, a + b, days / (alpha + days)))
    shrunk = hyp2f1(r, b, a + b - 1, days / (alpha + days))
    return (a + b - 1) / (a - 1) * (1 - (alpha / (alpha + days)) ** r * shrunk)


@pytest.mark.parametrize("first_too", [True, False])
def test_lapse_repeat_orders_are_those_of_the_model(first_too: bool, tmp_path: Path) -> None:
    company = Company(tmp_path / "pure", customers=8_000, seed=25, lapses_after_first=first_too, **PURE_LAPSE)
    rows = company.columns("""
        SELECT count(*) - 1 AS repeats, epoch(TIMESTAMP '2026-10-01' - min(ordered_at)) / 86400 AS days FROM orders
        WHERE customer_id IS NOT NULL GROUP BY customer_id""")
    difference = rows["repeats"] - expected_repeats(rows["days"], first_too)
    assert abs(difference.mean()) < 4 * difference.std() / math.sqrt(len(difference))
    assert company.truth["lapse"]["model"] == ("MBG/NBD" if first_too else "BG/NBD")


def test_lapse_happy_customers_stay(company: Company) -> None:
    classes = [company.truth["say_do"][name] for name in ("detractors", "passives", "promoters")]
    assert sum(one["customers"] for one in classes) == 20_000
    active = [one["active"] for one in classes]
    assert active == sorted(active)
    assert active[2] - active[0] > 0.05


def test_lapse_goodbyes_are_rare_and_final(company: Company) -> None:
    [(left, back)] = company.ask("""
        SELECT count(DISTINCT customer_id), count(o.order_id) FILTER (o.ordered_at > left_at)
        FROM customers LEFT JOIN orders o USING (customer_id) WHERE left_at IS NOT NULL""")
    assert back == 0
    assert 0 < left < 0.3 * (20_000 - company.truth["lapse"]["active"])


def test_contracts_renew_as_the_model_says(company: Company) -> None:
    rows = company.ask("""
        SELECT ended_on IS NOT NULL AND ended_on = started_on + INTERVAL 3 MONTH, count(*) FROM contracts
        WHERE started_on + INTERVAL 3 MONTH < DATE '2026-10-01' GROUP BY ALL ORDER BY ALL""")
    (_, renewed), (_, ended) = rows
    first = company.truth["contracts"]["renewals"]["1"]
    assert first["at_risk"] == renewed + ended
    for renewal in company.truth["contracts"]["renewals"].values():
        assert is_likely(round(renewal["realised"] * renewal["at_risk"]), renewal["at_risk"], renewal["expected"])


# Baskets


def baskets(company: Company) -> Array:
    """Baskets of customers as a matrix of orders x 32 products."""
    rows = company.columns(
        "SELECT dense_rank() OVER (ORDER BY order_id) - 1 AS basket, product_id[2:]::int - 1 AS product"
        " FROM order_lines JOIN orders USING (order_id) WHERE status <> 'cancelled'"
    )
    matrix = np.zeros((rows["basket"].max() + 1, 32), np.float32)
    matrix[rows["basket"], rows["product"]] = 1
    return matrix


def given_size(matrix: Array) -> Array:
    """Z of each pair given the number of products in the basket (Cochran-Mantel-Haenszel)."""
    size = matrix.sum(axis=1)
    excess, variance = np.zeros((32, 32)), np.zeros((32, 32))
    for whole in range(2, 8):
        same = matrix[size == whole]
        sold, count = same.sum(axis=0), len(same)
        excess += same.T @ same - np.outer(sold, sold) / count
        spread = sold * (count - sold) / count
        variance += np.outer(spread, spread) / (count - 1)
    return excess / np.sqrt(variance)


def given_rest(matrix: Array) -> Array:
    """Z of each pair given the number of other products in the basket (Cochran-Mantel-Haenszel)."""
    size = matrix.sum(axis=1)
    excess, variance = np.zeros((32, 32)), np.zeros((32, 32))
    for rest in range(1, 6):
        none, one, both = (matrix[size == rest + more] for more in (0, 1, 2))
        together = both.T @ both
        alone = one.sum(axis=0)[:, None] - one.T @ one
        sold = none.sum(axis=0)
        neither = len(none) - sold[:, None] - sold + none.T @ none
        total = together + alone + alone.T + neither
        first, second = together + alone, together + alone.T
        excess += together - first * second / total
        variance += first * second * (total - first) * (total - second) / total**2 / (total - 1)
    return excess / np.sqrt(variance)


def test_baskets_planted_pairs_stand_out(company: Company) -> None:
    matrix, truth = baskets(company), company.truth["baskets"]

    def find(z: Array, kind: str) -> list[float]:
        return [float(z[int(pair["product"][1:]) - 1, int(pair["other"][1:]) - 1]) for pair in truth[kind]]

    assert min(find(given_size(matrix), "complements")) > 6
    assert max(find(given_rest(matrix), "substitutes")) < -2
    tied = [group for group in truth["groups"] if "P11" in group]
    assert tied == [["P03", "P11", "P12", "P13"]]


def test_baskets_without_pairs_only_look_tied(tmp_path: Path) -> None:
    company = Company(tmp_path / "untied", customers=15_000, seed=26, complements=False)
    assert company.truth["baskets"]["complements"] == []
    matrix = baskets(company)
    pairs = np.triu_indices(32, 1)
    together, sold = matrix.T @ matrix, matrix.sum(axis=0)
    lift = (together * len(matrix) / np.outer(sold, sold))[pairs]
    assert (lift > 1).mean() > 0.9  # the trap
    # Given the size of the basket pairs look too rare, given the rest of it too frequent: none is tied by both.
    assert given_size(matrix)[pairs].max() < 4.5
    assert given_rest(matrix)[pairs].min() > -4.5


# Money and words


def test_costs_are_the_sum_of_what_customers_cost(company: Company) -> None:
    assert company.ask("""
        WITH first AS (SELECT customer_id, date_trunc('month', min(ordered_at))::date AS month FROM orders
                       WHERE status <> 'cancelled' GROUP BY customer_id),
        paid AS (SELECT month, acquired_via AS channel, sum(acquisition_cost) AS amount
                 FROM customers JOIN first USING (customer_id) GROUP BY ALL HAVING amount > 0)
        SELECT count(*) > 100, bool_and(costs.amount IS NOT DISTINCT FROM paid.amount)
        FROM costs FULL JOIN paid USING (month, channel)""") == [(True, True)]


def test_written_stars_mislead(company: Company) -> None:
    reviews = company.truth["reviews"]
    [(count, mean)] = company.ask("SELECT count(*), avg(score) FROM feedback WHERE source = 'review'")
    assert (count, pytest.approx(mean)) == (reviews["written"]["count"], reviews["written"]["mean"])
    assert mean < reviews["all_buyers"]["mean"] - 0.2


def test_returns_come_from_the_pushy_adviser(company: Company) -> None:
    returns = company.truth["money"]["returns"]
    query = """
        SELECT adviser_id = $pushy AS pushy, count(return_id) / count(*) FROM order_lines l
        JOIN orders o USING (order_id) LEFT JOIN returns r USING (order_id, line)
        WHERE adviser_id IS NOT NULL AND o.customer_id IS NOT NULL GROUP BY ALL ORDER BY ALL"""
    (_, others), (_, pushy) = company.ask(query, pushy=returns["pushy_adviser"])
    assert pushy > 2 * others


def test_truth_is_explained_whole_and_finite(company: Company) -> None:
    text = (company.directory / "truth.json").read_text(encoding="utf-8")

    def refuse(name: str) -> float:
        raise AssertionError(name)

    truth = json.loads(text, parse_constant=refuse)
    assert truth == company.truth
    explained = set(truth) - {"company", "care", "money"}
    assert all(truth[part]["meaning"] for part in explained)
    assert all(part["meaning"] for whole in ("care", "money") for part in truth[whole].values())
