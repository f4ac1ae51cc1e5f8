"""The value of recommendations: how many bring somebody, and what those who were brought are worth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import ibis
import numpy as np

from saydo.company import Facts
from saydo.errors import BadSetting
from saydo.language import mark
from saydo.measures._brought import find_brought, find_saved_cost
from saydo.measures._clusters import add_cluster, named, share_interval, sum_groups
from saydo.measures._measure import Figures, Measure, Note, add_columns, column, in_period
from saydo.measures._split import split_rows
from saydo.measures.say_do import require_days
from saydo.stats.ratios import estimate_ratio

SHARES = (0.0, 0.5, 1.0)  # of those brought who would have come anyway
_NO_MARGIN = mark("Customers brought whose margin is not known: {count}. They are left out of the values.")
NO_COST = mark(
    "What it costs to win a customer is not known, so nothing can be said of what recommendations save. Add "
    "acquisition_cost to customers, or costs of kind acquisition."
)


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    horizon: int = 365,
    came_anyway: float = 0.5,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """What a customer who was brought by a recommendation is worth, for three shares of those who would have come
    anyway.

    value = (1 - s) * margin within ``horizon`` days of coming + s * cost of acquisition saved - cost of the
    recommendation, per customer brought, s being the share of those brought who would have come without it. It cannot
    be seen without an experiment: the values for 0, 1/2 and 1 stand side by side, and ``value`` is that for
    ``came_anyway``. Only those whose horizon is over count. Of several who recommended the same person the first
    counts; a person who had bought before is not brought. ``since`` and ``until`` choose recommendations by when they
    were made.

    Reads:   referrals (referred_id or converted_at null: brought nobody (yet)); orders and what makes the margin
             (`saydo.measures._margin`); customers.acquisition_cost (of those brought: the reward, null is 0; of those
             who neither were brought nor came by themselves: the cost saved, else costs of kind acquisition over all
             who were not brought), is_earned, account_id.
    Returns: the splits (of the one who recommends); referrals, converted, referrers (customers or accounts who
             recommend), brought (horizon over, margin known) (counts); conversion_rate, conversion_low, conversion_high
             (converted over referrals; 0 to 1); margin_brought, margin_low, margin_high (mean); reward (mean);
             saved_cost (the same in every row); value, value_low, value_high, value_0, value_0_low,
             value_0_high, value_50, value_50_low, value_50_high, value_100, value_100_low, value_100_high (money per
             customer brought; null without any).
    Interval: 95 %, by the one who recommends (or his account): shares as Wilson's, money as Student's. It knows nothing
             of the share that would have come anyway, nor of the error of the cost saved.
    Cautions: recommendations of the last months may still bring somebody. Who is brought is often like the one who
             recommends: his value is no effect of recommending.
    Source:  V. Kumar, J. Petersen and R. Leone, Harvard Business Review 85 (2007) 10, 139-146.
    """
    require_days("horizon", horizon)
    if not 0 <= came_anyway <= 1:
        raise BadSetting(name="came_anyway", value=came_anyway, choices=mark("a share from 0 to 1"))
    referrals = in_period(facts, facts.table("referrals"), "referred_at", since, until)
    split = split_rows(facts, "referral_value", "referrals", referrals, by)
    rows = add_cluster(facts, split.rows, "referrer_id")
    is_converted = rows.referred_id.notnull() & rows.converted_at.notnull()
    counts, sums = sum_groups(
        facts,
        rows,
        split.names,
        {"referrals": ibis.literal(1), "converted": is_converted.ifelse(1, 0)},
        converted=(is_converted.ifelse(1, 0), ibis.literal(1)),
    )
    table = add_columns(counts, {"referrers": sums["converted"].clusters.astype(np.int64)})
    table = add_columns(table, named("conversion_rate", share_interval(sums["converted"]), "conversion"))
    saved = find_saved_cost(facts)
    values, unknown = _value(facts, find_brought(facts, split.rows, horizon), split.names, saved, came_anyway)
    place = {key: number for number, key in enumerate(_keys(values, split.names))}
    chosen = [place.get(key) for key in _keys(table, split.names)]
    figures = {name: values[name].take(chosen) for name in values.column_names if name not in split.names}
    figures["brought"] = np.nan_to_num(column(values.take(chosen), "brought")).astype(np.int64)
    notes = [Note(_NO_MARGIN, {"count": unknown})] if unknown else []
    notes += [Note(NO_COST)] if saved is None else []
    return Figures(add_columns(table, figures), split.names, split.overlaps, tuple(notes))


def _value(facts: Facts, brought: Any, names: Sequence[str], saved: float | None, anyway: float) -> tuple[Any, int]:
    """Per group the figures of those brought, and for how many the margin is not known."""
    rows = add_cluster(facts, brought, "referrer_id")
    known, one = rows.margin.notnull(), rows.margin.notnull().ifelse(1, 0)
    ratios = {"margin": (rows.margin.fill_null(0.0), one), "reward": (known.ifelse(rows.reward, 0.0), one)}
    for name, share in _shares(anyway).items():
        worth = (1 - share) * rows.margin.fill_null(0.0) - known.ifelse(rows.reward, 0.0)
        ratios[name] = (worth, one)  # the cost saved, the same for all, is added to their mean
    found, sums = sum_groups(facts, rows, names, {"brought": one, "unknown": known.ifelse(0, 1)}, **ratios)
    figures: dict[str, Any] = {}
    mean = estimate_ratio(sums["margin"])
    figures |= named("margin_brought", (mean.value, *mean.interval()), "margin")
    figures |= {"reward": estimate_ratio(sums["reward"]).value}
    figures |= {"saved_cost": np.full(len(found), np.nan if saved is None else saved)}
    for name, share in _shares(anyway).items():
        mean = estimate_ratio(sums[name])
        cost = 0.0 if share == 0 else np.nan if saved is None else share * saved
        low, high = mean.interval()
        figures |= named(name, (cost + mean.value, cost + low, cost + high))
    table = add_columns(found.select([*names, "brought"]), figures)
    return table, int(column(found, "unknown").sum())


def _shares(anyway: float) -> dict[str, float]:
    return {"value": anyway, **{f"value_{round(100 * share)}": share for share in SHARES}}


def _keys(table: Any, names: Sequence[str]) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].to_pylist() for name in names), strict=True)) or [()] * len(table)


referral_value = Measure(
    name="referral_value",
    title=mark("Value of recommendations"),
    question=mark("What are the customers worth whom others brought?"),
    compute=compute,
    base="referrals",
    reads=("referrals",),
    uses=(
        *("customers", "orders", "order_lines", "products", "returns", "payments", "contacts", "cases", "costs"),
        "exchange_rates",
    ),
    unit="money",
    headline="value",
    count="brought",
    low="value_low",
    high="value_high",
    good="high",
    chart="level",
    sentence=mark(
        "A customer who was brought is worth {value} (95 %: {value_low} to {value_high}; {brought} brought): {value_0} "
        "if none of them would have come anyway, {value_100} if all would."
    ),
    definition=mark(
        "Margin of the customers whom others brought, as far as they would not have come anyway, and the cost of "
        "winning them that was saved as far as they would, less what the recommendation cost."
    ),
    cautions=(
        mark("How many would have come anyway cannot be seen: look at the three values, not at one."),
        mark("Who is brought is often like the one who recommends; the value is no effect of recommending."),
        mark("Recommendations of the last months may still bring somebody."),
    ),
)
