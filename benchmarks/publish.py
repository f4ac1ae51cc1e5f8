"""What a benchmark found: a table on the screen and its part of docs/benchmarks.md, with date, machine and versions."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_INTRODUCTION = """# Benchmarks

Every part of this page is written by the run that measured it (`make bench`, part by part: `python -m
benchmarks.bench_<part>`). Figures of speed are ratios within one run, in which the contenders take turns, each in a
process of its own; seconds depend on the machine and on what else it does.
"""


@dataclass(frozen=True)
class Part:
    """A part of the page: its name in the page's source, a title, what was done, and the table that came of it."""

    name: str
    title: str
    about: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    packages: tuple[str, ...] = ("duckdb",)


def publish(part: Part, page: Path | None = PAGE) -> None:
    """Show the part, and put it on the page in the place of what stood there; without a page, show it alone."""
    _show(part)
    if page is not None:
        text = page.read_text(encoding="utf-8") if page.is_file() else _INTRODUCTION
        page.write_text(_replace(text, part.name, _write(part)), encoding="utf-8")


def _show(part: Part) -> None:
    table = Table(title=part.title)
    for index, name in enumerate(part.header):
        table.add_column(name, justify="left" if index == 0 else "right")
    for row in part.rows:
        table.add_row(*row)
    Console(width=140).print(table)


def _write(part: Part) -> str:
    lines = [part.header, tuple("---" if index == 0 else "---:" for index in range(len(part.header))), *part.rows]
    table = "\n".join(f"| {' | '.join(row)} |" for row in lines)
    return f"## {part.title}\n\n{part.about}\n\n{_conditions(part.packages)}\n\n{table}\n"


def _replace(text: str, name: str, content: str) -> str:
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    part = f"{start}\n\n{content}\n{end}\n"
    if start not in text:
        return f"{text}\n{part}"
    return re.sub(f"{re.escape(start)}.*?{re.escape(end)}\n", lambda _: part, text, flags=re.DOTALL)


def _conditions(packages: Sequence[str]) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    machine = f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB of memory"
    versions = [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in ("saydo", *packages))]
    return f"Measured on {datetime.now(UTC):%Y-%m-%d}: {machine}, {platform.system()}; {', '.join(versions)}."
