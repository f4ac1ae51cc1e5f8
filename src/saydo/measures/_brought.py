"""Who brought whom, and what those who were brought are worth to the company.

A recommendation brought a customer if it says who came and when (``referred_id``, ``converted_at``), and that person
had not bought before it was made. Who was recommended by several counts for the first of them. The horizon starts at
the conversion, or at the first purchase if that came before it. What it is worth depends on how many of those brought
would have come anyway, which nobody can see without an experiment, so it is a share s that is stated:

    value = (1 - s) * margin within the horizon + s * cost of acquisition saved - what this recommendation cost

The cost saved is that of winning a customer who neither came by recommendation nor by himself; what the recommendation
cost (the reward) is the acquisition cost of the person brought.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from saydo.company import Facts
from saydo.measures._horizons import follow
from saydo.measures._money import convert_money
from saydo.measures._purchases import find_purchases


def find_brought(facts: Facts, referrals: ir.Table, days: int) -> ir.Table:
    """Those of ``referrals`` (with all their columns) that brought somebody ``days`` ago or earlier, with ``margin``
    (of the horizon; null if not known) and ``reward`` (0 if not known).
    """
    rows = _credit_first(facts, referrals)
    purchases = find_purchases(facts)
    firsts = purchases.group_by(_buyer="customer_id").aggregate(_first=purchases.ordered_at.min())
    joined = rows.left_join(firsts, [("referred_id", "_buyer")])
    joined = joined.filter(joined["_first"].isnull() | (joined["_first"] >= joined.referred_at))
    start = ibis.least(joined.converted_at, joined["_first"].coalesce(joined.converted_at))
    events = joined.select(
        event=joined.referral_id,
        customer_id=joined.referred_id,
        at=start - ibis.interval(seconds=1),  # what was bought at that very moment counts
    )
    followed = follow(facts, events, days, ["margin_after"])
    rewards = _acquisition_costs(facts).select(_key="customer_id", _reward="cost")
    followed = followed.left_join(rewards, [("customer_id", "_key")])
    found = followed.select(_event="event", margin=followed.margin_after, reward=followed["_reward"].coalesce(0.0))
    back = referrals.inner_join(found, [("referral_id", "_event")])
    return back.drop("_event")


def find_saved_cost(facts: Facts) -> float | None:
    """The mean cost of winning a customer who neither came by recommendation nor by himself; null if not known.

    It is their own acquisition cost where that is known, else what acquisition cost in all over the customers who were
    not brought.
    """
    brought = _brought_ones(facts)
    costs = _acquisition_costs(facts).anti_join(brought.view(), [("customer_id", "referred_id")])
    paid = costs.filter(~costs.is_earned.coalesce(False))
    mean = facts.run(paid.aggregate(mean=paid.cost.mean()))["mean"][0].as_py()
    if mean is not None:
        return float(mean)
    spent = convert_money(facts, "costs", facts.table("costs"), ["amount"], at="month")
    spent = spent.filter(spent.kind == "acquisition")
    total = facts.run(spent.aggregate(total=spent.amount.cast("float64").sum()))["total"][0].as_py()
    buyers = find_purchases(facts).select("customer_id").distinct()
    others = buyers.anti_join(brought.view(), [("customer_id", "referred_id")])
    count = facts.run(others.aggregate(count=others.count()))["count"][0].as_py()
    return float(total) / count if total is not None and count else None


def _credit_first(facts: Facts, referrals: ir.Table) -> ir.Table:
    """Those of ``referrals`` that brought somebody and were the first to do so; of the same instant, the first key."""
    every = facts.table("referrals")
    every = every.filter(every.referred_id.notnull() & every.converted_at.notnull())
    turn = ibis.row_number().over(ibis.window(group_by="referred_id", order_by=[every.referred_at, every.referral_id]))
    turns = every.mutate(turn=turn)
    first = turns.filter(turns.turn == 0).select(_first="referral_id")
    return referrals.semi_join(first, [("referral_id", "_first")])


def _brought_ones(facts: Facts) -> ir.Table:
    rows = facts.table("referrals")
    return rows.filter(rows.referred_id.notnull() & rows.converted_at.notnull()).select("referred_id").distinct()


def _acquisition_costs(facts: Facts) -> ir.Table:
    """Every customer with ``cost`` (company's currency, float64; null if not known) and is_earned."""
    customers = convert_money(facts, "customers", facts.table("customers"), ["acquisition_cost"], at="first_seen_at")
    return customers.select("customer_id", "is_earned", cost=customers.acquisition_cost.cast("float64"))
