"""Where facts live and run: DuckDB on this machine, Spark on many. The only file that names either.

Ibis builds and compiles an expression; the engine's own cursor runs it. A cursor per call makes an engine safe to share
between threads (a shared Ibis connection is not), and Arrow comes out whatever the engine is.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.expr.operations import InMemoryTable, Node

from saydo.company import MANIFEST_FILE, Facts, Manifest, expected_columns
from saydo.errors import BadSetting, NoSuchPath
from saydo.facts import TABLES
from saydo.language import mark

_ZONE = mark("the name of a time zone, such as Europe/Paris, America/Sao_Paulo or UTC")
MOST_KEPT = 4_000_000_000  # bytes of what was computed once and written down
_LATELY = 1800.0  # seconds in which any question that began is over
EngineError = duckdb.Error  # what a query raises that the engine cannot run


class DuckDBEngine:
    """An in-memory DuckDB that spills to a temporary folder; tables are views over Parquet files.

    ``memory_limit`` (``"1500MB"``) and ``threads`` default to the environment variables SAYDO_MEMORY and SAYDO_THREADS,
    else to 1.5 GB and DuckDB's own choice: enough for tens of millions of rows, and it leaves the machine to others.
    """

    def __init__(self, memory_limit: str | None = None, threads: int | None = None) -> None:
        self._spill = Path(tempfile.mkdtemp(prefix="saydo-"))
        self._clean_up = weakref.finalize(self, shutil.rmtree, self._spill, ignore_errors=True)
        self._kept: dict[str, float] = {}  # when each was last asked for, the longest ago first
        self._names: dict[Node, str] = {}  # of expressions kept before: to compile a long one takes half a second
        self._keeping = threading.Lock()
        self._writing: dict[str, threading.Lock] = {}  # one for each of what is kept
        settings: dict[str, Any] = {
            "memory_limit": memory_limit or os.environ.get("SAYDO_MEMORY", "1500MB"),
            "temp_directory": str(self._spill),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if count := threads or int(os.environ.get("SAYDO_THREADS", "0")):
            settings["threads"] = count
        self.connection = duckdb.connect(config=settings)
        self.connection.execute("SET enable_progress_bar = false")
        self.connection.execute("SET GLOBAL TimeZone = 'UTC'")  # cursors do not inherit what is set for one session

    def run(self, expression: ir.Expr) -> pa.Table:
        """The rows of an expression, with the column types of its schema."""
        cursor = self._cursor()
        for name, given in find_given(expression).items():
            cursor.register(name, given)
        rows = cursor.sql(compile_sql(expression)).to_arrow_table()
        return rows.cast(expression.as_table().schema().to_pyarrow())

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self.connection.cursor()
        cursor.execute("SET enable_progress_bar = false")  # which cursors do not inherit; the terminal has one of ours
        return cursor

    def keep(self, rows: ir.Table) -> ir.Table:
        """The same rows from a file in the temporary folder, written the first time they are asked for.

        Where the files grow large, those go that nobody asked for in the last half hour.
        """
        name = self._names.get(rows.op(), "")
        query = "" if name in self._kept else compile_sql(rows)
        name = name or _name_kept(query)
        with self._writing.setdefault(name, threading.Lock()):  # threads that need the same rows wait for the first
            if name not in self._kept:
                self._write_kept(name, query or compile_sql(rows))
            with self._keeping:
                self._names[rows.op()] = name
                self._kept.pop(name, None)
                self._kept[name] = time.monotonic()
                self._let_go()
        return ibis.table(rows.schema(), name=name)

    def _write_kept(self, name: str, query: str) -> None:
        file, cursor = quote_text(str(self._spill / f"{name}.parquet")), self._cursor()
        cursor.execute(f"COPY ({query}) TO {file} (FORMAT parquet)")
        cursor.execute(f"CREATE VIEW {quote_name(name)} AS FROM read_parquet({file})")

    def _let_go(self) -> None:
        """Remove what was kept and not asked for lately, while there is too much of it."""
        sizes = {name: (self._spill / f"{name}.parquet").stat().st_size for name in self._kept}
        excess = sum(sizes.values()) - MOST_KEPT
        for name, asked in list(self._kept.items()):
            if excess <= 0 or asked > time.monotonic() - _LATELY:
                break
            self._cursor().execute(f"DROP VIEW {quote_name(name)}")
            (self._spill / f"{name}.parquet").unlink()
            del self._kept[name]
            self._names = {rows: known for rows, known in self._names.items() if known != name}
            excess -= sizes[name]

    def sql(self, query: str, parameters: Sequence[object] = ()) -> pa.Table:
        """The rows of a query in DuckDB's own language; for sources, whose files no contract describes yet."""
        cursor = self._cursor().execute(query, parameters)
        return cursor.to_arrow_table() if cursor.description else pa.table({})

    def batches(self, query: str, rows: int = 100_000) -> Iterator[pa.RecordBatch]:
        """The rows of a query in batches, for what must never be held whole."""
        yield from self._cursor().sql(query).to_arrow_reader(rows)

    def view(self, name: str, files: Sequence[Path], columns: dict[str, str]) -> None:
        """Let ``name`` be the rows of these Parquet files, in the contract's columns and types; no file, no row."""
        chosen = ", ".join(
            f"{_typed(quote_name(column), type)} AS {quote_name(column)}" for column, type in columns.items()
        )
        empty = ", ".join(f"{_typed('NULL', type)} AS {quote_name(column)}" for column, type in columns.items())
        listed = "[" + ", ".join(quote_text(str(file)) for file in files) + "]"
        rows = f"{chosen} FROM read_parquet({listed})" if files else f"{empty} WHERE false"
        self.connection.execute(f"CREATE OR REPLACE VIEW {quote_name(name)} AS SELECT {rows}")

    def close(self) -> None:
        """Give back memory and the temporary folder."""
        self.connection.close()
        self._clean_up()


