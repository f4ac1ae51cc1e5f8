"""The value of the score: does what customers say tell anything of what they will do that their past does not?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import expit

from saydo.company import Facts
from saydo.errors import NothingToMeasure
from saydo.language import mark
from saydo.measures._clusters import add_cluster
from saydo.measures._horizons import follow, look_back
from saydo.measures._measure import Figures, Measure, Note, add_columns, column
from saydo.measures._said import Occasion, find_answers
from saydo.measures._sample import take_some
from saydo.measures._scores import number_groups, number_kinds, sum_products
from saydo.measures.say_do import TOO_LONG, require_days, split_events
from saydo.stats.arrays import Array, find_quantile
from saydo.stats.logistic import draw_curve, fit_logistic

ENCODINGS = ("score", "points", "band")
PARTS = (5, 5, 3, 3)  # of what is known of the past: purchases, days since the last, margin, days since the first
_SIDES = ("after", "before")
_ADDS = mark("In your data, the score adds to what past purchases tell of the {days} days that follow.")
_ADDS_NOT = mark("In your data, the score does not add to what past purchases tell of the {days} days that follow.")
_LOOKS_BACK = mark(
    "The score tells at least as much of the {days} days before it: it may be about what people did, not about what "
    "they will do."
)
_UNTOLD = mark(
    "Groups of which nothing can be said, because among their earlier or later answers all bought again or none did, "
    "or all gave the same score: {count}. More answers or another horizon may help."
)
_ALL_ALIKE = mark(
    "among the earlier or the later answers nobody bought again, or everybody did, or all scores are equal; "
    "more answers or another horizon would help"
)


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    horizon: int = 180,
    occasion: Occasion = "relational",
) -> Figures:
    """How much better the answer to the question nps and the past together foretell who buys again within ``horizon``
    days than the past alone.

    Both are logistic models of the same answers: the past in parts (purchases: none, one, two or three, up to seven,
    more; fifths by the days since the last; thirds by the margin of a year and by the days since the first), then the
    same with the score. They are fitted to the earlier half of the answers whose horizon is over and judged on the
    later half, which they have not seen. The score comes in three ways, in a row each: ``score`` (a line from 0 to 10),
    ``points`` (each of the eleven by itself) and ``band`` (detractors, passives, promoters). The gain is the log-loss
    that the score takes away, as a share of what the past leaves: gain = 1 - log-loss with / log-loss without. As a
    placebo the same is done with the ``horizon`` days *before* each answer, foretold from what came before these.
    ``occasion`` keeps relational answers, those after an event, or ``any``.

    Reads:   feedback (question nps on 0 to 10; customer_id null: left out); orders; order_lines (absent: the margin
             says nothing); customers.account_id where there is one.
    Returns: the splits (columns of customers); encoding; answers, later_answers (that judge) (counts); log_loss (nats
             per answer, of the past alone); gain, gain_low, gain_high (share of it; below 0 the score harms); area,
             area_gain, area_gain_low, area_gain_high (under the ROC curve, of the past alone and what the score adds);
             is_better (gain_low above 0); placebo, placebo_low, placebo_high (gain for the days before). Null where
             one half has only buyers, none, or one score.
    Interval: 95 %, of the later answers by customer (or account), the models taken as they are: gains as a ratio's,
             areas by DeLong's influences.
             Of a company with 200,000 customers or more, 50,000 drawn at random (whole accounts) stand for all.
    Cautions: it adds or it does not for foretelling; that says nothing of why. The first purchases after an answer are
             watched over the same days in both halves, so the same season need not be in both. Three rows are three
             tries: the sentence is that of ``score``, which is chosen beforehand.
    Source:  le Cessie and van Houwelingen 1992 (fit); DeLong et al. 1988 (area).
    """
    require_days("horizon", horizon)
    facts, sampled = take_some(facts)
    answers, notes = find_answers(facts, occasion)
    cases = {side: _cases(facts, answers, by, horizon, side == "before") for side in _SIDES}
    names = cases["after"].names
    judged = {side: _judge(facts, case) for side, case in cases.items()}
    after, before = judged["after"], judged["before"]
    known = np.isfinite(after.gain[0])
    if not known.size:
        raise NothingToMeasure(measure="score_value", reason=TOO_LONG)
    if not known.any():
        raise NothingToMeasure(measure="score_value", reason=_ALL_ALIKE)
    table = _table(after, before, names)
    return Figures(
        table, (*names, "encoding"), cases["after"].overlaps, (*sampled, *notes, *_tell(after, before, horizon))
    )


@dataclass(frozen=True)
class _Cases:
    """Answers with what is known of their past, what came of them (has_bought) and whether they are later ones."""

    rows: ir.Table
    names: tuple[str, ...]
    overlaps: bool


@dataclass(frozen=True)
class _Judged:
    """The figures of each encoding (first axis: value, low, high) and group."""

    groups: pa.Table
    answers: Array
    later: Array
    log_loss: Array
    area: Array
    gain: Array  # value, low, high; encoding; group
    area_gain: Array


def _cases(facts: Facts, answers: ir.Table, by: Sequence[str], horizon: int, is_before: bool) -> _Cases:
    over = answers.filter(answers["at"] + ibis.interval(days=horizon) < ibis.literal(facts.as_of))
    over = over.mutate(is_later=over["at"] > ibis.literal(_find_middle(facts, over)))
    if is_before:
        over = over.mutate(at=over["at"] - ibis.interval(days=horizon))
    split = split_events(facts, "score_value", over, by)
    rows = look_back(facts, follow(facts, split.rows, horizon, ["has_bought"]))
    rows = rows.filter(rows.has_bought.notnull() & (~ibis.literal(is_before) | (rows.orders_before > 0)))
    rows = add_cluster(facts, _add_past(rows), "customer_id")
    kept = rows.select(*split.names, "past", "score", "has_bought", "is_later", "cluster")
    return _Cases(kept, split.names, split.overlaps)


def _find_middle(facts: Facts, rows: ir.Table) -> datetime:
    """The time that parts the earlier half of the answers from the later."""
    found = facts.run(rows.aggregate(middle=rows["at"].epoch_seconds().quantile(0.5)))["middle"][0].as_py()
    return datetime(1970, 1, 1) + timedelta(seconds=int(found or 0))


def _add_past(rows: ir.Table) -> ir.Table:
    """``rows`` of `look_back` with ``past``, a number that holds the part (`PARTS`) of each of four things."""
    size = rows.count().over(ibis.window())

    def part(of: ir.Value, parts: int) -> ir.IntegerValue:
        return (parts * ibis.rank().over(ibis.window(order_by=of))) // size

    orders = rows.orders_before.coalesce(0)
    bought = ibis.cases((orders <= 1, orders), (orders <= 3, 2), (orders <= 7, 3), else_=4)
    since, first = (rows[name].coalesce(1e6).floor() for name in ("days_since_last_order", "tenure_days"))
    margin = rows.margin_before.coalesce(0.0).round(2)
    _, fifths, thirds, more = PARTS
    past = ((bought * fifths + part(since, fifths)) * thirds + part(margin, thirds)) * more + part(first, more)
    return rows.mutate(past=past.cast("int64"))


def _judge(facts: Facts, cases: _Cases) -> _Judged:
    """Fit both models to the earlier answers of each group and compare them on the later ones."""
    keys = [*cases.names, "past", "score", "has_bought", "is_later"]
    rows = number_kinds(cases.rows, keys)
    found = facts.run(rows.group_by([*keys, "kind"]).aggregate(answers=rows.count()))
    found = found.sort_by([(name, "ascending") for name in keys])
    group, groups = number_groups(found, cases.names)
    count = len(groups) if cases.names else min(len(found), 1)
    weights, is_later = column(found, "answers"), column(found, "is_later") > 0
    influence = np.zeros((2 * len(ENCODINGS), len(found)))
    figures = np.full((2 + 2 * len(ENCODINGS), count), np.nan)
    for number in range(count):
        mine = group == number
        figures[:, number], influence[:, mine] = _compare(found.filter(pa.array(mine)))
    scores = {f"score_{place}": values[is_later] for place, values in enumerate(influence)}
    kinds = column(found, "kind")[is_later]
    products, clusters = sum_products(facts, rows, kinds, group[is_later], scores)
    products, clusters = _fill(products, count), _fill(clusters, count)
    errors = np.sqrt(np.diagonal(products, axis1=1, axis2=2).T * clusters / np.maximum(clusters - 1, 1))
    reach = find_quantile(0.95, np.maximum(clusters - 1, 1)) * np.where(clusters > 1, errors, np.nan)
    gains = np.stack([figures[2:], figures[2:] - reach, figures[2:] + reach])
    ways = len(ENCODINGS)
    answers, later = (np.bincount(group, each, count).astype(np.float64) for each in (weights, weights * is_later))
    return _Judged(groups, answers, later, figures[0], figures[1], gains[:, :ways], gains[:, ways:])


def _fill(values: Array, count: int) -> Array:
    """With zeros for groups that have no later answer."""
    return np.concatenate([values, np.zeros((count - len(values), *values.shape[1:]))])


def _compare(found: pa.Table) -> tuple[Array, Array]:
    """One group: log-loss and area of the past alone, the gains of each encoding in both; and by row its influence."""
    past, score = column(found, "past").astype(np.int64), column(found, "score")
    weights, is_later = column(found, "answers"), column(found, "is_later") > 0
    yes = weights * column(found, "has_bought")
    no = weights - yes
    figures, influence = np.full(2 + 2 * len(ENCODINGS), np.nan), np.zeros((2 * len(ENCODINGS), len(found)))
    halves = [(yes[half].sum(), no[half].sum()) for half in (is_later, ~is_later)]
    if not all(min(half) for half in halves) or len(np.unique(score[~is_later])) < 2:
        return figures, influence
    base = _describe_past(past)

    def foretell(design: Array) -> Array:
        return design @ fit_logistic(design[~is_later], yes[~is_later], no[~is_later])

    plain = foretell(base)
    loss, curve = _losses(plain, yes > 0), draw_curve(plain[is_later], yes[is_later], no[is_later])
    whole = weights[is_later].sum()
    figures[0], figures[1] = float(loss[is_later] @ weights[is_later] / whole), curve.area
    for place, encoding in enumerate(ENCODINGS):
        full = foretell(np.column_stack([base, _describe_score(score, encoding)]))
        gained = (loss - _losses(full, yes > 0)) / figures[0]
        figures[2 + place] = gained[is_later] @ weights[is_later] / whole
        influence[place] = (gained - figures[2 + place]) / whole
        other = draw_curve(full[is_later], yes[is_later], no[is_later])
        figures[2 + len(ENCODINGS) + place] = other.area - curve.area
        is_yes = yes[is_later] > 0
        change = np.where(is_yes, other.of_yes - curve.of_yes, other.of_no - curve.of_no)
        influence[len(ENCODINGS) + place, is_later] = change
    return figures, np.where(is_later, influence, 0)


def _losses(odds: Array, is_yes: npt.NDArray[np.bool_]) -> Array:
    return np.asarray(-np.log(np.clip(expit(np.where(is_yes, odds, -odds)), 1e-15, 1)))


def _describe_past(past: npt.NDArray[np.int64]) -> Array:
    """A constant, and for each of `PARTS` which part it is."""
    columns, rest = [np.ones((len(past), 1))], past
    for parts in reversed(PARTS):
        columns.append(np.eye(parts)[rest % parts][:, 1:])
        rest = rest // parts
    return np.concatenate(columns, axis=1)


def _describe_score(score: Array, encoding: str) -> Array:
    if encoding == "score":
        return (score[:, None] - 7.5) / 2.5
    if encoding == "points":
        return np.eye(11)[score.astype(np.int64)]
    return np.stack([score <= 6, score >= 9], axis=1).astype(np.float64)


def _table(after: _Judged, before: _Judged, names: Sequence[str]) -> pa.Table:
    """A row per group and encoding."""
    count, ways = len(after.answers), len(ENCODINGS)
    place = np.repeat(np.arange(count), ways)
    encodings = pa.array(list(ENCODINGS) * count)
    table = pa.table({"encoding": encodings})
    if names:
        table = after.groups.take(place).append_column("encoding", encodings)
    same = _match(before, after, names)
    figures: dict[str, Any] = {"answers": after.answers[place].astype(np.int64)}
    figures |= {"later_answers": after.later[place].astype(np.int64), "log_loss": after.log_loss[place]}
    figures |= _ends("gain", after.gain) | {"area": after.area[place]} | _ends("area_gain", after.area_gain)
    is_known = np.isfinite(after.gain[1].T.ravel())
    better = pa.array((after.gain[1].T.ravel() > 0).tolist(), mask=~is_known)
    table = add_columns(table, figures).append_column("is_better", better)
    placebo = np.where(same >= 0, before.gain[:, :, same] if len(before.answers) else np.nan, np.nan)
    return add_columns(table, _ends("placebo", placebo))


def _ends(name: str, figure: Array) -> dict[str, Array]:
    return {full: values.T.ravel() for full, values in zip((name, f"{name}_low", f"{name}_high"), figure, strict=True)}


def _match(before: _Judged, after: _Judged, names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Where each group of ``after`` stands in ``before``; -1 where it does not."""
    if not names:
        return np.zeros(len(after.answers), dtype=np.int64) if len(before.answers) else np.array([-1])
    keys = [tuple(row.values()) for row in before.groups.to_pylist()]
    place = {key: number for number, key in enumerate(keys)}
    return np.array([place.get(tuple(row.values()), -1) for row in after.groups.to_pylist()], dtype=np.int64)


