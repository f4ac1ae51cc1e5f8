"""What tests may lean on: the machine's abilities that some of them need, and the real data sets."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("saydo", deadline=None)  # a busy machine is no failure
settings.load_profile("saydo")

REAL_DATA = os.environ.get("SAYDO_TEST_DATA")
IN_CI = os.environ.get("CI") == "true"


def require(marker: str, reason: str) -> None:
    """Stop a test that this machine cannot run: skipped on a desk, failed in CI, where none may drop out unseen."""
    if IN_CI:
        pytest.fail(f"{reason}; tests marked {marker} must run in CI", pytrace=False)
    pytest.skip(reason)


def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def find_lack(marker: str) -> str | None:
    """What this machine lacks for the tests with a marker, or None."""
    if marker == "spark":
        if not find_spec("pyspark"):
            return "PySpark is not installed (make spark)"
        return (
            None if shutil.which("java") else "Java is not installed (Debian, Ubuntu: apt install default-jre-headless)"
        )
    if marker == "browser":
        return None if find_chromium() else "Chromium is not installed (Debian, Ubuntu: apt install chromium)"
    if marker == "postgres":
        return None if os.environ.get("SAYDO_TEST_POSTGRES") else "SAYDO_TEST_POSTGRES names no PostgreSQL server"
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in ("spark", "browser", "postgres"):
        if item.get_closest_marker(marker) and (lack := find_lack(marker)):
            require(marker, lack)
    if item.get_closest_marker("real") and not REAL_DATA:
        pytest.skip("SAYDO_TEST_DATA names no folder with the real data sets")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of one costly thing in one process: a second Spark session costs more than it gains."""
    for item in items:
        for marker in ("spark", "browser"):
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.xdist_group(marker))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets, for tests marked `real`."""
    if not REAL_DATA:
        pytest.fail("a test that takes real_data must be marked real", pytrace=False)
    return Path(REAL_DATA)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start the system's Chromium: no browser is downloaded."""
    return {**browser_type_launch_args, "executable_path": find_chromium()}
