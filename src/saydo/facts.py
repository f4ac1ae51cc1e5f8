"""The facts: the contract between what is known about a company's customers and what is measured.

Every table, every column with its type, unit and null rule, stands here once. Validation, the Parquet schema, the
documentation, the importers' targets and the test generators are derived from it.

- Times are UTC timestamps (``_at``), days are dates (``_on``, ``day``, ``month``); periods are half open, [start, end).
- Money is decimal(18,4) with an ISO 4217 code and excludes VAT; quantities are decimal(18,3); scores keep their own
  scale.
- Keys are strings, opaque: no identity (name, address, number) stands in the facts. An e-mail address or telephone
  number in a key refuses the row; those in any other text are taken out of it.
- A column is null when nothing is known; undefined is never 0. Every table may be absent.
- A further column named ``x_<name>`` (text or number) is kept, and may be a split or a covariate.
- What became known after the row itself (a delivery, a payment) says with which time it became known
  (`Column.known_at`), so that any past moment can be seen again as it was (`saydo.company.Facts.known_before`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from saydo.language import mark

CONTRACT_VERSION = 1

KEY = "string"
TEXT = "string"
TIME = "timestamp(6)"  # UTC, without a zone mark: truncation stays fast and equal on every engine
DAY = "date"
MONEY = "decimal(18, 4)"
QUANTITY = "decimal(18, 3)"
NUMBER = "float64"
COUNT = "int64"
YES_NO = "boolean"


@dataclass(frozen=True)
class Column:
    """One column of a fact table.

    ``values`` closes an enumeration; ``low`` and ``high`` bound a number; ``refers_to`` names the table whose key it
    holds; ``known_at`` names the time column of the same table with which the value became known, if later than the row
    (a time column that is its own ``known_at`` becomes null when seen from before it); ``before`` is what the value was
    until then, null if not said; ``planned`` times may lie in the future; ``end_of_day`` reads a bare date as the end
    of that local day; ``is_key`` tells a key, its own or another table's, from words; ``is_personal`` what no fact may
    hold: a name, an address (columns of people, which are no facts).
    """

    name: str
    type: str
    meaning: str
    null: bool = False
    values: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    refers_to: str = ""
    known_at: str = ""
    before: str | None = None
    planned: bool = False
    end_of_day: bool = False
    is_key: bool = False
    is_personal: bool = False

    @property
    def is_time(self) -> bool:
        return self.type == TIME


@dataclass(frozen=True)
class Rule:
    """A condition across columns that no row may break; null on either side breaks nothing.

    ``reason`` has the places {column} and, for one that must not lie before another, {start}.
    """

    column: str
    reason: str
    broken: Callable[[ir.Table], ir.BooleanValue]
    start: str = ""


@dataclass(frozen=True)
class Table:
    """One fact table: what a row is, its columns, its key, the time a row became known, and rules across columns."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    at: str = ""
    rules: tuple[Rule, ...] = ()

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def __contains__(self, name: str) -> bool:
        return any(column.name == name for column in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def schema(self) -> ibis.Schema:
        """Names and Ibis types in the order of the contract."""
        return ibis.schema({column.name: column.type for column in self.columns})


def _key(name: str, meaning: str = "opaque key, unique", *, null: bool = False) -> Column:
    return Column(name, KEY, meaning, null, is_key=True)


def _ref(name: str, table: str, meaning: str = "", *, null: bool = True) -> Column:
    return Column(name, KEY, meaning or f"key of {table}", null, refers_to=table, is_key=True)


def _text(name: str, meaning: str, *values: str, null: bool = True) -> Column:
    return Column(name, TEXT, meaning, null, values=values)


def _later(name: str, meaning: str, **more: object) -> Column:
    """A time at which something more became known about the row."""
    return Column(name, TIME, meaning, True, known_at=name, **more)  # type: ignore[arg-type]


def _money(name: str, meaning: str, *, low: float | None = 0, known_at: str = "", null: bool = True) -> Column:
    return Column(name, MONEY, meaning, null, low=low, known_at=known_at)


def _currency(*, null: bool = True) -> Column:
    return Column("currency", TEXT, "ISO 4217 code; null takes the order's or contract's, else the company's", null)


def _not_before(end: str, start: str) -> Rule:
    return Rule(end, mark("{column} lies before {start}"), lambda table: table[end] < table[start], start)


_TOUCHPOINT = _ref("touchpoint", "touchpoints", "where it happened")

CUSTOMERS = Table(
    "customers",
    "a person or firm",
    (
        _key("customer_id"),
        _key("account_id", "the firm or household it belongs to", null=True),
        Column("first_seen_at", TIME, "when the company first knew of it", True),
        _later("left_at", "when it ended the relationship"),
        _text("kind", "a person or a firm", "person", "firm"),
        _text("country", "ISO 3166-1 alpha-2 code, or the name in use"),
        _text("region", "region, state or canton"),
        _text("language", "ISO 639-1 code"),
        _text("segment", "the company's own segment"),
        _text("acquired_via", "channel by which it came (the channel of costs)"),
        _money("acquisition_cost", "what winning this customer cost"),
        Column("is_earned", YES_NO, "came by recommendation or by itself (true), was bought (false)", True),
        _currency(),
    ),
    ("customer_id",),
    "first_seen_at",
    (_not_before("left_at", "first_seen_at"),),
)

TOUCHPOINTS = Table(
    "touchpoints",
    "a place where company and customer meet",
    (
        _key("touchpoint", "its name, unique"),
        _text("kind", "what it is", "web", "app", "shop", "phone", "mail", "social", "visit", "partner", null=False),
        _text("place", "town or address of the place"),
    ),
    ("touchpoint",),
)

PRODUCTS = Table(
    "products",
    "a thing that can be bought",
    (
        _key("product_id"),
        _text("name", "what it is called", null=False),
        _text("category", "its category"),
        _money("list_price", "price before any discount, without VAT"),
        _money("unit_cost", "what one costs the company"),
        _currency(),
    ),
    ("product_id",),
)

NEEDS = Table(
    "needs",
    "a product meets or raises a need",
    (
        _ref("product_id", "products", null=False),
        _text("need", "the need in a few words", null=False),
        _text("relation", "does the product meet it or raise it", "meets", "raises", null=False),
        Column("degree", NUMBER, "how far, 0 to 1", True, low=0, high=1),
    ),
    ("product_id", "need", "relation"),
)

ORDERS = Table(
    "orders",
    "an order",
    (
        _key("order_id"),
        _ref("customer_id", "customers", "who ordered; null for a sale to somebody unknown"),
        Column("ordered_at", TIME, "when it was placed"),
        _later("cancelled_at", "when it was cancelled"),
        _TOUCHPOINT,
        _key("adviser_id", "who sold it", null=True),
        Column(
            "status",
            TEXT,
            "the last state known",
            values=("placed", "paid", "shipped", "delivered", "cancelled"),
            known_at="cancelled_at",
            before="placed",
        ),
        _text("region", "where it goes"),
        _money("shipping_charged", "what the customer paid for shipping"),
        _money("shipping_cost", "what shipping cost the company"),
        _currency(null=False),
    ),
    ("order_id",),
    "ordered_at",
    (_not_before("cancelled_at", "ordered_at"),),
)

ORDER_LINES = Table(
    "order_lines",
    "a line of an order",
    (
        _ref("order_id", "orders", null=False),
        Column("line", COUNT, "number of the line in its order"),
        _text(
            "kind", "what is sold", "product", "shipping", "fee", "gift", "trial", "rental", "subscription", null=False
        ),
        _ref("product_id", "products"),
        Column("quantity", QUANTITY, "how many; never 0"),
        _money("unit_price", "price of one as charged, net of discount, without VAT", low=None, null=False),
        _money("list_price", "price of one before discount, without VAT"),
        _money("unit_cost", "what one cost the company"),
        Column("tax_rate", NUMBER, "VAT rate, 0.2 for 20 %", True, low=0, high=1),
    ),
    ("order_id", "line"),
    rules=(Rule("quantity", mark("{column} is zero"), lambda table: table.quantity == 0),),
)

RETURNS = Table(
    "returns",
    "goods back",
    (
        _key("return_id"),
        _ref("order_id", "orders"),
        _ref("customer_id", "customers"),
        Column("line", COUNT, "line of the order", True),
        _ref("product_id", "products"),
        Column("returned_at", TIME, "when the goods came back or the return was announced"),
        Column("quantity", QUANTITY, "how many came back", True, low=0),
        _money("refund", "what was or will be paid back, without VAT"),
        _later("refunded_at", "when the money was paid back"),
        _currency(),
        _text("reason", "why"),
    ),
    ("return_id",),
    "returned_at",
)

PAYMENTS = Table(
    "payments",
    "money due",
    (
        _key("payment_id"),
        _ref("order_id", "orders"),
        _ref("contract_id", "contracts"),
        Column("due_at", TIME, "when it is due", True, planned=True, end_of_day=True),
        _later("paid_at", "when it was paid"),
        _later("failed_at", "when it was refused or given up"),
        _money("amount", "what is due, without VAT", low=None, null=False),
        _currency(),
    ),
    ("payment_id",),
)

CONTRACTS = Table(
    "contracts",
    "a subscription, rental or service agreement",
    (
        _key("contract_id"),
        _ref("customer_id", "customers", null=False),
        _ref("product_id", "products"),
        Column("started_on", DAY, "first day"),
        Column("period_months", COUNT, "months between two renewals", True, low=1),
        _money("price", "price of one period, without VAT"),
        _currency(),
        Column("ended_on", DAY, "day after the last", True, known_at="ended_on", planned=True),
        Column("end_reason", TEXT, "why it ended", True, known_at="ended_on"),
    ),
    ("contract_id",),
    "started_on",
    (_not_before("ended_on", "started_on"),),
)

PROMISES = Table(
    "promises",
    "a kind of promise",
    (
        _key("promise", "its short name, unique"),
        _text("statement", "the promise as the customer hears it", null=False),
        _text("standard", "what counts as kept"),
        _TOUCHPOINT,
        _text("owner", "the role that answers for it"),
        _text("made_to", "to whom", "customer", "employee", "partner", "public"),
    ),
    ("promise",),
)

COMMITMENTS = Table(
    "commitments",
    "one promise given once, or checked on one visit",
    (
        _key("commitment_id"),
        _ref("promise", "promises", "the kind of promise", null=False),
        _ref("customer_id", "customers"),
        _ref("order_id", "orders"),
        _key("visit_id", "the mystery visit that checked it", null=True),
        _TOUCHPOINT,
        Column("made_at", TIME, "when it was given"),
        Column("due_at", TIME, "when it has to be fulfilled at the latest", True, planned=True, end_of_day=True),
        _later("fulfilled_at", "when it was fulfilled"),
        Column("kept", YES_NO, "was it kept, where time alone does not tell", True, known_at="settled_at"),
        _later("settled_at", "when kept became known"),
        _later("withdrawn_at", "when it was taken back (the order cancelled)"),
        _text("seen_by", "who saw it", "system", "customer", "mystery", null=False),
    ),
    ("commitment_id",),
    "made_at",
    (_not_before("due_at", "made_at"), _not_before("withdrawn_at", "made_at")),
)

FEEDBACK = Table(
    "feedback",
    "one answer to one question, or something said unasked",
    (
        _key("feedback_id"),
        _key("reply_id", "answers given together share it", null=True),
        _ref("customer_id", "customers"),
        _ref("order_id", "orders"),
        _ref("product_id", "products"),
        _TOUCHPOINT,
        _text("survey", "the survey it answers"),
        _text("occasion", "the relationship as a whole, or after an event", "relational", "event"),
        _text("source", "where it comes from", "survey", "review", "mention", "complaint", "mystery", null=False),
        _text("question", "what was asked", "nps", "csat", "ces", "stars", "choice", "open"),
        _text("item", "what the question is about"),
        Column("said_at", TIME, "when it was said"),
        Column("score", NUMBER, "the number given, on its own scale", True),
        Column("scale_min", NUMBER, "lowest score possible", True),
        Column("scale_max", NUMBER, "highest score possible", True),
        _text("choice", "the choice made"),
        _text("comment", "their words, cleaned of e-mail addresses and phone numbers"),
        _text("language", "ISO 639-1 code of the comment"),
        Column("reach", NUMBER, "how many people see it", True, low=0),
        _later("replied_at", "when the company replied"),
    ),
    ("feedback_id",),
    "said_at",
    (
        Rule("score", mark("{column} is below its scale"), lambda table: table.score < table.scale_min),
        Rule("score", mark("{column} is above its scale"), lambda table: table.score > table.scale_max),
        Rule(
            "scale_max",
            mark("{column} is not above scale_min"),
            lambda table: table.scale_max <= table.scale_min,
        ),
        Rule(
            "score",
            mark("{column} is no NPS answer: that question knows the whole numbers 0 to 10"),
            lambda table: (
                (table.question == "nps")
                & ((table.score < 0) | (table.score > 10) | (table.score != table.score.floor()))
            ),
        ),
        _not_before("replied_at", "said_at"),
    ),
)

INVITATIONS = Table(
    "invitations",
    "someone asked for feedback",
    (
        _key("invitation_id"),
        _ref("customer_id", "customers"),
        _text("survey", "the survey sent"),
        _text("question", "its main question", "nps", "csat", "ces", "stars", "choice", "open"),
        _TOUCHPOINT,
        Column("sent_at", TIME, "when it was sent"),
        _later("bounced_at", "when it came back undelivered"),
        _later("answered_at", "when it was answered"),
    ),
    ("invitation_id",),
    "sent_at",
    (_not_before("answered_at", "sent_at"), _not_before("bounced_at", "sent_at")),
)

CONTACTS = Table(
    "contacts",
    "a conversation or message",
    (
        _key("contact_id"),
        _ref("customer_id", "customers"),
        Column("at", TIME, "when"),
        _text("direction", "who began: the customer (in) or the company (out)", "in", "out", null=False),
        _TOUCHPOINT,
        _text("purpose", "what for", "service", "offer", "survey", "notice"),
        _text(
            "asked", "which of the eight questions", "find", "available", "ordered", "where", "when", "return", "again"
        ),
        _ref("order_id", "orders"),
        _ref("feedback_id", "feedback"),
        _later("answered_at", "when it was answered"),
        _later("resolved_at", "when it was settled"),
        _money("cost", "what it cost the company"),
        _currency(),
    ),
    ("contact_id",),
    "at",
    (_not_before("answered_at", "at"), _not_before("resolved_at", "at")),
)

CASES = Table(
    "cases",
    "a dissatisfaction being worked",
    (
        _key("case_id"),
        _ref("customer_id", "customers"),
        _ref("feedback_id", "feedback"),
        _ref("order_id", "orders"),
        _ref("commitment_id", "commitments"),
        _text("cause", "what went wrong"),
        Column("opened_at", TIME, "when it was opened"),
        _later("answered_at", "when the customer was first answered"),
        _later("closed_at", "when it was closed"),
        Column("outcome", TEXT, "how it ended", True, known_at="closed_at"),
        _money("cost", "what it cost the company", known_at="closed_at"),
        _currency(),
        Column(
            "asked_again_id",
            KEY,
            "the feedback after repair",
            True,
            refers_to="feedback",
            known_at="closed_at",
            is_key=True,
        ),
    ),
    ("case_id",),
    "opened_at",
    (_not_before("answered_at", "opened_at"), _not_before("closed_at", "opened_at")),
)

REFERRALS = Table(
    "referrals",
    "one customer brings another",
    (
        _key("referral_id"),
        _ref("referrer_id", "customers", "who recommended", null=False),
        _ref("referred_id", "customers", "who came"),
        Column("referred_at", TIME, "when the recommendation was made"),
        _later("converted_at", "when the other became a customer"),
    ),
    ("referral_id",),
    "referred_at",
    (_not_before("converted_at", "referred_at"),),
)

USAGE = Table(
    "usage",
    "what was bought is used",
    (
        _ref("customer_id", "customers", null=False),
        _ref("product_id", "products", null=False),
        Column("used_on", DAY, "the day"),
        Column("amount", NUMBER, "how much, in the product's own unit", True, low=0),
    ),
    ("customer_id", "product_id", "used_on"),
    "used_on",
)

ASSIGNMENTS = Table(
    "assignments",
    "who was in which arm of an experiment",
    (
        _ref("customer_id", "customers", null=False),
        _text("experiment", "its name", null=False),
        _text("arm", "the arm drawn", null=False),
        Column("assigned_at", TIME, "when it was drawn"),
    ),
    ("customer_id", "experiment"),
    "assigned_at",
)

COSTS = Table(
    "costs",
    "what it cost beside the goods",
    (
        Column("month", DAY, "first day of the month"),
        _text("channel", "acquisition channel (customers.acquired_via)"),
        _text("kind", "what for", "acquisition", "service", "other", null=False),
        _money("amount", "how much", null=False),
        _currency(null=False),
    ),
    ("month", "channel", "kind", "currency"),
    "month",
)

EXCHANGE_RATES = Table(
    "exchange_rates",
    "a rate: one unit of currency is worth rate units of to_currency",
    (
        Column("day", DAY, "from this day on, until the next rate"),
        _text("currency", "ISO 4217 code", null=False),
        _text("to_currency", "ISO 4217 code", null=False),
        Column("rate", NUMBER, "units of to_currency for one of currency"),
    ),
    ("day", "currency", "to_currency"),
    rules=(Rule("rate", mark("{column} is not above zero"), lambda table: table.rate <= 0),),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        CUSTOMERS,
        TOUCHPOINTS,
        PRODUCTS,
        NEEDS,
        ORDERS,
        ORDER_LINES,
        RETURNS,
        PAYMENTS,
        CONTRACTS,
        PROMISES,
        COMMITMENTS,
        FEEDBACK,
        INVITATIONS,
        CONTACTS,
        CASES,
        REFERRALS,
        USAGE,
        ASSIGNMENTS,
        COSTS,
        EXCHANGE_RATES,
    )
}
