"""Say and do: who is counted, when, against whom; a plain loop; and companies in which the score means nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.companies import cut_company, make_facts

from saydo.company import Facts
from saydo.engine import DuckDBEngine, open_facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.measures import say_do
from saydo.simulate import simulate
from saydo.simulate.plan import SEGMENTS
from saydo.stats.trials import binomial_p

Row = dict[str, Any]
# What is said and what is done have nothing in common; most of those asked answer, whatever they think.
MEANINGLESS: dict[str, Any] = {
    "happiness_on_lapse": 0.0,
    "improvement": 0.0,
    "response_by_score": 0.0,
    "segments": tuple(replace(segment, response=0.7) for segment in SEGMENTS),
    "invited": 0.6,
}


def answer(customer: str | None, score: int, on: str = "2024-03-01", **more: Any) -> Row:
    return {"customer_id": customer, "score": score, "said_at": on, "occasion": "relational", "survey": "how", **more}


def order(customer: str, on: str, **more: Any) -> Row:
    return {"customer_id": customer, "ordered_at": on, **more}


def invitation(customer: str, on: str, answered: str | None = None) -> Row:
    return {"customer_id": customer, "survey": "how", "question": "nps", "sent_at": on, "answered_at": answered}


def rows_of(facts: Facts, as_of: str = "2025-01-01", **settings: Any) -> dict[tuple[str, int | None], Row]:
    found = say_do(facts, as_of=as_of, show_small_groups=True, **settings)
    return {(row["band"], row["score"]): row for row in found}


def test_say_do_counts_what_came_within_the_horizon_alone() -> None:
    answers = [answer("a", 9), answer("b", 10), answer("c", 8), answer("d", 3)]
    orders = [order("a", "2024-05-30"), order("b", "2024-09-30"), order("c", "2024-02-20"), order("d", "2024-03-02")]
    found = rows_of(make_facts(feedback=answers, orders=orders), horizon=90)
    assert {key: (row["events"], row["bought_rate"]) for key, row in found.items()} == {
        ("detractors", 3): (1, 1),
        ("detractors", None): (1, 1),
        ("passives", 8): (1, 0),
        ("passives", None): (1, 0),
        ("promoters", 9): (1, 1),
        ("promoters", 10): (1, 0),
        ("promoters", None): (2, 0.5),
    }


@pytest.mark.parametrize(("as_of", "answers"), [("2024-05-30", 0), ("2024-05-31", 1)])
def test_say_do_waits_until_the_horizon_of_an_answer_is_over(as_of: str, answers: int) -> None:
    feedback = [answer("a", 9, on="2023-01-01"), answer("b", 9)]
    found = rows_of(make_facts(feedback=feedback), as_of, horizon=90)
    assert found["promoters", None]["events"] == 1 + answers


def test_say_do_tells_what_the_silent_did() -> None:
    invitations = [
        invitation("a", "2024-03-01", answered="2024-03-02"),
        invitation("b", "2024-03-01"),
        invitation("c", "2024-03-01"),
        {**invitation("d", "2024-03-01"), "bounced_at": "2024-03-01"},
    ]
    orders = [order("b", "2024-04-01"), order("c", "2024-02-01")]
    found = rows_of(make_facts(feedback=[answer("a", 9)], invitations=invitations, orders=orders))
    assert (found["silent", None]["events"], found["silent", None]["bought_rate"]) == (2, 0.5)


def test_say_do_looks_at_the_never_asked_when_others_were_asked() -> None:
    """January asks one of two customers, March one of three: a moment in March counts two thirds of one in January."""
    invitations = [invitation("a", "2024-01-10"), invitation("a", "2024-03-10", answered="2024-03-11")]
    orders = [order("a", "2023-12-01"), order("n", "2023-12-01"), order("n", "2024-01-20"), order("m", "2024-02-01")]
    found = rows_of(make_facts(feedback=[answer("a", 9, on="2024-03-11")], invitations=invitations, orders=orders))
    never = found["never asked", None]
    assert (never["events"], never["people"]) == (3, 2)  # n twice; m was no customer in January
    assert never["bought_rate"] == pytest.approx((1 / 2) / (1 / 2 + 1 / 3 + 1 / 3) * 1)


def test_say_do_takes_who_is_asked_later_for_not_asked_yet() -> None:
    invitations = [invitation("a", "2024-01-10"), invitation("n", "2024-02-10"), invitation("m", "2024-01-31")]
    orders = [order(name, "2023-12-01") for name in "anm"]
    found = rows_of(make_facts(feedback=[answer("a", 9)], invitations=invitations, orders=orders))
    never = found["never asked", None]
    assert (never["events"], never["people"], found["silent", None]["events"]) == (2, 2, 2)  # n and m in January alone


def test_say_do_takes_who_is_asked_on_another_occasion_for_not_asked() -> None:
    invitations = [invitation("a", "2024-01-10"), {**invitation("n", "2024-01-05"), "survey": "after"}]
    feedback = [answer("a", 9), answer("z", 9, occasion="event", survey="after")]
    orders = [order(name, "2023-12-01") for name in "an"]
    found = rows_of(make_facts(feedback=feedback, invitations=invitations, orders=orders))
    assert found["never asked", None]["events"] == 1


def test_say_do_does_not_tell_the_never_asked_by_what_they_did_next() -> None:
    """Invitations follow orders, which come to all alike: what comes after must not decide who was not asked yet."""
    chance, begin, end = np.random.default_rng(614), datetime(2023, 1, 1), datetime(2025, 6, 1)
    orders, invitations = [], []
    for number in range(3_000):
        on = begin + timedelta(days=float(chance.uniform(0, 30)))
        while on < end:
            orders.append(order(f"c{number}", on.isoformat()))
            if chance.random() < 0.35 and on.year > 2023:
                invitations.append(invitation(f"c{number}", (on + timedelta(days=5)).isoformat()))
            on += timedelta(days=float(chance.exponential(450)))
    facts = make_facts(feedback=[answer("c0", 9, on="2023-02-01")], orders=orders, invitations=invitations)
    never = rows_of(facts, "2025-06-01", horizon=30)["never asked", None]
    truth, width = 1 - np.exp(-30 / 450), never["bought_high"] - never["bought_low"]
    assert abs(never["bought_rate"] - truth) < width  # four standard errors: by chance once in 15,000


def test_say_do_leaves_those_who_have_left_out_of_the_never_asked() -> None:
    people = [{"customer_id": "n", "first_seen_at": "2023-01-01", "left_at": "2024-02-01"}]
    facts = make_facts(feedback=[answer("a", 9)], invitations=[invitation("a", "2024-03-01")], customers=people)
    assert ("never asked", None) not in rows_of(facts)


def test_say_do_counts_every_outcome() -> None:
    deeds: dict[str, Any] = {
        "orders": [order("a", "2024-03-05", order_id="o")],
        "order_lines": [{"order_id": "o", "unit_price": 50, "unit_cost": 20}],
        "returns": [{"order_id": "o", "customer_id": "a", "returned_at": "2024-03-20", "refund": 10}],
        "contacts": [{"customer_id": "a", "at": "2024-04-01", "direction": "in"}],
        "referrals": [{"referrer_id": "a", "referred_at": "2024-04-02"}],
        "customers": [{"customer_id": "a", "left_at": "2024-06-01"}, {"customer_id": "b"}],
    }
    row = rows_of(make_facts(feedback=[answer("a", 9), answer("b", 9)], **deeds))["promoters", None]
    names = ("bought_rate", "margin_mean", "returns_mean", "contacts_mean", "referrals_mean", "left_rate")
    assert {name: row[name] for name in names} == {**dict.fromkeys(names, 0.5), "margin_mean": 10.0}


def test_say_do_is_null_for_what_nobody_tells() -> None:
    row = rows_of(make_facts(feedback=[answer("a", 9)]))["promoters", None]
    assert (row["bought_rate"], row["margin_mean"], row["left_rate"], row["events"]) == (None, None, None, 1)


def test_say_do_keeps_answers_after_an_event_apart() -> None:
    facts = make_facts(feedback=[answer("a", 9), answer("b", 3, occasion="event"), answer("c", 7, occasion=None)])
    bands = {occasion: {band for band, _ in rows_of(facts, occasion=occasion)} for occasion in ("relational", "event")}
    assert bands == {"relational": {"promoters"}, "event": {"detractors"}}
    assert len(rows_of(facts, occasion="any")) == 6


def test_say_do_takes_the_answers_of_a_person_for_one_cluster() -> None:
    days = [f"2024-0{month}-01" for month in range(1, 7)]
    same = [answer("a", 9, on=day) for day in days] + [answer("b", 9, on=day) for day in days]
    others = [{**one, "customer_id": f"{one['customer_id']}{number}"} for number, one in enumerate(same)]
    orders = [order("a", f"{day[:-1]}9") for day in days]
    spread = [order(f"a{number}", one["ordered_at"]) for number, one in enumerate(orders)]
    tied = rows_of(make_facts(feedback=same, orders=orders), horizon=28)["promoters", None]
    free = rows_of(make_facts(feedback=others, orders=spread), horizon=28)["promoters", None]
    assert (tied["bought_rate"], tied["people"], free["bought_rate"], free["people"]) == (0.5, 2, 0.5, 12)
    assert tied["bought_high"] - tied["bought_low"] > free["bought_high"] - free["bought_low"]


def test_say_do_matches_as_a_plain_loop_does() -> None:
    """Two strata, none and one purchase before; each band's mean is put together by the strata of all answers."""
    chance = np.random.default_rng(8)
    feedback, orders = [], []
    cells: dict[tuple[int, int], list[int]] = defaultdict(list)
    sizes = [0, 0]
    for number in range(240):
        before, score = int(chance.integers(0, 2)), int(chance.choice([4, 7, 9]))
        again = int(chance.random() < 0.2 + 0.4 * before + 0.1 * (score == 9))
        name = f"c{number:03}"
        feedback.append(answer(name, score))
        orders += [order(name, "2024-01-01")] * before + [order(name, "2024-04-01")] * again
        cells[score, before].append(again)
        sizes[before] += 1
    found = rows_of(make_facts(feedback=feedback, orders=orders))
    mean = {score: sum(sizes[b] * np.mean(cells[score, b]) for b in (0, 1)) / 240 for score in (4, 7, 9)}
    promoters, detractors = found["promoters", None], found["detractors", None]
    assert promoters["bought_difference"] == pytest.approx(mean[9] - mean[7])
    assert detractors["bought_difference"] == pytest.approx(mean[4] - mean[7])
    assert (found["passives", None]["bought_difference"], promoters["matched"]) == (None, promoters["events"])
    assert promoters["bought_difference_low"] < promoters["bought_difference"] < promoters["bought_difference_high"]


