"""Measures asked and answers kept: a question is computed once per version of the facts, whoever asks.

Each answer is a file below ``SAYDO_HOME/results``, in a folder named after the version of the facts; folders of older
versions go when a newer answer comes. What takes long goes on in a thread of this process after the asker has been told
so: it needs no worker, and the worker, who may be loading for an hour, does not keep readers waiting. A lock per
question lets one process compute and the others wait for its file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TakesLonger
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import monotonic
from typing import Any

import pyarrow as pa
from django.conf import settings

from saydo import __version__, errors
from saydo.company import parse_moment
from saydo.errors import BadSetting, NotComputed, SaydoError
from saydo.language import language, mark
from saydo.measures import Measure, find
from saydo.result import Note, Result
from saydo.web import feed

logger = logging.getLogger(__name__)
_SLOW = 2.0  # seconds; measures that once took longer are computed one at a time, so that others need not wait
FILES = ("themes",)  # settings that name a file, which nobody may have this machine open from afar
_NO_FILE = mark("nothing here: files are read in the terminal and in notebooks")
_MOST_KEPT = 3000  # files of answers to one version of the facts; the least used give way
_MONTH = 30  # days, of which lengths are made for those who may not see what single customers said
_COARSE = mark(
    "Dates are set to the first of a month, and lengths in days to some thirty more or less, for readers who may not "
    "see what single customers said."
)
_ABOUT = b"saydo"  # where a file of figures holds what is not in its columns
_MOST_JOBS = 12  # of a process, at work or waiting; who asks for more is told to ask again later
_patient = threading.BoundedSemaphore(2)  # who may wait for long: of four threads of a process two stay free for pages
_SHORTLY = 0.5  # seconds that all others wait
_quick, _slow = ThreadPoolExecutor(3, thread_name_prefix="quick"), ThreadPoolExecutor(1, thread_name_prefix="slow")
_jobs: dict[Path, Future[Result]] = {}
_handing = threading.Lock()


@dataclass(frozen=True)
class Question:
    """A measure with all that it is asked with; equal questions have equal answers. Made by `question`.

    Answers are kept whole; small groups are hidden from those who may not see them when an answer is taken out.
    """

    measure: Measure
    by: tuple[str, ...] = ()
    as_of: datetime | date | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    show_small_groups: bool = False
    is_coarse: bool = False  # its times are not quite those that were asked for

    @property
    def names_people(self) -> bool:
        """Are the rows of its answer single customers? Only for those who may see who they are."""
        return self.measure.names_people(self.by, self.settings)

    def file(self, version: str) -> Path:
        """Where its answer is kept, for one version of the facts and of this program."""
        spoken = language() if self.measure.is_worded else ""
        asked = [self.measure.name, self.by, self.as_of, sorted(self.settings.items())]
        key = json.dumps([__version__, *asked, spoken], default=_to_plain, sort_keys=True)
        return _folder(version) / f"{self.measure.name}-{hashlib.sha256(key.encode()).hexdigest()[:24]}.arrow"


def question(
    measure: str | Measure,
    by: str | Sequence[str] = (),
    as_of: datetime | date | str | None = None,
    settings: Mapping[str, Any] | None = None,
    *,
    show_small_groups: bool = False,
) -> Question:
    """A question from values or texts; raises `UnknownMeasure`, `UnknownSetting`, `BadSetting`."""
    asked = find(measure) if isinstance(measure, str) else measure
    parts = by.split(",") if isinstance(by, str) else by
    chosen = asked.parse(settings or {})
    if named := next((name for name in FILES if chosen.get(name)), ""):
        raise BadSetting(name=named, value=chosen[named], choices=_NO_FILE)
    chosen = {name: value for name, value in chosen.items() if value != asked.settings[name][1]}
    moment = parse_moment("as_of", as_of) if isinstance(as_of, str) else as_of
    splits = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
    return Question(asked, splits, moment, chosen, show_small_groups and asked.said)


def coarsen(asked: Question) -> Question:
    """The question as somebody may ask it who must not learn what one customer said: in whole months.

    Two answers, one with a day more than the other, would tell by their difference what was said on that day, however
    well each of them hides small groups.
    """
    if not asked.measure.said or asked.show_small_groups:
        return asked
    chosen = {name: _coarse(asked.measure, name, value) for name, value in asked.settings.items()}
    moment = _first_of_month(asked.as_of) if asked.as_of else None
    is_coarse = (moment, chosen) != (asked.as_of, dict(asked.settings))
    return replace(asked, as_of=moment, settings=chosen, is_coarse=is_coarse)


def _coarse(measure: Measure, name: str, value: Any) -> Any:
    if isinstance(value, date):
        first = _first_of_month(value)
        # a period that was asked for is held by the one that is given
        return first if name != "until" or first == value else _first_of_month(first + timedelta(days=31))
    if not name.endswith(("days", "horizon")):
        return value
    default = measure.settings[name][1]
    whole = max(_MONTH, round(value / _MONTH) * _MONTH)
    return default if abs(whole - default) < _MONTH // 2 else whole


def _first_of_month(moment: date) -> date:
    return date(moment.year, moment.month, 1)


def ask(asked: Question) -> Result:
    """The answer, kept or computed; raises what the measure raises."""
    result = ask_within(asked, None)
    if result is None:  # cannot be without a limit of time
        raise TakesLonger
    return result


def ask_within(asked: Question, seconds: float | None) -> Result | None:
    """The answer, kept or computed; None if it takes longer than so many ``seconds``: it goes on, so ask again.

    Raises what the measure raises.
    """
    version = feed.version()
    found = find_kept(asked, version)
    if isinstance(found, SaydoError):
        raise found
    if found is not None:
        return found
    result = _hand_out(asked, version, seconds)
    return None if result is None else _for_reader(asked, result)


def _hand_out(asked: Question, version: str, seconds: float | None) -> Result | None:
    """Have it computed by a thread, or join whoever waits for the same; None at once where too much is asked for."""
    file = asked.file(version)
    with _handing:
        job = _jobs.get(file)
        if job is None:
            if seconds is not None and len(_jobs) >= _MOST_JOBS:
                return None
            pool = _slow if _slow_mark(asked.measure).exists() else _quick
            job = _jobs[file] = pool.submit(copy_context().run, _compute, asked, version)
    # not under the lock: a job that is done already calls back at once
    job.add_done_callback(lambda done: _drop(file, done))
    try:
        with _waiting(seconds) as patience:
            return job.result(patience)
    except TakesLonger:
        if not job.done():
            return None
        raise


@contextmanager
def _waiting(seconds: float | None) -> Iterator[float | None]:
    """How long this thread may wait."""
    is_long = seconds is not None and seconds > _SHORTLY
    is_free = is_long and _patient.acquire(blocking=False)
    try:
        yield seconds if is_free or not is_long else _SHORTLY
    finally:
        if is_free:
            _patient.release()


def _drop(file: Path, job: Future[Result]) -> None:
    """Let go of a job that is done, though nobody may ask for it again: its answer lies in the file."""
    with _handing:
        if _jobs.get(file) is job:
            del _jobs[file]


def find_kept(asked: Question, version: str = "") -> Result | SaydoError | None:
    """The answer, or the refusal, if it was computed before for these facts."""
    found = _read(asked.file(version or feed.version()), asked.measure)
    return _for_reader(asked, found) if isinstance(found, Result) else found


def _for_reader(asked: Question, result: Result) -> Result:
    if asked.show_small_groups:
        return result
    hidden = asked.measure.hide_small_groups(result, len(asked.by))
    return replace(hidden, notes=(*hidden.notes, Note(_COARSE))) if asked.is_coarse else hidden


def keep_text(asked: Question, name: str, make: Callable[[], str]) -> str:
    """A text made from an answer in the language in use (a drawing), made once."""
    version = feed.version()
    whole = "whole" if asked.show_small_groups else "hidden"
    file = asked.file(version).with_suffix(f".{language()}.{whole}.{name}")
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = make()
        _put(file, text.encode(), version)
        return text


def forget() -> None:
    """Discard every answer kept. After an erasure: once the facts are refreshed, so that none is made of the old."""
    shutil.rmtree(settings.HOME / "results", ignore_errors=True)


def _folder(version: str) -> Path:
    place: Path = settings.HOME / "results" / (version or "none")
    return place


def _compute(asked: Question, version: str) -> Result:
    file = asked.file(version)
    with _alone(file):
        found = _read(file, asked.measure)
        if isinstance(found, SaydoError):
            raise found
        if found is not None:
            return found
        began = monotonic()
        try:
            result = asked.measure(
                feed.current_facts(),
                asked.by,
                asked.as_of,
                show_small_groups=True,
                **asked.settings,
            )
        except SaydoError as error:
            _put(file.with_suffix(".json"), _write_refusal(error), version)
            raise
        except Exception as error:
            if not (asked.by or asked.as_of or asked.settings):
                raise
            logger.exception("%s could not be computed", asked.measure.name)
            raise NotComputed(measure=asked.measure.name) from error
        if monotonic() - began > _SLOW:
            _slow_mark(asked.measure).parent.mkdir(exist_ok=True)
            _slow_mark(asked.measure).touch()
        _put(file, _write(result), version)
        return result


def _slow_mark(measure: Measure) -> Path:
    """A file that is there when the measure was seen to be slow; it outlives the versions."""
    place: Path = settings.HOME / "results" / "slow" / measure.name
    return place


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """One at a time for one question, over threads and processes; a killed one leaves no lock behind."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _put(file: Path, content: bytes, version: str) -> None:
    """Keep a file, whole or not at all, unless the facts have changed meanwhile; older versions go."""
    if feed.version() != version:
        return
    try:
        with NamedTemporaryFile(dir=file.parent, delete=False) as partial:
            partial.write(content)
        Path(partial.name).replace(file)
    except FileNotFoundError:  # all was forgotten meanwhile
        return
    for other in file.parent.parent.iterdir():
        if other.name not in (file.parent.name, "slow"):
            shutil.rmtree(other, ignore_errors=True)
    _make_room(file.parent)


