"""What every customer puts at risk: how far the chance to be still with us fell, and the margin that hangs on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import NothingToMeasure
from saydo.language import mark
from saydo.measures._happenings import KINDS, find_happenings, last_details
from saydo.measures._histories import KEYS, find_histories, read_histories, run_histories
from saydo.measures._lifetime import (
    USABLE,
    choose_model,
    customer_margins,
    find_credibility,
    fit_once,
    margin_of_a_purchase,
    note_bounds,
)
from saydo.measures._likes import BANDS, LEVELS, Seen, describe, every_case, find_moments, learn, value_of_an_order
from saydo.measures._measure import Note, add_columns
from saydo.measures._purchases import find_purchases
from saydo.measures._sample import take_some
from saydo.stats.arrays import divide
from saydo.stats.lifetimes import Fit, Histories

DRAWS = 50
TOTALS = ("all_customers", "all_reasons", "all_margin", "all_error")
SILENT = 2.0  # a silence so many times as long as the mean time between purchases is one
_TOO_SHORT = mark(
    "the facts do not reach back far enough to see what customers did within the horizon after what happened to them; "
    "choose a shorter horizon or fewer days, or import older orders"
)
_ALL_ALIKE = mark(
    "hardly anybody bought again within the horizon, or nearly everybody did, so that nothing tells customers apart; "
    "choose another horizon or import more orders"
)
_NO_PURCHASE = mark("no purchase of a known customer is on file; import orders with their customer_id")


@dataclass(frozen=True)
class Risks:
    """Today's customers with what each puts at risk (``rows``, on the engine), what was seen of their likes, notes."""

    rows: ir.Table
    seen: Seen
    notes: tuple[Note, ...]
    happened: ir.Table | None


def find_risks(facts: Facts, days: int, horizon: int, model: str = "mbg_nbd") -> Risks:
    """Every customer who bought: BANDS, LEVELS, counts of what happened, and

    value (margin to expect within the horizon if still with us), p_before (the chance to be so: before the ``days``, or
    when the customer's own time between purchases had passed, if later), p_alive (now, after what happened), drop and
    its error, fallen (by silence alone), is_silent, gap_days, silent_days, has_reason, margin_at_risk.
    Raises `NothingToMeasure`, `NoFit`, `TooFewRepeats`.
    """
    if not facts.run(find_purchases(facts).select("customer_id").limit(1)).num_rows:
        raise NothingToMeasure(measure="at_risk", reason=_NO_PURCHASE)
    happened = find_happenings(facts, days)
    moments = find_moments(facts, days, horizon)
    if not moments:
        raise NothingToMeasure(measure="at_risk", reason=_TOO_SHORT)
    some, sampled = take_some(facts)
    usual = value_of_an_order(some)
    seen = learn(some, describe(some, happened, moments, days, horizon, usual), moments)
    if seen is None:
        raise NothingToMeasure(measure="at_risk", reason=_ALL_ALIKE)
    now = describe(facts, happened, [facts.as_of], days, horizon, usual).drop("moment", "has_bought", "group", "orders")
    values, notes = _find_values(facts, some, days, horizon, model)
    rows = now.join(values, [("customer_id", "_customer")]).drop("_customer")
    cases = ibis.memtable(every_case(seen))
    rows = rows.left_join(cases, [(name, f"_{name}") for name in (*BANDS, *LEVELS)])
    return Risks(_weigh_up(rows.drop(*(f"_{name}" for name in (*BANDS, *LEVELS)))), seen, notes + sampled[:1], happened)


def _weigh_up(rows: ir.Table) -> ir.Table:
    """The drop in the chance to be still with us: by silence first, by what happened then."""
    fall = rows.fall.coalesce(0.0)
    p_after = rows.p_now * (1 - fall)
    drop = rows.p_before - p_after
    error = (rows.silence_error**2 + (rows.p_now * rows.fall_error.coalesce(0.0)) ** 2).sqrt()
    has_reason = ibis.or_(rows.is_silent, *(rows[kind.name] > 0 for kind in KINDS))
    at_risk = ibis.ifelse(has_reason, rows.value, 0.0)
    return rows.mutate(
        reasons=has_reason.ifelse(1, 0),
        margin_of_reasons=at_risk * drop,
        error_of_reasons=(at_risk * error).abs(),
        p_alive=ibis.greatest(ibis.least(p_after, 1.0), 0.0),
        drop=drop,
        drop_error=error,
        has_reason=has_reason,
        margin_at_risk=rows.value * drop,
    ).drop("fall", "fall_error")


