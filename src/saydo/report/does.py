"""What customers do: whether they come back, who they are by what they bought, what they return, whether they pay."""

from __future__ import annotations

from collections.abc import Sequence

from saydo.charts import Grid
from saydo.charts.figures import begin, show, show_group, show_period
from saydo.charts.figures import heading as heading_of
from saydo.language import day, mark, number, percent, translate, translate_count
from saydo.report.afterwards import what_the_score_adds, what_they_did_after
from saydo.report.pays import how_it_pays, who_came_back
from saydo.report.story import (
    LEAST,
    LONG,
    Chapter,
    Questions,
    Record,
    Section,
    Step,
    a_year_before,
    figure_of,
    first,
    known,
    notes_of,
    outliers,
    picture,
    value_of,
)
from saydo.report.worth import how_well_foretold
from saydo.result import Result

SEGMENTS = {
    "champions": mark("bought lately, often and much"),
    "loyal": mark("buy often and much, not quite lately"),
    "new": mark("bought for the first time, lately"),
    "promising": mark("bought lately, not yet often or much"),
    "wavering": mark("neither lately nor often"),
    "at risk": mark("bought often and much, but longer ago than most"),
    "asleep": mark("bought a few times, longer ago than most"),
    "lost": mark("bought once or little, longer ago than most"),
}
SILENT = 2  # times as long as they usually let pass: from then on customers are said to have stopped


def what_customers_do(questions: Questions) -> Chapter:
    """The chapter of the second square: behaviour."""
    found = [
        who_comes_again(questions),
        _cohorts(questions),
        how_well_foretold(questions),
        which_segments_there_are(questions),
        what_they_did_after(questions),
        what_the_score_adds(questions),
        how_it_pays(questions),
        who_came_back(questions),
        _returns(questions),
        _payments(questions),
    ]
    sections = [section for section in found if section]
    absent = translate(
        "Here would stand how many customers come back, what they return and whether they pay. It takes the table "
        "orders: one row for each order, with the customer's key and the day."
    )
    return Chapter("does", translate("What customers do"), 2, sections, "" if sections else absent)


def who_comes_again(questions: Questions) -> Section | None:
    """How many come back, of those taken for new: who comes soon after the first order on file may have come before."""
    result, is_new = _ask_of_new(questions)
    record = first(result)
    if result is None or record is None:
        return None
    heading = _again_heading(record, value_of(result, record))
    texts = [_who_is_counted(questions, is_new)]
    if record["days_to_second_median"] is not None:
        texts.append(
            translate(
                "Of those who came back, half did so within {days}.",
                days=show(record["days_to_second_median"], "days"),
            )
        )
    if record["waiting"]:
        texts.append(
            translate_count(
                "{count} customer first bought less than a year ago and is not counted yet.",
                "{count} customers first bought less than a year ago and are not counted yet.",
                record["waiting"],
            )
        )
    lost = record["customers"] - record["repeated"]
    step = Step(
        translate("Ask some of those who did not come back within a year why, before offering them anything."),
        lost,
        "again",
    )
    return Section(
        "again",
        heading,
        figure_of(result, record),
        texts,
        step=step if record["repeat_high"] < 0.5 else None,
        notes=notes_of(result),
    )


def _ask_of_new(questions: Questions) -> tuple[Result | None, bool]:
    """The repeat rate of the customers first seen a year into the orders on file, and yes; of all, and no, where these
    are too few.
    """
    result = questions.ask("repeat_rate", since=questions.new_from) if questions.new_from else None
    record = first(result)
    if record is not None and record["customers"] >= LEAST:
        return result, True
    return questions.ask("repeat_rate"), False


def _again_heading(record: Record, share: str) -> str:
    if record["customers"] < LEAST:
        return translate_count(
            "Only {count} customer has been with us for a year: too few to tell how many come back",
            "Only {count} customers have been with us for a year: too few to tell how many come back",
            record["customers"],
        )
    if record["repeat_low"] > 0.5:
        return translate("Most customers come back: {share} buy again within a year", share=share)
    if record["repeat_high"] < 0.5:
        return translate("Most customers do not come back: only {share} buy again within a year", share=share)
    return translate("About half of the customers come back within a year", share=share)


def _who_is_counted(questions: Questions, is_new: bool) -> str:
    if is_new:
        return translate(
            "Counted are customers who first bought on {since} or later: those seen before, in the first year on file, "
            "may have bought before it.",
            since=day(questions.new_from),
        )
    return translate(
        "The orders on file begin on {first}. Some customers who look new here bought before that, and those who stay "
        "are more likely to: the share can be too high.",
        first=day(questions.first_order),
    )


