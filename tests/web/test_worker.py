"""Work in the background is done, done again after a failure or a kill, and never by two at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from saydo.web import worker
from saydo.web.locks import alone
from saydo.web.models import Beat, Task

done: list[tuple[Any, ...]] = []
HERE = "tests.web.test_worker"


def note(*arguments: object) -> None:
    done.append(arguments)


def fail() -> None:
    raise ValueError("secret words of somebody")


@pytest.fixture(autouse=True)
def forget() -> None:
    done.clear()


def test_task_is_done_once_and_gone(db: None) -> None:
    worker.later(f"{HERE}.note", 1, "two")
    worker.run_due()
    worker.run_due()
    assert done == [(1, "two")]
    assert not Task.objects.exists()


def test_task_waits_for_its_time(db: None) -> None:
    worker.later(f"{HERE}.note", wait=60)
    worker.run_due()
    assert done == []


def test_task_of_a_transaction_that_was_rolled_back_is_not_done(transactional_db: None) -> None:
    with transaction.atomic():
        worker.later(f"{HERE}.note")
        transaction.set_rollback(True)
    worker.run_due()
    assert done == []


def test_task_that_does_not_exist_is_refused_when_it_is_put_down(db: None) -> None:
    with pytest.raises(ImportError):
        worker.later(f"{HERE}.nothing")


def test_task_that_fails_is_tried_three_times_and_its_error_keeps_no_words(db: None) -> None:
    task = worker.later(f"{HERE}.fail")
    waits = []
    for _ in range(4):
        worker.run_due()
        task.refresh_from_db()
        waits.append((task.due_at - timezone.now()).total_seconds())
        Task.objects.update(due_at=timezone.now())
    assert (task.attempts, task.error) == (3, "ValueError")
    assert task.failed_at is not None
    assert 50 < waits[0] < waits[1] < 400


def test_task_that_ends_its_worker_each_time_is_given_up(db: None) -> None:
    Task.objects.create(function=f"{HERE}.note", attempts=3)
    worker.run_due()
    assert done == []
    assert Task.objects.get().error == "died"


@pytest.mark.skipif(not settings.IS_SQLITE, reason="the worker is told a home, and takes its own database")
def test_task_whose_worker_is_killed_is_taken_again_at_once(tmp_path: Path) -> None:
    """With a worker as `saydo serve` starts it: killed in the middle, another does the task from the start."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SAYDO_", "DJANGO_"))}
    environment |= {"SAYDO_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    environment.pop("DATABASE_URL", None)
    begin = "from saydo.web.commands import start_django; start_django()\nfrom saydo.web.worker import later\n"
    put = begin + f"later('{HERE}.slowly', {str(tmp_path / 'trace')!r})"
    subprocess.run([sys.executable, "-c", put], env=environment, check=True, capture_output=True)
    command = [sys.executable, "-m", "saydo.web.background"]
    first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_for_lines(tmp_path / "trace", ["begun"])
    finally:
        first.kill()
        first.wait()
    second = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        begun = time.monotonic()
        wait_for_lines(tmp_path / "trace", ["begun", "begun"])
        assert time.monotonic() - begun < 30
        wait_for_lines(tmp_path / "trace", ["begun", "begun", "done"])
        begun = time.monotonic()
        second.send_signal(signal.SIGTERM)
        second.wait(timeout=10)
        assert time.monotonic() - begun < 5
    finally:
        second.kill()
        second.wait()


def slowly(trace: str) -> None:
    with Path(trace).open("a") as out:
        out.write("begun\n")
    time.sleep(3)
    with Path(trace).open("a") as out:
        out.write("done\n")


def wait_for_lines(file: Path, lines: list[str]) -> None:
    ends = time.monotonic() + 60
    while (found := file.read_text().splitlines() if file.is_file() else []) != lines:
        assert time.monotonic() < ends, found
        time.sleep(0.05)


def test_lock_is_one_at_a_time_and_free_afterwards(transactional_db: None) -> None:
    seen = []

    def look() -> None:
        with alone("a job") as is_mine:
            seen.append(is_mine)
        connection.close()

    with alone("a job") as is_mine:
        other = threading.Thread(target=look)
        other.start()
        other.join()
    with alone("a job") as is_mine_again:
        pass
    assert (is_mine, seen, is_mine_again) == (True, [False], True)


@pytest.mark.parametrize("job", worker.JOBS, ids=lambda job: job.name)
def test_jobs_can_be_done_when_there_is_nothing_to_do(company: Path, job: worker.Job) -> None:
    assert callable(import_string(job.function))
    if "today" not in job.name:  # the first pages take a while, and have their own tests
        worker.do_job(job)


def test_feed_with_nothing_to_do_asks_little(company: Path, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(6):
        worker.do_job(next(job for job in worker.JOBS if job.name == "feed.refresh"))


def test_job_that_fails_waits_longer_each_time() -> None:
    job = worker.Job("a.b", 1)
    assert [worker.pause(job, failures) for failures in (0, 1, 3, 20)] == [1, 2, 8, 300]
    assert worker.pause(worker.Job("a.b", 3600), 1) == 3600


def test_beat_tells_that_a_worker_is_alive(db: None) -> None:
    assert not worker.is_alive()
    worker.beat()
    assert worker.is_alive()
    Beat.objects.update(at=timezone.now() - timedelta(minutes=2))
    assert not worker.is_alive()


def test_tidy_removes_what_nobody_needs(db: None) -> None:
    old, new = timezone.now() - timedelta(days=31), timezone.now() - timedelta(days=1)
    Task.objects.create(function="a.b", failed_at=old)
    kept = Task.objects.create(function="a.b", failed_at=new)
    left = settings.HOME / "uploads" / "tmp123.upload.csv"
    left.touch()
    letters = [settings.HOME / "mail" / f"{name}.log" for name in ("old", "new")]
    letters[0].parent.mkdir(exist_ok=True)
    for file in letters:
        file.touch()
    for file in (left, letters[0]):
        os.utime(file, (0, 0))
    worker.tidy()
    assert list(Task.objects.all()) == [kept]
    assert [file.exists() for file in (left, *letters)] == [False, False, True]
