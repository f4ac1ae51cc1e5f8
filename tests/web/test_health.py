"""The health page says what is wrong, and nothing that a stranger could use."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from saydo import __version__
from saydo.web import health, outbox, worker
from saydo.web.accounts.models import Change


def ask(client: Client, **headers: str) -> tuple[int, Any]:
    answer = client.get("/health/", headers=headers)
    return answer.status_code, answer.json()


def test_health_is_well_with_a_worker(company: Path, client: Client) -> None:
    worker.beat()
    assert ask(client) == (200, {"ok": True, "wrong": []})


def test_health_names_a_worker_that_is_silent(company: Path, client: Client) -> None:
    assert ask(client, accept="application/json") == (503, {"ok": False, "wrong": ["worker"]})


def test_health_names_a_feed_that_is_behind(company: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.beat()
    waiting = Change(kind="written", at=timezone.now() - timedelta(minutes=9))
    monkeypatch.setattr(outbox, "untaken", lambda *_, **__: [waiting])
    assert ask(client) == (200, {"ok": True, "wrong": []})
    waiting.at = timezone.now() - timedelta(minutes=11)
    assert ask(client) == (503, {"ok": False, "wrong": ["feed"]})


def test_health_names_a_database_that_does_not_answer(
    company: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> bool:
        raise DatabaseError("password of somebody")

    worker.beat()
    monkeypatch.setitem(health.CHECKS, "database", (fail, "the database"))
    assert ask(client) == (503, {"ok": False, "wrong": ["database"]})


def test_health_page_tells_people_in_a_sentence_and_strangers_nothing_else(company: Path, client: Client) -> None:
    page = client.get("/health/", headers={"accept": "text/html"}).content.decode()
    assert "<h1>Something does not work</h1>" in page
    assert "<li>the background work</li>" in page
    assert __version__ not in page
