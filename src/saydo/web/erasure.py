"""All about one person: to hand it over, or to take it away for good.

An erasure leaves the counts and takes the identity: that somebody ordered, complained and scored 3 stays, under a key
that says nothing; who it was, what they wrote and what only they have goes, from the database, from the facts with all
their older files, and from the answers kept. It is written down by key, so that it can be done again in a database
that was restored from a backup (`replay_erasures`).
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.crypto import salted_hmac

from saydo.facts import TABLES, Table
from saydo.web import feed
from saydo.web.accounts.actions import with_open_trail
from saydo.web.accounts.models import Entry, Erasure, User
from saydo.web.customers.models import Consent, Customer, Note, Person, Proposal
from saydo.web.outbox import tell
from saydo.web.records import KEY, Record, columns_of, record_of
from saydo.web.residue import clean_refused, delete_securely, forget_letters, sweep
from saydo.web.worker import later

OTHERS = 5  # a word that fewer other rows have may tell who somebody is
_STEPS = ("orders", "contracts", "feedback", "commitments")  # what leads on to rows that do not name the customer
_ALWAYS = {("feedback", "comment"), ("customers", "account_id")}
_KEPT = {"currency"}
_CHUNK = 500
_BLANK = "…"
# Where people write about people, and where records are named by their keys. All else (what was done, by whom, with
# which key; settings, views, endpoints) is no word of theirs, and stays as it is whatever they are called.
_TEXTS = {
    "notes": ("text",),
    "consents": ("how", "text_shown"),
    "loads": ("error",),
    "hook_events": ("once", "values"),
    "hook_deliveries": ("answer",),
    "tasks": ("arguments",),
    "merge_proposals": ("before",),
    "kept_answers": ("body",),
    "changes": ("key",),
    "trail": ("key", "details"),
}
# What the trail tells in our words
_OURS = ("fields", "role", "rights", "form", "measure", "purpose", "channel", "part", "event")
_Patterns = Sequence[tuple[re.Pattern[str], str]]


@dataclass
class Dossier:
    """All rows about one person: of the contract by table, and what only the database holds."""

    keys: list[str]  # of all their records, the one they are known by first
    rows: dict[str, list[Record]] = field(default_factory=dict)
    people: list[Person] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many rows there are in all."""
        return sum(map(len, self.rows.values())) + len(self.people) + len(self.consents) + len(self.notes)


def collect(key: str) -> Dossier:
    """Everything about the person that a record belongs to, over all their records; raises `Customer.DoesNotExist`."""
    whole = Customer.objects.get(pk=key).whole
    keys = [whole, *Customer.objects.filter(merged_into=whole).order_by("pk").values_list("pk", flat=True)]
    return _collect(keys)


def _collect(keys: list[str]) -> Dossier:
    found = Dossier(keys, rows=_rows(keys))
    found.people = list(Person.objects.filter(customer__in=keys))
    found.consents = list(Consent.objects.filter(customer__in=keys).select_related("recorded_by"))
    found.notes = list(Note.objects.filter(customer__in=keys).select_related("by"))
    return found


def _rows(keys: Sequence[str]) -> dict[str, list[Record]]:
    """Rows that name the customer, then those that name one of their orders, contracts, answers or promises."""
    found: dict[str, dict[Any, Record]] = {}
    known: dict[str, set[str]] = {"customers": set(keys)}
    for _ in range(3):  # an order, its answer, the case about that
        for name, table in TABLES.items():
            for row in _naming(name, table, known):
                found.setdefault(name, {})[row.pk] = row
                if name in _STEPS:
                    known.setdefault(name, set()).add(row.pk)
    return {name: list(rows.values()) for name, rows in found.items()}


def _naming(name: str, table: Table, known: Mapping[str, set[str]]) -> Iterator[Record]:
    """Rows of a table that name something known, but not another customer."""
    model, columns = record_of(name), columns_of(name)
    refers = {column.name: column.refers_to for column in table.columns if column.refers_to in known}
    if name == "customers":
        refers = {"customer_id": "customers"}
    customers = [columns[column] for column, to in refers.items() if to == "customers"]
    for column, to in refers.items():
        for chunk in _chunks(sorted(known[to])):
            for row in model._default_manager.filter(**{f"{columns[column]}__in": chunk}):
                whose = {getattr(row, attribute) for attribute in customers} - {None}
                if not whose or whose & known["customers"]:
                    yield row


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


# Taking it away


