"""The file of themes: pinning, naming, merging, and what it must not hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from saydo.errors import BadSetting, NoSuchPath
from saydo.words.naming import find_name, pin, read_themes
from saydo.words.reading import every_word

FILE = """
[delivery]
words = ["Verspät*", "livrée", "not delivered"]
like = ["colis"]

[price]
words = ["cher"]
like = ["prix", "teuer"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "themes.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_words_pin_comments_whatever_their_case_and_accents(tmp_path: Path) -> None:
    themes = read_themes(write(tmp_path, FILE))
    texts = ["VERSPÄTETE Lieferung", "jamais livree", "It was not delivered.", "delivered", "trop cher", "rien"]
    assert pin([every_word(text) for text in texts], themes) == [0, 0, 0, -1, 1, -1]


def test_comment_of_two_themes_goes_to_that_with_more_words_then_to_the_first(tmp_path: Path) -> None:
    themes = read_themes(write(tmp_path, '[one]\nwords = ["a", "b"]\n[two]\nwords = ["c", "d"]'))
    assert pin([("a", "c"), ("a", "c", "d")], themes) == [0, 1]


def test_found_themes_are_named_by_their_words(tmp_path: Path) -> None:
    themes = read_themes(write(tmp_path, FILE))
    assert [find_name(words, themes) for words in (["colis", "jours"], ["teuer"], ["autre"])] == [0, 1, -1]


@pytest.mark.parametrize(
    "text",
    [
        "[price",
        "[price]\nword = ['x']",
        "price = 1",
        "[price]\nwords = 'x'",
        "[price]\nwords = [1]",
        "[p]\nwords = ['*']",
        "[p]",
    ],
)
def test_file_that_is_not_as_it_should_be_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r'themes cannot be .*It must be \[theme\] words = \["word", "begin\*"\]'):
        read_themes(write(tmp_path, text))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoSuchPath, match="nowhere"):
        read_themes(tmp_path / "nowhere.toml")
