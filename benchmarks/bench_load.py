"""Order lines loaded into the database, beside the bare statement of the same rows; and the copy refreshed after a few.

python -m benchmarks.bench_load [SQLITE_LINES] [POSTGRES_LINES]

PostgreSQL is that of SAYDO_BENCH_POSTGRES (a database of its own is made there and dropped), else it is left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit, urlunsplit

import duckdb

from benchmarks.company import LARGE, Size, make_company
from benchmarks.publish import PAGE, Part, publish
from saydo.company import Manifest

LINES = {"SQLite": 1_000_000, "PostgreSQL": 2_000_000}
SERVER = "SAYDO_BENCH_POSTGRES"
_ABOUT = """\
Order lines of the large plain company. *Load* brings checked facts into the empty table with all its indexes, *load
again* the same rows once more, which changes none; *bare* is the statement that a person would write for the same rows
and indexes: `executemany` of an INSERT on SQLite, COPY from a CSV file on PostgreSQL, both in one transaction. The
ratio is the bare statement's time over ours (the aim: at least 0.5). *Refresh* takes 1,000 lines into the copy that
measures read, new ones and changed ones (the aim: below 5 seconds). Each was done in a process of its own."""
_HEADER = ("Database", "Rows", "What", "Seconds", "Ratio to bare")


@dataclass(frozen=True)
class Place:
    """An installation that is thrown away: its name on the page and its environment."""

    name: str
    environment: dict[str, str]

    def time(self, step: str, *arguments: object) -> float:
        """The seconds that a step takes in a fresh process, its start left out."""
        command = [sys.executable, "-m", "benchmarks.load_steps", step, *map(str, arguments)]
        done = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, text=True, check=True)
        return float(done.stdout.split()[-1])


def main(
    lines: dict[str, int] | None = None, size: Size = LARGE, root: Path | None = None, page: Path | None = PAGE
) -> Part:
    """Measure on each database that there is; gives what was published."""
    company = make_company(size, root) if root else make_company(size)
    rows: list[tuple[str, ...]] = []
    with TemporaryDirectory(prefix="saydo-bench-") as desk:
        for name, count in (lines or LINES).items():
            with _place(name, Path(desk) / name) as place:
                if place:
                    rows += _measure(place, company, Path(desk) / f"{name}-facts", count)
    part = Part("load", "Loading and refreshing", _ABOUT, _HEADER, rows, ("django", "psycopg", "deltalake"))
    publish(part, page)
    return part


@contextmanager
def _place(name: str, home: Path) -> Iterator[Place | None]:
    environment = {**os.environ, "SAYDO_HOME": str(home), "DJANGO_SETTINGS_MODULE": "saydo.web.settings"}
    environment["SAYDO_LOG_LEVEL"] = "WARNING"
    environment.pop("DATABASE_URL", None)
    if name == "SQLite":
        yield Place(name, environment)
        return
    if SERVER not in os.environ:
        print(f"{name} is left out: {SERVER} names no server")
        yield None
        return
    import psycopg

    database = f"saydo_bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(os.environ[SERVER], autocommit=True) as server:
        server.execute(f"CREATE DATABASE {database}")
        try:
            parts = urlsplit(os.environ[SERVER])
            yield Place(name, {**environment, "DATABASE_URL": urlunsplit(parts._replace(path=f"/{database}"))})
        finally:
            server.execute(f"DROP DATABASE {database} WITH (FORCE)")


def _measure(place: Place, company: Path, facts: Path, lines: int) -> list[tuple[str, ...]]:
    take_part(company, facts, lines)
    bare = place.time("bare", facts)
    found = [("bare", bare)]
    found += [(what, place.time("load", facts)) for what in ("load", "load again")]
    found += [("first refresh", place.time("refresh"))]
    found += [(f"refresh after 1,000 {what} lines", place.time("change", what)) for what in ("new", "changed")]
    return [
        (place.name, f"{lines:,}", what, f"{took:.1f}", f"{bare / took:.2f}" if what.startswith("load") else "")
        for what, took in found
    ]


def take_part(company: Path, facts: Path, lines: int) -> None:
    """Facts with the first so many order lines of a company, and nothing else."""
    shutil.rmtree(facts, ignore_errors=True)
    facts.mkdir(parents=True)
    with duckdb.connect() as engine:
        source = f"SELECT * FROM '{company / 'order_lines.parquet'}' LIMIT {lines}"
        engine.execute(f"COPY ({source}) TO '{facts / 'order_lines.parquet'}' (COMPRESSION zstd)")
    manifest = Manifest.read(company)
    entry = manifest.tables["order_lines"]
    Manifest(
        {"order_lines": type(entry)(("order_lines.parquet",), lines, currencies=entry.currencies)},
        manifest.first,
        manifest.last,
        currency=manifest.currency,
        name="bench",
    ).write(facts)


if __name__ == "__main__":
    main({name: int(value) for (name, _), value in zip(LINES.items(), sys.argv[1:], strict=False)} or None)
