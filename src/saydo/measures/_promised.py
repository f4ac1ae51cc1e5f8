"""Promises that were kept or broken, each with what was known when it was given and with what came of it.

Shared by the measures that put a price on a broken promise. A promise is one event, at the end of its term, whether it
was kept or not: so nobody is given more time to react than others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir

from saydo.company import Facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.language import mark
from saydo.measures._clusters import add_cluster
from saydo.measures._commitments import days_between, judge_commitments, promises_known_at_answers
from saydo.measures._effects import Levels, learn_levels
from saydo.measures._horizons import follow, look_back
from saydo.measures._measure import Note, in_period
from saydo.measures._money import convert_money
from saydo.measures._split import cut_time, split_rows

ANSWER_DAYS = 60
QUESTIONS = ("nps", "csat", "ces", "stars")
_LINES = ("order_value", "items", "category")
_PAST = ("orders_before", "tenure_days")
_OWN = ("lead_days", "month", *_LINES, *_PAST)
_SEVERAL = "several"
_KEY = ("question", "item", "scale_min", "scale_max")
_NOT_BOTH = mark("the same promise was never both kept and broken, so there is nothing to compare")
_NOTHING_DUE = mark("no promise to a known customer fell due in the period")
_ONE_SIDED = mark("Promises that were only kept or only broken, and cannot be compared: {promises}.")
_LEFT_OUT = mark(
    "Not adjusted for, because one of its values goes with broken promises nearly always, as if it told what became of "
    "them: {covariates}. Name it with --set adjust=... if it was known before."
)
_TELLING = mark(
    "One of its values goes with broken promises nearly always: {covariates}. If it tells what became of them, it must "
    "not be adjusted for."
)
_ADJUSTED = mark(
    "Adjusted for: {covariates}. What else makes promises break and moves what customers do is not; the E-value says "
    "how strong it would have to be."
)
_UNADJUSTED = mark(
    "Nothing is adjusted for: the differences are plain ones. Name what was known when the promise was made with "
    "--set adjust=..."
)


@dataclass(frozen=True)
class Outcome:
    """Something that came of it: its column, the one of its placebo, and of a score which question on which scale."""

    name: str
    column: str
    placebo: str
    key: Mapping[str, Any] = field(default_factory=dict)


def find_promised(facts: Facts, promise: str = "", since: date | None = None, until: date | None = None) -> ir.Table:
    """Promises due in the period to known customers and kept or broken: the columns of commitments, with ``event``,
    ``at`` (when it was due; if undated when it was settled, fulfilled or given), ``is_hit`` (broken) and ``cluster``.
    """
    rows = judge_commitments(facts)
    rows = rows.filter(rows.promise == promise) if promise else rows
    rows = rows.filter(rows.state.isin(("kept", "broken")) & rows.is_due & rows.customer_id.notnull())
    at = ibis.coalesce(rows.due_at, rows.settled_at, rows.fulfilled_at, rows.made_at)
    rows = in_period(
        facts, rows.mutate(event=rows.commitment_id, at=at, is_hit=rows.state == "broken"), "at", since, until
    )
    kept = [name for name in rows.columns if name not in ("state", "is_due", "days_late", "is_undated")]
    return add_cluster(facts, rows.select(kept), "customer_id")


@dataclass(frozen=True)
class Prepared:
    """Promises ready to be followed: all of them, then in groups (``names``) with covariates and their levels.

    ``columns`` are those of the covariates by name; ``earlier`` those of the past as the placebo knows it.
    """

    promised: ir.Table
    rows: ir.Table
    names: tuple[str, ...]
    overlaps: bool
    levels: Levels
    columns: Mapping[str, str]
    earlier: Mapping[str, str]
    notes: list[Note]


def prepare(facts: Facts, measure: str, by: Sequence[str], promised: ir.Table, adjust: str, horizon: int) -> Prepared:
    """What is known of ``promised`` when they were given, by the splits and promise; raises as its steps do.

    The placebo lies in the ``horizon`` days before they were given, so it is adjusted for the past as it was then.
    """
    promised, notes = _require_both(facts, measure, promised)
    covariates = choose_covariates(facts, adjust, by)
    rows, columns = add_covariates(facts, measure, promised, covariates)
    rows, earlier = _add_earlier(facts, rows, promised, covariates, horizon)
    split = split_rows(facts, measure, "commitments", rows, by, at="at")
    names = (*split.names, *(["promise"] if "promise" not in split.names else []))
    known = facts.hold(split.rows)
    levels = learn_levels(facts, known, names, [*columns.values(), *earlier.values()])
    if earlier:  # a mean for each combination would tell the placebo what it must not know
        levels = replace(levels, is_whole=False)
    afterwards = {name: column for name, column in columns.items() if column in levels.telling}
    if afterwards and not adjust.strip():
        notes.append(Note(_LEFT_OUT, {"covariates": ", ".join(afterwards)}))
        levels = levels.without(afterwards.values())
        columns = {name: column for name, column in columns.items() if name not in afterwards}
    elif afterwards:
        notes.append(Note(_TELLING, {"covariates": ", ".join(afterwards)}))
    told = Note(_ADJUSTED, {"covariates": ", ".join(columns)}) if columns else Note(_UNADJUSTED)
    return Prepared(promised, known, names, split.overlaps, levels, columns, earlier, [*notes, told])


def _require_both(facts: Facts, measure: str, rows: ir.Table) -> tuple[ir.Table, list[Note]]:
    """The promises that were sometimes kept and sometimes broken, and a note on the others.

    Raises `NothingToMeasure` when there are none.
    """
    counts = rows.group_by("promise").aggregate(is_both=(rows.is_hit.any() & (~rows.is_hit).any()))
    found = {row["promise"]: row["is_both"] for row in facts.run(counts).to_pylist()}
    both = sorted(promise for promise, is_both in found.items() if is_both)
    others = sorted(promise for promise, is_both in found.items() if not is_both)
    if not both:
        raise NothingToMeasure(measure=measure, reason=_NOT_BOTH if found else _NOTHING_DUE)
    notes = [Note(_ONE_SIDED, {"promises": ", ".join(others)})] if others else []
    return rows.filter(rows.promise.isin(both)), notes


def plan_outcomes(outcomes: Iterable[Outcome], ready: Prepared) -> dict[str, list[str]]:
    """The covariates of each outcome; its placebo, which lies in the past, knows only the past before it."""
    every = list(ready.columns.values())
    then = [column for name, column in ready.columns.items() if name not in _PAST] + list(ready.earlier.values())
    return {key: chosen for one in outcomes for key, chosen in ((one.column, every), (one.placebo, then))}


def choose_covariates(facts: Facts, adjust: str, by: Sequence[str]) -> list[str]:
    """The covariates named in ``adjust`` (with commas), else all that these facts have; never what splits.

    Raises `BadSetting`.
    """
    if adjust.strip() == "none":
        return []
    splits = {split.rpartition(".")[2] for split in by}
    named = [name.strip() for name in adjust.split(",") if name.strip()]
    if named:
        return [name for name in dict.fromkeys(named) if name.rpartition(".")[2] not in splits]
    own = ["lead_days", "month", "touchpoint"]
    if facts.has("orders"):
        own += [*_PAST, "orders.region"]
    if facts.has("order_lines"):
        own += _LINES
    for table in ("commitments", "orders", "customers"):
        entry = facts.manifest.tables.get(table)
        own += [f"{table}.{name}" for name in (entry.own_columns if entry else ())]
    return [name for name in own if name.rpartition(".")[2] not in splits]


def add_covariates(facts: Facts, measure: str, rows: ir.Table, names: Sequence[str]) -> tuple[ir.Table, dict[str, str]]:
    """``rows`` with a column for each covariate, as known when the promise was given; the columns by name.

    Raises `BadSetting` where one has several values for a promise, `UnknownSplit` where it is not known.
    """
    columns = {name: f"_x_{number}" for number, name in enumerate(names)}
    reached = [name for name in names if name not in _OWN]
    split = split_rows(facts, measure, "commitments", rows, reached)
    if split.overlaps:
        raise BadSetting(
            name="adjust", value=", ".join(reached), choices="lead_days, order_value, customers.segment ..."
        )
    there = zip(reached, split.names, strict=True)
    found = split.rows.select(*rows.columns, **{columns[name]: split.rows[column] for name, column in there})
    own = {name: columns[name] for name in names if name in _OWN}
    if "lead_days" in own:
        found = found.mutate(**{own["lead_days"]: days_between(found.made_at, found.due_at)})
    if "month" in own:
        found = found.mutate(**{own["month"]: cut_time(facts, found.made_at, "month").cast("string")})
    if set(own) & set(_LINES):
        found = _join(found, "order_id", _baskets(facts), {name: own[name] for name in _LINES if name in own})
    if set(own) & set(_PAST):
        past = look_back(facts, rows.select("event", "customer_id", at="made_at"), with_margin=False)
        found = _join(found, "event", past.rename(_key="event"), {name: own[name] for name in _PAST if name in own})
    return found, columns


def _add_earlier(
    facts: Facts, rows: ir.Table, promised: ir.Table, covariates: Sequence[str], days: int
) -> tuple[ir.Table, dict[str, str]]:
    """``rows`` with those covariates that are made of the past as they stood so many days earlier; their columns."""
    columns = {name: f"_w_{number}" for number, name in enumerate(covariates) if name in _PAST}
    if not columns:
        return rows, {}
    then = promised.select("event", "customer_id", at=promised.made_at - ibis.interval(days=days))
    past = look_back(facts, then, with_margin=False)
    return _join(rows, "event", past.rename(_key="event"), {name: columns[name] for name in columns}), columns


def _join(rows: ir.Table, key: str, other: ir.Table, columns: Mapping[str, str]) -> ir.Table:
    """``rows`` with some columns of ``other`` (whose key is ``_key``) under new names."""
    there = other.select("_key", **{new: other[name] for name, new in columns.items()})
    return rows.left_join(there, rows[key] == there["_key"]).drop("_key")


def _baskets(facts: Facts) -> ir.Table:
    """Of each order (``_key``) what its goods cost, how many they are and their category, if they have but one."""
    lines = convert_money(facts, "order_lines", facts.table("order_lines"), ["unit_price"])
    lines = lines.filter(lines.kind != "shipping")
    products = facts.table("products").select(_product="product_id", category="category")
    lines = lines.left_join(products, lines.product_id == products["_product"])
    value = lines.quantity.cast("float64") * lines.unit_price.cast("float64")
    baskets = lines.group_by(_key="order_id").aggregate(
        order_value=value.sum(),
        items=lines.quantity.cast("float64").sum(),
        _first=lines.category.min(),
        _last=lines.category.max(),
    )
    category = ibis.ifelse(baskets["_first"] == baskets["_last"], baskets["_first"], _SEVERAL)
    return baskets.mutate(category=category)


def add_deeds(
    facts: Facts, rows: ir.Table, events: ir.Table, days: int, names: Mapping[str, str], *, with_own: bool = False
) -> tuple[ir.Table, list[Outcome]]:
    """``rows`` of ``events`` with what customers did in the horizon after ``at``.

    ``names`` calls outcomes of `follow` by other names. ``with_own`` counts what the promise's own order still moved.
    """
    outcomes = [Outcome(name, f"_y_{name}", f"_z_{name}") for name in names.values()]
    keys = ["event", "customer_id", *([] if with_own else ["order_id"])]
    after = follow(facts, events.select(*keys, "at"), days, list(names))
    columns = {told: f"_y_{name}" for told, name in names.items()}
    return _join(rows, "event", after.rename(_key="event"), columns), outcomes


def add_placebos(facts: Facts, rows: ir.Table, events: ir.Table, days: int, names: Mapping[str, str]) -> ir.Table:
    """``rows`` of ``events`` with what customers had done in as many days before the promise was made.

    Known only where the facts reach back so far. What is promised then cannot have changed it.
    """
    back = ibis.interval(days=days)
    first = facts.manifest.first or facts.as_of
    past = events.select("event", "customer_id", "order_id", at=events.made_at - back)
    past = follow(facts, past.filter(past["at"] >= ibis.literal(first)), days, list(names))
    return _join(rows, "event", past.rename(_key="event"), {told: f"_z_{name}" for told, name in names.items()})


def add_scores(facts: Facts, rows: ir.Table, events: ir.Table) -> tuple[ir.Table, list[Outcome]]:
    """``rows`` of ``events`` with the mean score of the answers that each got, one column per question, item and scale.

    These are the answers about its order, given when it was decided whether the promise was kept; and answers after an
    event that name no order, given by the customer within 60 days. The placebo are earlier answers of the customer.
    Answers about one item only count where nobody was asked about the whole; answers after the repair of a case never:
    the repair follows the breaking, and would make it look milder than it was.
    """
    answers = _not_after_repair(facts)
    is_asked = answers.question.isin(QUESTIONS) & answers.score.notnull() & (answers.source != "mystery")
    is_event = answers.order_id.notnull() | (answers.occasion == "event")
    answers = answers.filter(is_asked & is_event)
    counts = facts.run(answers.group_by(list(_KEY)).aggregate(count=answers.count())).to_pylist()
    keys = [{name: row[name] for name in _KEY} for row in sorted(counts, key=_by_name)]
    keys = [key for key in keys if key["item"] is None] or keys
    outcomes = [Outcome("score", f"_y_score_{n}", f"_z_score_{n}", key) for n, key in enumerate(keys)]
    if not outcomes:
        return rows, []
    about = promises_known_at_answers(facts, answers)
    tied = _means(about.group_by("order_id", "promise"), about, outcomes, "_y")
    joined = rows.left_join(tied, (rows.order_id == tied.order_id) & (rows.promise == tied.promise))
    found = joined.select(*(rows[name] for name in rows.columns), *(tied[one.column] for one in outcomes))
    for prefix, said in (("_y", _following(events, answers)), ("_z", _earlier(events, answers))):
        means = _means(said.group_by("_key"), said, outcomes, prefix)
        found = _join(found, "event", means, {f"{prefix}_score_{n}": f"_n_{n}" for n in range(len(outcomes))})
        names = [one.column if prefix == "_y" else one.placebo for one in outcomes]
        values = {
            name: found[name].coalesce(found[f"_n_{n}"]) if prefix == "_y" else found[f"_n_{n}"]
            for n, name in enumerate(names)
        }
        found = found.mutate(**values).drop(*(f"_n_{n}" for n in range(len(outcomes))))
    return found, outcomes


def _not_after_repair(facts: Facts) -> ir.Table:
    answers = facts.table("feedback")
    if not facts.has("cases"):
        return answers
    repaired = facts.table("cases").filter(lambda case: case.asked_again_id.notnull()).select(_again="asked_again_id")
    return answers.anti_join(repaired, answers.feedback_id == repaired["_again"])


def _by_name(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in _KEY)


def _means(groups: Any, said: ir.Table, outcomes: Sequence[Outcome], prefix: str) -> ir.Table:
    """The mean score of each question per group."""
    means = {}
    for number, outcome in enumerate(outcomes):
        is_same = ibis.and_(
            *(said[name].identical_to(_typed(said, name, value)) for name, value in outcome.key.items())
        )
        means[f"{prefix}_score_{number}"] = said.score.mean(where=is_same)
    table: ir.Table = groups.aggregate(**means)
    return table


def _typed(rows: ir.Table, name: str, value: Any) -> ir.Value:
    return ibis.literal(value, type=rows[name].type())


def _following(rows: ir.Table, answers: ir.Table) -> ir.Table:
    """Answers that name no order, soon after each promise of their customer (``_key``)."""
    moments = rows.select(_key="event", _who="customer_id", _from="at")
    said = answers.filter(answers.order_id.isnull()).join(moments, [("customer_id", "_who")])
    return said.filter(
        (said.said_at > said["_from"]) & (said.said_at <= said["_from"] + ibis.interval(days=ANSWER_DAYS))
    )


def _earlier(rows: ir.Table, answers: ir.Table) -> ir.Table:
    """Answers that the customer of each promise (``_key``) had given before it was made."""
    moments = rows.select(_key="event", _who="customer_id", _until="made_at")
    said = answers.join(moments, [("customer_id", "_who")])
    return said.filter(said.said_at < said["_until"])
