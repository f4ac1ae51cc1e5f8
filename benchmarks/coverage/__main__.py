"""Try every case on so many companies of each kind, and publish what came of it."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.coverage.cases import SETTINGS
from benchmarks.coverage.companies import POPULATION, Trial, measure_population, try_companies
from benchmarks.coverage.findings import judge
from benchmarks.coverage.formulas import STUDIES, Pair, run_study
from benchmarks.coverage.page import PAGE, write_page

TOGETHER = 100  # companies simulated at a time
PROCESSES = 2


def run(companies: int) -> str:
    """The page, after all companies and studies."""
    batches = -(-companies // TOGETHER)
    tasks: list[Callable[[], object]] = [
        partial(try_companies, name, seed, TOGETHER) for seed in range(1, batches + 1) for name in SETTINGS
    ]
    tasks += [partial(run_study, place) for place in range(len(STUDIES))]
    trials: dict[str, list[Trial]] = defaultdict(list)
    studies: list[list[Pair]] = []
    with Pool(PROCESSES) as pool:
        for number, found in enumerate(pool.imap(_call, tasks), 1):
            if isinstance(found, dict):
                for title, some in found.items():
                    trials[title] += some
            elif isinstance(found, list):
                studies.append(found)
            print(f"{number} of {len(tasks)}", flush=True)
    return write_page({title: judge(some) for title, some in trials.items()}, batches * TOGETHER, studies)


def _call(task: Callable[[], object]) -> object:
    return task()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--companies", type=int, default=2_000, help="of each kind (default: 2,000)")
    parser.add_argument("--population", action="store_true", help="measure the large company anew first")
    chosen = parser.parse_args()
    if chosen.population or not POPULATION.is_file():
        with TemporaryDirectory(prefix="saydo-coverage-") as folder:
            measure_population(Path(folder))
    PAGE.write_text(run(chosen.companies), encoding="utf-8")


if __name__ == "__main__":
    main()
