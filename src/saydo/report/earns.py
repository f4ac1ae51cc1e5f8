"""What it earns: the margin and who makes it, growth that was earned, what winning and serving a customer costs."""

from __future__ import annotations

from typing import Any

from saydo.charts import Grid
from saydo.charts.figures import NOTHING, begin, count_of, show, show_group, signed_percent
from saydo.charts.figures import heading as heading_of
from saydo.language import day, number, percent, translate, translate_count
from saydo.report.bring import what_contracts_are_worth, what_recommendations_bring
from saydo.report.story import (
    LEAST,
    Chapter,
    Figure,
    Gap,
    Questions,
    Record,
    Section,
    Step,
    a_year_before,
    figure_of,
    first,
    known,
    notes_of,
    picture,
    value_of,
)
from saydo.report.worth import what_they_are_worth
from saydo.result import Result

COSTED = 0.9  # share of the new customers whose cost must be known before a figure speaks for all of them


def what_it_earns(questions: Questions) -> Chapter:
    """What follows from the four squares, in money."""
    found = [
        what_is_left(questions),
        _concentration(questions),
        what_they_are_worth(questions),
        what_contracts_are_worth(questions),
        what_recommendations_bring(questions),
        how_it_grows(questions),
        _winning(questions),
        _serving(questions),
    ]
    sections = [section for section in found if section]
    absent = translate(
        "Here would stand what customers leave you, how few make most of it, and what winning and serving them costs. "
        "It takes the tables orders and order_lines, with the cost of what was sold."
    )
    return Chapter("earns", translate("What it earns"), 0, sections, "" if sections else absent)


def what_is_left(questions: Questions) -> Section | None:
    """The margin of the last year, from sales to what is left (a census, no interval); None without sales."""
    result = questions.lately("margin")
    if result is None or not len(result):
        return None
    record = result.to_records()[0]
    if record["margin"] is None:
        return _sales(result, record)
    shown = {"margin": value_of(result, record), "each": show(record["margin_per_customer"], "money", result.currency)}
    if float(record["margin"]) < 0:
        heading = translate("Customers cost more than they bring: the margin is {margin}", **shown)
    else:
        heading = translate("Customers leave us {margin}, or {each} each", **shown)
    texts = []
    if record["margin_rate"] is not None:
        rate = show(float(record["margin_rate"]), "share")
        texts.append(
            translate(
                "That is {rate} of what they bought and kept, without VAT, before overheads and before what it cost "
                "to win them.",
                rate=rate,
            )
        )
    figure = figure_of(result, record, translate("Margin"))
    return Section("margin", heading, figure, texts, [picture(result)], notes=notes_of(result))


def _sales(result: Result, record: Record) -> Section | None:
    """What can be told where no cost is known: what was bought."""
    if record["sales"] is None:
        return None
    sales = show(record["sales"], "money", result.currency)
    heading = translate("Customers bought for {sales}; what that leaves is not known", sales=sales)
    text = translate(
        "No cost of what was sold is known. With unit_cost in order_lines or in products, the margin would stand here, "
        "and how few customers make most of it."
    )
    counted = count_of("customers", record["customers"])
    return Section("margin", heading, Figure(translate("Sales"), sales, counted), [text], notes=notes_of(result))


def _concentration(questions: Questions) -> Section | None:
    """How few customers make most of the margin, over all facts: in a single year, who returns what was bought before
    would look like a loss.
    """
    result = questions.ask("margin")
    record = first(result)
    if result is None or record is None or record["customers_80_share"] is None:
        return None
    heading = translate("{share} of the customers make 80% of the margin", share=percent(record["customers_80_share"]))
    texts = [
        translate(
            "Half of it comes from {half} of them. Knowing these customers by name, and keeping every promise made to "
            "them, protects most of what the company lives on.",
            half=percent(record["customers_50_share"]),
        )
    ]
    losing = record["losing_customers"]
    if not losing:
        return Section("concentration", heading, None, texts)
    told = translate_count(
        "{count} customer cost {losses} more than it brought, over all the years on file.",
        "{count} customers cost {losses} more than they brought, over all the years on file.",
        losing,
        losses=show(record["losses"], "money", result.currency),
    )
    advice = translate_count(
        "Look at {count} customer who costs more than it brings: is it returns, service or price?",
        "Look at the {count} customers who cost more than they bring: is it returns, service or price?",
        losing,
    )
    return Section("concentration", heading, None, [*texts, told], step=Step(advice, losing, "concentration"))


def how_it_grows(questions: Questions) -> Section | None:
    """Growth and how much of it was earned, within the bounds that unknown origins leave; None if it is unknown."""
    result = questions.ask("earned_growth")
    record = first(result)
    if result is None or record is None or record["growth_rate"] is None:
        return None
    if record["is_cut_off"]:
        return _growth_unknown(questions, result)
    low, high = record["earned_growth_low"], record["earned_growth_high"]
    counted = count_of("customers", record["customers"])
    if low < 0 < high:  # what is not known about new customers decides
        figure = Figure(translate("Growth"), signed_percent(record["growth_rate"]), counted)
    else:
        sure = translate("{low} to {high}", low=signed_percent(low), high=signed_percent(high)) if low < high else ""
        sure = translate("{interval} · {count}", interval=sure, count=counted) if sure else counted
        figure = Figure(translate("Earned growth"), signed_percent(record["earned_growth_rate"]), sure)
    text = translate(
        "Of what customers bought in the year before, {kept} was bought again by the same customers. Earned growth "
        "counts them and the new ones who came by recommendation or by themselves, and leaves out those won by "
        "spending.",
        kept=show(record["net_revenue_retention"], "share"),
    )
    return Section("growth", _growth_heading(record), figure, [text], [picture(result)], notes=notes_of(result))


