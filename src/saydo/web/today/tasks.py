"""Today's findings and calls, made once for each version of the facts and each language, before anybody asks."""

from __future__ import annotations

import fcntl
from pathlib import Path

from django.conf import settings
from django.template.loader import render_to_string

from saydo.errors import SaydoError
from saydo.language import LANGUAGES, language, use
from saydo.report.story import Questions
from saydo.report.today import tell_today
from saydo.result import Result
from saydo.web import answers, feed

_MOST = 20  # people on the list of calls


def prepare() -> None:
    """Make what the first page shows of the current version, in every language; cheap if it is there."""
    if not feed.version():
        return
    for code in LANGUAGES:
        with use(code):
            findings_of_today()
            try:
                calls_of_today()
            except SaydoError:
                continue  # the page tells why


def calls_of_today(seconds: float | None = None) -> Result | None:
    """Whom to call (`saydo.measures.at_risk`); null if it takes longer than so many seconds, and then ask again."""
    asked = answers.question("at_risk", settings={"most": _MOST}, show_small_groups=True)
    return answers.ask_within(asked, seconds)


def findings_of_today() -> str:
    """The findings as a piece of a page, in the language in use; of several that ask at once, one makes them.

    They hold figures alone, no words of customers, so that everybody who may see figures may see them.
    """
    place = settings.HOME / "results" / feed.version() / f"today.{language()}.html"  # goes with its version's answers
    if not place.is_file():
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with place.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not place.is_file():
                _make(place)
    return place.read_text(encoding="utf-8")


def _make(place: Path) -> None:
    told = tell_today(Questions(feed.current_facts().keeping()))
    partial = place.with_suffix(".partial")
    partial.write_text(render_to_string("today/findings.html", {"today": told}), encoding="utf-8")
    partial.replace(place)
