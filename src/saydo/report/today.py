"""Today: what changed and what to do, as a few findings of the report that are quick to make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from saydo.language import translate
from saydo.report.does import which_segments_there_are, who_comes_again
from saydo.report.earns import what_is_left
from saydo.report.keeps import how_many_are_kept, where_they_break, which_are_kept
from saydo.report.says import how_the_score_moves, where_the_score_stands
from saydo.report.story import Picture, Questions, Section, Step


@dataclass(frozen=True)
class Square:
    """One of the four squares: its name, what there is to say of it, the measure that it leads down to.

    ``findings`` is empty where nothing is known; ``absent`` then says what would stand here.
    """

    name: str
    measure: str
    findings: tuple[Section, ...]
    absent: str

    @property
    def picture(self) -> Picture | None:
        """The first picture that a finding brings."""
        return next((picture for finding in self.findings for picture in finding.pictures), None)


@dataclass(frozen=True)
class Today:
    """The first page of the day: one sentence, four squares, what to do."""

    headline: str
    squares: tuple[Square, ...]
    steps: tuple[Step, ...]


def tell_today(questions: Questions) -> Today:
    """Ask the quick measures, in the language in use."""
    squares = (
        _square(
            questions,
            translate("What customers say"),
            "nps",
            translate("Here will stand what customers answer, and how sure that is. Load the table feedback."),
            where_the_score_stands,
            how_the_score_moves,
        ),
        _square(
            questions,
            translate("What we deliver"),
            "promises_kept",
            translate("Here will stand which promises are kept, and where not. Load the table commitments."),
            how_many_are_kept,
            where_they_break,
            which_are_kept,
        ),
        _square(
            questions,
            translate("What customers do"),
            "repeat_rate",
            translate("Here will stand who comes again. Load the table orders."),
            who_comes_again,
            which_segments_there_are,
        ),
        _square(
            questions,
            translate("What it earns"),
            "margin",
            translate("Here will stand what is left of each sale. Load the tables orders and order_lines."),
            what_is_left,
        ),
    )
    findings = [finding for square in squares for finding in square.findings]
    steps = sorted((finding.step for finding in findings if finding.step), key=lambda step: -step.cases)
    return Today(_headline(findings), squares, tuple(steps))


def _square(
    questions: Questions, name: str, measure: str, absent: str, *asked: Callable[[Questions], Section | None]
) -> Square:
    found = (ask(questions) for ask in asked)
    return Square(name, measure, tuple(section for section in found if section), absent)


def _headline(findings: list[Section]) -> str:
    """What got surely worse, else what got surely better, else the first thing known."""
    if not findings:
        return translate("Nothing is known yet about these customers")
    return max(findings, key=lambda finding: finding.weight).heading
