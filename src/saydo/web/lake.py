"""The copy's tables as they lie on disk: one Delta Lake table each, written anew, added to, merged into, tidied.

New rows alone are appended; only rows that replace others take a merge, which writes their files anew. Files stay
small, so that little is written for a few rows, and many that hold little are joined. What no version needs any more
goes once no reader can hold it.
"""

# Queries are put together here; names are the contract's, texts are quoted.
# ruff: noqa: S608
from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

from saydo.engine import DuckDBEngine, quote_name, quote_text
from saydo.facts import TABLES
from saydo.web.extract import GONE, find_own, record_key, schema_of, spool

FILE_BYTES = 24 << 20
_MANY = 48  # files of a table, from which on small ones are joined
HELD = 60 * 60  # seconds that a reader may go on with a version that was replaced


@dataclass(frozen=True)
class Taken:
    """What was taken into a table: all of it anew, or so many rows; the codes of currencies and the ends of times."""

    is_anew: bool
    rows: int = 0
    currencies: frozenset[str] = frozenset()
    ends: tuple[object, ...] = ()


def clear(directory: Path) -> None:
    """Remove what a killed run left half written."""
    for desk in directory.glob(".rows-*"):
        shutil.rmtree(desk, ignore_errors=True)


def exists(place: Path) -> bool:
    """Is there such a table yet?"""
    return DeltaTable.is_deltatable(str(place))


def write_all(place: Path) -> Taken:
    """All rows of the database in the place of those there were."""
    name, schema = place.name, schema_of(place.name, find_own(place.name))
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Delta reads on threads of its own, where the database is not ours: rows go by way of a file
    with TemporaryDirectory(dir=place.parent, prefix=".rows-") as desk:
        file = Path(desk) / "rows.parquet"
        spool(name, schema, (), file)
        rows = (batch.drop_columns([GONE]) for batch in pq.ParquetFile(file).iter_batches() if batch.num_rows)
        # least and greatest values are noted of keys alone: a person's words must not outlive them in a log
        configuration = {"delta.dataSkippingStatsColumns": ",".join(record_key(name))} if not exists(place) else None
        write_deltalake(
            str(place),
            pa.RecordBatchReader.from_batches(schema, rows),
            mode="overwrite",
            schema_mode="overwrite",
            configuration=configuration,
            target_file_size=FILE_BYTES,
        )
    return Taken(is_anew=True)


def take_in(place: Path, numbers: list[int]) -> Taken:
    """Take in the rows that certain changes wrote; all rows the first time, and for a column that is new or other."""
    name = place.name
    if not exists(place):
        return write_all(place)
    held = {field.name: field.type for field in pa.schema(DeltaTable(str(place)).schema().to_arrow())}
    own, found = {key: kind for key, kind in held.items() if key.startswith("x_")}, find_own(name, numbers)
    is_number = {key for key, kind in own.items() if kind == pa.float64()}
    wanted = schema_of(name, own)
    if (
        set(held) != set(wanted.names)
        or set(found) - set(own)
        or any(found[k] != pa.float64() for k in is_number & set(found))
    ):
        return write_all(place)
    with TemporaryDirectory(dir=place.parent, prefix=".rows-") as desk:
        file = Path(desk) / "rows.parquet"
        spool(name, wanted, numbers, file)
        return _take_file(place, wanted, file)


def _take_file(place: Path, schema: pa.Schema, file: Path) -> Taken:
    engine = DuckDBEngine()
    try:
        taken = _describe(engine, place.name, file)
        if not taken.rows:
            return taken
        new, known = quote_text(str(file)), _known(engine, place, file)
        keys = ", ".join(map(quote_name, record_key(place.name)))
        for is_known, write in ((False, _append), (True, _merge)):
            chosen = f"FROM read_parquet({new}) t {'SEMI' if is_known else 'ANTI'} JOIN ({known}) k USING ({keys})"
            rows = engine.sql(f"SELECT t.* {chosen}{'' if is_known else f' WHERE NOT {GONE}'}")
            if rows.num_rows:
                write(place, schema, rows)
    finally:
        engine.close()
    _join_small(place)
    return taken


