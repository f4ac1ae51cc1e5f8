"""Today's findings and calls, made once for each version of the facts and each language, before anybody asks."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from saydo.errors import SaydoError
from saydo.language import LANGUAGES, language, use
from saydo.measures import at_risk
from saydo.report.story import Questions
from saydo.report.today import tell_today
from saydo.web import feed

_MOST = 20  # people on the list of calls


def prepare() -> None:
    """Make what the first page shows of the current version, in every language; cheap if it is there."""
    if not feed.version():
        return
    for make in (findings_of_today, calls_of_today):
        for code in LANGUAGES:
            with use(code):
                make()


def findings_of_today() -> str:
    """The findings as a piece of a page, in the language in use; of several that ask at once, one makes them.

    They hold figures alone, no words of customers, so that everybody who may see figures may see them.
    """
    return _kept("findings.html", _make_findings, wait=True) or ""


def calls_of_today(*, wait: bool = True) -> dict[str, Any] | None:
    """``people`` (records of `saydo.measures.at_risk`) with ``currency``, or the ``reason`` why there are none.

    Null if somebody else is making the list just now, unless ``wait``.
    """
    text = _kept("calls.json", _make_calls, wait=wait)
    return None if text is None else json.loads(text)


def _make_findings() -> str:
    return render_to_string("today/findings.html", {"today": tell_today(Questions(feed.current_facts().keeping()))})


def _make_calls() -> str:
    try:
        result = at_risk(feed.current_facts(), show_small_groups=True, most=_MOST)
    except SaydoError as error:
        return json.dumps({"people": [], "reason": str(error)})
    columns = ("customer_id", "reason", "margin_at_risk", "margin_at_risk_low", "margin_at_risk_high")
    people = [{name: record[name] for name in columns} for record in result.to_records()]
    return json.dumps({"people": people, "currency": result.currency}, default=float)


def _kept(name: str, make: Callable[[], str], *, wait: bool) -> str | None:
    """What was made for this version and language, made now if it was not."""
    root = settings.HOME / "results" / "today"
    place = root / feed.version() / f"{language()}-{name}"
    if not place.is_file():
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(place.with_suffix(".lock"), wait) as is_mine:
            if not is_mine:
                return None
            if not place.is_file():
                partial = place.with_suffix(".partial")
                partial.write_text(make(), encoding="utf-8")
                partial.replace(place)
                _forget_older(root, place.parent)
    return place.read_text(encoding="utf-8")


@contextmanager
def _alone(lock: Path, wait: bool) -> Iterator[bool]:
    """Is it ours to make? A process that dies gives the lock back."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def _forget_older(root: Path, current: Path) -> None:
    for old in root.iterdir():
        if old != current:
            shutil.rmtree(old, ignore_errors=True)
