"""The file in which people name, merge and pin themes: one table per theme, in TOML.

    [delivery]
    words = ["livraison", "colis", "late", "verspät*", "not delivered"]
    like = ["parcel", "carrier"]

A comment that holds one of ``words`` is of this theme, whatever else was found in it (of several, of that with most of
them, then of the first in the file). A theme that was found and has one of ``like`` among the words that set it apart
takes this name; so several become one. Case and accents do not matter, ``*`` stands for any end of a word, and of
several words in one text all must be there. A word may be of any language.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from saydo.errors import BadSetting, NoSuchPath
from saydo.words.reading import fold

_FORM = '[theme] words = ["word", "begin*"] like = ["word"]'


@dataclass(frozen=True)
class Theme:
    """A theme of people's own: what pins a comment to it, and what names a found theme after it."""

    name: str
    words: tuple[tuple[re.Pattern[str], ...], ...] = ()
    like: tuple[tuple[re.Pattern[str], ...], ...] = ()


def read_themes(path: str | Path) -> list[Theme]:
    """The themes of a file in their order; raises `NoSuchPath`, and `BadSetting` when it is not as it should be."""
    path = Path(path)
    if not path.is_file():
        raise NoSuchPath(path=path)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(name="themes", value=f"{path} ({error})", choices=_FORM) from None
    return [_read_theme(path, name, table) for name, table in tables.items()]


def _read_theme(path: Path, name: str, table: object) -> Theme:
    if not isinstance(table, dict) or not table or table.keys() - {"words", "like"}:
        raise BadSetting(name="themes", value=f"{path} [{name}]", choices=_FORM)
    lists = {key: value for key, value in table.items() if isinstance(value, list)}
    if len(lists) < len(table) or not all(
        isinstance(word, str) and fold(word).strip("* ") for words in lists.values() for word in words
    ):
        raise BadSetting(name="themes", value=f"{path} [{name}]", choices=_FORM)
    return Theme(name, *(tuple(map(_patterns, lists.get(key, ()))) for key in ("words", "like")))


def _patterns(text: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(re.escape(fold(word)).replace(r"\*", ".*")) for word in re.split(r"[\s'’]+", text) if word)


def pin(comments: Sequence[Iterable[str]], themes: Sequence[Theme]) -> list[int]:
    """The place in ``themes`` of what each comment (the keys of all its words) is pinned to; -1 for nothing."""
    return [
        _choose([sum(_holds(comment, one) for one in theme.words) for theme in themes])
        for comment in map(tuple, comments)
    ]


def find_name(words: Sequence[str], themes: Sequence[Theme]) -> int:
    """The place in ``themes`` of what a found theme with these words is called after; -1 for nothing."""
    return _choose([sum(_holds(words, one) for one in theme.like) for theme in themes])


def _choose(hits: Sequence[int]) -> int:
    return hits.index(max(hits)) if hits and max(hits) else -1


def _holds(words: Sequence[str], patterns: Sequence[re.Pattern[str]]) -> bool:
    return all(any(pattern.fullmatch(word) for word in words) for pattern in patterns)
