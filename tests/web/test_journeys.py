"""What people come for, in a real browser: load a file, find somebody; in French, by keyboard, on a telephone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.web.test_look import Site, log_in, site

pytestmark = pytest.mark.browser
__all__ = ["site"]  # a fixture


@pytest.fixture
def desktop(browser: Browser, site: Site) -> Iterator[Page]:
    """A wide window in which the administrator is logged in."""
    context = browser.new_context(base_url=site.address, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    log_in(page, site)
    yield page
    context.close()


@pytest.fixture
def telephone(browser: Browser, site: Site) -> Iterator[Page]:
    """A telephone of somebody whose browser speaks French, with the log-in page open."""
    context = browser.new_context(
        base_url=site.address, viewport={"width": 390, "height": 844}, has_touch=True, locale="fr-FR"
    )
    page = context.new_page()
    yield page
    context.close()


def somebody(page: Page) -> tuple[str, str]:
    """Name and address of a page of somebody whom the first page speaks of."""
    page.goto("/today/")
    link = page.locator("blockquote footer a").first
    return link.inner_text(), link.get_attribute("href") or ""


def misspell(name: str) -> str:
    """The family name with two letters in each other's place."""
    family = name.rsplit(maxsplit=1)[-1].split("-", maxsplit=1)[0]
    return family[:2] + family[3] + family[2] + family[4:] if len(family) > 4 else family


def test_file_is_loaded_by_page_with_a_column_mended_on_the_way(desktop: Page, tmp_path: Path) -> None:
    desktop.goto("/figures/nps/?by=touchpoint")
    before = desktop.locator("table").last.inner_text()
    assert "Market stall" not in before
    answers = tmp_path / "answers.csv"
    rows = [f"x{number},{10 - number % 3},2026-11-0{1 + number % 9},Market stall" for number in range(12)]
    answers.write_text("\n".join(["feedback_id,points,said_at,touchpoint", *rows]))
    desktop.goto("/load/")
    desktop.set_input_files("input[type=file]", answers)
    desktop.get_by_role("button", name="Give the files").click()
    expect(desktop.locator("h1")).to_contain_text("1 file")
    table = desktop.get_by_label("Table", exact=True)
    if table.input_value() != "feedback":
        with desktop.expect_navigation():  # the choice sends the form
            table.select_option("feedback")
    desktop.locator("select[id$='score']").wait_for(state="attached")
    desktop.locator("fieldset.file details").first.evaluate("one => { one.open = true }")
    desktop.locator("select[id$='score']").select_option(label="points")
    for field, value in (("source", "survey"), ("question", "nps")):
        desktop.locator(f"select[id$='-{field}']").select_option(label=f"always {value}")
    desktop.get_by_role("button", name="Check, and write nothing").click()
    expect(desktop.locator("h1")).to_have_text("Every row would be kept.", timeout=60_000)
    desktop.get_by_role("button", name="Load", exact=True).click()
    expect(desktop.locator("h1")).to_contain_text("rows are new or changed", timeout=60_000)
    desktop.goto("/figures/nps/?by=touchpoint")
    expect(desktop.locator("table").last).to_contain_text("Market stall", timeout=60_000)


def test_customer_is_found_by_a_misspelt_name_and_has_a_timeline(desktop: Page) -> None:
    name, address = somebody(desktop)
    desktop.goto("/customers/")
    desktop.locator("#q").press_sequentially(misspell(name), delay=20)
    found = desktop.locator(f"#found a[href='{address}']")
    expect(found).to_be_visible(timeout=20_000)
    found.click()
    expect(desktop.locator("h1")).to_contain_text(name)
    assert desktop.get_by_text(re.compile("ordered|Ordered")).count() >= 1


def test_telephone_in_french_finds_a_customer(telephone: Page, site: Site, desktop: Page) -> None:
    name, address = somebody(desktop)
    log_in(telephone, site, "agent@example.org")
    expect(telephone.locator("html")).to_have_attribute("lang", "fr")
    telephone.goto("/customers/")
    expect(telephone.locator("h1")).to_have_text("Trouver un client")
    telephone.fill("#q", misspell(name))
    telephone.locator(f"#found a[href='{address}']").tap(timeout=20_000)
    expect(telephone.locator("h1")).to_contain_text(name)
    assert telephone.evaluate("document.documentElement.scrollWidth") <= 390


def test_keyboard_alone_leads_from_log_in_to_a_customer(browser: Browser, site: Site, desktop: Page) -> None:
    name, _ = somebody(desktop)
    context = browser.new_context(base_url=site.address)
    page = context.new_page()
    log_in(page, site)  # types and presses Enter
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Go to the content")
    tab_to(page, "Customers")
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_be_focused()  # who comes here wants to search
    page.keyboard.type(name)
    expect(page.locator("#found a", has_text=name).first).to_be_visible(timeout=20_000)
    tab_to(page, name)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text(name)
    context.close()


def tab_to(page: Page, text: str, most: int = 30) -> None:
    """Press Tab until what is focused says so; each stop on the way must be visible."""
    for _ in range(most):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if text in focused.inner_text():
            return
    raise AssertionError(f"the keyboard does not reach {text}")
