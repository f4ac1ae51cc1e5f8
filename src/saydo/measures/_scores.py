"""Errors of what is fitted, when rows are not independent: the sums of products of scores over clusters.

A fit sees identical rows once, with their count. How much each kind of row pulls at an estimate (its score, or
influence) is computed once per kind in ``stats``, joined back to the rows on the engine and summed per cluster (a
customer, an account). The products of these sums, added up, are what an error that knows of clusters is made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from saydo.company import Facts
from saydo.measures._measure import column
from saydo.stats.arrays import Array


def number_groups(found: pa.Table, names: Sequence[str]) -> tuple[npt.NDArray[np.int64], pa.Table]:
    """The number of each row's group, and the groups themselves, in the order in which they first appear."""
    keys = list(zip(*(found[name].to_pylist() for name in names), strict=True)) or [()] * len(found)
    number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    group = np.array([number[key] for key in keys], dtype=np.int64)
    firsts = [keys.index(key) for key in number]
    return group, found.select(list(names)).take(firsts) if names else pa.table({})


def number_kinds(rows: ir.Table, keys: Sequence[str]) -> ir.Table:
    """``rows`` with ``kind``, a number that all rows with the same ``keys`` share."""
    return rows.mutate(kind=ibis.dense_rank().over(ibis.window(order_by=list(keys))).cast("int64"))


def sum_products(
    facts: Facts, rows: ir.Table, kind: npt.ArrayLike, group: npt.NDArray[np.int64], scores: Mapping[str, Array]
) -> tuple[Array, Array]:
    """Per group the matrix of sum over clusters of products of their summed ``scores``, and the number of clusters.

    ``rows`` have ``cluster`` and ``kind`` (of `number_kinds`); ``kind``, ``group`` and ``scores`` have an element per
    kind, and rows of other kinds do not count.
    """
    names, count = list(scores), int(group.max(initial=-1)) + 1
    if not count:
        return np.zeros((0, len(names), len(names))), np.zeros(0)
    looked_up = write_numbers({"_kind": np.asarray(kind), "_group": group, **scores})
    joined = rows.join(looked_up, rows.kind == looked_up["_kind"].cast("int64"))
    per = joined.group_by("_group", "cluster").aggregate(**{f"_sum_{name}": joined[name].sum() for name in names})
    pairs = list(combinations_with_replacement(names, 2))
    sums = {f"product_{place}": (per[f"_sum_{i}"] * per[f"_sum_{j}"]).sum() for place, (i, j) in enumerate(pairs)}
    found = facts.run(per.group_by("_group").aggregate(clusters=per.count(), **sums))
    place = column(found, "_group").astype(np.int64)
    matrix, clusters = np.zeros((count, len(names), len(names))), np.zeros(count)
    clusters[place] = column(found, "clusters")
    for number, (one, other) in enumerate(pairs):
        i, j = names.index(one), names.index(other)
        matrix[place, i, j] = matrix[place, j, i] = column(found, f"product_{number}")
    return matrix, clusters


def write_numbers(columns: Mapping[str, npt.NDArray[Any]]) -> ir.Table:
    """A small table of numbers that is written into the query itself, so that no engine has to hold it meanwhile.

    As one text, because an expression with thousands of numbers takes seconds to compile.
    """
    lines = zip(*(values.tolist() for values in columns.values()), strict=True)
    text = ";".join(" ".join(map(repr, line)) for line in lines)
    row = ibis.literal(text).split(";").unnest().name("row").as_table()
    parts = row.select(numbers=row["row"].split(" "))
    return parts.select(**{name: parts.numbers[place].cast("float64") for place, name in enumerate(columns)})
