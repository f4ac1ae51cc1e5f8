"""What must hold for the project as a whole: locks, addresses, paths, version, packaging."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import saydo

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def list_wanted(lock: str) -> list[Requirement]:
    """What pyproject.toml asks of a lock: the requirements of every run, the build's, and those of the extra."""
    project = PROJECT["project"]
    extra = project["optional-dependencies"].get(lock, [])
    return [Requirement(one) for one in [*project["dependencies"], *PROJECT["dependency-groups"]["build"], *extra]]


def read_pins(lock: str) -> dict[str, set[str]]:
    """The versions that a lock names for each package; more than one where they differ by platform or Python."""
    pins: dict[str, set[str]] = {}
    for line in (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8").splitlines():
        if found := re.match(r"([\w.-]+)==([^\s;]+)", line):
            pins.setdefault(canonicalize_name(found[1]), set()).add(found[2])
    return pins


def list_committed_texts() -> list[tuple[Path, str]]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: which files are committed is unknown")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]
    contents = [(path, path.read_bytes()) for path in paths]
    return [(path, content.decode("utf-8")) for path, content in contents if b"\0" not in content]


def list_lines_with(pattern: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path, text in list_committed_texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if re.search(pattern, line)
    ]


@pytest.mark.parametrize("lock", ["base", "dev", "spark"])
def test_lock_holds_what_the_project_asks_for(lock: str) -> None:
    pins = read_pins(lock)
    unmet = [
        f"{wanted}: locked {sorted(pins.get(canonicalize_name(wanted.name), set())) or 'not at all'}; call make lock"
        for wanted in list_wanted(lock)
        if not (locked := pins.get(canonicalize_name(wanted.name))) or not all(map(wanted.specifier.contains, locked))
    ]
    assert unmet == []


@pytest.mark.parametrize("lock", ["base", "spark"])
def test_lock_agrees_with_the_developers_lock(lock: str) -> None:
    dev = read_pins("dev")
    assert {name: pins for name, pins in read_pins(lock).items() if dev.get(name, pins) != pins} == {}


def test_locks_hold_no_address() -> None:
    for lock in (ROOT / "requirements").iterdir():
        assert not re.search(r"://|--(extra-)?index-url|--find-links", lock.read_text(encoding="utf-8")), lock.name


def test_files_name_no_package_index() -> None:
    assert list_lines_with(r"pypi\.org|pythonhosted\.org|registry\.npmjs") == []


def test_files_hold_no_path_of_a_machine() -> None:
    assert list_lines_with(r"(?<![\w.:/-])/(work|root|home|Users)/\w") == []


def test_version_is_the_same_everywhere() -> None:
    assert saydo.__version__ == PROJECT["project"]["version"] == version("saydo")


def test_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("saydo/")}
    listing = subprocess.run(["git", "ls-files", "src"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert packed >= {name.removeprefix("src/") for name in listing.splitlines()}
