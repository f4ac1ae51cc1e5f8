"""What customers say: the score and its shape, where it comes from, whether it moves, who answered, and their words."""

from __future__ import annotations

from collections.abc import Mapping

from saydo.charts.figures import count_of, show_group, show_interval
from saydo.language import number, percent, signed, translate, translate_count
from saydo.report.drivers import what_the_score_goes_with
from saydo.report.satisfied import how_satisfied, weakest_item
from saydo.report.story import (
    LEAST,
    Chapter,
    Figure,
    Questions,
    Record,
    Section,
    Step,
    figure_of,
    first,
    interval_of,
    known,
    notes_of,
    only,
    only_over,
    outliers,
    picture,
    value_of,
)
from saydo.report.talk import what_people_talk_about
from saydo.report.voices import customers_words
from saydo.result import Result


def what_customers_say(questions: Questions) -> Chapter:
    """The chapter of the first square."""
    found = [
        where_the_score_stands(questions),
        how_the_score_moves(questions),
        _touchpoints(questions),
        _response(questions),
        how_satisfied(questions, leads=lead_score(questions) is None),
        what_the_score_goes_with(questions, _lead_question(questions), weakest_item(questions)),
        what_people_talk_about(questions),
        customers_words(questions),
    ]
    absent = translate(
        "Here would stand what customers answer, and how sure that is. It takes the table feedback: one row for each "
        "answer to a survey, review or complaint."
    )
    sections = [section for section in found if section]
    return Chapter("says", translate("What customers say"), 1, sections, "" if sections else absent)


def _lead_question(questions: Questions) -> str:
    """The question whose score the drivers are sought of: the recommendation, else stars, satisfaction or effort."""
    if lead_score(questions) is not None:
        return "nps"
    asked = [record["question"] for record in known(questions.lately("satisfaction"))]
    return next((question for question in ("csat", "stars", "ces") if question in asked), "nps")


def lead_score(questions: Questions) -> tuple[Result, Record] | None:
    """The score that leads: that of the relationship, else that after events, else that of unknown occasion."""
    found = (score_of(questions, occasion) for occasion in ("relational", "event", None))
    return next((score for score in found if score), None)


def score_of(questions: Questions, occasion: str | None) -> tuple[Result, Record] | None:
    """The score of one occasion."""
    result = questions.lately("nps")
    chosen = only(result, occasion=occasion) if result else None
    record = first(chosen)
    return (chosen, record) if chosen and record else None


def where_the_score_stands(questions: Questions) -> Section | None:
    """The leading score with its interval, count and shape; None without a single answer to it."""
    lead = lead_score(questions)
    if lead is None:
        return None
    result, record = lead
    words = _occasion_in_words(record["occasion"], score_of(questions, "event"))
    return Section(
        "nps",
        _score_heading(result, record),
        figure_of(result, record),
        [_shares_in_words(record), words],
        [picture(result)],
        notes=notes_of(result),
    )


def _score_heading(result: Result, record: Record) -> str:
    if record["answers"] < LEAST:
        return translate_count(
            "Only {count} answer so far: too few to tell where we stand",
            "Only {count} answers so far: too few to tell where we stand",
            record["answers"],
        )
    shown = {"nps": value_of(result, record), "interval": interval_of(result, record)}
    if record["nps_low"] > 0:
        return translate("More customers would recommend us than not: the Net Promoter Score is {nps}", **shown)
    if record["nps_high"] < 0:
        return translate(
            "More customers would warn others off than recommend us: the Net Promoter Score is {nps}", **shown
        )
    return translate("As many customers would recommend us as not, as far as {nps} points can tell", **shown)


def _shares_in_words(record: Record) -> str:
    shares = {f"{band}s": percent(record[f"{band}_share"]) for band in ("promoter", "passive", "detractor")}
    return translate(
        "{promoters} gave 9 or 10 and would recommend us (promoters), {passives} gave 7 or 8 (passives), {detractors} "
        "gave 6 or less (detractors). The score is the first share minus the last; it runs from −100 to +100.",
        **shares,
    )


