"""People like them: what customers did after moments of the past, by what they had done and by what had happened.

At several moments of the past, and at the moment of the report, every customer is described in the same way by what was
known then (landmarks). Rows with equal descriptions leave the engine as one, with how many bought again and how many
did not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import NamedTuple

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from saydo.company import Facts
from saydo.measures._commitments import days_between
from saydo.measures._happenings import KINDS, count_happenings
from saydo.measures._measure import column
from saydo.measures._money import add_rate
from saydo.stats.arrays import Array
from saydo.stats.drops import Drops, fit_drops

MOMENTS = 4  # of 90 days each they make a year, so that every season is in it
GROUPS = 41
FEWEST = 10  # who bought again, and who did not, for anything to be said of a kind
ORDERS = (1, 2, 4)  # at most so many purchases, or more
RECENT = (15, 30, 60, 90, 180, 365)  # days since the last purchase: fewer than
LONG = 365  # days since the first
BANDS = ("orders_band", "recent_band", "is_long", "is_dear", "lately_band")
LEVELS = tuple(f"level_{kind.name}" for kind in KINDS)
LATELY = 3  # purchases in the days before: so many or more; each can bring trouble
_SIZES = (len(ORDERS) + 1, len(RECENT) + 1, 2, 2, LATELY + 1)


def find_moments(facts: Facts, days: int, horizon: int) -> list[datetime]:
    """Moments of the past whose horizon is over and whose ``days`` before lie within the facts, the latest first."""
    first = facts.manifest.first or facts.as_of
    every = [facts.as_of - timedelta(days=horizon + place * days) for place in range(MOMENTS)]
    return [moment for moment in every if moment - timedelta(days=days) >= first]


def describe(
    facts: Facts, happened: ir.Table | None, moments: Sequence[datetime], days: int, horizon: int, usual: float = 0.0
) -> ir.Table:
    """Every customer at each of ``moments`` at which he had bought and had not said goodbye.

    ``usual`` is what an order is worth on the whole (`value_of_an_order`; 0 will do where BANDS do not matter).

    customer_id, moment, group (random, of people), BANDS, LEVELS, what `count_happenings` gives, has_bought (in the
    horizon after it, as far as it is known).
    """
    when = ibis.memtable(pa.table({"moment": pa.array(moments, pa.timestamp("us"))}))
    rows = _add_bands(_sum_purchases(facts, when, days, horizon), usual)
    if happened is None:
        none = {name: ibis.literal(0, "int64") for kind in KINDS for name in (kind.name, f"level_{kind.name}")}
        last = {f"last_{kind.name}": ibis.null("timestamp(6)") for kind in KINDS}
        return rows.mutate(**none, **last, longest_row=ibis.null("int64"))
    counts = count_happenings(happened, when, days).rename(_moment="moment")
    rows = rows.left_join(counts, [("customer_id", "_who"), ("moment", "_moment")]).drop("_who", "_moment")
    rows = rows.mutate(**{kind.name: rows[kind.name].coalesce(0) for kind in KINDS})
    levels = {f"level_{kind.name}": ibis.least(rows[kind.name], kind.levels) for kind in KINDS}
    in_a_row = ibis.least(rows.longest_row.coalesce(0), 2)  # broken twice, but not of one kind in a row, is once
    return rows.mutate(**{**levels, "level_broken_promises": in_a_row})


def _sum_purchases(facts: Facts, when: ir.Table, days: int, horizon: int) -> ir.Table:
    """Purchases before each moment, as they stood then, and whether any followed."""
    orders = _with_value(facts).cross_join(when)
    is_before = orders.ordered_at < orders.moment
    stood = orders.is_sold | (is_before & (orders.cancelled_at >= orders.moment).fill_null(False))
    is_within = orders.ordered_at <= orders.moment + ibis.interval(days=horizon)
    orders = orders.filter(stood & is_within)
    is_before = orders.ordered_at < orders.moment
    rows = orders.group_by("customer_id", "moment").aggregate(
        orders=is_before.ifelse(1, 0).sum(),
        lately=(is_before & (orders.ordered_at >= orders.moment - ibis.interval(days=days))).ifelse(1, 0).sum(),
        first=orders.ordered_at.min(),
        last=orders.ordered_at.max(where=is_before),
        value=orders.value.mean(where=is_before),
        has_bought=(~is_before).ifelse(1, 0).max(),
    )
    rows = rows.filter(rows.orders > 0)
    if not facts.has("customers"):
        return rows
    left = facts.table("customers")
    left = left.filter(left.left_at.notnull()).select(_who="customer_id", _left="left_at")
    rows = rows.left_join(left, [("customer_id", "_who")])
    return rows.filter(rows["_left"].isnull() | (rows["_left"] >= rows.moment)).drop("_who", "_left")


def _with_value(facts: Facts) -> ir.Table:
    """Orders of known customers with ``is_sold`` (not cancelled by now) and ``value``."""
    orders = facts.table("orders")
    orders = add_rate(facts, "orders", orders.filter(orders.customer_id.notnull()))
    lines = facts.table("order_lines")
    lines = lines.filter(lines.kind != "shipping")
    amount = (lines.quantity.cast("float64") * lines.unit_price.cast("float64")).sum()
    sums = lines.group_by(_order="order_id").aggregate(_amount=amount)
    joined = orders.left_join(sums, [("order_id", "_order")])
    is_sold = joined.cancelled_at.isnull() & (joined.status != "cancelled")
    return joined.select(
        "customer_id",
        "ordered_at",
        "cancelled_at",
        is_sold=is_sold,
        value=joined["_amount"].coalesce(0.0) * joined.rate,
    )


def value_of_an_order(facts: Facts) -> float:
    """The mean worth of the orders of known customers, cancelled ones too, in the company's currency."""
    rows = _with_value(facts)
    mean = facts.run(rows.aggregate(mean=rows.value.mean()))["mean"][0].as_py()
    return round(float(mean or 0.0), 6)


