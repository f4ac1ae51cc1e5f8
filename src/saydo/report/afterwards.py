"""What customers did after what they said and lived: whether a 9 is a 9 here, and whether an answer brought them back.

Nothing here is called an effect: people who say different things are different people.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from saydo.charts import Grid
from saydo.charts.figures import NOTHING, begin, count_of, heading, show, show_group, show_interval, signed_points
from saydo.charts.listed import Look, listed, point_of
from saydo.language import mark, number, percent, translate
from saydo.report.story import LEAST, Figure, Picture, Questions, Record, Section, known, notes_of, picture_by
from saydo.result import Result

BANDS = ("promoters", "passives", "detractors", "silent", "never asked")
DAYS = 180
_NO_NINE = mark("A 9 is no 9 here: promoters buy again less than passives who had bought alike before")
_DETRACTORS_LESS = mark(
    "Detractors buy again less than passives who had bought alike before; promoters no more that could be told from "
    "noise"
)
_PROMOTERS_MORE = mark(
    "Promoters buy again more than passives who had bought alike before; detractors no less that could be told from "
    "noise"
)
_AFTER = {  # by what is sure of promoters and of detractors: 1 buy more than passives alike, -1 less, 0 unsure
    (1, -1): mark(
        "A 9 is a 9 here: promoters buy again more than passives who had bought alike before, detractors less"
    ),
    (1, 0): _PROMOTERS_MORE,
    (1, 1): _PROMOTERS_MORE,
    (0, -1): _DETRACTORS_LESS,
    (0, 0): mark(
        "A 9 need not be a 9 here: promoters, passives and detractors who had bought alike before buy again alike, as "
        "far as can be told from noise"
    ),
    (0, 1): mark(
        "Detractors buy again more than passives who had bought alike before: a low score is no farewell here"
    ),
    (-1, -1): _NO_NINE,
    (-1, 0): _NO_NINE,
    (-1, 1): _NO_NINE,
}


def what_they_did_after(questions: Questions) -> Section | None:
    """What promoters, passives, detractors and the silent did in the half-year after, alike ones compared."""
    result = _ask_of_occasions(questions, "say_do")
    if result is None:
        return None
    rows = {record["band"]: record for record in known(result) if record["score"] is None}
    told = [rows[band] for band in BANDS if band in rows]
    if "passives" not in rows or not {"promoters", "detractors"} & rows.keys():
        return None
    texts = [
        translate(
            "Each answer is followed for {days} days; answers that are younger are not counted yet. Differences are "
            "between people who had bought as often, as lately and for as much before.",
            days=number(DAYS),
        ),
        *_silent(rows),
    ]
    return Section(
        "afterwards",
        _after_heading(rows),
        _difference(rows),
        texts,
        [draw_bought(told, "band", translate("Share who bought again within {days} days", days=number(DAYS)))],
        table=deeds(told, "band", result),
        beneath=[no_effect()],
        notes=notes_of(result),
    )


def _ask_of_occasions(questions: Questions, name: str) -> Result | None:
    """The figures of the answers about the relationship, else of those after an event, else of any."""
    for occasion in ("relational", "event", "any"):
        result = questions.ask(name, occasion=occasion, horizon=DAYS)
        if known(result):
            return result
    return None


def _after_heading(rows: dict[str, Record]) -> str:
    if min(rows[band]["events"] for band in ("promoters", "passives", "detractors") if band in rows) < LEAST:
        return translate("There are too few answers to tell what customers do after them")
    return translate(_AFTER[side(rows.get("promoters")), side(rows.get("detractors"))])


def side(record: Record | None) -> int:
    """1 where a group surely buys more than those it is matched with, -1 where less, else 0."""
    if record is None or record["bought_difference_low"] is None:
        return 0
    return int(record["bought_difference_low"] > 0) - int(record["bought_difference_high"] < 0)


def _difference(rows: dict[str, Record]) -> Figure | None:
    record = rows.get("promoters")
    if record is None or record["bought_difference_low"] is None:
        return None
    return difference_figure(record, translate("Buying again: promoters beside passives alike, in points of percent"))


def difference_figure(record: Record, label: str) -> Figure:
    """How much more of a group bought again than of those it is matched with."""
    low, high = (signed_points(record[f"bought_difference_{end}"]) for end in ("low", "high"))
    counted = translate("{count} compared", count=number(record["matched"]))
    interval = translate("{low} to {high}", low=low, high=high)
    sure = translate("95%: {interval} · {count}", interval=interval, count=counted)
    return Figure(label, signed_points(record["bought_difference"]), sure)


def _silent(rows: dict[str, Record]) -> list[str]:
    silent = rows.get("silent")
    if silent is None:
        return []
    shown = {
        "share": percent(silent["bought_rate"]),
        "interval": show_interval(silent["bought_low"], silent["bought_high"], "share"),
    }
    if side(silent) < 0:
        return [
            translate(
                "Of those who were asked and did not answer, {share} bought again (95%: {interval}): less than "
                "passives who had bought alike. Silence is a sign, too.",
                **shown,
            )
        ]
    return [translate("Of those who were asked and did not answer, {share} bought again (95%: {interval}).", **shown)]


def no_effect() -> str:
    """The caution that belongs beside every figure of what people did after what they said."""
    return translate(
        "What makes people content can also make them buy: that the two go together does not say that a better score "
        "would make anybody buy."
    )


def draw_bought(records: Sequence[Record], split: str, title: str) -> Picture:
    """How many of each group bought again."""
    look = Look(title, (heading(split), heading("bought_rate"), heading("events")), percent, bounds=(0, 1))
    points = [
        point_of(
            begin(show_group(record[split], split)),
            record,
            "bought_rate",
            translate("{count} followed", count=number(record["events"])),
            "bought",
        )
        for record in records
    ]
    return picture_by(lambda width: listed(points, look, width))


def deeds(records: Sequence[Record], split: str, result: Result) -> Grid:
    """What else each group did; columns that nothing is known of are left out."""
    shown: list[tuple[str, Any]] = [
        ("margin_mean", lambda value: show(value, "money", result.currency)),
        ("returns_mean", lambda value: number(value, 2)),
        ("contacts_mean", lambda value: number(value, 2)),
        ("referrals_mean", lambda value: number(value, 2)),
        ("left_rate", lambda value: show(value, "share")),
    ]
    there = [(name, write) for name, write in shown if any(record.get(name) is not None for record in records)]
    rows = tuple(
        (
            begin(show_group(record[split], split)),
            percent(record["bought_rate"]),
            *(NOTHING if record[name] is None else write(record[name]) for name, write in there),
        )
        for record in records
    )
    return Grid((heading(split), *map(heading, ("bought_rate", *(name for name, _ in there)))), rows)


def what_the_score_adds(questions: Questions) -> Section | None:
    """Whether the score foretells anything that past purchases do not: one plain sentence."""
    result = _ask_of_occasions(questions, "score_value")
    record = next((one for one in known(result) if one["encoding"] == "score"), None)
    if result is None or record is None or record["gain_low"] is None:
        return None
    shown = {
        "gain": _gain(record["gain"]),
        "answers": number(record["later_answers"]),
        "days": number(DAYS),
    }
    if record["gain_low"] > 0:
        told = translate(
            "The score tells something of who buys again that past purchases do not: {gain} of what they leave open",
            **shown,
        )
    else:
        told = translate(
            "The score adds nothing to what past purchases tell of who buys again, as far as {answers} answers can "
            "show",
            **shown,
        )
    texts = [
        translate(
            "Past purchases and the score were read in the earlier half of the answers, and asked who would buy within "
            "{days} days after the later half. What counts is how much better that is foretold with the score than "
            "without. Below 0 the score leads astray.",
            **shown,
        )
    ]
    is_after = record["placebo_low"] is not None and record["placebo_low"] > 0 and record["placebo"] >= record["gain"]
    if is_after:
        texts.append(
            translate(
                "The score tells at least as much of what people did in as many days before it: it may be about what "
                "they have lived, not about what they will do."
            )
        )
    texts.append(_use_of_score(record["gain_low"] > 0))
    interval = translate("{low} to {high}", low=_gain(record["gain_low"]), high=_gain(record["gain_high"]))
    figure = Figure(
        translate("What the score adds"),
        _gain(record["gain"]),
        translate("95%: {interval} · {count}", interval=interval, count=count_of("answers", record["answers"])),
    )
    return Section("score-value", told, figure, texts)


def _gain(share: float) -> str:
    """A gain in percent: a true minus, and none before a zero."""
    return percent(round(share, 3) + 0.0, 1).replace("-", "−")


def _use_of_score(adds: bool) -> str:
    if adds:
        return translate("So it is worth a look, beside what people bought, when one chooses whom to call.")
    return translate(
        "So choose whom to call by what people do; ask for the score to learn what to mend, not to foretell sales."
    )
