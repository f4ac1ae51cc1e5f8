"""Companies drawn from the models that are fitted to them, one per contest: what both sides read as Parquet.

The same size gives the same company. Times are UTC; the last day seen is the last of 2025.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.company import FIRST, LAST, ROOT, write_table
from saydo.company import Manifest
from saydo.simulate.words import themes, write_comments

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Tables = Mapping[str, Mapping[str, Any]]
DAYS = 1096.0  # from FIRST to the end of the last day
_DAY = 86_400_000_000
_ITEMS = ("choice", "price", "advice", "delivery", "shop", "returns")
_THEMES = ("late", "on_time", "adviser")


def make_facts(contest: str, size: int, root: Path = ROOT) -> Path:
    """The folder of a contest's facts inside ``root``, drawn if it is not there yet."""
    folder = root / f"{contest}-{size}"
    if (folder / "saydo.json").is_file():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    entries = {}
    with duckdb.connect() as engine:
        for name, columns in DRAWN[contest](np.random.default_rng(1), size).items():
            engine.register("drawn", pa.table(dict(columns)))
            entries[name] = write_table(engine, folder, name, "SELECT * FROM drawn")
    Manifest(entries, FIRST, LAST, currency="EUR", name=contest).write(folder)
    return folder


def _key(letter: str, numbers: Ints) -> pa.Array:
    return pa.array([f"{letter}{number:09}" for number in numbers.tolist()])


def _time(days: Floats) -> pa.Array:
    start = np.datetime64(FIRST, "us")
    return pa.array(start + (days * _DAY).astype("timedelta64[us]"))


def _pick(words: tuple[str, ...], places: Ints) -> pa.Array:
    return pa.array(words).take(pa.array(places))


def draw_orders(chance: np.random.Generator, size: int) -> Tables:
    """So many customers who buy as the BG/NBD model says (r 0.7, alpha 60 days, a 0.8, b 2.5), and spend as the
    Gamma-Gamma does (p 6, q 4, v 15).
    """
    at = chance.uniform(0, 900, size)
    rate, stop = chance.gamma(0.7, 1 / 60, size), chance.beta(0.8, 2.5, size)
    who = np.arange(size)
    bought = [(who, at)]
    while len(who):
        at = at + chance.exponential(1, len(who)) / np.maximum(rate[who], 1e-12)
        who, at = who[at < DAYS], at[at < DAYS]
        bought.append((who, at))
        stays = chance.random(len(who)) >= stop[who]
        who, at = who[stays], at[stays]
    customer, day = (np.concatenate(parts) for parts in zip(*bought, strict=True))
    spent = chance.gamma(6.0, 1.0, len(customer)) / chance.gamma(4.0, 1 / 15, size)[customer]
    order = _key("o", np.arange(len(customer)))
    orders = {"order_id": order, "customer_id": _key("c", customer), "ordered_at": _time(day)}
    lines = {"order_id": order, "line": np.ones(len(order), int), "unit_price": np.maximum(spent, 0.01).round(2)}
    words = {name: pa.array([word]).take(pa.array(np.zeros(len(order), int))) for name, word in _WORDS.items()}
    return {
        "orders": orders | {"status": words["status"], "currency": words["currency"]},
        "order_lines": lines | {"kind": words["kind"], "quantity": np.ones(len(order), int)},
    }


_WORDS = {"status": "delivered", "currency": "EUR", "kind": "product"}


def draw_contracts(chance: np.random.Generator, size: int) -> Tables:
    """So many monthly contracts, each with a chance of its own to end at a renewal: beta(0.7, 6)."""
    begun, day = chance.integers(0, 36, size), chance.integers(0, 28, size)
    month = np.datetime64("2023-01") + begun
    churn = chance.beta(0.7, 6.0, size)
    periods = np.ceil(np.log1p(-chance.random(size)) / np.log1p(-churn)).clip(1, 600).astype(int)
    start = month.astype("datetime64[D]") + day
    end = (month + periods).astype("datetime64[D]") + day
    seen = np.datetime64(LAST, "D")
    return {
        "contracts": {
            "contract_id": _key("k", np.arange(size)),
            "customer_id": _key("c", np.arange(size)),
            "started_on": pa.array(np.minimum(start, seen)),
            "period_months": np.ones(size, int),
            "price": np.full(size, 9.9),
            "ended_on": pa.array(end, mask=end > seen),
        }
    }


