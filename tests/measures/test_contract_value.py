"""The value of contracts: renewals counted by hand, edges, and the truth of simulated contracts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.companies import cut_company, make_facts

from saydo.engine import DuckDBEngine, open_facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.measures import contract_value
from saydo.simulate import simulate
from saydo.stats.survival import Renewals
from saydo.stats.trials import binomial_p, is_unbiased

Row = dict[str, Any]


def contract(customer: str, start: str, end: str | None = None, **more: Any) -> Row:
    return {"customer_id": customer, "started_on": start, "ended_on": end, "period_months": 3, "price": 30, **more}


def figures(contracts: list[Row], as_of: str = "2025-01-01", **more: Any) -> list[Row]:
    return contract_value(make_facts(contracts=contracts, **more), as_of=as_of).to_records()


MIXED = [
    contract("a", "2024-01-01"),  # renewed in April, July and October; that of 1 January is not over
    contract("b", "2024-01-01", "2024-07-01"),  # renewed once, lost at the second
    contract("c", "2024-01-01", "2024-05-15"),  # ended within its second period: lost at the renewal that closes it
    contract("d", "2024-09-30"),  # renewed on 30 December
    contract("e", "2024-11-30", "2024-12-24"),  # its renewal, on the last of February, is still to come
    contract("f", "2024-08-31", "2024-11-30"),  # November has no 31st
]


def test_contract_value_counts_the_renewals_whose_day_is_over() -> None:
    (row,) = figures(MIXED)
    assert {name: row[name] for name in ("contracts", "running", "due", "lost_renewals")} == {
        "contracts": 6,
        "running": 2,
        "due": 3 + 2 + 2 + 1 + 0 + 1,
        "lost_renewals": 3,
    }
    assert row["renewal_rate"] == pytest.approx(6 / 9)
    assert row["renewal_low"] < 6 / 9 < row["renewal_high"]


def test_contract_value_is_periods_times_margin() -> None:
    products = [{"product_id": "p", "unit_cost": 10}]
    (row,) = figures([{**one, "product_id": "p"} for one in MIXED], products=products)
    model = Renewals(row["churn_a"], row["churn_b"], 0.0, np.eye(2))
    rate = 1.1**0.25 - 1
    assert row["margin_per_period"] == 20
    assert row["periods_expected"] == pytest.approx(model.expected_periods(rate))
    assert row["value_new"] == pytest.approx(20 * model.expected_periods(rate))
    waits = np.array([0.0, 2 + 29 / 30.4375])  # months: a renews today, d on 30 March
    assert row["value_running"] == pytest.approx(20 * (model.periods_left([3, 1], rate) @ 1.1 ** (-waits / 12)))
    assert row["value_new_low"] < row["value_new"] < row["value_new_high"]
    assert row["value_running_low"] < row["value_running"] < row["value_running_high"]


UNDER_NOTICE = [
    contract("g", "2024-11-01", "2025-01-15"),  # not renewed any more
    contract("h", "2024-07-01", "2025-04-01"),  # the period from 1 January on is still to be paid, that from April not
    contract("i", "2024-07-01", "2025-07-02"),  # those from January, April and July on
]


def test_contract_value_of_a_contract_under_notice_ends_with_it() -> None:
    products = [{"product_id": "p", "unit_cost": 10}]
    result = contract_value(
        make_facts(contracts=[{**one, "product_id": "p"} for one in [*MIXED, *UNDER_NOTICE]], products=products),
        as_of="2025-01-01",
    )
    (row,) = result.to_records()
    model = Renewals(row["churn_a"], row["churn_b"], 0.0, np.eye(2))
    rate = 1.1**0.25 - 1
    waits = np.array([0.0, 2 + 29 / 30.4375])
    goes_on = model.periods_left([3, 1], rate) @ 1.1 ** (-waits / 12)
    until = 0 + 1 + (1 + 1 / (1 + rate) + 1 / (1 + rate) ** 2)  # h and i renew today
    assert (row["running"], row["due"], row["lost_renewals"]) == (5, 11, 3)
    assert row["value_running"] == pytest.approx(20 * (goes_on + until))
    assert [note.values for note in result.notes if "end is known" in str(note)] == [{"count": 3}]


def test_contract_value_of_running_ones_is_that_of_today() -> None:
    """Yearly contracts that renew on the first of every month: what each pays is summed period by period from today."""
    months = [f"{1 + number:02}" for number in range(12)]
    running = [contract(f"r{month}", f"2023-{month}-01", period_months=12) for month in months]
    lost = [contract(f"l{month}", f"2022-{month}-01", f"2023-{month}-01", period_months=12) for month in months]
    products = [{"product_id": "p", "unit_cost": 20}]
    (row,) = figures([{**one, "product_id": "p"} for one in running + lost], products=products)
    model = Renewals(row["churn_a"], row["churn_b"], 0.0, np.eye(2))
    value = 0.0
    for month in range(12):
        renewed = 1  # that of January 2025 is not over
        survival = model.survival(2_000)
        at = np.arange(renewed + 1, 2_001)
        value += 10 * (survival[at] / survival[renewed] * 1.1 ** -(at - renewed - 1 + month / 12)).sum()
    assert row["running"] == 12
    assert row["value_running"] == pytest.approx(value, rel=1e-3)


def test_contract_value_seen_from_the_past_knows_of_no_notice() -> None:
    """An end is known from its day on: seen from before the last facts, whoever had given notice goes on."""
    later = [*MIXED, *UNDER_NOTICE, contract("z", "2025-01-02")]
    open_ended = [{**one, "ended_on": None} for one in UNDER_NOTICE]
    (seen,), (open_one,) = figures(later), figures([*MIXED, *open_ended, contract("z", "2025-01-02")])
    assert seen == open_one


def test_contract_value_of_a_contract_under_notice_without_cost_is_that_of_the_mean() -> None:
    products = [{"product_id": "p", "unit_cost": 10}]
    known = [{**one, "product_id": "p"} for one in [*MIXED, *UNDER_NOTICE]]
    without = [*known[:-1], {**known[-1], "product_id": None}]
    assert figures(without, products=products) == [pytest.approx(one) for one in figures(known, products=products)]


def test_contract_value_of_a_loss_keeps_its_ends_in_order() -> None:
    products = [{"product_id": "p", "unit_cost": 50}]
    (row,) = figures([{**one, "product_id": "p"} for one in MIXED], products=products)
    assert row["value_new_low"] < row["value_new"] < row["value_new_high"] < 0


def test_contract_value_of_unknown_cost_is_unknown_and_said() -> None:
    result = contract_value(make_facts(contracts=MIXED), as_of="2025-01-01")
    (row,) = result.to_records()
    assert (row["margin_per_period"], row["value_new"]) == (None, None)
    assert row["periods_expected"] > 1
    assert [note.values for note in result.notes if "share" in note.values] == [{"share": 1.0}]


def test_contract_value_knows_nothing_before_a_contract_was_lost() -> None:
    result = contract_value(make_facts(contracts=[contract("a", "2024-01-01")]), as_of="2025-01-01")
    (row,) = result.to_records()
    assert (row["due"], row["renewal_rate"], row["periods_expected"], row["value_running"]) == (3, 1.0, None, None)
    assert any("no contract was lost" in str(note) for note in result.notes)


def test_contract_value_keeps_periods_apart_and_leaves_out_those_without() -> None:
    others = [contract("g", "2024-01-01", period_months=12), contract("h", "2024-01-01", period_months=None)]
    result = contract_value(make_facts(contracts=[*MIXED, *others]), as_of="2025-02-01")
    assert [row["period_months"] for row in result] == [3, 12]
    assert [note.values for note in result.notes if note.values == {"count": 1}]
    with pytest.raises(NothingToMeasure, match="period_months"):
        contract_value(make_facts(contracts=[contract("h", "2024-01-01", period_months=None)]))


def test_contract_value_takes_the_contracts_of_a_customer_for_one_cluster() -> None:
    many = [contract(f"{name}{copy}", *dates) for copy in range(8) for name, *dates in _dates()]
    together = [{**one, "customer_id": one["customer_id"][0]} for one in many]
    (alone,), (tied,) = figures(many), figures(together)
    assert tied["value_new"] == alone["value_new"]
    assert tied["periods_high"] - tied["periods_low"] > 1.5 * (alone["periods_high"] - alone["periods_low"])


def _dates() -> list[tuple[str, ...]]:
    return [("a", "2024-01-01"), ("b", "2024-01-01", "2024-07-01"), ("c", "2024-01-01", "2024-04-01")]


def test_contract_value_says_which_discount_it_can_take() -> None:
    with pytest.raises(BadSetting, match="a rate above 0"):
        contract_value(make_facts(contracts=MIXED), discount=0.0)


def require_honest(folder: Path, customers: int, parts: int, seed: int) -> None:
    simulate(folder, customers=customers, seed=seed, contracted=0.95)
    facts = cut_company(open_facts(folder, DuckDBEngine(threads=1)), parts)
    rows = contract_value(facts, by="customers.x_part").to_records()
    assert len(rows) == parts
    truth = Renewals(1.0, 8.0, 0.0, np.eye(2)).expected_periods(1.1**0.25 - 1)
    held = sum(row["periods_low"] <= truth <= row["periods_high"] for row in rows)
    assert binomial_p(held, parts) > 0.001
    found = np.array([row["periods_expected"] for row in rows])
    assert is_unbiased(found, truth, float(found.std()))


def test_contract_value_finds_the_planted_renewals(tmp_path: Path) -> None:
    require_honest(tmp_path / "facts", 6_000, 40, 601)


@pytest.mark.slow
def test_contract_value_finds_the_planted_renewals_of_200_companies(tmp_path: Path) -> None:
    require_honest(tmp_path / "facts", 40_000, 200, 602)
