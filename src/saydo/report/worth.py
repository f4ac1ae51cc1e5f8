"""What customers are worth in the coming year, and what a model of purchases foretold beside what was bought."""

from __future__ import annotations

from datetime import date

from saydo.charts import Grid
from saydo.charts.figures import count_of, heading, show, show_interval
from saydo.language import day, number, percent, translate
from saydo.report.story import (
    LEAST,
    Figure,
    Gap,
    Questions,
    Record,
    Section,
    first,
    known,
    notes_of,
)
from saydo.result import Result

OFF = 0.1  # a forecast this far from what happened is said to be too high or too low
WIDE = 1.0  # an interval wider than the figure itself leaves it open


def how_well_foretold(questions: Questions) -> Section | None:
    """What a model of past purchases foretold of days it had not seen, beside what was bought in them."""
    result = questions.ask("repurchase_check")
    rows = [record for record in known(result) if record["customers"]]
    if result is None or not rows or any(record["expected_low"] is None for record in rows):
        return None
    customers, made = sum(record["customers"] for record in rows), sum(record["purchases"] for record in rows)
    shown = {
        "customers": number(customers),
        "made": number(made),
        "expected": number(round(sum(record["expected_purchases"] for record in rows))),
        **_days(result),
    }
    if made < LEAST:
        return _not_judged(questions, result, shown)
    texts = [
        translate(
            "The model saw the purchases of {customers} customers before {day}, and foretold {expected} from then "
            "until {end}. They made {made}.",
            **shown,
        ),
        *_outside(rows),
    ]
    head = ("repeats", "customers", "expected_purchases", "range", "purchases")
    table = Grid(
        tuple(map(heading, head)),
        tuple(
            (
                _repeats(record["repeats"], rows),
                number(record["customers"]),
                number(round(record["expected_purchases"])),
                show_interval(record["expected_low"], record["expected_high"], "count"),
                number(record["purchases"]),
            )
            for record in rows
        ),
    )
    return Section("foretold", _foretold_heading(_off(rows)), None, texts, table=table, notes=notes_of(result)[1:])


def _days(result: Result) -> dict[str, str]:
    values = result.notes[0].values
    return {name: _day(values[name]) for name in ("day", "end")}


def _day(value: object) -> str:
    return day(value) if isinstance(value, date) else day(date.fromisoformat(str(value)[:10]))


def _not_judged(questions: Questions, result: Result, shown: dict[str, str]) -> Section:
    """Why nothing can be foretold where almost nobody has come back."""
    told = translate("Whether customers buy again cannot be foretold from these facts: almost nobody has")
    texts = [
        translate(
            "{customers} customers had bought by {day}; from then until {end} they made {made} purchases more. From so "
            "few no model can learn who comes back, and none is worth believing.",
            **shown,
        ),
        translate(
            "It need not be so that they stay away: most are seen once in a short history, and whoever comes back "
            "under another key is taken for somebody else. A longer history, and one key for one person, would tell."
        ),
    ]
    questions.gaps["repurchase_check"] = Gap(translate(result.measure.title), translate("{sentence}.", sentence=told))
    questions.used.pop("repurchase_check", None)
    return Section("foretold", told, None, texts)


def _off(rows: list[Record]) -> float:
    """How much more was foretold than bought, as a share of what was bought."""
    made = sum(record["purchases"] for record in rows)
    return float(sum(record["expected_purchases"] for record in rows)) / made - 1


def _foretold_heading(off: float) -> str:
    if off > OFF:
        return translate(
            "A model of past purchases foretold {share} more than customers then bought", share=percent(off)
        )
    if off < -OFF:
        return translate(
            "A model of past purchases foretold {share} less than customers then bought", share=percent(-off)
        )
    return translate("A model of past purchases foretold to within a tenth what customers then bought")


def _outside(rows: list[Record]) -> list[str]:
    outside = [r for r in rows if not r["expected_low"] <= r["purchases"] <= r["expected_high"]]
    if len(outside) <= max(1, round(0.05 * len(rows))):
        return []
    return [
        translate(
            "In {count} of {groups} groups what happened lies outside the range foretold: something changed that past "
            "purchases do not know, such as a season, a price or a competitor.",
            count=number(len(outside)),
            groups=number(len(rows)),
        )
    ]


def _repeats(repeats: int, rows: list[Record]) -> str:
    is_last = repeats == 7 and repeats == max(record["repeats"] for record in rows)
    return translate("{count} or more", count=number(repeats)) if is_last else number(repeats)


def what_they_are_worth(questions: Questions) -> Section | None:
    """The margin to come of today's customers in a year, and how far it is to be trusted."""
    margin = questions.ask("margin")
    if margin is None or not len(margin) or margin.to_records()[0]["margin"] is None:
        return None  # from the few sales of known cost the margin of all others cannot be taken
    result = questions.ask("lifetime_value")
    record = first(result)
    if result is None or record is None or record["margin_low"] is None:
        return None
    rows = [one for one in known(questions.ask("repurchase_check")) if one["customers"]]
    made = sum(one["purchases"] for one in rows)
    value, low, high = (float(record[name]) for name in ("expected_margin", "margin_low", "margin_high"))
    shown = {
        "value": show(value, "money", result.currency),
        "each": show(record["value_per_customer"], "money", result.currency),
        "interval": show_interval(low, high, "money", result.currency),
        "alive": percent(record["alive_share"]),
        "purchases": number(round(record["expected_purchases"])),
    }
    off = _off(rows) if made >= LEAST else 0.0
    texts = [
        translate(
            "Of all who ever bought, {alive} are expected to be still with us; they would buy {purchases} times. It is "
            "the margin of these purchases, discounted at 10% a year, before overheads.",
            **shown,
        ),
        *_tested(off, made >= LEAST),
    ]
    is_told = low > 0 and high - low <= WIDE * value
    told = _worth_heading(is_told, off, shown)
    interval = translate(
        "95%: {interval} · {count}", interval=shown["interval"], count=count_of("customers", record["customers"])
    )
    figure = Figure(translate("Margin to come in a year"), shown["value"], interval)
    return Section("lifetime", told, figure, texts, notes=notes_of(result))


def _worth_heading(is_told: bool, off: float, shown: dict[str, str]) -> str:
    if not is_told:
        return translate(
            "What today's customers will leave in the coming year cannot be told well: {interval}", **shown
        )
    if off > OFF:
        return translate(
            "Today's customers can be expected to leave rather less than {value} in the coming year, going by a model "
            "that lately foretold too much",
            **shown,
        )
    if off < -OFF:
        return translate(
            "Today's customers can be expected to leave rather more than {value} in the coming year, going by a model "
            "that lately foretold too little",
            **shown,
        )
    return translate(
        "Today's customers can be expected to leave {value} in the coming year, {each} each, if nothing changes",
        **shown,
    )


def _tested(off: float, is_tested: bool) -> list[str]:
    if not is_tested:
        return [translate("How well the model foretells could not be tested: too few bought again.")]
    if off > OFF:
        return [
            translate(
                "Tested on days it had not seen, the model foretold {share} too many purchases: take the figure for "
                "the upper end of what may come. The range knows of chance, not of that.",
                share=percent(off),
            )
        ]
    if off < -OFF:
        return [
            translate(
                "Tested on days it had not seen, the model foretold {share} too few purchases: take the figure for the "
                "lower end of what may come. The range knows of chance, not of that.",
                share=percent(-off),
            )
        ]
    return [translate("Tested on days it had not seen, the model was right to within a tenth.")]
