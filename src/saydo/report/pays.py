"""What good experiences go with: the curve from experience to loyalty, and what became of those with a case."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, permutations

from saydo.charts import Grid
from saydo.charts.figures import heading, show
from saydo.charts.listed import Look, listed, point_of
from saydo.language import mark, number, percent, translate, translate_count
from saydo.report.afterwards import DAYS, deeds, difference_figure, draw_bought, no_effect, side
from saydo.report.story import LEAST, Questions, Record, Section, Step, known, notes_of, picture_by
from saydo.result import Result

NORMAL_95 = 1.959964  # a normal interval of 95 % reaches so many standard errors to either side
GROUPS = ("content", "answered", "late")
SELDOM = 0.05  # of what was followed: a share bought again below which little can be told
WITHIN, SETTLED = 2, 30  # days in which a case is answered in time, and in which it is settled
_LIVED = {
    "score": (
        mark("The better the score, the more customers buy again within a year: from {worst} to {best}"),
        mark("Scores given, from the worst to the best"),
    ),
    "satisfaction": (
        mark("The more satisfied customers are, the more buy again within a year: from {worst} to {best}"),
        mark("Satisfaction, from the worst to the best"),
    ),
    "promises": (
        mark(
            "Customers to whom a promise was kept buy again more than those to whom one was broken: {best}, against "
            "{worst}"
        ),
        mark("A promise to them"),
    ),
}
_PROMISED = {0: mark("broken promise"), 1: mark("kept promise")}


def how_it_pays(questions: Questions) -> Section | None:
    """The loyalty curve: from the worst experiences to the best, of what is known of most."""
    for experience, (rising, title) in _LIVED.items():
        result = questions.ask("loyalty_curve", experience=experience)
        records = sorted(known(result), key=lambda record: record["part"])
        if result is not None and len(records) > 1 and min(records[0]["events"], records[-1]["events"]) >= LEAST:
            return _curve(result, records, experience, _curve_heading(records, rising), translate(title))
    return None


def _ends(records: Sequence[Record]) -> dict[str, str]:
    return {name: show(one["bought_rate"], "share") for name, one in (("worst", records[0]), ("best", records[-1]))}


def _curve_heading(records: Sequence[Record], rising: str) -> str:
    """``rising`` only where all parts bear it out; else what the ends show, or that nothing can be told apart."""
    worst, best, ends = records[0], records[-1], _ends(records)
    if _is_surely_less(worst, best):
        if _rises(records):
            return translate(rising, **ends)
        return translate(
            "Customers with the best experiences buy again more than those with the worst: {best}, against {worst}; "
            "between them it does not rise steadily",
            **ends,
        )
    if _is_surely_less(best, worst):
        return translate(
            "Customers with the best experiences buy again less than those with the worst: {best}, against {worst}",
            **ends,
        )
    if any(_is_surely_less(one, other) for one, other in permutations(records, 2)):
        return translate(
            "Customers with the best experiences buy again as much as those with the worst, as far as can be told; "
            "between them it differs"
        )
    return translate("From the worst experiences to the best, customers buy again alike, as far as can be told")


def _is_surely_less(one: Record, other: Record) -> bool:
    """Do fewer buy again, by more than both intervals allow?"""
    return bool(one["bought_high"] < other["bought_low"])


def _rises(records: Sequence[Record]) -> bool:
    """Does the line through all parts rise by more than chance, and does no part surely fall below one before it?

    The line is weighted by how sure each part is, with a 95 % interval; through two parts it is their difference.
    """
    if any(_is_surely_less(later, before) for before, later in combinations(records, 2)):
        return False
    width = [record["bought_high"] - record["bought_low"] for record in records]
    weight = [(2 * NORMAL_95 / max(one, 1e-9)) ** 2 for one in width]
    mean = sum(w * place for place, w in enumerate(weight)) / sum(weight)
    from_mean = [w * (place - mean) for place, w in enumerate(weight)]
    slope = sum(w * record["bought_rate"] for w, record in zip(from_mean, records, strict=True))
    error = sum(w * (place - mean) ** 2 for place, w in enumerate(weight)) ** 0.5  # of slope, in the same unit
    return bool(slope > NORMAL_95 * error)


def _curve(result: Result, records: Sequence[Record], experience: str, told: str, title: str) -> Section:
    look = Look(
        translate("Share who bought again within a year"),
        (title, heading("bought_rate"), heading("events")),
        lambda share: show(share, "share"),
        bounds=(0, 1),
    )
    names = [_lived(record, experience) for record in records]
    points = [
        point_of(name, record, "bought_rate", translate("{count} followed", count=number(record["events"])), "bought")
        for name, record in zip(names, records, strict=True)
    ]
    rows = tuple(
        (
            name,
            show(record["bought_rate"], "share"),
            show(record["margin_mean"], "money", result.currency),
            number(record["referrals_mean"], 2),
        )
        for name, record in zip(names, records, strict=True)
    )
    texts = [
        translate(
            "All that customers did in the year after is counted, of everybody: good customers may also be served "
            "better, or be other people."
        )
    ]
    events = sum(record["events"] for record in records)
    bought = round(sum(record["events"] * record["bought_rate"] for record in records))
    if bought < SELDOM * events:
        texts.append(
            translate(
                "Almost nobody buys again in these facts, {bought} of {events}: so few tell little, and a few more "
                "would change the picture.",
                bought=number(bought),
                events=number(events),
            )
        )
    table = Grid((title, *map(heading, ("bought_rate", "margin_mean", "referrals_mean"))), rows)
    drawn = picture_by(lambda width: listed(points, look, width))
    return Section("curve", told, None, texts, [drawn], table=table, beneath=[no_effect()], notes=notes_of(result))


def _lived(record: Record, experience: str) -> str:
    low, high = record["experience_from"], record["experience_to"]
    if experience == "promises":
        return translate(_PROMISED[round(low)])
    write = number if experience == "score" else percent
    return write(low) if low == high else translate("{low} to {high}", low=write(low), high=write(high))


def who_came_back(questions: Questions) -> Section | None:
    """What became of customers with a case, by how they were answered; those alike before it compared."""
    result = questions.ask("recovery", within=WITHIN, settled=SETTLED, horizon=DAYS)
    rows = {record["group"]: record for record in known(result)}
    told = [rows[group] for group in GROUPS if group in rows]
    if result is None or len(told) < 2:
        return None
    best = told[0]
    texts = [
        translate(
            "Answered in time is within {within} days; content is who, asked again within {settled}, gave at least 7 "
            "of 10. Counted is what they did in the {days} days after that.",
            within=number(WITHIN),
            settled=number(SETTLED),
            days=number(DAYS),
        )
    ]
    beneath = translate(
        "This is no experiment: easy cases are answered sooner, and not everybody is asked again. It is compared "
        "between people who had bought alike before; of anything else that differs it knows nothing."
    )
    figure = None
    if "late" in rows and best["bought_difference_low"] is not None:
        label = translate("Buying again: beside those answered late who had bought alike, in points of percent")
        figure = difference_figure(best, label)
    return Section(
        "recovery",
        _recovery_heading(rows, best),
        figure,
        texts,
        [draw_bought(told, "group", translate("Share who bought again, by how their case was answered"))],
        table=deeds(told, "group", result),
        beneath=[beneath],
        step=_ask_again(rows),
        notes=notes_of(result),
    )


def _recovery_heading(rows: dict[str, Record], best: Record) -> str:
    late = rows.get("late")
    if late is None or min(late["events"], best["events"]) < LEAST:
        return translate("There are too few cases to tell whether those who were answered come back")
    shown = {"share": percent(best["bought_rate"]), "late": percent(late["bought_rate"])}
    if side(best) > 0:
        return translate(
            "Those whose case was answered in time come back more than those alike who waited: {share}, against {late}",
            **shown,
        )
    if side(best) < 0:
        return translate(
            "Those whose case was answered in time come back less than those alike who waited: {share}, against {late}",
            **shown,
        )
    return translate(
        "Whether a case was answered in time makes no difference to coming back that could be told from noise", **shown
    )


def _ask_again(rows: dict[str, Record]) -> Step | None:
    """Those answered in time of whom nobody knows whether they are content."""
    answered = rows.get("answered")
    if answered is None or not answered["events"]:
        return None
    text = translate_count(
        "Ask the customer again when a case is settled: of {count} it is not known to have ended well.",
        "Ask customers again when a case is settled: {count} were answered in time and are not known to be content.",
        answered["events"],
    )
    return Step(text, answered["events"], "recovery")
