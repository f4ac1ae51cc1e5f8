"""Promise effect: what a broken promise changes in what customers say and do, beyond what made it break."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Literal

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saydo.company import Facts
from saydo.errors import BadSetting, MissingTable, NothingToMeasure
from saydo.language import mark
from saydo.measures._effects import FEWEST, Found, estimate_effects, judge
from saydo.measures._horizons import is_told
from saydo.measures._measure import Figures, Measure, Note
from saydo.measures._promised import Outcome, add_deeds, add_placebos, add_scores, find_promised, plan_outcomes, prepare
from saydo.measures._sample import take_some
from saydo.stats.arrays import Array
from saydo.stats.effects import e_value, e_value_limit, standardised_ratio

DEEDS = {"has_bought": "bought_again", "margin_after": "margin", "contacts_after": "contacts"}
_TOLD_BY = {"bought_again": "orders", "margin": "order_lines", "contacts": "contacts", "score": "feedback"}
_NO_COST = mark("no cost of goods is known, so no margin can be told")
_NO_HORIZON = mark("no promise fell due long enough ago for its horizon to be over: choose a shorter one")
_TOO_SOON = mark(
    "What customers did is not told: no promise fell due long enough ago for a horizon of {days} days to be over. "
    "Choose a shorter one."
)
_TOO_FEW = mark(
    "Fewer than {least} outcomes on one side, or fewer than {least} of them who bought again (or who did not): nothing "
    "is adjusted in {count} rows, and nothing can be said of the effect."
)
_FAILED = mark(
    "The placebo failed (p below 0.05) in {count} of {rows} rows: their customers had done unlike things before the "
    "promise was made, and the effect leans on the adjustment for them. One in twenty fails by chance."
)
_APART = ("outcome", "question", "item", "scale_min", "scale_max")
_LEAST_RATIO = 1e-6  # an adjusted share can fall below 0 by chance, a risk ratio cannot
_COLUMNS = {
    **dict.fromkeys(("outcome", "question", "item"), pa.string()),
    **dict.fromkeys(("scale_min", "scale_max"), pa.float64()),
    **dict.fromkeys(("kept", "broken"), pa.int64()),
    **dict.fromkeys(("kept_mean", "broken_mean", "naive", "naive_low", "naive_high"), pa.float64()),
    **dict.fromkeys(("effect", "effect_low", "effect_high", "p"), pa.float64()),
    **dict.fromkeys(("effect_on_broken", "effect_on_broken_low", "effect_on_broken_high"), pa.float64()),
    **dict.fromkeys(("placebo", "placebo_p", "e_value", "e_value_limit"), pa.float64()),
    **dict.fromkeys(("effective_broken", "effective_kept", "trimmed_share"), pa.float64()),
}


def compute(  # noqa: PLR0913  each is a setting that people name
    facts: Facts,
    by: Sequence[str] = (),
    *,
    promise: str = "",
    outcome: Literal["score", "bought_again", "margin", "contacts"] | None = None,
    horizon: int = 180,
    adjust: str = "",
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """What breaking a promise changes, on average: the outcome if it is broken minus that if it is kept.

        effect = mean{ m1 - m0 + L (y - m1) / e - (1 - L) (y - m0) / (1 - e) }

    over promises that fell due (L = 1 if broken, y the outcome), with models of the chance to be broken e and of the
    outcome if kept m0 and if broken m1, given what was known when the promise was made; each promise is judged by
    models that did not see its customer. The outcomes: ``bought_again`` (another order within ``horizon`` days after
    the promise was due), ``margin`` and ``contacts`` (that the customer began) in these days, the promise's own order
    left out, and ``score``, the mean of the answers about the order, or within 60 days after the event, on their own
    scale, but for those asked again after the repair of a case. ``promise`` and ``outcome`` keep one alone. ``adjust``
    names the covariates: lead_days (promised), order_value, items, category (of several: "several"), month,
    orders_before, tenure_days, and any column within reach (touchpoint, orders.region, customers.segment); if it is not
    said these, the region, the touchpoint and every x_ column of commitments, orders and customers, but those of which
    a word goes with broken promises nearly always (it may tell what became of them, as a status does); ``none`` adjusts
    for nothing.

    Reads:   commitments (withdrawn, open and without a customer: left out); orders; order_lines, products (values,
             costs); feedback; contacts; customers, and what the covariates need.
    Returns: the splits; promise; outcome; question, item, scale_min, scale_max (of scores); kept, broken (promises
             whose outcome is known: the horizon is over, an answer was given); kept_mean, broken_mean; naive (their
             difference), naive_low, naive_high; effect, effect_low, effect_high, p; effect_on_broken,
             effect_on_broken_low, effect_on_broken_high (on those that were broken); placebo, placebo_p; e_value,
             e_value_limit; effective_broken, effective_kept (how many unweighted outcomes would be as certain);
             trimmed_share. Shares are 0 to 1, margins money of the company. Null where a side has fewer than 10
             outcomes (fewer than 10 who bought again, or who did not), or nothing is known.
    Interval: 95 %, Student's, with the error summed over customers (or accounts), whose promises are not independent.
             effective and trimmed are those of the promises that the models were fitted on (50,000 at most, or 10,000
             of each group where there are many). It is a little too narrow where broken promises
             are few: of 400 simulated companies with some 250 each it held the true effect on buying again in 92 to
             94 %, that on those broken in 94 to 96 %, the margin's in 93 to 94 %, and with some 60 that were answered
             that on the score in 94 % (docs/coverage.md).
             Of a company with 200,000 customers or more, 50,000 drawn at random (whole accounts) stand for all.
    Cautions: true only if nothing that is not adjusted for both makes promises break and moves the outcome (no
             unmeasured confounding), and if both sides are comparable: promises with a chance to be broken outside
             0.05 to 0.95 (or far below its own mean, where it is rare) are trimmed, and the effect is that of the
             others. The placebo is the same difference in the ``horizon`` days before the promise was made, adjusted
             for the past as it was before those days, or in earlier answers. Near 0, it speaks for the comparison; far
             from 0, those compared were not alike, and the effect leans on the adjustment for their past alone. The
             E-value is how strongly, as a risk ratio with both, something unmeasured would have to go with breaking and
             with the outcome to explain the effect away; its limit does so for the interval. Scores are those of
             customers who answer. Several rows are several tests.
    Source:  Robins, Rotnitzky and Zhao 1994 (AIPW); Chernozhukov et al. 2018 (cross-fitting); Crump et al. 2009
             (overlap); VanderWeele and Ding 2017 (E-value).
    """
    if horizon < 1:
        raise BadSetting(name="horizon", value=horizon, choices="1, 2, 3 ...")
    if outcome and not facts.has(_TOLD_BY[outcome]):
        raise MissingTable(measure="promise_effect", table=_TOLD_BY[outcome])
    facts, sampled = take_some(facts)
    promised = find_promised(facts, promise, since, until)
    ready = prepare(facts, "promise_effect", by, promised, adjust, horizon)
    rows, outcomes = _add_outcomes(facts, ready.rows, ready.promised, outcome, horizon)
    rows = facts.hold(rows)  # counted, then judged: two readings of many joins
    groups, found = estimate_effects(facts, rows, ready.names, ready.levels, plan_outcomes(outcomes, ready))
    told = [one for one in outcomes if any(cell.n.all() for cell in found[one.column])]
    if not told:
        raise NothingToMeasure(measure="promise_effect", reason=_NO_HORIZON)
    table = _table(groups, told, found)
    notes = [*sampled, *ready.notes, *_note_trouble(table)]
    if {one.name for one in outcomes} - {one.name for one in told} - {"score"}:
        notes.append(Note(_TOO_SOON, {"days": horizon}))
    return Figures(table, (*ready.names, *_APART), ready.overlaps, tuple(notes))


def _add_outcomes(
    facts: Facts, rows: ir.Table, promised: ir.Table, outcome: str | None, horizon: int
) -> tuple[ir.Table, list[Outcome]]:
    wanted = {told: name for told, name in DEEDS.items() if outcome in (None, name) and is_told(facts, told)}
    if outcome == "margin" and not wanted:
        raise NothingToMeasure(measure="promise_effect", reason=_NO_COST)
    outcomes: list[Outcome] = []
    if wanted:
        rows, outcomes = add_deeds(facts, rows, promised, horizon, wanted)
        rows = add_placebos(facts, rows, promised, horizon, wanted)
    if outcome in (None, "score") and facts.has("feedback"):
        rows, scores = add_scores(facts, rows, promised)
        outcomes = [*scores, *outcomes]
    return rows, outcomes


def _table(groups: pa.Table, outcomes: Sequence[Outcome], found: Mapping[str, Sequence[Found]]) -> pa.Table:
    """A row per group and outcome of which anything is known."""
    rows = []
    for place, group in enumerate(groups.to_pylist() if groups.num_columns else [{}]):
        for one in outcomes:
            cell = found[one.column][place]
            if cell.n.all():
                key = {name: one.key.get(name) for name in ("question", "item", "scale_min", "scale_max")}
                rows.append({**group, "outcome": one.name, **key, **_figures(one, cell, found[one.placebo][place])})
    kinds = [*groups.schema, *(pa.field(name, kind) for name, kind in _COLUMNS.items())]
    return pa.Table.from_pylist(rows, schema=pa.schema(kinds))


def _figures(outcome: Outcome, cell: Found, placebo: Found) -> dict[str, Any]:
    if outcome.name == "bought_again":
        cell, placebo = _require_some(cell), _require_some(placebo)
    on_all, on_hit, before = judge(cell.on_all), judge(cell.on_hit), judge(placebo.on_all)
    figures = {
        "kept": int(cell.n[0]),
        "broken": int(cell.n[1]),
        "kept_mean": cell.means[0],
        "broken_mean": cell.means[1],
        **_name("naive", (cell.naive.difference, cell.naive.low, cell.naive.high)),
        **_name("effect", on_all),
        "p": on_all[3],
        **_name("effect_on_broken", on_hit),
        "placebo": before[0],
        "placebo_p": before[3],
    }
    if cell.fitted is not None:
        ratios = _risk_ratios(outcome, cell, np.array(on_all[:3]))
        figures |= {"e_value": e_value(ratios[0]), "e_value_limit": e_value_limit(*np.sort(ratios[1:]))}
        spared, hit = cell.fitted.effective
        figures |= {"effective_broken": hit, "effective_kept": spared, "trimmed_share": cell.fitted.trimmed_share}
    return {name: _plain(value) for name, value in figures.items()}


def _require_some(cell: Found) -> Found:
    """Shares of which hardly anybody, or nearly everybody, are part have no normal error: nothing is said of them."""
    some = np.minimum(cell.n * cell.means, cell.n * (1 - cell.means))
    return cell if some.min() >= FEWEST else replace(cell, on_all=None, on_hit=None, fitted=None)


def _risk_ratios(outcome: Outcome, cell: Found, effects: Array) -> Array:
    """The effect and the ends of its interval as risk ratios: exact for a share, by its spread for anything else."""
    if outcome.name == "bought_again" and cell.fitted is not None and cell.fitted.if_spared > 0:
        return np.maximum(1 + effects / cell.fitted.if_spared, _LEAST_RATIO)
    return standardised_ratio(effects, cell.spread)


def _name(stem: str, values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip((stem, f"{stem}_low", f"{stem}_high"), values, strict=False))


def _plain(value: Any) -> Any:
    """A number as Python has it; what is not known is null."""
    if isinstance(value, int):
        return value
    number = float(value)
    return number if np.isfinite(number) else None


def _note_trouble(table: pa.Table) -> list[Note]:
    few = table["effect"].null_count
    failed = pc.sum(pc.less(table["placebo_p"], 0.05)).as_py() or 0
    notes = [Note(_TOO_FEW, {"least": FEWEST, "count": few})] if few else []
    return notes + ([Note(_FAILED, {"count": failed, "rows": len(table)})] if failed else [])


promise_effect = Measure(
    name="promise_effect",
    title=mark("What a broken promise changes"),
    question=mark("What does breaking a promise change in what customers say and do?"),
    compute=compute,
    base="commitments",
    at="due_at",
    reads=("commitments",),
    uses=("orders", "order_lines", "products", "feedback", "contacts", "customers"),
    unit="score",
    headline="effect",
    count="broken",
    low="effect_low",
    high="effect_high",
    good="high",
    said=True,
    chart="level",
    sentence=mark(
        "A broken promise changes {outcome} by {effect} (95 %: {effect_low} to {effect_high}; plain difference "
        "{naive}; placebo p {placebo_p}, E-value {e_value}; {broken} broken and {kept} kept)."
    ),
    definition=mark(
        "What follows a broken promise less what follows a kept one, made comparable by what was known when the "
        "promise was made. It is the effect of breaking only if nothing else both makes promises break and moves what "
        "follows."
    ),
    cautions=(
        mark("An estimate that assumes no unmeasured confounding: never read it without its placebo and its E-value."),
        mark(
            "A placebo that is not 0 means that the customers differed before: the effect beside it leans on the "
            "adjustment for their past alone."
        ),
        mark("Scores are those of customers who answer; who was let down may answer more, or less."),
    ),
    bound=mark("one row per promise and outcome; to fit models, 50,000 promises at most"),
)
