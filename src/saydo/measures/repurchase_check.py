"""Does the model of repeat purchases hold? What it foretold, against what customers bought after it was fitted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import BadSetting
from saydo.language import mark
from saydo.measures._histories import find_histories, last_day, read_histories, run_histories, split_histories
from saydo.measures._lifetime import DRAWS, choose_model, fit_once, hold_out_from
from saydo.measures._margin import note_unknown_customers
from saydo.measures._measure import Figures, Measure, Note, column
from saydo.measures._purchases import find_purchases
from saydo.measures._sample import take_some
from saydo.measures._split import cut_time
from saydo.measures.repurchase_model import ModelName
from saydo.stats.arrays import Array, as_arrays, divide, find_quantile
from saydo.stats.lifetimes import MODELS, Fit, Histories, require_repeats

MOST = 7  # repeat purchases from which on customers stand together
_SMALL = 1e-6  # purchases: terms of a sum below it are left out
_HELD_OUT = mark("Fitted to the purchases before {day}; what is compared are those from then on, until {end}.")
_OUTSIDE = mark("Rows in which what happened lies outside the range expected: {count} of {rows} (one in 20 by chance).")


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    model: ModelName = "best",
    calibrate_until: date | None = None,
    each: Literal["frequency", "week"] = "frequency",
) -> Figures:
    """Purchases expected by a model that was fitted to earlier ones, beside those that were made.

    The model (``model``, as in `repurchase_model`) is fitted to the purchases before ``calibrate_until`` (the first
    three quarters of the days, if not said) and asked what the same customers will buy from then on.
    ``each=frequency`` puts together customers with as many repeat purchases before that day; ``each=week`` follows all
    of them week by week (from Monday), before and after it.

    Reads:   orders (cancelled ones are no purchase; customer_id null: left out, their share is said); what the splits
             need, taken at the first purchase. The model is fitted to all customers together.
    Returns: the splits; repeats (purchases after the first, before that day; 7 stands for 7 and more) or week (its
             Monday); customers (who had bought before that day; in weeks: by the end of the week); purchases,
             expected_purchases, expected_low, expected_high (counts; in weeks: repeat purchases of that week; ends are
             null where the parameters are so uncertain that anything could be);
             purchases_per_customer, expected_per_customer; with ``each=week`` is_held_out.
    Interval: the range in which 95 % of such numbers lie if the model is true: chance, and the uncertainty of its
             parameters. What was bought is counted, and has none.
             Of a company with 200,000 customers or more, 50,000 drawn at random (whole accounts) stand for all.
    Cautions: a model can be right on average and wrong in every group; a season shows in the weeks and in no model.
             Weeks in part before or after what is looked at hold fewer purchases.
    Source:  Fader, Hardie and Lee 2005, Marketing Science 24(2), figures 2 to 4 (weekly tracking, and conditional
             expectations by the number of earlier purchases).
    """
    facts, sampled = take_some(facts)
    until, end = calibrate_until or hold_out_from(facts), last_day(facts)
    days, rows = (end - until).days + 1, find_histories(facts, until)
    found = read_histories(run_histories(facts, rows))
    require_repeats(found)
    if days < 1:
        raise BadSetting(name="calibrate_until", value=until, choices=mark("a day before the last one seen"))
    chosen = choose_model(facts, tuple(MODELS) if model == "best" else (model,), until)
    fitted = fit_once(facts, found, chosen.model, until)
    split = split_histories(facts, "repurchase_check", rows, by)
    if each == "week":
        table, own = _follow(facts, split.rows, split.names, fitted, until), "week"
    else:
        found = run_histories(facts, split.rows, *split.names, bought=split.rows.coming.sum())
        table, own = _compare(found, split.names, fitted, days), "repeats"
    outside = (column(table, "purchases") < column(table, "expected_low")) | (
        column(table, "purchases") > column(table, "expected_high")
    )
    notes = (Note(_HELD_OUT, {"day": until, "end": end}), *chosen.notes, *note_unknown_customers(facts))
    notes += (Note(_OUTSIDE, {"count": int(outside.sum()), "rows": len(outside)}), *sampled)
    return Figures(table, (*split.names, own), split.overlaps, notes)


def _compare(found: pa.Table, names: Sequence[str], fitted: Fit, days: int) -> pa.Table:
    """Customers with as many repeat purchases: what they bought later, and what was expected."""
    histories = read_histories(found)
    most = np.minimum(histories.repeats, MOST).astype(np.int64)
    keys = list(zip(*(found[name].to_pylist() for name in names), most.tolist(), strict=True))
    groups, place = _number(keys)
    expected, variance = fitted.expected(histories, days), _variances(fitted, histories, days)
    drawn = [one.expected(histories, days) for one in fitted.drawn(DRAWS, np.random.default_rng(1))]
    with np.errstate(over="ignore"):  # parameters that nothing holds can foretell anything
        spread = np.var([np.bincount(place, one * histories.count) for one in drawn], axis=0)
    customers, purchases = np.bincount(place, histories.count), np.bincount(place, column(found, "bought"))
    sums = {"customers": customers.astype(np.int64), "purchases": purchases.astype(np.int64)}
    expected = np.asarray(np.bincount(place, expected * histories.count), dtype=np.float64)
    spread = spread + np.bincount(place, variance * histories.count)
    columns = {name: [group[number] for group in groups] for number, name in enumerate((*names, "repeats"))}
    types = [found.schema.field(name).type for name in names] + [pa.int64()]
    kept = {name: pa.array(values, kind) for (name, values), kind in zip(columns.items(), types, strict=True)}
    return pa.table({**kept, **sums, **_expect(customers, purchases, expected, spread)})


def _number(keys: list[tuple[object, ...]]) -> tuple[list[tuple[object, ...]], npt.NDArray[np.int64]]:
    """The distinct keys in their first order, and the place of each among them."""
    place = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return list(place), np.array([place[key] for key in keys], dtype=np.int64)


def _variances(fitted: Fit, histories: Histories, days: int) -> Array:
    """The variance of the purchases of each row's customers: E N^2 = sum of (2k - 1) P(N >= k)."""
    expected = fitted.expected(histories, days)
    end, alive = histories.at_end, fitted.alive(histories)
    square, going, least = np.zeros_like(end.times), np.arange(len(end.times)), 1
    while len(going):
        x, age, ahead, k = as_arrays(end.repeats[going], end.times[going], days, least)
        step = fitted.model.exceeds(fitted.parameters, x, age, ahead, k)
        square[going] += (2 * least - 1) * step
        going = going[step * (2 * least + 1) > _SMALL]  # the rest of the sum adds nothing that is seen
        least += 1
    return np.asarray(np.maximum(alive * square[end.places] - expected**2, 0))


