"""All tables of a company from their raw files, and what only shows when they lie side by side.

Customers are made from the keys in the other tables when there is no table of them; keys that resolve to nothing are
counted, and so are the currencies; the manifest says what was learnt.
"""

# Queries are put together here; names and texts of others are quoted by the engine's own functions.
# ruff: noqa: S608
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from saydo.company import Manifest, TableEntry
from saydo.engine import Workbench, engine_type, quote_name, quote_text
from saydo.errors import IdentityColumn
from saydo.facts import DAY, MONEY, NUMBER, TABLES, TEXT, Table
from saydo.sources._checks import FILE, IDENTITY, REFUSED, ROW
from saydo.sources._columns import is_own, match_columns
from saydo.sources._files import RawFile
from saydo.sources._forms import guess_forms
from saydo.sources._identities import EMAIL, PHONE
from saydo.sources._publish import Draft
from saydo.sources._quarantine import count_rows, drop_duplicates, find_duplicates, note_refused, write_quarantine
from saydo.sources._stage import Reading, Staged, parquet, revise, stage

CUSTOMERS = TABLES["customers"]


def import_table(
    bench: Workbench, contract: Table, raws: Sequence[RawFile], reading: Reading, draft: Draft
) -> TableEntry:
    """Write the rows of one table's raw files: those kept as facts, those refused as quarantine."""
    filled = ("currency",) if reading.currency else ()
    extra = (REFUSED, FILE, ROW) if reading.is_mapped else ()
    names = [f"{contract.name}-{i + 1}" if len(raws) > 1 else contract.name for i in range(len(raws))]
    files = [
        Staged(
            raw,
            match_columns(bench, contract, raw, filled=filled, extra=extra),
            draft.out / f"{name}.parquet",
            draft.scratch / f"{name}-broken.parquet",
        )
        for raw, name in zip(raws, names, strict=True)
    ]
    for file in files:
        file.forms = guess_forms(bench, file.raw, file.columns, reading.dates)
    own = _stage_all(bench, contract, files, reading)
    for _ in contract.columns:  # at most one new form for each column
        revised = [file for file in files if revise(bench, file, reading)]
        if not revised:
            break
        own = _stage_all(bench, contract, files, reading)
    for file in files:
        refuse_identities(bench, contract, file, own)
    note_refused(bench, files)
    find_duplicates(bench, contract, files)
    refused = write_quarantine(bench, contract, files, draft.out)
    drop_duplicates(bench, files)
    kept = tuple(file.kept.name for file in files)
    return TableEntry(kept, sum(file.rows for file in files), refused, own_columns=own)


def _stage_all(bench: Workbench, contract: Table, files: Sequence[Staged], reading: Reading) -> dict[str, str]:
    """Stage every file; an own column is a number where each file that has it writes numbers, else text."""
    own = [(column, column in file.forms) for file in files for column in file.columns if is_own(column)]
    texts = {column.name for column, is_number in own if not is_number}
    types = {name: TEXT if name in texts else NUMBER for name in sorted({column.name for column, _ in own})}
    for file in files:
        stage(bench, contract, file, types, reading)
    return types


def refuse_identities(bench: Workbench, contract: Table, file: Staged, own: Mapping[str, str]) -> None:
    """Stop when a key, or an own column, is mostly e-mail addresses or telephone numbers: that is no slip in a row."""
    rows = file.rows + sum(file.problems.values())
    keys = {check.column: code for code, check in enumerate(file.checks, start=1) if check.reason == IDENTITY}
    shares = {name: file.problems[code] / rows for name, code in keys.items() if code in file.problems}
    words = [name for name, type in own.items() if type == TEXT]
    if words:
        gone = ", ".join(map(quote_text, (EMAIL, PHONE)))
        asked = (f"avg(CAST({quote_name(name)} IN ({gone}) AS INTEGER)) AS {quote_name(name)}" for name in words)
        shares |= bench.sql(f"SELECT {', '.join(asked)} FROM {parquet(file.kept)}").to_pylist()[0]
    for name, share in shares.items():
        if share is not None and share > 0.5:
            raise IdentityColumn(table=contract.name, path=file.raw.path, column=name)


def complete(bench: Workbench, entries: Mapping[str, TableEntry], reading: Reading, out: Path) -> Manifest:
    """The manifest (not yet written) of the tables below ``out``, with customers made if they are missing."""
    for name, entry in entries.items():
        _view(bench, name, entry, out)
    entries = dict(entries)
    if CUSTOMERS.name not in entries and (made := _make_customers(bench, entries, out)):
        entries[CUSTOMERS.name] = made
        _view(bench, CUSTOMERS.name, made, out)
    tables = {
        name: replace(
            entries[name],
            orphans=dict(_orphans(bench, TABLES[name], entries)),
            currencies=_currencies(bench, TABLES[name], entries),
        )
        for name in TABLES
        if name in entries
    }
    met = {currency for entry in tables.values() for currency in entry.currencies}
    currency = reading.currency or (met.pop() if len(met) == 1 else None)
    first, last = _span(bench, entries)
    return Manifest(tables, first, last, currency=currency)