def _tell(after: _Judged, before: _Judged, days: int) -> tuple[Note, ...]:
    """The plain sentence, where there is one group, and of how many groups nothing can be said."""
    unknown = int((~np.isfinite(after.gain[0, 0])).sum())
    notes = [Note(_UNTOLD, {"count": unknown})] if unknown else []
    if len(after.answers) == 1:
        notes.append(Note(_ADDS if after.gain[1, 0, 0] > 0 else _ADDS_NOT, {"days": days}))
        if len(before.answers) == 1 and before.gain[1, 0, 0] > 0 and before.gain[0, 0, 0] >= after.gain[0, 0, 0]:
            notes.append(Note(_LOOKS_BACK, {"days": days}))
    return tuple(notes)


score_value = Measure(
    name="score_value",
    title=mark("Value of the score"),
    question=mark("Does the score tell anything of what customers will do that their past does not?"),
    compute=compute,
    base="customers",
    reads=("feedback", "orders"),
    uses=("customers", "order_lines", "products", "returns", "payments", "contacts", "cases", "exchange_rates"),
    unit="share",
    headline="gain",
    count="answers",
    low="gain_low",
    high="gain_high",
    good="high",
    said=True,
    chart="rate",
    bound=mark("one row per group, part of the past, score and outcome"),
    sentence=mark(
        "With {encoding}, {gain} of what the past leaves open is told (95 %: {gain_low} to {gain_high}; {answers} "
        "answers)."
    ),
    definition=mark(
        "How much better one foretells who buys again when one knows the score beside past purchases, on answers that "
        "came later than those from which it was learnt. Below 0 the score leads astray."
    ),
    cautions=(
        mark("It is about foretelling: it does not say that a better score would make anybody buy."),
        mark("The way of reading the score that is judged is chosen beforehand; the others are for comparison."),
        mark("The models are taken as they were learnt; only who is in the later half is chance."),
    ),
)
