"""Sources: raw files in, checked facts out, bad rows to quarantine.

    facts = read("DIR")                                   # an imported company, or a folder of <table>.csv
    manifest = import_facts("folder", Path("raw"), Path("company"), zone="Europe/Paris")

Every row of the raw files is either in the facts or in ``quarantine/<table>.parquet`` beside them, with the reason;
rows without a single value are none.
"""

from __future__ import annotations

import atexit
import difflib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from saydo.company import MANIFEST_FILE, Facts, Manifest, TableEntry
from saydo.engine import DuckDBEngine, Workbench, open_facts
from saydo.errors import BadSetting, NothingUsable, RowsRefused
from saydo.facts import TABLES
from saydo.language import mark, number, translate
from saydo.sources import _identities, _values
from saydo.sources._batch import Bad as Bad
from saydo.sources._batch import Value as Value
from saydo.sources._batch import check_batch as check_batch
from saydo.sources._checks import IDENTITY as IDENTITY
from saydo.sources._files import ENDINGS as ENDINGS
from saydo.sources._files import RawFile, find_tables
from saydo.sources._identities import clean_text as clean_text
from saydo.sources._identities import is_identity as is_identity
from saydo.sources._identities import pseudonym_macro
from saydo.sources._mapping import MappingFolder, find_mapping, run_mapping
from saydo.sources._people import PEOPLE as PEOPLE
from saydo.sources._people import find_people as find_people
from saydo.sources._people import import_people as import_people
from saydo.sources._picks import READABLE as READABLE
from saydo.sources._picks import Origin as Origin
from saydo.sources._picks import Pick as Pick
from saydo.sources._picks import Recognised as Recognised
from saydo.sources._picks import guess as guess
from saydo.sources._picks import match_headers as match_headers
from saydo.sources._picks import own_name as own_name
from saydo.sources._picks import people_columns as people_columns
from saydo.sources._picks import recognise as recognise
from saydo.sources._picks import write_mapping as write_mapping
from saydo.sources._publish import Draft, check_apart, publish, tell_failures
from saydo.sources._quarantine import FOLDER as QUARANTINE
from saydo.sources._quarantine import summarise
from saydo.sources._raw import open_raw
from saydo.sources._refused import RefusedRow as RefusedRow
from saydo.sources._refused import count_refused as count_refused
from saydo.sources._refused import read_refused as read_refused
from saydo.sources._refused import refused_table as refused_table
from saydo.sources._secret import find_secret, keep_secret
from saydo.sources._stage import Reading
from saydo.sources._tables import complete, import_table

FOLDER = "folder"
_USUAL = ("EUR", "CHF", "USD")
Progress = Callable[[str, int, int], None]  # the table at hand, tables done, tables in all


def read(path: str | Path, *, zone: str | None = None, currency: str | None = None, dates: str | None = None) -> Facts:
    """Open a company: the folder of an import or of the simulator, or raw files named after the tables of the contract.

    Raw files are imported into a temporary folder that lives as long as the process; ``zone`` (UTC if null) is that of
    local times, ``currency`` that of money without one, ``dates`` (``dmy``, ``mdy``) the order of dates that may be
    read both ways. Raises a `SourceError`.
    """
    origin = Path(path)
    if (origin / MANIFEST_FILE).is_file():
        return open_facts(origin)
    folder = Path(tempfile.mkdtemp(prefix="saydo-"))
    try:
        import_facts(FOLDER, origin, folder / "facts", zone=zone, currency=currency, dates=dates)
    except NothingUsable:
        raise  # it sends the reader to the refused rows, which stay
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return open_facts(folder / "facts")


def import_facts(  # noqa: PLR0913  one for each thing that a user can say
    source: str,
    origin: Path,
    to: Path,
    *,
    zone: str | None = None,
    currency: str | None = None,
    dates: str | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    name: str = "",
) -> Manifest:
    """Import the raw files in ``origin`` into the folder ``to``, whole or not at all, and give its manifest.

    ``source`` is ``folder``, a ready mapping's name, or the path of a mapping; what the user leaves null of ``zone``,
    ``currency`` and ``dates`` is the mapping's, else UTC and unknown. ``to`` is new, empty, or an earlier import,
    which is replaced. ``strict`` allows no refused row. Where nothing is written, the refused rows lie in a folder
    beside ``to``, which the error names. Raises a `SourceError`.
    """
    if dates not in (None, "dmy", "mdy"):
        raise BadSetting(name="dates", value=dates, choices="dmy, mdy")
    mapping = None if source == FOLDER else find_mapping(source)
    if mapping:
        zone, currency, dates = zone or mapping.zone, currency or mapping.currency, dates or mapping.dates
    reading = Reading(_check_currency(currency), dates, mapping is not None)
    check_apart(origin, to)
    with tell_failures(origin, to), publish(to) as draft:
        secret = find_secret(to)
        bench = Workbench(zone or "UTC", (*_values.MACROS, *_identities.MACROS, pseudonym_macro(secret)))
        try:
            opened = _open_mapping(bench, mapping, origin, draft) if mapping else _open_folder(bench, origin, draft)
            entries: dict[str, TableEntry] = {}
            for done, (table, raws) in enumerate(opened.items()):
                if progress:
                    progress(table, done, len(opened))
                entries[table] = import_table(bench, TABLES[table], raws, reading, draft)
            manifest = complete(bench, entries, reading, draft.out)
        finally:
            bench.close()
        _check_refused(manifest, origin, draft, strict)
        manifest = replace(manifest, zone=zone or "UTC", name=name or origin.resolve().name, source=source)
        manifest.write(draft.out)
        if mapping and mapping.makes_pseudonyms:
            keep_secret(to, secret)
    return manifest


