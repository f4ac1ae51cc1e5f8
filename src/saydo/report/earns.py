"""What it earns: the margin and who makes it, growth that was earned, what winning and serving a customer costs."""

from __future__ import annotations

from saydo.charts.figures import show
from saydo.language import percent, translate, translate_count
from saydo.report.story import Chapter, Questions, Section, Step, figure_of, first, notes_of, picture, value_of


def what_it_earns(questions: Questions) -> Chapter:
    """What follows from the four squares, in money."""
    found = [_margin(questions), _concentration(questions)]
    sections = [section for section in found if section]
    absent = translate(
        "Here would stand what customers leave you, how few make most of it, and what winning and serving them costs. It "
        "takes the tables orders and order_lines, with the cost of what was sold."
    )
    return Chapter("earns", translate("What it earns"), 0, sections, "" if sections else absent)


def _margin(questions: Questions) -> Section | None:
    result = questions.ask("margin")
    record = first(result)
    if result is None or record is None:
        return None
    shown = {"margin": value_of(result, record), "each": show(record["margin_per_customer"], "money", result.currency)}
    if float(record["margin"]) < 0:
        heading = translate("Customers cost more than they bring: the margin is {margin}", **shown)
    else:
        heading = translate("Customers leave us {margin}, or {each} each", **shown)
    texts = []
    if record["margin_rate"] is not None:
        texts.append(
            translate(
                "That is {rate} of what they bought and kept, without VAT, before overheads and before what it cost to win "
                "them.",
                rate=show(float(record["margin_rate"]), "share"),
            )
        )
    return Section("margin", heading, figure_of(result, record), texts, [picture(result)], notes=notes_of(result))


def _concentration(questions: Questions) -> Section | None:
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
    step = None
    if losing:
        texts.append(
            translate_count(
                "{count} customer cost more than it brought.",
                "{count} customers cost more than they brought.",
                losing,
            )
        )
        step = Step(
            translate_count(
                "Look at {count} customer who costs more than it brings: is it returns, service or price?",
                "Look at the {count} customers who cost more than they bring: is it returns, service or price?",
                losing,
            ),
            losing,
            "concentration",
        )
    return Section("concentration", heading, None, texts, step=step)
