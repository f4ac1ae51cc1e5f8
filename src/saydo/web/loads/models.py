"""Loads: what was given, by whom, what became of it; and what somebody picked for files of a shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from saydo import errors
from saydo.errors import SaydoError
from saydo.language import mark, translate
from saydo.sources import Origin, Pick

_UNEXPECTED = mark("Something unexpected happened ({kind}). The log of the background work says where.")


class Load(models.Model):
    """One load, by page or by command. Its files, and what was refused of them, lie in a folder of its own."""

    STATES = (
        ("draft", mark("not begun")),
        ("waiting", mark("waiting")),
        ("trying", mark("being checked")),
        ("tried", mark("checked")),
        ("loading", mark("being loaded")),
        ("done", mark("loaded")),
        ("failed", mark("did not work")),
    )
    at = models.DateTimeField(default=timezone.now, db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+")  # null: by command
    origin = models.CharField(max_length=40, default="main")  # the system that the rows come from
    source = models.CharField(max_length=200, default="folder")  # or a ready mapping, or the folder of one
    given = models.JSONField(default=dict)  # zone, currency, dates; empty ones left out
    files = models.JSONField(default=list)  # name and bytes of each
    picks = models.JSONField(default=dict)  # of each file: its table and where each column comes from
    state = models.CharField(max_length=10, choices=STATES, default="draft")
    is_trial = models.BooleanField(default=False)  # what is asked for: to check alone
    counts = models.JSONField(default=dict)  # of each table: kept, refused, written
    error = models.JSONField(default=dict)  # the kind of an error and its values

    class Meta:
        db_table = "loads"
        ordering = ("-at", "-id")

    @property
    def place(self) -> Path:
        """The folder in which its files lie."""
        return Path(settings.HOME) / "loads" / str(self.id)

    @property
    def raw(self) -> Path:
        """The files as they were given."""
        return self.place / "raw"

    @property
    def quarantine(self) -> Path:
        """What was refused."""
        return self.place / "quarantine"

    @property
    def written(self) -> int:
        """Rows that were new or different."""
        return sum(counted.get("written", 0) for counted in self.counts.values())

    @property
    def refused(self) -> int:
        """Rows that were refused."""
        return sum(counted.get("refused", 0) for counted in self.counts.values())

    @property
    def is_open(self) -> bool:
        """May it still be changed?"""
        return self.state in {"draft", "tried", "failed"}

    @property
    def is_under_way(self) -> bool:
        """Is it waiting or at work?"""
        return self.state in {"waiting", "trying", "loading"}

    def read_picks(self) -> dict[str, Pick]:
        """What each file was picked to be."""
        return {
            file: Pick(pick["table"], {name: Origin(**origin) for name, origin in pick["columns"].items()})
            for file, pick in self.picks.items()
        }

    def keep_picks(self, picks: dict[str, Pick]) -> None:
        """Note what each file was picked to be (not saved yet)."""
        self.picks = {file: shown(pick) for file, pick in picks.items()}

    def keep_error(self, error: Exception) -> None:
        """Note why it did not work (not saved yet), without the place where the files lie."""
        values = getattr(error, "values", {}) if isinstance(error, SaydoError) else {}
        short = {name: _short(value, (f"{self.raw}/", f"{self.place}/")) for name, value in values.items()}
        self.error = {"kind": type(error).__name__, "values": short}

    @property
    def sentence(self) -> str:
        """Why it did not work, in the reader's language."""
        kind, values = self.error.get("kind", ""), self.error.get("values", {})
        known = getattr(errors, kind, None)
        if isinstance(known, type) and issubclass(known, SaydoError):
            return str(known(**values))
        return translate(_UNEXPECTED, kind=kind) if kind else ""


class Recipe(models.Model):
    """What somebody picked for a file with these headers, to be proposed for the next file that has them."""

    headers = models.CharField(max_length=64, primary_key=True)  # a hash of them
    pick = models.JSONField()
    by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "load_recipes"


def shown(pick: Pick) -> dict[str, Any]:
    """A pick as it is kept."""
    origins = {name: {key: text for key, text in vars(origin).items() if text} for name, origin in pick.columns.items()}
    return {"table": pick.table, "columns": origins}


def _short(text: str, places: tuple[str, ...]) -> str:
    for place in places:
        text = text.replace(place, "")
    return text
