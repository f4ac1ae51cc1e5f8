"""Work of figures in the background."""

from __future__ import annotations

from django.conf import settings

from saydo.web import feed
from saydo.web.insight.actions import compute_ahead
from saydo.web.worker import later


def compute_figures() -> int:
    """Compute every measure as it comes, so that the list of figures and their pages are there at once."""
    return compute_ahead()


def ask_for_figures() -> bool:
    """Have them computed in the background, once for each version of the facts; was it asked for now?"""
    place = settings.HOME / "results" / feed.version()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        (place / ".asked").open("x").close()
    except FileExistsError:
        return False
    later("saydo.web.insight.tasks.compute_figures")
    return True
