"""How comments become words: folding, apostrophes, denials, markup."""

from __future__ import annotations

import pytest

from saydo.words.reading import LONGEST, every_word, fold, plain, read, strip_markup


def keys(text: str, language: str) -> tuple[str, ...]:
    return read([text], language).keys[0]


@pytest.mark.parametrize(
    ("word", "key"),
    [("Livrée", "livree"), ("ŒUVRE", "oeuvre"), ("STRASSE", "strasse"), ("Straße", "strasse"), ("ação", "acao")],
)
def test_words_are_folded(word: str, key: str) -> None:
    assert fold(word) == key


def test_composed_and_decomposed_letters_are_one_word() -> None:
    assert keys("délai", "fr") == keys("de\u0301lai", "fr") == ("delai",)


def test_people_are_shown_the_most_frequent_spelling() -> None:
    assert read(["livrée", "livrée", "livree"], "fr").spelling == {"livree": "livrée"}


def test_capitals_are_shown_where_they_belong_to_the_word() -> None:
    found = read(["Teuer und zwei Wochen ohne Paket", "ZU TEUER, ZWEI WOCHEN", "Wochen gewartet"], "de").spelling
    assert found["wochen"] == "wochen"  # twice of three times nobody can tell
    assert found["teuer"] == "teuer"
    assert found["~paket"] == "ohne Paket"


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Je n'ai qu'un colis et l’offre d'hier", "fr", ("colis", "offre", "hier")),
        ("The parcel is at the shop", "en", ("parcel", "shop")),
        ("Das Paket ist im Laden", "de", ("paket", "laden")),
        ("o produto chegou", "pt", ("produto", "chegou")),
    ],
)
def test_function_words_and_apostrophes_fall_away(text: str, language: str, expected: tuple[str, ...]) -> None:
    assert keys(text, language) == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Livraison pas rapide", "fr", ("livraison", "~rapide")),
        ("La machine ne fonctionne pas. Dommage", "fr", ("machine", "~fonctionne", "dommage")),
        ("It didn't arrive quickly, sadly", "en", ("~arrive", "~quickly", "sadly")),
        ("DOESN’T WORK", "en", ("~work",)),
        ("Die Maschine funktioniert nicht, schade", "de", ("maschine", "~funktioniert", "schade")),
        ("Kein Kaufdruck im Laden wie sonst", "de", ("~kaufdruck", "~laden", "sonst")),
        ("never", "en", ()),
    ],
)
def test_denied_words_are_marked(text: str, language: str, expected: tuple[str, ...]) -> None:
    assert keys(text, language) == expected


def test_denied_words_are_shown_with_their_denial_and_can_be_taken_plainly() -> None:
    found = read(["pas rapide"], "fr")
    assert found.spelling == {"~rapide": "pas rapide", "rapide": "rapide"}
    assert plain(found.keys) == [("rapide",)]


def test_markup_addresses_and_signs_are_no_words() -> None:
    text = "<p style='x'>Tr&egrave;s <b>bon</b></p> https://shop.example/x?y=1 🙂 👍🏽 10/10 \u200b"
    assert strip_markup(text).split() == ["Très", "bon", "🙂", "👍🏽", "10/10", "\u200b"]
    assert keys(text, "fr") == ("bon",)


def test_endless_comment_is_read_to_its_limit() -> None:
    assert len(strip_markup("mot " * 100_000)) == LONGEST
    assert keys("a<" * 100_000 + "mot", "en") == ()


def test_every_word_is_kept_for_those_who_search_for_it() -> None:
    assert every_word("It wasn't DELIVERED!") == ("it", "was", "not", "delivered")