class SparkEngine:
    """Apache Spark: the same expressions on many machines (needs the ``spark`` extra and Java 17).

    ``session`` is a running Spark session, whose cluster and memory are its owner's affair; without one a session on
    this machine is started, small and without its web page.
    """

    def __init__(self, session: Any = None) -> None:
        self.session = session or _local_spark()
        self.session.conf.set("spark.sql.session.timeZone", "UTC")
        self._backend = ibis.pyspark.connect(self.session)

    def run(self, expression: ir.Expr) -> pa.Table:
        """The rows of an expression, with the column types of its schema."""
        given = find_given(expression)
        for name, table in given.items():
            self.session.createDataFrame(table).createOrReplaceTempView(name)
        try:
            rows = self.session.sql(self._backend.compile(expression)).toArrow()
        finally:
            for name in given:
                self.session.catalog.dropTempView(name)
        return rows.cast(expression.as_table().schema().to_pyarrow())

    def keep(self, rows: ir.Table) -> ir.Table:
        """The same rows, cached by Spark when they are first read."""
        query = self._backend.compile(rows)
        name = _name_kept(query)
        if not self.session.catalog.tableExists(name):
            self.session.sql(query).cache().createOrReplaceTempView(name)
        return ibis.table(rows.schema(), name=name)

    def view(self, name: str, files: Sequence[Path], columns: dict[str, str]) -> None:
        """Let ``name`` be the rows of these Parquet files, in the contract's columns and types; no file, no row."""
        typed = [f"CAST({{}} AS {_spark_type(type)}) AS `{column}`" for column, type in columns.items()]
        if files:
            rows = self.session.read.parquet(*(str(file) for file in files))
            rows = rows.selectExpr(*(cast.format(f"`{name}`") for cast, name in zip(typed, columns, strict=True)))
        else:
            rows = self.session.range(0).selectExpr(*(cast.format("NULL") for cast in typed))
        rows.createOrReplaceTempView(name)


def _local_spark() -> Any:
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    settings: dict[str, Any] = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
    }
    return SparkSession.builder.master("local[2]").appName("saydo").config(map=settings).getOrCreate()


