"""Write the pages of docs/ that say what the code says: facts.md, cli.md and measures/.

python docs/build.py            writes them
python docs/build.py --check    fails if one is stale, and writes nothing
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from saydo import facts
from saydo.company import Facts, Manifest, TableEntry
from saydo.facts import TABLES, Column, Table
from saydo.measures import MEASURES, Measure
from saydo.measures._split import splits_of

DOCS = Path(__file__).parent
_MADE = "<!-- Made by docs/build.py from the code: change that, then run `make docs`. -->\n\n"
SECTIONS = ("Reads", "Returns", "Interval", "Cautions", "Source")
_TYPES = {
    facts.TIME: "time (UTC)",
    facts.DAY: "date",
    facts.MONEY: "money, decimal(18,4)",
    facts.QUANTITY: "quantity, decimal(18,3)",
    facts.NUMBER: "number",
    facts.COUNT: "whole number",
    facts.YES_NO: "yes or no",
    facts.TEXT: "text",
}


def write_pages() -> dict[Path, str]:
    """Every made page with its text."""
    pages = {
        DOCS / "facts.md": write_facts(),
        DOCS / "cli.md": write_cli(),
        DOCS / "measures" / "index.md": write_index(),
    }
    pages |= {DOCS / "measures" / f"{name}.md": write_measure(measure) for name, measure in MEASURES.items()}
    return {path: _MADE + text.strip() + "\n" for path, text in pages.items()}


def write_facts() -> str:
    """The contract of facts as a page."""
    lines = [
        "# The facts",
        "",
        *inspect.cleandoc(facts.__doc__ or "").splitlines(),
        "",
        f"This is version {facts.CONTRACT_VERSION} of the contract.",
        "",
        "| table | one row is |",
        "| --- | --- |",
        *(f"| [`{table.name}`](#{table.name}) | {table.meaning} |" for table in TABLES.values()),
    ]
    for table in TABLES.values():
        lines += ["", *_write_table(table)]
    return "\n".join(_as_markdown(line) for line in lines)


def _write_table(table: Table) -> Iterator[str]:
    yield f"## {table.name}"
    yield ""
    yield f"One row is {table.meaning}. Key: {', '.join(f'`{name}`' for name in table.key)}."
    if table.at:
        yield f"A row is known from `{table.at}` on."
    yield from ("", "| column | type | may be null | meaning |", "| --- | --- | --- | --- |")
    yield from (
        f"| `{one.name}` | {_TYPES[one.type]} | {'yes' if one.null else ''} | {_tell(one)} |" for one in table.columns
    )
    if table.rules:
        yield from ("", "Rows are refused where:", "")
        yield from (
            f"- {rule.reason.format(column=f'`{rule.column}`', start=f'`{rule.start}`')}" for rule in table.rules
        )


def _tell(column: Column) -> str:
    """All that the contract says of a column beside its type."""
    parts = [column.meaning]
    if column.values:
        parts.append("one of " + ", ".join(f"`{value}`" for value in column.values))
    if column.refers_to:
        parts.append(f"key of [`{column.refers_to}`](#{column.refers_to})")
    if column.low is not None or column.high is not None:
        parts.append(" and ".join(_tell_bounds(column)))
    if column.known_at and column.known_at != column.name:
        parts.append(
            f"known from `{column.known_at}` on, until then {f'`{column.before}`' if column.before else 'null'}"
        )
    if column.planned:
        parts.append("may lie in the future")
    if column.end_of_day:
        parts.append("a bare date means the end of that day")
    return "; ".join(dict.fromkeys(parts))


def _tell_bounds(column: Column) -> Iterator[str]:
    if column.low is not None:
        yield f"at least {column.low:g}"
    if column.high is not None:
        yield f"at most {column.high:g}"


def write_index() -> str:
    """The list of measures."""
    lines = [
        "# The measures",
        "",
        "| measure | the question it answers | headline | it reads |",
        "| --- | --- | --- | --- |",
    ]
    for measure in MEASURES.values():
        reads = ", ".join(f"[`{table}`](../facts.md#{table})" for table in measure.reads)
        name = f"[`{measure.name}`]({measure.name}.md) {measure.title}"
        lines.append(f"| {name} | {measure.question} | `{measure.headline}` | {reads} |")
    return "\n".join(lines)


def write_measure(measure: Measure) -> str:
    """A measure's page, from its docstring and its fields."""
    parts = read_docstring(measure)
    lines = [
        f"# {measure.title}",
        "",
        f"*{measure.question}*",
        "",
        measure.definition,
        "",
        "```sh",
        f"saydo measure {measure.name} DIR",
        "```",
    ]
    lines += ["", "## What it is", "", _as_markdown(parts.pop(""))]
    for title, text in parts.items():
        lines += ["", f"**{title}**: {_as_markdown(text)}"]
    lines += ["", *_write_fields(measure), "", *_write_settings(measure), "", *_write_splits(measure)]
    return "\n".join(lines)


