"""What winning a customer costs, by the way they came, how soon it is paid back, and what keeping one costs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import BadSetting
from saydo.language import mark, translate
from saydo.measures._clusters import run_groups
from saydo.measures._margin import movements, note_unknown_customers, service_costs, sold_orders, sum_margin
from saydo.measures._measure import Figures, Measure, Note, add_columns, column, in_period
from saydo.measures._money import convert_money
from saydo.measures._split import TIME_UNITS, Split, cut_time, split_rows
from saydo.stats.arrays import divide

Numbers = npt.NDArray[np.float64]
MONTH_DAYS = 30
_YEAR_DAYS = 365.25
_FIRST_YEAR = 12
_MOST_MONTHS = 1_200
_LONG_UNITS = ("month", "quarter", "year")  # costs are known by month
_IN_VAIN = mark("Channels that cost money in the period and brought no new customer: {channels}.")
_PARTLY = mark("New customers whose cost is known: {share} of all. The others may cost more or less.")
_UNKNOWN = mark("unknown")
_MONTHS = mark("a number of months from 1 to 1,200")


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    months: int = 24,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """Cost per new customer by channel, the months until their margin has paid it back, and the cost of keeping one.

    A new customer is one whose first purchase ever lies in the period. Each costs the own ``acquisition_cost``, else
    the channel's costs of the period spread evenly over all its new customers (over those of the same month, quarter or
    year when split by one). Payback is the first month (of 30 days since the first purchase) by which the mean margin
    per customer, added up month by month, reaches the cost; each month is the mean of those who have lived through all
    of it. ``months`` (1 to 1,200) is how far that looks.

    Reads:   orders (first purchase; cancelled ones are none), customers.acquired_via (null: unknown), acquisition_cost
             (null: that of the channel); costs (kind acquisition; channel null goes with unknown; kind service); what
             makes the margin (`saydo.measures._margin`); contacts.cost (of service) and cases.cost.
    Returns: the splits; acquired_via; new_customers, costed_customers (whose cost is known) (counts); acquisition_costs
             (of those), cost_per_customer, margin_first_year (mean margin per customer in the first 12 months of 30
             days; null until somebody has lived through them, and where no cost of goods is known) (money);
             payback_months (1 is within the first month, 0 costs nothing; null if not reached or not known);
             keeping_cost (the same in every row: contacts, cases and costs of kind service of the period over the sum
             of the active customers of each of its years of 365.25 days; money; null when none of these is known).
    Interval: none: it is what happened to them.
    Cautions: cost_per_customer is that of the costed_customers alone: where these are few of the new ones it may say
             little of the others. A channel gets the whole credit, though people often meet several. Later months rest
             on the customers won early. Costs that arise before the purchase count in the month in which they were
             paid, and customers won before the first order on file look new.
    Source:  Gupta and Lehmann 2005, Managing Customers as Investments (cost of acquisition against margin over time).
    """
    if not 1 <= months <= _MOST_MONTHS:
        raise BadSetting(name="months", value=months, choices=_MONTHS)
    new = _find_new(facts, by, since, until)
    rows = _add_cost(facts, new, since, until)
    names = new.names
    groups = run_groups(
        facts,
        rows,
        names,
        new_customers=rows.count(),
        costed_customers=rows.cost.count(),
        acquisition_costs=rows.cost.sum(),
    )
    groups = add_columns(
        groups, {"cost_per_customer": divide(column(groups, "acquisition_costs"), column(groups, "costed_customers"))}
    )
    figures = add_columns(groups, _pay_back(facts, new, groups, months))
    keeping = _keeping_cost(facts, since, until)
    figures = add_columns(figures, {"keeping_cost": np.full(len(figures), keeping)})
    notes = (
        note_unknown_customers(facts, since, until) + _note_partly(groups) + _note_in_vain(facts, groups, since, until)
    )
    return Figures(figures, names, new.overlaps, notes)


def _find_new(facts: Facts, by: Sequence[str], since: date | None, until: date | None) -> Split:
    """New customers with their groups, the channel last: customer_id, first_at, own_cost, channel (never null)."""
    if short := [unit for unit in by if unit in TIME_UNITS and unit not in _LONG_UNITS]:
        raise BadSetting(name="by", value=short, choices=_LONG_UNITS)
    splits = by if {"acquired_via", "customers.acquired_via"} & set(by) else (*by, "acquired_via")
    orders = sold_orders(facts)
    firsts = orders.filter(orders.customer_id.notnull()).group_by("customer_id")
    firsts = in_period(facts, firsts.aggregate(first_at=orders.ordered_at.min()), "first_at", since, until)
    customers = convert_money(facts, "customers", facts.table("customers"), ["acquisition_cost"])
    rows = firsts.left_join(customers.rename(_key="customer_id"), [("customer_id", "_key")]).drop("_key")
    split = split_rows(facts, "acquisition", "customers", rows, splits, at="first_at")
    own = {"own_cost": split.rows.acquisition_cost.cast("float64"), "channel": split.rows.acquired_via.coalesce("")}
    names = [name for name in split.names if name != "customer_id"]
    return Split(split.rows.select("customer_id", "first_at", *names, **own), split.names, split.times, split.overlaps)


def _spent(facts: Facts, kind: str, since: date | None, until: date | None) -> ir.Table:
    """Costs of a kind in the company's currency, of the months that begin in the period: month, channel, amount."""
    costs = facts.table("costs").filter(lambda table: table.kind == kind)
    costs = costs if since is None else costs.filter(costs.month >= since)
    costs = costs if until is None else costs.filter(costs.month < until)
    costs = convert_money(facts, "costs", costs, ["amount"])
    return costs.select("month", channel=costs.channel.coalesce(""), amount=costs.amount.cast("float64"))


