"""The reasons given with returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.companies import make_facts

from saydo.errors import NothingToMeasure
from saydo.measures._clusters import share_interval
from saydo.measures.return_reasons import return_reasons
from saydo.stats.intervals import wilson
from saydo.stats.ratios import ClusterSums


def back(reason: str | None, customer: str | None = None, refund: float | None = None, **more: Any) -> dict[str, Any]:
    return {"returned_at": "2024-01-05", "reason": reason, "customer_id": customer, "refund": refund, **more}


def test_reasons_share_the_returns_that_say_one() -> None:
    returns = [back("broken", refund=5), back("broken", refund=2), back("wrong"), back(None, refund=9), back("broken")]
    result = return_reasons(make_facts(returns=returns))
    low, high = wilson(3, 4)
    first, second = result.to_records()
    assert first == {
        "reason": "broken",
        "returns": 3,
        "share": 0.75,
        "share_low": float(low),
        "share_high": float(high),
        "refund": 7.0,
    }
    assert (second["reason"], second["share"], second["refund"]) == ("wrong", 0.25, None)
    assert [note.values for note in result.notes] == [{"count": 1, "all": 5}]


def test_reasons_of_one_customer_count_for_less() -> None:
    returns = [back("broken", "a"), back("broken", "a"), back("wrong", "a"), back("wrong", "b"), back("broken", "c")]
    first, second = return_reasons(make_facts(returns=returns)).to_records()
    of_each = {"broken": np.array([2, 0, 1]), "wrong": np.array([1, 1, 0])}
    all_of = np.array([3, 1, 1])
    for row in (first, second):
        c = of_each[row["reason"]]
        sums = ClusterSums(3, c.sum(), 5, (c * c).sum(), (c * all_of).sum(), (all_of**2).sum())
        expected = [float(value) for value in share_interval(sums)]
        assert [row["share"], row["share_low"], row["share_high"]] == pytest.approx(expected)


def test_reasons_share_the_returns_of_their_own_group() -> None:
    returns = [back("broken", product_id="x"), back("wrong", product_id="y"), back("broken", product_id="y")]
    facts = make_facts(returns=returns, products=[{"product_id": "x", "category": "c"}])
    found = [tuple(row.values())[:4] for row in return_reasons(facts, by="product_id")]
    assert found == [("x", "broken", 1, 1.0), ("y", "broken", 1, 0.5), ("y", "wrong", 1, 0.5)]
    assert [tuple(row.values())[:4] for row in return_reasons(facts, by="reason,category")] == [
        ("broken", "c", 1, 1.0),
        ("broken", None, 1, 0.5),
        ("wrong", None, 1, 0.5),
    ]


def test_reasons_that_nobody_gives_are_nothing_to_measure() -> None:
    with pytest.raises(NothingToMeasure):
        return_reasons(make_facts(returns=[back(None)]))
