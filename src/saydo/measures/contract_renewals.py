"""Renewals: of the contracts that came up for their n-th renewal, how many went on, and how many are left after it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import NothingToMeasure
from saydo.language import mark
from saydo.measures._contracts import count_renewals, run_renewals
from saydo.measures._measure import Figures, Measure, Note, add_columns
from saydo.measures._scores import number_groups
from saydo.measures._tied_contracts import Ties, find_ties
from saydo.stats.arrays import Array
from saydo.stats.intervals import wilson
from saydo.stats.survival import fit_renewals, kaplan_meier, log_rank

_DIFFER = mark("The groups lose contracts at different times, by more than chance (log-rank p {p}).")
_ALIKE = mark("That the groups lose contracts alike is not refuted (log-rank p {p}).")
_NOT_DUE = mark("no contract has come up for renewal yet")


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """Contracts that passed their n-th renewal, over those that met it, renewal after renewal.

    retention = renewed / due; survival is the product of these, the Kaplan-Meier share of contracts left after renewal
    n, which lets every contract count as long as it was seen. Beside both stands what the shifted beta-geometric model
    of `contract_value` expects: (b + n - 1) / (a + b + n - 1). Contracts of different periods stand in separate rows;
    ``since`` and ``until`` choose contracts by their first day. Groups are compared by the log-rank test, each period
    on its own (stratified): a renewal after a month is not one after a year.

    Reads:   contracts (period_months null: left out, and said; ended_on null: runs on); customers.account_id where
             there is one.
    Returns: the splits; period_months; renewal (1 is the first); due, renewed (counts); retention_rate, retention_low,
             retention_high; expected_rate (null where no renewal was lost, or none passed); survival_share,
             survival_low, survival_high (0 to 1; ends null where all are left or none).
    Interval: 95 %: retention Wilson's, survival by Greenwood on log(-log S). Where contracts of one customer or account
             go together, retention as in `promises_kept`, and the variances of survival and of the test are multiplied
             by what the sums over customers and accounts tell.
    Cautions: later renewals rest on the contracts begun early. Retention rises from renewal to renewal although nobody
             grows more loyal: those who end easily are gone.
    Source:  E. Kaplan and P. Meier 1958; P. Fader and B. Hardie 2007.
    """
    found, split, notes = run_renewals(facts, "contract_renewals", by, since, until)
    group, groups = number_groups(found, split.names)
    counts = [count_renewals(found.filter(pa.array(group == number))) for number in range(len(groups))]
    if not any(len(lost) for lost, _ in counts):
        raise NothingToMeasure(measure="contract_renewals", reason=_NOT_DUE)
    ties = find_ties(facts, split.rows, split.names, found)
    followed = [(groups.slice(number, 1), *both, ties and ties.of(number)) for number, both in enumerate(counts)]
    table = pa.concat_tables([_follow(*one) for one in followed if len(one[1])])
    return Figures(table, (*split.names, "renewal"), split.overlaps, (*notes, *_compare(groups, counts, ties)))


def _follow(group: pa.Table, lost: Array, passed: Array, ties: Ties | None) -> pa.Table:
    """A row per renewal of one group."""
    renewal, due = np.arange(1, len(lost) + 1), lost + passed
    low, high = (ties.low[: len(lost)], ties.high[: len(lost)]) if ties else wilson(passed, due)
    effects = ties.effects[: len(lost)] if ties else 1.0
    model = fit_renewals(lost, passed)
    left = passed - np.append(due[1:], 0)  # passed this renewal and were not seen at the next
    curve = kaplan_meier(renewal, lost, left, design_effect=effects) if lost.any() else None
    share, ends = np.ones(len(lost)), np.full((2, len(lost)), np.nan)
    if curve is not None:
        at = np.searchsorted(curve.time, renewal, side="right") - 1
        is_after = at >= 0
        share[is_after] = curve.share[at[is_after]]
        ends[:, is_after] = np.stack([curve.low, curve.high])[:, at[is_after]]
    figures = {
        "renewal": renewal,
        "due": due.astype(np.int64),
        "renewed": passed.astype(np.int64),
        "retention_rate": passed / due,
        "retention_low": low,
        "retention_high": high,
        "expected_rate": model.retention(renewal) if model else np.full(len(lost), np.nan),
        "survival_share": share,
        "survival_low": ends[0],
        "survival_high": ends[1],
    }
    return add_columns(group.take(np.zeros(len(lost), dtype=np.int64)), figures)


def _compare(groups: pa.Table, counts: Sequence[tuple[Array, Array]], ties: Ties | None) -> tuple[Note, ...]:
    """What the log-rank test says of the groups that were asked for; nothing of one.

    Every period has renewals of its own, so that each group is held only against others of the same period.
    """
    asked = [name for name in groups.column_names if name != "period_months"]
    (row, rows), (period, periods) = (number_groups(groups, names) for names in (asked, ["period_months"]))
    most = max(len(lost) for lost, _ in counts)
    lost, passed = np.zeros((2, len(rows) or 1, len(periods), most))
    for place, (gone, kept) in enumerate(counts):
        lost[row[place], period[place], : len(gone)] = gone
        passed[row[place], period[place], : len(kept)] = kept
    gone, due = (both.reshape(len(both), -1) for both in (lost, lost + passed))
    _, p = log_rank(due, gone, ties.design_effect if ties else 1.0)
    return () if np.isnan(p) else (Note(_DIFFER if p < 0.05 else _ALIKE, {"p": p}),)


contract_renewals = Measure(
    name="contract_renewals",
    title=mark("Renewals of contracts"),
    question=mark("Of the contracts that come up for renewal, how many go on, and how many are left?"),
    compute=compute,
    base="contracts",
    reads=("contracts",),
    uses=("products", "customers", "exchange_rates"),
    unit="share",
    headline="retention_rate",
    count="due",
    low="retention_low",
    high="retention_high",
    good="high",
    chart="rate",
    bound=mark("one row per group and number of renewals"),
    sentence=mark(
        "At renewal {renewal}, {renewed} of {due} contracts went on: {retention_rate} (95 %: {retention_low} to "
        "{retention_high}); {survival_share} of all are left after it."
    ),
    definition=mark(
        "Share of the contracts that met a renewal which passed it, and share of all contracts left after it; every "
        "contract counts as long as it was seen."
    ),
    cautions=(
        mark("Later renewals rest on the contracts that began early."),
        mark("Retention rises from one renewal to the next because those who end easily are gone."),
    ),
)
