"""The application's tests once more, on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.postgres
def test_everything_holds_on_postgresql() -> None:
    environment = {**os.environ, "DATABASE_URL": os.environ["SAYDO_TEST_POSTGRES"]}
    chosen = "not browser and not slow and not postgres"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", chosen, str(HERE)]
    run = subprocess.run(command, env=environment, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-8000:]
