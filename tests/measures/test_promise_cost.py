"""What broken promises cost by hand, and against a simulated company that knows what a late parcel takes away."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.companies import cut_company, make_facts

from saydo.engine import DuckDBEngine, open_facts
from saydo.errors import BadSetting, MissingTable, NothingToMeasure
from saydo.measures.promise_cost import promise_cost
from saydo.simulate import NO_EFFECT, simulate
from saydo.stats.trials import binomial_p, is_unbiased

CONFOUNDERS = "customers.x_distance,orders.x_large"


def promised(promise: str, month: int, kept: int, broken: int, again: tuple[int, int]) -> dict[str, Any]:
    """Promises due in a month of 2024: how many kept and broken, how many of each bought again, for 10 of margin."""
    commitments, orders, lines = [], [], []
    due = datetime(2024, month, 10, 12)
    for is_broken, count, buyers in ((False, kept, again[0]), (True, broken, again[1])):
        for number in range(count):
            key = f"{promise} {month} {is_broken} {number}"
            mine = {"customer_id": key, "order_id": f"own {key}"}
            made = {"promise": promise, "made_at": due - timedelta(days=3), "due_at": due, "seen_by": "system"}
            commitments.append({**made, **mine, "fulfilled_at": due + timedelta(days=3 if is_broken else -1)})
            orders.append({**mine, "ordered_at": due - timedelta(days=3)})
            if number < buyers:
                orders.append({"customer_id": key, "order_id": f"again {key}", "ordered_at": due + timedelta(days=9)})
    for order in orders:
        lines.append({"order_id": order["order_id"], "line": 1, "quantity": 1, "unit_price": 30, "unit_cost": 20})
    return {"commitments": commitments, "orders": orders, "order_lines": lines}


def company(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    names = ("commitments", "orders", "order_lines")
    tables = {name: [row for part in parts for row in part[name]] for name in names}
    return {**tables, "invitations": [{"sent_at": "2022-01-01"}, {"sent_at": "2024-12-31T12:00"}], **more}


def measure(tables: dict[str, Any], **chosen: Any) -> list[dict[str, Any]]:
    return promise_cost(make_facts(**tables), **{"horizon": 30, "adjust": "none", **chosen}).to_records()


def test_cost_is_count_times_share_times_loss() -> None:
    """40 of 50 in 100 that were kept buy again, 20 of 50 broken: each broken one loses 0.4 x 10."""
    (row,) = measure(company(*(promised("delivery", month, 50, 50, (40, 20)) for month in (2, 5, 8, 11))))
    assert (row["rank"], row["promise"], row["broken"]) == (1, "delivery", 200)
    assert (row["judged_per_quarter"], row["kept_rate"], row["broken_per_quarter"]) == (100, 0.5, 50)
    assert row["cost_per_broken"] == pytest.approx(4, abs=0.1)
    assert row["cost_per_quarter"] == pytest.approx(50 * row["cost_per_broken"])
    assert row["half_cost"] == pytest.approx(row["cost_per_quarter"] / 2)
    assert row["half_cost_low"] == pytest.approx(row["cost_per_quarter_low"] / 2)
    assert 0 < row["cost_per_quarter_low"] < row["cost_per_quarter"] < row["cost_per_quarter_high"]
    assert (row["cost_share"], row["cost_paid"]) == (1, pytest.approx(0, abs=1e-9))


def test_refunds_and_contacts_of_the_own_order_are_paid_for_it() -> None:
    tables = company(*(promised("delivery", month, 50, 50, (25, 25)) for month in (2, 5, 8, 11)))
    hit = [one for one in tables["commitments"] if one["fulfilled_at"] > one["due_at"]]
    back = [{"order_id": one["order_id"], "returned_at": one["due_at"] + timedelta(days=5), "refund": 8} for one in hit]
    calls = [
        {"customer_id": one["customer_id"], "order_id": one["order_id"], "at": one["due_at"] + timedelta(days=1)}
        | {"direction": "in", "cost": 3 + number % 2}
        for number, one in enumerate(hit)
    ]
    (row,) = measure({**tables, "returns": back, "contacts": calls})
    assert row["cost_per_broken"] == pytest.approx(8 + 3.5, abs=0.1)
    assert row["cost_paid"] == pytest.approx(8 + 3.5, abs=0.1)
    assert row["margin_lost"] == pytest.approx(0, abs=0.1)


def test_dearest_promise_comes_first_and_gains_are_shown_as_they_are() -> None:
    parts = [promised("small", month, 40, 20, (30, 8)) for month in (2, 5, 8, 11)]
    parts += [promised("large", month, 40, 40, (30, 10)) for month in (2, 5, 8, 11)]
    parts += [promised("odd", month, 40, 20, (10, 15)) for month in (2, 5, 8, 11)]
    parts += [promised("rare", 2, 40, 5, (10, 1))]
    result = promise_cost(make_facts(**company(*parts)), horizon=30, adjust="none")
    rows = result.to_records()
    assert [row["promise"] for row in rows] == ["large", "small", "odd", "rare"]
    assert [row["rank"] for row in rows] == [1, 2, 3, None]
    assert rows[0]["cost_share"] + rows[1]["cost_share"] == pytest.approx(1)
    assert rows[2]["cost_per_quarter"] < 0
    assert rows[2]["cost_share"] is None
    assert (rows[3]["cost_per_broken"], rows[3]["cost_per_quarter"]) == (None, None)
    told = " ".join(str(note) for note in result.notes)
    assert "seem to bring money instead of costing it: 1." in told
    assert "fewer than 10 outcomes on a side: 1." in told


def test_only_full_quarters_are_counted() -> None:
    tables = company(promised("delivery", 2, 40, 40, (20, 10)), promised("delivery", 8, 40, 20, (20, 10)))
    facts = make_facts(**tables)
    (row,) = promise_cost(facts, horizon=30, adjust="none", as_of="2024-11-20").to_records()
    assert row["judged_per_quarter"] == 30  # the second quarter and the third: in the first, not all had begun
    assert row["kept_rate"] == pytest.approx(40 / 60)
    (row,) = promise_cost(facts, horizon=30, adjust="none", quarters=1, as_of="2024-11-20").to_records()
    assert (row["judged_per_quarter"], row["broken_per_quarter"]) == (60, pytest.approx(20))


def test_what_cannot_be_told_says_why() -> None:
    tables = company(promised("delivery", 2, 40, 40, (20, 10)))
    with pytest.raises(BadSetting, match="quarters"):
        measure(tables, quarters=0)
    with pytest.raises(NothingToMeasure, match="no margin can be told"):
        measure(tables, horizon=900)
    free = [{**line, "unit_cost": None} for line in tables["order_lines"]]
    with pytest.raises(NothingToMeasure, match="no cost of goods is known"):
        measure({**tables, "order_lines": free})
    with pytest.raises(NothingToMeasure, match="never both kept and broken"):
        measure(company(promised("delivery", 2, 40, 0, (20, 10))))
    with pytest.raises(MissingTable, match="order_lines"):
        measure({name: rows for name, rows in tables.items() if name != "order_lines"})


def require_true(directory: Path, customers: int, parts: int, seed: int, **planted: Any) -> None:
    """The cost of a late parcel is found: no bias, and the interval holds it as often as it says."""
    truth = simulate(directory, customers=customers, seed=seed, calls=0.0, calls_if_late=0.0, **planted)
    facts = cut_company(open_facts(directory, DuckDBEngine(threads=1)), parts)
    rows = promise_cost(facts, by="customers.x_part", adjust=CONFOUNDERS).to_records()
    found = [row for row in rows if row["promise"] == "delivery_date" and row["cost_per_broken"] is not None]
    assert len(found) == parts
    low, high = (np.array([row[f"cost_per_broken_{end}"] for row in found]) for end in ("low", "high"))
    lost = np.array([row["margin_lost"] for row in found])
    true = -truth["effects"]["delivery_date"]["bought_again"]["180"]["margin"]["att"]
    error = float(((high - low) / 3.92).mean())
    assert is_unbiased(lost, true, error + 2 / 0.05)  # returns, payments lost and cases, some EUR, are not in the truth
    assert binomial_p(int(((low <= true) & (true <= high)).sum()), parts) > 0.001


@pytest.mark.slow
@pytest.mark.parametrize("planted", [{}, NO_EFFECT], ids=["an effect", "none"])
def test_true_cost_is_found_in_many_companies(tmp_path: Path, planted: Any) -> None:
    require_true(tmp_path / "many", 60_000, 100, 611, **planted)


def test_cost_of_a_late_parcel_is_about_the_true_one(tmp_path: Path) -> None:
    truth = simulate(tmp_path / "one", customers=6_000, seed=612)
    rows = promise_cost(open_facts(tmp_path / "one", DuckDBEngine(threads=1)), adjust=CONFOUNDERS).to_records()
    (row,) = [row for row in rows if row["promise"] == "delivery_date"]
    true = -truth["effects"]["delivery_date"]["bought_again"]["180"]["margin"]["att"]
    error = (row["cost_per_broken_high"] - row["cost_per_broken_low"]) / 3.92
    assert abs(row["margin_lost"] - true) < 3.5 * error
    assert row["rank"] == 1
    assert row["kept_low"] < truth["promises"]["delivery_date"]["realised"] + 0.03
