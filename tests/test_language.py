"""Words, numbers, dates and money in the reader's language."""

from __future__ import annotations

from datetime import date

import pytest

from saydo import language


@pytest.mark.parametrize(
    ("code", "number", "percent", "money", "day"),
    [
        ("en", "1,234.5", "8.2%", "€1,234.50", "July 1, 2024"),
        ("fr", "1\u202f234,5", "8,2\u00a0%", "1\u202f234,50\u00a0€", "1er juillet 2024"),
        ("fr-CH", "1\u202f234,5", "8,2%", "1\u202f234,50\u00a0€", "1er juillet 2024"),
    ],
)
def test_figures_are_written_in_the_readers_form(code: str, number: str, percent: str, money: str, day: str) -> None:
    with language.use(code):
        assert language.number(1234.5, 1) == number
        assert language.percent(0.082, 1) == percent
        assert language.money(1234.5, "EUR", 2) == money
        assert language.day(date(2024, 7, 1)) == day


def test_null_is_a_dash_everywhere() -> None:
    shown = [language.number(None), language.percent(None), language.money(None, "EUR"), language.day(None)]
    assert [*shown, language.signed(None), language.month(None)] == ["–"] * 6


def test_probability_is_never_told_as_0() -> None:
    assert [language.probability(p) for p in (None, 0.0412, 1e-9, 1.0)] == ["–", "0.041", "<\u00a00.001", "1.000"]
    with language.use("fr"):
        assert [language.probability(p, 2) for p in (0.5, 0.0)] == ["0,50", "<\u00a00,01"]


def test_signed_has_a_true_minus_and_no_sign_on_what_rounds_to_zero() -> None:
    assert [language.signed(value) for value in (40.2, -3.6, 0.4, -0.4)] == ["+40", "−4", "0", "0"]


def test_lists_are_joined_as_people_write_them() -> None:
    with language.use("fr"):
        assert language.join(["Genève", "Lyon", "Berne"]) == "Genève, Lyon et Berne"


def test_language_is_the_readers_only_inside_the_block() -> None:
    with language.use("fr"):
        inside = language.language()
    assert (inside, language.language()) == ("fr", "en")


def test_text_that_is_not_in_the_catalogue_stays_as_it_is_and_is_filled() -> None:
    with language.use("fr"):
        assert language.translate("zzz {name} zzz", name="Ada") == "zzz Ada zzz"