@pytest.mark.parametrize("known", [0, 1])
def test_say_do_compares_an_outcome_only_where_both_sides_know_it(known: int) -> None:
    """Of promoters without a purchase before, hardly a margin is known: their stratum must not count on one side."""
    feedback, orders, lines = [], [], []
    for number in range(40):
        name, has_bought, score = f"c{number:02}", number % 2, (7, 9)[number // 2 % 2]
        is_known = has_bought or score == 7 or number // 4 < known
        price = (10 if has_bought else 1_000) + number // 4
        bought = [("2023-01-01", 5, 0)] * has_bought + [("2024-04-01", price, 0 if is_known else None)]
        feedback.append(answer(name, score))
        for place, (day, paid, cost) in enumerate(bought):
            orders.append(order(name, day, order_id=f"{name} {place}"))
            lines.append({"order_id": f"{name} {place}", "unit_price": paid, "unit_cost": cost})
    row = rows_of(make_facts(feedback=feedback, orders=orders, order_lines=lines))["promoters", None]
    assert row["margin_difference"] == pytest.approx(0)
    assert (row["bought_difference"], row["matched"]) == (0, 20)


def test_say_do_compares_nothing_when_everybody_said_the_same() -> None:
    feedback = [answer(f"c{number}", 9) for number in range(30)]
    orders = [order(f"c{number}", "2024-01-01") for number in range(30)]
    row = rows_of(make_facts(feedback=feedback, orders=orders))["promoters", None]
    assert (row["bought_rate"], row["matched"], row["bought_difference"]) == (0, 0, None)
    assert row["bought_high"] > 0


def test_say_do_hides_what_few_people_said() -> None:
    feedback = [answer(f"c{number}", 9) for number in range(20)] + [answer("d", 2)]
    found = {(row["band"], row["score"]): row for row in say_do(make_facts(feedback=feedback), as_of="2025-01-01")}
    assert found["detractors", 2]["is_hidden"]
    assert found["detractors", 2]["events"] is None


def test_say_do_says_what_is_wrong_and_what_would_help() -> None:
    facts = make_facts(feedback=[answer("a", 9, on="2024-12-01")])
    with pytest.raises(NothingToMeasure, match="no answer is as old as the horizon; a shorter one"):
        say_do(facts)
    with pytest.raises(BadSetting, match=r"horizon cannot be 0\. It must be a number of days from 1 on"):
        say_do(facts, horizon=0)


# Chance


@pytest.fixture(scope="module")
def meaningless(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    folder = tmp_path_factory.mktemp("meaningless")
    simulate(folder, customers=4_000, seed=611, **MEANINGLESS)
    return cut_company(open_facts(folder, DuckDBEngine(threads=1)), 40)


def require_no_difference(facts: Facts, parts: int) -> None:
    """Differences from the passives are chance alone, and the intervals hold nothing as often as they say."""
    rows = say_do(facts, by="customers.x_part", show_small_groups=True).to_records()
    for band in ("detractors", "promoters", "silent", "never asked"):
        ends = [(row["bought_difference_low"], row["bought_difference_high"]) for row in rows if row["band"] == band]
        known = [(low, high) for low, high in ends if low is not None]
        assert len(known) > 0.9 * parts
        assert binomial_p(sum(low <= 0 <= high for low, high in known), len(known)) > 0.001, band


def test_say_do_finds_nothing_where_the_score_means_nothing(meaningless: Facts) -> None:
    require_no_difference(meaningless, 40)


@pytest.mark.slow
def test_say_do_finds_nothing_in_200_companies_where_the_score_means_nothing(tmp_path: Path) -> None:
    simulate(tmp_path / "facts", customers=30_000, seed=612, **MEANINGLESS)
    require_no_difference(cut_company(open_facts(tmp_path / "facts", DuckDBEngine(threads=1)), 200), 200)


@pytest.mark.slow
def test_say_do_finds_that_the_happy_stay(tmp_path: Path) -> None:
    happy = {**MEANINGLESS, "happiness_on_lapse": 0.9}
    simulate(tmp_path / "facts", customers=20_000, seed=613, **happy)
    found = rows_of(open_facts(tmp_path / "facts", DuckDBEngine(threads=1)), "2026-10-01")
    assert found["promoters", None]["bought_difference_low"] > 0
    assert found["detractors", None]["bought_difference_high"] < 0
