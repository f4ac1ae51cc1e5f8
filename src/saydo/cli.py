"""The terminal: parse, call, print. Heavy parts are loaded by the command that needs them, so that help comes at once.

Exit codes: 0 done; 1 something unexpected, with its traceback under ``--debug``; 2 a mistake that the user can mend, in
one sentence; 3 rows refused under ``--strict``; 130 interrupted.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from saydo import __version__
from saydo.errors import BadSetting, NoSuchPath, NothingUsable, RowsRefused
from saydo.help import SpokenGroup, tell
from saydo.language import mark, translate, translate_count
from saydo.shell import RAW, Command, Dates, read_language, say, show_progress
from saydo.web import commands

if TYPE_CHECKING:
    from saydo.company import Facts
    from saydo.result import Result

_AS_IMPORTED = mark("what the import was told: import again to change it")
_WRITING = mark("Writing the report")
_WRITTEN = mark("The report stands in {path}.")

app = typer.Typer(cls=SpokenGroup, no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False)


class Format(StrEnum):
    """The forms in which figures leave."""

    table = "table"
    json = "json"
    csv = "csv"
    xlsx = "xlsx"
    parquet = "parquet"


@contextmanager
def _desk() -> Iterator[Path]:
    """A temporary folder; it stays when nothing was usable, because the error sends the user there for the reasons."""
    desk = Path(mkdtemp(prefix="saydo-"))
    try:
        yield desk
    except NothingUsable:
        raise
    except BaseException:
        shutil.rmtree(desk, ignore_errors=True)
        raise
    shutil.rmtree(desk, ignore_errors=True)


def _read(directory: Path, zone: str | None, currency: str | None, dates: str | None) -> Facts:
    """The facts in a folder; of raw files, what had to be refused is told on the way."""
    from saydo.company import MANIFEST_FILE
    from saydo.sources import read

    is_imported = (directory / MANIFEST_FILE).is_file()
    for name, value in {"--zone": zone, "--currency": currency, "--dates": dates}.items():
        if is_imported and value:
            raise BadSetting(name=name, value=value, choices=_AS_IMPORTED)
    facts = read(directory, zone=zone, currency=currency, dates=dates)
    refused = sum(entry.quarantined for entry in facts.manifest.tables.values())
    if refused and not is_imported:
        told = translate_count(
            "{count} row was refused and is in no figure: saydo check {path} tells why.",
            "{count} rows were refused and are in no figure: saydo check {path} tells why.",
            refused,
            path=directory,
        )
        Console(stderr=True).print(Text(told, style="yellow"), soft_wrap=True)
    return facts


def _split_setting(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name.strip() or not value.strip():
        raise BadSetting(name="--set", value=text, choices="KEY=VALUE")
    return name.strip(), value.strip()


def _format_of(output: Path | None) -> Format:
    """The form that a file's ending asks for; a table without one."""
    ending = output.suffix.lower().removeprefix(".") if output else ""
    return Format(ending) if ending in Format.__members__ else Format.table


def _check_output(output: Path | None, format: Format) -> None:
    """Refuse before the work begins what could not be written after it."""
    if output is None and format in (Format.parquet, Format.xlsx) and sys.stdout.isatty():
        raise BadSetting(name="--output", value="-", choices=f"FILE.{format}")
    if output is not None and not output.absolute().parent.is_dir():
        raise NoSuchPath(path=output.absolute().parent)
    if output is not None and output.is_dir():
        raise BadSetting(name="--output", value=output, choices=output / "FILE")


def _write(result: Result, format: Format, output: Path | None) -> None:
    from saydo.export import write_csv, write_json, write_parquet, write_xlsx
    from saydo.terminal import print_result

    if format is Format.table:
        with output.open("w", encoding="utf-8") if output else nullcontext(sys.stdout) as page:
            print_result(Console(file=page), result)
    else:
        write = {"json": write_json, "csv": write_csv, "xlsx": write_xlsx, "parquet": write_parquet}[format]
        with output.open("wb") if output else nullcontext(sys.stdout.buffer) as out:
            write(result.table, out)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"saydo {__version__}")
        raise typer.Exit


