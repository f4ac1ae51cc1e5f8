"""What people write: sentences by theme and language from ``comments.toml``, joined in many ways. Never an identity."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from itertools import product

import numpy as np
import pyarrow as pa

from saydo.simulate.catalogue import LANGUAGES
from saydo.simulate.columns import Array

_DAYS = ("2", "3", "4", "5", "6", "8")


@cache
def _comments() -> tuple[dict[str, int], pa.Array, Array, Array]:
    """Codes of the themes; all comments; first place and count of each (theme, language)."""
    text = resources.files("saydo.simulate").joinpath("comments.toml").read_text(encoding="utf-8")
    themes = tomllib.loads(text)
    texts: list[str] = []
    first, count = (np.zeros((len(themes), len(LANGUAGES)), np.int64) for _ in range(2))
    for code, theme in enumerate(themes.values()):
        for language, name in enumerate(LANGUAGES):
            variants = _variants(theme[name]["first"], theme[name]["then"])
            first[code, language], count[code, language] = len(texts), len(variants)
            texts.extend(variants)
    return {name: code for code, name in enumerate(themes)}, pa.array(texts, pa.string()), first, count


def _variants(first: list[str], then: list[str]) -> list[str]:
    joined = [f"{one} {other}".strip() for one, other in product(first, ["", "", *then])]
    return [one.replace("{days}", days) for one in joined for days in (_DAYS if "{days}" in one else ("",))]


def themes(*names: str) -> Array:
    """Codes of themes by name."""
    return np.array([_comments()[0][name] for name in names])


def write_comments(chance: np.random.Generator, theme: Array, language: Array) -> pa.Array:
    """A comment on each theme in the customer's language; null where the theme is negative."""
    _, texts, first, count = _comments()
    place = first[theme, language] + (chance.random(len(theme)) * count[theme, language]).astype(np.int64)
    return texts.take(pa.array(place, mask=theme < 0))


def choose_theme(
    chance: np.random.Generator, by_class: tuple[tuple[str, ...], ...], classes: Array, share: float
) -> Array:
    """A theme among those of the answer's class, for this share of the answers; -1 for those who write nothing."""
    theme = np.full(len(classes), -1)
    for code, names in enumerate(by_class):
        chosen = themes(*names)[chance.integers(0, len(names), len(classes))]
        theme = np.where(classes == code, chosen, theme)
    return np.where(chance.random(len(classes)) < share, theme, -1)