def _add_bands(rows: ir.Table, usual: float) -> ir.Table:
    """What likes have in common: purchases, days since the last and the first, and what a purchase is worth."""
    since, tenure = days_between(rows["last"], rows.moment), days_between(rows["first"], rows.moment)
    orders = ibis.cases(*((rows.orders <= most, place) for place, most in enumerate(ORDERS)), else_=len(ORDERS))
    recent = ibis.cases(*((since < most, place) for place, most in enumerate(RECENT)), else_=len(RECENT))
    return rows.select(
        "customer_id",
        "moment",
        "orders",
        "has_bought",
        "last",
        group=(rows["first"].epoch_seconds() % GROUPS).cast("int64"),
        orders_band=orders.cast("int64"),
        recent_band=recent.cast("int64"),
        is_long=(tenure >= LONG).ifelse(1, 0).cast("int64"),
        lately_band=ibis.least(rows.lately, LATELY).cast("int64"),
        is_dear=(rows.value > usual).ifelse(1, 0).cast("int64"),
    )


class Told(NamedTuple):
    """What was seen of one level of a kind: how often, and the mean drop of those it happened to, had nothing else."""

    kind: str
    level: int
    times: int
    drop: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Seen:
    """What was seen of likes: the fit, and which levels of which kinds it tells (``columns`` by kind and level)."""

    drops: Drops
    columns: dict[tuple[str, int], int]
    width: int
    told: tuple[Told, ...]
    rows: int

    def of(self, bands: Array, levels: Array) -> tuple[Array, Array]:
        """(relative drop, se) of customers in these bands to whom this happened, at no moment in particular."""
        drop, error, _ = self.drops.of(*self._design(bands, levels))
        return drop, error

    def sum(self, bands: Array, levels: Array, weights: Array) -> tuple[Array, Array]:
        return self.drops.sum(*self._design(bands, levels), weights)

    def _design(self, bands: Array, levels: Array) -> tuple[Array, Array]:
        like = design_likes(bands, np.zeros((len(bands), self.width)))
        return like, design_levels(levels, self.columns)


def learn(facts: Facts, rows: ir.Table, moments: Sequence[datetime]) -> Seen | None:
    """What `describe` says of past moments; null when nobody, or everybody, bought again."""
    keys = ["group", "moment", *BANDS, *LEVELS]
    cells = rows.group_by(keys).aggregate(yes=rows.has_bought.sum(), no=(1 - rows.has_bought).sum())
    found = facts.run(cells).sort_by([(name, "ascending") for name in keys])
    yes, no = column(found, "yes"), column(found, "no")
    if min(yes.sum(), no.sum()) < FEWEST:
        return None
    bands, levels = _matrix(found, BANDS), _matrix(found, LEVELS)
    place = np.searchsorted(np.sort(np.array(moments, "datetime64[us]")), found["moment"].to_numpy())
    columns = _choose_levels(levels, yes, no)
    whole, row = np.unique(np.column_stack([place, bands, levels]), axis=0, return_inverse=True)
    seasons = _sum_code(whole[:, 0].astype(int), len(moments))
    like = design_likes(whole[:, 1 : 1 + len(BANDS)], seasons)
    happened = design_levels(whole[:, 1 + len(BANDS) :], columns)
    drops = fit_drops(like, happened, yes, no, row.ravel(), column(found, "group"))
    seen = Seen(drops, columns, seasons.shape[1], (), int(yes.sum() + no.sum()))
    counts = np.asarray(np.bincount(row.ravel(), yes + no, len(whole)), dtype=np.float64)
    return Seen(
        drops,
        columns,
        seasons.shape[1],
        _tell(seen, whole[:, 1 : 1 + len(BANDS)], whole[:, 1 + len(BANDS) :], counts),
        seen.rows,
    )


