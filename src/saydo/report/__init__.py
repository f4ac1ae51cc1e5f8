"""One HTML file that can be mailed: what customers say and do, what was promised and delivered, and what it earns.

write_report(facts, Path("report.html"), language="fr")

The file asks for nothing: no script, no font, no picture from elsewhere. Customers' words and names from the facts are
escaped. Where a table is missing, the chapter says what would stand there.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from saydo import language as words
from saydo.charts import Chart
from saydo.charts.look import css_variables
from saydo.company import Facts
from saydo.language import translate, translate_count
from saydo.report.cover import Story, tell

__all__ = ["render_report", "write_report"]


def write_report(facts: Facts, output: Path, *, language: str = "en") -> None:
    """Write the report of a company into a file, replacing it whole."""
    partial = output.with_name(output.name + ".partial")
    partial.write_text(render_report(facts, language=language), encoding="utf-8")
    partial.replace(output)


def render_report(facts: Facts, *, language: str = "en") -> str:
    """The report as a text of HTML, in ``language`` (a code such as ``fr`` or ``fr-CH``)."""
    with words.use(language):
        return _fill(tell(facts))


def _fill(story: Story) -> str:
    folder = resources.files(__package__)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(translate=translate, svg=_svg, cases=_cases)
    template = environment.from_string((folder / "page.html.j2").read_text(encoding="utf-8"))
    css = (folder / "page.css").read_text(encoding="utf-8")
    colours = {"light": css_variables(0), "dark": css_variables(1)}
    return template.render(story=story, language=words.language(), css=css, colours=colours).lstrip()


def _svg(chart: Chart) -> str:
    """The drawing for a page, where SVG needs no namespace; Vega and `saydo.charts.look` have escaped its texts."""
    return chart.svg().replace(' xmlns="http://www.w3.org/2000/svg"', "", 1)


def _cases(count: int) -> str:
    return translate_count("{count} case stands behind this", "{count} cases stand behind this", count)
