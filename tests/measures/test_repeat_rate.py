"""The repeat rate: a second day, in time, among those whose time is up."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.companies import make_facts

from saydo import measures
from saydo.errors import BadSetting

START = date(2023, 1, 1)
ORDER = {"customer_id": "a", "ordered_at": "2024-01-10"}


def _figures(orders: list[dict[str, Any]], as_of: str, **more: Any) -> tuple[int, int, int]:
    row = measures.repeat_rate(make_facts(orders=orders), as_of=as_of, **more).to_records()[0]
    return row["customers"], row["repeated"], row["waiting"]


def test_repeat_rate_takes_purchases_of_one_day_as_one() -> None:
    again = {**ORDER, "ordered_at": "2024-01-10T18:00"}
    assert _figures([ORDER, again], "2025-06-01") == (1, 0, 0)


@pytest.mark.parametrize(("second", "repeated"), [("2024-02-09T23:59", 1), ("2024-02-10T00:00", 0)])
def test_repeat_rate_counts_the_last_day_of_the_window_and_not_the_next(second: str, repeated: int) -> None:
    assert _figures([ORDER, {**ORDER, "ordered_at": second}], "2025-06-01", within_days=30) == (1, repeated, 0)


@pytest.mark.parametrize(("as_of", "figures"), [("2024-02-09", (0, 0, 1)), ("2024-02-10", (1, 0, 0))])
def test_repeat_rate_waits_until_the_time_of_a_customer_is_up(as_of: str, figures: tuple[int, int, int]) -> None:
    assert _figures([ORDER], as_of, within_days=30) == figures


def test_repeat_rate_is_null_and_not_zero_without_customers() -> None:
    row = measures.repeat_rate(make_facts(orders=[ORDER]), as_of="2024-01-20").to_records()[0]
    assert (row["repeat_rate"], row["repeat_low"], row["days_to_second_median"]) == (None, None, None)


def test_repeat_rate_says_which_windows_it_can_take() -> None:
    with pytest.raises(BadSetting, match=r"within_days cannot be 0\. It must be a number of days from 1 on"):
        measures.repeat_rate(make_facts(orders=[ORDER]), within_days=0)


def test_repeat_rate_chooses_customers_by_their_first_purchase() -> None:
    orders = [ORDER, {**ORDER, "ordered_at": "2024-03-01"}, {"customer_id": "b", "ordered_at": "2024-03-01"}]
    row = measures.repeat_rate(make_facts(orders=orders), as_of="2026-01-01", since="2024-02-01").to_records()[0]
    assert (row["customers"], row["repeated"]) == (1, 0)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 200)), min_size=1, max_size=30))
def test_repeat_rate_agrees_with_a_plain_loop(purchases: list[tuple[str, int]]) -> None:
    orders = [{"customer_id": who, "ordered_at": str(START + timedelta(days=day))} for who, day in purchases]
    days = defaultdict(set)
    for who, day in purchases:
        days[who].add(day)
    ended = [sorted(found) for found in days.values() if min(found) + 60 < 150]
    back = [found[1] - found[0] for found in ended if len(found) > 1 and found[1] - found[0] <= 60]
    as_of = str(START + timedelta(days=150))
    seen = {who: {day for day in found if day < 150} for who, found in days.items()}
    waiting = sum(1 for found in seen.values() if found and min(found) + 60 >= 150)
    if not any(seen.values()):
        return
    assert _figures(orders, as_of, within_days=60) == (len(ended), len(back), waiting)
