"""The catalogues against the code: every message translated, its places kept, French set as the French set it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from saydo.language import LANGUAGES

ROOT = Path(__file__).parents[1]
KEYWORDS = {"mark": None, "translate": None, "mark_count": (1, 2), "translate_count": (1, 2)}
OTHERS = [language for language in LANGUAGES if language != "en"]
Forms = tuple[str, ...]


def forms(text: object) -> Forms:
    """A message's forms: one, or one for each number."""
    return tuple(text) if isinstance(text, (list, tuple)) else (str(text),)


def find_messages() -> set[Forms]:
    """Every message in the code, as `make locale` finds them."""
    config = ConfigParser()
    config.read(ROOT / "babel.cfg")
    methods = [(pattern, method) for method, pattern in (section.split(": ") for section in config.sections())]
    found = extract_from_dir(ROOT / "src", methods, keywords=KEYWORDS)
    return {forms(message) for _, _, message, _, _ in found}


def read_catalogue(language: str) -> Catalog:
    path = ROOT / "src" / "saydo" / "locale" / language / "LC_MESSAGES" / "saydo.po"
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def messages(language: str) -> Iterator[Message]:
    return (message for message in read_catalogue(language) if message.id)


def test_messages_are_found_in_code_and_templates() -> None:
    found = find_messages()
    assert ("Net Promoter Score",) in found
    assert ("What to do",) in found  # of a template
    assert ("{count} answer", "{count} answers") in found


@pytest.mark.parametrize("language", OTHERS)
def test_catalogue_holds_the_messages_of_the_code_and_no_others(language: str) -> None:
    """To mend it: make locale, then translate what is empty."""
    in_code, in_catalogue = find_messages(), {forms(message.id) for message in messages(language)}
    assert sorted(in_code - in_catalogue) == []
    assert sorted(in_catalogue - in_code) == []
    assert list(read_catalogue(language).obsolete) == []


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated(language: str) -> None:
    lacking = [message.id for message in messages(language) if message.fuzzy or not all(forms(message.string))]
    assert lacking == []


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_the_places(language: str) -> None:
    """A form may leave out the count alone ("the payment" for one of them)."""
    broken = []
    for message in messages(language):
        wanted = set(re.findall(r"\{(\w+)\}", " ".join(forms(message.id))))
        for text in forms(message.string):
            places = set(re.findall(r"\{(\w+)\}", text))
            if places - wanted or wanted - places - {"count"}:
                broken.append((message.id, text))
    assert broken == []


def test_french_is_set_as_the_french_set_it() -> None:
    texts = [text for message in messages("fr") for text in forms(message.string)]
    assert [text for text in texts if re.search(r"\S [:;?!%»]|« |\w'\w|\.\.\.\S", text)] == []
    assert [text for text in texts if '"' in text.replace('""', "")] == []
