"""How every chart looks: its colours, its type, and the SVG that one page shows in light and dark alike.

Specifications carry plain colours, so that any Vega-Lite tool draws them. In the SVG each colour of the palette becomes
a CSS variable with that colour as its fallback: a page that defines the variables decides, one that does not shows the
light palette.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Mapping
from typing import Any

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
VEGA_LITE = "6.4"
FONT = "system-ui, sans-serif"

# Light and dark. Tests hold them to contrast on the paper and to being told apart by colour-blind readers.
PALETTE = {
    "ink": ("#1a2230", "#e8ecf2"),
    "muted": ("#596273", "#a3adbb"),
    "line": ("#d9dee5", "#2c3441"),
    "paper": ("#ffffff", "#12161d"),
    "accent": ("#0f766e", "#4cc9b8"),
    "detractor": ("#c2540a", "#f39a5b"),
    "passive": ("#8a93a0", "#8791a0"),
    "promoter": ("#2166ac", "#6fb1ea"),
    "on-passive": ("#1a2231", "#12161e"),  # words on the colour of passives
}
INK, MUTED, LINE, PAPER, ACCENT, DETRACTOR, PASSIVE, PROMOTER, ON_PASSIVE = (light for light, _ in PALETTE.values())
BANDS = {"detractor": DETRACTOR, "passive": PASSIVE, "promoter": PROMOTER}

CONFIG: dict[str, Any] = {
    "aria": False,  # the whole picture carries one description; hundreds of marks read aloud help nobody
    "background": None,
    "font": FONT,
    "padding": 2,
    "view": {"stroke": None},
    "axis": {
        "domain": False,
        "ticks": False,
        "gridColor": LINE,
        "labelColor": MUTED,
        "labelFontSize": 12,
        "labelFont": FONT,
        "title": None,
    },
    "text": {"font": FONT, "fontSize": 12, "fill": INK, "baseline": "middle"},
    "header": {"title": None, "labelFont": FONT, "labelFontSize": 12, "labelColor": INK, "labelAnchor": "start"},
    "title": {"anchor": "start", "color": INK, "font": FONT, "fontSize": 12},
    "concat": {"spacing": 18},
}
_VARIABLES = {light: f"var(--{name}, {light})" for name, (light, _) in PALETTE.items()}
_NOTHING = re.compile(
    r'<path class="(?:background|foreground)"[^>]*(?:d=""|d="M0,0h0v0h0Z"|display="none")[^>]*/>'
    r'|<text [^>]*opacity="0"[^>]*>[^<]*</text>'
    r"|<g></g>|<defs></defs>"
)


def draw_svg(spec: Mapping[str, Any], title: str, description: str) -> str:
    """The specification as one SVG element that screen readers announce with its title and description."""
    import vl_convert  # 80 MB: loaded by those who draw

    drawn: str = vl_convert.vegalite_to_svg(dict(spec), vl_version=VEGA_LITE, show_warnings=False)
    key = "c" + hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:10]
    return _name(_colour(_slim(drawn)), key, title, description)


def css_variables(theme: int) -> str:
    """The palette as CSS declarations; theme 0 is light, 1 dark."""
    return " ".join(f"--{name}: {colours[theme]};" for name, colours in PALETTE.items())


def _slim(svg: str) -> str:
    """The same picture without its empty elements, repeated fonts and digits beyond a hundredth of a pixel."""
    while (slimmer := _NOTHING.sub("", svg)) != svg:
        svg = slimmer
    svg = re.sub(r' font-family="[^"]*"| opacity="1"| pointer-events="none"| aria-hidden="true"', "", svg)
    svg = re.sub(r' role="graphics-\w+"| aria-roledescription="[^"]*"', "", svg)  # the whole is one image
    return re.sub(r"(\d\.\d\d)\d+", r"\1", svg)


def _colour(svg: str) -> str:
    return re.sub(
        r'(fill|stroke)="(#[0-9a-f]{6})"',
        lambda found: f'{found[1]}="{_VARIABLES.get(found[2], found[2])}"',
        svg,
    )


def _name(svg: str, key: str, title: str, description: str) -> str:
    """Identifiers that are unique on a page; title and description in the place where assistive technology looks."""
    size = re.search(r' width="([\d.]+)" height="([\d.]+)"', svg)
    width, height = size.groups() if size else ("0", "0")
    for number, found in enumerate(
        dict.fromkeys(re.findall(r' id="(\w+)"', svg))
    ):  # Vega counts on from chart to chart
        svg = svg.replace(f'id="{found}"', f'id="{key}-{number}"').replace(f"url(#{found})", f"url(#{key}-{number})")
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" aria-labelledby="{key}-t {key}-d"'
        f' width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="{FONT}">'
        f'<title id="{key}-t">{html.escape(title)}</title><desc id="{key}-d">{html.escape(description)}</desc>'
    )
    return re.sub(r"^<svg[^>]*>", lambda _: opening, svg)