def _cohorts(questions: Questions) -> Section | None:
    facts = questions.facts
    begin, end = facts.manifest.first, facts.as_of
    unit = "quarter" if begin and end - begin > LONG else "month"
    result = questions.ask("retention", unit=unit)
    old_enough = [record for record in known(result) if record["age"] == 1 and record["customers"] >= LEAST]
    if result is None or len(old_enough) < 2:
        return None
    heading = _cohorts_heading(questions, result, old_enough)
    text = (
        translate(
            "Each row is everybody who first bought in the same period; each column a period later. The share is of "
            "those who bought in that very period, so a customer who buys once a year shows up in one column of four."
        )
        if unit == "quarter"
        else translate(
            "Each row is everybody who first bought in the same month; each column a month later. The share is of "
            "those who bought in that very month, so a customer who buys twice a year shows up in two columns of "
            "twelve."
        )
    )
    return Section("cohorts", heading, None, [text], [picture(result)], notes=notes_of(result))


def _cohorts_heading(questions: Questions, result: Result, records: Sequence[Record]) -> str:
    """The newest cohort beside that of the same months a year earlier, because seasons differ; no comparison where the
    earlier may hold customers who had bought before the first order on file.
    """
    later, same = records[-1], [one for one in records if one["cohort"] == a_year_before(records[-1]["cohort"])]
    new_from = questions.new_from
    if not same or new_from is None or same[0]["cohort"] < new_from:
        return translate("How many come back, by when they first bought")
    earlier, unit = same[0], str(result.settings["unit"])
    shown = {
        "first": show_period(earlier["cohort"], unit),
        "first_share": value_of(result, earlier),
        "last": show_period(later["cohort"], unit),
        "last_share": value_of(result, later),
    }
    if later["retention_low"] > earlier["retention_high"]:
        return translate(
            "New customers come back more than a year before: {last_share} of those of {last}, {first_share} of those "
            "of {first}",
            **shown,
        )
    if later["retention_high"] < earlier["retention_low"]:
        return translate(
            "New customers come back less than a year before: {last_share} of those of {last}, {first_share} of those "
            "of {first}",
            **shown,
        )
    return translate(
        "New customers come back no more and no less than a year before that could be told from noise: {last_share} of "
        "those of {last}, {first_share} of those of {first}",
        **shown,
    )


def which_segments_there_are(questions: Questions) -> Section | None:
    """The segments of customers (rfm): good ones who stopped buying first; None without orders of known customers."""
    result = questions.ask("rfm")
    rows = {record["segment"]: record for record in known(result)}
    if result is None or not rows:
        return None
    risk = rows.get("at risk")
    text = translate(
        "Customers by when they last bought, how often and for how much, each compared with all others. It looks "
        "back: it does not say what anybody will do."
    )
    texts, step = [text], None
    if risk and _have_stopped(risk):
        texts, step = [text, _how_long_silent(risk)], _call(risk)
    head = tuple(map(heading_of, ("segment", "what it is", "customers", "customer_share", "sales_share")))
    table = tuple(
        (
            begin(show_group(name, "segment")),
            translate(SEGMENTS[name]),
            number(rows[name]["customers"]),
            show(rows[name]["customer_share"], "share"),
            show(rows[name]["sales_share"], "share"),
        )
        for name in SEGMENTS
        if name in rows
    )
    grid, notes = Grid(head, table, 2), notes_of(result)
    return Section("segments", _segments_heading(risk), None, texts, table=grid, step=step, notes=notes)


def _have_stopped(risk: Record) -> bool:
    """Are they silent by their own measure? Among customers who all bought last week some did so longest ago, too."""
    silent, usual = risk["days_since_last_purchase_median"], risk["days_between_purchases_median"]
    return usual is not None and bool(silent > SILENT * usual)


def _segments_heading(risk: Record | None) -> str:
    if not risk:
        return translate("Nobody who buys often and much is among those who bought longest ago")
    shown = {"share": percent(risk["sales_share"])}
    if _have_stopped(risk):
        return translate_count(
            "{count} good customer has not bought for long; it made {share} of our sales",
            "{count} good customers have not bought for long; they made {share} of our sales",
            risk["customers"],
            **shown,
        )
    return translate_count(
        "{count} good customer bought longer ago than most, but not long ago for one who buys as often; it made "
        "{share} of our sales",
        "{count} good customers bought longer ago than most, but not long ago for people who buy as often; they made "
        "{share} of our sales",
        risk["customers"],
        **shown,
    )


def _how_long_silent(risk: Record) -> str:
    return translate(
        "Half of these good customers have not bought for {silent} or more; half used to buy every {usual} or more "
        "often.",
        silent=show(risk["days_since_last_purchase_median"], "days"),
        usual=show(risk["days_between_purchases_median"], "days"),
    )