def _occasion_in_words(occasion: str | None, event: tuple[Result, Record] | None) -> str:
    """Which occasion the score is of, with the other beside it, never mixed."""
    if occasion == "relational" and event:
        return translate(
            "This is the answer about the relationship as a whole. Asked right after an event, such as an order, "
            "people answer {nps} (95%: {interval}). The two questions differ, so they are never mixed.",
            nps=value_of(*event),
            interval=interval_of(*event),
        )
    if occasion == "relational":
        return translate("This is the answer about the relationship as a whole.")
    if occasion == "event":
        return translate(
            "These answers were given right after an event, such as an order. They tell about that event more than "
            "about the relationship as a whole."
        )
    return translate("On which occasion people were asked is not known.")


def how_the_score_moves(questions: Questions) -> Section | None:
    """The score over time, and whether the last full quarter differs from the one before it by more than noise."""
    lead, course = lead_score(questions), questions.ask("nps", "quarter")
    if lead is None or course is None:
        return None
    occasion = {"occasion": lead[1]["occasion"]}
    quarters = only_over(only(course, **occasion), "quarter", questions.facts)
    if len(known(quarters)) < 2:
        return None
    change = _changed(questions, "quarter", lead[1])
    texts = [_year_in_words(questions, lead[1])]
    if change is None:
        heading = translate("Too few answers to tell whether the score has changed since the quarter before")
        return Section("change", heading, None, texts, [picture(quarters)])
    result, record = change
    shown = {
        "before": signed(record["nps_before"]),
        "after": signed(record["nps_after"]),
        "points": number(abs(record["change"])),
    }
    weight = 0
    if _is_within_noise(record):
        heading = translate("The score went from {before} to {after} in a quarter, which is within noise", **shown)
    elif record["change_high"] < 0:
        heading, weight = (
            translate("The score fell from {before} to {after} in a quarter, and that is more than noise", **shown),
            3,
        )
    else:
        heading, weight = (
            translate("The score rose from {before} to {after} in a quarter, and that is more than noise", **shown),
            1,
        )
    figure = Figure(
        translate("Change against the quarter before, in points"),
        signed(record["change"]),
        translate(
            "95%: {interval} · {before} and {after} answers",
            interval=interval_of(result, record),
            before=number(record["answers_before"]),
            after=number(record["answers_after"]),
        ),
    )
    return Section("change", heading, figure, [text for text in texts if text], [picture(quarters)], weight=weight)


def _changed(questions: Questions, unit: str, lead: Record) -> tuple[Result, Record] | None:
    result = questions.ask("nps_change", compare=unit)
    record = first(only(result, occasion=lead["occasion"])) if result else None
    is_known = record is not None and record["fewer_answers"] >= LEAST and record["change_low"] is not None
    return (result, record) if result and record and is_known else None


def _year_in_words(questions: Questions, lead: Record) -> str:
    change = _changed(questions, "year", lead)
    if change is None:
        return ""
    result, record = change
    shown = {
        "points": signed(record["change"], 1),
        "interval": interval_of(result, record),
        "year": record["after"][:4],
        "before": record["before"][:4],
    }
    if _is_within_noise(record):
        return translate(
            "From {before} to {year} it changed by {points} points, which is within noise (95%: {interval}).", **shown
        )
    return translate(
        "From {before} to {year} it changed by {points} points, and that is more than noise (95%: {interval}).", **shown
    )


def _is_within_noise(record: Record) -> bool:
    """Does the interval of a change hold none? It is one comparison, chosen before looking, and so not adjusted."""
    return bool(record["change_low"] <= 0 <= record["change_high"])


