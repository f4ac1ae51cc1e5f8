"""How certain renewals are where contracts of one customer or account go together: they renew and end alike.

Contracts that stand alone are told from their counts; only those that share a customer or account are followed one by
one, from renewal to renewal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from saydo.company import Facts
from saydo.measures._clusters import add_cluster, share_interval, sum_clusters
from saydo.measures._measure import column
from saydo.measures._scores import number_groups, number_kinds, write_numbers
from saydo.stats.arrays import Array, divide, find_quantile
from saydo.stats.ratios import ClusterSums, estimate_ratio


@dataclass(frozen=True, eq=False)
class Ties:
    """By group (first axis) and renewal (second): the ends of the share renewed, and how many times larger the variance
    of log S(n) is than Greenwood's. ``design_effect`` is that of the losses of all, for tests between groups.
    """

    low: Array
    high: Array
    effects: Array
    design_effect: float

    def of(self, group: int) -> Ties:
        """Those of one group alone."""
        return Ties(self.low[group], self.high[group], self.effects[group], self.design_effect)


def find_ties(facts: Facts, rows: ir.Table, names: Sequence[str], found: pa.Table) -> Ties | None:
    """What ``rows`` (of `run_renewals`, as ``found``) tell of customers and accounts; null where each has one contract.

    A contract that was lost at renewal l of group g moves log S(n) by H_n for n < l and by H_l - B_l from l on; one
    that was not by H of its last renewal, with B_j = 1 / (n_j (1 - h_j)), H_n = sum h_j B_j up to n, h_j the share lost
    of the n_j that met renewal j. The squares of their sums over clusters make the variance, as in `estimate_ratio`.
    """
    tied = _choose(facts, rows, names)
    seen = facts.run(tied.aggregate(by=[*names, "kind", "renewals", "is_lost"], contracts=tied.count()))
    if not len(seen):
        return None
    group, groups = number_groups(found, names)
    place = {tuple(row.values()): number for number, row in enumerate(groups.to_pylist())}
    own = np.array([place[tuple(row.values())] for row in seen.select(list(names)).to_pylist()])
    cells = _count(found, group, found, len(place))
    moves = _Moves.of(cells)
    of_kind = np.unique(np.stack([column(seen, "kind"), own]), axis=1)
    parts = _sum_tied(facts, tied, moves, of_kind.astype(np.int64))
    alone = moves.sum_alone(cells - _count(seen, own, found, len(place)))
    return _judge(moves, {name: _add(parts[name], alone[name]) for name in parts})


def _choose(facts: Facts, rows: ir.Table, names: Sequence[str]) -> ir.Table:
    """The contracts that share a cluster with others of their group."""
    tied = add_cluster(facts, rows.filter(rows.period_months.notnull()), "customer_id")
    tied = tied.select(*names, "cluster", "renewals", "is_lost")
    tied = tied.mutate(_size=tied.count().over(ibis.window(group_by=[*names, "cluster"])))
    return number_kinds(tied.filter(tied["_size"] > 1), names)


def _count(seen: pa.Table, group: npt.NDArray[np.int64], whole: pa.Table, groups: int) -> Array:
    """Contracts by group, renewals and whether they were lost after these; as many renewals as the ``whole`` has."""
    most = int((column(whole, "renewals") + column(whole, "is_lost")).max())
    counts = np.zeros((groups, most + 1, 2))
    places = (group, *(column(seen, name).astype(np.int64) for name in ("renewals", "is_lost")))
    np.add.at(counts, places, column(seen, "contracts"))
    return counts


@dataclass(frozen=True, eq=False)
class _Moves:
    """By group and renewal: lost and passed there (from the first on); H, B and the sum of the shares lost so far (from
    0 on, where none is met yet).
    """

    lost: Array
    passed: Array
    kept: Array
    step: Array
    risk: Array

    @classmethod
    def of(cls, cells: Array) -> _Moves:
        lost = cells[:, :-1, 1]
        passed = np.cumsum(cells.sum(axis=2)[:, ::-1], axis=1)[:, ::-1][:, 1:]
        share, step = np.nan_to_num(divide(lost, lost + passed)), np.nan_to_num(divide(1, passed))
        start = ((0, 0), (1, 0))
        sums = (np.cumsum(share * step, axis=1), step, np.cumsum(share, axis=1))
        return cls(lost, passed, *(np.pad(values, start) for values in sums))

    def sum_alone(self, cells: Array) -> dict[str, ClusterSums]:
        """The sums over contracts (see `_count`) that are clusters of their own, by group and renewal."""
        most = self.lost.shape[1]
        renewals, is_lost, renewal = np.ix_(np.arange(most + 1), np.arange(2), np.arange(1, most + 1))
        last = renewals + is_lost
        until, is_gone = np.minimum(last, renewal), (is_lost > 0) & (renewal > renewals)
        is_met = np.broadcast_to(last > 0, until.shape)
        pairs = {
            "passed": ((renewal <= renewals) & is_met, renewal <= last),
            "left": (self.kept[:, until] - is_gone * self.step[:, until], is_met),
            "all": (self.risk[:, until] - is_gone, is_met),
        }
        return {name: _sum_cells(cells, *pair) for name, pair in pairs.items()}


def _sum_cells(cells: Array, c: Array, m: Array) -> ClusterSums:
    c, m = (np.broadcast_to(np.asarray(part, dtype=np.float64), (len(cells), *part.shape[-3:])) for part in (c, m))
    return ClusterSums(*(np.einsum("grl,grln->gn", cells, one).ravel() for one in (m, c, m, c * c, c * m, m * m)))


def _add(one: ClusterSums, other: ClusterSums) -> ClusterSums:
    sides = ("clusters", "c", "m", "cc", "cm", "mm")
    return ClusterSums(*(getattr(one, side) + getattr(other, side) for side in sides))


def _sum_tied(facts: Facts, rows: ir.Table, moves: _Moves, of_kind: npt.NDArray[np.int64]) -> dict[str, ClusterSums]:
    """The same sums over clusters of several contracts; ``of_kind`` has the kinds of rows, and the group of each."""
    shape, (kind, group) = moves.lost.shape, of_kind
    every = _follow(rows, moves, kind, group)
    ratios = {
        "passed": (every.is_passed, every.is_due),
        "left": (every.moves, every.one),
        "all": (every.excess, every.one),
    }

    def put(values: Array) -> Array:
        whole = np.zeros(shape)
        whole[group] = values.reshape(len(kind), -1)
        return whole.ravel()

    found = sum_clusters(facts, every, ["kind", "renewal"], **ratios)
    sides = ("clusters", "c", "m", "cc", "cm", "mm")
    return {name: ClusterSums(*(put(getattr(one, side)) for side in sides)) for name, one in found.items()}


def _follow(rows: ir.Table, moves: _Moves, kind: npt.NDArray[np.int64], group: npt.NDArray[np.int64]) -> ir.Table:
    """Each contract at every renewal of its company: whether it met and passed it, and what it moves there."""
    most = moves.lost.shape[1]
    renewal = ibis.array(list(range(1, most + 1))).unnest().name("renewal").as_table()
    every = rows.cross_join(renewal)
    last = every.renewals + every.is_lost.ifelse(1, 0)
    every = every.mutate(last=last, until=ibis.least(last, every.renewal))
    until, of_kind = np.broadcast_arrays(np.arange(most + 1), kind[:, None])
    figures = {f"_{name}": getattr(moves, name)[group].ravel() for name in ("kept", "step", "risk")}
    looked_up = write_numbers({"_kind": of_kind.ravel(), "_until": until.ravel(), **figures})
    looked_up = looked_up.mutate(**{name: looked_up[name].cast("int64") for name in ("_kind", "_until")})
    every = every.join(looked_up, [("kind", "_kind"), ("until", "_until")])
    is_gone = every.is_lost & (every.renewal > every.renewals)
    return every.mutate(
        is_passed=(every.renewal <= every.renewals).ifelse(1.0, 0.0),
        is_due=(every.renewal <= every.last).ifelse(1.0, 0.0),
        moves=every["_kept"] - is_gone.ifelse(every["_step"], 0.0),
        excess=every["_risk"] - is_gone.ifelse(1.0, 0.0),
        one=(every.last > 0).ifelse(1.0, 0.0),
    )


def _judge(moves: _Moves, sums: dict[str, ClusterSums]) -> Ties:
    lost, passed = moves.lost, moves.passed
    _, low, high = (ends.reshape(lost.shape) for ends in share_interval(sums["passed"]))
    left, whole = (_variance(sums[name]).reshape(lost.shape) for name in ("left", "all"))
    met, kept = lost + passed, divide(passed, lost + passed)
    effects = np.fmax(divide(left, np.cumsum(divide(lost, met * passed), axis=1)), 1)
    alone = np.nansum(met * kept * (1 - kept))
    return Ties(low, high, effects, float(np.fmax(np.nansum(whole[:, -1]) / alone, 1)) if alone else 1.0)


def _variance(sums: ClusterSums) -> Array:
    """Of a sum over clusters whose mean is 0, as large as Student's quantile makes it beside the normal one."""
    ratio = estimate_ratio(sums)
    by_few = find_quantile(0.95, np.where(np.isnan(ratio.df), np.inf, ratio.df)) / find_quantile(0.95)
    return np.asarray((ratio.se * sums.m * by_few) ** 2)
