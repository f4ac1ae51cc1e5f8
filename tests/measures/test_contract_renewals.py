"""Renewals of contracts: by hand, groups that lose alike or not, and the counts of a simulated company."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.companies import make_facts
from tests.measures.test_contract_value import MIXED, contract

from saydo.engine import DuckDBEngine, open_facts
from saydo.errors import NothingToMeasure
from saydo.measures import contract_renewals
from saydo.simulate import simulate

Row = dict[str, Any]


def test_contract_renewals_follow_who_is_left() -> None:
    rows = contract_renewals(make_facts(contracts=MIXED), as_of="2025-01-01").to_records()
    assert [(row["renewal"], row["due"], row["renewed"]) for row in rows] == [(1, 5, 4), (2, 3, 1), (3, 1, 1)]
    assert [row["survival_share"] for row in rows] == pytest.approx([4 / 5, 4 / 5 / 3, 4 / 5 / 3])
    assert all(row["survival_low"] < row["survival_share"] < row["survival_high"] for row in rows)
    assert rows[2]["retention_low"] < rows[2]["retention_rate"] == 1
    assert [row["expected_rate"] for row in rows] == sorted(row["expected_rate"] for row in rows)


def test_contract_renewals_without_a_loss_leave_all() -> None:
    (row,) = contract_renewals(make_facts(contracts=[contract("a", "2024-01-01")]), as_of="2024-05-01").to_records()
    assert (row["survival_share"], row["survival_low"], row["expected_rate"]) == (1, None, None)


def test_contract_renewals_say_whether_groups_differ() -> None:
    short = [contract(f"s{number}", "2024-01-01", "2024-04-01") for number in range(20)]
    long = [contract(f"l{number}", "2024-01-01") for number in range(20)]
    people = [{"customer_id": one["customer_id"], "segment": one["customer_id"][0]} for one in short + long]
    facts = make_facts(contracts=short + long, customers=people)
    result = contract_renewals(facts, by="customers.segment", as_of="2025-01-01")
    assert [str(note) for note in result.notes] == [
        "The groups lose contracts at different times, by more than chance (log-rank p 0.0)."
    ]
    mixed = [{**one, "segment": "ab"[number % 2]} for number, one in enumerate(people)]
    alike = contract_renewals(make_facts(contracts=short + long, customers=mixed), by="segment", as_of="2025-01-01")
    assert [str(note) for note in alike.notes] == [
        "That the groups lose contracts alike is not refuted (log-rank p 1.0)."
    ]


def test_contract_renewals_need_one_that_was_due() -> None:
    with pytest.raises(NothingToMeasure, match="no contract has come up for renewal yet"):
        contract_renewals(make_facts(contracts=[contract("a", "2024-01-01")]), as_of="2024-03-01")


def test_contract_renewals_are_those_of_the_simulated_company(tmp_path: Path) -> None:
    truth = simulate(tmp_path / "facts", customers=2_000, seed=661, contracted=0.5)["contracts"]["renewals"]
    rows = contract_renewals(open_facts(tmp_path / "facts", DuckDBEngine(threads=1))).to_records()
    told = {str(row["renewal"]): (row["due"], row["retention_rate"]) for row in rows}
    assert told == {name: (one["at_risk"], pytest.approx(one["realised"])) for name, one in truth.items()}
