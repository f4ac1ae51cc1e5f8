"""Figures on a terminal: tables that fit its width, say what they leave out, and speak the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from saydo.charts.cells import ends_of, is_figure, show_cell, tell
from saydo.charts.figures import NOTHING, clean, heading, show_group
from saydo.language import mark, number, translate, translate_count
from saydo.result import Result

if TYPE_CHECKING:
    from pathlib import Path

    from saydo.company import Manifest, TableEntry
    from saydo.measures import Measure
    from saydo.sources import Refusal, Source

Record = Mapping[str, Any]

ROWS = 50
GAP = 2
_HEADINGS = (mark("measure"), mark("question"), mark("headline"), mark("needs"))
_SETTING_HEADINGS = (mark("setting"), mark("values"), mark("if left out"))
_KINDS: dict[object, str] = {
    int: mark("a whole number"),
    float: mark("a number"),
    bool: mark("yes or no"),
    str: mark("text"),
    date: mark("a date"),
}
_SOURCE_HEADINGS = (mark("source"), mark("what it is"), mark("files"))
_TABLE = mark("table")
_KEPT_HEADINGS = (mark("rows kept"), mark("refused"), mark("orphans"))
REASONS = 20
_REFUSED = mark("{table}: {rows} refused, because {reason} (for example {file}, row {row}).")
_REFUSED_VALUE = mark("{table}: {rows} refused, because {reason} (for example {file}, row {row}: {value}).")
_QUARANTINE = mark(
    "The refused rows lie in {path}, each with its reason: mend them and import again. They are raw and can hold "
    "names, addresses and numbers, so the folder is for you alone: delete it when you are done."
)
_ORPHANS = mark("Orphans name something that no row tells of; they are kept, and left out where it is needed.")
_EMPTY = mark("The table {table} is empty.")
_DERIVED = mark("The table {table} was made from the keys in the others.")
_NEEDS = mark("It needs {tables}.")
_AS_OF = mark("As known before {as_of} UTC.")
_MORE_ROWS = mark("The first {shown} of {rows} rows; --format csv gives all of them.")


@dataclass(frozen=True)
class _Shown:
    """One column as it will stand: its heading, its cells, and whether they are figures (right aligned)."""

    heading: str
    cells: list[str]
    is_figure: bool

    @property
    def width(self) -> int:
        return max(cell_len(text) for text in (self.heading, *self.cells)) + GAP


def print_result(console: Console, result: Result) -> None:
    """The figures as a table for people, with the sentence, the notes and what was left out."""
    records = result.table.slice(0, ROWS).to_pylist()
    console.print(Text(translate(result.measure.title), style="bold"))
    if len(records) == 1 and (told := tell(result, records[0])):
        console.print(Text(told))
    chosen, left_out = _choose(result, records, console.width)
    table = _table()
    for column in chosen:
        justify: Literal["right", "left"] = "right" if column.is_figure else "left"
        table.add_column(Text(column.heading), justify=justify, no_wrap=column.is_figure, overflow="fold")
    for cells in zip(*(column.cells for column in chosen), strict=True):
        table.add_row(*map(Text, cells))
    console.print("", table, "", sep="\n")
    for line in _remarks(result, left_out):
        console.print(Text(line, style="dim"))


def print_measures(console: Console, measures: Iterable[Measure]) -> None:
    """Every measure with the question that it answers and what it needs."""
    table = _table(*map(translate, _HEADINGS))
    for measure in measures:
        table.add_row(measure.name, translate(measure.question), measure.headline, ", ".join(measure.reads))
    console.print(table)


def print_measure(console: Console, measure: Measure) -> None:
    """All about one measure: what it is, what to beware of, what it needs, its settings."""
    console.print(Text(translate(measure.title), style="bold"))
    for text in (measure.question, measure.definition, *measure.cautions):
        console.print(Text(translate(text)))
    if measure.reads:
        console.print(Text(translate(_NEEDS, tables=", ".join(measure.reads))))
    table = _table(*map(translate, _SETTING_HEADINGS))
    for name, (kind, default) in measure.settings.items():
        table.add_row(name, Text(_tell_kind(kind)), "" if default is None else str(default))
    console.print("", table, sep="\n")


def print_sources(console: Console, sources: Iterable[Source]) -> None:
    """Every source with what it is and the files that it expects."""
    table = _table(*map(translate, _SOURCE_HEADINGS))
    for source in sources:
        files = Text("\n".join(source.files), overflow="fold")
        table.add_row(source.name, translate(source.meaning), files)
    console.print(table)


def print_import(
    console: Console, manifest: Manifest, refusals: Sequence[Refusal], quarantine: Path | None = None
) -> None:
    """What was kept of each table, refused and orphaned, the reasons with an example each, and where the rows lie."""
    table = _table(translate(_TABLE))
    for words in _KEPT_HEADINGS:
        table.add_column(translate(words), justify="right")
    tables = {name: entry for name, entry in manifest.tables.items() if entry.rows or not entry.is_derived}
    for name, entry in tables.items():
        orphans = ", ".join(f"{column} {number(count)}" for column, count in entry.orphans.items() if count)
        table.add_row(name, number(entry.rows), number(entry.quarantined), orphans or NOTHING)
    console.print(table, "", sep="\n")
    for line in _tell_import(tables, refusals, quarantine):
        console.print(Text(line), soft_wrap=True)


def _tell_import(
    tables: Mapping[str, TableEntry], refusals: Sequence[Refusal], quarantine: Path | None
) -> Iterator[str]:
    for refusal in refusals[:REASONS]:
        places = {"table": refusal.table, "rows": number(refusal.rows), "reason": refusal.sentence()}
        places |= {"file": clean(refusal.file), "row": str(refusal.row), "value": show_group(refusal.value)}
        yield translate(_REFUSED if refusal.column is None else _REFUSED_VALUE, **places)
    if len(refusals) > REASONS:
        yield translate_count("... and {count} more reason.", "... and {count} more reasons.", len(refusals) - REASONS)
    if refusals and quarantine:
        yield translate(_QUARANTINE, path=quarantine)
    if any(any(entry.orphans.values()) for entry in tables.values()):
        yield translate(_ORPHANS)
    yield from (translate(_EMPTY, table=name) for name, entry in tables.items() if not entry.rows)
    yield from (translate(_DERIVED, table=name) for name, entry in tables.items() if entry.is_derived)


def _tell_kind(kind: object) -> str:
    """The values that a setting can have, in the words of ``--set``."""
    options = [option for option in get_args(kind) if option is not type(None)]
    if get_origin(kind) is Literal:
        return " | ".join(map(str, options))
    if options:
        return " | ".join(map(_tell_kind, options))
    return translate(_KINDS.get(kind, ""))


def _table(*headings: str) -> Table:
    return Table(*headings, box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")


def _remarks(result: Result, left_out: Sequence[str]) -> Iterator[str]:
    yield from map(str, result.notes)
    if len(result) > ROWS:
        yield translate(_MORE_ROWS, shown=number(ROWS), rows=number(len(result)))
    if left_out:
        yield translate_count(
            "{count} more column; --format csv gives all of them.",
            "{count} more columns; --format csv gives all of them.",
            len(left_out),
        )
    yield translate(_AS_OF, as_of=f"{result.as_of:%Y-%m-%d %H:%M}")


def _choose(result: Result, records: list[Record], width: int) -> tuple[list[_Shown], list[str]]:
    """The columns that fit, the telling ones first, and the names of the others.

    First the splits, the headline with its interval, and its count: these always stand. Then shares and rates, which
    tell the shape, then the rest in the measure's own order. Ends of intervals stand beside their figure.
    """
    names = [name for name in result.table.column_names if name != "is_hidden"]
    ends = {end for name in names for end in ends_of(result, name)}
    named = [
        name for name in result.by if any(record[name] is not None for record in records)
    ]  # null for all: no split
    first = dict.fromkeys([*named, result.measure.headline, result.measure.count])
    rest = sorted(
        (name for name in names if name not in first and name not in {*ends, *result.by}), key=_tells_no_shape
    )
    chosen = [_column(result, name, records) for name in first]
    left_out: list[str] = []
    for name in rest:
        column = _column(result, name, records)
        if not left_out and sum(one.width for one in chosen) + column.width <= width:
            chosen.append(column)
        else:
            left_out.append(name)
    return chosen, left_out


def _tells_no_shape(name: str) -> bool:
    return not name.endswith(("share", "rate"))


def _column(result: Result, name: str, records: list[Record]) -> _Shown:
    if name in result.by:
        return _Shown(heading(name), [_group(record[name], name) for record in records], False)
    has_figures = any(is_figure(record[name]) for record in records)
    return _Shown(heading(name), [show_cell(result, name, record) for record in records], has_figures)


def _group(value: object, split: str) -> str:
    return f"{value:g}" if isinstance(value, float) else show_group(value, split)
