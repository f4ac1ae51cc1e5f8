"""Has the Net Promoter Score changed, or is it noise? Two periods, before and after a day, or two groups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal, NamedTuple

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from saydo.company import Facts, parse_moment
from saydo.errors import BadSetting
from saydo.facts import TABLES
from saydo.language import mark
from saydo.measures._answers import answers_to, group_answers
from saydo.measures._clusters import has_accounts, run_groups
from saydo.measures._measure import Figures, Measure, Note, add_columns, column
from saydo.measures._split import TIME_UNITS, split_rows
from saydo.measures.nps import classify, on_own_scale
from saydo.stats.arrays import divide
from saydo.stats.changes import Change, adjust_p_values, compare_means
from saydo.stats.estimates import Estimate, Sums
from saydo.stats.intervals import NPS_SCALE
from saydo.stats.ratios import ClusterSums, effective_answers, estimate_ratio

_UNFINISHED = mark("The later period lasts until {end}, beyond this report: answers are still to come.")
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_SIDES = ("before", "after")
_PRODUCTS = tuple(
    (x, y)
    for side in _SIDES
    for x, y in ((f"c_{side}", f"c_{side}"), (f"c_{side}", f"m_{side}"), (f"m_{side}", f"m_{side}"))
) + tuple((f"{x}_before", f"{y}_after") for x in "cm" for y in "cm")
_SHOWN = 30  # groups named in an error
SIGNIFICANT = 0.05


class Period(NamedTuple):
    """Days [start, end) of the company's zone."""

    start: date
    end: date

    def __str__(self) -> str:
        return f"{self.start}..{self.end}"


