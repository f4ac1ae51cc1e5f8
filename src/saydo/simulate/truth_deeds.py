"""The part of the truth that is about promises, purchases and money."""

from __future__ import annotations

from typing import Any

import numpy as np

from saydo.simulate.answers import EVENT_SHARES, shifted_shares
from saydo.simulate.block import Tally
from saydo.simulate.care import AFTER_CASE_SHIFTS, OUTCOME_SHARES, OUTCOMES
from saydo.simulate.catalogue import CHANNELS, COMPLEMENTS, FOLLOW_UPS, MONTHS, PUSHY, SUBSTITUTES, WEEKDAYS
from saydo.simulate.clock import FUTURE_DAYS
from saydo.simulate.columns import Array
from saydo.simulate.effects import HORIZONS
from saydo.simulate.orders import NAMES
from saydo.simulate.plan import Plan
from saydo.simulate.sales import PRODUCT_KEYS

Truth = dict[str, Any]


def ratio(part: Any, whole: Any) -> float | None:
    """The quotient; null when there is nothing to divide by."""
    return float(part) / float(whole) if whole else None


def shape(scores: Array) -> Truth:
    """Scores 0 to 10, as shares or as counts: the count if counted, the three classes, the score of recommendation."""
    whole = scores.sum()
    count = {"count": int(whole)} if scores.dtype.kind in "iu" else {}
    if not whole:
        return {**count, "promoters": None, "passives": None, "detractors": None, "nps": None, "scores": None}
    shares = scores / whole
    promoters, detractors = float(shares[9:].sum()), float(shares[:7].sum())
    classes = {"promoters": promoters, "passives": float(shares[7:9].sum()), "detractors": detractors}
    return {**count, **classes, "nps": 100 * (promoters - detractors), "scores": shares}


def describe_deeds(plan: Plan, tally: Tally) -> Truth:
    """Promises, their effects, lapses, contracts, baskets, care and money."""
    return {
        "promises": _promises(plan, tally),
        "effects": _effects(tally),
        "season": {"months": np.array(MONTHS) / np.mean(MONTHS), "weekdays": np.array(WEEKDAYS) / np.mean(WEEKDAYS)},
        "lapse": _lapse(plan, tally),
        "say_do": _say_do(tally),
        "contracts": _contracts(plan, tally),
        "baskets": _baskets(plan),
        "care": _care(plan, tally),
        "money": _money(plan, tally),
    }


def _promises(plan: Plan, tally: Tally) -> Truth:
    late = [
        {
            "distance": zone,
            "large": size,
            "late": plan.late_base + plan.late_by_distance * zone + plan.late_by_value * size,
        }
        for zone in (0, 1, 2)
        for size in (0, 1)
    ]
    web = plan.touchpoints[len(plan.shops)]
    return {
        "delivery_date": {"planted": late, **_kept(plan, tally["promise_delivery_date"])},
        **{
            name: {"planted": dict(rates), **_kept(plan, tally[f"promise_{name}"])} for name, rates in plan.kept.items()
        },
        "bad_week": {"from": plan.bad_week, "touchpoint": web, "late": plan.bad_week_late},
    }


def _kept(plan: Plan, counts: Array) -> Truth:
    kept, broken, still_open = (int(count) for count in counts.sum(axis=0))
    places = zip((*plan.touchpoints, ""), counts[:, :2], strict=True)
    return {
        "kept": kept,
        "broken": broken,
        "open": still_open,
        "realised": ratio(kept, kept + broken),
        "by_touchpoint": {
            place: {"kept": int(row[0]), "broken": int(row[1]), "realised": ratio(row[0], row.sum())}
            for place, row in places
            if row.sum()
        },
    }


def _effects(tally: Tally) -> Truth:
    nothing = {"ate": 0.0, "att": 0.0}
    return {
        "delivery_date": {
            "score": _harm(tally["harm_delivery_date"]),
            "relational_score": nothing,
            "bought_again": {str(horizon): _again(tally, horizon) for horizon in HORIZONS},
        },
        "collect_2h": {"score": _harm(tally["harm_collect_2h"]), "bought_again": nothing},
        "answer_24h": {"ces": _harm(tally["harm_answer_24h"])},
        "offers": nothing,
        "asking": nothing,
    }


def _harm(sums: Array) -> Truth:
    """Sums by kept and broken: count, score as it was, what breaking changes."""
    (kept, kept_score, kept_change), (late, late_score, late_change) = sums
    return {
        "promises": int(kept + late),
        "broken": int(late),
        "ate": ratio(kept_change + late_change, kept + late),
        "att": ratio(late_change, late),
        "naive": late_score / late - kept_score / kept if kept and late else None,
    }


