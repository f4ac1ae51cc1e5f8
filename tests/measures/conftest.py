"""A company whose planted rates show without detours, shared by the measures that must find them."""

from __future__ import annotations

from typing import Any

import pytest

from saydo.company import Facts
from saydo.engine import DuckDBEngine, open_facts
from saydo.simulate import simulate

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
