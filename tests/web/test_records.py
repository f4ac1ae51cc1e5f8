"""The database's tables have the contract's columns."""

from __future__ import annotations

import pytest

from saydo.facts import TABLES
from saydo.web.records import columns_of, record_of

_KINDS = {
    "string": {"CharField", "TextField", "Reference", "ForeignKey"},
    "timestamp(6)": {"DateTimeField"},
    "date": {"DateField"},
    "decimal(18, 4)": {"DecimalField"},
    "decimal(18, 3)": {"DecimalField"},
    "float64": {"FloatField"},
    "int64": {"BigIntegerField"},
    "boolean": {"BooleanField"},
}


@pytest.mark.parametrize("table", TABLES)
def test_record_has_the_columns_of_its_table(table: str) -> None:
    model = record_of(table)
    fields = {field.column: field for field in model._meta.concrete_fields}
    assert list(columns_of(table)) == list(TABLES[table].names)
    for column in TABLES[table].columns:
        field = fields[column.name]
        assert type(field).__name__ in _KINDS[column.type], column.name
        assert field.null == (column.null and (table, column.name) != ("costs", "channel")), column.name
        if column.values:
            assert {value for value, _ in field.choices or ()} == set(column.values)


@pytest.mark.parametrize("table", TABLES)
def test_record_is_found_by_the_key_of_its_table(table: str) -> None:
    key = record_of(table)._meta.pk
    parts = [part.column for part in getattr(key, "fields", (key,))]
    missing = set(TABLES[table].key) - set(parts)
    assert missing <= {"currency"}  # of costs: a month's costs are in one currency
