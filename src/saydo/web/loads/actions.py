"""A load, step by step: files laid down, checked into facts, loaded, and the copy that measures read refreshed.

Every step can be done again: the check writes its folder whole or not at all, each table is one transaction, and equal
rows are left alone. A load that was killed goes on from the first thing that is not done.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any

from django.conf import settings
from django.utils import timezone

from saydo.company import MANIFEST_FILE, Manifest
from saydo.errors import BadSetting, LoadUnderWay, NoKnownTable, NothingUsable, RowsRefused, SaydoError
from saydo.language import mark, number
from saydo.sources import (
    FOLDER,
    Pick,
    Recognised,
    count_refused,
    find_people,
    import_facts,
    import_people,
    people_columns,
    read_refused,
    recognise,
    write_mapping,
)
from saydo.web import feed
from saydo.web.accounts.models import User
from saydo.web.home import PSEUDONYMS
from saydo.web.load import load_facts, load_people
from saydo.web.loads.models import Load, Recipe, shown

logger = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]
_ORIGIN = mark("up to 40 small letters, digits, hyphens and low lines, such as main or survey")
DAYS_KEPT = 30  # files that were given and not loaded
_PATIENCE = 1.0  # seconds: a page that asks whether somebody is at work holds the lock for a moment
_AS_IMPORTED = mark("what the import was told: import again to change it")


def begin(*, source: str, origin: str, given: Mapping[str, str], by: User | None) -> Load:
    """A new load with a folder that is closed to others."""
    load = Load.objects.create(
        source=source, origin=origin, by=by, given={name: value for name, value in given.items() if value}
    )
    shutil.rmtree(load.place, ignore_errors=True)  # left by a database that was put back to an earlier state
    for folder in (Path(settings.HOME) / "loads", load.place, load.raw):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return load


def check_origin(origin: str) -> str:
    """The name of the system that rows come from stands before their keys; raises `BadSetting`."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", origin):
        raise BadSetting(name="origin", value=origin, choices=_ORIGIN)
    return origin


def look_at(load: Load) -> list[Recognised]:
    """What each file of a load is, looked at once: picked before for files with these headers, else as it seems."""
    found = recognise(sorted(path for path in load.raw.iterdir() if path.is_file()))
    known = {recipe.headers: recipe for recipe in Recipe.objects.filter(headers__in=[_hash(one) for one in found])}
    load.picks = {
        one.file: known[_hash(one)].pick if _hash(one) in known else shown(one.pick) for one in found if not one.error
    }
    load.save(update_fields=["picks"])
    file = load.place / "recognised.json"
    file.write_text(json.dumps([vars(one) | {"pick": None} for one in found]), encoding="utf-8")
    file.chmod(0o600)
    return found


def recall(load: Load) -> list[Recognised]:
    """What was found when the files were looked at."""
    file = load.place / "recognised.json"
    if not file.is_file():
        return look_at(load)
    picks = load.read_picks()
    return [
        Recognised(
            one["file"],
            tuple(one["headers"]),
            tuple(map(tuple, one["sample"])),
            picks.get(one["file"], Pick()),
            one["error"],
        )
        for one in json.loads(file.read_text(encoding="utf-8"))
    ]


def _hash(one: Recognised) -> str:
    return hashlib.sha256("\x1f".join(sorted(map(str.casefold, one.headers))).encode()).hexdigest()


def pick(load: Load, picks: dict[str, Pick], *, by: User | None) -> None:
    """Take what somebody picked, and remember it for the next files with the same headers."""
    load.keep_picks(picks)
    load.state = "draft"
    load.save(update_fields=["picks", "state"])
    for one in recall(load):
        if one.file in picks and picks[one.file].table and not picks[one.file].missing:
            values = {"pick": shown(picks[one.file]), "by": by, "at": timezone.now()}
            Recipe.objects.update_or_create(headers=_hash(one), defaults=values)


def drop(load: Load) -> None:
    """Throw away a load that was not done, and its files."""
    with alone(load):
        shutil.rmtree(load.place, ignore_errors=True)
        load.delete()


