"""The server: granian with a few threads per process (WSGI), and the background work in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys


def run(host: str, port: int) -> None:
    """Serve until interrupted; whatever ends one of the two ends the other."""
    from granian import Granian
    from granian.constants import Interfaces

    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "saydo.web.settings"}
    worker = subprocess.Popen([sys.executable, "-m", "django", "qcluster"], env=environment)
    try:
        Granian(
            "saydo.web.wsgi:application",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=2,
            blocking_threads=4,  # without a limit a thread is made for every waiting request, each with a connection
        ).serve()
    finally:
        worker.terminate()
        worker.wait(timeout=10)
