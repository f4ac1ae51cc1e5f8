"""BG/NBD and MBG/NBD: people buy at a rate of their own, and stop after a purchase with a chance of their own.

Rates are gamma(r, alpha), the chance to stop is beta(a, b). In the BG/NBD nobody stops after the first purchase, so
that it calls everyone who bought once alive for ever; in the MBG/NBD they may. With k = 0 (BG) or 1 (MBG),

    L = G(r+x) alpha^r / G(r) B(a, b+x+k) / B(a, b) (alpha+T)^-(r+x) {1 + [x+k > 0] e^w}
    e^w = a / (b+x+k-1) ((alpha+T) / (alpha+t))^(r+x),    P(alive) = 1 / (1 + [x+k > 0] e^w)

All of it stays in logs: (alpha+t)^-(r+x) underflows from some 150 purchases on. Who is still alive has a rate of
gamma(r+x, alpha+T) and a chance to stop of beta(a, b+x+k), independent of each other. Sources: P. Fader, B. Hardie
and K. Lee, Marketing Science 24 (2005) 275-284; E. Batislam, M. Denizel and A. Filiztekin, International Journal of
Research in Marketing 24 (2007) 201-209.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaln, expit, gammaln, hyp2f1, psi

from saydo.stats.arrays import Array, dot
from saydo.stats.lifetimes.histories import Histories

_NEAR = 1e-4  # the expectation divides by a - 1: so near to it a line is drawn across
_MOST = 20_000  # chances added up at most


@dataclass(frozen=True)
class BetaGeometric:
    """The two models as one, apart in whether people may stop right after the first purchase (``stops_at_once``)."""

    name: str
    stops_at_once: bool
    names: tuple[str, str, str, str] = ("r", "alpha", "a", "b")
    times: tuple[bool, bool, bool, bool] = (False, True, False, False)
    most: float = 1e4
    starts: tuple[tuple[float, float, float, float], ...] = (
        (0.7, 1.0, 0.8, 2.5),
        (0.3, 0.3, 0.3, 1.0),
        (3.0, 3.0, 1.0, 9.0),
    )

    def log_likelihood(self, parameters: Array, histories: Histories) -> Array:
        own, gone = self._parts(parameters, histories)
        return own[histories.at_end.places] + np.logaddexp(0, gone)

    def slope(self, parameters: Array, histories: Histories) -> tuple[float, Array]:
        """The log-likelihood of all customers, and its slopes along the logs of the four parameters."""
        r, alpha, a, b = parameters
        own, log_odds = self._parts(parameters, histories)
        chance, log_sum = _gone(log_odds)
        gone = histories.count * chance
        end, last = histories.at_end, histories.at_last
        n, gone_at_end, gone_at_last = end.sum(histories.count), end.sum(gone), last.sum(gone)
        x, shape, log_end = end.repeats, r + end.repeats, np.log(alpha + end.times)
        kept = b + x + int(self.stops_at_once)
        both = psi(a + b) - psi(a + kept)
        per_odds = np.where(kept > b, kept - 1, np.inf)
        slopes = (
            dot(n, psi(shape) - psi(r) + np.log(alpha) - log_end)
            + dot(gone_at_end, log_end)
            - dot(gone_at_last, np.log(alpha + last.times)),
            n.sum() * r / alpha
            - dot(n - gone_at_end, shape / (alpha + end.times))
            - dot(gone_at_last, (r + last.repeats) / (alpha + last.times)),
            dot(n, both) + gone.sum() / a,
            dot(n, psi(kept) - psi(b) + both) - dot(gone_at_end, 1 / per_odds),
        )
        value = dot(n, own) + dot(histories.count, log_sum)
        return float(value), np.asarray(slopes) * parameters

    def alive(self, parameters: Array, histories: Histories) -> Array:
        return np.asarray(expit(-self._parts(parameters, histories)[1]))

    def ahead(self, parameters: Array, repeats: Array, age: Array, horizon: Array) -> Array:
        """Purchases expected within the ``horizon`` of customers still alive, of the shape of the three (same unit)."""
        r, alpha, a, b = parameters
        if abs(a - 1) < _NEAR:
            sides = np.array([1 - 2 * _NEAR, 1 + 2 * _NEAR])
            low, high = (self.ahead(np.array([r, alpha, side, b]), repeats, age, horizon) for side in sides)
            return np.asarray(low + (high - low) * (a - sides[0]) / (sides[1] - sides[0]))
        kept = b + repeats + int(self.stops_at_once)
        z = horizon / (alpha + age + horizon)
        # Euler's transformation of the published form, which overflows: its power of 1 - z is large
        with np.errstate(all="ignore"):
            left = (1 - z) ** (a - 1) * hyp2f1(a - 1, a + kept - 1 - r - repeats, a + kept - 1, z)
            found = np.asarray((a + kept - 1) / (a - 1) * (1 - left))
        is_lost = ~np.isfinite(found)
        if is_lost.any():
            found[is_lost] = self._add_chances(parameters, repeats[is_lost], age[is_lost], horizon[is_lost])
        return found

    def _add_chances(self, parameters: Array, repeats: Array, age: Array, horizon: Array) -> Array:
        """`ahead` as the sum of the chances of 1, 2 ... purchases: longer, where the short form gets lost."""
        total = np.zeros_like(repeats)
        for least in range(1, _MOST):
            step = self.exceeds(parameters, repeats, age, horizon, np.full_like(repeats, least))
            total += step
            if step.max() < 1e-9:
                break
        return total

    def exceeds(self, parameters: Array, repeats: Array, age: Array, horizon: Array, least: Array) -> Array:
        r, alpha, a, b = parameters
        kept = b + repeats + int(self.stops_at_once)
        in_time = betainc(least, r + repeats, horizon / (alpha + age + horizon))
        return np.asarray(in_time * np.exp(betaln(a, kept + least - 1) - betaln(a, kept)))

    def _parts(self, parameters: Array, histories: Histories) -> tuple[Array, Array]:
        """The log-likelihood of each pair at the end had they all stayed, and each row's log-odds to be gone."""
        r, alpha, a, b = parameters
        end, last = histories.at_end, histories.at_last
        kept, shape = b + end.repeats + int(self.stops_at_once), r + end.repeats
        constant = gammaln(shape) - gammaln(r) + r * np.log(alpha) + betaln(a, kept) - betaln(a, b)
        at_end = shape * np.log(alpha + end.times)
        can_stop = kept > b
        before = b + (end.repeats + int(self.stops_at_once) - 1)  # kept - 1, without losing a tiny b beside the 1
        odds = np.where(can_stop, np.log(a) - np.log(np.where(can_stop, before, 1.0)), -np.inf)
        at_last = (r + last.repeats) * np.log(alpha + last.times)
        return constant - at_end, (odds + at_end)[end.places] - at_last[last.places]


def _gone(log_odds: Array) -> tuple[Array, Array]:
    """The chance and log(1 + odds) of log-odds, with one exponential for both: they are most of the work of a fit."""
    part = np.exp(-np.abs(log_odds))
    chance = np.where(log_odds < 0, part, 1.0) / (1 + part)
    return chance, np.maximum(log_odds, 0) + np.log1p(part)


BG_NBD = BetaGeometric("bg_nbd", stops_at_once=False)
MBG_NBD = BetaGeometric("mbg_nbd", stops_at_once=True)
