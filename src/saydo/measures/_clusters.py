"""Ratios whose rows are not independent: several orders of one customer, several people of one firm.

Rows are summed per cluster (who makes them go well or badly together), then over clusters: six sums per ratio and
group leave the engine, whatever the number of customers.

Of a company with MANY_CUSTOMERS, clusters are thrown together at random into LOTS lots first (by the engine's own hash
of their name, which is always the same), and what two clusters of a lot add by chance is taken off again
(`saydo.stats.ratios.sums_of_lots`). Figures are the same to the last digit; their errors, and the numbers of clusters,
are estimates that miss the full sums by some 0.3 % and 0.6 %, and differ by as much from one engine to another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import gammaincinv

from saydo.company import Facts
from saydo.measures._measure import column
from saydo.measures._population import has_many
from saydo.stats.arrays import Array, divide, find_quantile
from saydo.stats.intervals import wilson
from saydo.stats.ratios import ClusterSums, effective_answers, estimate_ratio, sums_of_lots

LOTS = 2**16
Ratio = tuple[ir.Value, ir.Value]  # of a row: what is summed above and below the line


def has_accounts(facts: Facts) -> bool:
    """Does any customer belong to an account (a firm or household)?"""
    if not facts.has("customers"):
        return False
    customers = facts.table("customers")
    return bool(len(facts.run(customers.filter(customers.account_id.notnull()).select("account_id").limit(1))))


def add_cluster(facts: Facts, rows: ir.Table, customer: str, *others: str) -> ir.Table:
    """``rows`` with ``cluster``: the customer's account, else the customer, else the first known of ``others``."""
    # marked with their names, because the keys of two tables can be equal
    own = rows[customer].coalesce(*(ibis.literal(f"{name} ") + rows[name] for name in others))
    if not has_accounts(facts):
        return rows.mutate(cluster=own)
    customers = facts.table("customers").select(_key="customer_id", _account="account_id")
    joined = rows.left_join(customers, rows[customer] == customers["_key"])
    return joined.select(rows, cluster=("account_id " + customers["_account"]).coalesce(own))


def is_whole(facts: Facts, table: str, column: str) -> bool:
    """Is the column known in every row? Engines tell from the statistics of the files, without reading the rows."""
    rows = facts.table(table)
    return not len(facts.run(rows.filter(rows[column].isnull()).select(column).limit(1)))


def hold(facts: Facts, rows: ir.Table) -> ir.Table:
    """``rows`` for a query that aggregates them twice: an engine that can holds them meanwhile. Narrow them before."""
    return _draw_lots(facts, rows).alias("held")


@ibis.udf.scalar.builtin(name="hash")  # type: ignore[untyped-decorator]
def _hash(text: str) -> int:  # type: ignore[empty-body]
    """The engine's own hash: DuckDB and Spark both have one of this name."""


def _draw_lots(facts: Facts, rows: ir.Table) -> ir.Table:
    """``rows`` with a lot in place of the cluster where the company has many customers; lots are numbers."""
    if not has_many(facts) or rows.cluster.type().is_integer():
        return rows
    return rows.mutate(cluster=(_hash(rows.cluster) & (LOTS - 1)).cast("int32"))


def run_groups(facts: Facts, rows: ir.Table, names: Sequence[str], **figures: ir.Value) -> pa.Table:
    """Aggregates of each group, sorted by the columns that make the groups: two runs over the same rows align."""
    return _sorted(facts.run(rows.aggregate(by=list(names), **figures)), names)


def run_with_clusters(
    facts: Facts, rows: ir.Table, names: Sequence[str], figures: Mapping[str, ir.Value], **ratios: Ratio
) -> tuple[pa.Table, dict[str, ClusterSums]]:
    """`run_groups` and `sum_clusters` in one query over rows that `hold` gave."""
    groups = rows.aggregate(by=list(names), **figures)
    sums = _sum_clusters(facts, rows, names, {}, ratios)
    if names:
        keys = sums.rename(**{f"_{name}": name for name in names})
        is_same = [groups[name].identical_to(keys[f"_{name}"]) for name in names]
        both = groups.left_join(keys, is_same).drop(*(f"_{name}" for name in names))
    else:
        both = groups.cross_join(sums)
    found = _sorted(facts.run(both), names)
    return found.select([*names, *figures]), _read_clusters(facts, found, ratios)


def sum_clusters(facts: Facts, rows: ir.Table, names: Sequence[str], **ratios: Ratio) -> dict[str, ClusterSums]:
    """Of each ratio, the sums over the clusters of each group (`saydo.stats.ratios`), sorted like `run_groups`.

    A cluster that adds nothing to either side of a ratio does not count as one of its clusters.
    """
    return sum_groups(facts, rows, names, {}, **ratios)[1]


def sum_groups(
    facts: Facts, rows: ir.Table, names: Sequence[str], totals: Mapping[str, ir.Value], **ratios: Ratio
) -> tuple[pa.Table, dict[str, ClusterSums]]:
    """`sum_clusters`, and before it the groups with the sums of ``totals`` over their rows, in the same pass."""
    found = _sorted(facts.run(_sum_clusters(facts, rows, names, totals, ratios)), names)
    return found.select([*names, *totals]), _read_clusters(facts, found, ratios)


