"""A cache that all processes share, and a trail to which the database itself only lets rows be added."""

from typing import Any

from django.core.management import call_command
from django.db import migrations

# A user is never deleted, so that nothing but a person with the database's own tools could want to change the trail;
# `saydo.web.accounts.actions.with_open_trail` takes the guard away for erasures and for what is too old to keep.
GUARD = {
    "sqlite": (
        "CREATE TRIGGER trail_stays BEFORE UPDATE ON trail BEGIN SELECT RAISE(ABORT, 'the trail stays'); END",
        "CREATE TRIGGER trail_kept BEFORE DELETE ON trail BEGIN SELECT RAISE(ABORT, 'the trail stays'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION trail_stays() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the trail stays'; END $$",
        "CREATE TRIGGER trail_stays BEFORE UPDATE OR DELETE ON trail "
        "FOR EACH ROW EXECUTE FUNCTION trail_stays()",
    ),
}
UNGUARD = {
    "sqlite": ("DROP TRIGGER IF EXISTS trail_stays", "DROP TRIGGER IF EXISTS trail_kept"),
    "postgresql": ("DROP TRIGGER IF EXISTS trail_stays ON trail",),
}


def make_cache(apps: Any, editor: Any) -> None:
    """The table of Django's cache in the database."""
    call_command("createcachetable", "cache", database=editor.connection.alias, verbosity=0)


def guard(apps: Any, editor: Any) -> None:
    """Let the database refuse to change or delete what stands in the trail."""
    for statement in GUARD[editor.connection.vendor]:
        editor.execute(statement)


def unguard(apps: Any, editor: Any) -> None:
    """Let it."""
    for statement in UNGUARD[editor.connection.vendor]:
        editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_sessions_and_erasures")]
    operations = [
        migrations.RunPython(make_cache, migrations.RunPython.noop),
        migrations.RunPython(guard, unguard),
    ]
