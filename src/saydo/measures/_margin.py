"""What a customer leaves: every amount that makes a margin, by whom, when, and of which order and product.

    margin = sales - sales_without_cost - returns - cost_of_goods - shipping - cost_to_serve - payment_losses

in the company's currency and without VAT. Discounts are out of the price already. The conventions:

- A cancelled order is no sale: neither it nor its returns and payments count.
- Sales are all lines but shipping: products, gifts (a price of 0 with a cost), fees, trials, rentals, subscriptions.
  A contract counts by the order lines that invoice it, not by itself.
- Shipping is what it cost less what was charged for it (``shipping_charged``, else the order's lines of kind shipping).
- A line costs its own ``unit_cost``, else that of its product. If neither is known, neither is its margin: the line
  stands in ``sales`` and again in ``sales_without_cost``, and so drops out. Fees and shipping need no known cost.
- A return takes back its refund, else what its quantity was sold for. Its goods go back into stock at their cost if it
  says what came back and how many; otherwise their cost is lost. Goods of unknown cost drop out as they came in.
- A payment is lost when it failed (even after it was paid) and no other try of it was paid or is still open, or when it
  is unpaid 90 days after it was due; `saydo.measures._payments` tells what became of it. Its amount, like every amount
  of the facts, is without VAT (which a company that is never paid does not owe either). What the payments of an order
  lose is at most what the order still owes: its sales and shipping charged, less its returns and what was paid. Sales
  that came back are taken off once, as a return. A payment of a contract that names no order is lost whole.
- Contacts about service and cases cost what they say. Messages that offer something or ask for answers are no service
  to the customer: what they cost is marketing, which like overheads is not in a margin. Costs of a month that name no
  customer are not spread over customers.

Every amount counts on the day on which it arose: a return on the day of the return, not of the sale.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from saydo.company import Facts
from saydo.errors import UnknownSplit, nearest
from saydo.facts import ORDER_LINES, TIME
from saydo.language import mark
from saydo.measures._measure import Note, in_period
from saydo.measures._money import add_rate, convert_money, is_mixed
from saydo.measures._payments import judge_payments
from saydo.measures._split import TIME_UNITS, Split, cut_time, split_rows, splits_of

AMOUNTS = (
    "sales",
    "sales_without_cost",
    "returns",
    "cost_of_goods",
    "shipping",
    "cost_to_serve",
    "payment_losses",
)
_OF_LINES = ("sales", "sales_without_cost", "cost_of_goods", "shipping")
UNPAID_DAYS = 90
_NOT_SERVICE = ("offer", "survey")
_WITHOUT_GOODS = ("shipping", "fee")
_KEYS = ("customer_id", "order_id", "product_id", "kind")
_UNKNOWN_CUSTOMER = mark("Orders without a customer: {share} of all. They are left out.")
_UNKNOWN_RETURN = mark(
    "Returns that say neither what was paid back nor how much of what came back: {count}. They count 0."
)


def movements(
    facts: Facts, since: date | None = None, until: date | None = None, *, with_lines: bool = False
) -> ir.Table:
    """One row per event that moves a margin: customer_id?, order_id?, product_id?, kind?, at, `AMOUNTS`.

    ``with_lines`` an order is a row per line, whose ``kind`` and product it names, and one for its shipping; otherwise
    it is a single row. Amounts are float64, null where an event has none of the kind
    (sums skip null several times faster than 0). What has no customer is in it: leave it out of figures per customer.
    """
    rows = facts.once(("movements", with_lines), lambda: _all_movements(facts, with_lines))
    return in_period(facts, facts.keep(rows), "at", since, until)


def net_sales(facts: Facts, since: date | None = None, until: date | None = None) -> ir.Table:
    """The `movements` of sales and returns alone, with ``net``: what was bought and kept."""
    orders = _rated_orders(facts)
    rows = _lines(facts, orders)
    rows = rows.union(_returns(facts, orders)) if facts.has("returns") else rows
    rows = in_period(facts, movements(facts) if facts.is_keeping else rows, "at", since, until)
    rows = rows.filter(rows.sales.notnull() | rows.returns.notnull())
    return rows.mutate(net=rows.sales.coalesce(0.0) - rows.returns.coalesce(0.0))


def service_costs(facts: Facts, since: date | None = None, until: date | None = None) -> ir.Table:
    """The `movements` of contacts and cases alone."""
    return in_period(facts, _contacts(facts).union(_cases(facts)), "at", since, until)


def margin_of(rows: ir.Table) -> ir.FloatingValue:
    """The margin of a row (or of sums) of `AMOUNTS`; null amounts are none."""
    sales, *taken = (rows[name].coalesce(0.0) for name in AMOUNTS)
    for amount in taken:
        sales = sales - amount
    return sales


def sum_margin(rows: ir.Table, *keys: str) -> ir.Table:
    """The sums of `AMOUNTS` per group of `movements`, ``margin`` and ``is_costed``.

    ``is_costed`` is 1 where goods of known cost were sold, 0 where goods but none of known cost, null without goods;
    the margin is null where it is 0.
    """
    sums = rows.aggregate(by=list(keys), **{name: rows[name].sum() for name in AMOUNTS})
    is_costed = ibis.cases((sums.cost_of_goods.notnull(), 1), (sums.sales_without_cost.notnull(), 0))
    known = ibis.ifelse(is_costed == 0, None, margin_of(sums))
    return sums.mutate(**{name: sums[name].coalesce(0.0) for name in AMOUNTS}, is_costed=is_costed, margin=known)


def margin_before(facts: Facts, rows: ir.Table, key: str, at: str, days: int) -> ir.Table:
    """What the customer of each of ``rows`` left in the ``days`` before its time ``at``: ``_key`` (of ``key``),
    ``margin``.

    Rows whose customer moved nothing in those days are not in it; margin is null where no cost is known.
    """
    moments = rows.select(_key=key, _customer="customer_id", _until=at).distinct().view()
    rows = movements(facts)
    is_before = (rows["at"] < moments["_until"]) & (rows["at"] >= moments["_until"] - ibis.interval(days=days))
    return sum_margin(rows.join(moments, (rows.customer_id == moments["_customer"]) & is_before), "_key")


def names_lines(facts: Facts, by: Sequence[str]) -> bool:
    """Does a split name anything but a time and a customer's own columns?"""
    return any(split not in TIME_UNITS and not _customer_column(facts, split) for split in by)


