"""One timeline of a customer: all touchpoints and all four squares, newest first.

Each kind of happening is one query on an index, however long the history is; a page costs the same number of queries
for a customer with one order and one with ten thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from itertools import islice
from typing import Any, cast

from babel import dates
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from saydo.language import current_locale, mark, money, number, translate, translate_count
from saydo.web.care.models import Case, Contact
from saydo.web.customers.models import Consent, Customer, Note, Referral
from saydo.web.promises.models import Commitment, Promise
from saydo.web.trade.models import Contract, Order, OrderLine, Payment, Return
from saydo.web.voice.models import Feedback, Invitation

KINDS = {
    "said": mark("Said"),
    "asked": mark("Asked by us"),
    "ordered": mark("Ordered"),
    "promised": mark("Promised"),
    "returned": mark("Returned"),
    "paid": mark("Paid late"),
    "contacts": mark("Called or wrote"),
    "cases": mark("Cases"),
    "contracts": mark("Contracts"),
    "recommended": mark("Recommended"),
    "consent": mark("Consent"),
    "notes": mark("Notes"),
}
_SAID = {
    "survey": mark("Answered {survey}"),
    "review": mark("Wrote a review"),
    "mention": mark("Mentioned us in public"),
    "complaint": mark("Complained"),
    "mystery": mark("A mystery visit reported"),
}
_PURPOSES = {
    ("in", "service"): mark("Asked us something"),
    ("in", "offer"): mark("Asked about an offer"),
    ("in", "survey"): mark("Wrote about a survey"),
    ("in", "notice"): mark("Answered a notice"),
    ("in", ""): mark("Called or wrote"),
    ("out", "service"): mark("We answered or called"),
    ("out", "offer"): mark("We sent an offer"),
    ("out", "survey"): mark("We asked for an opinion"),
    ("out", "notice"): mark("We sent a notice"),
    ("out", ""): mark("We called or wrote"),
}
ASKED = {
    "find": mark("Where do I find it?"),
    "available": mark("Is it available?"),
    "ordered": mark("Did my order work?"),
    "where": mark("Where is it now?"),
    "when": mark("When will it come?"),
    "return": mark("How do I return it?"),
    "again": mark("What did I order last time?"),
}


@dataclass
class Entry:
    """Something that happened: when, its kind (of `KINDS`), a sentence, good or bad, and what hangs on it."""

    at: datetime
    kind: str
    text: str
    tone: str = ""
    place: str = ""
    key: str = ""
    words: str = ""  # the person's own, or a colleague's
    more: list[str] = field(default_factory=list)
    lines: list[OrderLine] = field(default_factory=list)
    is_day: bool = False  # its time of day is not known
    other: str = ""  # another customer who has to do with it
    reply: str = ""  # answers given together share it
    what: str = ""  # order, promise: what is still to be looked up for it

    @property
    def when(self) -> str:
        """Day and month, with the time of day where it is known (a date alone is midnight)."""
        locale = current_locale()
        text = dates.format_skeleton("MMMd", self.at, locale=locale)
        is_known = not self.is_day and self.at.time() != time()
        return f"{text}, {dates.format_time(self.at, 'short', locale=locale)}" if is_known else text


@dataclass(frozen=True)
class Page:
    """Some entries, the newest first, and where they stand among all."""

    entries: list[Entry]
    number: int
    has_more: bool

    @property
    def newer(self) -> int:
        return self.number - 1

    @property
    def older(self) -> int:
        return self.number + 1


@dataclass(frozen=True)
class _Of:
    """Whose timeline: the keys of all records of the person, and the moment it is read."""

    keys: Sequence[str]
    now: datetime


_Source = tuple[str, Callable[[_Of], QuerySet[Any]], str, Callable[[Any], Entry | None]]


def read_timeline(
    keys: Sequence[str], now: datetime, *, kinds: Collection[str] = (), number: int = 1, size: int = 50
) -> Page:
    """A page of what happened with the person who has these records; ``kinds`` keeps some."""
    of, start = _Of(keys, now), (number - 1) * size
    found: list[Entry] = []
    for kind, rows, at, tell in _sources(now):
        if kinds and kind not in kinds:
            continue
        newest = rows(of).order_by(f"-{at}", "-pk")[: start + size + 1]
        found += [entry for row in newest if (entry := tell(row))]
    found.sort(key=lambda entry: (entry.at, entry.key), reverse=True)
    entries = _together(islice(found, start, start + size))
    _look_up(entries)
    return Page(entries, number, len(found) > start + size)


def _together(entries: Iterable[Entry]) -> list[Entry]:
    """Answers that were given together as one entry."""
    kept: list[Entry] = []
    replies: dict[str, Entry] = {}
    for entry in entries:
        first = replies.get(entry.reply)
        if first and first.at == entry.at:
            first.more += entry.more
            first.words = "\n".join(filter(None, (first.words, entry.words)))
            first.tone = "bad" if "bad" in (first.tone, entry.tone) else first.tone if first.tone == entry.tone else ""
            continue
        if entry.reply:
            replies[entry.reply] = entry
        kept.append(entry)
    return kept


def _look_up(entries: Iterable[Entry]) -> None:
    """The lines of the orders and the statements of the promises that are on the page."""
    orders = {entry.key: entry for entry in entries if entry.what == "order"}
    for line in OrderLine.objects.filter(order_id__in=orders).select_related("product").order_by("order_id", "line"):
        orders[line.order_id].lines.append(line)
    for entry in orders.values():
        amount = sum(line.quantity * line.unit_price for line in entry.lines)
        entry.text = translate(entry.text, order=entry.key, amount=money(float(amount), entry.other or None, 2))
        entry.other = ""
    promised = [entry for entry in entries if entry.what == "promise"]
    statements = Promise.objects.in_bulk({entry.other for entry in promised})
    for entry in promised:
        promise = statements.get(entry.other)
        entry.words, entry.other = promise.statement if promise else entry.other, ""


def _mine(model: Any, **where: Any) -> Callable[[_Of], QuerySet[Any]]:
    def rows(of: _Of) -> QuerySet[Any]:
        return model._default_manager.filter(customer_id__in=of.keys, **where)

    return rows


# Said and asked


def _asked(row: Invitation) -> Entry:
    text = translate("Asked for an opinion ({survey})", survey=row.survey or row.question or "–")
    entry = Entry(row.sent_at, "asked", text, place=row.touchpoint_id or "", key=row.pk)
    if row.bounced_at:
        entry.tone, entry.more = "bad", [translate("It came back undelivered.")]
    elif not row.answered_at:
        entry.more = [translate("No answer yet.")]
    return entry


def _said(row: Feedback) -> Entry:
    text = translate(_SAID[row.source], survey=row.survey or row.question or "–")
    entry = Entry(row.said_at, "said", text, _tone(row), row.touchpoint_id or "", row.pk, row.comment or "")
    entry.reply = row.reply_id or ""
    if row.score is not None and row.scale_max is not None:
        entry.more.append(
            translate("{score} of {highest}", score=_short(row.score), highest=_short(row.scale_max))
            + (f" ({row.item})" if row.item else "")
        )
    if row.choice:
        entry.more.append(row.choice)
    return entry


def _tone(row: Feedback) -> str:
    if row.is_unhappy:
        return "bad"
    if row.score is None or row.scale_max is None:
        return ""
    lowest = row.scale_min or 0.0
    share = (row.score - lowest) / (row.scale_max - lowest)
    return "good" if share >= (0.9 if row.question == "nps" else 0.75) else ""


def _short(value: float) -> str:
    return number(value, 0 if value == int(value) else 1)


def _replied(row: Feedback) -> Entry:
    return Entry(_time(row.replied_at), "contacts", translate("We answered what they had said"), key=row.pk)


# Ordered, paid, returned


def _ordered(row: Order) -> Entry:
    text = mark("Order {order} of {amount}")
    return Entry(row.ordered_at, "ordered", text, "", row.touchpoint_id or "", row.pk, other=row.currency, what="order")


def _cancelled(row: Order) -> Entry:
    return Entry(
        _time(row.cancelled_at), "ordered", translate("Order {order} cancelled", order=row.pk), "bad", key=row.pk
    )


def _returned(row: Return) -> Entry:
    what = row.product.name if row.product_id and row.product else translate("something")
    entry = Entry(row.returned_at, "returned", translate("Sent back: {what}", what=what), "bad", key=row.pk)
    if row.reason:
        entry.more.append(row.reason)
    if row.refund is not None:
        refund = money(float(row.refund), row.currency, 2)
        text = mark("{refund} paid back") if row.refunded_at else mark("{refund} to be paid back")
        entry.more.append(translate(text, refund=refund))
    return entry


def _payments(column: str) -> Callable[[_Of], QuerySet[Any]]:
    owner: Any = {"order_id": Order, "contract_id": Contract}[column]

    def rows(of: _Of) -> QuerySet[Any]:
        theirs = owner._default_manager.filter(customer_id__in=of.keys).values("pk")
        trouble = Q(failed_at__isnull=False) | Q(paid_at__gt=F("due_at")) | Q(paid_at=None, due_at__lt=of.now)
        found = Payment.objects.filter(trouble, **{f"{column}__in": theirs})
        if column == "contract_id":
            found = found.filter(order_id=None)
        return found.annotate(trouble_at=Coalesce("failed_at", "paid_at", "due_at"))

    return rows


def _paid(row: Any) -> Entry:
    amount = money(float(row.amount), row.currency, 2)
    if row.failed_at:
        text = translate("A payment of {amount} failed", amount=amount)
    elif row.paid_at:
        days = (row.paid_at - row.due_at).days
        text = translate_count("{amount} paid {count} day late", "{amount} paid {count} days late", days, amount=amount)
    else:
        text = translate("{amount} is due and not paid", amount=amount)
    return Entry(row.trouble_at, "paid", text, "bad", key=row.pk)


# Promised and kept


def _promised(row: Commitment) -> Entry:
    entry = Entry(row.made_at, "promised", translate("Promised"), key=row.pk, other=row.promise_id, what="promise")
    if row.order_id:
        entry.more.append(translate("Order {order}", order=row.order_id))
    return entry


def _outcomes(of: _Of) -> QuerySet[Any]:
    rows = Commitment.objects.filter(customer_id__in=of.keys).select_related("order")
    known_at = Coalesce("settled_at", "fulfilled_at", "withdrawn_at", "order__cancelled_at", "due_at", "made_at")
    never = Q(settled_at=None, fulfilled_at=None, withdrawn_at=None, due_at=None, kept=None)
    return rows.annotate(known_at=known_at).filter(known_at__lte=of.now).exclude(never)


def _outcome(now: datetime) -> Callable[[Any], Entry | None]:
    def tell(row: Any) -> Entry | None:
        state = row.state_at(now)
        if state == "open":
            return None
        late = (row.fulfilled_at - row.due_at).total_seconds() / 86400 if row.fulfilled_at and row.due_at else None
        if state == "kept":
            text, tone = translate("Promise kept"), "good"
        elif state == "withdrawn":
            text, tone = translate("Promise withdrawn"), ""
        elif late is not None and late > 0:
            text, tone = _late(late), "bad"
        else:
            text, tone = translate("Promise broken"), "bad"
        return Entry(row.known_at, "promised", text, tone, key=row.pk, other=row.promise_id, what="promise")

    return tell


def _late(days: float) -> str:
    if days >= 1:
        return translate_count("Promise fulfilled {count} day late", "Promise fulfilled {count} days late", round(days))
    hours = max(1, round(24 * days))
    return translate_count("Promise fulfilled {count} hour late", "Promise fulfilled {count} hours late", hours)


# Contacts, cases, contracts


def _contact(row: Contact) -> Entry:
    text = translate(_PURPOSES[row.direction, row.purpose or ""])
    entry = Entry(row.at, "contacts", text, "", row.touchpoint_id or "", row.pk)
    if row.asked:
        entry.more.append(translate(ASKED[row.asked]))
    if row.resolved_at:
        entry.more.append(translate("Settled."))
    elif row.direction == "in" and not row.answered_at:
        entry.tone, entry.more = "bad", [*entry.more, translate("Not answered yet.")]
    return entry


def _opened(row: Case) -> Entry:
    return Entry(row.opened_at, "cases", translate("Case opened"), "bad", key=row.pk, words=row.cause or "")


def _closed(row: Case) -> Entry:
    return Entry(_time(row.closed_at), "cases", translate("Case closed"), "good", key=row.pk, words=row.outcome or "")


def _started(row: Contract) -> Entry:
    what = row.product.name if row.product_id and row.product else row.pk
    return Entry(
        _time(row.started_on),
        "contracts",
        translate("Contract begun: {what}", what=what),
        "good",
        key=row.pk,
        is_day=True,
    )


def _ended(row: Contract) -> Entry:
    what = row.product.name if row.product_id and row.product else row.pk
    text = translate("Contract ended: {what}", what=what)
    return Entry(_time(row.ended_on), "contracts", text, "bad", key=row.pk, words=row.end_reason or "", is_day=True)


def _recommended(row: Referral) -> Entry:
    text = translate("Recommended us, and the other person bought") if row.converted_at else translate("Recommended us")
    return Entry(row.referred_at, "recommended", text, "good", key=row.pk, other=row.referred_id or "")


def _was_recommended(row: Referral) -> Entry:
    return Entry(
        row.referred_at, "recommended", translate("Came by a recommendation"), key=row.pk, other=row.referrer_id
    )


def _came(row: Customer) -> Entry:
    return Entry(_time(row.first_seen_at), "contracts", translate("Became our customer"), "good", key=row.pk)


def _left(row: Customer) -> Entry:
    return Entry(_time(row.left_at), "contracts", translate("Said goodbye"), "bad", key=row.pk)


# What we wrote down


def _consented(row: Consent) -> Entry:
    text = translate(
        "{state}: {purpose}, {channel}",
        state=translate(row.get_state_display()).capitalize(),
        purpose=translate(row.get_purpose_display()),
        channel=translate(row.get_channel_display()),
    )
    return Entry(row.at, "consent", text, key=str(row.pk), more=[row.how])


def _noted(row: Note) -> Entry:
    text = translate("{colleague} noted", colleague=str(row.by)) if row.by else translate("A colleague noted")
    return Entry(row.at, "notes", text, key=str(row.pk), words=row.text)


def _time(value: datetime | date | None) -> datetime:
    if isinstance(value, datetime):
        return value
    day = cast("date", value)  # rows without it are not read
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _contracts(**where: Any) -> Callable[[_Of], QuerySet[Any]]:
    return lambda of: _mine(Contract, **where)(of).select_related("product")


def _ended_by_now(of: _Of) -> QuerySet[Any]:
    return _contracts(ended_on__lte=of.now.date())(of)


def _sources(now: datetime) -> Iterator[_Source]:
    yield "asked", _mine(Invitation), "sent_at", _asked
    yield "said", _mine(Feedback), "said_at", _said
    yield "contacts", _mine(Feedback, replied_at__isnull=False), "replied_at", _replied
    yield "ordered", _mine(Order), "ordered_at", _ordered
    yield "ordered", _mine(Order, cancelled_at__isnull=False), "cancelled_at", _cancelled
    yield "returned", lambda of: _mine(Return)(of).select_related("product"), "returned_at", _returned
    yield "paid", _payments("order_id"), "trouble_at", _paid
    yield "paid", _payments("contract_id"), "trouble_at", _paid
    yield "promised", _mine(Commitment), "made_at", _promised
    yield "promised", _outcomes, "known_at", _outcome(now)
    yield "contacts", _mine(Contact), "at", _contact
    yield "cases", _mine(Case), "opened_at", _opened
    yield "cases", _mine(Case, closed_at__isnull=False), "closed_at", _closed
    yield "contracts", _contracts(), "started_on", _started
    yield "contracts", _ended_by_now, "ended_on", _ended
    yield (
        "contracts",
        lambda of: Customer.objects.filter(pk__in=of.keys, first_seen_at__isnull=False),
        "first_seen_at",
        _came,
    )
    yield "contracts", lambda of: Customer.objects.filter(pk__in=of.keys, left_at__isnull=False), "left_at", _left
    yield "recommended", lambda of: Referral.objects.filter(referrer_id__in=of.keys), "referred_at", _recommended
    yield "recommended", lambda of: Referral.objects.filter(referred_id__in=of.keys), "referred_at", _was_recommended
    yield "consent", _mine(Consent), "at", _consented
    yield "notes", lambda of: _mine(Note)(of).select_related("by"), "at", _noted
