"""The published page: what was tried, what came of it, and what lies outside the goal."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.coverage.cases import CASES, UNTRIED
from benchmarks.coverage.findings import GOAL, Finding
from benchmarks.coverage.formulas import STUDIES, Pair
from benchmarks.coverage.kinds import DEAR_EVERY, SETTINGS, Case
from benchmarks.coverage.samples import SHARES
from saydo.stats.intervals import adjusted_wald, nps_interval, score, wald
from saydo.stats.trials import exact_coverage

TITLES = frozenset(case.title for case in CASES)
PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
_ABOUT = """# Coverage

A 95 % interval is worth as much as the share of cases in which it holds the truth. This page is written by the run that
counted them (`make coverage`, {when}; Python {python}, NumPy {numpy}, DuckDB {duckdb}).

## Measures

{companies:,} simulated companies of each kind below, none of which was used to choose a formula. *Held* is the share of
intervals that hold the truth, with its own exact binomial interval; the goal is {low:.0%} to {high:.0%}. *Width* is the
mean width, *bias* the mean error in standard errors of the estimate. The *truth* follows from what was planted (plan),
or is that of one company of two million customers with the same plan: counted by the simulator over everybody, those
who said nothing included (count), or what the measure itself says of it (large company). Where neither is known, it is
what the measure says of all companies of the same simulation as one (all companies): that tries the interval, and
whether an estimate is the same in small companies as in large ones, not whether it is right. Where a figure is split,
all groups of a company are tried; of what was said, those of five answers and more, because smaller ones are not shown.

{kinds}

A company has about 1,000 customers (harm and placebo 2,000, the shop none). A hundred companies are simulated together
and told apart at random, no account in two of them; the measure is asked once, split by company. What takes long
(models of purchases, matched comparisons, effects, drivers, themes) is asked of one hundred companies in {dear}, so
that there are fewer intervals of it. In the lived company several answers, orders and payments of one customer, and
those of all colleagues of a firm, are alike."""
_FALSE = """Where the truth is that nothing changed, the interval leaves out 0 just when p < .05, so that what it does
not hold are the false finds. *Any of 16 comparisons found* is the share of companies in which none of them is called a
change (`is_change`) where nothing changed; by chance alone it should be 95 % at least."""
_EXACT = """## The score's intervals, exactly

All outcomes of so many answers weighed with their probability, no simulation (`saydo.stats.trials`). Shares are those
of detractors, passives and promoters; *shown* is the interval that Saydo shows; widths in points."""
_FORMULAS = """## The formulas alone

