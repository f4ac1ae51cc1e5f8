"""Words that set groups apart: the worked example of the design, and words that differ by chance alone."""

from __future__ import annotations

import numpy as np
import pytest

from saydo.stats.keyness import likelihood_ratio, log_odds
from saydo.stats.trials import binomial_p

ONE, OTHER, PRIOR = [20, 5, 0, 100], [5, 20, 3, 110], [2.5, 2.5, 0.3, 21]


def test_log_odds_match_the_worked_example_after_monroe_colaresi_quinn_2008() -> None:
    found = log_odds(ONE, OTHER, PRIOR)
    np.testing.assert_allclose(found.difference, [1.29532, -1.11262, -2.33377, 0.01500], atol=5e-6)
    np.testing.assert_allclose(found.z, [3.07213, -2.63881, -1.22384, 0.11899], atol=5e-6)


def test_likelihood_ratio_matches_the_worked_example_after_dunning_1993() -> None:
    assert round(float(likelihood_ratio(ONE, OTHER)[0]), 5) == 11.18249


def test_log_odds_are_opposed_when_groups_change_places() -> None:
    one, other = log_odds(ONE, OTHER), log_odds(OTHER, ONE)
    np.testing.assert_allclose(one.z, -other.z)


def test_prior_holds_back_rare_words() -> None:
    """One against none is less telling than thirty against ten, which the plain ratio of odds does not know."""
    found = log_odds([1, 30, 969], [0, 10, 990])
    assert 0 < found.z[0] < found.z[1]


def test_prior_in_proportion_to_all_words_is_worth_the_weight_it_is_given() -> None:
    both = np.array(ONE) + np.array(OTHER)
    given = log_odds(ONE, OTHER, 500 * both / both.sum())
    np.testing.assert_allclose(given.z, log_odds(ONE, OTHER).z)


def test_words_of_one_source_are_seldom_told_apart() -> None:
    """|z| beyond 1.96 comes with 5 % at most where only chance differs; the prior makes it rarer."""
    chance = np.random.default_rng(1)
    shares = chance.dirichlet(np.full(40, 2.0))
    beyond = 0
    for _ in range(200):
        one, other = chance.multinomial(3000, shares), chance.multinomial(2000, shares)
        beyond += int((np.abs(log_odds(one, other).z) > 1.96).sum())
    assert beyond / 8000 < 0.05 or binomial_p(beyond, 8000, 0.05) > 0.001


def test_nothing_counted_tells_nothing() -> None:
    assert likelihood_ratio([0, 0], [0, 0]).tolist() == [0, 0]
    assert likelihood_ratio([3], [0])[0] == pytest.approx(0)
    assert np.isnan(log_odds([3], [1]).z[0])  # the only word is used as often as it can be
