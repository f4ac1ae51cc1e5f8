"""Answers kept: they come back as they were, are computed once, and go when they should."""

from __future__ import annotations

import ast
import inspect
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from saydo.company import LAST_DAY
from saydo.errors import BadSetting, NotComputed, SaydoError
from saydo.language import use
from saydo.measures import MEASURES, Measure
from saydo.web import answers, feed
from saydo.web.insight.actions import compute_ahead, forget_results, missing_answers

CHEAP = ("nps", "promises_kept", "margin", "retention", "response", "nps_change")


@pytest.fixture(autouse=True)
def _fresh() -> None:
    forget_results()


def _counted(name: str) -> tuple[Measure, list[int]]:
    """A measure that counts how often it is computed."""
    calls: list[int] = []
    measure = MEASURES[name]

    def compute(*arguments: Any, **chosen: Any) -> Any:
        calls.append(1)
        return measure.compute(*arguments, **chosen)

    return replace(measure, compute=compute), calls


@pytest.mark.parametrize("name", CHEAP)
@pytest.mark.parametrize("shows_all", [True, False])
def test_kept_answer_comes_back_as_it_was(company: Path, name: str, shows_all: bool) -> None:
    asked = answers.question(name, show_small_groups=shows_all)
    answers.ask(asked)
    kept, plain = answers.find_kept(asked), MEASURES[name](feed.current_facts(), show_small_groups=shows_all)
    assert isinstance(kept, type(plain))
    assert kept.table.equals(plain.table)
    assert (kept.by, kept.as_of, kept.currency, dict(kept.settings)) == (
        plain.by,
        plain.as_of,
        plain.currency,
        dict(plain.settings),
    )
    for language in ("en", "fr"):
        with use(language):
            assert [str(note) for note in kept.notes] == [str(note) for note in plain.notes]


def test_equal_questions_are_one_however_they_are_written(company: Path) -> None:
    plain = answers.question("nps", "month", "2026-01-01")
    written = answers.question("nps", ["month"], plain.as_of, {"each": "person"})
    assert plain.file("1") == written.file("1")


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ({"as_of": "2026-01-15"}, {"as_of": "2026-01-01"}),
        ({"as_of": "2026-01-15T12:00:01+02:00"}, {"as_of": "2026-01-01"}),
        ({"settings": {"since": "2025-03-09"}}, {"settings": {"since": "2025-03-01"}}),
        ({"settings": {"until": "2025-12-09"}}, {"settings": {"until": "2026-01-01"}}),
        ({"settings": {"until": "2025-12-01"}}, {"settings": {"until": "2025-12-01"}}),
        ({"measure": "nps_change", "settings": {"days": "92"}}, {"measure": "nps_change"}),
        ({"measure": "say_do", "settings": {"horizon": "89"}}, {"measure": "say_do", "settings": {"horizon": "90"}}),
    ],
)
def test_two_questions_a_day_apart_are_one_to_who_must_not_tell_answers_apart(
    asked: dict[str, Any], given: dict[str, Any]
) -> None:
    coarse = answers.coarsen(answers.question(**{"measure": "nps", **asked}))
    plain = answers.question(**{"measure": "nps", **given})
    assert (coarse.as_of, {**coarse.measure.parse({}), **coarse.settings}) == (
        plain.as_of,
        {**plain.settings, **({"days": 91} if asked.get("settings") == {"days": "92"} else {})},
    )
    assert coarse.is_coarse is (asked != given)


def test_days_stay_as_asked_for_who_sees_customers_and_for_deeds() -> None:
    for asked in (
        answers.question("nps", as_of="2026-01-15", show_small_groups=True),
        answers.question("margin", as_of="2026-01-15"),
    ):
        assert answers.coarsen(asked) == asked
    far = answers.coarsen(answers.question("nps", settings={"until": "2199-12-31"}))
    assert far.settings["until"] == LAST_DAY  # no farther than what can be asked


def test_answers_are_kept_up_to_a_number_and_those_of_use_stay(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_MOST_KEPT", 30)
    plain = answers.question("nps")
    answers.ask(plain)
    for day in range(1, 25):
        answers.ask(answers.question("nps", as_of=f"2026-01-{day:02}"))
        assert answers.find_kept(plain) is not None
    folder = plain.file(feed.version()).parent
    assert len(list(folder.iterdir())) <= 30
    assert answers.find_kept(answers.question("nps", as_of="2026-01-01")) is None
    assert answers.find_kept(answers.question("nps", as_of="2026-01-24")) is not None


def test_question_asked_by_several_at_once_is_computed_once(company: Path) -> None:
    measure, calls = _counted("nps")
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(len(answers.ask(answers.question(measure))))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(calls), len(set(found)), len(found)) == (1, 1, 6)


