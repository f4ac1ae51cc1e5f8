"""Measures that fit models beside the packages that people would fit them with, and whether both find the same.

    python -m benchmarks.bench_fits [contest ...] [--sizes 100000 1000000]

Without contests named: all of them, and the table goes to docs/benchmarks.md. The peers get an environment of their
own under build/bench; where it cannot be made Saydo runs alone, and the table says so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from benchmarks.company import ROOT
from benchmarks.publish import PAGE, Part, publish
from benchmarks.race import MEMORY, THREADS, Lap, find_best
from benchmarks.rivals.draw import make_facts
from benchmarks.rivals.lane import PEERS, Figures, Lane, Run, make_environment, run_lanes

SIZES = (100_000, 1_000_000)
PATIENCE = 60.0
OURS = "Saydo"
_NO_PEERS = "The peers could not be installed on this machine: Saydo ran alone."
_SHOWN = ("lifetimes", "pymc-marketing", "lifelines", "DoubleML", "pingouin", "scikit-learn")
_ABOUT = f"""\
Companies drawn from the very models that are fitted to them (`benchmarks/rivals`). Each contender starts from the
same Parquet files and ends with the figures beside it, called as its documentation writes it; *alone* starts from one
row per customer, contract, order or reply in memory, so that reading and summing are left out. *Saydo* gives more
than that in the same time: intervals, tests, figures by the side. Two do less: of many comments `themes` reads
20,000, and its themes are no other's; of a million customers `promise_effect` is fitted to 50,000, so that its
interval is wider, and further off, than that of all. Every contender has a process of its own, its packages loaded
beforehand, and {THREADS} threads; DuckDB has {MEMORY} of memory before it spills to disk. Seconds are by the clock,
the best of several warm laps (one who takes more than {PATIENCE:.0f} s has one); memory is the highest of the whole
process. *Slower by* is the peer's time over Saydo's, by the clock and by the processor; *memory* its memory over
Saydo's. *Off by* is the furthest of its figures from Saydo's, in parts of it. PyMC-Marketing takes the maximum of a
posterior, DoubleML divides at random and has other models of the chance and of the outcome: these cannot agree to the
last digits."""
_HEADER = (
    *("Contest", "Size", "By", "Seconds", "Processor s", "Memory MB"),
    *("Slower by", "Slower by (processor)", "Memory", "Aim", "Figures", "Off by"),
)


@dataclass(frozen=True)
class Contest:
    """``drawn`` names the company; ``ours`` and ``peers`` functions of `rivals.ours` and `rivals.theirs`; ``aim`` how
    many times faster than the best peer Saydo is to be; ``most`` the largest size that makes sense. ``is_same``: both
    look for the same figures.
    """

    title: str
    drawn: str
    ours: str
    peers: Mapping[str, str]
    aim: float | None
    most: int = 1_000_000
    is_same: bool = True


CONTESTS = {
    "repurchase": Contest(
        "BG/NBD",
        "purchases",
        "repurchase",
        {"lifetimes": "lifetimes", "PyMC-Marketing (MAP)": "pymc_marketing"},
        10,
    ),
    "repurchase_alone": Contest(
        "BG/NBD, alone",
        "purchases",
        "repurchase_alone",
        {"lifetimes": "lifetimes_alone", "PyMC-Marketing (MAP)": "pymc_marketing_alone"},
        12,
    ),
    "spend": Contest("Gamma-Gamma", "purchases", "spend", {"lifetimes": "lifetimes_spend"}, 10),
    "spend_alone": Contest(
        "Gamma-Gamma, alone", "purchases", "spend_alone", {"lifetimes": "lifetimes_spend_alone"}, None
    ),
    "renewals": Contest("Kaplan-Meier", "renewals", "renewals", {"lifelines": "lifelines"}, 8),
    "renewals_alone": Contest("Kaplan-Meier, alone", "renewals", "renewals_alone", {"lifelines": "lifelines_alone"}, 8),
    "effect": Contest("AIPW", "effect", "effect", {"DoubleML": "doubleml"}, 10),
    "effect_alone": Contest("AIPW, alone", "effect", "effect_alone", {"DoubleML": "doubleml_alone"}, 10),
    "importance": Contest("LMG", "importance", "importance", {"pingouin": "pingouin"}, None),
    "importance_alone": Contest("LMG, alone", "importance", "importance_alone", {"pingouin": "pingouin_alone"}, None),
    "themes": Contest(
        "themes",
        "themes",
        "themes",
        {"scikit-learn": "scikit_learn", "scikit-learn, 20,000": "scikit_learn_sampled"},
        None,
        most=100_000,
        is_same=False,
    ),
}


def main(
    names: Sequence[str],
    sizes: Sequence[int] = SIZES,
    laps: int = 3,
    root: Path = ROOT,
    page: Path | None = PAGE,
    *,
    with_peers: bool = True,
) -> Part:
    """Race the contests named, or all of them; gives what was published."""
    python = make_environment(root) if with_peers else None
    rows = []
    for name in names or CONTESTS:
        contest = CONTESTS[name]
        for size in sizes:
            if size <= contest.most:
                rows += _describe(contest, size, _race(contest, make_facts(contest.drawn, size, root), python, laps))
    about = f"{_ABOUT} {_list_peers() if python else _NO_PEERS}"
    part = Part("fits", "Fitted measures beside their peers", about, _HEADER, rows, ("numpy", "scipy", "duckdb"))
    publish(part, None if names else page)
    return part


def _race(contest: Contest, folder: Path, python: str | None, laps: int) -> dict[str, Run]:
    lanes = [Lane(OURS, sys.executable, f"ours:{contest.ours}", folder)]
    lanes += [Lane(name, python, f"theirs:{target}", folder) for name, target in contest.peers.items() if python]
    return run_lanes(lanes, laps + 1, PATIENCE)


def _list_peers() -> str:
    lines = PEERS.read_text(encoding="utf-8").splitlines()
    pinned = {name.lower(): version for name, _, version in (line.partition("==") for line in lines) if version}
    return f"Peers: {', '.join(f'{name} {pinned[name.lower()]}' for name in _SHOWN)}."


def _describe(contest: Contest, size: int, runs: Mapping[str, Run]) -> list[tuple[str, ...]]:
    ours = runs[OURS]
    return [
        (contest.title, f"{size:,}", name, *(_figures(contest, run, ours) if not run.failure else _failed(run)))
        for name, run in runs.items()
    ]


def _failed(run: Run) -> tuple[str, ...]:
    return (*([""] * 7), f"failed: {run.failure.replace('|', '/')[:100]}", "")


def _figures(contest: Contest, run: Run, ours: Run) -> tuple[str, ...]:
    lap = _best(run)
    told = (f"{lap.seconds:.3g}", f"{lap.cpu_seconds:.3g}", f"{lap.peak_mb:.0f}")
    shown = ", ".join(
        f"{name} {value:.5g}" if value < 1e4 else f"{name} {value:.0f}" for name, value in run.figures.items()
    )
    if run is ours or ours.failure:
        return (*told, *([""] * 4), shown, "")
    base = _best(ours)
    pairs = ((lap.seconds, base.seconds), (lap.cpu_seconds, base.cpu_seconds), (lap.peak_mb, base.peak_mb))
    ratios = (f"{theirs / max(one, 1e-6):.1f}" for theirs, one in pairs)
    off = find_gap(ours.figures, run.figures) if contest.is_same else float("nan")
    return (*told, *ratios, f"{contest.aim:g}" if contest.aim else "", shown, f"{off:.1e}" if isfinite(off) else "")


def _best(run: Run) -> Lap:
    return find_best(run.laps[1:] or run.laps)


def find_gap(ours: Figures, theirs: Figures) -> float:
    """The largest difference of figures of the same name, in parts of ours; infinite when they have none in common."""
    shared = [name for name in ours if name in theirs]
    return max((abs(theirs[name] / ours[name] - 1) for name in shared if ours[name]), default=float("inf"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("contests", nargs="*", choices=[*CONTESTS, []], metavar="contest")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="customers, contracts, orders or replies")
    parser.add_argument("--laps", type=int, default=3, help="warm laps of each, of which the best counts")
    chosen = parser.parse_args()
    main(chosen.contests, chosen.sizes, chosen.laps)
