"""What the score goes with: of what was rated beside it, of promises kept or broken, and of touchpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from saydo.charts import Grid
from saydo.charts.figures import begin, clean, count_of, heading, show_group
from saydo.charts.listed import Look, listed, point_of
from saydo.language import percent, signed, translate
from saydo.report.keeps import statements
from saydo.report.story import (
    LEAST,
    Figure,
    Picture,
    Questions,
    Record,
    Section,
    Step,
    known,
    notes_of,
    picture_by,
)

MOST_DRIVERS, LEAST_SHARE = 10, 0.005  # drawn, and the importance from which on
SHORT = 34  # signs of a name beside a chart
POORLY_TOLD = 0.1  # of the score's variation: what explains surely less explains little


def what_the_score_goes_with(questions: Questions, question: str, already: str | None) -> Section | None:
    """The drivers of the score of ``question``, on the occasion that most know; ``already`` is an item that another
    section says to begin with.
    """
    result = questions.lately("drivers", question=question)
    records = [record for record in known(result) if record["importance_low"] is not None]
    if result is None or len(records) < 2:
        return None
    occasions = {record["occasion"] for record in records}
    most = max(occasions, key=lambda one: sum(r["answers"] for r in records if r["occasion"] == one))
    ranked = sorted(
        (record for record in records if record["occasion"] == most), key=lambda record: -record["importance_share"]
    )
    if len(ranked) < 2:
        return None
    promises = statements(questions)
    names = {_key(record): _driver_name(record, promises) for record in ranked}
    explained = {
        "share": percent(ranked[0]["explained_share"]),
        "low": percent(ranked[0]["explained_low"]),
        "high": percent(ranked[0]["explained_high"]),
    }
    is_poor = ranked[0]["explained_high"] < POORLY_TOLD
    texts = [
        translate(
            "Together these explain {share} of how scores differ (95%: {low} to {high}); each share below is a part of "
            "that. Of an item, beside it stands how far up its scale it is; of a promise, how often it was kept.",
            **explained,
        )
    ]
    beneath = translate(
        "Importance is not the effect of a change. Whoever is happy on the whole rates everything higher, so that each "
        "takes a part of the others; only a trial would show what mending one of them brings."
    )
    shown = [one for one in ranked if one["importance_share"] >= LEAST_SHARE][:MOST_DRIVERS]
    return Section(
        "drivers",
        translate("What is known beside the score explains little of it: {share}", **explained)
        if is_poor
        else _drivers_heading(ranked, names),
        _driver_figure(ranked[0], names),
        texts,
        [_draw_drivers(shown, names)],
        table=_patterns(shown, names),
        beneath=[beneath],
        step=None if is_poor else _begin_with(ranked, names, already),
        notes=notes_of(result),
    )


def _key(record: Record) -> tuple[str, str]:
    return record["driver_kind"], record["driver"]


def _driver_name(record: Record, promises: Mapping[str, str]) -> str:
    name = clean(record["driver"])
    if record["driver_kind"] == "promise":
        return translate("“{promise}”", promise=promises.get(record["driver"], name))
    return name


def _drivers_heading(ranked: Sequence[Record], names: Mapping[tuple[str, str], str]) -> str:
    first, second = ranked[:2]
    shown = {"first": names[_key(first)], "second": names[_key(second)]}
    if first["importance_low"] > second["importance_high"]:
        return translate(
            "The score goes most with {first}: {share} of what is explained of it",
            share=percent(first["importance_share"]),
            **shown,
        )
    return translate("The score goes most with {first} and {second}; which of them more is within noise", **shown)


def _driver_figure(record: Record, names: Mapping[tuple[str, str], str]) -> Figure:
    interval = translate(
        "{low} to {high}", low=percent(record["importance_low"]), high=percent(record["importance_high"])
    )
    return Figure(
        translate("Importance of {driver}", driver=names[_key(record)]),
        percent(record["importance_share"]),
        translate("95%: {interval} · {count}", interval=interval, count=count_of("answers", record["answers"])),
    )


def _draw_drivers(records: Sequence[Record], names: Mapping[tuple[str, str], str]) -> Picture:
    look = Look(
        translate("Importance for the score, and how each stands"),
        (translate("driver"), heading("importance_share"), heading("performance_share")),
        percent,
        bounds=(0, 1),
    )
    points = [
        point_of(
            begin(_plain(record, names)),
            record,
            "importance_share",
            translate("stands at {share}", share=percent(record["performance_share"])),
            "importance",
        )
        for record in records
    ]
    return picture_by(lambda width: listed(points, look, width))


def _plain(record: Record, names: Mapping[tuple[str, str], str]) -> str:
    """A name short enough for the column of a chart: of a promise, its own words."""
    return clean(names[_key(record)], SHORT)


def _patterns(records: Sequence[Record], names: Mapping[tuple[str, str], str]) -> Grid | None:
    """What a step of each item below and above the middle of its scale goes with, in points of score."""
    rows = [
        (
            begin(names[_key(record)]),
            show_group(record["pattern"], "pattern"),
            signed(-record["penalty"], 1),
            signed(record["reward"], 1),
        )
        for record in records
        if record["pattern"] and record["penalty"] is not None and record["reward"] is not None
    ]
    head = (
        translate("driver"),
        heading("pattern"),
        translate("a step below the middle"),
        translate("a step above the middle"),
    )
    return Grid(head, tuple(rows), 2) if rows else None


def _begin_with(ranked: Sequence[Record], names: Mapping[tuple[str, str], str], already: str | None) -> Step | None:
    """The driver that surely takes more than an equal part and surely stands below the mean of all items."""
    items = [record for record in ranked if record["driver_kind"] not in ("promise", "touchpoint")]
    mean = sum(record["performance_share"] for record in items) / len(items) if items else 0
    for record in items:
        weighs = record["importance_low"] > 1 / len(ranked)
        if weighs and record["performance_high"] < mean and record["driver"] != already and record["answers"] >= LEAST:
            text = translate(
                "Try what better {driver} brings: the score goes with it, and it stands at {share} of its scale.",
                driver=names[_key(record)],
                share=percent(record["performance_share"]),
            )
            return Step(text, round((1 - record["performance_share"]) * record["answers"]), "drivers")
    return None
