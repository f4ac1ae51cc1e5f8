"""What a measure gives back: a table with its headline, count and interval, that shows well wherever it lands."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from saydo.errors import MissingPackage
from saydo.language import number, percent, probability, translate

if TYPE_CHECKING:
    import pandas
    import polars

    from saydo.measures import Measure


@dataclass(frozen=True)
class Note:
    """Something that a reader must know beside the figures: a message id and the values in it.

    Values named ``share`` or ``..._share`` (0 to 1) are told as percentages, whole numbers with separators (a ``year``
    and a ``seed`` without), ``p`` as a p-value.
    """

    text: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return translate(self.text, **{name: _told(name, value) for name, value in self.values.items()})


def _told(name: str, value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and name not in ("year", "seed"):
        return number(value)
    if isinstance(value, float) and name == "p":
        return probability(value)
    return percent(value, 1 if value < 0.1 else 0) if name.endswith("share") and isinstance(value, float) else value


@contextmanager
def _needing(package: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise MissingPackage(package=package) from None


@dataclass(frozen=True)
class Result:
    """The figures of one measure: one row per group, the split columns (``by``) first.

    ``as_of`` is the moment (UTC) before which everything in it was known; ``currency`` that of its amounts, null when
    it has none; ``settings`` those that the measure was asked with; ``notes`` what a reader must know beside the
    figures.
    """

    measure: Measure
    table: pa.Table
    by: tuple[str, ...]
    as_of: datetime
    currency: str | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.to_records())

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> pa.Table:
        """The figures as an Arrow table."""
        return self.table

    def to_pandas(self) -> pandas.DataFrame:
        """The figures as a pandas data frame; raises `MissingPackage` where there is no pandas."""
        with _needing("pandas"):
            return self.table.to_pandas()

    def to_polars(self) -> polars.DataFrame:
        """The figures as a Polars data frame; raises `MissingPackage` where there is no Polars."""
        with _needing("polars"):
            import polars

        return polars.DataFrame(self.table)

    def to_records(self) -> list[dict[str, Any]]:
        """The figures as a list of records whose keys are the measure's columns."""
        return self.table.to_pylist()

    def chart(self) -> Any:
        """The chart that suits these figures; shows itself in a notebook, ``.svg`` and ``.spec`` elsewhere."""
        from saydo.charts import draw

        return draw(self)

    def __repr__(self) -> str:
        shape = f"{len(self)} rows x {self.table.num_columns} columns"
        return f"<{self.measure.name}: {shape}, as of {self.as_of:%Y-%m-%d %H:%M} UTC>"

    def _repr_html_(self, rows: int = 20) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.table.column_names)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_shown(value))}</td>" for value in record.values()) + "</tr>"
            for record in self.table.slice(0, rows).to_pylist()
        )
        notes = "".join(f"<li>{html.escape(str(note))}</li>" for note in self.notes)
        title = html.escape(translate(self.measure.title))
        table = f"<caption>{title}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        return f"<table>{table}</table><ul>{notes}</ul>"


def _shown(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
