"""Help in the reader's language: what a command is for, its examples, its options.

Typer takes its texts when a command is made, long before anybody asks for help, so they are translated when they are
shown, paragraph by paragraph, on copies.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

from babel import Locale, UnknownLocaleError
from typer import rich_utils
from typer.core import TyperCommand, TyperGroup

from saydo.language import LANGUAGES, mark, translate, use

_SHELL = "```sh"
_TITLES = {
    "ARGUMENTS_PANEL_TITLE": mark("Arguments"),
    "OPTIONS_PANEL_TITLE": mark("Options"),
    "COMMANDS_PANEL_TITLE": mark("Commands"),
    "DEFAULT_STRING": mark("[default: {}]"),
    "REQUIRED_LONG_STRING": mark("[required]"),
}
_OPTIONS_OF_TYPER = (  # their texts are Typer's; here for the catalogue
    mark("Show this message and exit."),
    mark("Install completion for the current shell."),
    mark("Show completion for the current shell, to copy it or customize the installation."),
)


def tell(*paragraphs: str, examples: tuple[str, ...]) -> str:
    """The help of a command: marked paragraphs, each on one line, and commands to try."""
    return "\n\n".join([*paragraphs, "\n".join([_SHELL, *examples, "```"])])


def user_language() -> str:
    """The language of the user's environment, else English.

    It is found as gettext does; Babel's way also asks LC_CTYPE, which Python itself may have set.
    """
    found = (os.environ.get(name) for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"))
    code = re.split("[:.@]", next(filter(None, found), ""))[0].replace("-", "_")
    return code if is_spoken(code) else "en"


def is_spoken(code: str) -> bool:
    """Is there a catalogue for this language (``fr``, ``fr_CH``)?"""
    try:
        return Locale.parse(code).language in LANGUAGES
    except (UnknownLocaleError, ValueError):
        return False


class SpokenCommand(TyperCommand):
    """A command whose help is in the user's language."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        with use(user_language()), _titles():
            TyperCommand.format_help(_speak(self), ctx, formatter)


class SpokenGroup(TyperGroup):
    """Commands whose help is in the user's language."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        with use(user_language()), _titles():
            spoken = _speak(self)
            spoken.commands = {name: _speak(command) for name, command in self.commands.items()}
            TyperGroup.format_help(spoken, ctx, formatter)


def _speak(command: Any) -> Any:
    spoken = copy(command)
    spoken.help = _translate(command.help)
    spoken.params = [_speak_option(option) for option in command.params]
    own, spoken._help_option = command.get_help_option, None
    spoken.get_help_option = lambda ctx: _speak_option(own(ctx))
    return spoken


def _speak_option(option: Any) -> Any:
    spoken = copy(option)
    spoken.help = _translate(option.help)
    spoken.rich_help_panel = _translate(getattr(option, "rich_help_panel", None))
    return spoken


def _translate(text: str | None) -> str | None:
    if not isinstance(text, str):
        return text
    return "\n\n".join(part if part.startswith(_SHELL) else translate(part) for part in text.split("\n\n"))


@contextmanager
def _titles() -> Iterator[None]:
    """Typer's own words, which it keeps as constants."""
    english = {name: getattr(rich_utils, name) for name in _TITLES}
    try:
        for name, title in _TITLES.items():
            setattr(rich_utils, name, translate(title))
        yield
    finally:
        for name, title in english.items():
            setattr(rich_utils, name, title)
