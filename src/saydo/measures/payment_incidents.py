"""Payment incidents: of what fell due, how much was paid in time, and what is at risk or lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from saydo.company import Facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.language import mark
from saydo.measures._clusters import add_cluster, hold, named, run_with_clusters, share_interval
from saydo.measures._measure import Figures, Measure, add_columns, column, in_period
from saydo.measures._payments import INCIDENTS, STATES, add_customer, judge_payments
from saydo.measures._split import split_rows
from saydo.stats.ratios import ClusterSums

_NOT_JUDGED = ("open", "withdrawn")
_AMOUNTS = ("amount_due", "amount_at_risk", "amount_lost")
_UNKNOWN = mark(
    "no payment has a due time and none failed, so nothing can be late; add due_at or failed_at to payments"
)


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    lost_after_days: int = 90,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """Payments that were late, failed, retried or are overdue, over payments judged.

    Each payment due in the period has one state: on_time; retried (in time, but after a failed try); late; failed
    (refused or given up, and no other try was paid or is open); overdue (past due, unpaid); open (not due yet, paid
    ahead or not); withdrawn (its order was cancelled before). ``saydo.measures._payments`` has every rule. What is
    neither open nor withdrawn is judged. An amount is lost when its payment failed, or is unpaid more than
    ``lost_after_days`` after it was due; overdue amounts are at risk until then. Amounts of cancelled orders are
    neither.

    Reads:   payments (due_at null: cannot be late, placed by the day it was paid or failed; amounts
             of 0 or less are not the customer's to pay), orders and contracts (customer_id, cancelled_at, status);
             customers.account_id where there is one; exchange_rates.
    Returns: the splits; payments, on_time, retried, late, failed, overdue, open, withdrawn, judged, incidents
             (counts); incident_rate with incident_low, incident_high (0 to 1; null when nothing was judged);
             late_days_median, late_days_p90 (days past due of those late; null without any); amount_due (of those
             judged), amount_at_risk, amount_lost (the company's currency, as invoiced); loss_rate with loss_low,
             loss_high (0 to 1: lost over due, of what fell due more than ``lost_after_days`` ago; null when nothing
             did).
    Interval: Wilson, 95 %, on the effective number of payments, or of amounts: those of one customer go together.
    Cautions: recent payments had less time to be late or lost, which is why loss_rate leaves them out. A late
             payment can be the company's own doing (a late parcel, a wrong invoice): a link with happiness is no
             proof of its cause.
    Source:  Wilson 1927; Korn and Graubard 1998 (effective number).
    """
    if lost_after_days < 0:
        raise BadSetting(name="lost_after_days", value=lost_after_days, choices=mark("0 or more"))
    _require_known(facts)
    rows = in_period(facts, judge_payments(facts), "placed_at", since, until)
    rows = _with_amounts(rows, facts, lost_after_days)
    rows = add_cluster(facts, add_customer(facts, rows), "customer_id", "order_id", "contract_id", "payment_id")
    split = split_rows(facts, "payment_incidents", "payments", rows, by, at="placed_at")
    held = hold(facts, _narrow(split.rows, split.names))
    ratios = {"incident": (held.is_incident, held.is_judged), "loss": (held.old_lost, held.old_due)}
    counts, sums = run_with_clusters(facts, held, split.names, _counts(held), **ratios)
    return Figures(_figures(counts, sums), split.names, split.overlaps)


def _require_known(facts: Facts) -> None:
    """Raise `NothingToMeasure` where no payment has a due time and none failed: then none is known to be in time."""
    payments = facts.table("payments")
    known = payments.filter(payments.due_at.notnull() | payments.failed_at.notnull()).select("payment_id").limit(1)
    if facts.has("payments") and not len(facts.run(known)):
        raise NothingToMeasure(measure="payment_incidents", reason=_UNKNOWN)


def _narrow(rows: ir.Table, names: Sequence[str]) -> ir.Table:
    """What is counted of each payment."""
    states = {f"is_{state}": rows.state == state for state in STATES}
    columns = ("cluster", "days_late", "is_judged", *_AMOUNTS, "old_due", "old_lost")
    return rows.select(*names, *columns, **states, is_incident=rows.state.isin(INCIDENTS))


def _with_amounts(rows: ir.Table, facts: Facts, lost_after_days: int) -> ir.Table:
    """``rows`` with ``is_judged`` and what of each amount is due, at risk, lost; ``old_``: of what is old enough to
    be lost.
    """
    is_judged = rows.state.notin(_NOT_JUDGED)
    is_old = rows.placed_at < ibis.literal(facts.as_of - timedelta(days=lost_after_days))
    is_unpaid = rows.state.isin(("failed", "overdue")) & ~rows.is_cancelled
    is_lost = is_unpaid & (is_old | (rows.state == "failed"))

    def amount(chosen: ir.BooleanValue) -> ir.Value:
        return ibis.ifelse(chosen.fill_null(False), rows.amount, 0.0)

    return rows.mutate(
        is_judged=is_judged,
        amount_due=amount(is_judged),
        amount_at_risk=amount(is_unpaid & ~is_lost),
        amount_lost=amount(is_lost),
        old_due=amount(is_judged & is_old),
        old_lost=amount(is_lost & is_old),
    )


def _counts(rows: ir.Table) -> dict[str, ir.Value]:
    return {
        "payments": rows.count(),
        **{state: rows.count(where=rows[f"is_{state}"]) for state in STATES},
        "late_days": rows.days_late.quantile([0.5, 0.9]),
        **{name: rows[name].sum() for name in _AMOUNTS},
        # how many payments of equal amount would tell as much
        "equal": rows.old_due.sum().pow(2) / rows.old_due.pow(2).sum().nullif(0),
    }


def _figures(counts: pa.Table, sums: dict[str, ClusterSums]) -> pa.Table:
    """Counts, the rate of incidents, lateness, amounts; both hold the same groups in the same order."""
    rows = counts.drop_columns(["late_days", *_AMOUNTS, "equal"])
    judged, incidents = sums["incident"].m, sums["incident"].c
    rows = add_columns(rows, {"judged": judged.astype("int64"), "incidents": incidents.astype("int64")})
    rows = add_columns(rows, named("incident_rate", share_interval(sums["incident"]), "incident"))
    middle, high = (pc.list_element(counts["late_days"], place) for place in range(2))
    rows = add_columns(rows, {"late_days_median": middle, "late_days_p90": high})
    rows = add_columns(rows, {name: counts[name] for name in _AMOUNTS})
    rows = add_columns(rows, named("loss_rate", share_interval(sums["loss"], column(counts, "equal")), "loss"))
    return rows.filter(pc.field("payments") > 0)


payment_incidents = Measure(
    name="payment_incidents",
    title=mark("Payment incidents"),
    question=mark("Who pays in time, and what do late and failed payments cost us?"),
    compute=compute,
    base="payments",
    at="due_at",
    reads=("payments",),
    uses=("orders", "contracts", "customers", "exchange_rates"),
    unit="share",
    headline="incident_rate",
    count="judged",
    low="incident_low",
    high="incident_high",
    good="low",
    chart="rate",
    sentence=mark(
        "{incidents} of {judged} payments were late, failed or are overdue: {incident_rate} "
        "(95 %: {incident_low} to {incident_high})."
    ),
    definition=mark(
        "Share of the payments due in the period that were paid late or only at a second try, failed, or are overdue."
    ),
    cautions=(
        mark("Recent payments had less time to be late or lost."),
        mark("A late payment can be the company's own doing: a link with happiness is no proof of its cause."),
    ),
)
