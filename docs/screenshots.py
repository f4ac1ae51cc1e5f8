"""Pictures of the report as readers see it: wide and narrow, light and dark, in every language, and on paper.

python docs/screenshots.py

They lie in build/screenshots/ to be looked at; the one in the README is docs/report.png.

The company is simulated, so the pictures are the same wherever they are taken (but for the machine's fonts).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

from saydo.engine import open_facts
from saydo.language import LANGUAGES
from saydo.report import write_report
from saydo.simulate import simulate

DOCS = Path(__file__).resolve().parent
BUILD = DOCS.parent / "build" / "screenshots"
WIDTHS = (1440, 390)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TALLEST = 12_000  # pixels of one picture; longer pages go on in the next


def main() -> None:
    """Simulate a company, write its reports, and take their pictures."""
    shutil.rmtree(BUILD, ignore_errors=True)
    facts = BUILD / "company"
    simulate(facts, customers=20_000, seed=1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_find_browser())
        for language in LANGUAGES:
            report = BUILD / f"report-{language}.html"
            write_report(open_facts(facts), report, language=language)
            for picture in _look(browser, report):
                print(picture)
        _picture_for_readme(browser, BUILD / "report-en.html")
        browser.close()


def _find_browser() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise SystemExit("Chromium is not installed (Debian, Ubuntu: apt install chromium).")
    return found


def _look(browser: Browser, report: Path) -> Iterator[Path]:
    """The whole page at each width and scheme, in pictures that a viewer can open; and as it prints."""
    for width, scheme in product(WIDTHS, SCHEMES):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.goto(report.as_uri())
        height = page.evaluate("document.documentElement.scrollHeight")
        for number, top in enumerate(range(0, height, TALLEST), start=1):
            picture = BUILD / f"{report.stem}-{width}-{scheme}-{number}.png"
            clip = {"x": 0.0, "y": float(top), "width": float(width), "height": float(min(TALLEST, height - top))}
            page.screenshot(path=picture, full_page=True, clip=clip)  # type: ignore[arg-type]
            yield picture
        page.close()
    page = browser.new_page()
    page.goto(report.as_uri())
    page.pdf(path=report.with_suffix(".pdf"), prefer_css_page_size=True, print_background=True)
    page.close()
    yield report.with_suffix(".pdf")


def _picture_for_readme(browser: Browser, report: Path) -> None:
    """The first screens, small enough for a repository."""
    page = browser.new_page(viewport={"width": 1200, "height": 1400}, device_scale_factor=0.75, color_scheme="light")
    page.goto(report.as_uri())
    page.screenshot(path=DOCS / "report.png")
    page.close()


if __name__ == "__main__":
    main()
