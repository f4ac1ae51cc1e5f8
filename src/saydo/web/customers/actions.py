"""What is done about people we serve: recording consent, merging the records of one person and parting them again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from saydo.errors import AlreadyDecided, CannotMerge
from saydo.facts import TABLES
from saydo.language import mark
from saydo.web.accounts.models import User
from saydo.web.customers.models import Consent, Customer, Person, Proposal
from saydo.web.outbox import tell
from saydo.web.plain import fold, sql_digits
from saydo.web.records import columns_of, record_of

_SHARED_BY = 5  # records with one address: more share a mailbox or a switchboard, and are not one person
_ITSELF = mark("they are records of the same person already")
_ERASED = mark("one of them was erased")


def record_consent(whole: Customer, by: User, **said: Any) -> Consent:
    """Write down what somebody agreed to or refused (fields of `Consent`); nothing is overwritten."""
    with transaction.atomic():
        made = Consent.objects.create(customer=whole, recorded_by=by, **said)
        tell("consent", "consents", whole.pk, by=by)
    return made


def current_consents(keys: Collection[str]) -> list[Consent]:
    """For each purpose and way of reaching a person with these records, what was said last.

    One word for all ways takes the place of those for single ones.
    """
    last: dict[tuple[str, str], Consent] = {}
    for consent in Consent.objects.filter(customer__in=keys).order_by("at", "id"):
        if consent.channel == "any":
            last = {key: kept for key, kept in last.items() if key[0] != consent.purpose}
        last[consent.purpose, consent.channel] = consent
    return list(last.values())


def merge(proposal: Proposal, by: User) -> None:
    """Take the two records as one person: all records of the other now stand under the main one."""
    with transaction.atomic():
        _look_again(proposal)
        main, other = _lock(proposal.main_id, proposal.other_id)
        if main == other:
            raise CannotMerge(reason=_ITSELF)
        if Customer.objects.filter(pk__in=(main, other), erased_at__isnull=False).exists():
            raise CannotMerge(reason=_ERASED)
        moved = [other, *Customer.objects.filter(merged_into=other).order_by("pk").values_list("pk", flat=True)]
        change = tell("merged", "customers", main, rows=len(moved), by=by)
        Customer.objects.filter(pk__in=moved).update(merged_into=main, change_id=change.id)
        Customer.objects.filter(pk=main).update(change_id=change.id)
        _touch(moved, by)
        _decide(proposal, "merged", by, {"main": main, "other": other, "moved": moved})


def merge_by_hand(*, main: str, other: str, by: User) -> Proposal:
    """Merge two records that a colleague found to be one person."""
    if main == other:
        raise CannotMerge(reason=_ITSELF)
    known = Q(main=main, other=other) | Q(main=other, other=main)
    with transaction.atomic():
        proposal = Proposal.objects.select_for_update().filter(known).first() or Proposal(rule="hand")
        proposal.main_id, proposal.other_id = main, other
        proposal.save()
        merge(proposal, by)
    return proposal


def part(proposal: Proposal, by: User) -> None:
    """Undo a merge exactly: the records that it moved stand again as they stood before it."""
    with transaction.atomic():
        _look_again(proposal)
        before = proposal.before
        if proposal.state != "merged" or not before:
            raise AlreadyDecided(state=dict(Proposal.STATES)[proposal.state])
        _, whole = _lock(proposal.main_id, before["other"])
        still = Customer.objects.filter(pk__in=before["moved"], merged_into=whole)  # others were parted since
        moved = list(still.values_list("pk", flat=True))
        change = tell("parted", "customers", before["other"], rows=len(moved), by=by)
        Customer.objects.filter(pk__in=set(moved) - {before["other"]}).update(
            merged_into=before["other"], change_id=change.id
        )
        Customer.objects.filter(pk=before["other"]).update(merged_into=None, change_id=change.id)
        Customer.objects.filter(pk=whole).update(change_id=change.id)
        _touch(moved, by)
        _decide(proposal, "refused", by, {})


def refuse(proposal: Proposal, by: User) -> None:
    """They are two persons: do not propose them again."""
    with transaction.atomic():
        _look_again(proposal)
        if proposal.state != "open":
            raise AlreadyDecided(state=dict(Proposal.STATES)[proposal.state])
        _decide(proposal, "refused", by, {})


def merge_sure(by: User, trace: Callable[[Proposal], None] = lambda pair: None, most: int = 500) -> int:
    """Merge what is proposed for the same e-mail address and the same name; how many were.

    ``trace`` is called in the transaction of each.
    """
    merged = 0
    for proposal in Proposal.objects.filter(state="open", is_sure=True).order_by("id")[:most]:
        with transaction.atomic():
            _look_again(proposal)
            if proposal.state == "open" and _merge_if_can(proposal, by):
                trace(proposal)
                merged += 1
    return merged


def _merge_if_can(proposal: Proposal, by: User) -> bool:
    try:
        merge(proposal, by)
    except CannotMerge:  # merged by way of a third record, or erased since
        main, other = _lock(proposal.main_id, proposal.other_id)
        _decide(proposal, "refused" if main != other else "merged", by, {})
        return False
    return True


def _look_again(proposal: Proposal) -> None:
    """What stands in the database now, kept so until the transaction ends: the page that somebody saw may be old."""
    proposal.refresh_from_db(from_queryset=Proposal.objects.select_for_update())


def _lock(first: str, second: str) -> tuple[str, str]:
    """The persons that two records belong to, locked with all their records until the transaction ends.

    In the order of the keys, so that two who merge at once never wait for each other.
    """
    while True:
        main, other = (Customer.objects.get(pk=key).whole for key in (first, second))
        theirs = Customer.objects.select_for_update().filter(Q(pk__in=(main, other)) | Q(merged_into__in=(main, other)))
        now = {record.pk: record.whole for record in theirs.order_by("pk")}
        if (now.get(first), now.get(second)) == (main, other):  # else somebody was faster
            return main, other


def _decide(proposal: Proposal, state: str, by: User, before: dict[str, object]) -> None:
    proposal.state, proposal.decided_at, proposal.decided_by, proposal.before = state, timezone.now(), by, before
    proposal.save(update_fields=["state", "decided_at", "decided_by", "before"])


def _touch(records: list[str], by: User) -> None:
    """Mark all rows that name these records as changed, so that the facts take them under their new key."""
    for name, contract in TABLES.items():
        theirs = [column.name for column in contract.columns if column.refers_to == "customers"]
        if not theirs or name == "customers":
            continue
        columns = columns_of(name)
        named = reduce(or_, (Q(**{f"{columns[column]}__in": records}) for column in theirs))
        rows = record_of(name)._default_manager.filter(named)
        if rows.exists():
            change = tell("rekeyed", name, by=by)
            change.rows = rows.update(change_id=change.id)
            change.save(update_fields=["rows"])


# Proposals


def propose() -> int:
    """Find records that look like one person and are not decided yet; how many proposals there are in all to decide."""
    with transaction.atomic():
        made = [Proposal(main_id=a, other_id=b, rule=rule, is_sure=sure) for rule, a, b, sure in _pairs()]
        Proposal.objects.bulk_create(made, ignore_conflicts=True, batch_size=1000)
    return Proposal.objects.filter(state="open").count()


def _pairs() -> Iterator[tuple[str, str, str, bool]]:
    """Rule, the record to keep, the other, is it sure; a pair comes under the first rule that it meets."""
    seen: set[frozenset[str]] = {frozenset(pair) for pair in Proposal.objects.values_list("main_id", "other_id")}
    for rule, groups in (("mail", _same_mail()), ("phone", _same_phone()), ("number", _same_number())):
        for group in groups:
            records = Customer.objects.filter(pk__in=group, erased_at=None).select_related("person")
            ordered = sorted(records, key=_age)
            for main, other in zip(ordered[:1] * len(ordered), ordered[1:], strict=False):
                if main.whole == other.whole or frozenset((main.pk, other.pk)) in seen:
                    continue
                same_name = _name(main) == _name(other) != ""
                if rule == "number" and not same_name:  # every shop has a customer 1
                    continue
                seen.add(frozenset((main.pk, other.pk)))
                yield rule, main.pk, other.pk, rule == "mail" and same_name


def _age(record: Customer) -> tuple[bool, str, str]:
    """The oldest record first; those of unknown age last."""
    seen = record.first_seen_at
    return record.merged_into_id is not None, seen.isoformat() if seen else "9", record.pk


def _name(record: Customer) -> str:
    person: Person | None = getattr(record, "person", None)
    return fold(person.name) if person else ""


def _same_mail() -> Iterator[list[str]]:
    return _groups("SELECT lower(trim(email)) AS value, customer_id FROM people WHERE email <> ''")


def _same_phone() -> Iterator[list[str]]:
    digits = sql_digits("phone")
    last = f"right({digits}, 9)" if connection.vendor == "postgresql" else f"substr({digits}, -9)"
    return _groups(f"SELECT {last} AS value, customer_id FROM people WHERE length({digits}) >= 8")  # noqa: S608


def _same_number() -> Iterator[list[str]]:
    bare = "CASE WHEN origin = 'main' THEN customer_id ELSE substr(customer_id, length(origin) + 2) END"
    return _groups(f"SELECT {bare} AS value, customer_id FROM customers")  # noqa: S608


def _groups(values: str) -> Iterator[list[str]]:
    """Records that share a value, if they are few."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH v AS ({values}), shared AS (SELECT value FROM v GROUP BY value "  # noqa: S608
            f"HAVING COUNT(*) BETWEEN 2 AND {_SHARED_BY}) "
            "SELECT v.value, v.customer_id FROM v JOIN shared ON shared.value = v.value ORDER BY v.value, v.customer_id"
        )
        found: dict[str, list[str]] = {}
        for value, key in cursor.fetchall():
            found.setdefault(value, []).append(key)
    yield from found.values()