def compute(  # noqa: PLR0913  every one is a setting that its reader may choose
    facts: Facts,
    by: Sequence[str] = (),
    *,
    compare: str = "quarter",
    first: str | None = None,
    second: str | None = None,
    at: date | None = None,
    days: int = 91,
    each: Literal["person", "answer"] = "person",
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """NPS after less NPS before, in points, with its interval and the probability of so large a change by chance.

    Compared are, as the settings say:
    - nothing said: the last full quarter (of the company's zone, before as_of) and the one before it;
      ``compare`` month, week, day or year does so with these units;
    - ``second`` (and ``first``) as a day in the unit meant, or as any days ``2024-04-01..2024-07-01`` (half open);
      ``first`` is the unit before ``second`` if not said;
    - ``at``: the ``days`` days before that day and the ``days`` days from it on, as after an action;
    - ``compare`` a split (touchpoint, customers.country): the groups ``first`` and ``second`` of it, within [since,
      until); they need not be named where there are just two.

    ``each`` as in `nps`, within each side. Occasions are never mixed.

    Reads:   feedback (question nps; as in `nps`); customers.account_id where there is one; what the split reads.
    Returns: the splits; occasion; before, after (what is compared); answers_before, answers_after, fewer_answers (the
             smaller of the two, of those above 0) (counts); nps_before, nps_after, change, change_low, change_high
             (points); p, p_adjusted (0 to 1); people_twice (people with answers on both sides); is_change (p_adjusted
             below 0.05). nps is null for a side without answers, and with it the change; interval and p also where a
             side holds one person or account alone who gave several answers.
    Interval: 95 %. Var = Var(before) + Var(after) - 2 Cov, where people (or accounts) on both sides make the
             covariance: with nobody twice it is the test of two independent groups, with everybody twice that of a
             panel, and right in between. Each side counts its effective answers and gets 1.5 pseudo-answers, so that
             small and unanimous groups are not taken for certain.
    Cautions: p_adjusted takes into account that the table makes several comparisons (Benjamini and Hochberg), p does
             not; a change in who was asked or who answered looks like a change of mind (see `response`); that it came
             after an action does not make it the action's effect.
    Source:  Agresti and Caffo 2000 (pseudo-answers); Cochran 1977 (ratios of clusters); Benjamini and Hochberg 1995.
    """
    rows, notes = on_own_scale(facts, answers_to(facts, ["nps"], since, until))
    if at is not None or compare in TIME_UNITS:
        pair = _choose_periods(facts, compare, first, second, (at, days))
        rows, notes = _place(facts, rows, pair), (*notes, *_note_unfinished(facts, pair[1]))
        labels = str(pair[0]), str(pair[1])
    else:
        rows, labels = _take_groups(facts, rows, compare, (first, second), by)
    split = group_answers(facts, "nps_change", rows, by, each=each, apart=("occasion", "side"))
    names = tuple(name for name in split.names if name != "side")
    sums = _sum(facts, split.rows, names)
    return Figures(_figures(sums, names, labels), names, split.overlaps, notes)


# --- what is compared


def _choose_periods(
    facts: Facts, unit: str, first: str | None, second: str | None, around: tuple[date | None, int]
) -> tuple[Period, Period]:
    at, days = around
    if at is not None:
        if days < 1:
            raise BadSetting(name="days", value=days, choices=mark("1 or more"))
        return Period(at - timedelta(days), at), Period(at, at + timedelta(days))
    today = facts.local_day(facts.as_of)
    after = _read_period("second", second, unit) if second else _unit_before(_unit_of(today, unit).start, unit)
    before = _read_period("first", first, unit) if first else _unit_before(after.start, unit)
    if before.start < after.end and after.start < before.end:
        raise BadSetting(name="first", value=str(before), choices=mark("days that second does not hold"))
    return before, after


def _read_period(name: str, text: str, unit: str) -> Period:
    """``2024-04-01..2024-07-01``, or the unit that a day lies in."""
    start, dots, end = text.partition("..")
    days = [parse_moment(name, part) for part in ((start, end) if dots else (start,))]
    if not dots:
        return _unit_of(_as_day(days[0]), unit)
    period = Period(_as_day(days[0]), _as_day(days[1]))
    if period.start >= period.end:
        raise BadSetting(name=name, value=text, choices=mark("an earlier day, two dots, a later day"))
    return period


def _as_day(moment: date) -> date:
    return date(moment.year, moment.month, moment.day)


def _unit_of(day: date, unit: str) -> Period:
    """The unit of time that a day lies in."""
    if unit in ("day", "week"):
        length = 7 if unit == "week" else 1
        start = day - timedelta(day.weekday() % length)
        return Period(start, start + timedelta(length))
    months = _MONTHS[unit]
    start = date(day.year, (day.month - 1) // months * months + 1, 1)
    return Period(start, (start + timedelta(31 * months)).replace(day=1))


def _unit_before(start: date, unit: str) -> Period:
    return _unit_of(start - timedelta(1), unit)


def _place(facts: Facts, rows: ir.Table, pair: tuple[Period, Period]) -> ir.Table:
    """The answers of both periods with the ``side`` that they are on."""
    starts, ends = zip(*((facts.instant(period.start), facts.instant(period.end)) for period in pair), strict=True)
    within = [(rows.said_at >= start) & (rows.said_at < end) for start, end in zip(starts, ends, strict=True)]
    placed = rows.mutate(side=ibis.cases((within[0], "before"), (within[1], "after")))
    return placed.filter(placed.side.notnull())


def _note_unfinished(facts: Facts, after: Period) -> tuple[Note, ...]:
    return (Note(_UNFINISHED, {"end": after.end}),) if facts.instant(after.end) > facts.as_of else ()


def _take_groups(
    facts: Facts, rows: ir.Table, compare: str, named: tuple[str | None, str | None], by: Sequence[str]
) -> tuple[ir.Table, tuple[str, str]]:
    """The answers of two groups with the ``side`` that they are on, and what the groups are called."""
    if any(_is_same(compare, split) for split in by):
        raise BadSetting(name="by", value=compare, choices=mark("another split than the one whose groups are compared"))
    if compare == "occasion":
        raise BadSetting(name="compare", value=compare, choices=mark("another split: occasions are never mixed"))
    split = split_rows(facts, "nps_change", "feedback", rows, [compare])
    told = split.rows.mutate(_group=split.rows[split.names[0]].cast("string"))
    told = told.filter(told["_group"].notnull())
    counts = told.aggregate(by="_group", answers=told.count())
    found = facts.run(counts.order_by(counts.answers.desc(), "_group").limit(_SHOWN))
    pair = _name_groups(found["_group"].to_pylist(), named)
    placed = told.mutate(side=ibis.cases((told["_group"] == pair[0], "before"), (told["_group"] == pair[1], "after")))
    return placed.filter(placed.side.notnull()), pair


def _is_same(one: str, other: str) -> bool:
    """Do two splits name the same column? A name without a table is of feedback if that has it, else of any table."""
    (table, _, column), (there, _, name) = one.rpartition("."), other.rpartition(".")
    own = "feedback" if column in TABLES["feedback"] else ""
    return column == name and ((table or own) == (there or own) or not (table or own) or not (there or own))


def _name_groups(values: list[str], named: tuple[str | None, str | None]) -> tuple[str, str]:
    """The two groups to compare; raises `BadSetting` if they are not said, not met or the same."""
    first, second = named if any(named) or len(values) != len(_SIDES) else sorted(values)
    if first is None or second is None:
        raise BadSetting(name=mark("first or second"), value=mark("left out"), choices=values)
    for name, value in (("first", first), ("second", second)):
        if value not in values and len(values) < _SHOWN:
            raise BadSetting(name=name, value=value, choices=values)
    if first == second:
        raise BadSetting(name="second", value=second, choices=[value for value in values if value != first])
    return first, second


# --- sums and figures


def _sum(facts: Facts, rows: ir.Table, names: Sequence[str]) -> pa.Table:
    """Per group the sums over clusters of what each side and both together contribute.

    Of each side: answers (``m``), their classes -1, 0, 1 (``c``) and how many are not 0 (``extremes``).
    """
    parts = {}
    for side in _SIDES:
        is_here, one = rows.side == side, classify(rows.score)
        parts[f"m_{side}"] = rows.count(where=is_here)
        parts[f"c_{side}"] = one.sum(where=is_here).coalesce(0)
        parts[f"extremes_{side}"] = (one * one).sum(where=is_here).coalesce(0)
    keys = ["cluster", "person"] if has_accounts(facts) else ["cluster"]  # without accounts they are the same
    people = rows.aggregate(by=[*names, *keys], **parts)
    per = people.mutate(people_twice=((people.m_before > 0) & (people.m_after > 0)).ifelse(1, 0))
    if len(keys) > 1:
        summed = {name: per[name].sum() for name in (*parts, "people_twice")}
        per = per.aggregate(by=[*names, "cluster"], **summed)
    sums = {name: per[name].sum() for name in (*parts, "people_twice")}
    for side in _SIDES:
        sums[f"clusters_{side}"] = per.count(where=per[f"m_{side}"] > 0)
    for x, y in _PRODUCTS:
        sums[f"{x}_{y}"] = (per[x] * per[y]).sum()
    return run_groups(facts, per, names, **sums)


def _figures(sums: pa.Table, names: Sequence[str], labels: tuple[str, str]) -> pa.Table:
    before, after = (_clusters(sums, side) for side in _SIDES)
    means = estimate_ratio(before), estimate_ratio(after)
    change = _compare(sums, (before, after), means)
    counts = {f"answers_{side}": column(sums, f"m_{side}") for side in _SIDES}
    present = np.array([np.where(count > 0, count, np.inf) for count in counts.values()])
    adjusted = adjust_p_values(change.p)
    is_known = ~np.isnan(adjusted)
    figures = {
        **{side: [label] * len(sums) for side, label in zip(_SIDES, labels, strict=True)},
        **{name: count.astype(np.int64) for name, count in counts.items()},
        "fewer_answers": present.min(axis=0).astype(np.int64),
        **{f"nps_{side}": 100 * mean.value for side, mean in zip(_SIDES, means, strict=True)},
        "change": 100 * (means[1].value - means[0].value),
        "change_low": 100 * change.low,
        "change_high": 100 * change.high,
        "p": change.p,
        "p_adjusted": adjusted,
        "people_twice": sums["people_twice"],
        "is_change": pa.array(adjusted < SIGNIFICANT, mask=~is_known),
    }
    return add_columns(sums.select(list(names)), figures)


def _clusters(sums: pa.Table, side: str) -> ClusterSums:
    c, m = f"c_{side}", f"m_{side}"
    return ClusterSums(*(column(sums, name) for name in (f"clusters_{side}", c, m, f"{c}_{c}", f"{c}_{m}", f"{m}_{m}")))


def _compare(sums: pa.Table, clusters: tuple[ClusterSums, ClusterSums], means: tuple[Estimate, Estimate]) -> Change:
    before, after = means
    first, second = (_effective(sums, *part) for part in zip(_SIDES, clusters, means, strict=True))
    is_single = [np.isclose(one.mm, one.m) for one in clusters]
    df = np.where(is_single[0] & is_single[1], np.inf, np.fmin(before.df, after.df))
    cc, cm, mc, mm = (column(sums, f"{x}_before_{y}_after") for x in "cm" for y in "cm")
    shared = cc - after.value * cm - before.value * mc + before.value * after.value * mm
    covariance = divide(shared, clusters[0].m * clusters[1].m)
    return compare_means(first, second, NPS_SCALE, df=df, covariance=covariance)


def _effective(sums: pa.Table, side: str, clusters: ClusterSums, mean: Estimate) -> Sums:
    """The answers of one side as so many independent ones."""
    variance = np.maximum(divide(column(sums, f"extremes_{side}"), clusters.m) - mean.value**2, 0)
    effective = effective_answers(mean.se, variance, clusters.m, clusters.effective_clusters)
    effective = np.where(np.isclose(clusters.mm, clusters.m), clusters.m, effective)
    return Sums.of_mean(effective, mean.value, variance)


nps_change = Measure(
    name="nps_change",
    title=mark("Change of the Net Promoter Score"),
    question=mark("Has recommendation changed, or is it noise?"),
    compute=compute,
    base="feedback",
    reads=("feedback",),
    uses=("customers", "orders", "order_lines", "products"),
    unit="points",
    headline="change",
    count="fewer_answers",
    low="change_low",
    high="change_high",
    good="high",
    said=True,
    chart="level",
    sentence=mark(
        "From {before} to {after} the Net Promoter Score changed by {change} points"
        " (95 %: {change_low} to {change_high}; {answers_before} and {answers_after} answers)."
    ),
    definition=mark("The Net Promoter Score after, less the one before; from -200 to +200 points."),
    cautions=(
        mark("It can come from other people answering, not from people thinking otherwise."),
        mark("A change after an action is not yet the effect of the action."),
        mark("Among many comparisons some look large by chance: read p_adjusted."),
    ),
)
