"""The Net Promoter Score, with its shape, its count and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import MissingTable, NothingToMeasure
from saydo.language import mark
from saydo.measures._answers import answers_to, group_answers
from saydo.measures._clusters import has_accounts, run_groups, sum_clusters
from saydo.measures._margin import margin_before
from saydo.measures._measure import Figures, Measure, Note, add_columns, column
from saydo.stats.arrays import Array, divide
from saydo.stats.intervals import nps_interval, nps_interval_effective
from saydo.stats.ratios import ClusterSums, effective_answers, estimate_ratio

_OTHER_SCALE = mark("Answers on another scale than 0 to 10: {count}. They answer another question and are left out.")
_ONLY_OTHERS = mark(
    "all answers are on another scale than 0 to 10, which is another question (1 to 10 has no 0, and nobody can say "
    "what its answers would have been); they are never recalculated"
)
_SCORES = tuple(f"score_{score}" for score in range(11))
VALUE_DAYS = 365
_WEIGHT_COLUMNS = {"value": ("feedback_id", "customer_id", "said_at"), "reach": ("reach",)}
_WEIGHTLESS = mark(
    "Answers that weigh nothing, because their customer left no known margin in the year before: {share}."
)
BANDS = {"detractors": (0, 6), "passives": (7, 8), "promoters": (9, 10)}


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    each: Literal["person", "answer"] = "person",
    weight: Literal["none", "value", "reach", "account"] = "none",
    occasion: Literal["relational", "event"] | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """Share of promoters (9-10) minus share of detractors (0-6), in points from -100 to 100.

    NPS = 100 (p - d), p and d the shares of promoters and detractors. ``each=person`` counts the last answer of each
    person in each group (of several in the same second the lowest), ``each=answer`` all of them. ``weight`` lets an
    answer count by ``value`` (margin of the customer's 365 days before the answer; a loss, or one whose costs are not
    known, counts as 0), ``reach`` (people who see it, at least 1), or ``account`` (every account the same, whatever
    the number of answers in it). Relational answers and answers after an event stand in separate rows (``occasion``),
    never in one figure.

    Reads:   feedback (question nps, scale 0 to 10; score, said_at, customer_id: null is a person of its own, occasion:
             null is a group of its own); customers.account_id where there is one; orders and what they cost for
             ``weight=value``.
    Returns: the splits; occasion; answers, promoters, passives, detractors (counts); promoter_share, passive_share,
             detractor_share (0 to 1, weighted if a weight is asked for); nps, nps_low, nps_high (points; 95 %);
             clusters (how many people or accounts of equal weight would tell as much: the interval has one degree of
             freedom less); score_0 ... score_10 (counts). nps is null when the weights of a group add up to nothing.
    Interval: 95 %; below 30 answers the iterative score interval, from 30 on the adjusted Wald interval, because plain
             Wald holds the truth 40 to 94 % of the time with 5 to 30 answers and has no width at all in unanimous
             groups; with weights, accounts or several answers of a person, adjusted Wald on the effective number of
             answers with the clusters' degrees of freedom.
    Cautions: it tells recommendation, not satisfaction; 70/0/30 and 40/60/0 both give +40, so read the shares; those
             who did not answer are not in it (see `response`).
    Source:  Reichheld 2003 (the score); Rocks 2016, arXiv 1601.07235 (intervals); Tango 1998 (iterative score).
    """
    rows = answers_to(facts, ["nps"], since, until)
    rows = rows if occasion is None else rows.filter(rows.occasion == occasion)
    rows, notes = on_own_scale(facts, rows)
    if notes and not len(facts.run(rows.select("feedback_id").limit(1))):
        raise NothingToMeasure(measure="nps", reason=_ONLY_OTHERS)
    split = group_answers(facts, "nps", rows, by, each=each, keep=_WEIGHT_COLUMNS.get(weight, ()))
    weighted = _add_weight(facts, split.rows, split.names, weight)
    counts = _count(facts, weighted, split.names, weight != "none")
    notes += _note_weightless(counts)
    if weight == "none" and each == "person" and not has_accounts(facts):
        interval = nps_interval(column(counts, "promoters"), column(counts, "passives"), column(counts, "detractors"))
        clusters = column(counts, "answers")
    else:
        score = (weighted.weight * classify(weighted.score), weighted.weight)
        sums = sum_clusters(facts, weighted, split.names, score=score)["score"]
        interval, clusters = _clustered_interval(counts, sums), sums.effective_clusters
    return Figures(_figures(counts, interval, clusters), split.names, split.overlaps, notes)


def on_own_scale(facts: Facts, rows: ir.Table) -> tuple[ir.Table, tuple[Note, ...]]:
    """Answers on the score's own scale, 0 to 10 or not said, and a note of how many lie on another."""
    is_own = (rows.scale_min.isnull() | (rows.scale_min == 0)) & (rows.scale_max.isnull() | (rows.scale_max == 10))
    others = rows.filter(~is_own)
    count = facts.run(others.count().name("count").as_table())["count"][0].as_py()
    return rows.filter(is_own), (Note(_OTHER_SCALE, {"count": count}),) if count else ()