def _expect(customers: npt.ArrayLike, purchases: npt.ArrayLike, expected: Array, variance: Array) -> dict[str, Array]:
    reach = find_quantile(0.95) * np.sqrt(np.where(np.isfinite(variance), variance, np.nan))
    return {
        "expected_purchases": expected,
        "expected_low": np.maximum(expected - reach, 0),
        "expected_high": expected + reach,
        "purchases_per_customer": divide(purchases, customers),
        "expected_per_customer": divide(expected, customers),
    }


def _follow(facts: Facts, rows: ir.Table, names: Sequence[str], fitted: Fit, until: date) -> pa.Table:
    """Week by week, the repeat purchases of these customers and those expected of them."""
    purchases = find_purchases(facts)
    days = purchases.select(_customer="customer_id", day=facts.local(purchases.ordered_at).date()).distinct()
    bought = rows.select(*names, "customer_id", "first_on").join(days, [("customer_id", "_customer")])
    bought = bought.filter(bought.day > bought.first_on)
    weeks = bought.mutate(week=cut_time(facts, bought.day, "week"))
    made = facts.run(weeks.group_by([*names, "week"]).aggregate(purchases=weeks.count()))
    firsts = facts.run(rows.group_by([*names, "first_on"]).aggregate(count=rows.count()))
    end = last_day(facts)
    start = min(firsts["first_on"].to_pylist())
    monday = start - timedelta(days=start.weekday())
    starts = [monday + timedelta(days=7 * number) for number in range((end - monday).days // 7 + 1)]
    grown = [_grow(one, (end - start).days) for one in [fitted, *fitted.drawn(DRAWS, np.random.default_rng(1))]]
    groups = list(dict.fromkeys(zip(*(firsts[name].to_pylist() for name in names), strict=True))) or [()]
    curves = (np.array(grown), end)
    table = pa.concat_tables(_weeks(made, firsts, dict(zip(names, key, strict=True)), starts, curves) for key in groups)
    return table.append_column("is_held_out", pa.array([week >= until for week in table["week"].to_pylist()]))


def _grow(fitted: Fit, days: int) -> Array:
    """The repeat purchases to expect of a customer by each day after the first purchase, the day included."""
    return fitted.expected_since_first(np.arange(days + 1, dtype=np.float64))


def _weeks(
    made: pa.Table, firsts: pa.Table, key: dict[str, object], starts: list[date], grown: tuple[Array, date]
) -> pa.Table:
    """The weeks of one group."""
    curves, end = grown
    here = [all(row[name] == value for name, value in key.items()) for row in firsts.to_pylist()]
    first = np.array(firsts["first_on"].to_pylist(), dtype="datetime64[D]")[here]
    count = column(firsts, "count")[here]
    bounds = np.array([*starts, end + timedelta(days=1)], dtype="datetime64[D]")
    age = (bounds[:, None] - np.timedelta64(1, "D") - first).astype(np.int64)
    sums = np.stack([np.where(age >= 0, curve[np.clip(age, 0, None)], 0.0) @ count for curve in curves])
    expected = np.diff(sums, axis=1)
    happened = {
        row["week"]: row["purchases"]
        for row in made.to_pylist()
        if all(row[name] == value for name, value in key.items())
    }
    purchases = np.array([happened.get(week, 0) for week in starts])
    customers = ((age[1:] >= 0) @ count).astype(np.int64)
    kept = {name: pa.array([value] * len(starts), firsts.schema.field(name).type) for name, value in key.items()}
    figures = _expect(customers, purchases, expected[0], expected[1:].var(axis=0) + expected[0])
    return pa.table({**kept, "week": starts, "customers": customers, "purchases": purchases, **figures})


repurchase_check = Measure(
    name="repurchase_check",
    title=mark("Purchases foretold and made"),
    question=mark("Does the model of repeat purchases foretell what customers then buy?"),
    compute=compute,
    base="orders",
    reads=("orders",),
    uses=("customers",),
    unit="count",
    headline="expected_purchases",
    count="customers",
    low="expected_low",
    high="expected_high",
    good="neither",
    bound=mark("one row per distinct history and group, or per day of first purchases, with its count"),
    sentence=mark(
        "{customers} customers with {repeats} repeat purchases made {purchases} more; "
        "{expected_purchases} were expected (95 %: {expected_low} to {expected_high})."
    ),
    definition=mark(
        "A model fitted to the purchases before a day is asked what the same customers will buy from then on; what "
        "they bought stands beside it."
    ),
    cautions=(
        mark("A model can be right on average and wrong in every group."),
        mark("A season shows in the weeks, and in no model."),
    ),
)