def draw_promises(chance: np.random.Generator, size: int) -> Tables:
    """So many orders with a promise each, more often broken where people are unhappy anyway; a break costs 1.5 points.

    Whom it strikes and what they say both hang on the region, the segment, the touchpoint and the days promised.
    """
    region, segment, touchpoint = (chance.integers(0, count, size) for count in (6, 4, 4))
    lead = 1.0 + chance.integers(0, 10, size)
    odds = -2.2 + 0.25 * (region - 2.5) + 0.3 * (segment - 1.5) - 0.2 * (touchpoint - 1.5) + 0.08 * (lead - 5)
    is_broken = chance.random(size) < 1 / (1 + np.exp(-odds))
    liked = 7.2 - 0.3 * (region - 2.5) - 0.25 * (segment - 1.5) + 0.2 * (touchpoint - 1.5) - 0.05 * (lead - 5)
    score = np.rint(liked - 1.5 * is_broken + chance.normal(0, 1.5, size)).clip(0, 10)
    made = chance.uniform(0, DAYS - 60, size)
    done = made + lead + np.where(is_broken, 2.0, -0.5)
    order, customer = _key("o", np.arange(size)), _key("c", np.arange(size))
    of = {"order_id": order, "customer_id": customer, "touchpoint": _pick(("web", "shop", "phone", "app"), touchpoint)}
    segments = _pick(("home", "school", "office", "pro"), segment)
    regions = _pick(("north", "south", "east", "west", "centre", "isles"), region)
    same = pa.array(np.zeros(size, int))
    return {
        "customers": {"customer_id": customer, "segment": segments, "first_seen_at": _time(made)},
        "orders": {**of, "ordered_at": _time(made), "region": regions, "status": pa.array(["delivered"]).take(same)},
        "commitments": {
            "commitment_id": _key("m", np.arange(size)),
            "promise": pa.array(["delivery"]).take(same),
            **of,
            "made_at": _time(made),
            "due_at": _time(made + lead),
            "fulfilled_at": _time(done),
            "seen_by": pa.array(["system"]).take(same),
        },
        "feedback": _nps(size, score, done + 1) | of,
    }


def _nps(size: int, score: Floats, day: Floats) -> dict[str, Any]:
    told = {"survey": "wave", "occasion": "event", "source": "survey", "question": "nps"}
    same = pa.array(np.zeros(size, int))
    return {
        "feedback_id": _key("f", np.arange(size)),
        "reply_id": _key("r", np.arange(size)),
        **{name: pa.array([word]).take(same) for name, word in told.items()},
        "said_at": _time(day),
        "score": score,
        "scale_min": np.zeros(size),
        "scale_max": np.full(size, 10.0),
    }


def draw_replies(chance: np.random.Generator, size: int) -> Tables:
    """So many replies, each with a score from 0 to 10 and six items from 1 to 5, which one mood colours all."""
    mood = chance.normal(0, 1, size)
    rated = [np.rint(3.4 + 0.7 * mood + chance.normal(0, 0.9, size)).clip(1, 5) for _ in _ITEMS]
    liked = 6.5 + sum(weight * (one - 3) for weight, one in zip((0.9, 0.1, 0.7, 0.5, 0.0, 0.3), rated, strict=True))
    score = np.rint(liked + chance.normal(0, 1.5, size)).clip(0, 10)
    day = chance.uniform(0, DAYS, size)
    whole = _nps(size, score, day)
    parts = [
        whole
        | {"feedback_id": _key(f"f{number}", np.arange(size)), "score": one, "item": pa.array([name]).take(same)}
        | {"question": pa.array(["csat"]).take(same), "scale_min": np.ones(size), "scale_max": np.full(size, 5.0)}
        for same in [pa.array(np.zeros(size, int))]
        for number, (name, one) in enumerate(zip(_ITEMS, rated, strict=True))
    ]
    tables = [pa.table(dict(one) | {"customer_id": _key("c", np.arange(size))}) for one in (whole, *parts)]
    rows = pa.concat_tables(tables, promote_options="default")
    return {"feedback": {name: rows[name] for name in rows.column_names}}


def draw_comments(chance: np.random.Generator, size: int) -> Tables:
    """So many English comments on three things, each with the score that goes with what it is about."""
    theme = chance.integers(0, len(_THEMES), size)
    score = np.rint(np.array([3.0, 8.0, 9.0])[theme] + chance.normal(0, 1.5, size)).clip(0, 10)
    answers = _nps(size, score, chance.uniform(0, DAYS, size))
    texts = write_comments(chance, themes(*_THEMES)[theme], np.ones(size, int))
    spoken = pa.array(["en"]).take(pa.array(np.zeros(size, int)))
    return {"feedback": answers | {"customer_id": _key("c", np.arange(size)), "comment": texts, "language": spoken}}


DRAWN: dict[str, Callable[[np.random.Generator, int], Tables]] = {
    "purchases": draw_orders,
    "renewals": draw_contracts,
    "effect": draw_promises,
    "importance": draw_replies,
    "themes": draw_comments,
}
