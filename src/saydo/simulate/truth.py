"""``truth.json``: what was planted, what it amounts to exactly, and what came of it in this company.

``truth.toml`` says what each part means, and is copied into it.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from saydo.simulate.after_order import ITEMS, NORM, OWN, POSTING, SHARED, WEIGHTS
from saydo.simulate.answers import response_rates, shifted_shares
from saydo.simulate.block import Tally
from saydo.simulate.catalogue import PRODUCTS
from saydo.simulate.clock import Clock
from saydo.simulate.columns import Array
from saydo.simulate.plan import Plan
from saydo.simulate.sales import PRODUCT_KEYS
from saydo.simulate.truth_deeds import Truth, describe_deeds, ratio, shape


def write_truth(path: Path, plan: Plan, clock: Clock, tally: Tally, asked: dict[str, int]) -> Truth:
    """Write the truth and give it back as it reads from the file."""
    truth = {
        "company": {"name": plan.name, "currency": "EUR", **asked},
        "planted": asdict(plan),
        "recommendation": _recommendation(plan, clock, tally),
        "response": _response(plan),
        "after_order": _after_order(plan, tally),
        "items": _items(),
        "reviews": _reviews(tally),
        **describe_deeds(plan, tally),
    }
    meanings = tomllib.loads(resources.files("saydo.simulate").joinpath("truth.toml").read_text(encoding="utf-8"))
    text = json.dumps(_explain(truth, meanings), indent=1, ensure_ascii=False, default=_plain)
    path.write_text(text + "\n", encoding="utf-8")
    plain: Truth = json.loads(text)
    return plain


def _explain(figures: Truth, meanings: dict[str, Any]) -> Truth:
    """The figures with the meaning of each part written into it."""
    explained = {
        name: _explain(value, meanings[name]) if name in meanings else value for name, value in figures.items()
    }
    return {"meaning": meanings["meaning"], **explained} if "meaning" in meanings else explained


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(value)


def _cells(plan: Plan, is_improved: bool) -> Array:
    """Exact shares of all customers by segment, shop and score."""
    better = plan.improvement * is_improved
    whole = sum(one.share for one in plan.segments) * sum(shop.share for shop in plan.shops)
    shares = [
        [one.share * shop.share / whole * shifted_shares(one.answers, shop.shift + better) for shop in plan.shops]
        for one in plan.segments
    ]
    return np.array(shares)


def _recommendation(plan: Plan, clock: Clock, tally: Tally) -> Truth:
    cells, everybody = _cells(plan, plan.waves > plan.improved_from), tally["relational_all"]
    segments, shops = [one.name for one in plan.segments], [shop.name for shop in plan.shops]
    waves = clock.start + clock.waves(plan.waves).astype(np.int64)
    return {
        "all_customers": _both(cells.sum(axis=(0, 1)), everybody.sum(axis=(0, 1))),
        "by_segment": {name: _both(cells[i].sum(axis=0), everybody[i].sum(axis=0)) for i, name in enumerate(segments)},
        "by_shop": {name: _both(cells[:, i].sum(axis=0), everybody[:, i].sum(axis=0)) for i, name in enumerate(shops)},
        "all_answers": shape(tally["relational_answered"].sum(axis=(0, 1, 2))),
        "waves": {str(sent_on): _wave(plan, tally, number) for number, sent_on in enumerate(waves)},
    }


def _both(expected: Array, realised: Array) -> Truth:
    return {"expected": shape(expected / expected.sum()), "realised": shape(realised)}


def _wave(plan: Plan, tally: Tally, number: int) -> Truth:
    cells = _cells(plan, number >= plan.improved_from)
    rates = response_rates(plan, plan.response_by_score)[:, None, :]
    speaking = (cells * rates).sum(axis=1)
    shares = cells.sum(axis=(1, 2))
    weighted = speaking / speaking.sum(axis=1, keepdims=True) * shares[:, None]
    frame, answered = tally["relational_frame"][number], tally["relational_answered"][number]
    return {
        **_both(cells.sum(axis=(0, 1)), frame.sum(axis=(0, 1))),
        "answers_expected": shape(speaking.sum(axis=0) / speaking.sum()),
        "by_segment_expected": shape(weighted.sum(axis=0)),
        "answered": shape(answered.sum(axis=(0, 1))),
        "response_expected": float(speaking.sum()),
        "customers_by_segment": {one.name: int(frame[code].sum()) for code, one in enumerate(plan.segments)},
    }


def _response(plan: Plan) -> Truth:
    rates = response_rates(plan, plan.response_by_score)
    return {"by_segment_and_score": {one.name: rates[code] for code, one in enumerate(plan.segments)}}


def _after_order(plan: Plan, tally: Tally) -> Truth:
    everybody, answered = tally["event_all"], tally["event_answered"]
    return {
        "all_orders": shape(everybody.sum(axis=0)),
        "answered": shape(answered.sum(axis=0)),
        "by_touchpoint": {
            name: {"all_orders": shape(everybody[code]), "answered": shape(answered[code])}
            for code, name in enumerate(plan.touchpoints)
            if everybody[code].sum()
        },
    }


def _items() -> Truth:
    return {"weights": dict(zip(ITEMS, WEIGHTS, strict=True)), "loading": SHARED, "own": OWN, "norm": NORM}


def _reviews(tally: Tally) -> Truth:
    everybody, posted = tally["stars_all"], tally["stars_posted"]
    return {
        "posting": POSTING,
        "all_buyers": _stars(everybody.sum(axis=0)),
        "written": _stars(posted.sum(axis=0)),
        "by_product": {
            PRODUCT_KEYS[code]: {
                "name": one.name,
                "all_buyers": _stars(everybody[code]),
                "written": _stars(posted[code]),
            }
            for code, one in enumerate(PRODUCTS)
        },
    }


def _stars(counts: Array) -> Truth:
    return {"count": int(counts.sum()), "mean": ratio(counts @ np.arange(1, 6), counts.sum())}
