"""Scores after broken promises by hand, against a plain loop, and against the simulated company's own difference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.companies import make_facts

from saydo.engine import open_facts
from saydo.errors import MissingTable, NothingToMeasure
from saydo.measures import said_when_broken
from saydo.simulate import simulate

DUE = "2024-03-10T12:00"
IN_TIME, LATE = "2024-03-10T11:00", "2024-03-12T12:00"
AFTER = "2024-03-20T12:00"


def answer(order: int, score: float, said_at: str = AFTER, **more: Any) -> dict[str, Any]:
    return {"order_id": f"o{order}", "customer_id": f"c{order}", "score": score, "said_at": said_at, **more}


def promise(order: int, fulfilled_at: str | None, **more: Any) -> dict[str, Any]:
    made = {"promise": "delivery", "made_at": "2024-03-01", "due_at": DUE, "seen_by": "system"}
    return {**made, "order_id": f"o{order}", "customer_id": f"c{order}", "fulfilled_at": fulfilled_at, **more}


def measure(answers: list[dict[str, Any]], commitments: list[dict[str, Any]], **chosen: Any) -> list[dict[str, Any]]:
    facts = make_facts(feedback=answers, commitments=commitments)
    return said_when_broken(facts, show_small_groups=True, **chosen).to_records()


def test_difference_is_broken_less_kept() -> None:
    answers = [answer(1, 9), answer(2, 8), answer(3, 4)]
    (row,) = measure(answers, [promise(1, IN_TIME), promise(2, IN_TIME), promise(3, LATE)])
    assert (row["kept_answers"], row["broken_answers"], row["fewer_answers"]) == (2, 1, 1)
    assert (row["kept_mean"], row["broken_mean"], row["difference"]) == (8.5, 4.0, -4.5)
    assert row["difference_low"] < -4.5 < row["difference_high"] < 10


def test_answer_given_before_the_outcome_does_not_count() -> None:
    waiting = answer(4, 0, said_at="2024-03-09T12:00")
    answers = [answer(1, 9), answer(3, 4), waiting]
    (row,) = measure(answers, [promise(1, IN_TIME), promise(3, LATE), promise(4, LATE)])
    assert row["broken_answers"] == 1


def test_one_broken_promise_of_a_kind_breaks_the_order() -> None:
    parcels = [promise(1, IN_TIME), promise(1, LATE), promise(2, IN_TIME)]
    (row,) = measure([answer(1, 2), answer(2, 9)], parcels)
    assert (row["kept_answers"], row["broken_answers"]) == (1, 1)


def test_promises_questions_and_scales_stand_apart() -> None:
    stars: dict[str, Any] = {"question": "stars", "scale_min": 1, "scale_max": 5}
    answers = [answer(1, 9), answer(2, 4), answer(1, 5, **stars), answer(2, 1, **stars)]
    commitments = [promise(1, IN_TIME), promise(2, LATE)]
    commitments += [{**one, "promise": "refund"} for one in commitments]
    rows = measure(answers, commitments)
    found = {(row["promise"], row["question"], row["scale_max"]): row["difference"] for row in rows}
    assert found == {
        ("delivery", "nps", 10): -5,
        ("delivery", "stars", 5): -4,
        ("refund", "nps", 10): -5,
        ("refund", "stars", 5): -4,
    }


def test_unanimous_answers_are_not_taken_for_certain() -> None:
    answers = [answer(order, 9 if order <= 5 else 3) for order in range(1, 11)]
    commitments = [promise(order, IN_TIME if order <= 5 else LATE) for order in range(1, 11)]
    (row,) = measure(answers, commitments)
    assert row["difference"] == -6
    assert row["difference_low"] < -6 < row["difference_high"] < 0


def test_small_side_is_hidden() -> None:
    answers = [answer(order, 9 if order <= 20 else 3) for order in range(1, 25)]
    commitments = [promise(order, IN_TIME if order <= 20 else LATE) for order in range(1, 25)]
    (row,) = said_when_broken(make_facts(feedback=answers, commitments=commitments)).to_records()
    assert row["is_hidden"]
    assert row["kept_mean"] is None


def test_nothing_to_compare_says_so() -> None:
    with pytest.raises(NothingToMeasure):
        measure([answer(1, 9)], [promise(1, IN_TIME)])
    with pytest.raises(MissingTable, match="commitments"):
        said_when_broken(make_facts(feedback=[answer(1, 9)]))


OUTCOMES = st.lists(
    st.tuples(st.integers(0, 10), st.sampled_from([IN_TIME, LATE, None]), st.booleans()), min_size=1, max_size=25
)


@settings(max_examples=8, deadline=None)
@given(outcomes=OUTCOMES)
def test_means_agree_with_a_plain_loop(outcomes: list[tuple[int, str | None, bool]]) -> None:
    sides: dict[bool, list[int]] = {True: [], False: []}
    for score, fulfilled_at, is_early in outcomes:
        if not is_early:
            sides[fulfilled_at == IN_TIME].append(score)
    answers = [
        answer(order, score, said_at="2024-03-05" if is_early else AFTER)
        for order, (score, _, is_early) in enumerate(outcomes)
    ]
    commitments = [promise(order, fulfilled_at) for order, (_, fulfilled_at, _) in enumerate(outcomes)]
    if not (sides[True] and sides[False]):
        with pytest.raises(NothingToMeasure):
            measure(answers, commitments)
        return
    (row,) = measure(answers, commitments)
    for side, scores in (("kept", sides[True]), ("broken", sides[False])):
        assert row[f"{side}_answers"] == len(scores)
        assert row[f"{side}_mean"] == pytest.approx(sum(scores) / len(scores))
        assert row[f"{side}_mean_low"] <= row[f"{side}_mean"] <= row[f"{side}_mean_high"]


def test_finds_the_simulated_difference(tmp_path: Path) -> None:
    """The company knows the plain difference over every order; only some answer, by chance alone."""
    truth = simulate(tmp_path, customers=3_000, seed=11)
    result = said_when_broken(open_facts(tmp_path), question="nps")
    (row,) = [row for row in result.to_records() if row["promise"] == "delivery_date"]
    naive = truth["effects"]["delivery_date"]["score"]["naive"]
    error = (row["difference_high"] - row["difference_low"]) / 3.92
    assert abs(row["difference"] - naive) < 3.5 * error
    assert row["difference_high"] < 0