def _add_cost(facts: Facts, new: Split, since: date | None, until: date | None) -> ir.Table:
    """New customers with ``cost``: their own, else their channel's per new customer; null when neither is known."""
    spent = _spent(facts, "acquisition", since, until)
    spent = spent.mutate(**{unit: cut_time(facts, spent.month, unit) for unit in new.times})
    keys = ["channel", *new.times]
    sums = spent.group_by(keys).aggregate(amount=spent.amount.sum())
    heads = new.rows.group_by(keys).aggregate(heads=new.rows.count())
    rates = heads.join(sums, keys).select(**{f"_{key}": key for key in keys}, rate=sums.amount / heads.heads).view()
    rows = new.rows.left_join(rates, [(key, f"_{key}") for key in keys])
    return rows.select(new.rows, cost=rows.own_cost.coalesce(rows.rate))


def _pay_back(facts: Facts, new: Split, groups: pa.Table, months: int) -> dict[str, Any]:
    """Months until the cost is back, and the first year's margin per customer; nan where they are not known."""
    horizon = max(months, _FIRST_YEAR)
    per_month, names = _live(facts, new.rows, horizon), (*new.names, "age")
    left = facts.run(sum_margin(per_month, *names).rename(value="margin"))
    lived = new.rows.mutate(age=_months_lived(facts, new.rows, horizon))
    ended = run_groups(facts, lived, names, value=lived.count())
    alive = np.cumsum(_matrix(groups, ended, new.names, horizon + 1)[:, ::-1], axis=1)[:, ::-1][:, 1:]
    made = np.cumsum(divide(_matrix(groups, left, new.names, horizon), alive), axis=1)
    cost = column(groups, "cost_per_customer")
    is_back = made[:, :months] >= cost[:, None]
    paid = np.where(is_back.any(axis=1), is_back.argmax(axis=1) + 1.0, np.nan)
    paid = pa.array(np.where(cost == 0, 0.0, paid), pa.int64(), from_pandas=True)
    return {"margin_first_year": made[:, _FIRST_YEAR - 1], "payback_months": paid}


def _live(facts: Facts, new: ir.Table, horizon: int) -> ir.Table:
    """What moved the margins of new customers, with the ``age`` in months, of months that they have lived through."""
    moved = movements(facts).drop("order_id", "product_id", "kind").rename(_who="customer_id", _at="at")
    rows = new.join(moved, [("customer_id", "_who")])
    rows = rows.filter(rows["_at"] >= rows.first_at)
    rows = rows.mutate(age=_months_between(rows.first_at, rows["_at"]), lived=_months_lived(facts, rows, horizon))
    return rows.filter(rows.age < rows.lived)


def _months_lived(facts: Facts, rows: ir.Table, horizon: int) -> ir.Value:
    return ibis.least(_months_between(rows.first_at, ibis.literal(facts.as_of)), horizon)


def _months_between(start: ir.Value, end: ir.Value) -> ir.Value:
    """Whole months of 30 days between two times, the later one second."""
    return (end.epoch_seconds() - start.epoch_seconds()) // (MONTH_DAYS * 86_400)


