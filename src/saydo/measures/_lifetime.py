"""Which model of repeat purchases to take for a company, and what it says of every customer.

The choice is made by what happened: models are fitted to the first part of the history and judged by the chances that
they gave to what each customer bought in the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import NoFit, NothingToMeasure
from saydo.language import mark
from saydo.measures._histories import KEYS, find_histories, last_day, read_histories, run_histories
from saydo.measures._margin import movements, sum_margin
from saydo.measures._measure import Note, add_columns, column
from saydo.measures._purchases import find_purchases
from saydo.measures._sample import take_some
from saydo.stats.credibility import Credibility, CredibilitySums
from saydo.stats.lifetimes import MODELS, Fit, Histories, Model, choose, fit

TITLES = {"bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD", "pareto_nbd": "Pareto/NBD"}
USABLE = ("mbg_nbd", "pareto_nbd")  # the BG/NBD calls everyone who bought once alive for ever
ENOUGH = 100  # customers who came back before, and purchases after, for a choice by what happened
DRAWS = 200
MOST_UNCOSTED = 0.5  # of the sales: where the cost of more is unknown, what is known of the others stands for nobody
_KEPT = mark(
    "The model is the {model}: fitted to the purchases before {day}, no other foretold those from then on better by "
    "more than chance."
)
_AHEAD = mark(
    "The model is the {model}: fitted to the purchases before {day}, it foretold those from then on best, by more than "
    "chance."
)
_TOO_SHORT = mark("The model is the {model}, which fits best; there are too few purchases to hold some of them out.")
_AT_END = mark(
    "{parameter} has run to the end of its range, and has no interval: customers hardly differ in it, or are too few."
)
_VAGUE = mark(
    "{parameter} can hardly be told: too few customers came back so far. What hangs on it has no interval, and its "
    "value is not to be trusted."
)
_NO_COST = mark("the cost of nothing that was sold is known; add unit_cost to order_lines or products")
_LITTLE_COST = mark(
    "the cost of most of what was sold is unknown, so nobody can say what customers leave; add unit_cost to "
    "order_lines or products"
)


@dataclass(frozen=True)
class Chosen:
    """The model to take, and why in words."""

    model: Model
    notes: tuple[Note, ...]


def choose_model(facts: Facts, names: Sequence[str], until: date | None = None) -> Chosen:
    """The first of the models, unless another foretold purchases from ``until`` on better by more than chance.

    Without ``until`` the last quarter of the days is held out; where that leaves too little, the model that fits best
    is taken. Raises `NoFit` and `TooFewRepeats` when none can be fitted.
    """
    if len(names) == 1:
        return Chosen(MODELS[names[0]], ())
    end = until or hold_out_from(facts)
    found = run_histories(facts, find_histories(facts, end), "coming")
    histories, coming = read_histories(found), column(found, "coming")
    days = (last_day(facts) - end).days + 1
    if days < 1 or min(histories.returned, float(coming @ histories.count)) < ENOUGH:
        whole = read_histories(run_histories(facts, find_histories(facts)))
        best = max(fit_all(facts, whole, names), key=lambda one: one.log_likelihood)
        return Chosen(best.model, (Note(_TOO_SHORT, {"model": TITLES[best.model.name]}),))
    fits = fit_all(facts, histories, names, end)
    choice = choose(fits, histories, float(days), coming)
    model = fits[choice.place].model
    text = _AHEAD if choice.place else _KEPT
    return Chosen(model, (Note(text, {"model": TITLES[model.name], "day": end}),))


def hold_out_from(facts: Facts) -> date:
    """The first day of the last quarter of the days seen."""
    end, first = last_day(facts), facts.manifest.first
    days = (end - facts.local_day(first)).days + 1 if first else 0
    return end + timedelta(days=1) - timedelta(days=days // 4)


def fit_all(facts: Facts, histories: Histories, names: Sequence[str], until: date | None = None) -> list[Fit]:
    """The models that can be fitted (`fit_once`); raises `NoFit` when none can, `TooFewRepeats` if few came back."""
    fits, failed = [], None
    for name in names:
        try:
            fits.append(fit_once(facts, histories, MODELS[name], until))
        except NoFit as error:
            failed = error
    if failed and not fits:
        raise failed
    return fits


def fit_once(facts: Facts, histories: Histories, model: Model, until: date | None = None) -> Fit:
    """The model of all customers' ``histories`` in days, seen from the end of the day before ``until``.

    It is fitted once, for several figures ask for the same.
    """
    return facts.once(("fit", model.name, until), lambda: fit(histories, model))


def note_bounds(fitted: Fit) -> tuple[Note, ...]:
    """Which parameters have no interval, and why."""
    without = ((_AT_END, fitted.is_bound), (_VAGUE, fitted.is_vague))
    found = [
        (text, name) for text, told in without for name, is_so in zip(fitted.model.names, told, strict=True) if is_so
    ]
    return tuple(Note(text, {"parameter": name}) for text, name in found)


def customer_values(
    facts: Facts, *, horizon: int = 365, discount: float = 0.1, model: str = "best", chosen: Chosen | None = None
) -> ir.Table:
    """One row per customer, on the engine and unrun: what the models expect of each within ``horizon`` days.

    Columns: customer_id; purchases (so far); p_alive (0 to 1); expected_purchases with purchases_low, purchases_high
    (predictive: 95 % of such customers stay within them); margin_per_purchase (the customer's own, drawn to that of
    all); expected_margin (discounted by ``discount`` a year) with expected_margin_low, expected_margin_high (those
    purchases at that margin, undiscounted). Money is the company's currency. ``model`` is one of `USABLE` or best.
    Equal histories are looked at once and joined back. Raises `NoFit`, `TooFewRepeats`, `NothingToMeasure`.
    """
    some, _ = take_some(facts)
    chosen = chosen or choose_model(some, USABLE if model == "best" else (model,))
    rows = find_histories(facts)
    found = run_histories(facts, rows)
    histories = read_histories(found)
    fitted = fit_once(facts, histories, chosen.model)
    values = _look_ahead(fitted, found.select(list(KEYS)), histories, horizon, discount)
    credibility = find_credibility(some)
    told = ibis.memtable(values.rename_columns([f"_{n}" if n in KEYS else n for n in values.column_names]))
    joined = rows.join(told, [(name, f"_{name}") for name in KEYS]).drop(*(f"_{name}" for name in KEYS))
    margins = customer_margins(facts).rename(_customer="customer_id")
    joined = joined.left_join(margins, [("customer_id", "_customer")])
    per_purchase = margin_of_a_purchase(joined, credibility)
    ends = [joined[f"purchases_{end}"] * per_purchase for end in ("low", "high")]
    return joined.select(
        "customer_id",
        purchases=joined.repeats + 1,
        p_alive=joined.p_alive,
        expected_purchases=joined.expected_purchases,
        purchases_low=joined.purchases_low,
        purchases_high=joined.purchases_high,
        margin_per_purchase=per_purchase,
        expected_margin=joined.counted_purchases * per_purchase,
        expected_margin_low=ibis.least(*ends),
        expected_margin_high=ibis.greatest(*ends),
    )


def margin_of_a_purchase(rows: ir.Table, credibility: Credibility) -> ir.FloatingValue:
    """What a purchase of each customer will leave, from ``repeats`` and the ``margin`` so far (null: that of all)."""
    purchases = (rows.repeats + 1).cast("float64")
    own = ibis.ifelse(rows.margin.isnull(), credibility.mean, rows.margin / purchases)
    weight = 0.0 if np.isinf(credibility.weight) else purchases / (purchases + credibility.weight)
    return credibility.mean + weight * (own - credibility.mean)


def _look_ahead(fitted: Fit, keys: pa.Table, histories: Histories, horizon: int, discount: float) -> pa.Table:
    """What is expected of each distinct history; ``counted_purchases`` are discounted."""
    return add_columns(
        keys,
        {
            "p_alive": fitted.alive(histories),
            "expected_purchases": fitted.expected(histories, horizon),
            "counted_purchases": fitted.expected(histories, horizon, daily_rate(discount)),
            "purchases_low": fitted.quantile(histories, horizon, 0.025),
            "purchases_high": fitted.quantile(histories, horizon, 0.975),
        },
    )


def daily_rate(discount: float) -> float:
    """The continuous rate per day of a discount per year."""
    return float(np.log1p(discount) / 365)


def customer_margins(facts: Facts) -> ir.Table:
    """customer_id and margin: all that a customer has left so far; null where no cost of what he bought is known."""
    return _sums_of_customers(facts).select("customer_id", "margin")


def _sums_of_customers(facts: Facts) -> ir.Table:
    rows = movements(facts)
    return sum_margin(rows.filter(rows.customer_id.notnull()), "customer_id")


def find_credibility(facts: Facts) -> Credibility:
    """What a purchase leaves on average, how far purchases of one customer differ in it, and how far customers do.

    The margin of a customer is all of it; that of a purchase is what names its orders (goods, shipping, returns,
    payments, contacts about them), so that costs which name none fall on all purchases of the customer alike. Customers
    of unknown cost are left out. Raises `NothingToMeasure` when no cost is known, or that of less than half the sales.
    """
    histories = find_histories(facts).select("customer_id", "repeats")
    whole = histories.join(_sums_of_customers(facts).rename(_customer="customer_id"), [("customer_id", "_customer")])
    n, own = (whole.repeats + 1).cast("float64"), whole.margin
    is_known = own.notnull()
    sums = whole.aggregate(
        customers=whole.count(where=is_known),
        purchases=n.sum(where=is_known),
        purchases_squared=(n * n).sum(where=is_known),
        margin=own.sum(),
        weighted=(own * own / n).sum(),
        sales=whole.sales.sum(),
        uncosted=whole.sales_without_cost.sum(),
    )
    per = _purchase_margins(facts)
    per = per.group_by("customer_id").aggregate(days=per.count(), made=per.margin.sum(), made2=(per.margin**2).sum())
    spread = per.aggregate(squares=per.made2.sum(), explained=(per.made * per.made / per.days).sum())
    found = {**facts.run(sums).to_pylist()[0], **facts.run(spread).to_pylist()[0]}
    if not found["customers"]:
        raise NothingToMeasure(measure="lifetime_value", reason=_NO_COST)
    if found.pop("uncosted") > MOST_UNCOSTED * found.pop("sales"):
        raise NothingToMeasure(measure="lifetime_value", reason=_LITTLE_COST)
    return Credibility.of(CredibilitySums(**{name: float(value or 0) for name, value in found.items()}))


def _purchase_margins(facts: Facts) -> ir.Table:
    """customer_id, day and margin of each purchase of known cost: what names the orders of that day."""
    rows = movements(facts)
    bought = find_purchases(facts)
    orders = bought.select("customer_id", _order="order_id", day=facts.local(bought.ordered_at).date())
    named = sum_margin(rows.filter(rows.customer_id.notnull() & rows.order_id.notnull()), "order_id")
    joined = orders.join(named.filter(named.margin.notnull()), [("_order", "order_id")])
    return joined.group_by("customer_id", "day").aggregate(margin=joined.margin.sum())
