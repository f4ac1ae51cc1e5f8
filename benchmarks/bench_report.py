"""The whole report of a large company: how long people wait for it, and how much memory it takes.

python -m benchmarks.bench_report
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.company import LARGE, make_company
from benchmarks.publish import PAGE, Part, publish
from benchmarks.race import MEMORY, THREADS, Contender, run_laps

_ABOUT = f"""\
`saydo report` of the company described above, from opening its facts to the page on the disk, with {THREADS} threads;
DuckDB has {MEMORY} of memory before it spills to disk. The first time in a new process, then again. The aim is less
than 30 s and 2,000 MB."""
_HEADER = ("Run", "Seconds", "Processor s", "Memory MB", "Page kB")


def main(folder: Path | None = None, page: Path | None = PAGE) -> Part:
    """Time the report; gives what was published."""
    folder = folder or make_company(LARGE)
    output = folder.with_name(f"{folder.name}.html")
    laps = run_laps([Contender("report", prepare_report, (folder, output))], 2)["report"]
    size = f"{output.stat().st_size / 1000:.0f}"
    rows = [
        (run, f"{lap.seconds:.1f}", f"{lap.cpu_seconds:.1f}", f"{lap.peak_mb:.0f}", size)
        for run, lap in zip(("first", "again"), laps, strict=True)
    ]
    part = Part("report", "Report", _ABOUT, _HEADER, rows, ("duckdb", "vl-convert-python"))
    publish(part, page)
    return part


def prepare_report(folder: Path, output: Path) -> Callable[[], object]:
    """Open the facts and write the report."""
    from saydo.engine import open_facts
    from saydo.report import write_report

    return lambda: write_report(open_facts(folder), output)


if __name__ == "__main__":
    main()
