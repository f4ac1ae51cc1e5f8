"""Every interval of every measure as a case: what is asked, of which kind of company, and how its truth is known.

Here are those of what is said, promised, bought and paid; in `deeds` those of what became of customers, of models and
of effects.
"""

from __future__ import annotations

from datetime import date

from benchmarks.coverage import truths
from benchmarks.coverage.deeds import DEEDS
from benchmarks.coverage.kinds import HOUSE, LIVED, PLAIN, Ask, Case
from saydo.simulate.answers import CES_SHARES, ITEM_SHARES

WAVE = "2026-06-10"
ONE_WAVE = {"since": date(2026, 6, 10), "until": date(2026, 9, 10)}
IMPROVED = {"since": date(2025, 6, 10), "until": date(2026, 9, 1)}  # the waves since the planted improvement
AROUND = {"at": date(2025, 6, 1), "days": 450}  # five waves on either side of the planted improvement
RELATIONAL = {"occasion": "relational"}
EXPECTED = ("recommendation", "all_customers", "expected", "nps")
ANSWERED = ("recommendation", "waves", WAVE, "answers_expected", "nps")


def _nps() -> tuple[Case, ...]:
    by_shop = Ask(PLAIN, "nps", ("customers.x_shop",), {**RELATIONAL, **ONE_WAVE})
    everybody = Ask(PLAIN, "nps", (), {**RELATIONAL})
    answers = Ask(PLAIN, "nps", ("customers.x_shop",), {**RELATIONAL, "each": "answer"})
    value = Ask(PLAIN, "nps", (), {**RELATIONAL, "weight": "value"})
    segments = Ask(LIVED, "nps", ("customers.segment",), {**RELATIONAL, **ONE_WAVE})
    tied = Ask(LIVED, "nps", (), {**RELATIONAL, **IMPROVED, "each": "answer"})
    orders = Ask(LIVED, "nps", ("survey",), {"occasion": "event", "each": "answer"})
    accounts = Ask(LIVED, "nps", ("customers.kind",), {**RELATIONAL, "weight": "account"})
    lived_value = Ask(LIVED, "nps", (), {**RELATIONAL, "weight": "value"})
    count = truths.find("after_order", "all_orders", "nps")
    return (
        Case("nps, one wave, by shop", by_shop, "nps", "nps", truths.expected_in_shop),
        Case("nps, last answer of each person", everybody, "nps", "nps", truths.find(*EXPECTED)),
        Case("nps, every answer of three years, by shop", answers, "nps", "nps", truths.expected_in_shop),
        Case("nps weighted by value", value, "nps", "nps", truths.find(*EXPECTED)),
        Case("nps, one wave, by segment, firms tied", segments, "nps", "nps", truths.answered_in_segment),
        Case("nps, every answer of five waves, firms tied", tied, "nps", "nps", truths.find(*ANSWERED)),
        Case("nps after an order, every answer", orders, "nps", "nps", count, {"survey": "after an order"}, "count"),
        Case("nps weighted by account, firms", accounts, "nps", "nps", None, {"kind": "firm"}, "large company"),
        Case("nps weighted by value, as lived", lived_value, "nps", "nps", None, {}, "large company"),
    )


def _nps_change() -> tuple[Case, ...]:
    shops = {"compare": "customers.x_shop", "first": "Lyon", "second": "Freiburg"}
    groups = Ask(PLAIN, "nps_change", (), {**shops, **ONE_WAVE})
    many = Ask(PLAIN, "nps_change", ("customers.segment", "customers.x_shop"), AROUND)
    improved = Ask(LIVED, "nps_change", (), {**AROUND, "each": "answer"})
    relational = {"occasion": "relational"}
    return (
        Case("nps_change between two shops, one wave, no change", groups, "change", "change", truths.zero, relational),
        Case("nps_change, many asked twice, no change", many, "change", "change", truths.zero, relational),
        Case("nps_change, any of 16 comparisons found", many, "change", "change", None, relational, families=True),
        Case("nps_change, planted improvement", improved, "change", "change", truths.improvement, relational),
    )


