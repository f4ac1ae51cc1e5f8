"""What we promised and what we delivered: which promises are kept, where, how late the others, and what is said then."""

from __future__ import annotations

from collections.abc import Mapping

from saydo.charts import Grid
from saydo.charts.figures import NOTHING, clean, heading, show, show_group, show_period
from saydo.charts.kinds import two_sides
from saydo.language import number, percent, signed, translate, translate_count
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
    known,
    notes_of,
    only,
    only_over,
    outliers,
    picture,
    picture_by,
    rename,
    value_of,
)
from saydo.result import Result

SURE, POOR = 0.95, 0.8  # a share kept that is surely above is a good word, surely below a bad one


def what_we_deliver(questions: Questions) -> Chapter:
    """The chapter of the two squares of the company: its promises, and what became of them."""
    found = [
        _all(questions),
        _said(questions),
        _by_promise(questions),
        _where(questions),
        _lateness(questions),
        _months(questions),
    ]
    sections = [section for section in found if section]
    absent = translate(
        "Here would stand which promises are kept, where, and how late the others come. It takes the table commitments: "
        "one row for each promise given, such as a delivery date, with the day it was due and the day it was fulfilled."
    )
    return Chapter("keeps", translate("What we promise and deliver"), 4, sections, "" if sections else absent)


def statements(questions: Questions) -> dict[str, str]:
    """What each promise says, as the customer hears it."""
    if not questions.facts.has("promises"):
        return {}
    promises = questions.facts.table("promises")
    rows = questions.facts.run(promises.select("promise", "statement").order_by("promise").limit(1000)).to_pylist()
    return {row["promise"]: clean(row["statement"], 44).rstrip(".") for row in rows}


def _all(questions: Questions) -> Section | None:
    result = questions.ask("promises_kept")
    record = first(result)
    if result is None or record is None:
        return None
    texts = [_judged_in_words(record)]
    return Section("kept", _kept_heading(record), figure_of(result, record), texts, notes=notes_of(result))


def _kept_heading(record: Record) -> str:
    broken, share = record["broken"], percent(record["kept_rate"])
    if record["judged"] < LEAST:
        return translate_count(
            "Only {count} promise has fallen due: too few to tell how well we keep them",
            "Only {count} promises have fallen due: too few to tell how well we keep them",
            record["judged"],
        )
    if record["kept_low"] > SURE:
        return translate("We keep our word: {share} of the promises that fell due were kept", share=share)
    if record["kept_rate"] > 0.5 and broken:
        one_in = number(record["judged"] / broken)
        if record["kept_high"] < POOR:
            return translate("We break one promise in {one_in}", one_in=one_in)
        return translate("We keep {share} of our promises, and break about one in {one_in}", share=share, one_in=one_in)
    return translate("We keep only {share} of our promises", share=share)


def _judged_in_words(record: Record) -> str:
    return translate(
        "{given} promises were given. {kept} were kept and {broken} broken; {open} are not due yet, and {withdrawn} were "
        "withdrawn before they fell due (an order cancelled, for instance).",
        **{name: number(record[name]) for name in ("given", "kept", "broken", "open", "withdrawn")},
    )


def _by_promise(questions: Questions) -> Section | None:
    result, whole = questions.ask("promises_kept", "promise"), first(questions.ask("promises_kept"))
    if result is None or whole is None or len(known(result)) < 2:
        return None
    named = rename(result, "promise", statements(questions))
    below, _ = outliers(named, whole["kept_rate"])
    step = None
    if below:
        worst = below[0]
        shown = {"promise": worst["promise"], "share": value_of(named, worst)}
        heading = translate("The promise broken most often is “{promise}”: kept in {share} of cases", **shown)
        most = max(below, key=lambda record: record["broken"])
        step = Step(
            translate(
                "Mend the promise “{promise}”, or promise less: it was broken {broken} times.",
                promise=most["promise"],
                broken=number(most["broken"]),
            ),
            most["broken"],
            "promises",
        )
    else:
        heading = translate("No promise is kept surely less often than the others")
    label = translate("all {share}", share=percent(whole["kept_rate"]))
    drawn = picture(named, reference=whole["kept_rate"], reference_label=label)
    text = translate(
        "Each promise by itself, as the customer hears it. The line shows how sure the figure is (95% interval)."
    )
    return Section("promises", heading, None, [text], [drawn], step=step, notes=notes_of(result))


def _where(questions: Questions) -> Section | None:
    """The promise and touchpoint that differ most from the same promise elsewhere."""
    cells, promises = questions.ask("promises_kept", "promise,touchpoint"), questions.ask("promises_kept", "promise")
    if cells is None or promises is None:
        return None
    overall = {record["promise"]: record for record in known(promises)}
    found: list[tuple[float, Result, Record]] = []
    for promise, whole in overall.items():
        places = only(cells, promise=promise)
        below, _ = outliers(places, whole["kept_rate"])
        found += [(whole["kept_rate"] * cell["judged"] - cell["kept"], places, cell) for cell in below]
    if not found:
        return None
    missing, places, cell = max(found, key=lambda one: one[0])
    promise = next(
        name for name, whole in overall.items() if len(places) and only(cells, promise=name).table.equals(places.table)
    )
    return _where_section(questions, places, cell, overall[promise], missing)


