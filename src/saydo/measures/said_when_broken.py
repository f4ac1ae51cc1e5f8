"""Said when broken: what customers say of an order whose promise was broken, against one whose promise was kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saydo.company import Facts
from saydo.language import mark
from saydo.measures._answers import answers_to
from saydo.measures._clusters import add_cluster, named, sum_groups
from saydo.measures._commitments import promises_known_at_answers
from saydo.measures._measure import Figures, Measure, add_columns, column
from saydo.measures._split import split_rows
from saydo.stats.arrays import Array, divide
from saydo.stats.changes import compare_means
from saydo.stats.estimates import Sums
from saydo.stats.intervals import mean_score_interval
from saydo.stats.ratios import ClusterSums, effective_answers, estimate_ratio

QUESTIONS = ("nps", "csat", "ces", "stars")
_APART = ("promise", "question", "item", "scale_min", "scale_max")
_SIDES = ("kept", "broken")
_UNIT = (0.0, 1.0)


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    question: Literal["nps", "csat", "ces", "stars"] | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """Mean score of answers about orders whose promise was broken, minus that where it was kept.

    An answer that names an order counts once for each kind of promise given with that order: on the broken side if any
    of them was broken, else on the kept side. It counts only if it was given when that was decided (the parcel had
    come, or the day had passed): who answers before cannot know. Promises, questions, what they are about and their
    scales stand in separate rows. Every answer counts, not only the last of each person, because each is about its own
    order. ``question`` keeps one question alone.

    Reads:   feedback (question, score, scale_min, scale_max, order_id: null is left out; said_at); commitments
             (order_id: null is left out); orders; customers.account_id where there is one.
    Returns: the splits; promise; question; item; scale_min, scale_max; kept_answers, broken_answers (counts);
             fewer_answers (the smaller of both); kept_mean, kept_mean_low, kept_mean_high, broken_mean,
             broken_mean_low, broken_mean_high (unit of the scale); difference = broken_mean - kept_mean with
             difference_low, difference_high (ends are null where the scale is unknown). Only where there are answers on
             both sides.
    Interval: 95 %. Means and difference as in `satisfaction`, on the effective number of answers where a customer or
             account gives several; both sides are taken as independent, which is a little too wide where one customer
             is on both.
    Cautions: an association, not an effect: what makes parcels late (distance, large orders, a bad week) may please
             less by itself, and who was let down may answer more, or less.
    Source:  A. Agresti and B. Caffo, The American Statistician 54 (2000) 280-288, carried over to scores.
    """
    asked = [question] if question else QUESTIONS
    rows = promises_known_at_answers(facts, answers_to(facts, asked, since, until))
    split = split_rows(facts, "said_when_broken", "feedback", rows, by)
    names = (*split.names, *(name for name in _APART if name not in split.names))
    rows = add_cluster(facts, split.rows, "customer_id", "order_id")
    totals: dict[str, ir.Value] = {}
    ratios = {}
    for side, is_in in (("kept", ~rows.is_broken), ("broken", rows.is_broken)):
        one = is_in.ifelse(1, 0)
        totals |= {f"{side}_answers": one, f"{side}_squares": is_in.ifelse(rows.score * rows.score, 0.0)}
        ratios[side] = (is_in.ifelse(rows.score, 0.0), one)
    counts, clusters = sum_groups(facts, rows, names, totals, **ratios)
    return Figures(_figures(counts, clusters), names, split.overlaps)


def _figures(counts: pa.Table, clusters: dict[str, ClusterSums]) -> pa.Table:
    low, high = column(counts, "scale_min"), column(counts, "scale_max")
    steps = high - low
    n = {side: column(counts, f"{side}_answers") for side in _SIDES}
    means = {side: divide(clusters[side].c, clusters[side].m) for side in _SIDES}
    shares, freedom = {}, {}
    for side in _SIDES:
        squares = column(counts, f"{side}_squares")
        shares[side], freedom[side] = _on_unit_scale(clusters[side], n[side], squares, low, steps)
    figures = {"fewer_answers": np.minimum(*n.values()).astype(np.int64)}
    for side in _SIDES:
        ends = mean_score_interval(shares[side], _UNIT, df=freedom[side])
        figures |= named(f"{side}_mean", (means[side], low + steps * ends[0], low + steps * ends[1]))
    change = compare_means(shares["kept"], shares["broken"], _UNIT, df=np.minimum(*freedom.values()))
    figures |= named("difference", (means["broken"] - means["kept"], steps * change.low, steps * change.high))
    rows = add_columns(counts.drop_columns([f"{side}_squares" for side in _SIDES]), figures)
    return rows.filter(pc.field("fewer_answers") > 0)


def _on_unit_scale(clusters: ClusterSums, n: Array, squares: Array, low: Array, steps: Array) -> tuple[Sums, Array]:
    """The answers of one side as sums on a scale from 0 to 1, with their degrees of freedom."""
    mean = estimate_ratio(clusters)
    variance = np.maximum(divide(squares, n) - mean.value**2, 0)
    is_single = np.isclose(clusters.mm, n)
    effective = effective_answers(mean.se, variance, n, clusters.effective_clusters)
    sums = Sums.of_mean(np.where(is_single, n, effective), (mean.value - low) / steps, variance / steps**2)
    return sums, np.where(is_single | np.isnan(mean.df), np.inf, mean.df)


said_when_broken = Measure(
    name="said_when_broken",
    title=mark("Scores after broken promises"),
    question=mark("How much worse do customers judge an order whose promise we broke?"),
    compute=compute,
    base="feedback",
    reads=("feedback", "commitments"),
    uses=("orders", "customers"),
    unit="score",
    headline="difference",
    count="fewer_answers",
    low="difference_low",
    high="difference_high",
    good="high",
    said=True,
    chart="level",
    sentence=mark(
        "Where the promise was broken the mean is {broken_mean}, where it was kept {kept_mean}: a difference of "
        "{difference} (95 %: {difference_low} to {difference_high}; {broken_answers} and {kept_answers} answers)."
    ),
    definition=mark(
        "Mean score of the answers about orders whose promise was broken, minus that of the answers about orders whose "
        "promise was kept; only answers given when that was known."
    ),
    cautions=(
        mark("It is an association, not an effect: what makes an order late may please less by itself."),
        mark("Who was let down may answer more often, or less often, than the others."),
    ),
)
