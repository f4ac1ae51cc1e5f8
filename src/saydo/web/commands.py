"""The commands that run the application. Django is loaded by the command that needs it, so that help comes at once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saydo.help import tell
from saydo.language import mark, number, translate, translate_count
from saydo.shell import RAW, Command, Dates, say, show_progress

if TYPE_CHECKING:
    from saydo.web.loads.models import Load

Role = Annotated[
    str,
    typer.Option(
        metavar="ROLE", help=mark("What they may do: administrator, manager, agent, adviser, analyst, reader.")
    ),
]


_LOADED = (mark("Table"), mark("kept"), mark("new or changed"), mark("refused"))


def load_django() -> None:
    """Load Django with the settings of the environment."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "saydo.web.settings")
    django.setup()


def start_django() -> None:
    """Load Django, and bring the database to this version's shape."""
    load_django()
    from django.core.management import call_command

    from saydo.web.locks import alone

    with alone("migrate", wait=True):  # several processes may start at once
        call_command("migrate", verbosity=0, interactive=False)


def load(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help=mark("Folder with a company's facts, imported or as files."))
    ],
    mapping: Annotated[
        str,
        typer.Option(metavar="SOURCE", help=mark("What the files are, as for `saydo import`."), rich_help_panel=RAW),
    ] = "folder",
    zone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE",
            help=mark("Zone of local times, such as Europe/Paris; UTC if left out."),
            rich_help_panel=RAW,
        ),
    ] = None,
    currency: Annotated[
        str | None,
        typer.Option(
            metavar="CODE", help=mark("Currency of money that has none of its own, such as EUR."), rich_help_panel=RAW
        ),
    ] = None,
    dates: Annotated[
        Dates | None,
        typer.Option(help=mark("Day or month first, where dates can be read both ways."), rich_help_panel=RAW),
    ] = None,
    origin: Annotated[
        str, typer.Option(metavar="NAME", help=mark("The system that they come from, if you load several."))
    ] = "main",
    strict: Annotated[
        bool, typer.Option("--strict", help=mark("Allow no refused row: end with exit code 3 if there is one."))
    ] = False,
) -> None:
    """Load facts and people, and refresh the copy that measures read."""
    start_django()
    from saydo.web.loads.actions import begin, carry_out, check_origin

    check_origin(origin)
    source = mapping if not Path(mapping).is_dir() else str(Path(mapping).absolute())
    given = {"zone": zone or "", "currency": currency or "", "dates": dates or ""}
    one = begin(source=source, origin=origin, given=given, by=None)
    with show_progress() as progress:
        carry_out(one, directory.absolute(), strict=strict, progress=progress)
    _print_load(one)


