"""Satisfaction, effort and stars: the mean score on its own scale, and how many gave the best."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from saydo.company import Facts
from saydo.language import mark
from saydo.measures._answers import answers_to, group_answers
from saydo.measures._clusters import has_accounts, named, run_groups, share_interval, sum_groups
from saydo.measures._measure import Figures, Measure, add_columns, column
from saydo.stats.arrays import Array, divide
from saydo.stats.estimates import Sums
from saydo.stats.intervals import mean_score_interval
from saydo.stats.ratios import ClusterSums, effective_answers, estimate_ratio

Figure = tuple[Array, Array, Array]  # with the ends of its interval
QUESTIONS = ("csat", "ces", "stars")
_APART = ("question", "item", "scale_min", "scale_max", "occasion")
_SCORES = tuple(f"score_{score}" for score in range(11))


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    question: Literal["csat", "ces", "stars"] | None = None,
    each: Literal["person", "answer"] = "person",
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """Mean score, and the share of those who gave the highest score (top box) or one of the two highest (top two).

    mean = sum of scores / answers, on the scale of the question. Questions, what they are about (``item``), their
    scales and occasions stand in separate rows: a 4 of 5 is no 8 of 10, and no score is ever rescaled. High is good
    for all three questions; ``ces`` is the wording "it was easy", 7 of 7 for the least effort: a question asked the
    other way round must be turned when it is imported. ``each=person`` counts the last answer of each person in each
    group (of several in the same second the lowest), ``each=answer`` all of them. ``question`` keeps one
    question alone.

    Reads:   feedback (question csat, ces or stars; score; scale_min, scale_max: null is a scale of its own whose ends
             are unknown; item, occasion: null is a group of its own; said_at; customer_id: null is a person of its
             own); customers.account_id where there is one.
    Returns: the splits; question, item, scale_min, scale_max, occasion; answers (count); mean, mean_low, mean_high (in
             the unit of the scale); top_share, top_low, top_high, top_two_share, top_two_low, top_two_high (0 to 1;
             null where the scale is unknown, top two also where it has less than 3 or more than 11 steps); score_0 ...
             score_10 and score_other (counts; what is no whole number from 0 to 10 is in score_other).
    Interval: 95 %. Mean: adjusted Wald carried over to the question's scale, because Student's interval holds a mean
             near the top of its scale as seldom as 10 % of the time; Student's where the scale is unknown (null below
             two people). Shares: Wilson. Both on the effective number of answers where a person or account gives more
             than one.
    Cautions: a mean hides its shape, so read the counts beside it; people satisfied with what they know may still
             leave; those who did not answer are not in it (see `response`), and who writes a review unasked (stars) is
             mostly at an end of the scale.
    Source:  Rocks 2016, arXiv 1601.07235, carried over from three scores to any scale; Wilson 1927 (shares).
    """
    rows = answers_to(facts, [question] if question else QUESTIONS, since, until)
    split = group_answers(facts, "satisfaction", rows, by, each=each, apart=_APART)
    rows, score = split.rows, split.rows.score
    one, is_top, is_top_two = score.notnull(), score >= rows.scale_max, score >= rows.scale_max - 1
    shares = {name: value.ifelse(1, 0) for name, value in (("top", is_top), ("top_two", is_top_two))}
    totals = {"answers": one.ifelse(1, 0), "total": score, "squares": score * score, **shares}
    totals |= {f"score_{given}": (score == given).ifelse(1, 0) for given in range(11)}
    if each == "person" and not has_accounts(facts):
        sums = run_groups(facts, rows, split.names, **{name: value.sum() for name, value in totals.items()})
        clusters = _own_clusters(sums)
    else:
        ratios = {name: (value, totals["answers"]) for name, value in {"score": score, **shares}.items()}
        sums, clusters = sum_groups(facts, rows, split.names, totals, **ratios)
    return Figures(_figures(sums, clusters), split.names, split.overlaps)


def _own_clusters(sums: pa.Table) -> dict[str, ClusterSums]:
    """The sums over clusters where every answer is a cluster of its own."""
    n, total, squares = (column(sums, name) for name in ("answers", "total", "squares"))
    shares = {name: column(sums, name) for name in ("top", "top_two")}
    ones = {name: ClusterSums(n, count, n, count, count, n) for name, count in shares.items()}
    return {"score": ClusterSums(n, total, n, squares, total, n), **ones}


def _figures(sums: pa.Table, clusters: dict[str, ClusterSums]) -> pa.Table:
    answers, lowest, highest = (column(sums, name) for name in ("answers", "scale_min", "scale_max"))
    steps = highest - lowest
    other = answers - np.sum([column(sums, name) for name in _SCORES], axis=0)
    top = _known(~np.isnan(steps), share_interval(clusters["top"]))
    top_two = _known((steps >= 2) & (steps <= 10), share_interval(clusters["top_two"]))
    counts = {name: sums[name] for name in _SCORES} | {"score_other": other.astype(np.int64)}
    figures = named("mean", _mean(sums, clusters["score"])) | named("top_share", top, "top")
    rows = sums.drop_columns(["total", "squares", "top", "top_two", *_SCORES])
    return add_columns(rows, figures | named("top_two_share", top_two, "top_two") | counts)


def _known(is_known: npt.NDArray[np.bool_], figure: Figure) -> Figure:
    share, low, high = (np.where(is_known, part, np.nan) for part in figure)
    return share, low, high


def _mean(sums: pa.Table, clusters: ClusterSums) -> Figure:
    """The mean with its interval: on the scale where it is known, else Student's."""
    n, lowest = column(sums, "answers"), column(sums, "scale_min")
    steps = column(sums, "scale_max") - lowest
    mean = estimate_ratio(clusters)
    variance = np.maximum(divide(column(sums, "squares"), n) - mean.value**2, 0)
    is_single = np.isclose(clusters.mm, n)
    effective = effective_answers(mean.se, variance, n, clusters.effective_clusters)
    effective = np.where(is_single, n, effective)
    share = Sums.of_mean(effective, (mean.value - lowest) / steps, variance / steps**2)
    ends = mean_score_interval(share, (0, 1), df=np.where(is_single, np.inf, mean.df))
    low, high = (
        np.where(np.isnan(steps), plain, lowest + steps * end) for plain, end in zip(mean.interval(), ends, strict=True)
    )
    return mean.value, low, high


satisfaction = Measure(
    name="satisfaction",
    title=mark("Satisfaction"),
    question=mark("How satisfied are they, and how easy was it for them?"),
    compute=compute,
    base="feedback",
    reads=("feedback",),
    uses=("customers",),
    unit="score",
    headline="mean",
    count="answers",
    low="mean_low",
    high="mean_high",
    good="high",
    said=True,
    chart="level",
    sentence=mark(
        "The mean is {mean} on a scale from {scale_min} to {scale_max}"
        " (95 %: {mean_low} to {mean_high}; {answers} answers)."
    ),
    definition=mark("The mean of the scores given, on the question's own scale, and the share who gave the highest."),
    cautions=(
        mark("Scores on different scales or to different questions cannot be compared with each other."),
        mark("A mean hides its shape: the same mean can be all in the middle or half at either end."),
        mark("Those who did not answer are not in it."),
        mark("Reviews that nobody asked for come mostly from the two ends of the scale."),
    ),
)
