"""Pages in a real browser, as `saydo demo` serves them: accessible, within a telephone's width, nothing blocked."""

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
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, Page
from tests.web.pages import Visits

pytestmark = pytest.mark.browser
WIDTHS = (1440, 390)


@dataclass(frozen=True)
class Site:
    """A demonstration that is served."""

    address: str
    password: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A small demonstration by the command that everybody uses."""
    home = tmp_path_factory.mktemp("demo")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SAYDO_", "DJANGO_"))}
    command = [sys.executable, "-c", "from saydo.cli import app; app()", "demo", str(home)]
    with (home / "log").open("wb") as log:
        served = subprocess.Popen(
            [*command, "--customers", "400", "--port", str(port)], env=environment, stdout=log, stderr=log
        )
    try:
        address = f"http://localhost:{port}"
        wait_for(address, served, home / "log")
        yield Site(address, (home / "demo.password").read_text())
    finally:
        served.terminate()
        served.wait(timeout=10)
        shutil.rmtree(home, ignore_errors=True)


def wait_for(address: str, served: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(1200):
        assert served.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{address}/account/login/", timeout=5):  # noqa: S310
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def log_in(page: Page, site: Site, email: str = "demo@example.org") -> None:
    page.goto(f"{site.address}/account/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", site.password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/account/login/" not in url)


@pytest.fixture(scope="module")
def inside(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    """A browser in which the administrator of the demonstration is logged in."""
    context = browser.new_context(base_url=site.address)
    log_in(context.new_page(), site)
    yield context
    context.close()


@pytest.fixture(scope="module")
def addresses(inside: BrowserContext, site: Site) -> list[str]:
    """One page of each kind that can be reached from the first."""
    page, visits = inside.new_page(), Visits(1)
    found: list[str] = []
    while visits.waiting:
        address = visits.waiting.pop(0)
        if re.search(r"[./](csv|xlsx|parquet|json|zip|html)\b|format=|/api/", address):
            continue  # what is taken away is no page
        answer = inside.request.get(site.address + address)
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        page.goto(site.address + address)
        if page.url.removeprefix(site.address) in {*found, "/"} - {address}:
            continue  # it leads back to where we were
        links = page.eval_on_selector_all("a[href]", "all => all.map(one => one.getAttribute('href'))")
        visits.add(address, links)
        found.append(address)
    return found


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_are_accessible_and_fit(inside: BrowserContext, site: Site, addresses: list[str], width: int) -> None:
    page, axe, wrong = inside.new_page(), Axe(), {}
    refused: list[tuple[str, str]] = []
    page.set_viewport_size({"width": width, "height": 900})
    page.on("console", lambda message: refused.append((page.url, message.text)) if message.type == "error" else None)
    for address in addresses:
        page.goto(site.address + address)
        found = look_at(page, axe)
        if found:
            wrong[address] = found
    assert [f"{address}: {one}" for address, found in wrong.items() for one in found] == []
    assert refused == []
    assert len(addresses) > 5


def test_log_in_page_is_accessible(browser: Browser, site: Site) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto(f"{site.address}/account/login/")
    assert look_at(page, Axe()) == []
    page.close()


def look_at(page: Page, axe: Axe) -> list[str]:
    """What axe-core finds, and whether one must scroll sideways."""
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    results = axe.run(page, options=options).response["violations"]
    found = [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in results]
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*found, f"{wide} px too wide"] if wide > 0 else found
