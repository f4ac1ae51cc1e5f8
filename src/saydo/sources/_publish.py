"""Writing a company's folder whole or not at all: beside its place first, then swapped in.

A program that dies in the middle leaves the old facts as they were, and a folder ``.<name>.import-...`` that can be
thrown away.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from saydo.company import MANIFEST_FILE, Manifest
from saydo.engine import EngineError
from saydo.errors import DestinationInUse, DestinationOverlaps, NoAccess, Unwritable
from saydo.sources._files import could_not_write, first_line
from saydo.sources._quarantine import FOLDER as QUARANTINE


@dataclass(frozen=True)
class Draft:
    """A folder being written: ``out`` becomes the company's, ``scratch`` is thrown away."""

    to: Path
    out: Path
    scratch: Path

    def keep_quarantine(self) -> Path:
        """Save the refused rows of an import that comes to nothing, beside the place where it would have stood."""
        saved = self.to.with_name(f"{self.to.name}.refused")
        shutil.rmtree(saved, ignore_errors=True)
        (self.out / QUARANTINE).rename(saved)
        return saved


@contextmanager
def publish(to: Path) -> Iterator[Draft]:
    """Give a draft and put it in the place of ``to`` when the block ends well; raises `DestinationInUse` beforehand."""
    _check_destination(to)
    to.absolute().parent.mkdir(parents=True, exist_ok=True)
    desk = Path(tempfile.mkdtemp(prefix=f".{to.name}.import-", dir=to.absolute().parent))
    try:
        draft = Draft(to, desk / "out", desk / "scratch")
        draft.out.mkdir()
        draft.scratch.mkdir()
        yield draft
        _swap(draft.out, to, desk / "old")
    finally:
        shutil.rmtree(desk, ignore_errors=True)


def _swap(new: Path, to: Path, old: Path) -> None:
    if not to.exists():
        new.rename(to)
        return
    to.rename(old)
    try:
        new.rename(to)
    except OSError:
        old.rename(to)
        raise


@contextmanager
def tell_failures(origin: Path, to: Path) -> Iterator[None]:
    """Turn what the disk refuses into an error that names the place: of the raw files, else of the facts."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or first_line(error)
        if error.filename and Path(error.filename).absolute().is_relative_to(origin.absolute()):
            raise NoAccess(path=error.filename, reason=reason) from None
        raise Unwritable(path=to, reason=reason) from None
    except EngineError as error:
        if not could_not_write(error):
            raise
        raise Unwritable(path=to, reason=first_line(error)) from None


def check_apart(origin: Path, to: Path) -> None:
    """Raw files must not become facts of themselves, nor be replaced by them."""
    raw, facts = origin.resolve(), to.resolve()
    if raw != facts and (facts.is_relative_to(raw) or raw.is_relative_to(facts)):
        raise DestinationOverlaps(path=to, origin=origin)


def _check_destination(to: Path) -> None:
    """Nothing that is not ours may be replaced."""
    if not to.exists():
        return
    if not to.is_dir() or (any(to.iterdir()) and not _is_ours(to)):
        raise DestinationInUse(path=to)


def _is_ours(folder: Path) -> bool:
    if not (folder / MANIFEST_FILE).is_file():
        return False
    listed = {Path(file).parts[0] for entry in Manifest.read(folder).tables.values() for file in entry.files}
    return {path.name for path in folder.iterdir()} <= {MANIFEST_FILE, QUARANTINE, *listed}
