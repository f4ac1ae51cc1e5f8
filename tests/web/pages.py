"""What a page says and where it leads, and which of its links are worth following."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import parse_qs, urldefrag, urljoin, urlsplit

from django.urls import Resolver404, resolve

UNSEEN = {"script", "style", "template", "svg", "code", "pre"}
ODD = re.compile(r"\bNone\b(?! so far)|\bnan\b|\{|\}|\bundefined\b|\bNaT\b|<object|Traceback")
_NOT_FOLLOWED = re.compile(r"^/(static/|account/logout)")


class Page(HTMLParser):
    """The links, the headings and the visible words of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.headings = 0
        self._unseen = 0
        self._words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in UNSEEN
        self.headings += tag == "h1"
        values = dict(attributes)
        self._words += [value for name in ("title", "aria-label", "placeholder", "alt") if (value := values.get(name))]
        if tag == "a" and (link := values.get("href")) is not None:
            self.links.append(link)
        if asked := values.get("hx-get"):
            self.links.append(asked)

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in UNSEEN

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._words.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self._words).split())

    @property
    def oddities(self) -> list[str]:
        """What no reader should see, with a few words around."""
        return [self.words[max(0, odd.start() - 40) : odd.end() + 20] for odd in ODD.finditer(self.words)]


class Visits:
    """Which links to follow: each kind of page (view, and names in the query) a few times, not a thousand orders."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.waiting = ["/"]
        self._known = {"/"}
        self._kinds: Counter[tuple[str, ...]] = Counter()

    def add(self, here: str, links: list[str]) -> None:
        """Remember where a page leads."""
        for link in links:
            address = urldefrag(urljoin(f"http://testserver{here}", link)).url
            parts = urlsplit(address)
            if parts.scheme != "http" or parts.netloc != "testserver" or _NOT_FOLLOWED.match(parts.path):
                continue
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            if target in self._known:
                continue
            self._known.add(target)
            kind = _kind(parts.path, parts.query)
            self._kinds[kind] += 1
            if self._kinds[kind] <= self.most:
                self.waiting.append(target)


def _kind(path: str, query: str) -> tuple[str, ...]:
    try:
        view = resolve(path).view_name or resolve(path).route
    except Resolver404:
        view = path
    return (view, *sorted(parse_qs(query, keep_blank_values=True)))
