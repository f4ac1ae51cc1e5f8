"""The benchmark of the desk runs, in small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import bench_desk, desk_company

from saydo.web.customers.models import Customer
from saydo.web.trade.models import Order, OrderLine


def test_bench_asks_every_question_of_a_small_company(own_company: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(bench_desk, "_start_django", lambda: None)
    monkeypatch.setattr(desk_company, "_settle", lambda: None)
    monkeypatch.setattr(desk_company, "BLOCK", 200)
    page = tmp_path / "benchmarks.md"
    part = bench_desk.main(500, rounds=2, page=page, measures=("nps",))
    assert len(part.rows) == 18 + 2
    assert "Figure: nps, cold" in [row[0] for row in part.rows]
    assert "Page: customer with timeline" in page.read_text(encoding="utf-8")
    drawn = Customer.objects.filter(customer_id__regex=r"^C\d{8}$")
    orders = Order.objects.filter(order_id__startswith="OC0")
    lines = OrderLine.objects.filter(order_id__gte="OC0", order_id__lt="OC1")
    assert (drawn.count(), orders.count(), lines.count()) == (500, 2_500, 5_000)
    assert set(orders.values_list("customer_id", flat=True)) == set(drawn.values_list("customer_id", flat=True))
    assert set(lines.values_list("order_id", flat=True)) == set(orders.values_list("order_id", flat=True))


def test_people_of_the_bench_are_the_same_every_time() -> None:
    assert list(desk_company.draw_people(20)) == list(desk_company.draw_people(20))