def _response() -> tuple[Case, ...]:
    segments = {"weight_on": "customers.segment"}
    wave = Ask(LIVED, "response", (), {**ONE_WAVE, **segments})
    waves = Ask(LIVED, "response", (), {**IMPROVED, **segments, "each": "answer"})
    usual = Ask(LIVED, "response", (), ONE_WAVE)
    rows = {"occasion": "relational"}
    mended = truths.find("recommendation", "waves", WAVE, "by_segment_expected", "nps")
    shift = truths.less(mended, truths.find(*ANSWERED))
    weighted = ("nps_weighted", "nps_weighted")
    silent = "who is happier answers more, within every segment: no weighting knows that"
    return (
        Case("response rate, one wave", wave, "response_rate", "response", truths.response_rate, rows),
        Case("response rate, five waves", waves, "response_rate", "response", truths.response_rate, rows),
        Case("nps of those who answered", wave, "nps", "nps", truths.find(*ANSWERED), rows),
        Case("nps re-weighted by segment, one wave", wave, *weighted, mended, rows),
        Case("nps re-weighted by segment, five waves", waves, *weighted, mended, rows),
        Case("what weighting shifts, one wave", wave, "nps_shift", "nps_shift", shift, rows),
        Case("what weighting shifts, five waves", waves, "nps_shift", "nps_shift", shift, rows),
        Case(
            "nps re-weighted, against everybody",
            usual,
            *weighted,
            truths.find(*EXPECTED),
            rows,
            known=silent,
            is_off=True,
        ),
        Case(
            "nps as answered, against everybody",
            usual,
            "nps",
            "nps",
            truths.find(*EXPECTED),
            rows,
            known=silent,
            is_off=True,
        ),
    )


def _satisfaction() -> tuple[Case, ...]:
    plain, every = Ask(PLAIN, "satisfaction"), Ask(LIVED, "satisfaction", (), {"each": "answer"})
    price, product = {"question": "csat", "item": "price"}, {"question": "csat", "item": "product"}
    effort = {"question": "ces"}
    top = (("top_share", "top"), ("top_two_share", "top_two"))
    return (
        Case("satisfaction with the price", plain, "mean", "mean", truths.mean_of(ITEM_SHARES), price),
        Case("satisfaction, top box", plain, *top[0], truths.top_of(ITEM_SHARES, 1), price),
        Case("satisfaction, top two", plain, *top[1], truths.top_of(ITEM_SHARES, 2), price),
        Case("satisfaction with the product", plain, "mean", "mean", truths.mean_of(ITEM_SHARES), product),
        Case("effort", plain, "mean", "mean", truths.mean_of(CES_SHARES), effort),
        Case("effort, top box", plain, *top[0], truths.top_of(CES_SHARES, 1), effort),
        Case("satisfaction, every answer, firms tied", every, "mean", "mean", None, price, "large company"),
        Case("top box, every answer, firms tied", every, *top[0], None, price, "large company"),
        Case("stars written", every, "mean", "mean", None, {"question": "stars"}, "large company"),
    )


def _promises() -> tuple[Case, ...]:
    plain, lived, house = (Ask(setting, "promises_kept", ("promise",)) for setting in (PLAIN, LIVED, HOUSE))
    kept, given = ("kept_rate", "kept"), truths.kept_rate
    own = ("delivery_date", "collect_2h", "answer_24h", "refund_14d", "repair_7d")
    visited = ("opening_hours", "advice_first", "rota_14d")
    return (
        *(Case(f"promise {name}", plain, *kept, given, {"promise": name}) for name in own),
        *(Case(f"promise {name}, a shop", house, *kept, given, {"promise": name}) for name in visited),
        Case("promise delivery_date, as lived", lived, *kept, None, {"promise": own[0]}, "large company"),
        Case("promise collect_2h, firms tied", lived, *kept, given, {"promise": own[1]}),
    )