def erase_person(key: str, *, by: User | None = None) -> str:
    """Erase the person that a record belongs to; the key that stands for them since then.

    The database is clean when this returns; the facts are as soon as the background work has come round to it.
    """
    with transaction.atomic():
        dossier = collect(key)
        if Customer.objects.filter(pk=dossier.keys[0]).exclude(erased_at=None).exists():
            return dossier.keys[0]
        new = _erase(dossier, {}, by)
        later("saydo.web.erasure.purge")
    return new[dossier.keys[0]]


def replay_erasures() -> int:
    """Erase again whoever was erased before and stands here with an identity; how many records.

    After a restore, and cheap where there is nothing to do.
    """
    with transaction.atomic():
        names = dict(_standing())
        for key in names:
            _erase(_collect([key]), names, None)
        if names:
            later("saydo.web.erasure.purge")
    return len(names)


def _standing() -> Iterator[tuple[str, str]]:
    """Records that are written down as erased and are not: what they are called, and what they shall be called."""
    there = Customer.objects.filter(erased_at=None)
    journal = list(Erasure.objects.values_list("key", "was"))
    for chunk in _chunks([key for key, _ in journal]):
        yield from ((key, key) for key in there.filter(pk__in=chunk).values_list("pk", flat=True))
    renamed = {was: key for key, was in journal if was != _digest(key)}
    if renamed:
        for key in there.values_list("pk", flat=True).iterator(chunk_size=10_000):
            if digest := renamed.get(_digest(key)):
                yield key, digest


def _digest(key: str) -> str:
    return salted_hmac("saydo.erasure", key, algorithm="sha256").hexdigest()


def _erase(dossier: Dossier, names: Mapping[str, str], by: User | None) -> dict[str, str]:
    """Erase what was collected; of each record's key, what it is called now (``names`` says it of those known)."""
    identity = _Identity.of(dossier.people)
    delete_securely()
    tables = _blank_rows(dossier, identity, by)
    renamed = {key: names.get(key) or (_opaque() if identity.is_in(key) else key) for key in dossier.keys}
    Note.objects.filter(customer__in=dossier.keys).delete()
    Person.objects.filter(customer__in=dossier.keys).delete()
    Proposal.objects.filter(models.Q(main__in=dossier.keys) | models.Q(other__in=dossier.keys)).delete()
    Consent.objects.filter(customer__in=dossier.keys).update(how="", text_shown="")
    for name, old, new in _with_identity(dossier, identity, renamed):
        tables |= _rename(name, old, new, by)
    moved = {old: new for old, new in renamed.items() if old != new}
    _replace_words({**moved, **dict.fromkeys(identity.words, _BLANK)})
    clean_refused(identity.words, dossier.keys)
    for old, new in renamed.items():
        Customer.objects.filter(pk=new).update(erased_at=timezone.now())
        Erasure.objects.update_or_create(
            key=new,
            defaults={"was": _digest(old), "by": by, "tables": sorted(tables), "purged_at": None},
            create_defaults={"key": new, "was": _digest(old), "by": by, "tables": sorted(tables)},
        )
    return renamed


@dataclass(frozen=True)
class _Identity:
    """By what somebody could be known."""

    words: tuple[str, ...]  # whole, as they stand in texts
    parts: tuple[str, ...]  # of names, folded, as they may stand in keys
    digits: tuple[str, ...]

    @classmethod
    def of(cls, people: Iterable[Person]) -> _Identity:
        whole = {word for one in people for word in (one.email, one.phone, one.street, one.name) if _tells(word)}
        parts = {part for one in people for part in re.split(r"\W+", one.name.casefold()) if len(part) > 3}
        digits = {re.sub(r"\D", "", one.phone)[-9:] for one in people}
        return cls(tuple(sorted(whole)), tuple(sorted(parts)), tuple(number for number in digits if len(number) > 6))

    def is_in(self, key: str) -> bool:
        """Does a key tell who it is?"""
        folded, numbers = key.casefold(), re.sub(r"\D", "", key)
        named = any(part in folded for part in self.parts) or any(word.casefold() in folded for word in self.words)
        return "@" in key or named or any(number in numbers for number in self.digits)


def _tells(word: str) -> bool:
    """A first name alone is many people's; an address, a number or a full name is not."""
    return len(word) > 5 and bool(re.search(r"[@\d\s]", word.strip()))


def _opaque() -> str:
    return f"erased-{secrets.token_hex(8)}"


