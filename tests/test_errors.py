"""The errors: one tree, whole sentences, nothing dangerous echoed."""

from __future__ import annotations

import string

import pytest

from saydo import errors
from saydo.errors import MissingTable, SaydoError, UnknownMeasure, nearest
from saydo.language import use


def _all(root: type[SaydoError]) -> list[type[SaydoError]]:
    return [root, *(found for child in root.__subclasses__() for found in _all(child))]


@pytest.mark.parametrize("error", _all(SaydoError), ids=lambda error: error.__name__)
def test_error_stands_in_the_tree_and_its_words_are_whole_sentences(error: type[SaydoError]) -> None:
    assert error.__name__ in (errors.__doc__ or "")
    assert error.wrong.endswith(".")
    assert error.way_out == "" or error.way_out.endswith((".", "?"))


@pytest.mark.parametrize("error", _all(SaydoError), ids=lambda error: error.__name__)
def test_error_says_every_value_it_is_given(error: type[SaydoError]) -> None:
    places = {name for text in (error.wrong, error.way_out) for _, name, _, _ in string.Formatter().parse(text) if name}
    shown = str(error(**{name: f"<{name}>" for name in places}))
    assert all(f"<{name}>" in shown for name in places)


def test_error_makes_control_characters_visible_and_cuts_long_values() -> None:
    shown = str(UnknownMeasure(name="\x1b[31mred" + "x" * 1000, choices=["nps"]))
    assert "\x1b" not in shown
    assert len(shown) < 400


def test_error_survives_braces_in_a_value() -> None:
    assert (
        str(UnknownMeasure(name="{name}{0}", choices=["a", "b"]))
        == "There is no measure called {name}{0}. Choose one of a, b."
    )


def test_nearest_puts_what_looks_alike_first() -> None:
    assert nearest("npss", ["margin", "nps", "rfm"])[0] == "nps"


def test_tables_are_called_in_every_language_as_their_files_must_be() -> None:
    with use("fr"):
        assert "la table cases," in str(MissingTable(measure="recovery", table="cases"))
