"""Every measure beside a bare query of the same figures in SQL, and beside Polars where that is a natural peer.

    python -m benchmarks.bench_measures [measure ...]

Without measures named: all of them, and the table goes to docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.bare import BARE, BY_EIGHT, NPS_BY_EIGHT, Bare
from benchmarks.company import LARGE, make_company
from benchmarks.peers import PEERS
from benchmarks.publish import PAGE, Part, publish
from benchmarks.race import MEMORY, THREADS, Contender, Lap, race

_ABOUT = f"""\
A company of a million customers, 5 million orders of two lines, 5 million answers to the NPS question, 10 million
invitations and 5 million commitments. *Saydo* calls the measure as anybody would: from the call to the figures with
their intervals. *Bare* is one hand-written DuckDB query on the same files for the counts and sums that the measure
shows, without what intervals take, notes and odd cases (`benchmarks/bare.py`); *Whole* adds a second query for the
rest of its figures: sums over customers for the errors, where rows of one customer go together, and the margin of each
month for `acquisition`. *Polars* is the bare query again, lazy and streaming. All have {THREADS} threads; DuckDB has
{MEMORY} of memory before it spills to disk. The ratio is processor time of Saydo over that of the others; the aim is
at most 1.5 of the bare query. Seconds are by the clock, the best of several warm runs; memory is the highest of the
whole process, Python included."""
_HEADER = (
    *("Measure", "Split by", "Saydo s", "Bare s", "Whole s", "Polars s"),
    *("Ratio", "Ratio to whole", "Ratio to Polars", "Saydo MB", "Bare MB"),
)

Case = tuple[str, str, Bare | None]


def main(names: Sequence[str], folder: Path | None = None, laps: int = 3, page: Path | None = PAGE) -> Part:
    """Race the measures named, or all of them; gives what was published."""
    folder = folder or make_company(LARGE)
    rows = [_describe(case, _race(case, folder, laps)) for case in _cases(names)]
    part = Part("measures", "Measures", _ABOUT, _HEADER, rows, ("duckdb", "ibis-framework", "polars"))
    publish(part, None if names else page)
    return part


def _cases(names: Sequence[str]) -> list[Case]:

    cases: list[Case] = []
    for name in names or BARE:
        bare = BARE.get(name)
        cases += [(name, by, bare) for by in ("", *(bare.splits if bare else ()))]
        cases += [(name, BY_EIGHT, NPS_BY_EIGHT)] if name == "nps" else []
    return cases


def _race(case: Case, folder: Path, laps: int) -> dict[str, Lap]:
    name, by, bare = case
    contenders = [Contender("saydo", prepare_measure, (folder, name, by))]
    if bare:
        contenders.append(Contender("bare", prepare_query, (folder, bare.write(by))))
    if bare and bare.rest:
        contenders.append(Contender("whole", prepare_query, (folder, bare.write(by), bare.write_rest(by))))
    if name in PEERS and by != BY_EIGHT:
        contenders.append(Contender("polars", prepare_peer, (folder, name, by)))
    return race(contenders, laps)


def prepare_measure(folder: Path, name: str, by: str) -> Callable[[], object]:
    """A call of the measure, as a user would write it."""
    from saydo.engine import open_facts
    from saydo.measures import find

    facts, measure = open_facts(folder), find(name)
    return lambda: measure(facts, by=by)


def prepare_query(folder: Path, *queries: str) -> Callable[[], object]:
    """Queries on the files of ``folder``, each a view of its name; gives the rows of the last."""
    import duckdb

    engine = duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY})
    engine.execute("SET enable_progress_bar = false")
    for file in folder.glob("*.parquet"):
        engine.execute(f"CREATE VIEW {file.stem} AS FROM '{file}'")
    return lambda: [engine.sql(query).to_arrow_table() for query in queries][-1]


def prepare_peer(folder: Path, name: str, by: str) -> Callable[[], object]:
    """The figures of a measure by Polars."""
    rows = PEERS[name](folder, by)
    return lambda: rows.collect(engine="streaming")


def _describe(case: Case, laps: dict[str, Lap]) -> tuple[str, ...]:
    name, by, _ = case
    saydo, bare, whole, polars = laps["saydo"], *(laps.get(other) for other in ("bare", "whole", "polars"))
    return (
        name,
        "eight columns and month" if by == BY_EIGHT else by,
        f"{saydo.seconds:.2f}",
        f"{bare.seconds:.2f}" if bare else "",
        f"{whole.seconds:.2f}" if whole else "",
        f"{polars.seconds:.2f}" if polars else "",
        f"{saydo.cpu_seconds / bare.cpu_seconds:.2f}" if bare else "",
        f"{saydo.cpu_seconds / whole.cpu_seconds:.2f}" if whole else "",
        f"{saydo.cpu_seconds / polars.cpu_seconds:.2f}" if polars else "",
        f"{saydo.peak_mb:.0f}",
        f"{bare.peak_mb:.0f}" if bare else "",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("measures", nargs="*")
    parser.add_argument("--laps", type=int, default=3, help="warm runs of each, of which the best counts")
    chosen = parser.parse_args()
    main(chosen.measures, laps=chosen.laps)
