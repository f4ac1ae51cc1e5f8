"""Themes: what people talk about, in each language, how it goes with the score, and whether it grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import BadSetting
from saydo.language import mark
from saydo.measures._comments import HIDE_COMMENTS_BELOW, LANGUAGES, Codes, sample_comments, split_groups
from saydo.measures._measure import Figures, Measure
from saydo.measures._theme_figures import EXAMPLES, Said, choose_examples, measure_theme
from saydo.result import Note
from saydo.stats.arrays import Array
from saydo.words.naming import Theme, find_name, pin, read_themes
from saydo.words.reading import every_word, plain, read, reader_of
from saydo.words.topics import MOST_COMMON, MOST_COMMON_UNREAD, count_words, find_topics, tell_apart

PER_TOPIC = 25  # comments of a language that each topic needs
MOST_TOPICS = 40
_NAMED_BY = 3  # words of a theme that nobody has named
_HOW_MANY, _HOW_LONG = mark("a whole number from 1 to 40"), mark("a whole number of days, 1 at least")
_SCORED = mark("Scores are those given with comments to the question {question}.")


def compute(  # noqa: PLR0913  each is a setting
    facts: Facts,
    by: Sequence[str] = (),
    *,
    topics: int = 12,
    languages: str = LANGUAGES,
    themes: str | None = None,
    question: Literal["nps", "csat", "ces", "stars"] | None = None,
    days: int = 90,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """Share of the comments of a language that are about a theme: comments on it / comments in that language.

    Of the period's comments at most 20,000 are read, chosen by a hash of their key. Each language is read by itself.
    Words that stand in the same comments more often than chance lie near each other, comments lie where their words do,
    and those that lie together are a theme, called by the words that set it apart most: up to ``topics`` of them, one
    per 25 comments at most. ``themes`` is a TOML file in which people name, merge and pin themes (see
    `saydo.words.naming`). A comment has one theme, or none (theme is null) when it holds no word that others hold too.
    ``languages`` are those that comments without a language are told by, first the most likely; what is in another one
    is read all the same. How a theme goes with the score: mean score with comments on it less that with other comments
    of the language, within the same occasion, thing asked about and scale; of ``question``, or else of that which most
    comments came with. How it grows: share in the last ``days`` before the report less that in as many days before.

    Reads:   feedback (comment: null or empty is no comment; language: null is told from the text; said_at; score,
             question, item, occasion, scale_min, scale_max: comments without a score count in all but the score;
             customer_id: null is a person of its own); customers.account_id where there is one.
    Returns: the splits; language (ISO 639-1); theme; comments (count); share, share_low, share_high (0 to 1);
             score_answers (comments on it with a score); score_difference, score_difference_low, score_difference_high
             (points of the score; null with fewer than five people on either side); score_z (the difference in standard
             deviations of that language's scores: the only one to compare languages by); share_change,
             share_change_low, share_change_high (-1 to 1; null without comments in either time); stability (0 to 1: how
             much of its ten words is found again in random halves; null where people pinned it); words (up to ten that
             set it apart); example_1 ... example_3 (typical comments without markup; those that hold an address, a long
             number or a name behind a title are passed over). Words and examples are null below eight people.
    Interval: 95 %, on clusters of customers or accounts: Wilson on the effective number of comments (share), Agresti
             and Caffo on effective numbers (change), Student's on the regression within occasions (score). That a
             sample was read, and that themes were found in the same comments, is not in it.
    Cautions: an association: a theme can go with low scores without being their reason. Who writes is not who answers.
             Themes with a low stability are one way among others to divide the comments. Scores of different languages
             are not compared but by score_z: people of different tongues use scales differently.
    Source:  O. Levy and Y. Goldberg 2014 (words), I. Dhillon and D. Modha 2001 (clusters), B. Monroe et al. 2008
             (names).
    """
    if not 1 <= topics <= MOST_TOPICS:
        raise BadSetting(name="topics", value=topics, choices=_HOW_MANY)
    if days < 1:
        raise BadSetting(name="days", value=days, choices=_HOW_LONG)
    own = read_themes(themes) if themes else []
    comments = sample_comments(facts, "themes", by, languages, since, until)
    rows = comments.rows
    scored = question or _find_question(rows)
    found = {language: _find_themes(rows, language, topics, own) for language in rows["_language"].unique().to_pylist()}
    records = []
    for key, places in split_groups(rows, (*comments.names, "_language")):
        language = key.pop("_language")
        chosen = rows.take(pa.array(places))
        said = _say(facts, chosen, scored)
        for record in _measure_group(chosen, said, found[language], days):
            records.append({**key, "language": language, **record})
    notes = [*comments.notes, *([Note(_SCORED, {"question": scored})] if scored else [])]
    schema = pa.schema([*(rows.schema.field(name) for name in comments.names), *_SCHEMA])
    table = pa.Table.from_pylist(records, schema=schema)
    return Figures(table, (*comments.names, "language", "theme"), comments.overlaps, tuple(notes))


_TEXTS = ("language", "theme")
_FIGURES = (
    *("share", "share_low", "share_high", "score_answers", "score_difference", "score_difference_low"),
    *("score_difference_high", "score_z", "share_change", "share_change_low", "share_change_high", "stability"),
)
_SCHEMA = [
    *(pa.field(name, pa.string()) for name in _TEXTS),
    pa.field("comments", pa.int64()),
    *(pa.field(name, pa.int64() if name == "score_answers" else pa.float64()) for name in _FIGURES),
    *(pa.field(name, pa.string()) for name in ("words", *(f"example_{number + 1}" for number in range(EXAMPLES)))),
]


@dataclass(frozen=True, eq=False)
class _Found:
    """The themes of one language: names, words and stability of each, and of each comment (by its key) which it has."""

    names: list[str]
    words: list[list[str]]
    stability: Array
    theme: dict[str, int]
    typical: dict[str, tuple[float, ...]]


def _find_question(rows: pa.Table) -> str | None:
    """The question that most of the comments came with a score to."""
    pairs = zip(rows["_question"].to_pylist(), rows["_score"].to_pylist(), strict=True)
    asked = Counter(question for question, score in pairs if question and score is not None)
    return min(asked, key=lambda question: (-asked[question], question)) if asked else None


def _find_themes(rows: pa.Table, language: str, topics: int, own: Sequence[Theme]) -> _Found:
    pairs = zip(*(rows[name].to_pylist() for name in ("_feedback_id", "_comment", "_language")), strict=True)
    texts = {key: text for key, text, spoken in pairs if spoken == language}
    words = read(texts.values(), language)
    keys, common = plain(words.keys), MOST_COMMON if reader_of(language).function_words else MOST_COMMON_UNREAD
    pinned = np.array(pin([every_word(text) for text in texts.values()], own) if own else [-1] * len(texts))
    free = np.flatnonzero(pinned < 0)
    count = min(topics, max(2, len(free) // PER_TOPIC)) if len(free) >= 2 * HIDE_COMMENTS_BELOW else 0
    found = find_topics([keys[place] for place in free], count, common=common)
    names: dict[str, int] = {theme.name: place for place, theme in enumerate(own)}
    of_topic = []
    for ten in found.words:
        place = find_name(ten, own)
        name = own[place].name if place >= 0 else ", ".join(words.spelling[word] for word in ten[:_NAMED_BY])
        of_topic.append(names.setdefault(name, len(names)) if name else -1)
    theme = pinned.astype(np.int64)
    theme[free] = np.array([*of_topic, -1], dtype=np.int64)[found.label]
    present, vocabulary = count_words(keys, common)
    told = tell_apart(present, vocabulary, theme, len(names))
    nearness = np.zeros(len(texts))
    nearness[free] = found.nearness
    typical = [
        (len({*told[one]} & {*held}), near) if one >= 0 else (0.0, near)
        for one, held, near in zip(theme, keys, nearness, strict=True)
    ]
    return _Found(
        list(names),
        [[words.spelling[word] for word in one] for one in told],
        _mean_stability(found.stability, found.label, of_topic, len(names)),
        dict(zip(texts, theme.tolist(), strict=True)),
        dict(zip(texts, typical, strict=True)),
    )


def _mean_stability(stability: Array, label: Codes, of_topic: Sequence[int], themes: int) -> Array:
    """Of each theme the stability of the topics that became it, weighed by their comments; nan for a pinned one."""
    means = np.full(themes, np.nan)
    comments = np.bincount(label[label >= 0], minlength=len(of_topic)) if len(of_topic) else np.array([])
    for theme in {one for one in of_topic if one >= 0}:
        chosen = np.array(of_topic) == theme
        means[theme] = (stability[chosen] * comments[chosen]).sum() / max(1, comments[chosen].sum())
    return means


def _say(facts: Facts, rows: pa.Table, question: str | None) -> Said:
    as_of = np.datetime64(facts.as_of, "us")
    age = (as_of - rows["_said_at"].to_numpy().astype("datetime64[us]")) / np.timedelta64(1, "D")
    is_asked = np.array([asked == question for asked in rows["_question"].to_pylist()], dtype=bool)
    score = np.where(is_asked, np.array(rows["_score"].to_pylist(), dtype=float), np.nan)
    cells = zip(*(rows[name].to_pylist() for name in ("_occasion", "_item", "_scale_min", "_scale_max")), strict=True)
    return Said(_encode(rows["_cluster"].to_pylist()), age, score, _encode(cells))


def _encode(values: Any) -> Codes:
    places: dict[Any, int] = {}
    return np.array([places.setdefault(value, len(places)) for value in values], dtype=np.int64)


def _measure_group(rows: pa.Table, said: Said, found: _Found, days: int) -> list[dict[str, Any]]:
    """The figures of every theme of one group and language, those without a theme too."""
    keys, texts, people = (rows[name].to_pylist() for name in ("_feedback_id", "_comment", "_person"))
    theme = np.array([found.theme[key] for key in keys])
    records = []
    for one in np.unique(theme):
        inside = theme == one
        where = np.flatnonzero(inside)
        record: dict[str, Any] = {"theme": found.names[one] if one >= 0 else None, **measure_theme(said, inside, days)}
        record["stability"] = float(found.stability[one]) if one >= 0 else None
        if one >= 0 and len({people[place] for place in where}) >= HIDE_COMMENTS_BELOW:
            record["words"] = ", ".join(found.words[one]) or None
            said_here, said_by = ([values[place] for place in where] for values in (texts, people))
            examples = choose_examples(said_here, said_by, [found.typical[keys[place]] for place in where])
            record |= {f"example_{number}": text for number, text in enumerate(examples, 1)}
        records.append({name: _or_null(value) for name, value in record.items()})
    return records


def _or_null(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


themes = Measure(
    name="themes",
    title=mark("What people talk about"),
    question=mark("What do people talk about, which of it goes with low scores, and which grows?"),
    compute=compute,
    base="feedback",
    reads=("feedback",),
    uses=("customers",),
    unit="share",
    headline="share",
    count="comments",
    low="share_low",
    high="share_high",
    good="neither",
    said=True,
    chart="level",
    sentence=mark(
        "{share} of the comments are about {theme} (95 %: {share_low} to {share_high}; {comments} comments)."
    ),
    definition=mark(
        "Comments on a theme over all comments in their language. A theme is a set of comments whose words often stand "
        "together, called by the words that set it apart, or by the name that people gave it in a file."
    ),
    cautions=(
        mark("A theme can go with low scores without being their reason."),
        mark("Those who write comments are not those who answer: what moves people most is written most."),
        mark("A theme that is hardly found again in half of the comments is one way among others to divide them."),
        mark(
            "Languages are compared by standard deviations alone: people of different tongues use scales differently."
        ),
    ),
    bound=mark("20,000 comments at most, chosen by a hash of their key"),
)
