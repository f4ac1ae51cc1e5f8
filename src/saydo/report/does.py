"""What customers do: whether they come back, who they are by what they bought, what they return, whether they pay."""

from __future__ import annotations

from datetime import timedelta

from saydo.charts import Grid
from saydo.charts.figures import begin, show, show_group, show_period
from saydo.charts.figures import heading as heading_of
from saydo.language import mark, number, percent, translate, translate_count
from saydo.report.story import (
    LEAST,
    Chapter,
    Questions,
    Section,
    Step,
    figure_of,
    first,
    known,
    notes_of,
    outliers,
    picture,
    value_of,
)

SEGMENTS = {
    "champions": mark("bought lately, often and much"),
    "loyal": mark("buy often and much, not quite lately"),
    "new": mark("bought for the first time, lately"),
    "promising": mark("bought lately, not yet often or much"),
    "wavering": mark("neither lately nor often"),
    "at risk": mark("bought often and much, but no longer"),
    "asleep": mark("bought a few times, long ago"),
    "lost": mark("bought once or little, long ago"),
}


def what_customers_do(questions: Questions) -> Chapter:
    """The chapter of the second square: behaviour."""
    found = [_again(questions), _cohorts(questions), _segments(questions), _returns(questions), _payments(questions)]
    sections = [section for section in found if section]
    absent = translate(
        "Here would stand how many customers come back, what they return and whether they pay. It takes the table "
        "orders: one row for each order, with the customer's key and the day."
    )
    return Chapter("does", translate("What customers do"), 2, sections, "" if sections else absent)


def _again(questions: Questions) -> Section | None:
    result = questions.ask("repeat_rate")
    record = first(result)
    if result is None or record is None:
        return None
    share = value_of(result, record)
    if record["customers"] < LEAST:
        heading = translate_count(
            "Only {count} customer has been with us for a year: too few to tell how many come back",
            "Only {count} customers have been with us for a year: too few to tell how many come back",
            record["customers"],
        )
    elif record["repeat_low"] > 0.5:
        heading = translate("Most customers come back: {share} buy again within a year", share=share)
    elif record["repeat_high"] < 0.5:
        heading = translate("Most customers do not come back: only {share} buy again within a year", share=share)
    else:
        heading = translate("About half of the customers come back within a year", share=share)
    texts = []
    if record["days_to_second_median"] is not None:
        texts.append(
            translate(
                "Of those who came back, half did so within {days}: that is when a word from us is most to the point.",
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
        translate("Ask some of those who bought once and never again why, before offering them anything."),
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


def _cohorts(questions: Questions) -> Section | None:
    facts = questions.facts
    begin, end = facts.manifest.first, facts.as_of
    unit = "quarter" if begin and end - begin > timedelta(days=550) else "month"
    result = questions.ask("retention", unit=unit)
    old_enough = [record for record in known(result) if record["age"] == 1 and record["customers"] >= LEAST]
    if result is None or len(old_enough) < 2:
        return None
    earlier, later = old_enough[1 if len(old_enough) > 3 else 0], old_enough[-1]  # the first may hold older customers
    shown = {
        "first": show_period(earlier["cohort"], unit),
        "first_share": value_of(result, earlier),
        "last": show_period(later["cohort"], unit),
        "last_share": value_of(result, later),
    }
    if later["retention_low"] > earlier["retention_high"]:
        heading = translate(
            "Newer customers come back more: {last_share} of those of {last}, {first_share} of those of {first}",
            **shown,
        )
    elif later["retention_high"] < earlier["retention_low"]:
        heading = translate(
            "Newer customers come back less: {last_share} of those of {last}, {first_share} of those of {first}",
            **shown,
        )
    else:
        heading = translate("No sign that newer customers come back more, or less, than older ones")
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


def _segments(questions: Questions) -> Section | None:
    result = questions.ask("rfm")
    rows = {record["segment"]: record for record in known(result)}
    if result is None or not rows:
        return None
    risk = rows.get("at risk")
    step = None
    if risk:
        share = percent(risk["sales_share"])
        heading = translate_count(
            "{count} good customer has not bought for long; it made {share} of our sales",
            "{count} good customers have not bought for long; they made {share} of our sales",
            risk["customers"],
            share=share,
        )
        step = Step(
            translate_count(
                "Call the good customer who has stopped buying: ask what happened, do not sell.",
                "Call the best of the {count} good customers who have stopped buying: ask what happened, do not sell.",
                risk["customers"],
            ),
            risk["customers"],
            "segments",
        )
    else:
        heading = translate("Who buys often and much still buys")
    text = translate(
        "Customers by when they last bought, how often and for how much, each compared with all others. It looks "
        "back: it does not say what anybody will do."
    )
    head = tuple(map(heading_of, ("segment", "what it is", "customers", "customer_share", "sales_share")))
    table = tuple(
        (
            begin(show_group(name)),
            translate(SEGMENTS[name]),
            number(rows[name]["customers"]),
            show(rows[name]["customer_share"], "share"),
            show(rows[name]["sales_share"], "share"),
        )
        for name in SEGMENTS
        if name in rows
    )
    return Section("segments", heading, None, [text], table=Grid(head, table, 2), step=step, notes=notes_of(result))


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


def _payments(questions: Questions) -> Section | None:
    result = questions.lately("payment_incidents")
    kinds = questions.lately("payment_incidents", "customers.kind") if questions.knows("customers", "kind") else None
    record = first(result)
    if result is None or record is None:
        return None
    if record["incident_rate"] < 0.01:
        heading = translate("Customers pay: fewer than 1 payment in 100 is late or fails")
    else:
        heading = translate(
            "{share} of what falls due is paid late, only at a second try, or not at all",
            share=value_of(result, record),
        )
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
    return Section("payments", heading, figure_of(result, record), texts, pictures, step=step, notes=notes_of(result))
