"""Work in the background: jobs that come round, and tasks that were put down to be done once.

Each runs under a lock that dies with the process (`saydo.web.locks`): work of a worker that was killed is taken again
at once by the next, and two workers never do the same thing at the same time. So whatever runs here must bear being
done again, which it does when it writes in transactions and looks first at what there is to do.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import monotonic

from django.db import close_old_connections, connection
from django.db.models import F
from django.utils import timezone
from django.utils.module_loading import import_string

from saydo.web.locks import alone
from saydo.web.models import Beat, Task

logger = logging.getLogger(__name__)
POLL = 1.0  # seconds between two looks at what is due
MOST_ATTEMPTS = 3
SILENT = timedelta(seconds=60)  # a worker that has not been seen for longer is taken for dead
LONGEST_PAUSE = 300.0  # seconds that a job which fails again and again waits
_PATIENCE = 1.0  # seconds that running work is given when the worker must stop; what it began is done again


@dataclass(frozen=True)
class Job:
    """Something to be looked after every so many seconds, at the start too; cheap when there is nothing to do."""

    function: str
    every: float

    @property
    def name(self) -> str:
        """What its lock and its lines in the log are called."""
        return self.function.removeprefix("saydo.web.")


JOBS = (
    Job("saydo.web.worker.beat", 10),
    Job("saydo.web.feed.refresh", 1),
    Job("saydo.web.today.tasks.prepare", 5),
    Job("saydo.web.alerts.tasks.check", 10 * 60),
    Job("saydo.web.alerts.tasks.send_digests", 60 * 60),
    Job("saydo.web.hooks.tasks.deliver", 2),
    Job("saydo.web.journal.keep_journal", 5),
    Job("saydo.web.erasure.replay_erasures", 60 * 60),  # whom a source has sent again under a key that was replaced
    Job("saydo.web.erasure.purge", 10 * 60),  # what a task put down for it could not do
    Job("saydo.web.worker.tidy", 60 * 60),
)


def later(function: str, *arguments: object, wait: float = 0) -> Task:
    """Have the function of this dotted name called in the background, after ``wait`` seconds.

    Called in a transaction, the task exists only if that is committed. Arguments are what JSON can hold. It is tried
    three times.
    """
    import_string(function)
    due = timezone.now() + timedelta(seconds=wait)
    return Task.objects.create(function=function, arguments=list(arguments), due_at=due)


def run() -> None:
    """Work until told to stop by a signal; then end within two seconds, whatever is going on."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    logger.info("worker started")
    running = list(_work(stop))
    ends = monotonic() + _PATIENCE
    for one in running:
        with suppress(TimeoutError):
            one.result(timeout=max(0.0, ends - monotonic()))
    logger.info("worker stopped")
    logging.shutdown()
    os._exit(0)  # threads cannot be stopped; what they began is rolled back, and begun again by the next worker


def run_due() -> None:
    """Do everything that is due, here and now: for commands and tests that do not want to wait for a worker."""
    for number in _due(100):
        do_task(number)


def _work(stop: threading.Event) -> Iterator[Future[bool]]:
    """Hand out what is due until told to stop; what is still running then."""
    jobs, tasks = ThreadPoolExecutor(4), ThreadPoolExecutor(2)  # a long import never keeps the feed waiting
    next_at = dict.fromkeys(JOBS, 0.0)
    failures = dict.fromkeys(JOBS, 0)
    at_work: dict[Job | int, Future[bool]] = {}
    while not stop.is_set():
        for key in [key for key, future in at_work.items() if future.done()]:
            is_well = at_work.pop(key).result()
            if isinstance(key, Job):
                failures[key] = 0 if is_well else failures[key] + 1
                next_at[key] = monotonic() + pause(key, failures[key])
        for job in JOBS:
            if job not in at_work and next_at[job] <= monotonic():
                at_work[job] = jobs.submit(_safely, job.name, partial(do_job, job))
        busy = [key for key in at_work if isinstance(key, int)]
        with _whatever_happens():
            for number in _due(2 - len(busy), besides=busy):
                at_work[number] = tasks.submit(_safely, "task", partial(do_task, number))
        stop.wait(POLL)
    for pool in (jobs, tasks):
        pool.shutdown(wait=False, cancel_futures=True)
    yield from (future for future in at_work.values() if not future.cancelled())


def pause(job: Job, failures: int) -> float:
    """Seconds until a job's next turn: longer after each failure, up to five minutes."""
    return max(job.every, min(LONGEST_PAUSE, 2.0**failures)) if failures else job.every


def do_job(job: Job) -> None:
    """Do a job, unless another worker is at it."""
    with alone(job.name) as is_mine:
        if is_mine:
            import_string(job.function)()


def _due(most: int, besides: list[int] | None = None) -> list[int]:
    if most <= 0:
        return []
    waiting = Task.objects.filter(failed_at=None, due_at__lte=timezone.now()).exclude(pk__in=besides or [])
    return list(waiting.order_by("due_at", "id").values_list("pk", flat=True)[:most])


def do_task(number: int) -> None:
    """Do a task, unless another worker is at it or has done it."""
    with alone(f"task-{number}") as is_mine:
        task = Task.objects.filter(pk=number, failed_at=None, due_at__lte=timezone.now()).first() if is_mine else None
        if task is None:
            return
        if task.attempts >= MOST_ATTEMPTS:  # each of them ended with its worker
            _give_up(task, "died")
            return
        Task.objects.filter(pk=number).update(attempts=F("attempts") + 1)
        try:
            import_string(task.function)(*task.arguments)
        except Exception as error:
            logger.exception("task %s failed", task.function)
            _try_again(task, type(error).__name__)
        else:
            task.delete()


def _try_again(task: Task, error: str) -> None:
    attempts = task.attempts + 1
    if attempts >= MOST_ATTEMPTS:
        _give_up(task, error)
        return
    due = timezone.now() + timedelta(seconds=10.0 * 6**attempts)
    Task.objects.filter(pk=task.pk).update(due_at=due, error=error)


def _give_up(task: Task, error: str) -> None:
    logger.error("task %s given up", task.function)
    Task.objects.filter(pk=task.pk).update(failed_at=timezone.now(), error=error)


def _safely(name: str, work: Callable[[], None]) -> bool:
    """Did it go well? If not, the log says what went wrong."""
    close_old_connections()
    try:
        work()
    except Exception:
        logger.exception("%s failed", name)
        connection.close()
        return False
    return True


@contextmanager
def _whatever_happens() -> Iterator[None]:
    try:
        yield
    except Exception:
        logger.exception("worker failed")
        connection.close()


# Jobs of the application's own


def beat() -> None:
    """Write down that a worker is alive."""
    Beat.objects.update_or_create(name="worker", defaults={"at": timezone.now()})


def is_alive() -> bool:
    """Was a worker seen lately?"""
    return Beat.objects.filter(name="worker", at__gt=timezone.now() - SILENT).exists()


def tidy() -> None:
    """Remove what nobody needs any more: ended sessions, letters and failed tasks of a month ago, uploads left."""
    from django.conf import settings
    from django.core.management import call_command

    from saydo.web.residue import forget_letters

    call_command("clearsessions")
    month_ago = timezone.now() - timedelta(days=30)
    Task.objects.filter(failed_at__lt=month_ago).delete()
    forget_letters(before=month_ago)
    for file in settings.HOME.joinpath("uploads").glob("*.upload*"):  # Django's own, of requests that were cut off
        if file.stat().st_mtime < (timezone.now() - timedelta(days=1)).timestamp():
            file.unlink(missing_ok=True)