def read_docstring(measure: Measure) -> dict[str, str]:
    """The docstring of ``compute`` by section; what stands before the first section has the title ''."""
    text = inspect.getdoc(measure.compute) or ""
    pieces = re.split(rf"^({'|'.join(SECTIONS)}):\s+", text, flags=re.MULTILINE)
    sections = zip(pieces[1::2], pieces[2::2], strict=True)
    return {"": pieces[0].strip(), **{title: " ".join(part.split()) for title, part in sections}}


def _write_fields(measure: Measure) -> Iterator[str]:
    yield from ("| | |", "| --- | --- |")
    yield f"| headline | `{measure.headline}`, in {measure.unit} |"
    if measure.low:
        yield f"| its interval (95 %) | `{measure.low}` to `{measure.high}` |"
    yield f"| its count | `{measure.count}` |"
    yield f"| good news is | {measure.good} |"
    yield f"| needs | {', '.join(f'`{table}`' for table in measure.reads)} |"
    if measure.uses:
        yield f"| takes where there is | {', '.join(f'`{table}`' for table in measure.uses)} |"
    yield f"| leaves the engine | {measure.bound} |"
    if measure.said:
        yield "| groups of fewer than 5 people | are hidden |"


def _write_settings(measure: Measure) -> Iterator[str]:
    yield from ("## Settings", "")
    if not measure.settings:
        yield "It has none."
        return
    yield from ("| setting | values | if left out |", "| --- | --- | --- |")
    for name, (kind, default) in measure.settings.items():
        yield f"| `{name}` | {_tell_kind(kind)} | {'' if default is None else f'`{default}`'} |"


def _tell_kind(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_tell_kind(part) for part in get_args(kind) if part is not NoneType)
    return {int: "a whole number", float: "a number", bool: "`yes` or `no`", str: "text"}.get(
        kind, f"a {kind.__name__}"
    )


def list_splits(measure: Measure) -> list[str]:
    """Every split that a measure can be asked for, where a company has every table."""
    everything = Manifest({name: TableEntry((), 1) for name in TABLES}, None, None)
    return splits_of(Facts(None, everything), measure.base, measure.at)  # type: ignore[arg-type]


def _write_splits(measure: Measure) -> Iterator[str]:
    tables: dict[str, list[str]] = {}
    for split in list_splits(measure):
        table, _, column = split.rpartition(".")
        tables.setdefault(table, []).append(f"`{column}`")
    yield from ("## Splits", "", f"Its own: {', '.join(tables.pop(''))}." if tables else "It has none.")
    if tables:
        yield from ("", "Of other tables, written `table.column` (or `column` where only one table has it):", "")
        yield from (f"- `{table}`: {', '.join(columns)}" for table, columns in tables.items())


def write_cli() -> str:
    """The commands, as Typer tells them."""
    call = [
        sys.executable,
        "-m",
        "typer",
        "saydo.cli",
        "utils",
        "docs",
        "--name",
        "saydo",
        "--title",
        "The command line",
    ]
    plain = {"LANG": "C", "PATH": os.environ["PATH"]}
    return subprocess.run(call, check=True, capture_output=True, text=True, env=plain).stdout


def _as_markdown(text: str) -> str:
    """Docstrings mark code with two backticks, Markdown with one."""
    return text.replace("``", "`")


def list_stale() -> list[Path]:
    """Made pages that do not hold what the code says, and pages of measures that are no more."""
    pages = write_pages()
    stale = [path for path, text in pages.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    return stale + [path for path in (DOCS / "measures").glob("*.md") if path not in pages]


def main() -> None:
    stale = list_stale()
    for path in stale:
        print(path.relative_to(DOCS.parent))
    if "--check" in sys.argv:
        sys.exit("These pages are stale: run `make docs`." if stale else 0)
    for path, text in write_pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in set(stale) - set(write_pages()):
        path.unlink()


if __name__ == "__main__":
    main()
