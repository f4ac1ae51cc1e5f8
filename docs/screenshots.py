"""Pictures of the application and the report as readers see them: wide and narrow, light and dark.

python docs/screenshots.py             the application, then the report
python docs/screenshots.py application

They lie in build/screenshots/ to be looked at; those in the README are docs/today.png and docs/report.png. The company
is simulated, so the pictures are the same wherever they are taken (but for the machine's fonts).
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Literal
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from saydo.engine import open_facts
from saydo.language import LANGUAGES
from saydo.report import write_report
from saydo.simulate import simulate

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
BUILD = ROOT / "build" / "screenshots"
HOME = ROOT / "build" / "demo-home"  # that of `make demo`
CUSTOMERS = os.environ.get("CUSTOMERS", "20000")
WIDTHS = (1440, 390)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TALLEST = 12_000  # pixels of one picture; longer pages go on in the next
MOST_ALIKE = 2  # pages of one kind: two customers, two figures with a split
_PENDING = "[hx-trigger*='load']"  # a figure that is still being computed
TAKEN_AWAY = re.compile(r"[./](csv|xlsx|parquet|json|zip|html|svg)\b|format=|^/(api|static|health)/|logout")


def main() -> None:
    """Take all pictures anew."""
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    shutil.rmtree(HOME / "results", ignore_errors=True)  # answers kept by this version before it was changed
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_find_browser(), args=["--no-sandbox"])
        for picture in _application(browser):
            print(picture, flush=True)
        if "application" not in sys.argv[1:]:
            for picture in _reports(browser):
                print(picture, flush=True)
        browser.close()


def _find_browser() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise SystemExit("Chromium is not installed (Debian, Ubuntu: apt install chromium).")
    return found


# The application


def _application(browser: Browser) -> Iterator[Path]:
    """Every kind of page that the administrator of the demonstration can reach, and the log-in page."""
    with _served() as address:
        login = browser.new_page()
        login.goto(f"{address}/account/login/")
        yield from _look(browser, login.url, "log-in")
        context = browser.new_context(base_url=address)
        _log_in(context.new_page(), address)
        state = context.storage_state()
        for place in _find_pages(context, address):
            yield from _look(browser, address + place, _name(place), state)
        _picture_of_today(browser, address, state)


@contextmanager
def _served() -> Iterator[str]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SAYDO_", "DJANGO_"))}
    command = [sys.executable, "-c", "from saydo.cli import app; app()", "demo", str(HOME), "--customers", CUSTOMERS]
    served = subprocess.Popen([*command, "--port", str(port)], env=environment)
    try:
        while served.poll() is None and not _answers(f"http://localhost:{port}/account/login/"):
            time.sleep(0.2)
        if served.poll() is not None:
            raise SystemExit("The demonstration could not be served; `make demo` says why.")
        yield f"http://localhost:{port}"
    finally:
        served.terminate()
        served.wait(timeout=10)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10):  # noqa: S310
            return True
    except OSError:
        return False


def _log_in(page: Page, address: str) -> None:
    page.goto(f"{address}/account/login/")
    page.fill("input[name=login]", "demo@example.org")
    page.fill("input[name=password]", (HOME / "demo.password").read_text(encoding="ascii"))
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/account/login/" not in url, timeout=120_000)


def _find_pages(context: BrowserContext, address: str) -> list[str]:
    """From the first page on, a few of each kind: places whose address differs in keys alone are of one kind.

    Every figure is one of its own, because each is another measure.
    """
    page, waiting, met, found = context.new_page(), ["/"], {"/": 1}, []
    while waiting:
        place = waiting.pop(0)
        try:
            answer = page.goto(address + place, timeout=120_000)
        except Error:  # a file, which the browser would save
            continue
        if answer is None or "text/html" not in answer.headers.get("content-type", ""):
            continue
        found.append(place)
        for link in page.eval_on_selector_all("a[href]", "all => all.map(one => one.getAttribute('href'))"):
            parts = urlsplit(urljoin(address + place, link))
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            if f"{parts.scheme}://{parts.netloc}" != address or TAKEN_AWAY.search(target) or target in met:
                continue
            kind = "kind " + _kind(parts.path, parts.query)
            met[target], met[kind] = 1, met.get(kind, 0) + 1
            if met[kind] <= MOST_ALIKE:
                waiting.append(target)
    page.close()
    return found


def _kind(path: str, query: str) -> str:
    steps = path.strip("/").split("/")
    if steps[0] == "figures":
        return "figures, split or sorted" if query else path
    known = "/".join([steps[0], *("*" if re.search(r"\d", step) else step for step in steps[1:])])
    return known + " " + " ".join(sorted(part.partition("=")[0] for part in query.split("&")))


def _name(place: str) -> str:
    return re.sub(r"[^\w=]+", "-", place).strip("-")[:80] or "today"


def _picture_of_today(browser: Browser, address: str, state: object) -> None:
    """The first screen, small enough for a repository."""
    page = browser.new_page(
        viewport={"width": 1200, "height": 1000},
        device_scale_factor=0.75,
        color_scheme="light",
        storage_state=state,  # type: ignore[arg-type]
    )
    page.goto(address, timeout=120_000)
    page.screenshot(path=DOCS / "today.png")
    page.close()


# The report


def _reports(browser: Browser) -> Iterator[Path]:
    """The report in every language, and as it prints."""
    facts = BUILD / "company"
    simulate(facts, customers=int(CUSTOMERS), seed=1)
    for language in LANGUAGES:
        report = BUILD / f"report-{language}.html"
        write_report(open_facts(facts), report, language=language)
        yield from _look(browser, report.as_uri(), report.stem)
        page = browser.new_page()
        page.goto(report.as_uri())
        page.pdf(path=report.with_suffix(".pdf"), prefer_css_page_size=True, print_background=True)
        page.close()
        yield report.with_suffix(".pdf")
    page = browser.new_page(viewport={"width": 1200, "height": 1400}, device_scale_factor=0.75, color_scheme="light")
    page.goto((BUILD / "report-en.html").as_uri())
    page.screenshot(path=DOCS / "report.png")
    page.close()


def _look(browser: Browser, address: str, name: str, state: object = None) -> Iterator[Path]:
    """The whole page at each width and scheme, in pictures that a viewer can open."""
    for width, scheme in product(WIDTHS, SCHEMES):
        page = browser.new_page(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            storage_state=state,  # type: ignore[arg-type]
        )
        page.goto(address, timeout=120_000)
        page.wait_for_selector(_PENDING, state="detached", timeout=120_000)
        height = page.evaluate("document.documentElement.scrollHeight")
        for number, top in enumerate(range(0, height, TALLEST), start=1):
            picture = BUILD / f"{name}-{width}-{scheme}-{number}.png"
            clip = {"x": 0.0, "y": float(top), "width": float(width), "height": float(min(TALLEST, height - top))}
            page.screenshot(path=picture, full_page=True, clip=clip)  # type: ignore[arg-type]
            yield picture
        page.close()


if __name__ == "__main__":
    main()
