"""What we promise and deliver: which promises are kept, where, how late the others come, and what is said then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from saydo.charts import Grid
from saydo.charts.figures import NOTHING, clean, heading, show, show_group, show_period
from saydo.charts.kinds import two_sides
from saydo.language import number, percent, signed, translate, translate_count
from saydo.report.cost import what_broken_promises_cost
from saydo.report.story import (
    LEAST,
    Chapter,
    Figure,
    Questions,
    Record,
    Section,
    Step,
    comparable,
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
        how_many_are_kept(questions),
        _said(questions),
        what_broken_promises_cost(questions, statements(questions), most_judged(questions)),
        which_are_kept(questions),
        where_they_break(questions),
        _lateness(questions),
        _months(questions),
    ]
    sections = [section for section in found if section]
    absent = translate(
        "Here would stand which promises are kept, where, and how late the others come. It takes the table "
        "commitments: one row for each promise given, such as a delivery date, with the day it was due and the day it "
        "was fulfilled."
    )
    return Chapter("keeps", translate("What we promise and deliver"), 4, sections, "" if sections else absent)


def statements(questions: Questions) -> dict[str, str]:
    """What each promise says, as the customer hears it."""
    if not questions.facts.has("promises"):
        return {}
    promises = questions.facts.table("promises")
    rows = questions.facts.run(promises.select("promise", "statement").order_by("promise").limit(1000)).to_pylist()
    return {row["promise"]: clean(row["statement"], 44).rstrip(".") for row in rows}


def how_many_are_kept(questions: Questions) -> Section | None:
    result = questions.lately("promises_kept")
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
            return translate("We break about one promise in {one_in}", one_in=one_in)
        return translate("We keep {share} of our promises, and break about one in {one_in}", share=share, one_in=one_in)
    return translate("We keep only {share} of our promises", share=share)


def _judged_in_words(record: Record) -> str:
    return translate(
        "Promises given: {given}. Of these kept: {kept}; broken: {broken}; not due yet: {open}; withdrawn before they "
        "fell due, because an order was cancelled for instance: {withdrawn}.",
        **{name: number(record[name]) for name in ("given", "kept", "broken", "open", "withdrawn")},
    )


def which_are_kept(questions: Questions) -> Section | None:
    """Each promise beside all, with the worst named where that is sure; None with fewer than two that fell due."""
    result, whole = questions.lately("promises_kept", "promise"), first(questions.lately("promises_kept"))
    if result is None or whole is None or len(known(result)) < 2:
        return None
    named = rename(result, "promise", statements(questions))
    below, _ = outliers(named, whole["kept_rate"])
    if below:
        shown = {"promise": below[0]["promise"], "share": value_of(named, below[0])}
        heading_ = translate("The promise broken most often is “{promise}”: kept in {share} of cases", **shown)
    else:
        heading_ = translate("No promise is kept surely less often than the others")
    label = translate("all {share}", share=percent(whole["kept_rate"]))
    drawn = picture(named, reference=whole["kept_rate"], reference_label=label)
    text = translate(
        "Each promise by itself, as the customer hears it. The line shows how sure the figure is (95% interval)."
    )
    step = _mend(questions, below)
    return Section("promises", heading_, None, [text], [drawn], step=step, notes=notes_of(result))


def _mend(questions: Questions, below: Sequence[Record]) -> Step | None:
    """The promise broken most often of those kept too seldom, unless another section already speaks of it."""
    judged = most_judged(questions)
    spoken_of = statements(questions).get(judged["promise"], judged["promise"]) if judged else None
    worst = max((one for one in below if one["promise"] != spoken_of), key=lambda one: one["broken"], default=None)
    if worst is None:
        return None
    text = translate(
        "Mend the promise “{promise}”, or promise less: it was broken {broken} times.",
        promise=worst["promise"],
        broken=number(worst["broken"]),
    )
    return Step(text, worst["broken"], "promises")


def where_they_break(questions: Questions) -> Section | None:
    """The promise and touchpoint with most promises broken beyond what the same promise suffers elsewhere."""
    cells, promises = (
        questions.lately("promises_kept", "promise,touchpoint"),
        questions.lately("promises_kept", "promise"),
    )
    if cells is None or promises is None:
        return None
    found: list[tuple[float, Result, Record, Record]] = []
    by_promise = [(whole, only(cells, promise=whole["promise"])) for whole in known(promises)]
    looked_at = sum(len(comparable(places)) for _, places in by_promise)  # the worst is picked among all of them
    for whole, places in by_promise:
        below, _ = outliers(places, whole["kept_rate"], looked_at)
        found += [(whole["kept_rate"] * cell["judged"] - cell["kept"], places, cell, whole) for cell in below]
    return _where_section(questions, *max(found, key=lambda one: one[0])) if found else None


def _where_section(questions: Questions, missing: float, places: Result, cell: Record, whole: Record) -> Section:
    count = max(1, round(missing))
    shown = {
        "touchpoint": show_group(cell["touchpoint"]),
        "promise": statements(questions).get(whole["promise"], whole["promise"]),
        "share": value_of(places, cell),
        "all": percent(whole["kept_rate"]),
    }
    heading_ = translate("{touchpoint} keeps “{promise}” in {share} of cases, against {all} overall", **shown)
    advice = translate(
        "Find out why {touchpoint} keeps “{promise}” less often than the others, and copy what they do.", **shown
    )
    text = translate_count(
        "Had it kept this promise as often as it is kept overall, {count} more would have been kept.",
        "Had it kept this promise as often as it is kept overall, {count} more would have been kept.",
        count,
    )
    label = translate("all {share}", share=shown["all"])
    drawn = picture(places, reference=whole["kept_rate"], reference_label=label)
    return Section("where", heading_, None, [text], [drawn], step=Step(advice, count, "where"))


def _lateness(questions: Questions) -> Section | None:
    result, whole = questions.lately("promises_kept", "promise"), first(questions.lately("promises_kept"))
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
    split, whole = questions.lately("promises_kept", "month"), first(questions.lately("promises_kept"))
    if split is None or whole is None:
        return None
    result = only_over(split, "month", questions.facts, questions.since)
    if len(known(result)) < 3:
        return None
    below, _ = outliers(result, whole["kept_rate"])
    if below:
        shown = {"month": show_period(below[0]["month"], "month"), "share": value_of(result, below[0])}
        heading = translate("The worst month was {month}: only {share} of the promises due were kept", **shown)
        text = translate(
            "That is farther below the year than chance among so many months would have it. Ask what was different: a "
            "strike, a stock-out, a new carrier? And what would have warned us?"
        )
    else:
        heading = translate("No month stands out from the others by more than noise")
        text = translate(
            "That does not prove that all months are alike; a single month would have to be much worse to show here."
        )
    return Section("months", heading, None, [text], [picture(result)])


def _said(questions: Questions) -> Section | None:
    """What is said where a promise was broken, beside where it was kept: together, not one because of the other."""
    result, record = questions.lately("said_when_broken"), most_judged(questions)
    if result is None or record is None:
        return None
    promise = statements(questions).get(record["promise"]) or str(record["promise"])
    counted = translate(
        "Mean scores of the answers about these orders: {broken_answers} where the promise was broken, "
        "{kept_answers} where it was kept; only answers given once that was known.",
        broken_answers=number(record["broken_answers"]),
        kept_answers=number(record["kept_answers"]),
    )
    caution = translate(
        "The two go together; that is not the effect of the broken promise. Such orders differ in other ways, too: "
        "they may go farther or be larger, which can please less by itself."
    )
    low, high = (signed(record[end], 1) for end in ("difference_low", "difference_high"))
    figure = Figure(
        translate("Difference in score"),
        signed(record["difference"], 1),
        translate("95%: {low} to {high}", low=low, high=high),
    )
    is_worse = record["difference_high"] < 0
    return Section(
        "said",
        _said_heading(record, promise),
        figure,
        [counted],
        [picture_by(lambda width: two_sides(result, record, promise, width))],
        beneath=[caution],
        step=_keep_more(questions, record, promise) if is_worse else None,
        weight=2 if is_worse else 0,
    )


def _said_heading(record: Record, promise: str) -> str:
    shown = {
        "promise": promise,
        "kept": show(record["kept_mean"], "score"),
        "broken": show(record["broken_mean"], "score"),
        "most": number(record["scale_max"]),
    }
    if record["difference_high"] < 0:
        return translate(
            "Customers give {broken} of {most} when the promise “{promise}” is broken, and {kept} when it is kept",
            **shown,
        )
    if record["difference_low"] > 0:
        return translate(
            "Customers whose “{promise}” was broken do not judge us worse: {broken} of {most}, against {kept}", **shown
        )
    return translate(
        "Whether “{promise}” was kept makes no difference to the score that could be told from noise", **shown
    )


def _keep_more(questions: Questions, record: Record, promise: str) -> Step:
    kinds = known(questions.lately("promises_kept", "promise"))
    broken = next((kind["broken"] for kind in kinds if kind["promise"] == record["promise"]), record["broken_answers"])
    text = translate_count(
        "Keep “{promise}” more often, or promise less: it was broken {count} time.",
        "Keep “{promise}” more often, or promise less: it was broken {count} times.",
        broken,
        promise=promise,
    )
    return Step(text, broken, "said")


def most_judged(questions: Questions) -> Record | None:
    """The promise with most answers on both sides, asked by the recommendation question if it was."""
    rows = known(questions.lately("said_when_broken"))
    records = [record for record in rows if record["item"] is None and record["fewer_answers"] >= LEAST]
    return max(records, key=lambda one: (one["question"] == "nps", one["fewer_answers"]), default=None)
