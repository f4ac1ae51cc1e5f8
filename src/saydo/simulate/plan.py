"""Every planted parameter of a simulated company, in one frozen record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Any

from saydo.simulate.catalogue import ELSEWHERE


@dataclass(frozen=True)
class Segment:
    """A group of customers: its share, the true shares of its relational answers 0 to 10, how many of its 7s answer."""

    name: str
    share: float
    answers: tuple[float, ...]
    response: float
    kind: str = "person"


@dataclass(frozen=True)
class Shop:
    """A shop: its share of customers, and how far their happiness lies from the others' (standard deviations)."""

    name: str
    place: str
    country: str
    share: float
    shift: float = 0.0


SEGMENTS = (
    Segment("student", 0.20, (0.04, 0.02, 0.03, 0.04, 0.05, 0.08, 0.09, 0.16, 0.19, 0.16, 0.14), 0.14),
    Segment("family", 0.35, (0.02, 0.01, 0.01, 0.02, 0.03, 0.05, 0.07, 0.14, 0.19, 0.22, 0.24), 0.29),
    Segment("senior", 0.25, (0.01, 0.01, 0.01, 0.01, 0.02, 0.03, 0.06, 0.11, 0.17, 0.24, 0.33), 0.44),
    Segment("professional", 0.20, (0.03, 0.01, 0.02, 0.03, 0.04, 0.06, 0.09, 0.15, 0.20, 0.20, 0.17), 0.21, "firm"),
)
SHOPS = (
    Shop("Lyon", "Lyon", "FR", 0.40),
    Shop("Lausanne", "Lausanne", "CH", 0.22),
    Shop("Liège", "Liège", "BE", 0.18, -0.35),
    Shop("Freiburg", "Freiburg im Breisgau", "DE", 0.20),
)
# How often each promise is kept, by touchpoint; "" stands for any other.
KEPT: Mapping[str, Mapping[str, float]] = {
    "collect_2h": {"": 0.95, "Liège": 0.84},
    "answer_24h": {"Phone": 0.97, "Mail": 0.88},
    "refund_14d": {"": 0.91},
    "repair_7d": {"": 0.88, "Liège": 0.80},
    "opening_hours": {"": 0.97, "Liège": 0.88},
    "advice_first": {"": 0.90, "Liège": 0.80},
    "rota_14d": {"": 0.94, "Liège": 0.85},
}


@dataclass(frozen=True)
class Plan:
    """What is planted. Times in days, money in EUR, shares 0 to 1, shifts in standard deviations of the latent score.

    The defaults make a realistic company. A test plants other values, for example ``response_by_score=0`` for
    non-response that the segment alone explains, or a ready set: `NO_EFFECT`, `PLAIN_ANSWERS`, `PURE_LAPSE`.
    """

    name: str = "Comptoir du Tilleul"
    start: date = date(2023, 10, 1)
    end: date = date(2026, 9, 30)  # the last day with facts
    segments: tuple[Segment, ...] = SEGMENTS
    shops: tuple[Shop, ...] = SHOPS

    # Buying and lapsing: rate ~ gamma(shape r, rate alpha days); lapse after each purchase ~ beta(a, b)
    r: float = 1.4
    alpha: float = 130.0
    a: float = 1.2
    b: float = 9.0
    lapses_after_first: bool = True  # true: MBG/NBD, false: BG/NBD
    happiness_on_lapse: float = 0.6  # correlation with staying (normal copula: the lapse keeps its law)
    stay_by_distance: tuple[float, float, float] = (1.0, 0.82, 0.62)
    stay_if_small: float = 0.90
    referred_lapse: float = 0.80  # factor on the lapse of customers who came by recommendation
    leaving: float = 0.12  # of those who lapsed and hold no contract, share that says so
    seasonality: float = 1.0  # 0: the same every day
    cancelled: float = 0.015
    anonymous: float = 0.06  # sales to somebody unknown, per customer

    # Deliveries: P(late) by zone and size; what it does
    distances: tuple[float, float, float] = (0.5, 0.3, 0.2)  # shares of delivery zones 0, 1, 2
    large_order: float = 300.0
    late_base: float = 0.03
    late_by_distance: float = 0.07
    late_by_value: float = 0.05
    late_ends: float = 0.18  # P(it ends the relationship), if nothing was bought before the due day
    late_ends_if_large: float = 0.09  # added for large orders
    late_on_score: float = 0.75
    collect_on_score: float = 0.45
    remote_on_score: float = 0.28  # per zone: distance lowers the score too, so that it confounds
    large_on_score: float = 0.10
    bad_week: date = date(2026, 3, 9)  # its Monday, in the web shop
    bad_week_late: float = 0.55
    kept: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: dict(KEPT))

    # Asking and answering
    waves: int = 12  # relational surveys, every three months
    invited: float = 0.30  # of the customers a wave could ask
    never_asked: float = 0.05  # a random hold-out
    stability: float = 0.70  # correlation of one person's answers in two waves
    account_tie: float = 0.40  # correlation of happiness inside a firm
    improvement: float = 0.15  # shift of the latent score from wave `improved_from` on
    improved_from: int = 6
    response_by_score: float = 0.05  # change of the log-odds of answering per point of the answer itself
    event_invited: float = 0.35
    event_response_by_score: float = 0.0
    bounced: float = 0.02
    slow_answer_on_ces: float = 0.60

    # Baskets: negative binomial size before empty ones are dropped (its frailty is what confounds raw lift)
    basket_shape: float = 0.3
    basket_mean: float = 0.7
    complements: bool = True  # false: products have nothing in common but the size of the basket

    # Money and care
    returned: float = 0.05  # of lines, times the category's own factor
    pushy_returns: float = 3.0  # factor on returns of what one adviser sold
    failed: float = 0.025
    firm_pays_late: float = 0.15
    happiness_on_paying: float = 0.40
    calls: float = 0.08  # per order
    calls_if_late: float = 0.40  # added
    contracted: float = 0.12  # customers who take a maintenance contract
    contract_a: float = 1.0
    contract_b: float = 8.0
    offers: float = 1.0  # messages per customer and year

    @property
    def touchpoints(self) -> tuple[str, ...]:
        """The shops, then web, phone, mail and social media."""
        return (*(shop.name for shop in self.shops), *(name for name, _ in ELSEWHERE))


# A late parcel changes nothing; the naive comparison stays wrong.
NO_EFFECT: Mapping[str, Any] = MappingProxyType({"late_ends": 0.0, "late_ends_if_large": 0.0, "late_on_score": 0.0})
# Relational answers independent, and a plain random part of them given: expected shares are exact for every wave.
PLAIN_ANSWERS: Mapping[str, Any] = MappingProxyType(
    {
        "segments": tuple(replace(segment, response=0.3) for segment in SEGMENTS),
        "response_by_score": 0.0,
        "leaving": 0.0,
        "account_tie": 0.0,
        "improvement": 0.0,
    }
)
# Nothing but the purchase process of the MBG/NBD model.
PURE_LAPSE: Mapping[str, Any] = MappingProxyType(
    {
        "stay_by_distance": (1.0, 1.0, 1.0),
        "stay_if_small": 1.0,
        "referred_lapse": 1.0,
        "late_ends": 0.0,
        "late_ends_if_large": 0.0,
        "seasonality": 0.0,
        "cancelled": 0.0,
    }
)