def split_customers(facts: Facts, measure: str, rows: ir.Table, by: Sequence[str]) -> Split:
    """`sum_margin` of ``rows`` (`movements` of known customers) with a row per customer and group of ``by``.

    A customer's own columns are joined to the sums, not to the movements; those of orders and products to the
    movements, where what names no order or product (a contact, shipping) is a group of its own (null). Raises
    `UnknownSplit`.
    """
    columns = {split: _customer_column(facts, split) for split in by}
    times = tuple(split for split in by if split in TIME_UNITS)
    others = [split for split in by if split not in times and not columns[split]]
    _require_carried(facts, measure, others)
    rows = rows.mutate(**{unit: cut_time(facts, rows["at"], unit) for unit in times})
    split = split_rows(facts, measure, "order_lines", rows, others)
    keys = (*times, *split.names)
    names = dict(zip([*times, *others], keys, strict=True))
    names |= {split: f"customers_{name}" if name in keys else name for split, name in columns.items() if name}
    sums = sum_margin(split.rows, "customer_id", *keys)
    own = {names[split]: column for split, column in columns.items() if column and column != "customer_id"}
    if own:
        customers = facts.table("customers").select(_key="customer_id", **own)
        sums = sums.left_join(customers, [("customer_id", "_key")]).drop("_key")
    return Split(sums, tuple(names[split] for split in by), times, split.overlaps)


def _customer_column(facts: Facts, split: str) -> str:
    """The column of customers that ``split`` names; empty if it names none."""
    name = split.removeprefix("customers.")
    return name if name in splits_of(facts, "customers") and name not in TIME_UNITS else ""


def _require_carried(facts: Facts, measure: str, splits: Sequence[str]) -> None:
    """Raise `UnknownSplit` for columns of a line that its movement does not carry (its price, its number)."""
    choices = [name for name in splits_of(facts, "order_lines", "at") if name in _KEYS or name not in ORDER_LINES]
    for split in splits:
        if split.removeprefix("order_lines.") in ORDER_LINES and split.removeprefix("order_lines.") not in _KEYS:
            raise UnknownSplit(measure=measure, split=split, choices=nearest(split, choices))


def sold_orders(facts: Facts) -> ir.Table:
    """Orders that were not cancelled."""
    orders = facts.table("orders")
    return orders.filter(orders.cancelled_at.isnull() & (orders.status != "cancelled"))


def note_unknown_customers(facts: Facts, since: date | None = None, until: date | None = None) -> tuple[Note, ...]:
    """How large a share of the period's orders has no customer and is left out of figures per customer."""
    orders = in_period(facts, sold_orders(facts), "ordered_at", since, until)
    counts = orders.aggregate(unknown=orders.count(where=orders.customer_id.isnull()), orders=orders.count())
    found = facts.run(counts).to_pylist()[0]
    return (Note(_UNKNOWN_CUSTOMER, {"share": found["unknown"] / found["orders"]}),) if found["unknown"] else ()


