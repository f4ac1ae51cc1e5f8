"""What goes with broken promises when like is compared with like: in money where costs are known, else in score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from saydo.charts import Grid
from saydo.charts.figures import NOTHING, clean, heading, show, show_interval
from saydo.charts.figures import count_of as count_in_words
from saydo.charts.listed import Look, listed, point_of
from saydo.language import join, number, percent, probability, signed, translate, translate_count
from saydo.report.story import LEAST, Figure, Picture, Questions, Record, Section, Step, known, picture_by
from saydo.result import Result

ALARM = 0.05  # a placebo with a smaller p says that the two sides were not alike
SURE = 0.05  # p of the dearest promise, which was chosen among all that are ranked


def what_broken_promises_cost(questions: Questions, names: Mapping[str, str], asked: Record | None) -> Section | None:
    """The price of broken promises, ranked; without known costs, the difference in score of the promise ``asked``."""
    result = questions.ask("promise_cost")
    ranked = sorted((one for one in known(result) if one["rank"] is not None), key=lambda one: one["rank"])
    if result is None or not ranked:
        return _effect_on_score(questions, names, asked)
    top = ranked[0]
    shown = _shown(result, top, names)
    is_sure = _stands_out(top, len(ranked)) and not _is_alarmed(top) and top["broken"] >= LEAST
    texts = [_mending(ranked, shown) if is_sure else _unsure(top, shown), *_alike_in(result), *_trust(top)]
    beneath = translate(
        "The others are alike only in what is on file. What else makes promises break and moves what customers do is "
        "not taken out, so this is no proof of what mending would bring: mend one and see whether the figure moves."
    )
    label = translate("Margin that goes with broken promises, a quarter: “{promise}”", promise=shown["promise"])
    interval = show_interval(top["cost_per_quarter_low"], top["cost_per_quarter_high"], "money", result.currency)
    counted = translate("{count} broken, set beside those alike", count=number(top["broken"]))
    return Section(
        "cost",
        _heading(is_sure, shown),
        Figure(label, shown["cost"], translate("95%: {interval} · {count}", interval=interval, count=counted)),
        texts,
        [_draw(result, ranked, names)],
        table=_table(result, ranked, names),
        beneath=[beneath],
        step=_mend(top, shown) if is_sure else None,
        notes=_other_notes(result),
        weight=3 if is_sure else 0,
    )


def _alike_in(result: Result) -> list[str]:
    """What was adjusted for, in words: the last note of the measure that names columns."""
    named = [str(note.values["covariates"]) for note in result.notes if "covariates" in note.values]
    if not named:
        return []
    words = [_called(column) for column in named[-1].split(", ")]
    return [translate("Compared are promises alike in what was known when they were made: {names}.", names=join(words))]


def _called(column: str) -> str:
    """A column as people call it; a company's own by its own name."""
    name = column.rpartition(".")[2]
    return clean(name.removeprefix("x_").replace("_", " ")) if name.startswith("x_") else heading(name)


def _other_notes(result: Result) -> list[str]:
    return [str(note) for note in result.notes if "covariates" not in note.values]


def _shown(result: Result, top: Record, names: Mapping[str, str]) -> dict[str, str]:
    return {
        "promise": names.get(top["promise"], top["promise"]),
        "cost": show(top["cost_per_quarter"], "money", result.currency),
        "each": show(top["cost_per_broken"], "money", result.currency),
        "broken": number(top["broken_per_quarter"]),
        "half": show(top["half_cost"], "money", result.currency),
        "half_interval": show_interval(top["half_cost_low"], top["half_cost_high"], "money", result.currency),
    }


def _heading(is_sure: bool, shown: Mapping[str, str]) -> str:
    if is_sure:
        return translate(
            "Where “{promise}” is broken, its customers together leave {cost} a quarter less than those like them "
            "where it is kept",
            **shown,
        )
    return translate("What broken promises cost cannot be told from nothing with these facts", **shown)


def _mending(ranked: Sequence[Record], shown: Mapping[str, str]) -> str:
    others = [one for one in ranked[1:] if one["cost_per_quarter_low"] > 0]
    if others and others[0]["cost_per_quarter_high"] > ranked[0]["cost_per_quarter_low"]:
        return translate(
            "That is {broken} broken a quarter, at {each} each. If it comes from the breaking, mending half of them "
            "would bring {half} a quarter (95%: {half_interval}), whatever the mending costs. Whether it is the "
            "dearest is open: its range overlaps with that of the next.",
            **shown,
        )
    return translate(
        "That is {broken} broken a quarter, at {each} each. If it comes from the breaking, mending half of them would "
        "bring {half} a quarter (95%: {half_interval}), whatever the mending costs.",
        **shown,
    )


def _unsure(top: Record, shown: Mapping[str, str]) -> str:
    if top["broken"] < LEAST:
        return translate(
            "Too few promises were broken and followed long enough: of “{promise}”, {count}.",
            promise=shown["promise"],
            count=number(top["broken"]),
        )
    return translate(
        "The highest estimate is that of “{promise}”, {cost} a quarter, but chance alone could make the highest of "
        "several as high, or the two sides were not alike before.",
        **shown,
    )


