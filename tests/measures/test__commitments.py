"""What became of a commitment, in every case that the rules tell apart."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.companies import make_facts

from saydo.company import Facts
from saydo.measures._commitments import judge_commitments

MADE, DUE, AS_OF = "2024-01-01", "2024-01-05T22:59:59.999999", datetime(2024, 2, 1)
ORDERS = [
    {"order_id": "early", "ordered_at": MADE, "cancelled_at": "2024-01-03"},
    {"order_id": "late", "ordered_at": MADE, "cancelled_at": "2024-01-08"},
    {"order_id": "undated", "ordered_at": MADE, "status": "cancelled"},
    {"order_id": "good", "ordered_at": MADE},
]


def judge(commitments: list[dict[str, Any]], as_of: datetime = AS_OF) -> list[dict[str, Any]]:
    facts = make_facts(commitments=[{"promise": "p", **given} for given in commitments], orders=ORDERS)
    return judged(facts.known_before(as_of))


def judged(facts: Facts) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = facts.run(judge_commitments(facts).order_by("commitment_id")).to_pylist()
    return rows


CASES: list[tuple[str, dict[str, Any]]] = [
    ("kept", {"due_at": DUE, "fulfilled_at": DUE}),
    ("broken", {"due_at": DUE, "fulfilled_at": "2024-01-05T23:00"}),
    ("broken", {"due_at": DUE}),
    ("open", {"due_at": "2024-02-01"}),
    ("open", {}),
    ("kept", {"fulfilled_at": "2024-01-31"}),
    # a judgement wins over time, in both directions, and over a withdrawal
    ("broken", {"kept": False, "due_at": DUE, "fulfilled_at": MADE}),
    ("kept", {"kept": True, "due_at": DUE}),
    ("broken", {"kept": False, "due_at": DUE, "withdrawn_at": MADE}),
    ("broken", {"kept": True, "settled_at": "2024-02-01", "due_at": DUE}),  # not known yet at the date of the report
    # withdrawn before it was due, at the last moment, after; before and after it was fulfilled
    ("withdrawn", {"due_at": DUE, "withdrawn_at": "2024-01-04"}),
    ("withdrawn", {"due_at": DUE, "withdrawn_at": DUE}),
    ("broken", {"due_at": DUE, "withdrawn_at": "2024-01-06"}),
    ("kept", {"due_at": DUE, "fulfilled_at": "2024-01-03", "withdrawn_at": "2024-01-04"}),
    ("withdrawn", {"due_at": DUE, "fulfilled_at": "2024-01-05", "withdrawn_at": "2024-01-04"}),
    ("withdrawn", {"withdrawn_at": "2024-01-20"}),
    # the order was cancelled
    ("withdrawn", {"due_at": DUE, "order_id": "early"}),
    ("broken", {"due_at": DUE, "order_id": "late"}),
    ("kept", {"due_at": DUE, "order_id": "late", "fulfilled_at": "2024-01-05"}),
    ("broken", {"due_at": DUE, "order_id": "late", "fulfilled_at": "2024-01-06"}),
    ("broken", {"due_at": DUE, "order_id": "good"}),
    ("broken", {"due_at": DUE, "order_id": "unheard of"}),
    # what the cancellation itself promises stands
    ("broken", {"made_at": "2024-01-03", "due_at": "2024-01-17", "order_id": "early"}),
    # nobody knows when it was cancelled
    ("withdrawn", {"due_at": DUE, "order_id": "undated"}),
    ("kept", {"due_at": DUE, "order_id": "undated", "fulfilled_at": "2024-01-05"}),
    ("broken", {"due_at": DUE, "order_id": "undated", "fulfilled_at": "2024-01-06"}),
]


def test_commitment_is_kept_broken_open_or_withdrawn() -> None:
    rows = judge([{"made_at": MADE, **case} for _, case in CASES])
    assert [row["state"] for row in rows] == [state for state, _ in CASES]


def test_days_late_count_from_the_due_time_and_are_unknown_of_what_never_came() -> None:
    due = "2024-01-05T12:00"
    ends = [{"fulfilled_at": "2024-01-05T00:00"}, {"fulfilled_at": "2024-01-07T18:00"}, {}, {"withdrawn_at": MADE}]
    rows = judge([{"made_at": MADE, "due_at": due, **end} for end in ends] + [{"made_at": MADE, "fulfilled_at": due}])
    assert [row["days_late"] for row in rows] == [-0.5, 2.25, None, None, None]


def test_only_past_due_ones_of_an_undated_cancellation_are_marked() -> None:
    cases: list[dict[str, Any]] = [
        {"due_at": DUE},
        {"due_at": "2024-03-01"},
        {"due_at": DUE, "withdrawn_at": MADE},
        {"due_at": DUE, "kept": True},
    ]
    rows = judge([{"made_at": MADE, "order_id": "undated", **case} for case in cases])
    assert [row["is_undated"] for row in rows] == [True, False, False, False]


hours = st.none() | st.integers(1, 200)


@st.composite
def commitment(draw: st.DrawFn) -> dict[str, Any]:
    made = draw(st.integers(0, 50))
    times: dict[str, Any] = {name: draw(hours) for name in ("due_at", "fulfilled_at", "withdrawn_at")}
    if times["due_at"] is not None:
        times["due_at"] += made
    if times["withdrawn_at"] is not None:
        times["withdrawn_at"] += made
    order = draw(st.sampled_from([None, "early", "late", "good"]))
    return {"made_at": hour(made), **{name: hour(at) for name, at in times.items()}, "order_id": order}


def hour(count: int | None) -> datetime | None:
    return None if count is None else datetime(2024, 1, 1) + timedelta(hours=count)


def state_by_loop(row: dict[str, Any], as_of: datetime) -> str:
    """The rules once more, as somebody would apply them by hand."""
    ends = [row["withdrawn_at"], {"early": datetime(2024, 1, 3), "late": datetime(2024, 1, 8)}.get(row["order_id"])]
    if ends[1] and ends[1] <= row["made_at"]:
        ends[1] = None
    fulfilled = row["fulfilled_at"] if row["fulfilled_at"] and row["fulfilled_at"] < as_of else None
    for end in ends:
        if end and end < as_of and not (row["due_at"] and end > row["due_at"]) and not (fulfilled and fulfilled <= end):
            return "withdrawn"
    if fulfilled:
        return "kept" if row["due_at"] is None or fulfilled <= row["due_at"] else "broken"
    return "broken" if row["due_at"] and row["due_at"] < as_of else "open"


@given(st.lists(commitment(), min_size=10, max_size=60))
@settings(max_examples=5, deadline=None)
def test_commitment_once_decided_stays_so_at_every_later_date(commitments: list[dict[str, Any]]) -> None:
    last = datetime(2024, 2, 1)
    facts = make_facts(commitments=[{"promise": "p", **given} for given in commitments], orders=ORDERS)
    seen: dict[str, str] = {}
    for as_of in [datetime(2024, 1, day) for day in (2, 3, 4, 6, 9)] + [last]:
        for row in judged(facts.known_before(as_of)):
            whole = commitments[int(row["commitment_id"][-6:]) - 1]
            assert row["state"] == state_by_loop(whole, as_of)
            assert seen.get(row["commitment_id"], "open") in ("open", row["state"])
            seen[row["commitment_id"]] = row["state"]


@pytest.mark.parametrize(
    ("zone", "end_of_day"),
    [("Europe/Paris", "2024-01-05T22:59:59.999999"), ("America/New_York", "2024-01-06T04:59:59.999999")],
)
def test_commitment_of_a_day_is_open_until_that_day_ends_where_the_company_is(zone: str, end_of_day: str) -> None:
    facts = make_facts(commitments=[{"promise": "p", "made_at": MADE, "due_at": end_of_day}], zone=zone)
    last_moment = datetime(2024, 1, 5, 23, 59, 59, 999_999)
    assert [judged(facts.known_before(last_moment))[0]["state"]] == ["open"]
    assert [judged(facts.known_before(datetime(2024, 1, 6)))[0]["state"]] == ["broken"]
