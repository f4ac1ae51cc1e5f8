"""Words that set the unhappy apart, by hand and of the simulated company."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.companies import make_facts

from saydo.engine import open_facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.measures import telling_words
from saydo.simulate import simulate
from saydo.stats.keyness import likelihood_ratio, log_odds

Records = list[dict[str, Any]]


def say(number: int, comment: str, score: float, **more: Any) -> dict[str, Any]:
    given = {"said_at": "2024-03-20", "customer_id": f"c{number}", "language": "en", "question": "nps", **more}
    return {"scale_min": 0, "scale_max": 10, **given, "comment": comment, "score": score}


def by_word(rows: Records, **chosen: Any) -> dict[str, dict[str, Any]]:
    return {row["word"]: row for row in telling_words(make_facts(feedback=rows), **chosen).to_records()}


def two_sides() -> Records:
    """Twenty who are unhappy and thirty who are happy; all speak of the parcel."""
    unhappy = [say(number, "Late parcel, late broken" if number < 15 else "Parcel", 3) for number in range(20)]
    happy = [say(100 + number, "Friendly parcel" if number < 12 else "Parcel came late", 10) for number in range(30)]
    return unhappy + happy


def test_words_are_counted_by_people_and_set_against_each_other() -> None:
    found = by_word(two_sides())
    counts = {"late": (15, 18), "parcel": (20, 30), "friendly": (0, 12), "came": (0, 18), "broken": (15, 0)}
    one, other = (np.array([count[side] for count in counts.values()]) for side in (0, 1))
    expected, g2 = log_odds(one, other), likelihood_ratio(one, other)
    for place, (word, (unhappy, happy)) in enumerate(counts.items()):
        row = found[word]
        assert row["people"] == unhappy + happy
        assert (row["unhappy_share"], row["happy_share"]) == (unhappy / 20, happy / 30)
        assert row["log_odds"] == pytest.approx(expected.difference[place])
        assert row["z"] == pytest.approx(expected.z[place])
        assert row["g2"] == pytest.approx(g2[place])
        assert row["side"] == ("unhappy" if expected.z[place] > 0 else "happy")
        assert row["log_odds_high"] - row["log_odds"] == pytest.approx(1.96 * expected.se[place], rel=1e-4)
        assert row["p_adjusted"] >= 0


def test_word_is_another_when_it_is_denied() -> None:
    rows = [say(number, "Not friendly", 2) for number in range(10)]
    rows += [say(50 + number, "Friendly", 9) for number in range(10)]
    found = by_word(rows)
    assert found["not friendly"]["side"] == "unhappy"
    assert found["friendly"]["side"] == "happy"


def test_somebody_who_says_a_word_often_counts_once() -> None:
    rows = [say(number % 10, "awful awful", 1) for number in range(40)]
    rows += [say(50 + number, "fine shop", 9) for number in range(10)]
    assert by_word(rows)["awful"]["people"] == 10


def test_sides_are_those_of_each_scale_and_the_middle_is_left_out() -> None:
    stars: dict[str, Any] = {"question": "stars", "scale_min": 1, "scale_max": 5}
    rows: Records = []
    for number in range(8):
        rows += [
            say(number, "poor", 2, **stars),
            say(20 + number, "splendid", 5, **stars),
            say(40 + number, "decent", 4, **stars),
        ]
        rows += [say(60 + number, "sad", 6), say(80 + number, "medium", 7), say(100 + number, "glad", 9)]
        rows += [say(120 + number, "unknown", 3, question="csat", scale_min=None, scale_max=None)]
    found = by_word(rows)
    assert {word: row["side"] for word, row in found.items()} == {
        "sad": "unhappy",
        "splendid": "happy",
        "glad": "happy",
        "poor": "unhappy",
    }


def test_words_of_fewer_than_eight_people_are_not_shown() -> None:
    rows = [say(number, f"slow {'Dupont' if number < 7 else ''}", 2) for number in range(12)]
    rows += [say(50 + number, "quick", 9) for number in range(12)]
    assert set(by_word(rows)) == {"slow", "quick"}


def test_only_as_many_words_as_asked_for_are_shown_of_each_side() -> None:
    found = by_word(two_sides(), words=1)
    assert sorted(row["side"] for row in found.values()) == ["happy", "unhappy"]
    with pytest.raises(BadSetting, match=r"words cannot be 0\. It must be a whole number from 1 to 200"):
        by_word(two_sides(), words=0)


def test_one_side_alone_has_nothing_to_be_set_against() -> None:
    with pytest.raises(NothingToMeasure, match="of unhappy and of happy people"):
        by_word([say(number, "slow", 2) for number in range(20)])
    with pytest.raises(NothingToMeasure, match="nobody wrote"):
        by_word([say(1, "", 2)])


def test_simulated_unhappy_speak_of_what_was_planted(tmp_path: Path) -> None:
    simulate(tmp_path, customers=3_000, seed=11)
    found = telling_words(open_facts(tmp_path), words=10).to_records()
    said = {
        side: {row["word"] for row in found if row["language"] == "fr" and row["side"] == side}
        for side in ("unhappy", "happy")
    }
    assert len(said["unhappy"] & {"cassé", "retard", "cher", "jours", "semaines", "éviter", "décevant", "bruyant"}) >= 3
    assert len(said["happy"] & {"bon", "facile", "recommande", "agréable", "simple", "merci", "rapide", "qualité"}) >= 3
    assert not said["unhappy"] & said["happy"]