def _print_load(one: Load) -> None:
    """What was kept, written and refused, and where the reasons stand."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for words in _LOADED:
        table.add_column(translate(words), justify="left" if words == _LOADED[0] else "right")
    for name, counted in one.counts.items():
        table.add_row(name, *(number(counted.get(what, 0)) for what in ("kept", "written", "refused")))
    Console().print(table)
    say(translate_count("{count} row is new or changed.", "{count} rows are new or changed.", one.written))
    if one.refused:
        told = translate_count(
            "{count} row was refused: the reasons stand in {path}, and on the page of load {number}.",
            "{count} rows were refused: the reasons stand in {path}, and on the page of load {number}.",
            one.refused,
            path=one.quarantine,
            number=one.id,
        )
        say(told)


def user(
    email: Annotated[str, typer.Argument(metavar="EMAIL")],
    role: Role = "administrator",
    name: Annotated[str, typer.Option(metavar="NAME", help=mark("How they are called."))] = "",
) -> None:
    """Make or change a user; the password is asked for, or read from SAYDO_PASSWORD."""
    start_django()
    from saydo.web.accounts.actions import put_user

    password = os.environ.get("SAYDO_PASSWORD") or typer.prompt(
        translate("Password"), hide_input=True, confirmation_prompt=True
    )
    put_user(email=email, role=role, name=name, password=password)
    say(translate(mark("{email} can log in now."), email=email))


def serve(
    host: Annotated[str, typer.Option(metavar="HOST", help=mark("Address to listen on."))] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", help=mark("Port to listen on."))] = 8000,
    processes: Annotated[int, typer.Option(metavar="NUMBER", min=1, help=mark("Processes that answer requests."))] = 2,
    only_pages: Annotated[
        bool, typer.Option("--only-pages", help=mark("Leave the background work to `saydo worker`."))
    ] = False,
) -> None:
    """Serve the pages and run the background work until interrupted."""
    from saydo.web.server import check_port, collect, run

    check_port(host, port)
    with _running():
        collect(start_django)
        say(translate(mark("Saydo is at {address}. Ctrl-C stops it."), address=_address(host, port)))
        if not _has_user():
            say(translate(mark("Nobody can log in yet: make the first user with `saydo user EMAIL`.")))
        run(host, port, processes=processes, with_work=not only_pages)


def work() -> None:
    """Run the background work until interrupted."""
    with _running():
        start_django()
        from saydo.web.worker import run

        run()


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=mark("The file to write; it must not be there yet."))],
) -> None:
    """Write a backup."""
    start_django()
    from saydo.web.backup import write_backup

    with show_progress() as progress:
        rows = write_backup(file, progress=progress)
    say(translate_count("{count} row stands in {path}.", "{count} rows stand in {path}.", rows, path=file))


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=mark("A file that `saydo backup` wrote."))],
    replace: Annotated[
        bool, typer.Option("--replace", help=mark("Put it in the place of what the database holds now."))
    ] = False,
) -> None:
    """Read a backup into the database."""
    load_django()
    from saydo.web.restore import read_backup

    with show_progress() as progress:
        restored = read_backup(file, replace=replace, progress=progress)
    say(translate_count("{count} row is restored.", "{count} rows are restored.", restored.rows))
    if restored.revoked:
        told = translate_count(
            "{count} key of the API is revoked: it may have been before. Make a new one under Colleagues.",
            "{count} keys of the API are revoked: they may have been before. Make new ones under Colleagues.",
            restored.revoked,
        )
        say(told)
    if restored.erased:
        say(translate_count("{count} person is erased again.", "{count} persons are erased again.", restored.erased))


def forget(
    before: Annotated[
        str, typer.Option("--before", metavar="DATE", help=mark("Entries from this day or time on stay."))
    ],
) -> None:
    """Delete what is too old from the trail."""
    from saydo.company import parse_moment

    moment = parse_moment("before", before)
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    start_django()
    from saydo.web.accounts.actions import forget_trail

    rows = forget_trail(before=moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    say(translate_count("{count} entry of the trail is deleted.", "{count} entries of the trail are deleted.", rows))


def demo(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help=mark("Folder of the demonstration, made if needed."))
    ],
    customers: Annotated[int, typer.Option(metavar="NUMBER", min=1, help=mark("How many customers."))] = 20_000,
    host: Annotated[str, typer.Option(metavar="HOST", help=mark("Address to listen on."))] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", help=mark("Port to listen on."))] = 8000,
    no_serve: Annotated[bool, typer.Option("--no-serve", help=mark("Prepare it and end."))] = False,
) -> None:
    """Prepare the demonstration and serve it until interrupted."""
    from saydo.web.server import check_port, collect, run

    if not no_serve:
        check_port(host, port)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["SAYDO_HOME"] = str(directory.absolute())
    os.environ.pop("DATABASE_URL", None)  # nobody wants a company that does not exist in a database of theirs
    os.environ.setdefault("SAYDO_LOG_LEVEL", "WARNING")
    with _running():
        collect(start_django)
        from saydo.web.demo import prepare

        with show_progress() as progress:
            logins = prepare(directory, customers=customers, progress=progress)
        say(translate(mark("The demonstration is at {address}. Log in as one of these:"), address=_address(host, port)))
        for email, role in logins.people:
            say(f"  {email:<28}{translate(role)}")
        say(translate(mark("The password of each is {password}."), password=logins.password))
        if not no_serve:
            say(translate(mark("Ctrl-C stops it.")))
            run(host, port)


def _address(host: str, port: int) -> str:
    name = "localhost" if host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else host  # noqa: S104  shown, not listened on
    return f"http://{name}:{port}"


def _has_user() -> bool:
    from saydo.web.accounts.models import User

    return User.objects.exists()


@contextmanager
def _running() -> Iterator[None]:
    """Tell others (a restore) that the application runs on this home."""
    from saydo.web.home import find_home

    with (find_home() / "running.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


COMMANDS: dict[str, tuple[Callable[..., None], str]] = {
    "load": (
        load,
        tell(
            mark("Load a company's facts into the application; as often as you like, with the same result."),
            mark(
                "Raw files are checked first. Rows that break a rule are kept apart, each with its reason; a file "
                "`people.csv` beside them says who the customers are."
            ),
            examples=(
                "saydo load company",
                "saydo load exports --mapping shopify --currency EUR",
                "saydo load survey --origin survey",
            ),
        ),
    ),
    "user": (
        user,
        tell(
            mark("Make a user of the application, or change the role or password of one."),
            examples=("saydo user ada@example.org --role administrator",),
        ),
    ),
    "serve": (
        serve,
        tell(
            mark("Run the application: its pages and its background work."),
            mark(
                "It runs until it is interrupted. Whatever of it dies is started again; when it ends, all of it ends."
            ),
            examples=("saydo serve", "saydo serve --port 8080"),
        ),
    ),
    "worker": (
        work,
        tell(
            mark("Run the background work alone, where `saydo serve --only-pages` runs the pages."),
            examples=("saydo worker",),
        ),
    ),
    "backup": (
        backup,
        tell(
            mark("Write all that the database holds into one file, while the application runs."),
            mark("The file holds identities and the secret of this installation: keep it as safe as the database."),
            examples=("saydo backup saydo.zip",),
        ),
    ),
    "restore": (
        restore,
        tell(
            mark("Put a backup into an empty database, SQLite or PostgreSQL, and bring it to this version."),
            mark("Persons who were erased since the backup was made are erased again."),
            examples=("saydo restore saydo.zip", "saydo restore saydo.zip --replace"),
        ),
    ),
    "forget-trail": (
        forget,
        tell(
            mark("Delete what is too old to keep from the trail: who did or saw what."),
            mark("That it was done, and how many entries went, stands in the trail."),
            examples=("saydo forget-trail --before 2016-01-01",),
        ),
    ),
    "demo": (
        demo,
        tell(
            mark("Show the application with a company that does not exist, in a folder of its own."),
            mark("The second time it takes what is there. Remove the folder to begin anew."),
            examples=("saydo demo build/demo-home",),
        ),
    ),
}


def add_to(app: typer.Typer) -> None:
    """Add the application's commands to those of the terminal."""
    for name, (run, told) in COMMANDS.items():
        app.command(name, cls=Command, help=told)(run)
