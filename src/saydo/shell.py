"""What all commands share: the user's language, mistakes in one sentence with an exit code, a bar for long work."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from saydo.errors import SaydoError
from saydo.help import SpokenCommand, is_spoken, user_language
from saydo.language import LANGUAGES, mark, translate, use

RAW = mark("For raw files")  # the panel of options that only they need
_UNEXPECTED = mark("Something unexpected happened: {kind}: {reason}. Run it again with saydo --debug to see where.")
_NOT_SPOKEN = mark("{language} is not spoken here. Choose one of {languages}.")


class Dates(StrEnum):
    """How dates such as 03/04/2024 are meant."""

    dmy = "dmy"
    mdy = "mdy"


class Command(SpokenCommand):
    """A command that speaks the user's language and tells in one sentence what went wrong."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a mistake of the user ends with its own exit code, anything unexpected with 1."""
        with use(ctx.params.get("language") or read_language(None)):
            try:
                return super().invoke(ctx)
            except SaydoError as error:
                fail(str(error), error.exit_code)
            except (typer.Exit, typer.Abort):
                raise
            except Exception as error:
                is_closed_pipe = isinstance(error, OSError) and error.errno == errno.EPIPE
                if is_closed_pipe or ctx.find_root().params.get("debug"):
                    raise
                fail(translate(_UNEXPECTED, kind=type(error).__name__, reason=str(error).rstrip(".")), 1)


def fail(sentence: str, exit_code: int) -> NoReturn:
    Console(stderr=True).print(Text(sentence, style="red"), soft_wrap=True)
    raise typer.Exit(exit_code)


def read_language(value: str | None) -> str:
    """The language asked for, else that of the user's environment, else English."""
    if value and not is_spoken(value.replace("-", "_")):
        raise typer.BadParameter(translate(_NOT_SPOKEN, language=value, languages=", ".join(LANGUAGES)))
    return value.replace("-", "_") if value else user_language()


def say(sentence: str) -> None:
    Console().print(Text(sentence), soft_wrap=True)


@contextmanager
def show_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar while something long is done; to be told what is at hand, how much is done, and of how much."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task("", total=None)
        yield lambda what, done, total: bars.update(bar, description=what, completed=done, total=total)
