"""The repeat rate: of those who bought once, how many came back in time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from saydo.company import Facts
from saydo.errors import BadSetting
from saydo.language import mark
from saydo.measures._clusters import run_groups
from saydo.measures._margin import note_unknown_customers
from saydo.measures._measure import Figures, Measure, add_columns, column
from saydo.measures._purchases import find_firsts, find_purchases
from saydo.stats.arrays import divide
from saydo.stats.intervals import wilson


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    within_days: int = 365,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """Customers with a second purchase within ``within_days`` of the first, over all whose time is up.

    Purchases of one local day are one purchase. A customer counts once ``within_days`` days have passed since the day
    of the first purchase, whatever came of it: those whose time still runs are counted apart (``waiting``).
    ``since`` and ``until`` choose customers by their first purchase ever.

    Reads:   orders (cancelled ones are no purchase; customer_id null: left out, their share is said); what the splits
             need, taken at the first purchase.
    Returns: the splits; customers (whose time is up), repeated (who came back in time), waiting (counts); repeat_rate,
             repeat_low, repeat_high (0 to 1; null without customers); days_to_second_median (days, of those who
             came back in time; null without any).
    Interval: Wilson, 95 %: customers decide independently of each other.
    Cautions: it knows nothing of those who came back later. Customers won before the first order on file are taken
             for new ones when they are first seen.
    Source:  Wilson 1927 (interval).
    """
    if within_days < 1:
        raise BadSetting(name="within_days", value=within_days, choices=mark("a number of days from 1 on"))
    firsts = find_firsts(facts, "repeat_rate", by, since, until)
    rows = _add_second_day(facts, firsts.rows)
    today = ibis.literal(facts.local_day(facts.as_of))
    is_up = rows.first_on + ibis.interval(days=within_days) < today
    days = rows.second_on.delta(rows.first_on, unit="day")
    is_back = is_up & (days <= within_days)
    counts = run_groups(
        facts,
        rows,
        firsts.names,
        customers=rows.count(where=is_up),
        repeated=rows.count(where=is_back),
        waiting=rows.count(where=~is_up),
        days_to_second_median=days.quantile(0.5, where=is_back),
    )
    repeated, customers = column(counts, "repeated"), column(counts, "customers")
    low, high = wilson(repeated, customers)
    median = counts["days_to_second_median"]
    shares = {"repeat_rate": divide(repeated, customers), "repeat_low": low, "repeat_high": high}
    figures = add_columns(counts.drop_columns("days_to_second_median"), {**shares, "days_to_second_median": median})
    return Figures(figures, firsts.names, firsts.overlaps, note_unknown_customers(facts))


def _add_second_day(facts: Facts, firsts: ir.Table) -> ir.Table:
    """``firsts`` with first_on and second_on, the first two local days of purchases; null without a second."""
    purchases = find_purchases(facts)
    days = purchases.select(_customer="customer_id", day=facts.local(purchases.ordered_at).date())
    rows = firsts.mutate(first_on=facts.local(firsts.first_at).date())
    joined = rows.select("customer_id", "first_on").distinct().join(days, [("customer_id", "_customer")])
    later = joined.filter(joined.day > joined.first_on)
    seconds = later.group_by(_customer=later.customer_id).aggregate(second_on=later.day.min())
    return rows.left_join(seconds, [("customer_id", "_customer")]).drop("_customer")


repeat_rate = Measure(
    name="repeat_rate",
    title=mark("Repeat rate"),
    question=mark("Of those who bought once, how many came back in time?"),
    compute=compute,
    base="orders",
    reads=("orders",),
    uses=("customers",),
    unit="share",
    headline="repeat_rate",
    count="customers",
    low="repeat_low",
    high="repeat_high",
    good="high",
    chart="rate",
    sentence=mark(
        "{repeat_rate} of {customers} customers came back for a second purchase in time "
        "(95 %: {repeat_low} to {repeat_high})."
    ),
    definition=mark(
        "Share of customers who bought again, on another day, within a year (or the days set) of their first purchase; "
        "only those whose time is up count."
    ),
    cautions=(
        mark("Who comes back later than that is not in it."),
        mark("Customers won before the first order on file look new when they are first seen."),
    ),
)
