"""Promise cost: what broken promises cost in a quarter, so that the dearest is mended first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saydo.company import Facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.language import mark
from saydo.measures._clusters import share_interval, sum_groups
from saydo.measures._effects import Found, estimate_effects, judge
from saydo.measures._measure import Figures, Measure, Note, column, in_period
from saydo.measures._promised import add_deeds, add_placebos, find_promised, plan_outcomes, prepare
from saydo.measures._sample import take_some
from saydo.measures._split import cut_time, split_rows
from saydo.stats.arrays import Array
from saydo.stats.chains import SEED, draw_counts, draw_means, draw_shares, find_ends, share_of_whole
from saydo.stats.effects import e_value, e_value_limit, standardised_ratio
from saydo.stats.estimates import Estimate
from saydo.stats.ratios import ClusterSums, effective_answers, estimate_ratio

_NO_COST = mark("no promise fell due long enough ago, or no cost of goods is known, so no margin can be told")
_NO_QUARTER = mark("no promise fell due in a full quarter before the date of the report")
_PARTS = mark(
    "Counted over {count} full quarters, from {start} to {end}; effects over all promises whose horizon is over."
)
_GAINS = mark(
    "Broken promises that seem to bring money instead of costing it: {count}. Chance, or something that was not "
    "adjusted for; they are shown as they are, and are not in the shares."
)
_UNKNOWN = mark("Promises of which no cost can be told, with fewer than 10 outcomes on a side: {count}.")
_COLUMNS = {
    "rank": pa.int64(),
    "judged_per_quarter": pa.float64(),
    **dict.fromkeys(("kept_rate", "kept_low", "kept_high", "broken_per_quarter"), pa.float64()),
    "broken": pa.int64(),
    **dict.fromkeys(("cost_per_broken", "cost_per_broken_low", "cost_per_broken_high"), pa.float64()),
    **dict.fromkeys(("p", "margin_lost", "cost_paid"), pa.float64()),
    **dict.fromkeys(("cost_per_quarter", "cost_per_quarter_low", "cost_per_quarter_high"), pa.float64()),
    **dict.fromkeys(("half_cost", "half_cost_low", "half_cost_high", "cost_share"), pa.float64()),
    **dict.fromkeys(("placebo", "placebo_p", "e_value", "e_value_limit"), pa.float64()),
    **dict.fromkeys(("effective_broken", "effective_kept", "trimmed_share"), pa.float64()),
}


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    horizon: int = 180,
    adjust: str = "",
    quarters: int = 4,
) -> Figures:
    """Promises a quarter x share broken x what breaking one costs, in money of the company.

    The links: how many promises fall due in a quarter (the last ``quarters`` full ones); the share of them that is
    broken; and the margin that a broken one loses, compared with a kept one that is like it (`promise_effect`, the
    effect on those that were broken). That margin is everything the customer moves in ``horizon`` days after the
    promise was due: later orders, and what its own order still costs (refunds, contacts, cases). Promises are ranked by
    what they cost: mending half of the first brings ``half_cost`` a quarter, whatever the mending costs.

    Reads:   commitments (withdrawn, open and without a customer: left out); orders, order_lines, products (costs);
             returns, payments, contacts, cases where there are; customers, and what the covariates need (``adjust`` as
             in `promise_effect`).
    Returns: the splits; rank (1 costs most; null: not known); promise; judged_per_quarter; kept_rate, kept_low,
             kept_high (0 to 1, of these quarters); broken_per_quarter; broken (those that the effect rests on, count);
             cost_per_broken, cost_per_broken_low, cost_per_broken_high, p (of no cost: one test of as many as there
             are promises); of which margin_lost (later orders, and all
             that names no order) and cost_paid (the promise's own order); cost_per_quarter, cost_per_quarter_low,
             cost_per_quarter_high; half_cost, half_cost_low, half_cost_high (of mending half, a quarter); cost_share
             (0 to 1, of all that are known to cost); placebo (cost of one "before it was made"), placebo_p; e_value,
             e_value_limit; effective_broken, effective_kept (how many unweighted promises would be as certain),
             trimmed_share (left out, for nothing is comparable to them), as in `promise_effect`. Money of the company;
             below 0 it brought money; null where a side has fewer than 10 outcomes.
    Interval: 95 %, by Monte Carlo through the chain: 20,000 draws of the count (gamma, as uneven as the quarters were),
             the share (beta, on the effective number of promises) and the cost of one (Student), taken as independent.
             The seed is fixed, so that the same facts give the same figures.
             Of a company with 200,000 customers or more, 50,000 drawn at random (whole accounts) stand for
             all in what breaking one costs.
    Cautions: as true as the effect it rests on: no unmeasured confounding; read placebo and E-value beside it. A rank
             is that of the estimates: where intervals overlap, the order is open. What is lost after the horizon,
             through what customers tell others, and with promises to customers who are not known is not in it. Costs of
             several promises of one order overlap and do not simply add up.
    Source:  the chain from experience to margin of R. Rust, A. Zahorik and T. Keiningham, Journal of Marketing 59
             (1995) 58-70, with the effect of `promise_effect` as its link.
    """
    for name, value in (("horizon", horizon), ("quarters", quarters)):
        if value < 1:
            raise BadSetting(name=name, value=value, choices="1, 2, 3 ...")
    some, sampled = take_some(facts)
    ready = prepare(some, "promise_cost", by, find_promised(some), adjust, horizon)
    starts = _full_quarters(some, ready.promised, quarters)
    rows, whole = add_deeds(some, ready.rows, ready.promised, horizon, {"margin_after": "all"}, with_own=True)
    rows, later = add_deeds(some, rows, ready.promised, horizon, {"margin_after": "later"})
    rows = some.hold(add_placebos(some, rows, ready.promised, horizon, {"margin_after": "all"}))
    outcomes = {**plan_outcomes(whole, ready), later[0].column: list(ready.columns.values())}
    groups, found = estimate_effects(some, rows, ready.names, ready.levels, outcomes)
    costs, others, before = (found[name] for name in (whole[0].column, later[0].column, whole[0].placebo))
    if all(cell.on_hit is None for cell in costs):
        raise NothingToMeasure(measure="promise_cost", reason=_NO_COST)
    counts, shares = _count(facts, by, ready.promised, ready.names, groups, starts)
    table = _table(groups, _chain(counts, shares, costs), costs, others, before)
    notes = [*sampled, *ready.notes, Note(_PARTS, {"count": len(starts) - 1, "start": starts[0], "end": starts[-1]})]
    splits = ready.names[:-1] if "promise" not in by else ready.names
    return Figures(table, (*splits, "rank", "promise"), ready.overlaps, (*notes, *_note_trouble(table)))


def _full_quarters(facts: Facts, promised: ir.Table, quarters: int) -> list[date]:
    """First days of the last full quarters before ``as_of`` since promises fell due, and the first day after them."""
    first_at = facts.run(promised.aggregate(first=promised["at"].min()))["first"][0].as_py()
    day = facts.local_day(facts.as_of)
    end = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    starts = [end]
    while len(starts) <= quarters and _quarter_before(starts[0]) >= facts.local_day(first_at):
        starts.insert(0, _quarter_before(starts[0]))
    if len(starts) == 1:
        starts.insert(0, _quarter_before(end))  # a young company: what there is of its only quarter
    return starts


def _quarter_before(start: date) -> date:
    last = start - timedelta(days=1)
    return date(last.year, 3 * ((last.month - 1) // 3) + 1, 1)


def _count(
    facts: Facts, by: Sequence[str], promised: ir.Table, names: Sequence[str], groups: pa.Table, starts: Sequence[date]
) -> tuple[Array, ClusterSums]:
    """Promises judged in each quarter (columns) of each group (rows), and their sums of kept ones by cluster."""
    rows = in_period(facts, promised, "at", starts[0], starts[-1])
    split = split_rows(facts, "promise_cost", "commitments", rows, by, at="at")
    rows = split.rows.mutate(_quarter=cut_time(facts, split.rows["at"], "quarter"))
    one = (~rows.is_hit).ifelse(1, 0)
    kinds: dict[str, ir.Value] = {
        f"quarter_{number}": (rows["_quarter"] == start).ifelse(1, 0) for number, start in enumerate(starts[:-1])
    }
    found, sums = sum_groups(facts, rows, names, kinds, kept=(one, one * 0 + 1))
    if not len(found):
        raise NothingToMeasure(measure="promise_cost", reason=_NO_QUARTER)
    places = {tuple(row[name] for name in names): place for place, row in enumerate(found.to_pylist())}
    order = [places.get(tuple(row[name] for name in names), -1) for row in groups.to_pylist()]
    counts = np.column_stack([column(found, kind) for kind in kinds])
    known = np.array(order) >= 0

    def align(values: Array) -> Array:
        aligned = np.where(known.reshape(-1, *[1] * (values.ndim - 1)), values[order], 0.0)
        return np.asarray(aligned, dtype=np.float64)

    kept = sums["kept"]
    parts = (kept.clusters, kept.c, kept.m, kept.cc, kept.cm, kept.mm)
    return align(counts), ClusterSums(*(align(part) for part in parts))


def _chain(counts: Array, kept: ClusterSums, costs: Sequence[Found]) -> dict[str, Array]:
    """The links and their product, an element per group; costs are positive where money is lost."""
    lost = [cell.on_hit or _UNKNOWN_ESTIMATE for cell in costs]
    value, se, df = (np.array([float(getattr(one, part)) for one in lost]) for part in ("value", "se", "df"))
    each = Estimate(-value, se, df)
    share, low, high = share_interval(kept)
    ratio = estimate_ratio(kept)
    effective = effective_answers(ratio.se, share * (1 - share), kept.m, kept.effective_clusters)
    effective = np.where(np.isnan(effective), np.minimum(kept.m, 1), effective)
    chance = np.random.default_rng(SEED)
    broken = draw_shares(1 - np.nan_to_num(share, nan=0.5), effective, chance)
    draws = draw_counts(counts, chance) * broken * draw_means(each, chance)
    ends, (each_low, each_high) = find_ends(draws), each.interval()
    per_quarter = counts.mean(axis=1)
    cost = per_quarter * np.nan_to_num(1 - share) * each.value
    return {
        "judged_per_quarter": per_quarter,
        "kept_rate": share,
        "kept_low": low,
        "kept_high": high,
        "broken_per_quarter": per_quarter * np.nan_to_num(1 - share),
        "cost_per_broken": each.value,
        "cost_per_broken_low": each_low,
        "cost_per_broken_high": each_high,
        "cost_per_quarter": cost,
        "cost_per_quarter_low": ends[0],
        "cost_per_quarter_high": ends[1],
        "half_cost": cost / 2,
        "half_cost_low": ends[0] / 2,
        "half_cost_high": ends[1] / 2,
        "cost_share": share_of_whole(cost),
    }


_UNKNOWN_ESTIMATE = Estimate(*(np.asarray(np.nan) for _ in range(3)))


def _table(
    groups: pa.Table,
    chain: dict[str, Array],
    costs: Sequence[Found],
    others: Sequence[Found],
    before: Sequence[Found],
) -> pa.Table:
    cost = chain["cost_per_quarter"]
    order = np.argsort(-cost, kind="stable")  # what is not known comes last
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    rows = []
    for place, group in enumerate(groups.to_pylist()):
        cell, later, past = costs[place], others[place], before[place]
        figures: dict[str, Any] = {name: values[place] for name, values in chain.items()}
        margin = -float(later.on_hit.value) if later.on_hit else np.nan
        figures |= {"margin_lost": margin, "cost_paid": figures["cost_per_broken"] - margin}
        figures |= _trust(cell, past)
        plain = {name: float(value) if np.isfinite(value) else None for name, value in figures.items()}
        is_ranked = np.isfinite(cost[place])
        rows.append({**group, **plain, "rank": int(rank[place]) if is_ranked else None, "broken": int(cell.n[1])})
    kinds = [*groups.schema, *(pa.field(name, kind) for name, kind in _COLUMNS.items())]
    return pa.Table.from_pylist(rows, schema=pa.schema(kinds))


def _trust(cell: Found, past: Found) -> dict[str, float]:
    """p, the placebo as if it were a cost, the E-value of the effect on those that were broken, and the overlap."""
    value, low, high, p = judge(cell.on_hit)
    before = judge(past.on_hit)
    ratios = standardised_ratio([value, low, high], cell.spread)
    limits = np.sort(ratios[1:])
    figures = {"p": p, "placebo": -before[0], "placebo_p": before[3]}
    if cell.fitted is not None:
        spared, hit = cell.fitted.effective
        figures |= {"effective_broken": hit, "effective_kept": spared, "trimmed_share": cell.fitted.trimmed_share}
    return figures | {"e_value": float(e_value(ratios[0])), "e_value_limit": float(e_value_limit(*limits))}


def _note_trouble(table: pa.Table) -> list[Note]:
    gains = pc.sum(pc.less(table["cost_per_quarter"], 0)).as_py() or 0
    unknown = table["cost_per_broken"].null_count
    notes = [Note(_GAINS, {"count": gains})] if gains else []
    return notes + ([Note(_UNKNOWN, {"count": unknown})] if unknown else [])


promise_cost = Measure(
    name="promise_cost",
    title=mark("What broken promises cost"),
    question=mark("What do broken promises cost us in a quarter, and which should we mend first?"),
    compute=compute,
    base="commitments",
    at="due_at",
    reads=("commitments", "orders", "order_lines"),
    uses=("products", "returns", "payments", "contacts", "cases", "customers"),
    unit="money",
    headline="cost_per_quarter",
    count="broken",
    low="cost_per_quarter_low",
    high="cost_per_quarter_high",
    good="low",
    chart="bars",
    sentence=mark(
        "Breaking {promise} costs {cost_per_quarter} a quarter (95 %: {cost_per_quarter_low} to "
        "{cost_per_quarter_high}): {broken_per_quarter} are broken, each costs {cost_per_broken}; mending half would "
        "bring {half_cost} (placebo p {placebo_p}, E-value {e_value})."
    ),
    definition=mark(
        "Promises that fall due in a quarter, times the share of them that is broken, times the margin that a broken "
        "one loses, compared with a kept one like it. It is a cost of breaking only if nothing else both makes "
        "promises break and lowers the margin."
    ),
    cautions=(
        mark("An estimate that assumes no unmeasured confounding: never read it without its placebo and its E-value."),
        mark("Where the intervals of two promises overlap, which of them costs more is open."),
        mark("What is lost after the horizon, or through what customers tell others, is not in it."),
        mark("One order can carry several promises: their costs overlap and do not simply add up."),
    ),
    bound=mark("one row per promise; to fit models, 50,000 promises at most"),
)
