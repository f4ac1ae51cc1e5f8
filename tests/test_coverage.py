"""Every interval of every measure against companies whose truth is known (`benchmarks/coverage`, `make coverage`).

Forty companies of each kind, simulated and asked in one pass; two hundred, and what takes long of a hundred, where it
may take longer. A rate of intervals that hold the truth is refused only if a rate within the goal would be as unusual
once in a thousand times.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.coverage.cases import CASES, UNTRIED
from benchmarks.coverage.companies import POPULATION, Trial, simulate_companies, try_companies
from benchmarks.coverage.findings import Finding, judge
from benchmarks.coverage.formulas import STUDIES
from benchmarks.coverage.kinds import LIVED, SETTINGS, Case
from benchmarks.coverage.page import PAGE, update_page, write_page

from saydo.measures import MEASURES

pytestmark = pytest.mark.xdist_group("coverage")
Tried = Mapping[str, list[Trial]]
EACH_CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
EACH_CHEAP_CASE = pytest.mark.parametrize(
    "case", [case for case in CASES if not case.ask.is_dear], ids=lambda case: case.title
)


@pytest.fixture(scope="module")
def tried() -> Tried:
    """The trials of each case that does not take long, by its title, over forty companies of each kind."""
    return {title: some for name in SETTINGS for title, some in try_companies(name, 1, 40, with_dear=False).items()}


@pytest.fixture(scope="module")
def tried_often() -> Tried:
    """The same over two hundred, with what takes long over the first hundred of them."""
    found: dict[str, list[Trial]] = {}
    for name, seed in product(SETTINGS, (1, 2)):
        for title, some in try_companies(name, seed, 100, with_dear=seed == 1).items():
            found.setdefault(title, []).extend(some)
    return found


def check(case: Case, trials: list[Trial]) -> None:
    finding = judge(trials)
    if not case.is_off:
        assert finding.is_near_nominal, f"{finding.held} of {finding.trials} held"
        assert finding.is_unbiased, f"off by {finding.bias:+.2f} standard errors"


@EACH_CHEAP_CASE
def test_intervals_hold_the_truth_as_often_as_they_say(tried: Tried, case: Case) -> None:
    check(case, tried[case.title])


@pytest.mark.slow
@EACH_CASE
def test_intervals_hold_the_truth_of_many_companies(tried_often: Tried, case: Case) -> None:
    check(case, tried_often[case.title])


def test_weighting_brings_the_score_nearer_to_everybodys(tried: Tried) -> None:
    weighted, answered = (judge(tried[f"nps {what}, against everybody"]) for what in ("re-weighted", "as answered"))
    assert 0 < weighted.error < 0.75 * answered.error


@pytest.mark.parametrize("spoil", [{"narrow": 0.5}, {"move": 1.0}], ids=["too narrow", "biased"])
def test_spoilt_intervals_are_found_out(tried: Tried, spoil: dict[str, float]) -> None:
    """The tests above can fail: intervals half as wide, or estimates one standard error off, do not pass."""
    case = next(case for case in CASES if case.title == "nps, last answer of each person")
    trials = tried[case.title]
    error = float(np.std([trial.estimate - trial.truth for trial in trials], ddof=1))
    with pytest.raises(AssertionError, match=r"held|standard errors"):
        check(case, [_spoil(trial, error, **spoil) for trial in trials])


def _spoil(trial: Trial, error: float, narrow: float = 1.0, move: float = 0.0) -> Trial:
    low, high = (trial.estimate + narrow * (end - trial.estimate) for end in (trial.low, trial.high))
    estimate, low, high = (value + move * error for value in (trial.estimate, low, high))
    return replace(trial, estimate=estimate, low=low, high=high)


def test_companies_of_one_simulation_share_no_account(tmp_path: Path) -> None:
    with simulate_companies(LIVED, tmp_path / "facts", seed=3, companies=5) as (facts, _):
        customers = facts.run(facts.table("customers").select("account_id", "x_part")).to_pylist()
    by_account: dict[Any, set[str]] = {}
    for row in customers:
        by_account.setdefault(row["account_id"], set()).add(row["x_part"])
    assert len(by_account.pop(None)) == 5
    assert {len(parts) for parts in by_account.values()} == {1}


def test_every_interval_is_tried_or_said_not_to_be() -> None:
    with_interval = {name for name, measure in MEASURES.items() if measure.low}
    assert with_interval - {case.ask.measure for case in CASES} - set(UNTRIED) == set()


def test_what_the_large_company_says_is_there_for_every_case_that_needs_it() -> None:
    known = json.loads(POPULATION.read_text(encoding="utf-8"))
    assert set(known) == {case.title for case in CASES if case.source in ("count", "large company")}


def test_page_tells_every_case_and_study() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = [line.split(" | ")[0].strip("| ") for line in page.splitlines() if line.startswith("| ")]
    assert [row for row in rows if row in {case.title for case in CASES}] == [case.title for case in CASES]
    assert len([row for row in rows if row.startswith("`")]) == len(STUDIES)


def test_page_marks_what_lies_outside_the_goal_and_says_why() -> None:
    within, outside = (Finding(1_000, held, 0.1, 0.0, np.zeros(0)) for held in (950, 900))
    findings = {case.title: outside if case.known else within for case in CASES}
    page = write_page(findings, 1_000, {place: [(0.95, 0.9)] for place in range(len(STUDIES))})
    told = page.partition("### Outside the goal")[2].partition("###")[0]
    assert told.count("(90.0%)") == page.count("**!**") == sum(bool(case.known) for case in CASES)
    assert all(case.known in told for case in CASES)


@pytest.mark.slow
def test_plain_difference_after_a_late_parcel_misleads_and_the_adjusted_one_does_not(tried_often: Tried) -> None:
    for what in ("harm done", "no effect"):
        plain, adjusted = (
            judge(tried_often[f"{how} after a late parcel, {what}"]) for how in ("plain difference", "bought again")
        )
        assert plain.rate_interval[1] < min(0.9, adjusted.rate_interval[0])  # a hundred companies each
        assert abs(adjusted.error) < 0.4 * abs(plain.error)


def test_page_is_written_though_a_case_failed() -> None:
    within = Finding(1_000, 950, 0.1, 0.0, np.zeros(0))
    page = write_page({case.title: within for case in CASES[1:]}, 1_000, {0: [(0.95, 0.9)]})
    assert f"- {CASES[0].title}: the run failed, there is no figure." in page
    assert page.count("the run failed") == 1


def test_rows_of_some_measures_are_brought_up_to_date_and_all_others_stay() -> None:
    page = PAGE.read_text(encoding="utf-8")
    [case] = [case for case in CASES if case.title == "bought again after a late parcel, no effect"]
    within, outside = (Finding(100, held, 0.14, 0.0, np.zeros(1)) for held in (95, 50))
    better = update_page(page, {case.title: within}, ["promise_effect"])
    worse = update_page(better, {case.title: outside}, ["promise_effect"])
    assert f"| {case.title} | placebo | plan | 100 | 95.0% (" in better
    assert f"- {case.title} (" not in better
    assert f"- {case.title} (50.0%): {case.known}" in worse
    without = "\n".join(line for line in better.split("\n") if not line.startswith(f"| {case.title} |"))
    assert update_page(without, {case.title: within}, ["promise_effect"]) == better  # a new case finds its place
    changed = [new for old, new in zip(better.split("\n"), worse.split("\n"), strict=False) if old != new]
    assert changed[0].startswith(f"| {case.title} | placebo | plan | 100 | **!** 50.0% (")
    assert better.count("promise_effect on 20") == worse.count("promise_effect on 20") == 1
