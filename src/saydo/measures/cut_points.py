"""Cut points: from which score on do your customers buy again like promoters, and up to which like detractors?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import NothingToMeasure
from saydo.language import mark
from saydo.measures._clusters import add_cluster, run_groups, sum_clusters
from saydo.measures._horizons import follow
from saydo.measures._measure import Figures, Measure, Note, add_columns, column
from saydo.measures._said import Occasion, find_answers
from saydo.measures._sample import take_some
from saydo.measures._scores import number_groups
from saydo.measures.say_do import TOO_LONG, require_days, split_events
from saydo.stats.arrays import Array
from saydo.stats.cuts import PAIRS, SCORES, STANDARD, Profile, profile_cuts
from saydo.stats.intervals import wilson
from saydo.stats.ratios import design_effect, estimate_ratio

ENOUGH = 2_000  # answers: with fewer the best pair is too often the wrong one
_BANDS = ("detractor", "passive", "promoter")
_TOO_FEW = mark(
    "Groups with fewer than {enough} answers whose horizon is over, which keep the standard cut points 6 and 8 "
    "whatever the profile says: {count}."
)
_HOLDS = mark(
    "The standard cut points, 6 and 8, are among those that separate later purchases as well as any "
    "({credibility_share} credibility)."
)
_FAILS = mark("The standard cut points, 6 and 8, are not among those that separate later purchases as well as any.")
_TELLS_NOTHING = mark(
    "That people buy again as often whatever their score is not refuted (p {p}): these data show no cut points at all, "
    "and the standard ones, 6 and 8, are kept."
)
_ALIKE = mark("nobody bought again, or everybody did, whatever the score: a shorter or longer horizon may help")


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    horizon: int = 180,
    occasion: Occasion = "relational",
) -> Figures:
    """How well each pair of cut points of the score separates those who buy again within ``horizon`` days.

    All 45 pairs (a, c) part the answers into 0 to a, a + 1 to c, and c + 1 to 10, the standard being (6, 8). The
    log-likelihood of a pair is sum over its three groups of y log(y / n) + (n - y) log(1 - y / n), y of n having
    bought again, divided by the design effect of answers of the same customer or account. The pair with the highest is
    the best one; the credible set is the smallest set of pairs that holds 95 % of the credibility (all pairs alike
    beforehand). The standard is kept unless it lies outside the set and the rates of the eleven scores differ by more
    than chance at all (likelihood ratio test at 5 %, its chi-square divided by the design effect): of a score that
    tells nothing some pair is always the best. It is kept with fewer than 2,000 answers too: then the best pair of
    three clearly different groups is found only four times out of five with 1,000 answers, and 94 % of the time with
    2,000.
    ``occasion`` keeps relational answers, those after an event, or ``any``.

    Reads:   feedback (question nps on 0 to 10; customer_id null: left out); orders; customers.account_id where there is
             one.
    Returns: the splits (columns of customers); detractors_to, passives_to (the last score of each); answers (count, all
             pairs the same); below_best (log-likelihood less that of the best pair, at most 0); credibility (0 to 1,
             adds up to 1 over the pairs); is_in_set, is_best, is_standard, is_kept (which to use); detractor_rate,
             detractor_low, detractor_high, passive_rate, passive_low, passive_high, promoter_rate, promoter_low,
             promoter_high (bought again; 0 to 1). Null where nobody bought again, or all.
    Interval: the credible set, 95 %; rates as Wilson's on answers divided by the design effect.
             Of a company with 200,000 customers or more, 50,000 drawn at random (whole accounts) stand for all.
    Cautions: cut points that separate purchases need not separate recommendations. A pair outside the set is refuted by
             these data if the score tells anything; one inside is only not refuted.
    Source:  F. Reichheld, Harvard Business Review 81 (2003) 12, 46-54 (the standard).
    """
    require_days("horizon", horizon)
    facts, sampled = take_some(facts)
    answers, notes = find_answers(facts, occasion)
    split = split_events(facts, "cut_points", answers, by)
    rows = follow(facts, split.rows, horizon, ["has_bought"])
    rows = add_cluster(facts, rows.filter(rows.has_bought.notnull()), "customer_id")
    found = run_groups(facts, rows, [*split.names, "score"], answers=rows.count(), bought=rows.has_bought.sum())
    if not len(found):
        raise NothingToMeasure(measure="cut_points", reason=TOO_LONG)
    bought = (rows.has_bought, ibis.literal(1))
    spread = estimate_ratio(sum_clusters(facts, rows, split.names, bought=bought)["bought"])
    group, groups = number_groups(found, split.names)
    counts = _count(found, group)
    share = counts[1].sum(axis=1) / counts[0].sum(axis=1)
    effects = np.nan_to_num(design_effect(spread.se, share * (1 - share), counts[0].sum(axis=1)), nan=1.0)
    is_told = (share > 0) & (share < 1)
    if not is_told.any():
        raise NothingToMeasure(measure="cut_points", reason=_ALIKE)
    profiles = [profile_cuts(n, y, effect) for n, y, effect in zip(*counts, effects, strict=True)]
    table = _table(groups, split.names, profiles, np.maximum(effects, 1), is_told)
    notes = (*sampled, *notes, *_notes(profiles, counts[0]))
    return Figures(table, (*split.names, "detractors_to", "passives_to"), split.overlaps, notes)


def _count(found: pa.Table, group: npt.NDArray[np.int64]) -> Array:
    """Answers and those who bought again (first axis), by group and score."""
    count, score = int(group.max()) + 1, column(found, "score").astype(np.int64)
    cell = group * SCORES + score
    both = [np.bincount(cell, column(found, name), count * SCORES) for name in ("answers", "bought")]
    return np.asarray(np.stack(both).reshape(2, count, SCORES), dtype=np.float64)


def _table(
    groups: pa.Table, names: Sequence[str], profiles: Sequence[Profile], effects: Array, is_told: npt.NDArray[np.bool_]
) -> pa.Table:
    """A row per group and pair."""
    pairs, count = len(PAIRS), len(profiles)
    is_here: npt.NDArray[np.bool_] = np.repeat(is_told, pairs)
    first, second = (np.tile([pair[place] for pair in PAIRS], count) for place in (0, 1))
    table = groups.take(np.repeat(np.arange(count), pairs)) if names else None
    cuts = {"detractors_to": pa.array(first), "passives_to": pa.array(second)}
    for name, values in cuts.items():
        table = pa.table({name: values}) if table is None else table.append_column(name, values)
    answers = np.concatenate([one.answers for one in profiles])
    whole = answers.sum(axis=1)
    figures: dict[str, Any] = {"answers": whole.astype(np.int64)}
    for name in ("below", "credibility"):
        values = np.concatenate([getattr(one, name) for one in profiles])
        figures["below_best" if name == "below" else name] = np.where(is_here, values, np.nan)
    table = add_columns(table, figures)
    is_standard = np.tile(np.arange(pairs) == STANDARD, count)
    is_best = np.concatenate([np.arange(pairs) == one.best for one in profiles])
    marks = {
        "is_in_set": np.concatenate([one.is_in_set for one in profiles]),
        "is_best": is_best,
        "is_standard": is_standard,
        "is_kept": np.where(
            np.repeat([one.refutes_standard for one in profiles], pairs) & (whole >= ENOUGH), is_best, is_standard
        ),
    }
    for name, values in marks.items():
        is_unknown = ~is_here if name in ("is_in_set", "is_best") else np.zeros(len(is_here), dtype=bool)
        table = table.append_column(name, pa.array(values.tolist(), mask=is_unknown))
    rates = np.concatenate([one.rate for one in profiles])
    effective = answers / np.repeat(effects, pairs)[:, None]
    low, high = wilson(rates * effective, effective)
    for place, band in enumerate(_BANDS):
        ends = {f"{band}_rate": rates[:, place], f"{band}_low": low[:, place], f"{band}_high": high[:, place]}
        table = add_columns(table, ends)
    return table


def _notes(profiles: Sequence[Profile], answers: Array) -> tuple[Note, ...]:
    few = int((answers.sum(axis=1) < ENOUGH).sum())
    notes = [Note(_TOO_FEW, {"enough": ENOUGH, "count": few})] if few else []
    if len(profiles) == 1:
        notes.append(_judge(profiles[0]))
    return tuple(notes)


def _judge(profile: Profile) -> Note:
    """What is said of the standard cut points."""
    if not profile.tells:
        return Note(_TELLS_NOTHING, {"p": profile.p})
    if profile.refutes_standard:
        return Note(_FAILS)
    return Note(_HOLDS, {"credibility_share": float(profile.credibility[STANDARD])})


cut_points = Measure(
    name="cut_points",
    title=mark("Cut points of the score"),
    question=mark("Are 6 and 8 the right cut points for our customers?"),
    compute=compute,
    base="customers",
    reads=("feedback", "orders"),
    uses=("customers",),
    unit="share",
    headline="credibility",
    count="answers",
    good="neither",
    said=True,
    chart="bars",
    bound=mark("one row per group and score"),
    sentence=mark(
        "Detractors to {detractors_to}, passives to {passives_to}: credibility {credibility} ({answers} answers)."
    ),
    definition=mark(
        "How well each pair of cut points of the score from 0 to 10 separates those who buy again later from those who "
        "do not. Pairs outside the credible set are refuted by your data, if the score separates anything at all."
    ),
    cautions=(
        mark("Below 2,000 answers the standard cut points are kept: chance alone would move them."),
        mark("They are kept too unless your data refute them: chance alone makes some cut points the best."),
        mark("Cut points that separate purchases need not be those that separate recommendations."),
    ),
)
