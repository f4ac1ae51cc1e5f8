"""``python -m saydo.web.background``: the background work as `saydo serve` starts it."""

from __future__ import annotations

import os


def main() -> None:
    """Work until told to stop, or until the server is gone."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "saydo.web.settings")
    django.setup()
    from saydo.web.server import end_with_parent
    from saydo.web.worker import run

    end_with_parent()
    run()


if __name__ == "__main__":
    main()
