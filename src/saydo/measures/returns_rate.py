"""Returns: how much of what was sold came back, seen from the orders that it was sold in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saydo.company import Facts
from saydo.errors import BadSetting
from saydo.language import mark
from saydo.measures._clusters import add_cluster, named, share_interval, sum_groups
from saydo.measures._measure import Figures, Measure, Note, add_columns, column, in_period
from saydo.measures._money import convert_money
from saydo.measures._split import split_rows
from saydo.stats.arrays import divide
from saydo.stats.ratios import ClusterSums

_YOUNG = mark("Orders left out because they are younger than {days} days, so more may come back: {count}.")
_MEASURED = {"lines": "return", "quantity": "quantity", "value": "value"}  # what is counted: the rate that it makes
_UNLINKED_COLUMNS = ("unlinked_returns", "unlinked_quantity")
_UNLINKED = mark("Returns that name no order: {count} of {all}. They are in the rate of totals only.")


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    within_days: int = 60,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """Lines of which something came back over lines sold, of the orders placed in the period.

    Each order is given the same time: only returns within ``within_days`` of the order count, and only orders that
    are that old; 0 takes every order and every return so far, which makes the last weeks look better than they are.
    A line is sold if it is goods (kind product, quantity above 0, price not below) of an order that was not
    cancelled. A return stands for the line that it names, else for the lines of its product in its order, else for
    all lines of its order, over which it is spread by quantity. Returns without an order cannot be laid at a sale:
    the rate of totals sets them, by the day they came back, beside what was sold in the same time.

    Reads:   order_lines, orders (cancelled_at, status), returns (quantity null: all of it came back; refund null:
             the price charged; order_id null: unlinked); customers.account_id where there is one; exchange_rates.
    Returns: the splits; sold_lines, returned_lines (counts); return_rate with return_low, return_high (0 to 1, of
             lines); sold_quantity, returned_quantity (units; of a line never more than were sold), quantity_rate with
             quantity_low, quantity_high (0 to 1); sold_value, returned_value (the company's currency, without VAT;
             never more than was charged), value_rate with value_low, value_high (0 to 1); unlinked_returns (count),
             unlinked_quantity (units), clusters (how many customers or accounts with equally many lines would tell as
             much: the interval of return_rate has one degree of freedom less), totals_rate = (returned_quantity +
             unlinked_quantity) / sold_quantity (0 or more). Rates are null where nothing was sold; what came back and
             its rates are null when no return names its order.
    Interval: Wilson, 95 %, on the effective number of lines, units or money: lines of one customer (or account;
             without one, of one order) come back together. totals_rate has none: sales and returns in it are not of
             the same orders.
    Cautions: an unknown share of what people dislike is never sent back. By product, returns that name neither line
             nor product are spread over everything in the order. Splits of unlinked returns know their product and
             time only.
    Source:  Wilson 1927; Korn and Graubard 1998 (effective number).
    """
    if within_days < 0:
        raise BadSetting(name="within_days", value=within_days, choices=mark("0 or more"))
    sold = _with_returns(facts, _sold_lines(facts, since, until, within_days), within_days)
    rows = sold.union(_unlinked(facts, sold, since, until, within_days))
    rows = add_cluster(facts, rows, "_customer", "order_id")
    split = split_rows(facts, "returns_rate", "order_lines", rows, by, at="ordered_at")
    pairs = {what: (split.rows[f"_back_{what}"], split.rows[f"_{what}"]) for what in _MEASURED}
    totals = {name: split.rows[f"_{name}"] for name in _UNLINKED_COLUMNS}
    squares = {f"squares_{what}": split.rows[f"_{what}"].pow(2) for what in ("quantity", "value")}
    groups, sums = sum_groups(facts, split.rows, split.names, totals | squares, **pairs)
    notes, has_links = _notes(facts, since, until, within_days)
    return Figures(_figures(groups, split.names, sums, has_links), split.names, split.overlaps, notes)


def _goods(facts: Facts) -> ir.Table:
    lines = facts.table("order_lines")
    return lines.filter((lines.kind == "product") & (lines.quantity > 0) & (lines.unit_price >= 0))


def _sold_lines(facts: Facts, since: date | None, until: date | None, within_days: int) -> ir.Table:
    """Lines of goods sold in the period with ``ordered_at``, ``_customer`` and what they count for."""
    lines, orders = _goods(facts), facts.table("orders")
    orders = orders.filter(orders.cancelled_at.isnull() & (orders.status != "cancelled"))
    orders = _old_enough(facts, in_period(facts, orders, "ordered_at", since, until), "ordered_at", within_days)
    orders = orders.select(_order="order_id", ordered_at="ordered_at", _customer="customer_id")
    joined = lines.join(orders, lines.order_id == orders["_order"]).drop("_order")
    priced = convert_money(facts, "order_lines", joined, ["unit_price"])
    quantity = priced.quantity.cast("float64")
    return priced.mutate(_lines=1.0, _quantity=quantity, _value=priced.unit_price.cast("float64") * quantity)


def _old_enough(facts: Facts, rows: ir.Table, at: str, within_days: int) -> ir.Table:
    return rows.filter(rows[at] < facts.as_of - timedelta(days=within_days)) if within_days else rows


def _with_returns(facts: Facts, sold: ir.Table, within_days: int) -> ir.Table:
    """``sold`` with what of each line came back: ``_back_lines`` (1 if anything), ``_back_quantity``,
    ``_back_value``.
    """
    back = _returned_lines(facts, within_days)
    joined = sold.left_join(back, (sold.order_id == back["_of"]) & (sold.line == back["_on"]))
    value = back["_refund"] + back["_unpriced"] * sold.unit_price.cast("float64")
    return joined.select(
        sold,
        _back_lines=(back["_back"].coalesce(0.0) > 0).cast("float64"),
        _back_quantity=ibis.least(back["_back"].coalesce(0.0), sold["_quantity"]),
        _back_value=ibis.least(value.coalesce(0.0), sold["_value"]),
        _unlinked_returns=ibis.literal(0, type="int64"),
        _unlinked_quantity=ibis.literal(0.0),
    )


def _returned_lines(facts: Facts, within_days: int) -> ir.Table:
    """Per line (``_of``, ``_on``) the quantity that came back, the refund, and the quantity without a known refund.

    Each return is spread over the lines that it stands for. Both joins keep the few returns in memory, not the
    orders.
    """
    returns = facts.table("returns")
    returns = convert_money(facts, "returns", returns.filter(returns.order_id.notnull()), ["refund"])
    orders = facts.table("orders").select(_order="order_id", ordered_at="ordered_at")
    returns = orders.join(returns, orders["_order"] == returns.order_id).select(returns, ordered_at=orders.ordered_at)
    if within_days:
        returns = returns.filter(returns.returned_at < returns.ordered_at + ibis.interval(days=within_days))
    lines = _goods(facts)
    is_named = ibis.cases(
        (returns.line.notnull(), returns.line == lines.line),
        (returns.product_id.notnull(), returns.product_id == lines.product_id),
        else_=True,
    )
    pairs = lines.join(returns, (lines.order_id == returns.order_id) & is_named).select(
        _of=lines.order_id,
        _on=lines.line,
        return_id=returns.return_id,
        sold=lines.quantity.cast("float64"),
        quantity=returns.quantity.cast("float64"),
        refund=returns.refund.cast("float64"),
    )
    share = pairs.sold / pairs.sold.sum().over(ibis.window(group_by="return_id"))
    pairs = pairs.mutate(back=(pairs.quantity * share).coalesce(pairs.sold), refund=pairs.refund * share)
    return pairs.group_by("_of", "_on").aggregate(
        _back=pairs.back.sum(),
        _refund=pairs.refund.sum().coalesce(0.0),
        _unpriced=pairs.back.sum(where=pairs.refund.isnull()).coalesce(0.0),
    )


def _unlinked(facts: Facts, sold: ir.Table, since: date | None, until: date | None, within_days: int) -> ir.Table:
    """Returns without an order as rows like those of ``sold``, which sell nothing: the same splits apply to both."""
    returns = facts.table("returns")
    returns = in_period(facts, returns.filter(returns.order_id.isnull()), "returned_at", since, until)
    returns = _old_enough(facts, returns, "returned_at", within_days)
    known = {
        "product_id": returns.product_id,
        "kind": ibis.literal("product"),
        "ordered_at": returns.returned_at,
        "_unlinked_returns": ibis.literal(1, type="int64"),
        "_unlinked_quantity": returns.quantity.cast("float64").coalesce(1.0),
    }
    nothing = {name: ibis.literal(0.0) for what in _MEASURED for name in (f"_{what}", f"_back_{what}")}
    blank = {name: ibis.null(type) for name, type in sold.schema().items()}
    return returns.select(**(blank | nothing | known)).select(*sold.columns)


def _figures(groups: pa.Table, names: Sequence[str], sums: dict[str, ClusterSums], has_links: bool) -> pa.Table:
    """Sold, returned and their ratio: lines, quantity, value, then totals; all hold the same groups in the same
    order.
    """
    rows = groups.select(list(names))
    for what, rate in _MEASURED.items():
        sold = sums[what].m
        equal = None if what == "lines" else divide(sold**2, column(groups, f"squares_{what}"))
        interval = share_interval(sums[what], equal)
        back = sums[what].c
        if not has_links:  # then what came back of these orders is not known to be nothing
            back = np.full(len(sold), np.nan)
            interval = (back,) * 3
        rows = add_columns(rows, {f"sold_{what}": sold, f"returned_{what}": back})
        rows = add_columns(rows, named(f"{rate}_rate", interval, rate))
    for name in ("sold_lines", "returned_lines"):  # counts
        rows = rows.set_column(rows.column_names.index(name), name, pc.cast(rows[name], pa.int64()))
    rows = add_columns(rows, {name: groups[name] for name in _UNLINKED_COLUMNS})
    back = sums["quantity"].c + column(groups, "unlinked_quantity")
    rows = add_columns(rows, {"totals_rate": divide(back, sums["quantity"].m)})
    rows = add_columns(rows, {"clusters": sums["lines"].effective_clusters})
    return rows.filter((pc.field("sold_lines") > 0) | (pc.field("unlinked_returns") > 0))


def _notes(facts: Facts, since: date | None, until: date | None, within_days: int) -> tuple[tuple[Note, ...], bool]:
    """What is not in the rates, and whether any return can be laid at its sale."""
    returns = facts.table("returns")
    counts = returns.aggregate(all=returns.count(), unlinked=returns.count(where=returns.order_id.isnull()))
    found = facts.run(counts).to_pylist()[0]
    notes = [Note(_UNLINKED, {"count": found["unlinked"], "all": found["all"]})] if found["unlinked"] else []
    if within_days:
        orders = in_period(facts, facts.table("orders"), "ordered_at", since, until)
        is_young = orders.ordered_at >= facts.as_of - timedelta(days=within_days)
        young = facts.run(orders.aggregate(count=orders.count(where=is_young)))["count"][0].as_py()
        notes += [Note(_YOUNG, {"count": young, "days": within_days})] if young else []
    return tuple(notes), found["all"] > found["unlinked"] or not found["all"]


returns_rate = Measure(
    name="returns_rate",
    title=mark("Returns"),
    question=mark("How much of what we sell comes back?"),
    compute=compute,
    base="order_lines",
    at="ordered_at",
    reads=("order_lines", "orders", "returns"),
    uses=("products", "customers", "exchange_rates"),
    unit="share",
    headline="return_rate",
    count="sold_lines",
    low="return_low",
    high="return_high",
    good="low",
    chart="rate",
    sentence=mark(
        "{returned_lines} of {sold_lines} lines sold came back: {return_rate} (95 %: {return_low} to {return_high})."
    ),
    definition=mark(
        "Share of the lines sold of which something came back; of the orders placed in the period, each given the "
        "same time."
    ),
    cautions=(
        mark("Orders that are too young for all of their returns are left out."),
        mark("What people dislike and keep is not in it."),
        mark("Returns that name no order cannot be laid at a sale: only the rate of totals knows them."),
    ),
)