def note_unknown_returns(facts: Facts, since: date | None = None, until: date | None = None) -> tuple[Note, ...]:
    """How many returns count 0 because their amount cannot be known."""
    rows = in_period(facts, facts.table("returns"), "returned_at", since, until)
    is_unnamed = rows.line.isnull() & rows.product_id.isnull()
    is_unknown = rows.refund.isnull() & (rows.quantity.isnull() | rows.order_id.isnull() | is_unnamed)
    count = facts.run(rows.aggregate(count=rows.count(where=is_unknown)))["count"][0].as_py()
    return (Note(_UNKNOWN_RETURN, {"count": count}),) if count else ()


def _rated_orders(facts: Facts) -> ir.Table:
    orders = sold_orders(facts)
    return add_rate(facts, "orders", orders) if is_mixed(facts, "orders") else orders


def _all_movements(facts: Facts, with_lines: bool) -> ir.Table:
    orders = _rated_orders(facts)
    rows = _lines(facts, orders).union(_shipping(orders)) if with_lines else _whole(facts, orders)
    for table, find in (("returns", _returns), ("payments", _payments), ("contacts", _contacts), ("cases", _cases)):
        rows = rows.union(find(facts, orders)) if facts.has(table) else rows
    return rows


def _lines(facts: Facts, orders: ir.Table) -> ir.Table:
    """The lines of ``orders``, at the order's time."""
    rows = _value_lines(facts, orders, "customer_id", "charged")
    return _movement(rows, **{**{name: rows[name] for name in _OF_LINES}, "shipping": _sent_as_lines(rows)})


def _whole(facts: Facts, orders: ir.Table) -> ir.Table:
    """The lines and the shipping of each order as one row."""
    lines = _value_lines(facts, orders)
    sums = lines.group_by(_order="order_id").aggregate(**{name: lines[name].sum() for name in _OF_LINES})
    rows = orders.rename(at="ordered_at", charged="shipping_charged").left_join(sums, [("order_id", "_order")])
    is_unsent = rows.shipping_cost.isnull() & rows.charged.isnull()
    sent = _sent_as_lines(rows)
    shipping = ibis.ifelse(is_unsent, sent, sent.coalesce(0.0) + _sent(rows))
    rows = _movement(rows, **{**{name: rows[name] for name in _OF_LINES}, "shipping": shipping})
    return rows.filter(ibis.or_(*(rows[name].notnull() for name in _OF_LINES)))  # an order without lines moves nothing


def _value_lines(facts: Facts, orders: ir.Table, *columns: str) -> ir.Table:
    """Order lines with what each adds to `_OF_LINES`, and these ``columns`` of their order (``at``, ``charged`` ...).

    Lines of other ``orders`` are among them where no column is asked for and no rate depends on the order: summing
    them costs less than a join that tells them apart.
    """
    rows = facts.table("order_lines").select("order_id", "kind", "product_id", "quantity", "unit_price", "unit_cost")
    if columns or _rate_of(orders) or is_mixed(facts, "products"):
        sold = orders.rename(_order="order_id", at="ordered_at", charged="shipping_charged")
        rows = rows.join(sold.select("_order", "at", *columns, *_rate_of(sold)), [("order_id", "_order")])
    amount = _convert(_number(rows.quantity) * _number(rows.unit_price), rows)
    rows = _add_cost(facts, rows.mutate(amount=amount, own_cost=_convert(_number(rows.unit_cost), rows)))
    is_goods, is_shipping = ~rows.kind.isin(_WITHOUT_GOODS), rows.kind == "shipping"
    return rows.mutate(
        sales=ibis.ifelse(is_shipping, None, rows.amount),
        sales_without_cost=ibis.ifelse(is_goods & rows.cost.isnull(), rows.amount, None),
        cost_of_goods=_number(rows.quantity) * rows.cost,
        shipping=ibis.ifelse(is_shipping, -rows.amount, None),
    )


def _sent_as_lines(rows: ir.Table) -> ir.Value:
    """What lines of shipping were charged; the order's own word (``charged``) comes before them."""
    return ibis.ifelse(rows.charged.isnull(), rows.shipping, None)


def _shipping(orders: ir.Table) -> ir.Table:
    rows = orders.rename(at="ordered_at", charged="shipping_charged")
    rows = rows.filter(rows.shipping_cost.notnull() | rows.charged.notnull())
    return _movement(rows, shipping=_sent(rows))


