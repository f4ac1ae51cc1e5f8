"""A sheet of a workbook as CSV, read by a process of its own with limited memory.

A few kilobytes of workbook can unpack to any size or claim a cell in the last corner of a sheet, and the reader then
takes all the memory there is. The process runs this file by its path: it must not import the rest of the program.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

MEMORY = 2 << 30
LARGEST = 8 << 30  # bytes of CSV
WHOLE = 1e15  # up to here a float holds every whole number


def run(path: Path, table: str, copy: Path) -> dict[str, Any]:
    """Write the sheet named after the table, else the first, to ``copy``; what `_convert` tells, null if it died."""
    call = [sys.executable, "-P", __file__, str(path), table, str(copy)]
    done = subprocess.run(call, capture_output=True, check=False)  # noqa: S603  our own file
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"died": True}
    return told


def _convert(path: str, table: str, copy: str) -> dict[str, Any]:
    """The place of the first row (null in an empty sheet), or what was wrong with the workbook or the disk."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(path)
        names = book.sheet_names
        sheet = book.get_sheet_by_name(next((name for name in names if name.strip().casefold() == table), names[0]))
    except (CalamineError, OSError, IndexError) as error:
        return {"wrong": str(error) or type(error).__name__}
    if sheet.start is None:
        return {"start": None}
    try:
        with Path(copy).open("w", encoding="utf-8", newline="") as out:
            csv.writer(out, lineterminator="\n").writerows([_cell(value) for value in row] for row in sheet.iter_rows())
    except OSError as error:
        return {"errno": error.errno, "reason": error.strerror}
    return {"start": sheet.start[0]}


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < WHOLE else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else str(value)


def _limit() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = LARGEST if most == resource.RLIM_INFINITY else min(LARGEST, most)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _limit()
    sys.stdout.write(json.dumps(_convert(*sys.argv[1:])))
