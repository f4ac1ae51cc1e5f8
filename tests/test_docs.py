"""The documents hold what the code does: nothing is missing in them, nothing in them fails.

In start.md and the guides, blocks marked ``bash`` and ``python`` run here, page by page in one folder; others (``sh``,
``toml``) are only shown.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from typer.testing import CliRunner

import saydo
from saydo.charts.headings import HEADINGS
from saydo.cli import app
from saydo.company import Facts
from saydo.engine import open_facts
from saydo.facts import TABLES
from saydo.measures import MEASURES, Measure
from saydo.simulate import simulate

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [DOCS / "start.md", *sorted((DOCS / "guides").glob("*.md"))]
every_measure = pytest.mark.parametrize("measure", MEASURES.values(), ids=str)


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """docs/build.py, which is a script and no part of the package."""
    spec = importlib.util.spec_from_file_location("build", DOCS / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """The simulated company, which has every table that a measure reads."""
    directory = tmp_path_factory.mktemp("simulated")
    simulate(directory, customers=600, seed=1)
    return open_facts(directory)


@pytest.fixture(scope="module")
def french() -> Catalog:
    path = Path(saydo.__file__).parent / "locale" / "fr" / "LC_MESSAGES" / "saydo.po"
    with path.open("rb") as source:
        return read_po(source, locale="fr")


# The made pages


def test_made_pages_hold_what_the_code_says(build: ModuleType) -> None:
    assert [str(path.relative_to(DOCS)) for path in build.list_stale()] == []


def test_made_pages_that_lag_behind_are_named(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "DOCS", tmp_path / "docs")
    (tmp_path / "docs" / "measures").mkdir(parents=True)
    (tmp_path / "docs" / "measures" / "gone.md").write_text("# Gone", encoding="utf-8")
    stale = {path.name for path in build.list_stale()}
    assert stale >= {"facts.md", "cli.md", "index.md", "nps.md", "gone.md"}


def test_facts_page_names_every_column_and_value() -> None:
    page = (DOCS / "facts.md").read_text(encoding="utf-8")
    for table in TABLES.values():
        part = page.split(f"\n## {table.name}\n")[1].split("\n## ")[0]
        words = [name for column in table.columns for name in (column.name, *column.values)]
        assert [word for word in words if f"`{word}`" not in part] == [], table.name


def test_cli_page_names_every_command_and_option() -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    group: Any = typer.main.get_command(app)
    assert set(group.commands) >= {"sources", "import", "check", "simulate", "measures", "measure", "report"}
    for name, command in group.commands.items():
        part = page.split(f"## `saydo {name}`")[1].split("\n## ")[0]
        options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
        assert [option for option in options if f"`{option}" not in part] == [], name
        assert f"```sh\nsaydo {name}" in part, f"saydo {name} --help has no example"


@every_measure
def test_measure_page_names_every_setting(measure: Measure) -> None:
    page = (DOCS / "measures" / f"{measure.name}.md").read_text(encoding="utf-8")
    assert [name for name in measure.settings if f"| `{name}` |" not in page] == []
    assert f"[`{measure.name}`]({measure.name}.md)" in (DOCS / "measures" / "index.md").read_text(encoding="utf-8")


# The written pages


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_page_has_blocks_that_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "page"}
    for language, block in read_blocks(path):
        if language == "bash":
            run_bash(block)
        elif language == "python":
            exec(compile(block, path.name, "exec"), names)  # noqa: S102


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=lambda path: path.name)
def test_page_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert missing == []


def test_readme_names_every_measure_and_no_other_command() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert [name for name in MEASURES if f"`{name}`" not in readme] == []
    group: Any = typer.main.get_command(app)
    assert set(re.findall(r"saydo ([a-z]+)(?= |`|$)", readme, re.MULTILINE)) - set(group.commands) == set()


def read_blocks(path: Path) -> Iterator[tuple[str, str]]:
    yield from re.findall(r"^```(\w+)\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def run_bash(block: str) -> None:
    """Run a block: lines that call saydo in this process, which is quicker, the others in a shell."""
    for is_ours, lines in split_lines(block):
        if is_ours:
            run_command(lines)
        else:
            subprocess.run(["bash", "-euc", lines], check=True)


def split_lines(block: str) -> Iterator[tuple[bool, str]]:
    pieces = re.split(r"^(saydo .*)$", block, flags=re.MULTILINE)
    yield from ((piece.startswith("saydo "), piece) for piece in pieces if piece.strip())


def run_command(line: str) -> None:
    call, _, file = line.partition(" > ")
    result = CliRunner().invoke(app, shlex.split(call)[1:])
    assert result.exit_code == 0, f"{line}\n{result.output}"
    if file:
        Path(file.strip()).write_bytes(result.stdout_bytes)


# Is every measure whole?


@every_measure
def test_measure_is_told_whole(measure: Measure, build: ModuleType) -> None:
    told = (measure.title, measure.question, measure.sentence, measure.definition, measure.cautions, measure.bound)
    assert all(told)
    assert measure.question.endswith("?")
    parts = build.read_docstring(measure)
    assert [title for title in ("", *build.SECTIONS) if not parts.get(title)] == []


@every_measure
def test_measure_docstring_tells_every_setting_and_column(measure: Measure, build: ModuleType, facts: Facts) -> None:
    docstring = measure.compute.__doc__ or ""
    assert [name for name in measure.settings if name not in PERIOD and f"``{name}" not in docstring] == []
    returns = build.read_docstring(measure)["Returns"]
    columns = [re.sub(r"\d+$", "", name) for name in measure(facts).table.column_names if name != "is_hidden"]
    assert [name for name in columns if name not in returns] == []


PERIOD = ("since", "until")  # the same everywhere: the guide to measures tells them


@every_measure
def test_measure_gives_its_columns(measure: Measure, facts: Facts) -> None:
    result = measure(facts)
    promised = {measure.headline, measure.count, measure.low, measure.high} - {""}
    assert promised - set(result.table.column_names) == set()
    row = result.to_records()[0]
    names = result.table.column_names
    ends = [(names[place - 1], name, names[place + 1]) for place, name in enumerate(names) if name.endswith("_low")]
    assert [one for one in ends if not one[2].endswith("_high") or one[0].endswith(("_low", "_high"))] == []
    assert not measure.low or (measure.headline, measure.low, measure.high) in ends
    assert measure.sentence.format(**row)


@every_measure
def test_measure_has_a_heading_for_every_column(measure: Measure, facts: Facts) -> None:
    """Ends of intervals stand beside their figure, under its heading; the catalogues hold what HEADINGS holds."""
    columns = measure(facts).table.column_names
    shown = [name for name in columns if not re.search(r"_(low|high|\d+)$|^is_hidden$", name)]
    assert [name for name in shown if name not in HEADINGS] == []


@every_measure
def test_measure_reads_what_it_says(measure: Measure) -> None:
    assert measure.base in TABLES
    assert measure.base in (*measure.reads, *measure.uses)
    assert set(measure.reads) | set(measure.uses) <= set(TABLES)


@every_measure
def test_measure_can_be_split(measure: Measure, facts: Facts, build: ModuleType) -> None:
    splits = build.list_splits(measure)
    for split in [name for name in ("quarter", "customers.segment") if name in splits][:2]:
        result = measure(facts, by=split)
        assert result.by[0] == split.split(".")[-1]
        assert len(result) > 1


@every_measure
def test_measure_is_told_in_french(measure: Measure, french: Catalog) -> None:
    texts = (measure.title, measure.question, measure.sentence, measure.definition, *measure.cautions, measure.bound)
    assert [text for text in texts if not (found := french.get(text)) or not found.string] == []
