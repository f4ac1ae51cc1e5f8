"""What all tables of the contract have in common in the database.

A model's columns are those of its table in `saydo.facts` (a test holds them against it), so that rows are loaded, fed
and read without a translation in between. Keys are the contract's own texts; a row from any origin but ``main`` has
``<origin>:`` before its key and before all keys that it names (`saydo.web.load`), so that two shops can both have an
order 1001. A key may name a row that is not there (an orphan): it is counted, not refused.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.apps import apps
from django.db import models

from saydo.facts import TABLES

KEY = 200


class Record(models.Model):
    """A row of the contract: where it came from, the write that last changed it, and the company's own columns."""

    table: ClassVar[str] = ""  # of the contract; empty for what facts must not hold
    origin = models.CharField(max_length=40, default="main", editable=False)  # the system that it came from
    change_id = models.BigIntegerField(db_index=True, editable=False)
    own = models.JSONField(null=True, blank=True, editable=False)  # the columns named x_...

    class Meta:
        abstract = True


class Reference(models.ForeignKey[Any, Any]):
    """A key of another record, which may be missing: the database neither checks nor cascades."""

    def __init__(self, to: Any, on_delete: Any = models.DO_NOTHING, **options: Any) -> None:
        options.setdefault("related_name", "+")
        options["db_constraint"] = False
        super().__init__(to, on_delete, **options)


def choices(table: str, column: str) -> list[tuple[str, str]]:
    """The closed list of a column of the contract."""
    return [(value, value) for value in TABLES[table][column].values]


def record_of(table: str) -> type[Record]:
    """The model that holds a table of the contract."""
    return next(model for model in apps.get_models() if issubclass(model, Record) and model.table == table)


def columns_of(table: str) -> dict[str, str]:
    """Of each column of the contract, the model's attribute that holds it (``touchpoint`` -> ``touchpoint_id``)."""
    fields = {field.column: field.attname for field in record_of(table)._meta.concrete_fields}
    return {name: fields[name] for name in TABLES[table].names}