def _view(bench: Workbench, name: str, entry: TableEntry, out: Path) -> None:
    files = parquet(*(out / file for file in entry.files))
    bench.sql(f"CREATE OR REPLACE TEMP VIEW {quote_name(name)} AS FROM {files}")


def _make_customers(bench: Workbench, entries: Mapping[str, TableEntry], out: Path) -> TableEntry | None:
    """Customers from the keys in the other tables; the earliest fact that names one is when it was first seen."""
    named = [
        f"SELECT {quote_name(column.name)} AS customer_id, {_instant(TABLES[name])} AS seen FROM {quote_name(name)} "
        f"WHERE {quote_name(column.name)} IS NOT NULL"
        for name in entries
        for column in TABLES[name].columns
        if column.refers_to == CUSTOMERS.name
    ]
    if not named:
        return None
    values = {"customer_id": "customer_id", "first_seen_at": "min(seen)"}
    columns = ", ".join(
        f"CAST({values.get(column.name, 'NULL')} AS {engine_type(column.type)}) AS {quote_name(column.name)}"
        for column in CUSTOMERS.columns
    )
    target = out / "customers.parquet"
    rows = f"SELECT {columns} FROM ({' UNION ALL '.join(named)}) GROUP BY customer_id"
    bench.sql(f"COPY ({rows}) TO {quote_text(str(target))} (FORMAT parquet, COMPRESSION zstd)")
    return TableEntry((target.name,), count_rows(bench, parquet(target)), is_derived=True)


def _instant(contract: Table) -> str:
    """The time at which a row became known, as UTC; a day is its first instant in the company's zone."""
    if not contract.at:
        return "CAST(NULL AS TIMESTAMP)"
    at = quote_name(contract.at)
    return at if contract[contract.at].is_time else f"timezone('UTC', CAST({at} AS TIMESTAMPTZ))"


def _orphans(bench: Workbench, contract: Table, entries: Mapping[str, TableEntry]) -> Iterator[tuple[str, int]]:
    """How many keys of each column stand in no row of the table they refer to, if that was given."""
    for column in contract.columns:
        referred = entries.get(column.refers_to)
        if referred is None or referred.is_derived:
            continue
        key, name = quote_name(TABLES[column.refers_to].key[0]), quote_name(column.name)
        keys = f"SELECT {key} AS key FROM {quote_name(column.refers_to)}"
        count = count_rows(
            bench,
            f"(SELECT {name} AS key FROM {quote_name(contract.name)} WHERE {name} IS NOT NULL) AS mine "
            f"ANTI JOIN ({keys}) AS theirs USING (key)",
        )
        if count:
            yield column.name, count


def _currencies(bench: Workbench, contract: Table, entries: Mapping[str, TableEntry]) -> tuple[str, ...]:
    """The currencies of a table's amounts: its own, else those of the orders or contracts that they belong to."""
    table = quote_name(contract.name)
    queries = [f"SELECT {name} AS code FROM {table}" for name in ("currency", "to_currency") if name in contract]
    has_money = any(column.type == MONEY for column in contract.columns)
    for key, owner in (("order_id", "orders"), ("contract_id", "contracts")):
        if has_money and key in contract and owner in entries and owner != contract.name:
            silent = "WHERE mine.currency IS NULL" if "currency" in contract else ""
            queries.append(
                f"SELECT currency AS code FROM {owner} WHERE {key} IN (SELECT {key} FROM {table} AS mine {silent})"
            )
    if not queries:
        return ()
    codes = bench.sql(f"SELECT DISTINCT code FROM ({' UNION ALL '.join(queries)}) WHERE code IS NOT NULL ORDER BY code")
    return tuple(codes["code"].to_pylist())


def _span(bench: Workbench, entries: Mapping[str, TableEntry]) -> tuple[datetime | None, datetime | None]:
    """The earliest and latest times of all facts: every time that is not planned, and the day that dates a row."""
    found: list[datetime] = []
    for name in entries:
        contract = TABLES[name]
        times = [quote_name(column.name) for column in contract.columns if column.is_time and not column.planned]
        if contract.at and contract[contract.at].type == DAY:
            times.append(_instant(contract))
        if times:
            asked = ", ".join(f"min({time}), max({time})" for time in times)
            row = bench.sql(f"SELECT {asked} FROM {quote_name(name)}")
            found += [value for column in row.columns for value in column.to_pylist() if value is not None]
    return (min(found), max(found)) if found else (None, None)
