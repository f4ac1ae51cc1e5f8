"""Pareto/NBD: people buy at a rate of their own, and stop after a time of their own.

Rates are gamma(r, alpha), the rate of stopping is gamma(s, beta), so that

    L = G(r+x) alpha^r beta^s / G(r) {(alpha+T)^-(r+x) (beta+T)^-s + s [J(t) - J(T)]}
    J(t) = integral from t of (alpha+u)^-(r+x) (beta+u)^-(s+1) du

J is a hypergeometric function 2F1(1, .; r+s+x+1; z) with z = |alpha-beta| / (max(alpha, beta) + t): the published forms
after Euler's transformation, which takes their overflowing powers out, so that all of it stays in logs. Who is still
alive has a rate of gamma(r+x, alpha+T) and a rate of stopping of gamma(s, beta+T), independent of each other. Sources:
D. Schmittlein, D. Morrison and R. Colombo, Management Science 33 (1987) 1-24; P. Fader and B. Hardie, A note on
deriving the Pareto/NBD model (2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander
from scipy.special import betainc, expit, gammaln, psi, roots_legendre

from saydo.stats.arrays import Array, as_arrays, dot
from saydo.stats.lifetimes.histories import Histories, Pairs

_STEP = 1e-5
_PARTS, _EXACT = 2_000, 1e-14  # of continued fractions
_DIGITS, _TINY = 36.0, 1e-6  # the log of what interpolation may be off by; the narrowest reach of times
_REACH = (0.0, 0.5, 0.9, 0.99, 0.9999, 1.0)
_NODES, _WEIGHTS = roots_legendre(24)


@dataclass(frozen=True)
class ParetoNBD:
    """The Pareto/NBD."""

    name: str = "pareto_nbd"
    names: tuple[str, str, str, str] = ("r", "alpha", "s", "beta")
    times: tuple[bool, bool, bool, bool] = (False, True, False, True)
    most: float = 100.0
    starts: tuple[tuple[float, float, float, float], ...] = (
        (0.7, 1.0, 0.6, 0.6),
        (0.5, 0.5, 0.3, 0.3),
        (3.0, 3.0, 1.0, 2.0),
    )

    def log_likelihood(self, parameters: Array, histories: Histories) -> Array:
        constant, alive, gone = _sides(parameters, histories)
        return constant + np.logaddexp(alive, gone)

    def slope(self, parameters: Array, histories: Histories) -> tuple[float, Array]:
        """Slopes of J are central differences, pair by pair: a hypergeometric function has none of a simple form."""
        r, alpha, s, beta = parameters
        n, end, last = histories.count, histories.at_end, histories.at_last
        moves = np.exp(_STEP * np.eye(len(parameters)))
        moved = np.vstack((parameters, parameters * moves, parameters / moves))
        j_last, j_end = (_log_j(moved, pairs) for pairs in (last, end))
        constant, alive, gone = _compare(parameters, histories, j_last[0], j_end[0])
        whole = np.logaddexp(alive, gone)
        at_last, at_end = (np.log(s) + j[0][pairs.places] - whole for j, pairs in ((j_last, last), (j_end, end)))
        stays, stopped = end.sum(n * np.exp(alive - whole)), dot(n, np.exp(gone - whole))
        per_end, x = end.sum(n), end.repeats
        slopes = (
            dot(per_end, psi(r + x) - psi(r) + np.log(alpha)) - dot(stays, np.log(alpha + end.times)),
            n.sum() * r / alpha - dot(stays, (r + x) / (alpha + end.times)),
            n.sum() * np.log(beta) - dot(stays, np.log(beta + end.times)) + stopped / s,
            n.sum() * s / beta - dot(stays, s / (beta + end.times)),
        )
        through_j = _slopes_of_j(j_last, last.sum(n * np.exp(at_last))) - _slopes_of_j(
            j_end, end.sum(n * np.exp(at_end))
        )
        return float(dot(n, constant + whole)), np.asarray(slopes) * parameters + through_j

    def alive(self, parameters: Array, histories: Histories) -> Array:
        _, alive, gone = _sides(parameters, histories)
        return np.asarray(expit(alive - gone))

    def ahead(self, parameters: Array, repeats: Array, age: Array, horizon: Array) -> Array:
        r, alpha, s, beta = parameters
        stretch = np.log1p(horizon / (beta + age))
        active = stretch if s == 1 else -np.expm1(-(s - 1) * stretch) / (s - 1)
        return np.asarray((r + repeats) / (alpha + age) * (beta + age) * active)

    def exceeds(self, parameters: Array, repeats: Array, age: Array, horizon: Array, least: Array) -> Array:
        """The chance (0 to 1) of at least so many purchases within the ``horizon``, for customers still alive."""
        r, alpha, s, beta = parameters
        x, end, ahead, k = as_arrays(repeats, age, horizon, least)
        stretch = np.log1p(ahead / (beta + end))
        result = np.exp(-s * stretch) * betainc(k, r + x, ahead / (alpha + end + ahead))
        stretch = np.minimum(stretch, 40 / s)  # beyond which nobody is left
        for node, weight in zip((_NODES + 1) / 2, _WEIGHTS / 2, strict=True):  # over when they stop, in log time
            active = (beta + end) * np.expm1(node * stretch)
            density = s * np.exp(-s * node * stretch) * stretch
            result = result + weight * density * betainc(k, r + x, active / (alpha + end + active))
        return np.asarray(result)


def _sides(parameters: Array, histories: Histories) -> tuple[Array, Array, Array]:
    """Of each row: the constant, and the logs of the two terms in braces: still alive, stopped before the end."""
    j_last, j_end = (_log_j(parameters[None], pairs)[0] for pairs in (histories.at_last, histories.at_end))
    return _compare(parameters, histories, j_last, j_end)


def _compare(parameters: Array, histories: Histories, j_last: Array, j_end: Array) -> tuple[Array, Array, Array]:
    """`_sides`, when the logs of J are known."""
    r, alpha, s, beta = parameters
    end, last = histories.at_end, histories.at_last
    shape = r + end.repeats
    constant = gammaln(shape) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    alive = -shape * np.log(alpha + end.times) - s * np.log(beta + end.times)
    at_last, at_end = j_last[last.places], j_end[end.places]
    with np.errstate(divide="ignore"):  # nobody can stop within no time
        gone = np.log(s) + at_last + np.log(-np.expm1(np.minimum(at_end - at_last, 0.0)))
    return constant[end.places], alive[end.places], gone


def _log_j(parameters: Array, pairs: Pairs) -> Array:
    """The log of J for several sets of ``parameters`` (sets, 4) at once: (sets, pairs)."""
    r, alpha, s, beta = parameters.T[:, :, None]
    shape = r + pairs.repeats
    log_alpha, log_beta = np.log(alpha + pairs.times), np.log(beta + pairs.times)
    level = _log_series_of_pairs(parameters, pairs) - np.log(shape + s)
    is_less = alpha < beta
    return np.asarray(level - (shape - is_less) * log_alpha - (s + is_less) * log_beta)


def _log_series_of_pairs(parameters: Array, pairs: Pairs) -> Array:
    """`_log_series` of each pair; where times are many, of some times for all repeats, and between them interpolated.

    As a function of v = log(min(alpha, beta) + t) it has no singularity nearer to the real line than pi, so that a
    polynomial through so many Chebyshev points is exact to rounding (L. Trefethen, Approximation Theory and
    Approximation Practice, 2013, theorem 8.2).
    """
    (repeats, rows), (times, columns) = pairs.crossed
    nearest = parameters[:, [1, 3]].min(axis=1)[:, None]
    first, last = np.log(nearest + times[[0, -1]]).T[:, :, None]
    middle, half = (first + last) / 2, np.maximum((last - first) / 2, _TINY)
    count = int(np.ceil(_DIGITS / np.arcsinh(np.pi / half.max()))) + 1
    if len(repeats) * count > len(pairs.repeats):
        return _log_series(parameters, pairs.repeats, pairs.times)
    nodes = chebpts1(count)
    known = _log_series(parameters, repeats[:, None], (np.exp(middle + half * nodes) - nearest)[:, None])
    to_coefficients = chebvander(nodes, count - 1).T * np.where(np.arange(count) > 0, 2, 1)[:, None] / count
    between = chebvander((np.log(nearest + times) - middle) / half, count - 1) @ to_coefficients
    return np.asarray((known @ between.swapaxes(1, 2))[:, rows, columns])


def _log_series(parameters: Array, repeats: Array, times: Array) -> Array:
    """The log of the 2F1 in J, of the shape of ``repeats`` and ``times``, for each set of parameters."""
    r, alpha, s, beta = parameters.T.reshape(4, -1, *[1] * repeats.ndim)
    shape = r + repeats
    z = abs(alpha - beta) / (np.maximum(alpha, beta) + times)
    b = np.where(alpha >= beta, shape, s + 1)
    return np.log(_series(*as_arrays(b, shape + s + 1, z)))


def _series(b: Array, c: Array, z: Array) -> Array:
    """2F1(1, b; c; z) for 0 < b < c and 0 <= z < 1, by Gauss's continued fraction and Lentz's way of evaluating it.

    SciPy's gives nan from parameters of some 170 on. Near 1 it takes many parts, so that those are taken apart. Source:
    NIST Digital Library of Mathematical Functions, 15.7 and 3.10.
    """
    found = np.ones_like(z)
    for low, high in pairwise(_REACH):
        here = (z >= low) & (z < high)
        if here.any():
            found[here] = _continue_fraction(b[here], c[here], z[here])
    return found


def _continue_fraction(b: Array, c: Array, z: Array) -> Array:
    value, above, below = np.ones_like(z), np.ones_like(z), np.zeros_like(z)
    for n in range(_PARTS):
        for part in (
            (b + n) * (c - 1 + n) / ((c + 2 * n - 1) * (c + 2 * n)) * z,
            (n + 1) * (c - b + n) / ((c + 2 * n) * (c + 2 * n + 1)) * z,
        ):
            below = 1 / (1 - part * below)
            above = 1 - part / above
            value = value * above * below
        if np.abs(above * below - 1).max() < _EXACT:
            break
    return 1 / value


def _slopes_of_j(log_j: Array, weights: Array) -> Array:
    """The sums of the derivatives of log J by the logs of the parameters, from what `ParetoNBD.slope` moved."""
    up, down = np.split(dot(log_j[1:], weights), 2)
    return np.asarray((up - down) / (2 * _STEP))


PARETO_NBD = ParetoNBD()
