"""Small groups borrow strength: seven answers are mostly noise, and what the other groups say is a good guess.

A ranking of raw figures puts the smallest groups at both ends. Shrunk figures are closer to the truth on average (in
the simulation of the tests their squared error is about a third of the raw one), not for each group.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import chdtrc, gammaln, psi

from saydo.stats.arrays import Array, as_arrays, divide, find_quantile
from saydo.stats.estimates import Sums

FEWEST_GROUPS = 3
GRID = (np.arange(100) + 0.5) / 100


@dataclass(frozen=True, eq=False)
class Between:
    """What groups share: the mean, its se, the variance between true values (0: none seen), Cochran's Q and p."""

    mean: float
    se: float
    variance: float
    q: float
    p: float


@dataclass(frozen=True, eq=False)
class SharePrior:
    """Dirichlet law of the shares over groups: their mean, and how many answers it is worth (inf: all alike)."""

    shares: Array
    strength: float
    log_likelihood: float


def pool_variance(groups: Sums) -> Array:
    """The variance of one value around its group's mean: sum SS_g / (n - G); nan unless a group has two.

    A group's own variance is 0 when it is unanimous; the pooled one is what its figure's error should rest on.
    """
    inside = np.nansum(groups.n * groups.variance)
    return divide(inside, np.sum(groups.n) - np.sum(groups.n > 0))


def compare_groups(estimates: npt.ArrayLike, variances: npt.ArrayLike) -> Between:
    """Do groups differ by more than chance, and by how much? Random effects by DerSimonian and Laird.

    `estimates` (groups,) with the squared standard errors `variances`; the variance between is max(0, (Q - G + 1) / (S1
    - S2 / S1)) with S_k = sum v^-k. Groups with nan are left out; all nan below three groups. Source: R. DerSimonian
    and N. Laird, Controlled Clinical Trials 7 (1986) 177-188.
    """
    _, y, v = _known(estimates, variances)
    if y.size < FEWEST_GROUPS:
        return Between(np.nan, np.nan, np.nan, np.nan, np.nan)
    w = 1 / v
    q = float((w * (y - (w * y).sum() / w.sum()) ** 2).sum())
    between = max(0.0, (q - y.size + 1) / float(w.sum() - (w**2).sum() / w.sum()))
    w = 1 / (v + between)
    mean, se = float((w * y).sum() / w.sum()), float(1 / np.sqrt(w.sum()))
    return Between(mean, se, between, q, float(chdtrc(y.size - 1, q)))


def shrink(estimates: npt.ArrayLike, variances: npt.ArrayLike, level: float = 0.95) -> tuple[Array, Array, Array]:
    """Shrunk estimates with their intervals: (value, low, high), each (groups,), in the unit of the estimates.

    y_g ~ N(theta_g, v_g), theta_g ~ N(mu, tau^2), flat priors on mu and tau; given tau all is normal, and tau is
    averaged over a grid, so that the interval also carries that tau is hardly known with few groups. Give `variances`
    from a pooled within variance (`pool_variance` / n_g): a unanimous group is not certain. Groups with nan stay nan;
    all are nan below three groups.

    Coverage measured on 3, 5, 10, 30 and 200 groups of 5-59 answers with a true standard deviation of 0, 5, 12 and 25
    points: 91-100 %; with tau set to the estimate of DerSimonian and Laird: 83-99 %. Source: A. Gelman et al., Bayesian
    Data Analysis (2013) 5.4; the method agrees with Stan on its example of eight schools.
    """
    known, y, v = _known(estimates, variances)
    result = np.full((3, known.size), np.nan)
    if y.size >= FEWEST_GROUPS:
        value, variance = _average_over_tau(y, v)
        half = find_quantile(level) * np.sqrt(variance)
        result[:, known] = value, value - half, value + half
    return result[0], result[1], result[2]