def _matrix(found: pa.Table, names: Sequence[str]) -> Array:
    return np.column_stack([column(found, name) for name in names])


def design_likes(bands: Array, seasons: Array) -> Array:
    """The constant, the pairs of purchases and days since the last, both halves, purchases lately, the moments."""
    pair = (bands[:, 0] * _SIZES[1] + bands[:, 1]).astype(int)
    pairs = np.eye(_SIZES[0] * _SIZES[1])[pair]
    lately = np.eye(LATELY + 1)[bands[:, 4].astype(int)]
    return np.hstack([np.ones((len(bands), 1)), pairs, bands[:, 2:4], lately, seasons])


def design_levels(levels: Array, columns: dict[tuple[str, int], int]) -> Array:
    """One column per level that is told; a level that is not told counts as the one below."""
    design = np.zeros((len(levels), len(set(columns.values()))))
    for place, kind in enumerate(KINDS):
        for level in range(1, kind.levels + 1):
            if (kind.name, level) in columns:
                design[levels[:, place] == level, columns[kind.name, level]] = 1.0
    return design


def _choose_levels(levels: Array, yes: Array, no: Array) -> dict[tuple[str, int], int]:
    """The levels seen often enough on both sides; a higher one that was not takes the column of the one below."""
    columns: dict[tuple[str, int], int] = {}
    free = 0
    for place, kind in enumerate(KINDS):
        is_level = [levels[:, place] == level for level in range(1, kind.levels + 1)]
        enough = [min(yes[one].sum(), no[one].sum()) >= FEWEST for one in is_level]
        if not enough[0]:
            is_any = levels[:, place] > 0
            enough = [bool(min(yes[is_any].sum(), no[is_any].sum()) >= FEWEST), *([False] * (kind.levels - 1))]
        if not enough[0]:
            continue
        for level, is_told in enumerate(enough, 1):
            free += 1 if is_told else 0
            columns[kind.name, level] = free - 1
    return columns


def _sum_code(place: Array, size: int) -> Array:
    """Columns of each moment but the last, which is minus them all: 0 everywhere is their mean."""
    codes = np.vstack([np.eye(size - 1), -np.ones((1, size - 1))]) if size > 1 else np.zeros((1, 0))
    return np.asarray(codes[place])


def _tell(seen: Seen, bands: Array, levels: Array, counts: Array) -> tuple[Told, ...]:
    """Of each level its mean drop over those to whom it happened, as if nothing else had."""
    told = []
    for (name, level), place in seen.columns.items():
        kind = [one.name for one in KINDS].index(name)
        here = levels[:, kind] == level
        if seen.columns.get((name, level - 1)) == place or not here.any():
            continue
        alone = np.zeros((int(here.sum()), levels.shape[1]))
        alone[:, kind] = level
        weights = counts[here] / counts[here].sum()
        value, error = seen.sum(bands[here], alone, weights[:, None])
        low, high = seen.drops.interval(value, error)
        told.append(Told(name, level, int(counts[here].sum()), float(value[0]), float(low[0]), float(high[0])))
    return tuple(told)


def every_case(seen: Seen) -> pa.Table:
    """BANDS and LEVELS of everything that can have happened to anybody, with ``fall`` (relative) and ``fall_error``."""
    ranges = [range(size) for size in _SIZES] + [range(kind.levels + 1) for kind in KINDS]
    every = np.array([one for one in product(*ranges) if any(one[len(BANDS) :])], dtype=np.int64)
    drop, error = seen.of(every[:, : len(BANDS)].astype(float), every[:, len(BANDS) :].astype(float))
    names = [*BANDS, *LEVELS]
    columns = {f"_{name}": every[:, place] for place, name in enumerate(names)}
    return pa.table({**columns, "fall": drop, "fall_error": error})
