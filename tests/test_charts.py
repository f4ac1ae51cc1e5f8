"""Charts: the figures are in them, in words too; they draw, escape what they were given, and can be told apart."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saydo.charts import NARROW, WIDE, Chart, draw
from saydo.charts.cells import show_value
from saydo.charts.figures import clean, count_of, show, show_group, show_interval, show_money, show_period
from saydo.charts.groups import MOST_GROUPS, choose_groups, labels_of
from saydo.charts.kinds import times_of
from saydo.charts.look import BANDS, PALETTE
from saydo.charts.shapes import scale_of
from saydo.language import use
from saydo.measures import find
from saydo.result import Result

HOSTILE = '<script>alert("x")</script>&'
SVG = "{http://www.w3.org/2000/svg}"


def result(name: str, rows: Sequence[Mapping[str, Any]], *by: str) -> Result:
    """A result made by hand, as the measure would give it."""
    return Result(find(name), pa.Table.from_pylist([dict(row) for row in rows]), by, datetime(2024, 7, 1), "EUR")


def score(nps: float, half: float = 8, answers: int = 120, **split: Any) -> dict[str, Any]:
    counts = {f"score_{number}": 10 + number for number in range(11)}
    shares = {"detractor_share": 0.2, "passive_share": 0.3, "promoter_share": 0.5}
    figures = {"nps": nps, "nps_low": nps - half, "nps_high": nps + half}
    return {**split, "occasion": "event", "answers": answers, **shares, **figures, **counts, "is_hidden": False}


def kept(share: float, **split: Any) -> dict[str, Any]:
    return {**split, "kept_rate": share, "kept_low": share - 0.02, "kept_high": share + 0.02, "judged": 400}


COHORTS = [
    {"cohort": date(2023 + n // 12, n % 12 + 1, 1), "age": age, "customers": 50, "retention_rate": 1 / (age + 1)}
    for n in range(15)
    for age in range(15 - n)
]
MARGIN = {
    "customers": 10,
    "sales": 1000.0,
    "returns": 100.0,
    "cost_of_goods": 500.0,
    "shipping": 0.0,
    "cost_to_serve": 20.0,
    "payment_losses": 0.0,
    "sales_without_cost": 0.0,
    "margin": 380.0,
}
EVERY_KIND: dict[str, Callable[[], Result]] = {
    "shape": lambda: result("nps", [score(40)], "occasion"),
    "shares by group": lambda: result(
        "nps", [score(40, touchpoint=HOSTILE), score(-5, touchpoint="web")], "touchpoint", "occasion"
    ),
    "lines": lambda: result("nps", [score(30 + n, month=date(2024, n, 1)) for n in range(1, 7)], "month", "occasion"),
    "panels": lambda: result(
        "nps",
        [score(30 + n, month=date(2024, n, 1), touchpoint=place) for n in (1, 2, 3) for place in ("web", HOSTILE)],
        "month",
        "touchpoint",
    ),
    "dots": lambda: result("promises_kept", [kept(0.9, promise=HOSTILE), kept(0.7, promise=None)], "promise"),
    "one dot": lambda: result("promises_kept", [kept(0.9)]),
    "bars": lambda: result(
        "rfm", [{"segment": name, "customers": 3, "customer_share": 0.5} for name in ("new", HOSTILE)], "segment"
    ),
    "cohorts": lambda: result("retention", COHORTS, "cohort", "age"),
    "waterfall": lambda: result("margin", [MARGIN]),
}


def texts_of(chart: Chart) -> list[str]:
    return ["".join(element.itertext()) for element in ET.fromstring(chart.svg()).iter(f"{SVG}text")]  # noqa: S314


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_kind_draws_within_its_width_and_is_announced(kind: str, width: int) -> None:
    chart = draw(EVERY_KIND[kind](), width)
    root = ET.fromstring(chart.svg())  # noqa: S314  ours, and it must be well formed
    assert root.get("role") == "img"
    title, description = root[0], root[1]
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert (title.text, description.text) == (chart.title, chart.description)
    assert width * 0.9 <= float(str(root.get("width"))) <= width + 30
    shown = " ".join(texts_of(chart)) + chart.description
    assert not re.search(r"\b(None|nan|undefined|null|NaN)\b", shown)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_text_is_escaped_and_no_mark_can_act(kind: str) -> None:
    svg = draw(EVERY_KIND[kind]()).svg()
    assert "<script" not in svg
    assert not re.search(r"\bon\w+=|href=|javascript:|@import", svg)


def test_identifiers_differ_between_charts() -> None:
    charts = [draw(make(), width).svg() for make in EVERY_KIND.values() for width in (WIDE, NARROW)]
    identifiers = [found for svg in charts for found in re.findall(r' id="([^"]+)"', svg)]
    assert len(identifiers) == len(set(identifiers)) > 2 * len(charts) - 1


def test_score_comes_with_its_shares_and_eleven_bars() -> None:
    shown = texts_of(draw(EVERY_KIND["shape"]()))
    assert [text for text in shown if re.fullmatch(r"\d+", text)] == [str(number) for number in range(11)]
    assert {"Detractors 20%", "Passives 30%", "Promoters 50%"} <= set(shown)


def test_description_and_table_carry_the_figures() -> None:
    chart = draw(EVERY_KIND["dots"]())
    assert chart.description == ('Highest: <script>alert("x")</script>& with 90%; lowest: Unknown with 70%.')
    assert chart.table.head == ("promise", "Promises kept", "95% interval", "promises judged")
    assert chart.table.rows[1] == ("unknown", "70%", "68% to 72%", "400")


def test_groups_stand_highest_first_and_lonely_hidden_ones_do_not_stand() -> None:
    hidden = dict.fromkeys(score(0), None) | {"touchpoint": "small", "occasion": "event", "is_hidden": True}
    rows: list[Mapping[str, Any]] = [score(-5, touchpoint="low"), score(40, touchpoint="high"), hidden]
    chart = draw(result("nps", rows, "touchpoint", "occasion"))
    shown = [text for text in texts_of(chart) if text in ("High", "Low", "Small")]
    assert shown == ["High", "Low", "High", "Low"]  # the dots, and the shares beneath
    assert chart.table.rows[2][:2] == ("small", "hidden")


def test_time_runs_from_first_to_last_in_the_readers_language() -> None:
    with use("fr"):
        chart = draw(EVERY_KIND["lines"]())
        shown = texts_of(chart)
    assert chart.description == "De +31 (janvier 2024) à +36 (juin 2024)."
    assert "janv. 2024" in shown
    assert "+36" in shown


def test_waterfall_goes_from_sales_to_margin_without_empty_steps() -> None:
    chart = draw(EVERY_KIND["waterfall"]())
    assert chart.table.rows == (
        ("Sales", "€1,000"),
        ("Returns", "−€100"),
        ("Cost of goods", "−€500"),
        ("Cost to serve", "−€20.00"),
        ("Margin", "€380"),
    )
    ends = [row["value"] for row in chart.spec["data"]["values"]]
    assert ends == [1000, 900, 400, 380, 380]


def test_cohorts_keep_their_newest_thirteen() -> None:
    chart = draw(EVERY_KIND["cohorts"]())
    assert len(chart.table.rows) == 13
    assert chart.table.rows[-1][:3] == ("Mar 2024", "50", "100%")
    assert chart.table.rows[0][0] == "Mar 2023"


def test_one_picture_serves_light_and_dark() -> None:
    svg = draw(EVERY_KIND["shape"]()).svg()
    plain = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]+)"', svg))
    assert plain == set()
    assert "var(--promoter, #2166ac)" in svg


def _linear(colour: str) -> npt.NDArray[np.float64]:
    values = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _contrast(one: str, other: str) -> float:
    high, low = sorted((float(_linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
def test_palette_has_contrast(theme: int) -> None:
    """WCAG 2.2 AA: 4.5 for text, 3 for what is drawn."""
    colours = {name: pair[theme] for name, pair in PALETTE.items()}
    for name in ("ink", "muted", "accent"):
        assert _contrast(colours[name], colours["paper"]) >= 4.5
    for name in BANDS:
        assert _contrast(colours[name], colours["paper"]) >= 3
    for band in ("detractor", "promoter"):
        assert _contrast(colours["paper"], colours[band]) >= 4.5
    assert _contrast(colours["on-passive"], colours["passive"]) >= 4.5


# How people without red, green or blue cones see linear RGB: Machado, Oliveira and Fernandes 2009, severity 1.
BLINDNESS = {
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def _lab(linear: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    values = to_xyz @ np.clip(linear, 0, 1) / np.array([0.9505, 1, 1.089])
    x, y, z = np.where(values > 0.008856, np.cbrt(values), 7.787 * values + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("missing", BLINDNESS)
def test_bands_are_told_apart_by_colour_blind_readers(missing: str, theme: int) -> None:
    seen = [_lab(np.array(BLINDNESS[missing]) @ _linear(PALETTE[band][theme])) for band in BANDS]
    distances = [float(np.linalg.norm(one - other)) for one, other in itertools.combinations(seen, 2)]
    assert min(distances) > 20  # 2.3 is just noticeable


@pytest.mark.parametrize(
    ("value", "unit", "half", "shown"),
    [
        (0.914, "share", 0.02, "91%"),
        (0.914, "share", 0.002, "91.4%"),
        (0.004, "share", 0.02, "0.4%"),
        (34.6, "points", 2, "+35"),
        (-0.2, "points", 2, "0"),
        (4.237, "score", 0.02, "4.24"),
        (4.237, "score", 0.2, "4.2"),
        (3.14, "days", None, "3.1 days"),
        (31.4, "days", None, "31 days"),
        (1234.5, "count", None, "1,234"),
        (None, "share", None, "–"),
        (float("nan"), "money", None, "–"),
    ],
)
def test_figures_have_no_more_digits_than_they_can_bear(value: Any, unit: Any, half: Any, shown: str) -> None:
    assert show(value, unit, "EUR", half) == shown


def test_money_keeps_three_digits_that_tell() -> None:
    shown = [show_money(amount, "EUR") for amount in (0, 12.346, 1234.5, 41_234, 1_254_000, -8.4e9)]
    assert shown == ["€0", "€12.35", "€1,234", "€41.2K", "€1.25M", "−€8.4B"]
    with use("fr"):
        assert [show_money(amount, "EUR") for amount in (12.346, 41_234)] == ["12,35\xa0€", "41,2\xa0k\xa0€"]


def test_intervals_and_counts_read_as_words() -> None:
    assert show_interval(0.31, 0.37, "share") == "31% to 37%"
    assert show_interval(0.906, 0.914, "share") == "90.6% to 91.4%"
    assert show_interval(None, 0.37, "share") == ""
    assert (count_of("answers", 1), count_of("answers", 1200)) == ("1 answer", "1,200 answers")
    assert count_of("payment_incidents.judged", 2) == "2 payments"
    assert count_of("something", 2) == "2"


def test_periods_are_called_by_their_unit() -> None:
    day = date(2024, 4, 1)
    shown = [show_period(day, unit) for unit in ("year", "quarter", "month", "week", "day")]
    assert shown == ["2024", "Q2 2024", "April 2024", "week of Apr 1, 2024", "Apr 1, 2024"]


@given(st.text(max_size=200))
def test_clean_leaves_one_printable_line(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.isprintable()
    assert len(cleaned) <= 60


FIGURES = st.floats(-1e7, 1e7, allow_nan=False)


@given(st.lists(FIGURES, min_size=1, max_size=20))
def test_scale_holds_every_value_and_has_few_round_ticks(values: list[float]) -> None:
    scale = scale_of(values, lambda tick, _: str(tick))
    assert scale.low <= min(values)
    assert scale.high >= max(values)
    assert 2 <= len(scale.ticks) <= 9
    assert len(scale.labels) == len(scale.ticks)


@given(st.integers(1, 80), st.sampled_from(["month", "quarter", "year", "day"]), st.integers(2, 8))
def test_time_axis_never_crowds(count: int, unit: str, most: int) -> None:
    starts = {
        "month": [date(2018 + n // 12, n % 12 + 1, 1) for n in range(count)],
        "quarter": [date(2010 + n // 4, n % 4 * 3 + 1, 1) for n in range(count)],
        "year": [date(1950 + n, 1, 1) for n in range(count)],
        "day": [date.fromordinal(738_000 + n) for n in range(count)],
    }[unit]
    times = times_of(starts, unit, most)
    assert 1 <= len(times.ticks) <= most + 1
    assert times.low <= times.ticks[0] <= times.ticks[-1] <= times.high


# Which groups stand there, in which order, and what they are called


def test_groups_that_are_numbers_keep_their_order() -> None:
    rows = [kept(0.9 - abs(7 - number) / 20, part=number) for number in (12, 1, 2, 10, 7)]
    assert [label for label, _ in choose_groups(result("promises_kept", rows, "part"))] == ["1", "2", "7", "10", "12"]


def test_first_of_many_ranks_are_shown() -> None:
    rows = [kept(0.5, rank=number, promise=f"p{number}") for number in range(1, 101)]
    assert [label for label, _ in choose_groups(result("promises_kept", rows, "rank", "promise"))] == [
        f"P{number}" for number in range(1, MOST_GROUPS + 1)
    ]


def test_of_many_groups_that_count_the_same_the_largest_figures_stand() -> None:
    rows = [kept(number / 100, promise=f"p{number}") for number in range(100)]
    shown = choose_groups(result("promises_kept", rows, "promise"))
    assert [label for label, _ in shown] == [f"P{number}" for number in range(99, 99 - MOST_GROUPS, -1)]


def test_label_leaves_out_what_says_nothing() -> None:
    rows: list[dict[str, Any]] = [
        {"question": "ces", "item": None, "scale_min": 1.0, "scale_max": 7.0, "satisfaction": 5.0, "answers": 9},
        {"question": "csat", "item": "price", "scale_min": 1.0, "scale_max": 5.0, "satisfaction": 4.0, "answers": 9},
    ]
    by = ("question", "item", "scale_min", "scale_max")
    assert labels_of(result("satisfaction", rows, *by), rows) == ["Ces", "Csat · price"]
    rows[0] |= {"question": "csat", "item": "price"}  # asked on two scales
    assert labels_of(result("satisfaction", rows, *by), rows) == ["7", "5"]


def test_different_things_have_a_scale_each() -> None:
    measure = find("promise_effect")
    names = (measure.headline, measure.low, measure.high, measure.count)
    rows = [
        {"promise": promise, "outcome": outcome, **dict(zip(names, (effect, effect - 1, effect + 1, 50), strict=True))}
        for promise in ("delivery", "answer")
        for outcome, effect in (("margin", -57.0), ("contacts", 0.4))
    ]
    chart = draw(result("promise_effect", rows, "promise", "outcome"))
    assert [view["title"] for view in chart.spec["vconcat"]] == ["Margin", "Contacts"]
    assert "Delivery" in texts_of(chart)
    assert 'fill="#' not in chart.svg()  # each colour has one for the dark
    assert not any("Margin · " in text for text in texts_of(chart))
    assert "Margin: " in chart.description


def test_what_a_company_calls_things_is_not_called_otherwise() -> None:
    assert show_group("basic", "category") == "basic"
    assert show_group("basic", "pattern") == "basic: missed when bad"


def test_money_beyond_all_bounds_is_written_all_the_same() -> None:
    assert show_money(-2.1e205, "EUR") == "-2.1e+205 EUR"


def test_p_value_is_never_told_as_0() -> None:
    effect = result("promise_effect", [{"promise": "delivery", "placebo_p": 1e-12}], "promise")
    assert [show_value(effect, "placebo_p", value) for value in (1e-12, 0.0412)] == ["<\u00a00.0001", "0.0412"]