def _said_when_broken() -> tuple[Case, ...]:
    plain = Ask(PLAIN, "said_when_broken", (), {"question": "nps"})
    lived = Ask(LIVED, "said_when_broken", ("survey",), {"question": "nps"})
    delivery, collect = ({"promise": name} for name in ("delivery_date", "collect_2h"))
    own = [rows | {"survey": "after an order"} for rows in (delivery, collect)]
    change = ("difference", "difference")
    naive = [truths.find("effects", name, "score", "naive") for name in ("delivery_date", "collect_2h")]
    return (
        Case("said when a parcel is late, no effect", plain, *change, truths.zero, delivery),
        Case("said when a parcel is late", lived, *change, naive[0], own[0], "count"),
        Case("said when a collection is late", lived, *change, naive[1], own[1], "count"),
        Case("mean score, parcel in time", lived, "kept_mean", "kept_mean", None, own[0], "large company"),
        Case("mean score, parcel late", lived, "broken_mean", "broken_mean", None, own[0], "large company"),
    )


def _deeds() -> tuple[Case, ...]:
    again = Ask(PLAIN, "repeat_rate", ("customers.x_shop",))
    lived_again = Ask(LIVED, "repeat_rate")
    cohorts = Ask(PLAIN, "retention", (), {"unit": "quarter"})
    return (
        Case("repeat rate, by shop", again, "repeat_rate", "repeat", truths.repeat_rate),
        Case("repeat rate, as lived", lived_again, "repeat_rate", "repeat", None, {}, "large company"),
        Case("retention by quarter, age 1", cohorts, "retention_rate", "retention", truths.retention, {"age": 1}),
        Case("retention by quarter, age 4", cohorts, "retention_rate", "retention", truths.retention, {"age": 4}),
    )


def _money() -> tuple[Case, ...]:
    categories, returns = Ask(PLAIN, "returns_rate", ("products.category",)), Ask(LIVED, "returns_rate")
    reasons = Ask(LIVED, "return_reasons")
    payments, firms = Ask(PLAIN, "payment_incidents"), {"kind": "firm"}
    lived_payments = Ask(LIVED, "payment_incidents", ("customers.kind",))
    rates = (("return_rate", "return"), ("quantity_rate", "quantity"), ("value_rate", "value"))
    incident = ("incident_rate", "incident")
    service = Ask(LIVED, "cost_to_serve")
    per_order = (("contacts_per_order", "contacts"), ("cost_per_order", "cost"))
    return (
        *(Case(f"{rate}, by category", categories, rate, stem, truths.return_rate) for rate, stem in rates),
        *(Case(f"{rate}, as lived", returns, rate, stem, None, {}, "large company") for rate, stem in rates),
        Case("reasons of returns", reasons, "share", "share", None, {}, "large company"),
        Case("payment incidents of persons", payments, *incident, truths.find("planted", "failed")),
        Case("payment incidents of firms", lived_payments, *incident, None, firms, "large company"),
        *(Case(f"{figure}, as lived", service, figure, stem, None, {}, "large company") for figure, stem in per_order),
    )


CASES = (
    *_nps(),
    *_nps_change(),
    *_response(),
    *_satisfaction(),
    *_promises(),
    *_said_when_broken(),
    *_deeds(),
    *_money(),
    *DEEDS,
)
# Ends of something else than chance, and intervals that no planted truth can try.
UNTRIED = {
    "earned_growth": "its ends are what customers of unknown origin leave open, not chance",
    "payment_incidents": "loss_rate, because nothing is lost for good in the simulated company; the formula is that of "
    "value_rate",
    "lifetime_value": "its model is fitted to all customers together, so that companies told apart by a split share "
    "one; the study of drawn customers below tries the formula",
    "at_risk": "its models too are fitted to all customers together, and what a mishap takes from a customer is not "
    "planted but for a late parcel, which promise_effect is tried on",
    "telling_words": "it shows the words that lie furthest apart of many, so that their intervals hold the truth less "
    "often, as it says itself",
    "repurchase_check": "its ranges are of what customers will do, not of a figure",
    "nps": "weight=reach, because only reviews and mentions have a reach in the simulated company; the formula is that "
    "of weight=value",
}
