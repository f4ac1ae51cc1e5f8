"""Renewals of contracts: by hand, groups that lose alike or not, and the counts of a simulated company."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.companies import make_facts
from tests.measures.test_contract_value import MIXED, contract

from saydo.company import Facts
from saydo.engine import DuckDBEngine, open_facts
from saydo.errors import NothingToMeasure
from saydo.measures import contract_renewals
from saydo.measures._contracts import run_renewals
from saydo.measures._tied_contracts import find_ties
from saydo.simulate import simulate
from saydo.stats.survival import Renewals
from saydo.stats.trials import binomial_p

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
        "The groups lose contracts at different times, by more than chance (log-rank p <\N{NO-BREAK SPACE}0.001)."
    ]
    mixed = [{**one, "segment": "ab"[number % 2]} for number, one in enumerate(people)]
    alike = contract_renewals(make_facts(contracts=short + long, customers=mixed), by="segment", as_of="2025-01-01")
    assert [str(note) for note in alike.notes] == [
        "That the groups lose contracts alike is not refuted (log-rank p 1.000)."
    ]


def _of(segment: str, months: int, stays: int, leaves: int) -> tuple[list[Row], list[Row]]:
    """Contracts of two years ago and their customers: some run on, the others ended at their first renewal."""
    end = "2023-02-01" if months == 1 else "2024-01-01"
    ends = [None] * stays + [end] * leaves
    names = [f"{segment}{months}-{number}" for number in range(len(ends))]
    contracts = [contract(name, "2023-01-01", one, period_months=months) for name, one in zip(names, ends, strict=True)]
    return contracts, [{"customer_id": name, "segment": segment} for name in names]


def test_contract_renewals_hold_no_month_against_a_year() -> None:
    monthly, yearly = _of("a", 1, 30, 20), _of("a", 12, 50, 0)
    facts = make_facts(contracts=monthly[0] + yearly[0], customers=monthly[1] + yearly[1])
    for by in ((), "period_months"):
        assert contract_renewals(facts, by=by, as_of="2025-01-01").notes == ()


def test_contract_renewals_compare_groups_within_each_period() -> None:
    """Segment a is mostly monthly, b mostly yearly; within a period they lose alike."""
    parts = [_of("a", 1, 60, 40), _of("b", 1, 12, 8), _of("a", 12, 19, 1), _of("b", 12, 95, 5)]
    both = [[row for part in parts for row in part[side]] for side in (0, 1)]
    facts = make_facts(contracts=both[0], customers=both[1])
    (note,) = contract_renewals(facts, by="segment", as_of="2025-01-01").notes
    assert "not refuted" in str(note)
    assert note.values["p"] == pytest.approx(1, abs=0.01)


ICC = 0.3
TIED = Renewals(0.2 * (1 / ICC - 1), 0.8 * (1 / ICC - 1), 0.0, np.eye(2))  # of accounts: one in five ends at first


def _tied(companies: int, accounts: int, seed: int) -> Facts:
    """Companies (x_company) of accounts with five contracts each, begun on one day, whose chance to end is one."""
    chance = np.random.default_rng(seed)
    churn = np.repeat(chance.beta(TIED.a, TIED.b, companies * accounts), 5)
    contracts, customers = [], []
    for number, life in enumerate(chance.geometric(np.maximum(churn, 1e-9)).tolist()):
        account, months = number // 5, 3 * min(life, 10)
        end = f"{2022 + months // 12}-{months % 12 + 1:02}-01" if life <= 4 else None
        contracts.append(contract(f"c{number}", "2022-01-01", end))
        customers.append(
            {
                "customer_id": f"c{number}",
                "account_id": f"a{account}",
                "x_company": f"{account // accounts}",
                "segment": "ab"[account % 2],
            }
        )
    return make_facts(contracts=contracts, customers=customers)


def test_contract_renewals_of_accounts_hold_the_truth() -> None:
    """150 companies of 40 accounts; as if independent, contracts hold retention 82 % of the time, survival 79 %."""
    rows = contract_renewals(_tied(150, 40, 663), by="customers.x_company", as_of="2023-01-15").to_records()
    retention, survival = TIED.retention(np.arange(1, 5)), TIED.survival(4)[1:]
    assert len(rows) == 150 * 4
    for renewal in range(1, 5):
        mine = [row for row in rows if row["renewal"] == renewal]
        held = sum(row["retention_low"] <= retention[renewal - 1] <= row["retention_high"] for row in mine)
        left = sum(row["survival_low"] <= survival[renewal - 1] <= row["survival_high"] for row in mine)
        assert min(binomial_p(held, 150), binomial_p(left, 150)) > 0.001


def test_contract_renewals_of_accounts_differ_by_chance_as_much_as_accounts_do() -> None:
    """At their first renewal five contracts with a correlation of .3 say as much as 5 / (1 + 4 * .3) alone would.

    Over 120 companies of 40 accounts in two groups alike it told of a difference in 24 % without, in 3 % with this.
    """
    facts = _tied(1, 2_000, 664).known_before(date(2022, 4, 15))
    found, split, _ = run_renewals(facts, "contract_renewals", ())
    ties = find_ties(facts, split.rows, split.names, found)
    assert ties is not None
    assert ties.design_effect == pytest.approx(1 + 4 * ICC, rel=0.15)


def test_contract_renewals_of_a_copied_customer_are_no_more_certain() -> None:
    """Beside those who stand alone, some hold the same contract four times: it counts more, but tells no more."""
    ends = [("2024-04-01", 12), ("2024-07-01", 9), (None, 30)]
    alone = [contract(f"{end}-{number}", "2024-01-01", end) for end, count in ends for number in range(count)]
    copied = [one for one in alone if not one["customer_id"].endswith(("1", "2", "3"))]
    many = alone + 3 * copied
    rows = [contract_renewals(make_facts(contracts=some), as_of="2025-01-01").to_records() for some in (alone, many)]
    widths = [[row["survival_high"] - row["survival_low"] for row in some] for some in rows]
    assert [row["due"] for row in rows[1]] > [row["due"] for row in rows[0]]
    assert all(tied > 0.95 * single for single, tied in zip(*widths, strict=True))


def test_contract_renewals_with_one_contract_each_are_those_without_accounts() -> None:
    people = [{"customer_id": one["customer_id"], "account_id": f"of {one['customer_id']}"} for one in MIXED]
    alone, tied = make_facts(contracts=MIXED), make_facts(contracts=MIXED, customers=people)
    both = [contract_renewals(facts, as_of="2025-01-01").to_records() for facts in (alone, tied)]
    assert both[0] == both[1]


def test_contract_renewals_need_one_that_was_due() -> None:
    with pytest.raises(NothingToMeasure, match="no contract has come up for renewal yet"):
        contract_renewals(make_facts(contracts=[contract("a", "2024-01-01")]), as_of="2024-03-01")


def test_contract_renewals_are_those_of_the_simulated_company(tmp_path: Path) -> None:
    truth = simulate(tmp_path / "facts", customers=2_000, seed=661, contracted=0.5)["contracts"]["renewals"]
    rows = contract_renewals(open_facts(tmp_path / "facts", DuckDBEngine(threads=1))).to_records()
    told = {str(row["renewal"]): (row["due"], row["retention_rate"]) for row in rows}
    assert told == {name: (one["at_risk"], pytest.approx(one["realised"])) for name, one in truth.items()}
