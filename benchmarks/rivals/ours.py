"""Saydo's side: a measure from Parquet to its figures, as anybody would call it, and the mathematics alone.

Alone starts where the peers start: from one row per customer, contract, order or reply, held in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from saydo.company import Facts
from saydo.engine import open_facts
from saydo.measures import find
from saydo.measures._histories import KEYS, find_histories
from saydo.measures._measure import column
from saydo.stats.effects import Arms, Design, estimate_effect, fit_chances, fit_means, predict
from saydo.stats.importance import correlate, explained, shapley
from saydo.stats.lifetimes import MODELS, Histories, fit
from saydo.stats.spend import Spending, fit_spend
from saydo.stats.survival import Survival, kaplan_meier

Figures = dict[str, float]
Run = Callable[[], Figures]
ADJUST = "lead_days,touchpoint,orders.region,customers.segment"
_FOLDS = 4
_BIN = 100  # of the log of a customer's mean, as in spend_model


def _measure(folder: Path, name: str, **settings: Any) -> Callable[[], list[dict[str, Any]]]:
    facts, measure = open_facts(folder), find(name)
    return lambda: list(measure(facts, **settings))


def repurchase(folder: Path) -> Run:
    run = _measure(folder, "repurchase_model", model="bg_nbd")
    return lambda: {name: row[name] for row in run() for name in ("r", "alpha", "a", "b")}


def repurchase_alone(folder: Path) -> Run:
    facts = open_facts(folder)
    repeats, last, age = _columns(facts, find_histories(facts).select(*KEYS), *KEYS)

    def run() -> Figures:
        codes, count = np.unique((repeats * 10_000 + last) * 10_000 + age, return_counts=True)
        histories = Histories.of(codes // 10**8, codes // 10**4 % 10**4, codes % 10**4, count)
        return dict(zip(("r", "alpha", "a", "b"), fit(histories, MODELS["bg_nbd"]).parameters, strict=True))

    return run


def _columns(facts: Facts, rows: Any, *names: str) -> list[Any]:
    found = facts.run(rows)
    return [column(found, name) for name in names]


def spend(folder: Path) -> Run:
    run = _measure(folder, "spend_model")
    return lambda: {name: row[name] for row in run() for name in ("p", "q", "v")}


def spend_alone(folder: Path) -> Run:
    from saydo.measures.spend_model import _spending

    facts = open_facts(folder)
    repeats, total = _columns(facts, _spending(facts, None), "repeats", "spend")

    def run() -> Figures:
        mean = total / repeats
        log = np.log(mean)
        codes, places = np.unique(repeats * 10_000 + np.floor(_BIN * log), return_inverse=True)
        sums = [np.bincount(places, value) for value in (np.ones_like(mean), mean, mean**2, log)]
        x = np.rint(codes / 10_000)
        return dict(zip(("p", "q", "v"), fit_spend(Spending.of(x, *sums)).parameters, strict=True))

    return run


def renewals(folder: Path) -> Run:
    run = _measure(folder, "contract_renewals")

    def figures() -> Figures:
        at = {row["renewal"]: row for row in run()}
        ends = {f"{end}(12)": at[12][f"survival_{end}"] for end in ("low", "high")}
        shares = {f"S({renewal})": at[renewal]["survival_share"] for renewal in (1, 12, 24)}
        return shares | ends

    return figures


def renewals_alone(folder: Path) -> Run:
    rows = pq.read_table(folder / "contracts.parquet", columns=["started_on", "ended_on"])
    start, end = (rows[name].to_numpy().astype("datetime64[D]") for name in ("started_on", "ended_on"))
    seen = np.datetime64("2025-12-31")
    is_lost = ~np.isnat(end) & (end <= seen)
    until = np.where(is_lost, end, seen)
    passed = [(moment - moment.astype("datetime64[M]")).astype(int) for moment in (until, start)]
    months = (until.astype("datetime64[M]") - start.astype("datetime64[M]")).astype(int) - (passed[0] < passed[1])

    def run() -> Figures:
        left, lost = np.bincount(2 * months + is_lost, minlength=74).reshape(-1, 2).T
        return _survival(kaplan_meier(np.arange(len(lost)), lost, left))

    return run


def _survival(curve: Survival) -> Figures:
    place = {renewal: int(np.searchsorted(curve.time, renewal, side="right")) - 1 for renewal in (1, 12, 24)}
    ends = {"low(12)": curve.low[place[12]], "high(12)": curve.high[place[12]]}
    return {f"S({renewal})": curve.share[at] for renewal, at in place.items()} | ends


def effect(folder: Path) -> Run:
    run = _measure(folder, "promise_effect", outcome="score", adjust=ADJUST)

    def figures() -> Figures:
        row = run()[0]
        return {"effect": row["effect"], "se": (row["effect_high"] - row["effect_low"]) / 3.92}

    return figures


def effect_alone(folder: Path) -> Run:
    levels, sizes, is_hit, score = _events(folder)
    folds = np.random.default_rng(2).integers(0, _FOLDS, len(score))  # another seed than the company was drawn with

    def run() -> Figures:
        shape = (_FOLDS, *sizes)
        code = np.ravel_multi_index((folds, *levels), shape)
        cells, places = np.unique(code, return_inverse=True)
        arm = is_hit * len(cells) + places
        sums = [np.bincount(arm, value, 2 * len(cells)).reshape(2, -1) for value in (None, score, score**2)]
        arms = Arms(*(one.astype(float) for one in sums))
        fold, *of = np.unravel_index(cells, shape)
        design = Design(np.stack(of, axis=1), sizes)
        chances = fit_chances(design, fold, _FOLDS, arms.n)
        found = estimate_effect(arms, predict(design, fold, chances, fit_means(design, fold, _FOLDS, arms)))
        return {"effect": float(found.on_all.value), "se": float(found.on_all.se)}

    return run


def _events(folder: Path) -> tuple[list[Any], tuple[int, ...], Any, Any]:
    """Levels of the covariates, how many each has; hit or spared; the score. Rows of all tables lie alike here."""
    given = pq.read_table(folder / "commitments.parquet")
    days = (given["due_at"].to_numpy() - given["made_at"].to_numpy()) / np.timedelta64(1, "D")
    words = [given["touchpoint"]]
    words += [
        pq.read_table(folder / f"{table}.parquet")[name]
        for table, name in (("orders", "region"), ("customers", "segment"))
    ]
    values = [np.rint(days), *(one.combine_chunks().dictionary_encode().indices.to_numpy() for one in words)]
    levels = [np.unique(one, return_inverse=True)[1] for one in values]
    is_hit = given["fulfilled_at"].to_numpy() > given["due_at"].to_numpy()
    score = pq.read_table(folder / "feedback.parquet", columns=["score"])["score"].to_numpy()
    return levels, tuple(int(one.max()) + 1 for one in levels), is_hit.astype(int), score


def importance(folder: Path) -> Run:
    run = _measure(folder, "drivers")

    def figures() -> Figures:
        rows = run()
        return {row["driver"]: row["importance_share"] for row in rows} | {"R2": rows[0]["explained_share"]}

    return figures


def importance_alone(folder: Path) -> Run:
    answers = pq.read_table(folder / "feedback.parquet", columns=["reply_id", "item", "score"]).sort_by("reply_id")
    names = sorted({name for name in answers["item"].to_pylist() if name})
    item, score = np.array(answers["item"].to_pylist(), dtype=object), answers["score"].to_numpy()
    rows = np.stack([*(score[item == name] for name in names), score[item == None]], axis=1)  # noqa: E711

    def run() -> Figures:
        whole = np.column_stack([np.ones(len(rows)), rows])
        related = correlate(whole.T @ whole)
        r2 = float(explained(related))
        return dict(zip(names, shapley(related) / r2, strict=True)) | {"R2": r2}

    return run


def themes(folder: Path) -> Run:
    run = _measure(folder, "themes")

    def figures() -> Figures:
        rows = run()
        return {
            "comments": sum(row["comments"] for row in rows),
            "themes": sum(row["theme"] is not None for row in rows),
        }

    return figures
