"""Words, numbers, dates and money in the reader's language.

One gettext catalogue (``locale/<language>/LC_MESSAGES/saydo.po``) holds every sentence that people read. English
message ids stand in the code, marked with `mark`; they are translated when they are shown. Catalogues are read as they
are written (``.po``), so that no compiled file can fall behind its source.
"""

from __future__ import annotations

import gettext as stdlib_gettext
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from functools import cache
from importlib import resources

from babel import Locale, dates, numbers
from babel.messages import mofile, pofile

LANGUAGES = ("en", "fr")
_language: ContextVar[str] = ContextVar("language", default="en")


def mark(text: str) -> str:
    """Mark a message id for the catalogue without translating it yet."""
    return text


def mark_count(one: str, many: str) -> tuple[str, str]:
    """Mark the two forms of a message that counts, for `translate_count`."""
    return one, many


@contextmanager
def use(language: str) -> Iterator[None]:
    """Speak ``language`` (a code such as ``fr`` or ``fr-CH``) inside the block."""
    token = _language.set(language.replace("-", "_"))
    try:
        yield
    finally:
        _language.reset(token)


def language() -> str:
    """The two-letter code of the language in use."""
    return _language.get().split("_")[0]


@cache
def _catalogue(code: str) -> stdlib_gettext.NullTranslations:
    path = resources.files("saydo") / "locale" / code / "LC_MESSAGES" / "saydo.po"
    if not path.is_file():
        return stdlib_gettext.NullTranslations()
    with path.open("rb") as source:
        catalogue = pofile.read_po(source, locale=code)
    compiled = io.BytesIO()
    mofile.write_mo(compiled, catalogue)
    compiled.seek(0)
    return stdlib_gettext.GNUTranslations(compiled)


def translate(text: str, **values: object) -> str:
    """The message in the language in use, its named places filled; a text outside the catalogue stays as it is."""
    translated = _catalogue(language()).gettext(text) if text else text
    return translated.format(**values) if values else translated


def translate_count(one: str, many: str, count: int, **values: object) -> str:
    """The message in the plural form that ``count`` asks for; ``{count}`` is written with the reader's separators."""
    text = _catalogue(language()).ngettext(one, many, count)
    return text.format(count=number(count), **values)


def current_locale() -> Locale:
    """The conventions of the language in use, for forms that are not here."""
    return Locale.parse(_language.get())


def number(value: float | None, digits: int = 0) -> str:
    """A number with the reader's separators; null is a dash."""
    return "–" if value is None else numbers.format_decimal(value, format=_pattern(digits), locale=current_locale())


def signed(value: float | None, digits: int = 0) -> str:
    """A difference or score with its sign (a true minus); null is a dash."""
    if value is None:
        return "–"
    text = number(abs(round(value, digits)), digits)
    return ("+" if round(value, digits) > 0 else "−" if round(value, digits) < 0 else "") + text


def percent(share: float | None, digits: int = 0) -> str:
    """A share from 0 to 1 as a percentage; null is a dash."""
    if share is None:
        return "–"
    pattern = current_locale().percent_formats[None].pattern.replace("#,##0", _pattern(digits))
    return numbers.format_percent(share, format=pattern, locale=current_locale())


def probability(p: float | None, digits: int = 3) -> str:
    """A p-value; one too small for its digits is less than the smallest of them, never 0; null is a dash."""
    least = 10.0**-digits
    return f"<\N{NO-BREAK SPACE}{number(least, digits)}" if p is not None and p < least else number(p, digits)


def money(amount: float | None, currency: str | None, digits: int = 0) -> str:
    """An amount with its currency in the reader's form; null is a dash."""
    if amount is None:
        return "–"
    if currency is None:
        return number(amount, digits)
    pattern = current_locale().currency_formats["standard"].pattern
    shape = pattern.split(";")[0].replace("0.00", "0" + ("." + "0" * digits if digits else ""))
    return numbers.format_currency(amount, currency, format=shape, locale=current_locale(), currency_digits=False)


def day(value: date | None) -> str:
    """A date in the reader's form; null is a dash."""
    if value is None:
        return "–"
    text = dates.format_date(value, format="long", locale=current_locale())
    return f"1er{text[1:]}" if language() == "fr" and value.day == 1 else text  # as French writes the first of a month


def month(value: date | None) -> str:
    """A month and its year; null is a dash."""
    return "–" if value is None else dates.format_skeleton("yMMMM", value, locale=current_locale())


def join(words: list[str]) -> str:
    """Words as a list in a sentence ("a, b and c")."""
    from babel.lists import format_list

    return format_list(words, locale=current_locale())


def _pattern(digits: int) -> str:
    return "#,##0" + ("." + "0" * digits if digits else "")
