"""Scores: a latent normal cut into the planted shares, so that true shares are known exactly for any shift."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri

from saydo.simulate.columns import Array
from saydo.simulate.plan import Plan

Shares = tuple[float, ...]
EVENT_SHARES: Shares = (
    0.02,
    0.01,
    0.01,
    0.02,
    0.02,
    0.04,
    0.06,
    0.12,
    0.20,
    0.25,
    0.25,
)  # scores 0 to 10 after an order
ITEM_SHARES: Shares = (0.04, 0.07, 0.17, 0.38, 0.34)  # 1 to 5
CES_SHARES: Shares = (0.03, 0.04, 0.07, 0.12, 0.20, 0.30, 0.24)  # 1 to 7
STAR_SHARES: Shares = (0.04, 0.06, 0.14, 0.36, 0.40)  # 1 to 5, of all buyers


def cuts(shares: Shares) -> Array:
    """Where a standard normal has to be cut so that the pieces have these shares."""
    return ndtri(np.cumsum(shares)[:-1] / np.sum(shares))


def score(shares: Shares, latent: Array) -> Array:
    """The piece into which each latent value falls, 0 for the lowest."""
    return np.searchsorted(cuts(shares), latent)


def shifted_shares(shares: Shares, shift: float) -> Array:
    """Exact shares of the pieces when the latent normal is moved by ``shift``."""
    return np.diff(np.concatenate([[0.0], ndtr(cuts(shares) - shift), [1.0]]))


def segment_scores(plan: Plan, segment: Array, latent: Array) -> Array:
    """Relational answers 0 to 10 (customers x waves) of customers in these segments."""
    answers = np.empty(latent.shape, np.int8)
    for code, one in enumerate(plan.segments):
        answers[segment == code] = score(one.answers, latent[segment == code])
    return answers


def response_rates(plan: Plan, by_score: float) -> Array:
    """P(answering) by segment and score 0 to 10; ``by_score`` is the change of its log-odds per point."""
    base = np.array([one.response for one in plan.segments])
    return expit(logit(base)[:, None] + by_score * (np.arange(11) - 7))


def answer_delay(chance: np.random.Generator, scores: Array) -> Array:
    """Days until the answer: unhappy people take longer."""
    return np.minimum(0.05 + chance.exponential(1.6, scores.shape) * np.exp(-0.08 * (scores - 7.0)), 14.0)