def fit_shares(counts: npt.ArrayLike) -> SharePrior:
    """The Dirichlet law that the shares of groups were most likely drawn from; `counts` (groups, classes).

    Maximum likelihood of the Dirichlet-multinomial; at its solution a_k = a_k [sum psi(x_gk + a_k) - psi(a_k)] / [sum
    psi(n_g + A) - psi(A)] with A = sum a (Minka's fixed point; climbed with L-BFGS, which takes tens of steps where the
    fixed point takes thousands). When the groups differ by no more than chance (Tarone's statistic not above 0) the
    strength is inf: everything goes to the mean. log_likelihood is without the multinomial coefficient. nan below three
    groups with answers. Sources: T. Minka, Estimating a Dirichlet distribution (2000); R. Tarone, Biometrika 66 (1979)
    585-590.
    """
    x = np.asarray(counts, dtype=np.float64)
    x = x[x.sum(axis=1) > 0]
    if len(x) < FEWEST_GROUPS:
        return SharePrior(np.full(x.shape[1], np.nan), np.nan, np.nan)
    shares = x.sum(axis=0) / x.sum()
    used = shares > 0
    n, x = x.sum(axis=1, keepdims=True), x[:, used]
    if (x * (x - 1) / shares[used]).sum() <= (n * (n - 1)).sum():
        return SharePrior(shares, np.inf, float((x * np.log(shares[used])).sum()))

    def descend(log_a: Array) -> tuple[float, Array]:
        a = np.exp(log_a)
        total = a.sum()
        log_likelihood = (gammaln(x + a) - gammaln(a)).sum() - (gammaln(n + total) - gammaln(total)).sum()
        slope = (psi(x + a) - psi(a)).sum(axis=0) - (psi(n + total) - psi(total)).sum()
        return -float(log_likelihood), -a * slope

    start: Array = np.log(10 * shares[used])
    bounds = [(-12.0, 16.0)] * start.size
    fit = minimize(descend, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13, "gtol": 1e-6})
    a = np.zeros_like(shares)
    a[used] = np.exp(fit.x)
    return SharePrior(a / a.sum(), float(a.sum()), -float(fit.fun))


def shrink_shares(counts: npt.ArrayLike, prior: SharePrior) -> Array:
    """The shares of each group's classes, drawn to the mean: (x_gk + a_k) / (n_g + A); shape of `counts`.

    From counts of detractors, passives and promoters, 100 * (shares[:, 2] - shares[:, 0]) is the shrunk score. nan for
    a group without answers, and everywhere without a prior.
    """
    x = np.asarray(counts, dtype=np.float64)
    n = x.sum(axis=1, keepdims=True)
    own = divide(1, 1 + prior.strength / np.where(n > 0, n, np.nan))
    return own * divide(x, n) + (1 - own) * prior.shares


def _known(estimates: npt.ArrayLike, variances: npt.ArrayLike) -> tuple[npt.NDArray[np.bool_], Array, Array]:
    """Which groups have an estimate and an error, and those."""
    y, v = as_arrays(estimates, variances)
    known = np.isfinite(y) & np.isfinite(v) & (v > 0)
    return known, y[known], v[known]


def _average_over_tau(y: Array, v: Array) -> tuple[Array, Array]:
    """Mean and variance of each group's true value, averaged over how much groups may differ (tau, on a grid)."""
    tau = GRID[:, None] * 4 * np.sqrt(np.var(y, ddof=1) + v.mean())
    w = 1 / (v + tau**2)
    sum_w = w.sum(axis=1, keepdims=True)
    mu = (w * y).sum(axis=1, keepdims=True) / sum_w
    log_p = (np.log(w) - w * (y - mu) ** 2).sum(axis=1, keepdims=True) / 2 - np.log(sum_w) / 2
    p = np.exp(log_p - log_p.max())
    p = p / p.sum()
    pull = v * w
    mean = pull * mu + (1 - pull) * y
    value = (p * mean).sum(axis=0)
    return value, (p * (v * (1 - pull) + pull**2 / sum_w + (mean - value) ** 2)).sum(axis=0)