def _touchpoints(questions: Questions) -> Section | None:
    split = questions.lately("nps", "touchpoint")
    whole = questions.lately("nps")
    for occasion in ("event", "relational", None):
        if split is None or whole is None:
            return None
        groups, overall = only(split, occasion=occasion), first(only(whole, occasion=occasion))
        if overall and len(groups) > 1:
            return _touchpoint_section(groups, overall)
    return None


def _touchpoint_section(groups: Result, overall: Record) -> Section:
    below, above = outliers(groups, overall["nps"])
    step = None
    if below:
        worst = below[0]
        shown = {"touchpoint": show_group(worst["touchpoint"]), "nps": value_of(groups, worst)}
        heading = translate(
            "{touchpoint} scores lower than the whole: {nps}, against {all}", all=signed(overall["nps"]), **shown
        )
        advice = translate(
            "Listen to those who gave 6 or less at {touchpoint}, and mend the cause named most.", **shown
        )
        step = Step(advice, worst["detractors"], "touchpoints") if worst["detractors"] else None
    elif above:
        best = {"touchpoint": show_group(above[0]["touchpoint"]), "nps": value_of(groups, above[0])}
        heading = translate(
            "{touchpoint} scores higher than the whole: {nps}, against {all}", all=signed(overall["nps"]), **best
        )
    else:
        heading = translate("No touchpoint stands out from the others by more than noise")
    text = translate(
        "Each line shows how sure a figure is (95% interval). A touchpoint is named only when it differs from the "
        "whole by more than so many comparisons would produce by chance."
    )
    label = translate("all {nps}", nps=signed(overall["nps"]))
    drawn = picture(groups, reference=overall["nps"], reference_label=label)
    return Section("touchpoints", heading, None, [text], [drawn], step=step, notes=notes_of(groups))


def _response(questions: Questions) -> Section | None:
    """Who answered, and what the score would be if everybody who was asked had answered like those like them."""
    result, lead = questions.lately("response"), lead_score(questions)
    if result is None or lead is None:
        return None
    asked = [r for r in known(result) if r["question"] == "nps" and r["occasion"] == lead[1]["occasion"]]
    if not asked or asked[0]["nps_weighted"] is None:
        return None
    record = asked[0]
    shown = {
        "share": value_of(result, record),
        "nps": signed(record["nps"]),
        "weighted": signed(record["nps_weighted"]),
        "interval": show_interval(record["nps_weighted_low"], record["nps_weighted_high"], "points"),
    }
    is_moved = record["nps_shift_low"] is not None and not record["nps_shift_low"] <= 0 <= record["nps_shift_high"]
    if not is_moved:
        heading = translate(
            "{share} of those we asked answered; who they are changes the score by no more than could be noise", **shown
        )
    else:
        heading = translate(
            "{share} of those we asked answered; brought back to all of them, the score is {weighted} and not {nps}",
            **shown,
        )
    interval = interval_of(result, record)
    counted = count_of("invitations", record["delivered"])
    figure = Figure(
        translate("Answered when asked"),
        shown["share"],
        translate("95%: {interval} · {count}", interval=interval, count=counted),
    )
    return Section("response", heading, figure, _reweighed_in_words(record, shown), notes=notes_of(result))


def _reweighed_in_words(record: Record, shown: Mapping[str, str]) -> list[str]:
    """What weighting changes, and what it cannot mend."""
    return [
        translate(
            "Some kinds of customers answer more than others. Weighting each kind by its number among all who were "
            "asked gives {weighted} (95%: {interval}).",
            **shown,
        ),
        translate(
            "That is {shift} points away from the {nps} of those who answered (95%: {shift_interval}).",
            shift=signed(record["nps_shift"]),
            shift_interval=show_interval(record["nps_shift_low"], record["nps_shift_high"], "points"),
            **shown,
        ),
        translate(
            "It cannot mend that happier people answer more among their like. Had all the silent been detractors, the "
            "score would be {lowest}; had they been promoters, {highest}.",
            lowest=signed(record["nps_lowest"]),
            highest=signed(record["nps_highest"]),
        ),
    ]
