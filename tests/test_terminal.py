from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from saydo.language import use
from saydo.measures import Figures, Measure
from saydo.result import Note, Result
from saydo.terminal import print_measure, print_result


def compute(facts: object, by: Sequence[str] = (), *, until: date | None = None, least: int = 5) -> Figures:
    raise NotImplementedError


KEPT = Measure(
    name="kept",
    title="Kept",
    question="How many were kept?",
    compute=compute,
    base="commitments",
    headline="kept_rate",
    count="judged",
    low="kept_low",
    high="kept_high",
    unit="share",
    sentence="Kept were {kept_rate} of {judged} ({kept_low} to {kept_high}).",
    definition="Kept over judged.",
    cautions=("Beware.",),
    reads=("commitments",),
)
ROW = {"kept": 3, "judged": 4, "kept_rate": 0.75, "kept_low": 0.3, "kept_high": 0.95}
MORE = {"margin": 1234.5, "late_days_median": 2.25, "p": 0.01234, "early_share": 0.5, "is_change": True}


def show(rows: Sequence[dict[str, Any]], *by: str, width: int = 200, **more: Any) -> list[str]:
    """The lines of a result as they stand on a terminal, with single spaces."""
    page = io.StringIO()
    result = Result(KEPT, pa.Table.from_pylist(list(rows)), by, datetime(2024, 7, 1), "EUR")
    print_result(Console(file=page, width=width), replace(result, **more))
    return [" ".join(line.split()) for line in page.getvalue().splitlines()]


def test_table_shows_each_column_in_its_unit_and_shares_first() -> None:
    lines = show([ROW | MORE])
    assert lines[0] == "Kept"
    assert lines[1] == "Kept were 75% of 4 (30% to 95%)."
    assert lines[4] == "75% (30% to 95%) 4 50% 3 €1,234 2.2 days 0.0123 yes"


def test_table_gives_the_ends_of_an_interval_to_the_figure_before_them() -> None:
    other = {"calls": 2, "calls_per_order": 0.2, "calls_low": 0.1, "calls_high": 0.4}
    assert show([ROW | other])[4] == "75% (30% to 95%) 4 3 2 0.2 (0.1 to 0.4)"


def test_table_names_groups_and_what_is_hidden_or_unknown() -> None:
    empty = dict.fromkeys(ROW)
    rows = [
        {"month": date(2024, 6, 1), "shop": "Lyon", **ROW, "is_hidden": False},
        {"month": date(2024, 6, 1), "shop": None, **empty, "is_hidden": True},
        {"month": date(2024, 7, 1), "shop": "Liège", **empty, "is_hidden": False},
    ]
    lines = show(rows, "month", "shop")
    assert lines[2:6] == [
        "month shop share kept promises judged kept",
        "June 2024 Lyon 75% (30% to 95%) 4 3",
        "June 2024 unknown hidden – –",
        "July 2024 Liège – – –",
    ]


def test_split_that_is_null_in_every_row_has_no_column() -> None:
    lines = show([ROW | {"item": None, "region": "north"}, ROW | {"item": None, "region": "south"}], "item", "region")
    assert lines[2].startswith("region share kept")
    assert [line.split(" 75%")[0] for line in lines[3:5]] == ["north", "south"]
    other = show([ROW | {"region": None}, ROW | {"region": "south"}], "region")
    assert [line.split(" 75%")[0] for line in other[3:5]] == ["unknown", "south"]


def test_null_score_is_all_scores_together() -> None:
    lines = show([ROW | {"band": "promoters", "score": score} for score in (9, None)], "band", "score")
    assert [line.split(" 75%")[0] for line in lines[3:5]] == ["promoters 9", "promoters all"]


def test_table_carries_its_notes_and_its_moment() -> None:
    lines = show([ROW], notes=(Note("Left out: {count}.", {"count": 7}),))
    assert lines[-2:] == ["Left out: 7.", "As known before 2024-07-01 00:00 UTC."]


@pytest.mark.parametrize(("width", "told"), [(60, "4 more columns; --format csv gives all of them."), (200, "")])
def test_table_drops_columns_that_do_not_fit_and_says_so(width: int, told: str) -> None:
    lines = show([ROW | MORE], width=width)
    assert [line for line in lines if "more column" in line] == [told] * bool(told)


def test_table_tells_no_sentence_with_a_hole() -> None:
    assert show([ROW | {"kept_low": None}])[1] == ""


def test_table_speaks_french() -> None:
    with use("fr"):
        lines = show([ROW | {"early_share": 0.5}])
    assert lines[4].replace("\xa0", " ").replace("\u202f", " ").startswith("75 % (30 % à 95 %)")


def test_measure_is_explained_with_its_settings() -> None:
    page = io.StringIO()
    print_measure(Console(file=page, width=100), KEPT)
    lines = [" ".join(line.split()) for line in page.getvalue().splitlines() if line]
    assert lines[:5] == ["Kept", "How many were kept?", "Kept over judged.", "Beware.", "It needs commitments."]
    assert lines[5:] == ["setting values if left out", "until a date", "least a whole number 5"]


def test_note_writes_counts_with_separators_and_years_without() -> None:
    note = Note("Left out: {count} of {year}.", {"count": 12_345, "year": 2024})
    assert str(note) == "Left out: 12,345 of 2024."
