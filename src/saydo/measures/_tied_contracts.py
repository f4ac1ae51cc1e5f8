"""How certain renewals are where contracts of one customer or account go together: they renew and end alike.

Nothing of this is asked for where every customer and account has one contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np

from saydo.company import Facts
from saydo.measures._clusters import add_cluster, share_interval, sum_clusters
from saydo.measures._measure import column
from saydo.measures._scores import number_kinds, write_numbers
from saydo.stats.arrays import Array, divide, find_quantile
from saydo.stats.ratios import ClusterSums, estimate_ratio

Counts = Sequence[tuple[Array, Array]]  # of each group, how many were lost at and passed renewal 1, 2, ...


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


def find_ties(facts: Facts, rows: ir.Table, names: Sequence[str], counts: Counts) -> Ties | None:
    """What ``rows`` (of `run_renewals`) tell of their customers and accounts; null where each has one contract.

    A contract that was lost at renewal l of group g moves log S(n) by H_n for n < l and by H_l - B_l from l on; one
    that was not by H of its last renewal, with B_j = 1 / (n_j (1 - h_j)), H_n = sum h_j B_j up to n, h_j the share lost
    of the n_j that met renewal j. The squares of their sums over clusters make the variance, as in `estimate_ratio`.
    """
    tied = add_cluster(facts, rows.filter(rows.period_months.notnull()), "customer_id")
    tied = tied.select(*names, "cluster", "renewals", "is_lost")
    (found,) = facts.run(tied.aggregate(contracts=tied.count(), clusters=tied.cluster.nunique())).to_pylist()
    if found["contracts"] == found["clusters"]:
        return None
    tied = number_kinds(tied, names)
    kinds = facts.run(tied.select(*names, "kind").distinct()).sort_by([(name, "ascending") for name in names])
    lost, passed = _pad(counts)
    every = _follow(tied, column(kinds, "kind"), lost, passed)
    ratios = {
        "passed": (every.is_passed, every.is_due),
        "left": (every.moves, every.one),
        "all": (every.excess, every.one),
    }
    sums = sum_clusters(facts, every, [*names, "renewal"], **ratios)
    _, low, high = (ends.reshape(lost.shape) for ends in share_interval(sums["passed"]))
    left, whole = (_variance(sums[name]).reshape(lost.shape) for name in ("left", "all"))
    met, kept = lost + passed, divide(passed, lost + passed)
    effects = np.fmax(divide(left, np.cumsum(divide(lost, met * passed), axis=1)), 1)
    alone = np.nansum(met * kept * (1 - kept))
    return Ties(low, high, effects, float(np.fmax(whole[:, -1].sum() / alone, 1)) if alone else 1.0)


def _pad(counts: Counts) -> tuple[Array, Array]:
    most = max(len(lost) for lost, _ in counts)
    lost, passed = (np.stack([np.pad(both[side], (0, most - len(both[side]))) for both in counts]) for side in (0, 1))
    return lost, passed


def _variance(sums: ClusterSums) -> Array:
    """Of a sum over clusters whose mean is 0, as large as Student's quantile makes it beside the normal one."""
    ratio = estimate_ratio(sums)
    by_few = find_quantile(0.95, np.where(np.isnan(ratio.df), np.inf, ratio.df)) / find_quantile(0.95)
    return np.asarray((ratio.se * sums.m * by_few) ** 2)


def _follow(rows: ir.Table, kind: Array, lost: Array, passed: Array) -> ir.Table:
    """Each contract at every renewal of its company: whether it met and passed it, and what it moves there."""
    most = lost.shape[1]
    renewal = ibis.array(list(range(1, most + 1))).unnest().name("renewal").as_table()
    every = rows.cross_join(renewal)
    last = every.renewals + every.is_lost.ifelse(1, 0)
    every = every.mutate(last=last, until=ibis.least(last, every.renewal))
    every = every.join(_look_up(kind, lost, passed), [("kind", "_kind"), ("until", "_until")])
    is_gone = every.is_lost & (every.renewal > every.renewals)
    return every.mutate(
        is_passed=(every.renewal <= every.renewals).ifelse(1.0, 0.0),
        is_due=(every.renewal <= every.last).ifelse(1.0, 0.0),
        moves=every["_kept"] - is_gone.ifelse(every["_step"], 0.0),
        excess=every["_risk"] - is_gone.ifelse(1.0, 0.0),
        one=(every.last > 0).ifelse(1.0, 0.0),
    )


def _look_up(kind: Array, lost: Array, passed: Array) -> ir.Table:
    """By group and renewal (0: none met yet) H, B and the sum of the shares lost so far."""
    share = np.nan_to_num(divide(lost, lost + passed))
    step = np.nan_to_num(divide(1, passed))  # n_j (1 - h_j) passed
    start = ((0, 0), (1, 0))
    until, of_kind = np.broadcast_arrays(np.arange(lost.shape[1] + 1.0), kind[:, None])
    figures = {
        "_kept": np.pad(np.cumsum(share * step, axis=1), start),
        "_step": np.pad(step, start),
        "_risk": np.pad(np.cumsum(share, axis=1), start),
    }
    looked_up = write_numbers(
        {
            "_kind": of_kind.ravel(),
            "_until": until.ravel(),
            **{name: values.ravel() for name, values in figures.items()},
        }
    )
    return looked_up.mutate(_kind=looked_up["_kind"].cast("int64"), _until=looked_up["_until"].cast("int64"))
