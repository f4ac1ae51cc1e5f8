"""Satisfaction, effort and stars: each on its own scale; one of them leads where nobody was asked to recommend."""

from __future__ import annotations

from collections.abc import Sequence

from saydo.charts import Grid
from saydo.charts.figures import begin, clean, show
from saydo.charts.figures import heading as heading_of
from saydo.charts.kinds import distribution
from saydo.language import number, percent, translate
from saydo.report.story import (
    LEAST,
    Questions,
    Record,
    Section,
    Step,
    figure_of,
    interval_of,
    known,
    notes_of,
    picture_by,
)
from saydo.result import Result


def how_satisfied(questions: Questions, *, leads: bool) -> Section | None:
    """Every question that was asked beside the recommendation; with ``leads`` it opens the chapter."""
    result = questions.lately("satisfaction")
    records = sorted(known(result), key=_order)
    if result is None or not records:
        return None
    weakest = _weakest(records)
    table = _table(result, records)
    text = translate("Each question keeps its own scale, so the rows cannot be added or compared where scales differ.")
    if not leads:
        heading = _weakest_heading(weakest) if weakest else translate("What people answered to the other questions")
        step = _begin_with(weakest) if weakest else None
        return Section("satisfaction", heading, None, [text], table=table, step=step, notes=notes_of(result))
    lead = max(records, key=lambda record: (record["item"] is None, record["answers"]))
    return Section(
        "satisfaction",
        _lead_heading(lead),
        figure_of(result, lead, _question_in_words(lead)),
        [translate("{sentence}.", sentence=_weakest_heading(weakest)), text]
        if weakest
        else [text]
        if len(records) > 1
        else [],
        [picture_by(lambda width: distribution(result, lead, width))] if lead["scale_max"] is not None else [],
        table=table if len(records) > 1 else None,
        step=_begin_with(weakest) if weakest else None,
        notes=notes_of(result),
    )


def weakest_item(questions: Questions) -> str | None:
    """The item that this section says to begin with."""
    weakest = _weakest(sorted(known(questions.lately("satisfaction")), key=_order))
    return weakest["item"] if weakest else None


def _order(record: Record) -> tuple[str, bool, str, str]:
    return record["question"], record["item"] is None, record["item"] or "", str(record["occasion"])


def _table(result: Result, records: Sequence[Record]) -> Grid:
    head = (
        heading_of("question"),
        heading_of("mean"),
        translate("95% interval"),
        heading_of("top_share"),
        heading_of("answers"),
    )
    rows = (
        (
            _question_in_words(record),
            _mean_in_words(record),
            interval_of(result, record),
            percent(record["top_share"]),
            number(record["answers"]),
        )
        for record in records
    )
    return Grid(head, tuple(rows))


def _mean_in_words(record: Record) -> str:
    mean = show(record["mean"], "score")
    if record["scale_max"] is None:
        return mean
    return translate("{mean} of {most}", mean=mean, most=number(record["scale_max"]))


def _lead_heading(record: Record) -> str:
    shown = {"mean": _mean_in_words(record)}
    if record["answers"] < LEAST:
        return translate("There are too few answers to tell how satisfied customers are")
    if record["question"] == "stars":
        return translate("Reviews give us {mean} stars", **shown)
    if record["question"] == "ces":
        return translate("Asked how easy it was, customers give {mean}", **shown)
    return translate("Asked how satisfied they are, customers give {mean}", **shown)


def _weakest(records: Sequence[Record]) -> Record | None:
    """The item of one question, scale and occasion that is surely below every other."""
    for record in records:
        same = [r for r in records if all(r[key] == record[key] for key in ("question", "scale_max", "occasion"))]
        others = [r for r in same if r["item"] is not None and r is not record]
        if record["item"] is None or not others or record["mean_high"] is None:
            continue
        if all(other["mean_low"] is not None and record["mean_high"] < other["mean_low"] for other in others):
            return record
    return None


def _weakest_heading(record: Record) -> str:
    item, mean = begin(clean(record["item"])), _mean_in_words(record)
    return translate("{item} satisfies least: {mean}", item=item, mean=mean)


def _begin_with(record: Record) -> Step | None:
    """The step that follows, with the number of those who gave none of the two best scores, where these are known."""
    if record["top_two_share"] is None:
        return None
    text = translate("Begin with {item}: of all that was asked about, it satisfies least.", item=clean(record["item"]))
    return Step(text, round((1 - record["top_two_share"]) * record["answers"]), "satisfaction")


def _question_in_words(record: Record) -> str:
    names = {
        "csat": translate("Satisfaction"),
        "ces": translate("How easy it was"),
        "stars": translate("Stars in reviews"),
    }
    name = names.get(record["question"], clean(record["question"]))
    if record["item"] is None:
        return name
    return translate("{question}: {item}", question=name, item=clean(record["item"]))