@contextmanager
def alone(load: Load) -> Iterator[None]:
    """One at work on a load; a killed one leaves no lock behind. Raises `LoadUnderWay`."""
    load.place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (load.place / ".lock").open("w") as lock:
        ends = monotonic() + _PATIENCE
        while not _hold(lock, fcntl.LOCK_EX):
            if monotonic() > ends:
                raise LoadUnderWay(number=load.id)
            sleep(0.02)
        yield


def is_at_work(load: Load) -> bool:
    """Is somebody at work on it at this moment? Two who ask at once do not take each other for it."""
    try:
        with (load.place / ".lock").open() as lock:
            return not _hold(lock, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def _hold(lock: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def carry_out(
    load: Load, directory: Path | None = None, *, strict: bool = False, progress: Progress | None = None
) -> None:
    """Check the files and, unless it is a trial, load them; ``directory`` is where they lie if not in its own folder.

    Raises a `SaydoError`, which it keeps too. What was done already is not done again.
    """
    with alone(load):
        load.refresh_from_db(fields=["state", "is_trial", "picks"])
        if load.state == "done":
            _clear(load)
            return
        try:
            _carry_out(load, directory, strict, _note_progress(load, progress))
        except Exception as error:
            load.keep_error(error)
            load.state, load.ended_at = "failed", timezone.now()
            load.save(update_fields=["state", "error", "ended_at"])
            raise


def _carry_out(load: Load, directory: Path | None, strict: bool, progress: Progress) -> None:
    _step(load, "trying", error={})
    facts, people = _stage(load, directory or load.raw, strict, progress)
    if load.is_trial:
        _step(load, "tried")
        return
    _step(load, "loading")
    if facts:
        _count(load, "written", load_facts(facts, origin=load.origin, by=load.by, progress=progress).written)
    if people:
        done = load_people(people, origin=load.origin, by=load.by, progress=progress)
        _count(load, "written", done.written)
    progress("feed", 0, 0)
    feed.refresh()
    load.ended_at = timezone.now()
    _step(load, "done")
    _clear(load)
    sweep()


def sweep() -> None:
    """Throw away files that nobody loaded within a month: they name people."""
    old = timezone.now() - timedelta(days=DAYS_KEPT)
    for load in Load.objects.filter(at__lt=old, state__in=["draft", "tried", "failed"]):
        with suppress(LoadUnderWay), alone(load):
            _clear(load)


def _step(load: Load, state: str, **values: Any) -> None:
    load.state = state
    for name, value in values.items():
        setattr(load, name, value)
    load.save(update_fields=["state", "counts", "ended_at", *values])


def _count(load: Load, what: str, counted: Mapping[str, int]) -> None:
    for table, rows in counted.items():
        load.counts.setdefault(table, {})[what] = rows


def _stage(load: Load, directory: Path, strict: bool, progress: Progress) -> tuple[Path | None, list[Path]]:
    """The folder of checked facts and the files of checked people; made, unless a run before this one made them."""
    facts, people = load.place / "facts", load.place / "people"
    asked = json.dumps([load.source, load.given, load.picks, strict], sort_keys=True)
    told = load.place / "staged.json"
    if (directory / MANIFEST_FILE).is_file():
        facts = _take_imported(load, directory, strict)
        told.unlink(missing_ok=True)
    elif not (told.is_file() and told.read_text(encoding="utf-8") == asked):
        told.unlink(missing_ok=True)
        for old in (facts, people, load.quarantine):
            shutil.rmtree(old, ignore_errors=True)
        load.counts = {}
        _lay_secret(load)
        _import(load, directory, facts, strict, progress)
    if not told.is_file():
        _import_people(load, directory, people, strict)
        load.save(update_fields=["counts"])
        told.write_text(asked, encoding="utf-8")
    has_facts = (facts / MANIFEST_FILE).is_file()
    return facts if has_facts else None, sorted(people.glob("*.parquet"))


def _take_imported(load: Load, directory: Path, strict: bool) -> Path:
    """A folder that was imported before is loaded as it is; what was refused then is shown here too."""
    for name, value in load.given.items():
        raise BadSetting(name=name, value=value, choices=_AS_IMPORTED)
    manifest = Manifest.read(directory)
    shutil.rmtree(load.quarantine, ignore_errors=True)
    if (directory / "quarantine").is_dir():
        shutil.copytree(directory / "quarantine", load.quarantine)
    _note_kept(load, manifest)
    _check_strict(load, directory, strict)
    return directory


def _import(load: Load, directory: Path, facts: Path, strict: bool, progress: Progress) -> None:
    source, picks = load.source, load.read_picks()
    if picks:
        if not write_mapping(picks, load.place / "mapping"):
            return
        source = str(load.place / "mapping")
    try:
        manifest = import_facts(source, directory, facts, strict=strict, progress=progress, **load.given)
    except NoKnownTable:
        if picks or source != FOLDER or not find_people(directory):
            raise
        return
    except (NothingUsable, RowsRefused):
        _keep_quarantine(load, load.place / "facts.refused")
        _count(load, "refused", count_refused(load.quarantine))
        raise
    _note_kept(load, manifest)
    _keep_quarantine(load, facts / "quarantine")


def _note_kept(load: Load, manifest: Manifest) -> None:
    _count(load, "kept", {name: entry.rows for name, entry in manifest.tables.items()})
    _count(load, "refused", {name: entry.quarantined for name, entry in manifest.tables.items()})


def _import_people(load: Load, directory: Path, people: Path, strict: bool) -> None:
    picks = load.read_picks()
    chosen = people_columns(picks)
    files = [directory / file for file in chosen] if picks else find_people(directory)
    if not files:
        return
    shutil.rmtree(people, ignore_errors=True)
    people.mkdir(mode=0o700)
    _lay_secret(load)
    entry = import_people(directory, files, people, chosen)
    if entry:
        _count(load, "kept", {"people": entry.rows})
        _count(load, "refused", {"people": entry.quarantined})
        _keep_quarantine(load, people / "quarantine")
    _check_strict(load, directory, strict)


def _check_strict(load: Load, directory: Path, strict: bool) -> None:
    if strict and load.refused:
        first = read_refused(load.quarantine, most=1)[0]
        raise RowsRefused(path=directory, rows=number(load.refused), quarantine=load.quarantine, reason=first.reason)


def _keep_quarantine(load: Load, found: Path) -> None:
    """Move refused rows to where the page shows them; they can hold what facts may not."""
    if not found.is_dir():
        return
    load.quarantine.mkdir(mode=0o700, exist_ok=True)
    for file in found.iterdir():
        file.replace(load.quarantine / file.name)


def _lay_secret(load: Load) -> None:
    """Let every load make pseudonyms with the same secret, that of this installation."""
    kept = Path(settings.HOME) / PSEUDONYMS
    with suppress(FileExistsError), os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
        new.write(secrets.token_hex(32) + "\n")
    for name in ("facts", "people"):
        copy = load.place / f"{name}.secret"
        shutil.copyfile(kept, copy)
        copy.chmod(0o600)


def _clear(load: Load) -> None:
    """What was loaded stands in the database: only what was refused, and the note of it, stays here."""
    for path in load.place.iterdir():
        if path.name == load.quarantine.name:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != ".lock":
            path.unlink(missing_ok=True)


def _note_progress(load: Load, progress: Progress | None) -> Progress:
    """Write how far it is beside the files: what a transaction writes into the database nobody else sees yet."""
    file = load.place / "progress.json"

    def note(what: str, done: int, total: int) -> None:
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps([what, done, total]), encoding="utf-8")
        partial.replace(file)
        if progress:
            progress(what, done, total)

    return note


def read_progress(load: Load) -> tuple[str, int, int]:
    """The table at hand, what is done and how much there is; nothing before it begins."""
    try:
        what, done, total = json.loads((load.place / "progress.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "", 0, 0
    return what, done, total


def try_to_carry_out(load: Load) -> None:
    """The same in the background, where nobody would catch an error: it is kept with the load.

    Raises `LoadUnderWay` alone, which is kept nowhere: the task has to be tried again.
    """
    try:
        carry_out(load)
    except LoadUnderWay:
        raise
    except SaydoError:
        pass
    except Exception:
        logger.exception("load %s", load.id)
