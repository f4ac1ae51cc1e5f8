"""Themes by hand, of a planted corpus, of the simulated company; and comments as odd as people write them."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.companies import make_facts

from saydo.engine import open_facts
from saydo.errors import BadSetting, NoSuchPath, NothingToMeasure
from saydo.measures import telling_words, themes
from saydo.measures._theme_figures import Said, choose_examples, measure_theme
from saydo.result import Result
from saydo.simulate import simulate
from saydo.sources import import_facts
from saydo.stats.trials import binomial_p, is_unbiased

Records = list[dict[str, Any]]
LATE = "colis livraison retard transporteur lundi semaine suivi dépôt"
PRICE = "prix cher tarif facture promotion frais augmenté remise"


def say(comment: str | None, number: int, **more: Any) -> dict[str, Any]:
    given = {"said_at": "2024-03-20", "customer_id": f"c{number}", "language": "fr", "question": "nps", **more}
    return {**given, "comment": comment, "scale_min": 0, "scale_max": 10}


def write(words: str, chance: np.random.Generator) -> str:
    return " ".join(chance.choice(words.split(), 4, replace=False))


def two_themes(count: int = 60, **more: Any) -> Records:
    """As many comments on late parcels, with scores of 2 to 4, as on prices, with scores of 6 to 8."""
    chance = np.random.default_rng(1)
    rows = []
    for number in range(count):
        late = number % 2 == 0
        score = (2 if late else 6) + int(chance.integers(0, 3))
        rows.append(say(write(LATE if late else PRICE, chance), number, score=score, **more))
    return rows


def by_theme(result: Result) -> dict[str, dict[str, Any]]:
    """The rows by what they are about, told by the words that were planted."""
    planted = {"late": set(LATE.split()), "price": set(PRICE.split())}
    found: dict[str, dict[str, Any]] = {}
    for row in result:
        words = set((row["words"] or row["theme"] or "").split(", "))
        found[next((name for name, ones in planted.items() if words & ones), str(row["theme"]))] = row
    return found


def test_themes_have_share_score_and_words() -> None:
    result = themes(make_facts(feedback=two_themes()), topics=2)
    found = by_theme(result)
    assert set(found) == {"late", "price"}
    for name, difference in (("late", -4), ("price", 4)):
        row = found[name]
        assert (row["comments"], row["share"], row["score_answers"]) == (30, 0.5, 30)
        assert row["share_low"] < 0.5 < row["share_high"]
        assert (
            abs(row["score_difference"] - difference) < row["score_difference_high"] - row["score_difference_low"] < 2
        )
        assert row["score_z"] * difference > 0
        assert row["stability"] > 0.5
    assert set(found["late"]["words"].split(", ")) == set(LATE.split())
    assert "Scores are those given with comments to the question nps." in [str(note) for note in result.notes]


def test_score_is_compared_within_occasions() -> None:
    """After an order people are three points happier; who writes on late parcels writes after an order."""
    rows = two_themes(80)
    for number, row in enumerate(rows):
        after = number % 2 == 0 if number < 60 else number % 2 == 1
        row |= {"occasion": "event" if after else "relational", "score": 8.0 if after else 5.0}
    rows[0]["score"], rows[1]["score"] = 7.0, 6.0  # who all say the same are not certain
    (late,) = [row for name, row in by_theme(themes(make_facts(feedback=rows), topics=2)).items() if name == "late"]
    assert abs(late["score_difference"]) < 0.2


def test_growth_is_the_share_now_less_the_share_before() -> None:
    chance = np.random.default_rng(2)
    rows: Records = []
    for number in range(200):
        recent = number < 100
        late = number % 100 < (60 if recent else 20)
        said_at = "2024-06-20" if recent else "2024-05-01"
        rows.append(say(write(LATE if late else PRICE, chance), number, said_at=said_at))
    found = by_theme(themes(make_facts(feedback=rows), topics=2, days=30, as_of="2024-06-30"))
    assert found["late"]["share_change"] == pytest.approx(0.4)
    assert 0.2 < found["late"]["share_change_low"] < 0.4 < found["late"]["share_change_high"] < 0.6
    assert found["price"]["share_change"] == pytest.approx(-0.4)
    long_ago = by_theme(themes(make_facts(feedback=rows), topics=2, days=5, as_of="2024-12-30"))
    assert long_ago["late"]["share_change"] is None


def test_several_comments_of_a_customer_make_the_interval_wider() -> None:
    rows = two_themes(240)
    for number, row in enumerate(rows):
        row["customer_id"] = f"c{number % 2}-{number // 20}"  # ten on one theme by each
    tied, alone = (
        by_theme(themes(make_facts(feedback=feedback), topics=2))["late"] for feedback in (rows, two_themes(240))
    )
    assert tied["share"] == alone["share"]
    assert tied["share_high"] - tied["share_low"] > 1.8 * (alone["share_high"] - alone["share_low"])


def test_score_difference_and_share_hold_the_truth_where_customers_write_alike() -> None:
    """Customers write one to four comments, of one mood and mostly on one theme; after an order people are happier."""
    chance = np.random.default_rng(3)
    differences, errors, held, share_held, runs = [], [], 0, 0, 400
    for _ in range(runs):
        customers = np.repeat(np.arange(150), chance.integers(1, 5, 150))
        liking, mood = chance.beta(0.6, 1.4, 150), chance.normal(0, 1.5, 150)
        inside = chance.random(len(customers)) < liking[customers]
        occasion = chance.integers(0, 2, len(customers))
        score = 7 - 1.5 * inside + occasion + mood[customers] + chance.normal(0, 1, len(customers))
        said = Said(customers, chance.uniform(0, 180, len(customers)), score, occasion)
        row = measure_theme(said, inside, 90)
        differences.append(row["score_difference"])
        errors.append((row["score_difference_high"] - row["score_difference_low"]) / 3.92)
        held += row["score_difference_low"] <= -1.5 <= row["score_difference_high"]
        share_held += row["share_low"] <= 0.3 <= row["share_high"]
    assert is_unbiased(differences, -1.5, float(np.mean(errors)))
    assert binomial_p(held, runs) > 0.001, held
    assert binomial_p(share_held, runs) > 0.001, share_held


def test_languages_are_read_apart_and_told_where_they_are_not_given() -> None:
    rows = two_themes(40)
    english = ["The parcel came late and the carrier knew nothing", "Prices are too high, the shop is expensive"]
    rows += [say(english[number % 2], 100 + number, language=None) for number in range(40)]
    result = themes(make_facts(feedback=rows))
    assert {row["language"] for row in result} == {"fr", "en"}
    assert sum(row["comments"] for row in result if row["language"] == "en") == 40
    assert sum(row["share"] for row in result if row["language"] == "en") == pytest.approx(1)


def test_other_languages_are_read_too_and_told() -> None:
    chance = np.random.default_rng(3)
    words = (
        "entrega atraso correio prazo pacote endereço rastreio chegou extraviado",
        "preço caro desconto frete valor cobrança fatura promoção boleto",
        "vendedor loja atendimento educado paciente conselho sorriso balcão equipe",
    )
    rows = [say(f"não {write(words[number % 3], chance)} {number}", number, language="pt") for number in range(80)]
    result = themes(make_facts(feedback=[*rows, *two_themes(40)]), topics=3)
    assert sum(row["comments"] for row in result if row["language"] == "pt") == 80
    assert any("correio" in (row["words"] or "") for row in result)
    assert str(result.notes[0]).startswith("80 comments are in other languages than fr, en, de: pt.")
    asked = themes(make_facts(feedback=rows), languages="pt")
    assert not any("other languages" in str(note) for note in asked.notes)


def test_file_names_merges_and_pins_themes(tmp_path: Path) -> None:
    rows = [*two_themes(), say("Vraiment jamais vu pareille Politesse", 900)]
    path = tmp_path / "themes.toml"
    path.write_text('["too dear"]\nlike = ["Tarif"]\n[politeness]\nwords = ["poli*"]\n[empty]\nwords = ["nothing"]\n')
    result = themes(make_facts(feedback=rows), topics=2, themes=str(path), show_small_groups=True)
    found = {row["theme"]: row for row in result}
    assert found["too dear"]["comments"] == 30
    assert found["politeness"]["comments"] == 1
    assert found["politeness"]["stability"] is None
    assert "empty" not in found
    path.write_text('[everything]\nlike = ["tarif", "colis"]\n')
    merged = {row["theme"]: row for row in themes(make_facts(feedback=rows), topics=2, themes=str(path))}
    assert merged["everything"]["comments"] >= 60


def test_comments_of_few_people_are_hidden() -> None:
    rows = two_themes(60)
    path_words = [say(f"Politesse {number}", 900 + number % 7, language="fr") for number in range(20)]
    result = themes(make_facts(feedback=[*rows, *path_words]), topics=3)
    (row,) = [row for row in result if row["theme"] and "politesse" in row["theme"]]
    assert row["comments"] == 20
    assert (row["words"], row["example_1"]) == (None, None)


def test_examples_hold_no_markup_nothing_personal_and_nothing_twice() -> None:
    texts = [
        "<b>Colis</b> en retard&nbsp;: dommage, vraiment",
        "Colis en retard : dommage, vraiment",
        "Mme Dupont m'a très mal répondu hier",
        "Appelez-moi au 06 12 34 56 78 demain matin",
        "Commande 4711234 jamais arrivée chez moi",
        "trop court",
        "Le colis est arrivé " + "très " * 100 + "tard",
    ]
    people = [f"p{number}" for number in range(len(texts))]
    chosen = choose_examples(texts, people, [(float(-place),) for place in range(len(texts))])
    assert chosen[0] == "Colis en retard : dommage, vraiment"
    assert chosen[1] is not None
    assert chosen[1].endswith("…")
    assert len(chosen[1]) <= 280
    assert chosen[2] is None
    assert (
        choose_examples([texts[0], "Une autre chose, dite par la même personne"], ["p", "p"], [(1.0,), (0.0,)])[1]
        is None
    )


def test_nobody_or_too_few_who_write_say_so() -> None:
    with pytest.raises(NothingToMeasure, match="nobody wrote a comment"):
        themes(make_facts(feedback=[say(None, 1, score=9), say("  ", 2, score=8)]))
    seven = [say("Livraison rapide", number % 7) for number in range(30)]
    with pytest.raises(NothingToMeasure, match="in no language did eight people write"):
        themes(make_facts(feedback=seven))


def test_few_comments_are_counted_without_themes() -> None:
    (row,) = themes(make_facts(feedback=[say("Livraison rapide", number) for number in range(10)]))
    assert (row["language"], row["theme"], row["comments"], row["share"]) == ("fr", None, 10, 1)


def test_comments_in_a_language_of_few_are_left_out_and_counted() -> None:
    result = themes(make_facts(feedback=[*two_themes(), *(say("Sehr gut", 900, language="de") for _ in range(3))]))
    assert {row["language"] for row in result} == {"fr"}
    assert "Left out, because fewer than 8 people wrote in their language: 3 comments." in map(str, result.notes)


def test_odd_comments_are_read_all_the_same() -> None:
    odd = ["<script>alert(1)</script>", "🙂" * 50, "a" * 50_000, "mot " * 30_000, "\u0000\u202e!", "&amp;&lt;", "12345"]
    rows = [*two_themes(60), *(say(text, 500 + number, language=None) for number, text in enumerate(odd * 2))]
    result = themes(make_facts(feedback=rows), topics=2)
    left_out = sum(int(str(note.values["count"])) for note in result.notes if str(note).startswith("Left out"))
    assert sum(row["comments"] for row in result) + left_out == 60 + 2 * len(odd)
    assert left_out < 8
    examples = [row[f"example_{place}"] for row in result for place in (1, 2, 3) if row[f"example_{place}"]]
    assert not any(re.search(r"<\w", text) or len(text) > 280 for text in examples)


def test_settings_that_cannot_be_are_refused(tmp_path: Path) -> None:
    facts = make_facts(feedback=two_themes())
    refused: list[tuple[dict[str, Any], str]] = [
        ({"topics": 0}, "a whole number from 1"),
        ({"days": 0}, "a whole number of days"),
    ]
    refused += [({"languages": "fr,xx"}, "codes of languages"), ({"languages": ","}, "codes of languages")]
    for setting, choices in refused:
        with pytest.raises(BadSetting, match=f"{next(iter(setting))} cannot be .*It must be {re.escape(choices)}"):
            themes(facts, **setting)
    with pytest.raises(NoSuchPath):
        themes(facts, themes=str(tmp_path / "none.toml"))


def test_split_by_language_and_by_month_keeps_every_comment() -> None:
    facts = make_facts(feedback=[*two_themes(), *two_themes(30, said_at="2024-04-02")])
    for by in ("language", "month"):
        result = themes(facts, by=by, topics=2)
        assert sum(row["comments"] for row in result) == 90
    months = {row["month"] for row in themes(facts, by="month", topics=2)}
    assert len(months) == 2


def test_comments_are_sampled_by_their_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saydo.measures._comments.SAMPLE", 50)
    rows = two_themes(200)
    result = themes(make_facts(feedback=rows), topics=2)
    assert sum(row["comments"] for row in result) == 50
    assert "Read were 50 of 200 comments, chosen by a hash of their key." in map(str, result.notes)
    again = themes(make_facts(feedback=rows[::-1]), topics=2)
    assert len(again) == len(result)


def test_themes_of_the_simulated_company_go_with_the_scores_they_were_written_for(tmp_path: Path) -> None:
    simulate(tmp_path, customers=3_000, seed=11)
    result = themes(open_facts(tmp_path), question="nps")
    texts = tomllib.loads(resources.files("saydo.simulate").joinpath("comments.toml").read_text(encoding="utf-8"))
    planted = {
        f"{first} {then}".strip(): name
        for name, theme in texts.items()
        for parts in theme.values()
        for first, then in product(parts["first"], ["", *parts["then"]])
    }
    sad, glad = (
        {"late", "pushy", "broken", "slow_answer", "expensive"},
        {"great", "adviser", "easy", "on_time", "quick_answer"},
    )
    scored = [row for row in result if row["language"] == "fr" and row["score_difference"] is not None]
    names = [planted.get(re.sub(r"\d", "{days}", row["example_1"] or "")) for row in scored]
    assert len({name for name in names if name}) >= 6
    for row, name in zip(scored, names, strict=True):
        if name in sad:
            assert row["score_difference"] < 0, (name, row["theme"])
        if name in glad:
            assert row["score_difference"] > 0, (name, row["theme"])


@pytest.mark.real
def test_portuguese_reviews_of_olist_are_read_without_anything_on_file(real_data: Path, tmp_path: Path) -> None:
    """Public reviews of a Brazilian marketplace: people pick parcels up at the post office, goods are out of stock."""
    import_facts("olist", real_data / "olist", tmp_path / "facts")
    facts = open_facts(tmp_path / "facts")
    rows = themes(facts).to_records()
    assert {row["language"] for row in rows} == {"pt"}
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    found = {word: row for row in rows for word in (row["words"] or "").split(", ")}
    for word, side in (
        ("correios", -1),
        ("estoque", -1),
        ("dinheiro", -1),
        ("defeito", -1),
        ("ótimo", 1),
        ("parabéns", 1),
    ):
        assert found[word]["score_difference"] * side > 0, word
        assert found[word]["score_difference_low"] * found[word]["score_difference_high"] > 0, word
    sides = {row["word"]: row["side"] for row in telling_words(facts)}
    assert (sides["não"], sides["recomendo"], sides["ainda"]) == ("unhappy", "happy", "unhappy")
