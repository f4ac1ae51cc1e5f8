#!/usr/bin/env python
"""Django's own commands, for developers; everything that a company needs is in ``saydo``."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "saydo.web.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
