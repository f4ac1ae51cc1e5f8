"""Some of the customers of a very large company, with all that is known of them: what models are fitted to.

A model of a million customers says hardly more than one of fifty thousand, takes twenty times as long, and its joins do
not fit into memory. Which customers are taken follows from a hash of their account or key that every engine makes
alike: chance for whatever is measured, and the same people each time and for all measures.
"""

from __future__ import annotations

from functools import cached_property

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.expr.operations import Node, UnboundTable

from saydo.company import Engine, Facts
from saydo.facts import TABLES
from saydo.language import mark
from saydo.measures._measure import Note
from saydo.measures._population import count_customers, find_customers, has_many

MOST_CUSTOMERS = 50_000
_SAMPLED = mark(
    "Of {customers} customers, {taken} drawn at random stand for all in what is compared, adjusted or fitted; the "
    "intervals know it."
)
_NAMELESS = mark(
    "Orders that name no customer: {share} of all. They are left out, because customers are drawn, not orders."
)
_DIGITS = 6
_MOST_REPLACED = 100  # expressions remembered: pages ask for as many as their readers have settings


def take_some(facts: Facts) -> tuple[Facts, tuple[Note, ...]]:
    """The facts of some MOST_CUSTOMERS and notes that say so; the same facts where customers are not many.

    Whole accounts are taken. What names neither a customer nor an order or contract of one is left out, but for tables
    that have nothing to do with customers, and referrals. Built once per engine and kept.
    """
    if isinstance(facts.engine, _Part) or not has_many(facts):
        return facts, ()
    return facts.once("some", lambda: _take(facts))


def _take(facts: Facts) -> tuple[Facts, tuple[Note, ...]]:
    customers = count_customers(facts)
    engine = _Part(facts.engine, facts, MOST_CUSTOMERS / customers)
    part = Facts(engine, facts.manifest, facts.as_of, facts.is_keeping)
    return part, (Note(_SAMPLED, {"customers": customers, "taken": engine.count()}), *_note_nameless(facts))


def _note_nameless(facts: Facts) -> tuple[Note, ...]:
    orders = facts.table("orders")
    counts = orders.aggregate(nameless=orders.count(where=orders.customer_id.isnull()), orders=orders.count())
    found = facts.run(counts).to_pylist()[0]
    return (Note(_NAMELESS, {"share": found["nameless"] / found["orders"]}),) if found["nameless"] else ()


class _Part:
    """An engine that answers from the rows of some customers; tables are thinned when they are first asked for."""

    def __init__(self, engine: Engine, facts: Facts, share: float) -> None:
        self.engine, self.facts, self.share = engine, facts, share
        self._replaced: dict[Node, ir.Table] = {}

    def run(self, expression: ir.Expr) -> pa.Table:
        """The rows of an expression, over these customers."""
        op = expression.op()
        return self.engine.run(op.replace(self._find_tables(op)).to_expr())

    def keep(self, rows: ir.Table) -> ir.Table:
        """The same rows, over these customers, computed once."""
        op = rows.op()
        tables = self._find_tables(op)
        if op not in self._replaced:
            if len(self._replaced) >= _MOST_REPLACED:
                self._replaced.clear()
            self._replaced[op] = op.replace(tables).to_expr()
        return self.engine.keep(self._replaced[op])

    def count(self) -> int:
        """How many customers were taken."""
        return int(self.engine.run(self._taken.aggregate(count=self._taken.count()))["count"][0].as_py())

    @property
    def _taken(self) -> ir.Table:
        """The customers who were drawn: customer_id, account_id."""
        return self.engine.keep(self._drawn)

    @cached_property
    def _drawn(self) -> ir.Table:
        everybody = find_customers(self.facts)
        digest = everybody.account_id.coalesce(everybody.customer_id).hexdigest("md5")
        return everybody.filter(digest.substr(0, _DIGITS) < f"{int(16**_DIGITS * self.share):0{_DIGITS}x}")

    def _find_tables(self, op: Node) -> dict[Node, Node]:
        """The tables of all customers that an expression reads, and those of these customers to put in their place."""
        return {one: self._table(one.name).op() for one in op.find(UnboundTable) if one.name in TABLES}

    def _table(self, name: str) -> ir.Table:
        entry = self.facts.manifest.tables.get(name)
        whole = ibis.table({**dict(TABLES[name].schema.items()), **(entry.own_columns if entry else {})}, name=name)
        thin = self._thin_out(name, whole)  # anew each time, for the engine may have let go of what it is made from
        return whole if thin is None else self.engine.keep(thin)

    def _thin_out(self, name: str, rows: ir.Table) -> ir.Table | None:
        """The rows of a table that belong to these customers; None where no row belongs to any."""
        through = [key for key in ("order_id", "contract_id") if key in rows.columns and TABLES[name].key != (key,)]
        if "customer_id" in rows.columns:
            own = rows.semi_join(self._taken, "customer_id")
            unnamed = rows.filter(rows.customer_id.isnull())
            if not through or not self._has_any(name, unnamed):
                return own
            return own.union(unnamed.semi_join(self._table("orders"), "order_id"))
        if not through:
            return None
        parts = [rows.semi_join(self._table(f"{key.removesuffix('_id')}s"), key) for key in through]
        return parts[0] if len(parts) == 1 else parts[0].union(parts[1].filter(parts[1].order_id.isnull()))

    def _has_any(self, name: str, unnamed: ir.Table) -> bool:
        return self.facts.once(
            ("unnamed", name), lambda: self.engine.run(unnamed.select("customer_id").limit(1)).num_rows > 0
        )
