"""Some of the customers of a very large company, with all that is known of them: what models are fitted to.

A model of a million customers says hardly more than one of fifty thousand, takes twenty times as long, and its joins do
not fit into memory. Which customers are taken follows from a hash of their account or key that every engine makes
alike: chance for whatever is measured, and the same people each time and for all measures.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.expr.operations import UnboundTable

from saydo.company import Engine, Facts
from saydo.facts import TABLES
from saydo.language import mark
from saydo.measures._clusters import MANY_CUSTOMERS
from saydo.measures._measure import Note

MOST_CUSTOMERS = 50_000
_SAMPLED = mark(
    "Of {customers} customers, {taken} drawn at random stand for all in what is compared, adjusted or fitted; the "
    "intervals know it."
)
_DIGITS = 6


def take_some(facts: Facts) -> tuple[Facts, tuple[Note, ...]]:
    """The facts of some MOST_CUSTOMERS and a note that says so; the same facts where customers are not MANY_CUSTOMERS.

    Whole accounts are taken. What names neither a customer nor an order or contract of one is left out, but for tables
    that have nothing to do with customers, and referrals. Built once per engine and kept.
    """
    entry = facts.manifest.tables.get("customers")
    if entry is None or entry.rows < MANY_CUSTOMERS:
        return facts, ()
    engine = _Part(facts.engine, facts, MOST_CUSTOMERS / entry.rows)
    part = Facts(engine, facts.manifest, facts.as_of, facts.is_keeping)
    return part, (Note(_SAMPLED, {"customers": entry.rows, "taken": engine.count()}),)


class _Part:
    """An engine that answers from the rows of some customers; tables are thinned when they are first asked for."""

    def __init__(self, engine: Engine, facts: Facts, share: float) -> None:
        self.engine, self.facts, self.share = engine, facts, share
        self._thin: dict[str, ir.Table] = {}

    def run(self, expression: ir.Expr) -> pa.Table:
        """The rows of an expression, over these customers."""
        return self.engine.run(self._replace(expression))

    def keep(self, rows: ir.Table) -> ir.Table:
        """The same rows, over these customers, computed once."""
        return self.engine.keep(self._replace(rows))

    def count(self) -> int:
        """How many customers were taken."""
        customers = self._table("customers")
        return int(self.engine.run(customers.aggregate(count=customers.count()))["count"][0].as_py())

    def _replace(self, expression: ir.Expr) -> ir.Expr:
        op = expression.op()
        asked = {one: self._table(one.name).op() for one in op.find(UnboundTable) if one.name in TABLES}
        return op.replace(asked).to_expr()

    def _table(self, name: str) -> ir.Table:
        if name not in self._thin:
            entry = self.facts.manifest.tables.get(name)
            whole = ibis.table({**dict(TABLES[name].schema.items()), **(entry.own_columns if entry else {})}, name=name)
            thin = self._thin_out(name, whole)
            self._thin[name] = whole if thin is None else self.engine.keep(thin)
        return self._thin[name]

    def _thin_out(self, name: str, rows: ir.Table) -> ir.Table | None:
        """The rows of a table that belong to these customers; None where no row belongs to any."""
        if name == "customers":
            digest = rows.account_id.coalesce(rows.customer_id).hexdigest("md5")
            return rows.filter(digest.substr(0, _DIGITS) < f"{int(16**_DIGITS * self.share):0{_DIGITS}x}")
        through = [key for key in ("order_id", "contract_id") if key in rows.columns and TABLES[name].key != (key,)]
        if "customer_id" in rows.columns:
            own = rows.semi_join(self._table("customers"), "customer_id")
            unnamed = rows.filter(rows.customer_id.isnull())
            if not through or not len(self.engine.run(unnamed.select("customer_id").limit(1))):
                return own
            return own.union(unnamed.semi_join(self._table("orders"), "order_id"))
        if not through:
            return None
        parts = [rows.semi_join(self._table(f"{key.removesuffix('_id')}s"), key) for key in through]
        return parts[0] if len(parts) == 1 else parts[0].union(parts[1].filter(parts[1].order_id.isnull()))
