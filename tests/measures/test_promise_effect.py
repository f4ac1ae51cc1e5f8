"""Effects of broken promises by hand, and against simulated companies where distance and large orders mislead."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from tests.companies import cut_company, make_facts

from saydo.company import Facts
from saydo.engine import DuckDBEngine, open_facts
from saydo.errors import BadSetting, MissingTable, MixedCurrencies, NothingToMeasure, UnknownSplit
from saydo.measures.promise_effect import promise_effect
from saydo.simulate import NO_EFFECT, simulate
from saydo.stats.trials import binomial_p, is_unbiased

DUE = datetime(2024, 3, 10, 12)
AFTER = DUE + timedelta(days=20)
END = "2025-06-01"
CONFOUNDERS = "customers.x_distance,orders.x_large"


def parcels(*cells: tuple[int, bool, int, int], **more: Any) -> dict[str, Any]:
    """Tables of parcels by cell: (distance, is late, how many, how many of their customers buy again)."""
    commitments, orders, customers = [], [], []
    for distance, is_late, count, again in cells:
        for number in range(count):
            key = f"{distance}{int(is_late)}{number}"
            mine = {"customer_id": f"c{key}", "order_id": f"o{key}"}
            ordered = {"made_at": DUE - timedelta(days=5), "due_at": DUE, "seen_by": "system"}
            come = DUE + timedelta(days=2 if is_late else -1)
            commitments.append({**mine, **ordered, "promise": "delivery", "fulfilled_at": come, **more})
            orders.append({**mine, "ordered_at": DUE - timedelta(days=5)})
            customers.append({"customer_id": f"c{key}", "x_distance": distance})
            if number < again:
                orders.append({"customer_id": f"c{key}", "order_id": f"again {key}", "ordered_at": AFTER})
    return {
        "commitments": commitments,
        "orders": orders,
        "customers": customers,
        "invitations": [{"sent_at": END}, {"sent_at": "2022-01-01"}],
    }


# Late parcels go far, and who lives far buys less: 40 % near and 20 % far, late or not; 28 % less 36 % on average.
CONFOUNDED = parcels((0, False, 400, 160), (0, True, 100, 40), (1, False, 100, 20), (1, True, 150, 30))


def measure(tables: dict[str, Any], **chosen: Any) -> list[dict[str, Any]]:
    return promise_effect(
        make_facts(**tables), **{"outcome": "bought_again", "adjust": "lead_days", **chosen}
    ).to_records()


def test_counts_and_plain_difference_are_those_of_the_parcels() -> None:
    (row,) = measure(CONFOUNDED)
    assert (row["promise"], row["outcome"]) == ("delivery", "bought_again")
    assert (row["kept"], row["broken"]) == (500, 250)
    assert (row["kept_mean"], row["broken_mean"]) == (pytest.approx(0.36), pytest.approx(0.28))
    assert row["naive"] == pytest.approx(-0.08)
    assert row["naive_high"] < 0


def test_difference_that_distance_explains_is_adjusted_away() -> None:
    (row,) = measure(CONFOUNDED, adjust="customers.x_distance")
    assert abs(row["effect"]) < 0.01
    assert row["effect_low"] < 0 < row["effect_high"]
    assert abs(row["effect_on_broken"]) < 0.01
    assert row["e_value_limit"] == 1
    assert row["trimmed_share"] == 0


def test_difference_that_nothing_explains_stays() -> None:
    tables = parcels((0, False, 400, 200), (0, True, 100, 20), (1, False, 100, 30), (1, True, 150, 15))
    (row,) = measure(tables, adjust="customers.x_distance")
    assert row["effect"] == pytest.approx(500 / 750 * -0.3 + 250 / 750 * -0.2, abs=0.01)
    assert row["effect_on_broken"] == pytest.approx(0.4 * -0.3 + 0.6 * -0.2, abs=0.01)
    assert row["e_value"] > row["e_value_limit"] > 1
    assert row["p"] < 0.001


def test_nothing_adjusted_is_the_plain_difference_and_says_so() -> None:
    result = promise_effect(make_facts(**CONFOUNDED), outcome="bought_again", adjust="none")
    (row,) = result.to_records()
    assert row["effect"] == pytest.approx(row["naive"], abs=0.01)
    assert "Nothing is adjusted for" in str(result.notes[0])


def test_models_of_a_small_group_see_all_of_it_beside_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {"by": "customers.x_distance", "adjust": "lead_days,orders_before"}
    near, far = measure(CONFOUNDED, **chosen)
    monkeypatch.setattr("saydo.measures._effects.MOST_EVENTS", 300)
    monkeypatch.setattr("saydo.measures._effects.ENOUGH_EVENTS", 300)
    near_thinned, far_thinned = measure(CONFOUNDED, **chosen)
    assert (near["kept"], near["broken"]) == (near_thinned["kept"], near_thinned["broken"]) == (400, 100)
    assert near_thinned["effective_kept"] < 0.8 * near["effective_kept"]
    assert far_thinned == far


def test_rows_that_are_kept_for_other_measures_say_the_same() -> None:
    facts = make_facts(**CONFOUNDED)
    one, same = (promise_effect(each, adjust="customers.x_distance").to_records() for each in (facts, facts.keeping()))
    assert [row.keys() for row in one] == [row.keys() for row in same]
    for before, after in zip(one, same, strict=True):
        figures = {name for name, value in before.items() if isinstance(value, float)}
        assert {name: after[name] for name in after.keys() - figures} == {n: before[n] for n in before.keys() - figures}
        for name in figures:
            assert after[name] == pytest.approx(before[name], rel=1e-9)


def test_what_was_withdrawn_or_is_still_open_does_not_count() -> None:
    more = {"promise": "delivery", "seen_by": "system", "customer_id": "c", "made_at": "2024-03-01"}
    added = [
        {**more, "due_at": DUE, "withdrawn_at": "2024-03-02"},
        {**more, "due_at": "2026-01-01"},
        {**more, "customer_id": None, "due_at": DUE},
    ]
    (row,) = measure({**CONFOUNDED, "commitments": CONFOUNDED["commitments"] + added})
    assert (row["kept"], row["broken"]) == (500, 250)


def test_promise_whose_horizon_is_not_over_does_not_count() -> None:
    facts = make_facts(**CONFOUNDED)
    early = DUE + timedelta(days=100)
    (row,) = promise_effect(facts, outcome="bought_again", horizon=99, as_of=early).to_records()
    assert (row["kept"], row["broken"]) == (500, 250)
    with pytest.raises(NothingToMeasure, match="choose a shorter one"):
        promise_effect(facts, outcome="bought_again", horizon=101, as_of=early)


def answers(tables: dict[str, Any], score: dict[bool, float], said_at: datetime, **more: Any) -> list[dict[str, Any]]:
    """An answer about every parcel, by whether it was late."""
    return [
        {"order_id": one["order_id"], "customer_id": one["customer_id"], "said_at": said_at, **more}
        | {"score": score[one["fulfilled_at"] > DUE] + number % 2}
        for number, one in enumerate(tables["commitments"])
    ]


def test_scores_stand_apart_by_question_and_scale() -> None:
    tables = parcels((0, False, 40, 0), (0, True, 20, 0))
    stars = {"question": "stars", "scale_min": 1, "scale_max": 5, "source": "review"}
    said = answers(tables, {False: 8, True: 5}, AFTER) + answers(tables, {False: 4, True: 3}, AFTER, **stars)
    rows = measure({**tables, "feedback": said}, outcome="score", adjust="none")
    found = {(row["question"], row["scale_max"]): (row["kept_mean"], row["broken_mean"]) for row in rows}
    assert found == {("nps", 10): (8.5, 5.5), ("stars", 5): (4.5, 3.5)}
    assert {row["outcome"] for row in rows} == {"score"}


def test_answer_that_could_not_know_does_not_count() -> None:
    tables = parcels((0, False, 40, 0), (0, True, 20, 0))
    said = answers(tables, {False: 8, True: 5}, AFTER) + answers(tables, {False: 0, True: 0}, DUE - timedelta(days=2))
    (row,) = measure({**tables, "feedback": said}, outcome="score", adjust="none")
    assert (row["kept_mean"], row["broken_mean"]) == (8.5, 5.5)


def test_answer_after_the_repair_of_a_case_does_not_count() -> None:
    tables = parcels((0, False, 40, 0), (0, True, 20, 0))
    said = answers(tables, {False: 8, True: 5}, AFTER)
    again = [
        {**one, "feedback_id": f"again {number}", "score": 10}
        for number, one in enumerate(answers(tables, {False: 8, True: 5}, AFTER + timedelta(days=9)))
    ]
    cases = [{"asked_again_id": one["feedback_id"], "opened_at": AFTER} for one in again]
    (row,) = measure({**tables, "feedback": said + again, "cases": cases}, outcome="score", adjust="none")
    assert (row["kept"], row["kept_mean"], row["broken_mean"]) == (40, 8.5, 5.5)


def test_answer_after_an_event_without_an_order_counts_for_sixty_days() -> None:
    tables = parcels((0, False, 40, 0), (0, True, 20, 0))
    said = answers(tables, {False: 8, True: 5}, DUE + timedelta(days=60), occasion="event")
    late = answers(tables, {False: 0, True: 0}, DUE + timedelta(days=61), occasion="event")
    relational = answers(tables, {False: 0, True: 0}, AFTER, occasion="relational")
    everything = [{**one, "order_id": None} for one in (*said, *late, *relational)]
    (row,) = measure({**tables, "feedback": everything}, outcome="score", adjust="none")
    assert (row["kept"], row["kept_mean"], row["broken_mean"]) == (40, 8.5, 5.5)


def test_few_scores_are_hidden_and_few_outcomes_not_adjusted() -> None:
    tables = parcels((0, False, 40, 0), (0, True, 4, 0))
    (row,) = measure({**tables, "feedback": answers(tables, {False: 8, True: 5}, AFTER)}, outcome="score")
    assert row["is_hidden"]
    assert row["broken_mean"] is None
    (row,) = measure(parcels((0, False, 40, 20), (0, True, 9, 3)))
    assert row["naive"] == pytest.approx(3 / 9 - 0.5)
    assert (row["effect"], row["p"], row["e_value"]) == (None, None, None)


def test_placebo_finds_customers_who_differed_before() -> None:
    tables = parcels((0, False, 200, 100), (0, True, 100, 20))
    before = [
        {"customer_id": one["customer_id"], "order_id": f"before {number}", "ordered_at": DUE - timedelta(days=60)}
        for number, one in enumerate(tables["commitments"])
        if (one["fulfilled_at"] < DUE) == (number % 5 > 0)
    ]
    result = promise_effect(make_facts(**{**tables, "orders": tables["orders"] + before}), outcome="bought_again")
    (row,) = result.to_records()
    assert row["placebo"] == pytest.approx(-0.6, abs=0.02)
    assert row["placebo_p"] < 0.001
    assert any("placebo failed" in str(note) for note in result.notes)


def test_placebo_knows_who_bought_often_before_it() -> None:
    """Parcels of frequent buyers are late less often, and late ones change nothing: only the past is confounded."""
    chance = np.random.default_rng(41)
    tables = parcels((0, False, 900, 0), (0, True, 300, 0))
    orders = tables["orders"]
    for one in tables["commitments"]:
        is_late = one["fulfilled_at"] > DUE
        is_frequent = chance.random() < (0.2 if is_late else 0.6)
        for days in (700, 600, 500, 400, 300, 150, 60, -20):
            if chance.random() < (0.8 if is_frequent else 0.1):
                key = {"customer_id": one["customer_id"], "order_id": f"{one['order_id']} {days}"}
                orders.append({**key, "ordered_at": DUE - timedelta(days=days)})
    (plain,) = measure(tables, adjust="lead_days")
    (row,) = measure(tables, adjust="orders_before")
    assert plain["effect_high"] < 0
    assert plain["placebo_p"] < 0.001
    assert row["effect_low"] < 0 < row["effect_high"]
    assert abs(row["placebo"]) < abs(plain["placebo"]) / 4
    assert row["placebo_p"] > 0.001


def test_column_that_tells_what_became_of_the_promise_is_left_out() -> None:
    tables = parcels((0, False, 200, 100), (0, True, 100, 20))
    for one in tables["orders"]:
        one["x_status"] = "lost" if one["order_id"].startswith("o01") else "delivered"
    facts = make_facts(**tables)
    result = promise_effect(facts, outcome="bought_again")
    (row,) = result.to_records()
    assert row["effect"] == pytest.approx(-0.3, abs=0.02)
    assert row["trimmed_share"] == 0
    assert "what became of them: orders.x_status." in str(result.notes[0])
    named = promise_effect(facts, outcome="bought_again", adjust="orders.x_status")
    assert "must not be adjusted for" in str(named.notes[0])


def test_nothing_is_said_of_an_effect_on_the_few_who_came_back() -> None:
    (row,) = measure(parcels((0, False, 300, 60), (0, True, 200, 9)))
    assert row["naive"] == pytest.approx(9 / 200 - 0.2)
    assert (row["effect"], row["e_value"]) == (None, None)


def test_promise_that_is_only_kept_says_so() -> None:
    kept = parcels((0, False, 30, 10))
    with pytest.raises(NothingToMeasure, match="never both kept and broken"):
        measure(kept)
    with pytest.raises(NothingToMeasure, match="fell due"):
        measure(kept, until=DUE.date() - timedelta(days=9))
    other = [{**one, "promise": "refund"} for one in kept["commitments"]]
    facts = make_facts(**{**CONFOUNDED, "commitments": CONFOUNDED["commitments"] + other})
    result = promise_effect(facts, outcome="bought_again", adjust="lead_days")
    assert {row["promise"] for row in result.to_records()} == {"delivery"}
    assert "cannot be compared: refund." in str(result.notes[0])


def test_settings_that_cannot_be_say_so() -> None:
    with pytest.raises(BadSetting, match="horizon"):
        measure(CONFOUNDED, horizon=0)
    with pytest.raises(UnknownSplit, match="shoe_size"):
        measure(CONFOUNDED, adjust="shoe_size")
    with pytest.raises(MissingTable, match="feedback"):
        measure(CONFOUNDED, outcome="score")
    lines = [{"order_id": one["order_id"], "quantity": 1, "unit_price": 9} for one in CONFOUNDED["orders"]]
    with pytest.raises(BadSetting, match=r"order_lines\.kind"):
        measure({**CONFOUNDED, "order_lines": lines}, adjust="order_lines.kind")


def test_mixed_currencies_say_which_rate_is_missing() -> None:
    orders = [{**one, "currency": "CHF"} for one in CONFOUNDED["orders"]]
    lines = [{"order_id": one["order_id"], "quantity": 1, "unit_price": 9, "unit_cost": 4} for one in orders]
    with pytest.raises(MixedCurrencies, match="CHF"):
        measure({**CONFOUNDED, "orders": orders, "order_lines": lines}, outcome="margin")
    (row,) = measure({**CONFOUNDED, "orders": orders, "order_lines": lines}, adjust="customers.x_distance")
    assert row["effect"] is not None
    free = [{**line, "unit_cost": None} for line in lines]
    with pytest.raises(NothingToMeasure, match="no cost of goods"):
        measure({**CONFOUNDED, "order_lines": free}, outcome="margin")


class Cut(NamedTuple):
    """A company cut in many, and the true effects of a late parcel on buying again within 180 days."""

    facts: Facts
    again: dict[str, float]


def cut(directory: Path, customers: int, parts: int, seed: int, **planted: Any) -> Cut:
    truth = simulate(directory, customers=customers, seed=seed, **planted)
    facts = cut_company(open_facts(directory, DuckDBEngine(threads=1)), parts)
    return Cut(facts, truth["effects"]["delivery_date"]["bought_again"]["180"]["share"])


def measure_parts(company: Cut, **chosen: Any) -> dict[str, np.ndarray[Any, Any]]:
    asked = {"by": "customers.x_part", "promise": "delivery_date", "outcome": "bought_again", **chosen}
    rows = promise_effect(company.facts, show_small_groups=True, **asked).to_records()
    return {name: np.array([row[name] for row in rows], dtype=float) for name in rows[0] if "effect" in name} | {
        name: np.array([row[name] for row in rows], dtype=float) for name in ("naive", "p", "placebo_p")
    }


def require_true(found: dict[str, np.ndarray[Any, Any]], stem: str, truth: float) -> None:
    """No bias, and the interval holds the truth as often as it says."""
    is_told = np.isfinite(found["effect"])  # not where fewer than ten late customers bought again
    assert is_told.mean() > 0.97
    value, low, high = (found[f"{stem}{end}"][is_told] for end in ("", "_low", "_high"))
    assert is_unbiased(value, truth, float(((high - low) / 3.92).mean()))
    assert binomial_p(int(((low <= truth) & (truth <= high)).sum()), len(value)) > 0.001


@pytest.fixture(scope="module")
def forty(tmp_path_factory: pytest.TempPathFactory) -> Cut:
    return cut(tmp_path_factory.mktemp("forty") / "company", 20_000, 40, 601)


def test_true_effect_is_found_in_forty_companies_where_the_plain_difference_misleads(forty: Cut) -> None:
    found = measure_parts(forty, adjust=CONFOUNDERS)
    require_true(found, "effect", forty.again["ate"])
    require_true(found, "effect_on_broken", forty.again["att"])
    confounded = found["naive"] - found["effect"]
    assert confounded.mean() + 4 * confounded.std(ddof=1) / np.sqrt(40) < 0
    assert binomial_p(int((found["placebo_p"] >= 0.05).sum()), 40) > 0.001


def test_no_effect_is_found_where_there_is_none(tmp_path: Path) -> None:
    """Of forty companies where a late parcel changes nothing, as few show an effect as the level allows."""
    none = cut(tmp_path / "none", 12_000, 40, 602, **NO_EFFECT)
    found = measure_parts(none, adjust=CONFOUNDERS)
    require_true(found, "effect", 0.0)
    assert binomial_p(int((found["p"] >= 0.05).sum()), 40) > 0.001
    assert found["naive"].mean() < -0.02


@pytest.mark.slow
@pytest.mark.parametrize("planted", [{}, NO_EFFECT], ids=["an effect", "none"])
@pytest.mark.parametrize(("customers", "parts", "adjust"), [(100_000, 200, CONFOUNDERS), (40_000, 40, "")])
def test_true_effect_is_found_in_many_companies_whatever_is_adjusted(
    tmp_path: Path, customers: int, parts: int, adjust: str, planted: Any
) -> None:
    """Also with everything that is known, as happens when nobody says what to adjust for."""
    company = cut(tmp_path / "many", customers, parts, 603, **planted)
    found = measure_parts(company, adjust=adjust)
    require_true(found, "effect", company.again["ate"])
    require_true(found, "effect_on_broken", company.again["att"])
    assert binomial_p(int((found["placebo_p"] >= 0.05).sum()), parts) > 0.001