def test_slow_answer_is_not_waited_for_and_comes_later(company: Path) -> None:
    held = threading.Event()
    measure = MEASURES["nps"]

    def compute(*arguments: Any, **chosen: Any) -> Any:
        held.wait(10)
        return measure.compute(*arguments, **chosen)

    asked = answers.question(replace(measure, compute=compute))
    first = answers.ask_within(asked, 0.01)
    held.set()
    assert (first, len(answers.ask(asked))) == (None, len(measure(feed.current_facts())))


def test_refusal_is_kept_too(company: Path) -> None:
    measure, calls = _counted("nps")
    asked = answers.question(measure, as_of="1999-01-01")
    told = []
    for _ in range(2):
        with pytest.raises(SaydoError) as caught:
            answers.ask(asked)
        told.append(str(caught.value))
    assert (told[0] == told[1], len(calls)) == (True, 1)


def test_settings_that_break_a_computation_are_told_as_such(company: Path) -> None:
    def compute(facts: Any, by: Any, *, days: int = 1) -> Any:
        raise ZeroDivisionError

    measure = replace(MEASURES["nps"], compute=compute)
    with pytest.raises(NotComputed):
        answers.ask(answers.question(measure, settings={"days": "7"}))
    with pytest.raises(ZeroDivisionError):
        answers.ask(answers.question(measure))


@pytest.mark.parametrize("value", ["nan", "1e9", "-inf"])
def test_numbers_that_count_nothing_are_refused(value: str) -> None:
    with pytest.raises(BadSetting):
        answers.question("lifetime_value", settings={"discount": value})


def test_forgotten_answers_leave_nothing_behind(company: Path) -> None:
    answers.ask(answers.question("nps"))
    forget_results()
    assert (answers.find_kept(answers.question("nps")), (settings.HOME / "results").exists()) == (None, False)


def test_answers_of_older_facts_go_when_a_newer_one_is_kept(company: Path) -> None:
    older = settings.HOME / "results" / "1"
    older.mkdir(parents=True)
    answers.ask(answers.question("nps"))
    assert (older.exists(), answers.find_kept(answers.question("nps")) is None) == (False, False)


def test_answer_of_facts_that_changed_meanwhile_is_not_kept(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = iter(["old"])
    monkeypatch.setattr(feed, "version", lambda: next(versions, "new"))
    asked = answers.question("nps")
    assert len(answers.ask(asked)) > 0
    assert not asked.file("old").exists()


def test_small_groups_are_hidden_from_an_answer_that_was_kept_whole(company: Path) -> None:
    whole = answers.ask(answers.question("nps", "day", show_small_groups=True))
    hidden = answers.ask(answers.question("nps", "day"))
    assert hidden.table.equals(MEASURES["nps"](feed.current_facts(), "day").table)
    assert whole.table["nps"].null_count < hidden.table["nps"].null_count


def test_computing_ahead_leaves_nothing_missing(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: MEASURES[name] for name in ("nps", "promises_kept", "at_risk")}
    monkeypatch.setattr("saydo.web.insight.actions.MEASURES", few)
    assert (compute_ahead(), missing_answers()) == (2, [])


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_measure_that_speaks_while_it_computes_says_so(name: str) -> None:
    code = ast.parse(Path(inspect.getsourcefile(MEASURES[name].compute) or "").read_text(encoding="utf-8"))
    spoken = {
        alias.name
        for node in ast.walk(code)
        if isinstance(node, ast.ImportFrom) and node.module == "saydo.language"
        for alias in node.names
    }
    assert bool(spoken - {"mark", "mark_count"}) <= MEASURES[name].is_worded


def test_questions_about_single_people_are_told_from_others() -> None:
    margin, lifetime = MEASURES["margin"], MEASURES["lifetime_value"]
    assert margin.names_people(("customer_id",))
    assert margin.names_people(("month", "orders.order_id"))
    assert lifetime.names_people((), {"each": "customer"})
    assert not margin.names_people(("customers.country", "month"))
    assert not MEASURES["at_risk"].names_people(("customers.country",))


def test_asker_of_too_much_is_told_to_ask_again_later(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_MOST_JOBS", 0)
    assert answers.ask_within(answers.question("nps"), 60) is None
    assert len(answers.ask(answers.question("nps"))) > 0  # the worker has all the time that it takes


def test_only_some_threads_wait_for_long(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure, _ = _counted("nps")
    gate = threading.Event()

    def compute(*arguments: Any, **chosen: Any) -> Any:
        gate.wait(30)
        return MEASURES["nps"].compute(*arguments, **chosen)

    asked = answers.question(replace(measure, compute=compute))
    monkeypatch.setattr(answers, "_patient", threading.BoundedSemaphore(1))
    patient = threading.Thread(target=answers.ask_within, args=(asked, 30))
    patient.start()
    while answers._patient._value:
        pass
    assert answers.ask_within(asked, 30) is None  # after half a second, so that a thread stays free for pages
    gate.set()
    patient.join()
