"""The road out: from database rows to the facts that measures read; nothing else leads there.

The copy is one Delta Lake table per fact table below ``SAYDO_HOME/facts`` (`saydo.web.lake`), and a manifest
(``saydo.json``) that names the files of one version of each. The manifest is swapped whole, so that a reader never sees
half a version, and is what `saydo.read` opens: an analyst can point the terminal or a notebook at the same folder. No
identity is in it.

A refresh that was killed is done again: its place in the outbox moves last, and rows go in by their keys.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from saydo.company import MANIFEST_FILE, Facts, Manifest, TableEntry
from saydo.engine import open_facts
from saydo.facts import TABLES
from saydo.sources import describe_facts
from saydo.web import lake
from saydo.web.accounts.models import Change, Company
from saydo.web.lake import Taken
from saydo.web.outbox import taken, untaken

READER = "feed"
_LITTLE = 20_000  # rows up to which a change is taken for what cannot alter much that the manifest says
_STALE = 600  # seconds after which the manifest is put together anew, if a little was added to it meanwhile


def current_facts() -> Facts:
    """The facts as of the last refresh, opened once per version; raises `NoSuchPath` before the first."""
    manifest = settings.FACTS / MANIFEST_FILE
    return _open(settings.FACTS, manifest.stat().st_mtime_ns if manifest.is_file() else 0)


def version() -> str:
    """A short name of the version that `current_facts` gives; empty before the first refresh."""
    manifest = settings.FACTS / MANIFEST_FILE
    return str(manifest.stat().st_mtime_ns) if manifest.is_file() else ""


@lru_cache(maxsize=2)
def _open(directory: Path, stamp: int) -> Facts:
    return open_facts(directory)


def refresh() -> int:
    """Bring the facts in line with the database; how many changes were taken in. Safe to call from several places."""
    settings.FACTS.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(settings.FACTS):
        lake.clear(settings.FACTS)
        count = 0
        while changes := untaken(READER):
            touched = _group(changes)
            found = {name: lake.take_in(settings.FACTS / name, numbers) for name, numbers in touched.items()}
            if found or not version():
                _publish(found)
            taken(READER, changes[-1])
            count += len(changes)
        if not count and _is_stale():
            _publish(None)
        return count


def rewrite(names: Sequence[str]) -> None:
    """Write tables anew from the database and delete every older file and log of theirs, after an erasure."""
    with _alone(settings.FACTS):
        places = [settings.FACTS / name for name in names if lake.exists(settings.FACTS / name)]
        found = {place.name: lake.write_all(place) for place in places}
        if places:
            _publish(found)
        for place in places:
            lake.forget_versions(place)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One refresh at a time, over all processes; a killed one leaves no lock behind."""
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _group(changes: Sequence[Change]) -> dict[str, list[int]]:
    """The numbers of the changes to each fact table."""
    found: dict[str, list[int]] = {}
    for change in changes:
        if change.table in TABLES:
            found.setdefault(change.table, []).append(change.id)
    return found


def _publish(found: Mapping[str, Taken] | None) -> None:
    """Name the files of the versions just written in a new manifest, and swap it in.

    To learn what it says of orphans, currencies and times all tables must be read. After a little was ``found`` that is
    put off for some minutes: the counts of orphans stay as they were, the others take in what the new rows say.
    """
    before = Manifest.read(settings.FACTS) if version() else None
    entries = {name: _entry(name) for name in TABLES if lake.exists(settings.FACTS / name)}
    manifest = _add_to(before, entries, found) if before and found is not None else None
    whole, company = manifest is None, Company.here()
    if manifest is None:
        currency = company.currency or None
        manifest = describe_facts(settings.FACTS, entries, zone=company.zone, currency=currency)
    manifest = replace(manifest, currency=company.currency or manifest.currency)
    manifest = replace(manifest, zone=company.zone, name=company.name, source="application")
    needed = {file for entry in manifest.tables.values() for file in entry.files}
    if before:
        lake.leave(settings.FACTS, {file for entry in before.tables.values() for file in entry.files} - needed)
    manifest.write(settings.FACTS)
    _mark(is_whole=whole)
    lake.sweep(settings.FACTS, needed)


def _entry(name: str) -> TableEntry:
    files, rows = lake.files_of(settings.FACTS / name)
    return TableEntry(tuple(files), rows, own_columns=lake.own_columns(settings.FACTS / name))


def _add_to(before: Manifest, entries: dict[str, TableEntry], found: Mapping[str, Taken]) -> Manifest | None:
    """The last manifest with a little added to it; null if so much is new that it must be put together anew."""
    known = {code for entry in before.tables.values() for code in entry.currencies}
    is_much = any(one.is_anew or one.rows > _LITTLE or one.currencies - known for one in found.values())
    if is_much or set(entries) != set(before.tables):
        return None
    tables = {
        name: replace(
            entry,
            orphans=before.tables[name].orphans,
            currencies=tuple(sorted({*before.tables[name].currencies, *_currencies(found, name)})),
        )
        for name, entry in entries.items()
    }
    times = [end for one in found.values() for end in one.ends if isinstance(end, datetime)]
    ends = [end for end in (before.first, before.last) if end] + times
    return replace(before, tables=tables, first=min(ends, default=None), last=max(ends, default=None))


def _currencies(found: Mapping[str, Taken], name: str) -> frozenset[str]:
    return found[name].currencies if name in found else frozenset()


def _mark(*, is_whole: bool) -> None:
    """Remember since when the manifest waits to be put together anew."""
    waits = settings.FACTS / ".described-in-part"
    if is_whole:
        waits.unlink(missing_ok=True)
    elif not waits.exists():
        waits.touch(mode=0o600)


def _is_stale() -> bool:
    waits = settings.FACTS / ".described-in-part"
    try:
        return waits.stat().st_mtime < time.time() - _STALE
    except FileNotFoundError:
        return False
