"""The figures of themes within one group and language: share, score and growth with their intervals; examples."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from saydo.measures._clusters import named, share_interval
from saydo.stats.arrays import Array, divide
from saydo.stats.changes import compare_shares
from saydo.stats.ratios import ClusterSums, effective_answers, estimate_ratio
from saydo.words.reading import strip_markup

LEAST = 5  # people with a score on either side
EXAMPLES = 3
LENGTHS = (20, 280)  # signs of an example; a longer one is cut
# What may name somebody is no example: an address, a number of six digits or more, a title before a name.
LOOKS_PERSONAL = re.compile(r"@|(?:\d[ .\-/]?){6}|\b(?:M|Mr|Mrs|Ms|Mme|Mlle|Madame|Monsieur|Herrn?|Frau)\b\.? [A-ZÀ-Þ]")

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Said:
    """The comments of one group in one language: who (cluster) said when (days before the report) with which score.

    ``cell`` are answers that can be compared: one occasion, one thing asked about, one scale. nan where there is no
    score.
    """

    cluster: Codes
    age_days: Array
    score: Array
    cell: Codes


def measure_theme(said: Said, inside: Mask, days: int) -> dict[str, Any]:
    """Every figure of a theme but its words: ``inside`` marks the comments on it."""
    whole = np.ones(len(inside))
    share = share_interval(_sum_clusters(said.cluster, inside.astype(float), whole))
    return {
        "comments": int(inside.sum()),
        **_plain(named("share", share)),
        **_plain(_compare_scores(said, inside)),
        **_plain(_compare_times(said, inside, days)),
    }


def _plain(figures: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items()}


def _sum_clusters(cluster: Codes, c: Array, m: Array) -> ClusterSums:
    above, below = (np.bincount(cluster, value) for value in (c, m))
    clusters = (np.bincount(cluster, (c != 0) | (m != 0)) > 0).sum()
    return ClusterSums(clusters, above.sum(), below.sum(), (above**2).sum(), (above * below).sum(), (below**2).sum())


def _compare_scores(said: Said, inside: Mask) -> dict[str, Any]:
    """The score with comments on the theme less that with others, by a regression within cells.

    With d = 1 on the theme, 0 off it, and both d and the score taken from their means in their cell: the ratio of the
    sums of d y and d d over clusters.
    """
    scored = ~np.isnan(said.score)
    on, off = (len(np.unique(said.cluster[scored & side])) for side in (inside, ~inside))
    names = ("score_difference", "score_difference_low", "score_difference_high", "score_z")
    if min(on, off) < LEAST:
        return {"score_answers": int((scored & inside).sum()), **dict.fromkeys(names, np.nan)}
    cluster, cell, score = said.cluster[scored], said.cell[scored], said.score[scored]
    d, y = (_within(cell, value) for value in (inside[scored].astype(float), score))
    difference = estimate_ratio(_sum_clusters(cluster, d * y, d * d))
    spread = y.std()
    is_known = difference.se > 0  # all alike is no certainty
    low, high = (np.where(is_known, end, np.nan) for end in difference.interval())
    z = difference.value / spread if spread > 0 else np.nan
    figures = (difference.value, low, high, z)
    return {"score_answers": int((scored & inside).sum()), **dict(zip(names, figures, strict=True))}


def _within(cell: Codes, value: Array) -> Array:
    return value - divide(np.bincount(cell, value), np.bincount(cell))[cell]


def _compare_times(said: Said, inside: Mask, days: int) -> dict[str, Any]:
    """The share in the last days less that in as many days before."""
    recent, earlier = said.age_days <= days, (said.age_days > days) & (said.age_days <= 2 * days)
    before, after = (_effective(said, inside, when) for when in (earlier, recent))
    df = np.minimum(before[2], after[2])
    change = compare_shares(before[:2], after[:2], df=df)
    return named("share_change", (change.difference, change.low, change.high))


def _effective(said: Said, inside: Mask, when: Mask) -> tuple[Array, Array, Array]:
    """Comments on the theme and all comments, as many independent ones would be as certain; degrees of freedom."""
    sums = _sum_clusters(said.cluster[when], inside[when].astype(float), np.ones(when.sum()))
    share = estimate_ratio(sums)
    is_single = np.isclose(sums.mm, sums.m)
    count = effective_answers(share.se, share.value * (1 - share.value), sums.m, sums.effective_clusters)
    count = np.where(is_single, sums.m, np.where(np.isnan(count), 0, count))
    df = np.where(is_single | np.isnan(share.df), np.inf, share.df)
    return np.where(count > 0, share.value * count, 0), count, df


def choose_examples(
    texts: Sequence[str], people: Sequence[str], typical: Sequence[tuple[float, ...]]
) -> list[str | None]:
    """The most typical comments that say something and name nobody, none twice and one per person at most."""
    order = sorted(
        range(len(texts)), key=lambda place: (*(-one for one in typical[place]), len(texts[place]), texts[place])
    )
    chosen: dict[str, str] = {}
    for place in order:
        text = " ".join(strip_markup(texts[place]).split())
        is_told = len(text) >= LENGTHS[0] and not LOOKS_PERSONAL.search(text)
        if is_told and people[place] not in chosen and _cut(text) not in chosen.values():
            chosen[people[place]] = _cut(text)
        if len(chosen) == EXAMPLES:
            break
    return [*chosen.values(), *[None] * (EXAMPLES - len(chosen))]


def _cut(text: str) -> str:
    return text if len(text) <= LENGTHS[1] else text[: LENGTHS[1] - 1].rstrip() + "…"
