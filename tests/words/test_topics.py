"""Topics recovered where they are planted, and how stable they are."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib import resources
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saydo.words.reading import plain, read
from saydo.words.topics import find_topics

# Words of three topics by language; a comment takes a few of its topic's, and some that say nothing.
PLANTED = {
    "fr": (
        "livraison colis retard transporteur semaine suivi attendu lundi dépôt facteur",
        "prix cher tarif augmenté promotion facture payer frais euros remise",
        "vendeur accueil conseil magasin sourire écoute équipe patient aimable rayon",
    ),
    "en": (
        "delivery parcel late carrier week tracking waited monday depot postman",
        "price expensive rate increased discount invoice pay fees euros rebate",
        "seller welcome advice shop smile listened team patient friendly shelf",
    ),
    "de": (
        "Lieferung Paket verspätet Spediteur Woche Sendungsverfolgung gewartet Montag Depot Postbote",
        "Preis teuer Tarif gestiegen Rabatt Rechnung bezahlen Gebühren Euro Nachlass",
        "Verkäufer Empfang Beratung Geschäft Lächeln zugehört Team geduldig freundlich Regal",
    ),
}
FILLER = {
    "fr": "vraiment toujours achat fois merci produit commande client mois année",
    "en": "really always purchase time thanks product order customer month year",
    "de": "wirklich stets Kauf Mal danke Produkt Bestellung Kunde Monat Jahr",
}


def write_comments(language: str, count: int, seed: int) -> tuple[list[str], list[int]]:
    chance = np.random.default_rng(seed)
    topics = chance.integers(0, 3, count).tolist()
    texts = []
    for topic in topics:
        own = chance.choice(PLANTED[language][topic].split(), chance.integers(3, 6), replace=False)
        other = chance.choice(FILLER[language].split(), chance.integers(1, 4), replace=False)
        texts.append(" ".join(chance.permutation([*own, *other])))
    return texts, topics


def rand_index(one: Sequence[Any], other: Sequence[Any]) -> float:
    """The adjusted Rand index of two divisions (Hubert and Arabie 1985)."""
    table = np.zeros((len(set(one)), len(set(other))))
    rows, columns = ({value: place for place, value in enumerate(dict.fromkeys(side))} for side in (one, other))
    for left, right in zip(one, other, strict=True):
        table[rows[left], columns[right]] += 1
    both, left_pairs, right_pairs = ((side * (side - 1) / 2).sum() for side in (table, table.sum(1), table.sum(0)))
    expected = left_pairs * right_pairs / (len(one) * (len(one) - 1) / 2)
    return float((both - expected) / ((left_pairs + right_pairs) / 2 - expected))


@pytest.mark.parametrize("language", PLANTED)
def test_three_planted_topics_are_recovered(language: str) -> None:
    texts, truth = write_comments(language, 600, seed=1)
    found = find_topics(plain(read(texts, language).keys), 3)
    assert rand_index(truth, found.label.tolist()) >= 0.9
    assert (found.stability > 0.6).all()
    words = [{word.lower() for word in topic.split()} for topic in PLANTED[language]]
    spelling = read(texts, language).spelling
    for told in found.words:
        shown = {spelling[word].lower() for word in told}
        assert max(len(shown & one) for one in words) >= 9


def test_three_planted_topics_are_recovered_in_a_language_of_which_nothing_is_on_file() -> None:
    texts, truth = write_comments("de", 600, seed=2)
    found = find_topics(plain(read(texts, "xx").keys), 3, common=0.35)
    assert rand_index(truth, found.label.tolist()) >= 0.9


def test_themes_of_the_simulated_company_are_recovered() -> None:
    """Seventeen themes of a few sentences each, which hardly share a word within a theme and some between themes."""
    themes = tomllib.loads(resources.files("saydo.simulate").joinpath("comments.toml").read_text(encoding="utf-8"))
    for language, least in (("fr", 0.65), ("en", 0.5), ("de", 0.65)):
        texts, truth = [], []
        for name, theme in themes.items():
            variants = [
                f"{a} {b}".strip() for a, b in product(theme[language]["first"], ["", *theme[language]["then"]])
            ]
            texts += variants * 4
            truth += [name] * (4 * len(variants))
        found = find_topics(plain(read(texts, language).keys), len(themes))
        assert rand_index(truth, found.label.tolist()) >= least, language


def test_topics_come_largest_first_and_name_no_word_that_few_hold() -> None:
    texts, _ = write_comments("fr", 300, seed=3)
    found = find_topics(plain(read([*texts, "Dupont livraison colis retard"], "fr").keys), 5)
    sizes = np.bincount(found.label[found.label >= 0])
    assert sizes.tolist() == sorted(sizes, reverse=True)
    assert "dupont" not in {word for words in found.words for word in words}


def test_comment_without_a_word_that_others_hold_has_no_topic() -> None:
    texts, _ = write_comments("fr", 60, seed=4)
    found = find_topics(plain(read([*texts, "", "🙂", "xyzzy"], "fr").keys), 3)
    assert found.label[-3:].tolist() == [-1, -1, -1]


@settings(max_examples=20, deadline=None)
@given(
    comments=st.lists(st.lists(st.sampled_from("abcdef"), max_size=4, unique=True).map(tuple), max_size=30),
    topics=st.integers(0, 5),
)
def test_topics_of_anything_are_a_topic_or_none_for_each_comment(comments: list[tuple[str, ...]], topics: int) -> None:
    found = find_topics(comments, topics)
    assert len(found.label) == len(comments) == len(found.nearness)
    assert len(found.words) == len(found.stability) <= topics
    assert set(found.label.tolist()) <= {-1, *range(len(found.words))}
    assert ((found.nearness >= 0) & (found.nearness <= 1)).all()


def test_same_comments_give_the_same_topics() -> None:
    texts, _ = write_comments("en", 200, seed=5)
    one, other = (find_topics(plain(read(texts, "en").keys), 4) for _ in range(2))
    assert (one.label == other.label).all()
    assert one.words == other.words