def _call(risk: Record) -> Step:
    text = translate_count(
        "Call the good customer who has stopped buying: ask what happened, do not sell.",
        "Call the best of the {count} good customers who have stopped buying: ask what happened, do not sell.",
        risk["customers"],
    )
    return Step(text, risk["customers"], "segments")


def _returns(questions: Questions) -> Section | None:
    result, groups = questions.lately("returns_rate"), questions.lately("returns_rate", "products.category")
    record = first(result)
    if result is None or record is None:
        return None
    heading = translate("{share} of what we sell comes back", share=value_of(result, record))
    step, pictures = None, []
    if groups is not None and len(known(groups)) > 1:
        label = translate("all {share}", share=value_of(result, record))
        pictures = [picture(groups, reference=record["return_rate"], reference_label=label)]
        _, above = outliers(groups, record["return_rate"])
        if above:
            shown = {"category": begin(show_group(above[0]["category"])), "share": value_of(groups, above[0])}
            heading = translate(
                "{category} comes back most: {share} of what was sold, against {all} overall",
                all=value_of(result, record),
                **shown,
            )
            step = Step(
                translate(
                    "{category} comes back most often: find out why. Look at how it is described, advised and packed.",
                    **shown,
                ),
                above[0]["returned_lines"],
                "returns",
            )
    texts = [
        translate(
            "A return is often a promise about the product that was not kept. Only what had time to come back is "
            "counted."
        ),
        *_reason(questions),
    ]
    return Section("returns", heading, figure_of(result, record), texts, pictures, step=step, notes=notes_of(result))


def _reason(questions: Questions) -> list[str]:
    """The reason given most often, if it is surely more often than the next."""
    result = questions.lately("return_reasons")
    ranked = sorted(known(result), key=lambda record: -record["share"])
    if result is None or len(ranked) < 2 or ranked[0]["returns"] < LEAST:
        return []
    top, next_one = ranked[:2]
    shown = {
        "reason": show_group(top["reason"]),
        "share": value_of(result, top),
        "next": show_group(next_one["reason"]),
        "next_share": value_of(result, next_one),
    }
    if top["share_low"] > next_one["share_high"]:
        return [
            translate("The reason ticked most often is “{reason}” ({share}), before “{next}” ({next_share}).", **shown)
        ]
    return [translate("“{reason}” ({share}) and “{next}” ({next_share}) are the reasons ticked most often.", **shown)]


def _how_they_pay(result: Result, record: Record) -> str:
    if record["judged"] < LEAST:
        return translate_count(
            "Only {count} payment has fallen due: too few to tell how customers pay",
            "Only {count} payments have fallen due: too few to tell how customers pay",
            record["judged"],
        )
    if record["incident_high"] < 0.01:
        return translate("Customers pay: fewer than 1 payment in 100 is late or fails")
    return translate(
        "{share} of what falls due is paid late, only at a second try, or not at all", share=value_of(result, record)
    )


def _payments(questions: Questions) -> Section | None:
    result = questions.lately("payment_incidents")
    kinds = questions.lately("payment_incidents", "customers.kind") if questions.knows("customers", "kind") else None
    record = first(result)
    if result is None or record is None:
        return None
    texts = []
    at_risk, lost = (show(record[f"amount_{what}"], "money", result.currency) for what in ("at_risk", "lost"))
    if record["amount_lost"]:
        texts.append(
            translate(
                "{at_risk} is overdue, and {lost} is lost: it failed, or is unpaid long after it was due.",
                at_risk=at_risk,
                lost=lost,
            )
        )
    elif record["amount_at_risk"]:
        texts.append(translate("{at_risk} is overdue; nothing is lost so far.", at_risk=at_risk))
    if record["late_days_median"] is not None:
        texts.append(
            translate("Half of the late payments came within {days}.", days=show(record["late_days_median"], "days"))
        )
    step, pictures = None, []
    if kinds is not None and len(known(kinds)) > 1:
        label = translate("all {share}", share=value_of(result, record))
        pictures = [picture(kinds, reference=record["incident_rate"], reference_label=label)]
    texts.append(
        translate(
            "A late payment can be our own doing: a wrong invoice, a parcel that came late. Ask before you remind."
        )
    )
    if record["overdue"]:
        text = translate_count(
            "Call about the payment that is overdue.",
            "Call about the {count} payments that are overdue.",
            record["overdue"],
        )
        step = Step(text, record["overdue"], "payments")
    told = _how_they_pay(result, record)
    return Section("payments", told, figure_of(result, record), texts, pictures, step=step, notes=notes_of(result))