def _known(engine: DuckDBEngine, place: Path, file: Path) -> str:
    """The keys of the new rows that are there already, as a query."""
    keys = record_key(place.name)
    listed = ", ".join(map(quote_name, keys))
    files = ", ".join(quote_text(_path(uri)) for uri in DeltaTable(str(place)).file_uris())
    if not files:
        return f"SELECT {listed} FROM read_parquet({quote_text(str(file))}) WHERE false"
    same = " AND ".join(f"o.{quote_name(key)} IS NOT DISTINCT FROM n.{quote_name(key)}" for key in keys)
    engine.sql(
        f"CREATE TABLE known AS SELECT {listed} FROM read_parquet([{files}]) o "
        f"SEMI JOIN read_parquet({quote_text(str(file))}) n ON {same}"
    )
    return "FROM known"


def _path(uri: str) -> str:
    return uri.removeprefix("file://")


def _describe(engine: DuckDBEngine, name: str, file: Path) -> Taken:
    """What the manifest would say of these rows."""
    source = f"read_parquet({quote_text(str(file))})"
    rows = int(engine.sql(f"SELECT count(*) AS n FROM {source}")["n"][0].as_py())
    codes: set[str] = set()
    for column in ("currency", "to_currency"):
        if column in TABLES[name]:
            codes |= {
                code for code in engine.sql(f"SELECT DISTINCT {column} AS c FROM {source}")["c"].to_pylist() if code
            }
    times = [column.name for column in TABLES[name].columns if column.is_time and not column.planned]
    asked = ", ".join(f"min({quote_name(time)}), max({quote_name(time)})" for time in times)
    found = engine.sql(f"SELECT {asked} FROM {source}").columns if times else []
    ends = tuple(column[0].as_py() for column in found if column[0].as_py() is not None)
    return Taken(is_anew=False, rows=rows, currencies=frozenset(codes), ends=ends)


def _append(place: Path, schema: pa.Schema, rows: pa.Table) -> None:
    write_deltalake(str(place), rows.drop_columns([GONE]).cast(schema), mode="append")


def _merge(place: Path, schema: pa.Schema, rows: pa.Table) -> None:
    """Rows that are there: replaced, or taken out if they are gone."""
    marked = schema.append(pa.field(GONE, pa.bool_()))
    nullable = {column.name for column in TABLES[place.name].columns if column.null}
    same = " AND ".join(
        f"(kept.{key} IS NOT DISTINCT FROM new.{key})" if key in nullable else f"kept.{key} = new.{key}"
        for key in record_key(place.name)
    )
    (
        DeltaTable(str(place))
        .merge(rows.cast(marked), same, source_alias="new", target_alias="kept")
        .when_matched_delete(f"new.{GONE}")
        .when_matched_update({column: f"new.{column}" for column in schema.names})
        .execute()
    )


def _join_small(place: Path) -> None:
    table = DeltaTable(str(place))
    if len(table.file_uris()) > _MANY:
        table.optimize.compact(target_size=FILE_BYTES)


def files_of(place: Path) -> tuple[list[str], int]:
    """The files of the newest version, by their paths from the folder of all tables, and their rows."""
    table = DeltaTable(str(place))
    files = [str(Path(place.name) / Path(_path(uri)).relative_to(place)) for uri in table.file_uris()]
    counts = pa.table(table.get_add_actions(flatten=True)).column("num_records").to_pylist()
    return files, int(sum(counts))


def own_columns(place: Path) -> dict[str, str]:
    """The company's own columns of a table, with their types in the manifest."""
    fields = pa.schema(DeltaTable(str(place)).schema().to_arrow())
    names = {pa.float64(): "float64"}
    return {field.name: names.get(field.type, "string") for field in fields if field.name.startswith("x_")}


def leave(directory: Path, files: Iterable[str]) -> None:
    """Note on files that the next manifest does not name since when they are not needed."""
    for file in files:
        if (directory / file).is_file():
            os.utime(directory / file)


def sweep(directory: Path, needed: Iterable[str], held: float = HELD) -> None:
    """Delete files that no version needs and that no reader can hold any more."""
    kept, latest = set(needed), time.time() - held
    for place in (directory / name for name in TABLES):
        for file in place.glob("*.parquet") if place.is_dir() else ():
            if f"{place.name}/{file.name}" not in kept and file.stat().st_mtime < latest:
                file.unlink(missing_ok=True)


def forget_versions(place: Path) -> None:
    """Delete what older versions needed: their files, and their logs."""
    table = DeltaTable(str(place))
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    table.create_checkpoint()
    for log in (place / "_delta_log").iterdir():
        if log.name.partition(".")[0].isdigit() and int(log.name.partition(".")[0]) < table.version():
            log.unlink()
