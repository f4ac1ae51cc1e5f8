"""Lifetime value: how many customers are still with us, and what they will leave within a horizon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import BadSetting
from saydo.language import mark
from saydo.measures._histories import find_histories, read_histories, run_histories, split_histories
from saydo.measures._lifetime import (
    DRAWS,
    USABLE,
    choose_model,
    customer_margins,
    customer_values,
    daily_rate,
    find_credibility,
    fit_once,
    note_bounds,
)
from saydo.measures._margin import note_unknown_customers
from saydo.measures._measure import Figures, Measure, Note, add_columns, column
from saydo.measures._sample import take_some
from saydo.stats.arrays import Array, divide
from saydo.stats.credibility import Credibility
from saydo.stats.lifetimes import Fit, Histories

MOST_DRAWN = 20_000  # distinct histories in which is looked at what another draw of the parameters changes
FEWEST_DRAWN = 500  # of each group
_LONG = mark(
    "The horizon of {horizon} days is longer than the {seen} days that were seen: the rest of it is extrapolated."
)
_CUSTOMER = (("customer_id",), ("customers.customer_id",))
_LOSS = mark("A purchase leaves a loss on average: more purchases mean less value.")


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    horizon: int = 365,
    discount: float = 0.1,
    model: Literal["best", "mbg_nbd", "pareto_nbd"] = "best",
    each: Literal["group", "customer"] = "group",
) -> Figures:
    """Margin to expect of today's customers within ``horizon`` days, each purchase discounted to today.

    value = sum over customers of P(alive) x discounted purchases if alive x margin of a purchase. Purchases come from a
    model of repeat purchases (``model``: the MBG/NBD, unless the Pareto/NBD foretold better; see `repurchase_model`),
    fitted to all customers together. The BG/NBD is not among them, because it calls all who bought once alive for
    ever. ``discount`` is a rate per year. The margin of a purchase is the customer's own (sales less returns, cost of
    goods, shipping, cost to serve and payments lost, over all purchases so far), drawn towards that of all by as much
    as purchases of one customer differ: (k m + S) / (k + n), the best linear guess, which bears losses. Purchases of
    one local day are one. ``each=customer`` (or ``by=customer_id``) gives one row per customer, and takes no splits.

    Reads:   orders (cancelled ones are no purchase; customer_id null: left out, their share is said), order_lines,
             products, returns, payments, contacts, cases, exchange_rates, as `margin` does (customers of unknown cost
             count with the margin of all; where that of more than half the sales is unknown, nothing is said); what the
             splits need, taken at the first purchase.
    Returns: the splits; customers (count); alive_share, alive_low, alive_high (0 to 1: expected to be still with us);
             expected_purchases, purchases_low, purchases_high (of all of them within the horizon; not discounted);
             expected_margin, margin_low, margin_high (money, discounted); value_per_customer, value_low, value_high
             (money: expected_margin over customers). With ``each=customer``: customer_id; purchases (so far); p_alive;
             expected_purchases, purchases_low, purchases_high; margin_per_purchase; expected_margin (discounted),
             expected_margin_low, expected_margin_high (money).
    Interval: 95 %, of what is expected: draws of the model's parameters and of the margin per purchase out of their
             uncertainty, evaluated on distinct histories (of more than 20,000, on every second, third ...). What
             happens will scatter around it by chance, the more the smaller the group. With ``each=customer`` they are
             predictive: 95 % of such customers make so many purchases, whose margin is that of so many purchases at
             the customer's expected one. Of a company with 200,000 customers or more, 50,000 drawn at random (whole
             accounts) tell which model to take and what a purchase leaves on average.
    Cautions: it is what past behaviour leads to expect if nothing changes: no season, no price, no competitor. Margins
             are before overheads, and are taken to be independent of how often people buy. It counts customers who
             bought already, not those still to be won.
    Source:  Fader, Hardie and Lee 2005, Journal of Marketing Research 42(4) (lifetime value as margin x discounted
             expected purchases); Batislam, Denizel and Filiztekin 2007; Bühlmann and Straub 1970 (credibility).
    """
    if tuple(by) in _CUSTOMER:
        by, each = (), "customer"
    _check(horizon, discount, by, each)
    some, sampled = take_some(facts)
    chosen = choose_model(some, USABLE if model == "best" else (model,))
    rows = find_histories(facts)
    found = run_histories(facts, rows)
    notes = chosen.notes + (sampled or note_unknown_customers(facts)) + _note_horizon(found, horizon)
    if each == "customer":
        values = customer_values(facts, horizon=horizon, discount=discount, chosen=chosen)
        return Figures(values, ("customer_id",), False, notes)
    fitted, credibility = fit_once(facts, read_histories(found), chosen.model), find_credibility(some)
    split = split_histories(facts, "lifetime_value", rows, by)
    margins = customer_margins(facts).rename(_customer="customer_id")
    joined = split.rows.left_join(margins, [("customer_id", "_customer")])
    sums = {"costed": joined.margin.count(), "margin": joined.margin.sum().coalesce(0.0)}
    groups = run_histories(facts, joined, *split.names, **sums)
    notes += note_bounds(fitted) + ((Note(_LOSS),) if credibility.mean < 0 else ())
    figures = _add_up(groups, split.names, fitted, credibility, (horizon, discount))
    return Figures(figures, split.names, split.overlaps, notes)


def _check(horizon: int, discount: float, by: Sequence[str], each: str) -> None:
    if horizon < 1:
        raise BadSetting(name="horizon", value=horizon, choices=mark("a number of days from 1 on"))
    if not 0 <= discount < 10:
        raise BadSetting(name="discount", value=discount, choices=mark("a rate per year from 0 on: 0.1 for 10 %"))
    if by and each == "customer":
        raise BadSetting(name="each", value=each, choices=mark("group, where there is a split"))


def _note_horizon(found: pa.Table, horizon: int) -> tuple[Note, ...]:
    seen = int(np.max(column(found, "age_days"), initial=0.0))
    return (Note(_LONG, {"horizon": horizon, "seen": seen}),) if horizon > seen else ()


@dataclass(frozen=True, eq=False)
class _Rows:
    """Distinct histories with their groups, the customers of known margin, its sum, and what discounting leaves."""

    histories: Histories
    groups: npt.NDArray[np.intp]
    costed: Array
    margin: Array
    kept: Array

    def at(self, chosen: npt.NDArray[np.bool_]) -> _Rows:
        """The ``chosen`` rows."""
        costed, margin, kept = (one[chosen] for one in (self.costed, self.margin, self.kept))
        return _Rows(self.histories.at(chosen), self.groups[chosen], costed, margin, kept)

    def add_up(self, fitted: Fit, credibility: Credibility, horizon: int) -> Array:
        """The customers alive, their purchases and what these leave, of each group: of shape (3, groups)."""
        n, end = self.histories.count, self.histories.at_end
        here = fitted.alive(self.histories)  # the dear part, once
        coming = here * fitted.expected_if_alive(end.repeats, end.times, horizon)[end.places]
        own = _purchase_margins(self.histories, self.costed, self.margin, credibility)
        figures = (here * n, coming * n, coming * self.kept * own)
        return np.stack([np.bincount(self.groups, np.nan_to_num(figure)) for figure in figures])


def _add_up(
    found: pa.Table, names: Sequence[str], fitted: Fit, credibility: Credibility, until: tuple[int, float]
) -> pa.Table:
    """The sums of each group, with their ends over draws of all parameters; ``until`` is horizon and discount.

    What a draw changes is looked at in some rows of a group that has very many.
    """
    horizon, discount = until
    keys = list(zip(*(found[name].to_pylist() for name in names), strict=True)) or [()] * found.num_rows
    starts = [place for place, key in enumerate(keys) if not place or key != keys[place - 1]]
    groups = np.repeat(np.arange(len(starts)), np.diff([*starts, len(keys)]))
    histories = read_histories(found)
    expected = fitted.expected(histories, horizon)
    kept = divide(fitted.expected(histories, horizon, daily_rate(discount)), expected)  # by discounting, of each row
    rows = _Rows(histories, groups, column(found, "costed"), column(found, "margin"), kept)
    sums, customers = rows.add_up(fitted, credibility, horizon), np.bincount(groups, histories.count)
    some = rows.at(_pick(groups))
    usual = some.add_up(fitted, credibility, horizon)
    weight = customers / np.bincount(some.groups, some.histories.count)
    chance = np.random.default_rng(1)
    fits, means = fitted.drawn(DRAWS, chance), chance.normal(credibility.mean, credibility.se, DRAWS)
    draws = zip(fits, means, strict=True)
    moved = [some.add_up(one, replace(credibility, mean=mean), horizon) - usual for one, mean in draws]
    drawn = sums + np.stack(moved) * weight
    table = pa.table({name: found[name].take(starts) for name in names} | {"customers": customers.astype(np.int64)})
    alive, bought, left = np.concatenate([sums[None], drawn]).swapaxes(0, 1)
    alive = np.minimum(alive, customers)  # which a part that stands for the whole may pass by a hair
    figures = {"alive_share": alive / customers, "expected_purchases": bought, "expected_margin": left}
    for name, values in (figures | {"value_per_customer": left / customers}).items():
        ends = np.quantile(values[1:], [0.025, 0.975], axis=0)
        low, high = np.where(fitted.is_vague.any(), np.nan, ends)
        table = add_columns(table, {name: values[0], f"{_STEMS[name]}_low": low, f"{_STEMS[name]}_high": high})
    return table


def _pick(groups: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """All rows of small groups; of large ones every second, third ..., so that all groups have MOST_DRAWN or few more.

    Rows of a group lie in the order of their histories, so that those picked are spread over all kinds of them.
    """
    sizes = np.bincount(groups)
    step = np.ceil(sizes / max(MOST_DRAWN // len(sizes), FEWEST_DRAWN)).astype(np.int64)
    place = np.arange(len(groups)) - np.concatenate([[0], np.cumsum(sizes)[:-1]])[groups]
    return np.asarray(place % step[groups] == 0)


_STEMS = {
    "alive_share": "alive",
    "expected_purchases": "purchases",
    "expected_margin": "margin",
    "value_per_customer": "value",
}


def _purchase_margins(histories: Histories, costed: Array, margin: Array, credibility: Credibility) -> Array:
    """The sum over a row's customers of the margin that a purchase of each will leave."""
    mean, weight = credibility.mean, credibility.weight
    unknown = (histories.count - costed) * mean
    if np.isinf(weight):
        return np.asarray(unknown + costed * mean)
    return np.asarray(unknown + (costed * weight * mean + margin) / (weight + histories.repeats + 1))


lifetime_value = Measure(
    name="lifetime_value",
    title=mark("Lifetime value"),
    question=mark("How many customers are still with us, and what will they leave?"),
    compute=compute,
    base="orders",
    reads=("orders", "order_lines"),
    uses=("customers", "products", "returns", "payments", "contacts", "cases", "exchange_rates"),
    unit="money",
    headline="value_per_customer",
    count="customers",
    low="value_low",
    high="value_high",
    good="high",
    bound=mark("one row per distinct history and group, with its count and the sum of its margins; or per customer"),
    sentence=mark(
        "Of {customers} customers {alive_share} are expected to be still with us; within the horizon they make "
        "{expected_purchases} purchases and leave {expected_margin}, {value_per_customer} each "
        "(95 %: {value_low} to {value_high})."
    ),
    definition=mark(
        "The margin to expect of today's customers within the horizon: the chance that each is still with us, times "
        "the purchases to come, discounted, times what a purchase of theirs leaves."
    ),
    cautions=(
        mark("It is what past behaviour leads to expect if nothing changes: no season, no price, no competitor."),
        mark("Margins are before overheads, and are taken to be independent of how often people buy."),
        mark("It counts customers who bought already, not those still to be won."),
    ),
)
