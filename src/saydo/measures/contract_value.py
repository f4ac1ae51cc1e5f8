"""The value of contracts: how long subscriptions and rentals are likely to run, and what they will leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import BadSetting
from saydo.language import mark
from saydo.measures._clusters import named, share_interval, sum_clusters
from saydo.measures._contracts import KINDS, count_renewals, find_contracts
from saydo.measures._measure import Figures, Measure, Note, add_columns, column
from saydo.measures._scores import number_groups, number_kinds, sum_products
from saydo.stats.arrays import Array, divide
from saydo.stats.survival import Renewals, bound_renewals, fit_renewals, score_renewals

_STEP = 1e-4
_NOTHING_LOST = mark(
    "Groups in which nothing can be said of the future, because no contract was lost at a renewal yet, or none "
    "renewed: {count}. Look at longer contracts together, or come back later."
)
_ALIKE = mark("Groups whose contracts show no difference in how easily they end: {count}.")
_ENDING = mark("Running contracts whose end is known already: {count}. They are valued up to it.")
_UNKNOWN_MARGIN = mark("Contracts whose price or cost is not known: {share}. They are valued like the others.")


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    discount: float = 0.10,
    since: date | None = None,
    until: date | None = None,
) -> Figures:
    """What a contract is worth that begins today, and what those running will still leave, by the shifted
    beta-geometric model of renewals.

    Each contract has its own chance to end at a renewal, beta(a, b) over contracts. So those that renewed often renew
    more surely: renewal n is passed by (b + n - 1) / (a + b + n - 1). With d the discount of one period, a new contract
    is expected to pay DEL = 2F1(1, b; a + b; 1 / (1 + d)) periods (the first at once), one that has renewed n - 1 times
    a further DERL = (b + n - 1) / (a + b + n - 1) 2F1(1, b + n; a + b + n; 1 / (1 + d)). Value is that times the margin
    of a period. What running contracts pay is discounted by the months until their next renewal too, and those whose
    end is known to lie ahead pay for the periods that begin before it, no more. ``discount`` is a rate per year;
    contracts of different periods stand in separate rows; ``since`` and ``until`` choose contracts by their first day.

    Reads:   contracts (period_months null: left out, and said; price null: valued like the others; ended_on null: runs
             on; in the future: notice was given, and said); products.unit_cost (the cost of one period; null: as if the
             price were null); customers.account_id where there is one.
    Returns: the splits; period_months; contracts, running, due (renewals whose day has come), lost_renewals (counts);
             renewal_rate, renewal_low, renewal_high (renewed over due; 0 to 1; null when none was due); churn_a,
             churn_b (the model); margin_per_period (mean of contracts of known margin; money); periods_expected,
             periods_low, periods_high (DEL, discounted periods); value_new, value_new_low, value_new_high (money);
             value_running, value_running_low, value_running_high (money, of all running ones together). All of the
             model is null where no renewal was lost, or none passed.
    Interval: 95 %. The rate as in `promises_kept`; what follows from the model by its profile likelihood, flattened by
             the design effect where contracts of one customer or account go together (`bound_renewals`). They know of
             the renewals, not of margins that will change.
    Cautions: it takes for granted that later renewals go on as the earlier ones did; contracts of one age only leave
             how much they differ almost unknown.
    Source:  P. Fader and B. Hardie, Journal of Interactive Marketing 21 (2007) 76-90; Marketing Science 29 (2010)
             85-93.
    """
    if not discount > 0:
        raise BadSetting(name="discount", value=discount, choices=mark("a rate above 0, such as 0.1 for 10 % a year"))
    split, notes = find_contracts(facts, "contract_value", by, since, until)
    kinds = [*split.names, *(name for name in KINDS if name not in split.names)]
    rows = number_kinds(split.rows, kinds)
    is_known = rows.margin.notnull()
    found = facts.run(
        rows.aggregate(
            by=[*kinds, "kind"],
            contracts=rows.count(),
            running=rows.count(where=rows.is_active),
            margins=rows.margin.sum().coalesce(0.0),
            known=rows.count(where=is_known),
            ending=rows.count(where=rows.is_active & rows.periods_left.notnull()),
            **_sum_future(rows, discount),
        )
    ).sort_by([(name, "ascending") for name in kinds])
    group, groups = number_groups(found, split.names)
    models = [_fit(found.filter(pa.array(group == number))) for number in range(len(groups))]
    scores = _score(models, found, group)
    meat, clusters = sum_products(facts, rows, column(found, "kind"), group, scores)
    met = (rows.renewals, rows.renewals + rows.is_lost.ifelse(1, 0))
    rate = share_interval(sum_clusters(facts, rows, split.names, renewed=met)["renewed"])
    parts = []
    for number, model in enumerate(models):
        mine = found.filter(pa.array(group == number))
        effect = _design_effect(model, meat[number], clusters[number], mine, discount)
        parts.append(_value(mine, model, effect, discount))
    figures = {name: np.array([part[name] for part in parts]) for name in parts[0]} if parts else {}
    counts = ("contracts", "running", "due", "lost_renewals")
    table = add_columns(groups, {name: figures[name].astype(np.int64) for name in counts})
    table = add_columns(table, named("renewal_rate", rate, "renewal"))
    table = add_columns(table, {name: values for name, values in figures.items() if name not in table.column_names})
    return Figures(table, split.names, split.overlaps, (*notes, *_notes(models, found)))


def _sum_future(rows: ir.Table, discount: float) -> dict[str, ir.Value]:
    """What running contracts bring, seen from today: if they go on (``open``, times the periods that the model expects
    at their next renewal) and, where their end is known (``ending``), in the discounted periods until then. Summed
    where the margin is known, counted in periods where it is not.
    """
    a_month, is_ending = (1 + discount) ** (-1 / 12), rows.periods_left.notnull()
    of_period, until_renewal = (ibis.literal(a_month) ** months for months in (rows.period_months, rows.months_left))
    certain = (1 - of_period ** rows.periods_left.coalesce(0)) / (1 - of_period)
    periods = {
        "open": (rows.is_active & ~is_ending).ifelse(until_renewal, 0.0),
        "ending": (rows.is_active & is_ending).ifelse(until_renewal * certain, 0.0),
    }
    sums: dict[str, ir.Value] = {}
    for name, times in periods.items():
        sums[f"{name}_margins"] = (rows.margin * times).sum().coalesce(0.0)
        sums[f"{name}_unknown"] = times.sum(where=rows.margin.isnull()).coalesce(0.0)
    return sums


def _fit(found: pa.Table) -> Renewals | None:
    lost, renewed = count_renewals(found)
    return fit_renewals(lost, renewed)


def _score(models: Sequence[Renewals | None], found: pa.Table, group: npt.NDArray[np.int64]) -> dict[str, Array]:
    renewals, is_lost = column(found, "renewals").astype(np.int64), column(found, "is_lost") > 0
    scores = np.zeros((len(found), 2))
    for number, model in enumerate(models):
        if model:
            scores[group == number] = score_renewals(model, renewals[group == number], is_lost[group == number])
    return {"a": scores[:, 0], "b": scores[:, 1]}


def _design_effect(model: Renewals | None, meat: Array, clusters: float, found: pa.Table, discount: float) -> float:
    """How many times larger the variance of the expected periods is because contracts of one customer go together."""
    if model is None or clusters < 2 or not np.isfinite(model.covariance).all():
        return 1.0
    rate, steps = _rate(found, discount), np.eye(2) * _STEP
    both = [(model.shifted(step), model.shifted(-step)) for step in steps]
    slope = np.array([up.expected_periods(rate) - down.expected_periods(rate) for up, down in both])
    plain = float(slope @ model.covariance @ slope)
    tied = float(slope @ model.covariance @ meat @ model.covariance @ slope) * clusters / (clusters - 1)
    return max(1.0, tied / plain) if plain > 0 else 1.0


def _rate(found: pa.Table, discount: float) -> float:
    """The discount of one period."""
    return float((1 + discount) ** (found["period_months"][0].as_py() / 12) - 1)


def _value(found: pa.Table, model: Renewals | None, effect: float, discount: float) -> dict[str, float]:
    """The figures of one group from its counts by renewals."""
    lost, passed = count_renewals(found)
    rate = _rate(found, discount)
    renewals = column(found, "renewals")
    margin = float(divide(column(found, "margins").sum(), column(found, "known").sum()))
    open_margins, ending_margins = (_add_unknown(found, name, margin) for name in ("open", "ending"))
    met, nothing = lost.sum() + passed.sum(), float("nan")
    figures = {
        "contracts": column(found, "contracts").sum(),
        "running": column(found, "running").sum(),
        "due": met,
        "lost_renewals": lost.sum(),
    }
    figures |= {"churn_a": model.a if model else nothing, "churn_b": model.b if model else nothing}
    edge = _find_edge(model, lost, passed, effect)
    periods = _with_ends(model, edge, lambda one: one.expected_periods(rate))
    left = _with_ends(
        model, edge, lambda one: float(open_margins @ one.periods_left(renewals, rate) + ending_margins.sum())
    )
    figures |= {"margin_per_period": margin}
    figures |= dict(zip(("periods_expected", "periods_low", "periods_high"), periods, strict=True))
    for name, (value, *ends) in (("value_new", [margin * one for one in periods]), ("value_running", left)):
        figures |= {name: value, f"{name}_low": min(ends), f"{name}_high": max(ends)}  # a loss turns them round
    return figures


def _add_unknown(found: pa.Table, name: str, margin: float) -> Array:
    """The margins of a kind of future, those that are not known taken for the mean one."""
    unknown = column(found, f"{name}_unknown")
    return column(found, f"{name}_margins") + np.where(unknown > 0, unknown * margin, 0.0)


def _find_edge(model: Renewals | None, lost: Array, passed: Array, effect: float) -> list[Renewals]:
    """Models that the data only just do not refute."""
    if model is None:
        return []
    ends = zip(*bound_renewals(model, lost, passed, effect), strict=True)
    return [replace(model, a=float(a), b=float(b)) for a, b in ends]


def _with_ends(
    model: Renewals | None, edge: Sequence[Renewals], figure: Callable[[Renewals], float]
) -> tuple[float, float, float]:
    """A figure of the model, and its least and greatest over those on the edge."""
    if model is None:
        return (float("nan"),) * 3
    value = figure(model)
    others = [figure(one) for one in edge]
    return value, min([value, *others]), max([value, *others])


def _notes(models: Sequence[Renewals | None], found: pa.Table) -> tuple[Note, ...]:
    unfit, alike = sum(model is None for model in models), sum(bool(model and model.is_alike) for model in models)
    contracts = column(found, "contracts").sum()
    unknown = contracts - column(found, "known").sum()
    notes = [Note(_NOTHING_LOST, {"count": unfit})] if unfit else []
    notes += [Note(_ALIKE, {"count": alike})] if alike else []
    ending = int(column(found, "ending").sum())
    notes += [Note(_ENDING, {"count": ending})] if ending else []
    return (*notes, *([Note(_UNKNOWN_MARGIN, {"share": float(unknown / contracts)})] if unknown else []))


contract_value = Measure(
    name="contract_value",
    title=mark("Value of contracts"),
    question=mark("What is a contract worth, and what will those that run still leave?"),
    compute=compute,
    base="contracts",
    reads=("contracts",),
    uses=("products", "customers", "exchange_rates"),
    unit="money",
    headline="value_new",
    count="contracts",
    low="value_new_low",
    high="value_new_high",
    good="high",
    bound=mark("one row per group and number of renewals"),
    chart="level",
    sentence=mark(
        "A contract that begins today is worth {value_new} (95 %: {value_new_low} to {value_new_high}; {contracts} "
        "contracts, of which {running} run)."
    ),
    definition=mark(
        "Periods that a new contract is expected to be paid for, later ones discounted, times the margin of a period. "
        "Contracts that renewed often are more loyal than new ones, and the figure knows it."
    ),
    cautions=(
        mark("It expects later renewals to go as the earlier ones did."),
        mark("Where all contracts are young, how much they differ is hardly known, and so is the value of old ones."),
    ),
)
