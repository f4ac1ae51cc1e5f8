"""The loyalty curve: three kinds of experience, equal parts with ties together, and companies without a curve."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.companies import cut_company, make_facts
from tests.measures.test_say_do import MEANINGLESS, answer, order

from saydo.company import Facts
from saydo.engine import DuckDBEngine, open_facts
from saydo.errors import BadSetting, MissingTable, NothingToMeasure
from saydo.measures import loyalty_curve
from saydo.simulate import simulate
from saydo.stats.trials import binomial_p

Row = dict[str, Any]


def curve(facts: Facts, as_of: str = "2025-06-01", **settings: Any) -> list[Row]:
    return loyalty_curve(facts, as_of=as_of, show_small_groups=True, **settings).to_records()


def test_loyalty_curve_goes_from_the_worst_to_the_best() -> None:
    scores = [0, 3, 5, 7, 8, 8, 9, 9, 10, 10]
    feedback = [answer(f"c{number}", score) for number, score in enumerate(scores)]
    orders = [order(f"c{number}", "2024-09-01") for number in (4, 6, 7, 8, 9)]
    rows = curve(make_facts(feedback=feedback, orders=orders))
    assert [(row["part"], row["experience_from"], row["experience_to"], row["events"]) for row in rows] == [
        (1, 0, 3, 2),
        (2, 5, 7, 2),
        (3, 8, 8, 2),
        (4, 9, 9, 2),
        (5, 10, 10, 2),
    ]
    assert [row["bought_rate"] for row in rows] == [0, 0, 0.5, 1, 1]
    assert rows[0]["experience_mean"] == 1.5


def test_loyalty_curve_keeps_what_is_alike_together_and_numbers_without_gaps() -> None:
    feedback = [answer(f"c{number}", score) for number, score in enumerate([2] + [9] * 7 + [10] * 2)]
    rows = curve(make_facts(feedback=feedback))
    assert [(row["part"], row["experience_to"], row["events"]) for row in rows] == [(1, 2, 1), (2, 9, 7), (3, 10, 2)]


def test_loyalty_curve_of_one_experience_says_that_there_is_none() -> None:
    facts = make_facts(feedback=[answer(f"c{number}", 9) for number in range(9)])
    result = loyalty_curve(facts, as_of="2025-06-01")
    assert [str(note) for note in result.notes] == ["Everybody had the same experience, so there is no curve."]


def test_loyalty_curve_reads_satisfaction_on_its_own_scale() -> None:
    said = [answer("a", 1, question="csat", scale_min=1, scale_max=5, occasion="event")]
    said += [answer("b", 8, question="csat", scale_min=0, scale_max=10, occasion="event")]
    said += [answer("c", 5, question="stars", scale_min=1, scale_max=5, occasion="event")]
    rows = curve(make_facts(feedback=said), experience="satisfaction")
    assert [row["experience_mean"] for row in rows] == [0, 0.8]
    stars = curve(make_facts(feedback=said[2:]), experience="satisfaction")
    assert [row["experience_mean"] for row in stars] == [1]


def test_loyalty_curve_counts_promises_as_known_when_the_horizon_began() -> None:
    def given(customer: str, due: str, fulfilled: str | None) -> Row:
        made = {"promise": "day", "made_at": "2023-01-01", "due_at": due, "fulfilled_at": fulfilled}
        return {"customer_id": customer, **made}

    commitments = [
        given("a", "2024-03-01", "2024-02-28"),
        given("a", "2024-04-01", "2024-04-02"),
        given("b", "2024-05-01", "2024-04-30"),
        given("b", "2024-07-01", None),  # after the horizon began
        given("b", "2023-03-01", None),  # more than a year before
        given(None, "2024-03-01", None),  # type: ignore[arg-type]
    ]
    orders = [order("a", "2024-05-01"), order("b", "2024-08-01")]
    promises = [{"promise": "day", "statement": "In a day"}]
    rows = curve(make_facts(commitments=commitments, orders=orders, promises=promises), experience="promises")
    found = [(row["experience_mean"], row["events"], row["bought_rate"]) for row in rows]
    assert found == [(0, 1, 0), (1, 2, pytest.approx(1 / 1.5))]  # of a, half stands in either part


def frequent_and_seldom(customers: int, leaving: float, seed: int) -> Facts:
    """Some buy often, some hardly; to all, one promise in five is broken, and ``leaving`` of these end it."""
    chance, begin, end = np.random.default_rng(seed), datetime(2022, 1, 1), datetime(2025, 6, 1)
    orders, commitments = [], []
    for number in range(customers):
        at, name, pause = begin, f"c{number}", 180 / chance.gamma(1.0)
        while (at := at + timedelta(days=min(float(chance.exponential(pause)), 2_000))) < end:
            due, is_broken = at + timedelta(days=3), chance.random() < 0.2
            orders.append(order(name, at.isoformat()))
            times = (at, due, due + timedelta(days=1 if is_broken else -1))
            dated = dict(zip(("made_at", "due_at", "fulfilled_at"), times, strict=True))
            commitments.append({"customer_id": name, "promise": "day", **dated})
            if is_broken and chance.random() < leaving:
                break
    return make_facts(commitments=commitments, orders=orders, promises=[{"promise": "day", "statement": "In a day"}])


def distance(one: Row, other: Row) -> float:
    """How far the first share lies below the second, in standard errors."""
    widths = [(row["bought_high"] - row["bought_low"]) / 3.92 for row in (one, other)]
    return (other["bought_rate"] - one["bought_rate"]) / float(np.hypot(*widths))


def test_loyalty_curve_of_promises_is_flat_where_breaking_them_changes_nothing() -> None:
    """The share kept of one promise is none or all, of many something between: it tells who buys often."""
    worst, *others = curve(frequent_and_seldom(3_000, 0.0, 653), experience="promises")
    assert others
    assert all(abs(distance(worst, row)) < 4 for row in others)  # by chance once in 15,000


def test_loyalty_curve_of_promises_shows_who_left_after_a_broken_one() -> None:
    worst, best = curve(frequent_and_seldom(3_000, 0.15, 654), experience="promises")
    assert distance(worst, best) > 4


def test_loyalty_curve_brings_margin_and_recommendations() -> None:
    facts = make_facts(
        feedback=[answer("a", 3), answer("b", 9)],
        orders=[order("b", "2024-05-01", order_id="o")],
        order_lines=[{"order_id": "o", "unit_price": 50, "unit_cost": 20}],
        referrals=[{"referrer_id": "b", "referred_at": "2024-06-01"}],
    )
    worst, best = curve(facts)
    assert [(row["margin_mean"], row["referrals_mean"]) for row in (worst, best)] == [(0, 0), (30, 1)]


def test_loyalty_curve_says_what_is_wrong_and_what_would_help() -> None:
    facts = make_facts(feedback=[answer("a", 3)])
    with pytest.raises(MissingTable, match="needs the table commitments"):
        loyalty_curve(facts, experience="promises")
    with pytest.raises(NothingToMeasure, match="a shorter one, or another experience"):
        loyalty_curve(facts)
    with pytest.raises(BadSetting, match="parts cannot be 1"):
        loyalty_curve(facts, parts=1)
    with pytest.raises(BadSetting, match="experience cannot be mood"):
        loyalty_curve(facts, experience="mood")


def require_flat(folder: Path, customers: int, parts: int, seed: int) -> None:
    """Where the score means nothing, every part of every company lies about what the whole company shows."""
    simulate(folder, customers=customers, seed=seed, **MEANINGLESS)
    facts = open_facts(folder, DuckDBEngine(threads=1))
    asked = {"experience": "score", "horizon": 180, "parts": 3}
    whole = {row["part"]: row["bought_rate"] for row in curve(facts, "2026-10-01", **asked)}
    rows = curve(cut_company(facts, parts), "2026-10-01", by="customers.x_part", **asked)
    for part, rate in whole.items():
        ends = [(row["bought_low"], row["bought_high"]) for row in rows if row["part"] == part]
        assert abs(rate - sum(whole.values()) / len(whole)) < 0.03
        assert binomial_p(sum(low <= rate <= high for low, high in ends), len(ends)) > 0.001


def test_loyalty_curve_is_flat_where_the_score_means_nothing(tmp_path: Path) -> None:
    require_flat(tmp_path / "facts", 4_000, 40, 651)


@pytest.mark.slow
def test_loyalty_curve_is_flat_in_200_companies(tmp_path: Path) -> None:
    require_flat(tmp_path / "facts", 25_000, 200, 652)
