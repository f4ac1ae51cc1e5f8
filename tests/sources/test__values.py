"""Numbers, times and identities as people write them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from saydo.engine import Workbench
from saydo.sources._values import MACROS


@pytest.fixture(scope="module")
def paris() -> Iterator[Workbench]:
    bench = Workbench("Europe/Paris", MACROS)
    yield bench
    bench.close()


def evaluate(bench: Workbench, expression: str, text: str | None) -> Any:
    query = f"SELECT {expression} AS value FROM (SELECT CAST(? AS VARCHAR) AS x)"  # noqa: S608
    return bench.sql(query, [text])["value"][0].as_py()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", "12"),
        (" 12.50 ", "12.5"),
        ("-0.5", "-0.5"),
        ("−7", "-7"),  # a true minus
        ("+3", "3"),
        ("1e3", "1000"),
        ("1 234.50", "1234.5"),
        ("1\u00a0234.50", "1234.5"),
        ("1\u202f234\u202f567.5", "1234567.5"),
        ("1'234.50", "1234.5"),
        ("1’234.50", "1234.5"),
        ("1,234.50", "1234.5"),
        ("1,234,567", "1234567"),
        ("1.00005", "1.0001"),  # half away from zero
        ("1,23", None),
        ("12 34", None),
        ("1,234,56", None),
        ("", None),
        ("abc", None),
        ("1.2.3", None),
        ("12€", None),
        ("nan", None),
        (None, None),
    ],
)
def test_number_with_a_point_is_read(paris: Workbench, text: str | None, value: str | None) -> None:
    assert evaluate(paris, "as_number(x)", text) == (None if value is None else Decimal(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", "12"),
        ("12,5", "12.5"),
        ("1 234,50", "1234.5"),
        ("1\u202f234,50", "1234.5"),
        ("1.234,50", "1234.5"),
        ("1.234", "1234"),
        ("1’234,50", "1234.5"),
        ("12.5", None),
        ("1.23,4", None),
    ],
)
def test_number_with_a_comma_is_read(paris: Workbench, text: str, value: str | None) -> None:
    assert evaluate(paris, "as_number(x, ',')", text) == (None if value is None else Decimal(value))


@pytest.mark.parametrize(
    ("text", "order", "utc"),
    [
        ("2024-01-05 10:22:33", "ymd", "2024-01-05 09:22:33"),
        ("2024-07-05T10:22", "ymd", "2024-07-05 08:22:00"),
        ("2024/01/05", "ymd", "2024-01-04 23:00:00"),
        ("20240105", "ymd", "2024-01-04 23:00:00"),
        ("2024-01-05T10:22:33Z", "ymd", "2024-01-05 10:22:33"),
        ("2024-01-05 10:22:33 +0100", "ymd", "2024-01-05 09:22:33"),
        ("2024-01-05T10:22:33.250-05:00", "ymd", "2024-01-05 15:22:33.250000"),
        ("05/01/2024 10:22", "dmy", "2024-01-05 09:22:00"),
        ("5.1.2024", "dmy", "2024-01-04 23:00:00"),
        ("05-01-24", "dmy", "2024-01-04 23:00:00"),
        ("01/05/2024 3:04:05 PM", "mdy", "2024-01-05 14:04:05"),
        ("1/5/2024 3:04 AM", "mdy", "2024-01-05 02:04:00"),
        ("2024-01-05 10:00", "dmy", "2024-01-05 09:00:00"),
        ("2024-03-31 02:30", "ymd", "2024-03-31 01:30:00"),  # an hour that the clocks leave out: counted on
        ("2024-10-27 02:30", "ymd", "2024-10-27 01:30:00"),  # an hour that comes twice: the second
        ("31/02/2024", "dmy", None),
        ("13/13/2024", "dmy", None),
        ("soon", "ymd", None),
        ("2024-01-05 25:00", "ymd", None),
        ("2024-01-05 and later", "ymd", None),
        (None, "ymd", None),
    ],
)
def test_time_is_read_in_the_zone_of_the_company(
    paris: Workbench, text: str | None, order: str, utc: str | None
) -> None:
    value = evaluate(paris, f"timezone('UTC', as_time(x, '{order}'))", text)
    assert value == (None if utc is None else datetime.fromisoformat(utc))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-01-05", date(2024, 1, 5)),
        ("2024-01-05 23:59", date(2024, 1, 5)),
        ("2024-01-05T23:30:00Z", date(2024, 1, 6)),  # after midnight in Paris
        ("2024-01-05 nonsense", None),
    ],
)
def test_day_is_the_local_one(paris: Workbench, text: str, day: date | None) -> None:
    assert evaluate(paris, "as_day(x)", text) == day


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-07-05", "2024-07-05 21:59:59.999999"),
        ("2024-03-31", "2024-03-31 21:59:59.999999"),  # a day of 23 hours
        ("2024-07-05 12:00", "2024-07-05 10:00:00"),
    ],
)
def test_bare_date_can_mean_the_end_of_that_day(paris: Workbench, text: str, utc: str) -> None:
    assert evaluate(paris, "timezone('UTC', as_end_of_day(x))", text) == datetime.fromisoformat(utc)


@pytest.mark.parametrize(
    ("text", "value"), [("Oui", True), (" yes", True), ("1", True), ("NEIN", False), ("f", False), ("maybe", None)]
)
def test_yes_and_no_are_read_in_three_languages(paris: Workbench, text: str, value: bool | None) -> None:
    assert evaluate(paris, "as_yes_no(x)", text) is value
