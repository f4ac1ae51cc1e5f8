"""Who answers, and what the Net Promoter Score would be if all who were asked had answered as those like them did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saydo.company import Facts
from saydo.errors import BadSetting, NothingToMeasure
from saydo.language import mark
from saydo.measures._clusters import add_cluster, has_accounts, named, run_groups, share_interval, sum_groups
from saydo.measures._commitments import days_between
from saydo.measures._invitations import find_invitations
from saydo.measures._measure import Figures, Measure, Note, add_columns, column
from saydo.measures._purchases import find_purchases
from saydo.measures._split import split_rows, splits_of
from saydo.measures.nps import BANDS, classify
from saydo.stats.arrays import Array, divide, find_quantile
from saydo.stats.estimates import Sums
from saydo.stats.intervals import nps_interval, nps_interval_effective
from saydo.stats.ratios import ClusterSums, effective_answers, estimate_ratio
from saydo.stats.weighting import Levels, bound_nonresponse, reweigh

WEIGHT_ON = ("customers.segment", "customers.country", "customers.language", "tenure", "orders_before")
_DERIVED = ("tenure", "orders_before")
_COUNTS = (
    *("invitations", "clusters", "answers", "delivered", "cc", "cm", "mm"),
    *("waiting", "reached", "heard", "detractors", "passives", "promoters"),
)
_MOST_CELLS = 100_000
_NOBODY_ASKED = mark("nobody was asked in the period")
_WEIGHTED = mark("Weighted on what is known of everybody who was asked: {columns}.")
_WAITING = mark(
    "Invitations of the last {days} days: {count}. They are left out of the response rate, for some of them will still "
    "be answered."
)


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    each: Literal["person", "answer"] = "person",
    weight_on: str | None = None,
    wait_days: int = 14,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """Answers / delivered invitations, and the NPS of those who answered brought back to all who were reached.

    Delivered is what did not bounce. Invitations of the last ``wait_days`` days are left out of the rate, whether they
    were answered or not: the silent among them may still answer, and to count only those who did would be too kind. An
    invitation's answer is the last one of the same customer to the same survey and
    question within 90 days of it and before the next one; it was answered if it says so or such an answer is there.
    For the score, ``each=person`` counts everybody reached (customers with a delivered invitation) once, with their
    last answer, as `nps` does; ``each=answer`` counts every delivered invitation to a customer.
    ``weight_on`` lists what both those who answered and those who did not are known by: splits of invitations
    (customers.segment, touchpoint, customers.x_distance), ``tenure`` and ``orders_before`` (days since first seen and
    orders not cancelled, in four bands each, when invited last). If not said: segment, country, language, tenure and
    orders before. One of them post-stratifies, several are raked; levels with fewer than 10 answers are merged.
    Questions and occasions (that of the survey's answers, where they agree) stand in separate rows. [since, until) is
    when invitations were sent.

    Reads:   invitations (customer_id null: counts in the rate alone; question null: nps; survey null is a survey of its
             own); feedback (customer_id, survey, question, said_at, score); customers; orders.
    Returns: the splits; question; occasion; invitations (all), waiting (delivered in the last ``wait_days`` days),
             delivered, answers (of the rest) (counts of invitations); response_rate, response_low, response_high (0 to
             1; null when nothing was delivered before those days); reached (people, or invitations),
             heard (of them, with an answer that was found), promoters, passives, detractors (counts); nps, nps_low,
             nps_high (points), nps_weighted, nps_weighted_low, nps_weighted_high (points), nps_shift, nps_shift_low,
             nps_shift_high (points: weighted less plain, of the same answers), effective_answers (how many
             answers of a random sample would be as certain as the weighted score), nps_lowest, nps_highest (points: if
             all who were reached and did not answer were detractors, or promoters). What is about the score is null
             where the question is another or nobody answered.
    Interval: 95 %. Rate: Wilson on the effective number of invitations, several to one person (or account) being one
             cluster. NPS: as in `nps`; weighted: adjusted Wald on the effective answers, with the error that the
             weighting leaves, and the shift Student's, with the error of the difference (linearised; several answers of
             a person or account widen it as they widen the plain one).
    Cautions: weighting mends what segment and the like explain, and nothing else: if happier people answer more
             within every cell, it stays wrong; nps_lowest and nps_highest hold without any such assumption. It speaks
             for those who were asked, not for those who never were.
    Source:  Cochran 1977 (post-stratification); Deming and Stephan 1940 (raking); Deville and Sarndal 1992 (its error);
             Manski 2003 (bounds); Wilson 1927.
    """
    if wait_days < 0:
        raise BadSetting(name="wait_days", value=wait_days, choices=mark("0 or more"))
    words = WEIGHT_ON if weight_on is None else tuple(word.strip() for word in weight_on.split(",") if word.strip())
    by, invitations = tuple(dict.fromkeys(by)), find_invitations(facts, since, until)
    taken = {word.rpartition(".")[2] for word in (*by, *_DERIVED)}
    plain = [word for word in words if word.rpartition(".")[2] not in taken]
    own = _customers_own(facts, plain, invitations)
    others = [word for word in plain if word not in own]
    split = split_rows(facts, "response", "invitations", invitations, [*by, *others])
    names = (*split.names[: len(by)], "question", "occasion")
    known = [name for name in split.names if name not in names]
    people = _find_people(facts, split.rows, (names, known), each, wait_days)
    people, derived = _add_known(facts, people, list(own.values()), words)
    cells = _count_cells(facts, people, names, (*known, *derived))
    if not cells.num_rows:
        raise NothingToMeasure(measure="response", reason=_NOBODY_ASKED)
    is_clustered = each == "answer" or has_accounts(facts)
    figures = _figures(facts, people, cells, (*known, *derived), is_clustered)
    notes = (Note(_WEIGHTED, {"columns": ", ".join((*known, *derived))}),) if known or derived else ()
    return Figures(figures, names, split.overlaps, (*notes, *_note_waiting(cells, wait_days)))


# --- what the engine counts


def _find_people(
    facts: Facts, rows: ir.Table, columns: tuple[Sequence[str], Sequence[str]], each: str, wait_days: int
) -> ir.Table:
    """One row per person and group, or per invitation: how many were sent and answered, the last answer, and what the
    person is known by as text. ``columns``: those of the groups, and what people are known by.
    """
    names, known = columns
    is_over = rows.sent_at < ibis.literal(facts.as_of - timedelta(days=wait_days))
    order = rows.spoke_at.epoch_seconds().cast("float64") * 1024 - rows.score
    return rows.aggregate(
        by=[*names, "person", *(["invitation_id"] if each == "answer" else [])],
        is_customer=rows.customer_id.notnull().any(),
        sent=rows.count(),
        delivered=rows.count(where=rows.is_delivered & is_over),
        answered=rows.count(where=rows.is_delivered & rows.is_answered & is_over),
        waiting=rows.count(where=rows.is_delivered & ~is_over),
        score=rows.score.argmax(order, where=rows.score.notnull()),
        spoke_at=rows.spoke_at.max(),
        sent_at=rows.sent_at.max(where=rows.is_delivered),
        **{name: rows[name].cast("string").max() for name in known},
    )


def _customers_own(facts: Facts, words: Sequence[str], invitations: ir.Table) -> dict[str, str]:
    """Of what people are known by, the columns of their customer: joined to people, who are fewer than invitations."""
    found = {word: word.removeprefix("customers.") for word in words if word in splits_of(facts, "invitations")}
    return {word: name for word, name in found.items() if name != word and name not in invitations.columns}


def _add_known(facts: Facts, people: ir.Table, own: Sequence[str], words: Sequence[str]) -> tuple[ir.Table, list[str]]:
    """People with the columns ``own`` of their customer, and with the bands of ``tenure`` and ``orders_before`` at
    their last invitation, where facts tell them; and the names of all these.
    """
    derived = list(own)
    if facts.has("customers"):
        customers = facts.table("customers").select("first_seen_at", *own, _key="customer_id")
        keyed = people.mutate(_customer=ibis.ifelse(people.is_customer, people.person, None))
        joined = keyed.left_join(customers, keyed["_customer"] == customers["_key"])
        added = {name: customers[name].cast("string") for name in own}
        if "tenure" in words:
            days = days_between(customers.first_seen_at, keyed.sent_at)
            added["tenure"] = _band(days, (90, 365, 1095))
            derived.append("tenure")
        people = joined.select(*people.columns, **added)
    if "orders_before" in words and facts.has("orders"):
        orders = find_purchases(facts).select(_key="customer_id", _at="ordered_at")
        is_before = (people.person == orders["_key"]) & (orders["_at"] < people.sent_at)
        joined = people.left_join(orders, is_before).select(people, _at=orders["_at"])
        counted = joined.aggregate(by=people.columns, _orders=joined["_at"].count())
        people = counted.mutate(orders_before=_band(counted["_orders"], (1, 2, 4))).drop("_orders")
        derived.append("orders_before")
    return people, derived


def _band(value: ir.NumericValue, ends: tuple[int, int, int]) -> ir.StringValue:
    """Which of four bands, ``"0"`` to ``"3"``, a number lies in; null if it is."""
    return ibis.cases((value.isnull(), None), *((value < end, str(place)) for place, end in enumerate(ends)), else_="3")


def _count_cells(facts: Facts, people: ir.Table, names: Sequence[str], known: Sequence[str]) -> pa.Table:
    """Invitations and people by group and everything that people are known by, sorted by group."""
    m, c = people.delivered.cast("float64"), people.answered.cast("float64")
    is_reached = (people.delivered + people.waiting > 0) & people.is_customer
    score = people.score.coalesce(-1.0)  # -1 is in no band; Spark counts
    bands = {band: people.count(where=score.between(low, high)) for band, (low, high) in BANDS.items()}  # null as null
    is_nps = people.question.coalesce("nps") == "nps"
    cells = run_groups(
        facts,
        people,
        [*names, *known],
        invitations=people.sent.sum(),
        clusters=people.count(where=m > 0),
        answers=c.sum(),
        delivered=m.sum(),
        cc=(c * c).sum(),
        cm=(c * m).sum(),
        mm=(m * m).sum(),
        waiting=people.waiting.sum(),
        reached=people.count(where=is_reached),
        heard=people.count(where=ibis.ifelse(is_nps, score >= 0, people.spoke_at.notnull())),
        **bands,
    )
    if cells.num_rows > _MOST_CELLS:
        raise BadSetting(name="weight_on", value=list(known), choices=mark("splits with few different values"))
    return cells


# --- the score


def _figures(facts: Facts, people: ir.Table, cells: pa.Table, known: Sequence[str], is_clustered: bool) -> pa.Table:
    """One row per group, from the cells that make it up."""
    names = cells.column_names[: -len(_COUNTS) - len(known)]
    groups, group = _number_groups(cells, names)
    counts = {name: np.asarray(np.bincount(group, column(cells, name), len(groups)), np.float64) for name in _COUNTS}
    up, level, down = (counts[name] for name in ("promoters", "passives", "detractors"))
    scored = up + level + down
    rate = ClusterSums(*(counts[name] for name in ("clusters", "answers", "delivered", "cc", "cm", "mm")))
    low, high = nps_interval(up, level, down)
    effective, df = scored, np.full(len(groups), np.inf)
    if is_clustered:
        rate, effective, df = _count_clusters(facts, people, names)
        low, high = nps_interval_effective(divide(up, scored), divide(down, scored), effective, df)
    raw = 100 * divide(up - down, scored)
    weighted, shift, answers = _reweigh(cells, group, known, (divide(effective, scored), df))
    lowest, highest = bound_nonresponse(raw, 1 - divide(scored, counts["reached"]))
    whole = {name: count.astype(np.int64) for name, count in counts.items()}
    figures = {name: whole[name] for name in ("invitations", "waiting", "delivered", "answers")}
    figures |= named("response_rate", share_interval(rate), "response")
    figures |= {name: whole[name] for name in ("reached", "heard", *BANDS)}
    figures |= named("nps", (raw, low, high)) | named("nps_weighted", weighted)
    figures |= named("nps_shift", shift)
    return add_columns(groups, figures | {"effective_answers": answers, "nps_lowest": lowest, "nps_highest": highest})


def _number_groups(cells: pa.Table, names: Sequence[str]) -> tuple[pa.Table, Levels]:
    """The groups in the order of the cells, and the number of the group that each cell is in."""
    keys = list(zip(*(cells[name].to_pylist() for name in names), strict=True))
    firsts = {key: place for place, key in reversed(list(enumerate(keys)))}
    order = sorted(firsts.values())
    number = {place: group for group, place in enumerate(order)}
    return cells.select(list(names)).take(order), np.array([number[firsts[key]] for key in keys], dtype=np.intp)


def _count_clusters(facts: Facts, people: ir.Table, names: Sequence[str]) -> tuple[ClusterSums, Array, Array]:
    """Where people of one account, or answers of one person, are alike: the sums of the rate, the effective answers to
    the score and their degrees of freedom, per group.
    """
    clustered = add_cluster(facts, people, "person")
    is_scored, one = clustered.score.notnull(), classify(clustered.score)
    value, weight = ibis.ifelse(is_scored, one, 0), is_scored.ifelse(1, 0)
    found, sums = sum_groups(
        facts,
        clustered,
        names,
        {"extremes": value * value},
        rate=(clustered.answered, clustered.delivered),
        score=(value, weight),
    )
    score = sums["score"]
    mean = estimate_ratio(score)
    variance = np.maximum(divide(column(found, "extremes"), score.m) - mean.value**2, 0)
    return sums["rate"], effective_answers(mean.se, variance, score.m, score.effective_clusters), mean.df


def _reweigh(
    cells: pa.Table, group: Levels, known: Sequence[str], clusters: tuple[Array, Array]
) -> tuple[tuple[Array, Array, Array], tuple[Array, Array, Array], Array]:
    """Of each group the weighted score with its interval, what it is less the plain one with its interval (points), and
    the effective answers.

    ``clusters``: which share of a group's answers is effective, and their degrees of freedom.
    """
    kept, most_df = clusters
    told = [pc.fill_null(cells[name], "").to_numpy(zero_copy_only=False) for name in known]
    codes = [np.unique(values, return_inverse=True)[1] for values in told]
    margins = np.array(codes, dtype=np.intp).reshape(len(known), len(cells)).T
    up, level, down, population = (column(cells, name) for name in ("promoters", "passives", "detractors", "reached"))
    value, square, effective, df, shift, error = (np.full(len(kept), np.nan) for _ in range(6))
    order = np.argsort(group, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        answers = Sums.of_classes(up[part], level[part], down[part])
        if answers.n.sum() > 0:
            mean, place = reweigh(answers, population[part], margins[part]), group[part[0]]
            value[place], square[place] = mean.value, mean.variance + mean.value**2
            effective[place], df[place] = mean.n_effective, mean.df
            shift[place], error[place] = mean.shift, mean.shift_se
    effective, df = effective * kept, np.fmin(df, most_df)
    low, high = nps_interval_effective((square + value) / 2, (square - value) / 2, effective, df)
    half = find_quantile(0.95, df) * error / np.sqrt(kept)
    return (100 * value, low, high), (100 * shift, 100 * (shift - half), 100 * (shift + half)), effective


def _note_waiting(sums: pa.Table, days: int) -> tuple[Note, ...]:
    count = int(column(sums, "waiting").sum())
    return (Note(_WAITING, {"days": days, "count": count}),) if count else ()


response = Measure(
    name="response",
    title=mark("Response"),
    question=mark("Who answers when asked, and who do the answers speak for?"),
    compute=compute,
    base="invitations",
    reads=("invitations",),
    uses=("feedback", "customers", "orders"),
    unit="share",
    headline="response_rate",
    count="heard",
    low="response_low",
    high="response_high",
    good="high",
    said=True,
    chart="rate",
    bound=mark("one row per group and combination of what the answers are weighted on"),
    sentence=mark(
        "{response_rate} of the invitations that arrived were answered. The Net Promoter Score of those who answered is"
        " {nps}; weighted to all who were asked, {nps_weighted}."
    ),
    definition=mark(
        "Invitations answered, out of those that arrived; and the score brought back to all who were asked."
    ),
    cautions=(
        mark("Weighting mends what is known of everybody; if happier people answer more among equals, it stays wrong."),
        mark("It speaks for those who were asked, not for those whom nobody asks."),
        mark("Recent invitations are left out of the rate, because they may still be answered."),
    ),
)