Directory = Annotated[
    Path, typer.Argument(metavar="DIR", help=mark("Folder with a company's facts, imported or as files."))
]
Zone = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE", help=mark("Zone of local times, such as Europe/Paris; UTC if left out."), rich_help_panel=RAW
    ),
]
Currency = Annotated[
    str | None,
    typer.Option(
        metavar="CODE", help=mark("Currency of money that has none of its own, such as EUR."), rich_help_panel=RAW
    ),
]
DateOrder = Annotated[
    Dates | None,
    typer.Option("--dates", help=mark("Day or month first, where dates can be read both ways."), rich_help_panel=RAW),
]
AsOf = Annotated[
    str | None, typer.Option(metavar="DATE", help=mark("See only what was known before this day or time."))
]
Strict = Annotated[
    bool, typer.Option("--strict", help=mark("Allow no refused row: end with exit code 3 if there is one."))
]
Language = Annotated[
    str | None,
    typer.Option(
        metavar="CODE", callback=read_language, help=mark("Language of the words, en or fr; yours if left out.")
    ),
]
By = Annotated[
    str,
    typer.Option(metavar="A,B", help=mark("Splits: columns that make groups, or day, week, month, quarter, year.")),
]
Settings = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help=mark("A setting of the measure; can be repeated.")),
]
Form = Annotated[
    Format | None, typer.Option(help=mark("Form of the figures; that of the file's ending, else a table."))
]
Output = Annotated[Path | None, typer.Option(metavar="FILE", help=mark("Write to a file instead of the terminal."))]
ShowSmallGroups = Annotated[
    bool,
    typer.Option(
        "--show-small-groups",
        help=mark("Also show what groups of fewer than 5 people said: for readers who may know who they are."),
    ),
]
Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help=mark("Tell the version and end."))
]
Debug = Annotated[
    bool, typer.Option("--debug", envvar="SAYDO_DEBUG", help=mark("Show the traceback of what was unexpected."))
]


@app.callback(
    help=tell(
        mark("What customers say, what they do, what you promise and what you keep: one measured picture."),
        mark("To see it at work, with a company that does not exist:"),
        examples=(
            "saydo simulate demo --customers 2000",
            "saydo measure nps demo --by touchpoint",
            "saydo report demo --output demo.html",
        ),
    ),
)
def start(version: Version = False, debug: Debug = False) -> None:
    """What all commands have in common."""
    # Small systems of equations by the hundred: on a busy machine BLAS's threads wait for each other, not for results.
    # It reads this when NumPy is first loaded, which is later.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@app.command(
    cls=Command,
    help=tell(
        mark("List what can be imported."),
        examples=("saydo sources",),
    ),
)
def sources() -> None:
    """Print what can be imported."""
    from saydo.sources import list_sources
    from saydo.terminal import print_sources

    print_sources(Console(), list_sources())


@app.command(
    "import",
    cls=Command,
    help=tell(
        mark("Check raw files and write them as facts."),
        mark(
            "The folder is written whole or not at all. Rows that break a rule go to `quarantine/` in it, each "
            "with its reason."
        ),
        examples=(
            "saydo import folder exports --to company --zone Europe/Paris --currency EUR",
            "saydo import shopify exports --to company --dates dmy --strict",
            "saydo import ./our-mapping exports --to company",
        ),
    ),
)
def import_(  # noqa: PLR0913, PLR0917  one for each option
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help=mark("What the files are; `saydo sources` lists it."))
    ],
    origin: Annotated[Path, typer.Argument(metavar="FROM", help=mark("Folder with the raw files."))],
    to: Annotated[
        Path, typer.Option(metavar="DIR", help=mark("Folder for the facts: new, empty, or an earlier import."))
    ],
    zone: Zone = None,
    currency: Currency = None,
    dates: DateOrder = None,
    name: Annotated[
        str, typer.Option(metavar="NAME", help=mark("Name of the company; the folder's if left out."))
    ] = "",
    strict: Strict = False,
) -> None:
    """Import, and tell what was kept, refused and orphaned."""
    from saydo.sources import import_facts, refusals
    from saydo.terminal import print_import

    with show_progress() as progress:
        manifest = import_facts(
            source, origin, to, zone=zone, currency=currency, dates=dates, strict=strict, progress=progress, name=name
        )
    print_import(Console(), manifest, refusals(to), to / "quarantine")


@app.command(
    cls=Command,
    help=tell(
        mark("Say what is wrong with files, and write nothing."),
        examples=(
            "saydo check exports",
            "saydo check exports --source shopify --dates dmy --strict",
        ),
    ),
)
def check(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help=mark("Folder with raw files, or an imported company."))
    ],
    source: Annotated[
        str, typer.Option(metavar="SOURCE", help=mark("What the files are, as for `saydo import`."))
    ] = "folder",
    zone: Zone = None,
    currency: Currency = None,
    dates: DateOrder = None,
    strict: Strict = False,
) -> None:
    """Import into a folder that is thrown away, and tell what was found."""
    from saydo.company import MANIFEST_FILE, Manifest
    from saydo.sources import import_facts, refusals
    from saydo.terminal import print_import

    with _desk() as desk:
        to = directory
        if not (directory / MANIFEST_FILE).is_file():
            to = desk / "facts"
            with show_progress() as progress:
                import_facts(source, directory, to, zone=zone, currency=currency, dates=dates, progress=progress)
        found = refusals(to)
        print_import(Console(), Manifest.read(to), found)
    if strict and found:
        raise typer.Exit(RowsRefused.exit_code)


