"""The contract is whole: what it says of itself holds."""

from __future__ import annotations

import re
from itertools import chain

import ibis
import pytest

from saydo.facts import TABLES, Column, Table

COLUMNS = [(table, column) for table in TABLES.values() for column in table.columns]


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_table_has_its_key_its_time_and_rules_on_its_own_columns(table: Table) -> None:
    assert set(table.key) <= set(table.names)
    assert not table.at or not table[table.at].known_at
    assert all(rule.column in table for rule in table.rules)
    assert len(set(table.names)) == len(table.names)


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=lambda part: part.name)
def test_column_has_a_type_a_meaning_and_the_suffix_of_its_type(table: Table, column: Column) -> None:
    assert ibis.dtype(column.type) is not None
    assert column.meaning
    assert not column.is_time or column.name.endswith("_at") or column.name == "at"
    assert not column.name.endswith("_at") or column.is_time
    assert not column.refers_to or len(TABLES[column.refers_to].key) == 1
    assert not column.known_at or table[column.known_at].type in ("date", "timestamp(6)")


def test_no_column_can_hold_an_identity() -> None:
    names = set(chain.from_iterable(table.names for table in TABLES.values()))
    assert not {name for name in names if re.search(r"e?mail|phone|address|birth|first_?name|last_?name|zip", name)}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_rules_can_be_written_for_every_engine(table: Table) -> None:
    rows = ibis.table(table.schema, name=table.name)
    for rule in table.rules:
        assert ibis.to_sql(rows.filter(rule.broken(rows)), dialect="duckdb")