def _make_room(folder: Path) -> None:
    """Let a tenth of the answers go, those used longest ago, where there are too many: questions have no end."""
    kept = list(folder.iterdir())
    if len(kept) <= _MOST_KEPT:
        return
    ages = []
    for file in kept:
        with suppress(FileNotFoundError):  # gone meanwhile
            ages.append((file.stat().st_mtime, file))
    for _, file in sorted(ages)[: len(ages) - _MOST_KEPT + _MOST_KEPT // 10]:
        file.unlink(missing_ok=True)


def _write(result: Result) -> bytes:
    about = {
        "by": result.by,
        "as_of": result.as_of,
        "currency": result.currency,
        "settings": dict(result.settings),
        "notes": [[note.text, dict(note.values)] for note in result.notes],
    }
    written = json.dumps(about, default=_to_plain).encode()
    table = result.table.replace_schema_metadata({**(result.table.schema.metadata or {}), _ABOUT: written})
    out = pa.BufferOutputStream()
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    content: bytes = out.getvalue().to_pybytes()
    return content


def _read(file: Path, measure: Measure) -> Result | SaydoError | None:
    try:
        table = pa.ipc.open_file(file.read_bytes()).read_all()
        file.touch()  # it is of use
    except FileNotFoundError:
        return _read_refusal(file.with_suffix(".json"))
    about = json.loads(table.schema.metadata[_ABOUT], object_hook=_from_plain)
    notes = tuple(Note(text, values) for text, values in about.pop("notes"))
    others = {name: value for name, value in table.schema.metadata.items() if name != _ABOUT}
    return Result(
        measure, table.replace_schema_metadata(others or None), notes=notes, by=tuple(about.pop("by")), **about
    )


def _write_refusal(error: SaydoError) -> bytes:
    return json.dumps([type(error).__name__, error.values]).encode()


def _read_refusal(file: Path) -> SaydoError | None:
    try:
        name, values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    kind = getattr(errors, name, None)
    return kind(**values) if isinstance(kind, type) and issubclass(kind, SaydoError) else None


def _to_plain(value: object) -> object:
    """What JSON has no form for, marked with its type."""
    match value:
        case datetime():
            return {"$time": value.isoformat()}
        case date():
            return {"$day": value.isoformat()}
        case Decimal():
            return {"$decimal": str(value)}
    if hasattr(value, "item"):  # a number of NumPy's
        return value.item()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _from_plain(value: dict[str, Any]) -> Any:
    if "$time" in value:
        return datetime.fromisoformat(value["$time"])
    if "$day" in value:
        return date.fromisoformat(value["$day"])
    return Decimal(value["$decimal"]) if "$decimal" in value else value
