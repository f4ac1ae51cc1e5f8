"""What of several things that vary together the variation of a score goes with: shares of the explained variance.

Everything is had from cross-products, the sum of v v' over rows v = (1, x_1 ... x_p, y): they add up over groups of
rows, so that the engine hands over one small matrix per group and no row. Correlations are those of x_1 ... x_p and y,
in this order. Leading axes broadcast.

None of these shares is the effect of changing something. What customers like or dislike as a whole colours all that
they rate (halo), and a thing without any effect of its own gets a share when it varies with one that has.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit, logit

from saydo.stats.arrays import Array, divide
from saydo.stats.estimates import Estimate

MOST_EXACT = 15  # 32,768 models
ALIKE = 1e-9  # what is left of the variance of a column that others tell in full


def correlate(products: Array) -> Array:
    """The correlations of all columns but the first (of ones); 0, with itself too, for a column that does not vary."""
    n, sums = products[..., :1, :1], products[..., 1:, :1]
    centred = products[..., 1:, 1:] - sums * np.swapaxes(sums, -1, -2) / n
    squares = np.diagonal(centred, axis1=-2, axis2=-1)
    varies = squares > ALIKE * np.diagonal(products, axis1=-2, axis2=-1)[..., 1:]
    scale = divide(1, np.sqrt(np.where(varies, squares, np.inf)))
    return np.asarray(centred * scale[..., :, None] * scale[..., None, :])


def explained(correlations: Array) -> Array:
    """R^2 of the regression on all columns (0 to 1)."""
    return np.asarray(correlations[..., -1, -1] - _sweep_all(correlations)[..., -1, -1])


def _sweep_all(correlations: Array) -> Array:
    swept = correlations
    for place in range(correlations.shape[-1] - 1):
        swept = _sweep(swept, place)
    return swept


def shapley(correlations: Array) -> Array:
    """The part of R^2 of each column, averaged over all orders in which columns can enter a regression (LMG).

    LMG_j = sum over sets S without j of |S|! (p - 1 - |S|)! / p! (R^2(S + j) - R^2(S)). The parts are never negative
    and add up to R^2. Columns that tell each other in full share alike. Raises ValueError above `MOST_EXACT` columns:
    the number of models doubles with each; take `sample_shapley` then. Sources: R. Lindeman, P. Merenda and R. Gold,
    Introduction to Bivariate and Multivariate Analysis (1980); L. Shapley (1953); agrees with relaimpo of R.
    """
    count = correlations.shape[-1] - 1
    if count > MOST_EXACT:
        raise ValueError(f"{count} columns make too many models; take sample_shapley")
    models = correlations[None, ...]
    for place in range(count):  # model number m holds the columns of the bits set in m
        models = np.concatenate([models, _sweep(models, place)])
    left = models[..., -1, -1]
    number = np.arange(2**count)
    size = np.bitwise_count(number)
    ways = np.array([_share_of_orders(before, count) for before in range(count)])
    parts = []
    for place in range(count):
        without = number[(number >> place) & 1 == 0]
        gain = left[without] - left[without | (1 << place)]
        parts.append(np.tensordot(ways[size[without]], gain, axes=1))
    return np.stack(parts, axis=-1)


def _share_of_orders(before: int, count: int) -> float:
    """In what share of all orders exactly a given set of so many columns comes before a given other one."""
    share = 1 / count
    for number in range(1, before + 1):
        share *= number / (count - number)
    return share


def sample_shapley(correlations: Array, orders: int = 2000, seed: int = 1) -> Estimate:
    """`shapley` from so many orders drawn at random, each with its reverse, and the error that drawing leaves.

    The same seed takes the same orders. A part and its error come from pairs of an order and its reverse, whose gains
    are opposed to each other: that makes the error smaller. Source: J. Castro, D. Gomez and J. Tejada, Computers &
    Operations Research 36 (2009) 1726-1730.
    """
    count = correlations.shape[-1] - 1
    chance = np.random.default_rng(seed)
    gains = []
    for _ in range(max(1, orders // 2)):
        order = chance.permutation(count).tolist()
        gains.append((_gains(correlations, order) + _gains(correlations, order[::-1])) / 2)
    pairs = np.stack(gains)
    spread = pairs.std(axis=0, ddof=1) if len(pairs) > 1 else np.full(pairs.shape[1:], np.nan)
    df = np.full(spread.shape, float(max(len(pairs) - 1, 1)))
    return Estimate(pairs.mean(axis=0), spread / np.sqrt(len(pairs)), df)


def _gains(correlations: Array, order: Sequence[int]) -> Array:
    """What each column adds to R^2 when they enter in this order."""
    gains, swept = np.empty((*correlations.shape[:-2], len(order))), correlations
    for place in order:
        then = _sweep(swept, place)
        gains[..., place] = swept[..., -1, -1] - then[..., -1, -1]
        swept = then
    return gains


def relative_weights(correlations: Array) -> Array:
    """The part of R^2 of each column by way of the uncorrelated columns that lie nearest to the given ones (Johnson).

    With the correlations V D V' of the columns and L = V sqrt(D) V', b solves L b = r and the part of column j is
    sum_k L_jk^2 b_k^2: never negative, adding up to R^2, and quick for any number of columns. Sources: J. Johnson,
    Multivariate Behavioral Research 35 (2000) 1-19; A. Genizi, Statistica Sinica 3 (1993) 407-420.
    """
    root, inverse = _roots(correlations)
    weights = np.einsum("...jk,...k->...j", inverse, correlations[..., :-1, -1])
    return np.asarray(np.einsum("...jk,...k->...j", root**2, weights**2))


def _roots(correlations: Array) -> tuple[Array, Array]:
    """The symmetric root of the columns' correlations, and its inverse where it has one."""
    values, vectors = np.linalg.eigh(correlations[..., :-1, :-1])
    roots = np.sqrt(np.where(values > ALIKE, values, 0))[..., None, :]
    turned = np.swapaxes(vectors, -1, -2)
    return (vectors * roots) @ turned, (vectors * divide(1, roots + (roots == 0)) * (roots > 0)) @ turned


