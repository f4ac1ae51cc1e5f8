"""``python -m saydo`` is ``saydo``."""

from saydo.cli import app

app(prog_name="saydo")