def describe_facts(out: Path, entries: Mapping[str, TableEntry], *, zone: str, currency: str | None) -> Manifest:
    """The manifest (not yet written) of tables that lie checked below ``out``: orphans, currencies, first and last."""
    bench = Workbench(zone, (*_values.MACROS,))
    try:
        manifest = complete(bench, entries, Reading(currency, None, False), out)
    finally:
        bench.close()
    return replace(manifest, zone=zone)


def _check_currency(code: str | None) -> str | None:
    from babel.numbers import list_currencies

    if code is None or code.upper() in list_currencies():
        return code and code.upper()
    choices = dict.fromkeys([*difflib.get_close_matches(code.upper(), list_currencies(), cutoff=0.5), *_USUAL])
    told = translate(mark("an ISO 4217 code, such as {choices}"), choices=", ".join([*choices][:3]))
    raise BadSetting(name="currency", value=code, choices=told)


def _open_folder(bench: Workbench, origin: Path, draft: Draft) -> dict[str, list[RawFile]]:
    root = origin if origin.is_dir() else origin.parent
    return {
        table: [
            open_raw(bench, path, draft.scratch, str(path.relative_to(root)), table, TABLES[table].names)
            for path in paths
        ]
        for table, paths in find_tables(origin).items()
    }


def _open_mapping(bench: Workbench, mapping: MappingFolder, origin: Path, draft: Draft) -> dict[str, list[RawFile]]:
    return {table: [raw] for table, raw in run_mapping(bench, mapping, origin, draft.scratch).items()}


def _check_refused(manifest: Manifest, origin: Path, draft: Draft, strict: bool) -> None:
    refused = sum(entry.quarantined for entry in manifest.tables.values())
    kept = sum(entry.rows for entry in manifest.tables.values() if not entry.is_derived)
    if refused and (strict or not kept):
        first = refusals(draft.out)[0]
        error = RowsRefused if kept else NothingUsable
        raise error(path=origin, rows=number(refused), quarantine=draft.keep_quarantine(), reason=first.sentence())


@dataclass(frozen=True)
class Source:
    """Something that can be imported: its name, what it is (a message id), and the files it expects."""

    name: str
    meaning: str
    files: tuple[str, ...]


def list_sources() -> list[Source]:
    """A plain folder, then the ready mappings."""
    return [
        Source(
            FOLDER,
            mark("Files named after the tables of the contract, in its columns"),
            tuple(f"<table>{ending}" for ending in ENDINGS),
        ),
        Source(
            "cdnow",
            mark("CDNOW: purchases at an early web shop, January 1997 to June 1998"),
            ("CDNOW_master.txt", "CDNOW_sample.txt"),
        ),
        Source(
            "olist",
            mark("Olist: orders, items, payments, reviews and deliveries of a Brazilian marketplace, 2016 to 2018"),
            (
                *(f"olist_{name}_dataset.csv" for name in ("orders", "order_items", "order_payments", "order_reviews")),
                *(f"olist_{name}_dataset.csv" for name in ("products", "sellers", "customers")),
                "product_category_name_translation.csv",
            ),
        ),
        Source(
            "online-retail",
            mark("Online Retail (UCI): invoices of a British giftware shop, December 2010 to December 2011"),
            ("online_retail.parquet", "online_retail.csv", "online_retail.csv.gz", "Online Retail.xlsx"),
        ),
        Source("shopify", mark("Shopify: orders as the shop exports them, one row per line item"), ("*.csv",)),
    ]


@dataclass(frozen=True)
class Refusal:
    """Why rows of a table were refused, how many, and the first of them.

    ``rule`` is a message id with places for ``values``; ``column`` and ``value`` are null when no single value is to
    blame.
    """

    table: str
    rule: str
    values: dict[str, object]
    rows: int
    file: str
    row: int
    column: str | None
    value: str | None

    def sentence(self) -> str:
        """The reason in the language in use."""
        return translate(self.rule, **self.values)


def refusals(directory: Path) -> list[Refusal]:
    """What was refused when ``directory`` was imported, by table and reason, the most frequent first in each table."""
    found: list[Refusal] = []
    engine = DuckDBEngine()
    try:
        for table in (*TABLES.values(), PEOPLE):
            path = directory / QUARANTINE / f"{table.name}.parquet"
            if path.is_file():
                found += [Refusal(table=table.name, **row) for row in summarise(engine, table, path)]
    finally:
        engine.close()
    return found
