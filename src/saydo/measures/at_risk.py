"""At risk: whom to call today, by the margin that stands to be lost, with the reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.language import join, mark, money, translate
from saydo.measures._happenings import KINDS
from saydo.measures._histories import split_histories
from saydo.measures._likes import Seen
from saydo.measures._listed import note_listed
from saydo.measures._margin import note_unknown_customers
from saydo.measures._measure import Figures, Measure, Note, add_columns, column
from saydo.measures._reasons import tell_reason
from saydo.measures._risks import TOTALS, Risks, find_list, find_risks
from saydo.stats.arrays import find_quantile

MOST = 10_000
_DAYS = mark("a number of days from 1 on")
_TOTAL = mark(
    "{count} of {customers} customers give a reason; {amount} of margin is at risk in all (95 %: {low} to {high})."
)
_SEEN = {
    ("broken_promises", 1): mark(
        "After a broken promise, buying again differs from that of people alike by "
        "{change_share} (95 %: {low_share} to {high_share}; {count} seen)."
    ),
    ("broken_promises", 2): mark(
        "After several broken in a row, buying again differs from that of people alike by "
        "{change_share} (95 %: {low_share} to {high_share}; {count} seen)."
    ),
    ("low_scores", 1): mark(
        "After a low score, buying again differs from that of people alike by "
        "{change_share} (95 %: {low_share} to {high_share}; {count} seen)."
    ),
    ("low_scores", 2): mark(
        "After several low scores, buying again differs from that of people alike by "
        "{change_share} (95 %: {low_share} to {high_share}; {count} seen)."
    ),
    ("open_cases", 1): mark(
        "With a case open, buying again differs from that of people alike by "
        "{change_share} (95 %: {low_share} to {high_share}; {count} seen)."
    ),
    ("returns", 1): mark(
        "After a return, buying again differs from that of people alike by "
        "{change_share} (95 %: {low_share} to {high_share}; {count} seen)."
    ),
    ("failed_payments", 1): mark(
        "After a failed payment, buying again differs from that of people alike by "
        "{change_share} (95 %: {low_share} to {high_share}; {count} seen)."
    ),
    ("repeated_questions", 1): mark(
        "After a question asked twice, buying again differs from that of people alike by "
        "{change_share} (95 %: {low_share} to {high_share}; {count} seen)."
    ),
}
_UNTOLD = mark("Too seldom seen to say what follows: {kinds}. They are told as reasons, but put nothing at risk here.")
_NOBODY = mark("nothing happened to any customer who leaves margin, and none fell silent")
_CALL = mark("It is an association: it says whom to call, not what a call would bring.")
_PUBLISHED = (*(kind.name for kind in KINDS), *(f"last_{kind.name}" for kind in KINDS))


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    days: int = 90,
    horizon: int = 180,
    most: int = 100,
    model: Literal["best", "mbg_nbd", "pareto_nbd"] = "mbg_nbd",
    check: bool = False,
) -> Figures:
    """The customers by the margin that stands to be lost, because of what happened lately or because they fell silent.

        margin_at_risk = value x drop,   drop = p_before - p_now (1 - d)

    value is the margin to expect of a customer within ``horizon`` days if he is still with us, p_now the chance that he
    is (a model of repeat purchases, see `lifetime_value`; ``model``), p_before what that chance was ``days`` ago, or
    when the silence had become as long as his mean time between purchases, if that was later; only a silence of twice
    that time is one, for anybody else p_before = p_now. d is how much rarer than their like those bought again within
    the horizon to whom the same happened within ``days`` before: a promise broken (or several of one promise in a row),
    a low score (0-6 of nps, the lower 40 % of another scale; or several), a case still open, goods sent back, a payment
    that failed, a question about the same asked again. All customers (of a very large company 50,000) are looked at on
    up to four past days (``days`` apart, the horizon over), as they were known then; a logistic regression sets off
    purchases x days since the last (28 bands), purchases within ``days``, days since the first, the value of a
    purchase, and the day; what happened to one customer together adds up on its scale. d is drawn to 0 where little was
    seen. Without ``by`` the ``most`` customers with most at risk; with it the sums of each group. ``check=yes`` adds
    what became of those who would have been listed a horizon ago.

    Reads:   orders (cancelled ones are no purchase; customer_id null: left out), order_lines (value), and if they are
             there commitments, feedback (mystery visits: left out), cases, returns, payments, contacts (begun by the
             customer; ``asked`` find, available and again are harmless), customers.left_at (who said goodbye is not
             listed); what makes the margin, as in `lifetime_value`.
    Returns: a list: rank; customer_id; margin_at_risk, margin_at_risk_low, margin_at_risk_high (money); reason
             (sentences in the language in use); value (money); p_before, p_alive (after all that), drop (0 to 1);
             customers (1);
             broken_promises, low_scores, open_cases, returns, failed_payments, repeated_questions (counts, within
             ``days``; cases open now); last_broken_promises, last_low_scores, last_open_cases, last_returns,
             last_failed_payments, last_repeated_questions (UTC, null without any); broken_in_a_row, last_score (null
             without any); gap_days (mean, null after one purchase), silent_days. With ``by``: the splits (of the first
             purchase); customers, customers_at_risk (who give any reason); margin_at_risk with low and high (their sum,
             with the risks below 0 of those after whose kind of trouble customers bought more).
    Interval: 95 %, of the drop, with the value held: Student's over 41 random groups of customers (by the instant of
             the first purchase) for what happened, draws of the model's parameters for silence. In sums errors are
             added up as if all erred together, which is wide rather than narrow.
    Cautions: an association: what else made a promise break or a score fall may have made the customer leave. It says
             whom to call, not what a call would bring: try that on half of the list. A customer who leaves no margin is
             not listed, however likely to leave. The rows are of single customers, with what they said: for eyes that
             may see both.
             Out of time, on a simulated company of 20,000 customers, on two past days: of the 100 listed 68 and 72 %
             did not buy within 180 days (of all who were likely to be with us before 58 and 55 %; of the 100 longest
             silent of them 77 and 74 %, but these had little to leave). The margin that hung on those lost was 23,700
             and 24,000; among the 100 of most value 15,500 and 16,700, the 100 longest silent 3,700 and 4,500, any 100
             customers 4,000 and 4,400. So the list finds the margin that is lost, not the people likeliest to go.
    Source:  H. van Houwelingen, Scandinavian Journal of Statistics 34 (2007) 70-85 (landmarks); P. Fader, B. Hardie
             and K. Lee, Journal of Marketing Research 42 (2005) 415-430 (value); the product of both and the length of
             a silence are our own.
    """
    for name, value in (("days", days), ("horizon", horizon)):
        if value < 1:
            raise BadSetting(name=name, value=value, choices=_DAYS)
    if not 1 <= most <= MOST:
        raise BadSetting(name="most", value=most, choices=mark("a number from 1 to 10,000"))
    risks = find_risks(facts, days, horizon, model)
    notes = (*risks.notes, *note_unknown_customers(facts), *_note_seen(risks.seen), Note(_CALL))
    if check:
        notes = (*notes, note_listed(facts, days, horizon, most, model))
    if by:
        return replace(_add_up(facts, risks, by), notes=notes)
    found = facts.run(find_list(facts, risks, days, most))
    if not found.num_rows:
        raise NothingToMeasure(measure="at_risk", reason=_NOBODY)
    notes = (_note_total(facts, risks, found), *notes)
    return Figures(_list(facts, risks, found), ("rank", "customer_id"), False, notes)


def _list(facts: Facts, risks: Risks, found: pa.Table) -> pa.Table:
    """The list with its ranks, intervals and reasons."""
    found = found.sort_by([("margin_at_risk", "descending"), ("customer_id", "ascending")])
    half = find_quantile(0.95, risks.seen.drops.df) * column(found, "drop_error") * column(found, "value")
    margin = column(found, "margin_at_risk")
    reasons = pa.array([tell_reason(facts, row) for row in found.to_pylist()], pa.string())
    rows = pa.table(
        {
            "rank": np.arange(1, found.num_rows + 1),
            "customer_id": found["customer_id"],
            "margin_at_risk": margin,
            "margin_at_risk_low": margin - half,
            "margin_at_risk_high": margin + half,
            "reason": reasons,
            **{name: found[name] for name in ("value", "p_before", "p_alive", "drop")},
            "customers": np.ones(found.num_rows, dtype=np.int64),
            **{name: found[name] for name in _PUBLISHED},
            "broken_in_a_row": found["in_a_row"],
            "last_score": found["last_score"],
        }
    )
    return add_columns(rows, {name: column(found, name) for name in ("gap_days", "silent_days")})


def _add_up(facts: Facts, risks: Risks, by: Sequence[str]) -> Figures:
    """The sums of each group; errors are added up as if all erred together."""
    rows = risks.rows.select("customer_id", "reasons", "margin_of_reasons", "error_of_reasons")
    split = split_histories(facts, "at_risk", rows, by)
    rows = split.rows
    sums = rows.group_by(list(split.names)).aggregate(
        customers=rows.count(),
        customers_at_risk=rows.reasons.sum(),
        margin_at_risk=rows.margin_of_reasons.sum(),
        error=rows.error_of_reasons.sum(),
    )
    found = facts.run(sums)
    ends = risks.seen.drops.interval(column(found, "margin_at_risk"), column(found, "error"))
    named = dict(zip(("margin_at_risk_low", "margin_at_risk_high"), ends, strict=True))
    return Figures(add_columns(found.drop_columns(["error"]), named), split.names, split.overlaps)


def _note_total(facts: Facts, risks: Risks, found: pa.Table) -> Note:
    """How much is at risk in all, as each row of the list brings it."""
    row = {name: found[name][0].as_py() for name in TOTALS}
    ends = risks.seen.drops.interval(row["all_margin"], row["all_error"])
    amounts = zip(("amount", "low", "high"), (row["all_margin"], *ends), strict=True)
    told = {name: money(float(value), facts.currency) for name, value in amounts}
    return Note(_TOTAL, {"count": row["all_reasons"], "customers": row["all_customers"], **told})


def _note_seen(seen: Seen) -> tuple[Note, ...]:
    """What was seen to follow each kind, and which kinds were seen too seldom."""
    notes = []
    for name, level, count, value, low, high in seen.told:
        values = {"change_share": -value, "low_share": -high, "high_share": -low}
        notes.append(Note(_SEEN[name, level], {"count": count, **values}))
    told = {name for name, _ in seen.columns}
    untold = [translate(kind.title) for kind in KINDS if kind.name not in told]
    return (*notes, *([Note(_UNTOLD, {"kinds": join(untold)})] if untold else []))


at_risk = Measure(
    name="at_risk",
    title=mark("Customers at risk"),
    question=mark("Whom do we stand to lose, why, and how much margin with them?"),
    compute=compute,
    base="orders",
    at="ordered_at",
    reads=("orders", "order_lines"),
    uses=(
        *("customers", "products", "commitments", "feedback", "cases", "returns", "payments", "contacts", "contracts"),
        "exchange_rates",
    ),
    unit="money",
    headline="margin_at_risk",
    count="customers",
    low="margin_at_risk_low",
    high="margin_at_risk_high",
    good="low",
    lists_people=True,
    is_worded=True,
    chart="bars",
    bound=mark(
        "the list (100 customers unless more are asked for, 10,000 at most); besides one row per kind of customer and "
        "what happened"
    ),
    sentence=mark(
        "{margin_at_risk} of margin is at risk (95 %: {margin_at_risk_low} to {margin_at_risk_high}; "
        "customers: {customers})."
    ),
    definition=mark(
        "The margin to expect of a customer who stays, times how far the chance that he stays has fallen: by what "
        "happened to him, as seen of people like him, and by a silence of twice his usual time between purchases."
    ),
    cautions=(
        mark("It is an association: it says whom to call, not what a call would bring. Try that on half of the list."),
        mark("Who leaves no margin is not listed, however likely to leave; who said goodbye is not either."),
        mark("The rows are of single customers, with what they said: for eyes that may see both."),
    ),
)