def _matrix(groups: pa.Table, found: pa.Table, names: Sequence[str], ages: int) -> Numbers:
    """``value`` of ``found`` by group (a row of ``groups``) and age; 0 where there is none."""
    place = {key: row for row, key in enumerate(_keys(groups, names))}
    values = np.zeros((len(place), ages))
    rows = [place[key] for key in _keys(found, names)]
    values[rows, found["age"].to_numpy()] = column(found, "value")
    return values


def _keys(rows: pa.Table, names: Sequence[str]) -> list[tuple[Any, ...]]:
    return list(zip(*(rows[name].to_pylist() for name in names), strict=True))


def _keeping_cost(facts: Facts, since: date | None, until: date | None) -> float:
    """Service per active customer and year in the period; nan when no cost of it is known."""
    served = service_costs(facts, since, until).filter(lambda table: table.customer_id.notnull())
    spent = _spent(facts, "service", since, until)
    sums = ((served, served.cost_to_serve.sum()), (spent, spent.amount.sum()))
    costs = (facts.run(rows.aggregate(cost=cost)).to_pylist()[0]["cost"] for rows, cost in sums)
    known = [cost for cost in costs if cost is not None]
    years = _active_years(facts, since, until) if known else 0
    return float(sum(known) / years) if years else np.nan


def _active_years(facts: Facts, since: date | None, until: date | None) -> float:
    """Years of active customers: whoever ordered in a year of the period, counted back from its end, is active in it.

    Counted over the whole of several years, those who bought once in any of them would share the costs of all.
    """
    orders = in_period(facts, sold_orders(facts), "ordered_at", since, until)
    first = facts.run(orders.aggregate(first=orders.ordered_at.min()))["first"][0].as_py()
    if first is None:
        return 0.0
    end = min(facts.instant(until), facts.as_of) if until else facts.as_of
    length = (end - (facts.instant(since) if since else first)) / timedelta(days=1)
    # an order at the first instant lies a whole period back: it belongs to its last year
    ago = (ibis.literal(end).epoch_seconds() - orders.ordered_at.epoch_seconds() - 1) // int(_YEAR_DAYS * 86_400)
    rows = orders.mutate(year=ibis.greatest(ago, 0))
    found = facts.run(rows.group_by("year").aggregate(active=rows.customer_id.nunique()))
    return float(
        sum(row["active"] * min(1.0, max(0.0, length / _YEAR_DAYS - row["year"])) for row in found.to_pylist())
    )


def _note_partly(groups: pa.Table) -> tuple[Note, ...]:
    new, costed = (float(column(groups, f"{name}_customers").sum()) for name in ("new", "costed"))
    return (Note(_PARTLY, {"share": costed / new}),) if 0 < costed < new else ()


def _note_in_vain(facts: Facts, groups: pa.Table, since: date | None, until: date | None) -> tuple[Note, ...]:
    spent = _spent(facts, "acquisition", since, until)
    channels = set(facts.run(spent.filter(spent.amount > 0).select("channel").distinct())["channel"].to_pylist())
    won = {channel or "" for channel in groups["acquired_via"].to_pylist()}
    lost = [channel or translate(_UNKNOWN) for channel in sorted(channels - won)]
    return (Note(_IN_VAIN, {"channels": ", ".join(lost)}),) if lost else ()


acquisition = Measure(
    name="acquisition",
    title=mark("What winning a customer costs"),
    question=mark("What does a new customer cost by channel, when is it paid back, and what does keeping one cost?"),
    compute=compute,
    base="customers",
    at="first_at",
    reads=("customers", "orders"),
    uses=(
        *("costs", "order_lines", "products", "returns", "payments", "contracts", "contacts", "cases"),
        "exchange_rates",
    ),
    unit="money",
    headline="cost_per_customer",
    count="new_customers",
    good="low",
    is_worded=True,
    chart="bars",
    bound=mark("one row per group and month since the first purchase"),
    sentence=mark(
        "{acquired_via}: {new_customers} new customers cost {cost_per_customer} each (months until paid back: "
        "{payback_months}); keeping a customer costs {keeping_cost} a year."
    ),
    definition=mark(
        "What was spent to win customers, over the new customers it won; the months until their margin has paid it "
        "back; and what contacts, cases and service cost per active customer and year."
    ),
    cautions=(
        mark("A channel gets the whole credit, though people often meet several before they buy."),
        mark("The later months rest on the customers who were won early."),
        mark("Customers won before the first order on file look new."),
    ),
)
