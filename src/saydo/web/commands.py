"""The commands that run the application. Django is loaded by the command that needs it, so that help comes at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from saydo.help import tell
from saydo.language import mark, translate, translate_count
from saydo.shell import Command, say, show_progress

Role = Annotated[
    str,
    typer.Option(
        metavar="ROLE", help=mark("What they may do: administrator, manager, agent, adviser, analyst, reader.")
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the application's commands to those of the terminal."""
    app.command(
        "load",
        cls=Command,
        help=tell(
            mark("Load a company's facts into the application; as often as you like, with the same result."),
            examples=("saydo load company", "saydo load survey --origin survey"),
        ),
    )(load)
    app.command(
        "user",
        cls=Command,
        help=tell(
            mark("Make a user of the application, or change the role or password of one."),
            examples=("saydo user ada@example.org --role administrator",),
        ),
    )(user)
    app.command(
        "serve",
        cls=Command,
        help=tell(
            mark("Run the application: its pages and its background work."),
            examples=("saydo serve", "saydo serve --port 8080"),
        ),
    )(serve)


def start_django() -> None:
    """Load Django with the settings of the environment, and bring the database to this version's shape."""
    import django
    from django.core.management import call_command

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "saydo.web.settings")
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)


def load(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help=mark("Folder with a company's facts, imported or as files."))
    ],
    origin: Annotated[
        str, typer.Option(metavar="NAME", help=mark("The system that they come from, if you load several."))
    ] = "main",
) -> None:
    """Load facts and refresh the copy that measures read."""
    start_django()
    from saydo.web.feed import refresh
    from saydo.web.load import load_facts

    with show_progress() as progress:
        loaded = load_facts(directory, origin=origin, progress=progress)
    refresh()
    written = sum(loaded.written.values())
    say(translate_count("{count} row is new or changed.", "{count} rows are new or changed.", written))


def user(
    email: Annotated[str, typer.Argument(metavar="EMAIL")],
    role: Role = "administrator",
    name: Annotated[str, typer.Option(metavar="NAME", help=mark("How they are called."))] = "",
) -> None:
    """Make or change a user; the password is asked for, or read from SAYDO_PASSWORD."""
    start_django()
    from saydo.web.accounts.models import User

    password = os.environ.get("SAYDO_PASSWORD") or typer.prompt(
        translate("Password"), hide_input=True, confirmation_prompt=True
    )
    found = User.objects.filter(email=email.lower()).first() or User(email=email.lower())
    found.role, found.name = role, name or found.name
    found.set_password(password)
    found.save()
    say(translate(mark("{email} can log in now."), email=email))


def serve(
    host: Annotated[str, typer.Option(metavar="HOST", help=mark("Address to listen on."))] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", help=mark("Port to listen on."))] = 8000,
) -> None:
    """Serve the pages and run the background work until interrupted."""
    start_django()
    from saydo.web.server import run

    run(host, port)