class Workbench(DuckDBEngine):
    """A DuckDB for one import: a single session, so that what a query leaves behind is there for the next.

    Bare local times are those of ``zone``; a bad one raises `BadSetting`. ``macros`` are expressions that queries may
    use.
    """

    def __init__(self, zone: str = "UTC", macros: Sequence[str] = ()) -> None:
        super().__init__()
        for macro in macros:
            self.connection.execute(f"CREATE MACRO {macro}")
        self.connection.execute("SET streaming_buffer_size = '64MB'")  # a query goes on while its batches are written
        self.connection.execute("SET python_enable_replacements = false")  # a table is never one of our variables
        try:
            ZoneInfo(zone)  # what is written here must be read by Python too, which does not know europe/paris
            self.connection.execute(f"SET TimeZone = {quote_text(zone)}")
        except (duckdb.Error, ValueError, KeyError, OSError):
            self.close()
            raise BadSetting(name="zone", value=zone, choices=_ZONE) from None

    def sql(self, query: str, parameters: Sequence[object] = ()) -> pa.Table:
        """The rows of a query, in this one session; raises `EngineError`."""
        cursor = self.connection.execute(query, parameters)
        return cursor.to_arrow_table() if cursor.description else pa.table({})

    def stream(self, query: str, rows: int = 122_880) -> pa.RecordBatchReader:
        """The rows of a query in batches, in their order, while it runs; nothing else can be asked meanwhile."""
        return self.connection.execute(query).to_arrow_reader(rows)

    def confine(self, folder: Path) -> None:
        """From now on read and write in ``folder`` and nowhere else; this cannot be undone."""
        self.connection.execute(f"SET allowed_directories = [{quote_text(str(folder) + os.sep)}]")
        self.connection.execute("SET enable_external_access = false")
        self.connection.execute("SET lock_configuration = true")

    def is_one_query(self, query: str) -> bool:
        """Is it one single query that only reads? Raises `EngineError` when it cannot be understood."""
        statements = self.connection.extract_statements(query)
        return [statement.type for statement in statements] == [duckdb.StatementType.SELECT]


def find_given(expression: ir.Expr) -> dict[str, pa.Table]:
    """The tables that an expression brings along (`ibis.memtable`), by the names that its query calls them."""
    held = expression.op().find(InMemoryTable)
    return {one.name: one.data.to_pyarrow(one.schema) for one in held}


def compile_sql(expression: ir.Expr) -> str:
    """The expression in the language of the engine on this machine."""
    return str(ibis.to_sql(expression, dialect="duckdb"))


def open_facts(directory: Path, engine: DuckDBEngine | SparkEngine | None = None) -> Facts:
    """Open the facts that an import or the simulator wrote; raises `NoSuchPath` when there are none."""
    if not (directory / MANIFEST_FILE).is_file():
        raise NoSuchPath(path=directory / MANIFEST_FILE)
    manifest = Manifest.read(directory)
    engine = engine or DuckDBEngine()
    for name in TABLES:
        entry = manifest.tables.get(name)
        files = [directory / file for file in entry.files] if entry else []
        engine.view(name, files, expected_columns(name, entry.own_columns if entry else {}))
    return Facts(engine, manifest)


def _name_kept(query: str) -> str:
    return "kept_" + hashlib.sha256(query.encode()).hexdigest()[:32]


def quote_name(name: str) -> str:
    """A name as it stands in a query, whatever signs it holds."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(value: str) -> str:
    """A text as it stands in a query, whatever signs it holds."""
    return "'" + value.replace("'", "''") + "'"


def _typed(value: str, type: str) -> str:
    return f"CAST({value} AS {engine_type(type)})"


def engine_type(type: str) -> str:
    """The engine's name of an Ibis type."""
    return str(ibis.backends.sql.datatypes.DuckDBType.from_ibis(ibis.dtype(type)).sql("duckdb"))


def _spark_type(type: str) -> str:
    return str(ibis.backends.sql.datatypes.PySparkType.from_ibis(ibis.dtype(type)).sql("databricks"))