def classify(score: ir.Value) -> ir.IntegerValue:
    """1 for a promoter, 0 for a passive, -1 for a detractor."""
    return ibis.cases((score >= 9, 1), (score <= 6, -1), else_=0)


def _add_weight(facts: Facts, rows: ir.Table, names: Sequence[str], weight: str) -> ir.Table:
    if weight == "value":
        return _add_value(facts, rows)
    if weight == "reach":
        return rows.mutate(weight=ibis.greatest(rows.reach.coalesce(1.0), 1.0))
    if weight == "account":
        answers = rows.count().over(ibis.window(group_by=[*names, "cluster"]))
        return rows.mutate(weight=1.0 / answers.cast("float64"))
    return rows.mutate(weight=ibis.literal(1.0))


def _add_value(facts: Facts, rows: ir.Table) -> ir.Table:
    if not facts.has("order_lines"):
        raise MissingTable(measure="nps", table="order_lines")
    values = margin_before(facts, rows, "feedback_id", "said_at", VALUE_DAYS)
    joined = rows.left_join(values, [("feedback_id", "_key")])
    return joined.select(rows, weight=ibis.greatest(values.margin.coalesce(0.0), 0.0))


def _count(facts: Facts, rows: ir.Table, names: Sequence[str], is_weighted: bool) -> pa.Table:
    within = {band: rows.score.between(low, high) for band, (low, high) in BANDS.items()}

    def weigh(where: ir.BooleanValue | None = None) -> ir.Value:  # counting is faster than adding up ones
        return rows.weight.sum(where=where).coalesce(0.0) if is_weighted else rows.count(where=where).cast("float64")

    return run_groups(
        facts,
        rows,
        names,
        answers=rows.count(),
        **{band: rows.count(where=is_in) for band, is_in in within.items()},
        **{f"score_{score}": rows.count(where=rows.score == score) for score in range(11)},
        weights=weigh(),
        weightless=rows.count(where=rows.weight == 0) if is_weighted else ibis.literal(0),
        **{f"{band}_weight": weigh(is_in) for band, is_in in within.items()},
    )


def _figures(counts: pa.Table, interval: tuple[Any, Any], clusters: Array) -> pa.Table:
    """The counts with shares, score and interval, in the order in which people read them."""
    weights = np.where(column(counts, "weights") > 0, column(counts, "weights"), np.nan)
    shares = {band: column(counts, f"{band}_weight") / weights for band in BANDS}
    low, high = interval
    score = 100 * (column(counts, "promoters_weight") - column(counts, "detractors_weight")) / weights
    rows = counts.drop_columns(["weights", "weightless", *(f"{band}_weight" for band in BANDS), *_SCORES])
    rows = add_columns(rows, {f"{band[:-1]}_share": share for band, share in shares.items()})
    rows = add_columns(rows, {"nps": score, "nps_low": low, "nps_high": high, "clusters": clusters})
    return add_columns(rows, {name: counts[name] for name in _SCORES})


def _clustered_interval(counts: pa.Table, sums: ClusterSums) -> tuple[Any, Any]:
    """The interval on the effective number of answers; both hold the same groups in the same order."""
    mean = estimate_ratio(sums)
    up, down = (divide(column(counts, f"{band}_weight"), sums.m) for band in ("promoters", "detractors"))
    variance = up + down - mean.value**2
    effective = effective_answers(mean.se, variance, column(counts, "answers"), sums.effective_clusters)
    return nps_interval_effective(up, down, effective, mean.df)


def _note_weightless(counts: pa.Table) -> tuple[Note, ...]:
    answers, weightless = (float(column(counts, name).sum()) for name in ("answers", "weightless"))
    return (Note(_WEIGHTLESS, {"share": weightless / answers}),) if weightless else ()


nps = Measure(
    name="nps",
    title=mark("Net Promoter Score"),
    question=mark("Would they recommend us, and how sure is that?"),
    compute=compute,
    base="feedback",
    reads=("feedback",),
    uses=("customers", "orders", "order_lines", "products", "returns"),
    unit="points",
    headline="nps",
    count="answers",
    low="nps_low",
    high="nps_high",
    good="high",
    said=True,
    chart="shares",
    sentence=mark("The Net Promoter Score is {nps} (95 %: {nps_low} to {nps_high}; {answers} answers)."),
    definition=mark(
        "Share of those who gave 9 or 10 when asked whether they would recommend us, minus the share of those who gave "
        "0 to 6; from -100 to +100."
    ),
    cautions=(
        mark("It tells whether people would recommend, not whether they are satisfied or stay."),
        mark("The same score can hide very different shapes: read the three shares, not the number alone."),
        mark("Those who did not answer are not in it."),
    ),
)
