"""The effect of being hit (a broken promise) on what follows, adjusted for what was known before.

Three passes over the events. The first learns the levels of every covariate: numbers are cut at their deciles, of words
the most frequent stand for themselves. The second counts events by distinct levels, which is all that the models of
`saydo.stats.effects` are fitted on; of very many events those of a part of the customers, chosen by a hash. The third
judges every event by the models on the engine and sums over customers, whose events are not independent. What leaves
the engine does not grow with the number of customers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import prod
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from scipy.special import stdtr

from saydo.company import Facts
from saydo.measures._clusters import Ratio, sum_groups
from saydo.measures._measure import column
from saydo.stats.arrays import Array
from saydo.stats.changes import Change, compare_estimates
from saydo.stats.effects import (
    SURE,
    Arms,
    Design,
    Effect,
    estimate_effect,
    fit_chances,
    fit_means,
    overlap_bounds,
    predict,
)
from saydo.stats.estimates import Estimate
from saydo.stats.ratios import ClusterSums, estimate_ratio

FOLDS = 8
DECILES = [share / 10 for share in range(10)]
MOST_LEVELS = 40
MOST_CELLS = 1_000
HITS_PER_CELL = 20  # so many on average allow each combination of levels a mean of its own
MOST_EVENTS = 50_000  # that models are fitted on, of all groups together, but for
ENOUGH_EVENTS = 10_000  # of each group: fewer and the models' own errors would show
FEWEST = 10  # values in an arm, to fit anything
ENOUGH_TO_TELL, SURELY = 30, 0.95  # so many events of one word, and the share of hits among them that looks like fate
_ARMS = ("spared", "hit")
_HEX = "0123456789abcdef"
_DIGITS = 4


@dataclass(frozen=True, eq=False)
class Levels:
    """The levels of each covariate: cuts of numbers, words; the last two are any other and unknown.

    ``is_whole``: events are many enough for a mean of each combination of levels. ``events`` are all there are.
    ``telling`` are covariates of which some word goes with being hit nearly always: perhaps a consequence of it.
    """

    known: Mapping[str, Sequence[float] | Sequence[str]]
    is_whole: bool
    events: int
    telling: frozenset[str] = frozenset()

    def without(self, names: Iterable[str]) -> Levels:
        """The levels of the other covariates."""
        return replace(self, known={name: known for name, known in self.known.items() if name not in set(names)})

    def size(self, name: str) -> int:
        return len(self.known[name]) + 2


@dataclass(frozen=True, eq=False)
class Found:
    """Of one group and outcome: counts and means of both arms, the naive difference, the effects, and how they fit.

    ``fitted`` has what the models say of overlap; null where an arm is too small for models. ``spread`` is the standard
    deviation within the arms.
    """

    n: Array
    means: Array
    spread: float
    naive: Change
    on_all: Estimate | None = None
    on_hit: Estimate | None = None
    fitted: Effect | None = None


def learn_levels(facts: Facts, rows: ir.Table, groups: Sequence[str], covariates: Sequence[str]) -> Levels:
    """The levels of each covariate over all ``rows`` (events with ``is_hit``), which need no outcome yet."""
    numbers = [name for name in covariates if rows[name].type().is_numeric()]
    words = [name for name in covariates if name not in numbers]
    known: dict[str, Sequence[float] | Sequence[str]] = {}
    if numbers:
        cuts = {name: rows[name].cast("float64").quantile(DECILES) for name in numbers}
        found = facts.run(rows.aggregate(**cuts)).to_pylist()[0]
        known |= {name: sorted({cut for cut in found[name] or () if cut is not None}) for name in numbers}
    telling: frozenset[str] = frozenset()
    if words:
        found_words, telling = _frequent_words(facts, rows, words)
        known |= found_words
    counts = facts.run(rows.group_by(list(groups)).aggregate(hits=rows.is_hit.sum(), events=rows.count()))
    cells = prod(len(known[name]) + 2 for name in covariates)
    least = min(counts["hits"].to_pylist(), default=0)
    is_whole = bool(covariates) and cells <= min(MOST_CELLS, least / HITS_PER_CELL)
    return Levels({name: known[name] for name in covariates}, is_whole, sum(counts["events"].to_pylist()), telling)


def _frequent_words(
    facts: Facts, rows: ir.Table, names: Sequence[str]
) -> tuple[dict[str, Sequence[str]], frozenset[str]]:
    """The most frequent words of each column, and the columns in which one of them nearly always goes with a hit."""
    told = [rows.select("is_hit", which=ibis.literal(name), word=rows[name].cast("string")) for name in names]
    long = ibis.union(*told) if len(told) > 1 else told[0]
    known = long.filter(long.word.notnull())
    counts = known.group_by("which", "word").aggregate(count=known.count(), hits=known.is_hit.sum())
    window = ibis.window(group_by="which", order_by=[ibis.desc("count"), "word"])
    ranked = counts.mutate(place=ibis.row_number().over(window))
    found = facts.run(ranked.filter(ranked.place < MOST_LEVELS).order_by("which", "place"))
    pairs = list(zip(found["which"].to_pylist(), found["word"].to_pylist(), strict=True))
    is_sure = (column(found, "count") >= ENOUGH_TO_TELL) & (column(found, "hits") > SURELY * column(found, "count"))
    telling = frozenset(which for (which, _), is_telling in zip(pairs, is_sure, strict=True) if is_telling)
    return {name: [word for which, word in pairs if which == name] for name in names}, telling


def estimate_effects(
    facts: Facts, rows: ir.Table, groups: Sequence[str], levels: Levels, outcomes: Mapping[str, Sequence[str]]
) -> tuple[pa.Table, dict[str, list[Found]]]:
    """The groups, and of each outcome what was found in each of them.

    ``rows`` are events with ``is_hit``, ``cluster``, the covariates of ``levels`` and the outcomes (null: not known).
    Each outcome names the covariates that it is adjusted for.
    """
    coded, sizes = _code(rows, groups, levels)
    counts = _count(facts, coded, groups, list(sizes), list(outcomes), levels.events)
    chances: dict[Any, Array] = {}
    fits = {name: _fit(counts, sizes, name, chosen, chances) for name, chosen in outcomes.items()}
    scored = _judge(coded, sizes, fits)
    ratios: dict[str, Ratio] = {}
    for number, name in enumerate(outcomes):
        ratios |= _ratios(scored, name, number)
    found, sums = sum_groups(facts, scored, groups, {}, **ratios)
    keys = [tuple(row.values()) for row in found.select(list(groups)).to_pylist()] if groups else [()]
    units = {tuple(row[name] for name in groups): row["_unit"] for row in counts.to_pylist()}
    results = {}
    for number, name in enumerate(outcomes):
        parts = {part: sums[f"{part}_{number}"] for part in ("spared", "hit", "all", "harmed")}
        fit = fits[name]
        results[name] = [_found(place, parts, fit.get(units.get(key, ""))) for place, key in enumerate(keys)]
    return found.select(list(groups)), results


def judge(estimate: Estimate | None) -> tuple[float, float, float, float]:
    """An estimate with the ends of its 95 % interval and the two-sided p of no effect; nan where it is not known."""
    if estimate is None or not estimate.se > 0:
        return (np.nan if estimate is None else float(estimate.value), np.nan, np.nan, np.nan)
    low, high = estimate.interval()
    return (
        float(estimate.value),
        float(low),
        float(high),
        float(2 * stdtr(estimate.df, -abs(estimate.value / estimate.se))),
    )


@dataclass(frozen=True, eq=False)
class _Fit:
    """The models of one group and outcome: coefficients by fold, bounds of overlap, what they say of the sample."""

    coefficients: dict[str, Array]  # of each term: (folds, levels, models)
    bounds: tuple[float, float]
    effect: Effect
    spread: float


def _code(rows: ir.Table, groups: Sequence[str], levels: Levels) -> tuple[ir.Table, dict[str, int]]:
    """``rows`` with the level of each covariate, a key of the group and the fold of the cluster; sizes of the levels.

    Where events are many enough for it, all covariates together make one: each combination has a mean of its own.
    """
    unit = ibis.literal("group ")
    for name in groups:
        unit = unit + rows[name].cast("string").coalesce("") + " | "
    codes = {name: _level(rows[name], known) for name, known in levels.known.items()}
    sizes = {name: levels.size(name) for name in codes}
    digest = rows.cluster.hexdigest("md5")  # every engine shuffles alike
    fold = ibis.literal(_HEX).find(digest.substr(0, 1)) % FOLDS
    coded = rows.mutate(_unit=unit, _fold=fold.cast("int64"), _digest=digest.substr(1, _DIGITS), **_named(codes))
    if not levels.is_whole:
        return coded, sizes
    cell = ibis.literal(0)
    for name, size in sizes.items():
        cell = cell * size + coded[f"_level_{name}"]
    return coded.mutate(_level_cell=cell.cast("int64")), {"cell": prod(sizes.values())}


def _named(codes: Mapping[str, ir.Value]) -> dict[str, ir.Value]:
    return {f"_level_{name}": code for name, code in codes.items()}


def _level(value: ir.Value, known: Sequence[float] | Sequence[str]) -> ir.Value:
    count = len(known)
    if value.type().is_numeric():
        above = ibis.literal(0)
        for cut in known:
            above = above + (value.cast("float64") > cut).ifelse(1, 0)
        return ibis.ifelse(value.isnull(), count + 1, above).cast("int64")
    branches = [(value.cast("string") == word, place) for place, word in enumerate(known)]
    return ibis.cases((value.isnull(), count + 1), *branches, else_=count).cast("int64")


def _count(
    facts: Facts, rows: ir.Table, groups: Sequence[str], terms: Sequence[str], outcomes: Sequence[str], events: int
) -> pa.Table:
    """Counts and sums of every outcome by group, fold and levels; of very many events, those of some clusters."""
    if events > MOST_EVENTS and len(terms) > 1:  # the levels of one covariate are few, however many events there are
        rows = _thin_out(facts, rows)
    sums: dict[str, ir.Value] = {}
    for number, name in enumerate(outcomes):
        y = rows[name].cast("float64")
        for arm, is_in in zip(_ARMS, (~rows.is_hit, rows.is_hit), strict=True):
            sums[f"{arm}_n_{number}"] = rows.count(where=is_in & y.notnull())
            sums[f"{arm}_total_{number}"] = y.sum(where=is_in).coalesce(0.0)
            sums[f"{arm}_squares_{number}"] = (y * y).sum(where=is_in).coalesce(0.0)
    by = [*groups, "_unit", "_fold", *(f"_level_{term}" for term in terms)]
    found = facts.run(rows.aggregate(by=by, **sums))
    renamed = [_rename(name, outcomes) for name in found.column_names]
    return found.rename_columns(renamed).sort_by([(name, "ascending") for name in by])


def _thin_out(facts: Facts, rows: ir.Table) -> ir.Table:
    """The events of some clusters of each group that has very many, and all events of the others."""
    counts = facts.run(rows.group_by("_unit").aggregate(events=rows.count()))
    most = max(MOST_EVENTS // max(len(counts), 1), ENOUGH_EVENTS)
    ends = [
        f"{int(16**_DIGITS * most / events):0{_DIGITS}x}" if events > most else "g"
        for events in counts["events"].to_pylist()
    ]
    limits = ibis.memtable(pa.table({"_group": counts["_unit"], "_end": pa.array(ends, pa.string())}))
    return rows.join(limits, [rows["_unit"] == limits["_group"], rows["_digest"] < limits["_end"]]).drop(
        "_group", "_end"
    )


def _rename(column_name: str, outcomes: Sequence[str]) -> str:
    """Numbers stand for outcomes in a query, whose names can hold anything."""
    stem, _, number = column_name.rpartition("_")
    is_sum = stem.partition("_")[0] in _ARMS and stem.partition("_")[2] in ("n", "total", "squares")
    return f"{stem} {outcomes[int(number)]}" if is_sum else column_name


def _fit(
    counts: pa.Table, sizes: Mapping[str, int], outcome: str, chosen: Sequence[str], chances: dict[Any, Array]
) -> dict[str, _Fit]:
    """The models of an outcome in each group whose arms are large enough.

    ``chances`` keeps the models of being hit for other outcomes that are known of the same events.
    """
    terms = [term for term in sizes if term in chosen or term == "cell"]
    parts = ("n", "total", "squares")
    whole = Arms(*(np.stack([column(counts, f"{arm}_{part} {outcome}") for arm in _ARMS]) for part in parts))
    coded = [column(counts, f"_level_{term}").astype(np.int64) for term in terms]
    levels = np.array(coded, dtype=np.int64).reshape(len(terms), len(counts)).T
    folds, units = column(counts, "_fold").astype(np.int64), np.array(counts["_unit"].to_pylist(), dtype=object)
    fits = {}
    for unit in dict.fromkeys(units.tolist()):
        is_here = (units == unit) & (whole.n.sum(axis=0) > 0)
        arms = whole.at(is_here)
        if (arms.n.sum(axis=1) < FEWEST).any():
            continue
        design = Design(levels[is_here], tuple(sizes[term] for term in terms))
        key = (unit, *terms, is_here.tobytes(), arms.n.tobytes())
        if key not in chances:
            chances[key] = fit_chances(design, folds[is_here], FOLDS, arms.n)
        fits[unit] = _fit_one(arms, design, folds[is_here], chances[key], {term: sizes[term] for term in terms})
    return fits


def _fit_one(arms: Arms, design: Design, folds: Any, chances: Array, sizes: Mapping[str, int]) -> _Fit:
    means = fit_means(design, folds, FOLDS, arms)
    effect = estimate_effect(arms, predict(design, folds, chances, means))
    found = np.stack([chances, *means], axis=2)
    ends = np.cumsum([1, *sizes.values()])
    terms = {"": found[:, :1], **{name: found[:, ends[i] : ends[i + 1]] for i, name in enumerate(sizes)}}
    n, total = arms.n.sum(axis=1), arms.total.sum(axis=1)
    within = (arms.squares.sum(axis=1) - total**2 / n).sum() / (n.sum() - len(_ARMS))
    return _Fit(terms, overlap_bounds(float(n[1] / n.sum())), effect, float(np.sqrt(max(within, 0.0))))


def _judge(rows: ir.Table, sizes: Mapping[str, int], fits: Mapping[str, Mapping[str, _Fit]]) -> ir.Table:
    """``rows`` with the three models of each outcome (``_m0_<number>`` ...) and its bounds of overlap."""
    tables = [_coefficients(term, place, sizes.get(term, 1), fits) for place, term in enumerate(("", *sizes))]
    joined = rows
    for place, (term, table) in enumerate(zip(("", *sizes), tables, strict=True)):
        keys = [rows["_unit"] == table[f"_u{place}"], rows["_fold"] == table[f"_f{place}"]]
        joined = joined.left_join(table, [*keys, rows[f"_level_{term}"] == table[f"_l{place}"]] if term else keys)
    sums: dict[str, ir.Value] = {}
    for number in range(len(fits)):
        for model in range(3):
            first, *others = (table[f"_c{model}_{number}_{place}"] for place, table in enumerate(tables))
            sums[f"_m{model}_{number}"] = reduce(lambda total, one: total + one.coalesce(0.0), others, first)
        sums |= {f"{end}_{number}": tables[0][f"{end}_{number}"] for end in ("_low", "_high")}
    return joined.select(*(rows[name] for name in rows.columns), **sums)


def _coefficients(term: str, place: int, size: int, fits: Mapping[str, Mapping[str, _Fit]]) -> ir.Table:
    """The coefficients of one term by group, fold and level."""
    group, fold_name, level = f"_u{place}", f"_f{place}", f"_l{place}"
    units = list(dict.fromkeys(unit for fit in fits.values() for unit in fit))
    columns: dict[str, list[Any]] = {group: [], fold_name: [], level: []}
    for unit in units:
        for fold in range(FOLDS):
            columns[group] += [unit] * size
            columns[fold_name] += [fold] * size
            columns[level] += list(range(size))
    for number, fit in enumerate(fits.values()):
        for model in range(3):
            columns[f"_c{model}_{number}_{place}"] = [
                value for unit in units for value in _flat(fit.get(unit), term, size, model)
            ]
        if not term:
            for side, end in enumerate(("_low", "_high")):
                columns[f"{end}_{number}"] = [
                    fit[unit].bounds[side] if unit in fit else None for unit in units for _ in range(FOLDS)
                ]
    kinds = [pa.string(), pa.int64(), pa.int64()] + [pa.float64()] * (len(columns) - 3)
    arrays = [pa.array(values, kind) for values, kind in zip(columns.values(), kinds, strict=True)]
    return ibis.memtable(pa.table(arrays, names=list(columns)))


def _flat(fit: _Fit | None, term: str, size: int, model: int) -> list[float | None]:
    if fit is None or term not in fit.coefficients:
        return [None] * (FOLDS * size)
    return [float(value) for value in fit.coefficients[term][:, :, model].ravel()]


def _ratios(rows: ir.Table, outcome: str, number: int) -> dict[str, Ratio]:
    """What is summed for an outcome: the values in both arms, and what each event says of the two effects."""
    y, is_hit = rows[outcome].cast("float64"), rows.is_hit
    is_known = y.notnull()
    e = (1 / (1 + (-rows[f"_m0_{number}"]).exp())).clip(lower=SURE, upper=1 - SURE)
    m0, m1 = rows[f"_m1_{number}"], rows[f"_m2_{number}"]
    is_in = is_known & (e >= rows[f"_low_{number}"]) & (e <= rows[f"_high_{number}"])
    weighed = ibis.ifelse(is_hit, (y - m1) / e, (m0 - y) / (1 - e))
    harmed = ibis.ifelse(is_hit, y - m0, (m0 - y) * e / (1 - e))

    def count(chosen: ir.BooleanValue) -> ir.Value:
        return chosen.fill_null(False).ifelse(1, 0)

    def sum_of(chosen: ir.BooleanValue, value: ir.Value) -> ir.Value:
        return ibis.ifelse(chosen.fill_null(False), value, 0.0)

    return {
        f"spared_{number}": (sum_of(is_known & ~is_hit, y), count(is_known & ~is_hit)),
        f"hit_{number}": (sum_of(is_known & is_hit, y), count(is_known & is_hit)),
        f"all_{number}": (sum_of(is_in, m1 - m0 + weighed), count(is_in)),
        f"harmed_{number}": (sum_of(is_in, harmed), count(is_in & is_hit)),
    }


def _found(place: int, parts: Mapping[str, ClusterSums], fit: _Fit | None) -> Found:
    estimates = {name: _at(estimate_ratio(sums), place) for name, sums in parts.items()}
    n = np.array([parts["spared"].m[place], parts["hit"].m[place]])
    means = np.array([estimates["spared"].value, estimates["hit"].value])
    naive = compare_estimates(estimates["spared"], estimates["hit"])
    if fit is None:
        return Found(n, means, np.nan, naive)
    few = np.fmin(estimates["all"].df, estimates["harmed"].df)  # no more certain than those hit can make it
    on_all = Estimate(estimates["all"].value, estimates["all"].se, few)
    return Found(n, means, fit.spread, naive, on_all, estimates["harmed"], fit.effect)


def _at(estimate: Estimate, place: int) -> Estimate:
    return Estimate(*(np.asarray(value[place]) for value in (estimate.value, estimate.se, estimate.df)))
