"""What a person would write in SQL for the figures of each measure, straight on the files: what measures are held to.

Each gives counts and sums that the measure shows, under the same names; a test holds them equal on a small company.
All leave out what makes a figure whole: ties, accounts, currencies, unknown customers, cancellations at unknown times,
further tries of a payment, notes. What else one leaves out stands beside it. ``rest`` is a second query for what the
measure's other figures take: where rows of one customer go together, the interval takes the sums over customers (thrown
together in 65,536 lots) of what each adds above and below the line; the months until a cost is back take the margin of
each month.

In a query, ``$names`` are the split columns and ``$cut`` what they are made of, both with a comma at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import Template

MONTH = "date_trunc('month', {})::date"
_SCORES = ", ".join(f"count(*) FILTER (score = {score}) score_{score}" for score in range(11))
_IS_SOLD = "cancelled_at IS NULL AND status <> 'cancelled'"


@dataclass(frozen=True)
class Bare:
    """A bare query, the splits that it can be asked for, each with the expression that makes it."""

    query: str
    splits: Mapping[str, str] = field(default_factory=dict)
    rest: str = ""

    def write(self, by: str) -> str:
        """The query for splits parted by commas."""
        return self._fill(self.query, by)

    def write_rest(self, by: str) -> str:
        """The query of what the figures take besides; empty when there is nothing."""
        return self._fill(self.rest, by)

    def _fill(self, query: str, by: str) -> str:
        chosen = by.split(",") if by else []
        cut = "".join(f"{self.splits[split]} AS {split}, " for split in chosen)
        return Template(query).substitute(cut=cut, names="".join(f"{split}, " for split in chosen))


def _sum_by_customer(rows: str, keys: Sequence[str] = (), /, **ratios: tuple[str, str]) -> str:
    """Of each ratio (what is above, what below the line) the sums over customers, their squares and product."""
    parts = ", ".join(
        f"sum(({above})::double) {name}_c, sum(({below})::double) {name}_m" for name, (above, below) in ratios.items()
    )
    more = "".join(f"{key}, " for key in keys)
    sums = ", ".join(
        f"sum({name}_c) {name}_c, sum({name}_m) {name}_m, sum({name}_c * {name}_c) {name}_cc, "
        f"sum({name}_c * {name}_m) {name}_cm, sum({name}_m * {name}_m) {name}_mm, "
        f"count(*) FILTER ({name}_c <> 0 OR {name}_m <> 0) {name}_clusters"
        for name in ratios
    )
    # in lots of customers drawn by a hash, as Saydo does it in a company of this size; each by itself takes more memory
    per = f"SELECT $cut {more} hash(customer_id) & 65535 lot, {parts} FROM ({rows}) GROUP BY ALL"
    return f"SELECT $names {more} {sums} FROM ({per}) GROUP BY ALL"


_NPS = Bare(
    f"""
    SELECT $names occasion, count(*) answers, count(*) FILTER (score >= 9) promoters,
        count(*) FILTER (score BETWEEN 7 AND 8) passives, count(*) FILTER (score <= 6) detractors, {_SCORES},
        100.0 * (count(*) FILTER (score >= 9) - count(*) FILTER (score <= 6)) / count(*) nps
    FROM (
        SELECT $cut occasion, customer_id, arg_max(score, said_at) score
        FROM feedback WHERE question = 'nps' AND score IS NOT NULL GROUP BY ALL
    ) GROUP BY ALL""",
    {"touchpoint": "touchpoint", "month": MONTH.format("said_at")},
)

BY_EIGHT = "touchpoint,survey,source,item,country,segment,acquired_via,is_earned,month"
NPS_BY_EIGHT = Bare(
    _NPS.query.replace("FROM feedback", "FROM feedback JOIN customers USING (customer_id)"),
    {name: name for name in BY_EIGHT.split(",")} | dict(_NPS.splits),
)

_NPS_CHANGE = Bare(  # leaves out the covariance of people on both sides
    """
    SELECT $names occasion, count(before) answers_before, count(after) answers_after,
        100.0 * (count(*) FILTER (before >= 9) - count(*) FILTER (before <= 6)) / count(before) nps_before,
        100.0 * (count(*) FILTER (after >= 9) - count(*) FILTER (after <= 6)) / count(after) nps_after,
        count(*) FILTER (before IS NOT NULL AND after IS NOT NULL) people_twice
    FROM (
        SELECT $cut occasion, customer_id, arg_max(score, said_at) FILTER (said_at < '2025-10-01') AS before,
            arg_max(score, said_at) FILTER (said_at >= '2025-10-01') AS after
        FROM feedback WHERE question = 'nps' AND score IS NOT NULL AND said_at >= '2025-07-01'
            AND said_at < '2026-01-01' GROUP BY ALL
    ) GROUP BY ALL""",
    {"touchpoint": "touchpoint"},
)

_SATISFACTION = Bare(
    f"""
    SELECT $names question, item, scale_min, scale_max, occasion, count(*) answers, avg(score) mean,
        count(*) FILTER (score >= scale_max) / count(*) top_share,
        count(*) FILTER (score >= scale_max - 1) / count(*) top_two_share, {_SCORES}
    FROM (
        SELECT $cut question, item, scale_min, scale_max, occasion, customer_id, arg_max(score, said_at) score
        FROM feedback WHERE question IN ('csat', 'ces', 'stars') AND score IS NOT NULL GROUP BY ALL
    ) GROUP BY ALL""",
    _NPS.splits,
)

_JUDGED = f"""
    SELECT *, epoch(fulfilled_at - due_at) / 86400 AS days, CASE
        WHEN kept IS NOT NULL THEN if(kept, 'kept', 'broken')
        WHEN withdrawn_at < coalesce(fulfilled_at, due_at) OR back_at < coalesce(fulfilled_at, due_at) THEN 'withdrawn'
        WHEN fulfilled_at <= due_at THEN 'kept' WHEN due_at < '2026-01-01' THEN 'broken' ELSE 'open' END state
    FROM commitments
    LEFT JOIN (SELECT order_id, cancelled_at back_at FROM orders WHERE NOT ({_IS_SOLD})) USING (order_id)"""

_PROMISES_KEPT = Bare(
    f"""
    SELECT * EXCLUDE (late_days, all_days), kept / nullif(judged, 0) kept_rate, late_days[1] late_days_median,
        late_days[2] late_days_p90, all_days[1] days_median, all_days[2] days_p90
    FROM (
        SELECT $cut count(*) AS given, count(*) FILTER (state = 'kept') AS kept,
            count(*) FILTER (state = 'broken') broken, count(*) FILTER (state = 'open') AS open,
            count(*) FILTER (state = 'withdrawn') withdrawn, count(*) FILTER (state IN ('kept', 'broken')) judged,
            count(*) FILTER (days > 0) late, count(*) FILTER (state = 'broken' AND fulfilled_at IS NULL) overdue,
            quantile_cont(days, [0.5, 0.9]) FILTER (days > 0) late_days, quantile_cont(days, [0.5, 0.9]) all_days,
            count(*) FILTER (days <= -1) / count(days) early_share
        FROM (SELECT * REPLACE (if(state <> 'withdrawn', days, NULL) AS days) FROM ({_JUDGED})) GROUP BY ALL
    )""",
    {"touchpoint": "touchpoint", "promise": "promise", "month": MONTH.format("due_at")},
    _sum_by_customer(_JUDGED, kept=("state = 'kept'", "state IN ('kept', 'broken')")),
)

_SAID = f"""
    SELECT * FROM feedback JOIN (
        SELECT order_id, promise, bool_or(state = 'broken') is_broken,
            max(if(state = 'broken', due_at, fulfilled_at)) decided_at
        FROM ({_JUDGED}) WHERE state IN ('kept', 'broken') GROUP BY ALL
    ) USING (order_id)
    WHERE score IS NOT NULL AND said_at >= decided_at"""

_SAID_WHEN_BROKEN = Bare(
    f"""
    SELECT $cut promise, question, item, scale_min, scale_max, count(*) FILTER (NOT is_broken) kept_answers,
        count(*) FILTER (is_broken) broken_answers, avg(score) FILTER (NOT is_broken) kept_mean,
        avg(score) FILTER (is_broken) broken_mean
    FROM ({_SAID}) GROUP BY ALL HAVING count(*) FILTER (is_broken) BETWEEN 1 AND count(*) - 1""",
    _NPS.splits,
    _sum_by_customer(
        _SAID,
        ("promise", "question", "item", "scale_min", "scale_max"),
        kept=("if(is_broken, 0, score)", "NOT is_broken"),
        broken=("if(is_broken, score, 0)", "is_broken"),
    ),
)

_RESPONSE = Bare(  # leaves out the weighted score
    """
    WITH asked AS (
        SELECT *, sent_at + INTERVAL 90 DAY latest,
            lead(sent_at) OVER (PARTITION BY customer_id, survey, question ORDER BY sent_at) next_at
        FROM invitations
    ), found AS (
        SELECT invitation_id, max(said_at) spoke_at, arg_max(score, said_at) score
        FROM asked JOIN feedback USING (customer_id, survey, question)
        WHERE said_at >= sent_at AND said_at < least(next_at, latest) GROUP BY ALL
    ), people AS (
        SELECT $cut question, customer_id, count(*) invitations, count(*) FILTER (bounced_at IS NULL) delivered,
            count(*) FILTER (bounced_at IS NULL AND (answered_at IS NOT NULL OR spoke_at IS NOT NULL)) answers,
            arg_max(score, spoke_at) score
        FROM asked LEFT JOIN found USING (invitation_id) GROUP BY ALL
    )
    SELECT $names question, sum(invitations) invitations, sum(delivered) delivered, sum(answers) answers,
        sum(answers) / sum(delivered) response_rate, count(*) reached, count(score) heard,
        count(*) FILTER (score >= 9) promoters, count(*) FILTER (score BETWEEN 7 AND 8) passives,
        count(*) FILTER (score <= 6) detractors
    FROM people GROUP BY ALL""",
    {"touchpoint": "touchpoint", "month": MONTH.format("sent_at")},
)

_SOLD_LINES = f"""
    SELECT touchpoint, customer_id, ordered_at, back, quantity::double quantity,
        quantity::double * unit_price::double AS value,
        if(back IS NULL, 0, least(back, quantity::double)) back_quantity,
        if(back IS NULL, 0, least(refund, quantity::double * unit_price::double)) back_value
    FROM order_lines JOIN (SELECT order_id, ordered_at, touchpoint, customer_id FROM orders WHERE {_IS_SOLD}
            AND ordered_at < TIMESTAMP '2026-01-01' - INTERVAL 60 DAY) o USING (order_id)
    LEFT JOIN (
        SELECT order_id, line, sum(quantity::double) back, sum(refund::double) refund
        FROM returns JOIN orders USING (order_id)
        WHERE returned_at < ordered_at + INTERVAL 60 DAY GROUP BY ALL
    ) USING (order_id, line)"""

_RETURNS_RATE = Bare(
    f"""
    SELECT $cut count(*) sold_lines, count(back) returned_lines, sum(quantity) sold_quantity,
        sum(back_quantity) returned_quantity, sum(value) sold_value, sum(back_value) returned_value
    FROM ({_SOLD_LINES}) GROUP BY ALL""",
    {"touchpoint": "touchpoint", "month": MONTH.format("ordered_at")},
    _sum_by_customer(
        _SOLD_LINES,
        lines=("back IS NOT NULL", "1"),
        quantity=("back_quantity", "quantity"),
        value=("back_value", "value"),
    ),
)

_RETURN_REASONS = Bare(
    """
    SELECT $names reason, returns, returns / sum(returns) OVER (PARTITION BY $names 1) AS share, refund
    FROM (SELECT $cut reason, count(*) AS returns, sum(refund::double) refund
        FROM returns WHERE reason IS NOT NULL GROUP BY ALL)""",
    {"month": MONTH.format("returned_at")},
)

_PAYMENTS = f"""
    SELECT *, paid_at IS NULL AND failed_at IS NULL AND coalesce(back_at <= due_at, false) is_withdrawn
    FROM payments LEFT JOIN (
        SELECT order_id, customer_id, if({_IS_SOLD}, NULL, cancelled_at) back_at FROM orders
    ) USING (order_id)"""
_IS_LOST = """paid_at IS NULL AND back_at IS NULL AND (failed_at IS NOT NULL
                OR due_at < TIMESTAMP '2026-01-01' - INTERVAL 90 DAY)"""

_PAYMENT_INCIDENTS = Bare(
    f"""
    SELECT * EXCLUDE (late_days), late_days[1] late_days_median, late_days[2] late_days_p90
    FROM (
        SELECT $cut count(*) payments, count(*) FILTER (paid_at <= due_at) on_time, count(failed_at) failed,
            count(*) FILTER (paid_at > due_at) late, count(*) FILTER (is_withdrawn) withdrawn,
            count(*) FILTER (paid_at IS NULL AND failed_at IS NULL AND NOT is_withdrawn) overdue,
            quantile_cont(epoch(paid_at - due_at) / 86400, [0.5, 0.9]) FILTER (paid_at > due_at) late_days,
            sum(amount::double) FILTER (NOT is_withdrawn) amount_due,
            coalesce(sum(amount::double) FILTER ({_IS_LOST}), 0) amount_lost
        FROM ({_PAYMENTS}) GROUP BY ALL
    )""",
    {"month": MONTH.format("due_at")},
    _sum_by_customer(
        _PAYMENTS,
        incident=("NOT is_withdrawn AND (paid_at IS NULL OR paid_at > due_at)", "NOT is_withdrawn"),
        loss=(f"if({_IS_LOST}, amount::double, 0)", "if(is_withdrawn, 0, amount::double)"),
    ),
)

_MOVEMENTS = """
    WITH sold AS (FROM orders WHERE {is_sold}), lost AS (
        SELECT order_id, coalesce(failed_at, due_at + INTERVAL 90 DAY) lost_at, amount::double amount,
            sum(amount::double) OVER (PARTITION BY order_id) whole
        FROM payments WHERE paid_at IS NULL
            AND (failed_at IS NOT NULL OR due_at < TIMESTAMP '2026-01-01' - INTERVAL 90 DAY)
    ), owed AS (
        SELECT order_id, greatest(sum(owed), 0) owed FROM (
            SELECT order_id, quantity::double * unit_price::double owed FROM order_lines
            UNION ALL SELECT order_id, shipping_charged::double FROM sold
            UNION ALL SELECT order_id, -refund::double FROM returns
            UNION ALL SELECT order_id, -amount::double FROM payments WHERE paid_at IS NOT NULL
        ) SEMI JOIN lost USING (order_id) GROUP BY ALL
    ), moved AS (
        SELECT customer_id, ordered_at AS at, quantity::double * unit_price::double AS sales, 0.0 AS returns,
            quantity::double * coalesce(l.unit_cost, p.unit_cost)::double cost_of_goods, 0.0 AS shipping, 0.0 AS cost,
            0.0 AS payment_losses
        FROM order_lines l JOIN sold USING (order_id) LEFT JOIN products p USING (product_id)
        UNION ALL
        SELECT customer_id, ordered_at, 0, 0, 0, shipping_cost::double - shipping_charged::double, 0, 0 FROM sold
        UNION ALL
        SELECT s.customer_id, returned_at, 0, refund::double, -r.quantity::double * l.unit_cost::double, 0, 0, 0
        FROM order_lines l JOIN returns r USING (order_id, line) JOIN sold s USING (order_id)
        UNION ALL
        SELECT customer_id, lost_at, 0, 0, 0, 0, 0, amount * least(owed / whole, 1)
        FROM lost JOIN sold USING (order_id) JOIN owed USING (order_id)
        UNION ALL
        SELECT customer_id, "at", 0, 0, 0, 0, cost::double, 0 FROM contacts
            WHERE cost IS NOT NULL AND purpose NOT IN ('offer', 'survey')
        UNION ALL
        SELECT customer_id, opened_at, 0, 0, 0, 0, cost::double, 0 FROM cases WHERE cost IS NOT NULL
    )""".replace("{is_sold}", _IS_SOLD)

_SUMS = ", ".join(
    f"sum({name}) AS {name}"
    for name in ("sales", "returns", "cost_of_goods", "shipping", "cost_to_serve", "payment_losses")
)
_MARGIN = Bare(
    f"""
    {_MOVEMENTS}, sums AS (
        SELECT $cut customer_id, sum(sales) sales, sum(returns) AS returns, sum(cost_of_goods) cost_of_goods,
            sum(shipping) shipping, sum(cost) cost_to_serve, sum(payment_losses) payment_losses
        FROM moved LEFT JOIN customers c USING (customer_id) GROUP BY ALL
    ), ranked AS (
        SELECT *, sales - returns - cost_of_goods - shipping - cost_to_serve - payment_losses AS margin,
            sum(margin) OVER (PARTITION BY $names 1) total,
            coalesce(sum(margin) OVER (PARTITION BY $names 1 ORDER BY margin DESC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) made
        FROM sums
    )
    SELECT $names count(*) customers, {_SUMS}, sum(margin) margin, count(*) FILTER (margin < 0) losing_customers,
        count(*) FILTER (margin > 0 AND made < total * 0.5) / count(*) customers_50_share,
        count(*) FILTER (margin > 0 AND made < total * 0.8) / count(*) customers_80_share
    FROM ranked GROUP BY ALL""",
    {"segment": "segment", "month": MONTH.format('"at"')},
)

_SERVED = f"""
    SELECT 'contact' what, customer_id, "at", cost::double AS cost, touchpoint FROM contacts
        WHERE purpose NOT IN ('offer', 'survey')
    UNION ALL SELECT 'case', customer_id, opened_at, cost::double, NULL FROM cases
    UNION ALL SELECT 'order', customer_id, ordered_at, NULL, touchpoint FROM orders WHERE {_IS_SOLD}"""

_COST_TO_SERVE = Bare(
    f"""
    SELECT $cut count(*) FILTER (what = 'contact') contacts_in, count(*) FILTER (what = 'case') cases,
        count(*) FILTER (what = 'order') orders, count(DISTINCT customer_id) FILTER (what = 'order') active_customers,
        coalesce(sum(cost) FILTER (what = 'contact'), 0) contact_cost,
        coalesce(sum(cost) FILTER (what = 'case'), 0) case_cost
    FROM ({_SERVED}) GROUP BY ALL""",
    {"touchpoint": "touchpoint", "month": MONTH.format('"at"')},
    _sum_by_customer(
        _SERVED, contacts=("what = 'contact'", "what = 'order'"), cost=("coalesce(cost, 0)", "what = 'order'")
    ),
)

_EARNED_GROWTH = Bare(
    f"""
    WITH sold AS (FROM orders WHERE {_IS_SOLD}), moved AS (
        SELECT customer_id, ordered_at AS at, quantity::double * unit_price::double net
        FROM order_lines JOIN sold USING (order_id)
        UNION ALL SELECT s.customer_id, returned_at, -refund::double FROM returns JOIN sold s USING (order_id)
    ), sums AS (
        SELECT customer_id, sum(net) FILTER ("at" < '2025-01-01') AS before,
            sum(net) FILTER ("at" >= '2025-01-01') AS now
        FROM moved WHERE "at" >= '2024-01-01' AND "at" < '2026-01-01' GROUP BY ALL
    ), firsts AS (SELECT customer_id, min(ordered_at) first_at FROM sold GROUP BY ALL)
    SELECT $cut count(before) customers_before, count(now) customers,
        count(*) FILTER (before IS NULL AND first_at >= '2025-01-01') new_customers, sum(before) revenue_before,
        sum(now) revenue, sum(now) FILTER (before IS NOT NULL) retained,
        sum(now) FILTER (before IS NULL AND first_at >= '2025-01-01' AND is_earned) earned,
        sum(now) FILTER (before IS NULL AND first_at >= '2025-01-01' AND NOT is_earned) bought,
        sum(now) FILTER (before IS NULL AND first_at < '2025-01-01') won_back
    FROM sums LEFT JOIN firsts USING (customer_id) LEFT JOIN customers USING (customer_id) GROUP BY ALL""",
    {"segment": "segment"},
)

_ACQUISITION = Bare(
    f"""
    WITH new AS (
        SELECT $cut acquired_via, count(*) new_customers FROM (
            SELECT customer_id, min(ordered_at) first_at FROM orders WHERE {_IS_SOLD} GROUP BY ALL
        ) LEFT JOIN customers USING (customer_id) GROUP BY ALL
    )
    SELECT $names acquired_via, new_customers, amount / new_customers cost_per_customer
    FROM new LEFT JOIN (SELECT channel acquired_via, sum(amount::double) amount FROM costs GROUP BY ALL)
        USING (acquired_via)""",
    rest=f"""
    {_MOVEMENTS}, firsts AS (
        SELECT customer_id, min(ordered_at) first_at FROM orders WHERE {_IS_SOLD} GROUP BY ALL
    )
    SELECT $cut acquired_via, (epoch("at") - epoch(first_at)) // 2592000 age,
        sum(sales - returns - cost_of_goods - shipping - cost - payment_losses) margin
    FROM moved JOIN firsts USING (customer_id) LEFT JOIN customers USING (customer_id)
    WHERE "at" >= first_at GROUP BY ALL""",
)

_RETENTION = Bare(
    f"""
    WITH bought AS (SELECT DISTINCT customer_id, date_trunc('month', ordered_at)::date period
        FROM orders WHERE {_IS_SOLD}),
    firsts AS (SELECT customer_id, min(period) cohort FROM bought GROUP BY ALL)
    SELECT cohort, date_diff('month', cohort, period) age, count(*) active
    FROM bought JOIN firsts USING (customer_id) WHERE period < '2026-01-01' GROUP BY ALL"""
)

_REPEAT_RATE = Bare(
    f"""
    WITH days AS (SELECT DISTINCT customer_id, ordered_at::date AS day FROM orders WHERE {_IS_SOLD}),
    firsts AS (SELECT customer_id, min(day) AS first, min(day, 2)[2] AS second FROM days GROUP BY ALL)
    SELECT $cut count(*) FILTER (first + 365 < '2026-01-01') customers,
        count(*) FILTER (first + 365 >= '2026-01-01') waiting,
        count(*) FILTER (first + 365 < '2026-01-01' AND second - first <= 365) repeated,
        quantile_cont(second - first, 0.5) FILTER (first + 365 < '2026-01-01' AND second - first <= 365)
            days_to_second_median
    FROM firsts GROUP BY ALL""",
    {"month": MONTH.format("first")},
)

_RFM = Bare(
    f"""
    WITH sold AS (FROM orders WHERE {_IS_SOLD}),
    bought AS (SELECT customer_id, count(*) orders, '2026-01-01'::date - max(ordered_at)::date AS days,
        nullif(max(ordered_at)::date - min(ordered_at)::date, 0) / nullif(count(*) - 1, 0) pause
        FROM sold GROUP BY ALL),
    sums AS (SELECT customer_id, sum(quantity::double * unit_price::double) sales
        FROM order_lines JOIN sold USING (order_id) GROUP BY ALL),
    marked AS (
        SELECT *, 1 + 5 * (rank() OVER (ORDER BY days DESC) - 1 + count(*) OVER (ORDER BY days DESC))
                // (2 * count(*) OVER ()) r,
            (2 + 5 * (rank() OVER (ORDER BY orders) - 1) // count(*) OVER ()
                + 5 * (rank() OVER (ORDER BY sales) - 1) // count(*) OVER ()) / 2 f
        FROM bought JOIN sums USING (customer_id) LEFT JOIN customers USING (customer_id)
    )
    SELECT $cut CASE WHEN r >= 4 AND f >= 3.5 THEN 'champions' WHEN r >= 4 AND orders = 1 THEN 'new'
        WHEN r >= 4 THEN 'promising' WHEN r <= 2 AND f >= 3.5 THEN 'at risk'
        WHEN r <= 2 AND f >= 2 AND orders > 1 THEN 'asleep'
        WHEN r <= 2 THEN 'lost' WHEN f >= 3.5 THEN 'loyal' ELSE 'wavering' END segment, count(*) customers,
        sum(orders) orders, sum(sales) sales, quantile_cont(days, 0.5) days_since_last_purchase_median,
        quantile_cont(pause, 0.5) days_between_purchases_median
    FROM marked GROUP BY ALL""",
    {"country": "country"},
)

BARE: dict[str, Bare] = {
    "acquisition": _ACQUISITION,
    "cost_to_serve": _COST_TO_SERVE,
    "earned_growth": _EARNED_GROWTH,
    "margin": _MARGIN,
    "nps": _NPS,
    "nps_change": _NPS_CHANGE,
    "payment_incidents": _PAYMENT_INCIDENTS,
    "promises_kept": _PROMISES_KEPT,
    "repeat_rate": _REPEAT_RATE,
    "response": _RESPONSE,
    "retention": _RETENTION,
    "return_reasons": _RETURN_REASONS,
    "returns_rate": _RETURNS_RATE,
    "rfm": _RFM,
    "said_when_broken": _SAID_WHEN_BROKEN,
    "satisfaction": _SATISFACTION,
}

# Measures that fit, match or simulate: no query gives their figures.
FITTED = {
    *("contract_value", "lifetime_value", "repurchase_check", "repurchase_model", "spend_model", "referral_value"),
    *("contract_renewals", "cut_points", "loyalty_curve", "recovery", "referred", "referrers", "say_do", "score_value"),
    *("drivers", "promise_cost", "promise_effect", "at_risk", "telling_words", "themes"),
}
