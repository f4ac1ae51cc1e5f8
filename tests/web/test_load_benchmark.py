"""A small run of the benchmark of loading, so that it never rots."""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench_load import main
from benchmarks.company import SMALL


def test_benchmark_of_loading_runs_and_publishes(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    part = main({"SQLite": 2_000}, SMALL, tmp_path / "company", page)
    assert [row[:3] for row in part.rows] == [
        ("SQLite", "2,000", what)
        for what in (
            "bare",
            "load",
            "load again",
            "first refresh",
            "refresh after 1,000 new lines",
            "refresh after 1,000 changed lines",
        )
    ]
    assert "## Loading and refreshing" in page.read_text(encoding="utf-8")
