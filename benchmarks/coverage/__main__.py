"""Try every case on so many companies of each kind, and publish what came of it.

It may run for long in the background: it takes only the time that others leave, and what fails is told, left out of the
page, and does not take the rest with it.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

from benchmarks.coverage.companies import POPULATION, Trial, measure_population, try_companies
from benchmarks.coverage.findings import judge
from benchmarks.coverage.formulas import STUDIES, Pair, run_study
from benchmarks.coverage.kinds import DEAR_EVERY, SETTINGS
from benchmarks.coverage.page import PAGE, update_page, write_page

TOGETHER = 100  # companies simulated at a time
NICE = 10


def run(companies: int, processes: int, only: Sequence[str] = (), page: str = "") -> tuple[str, int]:
    """The page, after all companies and studies, and how many tasks failed.

    Of the measures ``only`` the page that there was is brought up to date.
    """
    batches = -(-companies // TOGETHER)
    tasks: list[Callable[[], Any]] = [
        partial(try_companies, name, seed, TOGETHER, with_dear=seed % DEAR_EVERY == 1, only=only)
        for seed in range(1, batches + 1)
        for name in SETTINGS
    ]
    tasks += [partial(_study, place) for place in range(len(STUDIES)) if not only]
    trials: dict[str, list[Trial]] = defaultdict(list)
    studies: dict[int, list[Pair]] = {}
    failed, spent = 0, 0.0
    with Pool(processes, partial(os.nice, NICE), maxtasksperchild=1) as pool:
        for number, (found, failure, seconds) in enumerate(pool.imap_unordered(_call, enumerate(tasks)), 1):
            spent += seconds
            for key, some in found.items():
                if isinstance(key, int):
                    studies[key] = some
                else:
                    trials[key] += some
            if failure:
                failed += 1
                print(failure, file=sys.stderr, flush=True)
            print(f"{number} of {len(tasks)}, {spent:.0f} CPU seconds", flush=True)
    findings = {title: judge(some) for title, some in trials.items() if some}
    written = update_page(page, findings, only) if only else write_page(findings, batches * TOGETHER, studies)
    return written, failed


def _study(place: int) -> dict[int, list[Pair]]:
    return {place: run_study(place)}


def _call(task: tuple[int, Callable[[], Any]]) -> tuple[Any, str, float]:
    """What a task found, or why it failed, and its CPU seconds."""
    number, found = task
    began = process_time()
    try:
        return found(), "", process_time() - began
    except Exception:
        return {}, f"Task {number} failed: {found}\n{traceback.format_exc()}", process_time() - began


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--companies", type=int, default=2_000, help="of each kind (default: 2,000)")
    parser.add_argument("--processes", type=int, default=2, help="at a time (default: 2)")
    parser.add_argument("--page", type=Path, default=PAGE, help="where to write (default: docs/coverage.md)")
    parser.add_argument("--only", nargs="+", default=(), metavar="MEASURE", help="try these alone, and mend their rows")
    parser.add_argument("--population", action="store_true", help="measure the large company anew first")
    chosen = parser.parse_args()
    if chosen.population or not POPULATION.is_file():
        with TemporaryDirectory(prefix="saydo-coverage-") as folder:
            measure_population(Path(folder))
    before = chosen.page.read_text(encoding="utf-8") if chosen.only else ""
    page, failed = run(chosen.companies, chosen.processes, chosen.only, before)
    chosen.page.write_text(page, encoding="utf-8")
    return min(failed, 1)


if __name__ == "__main__":
    raise SystemExit(main())
