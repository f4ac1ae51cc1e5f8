"""Companies simulated many at a time, and what the measures say of each, beside the truth.

One simulated company is cut at random into a hundred, no account in two of them: its customers are drawn independently
(only those of an account feel alike), so each part is a company of the same plan. A measure is asked once for all of
them, split by company, as anybody would ask for its figures by region.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.coverage.cases import CASES
from benchmarks.coverage.kinds import SETTINGS, Ask, Case, Row, Setting
from saydo.company import Facts, Manifest
from saydo.engine import DuckDBEngine, open_facts
from saydo.measures import HIDE_BELOW, MEASURES
from saydo.simulate import simulate
from saydo.stats.changes import adjust_p_values

POPULATION = Path(__file__).with_name("population.json")
LARGE = 2_000_000  # customers of the company that stands for endless ones
LARGE_SEED = 20_261_122
SIGNIFICANT = 0.05


_Found = tuple[str, str, Row]  # company, group within it, row of the result


@dataclass(frozen=True)
class Trial:
    """One interval: the group within its company, estimate, ends, truth."""

    group: str
    estimate: float
    low: float
    high: float
    truth: float


def try_companies(
    name: str, seed: int, companies: int, *, with_dear: bool = True, only: Sequence[str] = ()
) -> dict[str, list[Trial]]:
    """Simulate so many companies of a setting and try every case of it; the trials by the case's title.

    Without ``with_dear`` those of the dear calls are left out; ``only`` names the measures that are asked. Nothing is
    simulated if no case is left.
    """
    setting = SETTINGS[name]
    cases = [case for case in choose_cases(only) if case.ask.setting is setting and (with_dear or not case.ask.is_dear)]
    if not cases:
        return {}
    with tempfile.TemporaryDirectory(prefix="saydo-coverage-") as folder:
        with simulate_companies(setting, Path(folder) / "facts", seed, companies) as (facts, truth):
            results = _ask_all(facts, cases, setting.part)
            together = _ask_all(facts, [case for case in cases if case.source == "all companies"])
        return {case.title: list(_try(case, results[case.ask], truth, together.get(case.ask, []))) for case in cases}


def choose_cases(only: Sequence[str]) -> list[Case]:
    """The cases of these measures; without any named, all."""
    return [case for case in CASES if not only or case.ask.measure in only]


@contextmanager
def simulate_companies(
    setting: Setting, folder: Path, seed: int, companies: int
) -> Iterator[tuple[Facts, dict[str, Any]]]:
    """The facts of so many companies of a kind, which the split ``setting.part`` tells apart, and their truth."""
    truth = simulate(folder, customers=max(companies * setting.customers, 1), seed=seed, **setting.plan)
    if setting.customers:
        _cut(folder, companies, seed)
    with _open(folder) as facts:
        yield facts, truth


def measure_population(folder: Path) -> None:
    """Write what a company of two million customers says, for the cases whose truth does not follow from the plan."""
    found: dict[str, dict[str, float | None]] = {}
    for setting in SETTINGS.values():
        cases = [case for case in CASES if case.ask.setting is setting and case.source in ("count", "large company")]
        if cases:
            truth = simulate(folder / setting.name, customers=LARGE, seed=LARGE_SEED, **setting.plan)
            with _open(folder / setting.name) as facts:
                results = _ask_all(facts, cases)
            found |= {case.title: _values(case, results[case.ask], truth) for case in cases}
    POPULATION.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def _open(folder: Path) -> Iterator[Facts]:
    engine = DuckDBEngine(threads=1)
    try:
        yield open_facts(folder, engine)
    finally:
        engine.close()


def _cut(folder: Path, parts: int, seed: int) -> None:
    """Give each customer a company at random, those of an account the same one."""
    manifest = Manifest.read(folder)
    entry = manifest.tables["customers"]
    for number, file in enumerate(entry.files):
        rows = pq.read_table(folder / file)
        keys = [account or customer for account, customer in zip(*_keys(rows), strict=True)]
        units, place = np.unique(np.array(keys), return_inverse=True)
        part = np.random.default_rng([seed, number]).integers(0, parts, len(units))[place]
        rows = rows.append_column("x_part", pa.array([f"{one:03}" for one in part]))
        pq.write_table(rows, folder / file)
    own = {**entry.own_columns, "x_part": "string"}
    tables = {**manifest.tables, "customers": replace(entry, own_columns=own)}
    replace(manifest, tables=tables).write(folder)


def _keys(rows: pa.Table) -> list[list[str | None]]:
    return [rows[name].to_pylist() for name in ("account_id", "customer_id")]


def _ask_all(facts: Facts, cases: list[Case], part: str = "") -> dict[Ask, list[_Found]]:
    return {ask: _ask(facts, ask, part) for ask in dict.fromkeys(case.ask for case in cases)}


def _ask(facts: Facts, ask: Ask, part: str = "") -> list[_Found]:
    """The rows of a measure as (company, group within it, row), small groups of what was said left out."""
    measure = MEASURES[ask.measure]
    result = measure(facts, (part, *ask.by) if part else ask.by, show_small_groups=True, **ask.settings)
    company, least = part.rpartition(".")[2], HIDE_BELOW if measure.said else 1
    names = [name for name in result.by if name not in (company, "rank")]  # a rank is no group
    rows = [row for row in result.to_records() if row[measure.count] >= least and row.get(company, "") is not None]
    return [(row.get(company, ""), " / ".join(str(row[name]) for name in names), row) for row in rows]


def _rows(case: Case, result: list[_Found]) -> list[_Found]:
    """The rows that are meant, those with an interval."""
    ends = (f"{case.stem}_low", f"{case.stem}_high")
    return [
        one
        for one in result
        if all(one[2][name] == value for name, value in case.only.items())
        and all(one[2][name] is not None for name in ends)
    ]


def _try(case: Case, result: list[_Found], truth: dict[str, Any], together: list[_Found]) -> Iterator[Trial]:
    """The trials of a case; ``together`` is what the measure says of all companies as one."""
    rows, whole = _rows(case, result), {group: row[case.figure] for _, group, row in together}
    if case.families:
        yield from _try_families(rows)
        return
    for _, group, row in rows:
        value = whole.get(group) if case.source == "all companies" else _truth(case, group, row, truth)
        if value is not None:
            yield Trial(group, row[case.figure], row[f"{case.stem}_low"], row[f"{case.stem}_high"], value)


def _truth(case: Case, group: str, row: Row, truth: dict[str, Any]) -> float | None:
    if case.source != "plan":
        return _population()[case.title].get(group)
    return case.truth(truth, row) if case.truth else None


def _try_families(rows: list[_Found]) -> Iterator[Trial]:
    """Per company, as an interval around 0 that holds it if none of its comparisons is called a change."""
    for _company, found in groupby(sorted(rows, key=itemgetter(0)), key=itemgetter(0)):
        adjusted = adjust_p_values([row["p"] for _, _, row in found])
        is_found = bool((adjusted < SIGNIFICANT).any())
        yield Trial("any", np.nan, float(is_found), np.nan if is_found else 0.0, 0.0)


def _values(case: Case, result: list[_Found], truth: dict[str, Any]) -> dict[str, float | None]:
    counted = case.truth
    return {
        group: counted(truth, row) if case.source == "count" and counted else row[case.figure]
        for _, group, row in _rows(case, result)
    }


@cache
def _population() -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = json.loads(POPULATION.read_text(encoding="utf-8"))
    return found
