"""What winning and keeping a customer costs: by hand, and the simulated company's truth."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.companies import make_facts

from saydo.company import Facts
from saydo.engine import open_facts
from saydo.errors import BadSetting
from saydo.measures.acquisition import acquisition
from saydo.simulate import simulate

FIRST = datetime(2024, 1, 5)
LATER = FIRST + timedelta(days=400)


def company(channels: dict[str, str | None], buys: dict[str, dict[int, float]] | None = None, **more: Any) -> Facts:
    """Customers with their channels, and what each leaves by the day since FIRST (10 on that day if not said)."""
    orders, lines = [], []
    for name in channels:
        for day, left in (buys or {}).get(name, {0: 10.0}).items():
            key = f"{name}{day}"
            orders.append({"order_id": key, "customer_id": name, "ordered_at": FIRST + timedelta(days=day)})
            lines.append({"order_id": key, "line": 1, "unit_price": 100, "unit_cost": 100 - left})
    tables = {
        "customers": [{"customer_id": name, "acquired_via": channel} for name, channel in channels.items()],
        "orders": orders,
        "order_lines": lines,
        "contacts": [{"at": LATER, "direction": "in"}],
    }
    return make_facts(**{**tables, **more})


def spent(amount: float, channel: str | None, month: str = "2024-01-01", kind: str = "acquisition") -> dict[str, Any]:
    return {"month": month, "channel": channel, "kind": kind, "amount": amount}


def by_channel(facts: Facts, name: str, **asked: Any) -> dict[str | None, Any]:
    return {row["acquired_via"]: row[name] for row in acquisition(facts, **asked)}


def test_cost_of_a_channel_is_spread_over_its_new_customers() -> None:
    facts = company({"a": "ads", "b": "ads", "c": "friends", "d": None}, costs=[spent(30, "ads"), spent(7, None)])
    assert by_channel(facts, "cost_per_customer") == {"ads": 15, "friends": None, None: 7}
    assert by_channel(facts, "costed_customers") == {"ads": 2, "friends": 0, None: 1}


def test_cost_of_a_customer_comes_before_that_of_the_channel() -> None:
    people = [
        {"customer_id": name, "acquired_via": "ads", "acquisition_cost": cost} for name, cost in (("a", 4), ("b", None))
    ]
    facts = company({"a": "ads", "b": "ads"}, customers=people, costs=[spent(30, "ads")])
    assert by_channel(facts, "acquisition_costs") == {"ads": 4 + 30 / 2}


def test_new_customer_is_one_whose_first_purchase_lies_in_the_period() -> None:
    facts = company(
        {"a": "ads", "b": "ads"}, {"a": {0: 10, 60: 10}, "b": {60: 10}}, costs=[spent(30, "ads", "2024-03-01")]
    )
    assert by_channel(facts, "new_customers", since="2024-03-01") == {"ads": 1}
    assert by_channel(facts, "cost_per_customer", since="2024-03-01") == {"ads": 30}
    assert by_channel(facts, "cost_per_customer", until="2024-03-01") == {"ads": None}


def test_cost_by_month_is_that_of_the_month_s_new_customers() -> None:
    costs = [spent(30, "ads"), spent(8, "ads", "2024-03-01")]
    facts = company({"a": "ads", "b": "ads"}, {"a": {0: 10}, "b": {60: 10}}, costs=costs)
    found = [(str(row["month"]), row["cost_per_customer"]) for row in acquisition(facts, by="month")]
    assert found == [("2024-01-01", 30), ("2024-03-01", 8)]
    with pytest.raises(BadSetting, match=r"by cannot be week\. It must be month, quarter, year"):
        acquisition(facts, by="week")


def test_cost_of_a_channel_is_spread_evenly_over_other_splits() -> None:
    countries = {"a": "FR", "b": "FR", "c": "CH"}
    people = [{"customer_id": key, "acquired_via": "ads", "country": country} for key, country in countries.items()]
    facts = company(dict.fromkeys("abc", "ads"), customers=people, costs=[spent(30, "ads")])
    found = {
        row["country"]: (row["new_customers"], row["acquisition_costs"]) for row in acquisition(facts, by="country")
    }
    assert found == {"FR": (2, 20), "CH": (1, 10)}


def test_channel_that_brought_nobody_is_named() -> None:
    facts = company({"a": "friends"}, costs=[spent(30, "fair"), spent(9, None), spent(0, "web")])
    assert [str(note) for note in acquisition(facts).notes] == [
        "Channels that cost money in the period and brought no new customer: unknown, fair."
    ]


@pytest.mark.parametrize(("cost", "months"), [(0, 0), (10, 1), (10.5, 2), (16, 3), (17, None)])
def test_cost_is_paid_back_in_the_month_in_which_the_mean_margin_reaches_it(cost: float, months: int | None) -> None:
    buys = {"a": {0: 10.0, 30: 8.0, 89: 2.0}, "b": {0: 10.0, 59: 2.0}}  # means: 10, 15, 16
    facts = company({"a": "ads", "b": "ads"}, buys, costs=[spent(2 * cost, "ads")])
    assert by_channel(facts, "payback_months") == {"ads": months}
    assert by_channel(facts, "margin_first_year") == {"ads": 16}


def test_payback_takes_each_month_from_those_who_lived_through_it() -> None:
    buys = {"a": {0: 10.0, 30: 8.0}, "b": {370: 4.0}}  # b has lived 30 of 400 days: counts in the first month alone
    facts = company({"a": "ads", "b": "ads"}, buys, costs=[spent(2 * 15, "ads")])
    assert by_channel(facts, "margin_first_year") == {"ads": 7 + 8}
    assert by_channel(facts, "payback_months") == {"ads": 2}
    young = company({"a": "ads"}, contacts=[{"at": FIRST + timedelta(days=20), "direction": "in"}])
    assert by_channel(young, "margin_first_year") == {"ads": None}


def test_payback_is_not_known_without_the_cost_of_goods() -> None:
    lines = [{"order_id": "a0", "line": 1, "unit_price": 100}]
    facts = company({"a": "ads"}, order_lines=lines, costs=[spent(3, "ads")])
    assert by_channel(facts, "payback_months") == {"ads": None}


def test_keeping_costs_contacts_cases_and_service_per_active_customer_and_year() -> None:
    facts = company(
        {"a": "ads", "b": "ads"},
        contacts=[{"customer_id": "a", "at": "2024-03-01", "direction": "in", "cost": 5}],
        cases=[{"customer_id": "b", "opened_at": "2024-05-01", "closed_at": "2024-05-02", "cost": 6}],
        costs=[spent(9, None, "2024-02-01", "service"), spent(50, None, "2024-02-01", "other")],
    )
    year = {"since": "2024-01-01", "until": "2024-05-01"}
    days = (datetime(2024, 5, 1) - datetime(2024, 1, 1)).days
    assert by_channel(facts, "keeping_cost", **year)["ads"] == pytest.approx((5 + 9) / 2 * 365.25 / days)


def test_keeping_a_customer_costs_as_much_a_year_however_many_years_are_looked_at() -> None:
    until = datetime(2027, 1, 4)
    buys = {"a": {0: 10.0}, "b": {400: 10.0}, "c": {800: 10.0}}  # each in a year of its own
    costs = [spent(4, None, f"{year}-01-01", "service") for year in range(2024, 2027)]
    contacts = [{"at": until - timedelta(hours=1), "direction": "in"}]  # the last fact
    facts = company(dict.fromkeys(buys, "ads"), buys, costs=costs, contacts=contacts)
    years = (until - FIRST) / timedelta(days=365.25)
    assert years == pytest.approx(3, abs=0.01)
    assert by_channel(facts, "keeping_cost", until=until)["ads"] == pytest.approx(4, rel=0.01)


def test_keeping_costs_nobody_knows_what_without_any_cost() -> None:
    assert by_channel(company({"a": "ads"}), "keeping_cost") == {"ads": None}


def test_acquisition_finds_the_simulated_company_s_truth_from_either_source(tmp_path: Path) -> None:
    truth = simulate(tmp_path, customers=200, seed=11)["money"]["acquisition"]
    told = {name: channel for name, channel in truth.items() if isinstance(channel, dict)}
    expected = {name: (channel["customers"], pytest.approx(channel["cost"])) for name, channel in told.items()}
    assert _won(open_facts(tmp_path)) == expected
    customers = tmp_path / open_facts(tmp_path).manifest.tables["customers"].files[0]
    people = pq.read_table(customers)
    place = people.column_names.index("acquisition_cost")
    unknown = pa.nulls(len(people), people.schema.field(place).type)
    pq.write_table(people.set_column(place, "acquisition_cost", unknown), customers)
    assert _won(open_facts(tmp_path)) == expected  # costs by channel and month tell the same


def _won(facts: Facts) -> dict[str, Any]:
    found = acquisition(facts)
    return {row["acquired_via"]: (row["new_customers"], row["cost_per_customer"] or 0.0) for row in found}