def _stands_out(top: Record, among: int) -> bool:
    """Does the dearest promise cost more than chance makes the dearest of so many seem to?"""
    return bool(top["cost_per_quarter_low"] > 0 and top["p"] is not None and top["p"] * among < SURE)


def _is_alarmed(record: Record) -> bool:
    """Does the placebo find a difference where there can be none?"""
    return record["placebo_p"] is not None and record["placebo_p"] < ALARM


def _trust(record: Record) -> list[str]:
    """The two tests of an adjusted difference in plain words: the placebo, and how strong something unseen must be."""
    texts = []
    if _is_alarmed(record):
        texts.append(
            translate(
                "The same comparison finds a difference before the promise was even made, which breaking it cannot "
                "have made: those compared were not alike, and the figure leans on the adjustment for what they had "
                "done before."
            )
        )
    elif record["placebo_p"] is not None:
        texts.append(
            translate(
                "The test of it: the same comparison for the time before the promise was made, when breaking it can "
                "have changed nothing, finds no difference beyond noise (p = {p}).",
                p=probability(record["placebo_p"], 2),
            )
        )
    if record["e_value_limit"] is not None and record["e_value_limit"] > 1:
        texts.append(
            translate(
                "To explain it away, something not on file would have to go with both the breaking and the outcome as "
                "strongly as what makes each {value} times as likely (E-value); to bring the range down to nothing, "
                "{limit} times.",
                value=number(record["e_value"], 1),
                limit=number(record["e_value_limit"], 1),
            )
        )
    return texts


def _draw(result: Result, ranked: Sequence[Record], names: Mapping[str, str]) -> Picture:
    look = Look(
        translate("Margin that goes with broken promises, a quarter"),
        (heading("promise"), heading("cost_per_quarter"), heading("broken_per_quarter")),
        lambda value: show(value, "money", result.currency),
        reference=0,
    )
    points = [
        point_of(
            names.get(record["promise"], record["promise"]),
            record,
            "cost_per_quarter",
            translate("{count} broken", count=number(record["broken_per_quarter"])),
        )
        for record in ranked
    ]
    return picture_by(lambda width: listed(points, look, width))


def _table(result: Result, ranked: Sequence[Record], names: Mapping[str, str]) -> Grid:
    """What mending half of each would bring, and how far its figure is to be trusted."""
    head = ("promise", "kept_rate", "cost_per_broken", "half_cost", "placebo_p", "e_value")
    rows = tuple(
        (
            names.get(record["promise"], record["promise"]),
            percent(record["kept_rate"]),
            show(record["cost_per_broken"], "money", result.currency),
            show(record["half_cost"], "money", result.currency),
            probability(record["placebo_p"], 2),
            NOTHING if record["e_value"] is None else number(record["e_value"], 1),
        )
        for record in ranked
    )
    return Grid(tuple(map(heading, head)), rows)


def _mend(top: Record, shown: Mapping[str, str]) -> Step:
    count = max(1, round(top["broken_per_quarter"]))
    text = translate_count(
        "Find out what breaks “{promise}”, mend half of it, and see here what that brings: {count} is broken a "
        "quarter.",
        "Find out what breaks “{promise}”, mend half of it, and see here what that brings: {count} are broken a "
        "quarter.",
        count,
        promise=shown["promise"],
    )
    return Step(text, count, "cost")


def _effect_on_score(questions: Questions, names: Mapping[str, str], asked: Record | None) -> Section | None:
    """Where no cost is known: how much lower the score is than that of orders alike whose promise was kept."""
    if asked is None:
        return None
    result = questions.ask("promise_effect", promise=asked["promise"], outcome="score")
    record = max(
        (one for one in known(result) if one["item"] is None and one["question"] == asked["question"]),
        key=lambda one: one["broken"],
        default=None,
    )
    if result is None or record is None or min(record["broken"], record["kept"]) < LEAST:
        return None
    shown = {
        "promise": names.get(record["promise"], record["promise"]),
        "points": show(abs(record["effect"]), "score"),
        "naive": show(abs(record["naive"]), "score"),
    }
    is_sure = record["effect_high"] < 0 and not _is_alarmed(record)
    if is_sure:
        told = translate("Like for like, the score is {points} points lower where “{promise}” is broken", **shown)
    else:
        told = translate(
            "Like for like, a broken “{promise}” makes no lower score that could be told from noise and from what was "
            "unlike before",
            **shown,
        )
    text = translate("Without that comparison, the plain difference is {naive} points.", **shown)
    interval = translate("{low} to {high}", low=signed(record["effect_low"], 1), high=signed(record["effect_high"], 1))
    counted = count_in_words("answers", record["broken"] + record["kept"])
    return Section(
        "effect",
        told,
        Figure(
            translate("Difference in score, like for like"),
            signed(record["effect"], 1),
            translate("95%: {interval} · {count}", interval=interval, count=counted),
        ),
        [*_alike_in(result), text, *_trust(record)],
        notes=_other_notes(result),
    )