def _blank_rows(dossier: Dossier, identity: _Identity, by: User | None) -> set[str]:
    """Take their own words out of their rows; the tables that changed."""
    changed = set()
    for name, rows in dossier.rows.items():
        words = _Words(name, rows, identity)
        wanted = [(row, values) for row in rows if (values := words.to_blank(row) | _lost_references(row, identity))]
        if wanted or name == "customers":
            change = tell("erased", name, dossier.keys[0] if name == "customers" else "", rows=len(wanted), by=by)
            for row, values in wanted:
                record_of(name)._default_manager.filter(pk=row.pk).update(**values, change_id=change.id)
            changed.add(name)
    return changed


def _lost_references(row: Record, identity: _Identity) -> dict[str, Any]:
    """Keys of a row that tell who somebody is and lead nowhere, with what stands there afterwards.

    Those that lead somewhere are renamed with what they lead to; who sold is somebody else.
    """
    values: dict[str, Any] = {}
    contract, attributes = TABLES[row.table], columns_of(row.table)
    for column in contract.columns:
        if not column.is_key or column.name in (*contract.key, "adviser_id"):
            continue
        key = getattr(row, attributes[column.name])
        if key is None or not identity.is_in(key):
            continue
        if not column.refers_to or not record_of(column.refers_to)._default_manager.filter(pk=key).exists():
            values[attributes[column.name]] = None if column.null else _opaque()
    return values


class _Words:
    """Which words in a table's rows are somebody's own: those that hardly anybody else's rows have."""

    def __init__(self, name: str, rows: Sequence[Record], identity: _Identity) -> None:
        self.name, self.identity, self.model = name, identity, record_of(name)
        self.columns = {
            columns_of(name)[column.name]: column.name
            for column in TABLES[name].columns
            if (column.type == "string" and column.null and not column.values and column.name not in _KEPT)
            and ((name, column.name) in _ALWAYS or not column.is_key)
        }
        self.rows, self.common = len(rows), dict[tuple[str, str], bool]()

    def to_blank(self, row: Record) -> dict[str, Any]:
        """The fields of a row that must go, with what stands there afterwards."""
        values: dict[str, Any] = {}
        for attribute, column in self.columns.items():
            value = getattr(row, attribute)
            if value is not None and ((self.name, column) in _ALWAYS or not self._is_common(attribute, value)):
                values[attribute] = None
        if row.own:
            own = {
                name: value
                for name, value in row.own.items()
                if not isinstance(value, str) or self._is_common(f"own__{name}", value)
            }
            if own != row.own:
                values["own"] = own or None
        return values

    def _is_common(self, lookup: str, value: str) -> bool:
        if any(word.casefold() in value.casefold() for word in self.identity.words):
            return False
        if (lookup, value) not in self.common:
            enough = self.rows + OTHERS  # as if all of theirs had it: what is not sure is not common
            found = self.model._default_manager.filter(**{lookup: value}).values_list("pk")[:enough]
            self.common[lookup, value] = len(found) == enough
        return self.common[lookup, value]


