"""A comment as words: case and accents folded, without markup, function words left out, what is denied marked.

A word is known by its *key*: lower case, without accents (``livrée`` and ``LIVREE`` are one). People are shown its
most frequent spelling. Apostrophes part words (``l'offre``, ``qu'il``). In ``pas rapide`` and ``funktioniert nicht``
the word that is denied has another key, ``~rapide``, so that praise and its denial are not counted as one.
"""

from __future__ import annotations

import html
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

LONGEST = 2_000  # signs that are read of a comment
REACH = 2  # words behind a denial that it denies
DENIED = "~"
_MARKUP = re.compile(r"<[^<>]{0,500}>|https?://\S+|www\.\S+")
_PIECES = re.compile(r"[^\W\d_]+|[.!?;,:\n]")
_NOT = re.compile(r"n['’]t\b", re.IGNORECASE)
_BREAKS = frozenset(".!?;,:\n")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l"})


@dataclass(frozen=True)
class Reader:
    """How comments of a language are read: which words say nothing by themselves, and which deny."""

    function_words: frozenset[str] = frozenset()
    denials: frozenset[str] = frozenset()
    openings: frozenset[str] = frozenset()  # what announces a denial before the verb (ne ... pas)


@dataclass(frozen=True)
class Words:
    """Comments as keys, each key once per comment; ``spelling`` is how people are shown a key."""

    keys: list[tuple[str, ...]]
    spelling: dict[str, str]


@cache
def reader_of(language: str) -> Reader:
    """The reader of a language (ISO 639-1); one that knows nothing of it where there are no words of it on file."""
    known = _languages().get(language)
    return Reader(*(frozenset(map(fold, known[name])) for name in ("function", "deny", "open"))) if known else Reader()


@cache
def _languages() -> dict[str, dict[str, list[str]]]:
    text = resources.files("saydo.words").joinpath("function_words.toml").read_text(encoding="utf-8")
    return {
        language: {name: words.split() for name, words in lists.items()}
        for language, lists in tomllib.loads(text).items()
    }


def read(texts: Iterable[str], language: str) -> Words:
    """Every comment as the keys of its words, without function words, denied ones marked."""
    reader, seen = reader_of(language), Counter[tuple[str, str]]()
    keys = [tuple(dict.fromkeys(_read_one(text, reader, seen))) for text in texts]
    spelling: dict[str, str] = {}
    for (key, spelled), _ in sorted(seen.items(), key=lambda pair: (-pair[1], not pair[0][1].islower(), pair[0])):
        spelling.setdefault(key, spelled)
    return Words(keys, spelling)


def plain(keys: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Keys without the marks of denial: what is spoken of, whatever is said of it."""
    return [tuple(dict.fromkeys(key.removeprefix(DENIED) for key in comment)) for comment in keys]


def every_word(text: str) -> tuple[str, ...]:
    """The keys of all words of a text, function words and denials too, each once."""
    found = _PIECES.findall(_plainly(text).lower())
    return tuple(dict.fromkeys(fold(piece) for piece in found if piece not in _BREAKS))


def strip_markup(text: str) -> str:
    """The text as it is meant to be read: no tags, no addresses of pages, composed letters, not endless."""
    if "&" in text:
        text = html.unescape(text)
    return unicodedata.normalize("NFC", _MARKUP.sub(" ", text[: 2 * LONGEST])[:LONGEST])


@lru_cache(maxsize=200_000)
def fold(word: str) -> str:
    """The key of a word: lower case, without accents."""
    letters = unicodedata.normalize("NFD", word.casefold().translate(_LIGATURES))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _read_one(text: str, reader: Reader, seen: Counter[tuple[str, str]]) -> Iterator[str]:
    for clause in _clauses(_plainly(text)):
        for key, spelled, denial in _deny(clause, reader):
            shown = f"{denial.lower()} {spelled}" if denial else spelled
            marked = DENIED + key if denial else key
            seen[marked, shown] += 1
            if denial:
                seen[key, spelled] += 1
            yield marked


def _plainly(text: str) -> str:
    """Without markup, and what English writes in one word in two."""
    return _NOT.sub(" not", strip_markup(text))


def _clauses(text: str) -> Iterator[list[str]]:
    """The words between two breaks as they are written; what begins a clause, or is shouted, in small letters."""
    clause: list[str] = []
    for piece in _PIECES.findall(text.lower() if text.isupper() else text):
        if piece in _BREAKS:
            yield clause
            clause = []
        else:
            clause.append(piece if clause else piece.lower())
    yield clause


def _deny(clause: Sequence[str], reader: Reader) -> Iterator[tuple[str, str, str]]:
    """The words of a clause that say something: key, spelling, and the denial that reaches them ('' for none).

    A denial reaches the next words, and those since its opening (ne fonctionne pas); at the end of a clause the word
    before it (funktioniert nicht).
    """
    found: list[tuple[str, str, str]] = []
    opened, left, denial = -1, 0, ""
    for spelled in clause:
        key = fold(spelled)
        if key in reader.openings:
            opened = len(found)
        elif key in reader.denials:
            if opened >= 0:
                found[opened:] = [(one, word, spelled) for one, word, _ in found[opened:]]
            denial, left, opened = spelled, REACH, -1
        elif len(key) > 1 and key not in reader.function_words:
            found.append((key, spelled, denial if left else ""))
            left = max(0, left - 1)
    if left == REACH and found and not found[-1][2]:
        found[-1] = (*found[-1][:2], denial)
    yield from found
