"""The server: pages by granian, the background work in a process of its own, started and stopped together.

A process of the pages or of the background work that dies is started again. When the first process ends, however it
ends, all others do.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from saydo.errors import PortInUse

logger = logging.getLogger(__name__)
PARENT = "SAYDO_PARENT"  # in the environment of child processes: the number of the first
THREADS = 4  # per process; without a limit one is made for every waiting request, each with a connection
_LOG: dict[str, Any] = {
    "formatters": {"json": {"()": "saydo.web.logs.JsonFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "loggers": {"_granian": {"handlers": ["console"], "level": "INFO", "propagate": False}},
}


def run(host: str, port: int, *, processes: int = 2, with_work: bool = True) -> None:
    """Serve until interrupted."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    check_port(host, port)
    os.environ[PARENT] = str(os.getpid())
    level = "warning" if os.environ.get("SAYDO_LOG_LEVEL", "").upper() in {"WARNING", "ERROR", "CRITICAL"} else "info"
    server = Granian(
        "saydo.web.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=processes,
        blocking_threads=THREADS,
        respawn_failed_workers=True,
        workers_kill_timeout=1,  # a request that takes longer than that is cut off when the server stops
        log_dictconfig=_LOG,
        log_level=LogLevels(level),
    )
    with suppress(KeyboardInterrupt):
        if with_work:
            with_worker(server.serve)
        else:
            server.serve()


def collect(start: Callable[[], None]) -> None:
    """Start Django with static files that are compressed and named by their content, so that browsers keep them."""
    os.environ["SAYDO_COLLECTED"] = "1"
    start()
    from django.core.management import call_command

    call_command("collectstatic", verbosity=0, interactive=False, clear=True)


def check_port(host: str, port: int) -> None:
    """Say in one sentence that somebody else listens there, before anything is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, port))
        except OSError as error:
            raise PortInUse(host=host, port=port, reason=error.strerror or error) from error


def with_worker(serve: Callable[[], None]) -> None:
    """Serve with a worker beside, that is started again whenever it ends."""
    stop = threading.Event()
    keeper = threading.Thread(target=_keep_worker, args=(stop,), daemon=True)
    keeper.start()
    try:
        serve()
    finally:
        stop.set()
        keeper.join(timeout=5)


def _keep_worker(stop: threading.Event) -> None:
    command = [sys.executable, "-m", "saydo.web.background"]
    while not stop.is_set():
        # a session of its own: Ctrl-C reaches the first process alone, which then stops the others
        worker = subprocess.Popen(command, start_new_session=True)  # noqa: S603  nothing of anybody else's
        while worker.poll() is None and not stop.wait(0.1):
            pass
        if worker.poll() is None:
            worker.terminate()
            try:
                worker.wait(timeout=3)
            except subprocess.TimeoutExpired:
                worker.kill()
            return
        if not stop.is_set():
            logger.error("worker ended with %s; starting it again", worker.returncode)
            stop.wait(1)


def end_with_parent() -> None:
    """In a process that the server started: end when the server is gone, even if it was killed."""
    parent = os.environ.get(PARENT)
    if parent:
        threading.Thread(target=_watch, args=(int(parent),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
