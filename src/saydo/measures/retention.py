"""Retention: of those who first bought together, how many still buy, period after period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from saydo.company import Facts
from saydo.language import mark
from saydo.measures._margin import note_unknown_customers
from saydo.measures._measure import Figures, Measure, add_columns
from saydo.measures._purchases import find_firsts, find_purchases
from saydo.measures._split import cut_time
from saydo.stats.intervals import wilson

Unit = Literal["month", "quarter", "week"]


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    unit: Unit = "month",
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """Customers of a cohort who bought in a later period, over all customers of the cohort: active / customers.

    A cohort is everybody whose first purchase ever lies in the same ``unit`` (calendar month, quarter, or week from
    Monday, in the company's zone); ``age`` counts units since then. ``since`` and ``until`` choose cohorts by the first
    purchase.

    Reads:   orders (cancelled ones are no purchase; customer_id null: left out, their share is said); what the splits
             need, taken at the first purchase.
    Returns: the splits; cohort (first day of the unit); age (units; 0 is the unit of the first purchase); customers
             (of the cohort), active (who bought in that unit) (counts); retention_rate, retention_low,
             retention_high (0 to 1). Only units that are over: the current one would look like a fall.
    Interval: Wilson, 95 %: customers decide independently of each other.
    Cautions: buying in a given month is not the same as staying: who buys twice a year is active in two months of
             twelve. The ages of one cohort are the same people, so their rates rise and fall together. Customers won
             before the first order on file are taken for new ones when they are first seen.
    Source:  Wilson 1927 (interval).
    """
    firsts = find_firsts(facts, "retention", by, since, until)
    cohorts = firsts.rows.mutate(cohort=cut_time(facts, firsts.rows.first_at, unit))
    purchases = find_purchases(facts)
    periods = purchases.select(_customer="customer_id", period=cut_time(facts, purchases.ordered_at, unit)).distinct()
    bought = cohorts.join(periods, cohorts.customer_id == periods["_customer"])
    active = bought.group_by([*firsts.names, "cohort", "period"]).aggregate(active=bought.count())
    rows = _triangle(facts.run(active), firsts.names, unit, facts.local_day(facts.as_of))
    return Figures(rows, (*firsts.names, "cohort", "age"), firsts.overlaps, note_unknown_customers(facts))


def _triangle(found: pa.Table, names: Sequence[str], unit: Unit, today: date) -> pa.Table:
    """Every cohort at every age that is over by ``today``, nobody active included."""
    keys = list(zip(*(found[name].to_pylist() for name in (*names, "cohort")), strict=True))
    cohort = _count_units(found["cohort"], unit)
    age = _count_units(found["period"], unit) - cohort
    starts = np.flatnonzero((age == 0) & (cohort < _count_units(pa.array([today]), unit)))
    place = {keys[start]: number for number, start in enumerate(starts)}
    ages = _count_units(pa.array([today]), unit)[0] - cohort[starts]
    active = np.zeros((len(starts), max(ages, default=1)), dtype=np.int64)
    row = np.array([place.get(key, -1) for key in keys], dtype=np.int64)
    is_over = (row >= 0) & (age < np.append(ages, 0)[row])
    active[row[is_over], age[is_over]] = found["active"].to_numpy()[is_over]
    which, at_age = np.nonzero(np.arange(active.shape[1]) < ages[:, None])
    customers, bought = active[which, 0], active[which, at_age]
    rows = found.select([*names, "cohort"]).take(starts[which])
    low, high = wilson(bought, customers)
    rate = {"retention_rate": bought / customers, "retention_low": low, "retention_high": high}
    return add_columns(rows, {"age": at_age, "customers": customers, "active": bought, **rate})


def _count_units(days: pa.ChunkedArray | pa.Array, unit: Unit) -> npt.NDArray[np.int64]:
    """The number of the unit that each day lies in; consecutive units have consecutive numbers."""
    if unit == "week":
        since_monday = np.asarray(days).astype("datetime64[D]").astype(np.int64) + 3  # 1970-01-01 was a Thursday
        return since_monday // 7
    months = np.asarray(days).astype("datetime64[M]").astype(np.int64)
    return months // 3 if unit == "quarter" else months


retention = Measure(
    name="retention",
    title=mark("Retention by cohort"),
    question=mark("Of those who first bought together, how many still buy?"),
    compute=compute,
    base="orders",
    reads=("orders",),
    uses=("customers",),
    unit="share",
    headline="retention_rate",
    count="customers",
    low="retention_low",
    high="retention_high",
    good="high",
    chart="cohorts",
    sentence=mark(
        "Of the {customers} customers who first bought in {cohort}, {retention_rate} bought again at age {age} "
        "(95 %: {retention_low} to {retention_high})."
    ),
    definition=mark(
        "Customers grouped by the month of their first purchase; for each month since, the share who bought in it."
    ),
    cautions=(
        mark("Buying in one month is not staying: who buys twice a year is active in two months of twelve."),
        mark("Customers won before the first order on file look new when they are first seen."),
    ),
)
