"""Why things come back: the reasons given with returns, and how sure their shares are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from saydo.company import Facts
from saydo.language import mark
from saydo.measures._clusters import add_cluster, named, share_interval
from saydo.measures._measure import Figures, Measure, Note, add_columns, column, in_period
from saydo.measures._money import convert_money
from saydo.measures._split import split_rows
from saydo.stats.ratios import ClusterSums

_SILENT = mark("Returns without a reason: {count} of {all}. The shares are those of the others.")


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """Returns with a reason over all returns that say one, for each reason in each group.

    Reads:   returns (reason null: not in the shares, but told; customer_id null: the order's returns are a
             cluster); customers.account_id where there is one; exchange_rates. The period is that in which things
             came back.
    Returns: the splits; reason; returns (count); share, share_low, share_high (0 to 1, of the group's returns that
             say a reason); refund (the company's currency, without VAT; null if no refund is known).
    Interval: Wilson, 95 %, on the effective number of returns: those of one customer have reasons in common.
    Cautions: a reason is what people tick, often the first or the one that costs them nothing; it is no cause.
    Source:  Wilson 1927; Korn and Graubard 1998 (effective number).
    """
    rows = in_period(facts, facts.table("returns"), "returned_at", since, until)
    counts = rows.aggregate(all=rows.count(), count=rows.count(where=rows.reason.isnull()))
    found = facts.run(counts).to_pylist()[0]
    rows = convert_money(facts, "returns", rows.filter(rows.reason.notnull()), ["refund"])
    rows = add_cluster(facts, rows, "customer_id", "order_id", "return_id")
    split = split_rows(facts, "return_reasons", "returns", rows, by)
    within = [name for name in split.names if name != "reason"]
    groups = facts.run(_count_reasons(split.rows, within))
    names = split.names if "reason" in split.names else (*split.names, "reason")
    notes = (Note(_SILENT, found),) if found["count"] else ()
    return Figures(_figures(groups, names), names, split.overlaps, notes)


def _count_reasons(rows: ir.Table, within: list[str]) -> ir.Table:
    """Per group ``within`` and reason: its returns and refund, and the sums over clusters that its share needs.

    A cluster with m returns, c of them for the reason, adds to the group's sums of m, m^2 and 1 just what its
    reasons add together of c, c m and c / m: so the group's sums are those over its reasons.
    """
    refund = rows.refund.cast("float64")
    per = rows.aggregate(by=[*within, "reason", "cluster"], c=rows.count(), refund=refund.sum())
    per = per.mutate(
        c=per.c.cast("float64"), m=per.c.cast("float64").sum().over(ibis.window(group_by=[*within, "cluster"]))
    )
    sums = per.aggregate(
        by=[*within, "reason"],
        returns=per.c.sum(),
        refund=per.refund.sum(),
        cc=(per.c * per.c).sum(),
        cm=(per.c * per.m).sum(),
        part=(per.c / per.m).sum(),
    )
    group = ibis.window(group_by=within)
    return sums.mutate(
        m=sums.returns.sum().over(group), mm=sums.cm.sum().over(group), clusters=sums.part.sum().over(group)
    )


def _figures(groups: pa.Table, names: Sequence[str]) -> pa.Table:
    sums = ClusterSums(*(column(groups, side) for side in ("clusters", "returns", "m", "cc", "cm", "mm")))
    rows = add_columns(groups.select(list(names)), {"returns": sums.c.astype("int64")})
    rows = add_columns(rows, named("share", share_interval(sums)))
    return add_columns(rows, {"refund": groups["refund"]})


return_reasons = Measure(
    name="return_reasons",
    title=mark("Reasons of returns"),
    question=mark("Why do things come back?"),
    compute=compute,
    base="returns",
    reads=("returns",),
    uses=("orders", "products", "customers", "exchange_rates"),
    unit="share",
    headline="share",
    count="returns",
    low="share_low",
    high="share_high",
    good="neither",
    chart="bars",
    sentence=mark("{share} of the returns say: {reason} (95 %: {share_low} to {share_high}; {returns} returns)."),
    definition=mark("Share of each reason among the returns that say one."),
    cautions=(
        mark("A reason is what people tick, often the first or the one that costs them nothing: it is no cause."),
    ),
)