def _sent(orders: ir.Table) -> ir.Value:
    """What shipping cost less what was charged for it."""
    net = _number(orders.shipping_cost).coalesce(0.0) - _number(orders.charged).coalesce(0.0)
    return _convert(net, orders)


def _returns(facts: Facts, orders: ir.Table) -> ir.Table:
    """What returns take back, and their goods, which come back at the cost of the line sold, else of the product."""
    rows = _add_cost(facts, _returned(facts, orders))
    is_named = rows["_return"].notnull() | rows.product_id.notnull()
    is_unknown = is_named & rows.has_goods.coalesce(True) & rows.cost.isnull()
    return _movement(
        rows,
        sales_without_cost=ibis.ifelse(is_unknown, -rows.taken_back, None),
        returns=rows.taken_back,
        cost_of_goods=-(_number(rows.quantity) * rows.cost),
    )


def _returned(facts: Facts, orders: ir.Table) -> ir.Table:
    """Returns of sold orders and of no order at all, with ``taken_back``: the refund, else what it was sold for."""
    returns = convert_money(facts, "returns", facts.table("returns"), ["refund"]).rename(at="returned_at")
    sold = orders.select(_order="order_id", _customer="customer_id", **{name: name for name in _rate_of(orders)})
    rows = returns.left_join(sold, [("order_id", "_order")])
    rows = rows.filter(rows.order_id.isnull() | rows["_order"].notnull()).select(
        *("return_id", "order_id", "line", "at", "quantity", "refund", *_rate_of(orders)),
        customer_id=rows["_customer"].coalesce(rows.customer_id),
        own_product="product_id",
    )
    lines = _returned_lines(facts, rows).rename(_return="return_id")
    rows = rows.left_join(lines, [("return_id", "_return")])
    known = {"product_id": rows.own_product.coalesce(rows.product_id), "own_cost": _convert(rows.unit_cost, rows)}
    price = _convert(rows.unit_price, rows)
    return rows.mutate(**known, taken_back=_number(rows.refund).coalesce(_number(rows.quantity) * price))


def _returned_lines(facts: Facts, returns: ir.Table) -> ir.Table:
    """Per return that names its order: price and cost (order's currency), product and kind of what came back.

    That is its line; without a line, the mean of the order's lines with its product (``own_product``).
    """
    returns = returns.select("return_id", _order="order_id", _line="line", _product="own_product")
    lines = facts.table("order_lines").select("order_id", "line", "kind", "product_id", "unit_price", "unit_cost")
    is_same = (lines.line == returns["_line"]) | (returns["_line"].isnull() & (lines.product_id == returns["_product"]))
    sold = lines.join(returns, (lines.order_id == returns["_order"]) & is_same)
    return sold.group_by("return_id").aggregate(
        unit_price=_number(sold.unit_price).mean(),
        unit_cost=_number(sold.unit_cost).mean(),
        product_id=sold.product_id.max(),
        has_goods=(~sold.kind.isin(_WITHOUT_GOODS)).any(),
    )


def _payments(facts: Facts, orders: ir.Table) -> ir.Table:
    """Payments lost, of sold orders and of contracts."""
    judged = judge_payments(facts, _unsettled(facts))
    is_failed, unpaid = judged.state == "failed", ibis.interval(days=UNPAID_DAYS)
    is_overdue = (judged.state == "overdue") & (judged.placed_at + unpaid < ibis.literal(facts.as_of))
    at = ibis.ifelse(is_failed, judged.failed_at, judged.placed_at + unpaid)
    lost = judged.mutate(at=at).filter(is_failed | is_overdue).select("order_id", "contract_id", "amount", "at")
    of_orders = _cap_losses(facts, lost.filter(lost.order_id.notnull()), orders, judged)
    rows = _movement(of_orders, payment_losses=of_orders.amount)
    if not facts.has("contracts"):
        return rows
    contracts = facts.table("contracts")
    holders = contracts.select(_contract="contract_id", customer_id="customer_id", product_id="product_id")
    of_contracts = lost.filter(lost.order_id.isnull()).join(holders, [("contract_id", "_contract")])
    return rows.union(_movement(of_contracts, payment_losses=of_contracts.amount))


def _unsettled(facts: Facts) -> ir.Table:
    """All payments of orders and contracts of which one is not paid, or failed: few, so that only these are judged."""
    rows = facts.table("payments").mutate(_parent=lambda table: table.order_id.coalesce(table.contract_id))
    unsettled = rows.filter(rows.paid_at.isnull() | rows.failed_at.notnull()).select(_open="_parent").distinct()
    return rows.semi_join(unsettled, [("_parent", "_open")]).drop("_parent")


