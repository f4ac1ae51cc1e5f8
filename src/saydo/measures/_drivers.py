"""What may drive a score, found in the facts and laid beside each answer as numbers, summed as cross-products.

A driver is something rated in the same reply, a kind of promise given with the order, or a touchpoint. Each has columns
whose products with all others are summed per group and lot (`LOTS` lots of whole clusters, made by the hash of their
key, so that any engine makes the same): from these sums every figure and its error follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from saydo.company import Facts
from saydo.measures._commitments import promises_known_at_answers
from saydo.measures._measure import column
from saydo.stats.arrays import Array

LOTS = 64
LEAST = 20  # answers that know a driver; of fewer nothing can be said
MOST = {"item": 10, "promise": 6, "touchpoint": 8}
RATED = ("nps", "csat", "ces", "stars")


@dataclass(frozen=True)
class Driver:
    """Something that may drive the score; ``kind`` is the question of what was rated, else promise or touchpoint.

    ``low`` and ``high`` are the ends of the scale on which it was rated.
    """

    of: Literal["item", "promise", "touchpoint"]
    kind: str
    name: str
    item: str | None = None
    low: float = 0.0
    high: float = 1.0

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2

    @property
    def columns(self) -> tuple[str, ...]:
        """Is it known of an answer; and how far below and above the middle it was rated, or whether it was broken."""
        return {"item": ("known", "below", "above"), "promise": ("known", "broken"), "touchpoint": ("known",)}[self.of]


def find_drivers(facts: Facts, answers: ir.Table, question: str) -> tuple[list[Driver], int]:
    """The drivers of these answers, those that most answers know first, and how many more are left out."""
    found = [_find_items(facts, answers, question), _find_promises(facts, answers), _find_touchpoints(facts, answers)]
    enough = [[driver for driver, count in drivers if count >= LEAST] for drivers in found]
    kept = [driver for drivers in enough for driver in drivers[: MOST[drivers[0].of] if drivers else 0]]
    return kept, sum(map(len, found)) - len(kept)


def _find_items(facts: Facts, answers: ir.Table, question: str) -> list[tuple[Driver, int]]:
    rated = _rated(facts, answers, question)
    keys = ("question", "item", "scale_min", "scale_max")
    rows = facts.run(rated.group_by(list(keys)).aggregate(count=rated.count())).to_pylist()
    best: dict[tuple[str, str | None], tuple[Driver, int]] = {}
    for row in sorted(rows, key=lambda row: (-row["count"], *(str(row[key]) for key in keys))):
        name = row["item"] or row["question"]
        driver = Driver("item", row["question"], name, row["item"], row["scale_min"], row["scale_max"])
        best.setdefault((row["question"], row["item"]), (driver, row["count"]))  # on the scale that most used
    return list(best.values())


def _rated(facts: Facts, answers: ir.Table, question: str) -> ir.Table:
    """What was rated in the replies of these answers, beside the score itself."""
    feedback = facts.table("feedback")
    is_score = (feedback.question == question) & feedback.item.isnull()
    rated = feedback.filter(feedback.question.isin(RATED) & feedback.score.notnull() & ~is_score)
    rated = rated.filter((rated.scale_min < rated.scale_max) & rated.reply_id.notnull())
    return rated.semi_join(answers.select(_reply="reply_id").distinct(), [("reply_id", "_reply")])


def _find_promises(facts: Facts, answers: ir.Table) -> list[tuple[Driver, int]]:
    if not (facts.has("commitments") and facts.has("orders")):
        return []
    known = promises_known_at_answers(facts, answers)
    return _count(facts, known, "promise")


def _find_touchpoints(facts: Facts, answers: ir.Table) -> list[tuple[Driver, int]]:
    return _count(facts, answers.filter(answers.touchpoint.notnull()), "touchpoint")


def _count(facts: Facts, rows: ir.Table, kind: Literal["promise", "touchpoint"]) -> list[tuple[Driver, int]]:
    found = facts.run(rows.group_by(kind).aggregate(count=rows.count())).to_pylist()
    found.sort(key=lambda row: (-row["count"], row[kind]))
    return [(Driver(kind, kind, row[kind]), row["count"]) for row in found]


def lay_beside(facts: Facts, answers: ir.Table, drivers: Sequence[Driver], question: str) -> ir.Table:
    """Answers with the columns of every driver as numbers (``_<number>_<column>``), 0 where it is not known."""
    items = {number: one for number, one in enumerate(drivers) if one.of == "item"}
    promises = {number: one for number, one in enumerate(drivers) if one.of == "promise"}
    rows = answers.mutate(
        **{
            f"_{number}_known": (answers.touchpoint == one.name).fill_null(False).ifelse(1.0, 0.0)
            for number, one in enumerate(drivers)
            if one.of == "touchpoint"
        }
    )
    if items:
        rows = _join(rows, "reply_id", _ratings(_rated(facts, answers, question), items))
    if promises:
        rows = _join(rows, "feedback_id", _outcomes(promises_known_at_answers(facts, answers), promises))
    return rows


def _join(rows: ir.Table, key: str, beside: ir.Table) -> ir.Table:
    joined = rows.left_join(beside, rows[key] == beside["_key"])
    names = [name for name in beside.columns if name != "_key"]
    return joined.select(rows, **{name: beside[name].coalesce(0.0) for name in names})


def _ratings(rated: ir.Table, items: dict[int, Driver]) -> ir.Table:
    """One row per reply; something rated twice counts with its mean."""
    scores: dict[str, ir.Value] = {}
    for number, one in items.items():
        is_it = (rated.question == one.kind) & rated.item.identical_to(ibis.literal(one.item, type="string"))
        is_it &= (rated.scale_min == one.low) & (rated.scale_max == one.high)
        scores[f"_{number}"] = rated.score.mean(where=is_it)
    per = rated.group_by(_key="reply_id").aggregate(**scores)
    columns: dict[str, ir.Value] = {}
    for number, one in items.items():
        score = per[f"_{number}"]
        columns |= {
            f"_{number}_known": score.notnull().ifelse(1.0, 0.0),
            f"_{number}_below": ibis.greatest(one.middle - score, 0.0),
            f"_{number}_above": ibis.greatest(score - one.middle, 0.0),
        }
    return per.select("_key", **columns)


def _outcomes(known: ir.Table, promises: dict[int, Driver]) -> ir.Table:
    columns: dict[str, ir.Value] = {}
    for number, one in promises.items():
        is_it = known.promise == one.name
        columns |= {
            f"_{number}_known": is_it.ifelse(1.0, 0.0).max(),
            f"_{number}_broken": (is_it & known.is_broken).ifelse(1.0, 0.0).max(),
        }
    return known.group_by(_key="feedback_id").aggregate(**columns)


@dataclass(frozen=True)
class Products:
    """Of each group of ``keys`` the cross-products of every lot: (lots, columns, columns), a column of ones first."""

    keys: pa.Table
    lots: list[Array]


def sum_products(facts: Facts, rows: ir.Table, names: Sequence[str], drivers: Sequence[Driver]) -> Products:
    """The cross-products of the columns of all drivers, and of the score, which comes last; needs ``cluster``."""
    columns = [f"_{number}_{name}" for number, one in enumerate(drivers) for name in one.columns]
    lot = _lot(rows.cluster)
    valued = rows.select(
        *names,
        _lot=lot,
        _one=ibis.literal(1.0),
        **{name: rows[name] for name in columns},
        _score=rows.score.cast("float64"),
    )
    columns = ["_one", *columns, "_score"]
    pairs = [(a, b) for a in range(len(columns)) for b in range(a, len(columns))]
    sums = {f"p{place}": (valued[columns[a]] * valued[columns[b]]).sum() for place, (a, b) in enumerate(pairs)}
    found = facts.run(valued.aggregate(by=[*names, "_lot"], **sums))
    return _by_group(found.sort_by([(name, "ascending") for name in (*names, "_lot")]), names, pairs, len(columns))


def _lot(cluster: ir.StringValue) -> ir.StringValue:
    """One of `LOTS` lots, of equal size in the long run; a hash that every engine has in common."""
    digest = cluster.hexdigest("md5")
    second = digest.substr(1, 1)
    quarter = ibis.cases((second < "4", "0"), (second < "8", "1"), (second < "c", "2"), else_="3")
    return digest.substr(0, 1) + quarter


def _by_group(found: pa.Table, names: Sequence[str], pairs: Sequence[tuple[int, int]], size: int) -> Products:
    filled = np.zeros((found.num_rows, size, size))
    for place, (a, b) in enumerate(pairs):
        filled[:, a, b] = filled[:, b, a] = column(found, f"p{place}")
    keys = found.select(list(names)).to_pylist() if names else [{}] * found.num_rows
    starts = [place for place, key in enumerate(keys) if place == 0 or key != keys[place - 1]]
    return Products(found.select(list(names)).take(starts), np.split(filled, starts[1:]) if starts else [])
