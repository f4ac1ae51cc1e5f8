"""Every link on every page leads to a page that is whole, for each role, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.web.pages import Page, Visits

from saydo.web.rights import ROLES

MOST_QUERIES = 100  # what is kept about a person is looked for in every table
pytestmark = pytest.mark.xdist_group("crawl")  # a figure that one role asked for is there for the next


def crawl(client: Client, most: int) -> tuple[list[str], dict[str, str]]:
    """Where the links lead, and what is wrong there."""
    visits, seen, wrong = Visits(most), [], {}
    client.raise_request_exception = False
    while visits.waiting:
        address = visits.waiting.pop(0)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer: Any = client.get(address)
        seen.append(address)
        if 300 <= answer.status_code < 400:
            visits.add(address, [answer["Location"]])
        elif answer.status_code != 200:
            error = getattr(answer, "exc_info", None)
            wrong[address] = f"status {answer.status_code} {error[1] if error else ''}"
        elif answer["Content-Type"].startswith("text/html"):
            page = Page(answer.content.decode())
            visits.add(address, page.links)
            if found := find_wrong(page, len(queries)):
                wrong[address] = found
        if hasattr(answer, "streaming_content"):
            b"".join(answer.streaming_content)
        for close in answer._resource_closers:  # close() would close the connection too, which the test is still using
            close()
    return seen, wrong


def find_wrong(page: Page, queries: int) -> str:
    """What is wrong with a page, if anything."""
    if page.oddities:
        return f"says {page.oddities[:3]}"
    if page.headings > 1:
        return f"{page.headings} headings h1"
    if queries > MOST_QUERIES:
        return f"{queries} queries"
    return ""


@pytest.mark.parametrize("role", ROLES)
def test_every_link_leads_to_a_whole_page(company: Path, client_of: Callable[[str], Client], role: str) -> None:
    seen, wrong = crawl(client_of(role), most=3 if role == "administrator" else 1)
    assert wrong == {}
    assert "/" in seen


def test_every_link_leads_to_a_whole_page_in_french(
    company: Path, client_of: Callable[[str], Client], user_of: Callable[[str], Any]
) -> None:
    user = user_of("administrator")
    user.language = "fr"
    user.save()
    _, wrong = crawl(client_of("administrator"), most=1)
    assert wrong == {}


def test_a_link_that_leads_nowhere_is_noticed(company: Path, client_of: Callable[[str], Client]) -> None:
    visits = Visits(1)
    visits.add("/", ["/nowhere/", "/nowhere/#end", "https://example.org/", "mailto:ada@example.org", "/static/x.css"])
    assert visits.waiting == ["/", "/nowhere/"]
    assert client_of("reader").get("/nowhere/").status_code == 404
    assert Page("<h1>NPS None</h1><p>{count} of nan</p><script>{}</script>").oddities != []
    assert Page("<h1>Nobody</h1><script>{}</script>").oddities == []
