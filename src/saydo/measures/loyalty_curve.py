"""The loyalty curve: do customers with better experiences buy again, leave more and bring others?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Literal

import ibis
import ibis.expr.types as ir
import numpy as np

from saydo.company import Facts
from saydo.errors import BadSetting, MissingTable, NothingToMeasure
from saydo.language import mark
from saydo.measures._clusters import add_cluster, run_groups
from saydo.measures._commitments import judge_commitments
from saydo.measures._horizons import DAYS_BEFORE, follow
from saydo.measures._matched import FOLLOWED, describe_groups
from saydo.measures._measure import Figures, Measure, Note, add_columns, column
from saydo.measures._said import Occasion, find_answers
from saydo.measures._sample import take_some
from saydo.measures.say_do import require_days, split_events

Experience = Literal["score", "satisfaction", "promises"]
SHOWN = tuple(one for one in FOLLOWED if one.stem in ("bought", "margin", "referrals"))
_NOTHING = mark(
    "nobody's experience is as old as the horizon; a shorter one, or another experience (score, satisfaction, "
    "promises), may do"
)
_ALIKE = mark("Everybody had the same experience, so there is no curve.")
_PARTS = mark("a number of parts from 2 to 20")


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    experience: Experience = "score",
    occasion: Occasion | None = None,
    parts: int = 5,
    horizon: int = 365,
) -> Figures:
    """What customers did in the ``horizon`` days after an experience, from the worst experiences to the best.

    An ``experience`` is one of: ``score``, an answer to the question nps (0 to 10); ``satisfaction``, an answer to the
    question csat, or stars where nobody was asked csat, as a share of its scale (0 to 1); ``promises``, one promise to
    a customer that fell due in the last 365 days, broken (0) or kept (1), as known ``horizon`` days before the report.
    A customer with several of them counts once all the same, in either part by the share of them: as much as if one had
    been drawn. (The share itself is no experience to sort customers by: only who buys often can lie between none and
    all.) Of answers one ``occasion`` counts: relational for the score, after an event for satisfaction, if not said.
    Experiences are sorted and cut into ``parts`` as equal as ties allow: what is alike stays together, so there can be
    fewer parts.

    Reads:   feedback or commitments; orders, order_lines and referrals for what they tell (absent: null);
             customers.account_id where there is one. Who said it or was promised must be known.
    Returns: the splits (columns of customers); part (1 is the worst); experience_from, experience_to, experience_mean;
             events (answers, or customers with such a promise), people (customers or accounts) (counts); bought_rate,
             bought_low, bought_high (0 to 1), margin_mean, margin_low, margin_high (money), referrals_mean,
             referrals_low, referrals_high (per event).
    Interval: 95 %, errors by customer (or account), as in `say_do`; each part by itself.
             Of a company with 200,000 customers or more, 50,000 drawn at random (whole accounts) stand for all.
    Cautions: an association, not an effect: good customers may be served better, and content ones may be other people.
             Differences between the parts of one company say nothing of what a better experience would bring.
    Source:  none: shares and means by quantile.
    """
    require_days("horizon", horizon)
    if not 2 <= parts <= 20:
        raise BadSetting(name="parts", value=parts, choices=_PARTS)
    facts, sampled = take_some(facts)
    events = _find(facts, experience, occasion, horizon)
    split = split_events(facts, "loyalty_curve", events, by)
    rows = follow(facts, split.rows, horizon, [one.column for one in SHOWN])
    rows = add_cluster(facts, _cut(rows, split.names, parts), "customer_id")
    keys, value = [*split.names, "part"], rows.value
    told = describe_groups(facts, rows, keys, SHOWN)
    means = {"experience_from": value.min(), "experience_to": value.max(), "experience_mean": value.mean()}
    table = run_groups(facts, rows, keys, **means)
    table = add_columns(table, {name: told[name] for name in told.column_names if name not in keys})
    if not len(table):
        raise NothingToMeasure(measure="loyalty_curve", reason=_NOTHING)
    is_flat = len(np.unique(column(table, "experience_mean"))) == 1
    return Figures(table, (*split.names, "part"), split.overlaps, (*sampled, *([Note(_ALIKE)] if is_flat else [])))


def _find(facts: Facts, experience: Experience, occasion: Occasion | None, horizon: int) -> ir.Table:
    """The experiences of known customers: event, customer_id, at, value, weight."""
    table = "commitments" if experience == "promises" else "feedback"
    if not facts.has(table):
        raise MissingTable(measure="loyalty_curve", table=table)
    if experience == "score":
        answers, _ = find_answers(facts, occasion or "relational")
        return answers.select("event", "customer_id", "at", "weight", value=answers.score.cast("float64"))
    if experience == "satisfaction":
        return _find_satisfaction(facts, occasion or "event")
    return _find_promises(facts, horizon)


def _find_satisfaction(facts: Facts, occasion: Occasion) -> ir.Table:
    said = facts.table("feedback")
    said = said.filter(said.score.notnull() & said.customer_id.notnull())
    said = said if occasion == "any" else said.filter(said.occasion == occasion)
    csat = said.filter(said.question == "csat")
    has_csat = len(facts.run(csat.select("feedback_id").limit(1))) > 0
    said = csat if has_csat else said.filter(said.question == "stars")
    value = (said.score - said.scale_min) / (said.scale_max - said.scale_min).nullif(0)
    rows = said.select("customer_id", event="feedback_id", at="said_at", value=value.round(6), weight=1.0)
    return rows.filter(rows.value.notnull())


def _find_promises(facts: Facts, horizon: int) -> ir.Table:
    """Of each customer the promises due in the year before the horizon begins, as known then: broken (0), kept (1).

    Each outcome is weighted by its share of the customer's promises, so that who buys often has no more say; how many
    promises there were, which foretells what is bought, then has nothing to do with the part.
    """
    start = facts.as_of - timedelta(days=horizon)
    then = facts.known_before(start.replace(tzinfo=UTC))
    judged = judge_commitments(then)
    due = judged.due_at.coalesce(judged.made_at)
    rows = judged.filter(
        judged.is_due
        & judged.state.isin(["kept", "broken"])
        & judged.customer_id.notnull()
        & (due >= ibis.literal(start - timedelta(days=DAYS_BEFORE)))
        & (due < ibis.literal(start))
    )
    own = ibis.window(group_by="customer_id")
    each = rows.group_by("customer_id", "state").aggregate(promises=rows.count())
    share = each.promises.cast("float64") / each.promises.sum().over(own).cast("float64")
    value = (each.state == "kept").ifelse(1, 0).cast("float64")  # Spark would take 1.0 for a decimal
    at = ibis.literal(start - timedelta(seconds=1)).cast("timestamp(6)")  # its horizon is over just now
    event = each.state + " " + each.customer_id
    return each.select("customer_id", event=event, at=at, value=value, weight=share)


def _cut(rows: ir.Table, names: Sequence[str], parts: int) -> ir.Table:
    """``rows`` with ``part``: equal parts of each group by their values, alike ones together, numbered without gaps."""
    size = rows.count().over(ibis.window(group_by=list(names)))
    below = ibis.rank().over(ibis.window(group_by=list(names), order_by=rows.value))
    same = rows.count().over(ibis.window(group_by=[*names, "value"]))
    middle = below + (same - 1) / 2  # the middle of those alike decides where they go
    cut = rows.mutate(_part=(parts * middle / size).floor())
    number = ibis.dense_rank().over(ibis.window(group_by=list(names), order_by=cut["_part"]))
    return cut.mutate(part=(1 + number).cast("int64")).drop("_part")


loyalty_curve = Measure(
    name="loyalty_curve",
    title=mark("Loyalty curve"),
    question=mark("Do customers with better experiences buy again, leave more and bring others?"),
    compute=compute,
    base="customers",
    uses=(
        *("customers", "feedback", "commitments", "orders", "order_lines", "products", "returns", "payments"),
        *("contacts", "cases", "referrals", "exchange_rates"),
    ),
    unit="share",
    headline="bought_rate",
    count="events",
    low="bought_low",
    high="bought_high",
    good="high",
    said=True,
    chart="rate",
    bound=mark("one row per group and part"),
    sentence=mark(
        "Experiences from {experience_from} to {experience_to}: {bought_rate} bought again (95 %: {bought_low} to "
        "{bought_high}; {events} counted)."
    ),
    definition=mark(
        "What customers did in the year after an experience, from the worst experiences to the best: their score, "
        "their satisfaction, or a promise to them that was broken or kept."
    ),
    cautions=(
        mark("It is an association, not an effect: good customers may be served better, or be other people."),
        mark("It does not say what a better experience would bring."),
    ),
)