def _growth_unknown(questions: Questions, result: Result) -> Section:
    """What is missing for a comparison of two years: the one before is not all on file."""
    heading = translate(
        "How much sales grew cannot be told yet: the orders on file begin on {first}, within the year to compare with",
        first=day(questions.first_order),
    )
    text = translate("With the orders of two full years, growth would stand here, and how much of it was earned.")
    questions.gaps["earned_growth"] = Gap(translate(result.measure.title), translate("{sentence}.", sentence=heading))
    return Section("growth", heading, None, [text])


def _growth_heading(record: Record) -> str:
    grows, earns = record["growth_rate"] > 0, record["earned_growth_rate"] > 0
    shown = {"growth": percent(abs(record["growth_rate"])), "earned": percent(abs(record["earned_growth_rate"]))}
    if record["earned_growth_low"] < 0 < record["earned_growth_high"]:
        if grows:
            return translate(
                "Sales grew by {growth}; how new customers came is not known well enough to tell why", **shown
            )
        return translate(
            "Sales shrank by {growth}; how new customers came is not known well enough to tell why", **shown
        )
    if grows and earns:
        return translate(
            "Sales grew by {growth}; {earned} was earned by customers who stayed or were recommended", **shown
        )
    if grows:
        return translate(
            "Sales grew by {growth}, but those who stayed or came by themselves bought {earned} less than all the "
            "year before",
            **shown,
        )
    if earns:
        return translate(
            "Sales shrank by {growth}, although customers who stayed or were recommended brought more", **shown
        )
    return translate(
        "Sales shrank by {growth}; those who stayed or came by themselves bought {earned} less than all before",
        **shown,
    )


def _winning(questions: Questions) -> Section | None:
    """What winning a customer costs, channel by channel, beside what keeping one costs."""
    # of two years, because it takes one to know what a customer leaves in the first
    since: dict[str, Any] = {"since": a_year_before(questions.since)} if questions.since else {}
    result = questions.ask("acquisition", **since)
    records = sorted(known(result), key=lambda record: -record["new_customers"])
    costed = sum(record["costed_customers"] for record in records)
    if result is None or costed < LEAST:
        return None
    share = costed / sum(record["new_customers"] for record in result)
    cost = sum(float(record["acquisition_costs"]) for record in records) / costed
    keeping = records[0]["keeping_cost"]
    shown = {"winning": show(cost, "money", result.currency), "keeping": show(keeping, "money", result.currency)}
    if share < COSTED:
        heading = translate(
            "Winning a customer costs {winning}, as far as is known: of {share} of the new ones",
            share=percent(share),
            **shown,
        )
    elif keeping is None:
        heading = translate("Winning a customer costs {winning}", **shown)
    elif cost > float(keeping):
        heading = translate("Winning a customer costs {winning}, keeping one {keeping} a year", **shown)
    else:
        heading = translate("Keeping a customer costs {keeping} a year, more than winning one: {winning}", **shown)
    text = translate(
        "Costs of each channel spread over the customers who came by it, and the margin that they left in their first "
        "year. A channel gets the whole credit here, though people often meet several before they buy. Where it won "
        "few, or what some of them cost is not known, its figures are left out."
    )
    head = ("channel", "new_customers", "cost_per_customer", "margin_first_year", "payback_months")
    table = Grid(tuple(map(heading_of, head)), tuple(_channel_row(record, result.currency) for record in records))
    return Section("winning", heading, None, [text], table=table, notes=notes_of(result))


def _channel_row(record: Record, currency: str | None) -> tuple[str, ...]:
    months, name, new = record["payback_months"], begin(show_group(record["acquired_via"])), record["new_customers"]
    if new < LEAST or record["costed_customers"] < COSTED * new:
        return (name, number(new), NOTHING, NOTHING, NOTHING)
    return (
        name,
        number(new),
        show(record["cost_per_customer"], "money", currency),
        show(record["margin_first_year"], "money", currency),
        NOTHING if months is None else translate("at once") if not record["cost_per_customer"] else number(months),
    )


def _serving(questions: Questions) -> Section | None:
    result = questions.lately("cost_to_serve")
    record = result.to_records()[0] if result and len(result) else None
    if result is None or record is None or record["contacts_per_order"] is None:
        return None
    shown = {"hundred": show(100 * record["contacts_per_order"], "count")}
    text = translate(
        "Many of these contacts ask what should have been known before: is it available, did my order work, where is "
        "it, when does it come, how do I send it back? Each answer given in advance saves both sides a call."
    )
    if record["cost_per_order"] is None:
        heading = translate("Customers contact us {hundred} times for every 100 orders", **shown)
        return Section("serving", heading, None, [text], notes=notes_of(result))
    heading = translate(
        "Answering customers costs {cost} an order: they contact us {hundred} times for every 100 orders",
        cost=value_of(result, record),
        **shown,
    )
    return Section("serving", heading, figure_of(result, record), [text], notes=notes_of(result))
