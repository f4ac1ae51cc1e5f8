"""The figures of some measures as a user of Polars would write them: lazily, on its streaming engine.

They leave out what the bare queries leave out (`benchmarks.bare`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl

_score = pl.col("score")
_END = date(2026, 1, 1)


def _scan(folder: Path, table: str) -> pl.LazyFrame:
    return pl.scan_parquet(folder / f"{table}.parquet")


def _cut(by: str, at: str) -> list[pl.Expr]:
    return [pl.col(at).dt.truncate("1mo").cast(pl.Date).alias("month")] if by == "month" else [pl.col(by)] if by else []


def _sold(folder: Path) -> pl.LazyFrame:
    return _scan(folder, "orders").filter(pl.col("cancelled_at").is_null(), pl.col("status") != "cancelled")


def _last_answers(rows: pl.LazyFrame, keys: list[pl.Expr]) -> pl.LazyFrame:
    last = _score.get(pl.col("said_at").arg_max())
    return rows.filter(_score.is_not_null()).group_by(*keys, "customer_id").agg(last)


def _count_scores() -> dict[str, pl.Expr]:
    return {f"score_{score}": (_score == score).sum() for score in range(11)}


def nps(folder: Path, by: str) -> pl.LazyFrame:
    rows = _scan(folder, "feedback").filter(pl.col("question") == "nps")
    names = [by, "occasion"] if by else ["occasion"]
    bands = {
        "promoters": (_score >= 9).sum(),
        "passives": _score.is_between(7, 8).sum(),
        "detractors": (_score <= 6).sum(),
    }
    last = _last_answers(rows, [*_cut(by, "said_at"), pl.col("occasion")])
    return last.group_by(names).agg(answers=pl.len(), **bands, **_count_scores())


def satisfaction(folder: Path, by: str) -> pl.LazyFrame:
    rows = _scan(folder, "feedback").filter(pl.col("question").is_in(["csat", "ces", "stars"]))
    apart = ["question", "item", "scale_min", "scale_max", "occasion"]
    last = _last_answers(rows, [*_cut(by, "said_at"), *map(pl.col, apart)])
    top = {
        "top_share": (_score >= pl.col("scale_max")).mean(),
        "top_two_share": (_score >= pl.col("scale_max") - 1).mean(),
    }
    names = [by, *apart] if by else apart
    return last.group_by(names).agg(answers=pl.len(), mean=_score.mean(), **top, **_count_scores())


def promises_kept(folder: Path, by: str) -> pl.LazyFrame:
    orders = _scan(folder, "orders").filter(pl.col("cancelled_at").is_not_null() | (pl.col("status") == "cancelled"))
    cancelled = orders.select("order_id", back_at="cancelled_at")
    rows = _scan(folder, "commitments").join(cancelled, on="order_id", how="left")
    over = pl.coalesce("fulfilled_at", "due_at")
    is_back = (pl.col("withdrawn_at") < over).fill_null(False) | (pl.col("back_at") < over).fill_null(False)
    state = (
        pl.when(pl.col("kept").is_not_null())
        .then(pl.when("kept").then(pl.lit("kept")).otherwise(pl.lit("broken")))
        .when(is_back)
        .then(pl.lit("withdrawn"))
        .when(pl.col("fulfilled_at") <= pl.col("due_at"))
        .then(pl.lit("kept"))
        .when(pl.col("due_at") < _END)
        .then(pl.lit("broken"))
        .otherwise(pl.lit("open"))
    )
    days = (pl.col("fulfilled_at") - pl.col("due_at")).dt.total_seconds() / 86_400
    judged = rows.select(*_cut(by, "due_at"), "fulfilled_at", state=state, days=days)
    judged = judged.with_columns(days=pl.when(pl.col("state") != "withdrawn").then("days"))
    late = pl.col("days").filter(pl.col("days") > 0)
    lateness = {
        "late_days_median": late.median(),
        "late_days_p90": late.quantile(0.9, "linear"),
        "days_median": pl.col("days").median(),
        "days_p90": pl.col("days").quantile(0.9, "linear"),
        "early_share": (pl.col("days") <= -1).sum() / pl.col("days").count(),
    }
    counts = {name: (pl.col("state") == name).sum() for name in ("kept", "broken", "open", "withdrawn")}
    late_counts = {
        "late": (pl.col("days") > 0).sum(),
        "overdue": ((pl.col("state") == "broken") & pl.col("fulfilled_at").is_null()).sum(),
    }
    figures = {"given": pl.len(), **counts, **late_counts, **lateness}
    return judged.group_by(by).agg(**figures) if by else judged.select(**figures)


def repeat_rate(folder: Path, by: str) -> pl.LazyFrame:
    days = _sold(folder).select("customer_id", day=pl.col("ordered_at").cast(pl.Date)).unique()
    first, second = pl.col("day").min(), pl.col("day").bottom_k(2).max()
    firsts = days.group_by("customer_id").agg(first=first, second=second)
    is_up = pl.col("first") + pl.duration(days=365) < _END
    gap = (pl.col("second") - pl.col("first")).dt.total_days()
    is_back = is_up & (gap > 0) & (gap <= 365)
    figures = {
        "customers": is_up.sum(),
        "waiting": (~is_up).sum(),
        "repeated": is_back.sum(),
        "days_to_second_median": gap.filter(is_back).median(),
    }
    return firsts.group_by(*_cut(by, "first")).agg(**figures) if by else firsts.select(**figures)


def retention(folder: Path, by: str) -> pl.LazyFrame:
    assert not by
    period = pl.col("ordered_at").dt.truncate("1mo").cast(pl.Date)
    bought = _sold(folder).select("customer_id", period=period).unique()
    cohorts = bought.join(bought.group_by("customer_id").agg(cohort=pl.col("period").min()), on="customer_id")
    months = 12 * pl.col("period").dt.year() + pl.col("period").dt.month()
    first = 12 * pl.col("cohort").dt.year() + pl.col("cohort").dt.month()
    return cohorts.group_by("cohort", age=(months - first).cast(pl.Int64)).agg(active=pl.len())


def returns_rate(folder: Path, by: str) -> pl.LazyFrame:
    orders = _scan(folder, "orders").select("order_id", "ordered_at", "touchpoint", "cancelled_at", "status")
    is_old = pl.col("ordered_at") < pl.lit(_END).cast(pl.Datetime("us")) - pl.duration(days=60)
    sold = orders.filter(pl.col("cancelled_at").is_null(), pl.col("status") != "cancelled", is_old)
    returns = _scan(folder, "returns").join(orders.select("order_id", "ordered_at"), on="order_id")
    returns = returns.filter(pl.col("returned_at") < pl.col("ordered_at") + pl.duration(days=60))
    back = returns.group_by("order_id", "line").agg(
        back=pl.col("quantity").cast(pl.Float64).sum(), refund=pl.col("refund").cast(pl.Float64).sum()
    )
    rows = _scan(folder, "order_lines").select(
        "order_id",
        "line",
        quantity=pl.col("quantity").cast(pl.Float64),
        value=pl.col("quantity").cast(pl.Float64) * pl.col("unit_price").cast(pl.Float64),
    )
    rows = rows.join(sold, on="order_id").join(back, on=["order_id", "line"], how="left")
    figures = {
        "sold_lines": pl.len(),
        "returned_lines": pl.col("back").count(),
        "sold_quantity": pl.col("quantity").sum(),
        "returned_quantity": pl.min_horizontal("back", "quantity").filter(pl.col("back").is_not_null()).sum(),
        "sold_value": pl.col("value").sum(),
        "returned_value": pl.min_horizontal("refund", "value").filter(pl.col("back").is_not_null()).sum(),
    }
    return rows.group_by(*_cut(by, "ordered_at")).agg(**figures) if by else rows.select(**figures)


PEERS: dict[str, Callable[[Path, str], pl.LazyFrame]] = {
    "nps": nps,
    "promises_kept": promises_kept,
    "repeat_rate": repeat_rate,
    "retention": retention,
    "returns_rate": returns_rate,
    "satisfaction": satisfaction,
}
