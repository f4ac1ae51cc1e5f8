"""The language of comments, on the sentences of the simulated company and others."""

from __future__ import annotations

import tomllib
from importlib import resources
from itertools import product

from saydo.words.languages import find_unknown, tell_languages


def test_languages_of_short_comments_are_told() -> None:
    """894 comments of the simulated company, of 10 to 120 signs."""
    themes = tomllib.loads(resources.files("saydo.simulate").joinpath("comments.toml").read_text(encoding="utf-8"))
    texts = [
        (f"{first} {then}".strip(), language)
        for theme in themes.values()
        for language, parts in theme.items()
        for first, then in product(parts["first"], ["", *parts["then"]])
    ]
    told = tell_languages([text for text, _ in texts], ["fr", "en", "de"])
    wrong = [(text, one) for (text, language), one in zip(texts, told, strict=True) if one != language]
    assert len(wrong) / len(texts) < 0.01, wrong


def test_other_languages_are_not_taken_for_those_asked_for() -> None:
    texts = ["Não recebi o produto e ninguém responde", "El paquete llegó muy tarde y roto", "Товар пришёл сломанным"]
    assert tell_languages(texts, ["fr", "en", "de"]) == ["pt", "es", "ru"]


def test_comment_too_short_to_tell_is_in_the_first_language() -> None:
    assert tell_languages(["Super", "<b>ok</b>", "👍"], ["de", "fr"]) == ["de", "de", "de"]
    assert tell_languages([], ["fr"]) == []


def test_languages_that_cannot_be_told_are_named() -> None:
    assert find_unknown(["fr", "sv", "xx"]) == ["xx"]