def _again(tally: Tally, horizon: int) -> Truth:
    kept, late = tally[f"again_{horizon}_late"]
    if_kept, if_late = tally[f"again_{horizon}_chance"]
    units = np.array([1, 1, 100, 100])  # cents to EUR
    effect, happened = (tally[f"again_{horizon}_{name}"] / units for name in ("effect", "happened"))
    naive = happened[1] / late - happened[0] / kept if kept and late else [None] * len(units)
    return {
        "deliveries": int(kept + late),
        "late": int(late),
        "share_if_kept": ratio(if_kept, kept + late),
        "share_if_late": ratio(if_late, kept + late),
        **{
            name: {"ate": ratio(effect[:, i].sum(), kept + late), "att": ratio(effect[1, i], late), "naive": naive[i]}
            for i, name in enumerate(("share", "orders", "sales", "margin"))
        },
    }


def _lapse(plan: Plan, tally: Tally) -> Truth:
    placed, active, _ = tally["repeats"]
    names = ("0", "1", "2", "3", "4", "5 or more")
    units = np.array([1, 100, 100])
    return {
        "model": "MBG/NBD" if plan.lapses_after_first else "BG/NBD",
        "parameters": {name: getattr(plan, name) for name in ("r", "alpha", "a", "b")},
        "customers": int(placed.sum()),
        "active": int(active.sum()),
        "by_repeat_orders": {name: _deeds(*tally["repeats"][:, code]) for code, name in enumerate(names)},
        "next": {
            str(days): dict(zip(("orders", "sales", "margin"), tally[f"next_{days}"] / units, strict=True))
            for days in (30, 90, 180, FUTURE_DAYS)
        },
    }


def _deeds(customers: float, active: float, coming: float) -> Truth:
    return {
        "customers": int(customers),
        "active": ratio(active, customers),
        "orders_next_365": ratio(coming, customers),
    }


def _say_do(tally: Tally) -> Truth:
    return {name: _deeds(*tally["deeds"][:, code]) for code, name in enumerate(("detractors", "passives", "promoters"))}


def _contracts(plan: Plan, tally: Tally) -> Truth:
    at_risk, renewed = tally["renewals"]
    a, b = plan.contract_a, plan.contract_b
    return {
        "parameters": {"a": a, "b": b},
        "renewals": {
            str(n): {
                "at_risk": int(at_risk[n]),
                "expected": (b + n - 1) / (a + b + n - 1),
                "realised": ratio(renewed[n], at_risk[n]),
            }
            for n in range(1, len(at_risk))
            if at_risk[n]
        },
    }


def _baskets(plan: Plan) -> Truth:
    kinds = {"complements": COMPLEMENTS, "follow_ups": FOLLOW_UPS, "substitutes": SUBSTITUTES}
    pairs = {
        kind: [
            {"product": _key(one), "other": _key(other), "chance": chance, "names": [one, other]}
            for one, other, chance in (planted if plan.complements else ())
        ]
        for kind, planted in kinds.items()
    }
    return {**pairs, "groups": _groups([pair for found in pairs.values() for pair in found])}


def _key(name: str) -> str:
    return PRODUCT_KEYS[NAMES.index(name)]


def _groups(pairs: list[Truth]) -> list[list[str]]:
    """Products tied by any of the pairs, directly or through others."""
    groups: list[set[str]] = []
    for pair in pairs:
        ends = {pair["product"], pair["other"]}
        touched = [group for group in groups if group & ends]
        groups = [group for group in groups if not group & ends] + [ends.union(*touched)]
    return [sorted(group) for group in groups]


def _care(plan: Plan, tally: Tally) -> Truth:
    (kept_calls, kept), (late_calls, late) = tally["calls"]
    shifts = zip(OUTCOMES, AFTER_CASE_SHIFTS, strict=True)
    usual, rumours = tally["mentions"]
    return {
        "calls": {
            "planted": {"kept": plan.calls, "late": plan.calls + plan.calls_if_late},
            "realised": {"kept": ratio(kept_calls, kept), "late": ratio(late_calls, late)},
        },
        "cases": {
            "count": int(tally["cases"].sum()),
            "outcomes_expected": dict(zip(OUTCOMES, OUTCOME_SHARES, strict=True)),
            "after_case_expected": {outcome: shape(shifted_shares(EVENT_SHARES, shift)) for outcome, shift in shifts},
        },
        "mentions": {"usual": int(usual), "rumours": int(rumours)},
    }


def _money(plan: Plan, tally: Tally) -> Truth:
    (others, others_back), (pushy, pushy_back) = tally["returned_lines"]
    firms, firms_late = tally["firm_payments"]
    payments, failed = tally["payments"]
    converted, missed = tally["referrals"]
    spent = tally["acquisition_cents"].sum(axis=1) / 100
    return {
        "returns": {
            "pushy_adviser": f"V{11 + PUSHY}",
            "realised": {"others": ratio(others_back, others), "pushy": ratio(pushy_back, pushy)},
        },
        "payments": {
            "firms_late": ratio(firms_late, firms),
            "failed_expected": plan.failed,
            "failed": ratio(failed, payments),
        },
        "referrals": {"converted": int(converted), "missed": int(missed), "lapse_factor": plan.referred_lapse},
        "acquisition": {
            name: {"customers": int(count), "cost_expected": CHANNELS[name][1], "cost": ratio(total, count)}
            for name, count, total in zip(CHANNELS, tally["acquired"], spent, strict=True)
        },
    }
