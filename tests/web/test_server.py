"""`saydo serve` as a user meets it: it starts, says what it needs, mends itself, and stops without leaving anything."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

SAYDO = [sys.executable, "-c", "from saydo.cli import app; app()"]
pytestmark = [
    pytest.mark.xdist_group("server"),
    pytest.mark.skipif(not settings.IS_SQLITE, reason="nothing of it differs by database"),
]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def environment_of(home: Path) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith(("SAYDO_", "DJANGO_", "DATABASE_"))}
    return {**own, "SAYDO_HOME": str(home), "LANGUAGE": "en"}


def children(process: int) -> list[int]:
    """The processes that a process started, and those that they did."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = [tuple(map(int, line.split())) for line in listing.splitlines()]
    own = [child for child, parent in parents if parent == process]
    return own + [one for child in own for one in children(child)]


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False
    ).stdout.replace("Z", "zombie")


def until(holds: Callable[[], object], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it took too long"
        time.sleep(0.1)


def answers(port: int, address: str = "/health/") -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{address}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture
def served(home: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server that answers, with its background work, and its port."""
    port = free_port()
    process = subprocess.Popen(
        [*SAYDO, "serve", "--port", str(port), "--processes", "1"],
        env=environment_of(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        until(lambda: answers(port))
        yield process, port
    finally:
        process.kill()
        process.communicate()


def test_serve_stops_at_once_and_leaves_nothing(served: tuple[subprocess.Popen[str], int]) -> None:
    process, port = served
    started = children(process.pid)
    assert len(started) == 2  # pages and background work
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert time.monotonic() - begun < 5  # two seconds on a machine that has nothing else to do
    assert [one for one in started if is_there(one)] == []
    assert f"Saydo is at http://localhost:{port}" in said
    assert "saydo user EMAIL" in said  # the first start tells how to make somebody who can log in


def test_serve_killed_leaves_nothing(served: tuple[subprocess.Popen[str], int]) -> None:
    process, _ = served
    started = children(process.pid)
    process.kill()
    until(lambda: not any(map(is_there, started)), seconds=10)


def test_serve_starts_again_what_dies(served: tuple[subprocess.Popen[str], int]) -> None:
    process, port = served
    before = children(process.pid)
    for one in before:
        os.kill(one, signal.SIGKILL)
    until(lambda: len(set(children(process.pid)) - set(before)) == 2)
    until(lambda: answers(port))
    assert process.poll() is None


def test_serve_gives_static_files_that_browsers_keep(served: tuple[subprocess.Popen[str], int]) -> None:
    _, port = served
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/account/login/", timeout=30).read().decode()
    sheet = page.split('rel="stylesheet" href="')[1].split('"')[0]
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{sheet}", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "immutable" in answer.headers["Cache-Control"]
    assert len(sheet.split(".")) == 3  # saydo.<digest>.css


def test_serve_says_in_a_sentence_that_the_port_is_taken(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = subprocess.run(
            [*SAYDO, "serve", "--port", str(port)],
            env=environment_of(home),
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 2
    assert run.stderr.startswith(f"Nothing can listen on 127.0.0.1, port {port}: ")
    assert len(run.stderr.splitlines()) == 1
