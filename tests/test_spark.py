"""Every measure says on Spark what it says on DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose
from typing import Any

import pytest

from saydo.company import Facts
from saydo.engine import SparkEngine, open_facts
from saydo.measures import MEASURES, Measure
from saydo.result import Result
from saydo.simulate import simulate

pytestmark = pytest.mark.spark

# What a measure is asked beyond its plain question: what makes it take another way through the engine.
MORE: dict[str, list[dict[str, Any]]] = {
    "loyalty_curve": [{"experience": "promises"}],
    "nps": [{"each": "answer"}, {"weight": "value"}, {"weight": "reach", "by": "touchpoint"}, {"by": "category"}],
    "nps_change": [{"by": "touchpoint", "each": "answer"}, {"compare": "x_shop", "first": "Lyon", "second": "Liège"}],
    "response": [{"by": "month", "each": "answer"}, {"weight_on": "customers.x_distance,touchpoint"}],
    "satisfaction": [{"by": "touchpoint", "each": "answer"}],
    "drivers": [{"by": "quarter"}],
    "themes": [{"by": "source", "topics": 4}],
    "margin": [{"by": "customers.segment,quarter"}],
    "lifetime_value": [{"by": "customers.segment", "each": "group"}, {"each": "customer"}],
    "repurchase_check": [{"each": "week"}],
    "repurchase_model": [{"model": "pareto_nbd", "unit": "week"}],
    "promises_kept": [{"by": "promise,month"}, {}],
    "retention": [{"by": "customers.country", "unit": "quarter"}],
}
EARLIER = {"as_of": "2025-12-10"}
# Spark plans each join of a long query for seconds: what adjusts for everything known is asked for a little of it.
NARROW = {name: {"adjust": "order_value,items"} for name in ("promise_effect", "promise_cost")}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Facts, Facts]]:
    """The same small company on DuckDB and on Spark, each of which keeps what several measures need."""
    folder = tmp_path_factory.mktemp("company")
    simulate(folder, customers=300, seed=11)
    spark = SparkEngine()
    yield open_facts(folder).keeping(), open_facts(folder, spark).keeping()
    spark.session.stop()


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda measure: measure.name)
def test_measure_says_the_same_on_both_engines(measure: Measure, pair: tuple[Facts, Facts]) -> None:
    here, there = pair
    for asked in [EARLIER | NARROW.get(measure.name, {}), *MORE.get(measure.name, [])]:
        _require_equal(measure(here, **asked), measure(there, **asked), asked)


def _require_equal(one: Result, other: Result, asked: dict[str, Any]) -> None:
    assert one.table.schema == other.table.schema, asked
    assert len(one) == len(other), asked
    for left, right in zip(one, other, strict=True):
        unequal = {name: (left[name], right[name]) for name in left if not _is_equal(left[name], right[name])}
        assert not unequal, (asked, left)
    assert [str(note) for note in one.notes] == [str(note) for note in other.notes]


def _is_equal(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return bool(left == right)
