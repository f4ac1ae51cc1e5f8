"""Say and do: what became of those who said they would recommend, of those who would not, and of the silent."""

from __future__ import annotations

from collections.abc import Sequence

import ibis.expr.types as ir

from saydo.company import Facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.language import mark
from saydo.measures._clusters import add_cluster
from saydo.measures._horizons import follow, look_back
from saydo.measures._matched import add_stratum, compare_groups
from saydo.measures._measure import Figures, Measure
from saydo.measures._said import (
    BANDS,
    NEVER_ASKED,
    SILENT,
    Occasion,
    find_answers,
    find_never_asked,
    find_silent,
)
from saydo.measures._sample import take_some
from saydo.measures._split import Split, split_rows

DAYS = mark("a number of days from 1 on")
TOO_LONG = mark("no answer is as old as the horizon; a shorter one (90 days, say) may be over")
_REFERENCE = "passives"
_OTHERS = (*(band for band in BANDS if band != _REFERENCE), SILENT, NEVER_ASKED)


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    horizon: int = 180,
    occasion: Occasion = "relational",
) -> Figures:
    """What customers did in the ``horizon`` days after their answer to the question nps, by what they had answered.

    One row per band (detractors 0 to 6, passives 7 and 8, promoters 9 and 10) and one per ``score``; beside them the
    *silent* (an invitation arrived and was not answered; the horizon starts when it was sent) and the *never asked*.
    These have no date of their own: who was a customer and had not been asked yet (on that occasion) takes part at the
    mean moment of every month in which others were asked, weighted by the share of customers asked in it. Whether he is
    asked later, be it the next day, does not matter, because who stays or buys again is asked sooner or later; so many
    of them are newcomers, and raw figures show that. Every answer counts whose horizon is over, several of a person
    too. Matched figures are standardised: the difference from the passives within strata of what people had done before
    (purchases, days since the last and since the first, margin of a year), strata weighted as in all answers, those in
    which an outcome is not known of two of both sides left out. ``occasion`` keeps relational answers, those after an
    event, or ``any``.

    Reads:   feedback (question nps on 0 to 10; customer_id null: left out); invitations; orders, order_lines, returns,
             contacts, referrals, customers.left_at and contracts for what they tell (absent: those columns are null);
             customers.account_id where there is one.
    Returns: the splits (columns of customers); band; score (null for a whole band); events (answers, invitations,
             moments), people (customers or accounts) (counts); bought_rate, bought_low, bought_high (bought
             again; 0 to 1); left_rate, left_low, left_high (said goodbye or ended a contract; 0 to 1); margin_mean,
             margin_low, margin_high (money); returns_mean, returns_low, returns_high, contacts_mean,
             contacts_low, contacts_high (that the customer began), referrals_mean, referrals_low, referrals_high (per
             event); for whole bands
             matched (events in strata that are compared); from the passives
             bought_difference, bought_difference_low, bought_difference_high, left_difference, left_difference_low,
             left_difference_high (-1 to 1), margin_difference, margin_difference_low, margin_difference_high (money),
             returns_difference, returns_difference_low, returns_difference_high, contacts_difference,
             contacts_difference_low, contacts_difference_high, referrals_difference, referrals_difference_low,
             referrals_difference_high.
    Interval: 95 %, errors by customer (or account): shares as Wilson's on the effective number, counts as gamma,
             margins and differences as Student's. Weights of strata are taken as given.
             Of a company with 200,000 customers or more, 50,000 drawn at random (whole accounts) stand for all.
    Cautions: an association, matched or not: what makes people give a high score can be what makes them buy. Scores
             given after an order are also told by that order.
    Source:  standardisation: J. Robins, Mathematical Modelling 7 (1986) 1393-1512.
    """
    require_days("horizon", horizon)
    facts, sampled = take_some(facts)
    answers, notes = find_answers(facts, occasion)
    events = answers.union(find_silent(facts, occasion)).union(find_never_asked(facts, answers, occasion))
    split = split_events(facts, "say_do", events, by)
    rows = add_stratum(look_back(facts, follow(facts, split.rows, horizon)))
    rows = add_cluster(facts, rows.mutate(is_target=rows.band.isin(BANDS)), "customer_id")
    found = compare_groups(facts, rows, split.names, "band", _REFERENCE, _OTHERS, within="score")
    if not any(band in BANDS for band in found["band"].to_pylist()):
        raise NothingToMeasure(measure="say_do", reason=TOO_LONG)
    return Figures(found, (*split.names, "band", "score"), split.overlaps, (*sampled, *notes))


def require_days(name: str, days: int) -> None:
    """Raise `BadSetting` unless ``days`` is a number of days."""
    if days < 1:
        raise BadSetting(name=name, value=days, choices=DAYS)


def split_events(facts: Facts, measure: str, events: ir.Table, by: Sequence[str]) -> Split:
    """Events with a column per split, which are those of their customer."""
    if not by:
        return Split(events, ())
    customers = facts.table("customers")
    split = split_rows(facts, measure, "customers", customers, by)
    groups = split.rows.select(*split.names, _customer="customer_id")
    joined = events.left_join(groups, [("customer_id", "_customer")])
    return Split(joined.drop("_customer"), split.names, split.times, split.overlaps)


say_do = Measure(
    name="say_do",
    title=mark("Say and do"),
    question=mark("Do those who say they recommend us really buy again, and what do the silent do?"),
    compute=compute,
    base="customers",
    reads=("feedback",),
    uses=(
        *("customers", "invitations", "orders", "order_lines", "products", "returns", "payments", "contacts"),
        *("cases", "referrals", "contracts", "exchange_rates"),
    ),
    unit="share",
    headline="bought_rate",
    count="events",
    low="bought_low",
    high="bought_high",
    good="high",
    said=True,
    chart="rate",
    bound=mark("one row per group, band and score"),
    sentence=mark(
        "{band}: {bought_rate} bought again in time (95 %: {bought_low} to {bought_high}; {events} counted)."
    ),
    definition=mark(
        "What customers did in the days after their answer, by what they had said; beside them those who were asked "
        "and did not answer, and those who had not been asked yet. Only answers whose days are over count."
    ),
    cautions=(
        mark("It is an association, not an effect: what makes people content can also make them buy."),
        mark("Matched figures compare people who had bought alike before; they know nothing else of them."),
        mark("Answers of one person are not independent; the intervals know it, the counts do not."),
    ),
)
