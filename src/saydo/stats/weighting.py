"""Those who answered differ from those who did not: weights back to the population, and what they cost.

Cells are the finest combinations of what is known for everybody (region x tenure, say), with their number of answers,
the sum and the sum of squares of the scores: three numbers per cell, whatever the number of customers. No weighting
mends a non-response that depends on the answer itself: `bound_nonresponse` shows how far that could go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saydo.stats.arrays import Array, as_arrays, divide
from saydo.stats.estimates import Sums
from saydo.stats.ratios import effective_answers

Levels = npt.NDArray[np.intp]
MAX_RATIO = 5.0  # of a raked weight to the mean weight


@dataclass(frozen=True, eq=False)
class WeightedMean:
    """A weighted mean score and what it rests on.

    value and se are in the unit of the score; n_effective is how many answers of a simple random sample would be as
    certain, df the degrees of freedom (Kish's number less one, at least 1): both go into
    `intervals.nps_interval_effective` or `mean_score_interval`. kish = (sum w)^2 / sum w^2. covered is the share of the
    population (0..1) in cells that have answers: the value speaks for that part alone. residual_squares are per cell
    the squared distances of the answers from what the weighting explains. shift is the value less the plain mean of the
    answers, and shift_se its error: both rest on the same answers, so that it is far below the two errors together.
    """

    value: Array
    se: Array
    variance: Array
    n_effective: Array
    df: Array
    kish: Array
    covered: Array
    residual_squares: Array
    shift: Array
    shift_se: Array


@dataclass(frozen=True, eq=False)
class Raking:
    """Weights per answer (an element per cell) that meet the margins.

    gap is the largest distance between a margin's share and its target that is left (0..1; above 1e-6 the margins
    contradict each other, or the trimming, given the answers there are). covered is per margin the share of the
    population in levels with answers.
    """

    weights: Array
    gap: float
    covered: Array


def post_stratify(cells: Sums, population: npt.ArrayLike) -> WeightedMean:
    """Weigh each cell to its size in the population, w_h = N_h / n_h; the last axis holds the cells.

    value = sum N_h ybar_h / sum N_h over the cells with answers. se^2 = sum N_h^2 s_h^2 / n_h / (sum N_h)^2, where
    s_h^2 = (SS_h + s^2) / n_h adds to the squares within the cell one that is worth the pooled variance s^2, so that
    cells of one answer count too. nan without answers, se nan when no cell has two.

    R's survey package takes n / (n - 1) for the whole sample in place of each cell's own correction, which is too
    little for small cells: in 18 trials with 4 to 20 cells and 20 to 200 answers its interval held the truth 70-92 % of
    the time, value -+ 1.96 se 91-95 %, and `nps_interval_effective` with n_effective and df 95-97 %. Source: W.
    Cochran, Sampling Techniques (1977) 5A.9.
    """
    counts = np.broadcast_to(np.asarray(population, dtype=np.float64), cells.n.shape)
    weights = np.where(cells.n > 0, divide(counts, cells.n), 0)
    fitted, leverage = np.nan_to_num(cells.mean), np.nan_to_num(divide(1, cells.n))
    covered = divide((weights * cells.n).sum(axis=-1), counts.sum(axis=-1))
    strata = (cells.n > 0).sum(axis=-1)
    return _weigh(cells, weights, fitted, leverage, strata, covered)


def rake(
    n: npt.ArrayLike,
    levels: npt.ArrayLike,
    targets: Sequence[npt.ArrayLike],
    max_ratio: float = np.inf,
) -> Raking:
    """Weigh cells so that every margin meets its target: iterative proportional fitting.

    `n` (cells,) counts the answers; `levels` (cells, margins) says which level of each margin a cell has, from 0;
    `targets` holds per margin the population by level (counts or shares; the first margin's total sets the scale of the
    weights). A level without answers cannot be met: its population is left out, and the rest keeps its proportions.
    `max_ratio` trims weights above so many times the mean weight and rakes again, which buys a smaller error with some
    bias. Cells without answers weigh 0. Source: W. Deming and F. Stephan, Annals of Mathematical Statistics 11 (1940)
    427-444.
    """
    counts, level_of = np.asarray(n, dtype=np.float64), np.asarray(levels, dtype=np.intp)
    goals, covered = _reachable(counts, level_of, targets)
    total, weights, gap = goals[0].sum(), (counts > 0).astype(np.float64), np.nan
    if total == 0:
        return Raking(weights, gap, covered)
    for _ in range(1000):
        for goal, level in zip(goals, level_of.T, strict=True):
            seen = np.bincount(level, counts * weights, goal.size)
            weights = weights * np.divide(goal, seen, out=np.zeros_like(goal), where=seen > 0)[level]
        weights = np.minimum(weights, max_ratio * total / counts.sum())
        held = [np.bincount(level, counts * weights, goal.size) for goal, level in zip(goals, level_of.T, strict=True)]
        gap = float(max(np.abs(have - goal).max() for have, goal in zip(held, goals, strict=True)) / total)
        if gap < 1e-12:
            break
    return Raking(weights, gap, covered)


def estimate_raked(cells: Sums, raking: Raking, levels: npt.ArrayLike) -> WeightedMean:
    """The mean under raked weights, its error by linearisation: what the margins explain of the scores adds no error.

    Residuals e come from the weighted regression of the scores on the margins, h is the leverage of an answer in it,
    and se^2 = sum over cells of w^2 n s_c^2 / (sum n w)^2 with s_c^2 = (sum e^2 + s^2) / (n (1 - h) + 1), s^2 the
    pooled residual variance: the general form of `post_stratify`. R's survey package takes n / (n - 1) in place of the
    leverages: in 18 trials with 2 to 3 margins and 20 to 400 answers its interval held the truth 75-93 % of the time,
    value -+ 1.96 se 84-97 %, and `nps_interval_effective` 93-98 %. Source: J.-C. Deville and C.-E. Sarndal, Journal of
    the American Statistical Association 87 (1992) 376-382.
    """
    level_of = np.asarray(levels, dtype=np.intp)
    margins = np.concatenate([np.eye(level.max() + 1)[level] for level in level_of.T], axis=1)
    mass = cells.n * raking.weights
    inverse = np.linalg.pinv((margins * mass[:, None]).T @ margins, hermitian=True)
    fitted = margins @ (inverse @ (margins.T @ (raking.weights * cells.total)))
    leverage = raking.weights * np.einsum("ci,ij,cj->c", margins, inverse, margins)
    rank = np.linalg.matrix_rank(margins * (cells.n > 0)[:, None])
    return _weigh(cells, raking.weights, fitted, leverage, rank, raking.covered.min())


def reweigh(cells: Sums, population: npt.ArrayLike, margins: npt.ArrayLike) -> WeightedMean:
    """Weigh the answers back to the population on as many margins as they can bear.

    `margins` (cells, margins) says which level, from 0, of each margin a cell has. Levels with fewer than 10 answers
    are merged (`merge_rare`) and margins of one level left out; then one margin post-stratifies, several are raked
    with weights of at most 5 times their mean, and none gives the plain mean.
    """
    counts, level_of = np.asarray(population, dtype=np.float64), np.asarray(margins, dtype=np.intp)
    merged = [merge_rare(level, cells.n) for level in level_of.T]
    kept = [level for level in merged if level.max() > 0]
    distinct, place = np.unique(np.array(kept or [np.zeros(len(counts), np.intp)]).T, axis=0, return_inverse=True)
    n, total, squares, people = (
        np.bincount(place.ravel(), values, len(distinct)) for values in (cells.n, cells.total, cells.squares, counts)
    )
    coarse = Sums(n, total, squares)
    if len(kept) <= 1:
        return post_stratify(coarse, people)
    targets = [np.bincount(level, people) for level in distinct.T]
    return estimate_raked(coarse, rake(n, distinct, targets, MAX_RATIO), distinct)


def merge_rare(levels: npt.ArrayLike, answers: npt.ArrayLike, least: float = 10) -> Levels:
    """The levels of a margin, numbered anew from 0, each with at least so many answers.

    `levels` and `answers` are per cell. Those with too few become one level; if that still has too few, the smallest
    other level joins it. All are one level when there are not enough answers for two.
    """
    level_of = np.unique(np.asarray(levels, dtype=np.intp), return_inverse=True)[1]
    counts = np.bincount(level_of, np.asarray(answers, dtype=np.float64))
    order = np.argsort(counts, kind="stable")
    rare = int((counts < least).sum())
    while 0 < rare < len(order) and counts[order[:rare]].sum() < least:
        rare += 1
    new = np.zeros(len(order), np.intp)
    new[order[rare:]] = np.arange(len(order) - rare) + (rare > 0)
    return new[level_of]


def bound_nonresponse(
    score: npt.ArrayLike, unknown_share: npt.ArrayLike, scale: tuple[float, float] = (-100.0, 100.0)
) -> tuple[Array, Array]:
    """Lowest and highest mean score of everybody if all who said nothing were at one end of the scale.

    With u the share (0..1) of the base that said nothing: (1 - u) s + u * end, in the unit of `score`; NPS in points by
    default. Source: C. Manski, Partial Identification of Probability Distributions (2003) ch. 1.
    """
    value, unknown = as_arrays(score, unknown_share)
    return (1 - unknown) * value + unknown * scale[0], (1 - unknown) * value + unknown * scale[1]


def _reachable(counts: Array, level_of: Levels, targets: Sequence[npt.ArrayLike]) -> tuple[list[Array], Array]:
    """Targets cut to the levels with answers and brought to the first one's total; and the shares kept."""
    goals, covered = [], []
    for target, level in zip(targets, level_of.T, strict=True):
        goal = np.asarray(target, dtype=np.float64)
        reached = np.where(np.bincount(level, counts, goal.size) > 0, goal, 0)
        covered.append(divide(reached.sum(), goal.sum()))
        goals.append(reached)
    total = goals[0].sum()
    return [goal * total / (goal.sum() or 1) for goal in goals], np.array(covered)


