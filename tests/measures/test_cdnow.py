"""What customers of CDNOW did, whose counts are published: 2,357 people who first bought in early 1997."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from tests.companies import make_facts

from saydo.company import Facts
from saydo.measures import repeat_rate, retention, rfm

pytestmark = pytest.mark.real
END = date(1997, 9, 30)  # of the published calibration, 39 weeks


@pytest.fixture(scope="module")
def purchases(real_data: Path) -> list[tuple[str, date, float]]:
    """Customer, day and dollars of every purchase."""
    rows = [line.split() for line in (real_data / "cdnow" / "CDNOW_sample.txt").read_text().splitlines()]
    return [(person, datetime.strptime(day, "%Y%m%d").date(), float(paid)) for _, person, day, _, paid in rows]


@pytest.fixture(scope="module")
def facts(purchases: list[tuple[str, date, float]]) -> Facts:
    bought = list(enumerate(purchases))
    return make_facts(
        currency="USD",
        orders=[{"order_id": f"{n}", "customer_id": who, "ordered_at": f"{day}"} for n, (who, day, _) in bought],
        order_lines=[{"order_id": f"{n}", "line": 1, "unit_price": paid} for n, (_, _, paid) in bought],
    )


def test_repeat_rate_finds_the_946_who_came_back_within_39_weeks(facts: Facts) -> None:
    # Fader, Hardie and Lee 2005, Marketing Science 24(2): 1,411 of 2,357 made no repeat purchase in these weeks. Each
    # day of first purchases has a window of its own, up to the end of the weeks.
    customers = repeated = 0
    for day in (date(1997, 1, 1) + timedelta(days=n) for n in range(84)):
        rate = repeat_rate(
            facts,
            as_of=END + timedelta(days=1),
            since=day,
            until=day + timedelta(days=1),
            within_days=(END - day).days,
        )
        [row] = rate.to_records()
        customers, repeated = customers + row["customers"], repeated + row["repeated"]
    assert (customers, repeated) == (2357, 946)


def test_retention_counts_the_months_that_a_plain_loop_counts(
    facts: Facts, purchases: list[tuple[str, date, float]]
) -> None:
    months: dict[str, set[int]] = defaultdict(set)
    for who, day, _ in purchases:
        months[who].add(12 * day.year + day.month - 1)
    found = {(row["cohort"].month - 1, row["age"]): (row["customers"], row["active"]) for row in retention(facts)}
    start = 12 * 1997
    expected = {}
    for cohort in range(3):
        people = [seen for seen in months.values() if min(seen) == start + cohort]
        for age in range(18 - cohort):
            expected[cohort, age] = (len(people), sum(start + cohort + age in seen for seen in people))
    assert sum(expected[cohort, 0][0] for cohort in range(3)) == 2357
    assert found == expected


def test_rfm_leaves_nobody_out(facts: Facts, purchases: list[tuple[str, date, float]]) -> None:
    rows = rfm(facts).to_records()
    assert (sum(row["customers"] for row in rows), sum(row["orders"] for row in rows)) == (2357, len(purchases))
    assert sum(row["sales"] for row in rows) == pytest.approx(sum(paid for _, _, paid in purchases))
    by_segment = {row["segment"]: row for row in rows}
    assert by_segment["champions"]["sales_share"] > by_segment["champions"]["customer_share"]
    assert "new" not in by_segment  # all came more than a year before