def _find_values(facts: Facts, some: Facts, days: int, horizon: int, model: str) -> tuple[ir.Table, tuple[Note, ...]]:
    """Per customer (``_customer``) what the model of repeat purchases says; equal histories are looked at once.

    ``some`` are the facts that models are chosen by.
    """
    chosen = choose_model(some, USABLE if model == "best" else (model,))
    rows = find_histories(facts)
    found = run_histories(facts, rows)
    histories = read_histories(found)
    fitted = fit_once(facts, histories, chosen.model)
    told = ibis.memtable(_look(fitted, histories, found.select(list(KEYS)), days, horizon))
    credibility = find_credibility(some)
    joined = rows.join(told, [(name, f"_{name}") for name in KEYS]).drop(*(f"_{name}" for name in KEYS))
    margins = customer_margins(facts).rename(_buyer="customer_id")
    joined = joined.left_join(margins, [("customer_id", "_buyer")])
    values = joined.select(
        *("p_now", "p_before", "silence_error", "is_silent", "gap_days", "silent_days"),
        _customer="customer_id",
        purchases=joined.repeats + 1,
        value=joined.coming_if_alive * margin_of_a_purchase(joined, credibility),
    )
    return values, chosen.notes + note_bounds(fitted)


def _look(fitted: Fit, histories: Histories, keys: pa.Table, days: int, horizon: int) -> pa.Table:
    """What is said of each distinct history (keys with a leading ``_``)."""
    gap = divide(histories.last, histories.repeats)
    silence = histories.age - histories.last
    is_silent = np.nan_to_num(silence, nan=0.0) >= SILENT * np.nan_to_num(gap, nan=np.inf)
    then = np.where(is_silent, np.maximum(histories.last + np.nan_to_num(gap), histories.age - days), histories.age)
    before = Histories.of(histories.repeats, histories.last, then, histories.count)
    drawn = fitted.drawn(DRAWS, np.random.default_rng(1))
    fallen = [one.alive(before) - one.alive(histories) for one in drawn]
    now = fitted.alive(histories)
    values: dict[str, Any] = {
        "p_now": now,
        "p_before": fitted.alive(before),
        "silence_error": np.std(fallen, axis=0, ddof=1) * is_silent,
        "is_silent": is_silent,
        "gap_days": gap,
        "silent_days": silence,
        "coming_if_alive": np.nan_to_num(divide(fitted.expected(histories, horizon), now)),
    }
    return add_columns(keys.rename_columns([f"_{name}" for name in keys.column_names]), values)


def find_list(facts: Facts, risks: Risks, days: int, most: int) -> ir.Table:
    """The customers who put most at risk, the first first, with the details of what happened to them and `TOTALS`."""
    every = ibis.window()
    rows = risks.rows.drop(*BANDS, *LEVELS, "last", "purchases", "longest_row", "silence_error", "p_now")
    rows = rows.mutate(
        all_customers=rows.count().over(every),
        all_reasons=rows.reasons.sum().over(every),
        all_margin=rows.margin_of_reasons.sum().over(every),
        all_error=rows.error_of_reasons.sum().over(every),
    )
    top = rows.filter(rows.has_reason & (rows.margin_at_risk > 0))
    top = top.order_by([top.margin_at_risk.desc(), "customer_id"]).limit(most)
    if risks.happened is None:
        texts = {"last_promise": "string", "in_a_row": "int64", "last_score": "float64", "last_scale_max": "float64"}
        return top.mutate(**{name: ibis.null(kind) for name, kind in texts.items()})
    details = last_details(risks.happened, ibis.literal(facts.as_of), days)
    return top.left_join(details, [("customer_id", "_whose")]).drop("_whose")
