"""Recovery: do dissatisfied customers come back when they are answered in time, and what does it bring?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from saydo.company import Facts
from saydo.errors import NothingToMeasure
from saydo.language import mark
from saydo.measures._clusters import add_cluster
from saydo.measures._horizons import follow, look_back
from saydo.measures._matched import add_stratum, compare_groups
from saydo.measures._measure import Figures, Measure, in_period
from saydo.measures._sample import take_some
from saydo.measures._split import split_rows
from saydo.measures.say_do import require_days

GROUPS = ("content", "answered", "late")
CONTENT = 0.7  # of the scale: a 7 of 0 to 10
_TOO_LONG = mark("no case of a known customer is as old as the horizon and the days to settle it; try shorter ones")


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    within: int = 2,
    settled: int = 30,
    horizon: int = 180,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """What customers with a case did later, by how they were answered: content, answered, or late.

    Judged ``settled`` days after the case was opened, all alike, so that nobody has had more time than others to be
    counted as recovered: *content* was answered ``within`` so many days and, asked again by then, gave at least seven
    tenths of the scale; *answered* was answered in time too, but was not asked again or not content; *late* was
    answered later, or never. What counts lies in the ``horizon`` days after that. Matched figures are standardised: the
    difference from *late* within strata of what people had done before the case (purchases, days since the last and
    the first, margin of a year), strata weighted as in all cases; only strata in which both have two cases.
    ``since`` and ``until`` choose cases by their opening.

    Reads:   cases (customer_id null: left out; answered_at null: never; asked_again_id: the answer after the repair);
             feedback (score, scale_min, scale_max, said_at of that answer); orders and what else tells of deeds
             (absent: those columns are null), the order of the case itself apart; customers.account_id where there is
             one.
    Returns: the splits; group (content, answered, late); events (cases), people (customers or accounts) (counts);
             bought_rate, bought_low, bought_high (bought
             again; 0 to 1); left_rate, left_low, left_high (said goodbye or ended a contract; 0 to 1); margin_mean,
             margin_low, margin_high (money, cost of cases from
             then on taken off); returns_mean, returns_low, returns_high, contacts_mean,
             contacts_low, contacts_high (that the customer began), referrals_mean, referrals_low, referrals_high (per
             case); matched (cases in strata that are compared); from *late*
             bought_difference, bought_difference_low, bought_difference_high, left_difference, left_difference_low,
             left_difference_high (-1 to 1), margin_difference, margin_difference_low, margin_difference_high (money),
             returns_difference, returns_difference_low, returns_difference_high, contacts_difference,
             contacts_difference_low, contacts_difference_high, referrals_difference, referrals_difference_low,
             referrals_difference_high.
    Interval: 95 %, errors by customer (or account), as in `say_do`.
             Of a company with 200,000 customers or more, 50,000 drawn at random (whole accounts) stand for all.
    Cautions: no experiment: easy cases are answered sooner, and who is asked again, and answers, is not just anybody.
             Satisfaction after a repair has been found to rise beyond that of those who never complained; buying again
             has not.
    Source:  C. de Matos, J. Henrique and C. Rossi, Journal of Service Research 10 (2007) 60-77 (recovery paradox).
    """
    for name, days in (("within", within), ("settled", settled), ("horizon", horizon)):
        require_days(name, days)
    facts, sampled = take_some(facts)
    cases = in_period(facts, facts.table("cases"), "opened_at", since, until)
    cases = _add_group(facts, cases.filter(cases.customer_id.notnull()), within, settled)
    split = split_rows(facts, "recovery", "cases", cases, by)
    columns = ("event", "customer_id", "order_id", "at", "group")
    rows = split.rows.mutate(event=split.rows.case_id, at=split.rows.opened_at).select(*split.names, *columns)
    rows = add_stratum(look_back(facts, rows))
    rows = follow(facts, rows.mutate(at=rows["at"] + ibis.interval(days=settled)), horizon)
    rows = add_cluster(facts, rows.mutate(weight=1.0, is_target=True), "customer_id")
    table = compare_groups(facts, rows, split.names, "group", "late", GROUPS[:-1])
    if not len(table):
        raise NothingToMeasure(measure="recovery", reason=_TOO_LONG)
    return Figures(table, (*split.names, "group"), split.overlaps, sampled)


def _add_group(facts: Facts, cases: ir.Table, within: int, settled: int) -> ir.Table:
    said = facts.table("feedback")
    share = (said.score - said.scale_min) / (said.scale_max - said.scale_min).nullif(0)
    again = said.select(_again="feedback_id", _said_at="said_at", _share=share)
    joined = cases.left_join(again, [("asked_again_id", "_again")])
    is_in_time = (joined.answered_at <= joined.opened_at + ibis.interval(days=within)).fill_null(False)
    is_known = (joined["_said_at"] <= joined.opened_at + ibis.interval(days=settled)).fill_null(False)
    is_content = is_known & (joined["_share"] >= CONTENT - 1e-9).fill_null(False)
    group = ibis.cases((is_in_time & is_content, "content"), (is_in_time, "answered"), else_="late")
    return joined.select(*(joined[name] for name in cases.columns), group=group)


recovery = Measure(
    name="recovery",
    title=mark("Recovery"),
    question=mark("Do dissatisfied customers come back when we answer in time and make them content?"),
    compute=compute,
    base="cases",
    reads=("cases",),
    uses=(
        *("feedback", "customers", "orders", "order_lines", "products", "returns", "payments", "contacts"),
        *("referrals", "contracts", "exchange_rates"),
    ),
    unit="share",
    headline="bought_rate",
    count="events",
    low="bought_low",
    high="bought_high",
    good="high",
    said=True,
    chart="rate",
    sentence=mark("{group}: {bought_rate} bought again in time (95 %: {bought_low} to {bought_high}; {events} cases)."),
    definition=mark(
        "What customers with a case did later: those answered in time and content when they were asked again, the "
        "others answered in time, and those answered late or never."
    ),
    cautions=(
        mark("It is no experiment: easy cases are answered sooner, and their customers may have come back anyway."),
        mark("Matched figures compare people who had bought alike before; they know nothing else of them."),
        mark("Only those who were asked again, and answered, can be known to be content."),
    ),
)
