"""Drivers: what the score goes with, of what was rated beside it, of promises kept or broken, and of touchpoints."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import NothingToMeasure
from saydo.language import mark
from saydo.measures._answers import answers_to
from saydo.measures._clusters import add_cluster
from saydo.measures._driver_figures import ORDERS, PATTERNS, PER_DRIVER, SEED, measure_group
from saydo.measures._drivers import LEAST, Driver, Products, find_drivers, lay_beside, sum_products
from saydo.measures._measure import Figures, Measure
from saydo.measures._split import split_rows
from saydo.result import Note
from saydo.stats.arrays import Array
from saydo.stats.importance import MOST_EXACT

_LEFT_OUT = mark(
    "Drivers left out, because fewer than {least} answers know them or because there are too many: {count}."
)
_SAMPLED = mark(
    "With {drivers} drivers, importance is taken from {orders} orders drawn with seed {seed}; that leaves an error of"
    " at most {error_share}."
)
_TOO_FEW = mark("Groups with fewer than {least} answers for each driver, which say nothing: {count}.")

_NO_DRIVERS = mark("fewer than two things are known that could drive the score")
_NO_ANSWERS = mark("nobody answered the question")


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    question: Literal["nps", "csat", "ces", "stars"] = "nps",
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """How much of what is explained of the score goes with each driver, and how: importance, penalty and reward.

    Answers to ``question`` (those about nothing in particular: ``item`` is null) are laid beside all that was rated in
    the same reply, the promises given with the same order that had been decided by then, and the touchpoint. One
    regression explains the score by all of them: an item by its score (one that was not rated counts as the mean), a
    promise by broken (1) or not (0), a touchpoint by met there (1) or not (0). *Importance* is the part of R^2 of each,
    averaged over all orders in which they can enter (LMG, the Shapley value), over the whole of R^2. A second
    regression takes each item by the steps below and above the middle of its scale: *penalty* is what a step below
    goes with, *reward* what a step above does. An item is ``basic`` where penalty exceeds reward by more than chance
    (missed when bad, not noticed when good), ``attractive`` where reward exceeds penalty, else ``performance``. Only
    the ten items, six promises and eight touchpoints that most answers know, and that 20 answers know.

    Reads:   feedback (question, score, scale_min, scale_max: null is left out; reply_id: null has nothing beside it;
             order_id, touchpoint: null is no promise, no touchpoint; said_at; customer_id: null is a person of its
             own); commitments and orders where there are; customers.account_id where there is one.
    Returns: the splits; occasion; driver_kind (what was asked of an item, else promise or touchpoint); driver; answers
             (count that know the driver); importance_share, importance_low, importance_high (0 to 1, adding up to 1);
             weight_share (the same by Johnson's relative weights); correlation with the score (-1 to 1; of a promise
             with breaking it); performance_share, performance_low, performance_high (0 to 1: how far up its scale the
             item stands, the share of promises kept, how far up its scale the score stands at the touchpoint); penalty,
             penalty_low, penalty_high, reward, reward_low, reward_high, contrast = penalty - reward with contrast_low,
             contrast_high (points of score per step; of a promise the penalty is that of breaking it, and there is no
             reward; null for touchpoints); pattern (basic, performance, attractive; null if not an item, or if neither
             differs from 0); explained_share, explained_low, explained_high (R^2 of all drivers together, 0 to 1). All
             figures but answers are null in groups with fewer than ten answers per driver.
    Interval: 95 %, by leaving out one of 64 lots of customers (or accounts) at a time: shares on the scale of log-odds,
             performance as a mean on its scale, the others plain. Too many drivers for every order (above 15): 2,000
             orders drawn with seed 1, the error of which is stated.
    Cautions: importance is not the effect of a change. Who is happy on the whole rates everything higher (halo), so
             that all drivers vary together and each takes a part of the others; a driver without any effect of its own
             has a share. Straight lines: a basic driver that is nearly always good looks unimportant, until it fails.
    Source:  R. Lindeman, P. Merenda and R. Gold 1980; U. Groemping, Journal of Statistical Software 17(1) (2006);
             J. Johnson, Multivariate Behavioral Research 35 (2000) 1-19; penalty and reward: D. Brandt 1987, on hinges
             instead of dummies, because dummies of unequal width make a straight line look bent.
    """
    answers, low, high = _on_one_scale(facts, answers_to(facts, [question], since, until))
    drivers, left_out = find_drivers(facts, answers, question)
    if len(drivers) < 2:
        raise NothingToMeasure(measure="drivers", reason=_NO_DRIVERS)
    split = split_rows(facts, "drivers", "feedback", lay_beside(facts, answers, drivers, question), by)
    names = (*split.names, *(name for name in ("occasion",) if name not in split.names))
    sums = sum_products(facts, add_cluster(facts, split.rows, "person"), names, drivers)
    groups = [measure_group(drivers, lots, (low, high)) for lots in sums.lots]
    notes = [Note(_LEFT_OUT, {"count": left_out, "least": LEAST})] if left_out else []
    return Figures(
        _table(sums, drivers, groups), (*names, "driver_kind", "driver"), split.overlaps, (*notes, *_tell(groups))
    )


def _on_one_scale(facts: Facts, answers: ir.Table) -> tuple[ir.Table, float, float]:
    """Answers about nothing in particular on the scale that most of them used, and its ends."""
    answers = answers.filter(answers.item.isnull() & (answers.scale_min < answers.scale_max))
    used = facts.run(answers.group_by(["scale_min", "scale_max"]).aggregate(count=answers.count())).to_pylist()
    if not used:
        raise NothingToMeasure(measure="drivers", reason=_NO_ANSWERS)
    ends = max(used, key=lambda row: (row["count"], -row["scale_max"], row["scale_min"]))
    low, high = float(ends["scale_min"]), float(ends["scale_max"])
    return answers.filter((answers.scale_min == low) & (answers.scale_max == high)), low, high


def _tell(groups: Sequence[dict[str, Array]]) -> list[Note]:
    drivers = len(groups[0]["answers"]) if groups else 0
    empty = sum(bool(group["answers"].any() and np.isnan(group["explained_share"]).all()) for group in groups)
    errors = [float(np.nanmax(group["error"])) for group in groups if not np.isnan(group["error"]).all()]
    notes = [Note(_TOO_FEW, {"count": empty, "least": PER_DRIVER})] if empty else []
    if drivers > MOST_EXACT and errors:
        values = {"drivers": drivers, "orders": ORDERS, "seed": SEED, "error_share": max(errors)}
        notes.append(Note(_SAMPLED, values))
    return notes


def _table(sums: Products, drivers: Sequence[Driver], groups: Sequence[dict[str, Array]]) -> pa.Table:
    """A row per group and driver that anybody in it knows."""
    count = len(drivers)
    which = np.repeat(np.arange(len(groups)), count)
    rows = sums.keys.take(pa.array(which))
    columns: dict[str, Any] = {
        "driver_kind": [driver.kind for driver in drivers] * len(groups),
        "driver": [driver.name for driver in drivers] * len(groups),
    }
    figures = {name: np.concatenate([group[name] for group in groups]) for name in groups[0] if name != "error"}
    pattern = [None if np.isnan(code) else PATTERNS[int(code)] for code in figures.pop("pattern")]
    explained_share = {name: figures.pop(name) for name in list(figures) if name.startswith("explained")}
    answers = np.rint(figures.pop("answers")).astype(np.int64)
    columns |= {"answers": answers, **figures, "pattern": pa.array(pattern, pa.string()), **explained_share}
    for name, values in columns.items():
        rows = rows.append_column(name, values if isinstance(values, pa.Array) else pa.array(values, from_pandas=True))
    return rows.filter(pa.array(answers > 0))


drivers = Measure(
    name="drivers",
    title=mark("What drives the score"),
    question=mark("Which touchpoints, promises and items does the score go with most?"),
    compute=compute,
    base="feedback",
    reads=("feedback",),
    uses=("commitments", "orders", "customers"),
    unit="share",
    headline="importance_share",
    count="answers",
    low="importance_low",
    high="importance_high",
    good="neither",
    said=True,
    chart="level",
    sentence=mark(
        "{importance_share} of what is explained of the score goes with {driver} (95 %: {importance_low} to "
        "{importance_high}; {answers} answers)."
    ),
    definition=mark(
        "How the explained part of the score is shared among what was rated beside it, the promises kept or broken, "
        "and the touchpoints: the mean gain of each over all orders in which they can be taken into account. It is not "
        "the effect of a change: who is happy on the whole rates everything higher (halo)."
    ),
    cautions=(
        mark("Importance is not the effect of a change: it says what goes together, not what brings what about."),
        mark("Who is happy on the whole rates everything higher (halo): each driver takes a part of the others."),
        mark("What is nearly always good looks unimportant until it fails: read the penalty beside it."),
        mark("Those who did not answer are not in it."),
    ),
    bound=mark("64 sets of cross-products per group"),
)
