"""Finding a customer among millions: by name, e-mail, telephone, order number or customer key, small slips allowed.

What is exact comes before what begins so, and that before what is only similar. The database gives at most a few
hundred candidates by an index of words and the beginnings of words; slips are looked for among the words of all names,
by groups of three letters. Which of the candidates match and how well is decided here, by the same rules on both
databases.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection, transaction
from django.db.models import Q

from saydo.web.customers.models import Customer, Person
from saydo.web.plain import digits_of, fold
from saydo.web.trade.models import Order

_CANDIDATES = 200
_ENOUGH = 5  # of good matches, to spare the search for similar ones
_LIKENESS = 0.2  # share of groups of three letters in common, to be a candidate on PostgreSQL
_MOST_WORDS, _MOST_ALIKE = 6, 30
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
    text = text.replace("\x00", "").strip()[:100]
    if len(text) < 2:
        return []
    hits: dict[str, _Hit] = {}
    for step in (_by_key, _by_order, _by_number, _by_words):
        for hit in step(text):
            hits.setdefault(hit.customer_id, hit)
    is_meant = any(hit.how in ("exact", "order") for hit in hits.values()) and re.search(r"[@\d]", text)
    if len(hits) < _ENOUGH and not is_meant:
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
    ways = [{digits: True}]
    if text.startswith(("+", "00")):  # as somebody from there writes it, without the country
        ways += [{digits[length:]: False} for length in (1, 2, 3) if len(digits) - length >= 6]
    for customer, plain in _look(ways):
        numbers = plain.split("|")[3].split()
        is_whole = any(number == digits or (len(ways) > 1 and digits.endswith(number)) for number in numbers)
        if is_whole or any(number.startswith(digits) for number in numbers):
            yield _Hit(customer, "exact" if is_whole else "begins", ("", plain))


# By words


def _by_words(text: str) -> Iterator[_Hit]:
    words = fold(text).split()
    long = [word for word in words if len(word) > 1]
    if not long or _NUMBER.fullmatch(text):  # pieces of telephone numbers begin a great many words
        return
    seen: set[str] = set()
    for is_begun in (False, True):
        # of an address only the end can be missing, and its other words are anybody's
        begun = {word: is_begun and ("@" not in text or word == long[-1]) for word in long}
        for customer, plain in _look([begun]):
            if customer not in seen and all(f" {word}" in plain for word in words):
                seen.add(customer)
                yield _Hit(customer, *_judge(words, plain))
        if len(seen) >= _CANDIDATES or (seen and "@" in text):
            return


def _judge(words: Sequence[str], plain: str) -> tuple[str, tuple[object, ...]]:
    """How well a text fits that holds every word typed, or words that begin so; whole words of a name come first."""
    typed, name = " ".join(words), plain.split("|")[1]
    if f"| {typed} |" in plain:
        return "exact", (name,)
    parts = name.split()
    unlike = sum(word not in parts for word in words)
    is_begun = any(part.startswith(f" {typed}") for part in plain.split("|"))
    return "begins" if is_begun else "words", (unlike, sum(f" {word}" not in name for word in words), name)


# By likeness: the words of all names that differ by a slip or two from those typed, then whoever bears them


def _by_likeness(text: str) -> Iterator[_Hit]:
    words = fold(text).split()[:_MOST_WORDS]
    meant = {word: {word, *_alike(word)} for word in words if len(word) > 1}
    if all(len(others) == 1 for others in meant.values()):
        return
    for customer, plain in _look([meant]):
        slips = _slips(words, plain)
        if slips is not None:
            yield _Hit(customer, "similar", (slips, plain))


def _slips(words: Sequence[str], plain: str) -> int | None:
    """The letters by which the words typed differ from the nearest ones here; null if one differs by too many."""
    slips, parts = 0, [word for part in plain.split("|")[1:3] for word in part.split()]
    for word in words:
        most = _slips_allowed(word)
        nearest = min((_distance(word, part, most) for part in parts), default=most + 1)
        if nearest > most:
            return None
        slips += nearest
    return slips


def _slips_allowed(word: str) -> int:
    if len(word) < 3 or not word.isalpha():  # a digit is no slip
        return 0
    return 1 if len(word) < 6 else 2


@lru_cache(maxsize=50_000)
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


def _alike(word: str) -> list[str]:
    """The words of names here that somebody may have meant, the nearest first."""
    most = _slips_allowed(word)
    if not most:
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT set_config('pg_trgm.similarity_threshold', %s, true)", [str(_LIKENESS)])
            cursor.execute(
                "SELECT word FROM found_words WHERE word %% %s ORDER BY similarity(word, %s) DESC LIMIT %s",
                [word, word, _CANDIDATES],
            )
        else:
            padded = f"  {word} "
            groups = {padded[start : start + 3] for start in range(len(padded) - 2)}
            cursor.execute(
                "SELECT w.word FROM found_trigrams t JOIN found_words w ON w.id = t.rowid "
                "WHERE found_trigrams MATCH %s ORDER BY t.rank LIMIT %s",
                [" OR ".join(f'"{group}"' for group in groups), _CANDIDATES],
            )
        words = [found for (found,) in cursor.fetchall()]
    near = {found: slips for found in words if (slips := _distance(word, found, most)) <= most}
    return sorted(near, key=lambda found: (near[found], found))[:_MOST_ALIKE]


# The index of words


def _look(ways: Sequence[Mapping[str, bool] | Mapping[str, Collection[str]]]) -> list[tuple[str, str]]:
    """Plain texts that hold all words of one of the ways, at most `_CANDIDATES`: key of the record, text.

    To each word, is it only the beginning of one; or the words that may stand in its place.
    """
    is_postgres = connection.vendor == "postgresql"
    asked = (_either(is_postgres)).join("(" + _both(is_postgres).join(_words(way, is_postgres)) + ")" for way in ways)
    query = (
        "SELECT customer_id, plain FROM found WHERE to_tsvector('simple', plain) @@ %s::tsquery LIMIT %s"
        if is_postgres
        else "SELECT f.customer_id, f.plain FROM found_index i JOIN found f ON f.id = i.rowid "
        "WHERE found_index MATCH %s LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [asked, _CANDIDATES])
        return cursor.fetchall()


def _either(is_postgres: bool) -> str:
    return " | " if is_postgres else " OR "


def _both(is_postgres: bool) -> str:
    return " & " if is_postgres else " AND "


def _words(way: Mapping[str, bool] | Mapping[str, Collection[str]], is_postgres: bool) -> Iterator[str]:
    quote, begun = ("'", ":*") if is_postgres else ('"', "*")
    for word, how in way.items():
        if isinstance(how, bool):
            yield f"{quote}{word}{quote}{begun if how else ''}"
        else:
            yield "(" + _either(is_postgres).join(f"{quote}{other}{quote}" for other in how) + ")"
