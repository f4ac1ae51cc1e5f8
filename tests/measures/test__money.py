"""Amounts of several currencies brought into one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.companies import make_facts

from saydo.company import Facts
from saydo.errors import MixedCurrencies
from saydo.measures._money import add_rate, convert_money, is_mixed

CHF_EUR = {"day": "2024-01-10", "currency": "CHF", "to_currency": "EUR", "rate": 1.05}


def order(day: str, currency: str, **more: Any) -> dict[str, Any]:
    return {"ordered_at": day, "currency": currency, "shipping_cost": 10, **more}


def shipping(facts: Facts) -> list[float | None]:
    rows = convert_money(facts, "orders", facts.table("orders"), ["shipping_cost"])
    found = facts.run(rows.order_by("order_id"))["shipping_cost"].to_pylist()
    return [value if value is None else float(value) for value in found]


def rates_of(facts: Facts, table: str, at: str = "") -> list[float]:
    rows = add_rate(facts, table, facts.table(table), at)
    return [float(rate) for rate in facts.run(rows)["rate"].to_pylist()]


def test_money_of_one_currency_comes_back_untouched() -> None:
    facts = make_facts(orders=[order("2024-01-01", "EUR")])
    rows = facts.table("orders")
    assert convert_money(facts, "orders", rows, ["shipping_cost"]) is rows


def test_money_takes_the_latest_rate_on_or_before_its_day() -> None:
    later = {**CHF_EUR, "day": "2024-02-01", "rate": 1.10}
    days = ["2024-01-10", "2024-01-31", "2024-02-01", "2025-01-01"]
    facts = make_facts(orders=[order(day, "CHF") for day in days], exchange_rates=[CHF_EUR, later])
    assert shipping(facts) == pytest.approx([10.5, 10.5, 11.0, 11.0])


def test_money_takes_the_day_of_the_company_s_zone() -> None:
    late = order("2024-01-31T23:30", "CHF")
    rates = [CHF_EUR, {**CHF_EUR, "day": "2024-02-01", "rate": 1.10}]
    assert shipping(make_facts(zone="Europe/Paris", orders=[late], exchange_rates=rates)) == pytest.approx([11.0])
    assert shipping(make_facts(zone="UTC", orders=[late], exchange_rates=rates)) == pytest.approx([10.5])


def test_money_turns_a_rate_over_and_prefers_the_direct_one() -> None:
    turned = {"day": "2024-01-10", "currency": "EUR", "to_currency": "USD", "rate": 1.25}
    direct = {"day": "2024-01-20", "currency": "USD", "to_currency": "EUR", "rate": 0.9}
    worse = {**turned, "day": "2024-01-20", "rate": 2.0}
    facts = make_facts(
        orders=[order(day, "USD") for day in ("2024-01-11", "2024-01-21")], exchange_rates=[turned, direct, worse]
    )
    assert shipping(facts) == pytest.approx([8.0, 9.0])


def test_money_without_a_currency_takes_the_order_s_or_contract_s_else_the_company_s() -> None:
    facts = make_facts(
        orders=[order("2024-02-01", "CHF", order_id="o1")],
        contracts=[{"contract_id": "k1", "customer_id": "c", "started_on": "2024-02-01", "currency": "CHF"}],
        payments=[
            {"payment_id": "1", "amount": 1, "order_id": "o1"},
            {"payment_id": "2", "amount": 1, "contract_id": "k1"},
            {"payment_id": "3", "amount": 1, "order_id": "o1", "currency": "EUR"},
            {"payment_id": "4", "amount": 1},
        ],
        exchange_rates=[CHF_EUR],
    )
    assert rates_of(facts, "payments") == [1.05, 1.05, 1.0, 1.0]


def test_rate_of_a_line_is_that_of_its_order() -> None:
    facts = make_facts(
        orders=[order("2024-02-01", "CHF", order_id="o1"), order("2024-02-01", "EUR", order_id="o2")],
        order_lines=[{"order_id": name, "unit_price": 5} for name in ("o1", "o2")],
        exchange_rates=[CHF_EUR],
    )
    assert rates_of(facts, "order_lines") == [1.05, 1.0]


def test_rate_of_what_has_no_day_is_the_last_known() -> None:
    later = {**CHF_EUR, "day": "2024-02-01", "rate": 1.10}
    products = [{"product_id": "p", "unit_cost": 1, "currency": "CHF"}]
    facts = make_facts(products=products, exchange_rates=[CHF_EUR, later])
    assert rates_of(facts, "products") == [1.10]
    assert rates_of(facts.known_before(date(2024, 1, 20)), "products") == [1.05]


def test_money_without_a_rate_names_the_currency_and_the_day() -> None:
    facts = make_facts(
        orders=[order("2024-01-09", "CHF"), order("2024-03-01", "USD"), order("2024-02-01", "CHF")],
        exchange_rates=[CHF_EUR],
    )
    with pytest.raises(MixedCurrencies) as caught:
        shipping(facts)
    assert str(caught.value) == (
        "orders holds amounts in CHF, USD, and there is no exchange rate from CHF (2024-01-09), USD (2024-03-01) to "
        "EUR. Add what is missing to exchange_rates (day, currency, to_currency, rate) and import again."
    )


def test_money_without_a_rate_is_no_error_where_there_is_no_amount() -> None:
    facts = make_facts(orders=[order("2024-01-09", "CHF", shipping_cost=None), order("2024-01-09", "EUR")])
    assert shipping(facts) == [None, 10.0]


def test_money_of_a_company_without_a_currency_needs_one_as_soon_as_there_are_two() -> None:
    one = make_facts(currency=None, orders=[order("2024-01-09", "CHF")])
    assert (one.currency, is_mixed(one, "orders")) == ("CHF", False)
    two = make_facts(currency=None, orders=[order("2024-01-09", "CHF"), order("2024-01-09", "EUR")])
    with pytest.raises(MixedCurrencies, match="to the company's currency, which is not set"):
        shipping(two)


DAYS = st.integers(0, 20)
RATES = st.dictionaries(
    st.tuples(DAYS, st.sampled_from(["CHF", "USD"]), st.booleans()), st.sampled_from([0.5, 2.0, 4.0])
)
START = date(2024, 1, 1)


@settings(max_examples=25, deadline=None)
@given(RATES, st.lists(st.tuples(DAYS, st.sampled_from(["CHF", "USD", "EUR"])), min_size=1, max_size=8))
def test_money_is_what_a_plain_loop_finds(
    rates: dict[tuple[int, str, bool], float], orders: list[tuple[int, str]]
) -> None:
    found = [_rate_by_loop(rates, day, currency) for day, currency in orders]
    facts = make_facts(
        orders=[order(f"{START + timedelta(day)}", currency) for day, currency in orders],
        exchange_rates=[
            {
                "day": START + timedelta(day),
                "currency": currency if is_direct else "EUR",
                "to_currency": "EUR" if is_direct else currency,
                "rate": rate,
            }
            for (day, currency, is_direct), rate in rates.items()
        ],
    )
    if None in found:
        with pytest.raises(MixedCurrencies):
            shipping(facts)
    else:
        assert shipping(facts) == [10 * rate for rate in found if rate is not None]


def _rate_by_loop(rates: dict[tuple[int, str, bool], float], day: int, currency: str) -> float | None:
    if currency == "EUR":
        return 1.0
    for earlier in range(day, -1, -1):
        for is_direct in (True, False):
            if (earlier, currency, is_direct) in rates:
                rate = rates[earlier, currency, is_direct]
                return rate if is_direct else 1 / rate
    return None
