"""Raw order lines made into checked facts, beside programs that only change the format.

python -m benchmarks.bench_check
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from benchmarks.company import LARGE, ROOT, make_company
from benchmarks.publish import PAGE, Part, publish
from benchmarks.race import MEMORY, THREADS, Contender, Lap, race

_ABOUT = f"""\
Ten million order lines as CSV. *Saydo* gives checked facts: every value cast to the contract's type, every key unique,
every rule kept, and the rows that break one in quarantine with the reason. The others read and write Parquet and check
nothing; where the file has bad rows they are told to pass over what they cannot read. {THREADS} threads; DuckDB has
{MEMORY} of memory before it spills to disk. The ratio is processor time over that of DuckDB's bare copy of the same
file; the aim for Saydo is at most 1.7."""
_HEADER = ("File", "By", "Seconds", "Ratio", "Memory MB")
_COLUMNS = "order_id, line, kind, product_id, quantity, unit_price, unit_cost, tax_rate"
_BAD = """* REPLACE (
    CASE n % 3000 WHEN 7 THEN 'many' WHEN 1007 THEN '0' ELSE quantity::varchar END AS quantity,
    CASE n % 3000 WHEN 2007 THEN NULL ELSE order_id END AS order_id)"""  # one row in a thousand


def main(company: Path | None = None, laps: int = 2, page: Path | None = PAGE) -> Part:
    """Race both files; gives what was published."""
    company = company or make_company(LARGE)
    root = ROOT / "check" / company.name
    rows: list[tuple[str, ...]] = []
    for name, file in (("clean", "clean"), ("bad", "one row in 1,000 bad")):
        folder = write_csv(company, root / name / "raw")
        rows += _describe(f"{file}, {_size(folder)}", _race(folder, laps))
    part = Part("check", "Checked facts", _ABOUT, _HEADER, rows, ("duckdb", "polars", "pandas"))
    publish(part, page)
    return part


def write_csv(company: Path, folder: Path) -> Path:
    """The company's order lines as a CSV file in a folder of its own, made if it is not there yet."""
    file = folder / "order_lines.csv"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        columns = _BAD if _has_bad(folder) else "*"
        lines = f"SELECT {_COLUMNS}, row_number() OVER () n FROM '{company / 'order_lines.parquet'}'"
        with duckdb.connect() as engine:
            engine.execute(f"COPY (SELECT * EXCLUDE (n) FROM (SELECT {columns} FROM ({lines}))) TO '{file}' (HEADER)")
    return folder


def _has_bad(folder: Path) -> bool:
    return folder.parent.name == "bad"


def _size(folder: Path) -> str:
    return f"{(folder / 'order_lines.csv').stat().st_size / 1e6:.0f} MB"


def _race(folder: Path, laps: int) -> dict[str, Lap]:
    contenders = zip(("Saydo", "DuckDB", "Polars", "pandas"), (prepare_import, *BARE), strict=True)
    return race([Contender(name, prepare, (folder,)) for name, prepare in contenders], laps)


def prepare_import(folder: Path) -> Callable[[], object]:
    """Import the folder into facts with a quarantine."""
    from saydo.sources import import_facts

    to = folder.with_name("facts")
    return lambda: import_facts("folder", folder, to, currency="EUR")


def prepare_duckdb(folder: Path) -> Callable[[], object]:
    """Copy the file into Parquet by one statement."""
    engine = duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY})
    engine.execute("SET enable_progress_bar = false")
    source, target = folder / "order_lines.csv", folder.with_name("duckdb.parquet")
    rows = f"read_csv('{source}', types = {{'quantity': 'DOUBLE'}}, ignore_errors = {_has_bad(folder)})"
    return lambda: engine.execute(f"COPY (FROM {rows}) TO '{target}' (COMPRESSION zstd)")


def prepare_polars(folder: Path) -> Callable[[], object]:
    """Read and write by Polars, streaming."""
    import polars as pl

    types = {"quantity": pl.Float64}
    rows = pl.scan_csv(folder / "order_lines.csv", schema_overrides=types, ignore_errors=_has_bad(folder))
    return lambda: rows.sink_parquet(folder.with_name("polars.parquet"), compression="zstd")


def prepare_pandas(folder: Path) -> Callable[[], object]:
    """Read and write by pandas, with the faster of its readers."""
    import pandas as pd

    def run() -> None:
        rows = pd.read_csv(folder / "order_lines.csv", engine="pyarrow", dtype_backend="pyarrow")
        rows.to_parquet(folder.with_name("pandas.parquet"), compression="zstd")

    return run


BARE = (prepare_duckdb, prepare_polars, prepare_pandas)


def _describe(file: str, laps: dict[str, Lap]) -> list[tuple[str, ...]]:
    bare = laps["DuckDB"].cpu_seconds
    return [
        (file, name, f"{lap.seconds:.1f}", f"{lap.cpu_seconds / bare:.2f}", f"{lap.peak_mb:.0f}")
        for name, lap in laps.items()
    ]


if __name__ == "__main__":
    main()
