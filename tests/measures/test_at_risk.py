"""Customers at risk: by hand, against a plain loop, on companies whose truth is known, and out of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest
from tests.companies import make_facts

from saydo import language
from saydo.company import Facts
from saydo.engine import DuckDBEngine, open_facts
from saydo.errors import BadSetting, MissingTable, NothingToMeasure, UnknownSplit
from saydo.measures import at_risk
from saydo.measures._happenings import count_happenings, find_happenings
from saydo.measures._likes import describe, find_moments, learn, value_of_an_order
from saydo.measures._measure import column
from saydo.measures._reasons import tell_reason
from saydo.measures._risks import find_risks
from saydo.simulate import simulate

START = date(2023, 1, 1)
END = date(2024, 12, 30)  # of what `make_company` sells


def make_company(seed: int = 1) -> dict[str, Any]:
    """150 customers over two years: each buys every 10 to 50 days for a while, and one fell silent lately."""
    chance = np.random.default_rng(seed)
    orders: list[dict[str, Any]] = []
    for number in range(150):
        day, last = int(chance.integers(0, 300)), int(chance.integers(300, 1100))
        gap = int(chance.integers(10, 50))
        while day < min(last, 729):
            orders.append({"customer_id": f"c{number:03}", "ordered_at": str(START + timedelta(day))})
            day += max(1, int(chance.exponential(gap)))
    silent = ({"customer_id": "silent", "ordered_at": str(END - timedelta(98 + 35 * n))} for n in range(12))
    orders += [*silent, {"customer_id": "last", "ordered_at": str(END)}]
    for place, order in enumerate(orders):
        order["order_id"] = f"o{place}"
    lines = [{"order_id": f"o{n}", "line": 1, "unit_price": 30.0, "unit_cost": 10.0} for n in range(len(orders))]
    return {"orders": orders, "order_lines": lines}


def buyers(day: date = END) -> list[str]:
    """Customers of `make_company` who bought in the fortnight before."""
    recent = [one for one in make_company()["orders"] if one["ordered_at"] >= str(day - timedelta(14))]
    return sorted({one["customer_id"] for one in recent} - {"last"})


def break_promise(customer: str, due: date, *, is_late: bool = True, promise: str = "parcel") -> dict[str, Any]:
    fulfilled = due + timedelta(3 if is_late else -1)
    return {
        "customer_id": customer,
        "promise": promise,
        "made_at": str(due - timedelta(5)),
        "due_at": str(due),
        "fulfilled_at": str(fulfilled),
        "seen_by": "system",
    }


def troubled_days() -> list[tuple[str, date]]:
    """A day soon after the last purchase of everybody who left, and one for those who went on buying (but the first two
    of `buyers`): enough on both sides for what follows to be told.
    """
    bought = defaultdict(list)
    for one in make_company()["orders"]:
        bought[one["customer_id"]].append(date.fromisoformat(one["ordered_at"]))
    left = [(name, max(days) + timedelta(3)) for name, days in bought.items() if max(days) < END - timedelta(90)]
    return left + [(name, date(2024, 9, 20)) for name in buyers()[2:]]


def count_for(facts: Facts, customer: str, at: datetime | None = None, days: int = 90) -> dict[str, Any]:
    """What had happened to one customer."""
    happened = find_happenings(facts, days)
    assert happened is not None
    moments = ibis.memtable(pa.table({"moment": pa.array([at or facts.as_of], pa.timestamp("us"))}))
    found = count_happenings(happened, moments, days)
    rows = facts.run(found.filter(found["_who"] == customer)).to_pylist()
    return dict(rows[0]) if rows else {}


def row_of(facts: Facts, customer: str, **settings: Any) -> dict[str, Any]:
    rows = at_risk(facts, horizon=90, most=1000, **settings).to_records()
    return next((row for row in rows if row["customer_id"] == customer), {})


# By hand


def test_one_late_parcel_is_counted_and_told() -> None:
    who = buyers()[0]
    harm = [break_promise(name, day) for name, day in troubled_days()]
    facts = make_facts(**make_company(), commitments=[*harm, break_promise(who, date(2024, 12, 20))])
    row = row_of(facts, who)
    assert (row["broken_promises"], row["broken_in_a_row"]) == (1, 1)
    assert row["reason"].startswith("Promise “parcel” broken on December 20, 2024.")


def test_second_late_parcel_in_a_row_is_told_as_that() -> None:
    who = buyers()[0]
    late = [break_promise(who, date(2024, 11, 20)), break_promise(who, date(2024, 12, 20))]
    harm = [break_promise(name, day) for name, day in troubled_days()]
    facts = make_facts(**make_company(), commitments=harm + late)
    assert "broken 2 times in a row, last on December 20, 2024." in row_of(facts, who)["reason"]


def test_promise_kept_between_two_broken_ends_the_row() -> None:
    days = ((date(2024, 11, 1), True), (date(2024, 11, 20), False), (date(2024, 12, 20), True))
    given = [break_promise("c000", day, is_late=is_late) for day, is_late in days]
    other = [break_promise("c000", date(2024, 12, 10), promise="refund")]
    found = count_for(make_facts(**make_company(), commitments=given + other), "c000")
    assert (found["broken_promises"], found["longest_row"]) == (3, 1)


def test_low_score_is_told_with_its_day_and_scale() -> None:
    who = buyers()[1]
    said = {"customer_id": who, "score": 3, "said_at": "2024-12-17T09:00"}
    harm = [{"customer_id": name, "score": 2, "said_at": str(day)} for name, day in troubled_days()]
    facts = make_facts(**make_company(), feedback=[*harm, said])
    row = row_of(facts, who)
    assert (row["low_scores"], row["last_score"]) == (1, 3.0)
    assert row["reason"].startswith("Scored 3 of 10 on December 17, 2024.")


@pytest.mark.parametrize(
    ("question", "score", "is_low"),
    [("nps", 6, True), ("nps", 7, False), ("csat", 2, True), ("csat", 3, False), ("stars", 1, True)],
)
def test_low_score_has_a_threshold_of_its_question(question: str, score: int, is_low: bool) -> None:
    scale = {"scale_min": 0, "scale_max": 10} if question == "nps" else {"scale_min": 1, "scale_max": 5}
    said = {"customer_id": "c000", "question": question, "score": score, "said_at": "2024-12-17", **scale}
    found = count_for(make_facts(**make_company(), feedback=[said]), "c000")
    assert bool(found) == is_low


def test_case_counts_while_it_is_open() -> None:
    cases = [{"customer_id": "c000", "opened_at": "2024-02-01", "closed_at": "2024-12-01"}]
    facts = make_facts(**make_company(), cases=cases)
    assert count_for(facts, "c000", datetime(2024, 11, 1))["open_cases"] == 1
    assert count_for(facts, "c000") == {}


def test_question_about_the_same_order_asked_again_counts_once() -> None:
    asked = [
        {"customer_id": "c000", "at": f"2024-12-{day}", "direction": "in", "order_id": "o1", "asked": what}
        for day, what in (("01", "where"), ("04", "when"), ("05", "again"))
    ]
    found = count_for(make_facts(**make_company(), contacts=asked), "c000")
    assert (found["repeated_questions"], found["last_repeated_questions"]) == (1, datetime(2024, 12, 4))


def test_return_and_failed_payment_are_those_of_the_orders_customer() -> None:
    company = make_company()
    order = company["orders"][0]
    facts = make_facts(
        **company,
        returns=[{"order_id": order["order_id"], "returned_at": "2024-12-01"}],
        payments=[{"order_id": order["order_id"], "failed_at": "2024-12-02", "amount": 30}],
    )
    found = count_for(facts, order["customer_id"])
    assert (found["returns"], found["failed_payments"]) == (1, 1)


def test_who_fell_silent_is_listed_and_told() -> None:
    facts = make_facts(**make_company())
    row = row_of(facts, "silent")
    assert row["reason"] == "Bought every 5 weeks on average, silent for 14 weeks."
    assert (row["gap_days"], row["silent_days"]) == (35, 98)
    assert row["margin_at_risk"] == pytest.approx(row["value"] * (row["p_before"] - row["p_alive"]))
    assert row["margin_at_risk_low"] <= row["margin_at_risk"] <= row["margin_at_risk_high"]


def test_nothing_happened_and_nobody_silent_is_no_reason() -> None:
    facts = make_facts(**make_company())
    listed = {row["customer_id"] for row in at_risk(facts, horizon=90, most=1000)}
    assert listed.isdisjoint(buyers())
    assert "last" not in listed


def test_who_said_goodbye_is_not_listed() -> None:
    facts = make_facts(**make_company(), customers=[{"customer_id": "silent", "left_at": "2024-12-01"}])
    assert row_of(facts, "silent") == {}


def test_list_is_ranked_and_cut_and_its_notes_tell_the_whole() -> None:
    facts = make_facts(**make_company())
    whole, cut = (at_risk(facts, horizon=90, most=most) for most in (1000, 3))
    assert [row["rank"] for row in cut] == [1, 2, 3]
    assert cut.to_records() == whole.to_records()[:3]
    assert (np.diff([row["margin_at_risk"] for row in whole]) <= 0).all()
    assert str(cut.notes[0]) == str(whole.notes[0])


def test_groups_add_up_to_all() -> None:
    customers = [{"customer_id": f"c{n:03}", "country": "FR" if n % 2 else "CH"} for n in range(150)]
    customers += [{"customer_id": name, "country": "FR"} for name in ("silent", "last")]
    facts = make_facts(**make_company(), customers=customers)
    rows = at_risk(facts, by="country", horizon=90).to_records()
    listed = at_risk(facts, horizon=90, most=1000).to_records()
    assert [row["country"] for row in rows] == ["CH", "FR"]
    assert sum(row["customers"] for row in rows) == 152
    assert sum(row["margin_at_risk"] for row in rows) == pytest.approx(sum(row["margin_at_risk"] for row in listed))


def test_reason_speaks_in_plurals() -> None:
    row: dict[str, Any] = dict.fromkeys(
        ("broken_promises", "low_scores", "open_cases", "returns", "failed_payments", "repeated_questions"), 2
    )
    row |= {f"last_{name}": datetime(2024, 3, 1) for name in row}
    row |= {"in_a_row": 1, "last_promise": "parcel", "last_score": 2.5, "last_scale_max": 5.0}
    row |= {"is_silent": True, "gap_days": 6.5, "silent_days": 30.0}
    facts = make_facts(**make_company())
    assert tell_reason(facts, row) == (
        "2 promises broken, the last (“parcel”) on March 1, 2024. 2 low scores, the last (2.5) on March 1, 2024. "
        "2 cases open, the last since March 1, 2024. Sent goods back 2 times, last on March 1, 2024. "
        "2 payments failed, the last on March 1, 2024. Had to ask again 2 times, last on March 1, 2024. "
        "6.5 days between purchases on average, silent for 30 days."
    )
    with language.use("fr"):
        assert "2 dossiers ouverts, le dernier depuis le 1er mars 2024." in tell_reason(facts, row)
        row["in_a_row"] = 2
        assert "rompue 2 fois de suite, la dernière le 1er mars 2024." in tell_reason(facts, row)


# Bad input


def test_history_shorter_than_the_horizon_says_what_would_help() -> None:
    with pytest.raises(NothingToMeasure, match="choose a shorter horizon or fewer days, or import older orders"):
        at_risk(make_facts(**make_company()), horizon=700)


def test_one_customer_says_what_would_help() -> None:
    company = make_company()
    company["orders"] = [one for one in company["orders"] if one["customer_id"] == "silent"]
    with pytest.raises(NothingToMeasure, match="import more orders"):
        at_risk(make_facts(**company), horizon=90)


def test_no_purchases_is_an_error() -> None:
    with pytest.raises(MissingTable, match="orders"):
        at_risk(make_facts(feedback=[{"score": 3, "said_at": "2024-03-01"}]))
    for change in ({"status": "cancelled"}, {"customer_id": None}):
        company = make_company()
        company["orders"] = [{**one, **change} for one in company["orders"]]
        with pytest.raises(NothingToMeasure, match="import orders with their customer_id"):
            at_risk(make_facts(**company), horizon=90)


@pytest.mark.parametrize("setting", [{"days": 0}, {"horizon": 0}, {"most": 0}, {"most": 10_001}])
def test_setting_out_of_range_is_an_error(setting: dict[str, Any]) -> None:
    with pytest.raises(BadSetting):
        at_risk(make_facts(**make_company()), **setting)


def test_unknown_split_is_an_error() -> None:
    with pytest.raises(UnknownSplit):
        at_risk(make_facts(**make_company()), by="colour", horizon=90)


# Against a plain loop


def test_description_is_what_a_plain_loop_finds() -> None:
    chance = np.random.default_rng(3)
    company = make_company()
    given = [
        break_promise(
            f"c{chance.integers(0, 40):03}", START + timedelta(int(chance.integers(10, 720))), is_late=is_late
        )
        for is_late in chance.random(300) < 0.6
    ]
    facts = make_facts(**company, commitments=given)
    moments = find_moments(facts, 90, 90)
    assert len(moments) == 4
    rows = describe(facts, find_happenings(facts, 90), moments, 90, 90)
    found = {(row["customer_id"], row["moment"]): row for row in facts.run(rows).to_pylist()}
    expected = dict(_describe_plainly(company["orders"], given, moments))
    assert set(found) == set(expected)
    for key, (orders, bought, broken, level) in expected.items():
        row = found[key]
        assert (row["orders"], row["has_bought"], row["broken_promises"]) == (orders, bought, broken), key
        assert row["level_broken_promises"] == level, key


def _describe_plainly(
    orders: list[dict[str, Any]], given: list[dict[str, Any]], moments: list[datetime]
) -> Iterator[tuple[tuple[str, datetime], tuple[int, int, int, int]]]:
    bought = defaultdict(list)
    for order in orders:
        bought[order["customer_id"]].append(datetime.fromisoformat(order["ordered_at"]))
    promised = defaultdict(list)
    for place, one in enumerate(given):
        is_late = one["fulfilled_at"] > one["due_at"]
        at = datetime.fromisoformat(one["due_at"] if is_late else one["fulfilled_at"])
        promised[one["customer_id"]].append((at, place, is_late))
    for customer, times in bought.items():
        for moment in moments:
            before = [at for at in times if at < moment]
            if before:
                after = any(moment <= at <= moment + timedelta(90) for at in times)
                runs = list(_runs(sorted(promised[customer]), moment))
                yield (customer, moment), (len(before), int(after), len(runs), min(max(runs, default=0), 2))


def _runs(promised: list[tuple[datetime, int, bool]], moment: datetime) -> Iterator[int]:
    """How many were broken in a row at each break in the 90 days before."""
    run = 0
    for at, _, is_late in promised:
        run = run + 1 if is_late else 0
        if is_late and moment - timedelta(90) <= at < moment:
            yield run


# The simulator's truth


# Late parcels fall on anybody alike, and nothing but them makes anybody stay or go.
EVEN: dict[str, Any] = {
    "late_by_distance": 0.0,
    "late_by_value": 0.0,
    "late_base": 0.2,
    "bad_week_late": 0.2,
    "stay_by_distance": (1.0, 1.0, 1.0),
    "stay_if_small": 1.0,
    "happiness_on_lapse": 0.0,
    "referred_lapse": 1.0,
    "happiness_on_paying": 0.0,
}
HARMLESS_ALL: dict[str, Any] = {**EVEN, "late_ends": 0.0, "late_ends_if_large": 0.0}


def find_told(directory: Path, customers: int, seed: int, planted: dict[str, Any]) -> dict[tuple[str, int], Any]:
    simulate(directory, customers=customers, seed=seed, **planted)
    facts = open_facts(directory, DuckDBEngine(threads=1))
    moments = find_moments(facts, 90, 180)
    rows = describe(facts, find_happenings(facts, 90), moments, 90, 180, value_of_an_order(facts))
    seen = learn(facts, rows, moments)
    assert seen is not None
    return {(one.kind, one.level): one for one in seen.told}


def test_planted_harm_of_late_parcels_is_found(tmp_path: Path) -> None:
    harm = {**EVEN, "late_ends": 0.5, "late_ends_if_large": 0.0}
    told = find_told(tmp_path, 3_000, 41, harm)["broken_promises", 1]
    assert told.low > 0.1
    assert told.drop < 0.5  # other promises that were broken did no harm, and some had bought again before


@pytest.mark.slow
def test_drops_are_around_zero_where_nothing_does_harm(tmp_path: Path) -> None:
    """60 companies: the interval of every kind that is told holds 0 as often as it says."""
    from scipy.stats import binom

    held: dict[str, list[bool]] = defaultdict(list)
    for number in range(60):
        folder = tmp_path / str(number)
        for (kind, level), told in find_told(folder, 1_500, 7_000 + number, HARMLESS_ALL).items():
            held[f"{kind} {level}"].append(told.low <= 0 <= told.high)
    for name in ("broken_promises 1", "low_scores 1"):
        missed = len(held[name]) - sum(held[name])
        assert binom.sf(missed - 1, len(held[name]), 0.05) > 0.001, (name, missed, len(held[name]))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    folder = tmp_path_factory.mktemp("company")
    simulate(folder, customers=3_000, seed=17)
    return open_facts(folder, DuckDBEngine(threads=1))


def test_listed_a_horizon_ago_came_back_less_than_their_like(simulated: Facts) -> None:
    result = at_risk(simulated, check=True)
    [note] = [one for one in result.notes if "like_share" in one.values]
    shares = {name: float(str(value)) for name, value in note.values.items() if name.endswith("_share")}
    assert note.values["listed"] == 100
    assert shares["lost_low_share"] <= shares["lost_share"] <= shares["lost_high_share"]
    assert shares["lost_share"] > shares["like_high_share"]


def test_list_holds_more_lost_margin_than_silence_value_or_chance_alone(simulated: Facts) -> None:
    """Out of time: what hung on those of each hundred who did not buy in the 180 days after a past day."""
    then = simulated.as_of - timedelta(180)
    risks = find_risks(simulated.known_before(then), 90, 180).rows
    after = describe(simulated, None, [then], 90, 180).select(_who="customer_id", bought="has_bought")
    joined = risks.join(after, [("customer_id", "_who")])
    rows = simulated.run(joined.select("margin_at_risk", "value", "last", "bought", "p_before"))
    rows = rows.sort_by([("last", "ascending"), ("margin_at_risk", "ascending")])
    bought, value, listed = (column(rows, name) for name in ("bought", "value", "margin_at_risk"))
    stake = value * column(rows, "p_before") * (1 - bought)
    by_list, by_value = (stake[np.argsort(-key, kind="stable")[:100]].sum() for key in (listed, value))
    by_silence, by_chance = stake[:100].sum(), 100 * stake.mean()
    assert by_list > by_value
    assert by_list > 2 * max(by_silence, by_chance)


def test_list_of_a_past_day_knows_nothing_later(simulated: Facts) -> None:
    then = simulated.as_of - timedelta(180)
    past = simulated.known_before(then)
    rows = simulated.run(find_risks(past, 90, 180).rows.select("customer_id", "last", "last_returns")).to_pylist()
    assert max(row["last"] for row in rows) < then
    assert max(row["last_returns"] for row in rows if row["last_returns"]) < then


def test_check_that_cannot_be_made_says_so() -> None:
    result = at_risk(make_facts(**make_company()), horizon=300, check=True)
    assert "do not reach back far enough for a list of that day" in str(result.notes[-1])
