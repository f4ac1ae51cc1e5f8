"""Which chart suits a result, and the words that go with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from saydo.charts import WIDE, Chart, Grid, shapes
from saydo.charts.figures import (
    NOTHING,
    begin,
    count_of,
    heading,
    show,
    show_group,
    show_interval,
    show_period,
)
from saydo.charts.groups import (
    Record,
    choose_groups,
    groups_of,
    labels_of,
    most_counted,
    naming_splits,
    splits_of,
    unlike_parts,
)
from saydo.charts.look import ACCENT, BANDS, CONFIG, PASSIVE, SCHEMA
from saydo.charts.shapes import NARROW, Point, Scale, scale_of
from saydo.language import mark, percent, translate
from saydo.measures import TIME_UNITS
from saydo.result import Result

# How the amounts of a row lead to another: where it starts, what is added or taken off (with its sign), where it ends.
ADDS_UP: dict[str, tuple[str, tuple[tuple[str, int], ...], str]] = {
    "margin": (
        "sales",
        tuple(
            (name, -1)
            for name in (
                "returns",
                "cost_of_goods",
                "shipping",
                "cost_to_serve",
                "payment_losses",
                "sales_without_cost",
            )
        ),
        "margin",
    ),
    "earned_growth": (
        "revenue_before",
        (("not_retained", -1), ("earned", 1), ("bought", 1), ("unknown_origin", 1), ("won_back", 1)),
        "revenue",
    ),
}
MOST_COHORTS = 13

MOST_PANELS = 6
BAND_NAMES = {"detractor": mark("Detractors"), "passive": mark("Passives"), "promoter": mark("Promoters")}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_ROUND_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600)
_BOUNDS = {"points": (-100.0, 100.0), "share": (0.0, 1.0), "count": (0.0, float("inf"))}
_BY = mark("{measure} by {split}")
_INTERVAL = mark("95% interval")
_HIDDEN = mark("hidden")
_ONE = mark("{figure} (95%: {interval}; {count}).")
_ONE_COUNTED = mark("{figure} ({count}).")
_EXTREMES = mark("Highest: {first} with {first_figure}; lowest: {last} with {last_figure}.")
_COURSE = mark("From {first_figure} ({first}) to {last_figure} ({last}).")
_NO_FIGURE = mark("There are too few answers to show a figure.")
_SHARES = mark("Detractors {detractor}, passives {passive}, promoters {promoter}.")
_COHORTS = {
    "month": mark("Share of those who first bought in the same month who bought again, by months since"),
    "quarter": mark("Share of those who first bought in the same quarter who bought again, by quarters since"),
    "week": mark("Share of those who first bought in the same week who bought again, by weeks since"),
}
_FIRST_BOUGHT = mark("First bought")
_BETWEEN = mark("After their first purchase, between {low} and {high} of a cohort bought again in a period.")
_ADDS_UP = mark("From {start} to {end}")
_SCORES = mark("What people answered")
_KEPT, _BROKEN = mark("promise kept"), mark("promise broken")
_SCORES_BY = mark("Mean score, by what became of “{promise}”")
_WITHOUT_SIGN = {ord(sign): None for sign in "%\u00a0\u202f"}


def chart_of(result: Result, width: int = WIDE, reference: float | None = None, reference_label: str = "") -> Chart:
    """The chart that suits the result: by its measure's kind and by what splits it."""
    times = [name for name in result.by if name in TIME_UNITS]
    if result.measure.chart == "cohorts" and {"cohort", "age"} <= set(result.by):
        return triangle(result, width)
    if result.measure.name in ADDS_UP and not splits_of(result):
        return adding_up(result, width)
    if result.measure.chart == "shares" and not times and "score_0" in result.table.column_names:
        return _shape(result, width) if not groups_of(result) else _shares_by_group(result, width)
    if times:
        return over_time(result, width)
    return in_groups(result, width, reference, reference_label)