def _where_section(questions: Questions, places: Result, cell: Record, whole: Record, missing: float) -> Section:
    shown = {
        "touchpoint": show_group(cell["touchpoint"]),
        "promise": statements(questions).get(whole["promise"], whole["promise"]),
        "share": value_of(places, cell),
        "all": percent(whole["kept_rate"]),
    }
    heading = translate("{touchpoint} keeps “{promise}” in {share} of cases, against {all} overall", **shown)
    step = Step(
        translate(
            "Find out why {touchpoint} keeps “{promise}” less often than the others, and copy what they do.", **shown
        ),
        max(1, round(missing)),
        "where",
    )
    label = translate("all {share}", share=shown["all"])
    drawn = picture(places, reference=whole["kept_rate"], reference_label=label)
    text = translate_count(
        "Had it kept this promise as often as the others, {count} more would have been kept.",
        "Had it kept this promise as often as the others, {count} more would have been kept.",
        max(1, round(missing)),
    )
    return Section("where", heading, None, [text], [drawn], step=step)


def _lateness(questions: Questions) -> Section | None:
    result, whole = questions.ask("promises_kept", "promise"), first(questions.ask("promises_kept"))
    if result is None or whole is None or whole["late"] < LEAST:
        return None
    names = statements(questions)
    rows = [_late_row(names, record) for record in known(result) if record["late"]]
    head = ("promise", "late", "late_days_median", "late_days_p90", "overdue")
    sentence = translate(
        "Half of what comes late is at most {median} late, and one in ten more than {most}",
        median=_span(whole["late_days_median"]),
        most=_span(whole["late_days_p90"]),
    )
    overdue = translate_count(
        "{count} promise is past due and still not fulfilled; its delay is not in these days yet.",
        "{count} promises are past due and still not fulfilled; their delays are not in these days yet.",
        whole["overdue"],
    )
    return Section(
        "lateness",
        sentence,
        None,
        [overdue] if whole["overdue"] else [],
        table=Grid(tuple(map(heading, head)), tuple(rows)),
    )


def _late_row(names: Mapping[str, str], record: Record) -> tuple[str, ...]:
    days = (_span(record["late_days_median"]), _span(record["late_days_p90"]))
    return (names.get(record["promise"], record["promise"]), number(record["late"]), *days, number(record["overdue"]))


def _span(days: float | None) -> str:
    """Days, or hours below two of them, in words."""
    if days is None:
        return NOTHING
    if days < 2:
        hours = max(1, round(24 * days))
        return translate_count("{count} hour", "{count} hours", hours)
    return show(days, "days")


def _months(questions: Questions) -> Section | None:
    split, whole = questions.ask("promises_kept", "month"), first(questions.ask("promises_kept"))
    if split is None or whole is None:
        return None
    result = only_over(split, "month", questions.facts)
    if len(known(result)) < 3:
        return None
    below, _ = outliers(result, whole["kept_rate"])
    if below:
        shown = {"month": show_period(below[0]["month"], "month"), "share": value_of(result, below[0])}
        heading = translate("The worst month was {month}: only {share} of the promises due were kept", **shown)
        text = translate(
            "A single bad month has a cause of its own: a strike, a stock-out, a new carrier. Ask what happened, and "
            "what would have warned us."
        )
    else:
        heading = translate("From month to month the share kept moves no more than chance would have it")
        text = translate("No month stands out, so look for causes that are always there.")
    return Section("months", heading, None, [text], [picture(result)])


def _said(questions: Questions) -> Section | None:
    """The promise with most answers behind it: what is said where it was broken, and where it was kept."""
    result = questions.ask("said_when_broken")
    records = [record for record in known(result) if record["item"] is None and record["fewer_answers"] >= LEAST]
    if result is None or not records:
        return None
    record = max(records, key=lambda one: (one["question"] == "nps", one["fewer_answers"]))
    shown = {
        "promise": statements(questions).get(record["promise"], record["promise"]),
        "kept": show(record["kept_mean"], "score"),
        "broken": show(record["broken_mean"], "score"),
        "most": number(record["scale_max"]),
    }
    if record["difference_high"] < 0:
        heading_ = translate(
            "Customers give {broken} of {most} when we break “{promise}”, and {kept} when we keep it", **shown
        )
    elif record["difference_low"] > 0:
        heading_ = translate(
            "Customers whose “{promise}” was broken do not judge us worse: {broken} of {most}, against {kept}", **shown
        )
    else:
        heading_ = translate(
            "Whether “{promise}” was kept makes no difference to the score that could be told from noise", **shown
        )
    texts = [
        translate(
            "Mean scores of the answers about these orders: {broken_answers} where the promise was broken, {kept_answers} "
            "where it was kept; only answers given once that was known.",
            broken_answers=number(record["broken_answers"]),
            kept_answers=number(record["kept_answers"]),
        ),
        translate(
            "The two go together; that is not the effect of being late. Late orders differ in other ways, too: they go "
            "farther or are larger, and that may please less by itself."
        ),
    ]
    figure = Figure(
        translate("Difference in score"),
        signed(record["difference"], 1),
        translate(
            "95%: {low} to {high}", low=signed(record["difference_low"], 1), high=signed(record["difference_high"], 1)
        ),
    )
    weight, step = 0, None
    if record["difference_high"] < 0:
        broken = next(
            one["broken"]
            for one in known(questions.ask("promises_kept", "promise"))
            if one["promise"] == record["promise"]
        )
        weight = 2
        step = Step(
            translate_count(
                "Keep “{promise}” more often, or promise less: it was broken {count} time.",
                "Keep “{promise}” more often, or promise less: it was broken {count} times.",
                broken,
                promise=shown["promise"],
            ),
            broken,
            "said",
        )
    drawn = picture_by(lambda width: two_sides(result, record, shown["promise"], width))
    return Section("said", heading_, figure, texts, [drawn], step=step, weight=weight)