def _with_identity(dossier: Dossier, identity: _Identity, renamed: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Keys that tell who somebody is: the table, the key, and a new one."""
    yield from (("customers", old, new) for old, new in renamed.items() if old != new)
    for name, rows in dossier.rows.items():
        if name != "customers" and len(TABLES[name].key) == 1:
            yield from ((name, str(row.pk), _opaque()) for row in rows if identity.is_in(str(row.pk)))


def _rename(name: str, old: str, new: str, by: User | None) -> set[str]:
    """Give a record another key wherever it is named; the tables of the contract that changed.

    Where the new key is there already, a source has sent again what was erased: the two become one.
    """
    target, changed = record_of(name), set()
    is_back = target._default_manager.filter(pk=new).exists()
    for model in apps.get_models():
        for one in model._meta.concrete_fields:
            if getattr(one.remote_field, "model", None) is target:
                is_part = issubclass(model, Record) and one in getattr(model._meta.pk, "fields", ())
                changed |= _rename_in(model, one.attname, old, None if is_back and is_part else new, by)
    return changed | _rename_in(target, target._meta.pk.attname, old, None if is_back else new, by)


def _rename_in(model: Any, attribute: str, old: str, new: str | None, by: User | None) -> set[str]:
    """The new key in the place of the old; without one, the rows are those of another already, and go."""
    rows = model._default_manager.filter(**{attribute: old})
    if not issubclass(model, Record):
        rows.update(**{attribute: new})
        return set()
    if not rows.exists():
        return set()
    change = tell("erased", model.table, by=by)
    change.rows = rows.update(**{attribute: new, "change_id": change.id}) if new else rows.delete()[0]
    change.save(update_fields=["rows"])
    return {model.table}


def _replace_words(words: Mapping[str, str]) -> None:
    """Replace words where people write about people, and where keys are named: nowhere else, whatever they are."""
    patterns = [(_whole_word(word), other) for word, other in words.items()]
    for model in apps.get_models() if words else ():
        for column in _TEXTS.get(model._meta.db_table, ()):
            _replace_in(model, column, [probe for word in words for probe in _probes(word)], patterns)


def _replace_in(model: Any, column: str, probes: Sequence[str], patterns: _Patterns) -> None:
    asked = models.Q()
    for probe in probes:
        asked |= models.Q(as_text__icontains=probe)
    rows = model._default_manager.annotate(as_text=Cast(column, models.TextField())).filter(asked)
    if model is Entry:  # of colleagues, keys and settings it tells too, which no customer's name may blot out
        rows = rows.filter(table__in=["", *TABLES])
    met = rows.values_list("pk", column).iterator(chunk_size=2000)
    found = {pk: other for pk, value in met if (other := _replaced(value, patterns)) != value}
    # the trail is opened for as short as can be, and hardly ever: meanwhile nobody else can write into it
    with with_open_trail() if found and model is Entry else nullcontext():
        for pk, value in found.items():
            model._default_manager.filter(pk=pk).update(**{column: _fitting(model, column, value)})


def _whole_word(word: str) -> re.Pattern[str]:
    """The word wherever no letter, or no digit, goes on before or after it; in capitals or not, with accents too."""
    ends = [r"\d" if end.isdigit() else r"[^\W\d_]" if end.isalpha() else "" for end in (word[0], word[-1])]
    before, after = (f"(?<!{ends[0]})" if ends[0] else "", f"(?!{ends[1]})" if ends[1] else "")
    return re.compile(before + re.escape(word) + after, re.IGNORECASE)


def _probes(word: str) -> Sequence[str]:
    """What the database looks for to find a word: its longest part of ASCII, else the word as it is usually written.

    SQLite knows capitals of ASCII alone, and keeps other letters inside JSON escaped.
    """
    longest = max(re.findall(r'[^\x00-\x1f"\\\x7f-\U0010ffff]+', word), key=len, default="")
    if len(longest) > 2:
        return (longest,)
    written = {word, word.upper(), word.lower(), word.title()}
    return sorted(written | {json.dumps(one)[1:-1] for one in written})


def _replaced(value: Any, patterns: _Patterns) -> Any:
    if isinstance(value, str):
        for pattern, other in patterns:
            if pattern.search(value) and not _is_key(value.partition(":")[2] or value) and not _is_key(value):
                value = pattern.sub(lambda _, other=other: other, value)  # type: ignore[misc]
        return value
    if isinstance(value, dict):  # the names in it are ours, and so is all that the trail tells but keys
        return {name: one if name in _OURS else _replaced(one, patterns) for name, one in value.items()}
    return [_replaced(one, patterns) for one in value] if isinstance(value, list) else value


def _is_key(text: str) -> bool:
    """Is it the key of a record that stays? Whoever is called like one must not have it taken out of the trail."""
    return len(text) <= KEY and any(
        record_of(name)._default_manager.filter(pk=text).exists() for name in TABLES if len(TABLES[name].key) == 1
    )


def _fitting(model: Any, column: str, value: Any) -> Any:
    """As it finds room in its column, and beside the others where each stands once."""
    one = model._meta.get_field(column)
    if not isinstance(value, str):
        return value
    if one.unique and model._default_manager.filter(**{column: value}).exists():
        value = f"{value} {_opaque()}"
    return value[: one.max_length] if one.max_length else value


def purge() -> int:
    """Take those who were erased out of the facts, their older files, kept answers and dead rows; how many records."""
    waiting = list(Erasure.objects.filter(purged_at=None))
    if not waiting:
        return 0
    feed.refresh()
    feed.rewrite(sorted({name for one in waiting for name in one.tables}))
    from saydo.web.insight.actions import forget_results  # it is an app after this one

    forget_results()
    forget_letters()
    sweep()
    Erasure.objects.filter(pk__in=[one.pk for one in waiting]).update(purged_at=timezone.now())
    return len(waiting)
