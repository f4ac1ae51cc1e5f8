"""What the tests of sources share: raw files written by hand, imported, and read back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from saydo.company import Manifest
from saydo.sources import import_facts

ORDER = "order_id,ordered_at,status,currency\n"
FEEDBACK = "feedback_id,customer_id,source,said_at,score\n"


@dataclass(frozen=True)
class Imported:
    """A company's folder, its manifest, and its rows."""

    folder: Path
    manifest: Manifest

    def rows(self, table: str, *columns: str) -> list[Any]:
        """The rows of a table in their order: values of one column, tuples of several."""
        entry = self.manifest.tables[table]
        found = [pq.read_table(self.folder / file, columns=list(columns)).to_pydict() for file in entry.files]
        rows = [row for part in found for row in zip(*(part[column] for column in columns), strict=True)]
        return [row[0] for row in rows] if len(columns) == 1 else rows

    def refused(self, table: str, *columns: str) -> list[Any]:
        """The rows of its quarantine, as tuples of the columns asked for."""
        path = self.folder / "quarantine" / f"{table}.parquet"
        if not path.exists():
            return []
        part = pq.read_table(path, columns=list(columns)).to_pydict()
        return list(zip(*(part[column] for column in columns), strict=True))

    def counts(self, table: str) -> tuple[int, int]:
        """Rows kept and refused."""
        entry = self.manifest.tables[table]
        return entry.rows, entry.quarantined


def write(folder: Path, **files: str | bytes) -> Path:
    """Write files into a folder: ``orders="..."`` is orders.csv, ``orders_tsv="..."`` orders.tsv."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        stem, ending = name.rsplit("__", 1) if "__" in name else (name, "csv")
        path = folder / f"{stem}.{ending.replace('_', '.')}"
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return folder


def bring_in(origin: Path, source: str = "folder", **settings: Any) -> Imported:
    """Import a folder beside it."""
    to = origin.parent / f"{origin.name}-facts"
    return Imported(to, import_facts(source, origin, to, **settings))
