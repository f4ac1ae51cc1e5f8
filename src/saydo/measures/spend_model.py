"""The model of spending: what a repeat purchase brings, and how far customers differ in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import NoSpread, TooFewRepeats
from saydo.language import mark
from saydo.measures._histories import find_histories, group_rows, last_day, split_histories
from saydo.measures._margin import net_sales, note_unknown_customers
from saydo.measures._measure import Figures, Measure, Note, column
from saydo.stats.arrays import Array
from saydo.stats.estimates import Sums, estimate_mean
from saydo.stats.spend import FEWEST, NAMES, Spending, correlate, fit_spend

BIN = 0.01  # of the log of a customer's mean: equal to seven digits, and a bounded number of rows
WARN = 0.3
_NOT_FITTED = mark(
    "Groups in which too few bought again, or all spend alike: {count}. They have no model, and the plain mean instead."
)
_ALIKE = mark(
    "What customers spend on a purchase differs no more between them than chance makes it: there is nothing to model, "
    "and the mean is the best guess for everybody."
)
_FREE = mark("Customers whose repeat purchases brought nothing or less: {count}. The model knows only amounts above 0.")
_TIED = mark(
    "How much people spend goes with how often they buy (correlation {correlation}): the model takes the two for "
    "independent, and misses that."
)
_COUNTS = ("customers", "left_out", "distinct_rows")
_COLUMNS = (
    *("mean_spend", "spend_low", "spend_high", "correlation", "correlation_low", "correlation_high"),
    *(f"{name}{end}" for name in NAMES for end in ("", "_low", "_high", "_se")),
    "log_likelihood",
)


def compute(facts: Facts, by: Sequence[str] = (), *, calibrate_until: date | None = None) -> Figures:
    """What a repeat purchase brings: the Gamma-Gamma model, by maximum likelihood.

    Each purchase of a customer is gamma around his own mean, and these means differ by an inverse gamma; so the mean of
    a few purchases is drawn towards that of all. E(M) = p v / (q - 1). It is fitted to the mean of each customer's
    repeat purchases (all of one local day are one; the first is left out). ``calibrate_until`` takes the purchases
    before that day alone.

    Reads:   orders (cancelled ones are no purchase; customer_id null: left out, their share is said), order_lines
             (sales without VAT and shipping, before returns), exchange_rates; what the splits need, taken at the first
             purchase.
    Returns: the splits; customers (with repeat purchases above 0), left_out (with such of 0 or less), distinct_rows
             (counts); mean_spend, spend_low, spend_high (E(M), the company's currency; null if q is not above 1: then
             the mean is not known; without a model the mean of the customers' means); correlation, correlation_low,
             correlation_high (of the number of purchases with their mean; -1 to 1); p, p_low, p_high, q, q_low,
             q_high, v, v_low, v_high and their standard errors p_se, q_se, v_se (v is money); log_likelihood. The
             model is null in groups of fewer than 10 customers, and where they differ by no more than chance: there q
             and v would grow without end.
    Interval: 95 %, parameters from the curvature of the likelihood by their logs, mean_spend from draws of them
             (Student without a model); Fisher's z for the correlation.
    Cautions: it takes what people spend for independent of how often they buy: a correlation above 0.3 in size is
             said. It looks at sales, not at margins (see `lifetime_value`), and knows no amounts of 0 or less.
             Customers with as many purchases whose means differ by less than 1 % are one row, with the sums of their
             means, squares and logs: on CDNOW that moves p, q and v by less than one part in a million.
    Source:  Fader and Hardie 2013, The Gamma-Gamma model of monetary value (CDNOW: p 6.25, q 3.74, v 15.44); Colombo
             and Jiang 1999.
    """
    rows = _spending(facts, calibrate_until)
    split = split_histories(facts, "spend_model", rows, by)
    found = _run(facts, split.rows, split.names)
    customers = sum(column(found, "count"), 0)
    if not split.names and customers < FEWEST:
        everybody = facts.run(find_histories(facts, calibrate_until).count().name("count").as_table())["count"][
            0
        ].as_py()
        raise TooFewRepeats(customers=everybody, returned=int(customers), least=FEWEST)
    records = [{**key, **_describe(group)} for key, group in group_rows(found, split.names)]
    types = {name: found.schema.field(name).type for name in split.names}
    types |= {name: pa.int64() for name in _COUNTS} | {name: pa.float64() for name in _COLUMNS}
    table = pa.table(
        {name: pa.array([one[name] for one in records], kind, from_pandas=True) for name, kind in types.items()}
    )
    return Figures(table, split.names, split.overlaps, note_unknown_customers(facts) + _notes(records))


def _spending(facts: Facts, until: date | None) -> ir.Table:
    """Customers who bought again: customer_id, first_on, repeats, and spend, the sum of their repeat purchases."""
    customers = find_histories(facts, until)
    customers = customers.filter(customers.repeats > 0).select("customer_id", "first_on", "repeats")
    sold = net_sales(facts)
    sold = sold.filter(sold.customer_id.notnull() & sold.sales.notnull())
    sold = sold.select(_customer="customer_id", day=facts.local(sold["at"]).date(), sales="sales")
    end = ibis.literal(until or last_day(facts) + timedelta(days=1))
    joined = customers.join(sold, [("customer_id", "_customer")])
    joined = joined.filter((joined.day > joined.first_on) & (joined.day < end))
    return joined.group_by("customer_id", "repeats").aggregate(spend=joined.sales.sum())


def _run(facts: Facts, rows: ir.Table, names: Sequence[str]) -> pa.Table:
    """Customers with as many purchases and nearly the same mean as one row; those without any amount have no bin."""
    rows = rows.mutate(mean=rows.spend / rows.repeats)
    log = ibis.ifelse(rows["mean"] > 0, rows["mean"], None).ln()
    rows = rows.mutate(log=log, bin=(log / BIN).floor())
    keys = [*names, "repeats", "bin"]
    found = facts.run(
        rows.aggregate(
            by=keys,
            count=rows.count(),
            total=rows["mean"].sum(),
            squares=(rows["mean"] * rows["mean"]).sum(),
            logs=rows.log.sum(),
        )
    )
    return found.sort_by([(name, "ascending") for name in keys])


def _describe(group: pa.Table) -> dict[str, Any]:
    is_known = group["bin"].is_valid()
    left_out = int(column(group.filter(group["bin"].is_null()), "count").sum())
    known = group.filter(is_known)
    names = ("repeats", "count", "total", "squares", "logs")
    spending = Spending.of(*(_round(column(known, name)) for name in names))
    counts = {"customers": round(spending.customers), "left_out": left_out, "distinct_rows": known.num_rows}
    figures: dict[str, Any] = dict.fromkeys(_COLUMNS)
    if not spending.customers:
        return {**counts, **figures}
    figures |= _named("correlation", correlate(spending), "correlation")
    try:
        fitted = fit_spend(spending)
    except NoSpread:
        mean = estimate_mean(Sums(spending.customers, spending.total.sum(), spending.squares.sum()))
        return {**counts, **figures, **_named("mean_spend", (mean.value, *mean.interval()), "spend")}
    figures |= _named("mean_spend", (fitted.mean, *fitted.mean_interval()), "spend")
    low, high = fitted.interval()
    for place, name in enumerate(NAMES):
        figures |= _named(name, (fitted.parameters[place], low[place], high[place]), name)
        figures[f"{name}_se"] = fitted.se[place]
    return {**counts, **figures, "log_likelihood": fitted.value}


def _round(sums: Array) -> Array:
    """Sums to ten digits: the last ones hang on the order in which an engine adds up, and a fit would tell of it."""
    with np.errstate(divide="ignore"):
        scale = 10.0 ** (9 - np.floor(np.log10(np.abs(sums))))
    return np.where(np.isfinite(scale), np.round(sums * np.where(np.isfinite(scale), scale, 1.0)) / scale, sums)


def _named(name: str, figure: Sequence[Any], stem: str) -> dict[str, float]:
    return {key: float(one) for key, one in zip((name, f"{stem}_low", f"{stem}_high"), figure, strict=True)}


def _notes(records: Sequence[dict[str, Any]]) -> tuple[Note, ...]:
    notes: tuple[Note, ...] = ()
    if left_out := sum(one["left_out"] for one in records):
        notes += (Note(_FREE, {"count": left_out}),)
    unfitted = sum(one["p"] is None for one in records)
    if unfitted and len(records) == 1:
        notes += (Note(_ALIKE),)
    elif unfitted:
        notes += (Note(_NOT_FITTED, {"count": unfitted}),)
    if len(records) == 1 and abs(records[0]["correlation"] or 0.0) > WARN:
        notes += (Note(_TIED, {"correlation": f"{records[0]['correlation']:.2f}"}),)
    return notes


spend_model = Measure(
    name="spend_model",
    title=mark("Model of spending"),
    question=mark("What does a repeat purchase bring, and how far do customers differ in it?"),
    compute=compute,
    base="orders",
    reads=("orders", "order_lines"),
    uses=("customers", "exchange_rates"),
    unit="money",
    headline="mean_spend",
    count="customers",
    low="spend_low",
    high="spend_high",
    good="high",
    bound=mark(
        "one row per number of repeat purchases and hundredth of the log of their mean, with its count and sums"
    ),
    sentence=mark(
        "A repeat purchase brings {mean_spend} on average (95 %: {spend_low} to {spend_high}), "
        "from {customers} customers who bought again."
    ),
    definition=mark(
        "What a repeat purchase of a customer drawn at random brings, by a model in which people differ in what they "
        "usually spend."
    ),
    cautions=(
        mark("It takes what people spend for independent of how often they buy."),
        mark("It looks at sales before returns and costs, not at margins."),
    ),
)
