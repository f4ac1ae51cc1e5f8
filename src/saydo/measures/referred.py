"""The referred: do customers whom others brought stay longer and bring more than those who came otherwise?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import ibis
import ibis.expr.types as ir

from saydo.company import Facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.language import mark
from saydo.measures._clusters import add_cluster
from saydo.measures._horizons import find_goodbyes, follow
from saydo.measures._matched import compare_groups
from saydo.measures._measure import Figures, Measure, in_period
from saydo.measures._money import add_rate
from saydo.measures._purchases import find_purchases
from saydo.measures._sample import take_some
from saydo.measures.say_do import require_days, split_events

SIDES = ("brought", "otherwise")
MOST_YEARS = 10
_YEARS = mark("a number of years from 1 to 10")
_NOBODY = mark(
    "no year of a customer is over who came after the first recommendation on file; a shorter year (--set days=90, "
    "say) may be"
)
_BROUGHT_NOBODY = mark("no recommendation on file brought a customer who had not bought before")


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    days: int = 365,
    years: int = 3,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """What customers did in each year (of so many ``days``) after their first purchase: those who were *brought* by a
    recommendation, and those who came *otherwise*.

    Year 1 begins with the first purchase, which itself counts on neither side; ``years`` says how many there are at
    most. Who had said goodbye before a year began is not in it, nor is anybody whose year is not over. A customer was
    brought if a recommendation that names him was made before his first purchase. So that nobody is called "otherwise"
    only because recommendations were not yet written down, customers count who came after the first one on file.
    Matched figures are standardised: the difference from *otherwise* within strata of the quarter of the first
    purchase, its worth (thirds of all) and the customer's country, strata weighted as those brought.
    ``since`` and ``until`` choose customers by their first purchase.

    Reads:   referrals (referred_id or converted_at null: brought nobody); orders, order_lines (worth of the first
             purchase; absent: not matched on); customers.country (null is a country of its own), left_at; what else
             tells of deeds (absent: those columns are null).
    Returns: the splits (columns of customers); tenure (1 is the first year, 2 the second ...); came (brought,
             otherwise); events, people (customers, or customers and accounts) (counts); bought_rate, bought_low,
             bought_high (bought again in that year; 0 to 1); left_rate, left_low, left_high (said goodbye or ended a
             contract; 0 to 1); margin_mean, margin_low, margin_high (money); returns_mean, returns_low, returns_high,
             contacts_mean, contacts_low, contacts_high (that the customer began), referrals_mean, referrals_low,
             referrals_high (per customer); of those brought matched (customers in strata that are compared); from
             *otherwise* bought_difference, bought_difference_low, bought_difference_high, left_difference,
             left_difference_low, left_difference_high (-1 to 1), margin_difference, margin_difference_low,
             margin_difference_high (money), returns_difference, returns_difference_low, returns_difference_high,
             contacts_difference, contacts_difference_low, contacts_difference_high, referrals_difference,
             referrals_difference_low, referrals_difference_high.
    Interval: 95 %, errors by customer (or account), as in `say_do`; each year by itself.
             Of a company with 200,000 customers or more, 50,000 drawn at random (whole accounts) stand for all.
    Cautions: an association: who is brought is often like the one who recommends. From the second year on those are
             compared who stayed, and who stays longer on one side may be other people than on the other. It was found
             both ways: in a bank those brought stayed longer and brought more, which wore off in three years; in
             telephony they brought less.
    Source:  P. Schmitt, B. Skiera and C. Van den Bulte, Journal of Marketing 75 (2011) 46-59.
    """
    require_days("days", days)
    if not 1 <= years <= MOST_YEARS:
        raise BadSetting(name="years", value=years, choices=_YEARS)
    facts, sampled = take_some(facts)
    customers = in_period(facts, _add_side(facts, _find_firsts(facts)), "first_at", since, until)
    events = _begin_years(facts, _add_stratum(facts, customers), days, years)
    split = split_events(facts, "referred", events, by)
    one = ibis.literal(1).cast("float64")  # Spark would take 1.0 for a decimal
    rows = follow(facts, split.rows, days).mutate(weight=one)
    rows = add_cluster(facts, rows.mutate(is_target=rows.came == "brought"), "customer_id")
    table = compare_groups(facts, rows, [*split.names, "tenure"], "came", "otherwise", ("brought",))
    if not len(table):
        raise NothingToMeasure(measure="referred", reason=_NOBODY)
    return Figures(table, (*split.names, "tenure", "came"), split.overlaps, sampled)


def _find_firsts(facts: Facts) -> ir.Table:
    """The first purchase of each customer: customer_id, first_at, order_id, worth (company's currency, float64)."""
    purchases = add_rate(facts, "orders", find_purchases(facts))
    turn = ibis.row_number().over(
        ibis.window(group_by="customer_id", order_by=[purchases.ordered_at, purchases.order_id])
    )
    turns = purchases.mutate(_turn=turn)
    firsts = turns.filter(turns["_turn"] == 0).select("customer_id", "order_id", "rate", first_at="ordered_at")
    lines = facts.table("order_lines")
    amount = (lines.quantity.cast("float64") * lines.unit_price.cast("float64")).sum()
    sums = lines.group_by(_order="order_id").aggregate(_amount=amount)
    joined = firsts.left_join(sums, [("order_id", "_order")])
    return joined.select("customer_id", "order_id", "first_at", worth=joined["_amount"].coalesce(0.0) * joined.rate)


def _add_side(facts: Facts, firsts: ir.Table) -> ir.Table:
    """``firsts`` of those who came after the first recommendation on file, with ``came``: brought, or otherwise."""
    referrals = facts.table("referrals")
    began = _first_referral(facts)
    if began is None:
        raise NothingToMeasure(measure="referred", reason=_BROUGHT_NOBODY)
    brought = referrals.filter(referrals.referred_id.notnull() & referrals.converted_at.notnull())
    told = brought.group_by(_whom="referred_id").aggregate(_told=brought.referred_at.min())
    rows = firsts.filter(firsts.first_at >= ibis.literal(began)).left_join(told, firsts.customer_id == told["_whom"])
    is_brought = (rows["_told"] <= rows.first_at).fill_null(False)
    return rows.mutate(came=is_brought.ifelse(*SIDES)).drop("_whom", "_told")


def _first_referral(facts: Facts) -> datetime | None:
    """When the first recommendation on file was made; None if none of them brought anybody."""
    rows = facts.table("referrals")
    brought = rows.referred_id.notnull() & rows.converted_at.notnull()
    found = facts.run(rows.aggregate(began=rows.referred_at.min(), brought=brought.sum())).to_pylist()[0]
    began: datetime | None = found["began"] if found["brought"] else None
    return began


def _add_stratum(facts: Facts, rows: ir.Table) -> ir.Table:
    """``rows`` with ``stratum``: the quarter of the first purchase, thirds by its worth, the country."""
    if facts.has("customers"):
        countries = facts.table("customers").select(_who="customer_id", _country="country")
        rows = rows.left_join(countries, [("customer_id", "_who")]).drop("_who")
    else:
        rows = rows.mutate(_country=ibis.null("string"))
    place = ibis.rank().over(ibis.window(order_by=rows.worth.round(2)))
    rows = rows.mutate(
        _third=(3 * place) // rows.count().over(ibis.window()),
        _quarter=facts.local(rows.first_at).truncate("Q").cast("date"),
        _country=rows["_country"].coalesce(""),
    )
    number = ibis.dense_rank().over(ibis.window(order_by=[rows["_quarter"], rows["_third"], rows["_country"]]))
    return rows.mutate(stratum=number.cast("int64")).drop("_country", "_third", "_quarter", "worth")


def _begin_years(facts: Facts, rows: ir.Table, days: int, years: int) -> ir.Table:
    """A row for each year of each customer who was still there when it began: ``event``, ``at``, ``tenure``."""
    number = ibis.array(list(range(1, years + 1))).unnest().name("tenure").as_table()
    every = rows.cross_join(number)
    every = every.mutate(at=every.first_at + ((every.tenure - 1) * days).as_interval("D"))
    event = every.customer_id + ibis.literal(":") + every.tenure.cast("string")
    every = every.mutate(event=event).drop("first_at")
    if goodbyes := find_goodbyes(facts):
        said = (ibis.union(*goodbyes) if len(goodbyes) > 1 else goodbyes[0]).select(_who="customer_id", _gone="at")
        last = said.group_by("_who").aggregate(_gone=said["_gone"].min())
        every = every.left_join(last, [("customer_id", "_who")])
        every = every.filter(every["_gone"].isnull() | (every["_gone"] > every["at"])).drop("_who", "_gone")
    return every


referred = Measure(
    name="referred",
    title=mark("Those whom others brought"),
    question=mark("Do customers whom others brought stay longer and bring more than those who came otherwise?"),
    compute=compute,
    base="customers",
    reads=("referrals", "orders"),
    uses=(
        *("customers", "order_lines", "products", "returns", "payments", "contacts", "cases", "contracts"),
        "exchange_rates",
    ),
    unit="share",
    headline="bought_rate",
    count="events",
    low="bought_low",
    high="bought_high",
    good="high",
    chart="rate",
    bound=mark("one row per group, year and side"),
    sentence=mark(
        "{came}, {tenure}: {bought_rate} bought again (95 %: {bought_low} to {bought_high}; {events} customers)."
    ),
    definition=mark(
        "What customers did in each year after their first purchase: those whom a recommendation brought, and those "
        "who came otherwise. Only years that are over count, and only customers who had not said goodbye before."
    ),
    cautions=(
        mark("It is an association, not an effect: who is brought is often like the one who recommends."),
        mark("Matched figures compare customers who came in the same quarter, from one country, with a like purchase."),
        mark("From the second year on those are compared who stayed."),
    ),
)