def finish(spec: Mapping[str, Any], title: str, description: str, table: Grid) -> Chart:
    """A chart from the parts of a specification."""
    return Chart({"$schema": SCHEMA, **spec, "config": CONFIG}, title, description, table)


def over_time(result: Result, width: int = WIDE) -> Chart:
    """Figures over time as a line with its interval; a panel for each group if there is another split."""
    unit = next(name for name in result.by if name in TIME_UNITS)
    records = [record for record in result.to_records() if record[unit] is not None]
    labels = labels_of(result, records)
    panels = most_counted(result, records, labels, MOST_PANELS)
    points = [
        _point(result, record, show_period(record[unit], unit), at=record[unit], panel=label)
        for record, label in zip(records, labels, strict=True)
        if label in panels
    ]
    scale = _scale(result, [value for point in points for value in _range(point)], count=4)
    count = (3 if width <= NARROW else 6) if len(panels) == 1 else 2
    spec = shapes.lines(points, scale, times_of([p.at for p in points if p.at], unit, count), width)
    return finish(spec, _title(result), _course(points), grid_of(result))


def in_groups(result: Result, width: int = WIDE, reference: float | None = None, reference_label: str = "") -> Chart:
    """One row per group: a dot with its interval, or a bar for what was counted whole.

    The highest stands first, but where groups are numbers (a rank, a year of a contract) they keep their order. What is
    measured in different things (a score, a margin) has a panel for each.
    """
    if len(parts := unlike_parts(result)) > 1:
        return _stacked(result, {name: in_groups(part, width, reference, reference_label) for name, part in parts})
    chosen = choose_groups(result)
    points = [_point(result, record, label) for label, record in chosen]
    values = [value for point in points for value in (point.value, point.low, point.high)]
    has_interval = any(point.low is not None for point in points)
    scale = _scale(result, [*values, reference], count=shapes.room(points, width) // 60, zero=not has_interval)
    if has_interval:
        spec = shapes.dots(points, scale, width, reference=reference, reference_label=reference_label)
    else:
        spec = shapes.bars(points, scale, width)
    return finish(spec, _title(result), _extremes(points), grid_of(result))


def _stacked(result: Result, charts: Mapping[str, Chart]) -> Chart:
    """Charts under each other, each under its name."""
    views = [
        {
            "title": name,
            **{key: part for key, part in chart.spec.items() if key not in ("$schema", "config")},
        }
        for name, chart in charts.items()
    ]
    description = " ".join(f"{name}: {chart.description}" for name, chart in charts.items())
    return finish({"vconcat": views}, _title(result), description, grid_of(result))


def triangle(result: Result, width: int = WIDE) -> Chart:
    """Cohorts under each other, oldest first, and how many of each still buy, period after period."""
    records = result.to_records()
    others = [name for name in result.by if name not in ("cohort", "age")]
    if others:  # one triangle at a time: that of the largest group
        largest = max(records, key=lambda record: record[result.measure.count])
        records = [record for record in records if all(record[name] == largest[name] for name in others)]
    unit = str(result.settings.get("unit", "month"))
    starts = sorted({record["cohort"] for record in records})[-MOST_COHORTS:]
    ages = list(range(min(MOST_COHORTS, 1 + max((record["age"] for record in records), default=0))))
    rate = result.measure.headline
    cells = [
        {
            "row": starts.index(record["cohort"]),
            "column": record["age"],
            "value": record[rate],
            "text": show(record[rate], "share").translate(_WITHOUT_SIGN) if record["age"] else "",
        }
        for record in records
        if record["cohort"] in starts and record["age"] in ages
    ]
    labels = [show_period(start, unit, short=True) for start in starts]
    title = translate(_COHORTS[unit])
    spec = shapes.cohorts(cells, labels, ages, width, translate(_FIRST_BOUGHT))
    head = (translate(_FIRST_BOUGHT), heading("customers"), *(str(age) for age in ages))
    return finish(
        spec, title, _describe_cohorts(records, rate), Grid(head, _cohort_rows(records, starts, ages, rate, unit))
    )


def _cohort_rows(
    records: Sequence[Record], starts: Sequence[date], ages: Sequence[int], rate: str, unit: str
) -> tuple[tuple[str, ...], ...]:
    found = {(record["cohort"], record["age"]): record for record in records}
    return tuple(
        (
            show_period(start, unit, short=True),
            show(found[start, 0]["customers"], "count"),
            *(show(found[start, age][rate], "share") if (start, age) in found else "" for age in ages),
        )
        for start in starts
    )


def _describe_cohorts(records: Sequence[Record], rate: str) -> str:
    later = [record[rate] for record in records if record["age"] > 0 and record[rate] is not None]
    if not later:
        return translate(_NO_FIGURE)
    return translate(_BETWEEN, low=show(min(later), "share"), high=show(max(later), "share"))


def adding_up(result: Result, width: int = WIDE) -> Chart:
    """How the amounts of one row lead from its first to its last, as a waterfall."""
    record = _amounts(result.to_records()[0])
    start, parts, end = ADDS_UP[result.measure.name]
    level = record[start]
    steps = [Point(begin(heading(start)), level, text=show(level, "money", result.currency))]
    for name, sign in parts:
        if record[name]:
            change = sign * record[name]
            text = ("+" if change > 0 else "") + show(change, "money", result.currency)
            steps.append(Point(begin(heading(name)), level + change, level, text=text, colour=PASSIVE))
            level += change
    steps.append(Point(begin(heading(end)), record[end], text=show(record[end], "money", result.currency)))
    scale = scale_of([step.value for step in steps], lambda tick, _: show(tick, "money", result.currency), zero=True)
    description = "; ".join(f"{step.label} {step.text}" for step in steps) + "."
    table = Grid((heading("part"), heading("amount")), tuple((step.label, step.text) for step in steps))
    title = translate(_ADDS_UP, start=heading(start), end=heading(end))
    return finish(shapes.waterfall(steps, scale, width), title, description, table)


def _amounts(record: Record) -> dict[str, float]:
    """The amounts of a row as numbers; what left with customers is what the others did not keep."""
    amounts = {name: steady(value) for name, value in record.items() if isinstance(value, (int, float, Decimal))}
    if "retained" in amounts:
        amounts |= {
            "not_retained": amounts["revenue_before"] - amounts["retained"],
            "unknown_origin": amounts["unknown"],
        }
    return amounts


def distribution(result: Result, record: Record, width: int = WIDE) -> Chart:
    """How many gave each score of a question, as shares of all who answered."""
    scores = range(max(0, int(record["scale_min"] or 0)), min(10, int(record["scale_max"] or 10)) + 1)
    whole = record[result.measure.count] or 1
    shares = [record[f"score_{score}"] / whole for score in scores]
    points = [Point(str(score), share, text=percent(share)) for score, share in zip(scores, shares, strict=True)]
    counts = [show(record[f"score_{score}"], "count") for score in scores]
    head = (heading("score"), *(point.label for point in points))
    rows = ((heading("answers"), *counts), (heading("share"), *_texts(points)))
    description = _one(result, record)
    return finish(shapes.columns(points, width), translate(_SCORES), description, Grid(head, rows))


def two_sides(result: Result, record: Record, promise: str, width: int = WIDE) -> Chart:
    """The mean score where a promise was kept and where it was broken, each with its interval, on the whole scale."""
    points = []
    for side, name in (("kept", _KEPT), ("broken", _BROKEN)):
        ends = (_number(record, f"{side}_mean_low"), _number(record, f"{side}_mean_high"))
        mean = _number(record, f"{side}_mean")
        text = show(mean, "score")
        points.append(Point(begin(translate(name)), mean, *ends, text, count_of("answers", record[f"{side}_answers"])))
    scale = scale_of([record["scale_min"], record["scale_max"]], lambda tick, _: show(tick, "count"))
    head = (heading("promise"), heading("mean"), translate(_INTERVAL), heading("answers"))
    rows = tuple((p.label, p.text, show_interval(p.low, p.high, "score"), p.beside) for p in points)
    description = "; ".join(f"{point.label}: {point.text}" for point in points) + "."
    title = translate(_SCORES_BY, promise=promise)
    return finish(shapes.dots(points, scale, width), title, description, Grid(head, rows))


def grid_of(result: Result) -> Grid:
    """Every group with its figure, interval and count, as texts."""
    measure = result.measure
    bands = [f"{band}_share" for band in BANDS if f"{band}_share" in result.table.column_names]
    has_interval = bool(measure.low)
    head = [heading(name) for name in splits_of(result)] or [heading("figure")]
    head += [translate(measure.title), *([translate(_INTERVAL)] if has_interval else []), *map(heading, bands)]
    rows = []
    for record in result.to_records():
        names = [show_group(record[name], name) for name in splits_of(result)] or [translate(measure.title)]
        figure = translate(_HIDDEN) if record.get("is_hidden") else _figure(result, record)
        interval = [_interval(result, record) or NOTHING] if has_interval else []
        count = show(record[measure.count], "count")
        rows.append((*names, figure, *interval, *(percent(record[band]) for band in bands), count))
    return Grid((*head, heading(measure.count, measure.name)), tuple(rows), max(1, len(splits_of(result))))


def times_of(days: Sequence[date], unit: str, count: int) -> Scale:
    """An axis of time with at most ``count`` ticks, on round ones: Januaries, half-years, quarters."""
    known = sorted(set(days))
    step = -(-len(known) // count) if known else 1
    if unit in _MONTHS:
        wanted = step * _MONTHS[unit]
        months = next((round_step for round_step in _ROUND_MONTHS if round_step >= wanted), wanted)
        chosen = [day for day in known if (day.year * 12 + day.month - 1) % months == 0] or known[:1]
    else:
        chosen = known[::step]
    ticks = tuple(float(_milliseconds(day)) for day in chosen)
    labels = tuple(show_period(day, unit, short=True) for day in chosen)
    ends = (_milliseconds(known[0]), _milliseconds(known[-1])) if known else (0, 1)
    return Scale(ends[0], ends[1], ticks, labels)


def _shape(result: Result, width: int) -> Chart:
    """The three shares of one group above the eleven bars."""
    record = result.to_records()[0]
    if record[result.measure.headline] is None:
        return finish({"data": {"values": []}, "mark": "point"}, _title(result), translate(_NO_FIGURE), grid_of(result))
    scores = [record[f"score_{score}"] for score in range(11)]
    colours = [*["detractor"] * 7, *["passive"] * 2, *["promoter"] * 2]
    whole = sum(scores) or 1
    points = [
        Point(str(score), count / whole, text=percent(count / whole), colour=BANDS[colours[score]])
        for score, count in enumerate(scores)
    ]
    views = [shapes.shares(_share_row(record), width, _band_names()), shapes.columns(points, width)]
    description = " ".join([_one(result, record), _describe_shares(record)])
    head = (heading("score"), *(point.label for point in points))
    rows = ((heading("answers"), *(show(count, "count") for count in scores)), (heading("share"), *_texts(points)))
    return finish({"vconcat": views}, _title(result), description, Grid(head, rows))


def _shares_by_group(result: Result, width: int) -> Chart:
    """The figure of each group, and beneath it the three shares in the same order."""
    chosen, chart = choose_groups(result), in_groups(result, width)
    if not chosen:
        return chart
    rows = [(label, _share_row(record)) for label, record in chosen]
    drawn = {key: part for key, part in chart.spec.items() if key not in ("$schema", "config")}
    views = [drawn, shapes.shares_by_group(rows, width, list(_band_names().values()))]
    return finish({"vconcat": views}, chart.title, chart.description, chart.table)


def _share_row(record: Record) -> dict[str, tuple[float, str]]:
    return {band: (record[f"{band}_share"], percent(record[f"{band}_share"])) for band in BANDS}


def _band_names() -> dict[str, str]:
    return {band: translate(name) for band, name in BAND_NAMES.items()}


def _describe_shares(record: Record) -> str:
    return translate(_SHARES, **{band: percent(record[f"{band}_share"]) for band in BANDS})


def _texts(points: Sequence[Point]) -> list[str]:
    return [point.text for point in points]


def _point(result: Result, record: Record, label: str, at: date | None = None, panel: str = "") -> Point:
    measure = result.measure
    value, low, high = (_number(record, name) for name in (measure.headline, measure.low, measure.high))
    beside = count_of(f"{measure.name}.{measure.count}", record[measure.count])
    return Point(label, value, low, high, _figure(result, record), beside, at, panel, ACCENT)


def _number(record: Record, name: str) -> float | None:
    value = record.get(name) if name else None
    return None if value is None else steady(value)


def steady(value: float | Decimal) -> float:
    """Nine digits of a number: an engine that adds in parallel gives other ones beyond, from run to run."""
    return float(f"{value:.9g}")


def _figure(result: Result, record: Record) -> str:
    measure = result.measure
    return show(record[measure.headline], measure.unit, result.currency, half_width(result))


def half_width(result: Result) -> float | None:
    """Half the width of the interval in the middle of all groups, so that all are written with the same digits."""
    measure = result.measure
    if not measure.low or measure.low not in result.table.column_names:
        return None
    ends = zip(result.table[measure.low].to_pylist(), result.table[measure.high].to_pylist(), strict=True)
    halves = sorted((float(high) - float(low)) / 2 for low, high in ends if low is not None and high is not None)
    return halves[len(halves) // 2] if halves else None


def _interval(result: Result, record: Record) -> str:
    measure = result.measure
    low, high = (_number(record, name) for name in (measure.low, measure.high))
    return show_interval(low, high, measure.unit, result.currency)


def _range(point: Point) -> list[float | None]:
    """The figure and as much of its interval as leaves room for the course: a few wild months must not flatten it."""
    return [point.value, point.low, point.high]


def _scale(result: Result, values: Sequence[float | None], *, count: int = 5, zero: bool = False) -> Scale:
    unit = result.measure.unit
    bounds = _BOUNDS.get(unit, (float("-inf"), float("inf")))

    def write(tick: float, step: float) -> str:
        fine = {"share": 0.01, "score": 0.1}.get(unit, 0)  # below such steps a tick needs a digit more
        return show(tick, unit, result.currency, 0.001 if step < fine else 1)

    return scale_of(values, write, count=count, bounds=bounds, zero=zero)


def _title(result: Result) -> str:
    title = translate(result.measure.title)
    splits = [heading(name, result.measure.name) for name in naming_splits(result)]
    return translate(_BY, measure=title, split=", ".join(splits)) if splits else title


def _one(result: Result, record: Record) -> str:
    figure, interval = _figure(result, record), _interval(result, record)
    count = count_of(f"{result.measure.name}.{result.measure.count}", record[result.measure.count])
    return translate(_ONE if interval else _ONE_COUNTED, figure=figure, interval=interval, count=count)


def _extremes(points: Sequence[Point]) -> str:
    if not points:
        return translate(_NO_FIGURE)
    first, last = points[0], points[-1]
    return translate(_EXTREMES, first=first.label, first_figure=first.text, last=last.label, last_figure=last.text)


def _course(points: Sequence[Point]) -> str:
    known = {point.at: point for point in points if point.at and point.value is not None}
    if not known:
        return translate(_NO_FIGURE)
    first, last = known[min(known)], known[max(known)]
    return translate(_COURSE, first=first.label, first_figure=first.text, last=last.label, last_figure=last.text)


def _milliseconds(day: date) -> int:
    return int((datetime(day.year, day.month, day.day) - datetime(1970, 1, 1)).total_seconds()) * 1000
