"""In which language a comment is written."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from saydo.words.reading import strip_markup

# Languages of Europe and its neighbours that a comment is told from, so that it is not taken for one that it is not.
NEIGHBOURS = ("ar", "de", "en", "es", "fr", "it", "nl", "pl", "pt", "ru", "tr")
ENOUGH = 300  # signs that tell a language
SHORT = 12  # signs below which letters tell nothing: such a comment is taken to be in the language asked for first


def tell_languages(texts: Sequence[str], languages: Sequence[str]) -> list[str]:
    """The language (ISO 639-1) of each text: one of ``languages``, or one of their neighbours."""
    if not texts:
        return []
    identifier, told = _identifier(tuple(sorted({*languages, *NEIGHBOURS}))), dict[str, str]()
    for text in texts:
        if text not in told:
            plain = strip_markup(text).strip()[:ENOUGH]
            told[text] = identifier.classify(plain)[0] if len(plain) >= SHORT else languages[0]
    return [told[text] for text in texts]


def find_unknown(languages: Sequence[str]) -> list[str]:
    """Those of the languages that cannot be told."""
    rarer = set(languages) - set(NEIGHBOURS)
    return sorted(rarer - set(_identifier(()).labels)) if rarer else []


@cache
def _identifier(languages: tuple[str, ...]) -> Any:
    """What tells these languages from each other; any of all that there are without one."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    if languages:
        identifier.set_languages(list(languages))
    return identifier
