"""The journal of erasures beside the database lists every erasure that the database knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from saydo.web.accounts.models import Erasure
from saydo.web.journal import NAME, keep_journal, read_journal


@pytest.fixture
def file(db: None, tmp_path: Path, settings: Any) -> Path:
    settings.HOME = tmp_path
    return tmp_path / NAME


def test_journal_takes_in_an_erasure_although_it_lists_as_many(file: Path) -> None:
    elsewhere = {"erased-other": {"was": "digest", "at": "2026-01-01T00:00:00+00:00"}}
    file.write_text(json.dumps(elsewhere), encoding="utf-8")
    Erasure.objects.create(key="erased-here", was="digest")
    keep_journal()
    assert set(read_journal(file)) == {"erased-other", "erased-here"}


def test_journal_that_lacks_nothing_is_left_alone(file: Path) -> None:
    Erasure.objects.create(key="erased-here", was="digest")
    keep_journal()
    before = file.stat().st_mtime_ns
    keep_journal()
    assert file.stat().st_mtime_ns == before
    Erasure.objects.all().delete()  # as in a database that was restored: what the journal knows stays
    keep_journal()
    assert set(read_journal(file)) == {"erased-here"}
