"""Cut points of the score: by hand, and planted ones that must be found as often as they were."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, chi2

from saydo.stats.cuts import PAIRS, STANDARD, Profile, profile_cuts

SHARES = np.array([0.02, 0.01, 0.01, 0.02, 0.02, 0.05, 0.07, 0.15, 0.25, 0.20, 0.20])
RATES = np.array([0.40] * 7 + [0.55] * 2 + [0.70] * 2)


def test_profile_weighs_every_pair() -> None:
    assert len(PAIRS) == 45
    assert PAIRS[STANDARD] == (6, 8)
    answers, yes = np.full(11, 100), np.array([10] * 4 + [50] * 3 + [90] * 4)
    found = profile_cuts(answers, yes)
    assert PAIRS[found.best] == (3, 6)
    assert found.credibility.sum() == pytest.approx(1)
    assert found.rate[found.best] == pytest.approx([0.1, 0.5, 0.9])
    assert list(found.answers[found.best]) == [400, 300, 400]
    parts = [(40, 400), (50, 100), (460, 600)]  # of 0 to 3, 4, and 5 to 10
    other, best = (
        sum(hits * np.log(hits / n) + (n - hits) * np.log(1 - hits / n) for hits, n in three)
        for three in (parts, [(40, 400), (150, 300), (360, 400)])
    )
    assert found.below[PAIRS.index((3, 4))] == pytest.approx(other - best)


def test_profile_of_equal_rates_prefers_nothing() -> None:
    found = profile_cuts(np.full(11, 50), np.full(11, 20))
    assert found.credibility == pytest.approx(np.full(45, 1 / 45))
    assert found.is_in_set.sum() == 43  # 43 / 45 is the first share above 95 %


def test_profile_bears_scores_that_nobody_gave() -> None:
    found = profile_cuts([0] * 9 + [40, 60], [0] * 9 + [10, 50])
    assert np.isfinite(found.credibility).all()
    assert PAIRS[found.best][1] == 9 or PAIRS[found.best][0] == 9


def test_profile_is_flatter_where_answers_count_for_less() -> None:
    answers, yes = np.full(11, 100), np.array([20] * 7 + [50] * 2 + [80] * 2)
    sharp, flat = profile_cuts(answers, yes), profile_cuts(answers, yes, design_effect=20)
    assert flat.below == pytest.approx(sharp.below / 20)
    assert flat.is_in_set.sum() > sharp.is_in_set.sum()


@pytest.mark.parametrize(("answers", "published"), [(1000, 0.785), (2000, 0.94), (5000, 1.0)])
def test_profile_finds_planted_cuts_as_often_as_published(answers: int, published: float) -> None:
    """400 runs each; the last was found in all of 400, so in more than 98 of 100."""
    chance = np.random.default_rng(68)
    found = held = 0
    for _ in range(400):
        n = chance.multinomial(answers, SHARES)
        profile = profile_cuts(n, chance.binomial(n, RATES))
        found += profile.best == STANDARD
        held += profile.is_in_set[STANDARD]
    if published == 1:
        assert binomtest(found, 400, 0.98, alternative="less").pvalue > 0.001
    else:
        spread = 2 * np.sqrt(published * (1 - published) / 400)  # the published share has its own chance
        assert binomtest(found, 400, published - spread, alternative="less").pvalue > 0.001
        assert binomtest(found, 400, published + spread, alternative="greater").pvalue > 0.001
    assert binomtest(held, 400, 0.95, alternative="less").pvalue > 0.001


def _draw(answers: int, rates: np.ndarray, seed: int) -> list[Profile]:
    chance = np.random.default_rng(seed)
    counts = [chance.multinomial(answers, SHARES) for _ in range(1_000)]
    return [profile_cuts(n, chance.binomial(n, rates)) for n in counts]


@pytest.mark.parametrize("answers", [2_000, 10_000])
def test_profile_of_a_score_that_tells_nothing_refutes_nothing(answers: int) -> None:
    found = _draw(answers, np.full(11, 0.3), 69)
    assert binomtest(sum(one.tells for one in found), 1_000, 0.05).pvalue > 0.001
    assert binomtest(sum(one.refutes_standard for one in found), 1_000, 0.05, alternative="greater").pvalue > 0.001
    assert sum(one.best != STANDARD for one in found) > 950  # what would be used if the best pair were


def test_profile_keeps_the_standard_where_it_is_right_and_refutes_it_where_it_is_not() -> None:
    right, wrong = _draw(2_000, RATES, 70), _draw(2_000, np.array([0.3] * 5 + [0.5] * 3 + [0.7] * 3), 71)
    assert binomtest(sum(one.refutes_standard for one in right), 1_000, 0.05, alternative="greater").pvalue > 0.001
    assert sum(one.refutes_standard for one in wrong) > 990


def test_profile_weighs_a_difference_between_scores_by_the_design_effect() -> None:
    """Two scores: the likelihood ratio by hand, with one degree of freedom."""
    answers, yes = [50] + [0] * 9 + [50], [10] + [0] * 9 + [20]
    ratio = 2 * sum(k * np.log(k / n / 0.3) + (n - k) * np.log((1 - k / n) / 0.7) for n, k in ((50, 10), (50, 20)))
    assert profile_cuts(answers, yes).p == pytest.approx(chi2.sf(ratio, 1))
    assert profile_cuts(answers, yes, design_effect=2).p == pytest.approx(chi2.sf(ratio / 2, 1))
    assert not profile_cuts([0] * 10 + [50], [0] * 10 + [20]).tells
