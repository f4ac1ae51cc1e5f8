"""A contender in a process of its own, by any interpreter; and the environment that other packages live in.

The process runs this file as a module, says that it is ready, and from then on answers each line that it is sent with
one line of JSON: how long the lap took, and the figures that came of it. It imports nothing but what Python brings, so
that the other side needs no more than its own packages.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from benchmarks.race import LIMITS, THREADS, Lap, peak_memory

HERE = Path(__file__).parents[2]
PEERS = HERE / "benchmarks" / "peers.txt"
_NATIVE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Figures = dict[str, float]


@dataclass(frozen=True)
class Lane:
    """``target`` is a function of this folder, ``module:name``; it prepares on a folder and gives what is timed."""

    name: str
    python: str
    target: str
    folder: Path


@dataclass
class Run:
    """What became of a contender: its laps, the figures of the last, and if it failed its last words."""

    laps: list[Lap] = field(default_factory=list)
    figures: Figures = field(default_factory=dict)
    failure: str = ""


def make_environment(root: Path) -> str | None:
    """The interpreter of an environment with the packages of ``peers.txt``, made if need be; None where that fails."""
    folder = root / "peers"
    python, stamp = folder / "bin" / "python", folder / "made-from"
    wanted = hashlib.sha256(PEERS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return str(python)
    venv.create(folder, clear=True, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(PEERS)]
    if subprocess.run(pip, check=False).returncode:
        return None
    stamp.write_text(wanted)
    return str(python)


def run_lanes(lanes: Sequence[Lane], laps: int, patience: float) -> dict[str, Run]:
    """So many laps of each in turn, once all are ready; who took longer than ``patience`` (s) is not asked again."""
    found = {lane.name: Run() for lane in lanes}
    with _start(lanes) as processes:
        for name, process in processes.items():
            _answer(process, found[name])
        for lap in range(laps):
            for name, process in processes.items():
                run = found[name]
                if not run.failure and (not lap or run.laps[-1].seconds <= patience):
                    _send(process)
                    _answer(process, run)
    for lane in lanes:
        if found[lane.name].failure:
            found[lane.name].failure = _last_words(lane)
    return found


def _log(lane: Lane) -> Path:
    return lane.folder / f"{lane.target.replace(':', '-')}.log"


def _last_words(lane: Lane) -> str:
    lines = _log(lane).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it ended without a word"


@contextmanager
def _start(lanes: Sequence[Lane]) -> Iterator[dict[str, subprocess.Popen[str]]]:
    environment = os.environ | LIMITS | dict.fromkeys(_NATIVE, f"{THREADS}")
    environment.pop("PYTHONPATH", None)
    processes: dict[str, subprocess.Popen[str]] = {}
    try:
        for lane in lanes:
            command = [lane.python, "-m", "benchmarks.rivals.lane", lane.target, str(lane.folder)]
            with _log(lane).open("w", encoding="utf-8") as log:
                processes[lane.name] = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    cwd=HERE,
                    env=environment,
                )
        yield processes
    finally:
        for process in processes.values():
            process.communicate()  # the end of its input ends it


def _send(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def _answer(process: subprocess.Popen[str], run: Run) -> None:
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        run.failure = "failed"
        return
    told = json.loads(line)
    if told:
        run.laps.append(Lap(**told["lap"]))
        run.figures = told["figures"]


def serve(target: str, folder: Path) -> None:
    """The contender's side."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # packages print what they like
    module, _, name = target.partition(":")
    run = getattr(import_module(f"benchmarks.rivals.{module}"), name)(folder)
    print("{}", file=answers, flush=True)
    for _ in sys.stdin:
        clock, cpu = time.perf_counter(), _processor_time()
        figures = run()
        lap = {"seconds": time.perf_counter() - clock, "cpu_seconds": _processor_time() - cpu}
        told = {"lap": {**lap, "peak_mb": peak_memory()}, "figures": _plain(figures)}
        print(json.dumps(told), file=answers, flush=True)


def _processor_time() -> float:
    """Of all threads, and of compilers that were called."""
    called = os.times()
    return time.process_time() + called.children_user + called.children_system


def _plain(figures: Mapping[str, object]) -> Figures:
    return {name: float(value) for name, value in figures.items()}  # type: ignore[arg-type]  # NumPy's are no floats


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
