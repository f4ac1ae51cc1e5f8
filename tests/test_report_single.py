"""What a page of one measure says in a sentence: who comes first and last only where that is more than chance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from tests.companies import make_facts

from saydo.measures import nps
from saydo.report.single import headline
from saydo.result import Result
from saydo.stats.trials import binomial_p

SCORES, SHARES = (3, 8, 10), (0.2, 0.35, 0.45)  # an NPS of 25
CHANCE = "even the highest and the lowest may differ by chance alone"


def answers(group: str, scores: list[int], split: str = "touchpoint") -> list[dict[str, Any]]:
    return [
        {"customer_id": f"{group}-{number}", "score": score, "said_at": "2024-03-01", split: group, "survey": "how"}
        for number, score in enumerate(scores)
    ]


def measured(feedback: list[dict[str, Any]], by: str = "touchpoint") -> Result:
    return nps(make_facts(feedback=feedback), by, as_of="2024-06-01")


def test_headline_names_nobody_first_where_all_groups_are_alike() -> None:
    """Forty companies of twenty groups, all with the same NPS: one in twenty may name somebody."""
    chance = np.random.default_rng(655)
    feedback = [
        one
        for group in range(800)
        for one in answers(f"{group:03}", chance.choice(SCORES, int(chance.integers(5, 60)), p=SHARES).tolist())
    ]
    result = measured(feedback)
    told = [headline(replace(result, table=result.table.slice(20 * company, 20))) for company in range(40)]
    assert binomial_p(sum(CHANCE in one for one in told), len(told)) > 0.001


def test_headline_names_who_is_surely_first_and_last() -> None:
    feedback = answers("north", [10] * 90 + [3] * 10) + answers("south", [10] * 30 + [3] * 70)
    feedback += answers("west", [8] * 50 + [10] * 25 + [3] * 25)
    assert headline(measured(feedback)) == "Net Promoter Score: north comes first with +80, south last with −40"


def test_headline_names_the_two_that_are_apart_where_a_few_answers_lie_farther_out() -> None:
    feedback = answers("north", [10] * 150 + [8] * 90 + [3] * 60) + answers("south", [10] * 90 + [8] * 90 + [3] * 120)
    feedback += answers("few", [3] * 4 + [8, 10])
    told = headline(measured(feedback))
    assert told == "Net Promoter Score: north stands above south by more than chance, with +30 against −10"


def test_headline_ranks_no_scores_of_countries() -> None:
    feedback = answers("fr", [10] * 90 + [3] * 10, "language") + answers("de", [10] * 30 + [3] * 70, "language")
    told = headline(measured(feedback, "language"))
    assert "comes first" not in told
    assert told.endswith("people of different countries and languages use scales differently, so this is no ranking")