def _weigh(
    cells: Sums, weights: Array, fitted: Array, leverage: Array, rank: npt.ArrayLike, covered: Array
) -> WeightedMean:
    """The weighted mean over the last axis, its error from the residuals that `fitted` leaves in each cell."""
    n = cells.n.sum(axis=-1)
    mass = (weights * cells.n).sum(axis=-1)
    value = divide((weights * cells.total).sum(axis=-1), mass)
    variance = np.maximum(divide((weights * cells.squares).sum(axis=-1), mass) - value**2, 0)
    residuals = np.maximum(cells.squares - 2 * fitted * cells.total + fitted**2 * cells.n, 0)
    free = n - np.asarray(rank)
    pooled = np.asarray(residuals.sum(axis=-1) / np.where(free > 0, free, np.nan))
    within = (residuals + pooled[..., None]) / (cells.n * np.maximum(1 - leverage, 0) + 1)
    se = np.sqrt((weights**2 * cells.n * within).sum(axis=-1)) / np.where(mass > 0, mass, np.nan)
    kish = divide(mass**2, (weights**2 * cells.n).sum(axis=-1))
    plain = divide(cells.total.sum(axis=-1), n)
    return WeightedMean(
        value=value,
        se=se,
        variance=variance,
        n_effective=effective_answers(se, variance, n, kish),
        df=np.maximum(kish - 1, 1),
        kish=kish,
        covered=covered,
        residual_squares=residuals,
        shift=value - plain,
        shift_se=_shift_error(cells, divide(weights, mass[..., None]), fitted, plain, free),
    )


def _shift_error(cells: Sums, weights: Array, fitted: Array, plain: Array, free: Array) -> Array:
    """The error of the weighted mean less the plain one, by linearisation; `weights` add up to 1 over the answers.

    An answer y moves the difference by u = w (y - what the weighting explains) - (y - plain mean) / n, and se^2 = n /
    (n - cells or margins) * sum u^2.
    """
    n = cells.n.sum(axis=-1)
    slope = weights - divide(1, n)[..., None]
    start = divide(plain, n)[..., None] - weights * fitted
    squares = slope**2 * cells.squares + 2 * slope * start * cells.total + start**2 * cells.n
    total = np.maximum(np.where(cells.n > 0, squares, 0).sum(axis=-1), 0)
    return np.sqrt(total * n / np.where(free > 0, free, np.nan))
