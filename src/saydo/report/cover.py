"""The whole story: the first screen, the chapters, what to do next, and what the figures are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from saydo.charts import Grid
from saydo.charts.figures import clean, heading
from saydo.company import Facts
from saydo.facts import TABLES
from saydo.language import day, number, translate, translate_count
from saydo.measures import Measure
from saydo.report.does import what_customers_do
from saydo.report.earns import what_it_earns
from saydo.report.keeps import what_we_deliver
from saydo.report.says import what_customers_say
from saydo.report.story import Chapter, Figure, Gap, Questions, Section, Step, first


@dataclass(frozen=True)
class Tile:
    """One of the squares of the first screen; ``absent`` says what would stand in an empty one."""

    name: str
    figure: Figure | None
    anchor: str = ""
    absent: str = ""


@dataclass(frozen=True)
class Story:
    """All that the page shows."""

    title: str
    company: str
    headline: str
    lead: str
    period: str
    tiles: Sequence[Tile]
    chapters: Sequence[Chapter]
    steps: Sequence[Step]
    steps_heading: str
    about: Sequence[str]
    about_heading: str
    quality: Grid | None
    gaps: Sequence[Gap]
    measures: Sequence[Measure]


def tell(facts: Facts) -> Story:
    """Ask every measure and tell the story, in the language in use."""
    questions = Questions(facts.keeping())
    chapters = [
        what_customers_say(questions),
        what_we_deliver(questions),
        what_customers_do(questions),
        what_it_earns(questions),
    ]
    company = clean(facts.manifest.name) or translate("Our customers")
    sections = [section for chapter in chapters for section in chapter.sections]
    headline, lead = _headline(chapters, sections)
    steps = sorted((section.step for section in sections if section.step), key=lambda step: -step.cases)
    rows = sum(entry.rows for entry in facts.manifest.tables.values())
    return Story(
        title=translate("{company}: what customers say and do, what we promise and keep", company=company),
        company=company,
        headline=headline,
        lead=lead,
        period=_period(questions),
        tiles=_tiles(questions, sections),
        chapters=chapters,
        steps=steps,
        steps_heading=_steps_heading(steps),
        about=_about(questions),
        about_heading=translate_count(
            "All this was computed from {count} fact", "All this was computed from {count} facts", rows
        ),
        quality=_quality(facts),
        gaps=list(questions.gaps.values()),
        measures=list(questions.used.values()),
    )


def _headline(chapters: Sequence[Chapter], sections: Sequence[Section]) -> tuple[str, str]:
    """What matters most as one sentence, and the sentences of the other chapters below it.

    First what got surely worse, then what a broken promise goes with, then what got surely better; else the first thing
    known.
    """
    told = sorted((section for section in sections if section.weight), key=lambda section: -section.weight)
    firsts = [chapter.sections[0] for chapter in chapters if chapter.sections]
    if not firsts:
        return translate("Nothing is known yet about these customers"), translate(
            "Import what people answered, what was ordered and what was promised, and this page will tell what it "
            "means."
        )
    top = told[0] if told else firsts[0]
    others = [section.heading for section in firsts if section is not top]
    return top.heading, " ".join(translate("{sentence}.", sentence=sentence) for sentence in others)


def _tiles(questions: Questions, sections: Sequence[Section]) -> list[Tile]:
    """The four squares, words beside deeds, customers above company; then what they earn."""
    by_anchor = {section.anchor: section for section in sections}
    squares = [
        (translate("What customers say"), ("nps", "satisfaction"), "feedback"),
        (translate("What customers do"), ("again",), "orders"),
        (translate("What we promise"), (), "commitments"),
        (translate("What we deliver"), ("kept",), "commitments"),
        (translate("What it earns"), ("margin",), "order_lines"),
        (translate("What it grows by"), ("growth",), "order_lines"),
    ]
    tiles = []
    for name, anchors, table in squares:
        section = next(
            (by_anchor[anchor] for anchor in anchors if anchor in by_anchor and by_anchor[anchor].figure), None
        )
        if questions.facts.has(table):
            absent = translate("These facts do not tell it; the end of this page says what is missing.")
        else:
            absent = translate("Not known yet. It takes the table {table}.", table=table)
        tiles.append(Tile(name, section.figure if section else None, section.anchor if section else "", absent))
    tiles[2] = Tile(tiles[2].name, _given(questions), "kept", tiles[2].absent)
    return tiles


def _given(questions: Questions) -> Figure | None:
    """How many promises were given, and of how many kinds."""
    record, kinds = first(questions.lately("promises_kept")), questions.lately("promises_kept", "promise")
    if record is None or kinds is None:
        return None
    sure = translate_count("{count} kind of promise", "{count} kinds of promises", len(kinds))
    return Figure(translate("Promises given"), number(record["given"]), sure)


def _steps_heading(steps: Sequence[Step]) -> str:
    if not steps:
        return translate("No lead stands out from these figures")
    return translate_count(
        "One lead follows from these figures", "{count} leads follow from these figures, the largest first", len(steps)
    )


def _period(questions: Questions) -> str:
    """The days reported on."""
    facts = questions.facts
    begin, last = facts.manifest.first, facts.manifest.last
    if begin is None or last is None:
        return ""
    start = questions.since or facts.local_day(begin)
    end = facts.local_day(min(facts.as_of - timedelta(microseconds=1), last))
    return translate("{first} to {last}", first=day(start), last=day(end))


def _about(questions: Questions) -> list[str]:
    return [
        *_period_in_words(questions),
        translate(
            "A figure that stands for more people than were asked has a range beside it. If the survey were repeated "
            "many times, 95 of 100 such ranges would hold the true value. Two figures whose ranges overlap widely may "
            "be equal."
        ),
        translate(
            "What happens together is not always cause and effect. Where this report sets two things side by side, it "
            "says so, and a trial would have to show whether one brings about the other."
        ),
        translate(
            "What fewer than 5 people said is hidden, and comments where there are fewer than 8, so that nobody can be "
            "recognised."
        ),
    ]


def _period_in_words(questions: Questions) -> list[str]:
    facts, begin = questions.facts, questions.facts.manifest.first
    if begin is None:
        return []
    words = {"zone": facts.manifest.zone, "first": day(facts.local_day(begin))}
    if questions.since is None:
        return [translate("The figures are about all facts, from {first} on. Days are those of {zone}.", **words)]
    return [
        translate(
            "The figures are about the last year, from {since} on. What goes over time, and who comes back, looks at "
            "all facts, from {first} on. Days are those of {zone}.",
            since=day(questions.since),
            **words,
        )
    ]


def _quality(facts: Facts) -> Grid | None:
    """Each table with the rows that were kept, those refused, and those that point at something unknown."""
    tables = {name: entry for name, entry in facts.manifest.tables.items() if entry.rows or entry.quarantined}
    if not tables:
        return None
    rows = tuple(
        (
            heading(name),
            number(entry.rows),
            number(entry.quarantined),
            number(sum(entry.orphans.values())),
        )
        for name, entry in sorted(tables.items(), key=lambda item: list(TABLES).index(item[0]))
    )
    return Grid(
        (heading("table"), heading("rows kept"), heading("rows refused"), heading("references to nothing")), rows
    )
