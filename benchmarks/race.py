"""Contenders beside each other: each in a process of its own, one at a time, in turn: other load hits all alike.

A process is warm when it counts: its first lap is thrown away. Of the others the best is kept, because other programs
can only make a lap slower. The processor's time is the fairer of the two measures where a machine has other work;
what people wait for is the clock's.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

THREADS = 2
MEMORY = "1500MB"
LIMITS = {"SAYDO_THREADS": f"{THREADS}", "SAYDO_MEMORY": MEMORY, "POLARS_MAX_THREADS": f"{THREADS}"}


@dataclass(frozen=True)
class Contender:
    """``prepare(*arguments)`` runs in the contender's process and gives what is timed; both must be importable."""

    name: str
    prepare: Callable[..., Callable[[], object]]
    arguments: tuple[object, ...] = ()


@dataclass(frozen=True)
class Lap:
    """Seconds by the clock and of the processor (all threads); MB of memory at the process's highest so far."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


class LapFailed(Exception):
    """A contender's process ended with an error; its own words are in its traceback above."""


def race(contenders: Sequence[Contender], laps: int = 3) -> dict[str, Lap]:
    """The best of ``laps`` warm laps of each contender, by name; raises `LapFailed`."""
    return {name: find_best(done[1:]) for name, done in run_laps(contenders, laps + 1).items()}


def run_laps(contenders: Sequence[Contender], laps: int) -> dict[str, list[Lap]]:
    """All laps of each contender, by name, the cold one first; raises `LapFailed`."""
    with _start(contenders) as lines:
        found: dict[str, list[Lap]] = {name: [] for name in lines}
        for _ in range(laps):
            for name, line in lines.items():
                found[name].append(_run_lap(name, line))
    return found


def find_best(laps: Sequence[Lap]) -> Lap:
    """The shortest times of several laps, and the memory at the end of them."""
    seconds, cpu = min(lap.seconds for lap in laps), min(lap.cpu_seconds for lap in laps)
    return Lap(seconds, cpu, laps[-1].peak_mb)


@contextmanager
def _start(contenders: Sequence[Contender]) -> Iterator[dict[str, Connection]]:
    os.environ.update(LIMITS)
    context = multiprocessing.get_context("spawn")  # a fork would share what the parent holds
    lines, processes = {}, []
    try:
        for contender in contenders:
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, contender), daemon=True)
            process.start()
            theirs.close()
            lines[contender.name] = ours
            processes.append(process)
        yield lines
    finally:
        for line in lines.values():
            line.close()
        for process in processes:
            process.join()


def _serve(line: Connection, contender: Contender) -> None:
    run = contender.prepare(*contender.arguments)
    while _is_asked(line):
        clock, cpu = time.perf_counter(), time.process_time()
        run()
        line.send(Lap(time.perf_counter() - clock, time.process_time() - cpu, peak_memory()))


def _is_asked(line: Connection) -> bool:
    try:
        return bool(line.recv())
    except EOFError:  # the race is over
        return False


def _run_lap(name: str, line: Connection) -> Lap:
    line.send(True)
    try:
        lap: Lap = line.recv()
    except EOFError:
        raise LapFailed(name) from None
    return lap


def peak_memory() -> float:
    """The most memory (MB) that this process has held in RAM so far."""
    status = Path("/proc/self/status")
    if status.is_file():  # the other figure counts what the parent held when it started this process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024**2 if sys.platform == "darwin" else peak / 1024
