"""What a customer spends on a purchase: the Gamma-Gamma model, and whether it hangs together with how often he buys.

The mean of x purchases is gamma(p x, nu x) where nu, gamma(q, v), differs between customers, so that

    f(m | x) = G(px+q) / (G(px) G(q)) v^q x^(px) m^(px-1) / (v + x m)^(px+q)
    E(M) = p v / (q - 1),    E(M | x, m) = p (v + x m) / (p x + q - 1)

Source: P. Fader and B. Hardie, The Gamma-Gamma model of monetary value (2013), after R. Colombo and W. Jiang, Journal
of Interactive Marketing 13 (1999) 2-12.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, psi

from saydo.errors import NoSpread
from saydo.stats.arrays import Array, as_arrays, divide, dot, find_quantile
from saydo.stats.likelihood import Peak, climb

NAMES = ("p", "q", "v")
FEWEST = 10
_MOST = 100.0  # p, q or v (in means) beyond this or below its inverse: chance alone
_STARTS = ((4.0, 4.0, 3.0), (1.0, 2.0, 1.0), (20.0, 6.0, 5.0))  # v in units of p and of the mean


@dataclass(frozen=True, eq=False)
class Spending:
    """Rows of customers with as many ``purchases`` and nearly the same mean: their ``count``, the sums of their means,
    of the squares of the means, and of their logs.

    The likelihood needs the logs, and the sum of log(v + x m): that is taken at the row's mean and variance, to which
    rows a hundredth wide in log m are exact to seven digits and more.
    """

    purchases: Array
    count: Array
    total: Array
    squares: Array
    logs: Array

    @classmethod
    def of(
        cls,
        purchases: npt.ArrayLike,
        count: npt.ArrayLike,
        total: npt.ArrayLike,
        squares: npt.ArrayLike,
        logs: npt.ArrayLike,
    ) -> Spending:
        """Rows from anything like arrays, of one length: sums in money, its square, and its log."""
        return cls(*(np.atleast_1d(one) for one in as_arrays(purchases, count, total, squares, logs)))

    @classmethod
    def of_customers(cls, purchases: npt.ArrayLike, mean: npt.ArrayLike) -> Spending:
        """Every customer on a row of his own."""
        x, m = (np.atleast_1d(one) for one in as_arrays(purchases, mean))
        return cls(x, np.ones_like(x), m, m**2, np.log(m))

    @property
    def customers(self) -> float:
        return float(self.count.sum())

    @property
    def mean(self) -> float:
        """The mean of the customers' means."""
        return float(self.total.sum() / self.customers)


@dataclass(frozen=True, eq=False)
class SpendFit(Peak):
    """The Gamma-Gamma model with its most likely p, q and v (money)."""

    customers: int
    rows: int

    @property
    def mean(self) -> float:
        """What a purchase of a customer drawn at random brings on average; nan where q is not above 1."""
        return float(_mean(self.parameters))

    def mean_interval(self, level: float = 0.95, draws: int = 400) -> tuple[float, float]:
        """The interval of `mean`, from draws of the parameters."""
        drawn = np.array([_mean(one) for one in self.draw(draws, np.random.default_rng(1))])
        low, high = np.quantile(np.nan_to_num(drawn, nan=np.inf), [(1 - level) / 2, (1 + level) / 2], method="nearest")
        return (float(low), float(high)) if np.isfinite(high) else (np.nan, np.nan)

    def expected(self, purchases: npt.ArrayLike, mean: npt.ArrayLike) -> Array:
        """What a purchase of customers with a mean of so many purchases will bring; nan if nothing is known of them.

        The more purchases, the nearer to the customer's own mean.
        """
        (p, q, v), (x, m) = self.parameters, as_arrays(purchases, mean)
        return divide(p * (v + x * m), np.maximum(p * x + q - 1, 0))


def _mean(parameters: Array) -> float:
    p, q, v = parameters
    return float(p * v / (q - 1)) if q > 1 else np.nan


def slope(parameters: Array, spending: Spending) -> tuple[float, Array]:
    """The log-likelihood, and its derivatives by the logs of the parameters."""
    p, q, v = parameters
    x, n = spending.purchases, spending.count
    shape = p * x
    w = v + x * spending.total / n
    bend = x**2 * np.maximum(spending.squares - spending.total**2 / n, 0) / (2 * w**2)
    whole = n * np.log(w) - bend
    value = dot(n, gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(v) + shape * np.log(x))
    value += dot(shape - 1, spending.logs) - dot(shape + q, whole)
    slopes = (
        dot(x, n * (psi(shape + q) - psi(shape) + np.log(x)) - whole + spending.logs),
        dot(n, psi(shape + q) - psi(q) + np.log(v)) - whole.sum(),
        n.sum() * q / v - dot(shape + q, (n + 2 * bend) / w),
    )
    return float(value), np.asarray(slopes) * parameters


def fit_spend(spending: Spending) -> SpendFit:
    """The maximum of the likelihood; money is measured in mean purchases meanwhile.

    Raises `NoSpread` when there are fewer than `FEWEST` customers, or when they differ by no more than chance: then q
    and v grow together without end, or no one can tell how far (an error of q as large as q).
    """
    customers = round(spending.customers)
    peak = None
    if customers >= FEWEST:
        unit = spending.mean
        scaled = Spending(
            spending.purchases,
            spending.count,
            spending.total / unit,
            spending.squares / unit**2,
            spending.logs - spending.count * np.log(unit),
        )
        for p, q, v in _STARTS:
            start = np.array([p, q, v * (q - 1) / p])
            peak = peak or climb(lambda parameters: slope(parameters, scaled), start, spending.customers)
    if peak is None or peak.covariance[1, 1] > 1 or np.abs(np.log(peak.parameters)).max() > np.log(_MOST):
        raise NoSpread(customers=customers, mean=f"{spending.mean:.2f}")
    parameters = peak.parameters * np.array([1.0, 1.0, unit])
    value = peak.value - spending.customers * float(np.log(unit))
    return SpendFit(parameters, value, peak.covariance, peak.is_bound, customers, len(spending.count))


def correlate(spending: Spending, level: float = 0.95) -> tuple[float, float, float]:
    """The correlation of the number of purchases with the mean spent, and its interval (Fisher's z); nan without any.

    The model takes the two for independent.
    """
    x, n = spending.purchases, spending.count
    customers = n.sum()
    middle, mean = n @ x / customers, spending.total.sum() / customers
    spread = float((n @ (x - middle) ** 2) * (spending.squares.sum() - customers * mean**2))
    if customers < 4 or spread <= 0:
        return np.nan, np.nan, np.nan
    found = float((x - middle) @ spending.total / np.sqrt(spread))
    z, reach = np.arctanh(np.clip(found, -1 + 1e-12, 1 - 1e-12)), float(find_quantile(level)) / np.sqrt(customers - 3)
    return found, float(np.tanh(z - reach)), float(np.tanh(z + reach))
