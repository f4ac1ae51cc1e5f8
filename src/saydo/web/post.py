"""Sending to addresses that somebody typed in: only to the public internet, and no further than asked.

A name is looked up once, its addresses are checked, and the connection goes to the address that was checked; so a name
that leads into our own network, now or at the second look, leads nowhere.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import monotonic

import httpx
from django.conf import settings
from django.utils import timezone

from saydo.language import mark, translate

SECONDS = 15.0
_MOST = 64 * 1024  # of an answer
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# what Python takes for public in some of its versions, and is not: site-local, clouds' own, relays, documentation
_NEVER_PUBLIC = [ipaddress.ip_network(net) for net in ("fec0::/10", "192.0.0.0/24", "192.88.99.0/24", "3fff::/20")]
_PRIVATE = mark("{host} leads to {address}, which is not on the public internet")
_NO_NAME = mark("there is no host called {host}")
_NO_HTTPS = mark("only https addresses are allowed")


class NotAllowed(Exception):
    """An address to which nothing is sent."""


@dataclass(frozen=True)
class Answered:
    """What came back: the status, the beginning of the text, and how many seconds to wait, if it says so."""

    status: int
    text: str
    wait: float | None = None


def post(url: str, body: bytes, headers: dict[str, str]) -> Answered:
    """Send; raises `NotAllowed`, and `httpx.HTTPError` when no answer comes. Redirects are not followed."""
    target = httpx.URL(url)
    if target.scheme != "https" and not (settings.HOOKS_PRIVATE and target.scheme == "http"):
        raise NotAllowed(translate(_NO_HTTPS))
    host = target.raw_host.decode("ascii")
    address = _look_up(host, target.port or (443 if target.scheme == "https" else 80))
    sent = {**headers, "Host": target.netloc.decode("ascii"), "User-Agent": "Saydo", "Accept-Encoding": "identity"}
    with (
        httpx.Client(timeout=httpx.Timeout(SECONDS, connect=5), follow_redirects=False, trust_env=False) as client,
        client.stream(
            "POST",
            target.copy_with(host=address),
            content=body,
            headers=sent,
            extensions={"sni_hostname": host},  # the certificate must be the name's, though we call the address
        ) as answer,
    ):
        return Answered(answer.status_code, _read(answer), _wait(answer.headers.get("Retry-After", "")))


def is_public(address: str) -> bool:
    """Is this an address of the public internet, written in whichever way?"""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is not None:
            return is_public(str(inner))
    if any(found in one for one in _NEVER_PUBLIC if one.version == found.version):
        return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def _look_up(host: str, port: int) -> str:
    """An address of the host; raises unless all that it has are public."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotAllowed(translate(_NO_NAME, host=host)) from None
    addresses = [str(one[4][0]) for one in found]
    for address in addresses:
        if not settings.HOOKS_PRIVATE and not is_public(address):
            raise NotAllowed(translate(_PRIVATE, host=host, address=address))
    return addresses[0]


def _read(answer: httpx.Response) -> str:
    """The beginning of the text; an answer that never ends is left."""
    ends, content = monotonic() + SECONDS, b""
    for part in answer.iter_raw():  # as it came: a little that is packed may be a great deal
        content += part
        if len(content) > _MOST or monotonic() > ends:
            break
    text = content[:2000].decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else " " for sign in text)[:500].strip()


def _wait(text: str) -> float | None:
    """Seconds of a Retry-After, which may be a date."""
    if (digits := text.strip()).isascii() and digits.isdigit() and len(digits) < 10:
        return float(digits)
    try:
        return max(0.0, (parsedate_to_datetime(text) - timezone.now()).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None
