"""How much of a customer's own margin to believe: the best linear guess between his mean and that of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saydo.stats.arrays import divide


@dataclass(frozen=True)
class CredibilitySums:
    """Sums over customers, n their purchases and S their margin: of 1, n, n^2, S, S^2 / n; and over their purchases the
    squares of their margins, and what the customers' means explain of them.
    """

    customers: float
    purchases: float
    purchases_squared: float
    margin: float
    weighted: float
    squares: float
    explained: float


@dataclass(frozen=True)
class Credibility:
    """How much a customer's own margin per purchase is worth: ``mean`` of all with its ``se``, the variance ``within``
    customers (of one purchase) and that ``between`` them.

    What a purchase of somebody with n purchases and a margin of S in all will leave is (k mean + S) / (k + n), k =
    within / between. It is the best linear guess whatever the law of margins, which may be negative. Source: H.
    Bühlmann and E. Straub, Mitteilungen der Vereinigung schweizerischer Versicherungsmathematiker 70 (1970) 111-133.
    """

    mean: float
    se: float
    within: float
    between: float
    customers: int

    @property
    def weight(self) -> float:
        """k: how many purchases of his own a customer must have for them to count as much as all others' mean."""
        return self.within / self.between if self.between > 0 else np.inf

    @classmethod
    def of(cls, sums: CredibilitySums) -> Credibility:
        """By moments: the variance within from purchases around their customer's mean, that between from the means."""
        n = sums.purchases
        mean = float(divide(sums.margin, n))
        within = float(divide(np.maximum(sums.squares - sums.explained, 0), n - sums.customers))
        means = sums.weighted - n * mean**2
        between = float(divide(means - (sums.customers - 1) * within, n - divide(sums.purchases_squared, n)))
        between = max(0.0, between) if np.isfinite(between) else 0.0
        within = within if np.isfinite(within) else float(divide(means, sums.customers - 1))
        error = float(np.sqrt(divide(between * sums.purchases_squared + within * n, n**2)))
        return cls(mean, error, within, between, round(sums.customers))
