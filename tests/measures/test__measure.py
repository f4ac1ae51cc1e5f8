"""What every measure can do beside measuring: set two of its results against each other."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng
from tests.companies import make_facts

from saydo.company import Facts
from saydo.errors import BadSetting, NoInterval
from saydo.measures import earned_growth, margin, nps, promises_kept
from saydo.stats.trials import binomial_p, is_unbiased

DUE = datetime(2024, 2, 1, 12)


def company(**kept: tuple[int, int]) -> Facts:
    """Touchpoints with so many promises kept of fifty in the first quarter and in the second; none given below 0."""
    due = [
        {
            "promise": "in time",
            "touchpoint": place,
            "made_at": DUE,
            "due_at": DUE + timedelta(days=90 * quarter),
            "kept": n < count,
        }
        for place, counts in kept.items()
        for quarter, count in enumerate(counts)
        for n in range(50 if count >= 0 else 0)
    ]
    return make_facts(commitments=due, contacts=[{"at": "2024-08-01", "direction": "in"}])


def quarters(facts: Facts, **asked: Any) -> tuple[Any, Any]:
    first = promises_kept(facts, until="2024-04-01", **asked)
    return first, promises_kept(facts, since="2024-04-01", **asked)


def test_compare_takes_from_each_interval_the_end_that_counts() -> None:
    before, after = quarters(company(web=(45, 35)))
    (one,), (other,) = before, after
    (row,) = promises_kept.compare(before, after).to_pylist()
    assert (row["before"], row["after"], row["difference"]) == (0.9, 0.7, pytest.approx(-0.2))
    below = np.hypot(other["kept_rate"] - other["kept_low"], one["kept_high"] - one["kept_rate"])
    above = np.hypot(other["kept_high"] - other["kept_rate"], one["kept_rate"] - one["kept_low"])
    assert (row["low"], row["high"]) == pytest.approx((-0.2 - below, -0.2 + above))
    assert row["high"] < 0
    assert row["p"] < 0.05


def test_compare_matches_groups_and_keeps_those_of_one_side() -> None:
    before, after = quarters(company(web=(45, 35), shop=(-1, 40), phone=(20, -1)), by="touchpoint")
    rows = {row["touchpoint"]: row for row in promises_kept.compare(before, after).to_pylist()}
    assert [(name, row["before"], row["after"]) for name, row in rows.items()] == [
        ("phone", 0.4, None),
        ("shop", None, 0.8),
        ("web", 0.9, 0.7),
    ]
    assert [rows["shop"][name] for name in ("difference", "low", "high", "p")] == [None] * 4
    assert rows["web"]["p"] < 0.05


def test_compare_does_not_show_what_is_hidden() -> None:
    said = [{"score": 9, "said_at": "2024-02-01"}] * 3
    said += [{"score": 9 if n else 0, "said_at": "2024-05-01"} for n in range(9)]
    facts = make_facts(feedback=said)
    (row,) = nps.compare(nps(facts, until="2024-04-01"), nps(facts, since="2024-04-01")).to_pylist()
    assert (row["before"], row["difference"], row["p"]) == (None, None, None)
    assert row["after"] == pytest.approx(700 / 9)


def test_compare_of_a_census_is_an_error() -> None:
    bought = [{"order_id": f"o{n}", "customer_id": "c", "ordered_at": f"202{n}-05-05"} for n in (3, 4)]
    lines = [{"order_id": f"o{n}", "line": 1, "unit_price": 10, "unit_cost": 6} for n in (3, 4)]
    facts = make_facts(orders=bought, order_lines=lines, contacts=[{"at": "2024-12-31", "direction": "in"}])
    for measure in (margin, earned_growth):
        result = measure(facts)
        with pytest.raises(NoInterval) as caught:
            measure.compare(result, result)
        assert str(caught.value) == (
            f"{measure.name} has no interval by chance, so that no change of it can be told from noise. "
            "It is what happened, all of it: subtract one figure from the other."
        )


def test_compare_refuses_what_was_asked_differently() -> None:
    facts = company(web=(45, 35))
    before, after = quarters(facts)
    said = nps(make_facts(feedback=[{"score": 9, "said_at": "2024-02-01"}] * 9))
    with pytest.raises(BadSetting, match=r"^before cannot be nps\. It must be promises_kept\.$"):
        promises_kept.compare(said, after)
    with pytest.raises(BadSetting, match=r"^by cannot be touchpoint\. It must be none\.$"):
        promises_kept.compare(before, promises_kept(facts, by="touchpoint"))
    with pytest.raises(BadSetting, match=r"^settings cannot be placed=made\. It must be none\.$"):
        promises_kept.compare(before, promises_kept(facts, placed="made"))


def test_compare_holds_the_true_change_of_many_companies() -> None:
    """Two hundred companies asked twice, forty other people each time, of whom fewer are happy the second time."""
    rng, companies, people = default_rng(51), 200, 40
    shares = ((0.1, 0.3, 0.6), (0.25, 0.35, 0.4))  # +50, then +15
    said = [
        {"score": score, "said_at": f"2024-0{2 + 3 * time}-01", "x_company": f"{n // people}"}
        for time, share in enumerate(shares)
        for n, score in enumerate(rng.choice([0, 7, 9], companies * people, p=share))
    ]
    facts = make_facts(feedback=said)
    before, after = nps(facts, by="x_company", until="2024-04-01"), nps(facts, by="x_company", since="2024-04-01")
    rows = nps.compare(before, after).to_pylist()
    held = sum(row["low"] <= -35 <= row["high"] for row in rows)
    assert len(rows) == companies
    assert binomial_p(held, companies) > 0.001, held
    width = np.mean([row["high"] - row["low"] for row in rows])
    assert is_unbiased([row["difference"] for row in rows], -35, width / 3.92)


def test_several_answers_of_one_person_are_hidden_as_one_person() -> None:
    people = [
        {"customer_id": "alone", "region": "Atlantis"},
        *({"customer_id": f"c{n}", "region": "Lyon"} for n in range(9)),
    ]
    said = [{"customer_id": "alone", "score": n, "said_at": f"2024-03-0{n + 1}"} for n in range(6)]
    said += [{"customer_id": f"c{n}", "score": 9, "said_at": "2024-03-01"} for n in range(9)]
    rows = nps(make_facts(customers=people, feedback=said), by="customers.region", each="answer").to_records()
    assert {row["region"]: row["is_hidden"] for row in rows}["Atlantis"]
