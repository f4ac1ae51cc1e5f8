"""Telling words: which words set the unhappy apart from the happy, in each language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import ndtr

from saydo.company import Facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.language import mark
from saydo.measures._comments import HIDE_COMMENTS_BELOW, LANGUAGES, sample_comments, split_groups
from saydo.measures._measure import Figures, Measure
from saydo.stats.changes import adjust_p_values
from saydo.stats.keyness import likelihood_ratio, log_odds
from saydo.words.reading import Words, read

SIDES = ("unhappy", "happy")
MOST_WORDS = 200
_HOW_MANY = mark("a whole number from 1 to 200")
_ONE_SIDE = mark("there are no comments of unhappy and of happy people in one language")


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    words: int = 15,
    languages: str = LANGUAGES,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """Difference of the log-odds of a word between comments of unhappy and of happy people, with an informative prior.

    Unhappy are answers of 0 to 6 to ``nps``, and other scores in the lowest quarter of their scale (1 or 2 stars);
    happy are 9 and 10, and the highest of other scales (5 stars). A word counts once per person and side: y people of n
    words in all. With a prior a in the share that the word has on both sides together, 500 words in all:
    d = ln((y + a) / (n + 500 - y - a)) of the unhappy less that of the happy. Above 0 it is more of the unhappy. A word
    that is denied (pas rapide, not fast) is another word than when it is not. Of each group and language the ``words``
    with the highest d / error, and as many with the lowest, of those that eight people used. ``languages`` as in
    `themes`.

    Reads:   feedback (comment, score, question, scale_min, scale_max: a comment without a score, or with one in
             between, is left out; language: null is told from the text; said_at; customer_id: null is a person of its
             own); customers.account_id where there is one.
    Returns: the splits; language; side (unhappy, happy: whose word it is); word; people (count who used it, on either
             side; without a word that eight people used, who wrote); log_odds, log_odds_low, log_odds_high (above 0: of
             the unhappy); z (log_odds / its error); g2 (the likelihood ratio of the two frequencies); p_adjusted (of no
             difference, for all words that were compared in the group and language: Benjamini and Hochberg);
             unhappy_share, happy_share (0 to 1, of the people on that side).
    Interval: 95 %: log_odds -+ 1.96 sqrt(1 / (y_1 + a) + 1 / (y_2 + a)), for people who choose words independently.
    Cautions: the words shown are the most extreme of many: their true differences are smaller, read p_adjusted. A word
             goes with low scores, it need not be their reason.
    Source:  B. Monroe, M. Colaresi and K. Quinn, Political Analysis 16 (2008) 372-403; T. Dunning 1993 (g2).
    """
    if not 1 <= words <= MOST_WORDS:
        raise BadSetting(name="words", value=words, choices=_HOW_MANY)
    comments = sample_comments(facts, "telling_words", by, languages, since, until)
    rows = comments.rows
    side = pa.array(
        [_side(row) for row in rows.select(["_question", "_score", "_scale_min", "_scale_max"]).to_pylist()]
    )
    rows = rows.append_column("_side", side).filter(side.is_valid())
    records: list[dict[str, Any]] = []
    for key, places in split_groups(rows, (*comments.names, "_language")):
        language = key.pop("_language")
        chosen = rows.take(pa.array(places))
        told = read(chosen["_comment"].to_pylist(), language)
        records += [{**key, "language": language, **record} for record in _compare(chosen, told, words)]
    if not records:
        raise NothingToMeasure(measure="telling_words", reason=_ONE_SIDE)
    schema = pa.schema([*(rows.schema.field(name) for name in comments.names), *_SCHEMA])
    table = pa.Table.from_pylist(records, schema=schema)
    return Figures(table, (*comments.names, "language", "side", "word"), comments.overlaps, comments.notes)


_SCHEMA = [
    *(pa.field(name, pa.string()) for name in ("language", "side", "word")),
    pa.field("people", pa.int64()),
    *(pa.field(name, pa.float64()) for name in ("log_odds", "log_odds_low", "log_odds_high", "z", "g2", "p_adjusted")),
    *(pa.field(name, pa.float64()) for name in ("unhappy_share", "happy_share")),
]


def _side(row: dict[str, Any]) -> str | None:
    """Whose words these are; null where the score is unknown or in between."""
    score, low, high = row["_score"], row["_scale_min"], row["_scale_max"]
    if row["_question"] == "nps" and score is not None:
        return "unhappy" if score <= 6 else "happy" if score >= 9 else None
    if score is None or low is None or high is None or not low < high:
        return None
    place = (score - low) / (high - low)
    return "unhappy" if place <= 0.25 else "happy" if place >= 1 else None


def _compare(rows: pa.Table, told: Words, words: int) -> list[dict[str, Any]]:
    """The most telling words of one group and language, of those that eight people used."""
    sides, people = rows["_side"].to_pylist(), rows["_person"].to_pylist()
    used = {(side, person, key) for side, person, keys in zip(sides, people, told.keys, strict=True) for key in keys}
    speakers = Counter(side for side, _ in set(zip(sides, people, strict=True)))
    if len(speakers) < len(SIDES):
        return []
    counts = {side: Counter(key for at, _, key in used if at == side) for side in SIDES}
    users = Counter(key for _, key in {(person, key) for _, person, key in used})
    compared = sorted(key for key, count in users.items() if count >= HIDE_COMMENTS_BELOW)
    one, other = (np.array([counts[side][key] for key in compared], dtype=float) for side in SIDES)
    if len(compared) < 2:  # nothing to tell apart
        return [{"people": len(set(people))}]
    odds, g2 = log_odds(one, other), likelihood_ratio(one, other)
    low, high = odds.interval()
    p = adjust_p_values(2 * ndtr(-np.abs(odds.z)))
    order = np.argsort(-odds.z, kind="stable")
    chosen = [*(at for at in order[:words] if odds.z[at] > 0), *(at for at in order[::-1][:words] if odds.z[at] < 0)]
    return [
        {
            "side": SIDES[0] if odds.z[at] > 0 else SIDES[1],
            "word": told.spelling[compared[at]],
            "people": users[compared[at]],
            "log_odds": odds.difference[at],
            "log_odds_low": low[at],
            "log_odds_high": high[at],
            "z": odds.z[at],
            "g2": g2[at],
            "p_adjusted": p[at],
            "unhappy_share": one[at] / speakers["unhappy"],
            "happy_share": other[at] / speakers["happy"],
        }
        for at in chosen
    ]


telling_words = Measure(
    name="telling_words",
    title=mark("Words of the unhappy and of the happy"),
    question=mark("Which words set the unhappy apart from the happy?"),
    compute=compute,
    base="feedback",
    reads=("feedback",),
    uses=("customers",),
    unit="score",
    headline="log_odds",
    count="people",
    low="log_odds_low",
    high="log_odds_high",
    good="neither",
    said=True,
    chart="level",
    sentence=mark(
        "“{word}” is a word of {side}: log-odds of {log_odds} (95 %: {log_odds_low} to {log_odds_high}; {people} "
        "people)."
    ),
    definition=mark(
        "How much higher the log-odds of a word are in the comments of unhappy people than in those of happy people, "
        "with a prior that keeps rare words from standing out by chance. Above 0 it is a word of the unhappy."
    ),
    cautions=(
        mark("The words shown are the most extreme of many: their true differences are smaller."),
        mark("A word can go with low scores without being their reason."),
        mark("Languages are not compared: each is read by itself."),
    ),
    bound=mark("20,000 comments at most, chosen by a hash of their key"),
)