def _sorted(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    return rows.sort_by([(name, "ascending") for name in names]) if names else rows


def _sum_clusters(
    facts: Facts, rows: ir.Table, names: Sequence[str], totals: Mapping[str, ir.Value], ratios: Mapping[str, Ratio]
) -> ir.Table:
    parts = {
        f"{name}_{side}": part.cast("float64")
        for name, pair in ratios.items()
        for side, part in zip("cm", pair, strict=True)
    }
    valued = _draw_lots(facts, rows.select(*names, "cluster", **parts, **totals))
    summed = {name: valued[name].sum().coalesce(0) for name in (*parts, *totals)}
    per = valued.aggregate(by=[*names, "cluster"], **summed)
    sums: dict[str, ir.Value] = {name: per[name].sum() for name in totals}
    for name in ratios:
        c, m = per[f"{name}_c"], per[f"{name}_m"]
        sums |= {f"{name}_clusters": per.count(where=(c != 0) | (m != 0)), f"{name}_c": c.sum(), f"{name}_m": m.sum()}
        sums |= {f"{name}_cc": (c * c).sum(), f"{name}_cm": (c * m).sum(), f"{name}_mm": (m * m).sum()}
    return per.aggregate(by=list(names), **{name: value.coalesce(0) for name, value in sums.items()})


def _read_clusters(facts: Facts, found: pa.Table, ratios: Mapping[str, Ratio]) -> dict[str, ClusterSums]:
    sides = ("clusters", "c", "m", "cc", "cm", "mm")
    sums = {name: ClusterSums(*(column(found, f"{name}_{side}") for side in sides)) for name in ratios}
    return {name: sums_of_lots(one, LOTS) for name, one in sums.items()} if has_many(facts) else sums


def share_interval(sums: ClusterSums, rows: npt.ArrayLike | None = None) -> tuple[Array, Array, Array]:
    """A share (0 to 1) and the ends of its 95 % interval; nan in a group without weight.

    Wilson's interval: on the plain counts where no cluster has more than one row, else on the effective number of
    rows with the degrees of freedom of the clusters. Rows of a single cluster count as one. Where rows weigh
    differently (money), ``rows`` is how many equal ones would be as informative, (sum w)^2 / sum w^2 over rows: never
    more count, because a chance that spares the few heavy rows looks like certainty.

    Coverage as in docs/coverage.md. 10 to 300 customers with 1 to many rows, shares .5 to .99: 95-99 % when rows of a
    customer have a correlation of .1, 93-98 % at .5, where Wilson on the plain number of rows holds 90-96 % and
    74-95 %. Log-normal weights (sigma .5 to 1.5), 30 to 2,000 amounts, shares .03 to .3: 95-99 %, without ``rows``
    75-97 %.
    """
    ratio = estimate_ratio(sums)
    share, most = ratio.value, sums.m if rows is None else np.asarray(rows, dtype=np.float64)
    is_single = np.isclose(sums.mm, most) & (rows is None)
    effective = effective_answers(ratio.se, share * (1 - share), most, sums.effective_clusters)
    effective = np.where(is_single, most, np.where(np.isnan(effective), np.minimum(most, 1), effective))
    freedom = np.where(is_single | np.isnan(ratio.df), np.inf, ratio.df)
    low, high = wilson(share * effective, effective, df=freedom)
    return share, low, high


def rate_interval(sums: ClusterSums, events: npt.ArrayLike | None = None) -> tuple[Array, Array, Array]:
    """A rate of events (contacts per order), or what they cost per order, and the ends of its 95 % interval.

    The gamma interval of as many Poisson events as would be as certain as the clusters are, (rate / error)^2, with the
    degrees of freedom of the clusters; never more than there were ``events`` (the sum above the line, if not said).
    Without events a rate is 0 with an upper end, but a cost has no interval. Few clusters count as one event at least.

    Coverage as in docs/coverage.md, 8 to 1,000 customers with some orders, .05 to .5 contacts per order and customers
    from all alike to very different (gamma shape .5): 92.5-99.7 %, costs too; Student's interval 55-98.5 %.
    Source: F. Garwood, Biometrika 28 (1936) 437-442; the effective number after Korn and Graubard 1998.
    """
    ratio = estimate_ratio(sums)
    most = sums.c if events is None else np.asarray(events, dtype=np.float64)
    by_few = find_quantile(0.95) / find_quantile(0.95, np.where(np.isnan(ratio.df), np.inf, ratio.df))
    certain = divide(ratio.value**2, ratio.se**2) * by_few**2
    certain = np.where(ratio.se > 0, np.clip(certain, 1, None), np.where(np.isnan(ratio.se), 1, np.inf))
    certain = np.where(ratio.value > 0, np.minimum(certain, most), np.nan)
    low, high = (divide(end, certain) * ratio.value for end in _poisson_ends(certain))
    if events is None:
        alone = _poisson_ends(np.zeros_like(certain))[1] * divide(sums.clusters, sums.effective_clusters * sums.m)
        low, high = np.where(ratio.value == 0, 0, low), np.where(ratio.value == 0, alone, high)
    return ratio.value, low, high


def _poisson_ends(events: Array) -> tuple[Array, Array]:
    """The means of Poisson laws that give so many events or more (or fewer) with a probability of 2.5 %."""
    shape = np.maximum(events, np.finfo(np.float64).tiny)
    ends = gammaincinv(shape, 0.025), gammaincinv(events + 1, 0.975)
    return np.asarray(ends[0], dtype=np.float64), np.asarray(ends[1], dtype=np.float64)


def named(name: str, interval: tuple[Any, Any, Any], stem: str = "") -> dict[str, Any]:
    """Name the three columns of a figure with its interval: ``name``, ``<stem>_low``, ``<stem>_high``."""
    stem = stem or name
    return dict(zip((name, f"{stem}_low", f"{stem}_high"), interval, strict=True))