def used_alone(correlations: Array) -> Array:
    """R^2 of each column alone: what it explains when it comes first."""
    return np.asarray(correlations[..., :-1, -1] ** 2)


def used_last(correlations: Array) -> Array:
    """What each column adds to R^2 when all others are there: what nothing else can stand for."""
    count = correlations.shape[-1] - 1
    orders = [[*(other for other in range(count) if other != place), place] for place in range(count)]
    return np.stack([_gains(correlations, order)[..., order[-1]] for order in orders], axis=-1)


def pratt(correlations: Array) -> Array:
    """Standardised coefficient times correlation; adds up to R^2 but can be negative (J. Pratt 1987)."""
    return np.asarray(_sweep_all(correlations)[..., :-1, -1] * correlations[..., :-1, -1])


def car(correlations: Array) -> Array:
    """Squared correlations with the columns made uncorrelated (V. Zuber and K. Strimmer 2011)."""
    inverse = _roots(correlations)[1]
    return np.asarray(np.einsum("...jk,...k->...j", inverse, correlations[..., :-1, -1]) ** 2)


def coefficients(products: Array) -> Array:
    """Least-squares coefficients of y on the columns, in the unit of y per unit of each; the first is the constant.

    A column that those before it tell in full has none: nan.
    """
    swept, known = products, []
    for place in range(products.shape[-1] - 1):
        then = _sweep(swept, place, products[..., place, place])
        known.append((then != swept).any(axis=(-2, -1)))
        swept = then
    return np.where(np.stack(known, axis=-1), swept[..., :-1, -1], np.nan)


def _sweep(matrix: Array, place: int, whole: Array | float = 1.0) -> Array:
    """Take a column into the regression (Gauss-Jordan); one of which nothing is left stays out.

    ``whole`` is what the column's pivot was at first.
    """
    pivot = matrix[..., place, place]
    has_own = np.abs(pivot) > ALIKE * np.asarray(whole)
    safe = np.where(has_own, pivot, 1.0)[..., None]
    row = matrix[..., place, :] / safe
    swept = matrix - matrix[..., :, place, None] * row[..., None, :]
    swept[..., place, :] = row
    swept[..., :, place] = -matrix[..., :, place] / safe
    swept[..., place, place] = 1 / safe[..., 0]
    return np.where(has_own[..., None, None], swept, matrix)


def leave_out(products: Array) -> Array:
    """From cross-products of groups (first axis) the sums of all but one, for each group in turn."""
    return np.asarray(products.sum(axis=0) - products)


def jackknife(whole: Array, without: Array) -> Estimate:
    """An estimate with its error from how it changes when one group of clusters is left out (first axis of `without`).

    se^2 = (G - 1) / G * sum (t_g - mean)^2 with G - 1 degrees of freedom. Groups hold whole clusters and are made at
    random. nan below two groups. Source: P. Kott, Journal of Official Statistics 17 (2001) 521-526.
    """
    groups = without.shape[0]
    if groups < 2:
        return Estimate(whole, np.full(whole.shape, np.nan), np.full(whole.shape, np.nan))
    squares = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    return Estimate(whole, np.sqrt((groups - 1) / groups * squares), np.full(whole.shape, groups - 1.0))


def jackknife_share(whole: Array, without: Array, level: float = 0.95) -> tuple[Array, Array]:
    """The ends of the interval of a share between 0 and 1, by `jackknife` on the scale of log-odds.

    Coverage measured over 200 simulations each, 60 to 1,000 answers in 50 to 200 groups, shares of importance .03 to
    .36: 92-98 %; on the plain scale 90-97 %.
    """
    odds = jackknife(_log_odds(whole), _log_odds(without))
    low, high = odds.interval(level)
    return np.asarray(expit(low)), np.asarray(expit(high))


def _log_odds(share: Array) -> Array:
    inside = (share > 0) & (share < 1)
    return np.where(inside, logit(np.where(inside, share, 0.5)), np.nan)
