"""The benchmark of the desk runs, in small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import bench_desk


def test_bench_asks_every_question_of_a_small_company(company: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(bench_desk, "_start_django", lambda: None)
    monkeypatch.setattr(bench_desk, "_settle", lambda: None)
    page = tmp_path / "benchmarks.md"
    part = bench_desk.main(500, rounds=2, page=page)
    assert len(part.rows) == 16
    assert "Page: customer with timeline" in page.read_text(encoding="utf-8")


def test_people_of_the_bench_are_the_same_every_time() -> None:
    assert list(bench_desk.draw_people(20)) == list(bench_desk.draw_people(20))