Samples drawn for the purpose, 800 to 20,000 in each setting. The lowest and the highest share of intervals that hold
the truth over the settings, and the same of what textbooks do. The docstrings of `saydo.stats` quote these figures."""


def write_page(findings: Mapping[str, Finding], companies: int, studies: Mapping[int, Sequence[Pair]]) -> str:
    """The page as text; cases and studies without a finding are left out and said."""
    low, high = GOAL
    versions = {"python": platform.python_version(), "numpy": np.__version__, "duckdb": version("duckdb")}
    kinds = "\n".join(f"- *{setting.name}*: {setting.about}." for setting in SETTINGS.values())
    about = _ABOUT.format(
        when=f"{datetime.now(UTC):%Y-%m-%d}",
        **versions,
        companies=companies,
        low=low,
        high=high,
        kinds=kinds,
        dear=DEAR_EVERY,
    )
    tried = [_describe(case, findings[case.title]) for case in CASES if case.title in findings]
    header = ("Figure", "Company", "Truth", "Intervals", "Held", "Width", "Bias")
    parts = (about, _table(header, tried), _FALSE, _outside(findings), _EXACT, _exact(), _FORMULAS, _studies(studies))
    return "\n\n".join(parts) + "\n"


def update_page(page: str, findings: Mapping[str, Finding], measures: Sequence[str]) -> str:
    """``page`` with the rows of these findings, which are all those of ``measures``, and what it says of them, anew."""
    told = {line.removeprefix("- ").rpartition(" (")[0]: line for line in _section(page)}
    rows = {title: line for line in page.split("\n") if (title := _title(line)) in TITLES}
    before = "\n".join(rows.values())
    for case in CASES:
        if finding := findings.get(case.title):
            rows[case.title] = _row(_describe(case, finding))
            told.pop(case.title, None)
            told |= {case.title: _excuse(case, finding)} if _is_outside(finding) else {}
    lines = [told[case.title] for case in CASES if case.title in told]
    page = page.replace("\n".join(_section(page)), "\n".join(lines))
    page = page.replace(before, "\n".join(rows[case.title] for case in CASES if case.title in rows))
    since = f"; {', '.join(measures)} on {datetime.now(UTC):%Y-%m-%d}).\n\n## Measures"
    return re.sub(r"(; [^;)]+ on [-\d]+)?\)\.\n\n## Measures", lambda _: since, page, count=1)


def _title(line: str) -> str:
    return line.removeprefix("| ").partition(" |")[0]


def _section(page: str) -> list[str]:
    """The lines of what lies outside the goal."""
    return page.partition("### Outside the goal\n\n")[2].partition("\n\n###")[0].split("\n")


def _describe(case: Case, finding: Finding) -> tuple[str, ...]:
    low, high = finding.rate_interval
    bias = "" if np.isnan(finding.bias) else f"{finding.bias:+.2f}"
    return (
        case.title,
        case.ask.setting.name,
        case.source,
        f"{finding.trials:,}",
        f"{_is_outside(finding)}{finding.rate:.1%} ({low:.1%} to {high:.1%})",
        "" if case.families else _width(case, finding.width),
        bias,
    )


def _is_outside(finding: Finding) -> str:
    return "" if GOAL[0] <= finding.rate <= GOAL[1] else "**!** "


def _width(case: Case, width: float) -> str:
    if case.figure.endswith(("rate", "share")) or case.figure.startswith(("bought", "gain")):
        return f"{width:.1%}"
    return f"{width:.1f}" if case.figure in ("change", "nps", "nps_weighted") else f"{width:.2f}"


def _outside(findings: Mapping[str, Finding]) -> str:
    lines = [_excuse(case, finding) for case in CASES if (finding := findings.get(case.title)) and _is_outside(finding)]
    missing = [case.title for case in CASES if case.title not in findings]
    lines += [f"- {title}: the run failed, there is no figure." for title in missing]
    untried = [f"- {name}: {reason}." for name, reason in UNTRIED.items()]
    told = "\n".join(lines) if lines else "None."
    return f"### Outside the goal\n\n{told}\n\n### Not tried here\n\n" + "\n".join(untried)


def _excuse(case: Case, finding: Finding) -> str:
    return f"- {case.title} ({finding.rate:.1%}): {case.known or 'not understood'}."


def _exact() -> str:
    intervals = {"Wald": wald, "adjusted Wald": adjusted_wald, "score": score, "shown": nps_interval}
    rows = []
    for shares in SHARES:
        for n in (5, 10, 30, 100):
            found = [exact_coverage(interval, shares[::-1], n) for interval in intervals.values()]
            name = " / ".join(f"{share:.0%}" for share in shares)
            rows.append((name, str(n), *(f"{rate:.1%} ({width:.1f})" for rate, width in found)))
    return _table(("Shares", "Answers", *(f"{name} (width)" for name in intervals)), rows)


def _studies(studies: Mapping[int, Sequence[Pair]]) -> str:
    rows = []
    for place, found in sorted(studies.items()):
        study = STUDIES[place]
        ranges = [f"{100 * min(one):.1f} to {100 * max(one):.1f} %" for one in zip(*found, strict=True)]
        rows.append((f"`{study.formula}`", study.drawn, str(len(found)), ranges[0], f"{study.textbook}: {ranges[1]}"))
    return _table(("Formula", "Drawn", "Settings", "Held", "Textbook"), rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(map(_row, [header, ["---"] * len(header), *rows]))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