@app.command(
    cls=Command,
    help=tell(
        mark("Write a company that does not exist."),
        mark(
            "Three years of orders, promises, answers and complaints, to learn with and to try measures on: "
            "`truth.json` beside the facts holds what a measure must find."
        ),
        examples=(
            "saydo simulate demo",
            "saydo simulate large --customers 1000000 --seed 7",
        ),
    ),
)
def simulate(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help=mark("New or empty folder, or that of an earlier one."))
    ],
    customers: Annotated[int, typer.Option(metavar="N", help=mark("How many customers it has."))] = 20_000,
    seed: Annotated[int, typer.Option(metavar="S", help=mark("The same seed gives the same company."))] = 1,
) -> None:
    """Simulate, and tell where the company stands."""
    from saydo.simulate import simulate

    with show_progress() as progress:
        simulate(directory, customers=customers, seed=seed, progress=partial(progress, "customers"))
    told = translate_count(
        "A company with {count} customer stands in {path}.",
        "A company with {count} customers stands in {path}.",
        customers,
        path=directory,
    )
    say(told)


@app.command(
    cls=Command,
    help=tell(
        mark("List the measures, or explain one."),
        examples=(
            "saydo measures",
            "saydo measures nps",
        ),
    ),
)
def measures(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help=mark("A measure, to be told all about it."))
    ] = None,
    language: Language = None,
) -> None:
    """Print the list of measures, or all about one."""
    from saydo.measures import MEASURES, find
    from saydo.terminal import print_measure, print_measures

    if name is None:
        print_measures(Console(), MEASURES.values())
    else:
        print_measure(Console(), find(name))


@app.command(
    cls=Command,
    help=tell(
        mark("Measure something of a company's facts."),
        examples=(
            "saydo measure nps demo",
            "saydo measure nps demo --by touchpoint,month --as-of 2024-07-01",
            "saydo measure nps demo --set each=answer --format csv > nps.csv",
            "saydo measure nps demo --by month --output nps.parquet",
        ),
    ),
)
def measure(  # noqa: PLR0913, PLR0917  one for each option
    name: Annotated[str, typer.Argument(metavar="NAME", help=mark("Which measure; `saydo measures` lists them."))],
    directory: Directory,
    by: By = "",
    as_of: AsOf = None,
    settings: Settings = [],  # noqa: B006  Typer copies it
    format: Form = None,
    output: Output = None,
    show_small_groups: ShowSmallGroups = False,
    language: Language = None,
    zone: Zone = None,
    currency: Currency = None,
    dates: DateOrder = None,
) -> None:
    """Read, measure, and write the figures in the form asked for."""
    from saydo.measures import find

    asked, chosen = find(name), dict(map(_split_setting, settings))
    format = format or _format_of(output)
    _check_output(output, format)
    facts = _read(directory, zone, currency, dates)
    result = asked(facts, by, as_of, show_small_groups=show_small_groups, **chosen)
    _write(result, format, output)


@app.command(
    cls=Command,
    help=tell(
        mark("Write one page that tells a company's story."),
        mark(
            "What its customers say and do, what it promised and kept, what that earns: one HTML file, with no "
            "script and nothing from elsewhere, that can be mailed."
        ),
        examples=(
            "saydo report demo --output demo.html",
            "saydo report demo --output rapport.html --language fr --as-of 2026-01-01",
        ),
    ),
)
def report(
    directory: Directory,
    output: Annotated[Path, typer.Option(metavar="FILE.html", help=mark("Where to write it."))],
    as_of: AsOf = None,
    language: Language = None,
    zone: Zone = None,
    currency: Currency = None,
    dates: DateOrder = None,
) -> None:
    """Read, and write the report."""
    from saydo.company import parse_moment
    from saydo.report import write_report

    _check_output(output, Format.table)
    moment = parse_moment("as_of", as_of) if as_of else None
    facts = _read(directory, zone, currency, dates).known_before(moment)
    with Console(stderr=True).status(translate(_WRITING)):
        write_report(facts, output, language=language or "en")
    say(translate(_WRITTEN, path=output))


commands.add_to(app)
