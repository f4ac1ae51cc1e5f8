"""How things stand with one customer: what they brought, what they agreed to, how often we turned to them of late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Case as Choose
from django.db.models import Count, DecimalField, F, Q, Sum, Value, When
from django.db.models.functions import Coalesce

from saydo.language import mark
from saydo.web.care.models import Contact
from saydo.web.customers.actions import current_consents
from saydo.web.customers.models import Consent
from saydo.web.trade.models import Order, OrderLine, Return
from saydo.web.voice.models import Feedback, Invitation

YEAR = timedelta(days=365)
# Days between two questions to one person, counted over all ways of asking; service messages are never held back.
LIMITS = (
    ("any", 7, mark("any survey")),
    ("event", 30, mark("a survey after an event")),
    ("relational", 90, mark("a survey about the relationship")),
)


@dataclass(frozen=True)
class Worth:
    """What a customer brought in the last twelve months, in one currency; margin over the lines whose cost is known."""

    currency: str
    orders: int
    sales: Decimal
    margin: Decimal | None
    known_share: float
    refunds: Decimal
    others: int  # further currencies, which are not added up
    all_orders: int
    last_at: datetime | None


@dataclass(frozen=True)
class Limit:
    """A kind of question, how many days must lie between two, and until when it has to wait (null: not)."""

    name: str
    days: int
    free_at: datetime | None


@dataclass(frozen=True)
class Pressure:
    """How often we turned to a customer without being asked, in the last 30 and 90 days."""

    surveys_30: int
    surveys_90: int
    offers_30: int
    offers_90: int
    limits: tuple[Limit, ...]

    @property
    def must_wait(self) -> bool:
        return any(limit.free_at for limit in self.limits)


def find_worth(keys: Sequence[str], now: datetime) -> Worth | None:
    """Null for somebody who never ordered."""
    mine = Order.objects.filter(customer_id__in=keys)
    ever = mine.exclude(status="cancelled").order_by("-ordered_at")
    all_orders, last_at = ever.count(), ever.values_list("ordered_at", flat=True).first()
    if not all_orders:
        return None
    amount = DecimalField(max_digits=24, decimal_places=4)
    cost = Coalesce("unit_cost", "product__unit_cost", output_field=amount)
    is_known = Q(unit_cost__isnull=False) | Q(product__unit_cost__isnull=False)
    lines = OrderLine.objects.filter(order__customer_id__in=keys, order__ordered_at__gte=now - YEAR)
    lines = lines.exclude(order__status="cancelled")
    zero = Value(Decimal(0), output_field=amount)
    sold = lines.values(currency=F("order__currency")).annotate(
        orders=Count("order_id", distinct=True),
        sales=Sum(F("quantity") * F("unit_price"), output_field=amount),
        known=Sum(Choose(When(is_known, then=F("quantity") * F("unit_price")), default=zero, output_field=amount)),
        margin=Sum(F("quantity") * (F("unit_price") - cost), output_field=amount),
    )
    by_currency = sorted(sold, key=lambda row: -row["orders"])
    if not by_currency:
        return Worth("", 0, Decimal(0), None, 0.0, Decimal(0), 0, all_orders, last_at)
    first = by_currency[0]
    refunds = Return.objects.filter(customer_id__in=keys, returned_at__gte=now - YEAR).filter(
        Q(currency=first["currency"]) | Q(currency=None)
    )
    back = refunds.aggregate(sum=Sum("refund"))["sum"] or Decimal(0)
    share = float(first["known"] / first["sales"]) if first["sales"] else 0.0
    return Worth(
        first["currency"],
        first["orders"],
        first["sales"],
        first["margin"],
        share,
        back,
        len(by_currency) - 1,
        all_orders,
        last_at,
    )


def find_pressure(keys: Sequence[str], now: datetime) -> Pressure:
    """How often we asked and offered, and what has to wait."""
    month, quarter = now - timedelta(days=30), now - timedelta(days=90)
    asked = list(
        Invitation.objects.filter(customer_id__in=keys, sent_at__gte=quarter, sent_at__lte=now, bounced_at=None)
        .order_by("-sent_at")
        .values_list("sent_at", "survey")
    )
    out = Contact.objects.filter(customer_id__in=keys, direction="out", at__gte=quarter, at__lte=now)
    by_purpose = {
        purpose: list(out.filter(purpose=purpose).values_list("at", flat=True)) for purpose in ("offer", "survey")
    }
    occasions = dict(
        Feedback.objects.filter(customer_id__in=keys, survey__in={survey for _, survey in asked if survey})
        .exclude(occasion=None)
        .values_list("survey", "occasion")
    )
    surveys = [(at, occasions.get(survey, "")) for at, survey in asked] + [(at, "") for at in by_purpose["survey"]]
    limits = []
    for kind, days, name in LIMITS:
        # where it is not known what a survey was about, it counts for each
        times = [at for at, occasion in surveys if kind == "any" or occasion in (kind, "")]
        free_at = max(times) + timedelta(days=days) if times else None
        limits.append(Limit(name, days, free_at if free_at and free_at > now else None))
    return Pressure(
        sum(at >= month for at, _ in surveys),
        len(surveys),
        sum(at >= month for at in by_purpose["offer"]),
        len(by_purpose["offer"]),
        tuple(limits),
    )


def find_consents(keys: Sequence[str]) -> list[tuple[str, list[Consent]]]:
    """For each purpose, what was said last for each way of reaching the person; the words of the purpose first."""
    current = current_consents(keys)
    return [(name, [one for one in current if one.purpose == purpose]) for purpose, name in Consent.PURPOSES]
