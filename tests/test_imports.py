"""Who may import whom: every import in src/saydo is read and held against one table."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "saydo"

# A part of saydo is a file or a folder directly in src/saydo. Each may import itself and the parts named here.
MAY_IMPORT = {
    "language": {"errors"},
    "errors": {"language"},
    "facts": {"errors", "language"},
    "stats": {"errors"},
    "words": {"stats", "errors"},
    "company": {"facts", "errors", "language"},
    "engine": {"company", "facts", "errors", "language"},
    "sources": {"company", "engine", "facts", "errors", "language"},
    "simulate": {"company", "engine", "facts", "errors", "language"},
    "result": {"errors", "language", "charts", "measures"},
    "measures": {"company", "facts", "stats", "words", "errors", "language", "result"},
    "charts": {"company", "result", "measures", "facts", "language", "errors"},
    "report": {"company", "result", "measures", "charts", "facts", "language", "errors"},
    "export": {"errors"},
    "help": {"language"},
    "shell": {"help", "language", "errors"},
    "terminal": {"company", "sources", "result", "measures", "charts", "language", "errors"},
}
MAY_IMPORT_ALL = {"cli", "web", "__init__", "__main__"}  # the doors
# Drawing is loaded by those who draw; a result names the class of its measure and needs nothing of it to load.
ONLY_INSIDE = {("result", "charts"): "a function", ("result", "measures"): "if TYPE_CHECKING"}
# Parts that must stay light: what they may import from outside, beyond Python's own library.
OUTSIDE = {
    "language": {"babel"},
    "errors": set(),
    "facts": {"ibis"},
    "stats": {"numpy", "scipy"},
    "words": {"numpy", "scipy", "py3langid"},  # reads texts: py3langid tells their language, and nobody else needs it
}
ENGINES = {"duckdb", "pyspark"}

# The apps of the application, the lowest first: each may import what stands before it, and of others never the doors
# (views, forms) nor what is private. What lies in web itself is the house that all stand in.
WEB_APPS = (
    "accounts",
    "customers",
    "trade",
    "promises",
    "voice",
    "care",
    "hooks",
    "loads",
    "desk",
    "insight",
    "alerts",
    "today",
)
DOORS = {"views", "forms", "urls", "admin"}


HOUSES = {"saydo", *(f"saydo.web.{app}" for app in WEB_APPS)}  # whose imports name a part, not a thing in it


class Import(NamedTuple):
    file: str
    line: int
    name: str  # dotted and absolute
    inside: str  # "a function", "if TYPE_CHECKING", or "" for the file itself

    @property
    def importer(self) -> str:
        return Path(self.file).parts[0].removesuffix(".py")


def read_imports(file: str, code: str) -> Iterator[Import]:
    """Every import in a module of saydo, `file` being its path below src/saydo; naming `ibis.duckdb` counts as one."""
    package = ("saydo", *Path(file).parent.parts)

    def read(node: ast.AST, inside: str) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*start, *filter(None, [node.module])])
            names = [f"{module}.{alias.name}" for alias in node.names] if module in HOUSES else [module]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ibis":
            names = [node.attr] if node.attr in ENGINES else []
        else:
            names = []
        yield from (Import(file, node.lineno, name, inside) for name in names)  # type: ignore[attr-defined]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = "a function"
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            inside = "if TYPE_CHECKING"
        for child in ast.iter_child_nodes(node):
            yield from read(child, inside)

    yield from read(ast.parse(code), inside="")


def judge(found: Import) -> str | None:
    """The rule that an import breaks, or None."""
    importer, (top, *rest) = found.importer, found.name.split(".")
    if top != "saydo":
        return judge_outside(importer, top)
    part = rest[0] if rest else "__init__"
    return judge_privacy(found, part, rest[1:]) or judge_part(found, part, rest)


def judge_privacy(found: Import, part: str, rest: list[str]) -> str | None:
    is_private = any(name.startswith("_") for name in rest)
    return f"{found.name} is private to {part}" if is_private and part != found.importer else None


def judge_part(found: Import, part: str, rest: list[str]) -> str | None:
    importer = found.importer
    if part in (importer, "__version__") or importer in MAY_IMPORT_ALL:
        return judge_app(Path(found.file).parts[1], rest[1:]) if importer == part == "web" else None
    if importer not in MAY_IMPORT:
        return f"{importer} stands in no rule: say in MAY_IMPORT what it may import"
    if part not in MAY_IMPORT[importer]:
        return f"{importer} may import of saydo only {', '.join(sorted(MAY_IMPORT[importer]))}"
    if (place := ONLY_INSIDE.get((importer, part))) and found.inside != place:
        return f"{importer} may import {part} only inside {place}"
    return None


def judge_app(importer: str, imported: list[str]) -> str | None:
    """The rule that an import between apps breaks, or None."""
    app, *rest = imported or [""]
    if importer not in WEB_APPS or app not in WEB_APPS or app == importer:
        return None
    if WEB_APPS.index(app) > WEB_APPS.index(importer):
        return f"{importer} may import only the apps before it"
    if DOORS & set(rest[:1]):
        return f"{importer} may not import the {rest[0]} of {app}"
    return None


def judge_outside(importer: str, top: str) -> str | None:
    if top in ENGINES and importer != "engine":
        return f"only engine may name {' or '.join(sorted(ENGINES))}"
    if top == "django" and importer != "web":
        return "only web may import django"
    if importer in OUTSIDE and top not in OUTSIDE[importer] and top not in sys.stdlib_module_names:
        return f"{importer} may import from outside only {', '.join(sorted(OUTSIDE[importer])) or 'nothing'}"
    return None


def list_breaches(file: str, code: str) -> list[str]:
    return [
        f"src/saydo/{file}:{found.line} imports {found.name}: {rule}"
        for found in read_imports(file, code)
        if (rule := judge(found))
    ]


def test_imports_keep_to_the_table() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    assert {path.stem for path in files} >= {"facts", "errors", "language"}
    breaches = [
        breach
        for path in files
        for breach in list_breaches(path.relative_to(SOURCE).as_posix(), path.read_text(encoding="utf-8"))
    ]
    assert breaches == []


@pytest.mark.parametrize(
    ("file", "code", "rule"),
    [
        ("stats/intervals.py", "import ibis", "stats may import from outside only numpy, scipy"),
        ("stats/intervals.py", "from ..measures import nps", "stats may import of saydo only errors"),
        ("facts.py", "from saydo import engine", "facts may import of saydo only errors, language"),
        ("errors.py", "def f():\n    import rich", "errors may import from outside only nothing"),
        ("simulate.py", "import duckdb", "only engine may name duckdb or pyspark"),
        ("sources/folder.py", "connection = ibis.duckdb.connect()", "only engine may name duckdb or pyspark"),
        ("result.py", "from saydo.charts import draw", "result may import charts only inside a function"),
        ("result.py", "def f():\n    import saydo.measures", "result may import measures only inside if TYPE_CHECKING"),
        ("report.py", "from django import forms", "only web may import django"),
        ("web/voice/views.py", "import saydo.web.care.models", "voice may import only the apps before it"),
        ("web/desk/views.py", "from saydo.web.voice import views", "desk may not import the views of voice"),
        (
            "charts/kinds.py",
            "from saydo.measures._split import TIME_UNITS",
            "saydo.measures._split is private to measures",
        ),
        ("novelty.py", "import saydo.facts", "novelty stands in no rule: say in MAY_IMPORT what it may import"),
    ],
)
def test_imports_breach_is_named_with_its_rule(file: str, code: str, rule: str) -> None:
    (breach,) = list_breaches(file, code)
    assert breach.startswith(f"src/saydo/{file}:{len(code.splitlines())} imports ")
    assert breach.endswith(f": {rule}")


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("result.py", "def chart():\n    from saydo.charts import draw"),
        ("result.py", "if TYPE_CHECKING:\n    from saydo.measures import Measure"),
        ("measures/nps.py", "import ibis\nfrom saydo.stats.intervals import wilson\nfrom . import _measure"),
        ("engine.py", "import duckdb\nfrom saydo import __version__"),
        ("cli.py", "from saydo import measures, sources"),
        ("web/desk/views.py", "from saydo.web.voice.models import Feedback\nfrom saydo.web import feed"),
    ],
)
def test_imports_within_the_table_pass(file: str, code: str) -> None:
    assert list_breaches(file, code) == []


def test_measures_load_neither_django_nor_spark() -> None:
    code = "import sys, saydo.measures; print([name for name in ('django', 'pyspark') if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.stdout.strip(), run.stderr) == ("[]", "")
