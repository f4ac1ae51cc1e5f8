"""Finding a customer among millions: by name, e-mail, telephone, order number or customer key, small slips allowed.

What is exact comes before what begins so, and that before what is only similar. The database gives at most a few hundred
candidates by an index of three letters each (PostgreSQL: pg_trgm; SQLite: FTS5); which of them match and how well is
decided here, by the same rules on both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection, transaction
from django.db.models import Q

from saydo.web.customers.models import Customer, Person
from saydo.web.plain import digits_of, fold
from saydo.web.trade.models import Order

_CANDIDATES = 200
_ENOUGH = 5  # of good matches, to spare the search for similar ones
_LIKENESS = 0.4  # shared groups of three letters among those typed, to be a candidate on PostgreSQL
_POSTINGS = 20_000  # rows that SQLite may weigh when it looks for similar ones
_NUMBER = re.compile(r"[\d\s+().\-/\u00a0\u202f]{5,}")
_RANKS = {"exact": 0, "order": 1, "begins": 2, "words": 3, "similar": 4}


@dataclass(frozen=True)
class Match:
    """Somebody found: the key of the whole person, who that is, and how well it fits (a word of `_RANKS`)."""

    customer_id: str
    person: Person | None
    how: str
    order_id: str = ""


@dataclass(frozen=True)
class _Hit:
    customer_id: str
    how: str
    likeness: tuple[object, ...] = ()
    order_id: str = ""


def find_customers(text: str, most: int = 20) -> list[Match]:
    """Whom somebody means who typed this; the best first, each person once."""
    text = text.strip()[:100]
    if len(text) < 2:
        return []
    hits: dict[str, _Hit] = {}
    for step in (_by_key, _by_order, _by_number, _by_words):
        for hit in step(text):
            hits.setdefault(hit.customer_id, hit)
    if len(hits) < _ENOUGH:
        for hit in _by_likeness(text):
            hits.setdefault(hit.customer_id, hit)
    ranked = sorted(hits.values(), key=lambda hit: (_RANKS[hit.how], hit.likeness, hit.customer_id))
    return _persons(ranked[: 2 * most])[:most]  # two records of one person are one match


def _persons(hits: Sequence[_Hit]) -> list[Match]:
    """The persons whose records were found, merged records as one."""
    chosen = Customer.objects.select_related("person", "merged_into__person").in_bulk([hit.customer_id for hit in hits])
    matches: dict[str, Match] = {}
    for hit in hits:
        if record := chosen.get(hit.customer_id):
            whole = record.merged_into or record
            person = getattr(whole, "person", None) or getattr(record, "person", None)
            matches.setdefault(whole.pk, Match(whole.pk, person, hit.how, hit.order_id))
    return list(matches.values())


# By key


def _by_key(text: str) -> Iterator[_Hit]:
    keys = Customer.objects.filter(_begins("customer_id", text)).order_by("customer_id")
    for key in keys.values_list("customer_id", flat=True)[:_ENOUGH]:
        yield _Hit(key, "exact" if _bare(key) == text or key == text else "begins", ("", key))


def _by_order(text: str) -> Iterator[_Hit]:
    number = text.removeprefix("#").strip()
    if not any(letter.isdigit() for letter in number) or "@" in number:
        return
    orders = Order.objects.filter(_begins("order_id", number), customer_id__isnull=False).order_by("order_id")
    for key, customer in orders.values_list("order_id", "customer_id")[:_ENOUGH]:
        is_exact = number in (key, _bare(key))
        yield _Hit(str(customer), "order" if is_exact else "begins", ("", key), key)


def _begins(column: str, text: str) -> Q:
    """Keys that begin so, as they are or behind the name of the system that they come from."""
    begun = Q()
    for start in {text, text.upper(), *(f"{origin}:{text}" for origin in _origins() if origin != "main")}:
        if connection.vendor == "postgresql":
            begun |= Q(**{f"{column}__startswith": start})
        else:  # LIKE would read every row
            begun |= Q(**{f"{column}__gte": start, f"{column}__lt": start + "\U0010ffff"})
    return begun


def _origins() -> list[str]:
    """The systems that records come from, by steps along the index: there are a handful among millions of rows."""
    found: list[str] = []
    with connection.cursor() as cursor:
        while len(found) < 20:
            cursor.execute("SELECT MIN(origin) FROM customers WHERE origin > %s", [found[-1] if found else ""])
            (origin,) = cursor.fetchone()
            if origin is None:
                break
            found.append(origin)
    return found


def _bare(key: str) -> str:
    return key.rpartition(":")[2]


# By telephone


def _by_number(text: str) -> Iterator[_Hit]:
    digits = digits_of(text)
    if not _NUMBER.fullmatch(text) or len(digits) < 5:
        return
    ways = [[digits]]
    if text.startswith(("+", "00")):  # without the country, as somebody from there writes it
        ways += [[f"| {digits[length:]} |"] for length in (1, 2, 3) if len(digits) - length >= 6]
    for customer, plain in _look(ways):
        number = plain.split("|")[3].strip()
        if number and (number.endswith(digits) or digits.endswith(number)):
            yield _Hit(customer, "exact", ("", plain))
        elif digits in number:
            yield _Hit(customer, "begins", ("", plain))


# By words


def _by_words(text: str) -> Iterator[_Hit]:
    words = fold(text).split()
    if not any(len(word) > 1 for word in words):
        return
    typed, long = " ".join(words), [word for word in words if len(word) > 1]
    seen: set[str] = set()
    for parts in ([f"| {typed} |"], [f" {word} " for word in long], [f" {word}" for word in long]):
        for customer, plain in _look([parts]):
            if customer not in seen and all(f" {word}" in plain for word in words):
                seen.add(customer)
                yield _Hit(customer, *_judge(typed, words, plain))
        if len(seen) >= _CANDIDATES:
            return


def _judge(typed: str, words: Sequence[str], plain: str) -> tuple[str, tuple[object, ...]]:
    """How well a text fits that holds every word typed, or words that begin so; whole words of a name come first."""
    name = plain.split("|")[1]
    if f"| {typed} |" in plain:
        return "exact", (name,)
    parts = name.split()
    unlike = sum(word not in parts for word in words)
    is_begun = any(part.startswith(f" {typed}") for part in plain.split("|"))
    return "begins" if is_begun else "words", (unlike, sum(f" {word}" not in name for word in words), name)


# By likeness


def _by_likeness(text: str) -> Iterator[_Hit]:
    words = fold(text).split()
    if not any(len(word) > 2 for word in words):
        return
    alike = _alike_postgres if connection.vendor == "postgresql" else _alike_sqlite
    for customer, plain in alike(" ".join(words)):
        slips = _slips(words, plain)
        if slips is not None:
            yield _Hit(customer, "similar", (slips, plain))


def _slips(words: Sequence[str], plain: str) -> int | None:
    """The letters by which the words typed differ from the nearest ones here; null if one differs by too many."""
    slips, parts = 0, [word for part in plain.split("|")[1:3] for word in part.split()]
    for word in words:
        most = 0 if len(word) < 3 else 1 if len(word) < 6 else 2
        nearest = min((_distance(word, part, most) for part in parts), default=most + 1)
        if nearest > most:
            return None
        slips += nearest
    return slips


@lru_cache(maxsize=20_000)
def _distance(first: str, second: str, most: int) -> int:
    """Letters added, left out, replaced or swapped with their neighbour; anything above ``most`` is ``most`` + 1."""
    if abs(len(first) - len(second)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(second) + 1))
    for place, letter in enumerate(first, 1):
        before, last, row = row, before, [place]
        for other, theirs in enumerate(second, 1):
            cost = min(before[other] + 1, row[other - 1] + 1, before[other - 1] + (letter != theirs))
            if place > 1 and other > 1 and letter == second[other - 2] and first[place - 2] == theirs:
                cost = min(cost, last[other - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def _alike_postgres(typed: str) -> list[tuple[str, str]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pg_trgm.word_similarity_threshold', %s, true)", [str(_LIKENESS)])
        cursor.execute(
            "SELECT customer_id, plain FROM found WHERE %s <%% plain ORDER BY word_similarity(%s, plain) DESC LIMIT %s",
            [typed, typed, _CANDIDATES],
        )
        return cursor.fetchall()


def _alike_sqlite(typed: str) -> list[tuple[str, str]]:
    """By the rarest groups of three letters among those typed: they tell most and cost least."""
    padded = [f" {word} " for word in typed.split()]
    groups = {word[start : start + 3] for word in padded for start in range(len(word) - 2)}
    with connection.cursor() as cursor:
        places = ", ".join(["%s"] * len(groups))
        cursor.execute(f"SELECT term, doc FROM found_trigrams WHERE term IN ({places}) ORDER BY doc", list(groups))  # noqa: S608
        chosen, rows = [], 0
        for term, count in cursor.fetchall():
            rows += count
            if rows > _POSTINGS and len(chosen) > 1:
                break
            chosen.append(term)
        if not chosen:
            return []
        cursor.execute(
            "SELECT f.customer_id, f.plain FROM found_index i JOIN found f ON f.id = i.rowid "
            "WHERE found_index MATCH %s ORDER BY i.rank LIMIT %s",
            [" OR ".join(map(_quoted, chosen)), _CANDIDATES],
        )
        return cursor.fetchall()


def _look(ways: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Texts that hold all parts of one of the ways, at most `_CANDIDATES`: key of the record, plain text."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            parts = [part for way in ways for part in way]
            where = " OR ".join(" AND ".join(["plain LIKE %s"] * len(way)) for way in ways)
            patterns = ["%" + re.sub(r"([\\%_])", r"\\\1", part) + "%" for part in parts]
            cursor.execute(f"SELECT customer_id, plain FROM found WHERE {where} LIMIT %s", [*patterns, _CANDIDATES])  # noqa: S608
        else:
            asked = " OR ".join("(" + " AND ".join(map(_quoted, way)) + ")" for way in ways)
            cursor.execute(
                "SELECT f.customer_id, f.plain FROM found_index i JOIN found f ON f.id = i.rowid "
                "WHERE found_index MATCH %s LIMIT %s",
                [asked, _CANDIDATES],
            )
        return cursor.fetchall()


def _quoted(part: str) -> str:
    return '"' + part.replace('"', '""') + '"'