def _cap_losses(facts: Facts, lost: ir.Table, orders: ir.Table, judged: ir.Table) -> ir.Table:
    """Lost payments of sold orders with ``customer_id``, cut in proportion to what their order still owes."""
    total = lost.amount.sum().over(ibis.window(group_by="order_id"))
    sold = orders.semi_join(lost.select(_lost="order_id").distinct(), [("order_id", "_lost")])
    buyers = sold.select(_order="order_id", customer_id="customer_id")
    rows = lost.mutate(total=total).join(buyers, [("order_id", "_order")])
    rows = rows.drop("_order").left_join(_owed(facts, sold, judged), [("order_id", "_order")])
    left = ibis.greatest(rows.owed.coalesce(0.0), 0.0)
    return rows.mutate(amount=rows.amount * ibis.least(left / rows.total, 1.0))


def _owed(facts: Facts, orders: ir.Table, judged: ir.Table) -> ir.Table:
    """What each of these ``orders`` (``_order``) still owes: sold and charged, less what came back and was paid."""
    sold = orders.select(_order="order_id", charged="shipping_charged", **{name: name for name in _rate_of(orders)})
    lines = facts.table("order_lines").select("order_id", "kind", "quantity", "unit_price")
    lines = lines.join(sold, [("order_id", "_order")])
    is_charged_apart = (lines.kind == "shipping") & lines.charged.notnull()
    price = _convert(_number(lines.quantity) * _number(lines.unit_price), lines)
    back = _returned(facts, orders).filter(lambda table: table.order_id.notnull())
    paid = judged.filter(judged.is_paid).semi_join(sold, [("order_id", "_order")])
    parts = (
        lines.select(_order="order_id", owed=ibis.ifelse(is_charged_apart, 0.0, price)),
        sold.select(_order="_order", owed=_convert(_number(sold.charged), sold)),
        back.select(_order="order_id", owed=-back.taken_back),
        paid.select(_order="order_id", owed=-paid.amount),
    )
    rows = ibis.union(*parts)
    return rows.group_by("_order").aggregate(owed=rows.owed.sum())


def service_contacts(facts: Facts) -> ir.Table:
    """Contacts about service (or nobody knows what), their cost in the company's currency: no offers and no surveys."""
    rows = facts.table("contacts")
    rows = rows.filter(rows.purpose.isnull() | rows.purpose.notin(_NOT_SERVICE))
    return convert_money(facts, "contacts", rows, ["cost"])


def _contacts(facts: Facts, _: ir.Table | None = None) -> ir.Table:
    return _serve(service_contacts(facts))


def _cases(facts: Facts, _: ir.Table | None = None) -> ir.Table:
    return _serve(convert_money(facts, "cases", facts.table("cases"), ["cost"]).rename(at="opened_at"))


def _serve(rows: ir.Table) -> ir.Table:
    rows = rows.filter(rows.cost.notnull())
    return _movement(rows, cost_to_serve=_number(rows.cost))


def _movement(rows: ir.Table, **given: ir.Value) -> ir.Table:
    """``rows`` in the shape of `movements`: keys that they lack are null, as are amounts that are not given."""
    keys = {name: rows[name] if name in rows.columns else ibis.null("string") for name in _KEYS}
    amounts = {name: given.get(name, ibis.null("float64")) for name in AMOUNTS}
    return rows.select(**keys, at=rows["at"].cast(TIME), **amounts)


def _add_cost(facts: Facts, rows: ir.Table) -> ir.Table:
    """``rows`` (product_id, own_cost, at) with ``cost``: of one piece, its own, else that of its product."""
    products = facts.table("products").select(_key="product_id", product_cost="unit_cost", currency="currency")
    joined = rows.drop(*_rate_of(rows)).left_join(products, [("product_id", "_key")]).drop("_key")
    joined = joined.mutate(product_cost=ibis.ifelse(joined.own_cost.isnull(), joined.product_cost, None))
    priced = convert_money(facts, "products", joined, ["product_cost"], at="at")
    return priced.mutate(cost=priced.own_cost.coalesce(_number(priced.product_cost)))


def _rate_of(rows: ir.Table) -> tuple[str, ...]:
    """The column that holds the rate into the company's currency, if it has met others."""
    return ("rate",) if "rate" in rows.columns else ()


def _convert(amount: ir.Value, rows: ir.Table) -> ir.Value:
    return amount * rows.rate if _rate_of(rows) else amount


def _number(value: ir.Value) -> ir.Value:
    """As float64: sums of products of decimals take three times as long, and 15 digits hold every cent of them."""
    return value.cast("float64")
