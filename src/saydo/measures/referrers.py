"""Who buys and who brings: customers by what they leave themselves and by what those they brought are worth."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import BadSetting, MissingTable
from saydo.language import mark
from saydo.measures._brought import find_brought, find_saved_cost
from saydo.measures._clusters import run_groups
from saydo.measures._horizons import follow
from saydo.measures._measure import Figures, Measure, Note, add_columns, column
from saydo.measures._purchases import find_purchases
from saydo.measures._scores import number_groups
from saydo.measures.referral_value import NO_COST
from saydo.measures.say_do import require_days, split_events
from saydo.stats.arrays import divide


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    horizon: int = 365,
    came_anyway: float = 0.5,
) -> Figures:
    """Customers in four groups, by the margin they left themselves and by the worth of those whom they brought.

    Every customer who bought within the last ``horizon`` days, or brought somebody who did so for the first time by
    then, stands in one group: *champions* leave more than the median of them all and brought somebody of worth,
    *affluents* leave more and brought nobody of worth, *advocates* leave no more but brought somebody of worth,
    *misers* neither. The margin is that of the last ``horizon`` days; worth is the ``value`` of `referral_value` with
    the same ``came_anyway``, added up over all whom the customer ever brought (their horizon over), and above 0.

    Reads:   referrals and orders; what makes the margin (order_lines; goods of unknown cost: the margin is taken for
             0); customers.acquisition_cost, costs.
    Returns: the splits (columns of customers); group; customers, brought (customers whom they brought, horizon over)
             (counts); customer_share (of the customers of the splits; 0 to 1); margin_per_customer, worth_per_customer
             (money); margin_share, worth_share (0 to 1; null where the whole is not above 0).
    Interval: none: it is what happened.
    Cautions: a median parts any customers in halves: half of them leave "more". The two axes need not go together: who
             buys most seldom brings most.
    Source:  V. Kumar, J. Petersen and R. Leone, Harvard Business Review 85 (2007) 10, 139-146.
    """
    require_days("horizon", horizon)
    if not 0 <= came_anyway <= 1:
        raise BadSetting(name="came_anyway", value=came_anyway, choices=mark("a share from 0 to 1"))
    if not facts.has("order_lines"):
        raise MissingTable(measure="referrers", table="order_lines")
    saved = find_saved_cost(facts)
    rows = _add_worth(facts, _find_buyers(facts, horizon), horizon, came_anyway, saved or 0.0)
    middle = facts.run(rows.aggregate(middle=rows.margin.quantile(0.5)))["middle"][0].as_py()
    is_much, is_worth = rows.margin > ibis.literal(float(middle or 0.0)), rows.worth > 0
    group = ibis.cases(
        (is_much & is_worth, "champions"), (is_much, "affluents"), (is_worth, "advocates"), else_="misers"
    )
    split = split_events(facts, "referrers", rows.mutate(group=group), by)
    counts = run_groups(
        facts,
        split.rows,
        [*split.names, "group"],
        customers=split.rows.count(),
        brought=split.rows.brought.sum(),
        margin=split.rows.margin.sum(),
        worth=split.rows.worth.sum(),
    )
    notes = (Note(NO_COST),) if saved is None and came_anyway > 0 else ()
    return Figures(_figures(counts, split.names), (*split.names, "group"), split.overlaps, notes)


def _find_buyers(facts: Facts, days: int) -> ir.Table:
    """Customers who bought in the last ``days``, or recommended anybody, with ``margin`` of these days."""
    start = ibis.literal(facts.as_of) - ibis.interval(days=days)
    purchases = find_purchases(facts)
    lately = purchases.filter(purchases.ordered_at > start).select("customer_id")
    referrals = facts.table("referrals")
    who = lately.union(referrals.select(customer_id="referrer_id")).distinct()
    just_over = start - ibis.interval(seconds=1)
    events = who.select("customer_id", event="customer_id", at=just_over.cast("timestamp(6)"))
    followed = follow(facts, events, days, ["margin_after", "has_bought"])
    return followed.select("customer_id", "has_bought", margin=followed.margin_after.coalesce(0.0).round(4))


def _add_worth(facts: Facts, rows: ir.Table, days: int, anyway: float, saved: float) -> ir.Table:
    """Those of ``rows`` who bought or brought somebody, with ``brought`` and ``worth`` of those whom they brought."""
    found = find_brought(facts, facts.table("referrals"), days)
    known = found.filter(found.margin.notnull())
    worth = (1 - anyway) * known.margin + (anyway * saved - known.reward)
    sums = known.group_by(_who="referrer_id").aggregate(_brought=known.count(), _worth=worth.sum())
    joined = rows.left_join(sums, [("customer_id", "_who")])
    chosen = joined.filter((joined.has_bought == 1) | joined["_brought"].notnull())
    return chosen.select(
        "customer_id",
        "margin",
        brought=chosen["_brought"].coalesce(0),
        worth=chosen["_worth"].coalesce(0.0).round(4),
    )


def _figures(counts: pa.Table, names: Sequence[str]) -> pa.Table:
    group, _ = number_groups(counts, names)
    customers = column(counts, "customers")

    def share(values: np.ndarray) -> np.ndarray:
        whole = np.bincount(group, values)[group]
        return np.asarray(divide(values, np.where(whole > 0, whole, np.nan)))

    margin, worth = column(counts, "margin"), column(counts, "worth")
    return add_columns(
        counts.drop_columns(["margin", "worth"]),
        {
            "customer_share": share(customers),
            "margin_per_customer": divide(margin, customers),
            "worth_per_customer": divide(worth, customers),
            "margin_share": share(margin),
            "worth_share": share(worth),
        },
    )


referrers = Measure(
    name="referrers",
    title=mark("Who buys and who brings"),
    question=mark("Which customers leave much themselves, and which bring others of worth?"),
    compute=compute,
    base="customers",
    reads=("referrals", "orders"),
    uses=(
        *("customers", "order_lines", "products", "returns", "payments", "contacts", "cases", "costs"),
        "exchange_rates",
    ),
    unit="share",
    headline="customer_share",
    count="customers",
    good="neither",
    chart="bars",
    sentence=mark(
        "{group}: {customers} customers ({customer_share}), who leave {margin_per_customer} each and brought "
        "{worth_per_customer} each."
    ),
    definition=mark(
        "Customers who buy much and bring others of worth (champions), who only buy much (affluents), who only bring "
        "others (advocates), and who do neither (misers)."
    ),
    cautions=(
        mark("A median parts any customers in halves: half of them always leave more than it."),
        mark("What those who were brought are worth rests on the share who would have come anyway, which is a guess."),
    ),
)
