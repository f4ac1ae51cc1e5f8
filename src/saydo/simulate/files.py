"""The files of a simulated company: Parquet, a part for every chunk, and the manifest."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from saydo.company import Manifest, TableEntry
from saydo.facts import DAY, TABLES, Column
from saydo.simulate.block import Block

# Tables that do not grow with the customers stand in one file.
_SMALL = {"touchpoints", "products", "needs", "promises", "costs"}


class Files:
    """Writes tables, one file for each chunk of customers, and notes what the manifest has to say."""

    def __init__(self, directory: Path, *, parts: bool) -> None:
        self.directory, self.parts = directory, parts
        self.entries: dict[str, TableEntry] = {}
        self.ends: list[datetime] = []

    def write(self, blocks: list[Block]) -> None:
        """Write the rows of some blocks and let them go."""
        for name in dict.fromkeys(name for block in blocks for name in block.tables):
            rows = pa.concat_tables([table for block in blocks for table in block.tables.get(name, [])])
            entry = self.entries.get(name, TableEntry((), 0))
            is_part = self.parts and name not in _SMALL
            file = f"{name}/part-{len(entry.files):05}.parquet" if is_part else f"{name}.parquet"
            (self.directory / file).parent.mkdir(exist_ok=True)
            pq.write_table(rows, self.directory / file, compression="zstd")
            self.entries[name] = _note(entry, file, rows)
            self.ends = _ends(name, rows, self.ends)
        for block in blocks:
            self._write_identities(block)
            block.tables.clear()

    def _write_identities(self, block: Block) -> None:
        """Add who the customers are to a file beside the facts, which belongs to the application."""
        if block.identities is None:
            return
        path = self.directory / "people.csv"
        is_new = not path.exists()
        with path.open("ab") as out:
            pcsv.write_csv(block.identities, out, pcsv.WriteOptions(include_header=is_new, quoting_style="needed"))
        block.identities = None

    def manifest(self, name: str, source: str) -> Manifest:
        """What the manifest says of all that was written."""
        first, last = (min(self.ends), max(self.ends)) if self.ends else (None, None)
        return Manifest(self.entries, first, last, currency="EUR", name=name, source=source)


def _note(entry: TableEntry, file: str, rows: pa.Table) -> TableEntry:
    own = {
        field.name: "float64" if field.type == pa.float64() else "string"
        for field in rows.schema
        if field.name.startswith("x_")
    }
    currencies = (
        ("EUR",) if any(pa.types.is_decimal(field.type) and field.type.scale == 4 for field in rows.schema) else ()
    )
    return replace(
        entry, files=(*entry.files, file), rows=entry.rows + len(rows), currencies=currencies, own_columns=own
    )


def _ends(name: str, rows: pa.Table, ends: list[datetime]) -> list[datetime]:
    """The earliest and the latest time of all facts so far, planned times left out."""

    def reads(column: Column) -> bool:
        return (column.is_time or column.type == DAY) and not column.planned

    for column in filter(reads, TABLES[name].columns):
        found = pc.min_max(rows[column.name].cast(pa.timestamp("us"))).as_py()
        if found["min"] is not None:
            ends = [min([*ends, found["min"]]), max([*ends, found["max"]])]
    return ends
