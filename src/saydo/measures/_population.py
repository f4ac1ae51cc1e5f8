"""Who the customers are, and whether they are many: those of the table ``customers``, and whom other tables name.

An import makes customers from the keys in other tables where none are given, but a table that is given can lack some,
and facts that no import wrote can do without one.
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

import ibis
import ibis.expr.types as ir

from saydo.company import Engine, Facts
from saydo.facts import TABLES

MANY_CUSTOMERS = 200_000
_counted: WeakKeyDictionary[Engine, int] = WeakKeyDictionary()


def has_many(facts: Facts) -> bool:
    """Does the company have MANY_CUSTOMERS? Few rows settle it from the manifest; else they are counted once."""
    return _most(facts) >= MANY_CUSTOMERS and count_customers(facts) >= MANY_CUSTOMERS


def count_customers(facts: Facts) -> int:
    """How many customers there are, whenever they came; counted once per engine where the manifest does not say."""
    if not list(_strangers(facts)):
        return _listed(facts)
    if facts.engine not in _counted:
        keys = facts.engine.keep(find_customers(facts))
        _counted[facts.engine] = int(facts.run(keys.aggregate(count=keys.count()))["count"][0].as_py())
    return _counted[facts.engine]


def find_customers(facts: Facts) -> ir.Table:
    """Every customer once, whenever they came: customer_id, and account_id where ``customers`` has it."""
    whole = Facts(facts.engine, facts.manifest)
    listed = whole.table("customers").select("customer_id", "account_id")
    named = [whole.table(table).select(customer_id=column) for table, column, _ in _strangers(facts)]
    if not named:
        return listed
    others = ibis.union(*named) if len(named) > 1 else named[0]
    others = others.filter(others.customer_id.notnull()).distinct().anti_join(listed, "customer_id")
    return listed.union(others.mutate(account_id=ibis.null("string")))


def _strangers(facts: Facts) -> Iterator[tuple[str, str, int]]:
    """(table, column, rows at most) of what names customers whom ``customers`` does not have."""
    has_list = facts.has("customers")
    for name, entry in facts.manifest.tables.items():
        for column in TABLES[name].columns:
            rows = entry.orphans.get(column.name, 0) if has_list else entry.rows
            if column.refers_to == "customers" and rows:
                yield name, column.name, rows


def _listed(facts: Facts) -> int:
    return facts.manifest.tables["customers"].rows if facts.has("customers") else 0


def _most(facts: Facts) -> int:
    return _listed(facts) + sum(rows for _, _, rows in _strangers(facts))
