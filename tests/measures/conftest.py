"""A company whose planted rates show without detours, shared by the measures that must find them."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

import pytest
from tests.companies import cut_company

from saydo.company import Facts
from saydo.engine import DuckDBEngine, open_facts
from saydo.simulate import PLAIN_ANSWERS, simulate

# No parcel is late, nobody is unknown, no try to pay fails, no adviser sells what comes back, there are no contracts.
PLANTED: dict[str, Any] = {
    "late_base": 0.0,
    "late_by_distance": 0.0,
    "late_by_value": 0.0,
    "bad_week_late": 0.0,
    "anonymous": 0.0,
    "failed": 0.0,
    "pushy_returns": 1.0,
    "contracted": 0.0,
}


@pytest.fixture(scope="session")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Facts, dict[str, Any]]:
    """The facts of a straightforward company of 2,000 customers, and its truth."""
    directory = tmp_path_factory.mktemp("straight")
    truth = simulate(directory, customers=2_000, seed=31, **PLANTED)
    return open_facts(directory, DuckDBEngine(threads=1)), truth


class Hundred(NamedTuple):
    """A hundred small companies (``customers.x_part``) where nothing but firms ties answers together, until on a day
    people grow happier; and their true scores before and after it.
    """

    facts: Facts
    before: float
    after: float
    changed_on: date


@pytest.fixture(scope="session")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> Hundred:
    directory = tmp_path_factory.mktemp("hundred")
    planted = {**PLAIN_ANSWERS, "account_tie": 0.4, "improvement": 0.3, "improved_from": 6}
    truth = simulate(directory, customers=20_000, seed=2101, **planted)
    waves = {day: wave["expected"] for day, wave in truth["recommendation"]["waves"].items() if day != "meaning"}
    days, scores = list(waves), [wave["nps"] for wave in waves.values()]
    facts = cut_company(open_facts(directory, DuckDBEngine(threads=1)), 100)
    return Hundred(facts, scores[5], scores[6], date.fromisoformat(days[6]))
