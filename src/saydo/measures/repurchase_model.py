"""The model of repeat purchases: how often people buy while they stay, and how soon they stop without a word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import NoFit, NothingToMeasure, TooFewRepeats
from saydo.language import mark
from saydo.measures._histories import find_histories, group_rows, read_histories, run_histories, split_histories
from saydo.measures._lifetime import DRAWS, choose_model, note_bounds
from saydo.measures._margin import note_unknown_customers
from saydo.measures._measure import Figures, Measure, Note
from saydo.stats.lifetimes import MODELS, Fit, Histories, fit

Unit = Literal["day", "week"]
ModelName = Literal["best", "bg_nbd", "mbg_nbd", "pareto_nbd"]
DAYS = {"day": 1, "week": 7}
_PARAMETERS = ("r", "alpha", "a", "b", "s", "beta")
_YEAR = 365
_NOT_FITTED = mark("Groups in which too few bought again for a model: {count}. They have no figures.")
_ONE_TIME = mark(
    "The BG/NBD calls everybody who bought once a customer for ever: do not judge by it who is still with us."
)


def compute(
    facts: Facts,
    by: Sequence[str] = (),
    *,
    model: ModelName = "best",
    unit: Unit = "day",
    calibrate_until: date | None = None,
) -> Figures:
    """Parameters of a model of repeat purchases, by maximum likelihood on exact days.

    People buy at a rate of their own, gamma(r, alpha), and stop without a word: after a purchase with a chance of their
    own, beta(a, b) (``bg_nbd``: not after the first one; ``mbg_nbd``: after any), or at any time at a rate of their
    own, gamma(s, beta) (``pareto_nbd``). `saydo.stats.lifetimes` has the likelihoods.

    ``model=best`` takes the BG/NBD unless another model, fitted to the purchases before ``calibrate_until`` (the first
    three quarters of the days, if not said), gave better chances to what each customer bought from then on, by more
    than two standard errors; too short a history is judged by the likelihood. ``calibrate_until`` fits to the purchases
    before that day alone. ``unit`` is that of alpha, beta and the likelihood; a week is seven days, never rounded.
    Purchases of one local day are one, the first purchase is no repeat, and age counts whole days to the last one seen.

    Reads:   orders (cancelled ones are no purchase; customer_id null: left out, their share is said); what the splits
             need, taken at the first purchase. The model is chosen on all customers and fitted to each group.
    Returns: the splits; model; time_unit; customers, returned (who bought again), repeat_purchases, distinct_rows
             (counts); repeats_first_year, repeats_low, repeats_high (purchases to expect of a new customer in the 365
             days after the first); the parameters (null where the model has none of the name) with their ends (null
             where one has run to the end of its range): r, r_low, r_high, alpha, alpha_low, alpha_high, a, a_low,
             a_high, b, b_low, b_high, s, s_low, s_high, beta, beta_low, beta_high; their standard errors r_se,
             alpha_se, a_se, b_se, s_se, beta_se; log_likelihood (of the time unit). Null in groups where fewer than
             10 customers bought again.
    Interval: 95 %, parameters from the curvature of the likelihood by their logs, repeats_first_year from draws of the
             parameters out of it.
    Cautions: the models know no season, no price and no competitor: rates are what they were on average. With the
             BG/NBD everybody who bought once is a customer for ever. A first year that is longer than the history is
             extrapolated. Customers won before the first order on file look new when they are first seen.
    Source:  Fader, Hardie and Lee 2005, Marketing Science 24(2) (BG/NBD; CDNOW: r .243, alpha 4.414, a .793, b 2.426);
             Batislam, Denizel and Filiztekin 2007 (MBG/NBD); Schmittlein, Morrison and Colombo 1987 (Pareto/NBD);
             Gneiting and Raftery 2007 (the score of the choice).
    """
    chosen = choose_model(facts, tuple(MODELS) if model == "best" else (model,), calibrate_until)
    split = split_histories(facts, "repurchase_model", find_histories(facts, calibrate_until), by)
    found = run_histories(facts, split.rows, *split.names)
    if not found.num_rows:
        raise NothingToMeasure(measure="repurchase_model", reason=mark("nobody bought in the time looked at"))
    rows, fits = [], []
    for key, group in group_rows(found, split.names):
        histories = read_histories(group, DAYS[unit])
        fitted = _fit(histories, chosen.model.name, may_fail=bool(split.names))
        fits += [fitted] if fitted else []
        rows.append({**key, "model": chosen.model.name, "time_unit": unit, **_describe(histories, fitted, DAYS[unit])})
    notes = chosen.notes + note_unknown_customers(facts)
    notes += note_bounds(fits[0]) if len(rows) == 1 else ()
    notes += (Note(_ONE_TIME),) if chosen.model.name == "bg_nbd" else ()
    notes += (Note(_NOT_FITTED, {"count": len(rows) - len(fits)}),) if len(fits) < len(rows) else ()
    return Figures(_table(found, rows, split.names), split.names, split.overlaps, notes)


def _fit(histories: Histories, name: str, *, may_fail: bool) -> Fit | None:
    try:
        return fit(histories, MODELS[name])
    except (NoFit, TooFewRepeats):
        if may_fail:
            return None
        raise


def _describe(histories: Histories, fitted: Fit | None, days: int) -> dict[str, Any]:
    counts = {
        "customers": round(histories.customers),
        "returned": round(histories.returned),
        "repeat_purchases": round(histories.purchases),
        "distinct_rows": len(histories),
    }
    figures: dict[str, float | None] = dict.fromkeys(_COLUMNS)
    if fitted:
        year = _YEAR / days
        drawn = [one.expected_since_first(year)[0] for one in fitted.drawn(DRAWS, np.random.default_rng(1))]
        low, high = fitted.interval()
        first_year = (fitted.expected_since_first(year)[0], *np.quantile(drawn, [0.025, 0.975]))
        figures |= dict(zip(("repeats_first_year", "repeats_low", "repeats_high"), first_year, strict=True))
        for place, name in enumerate(fitted.model.names):
            ends = {f"{name}_low": low[place], f"{name}_high": high[place], f"{name}_se": fitted.se[place]}
            figures |= {name: fitted.parameters[place], **ends}
        figures["log_likelihood"] = fitted.log_likelihood
    return {**counts, **figures}


_COLUMNS = (
    *("repeats_first_year", "repeats_low", "repeats_high"),
    *(f"{name}{end}" for name in _PARAMETERS for end in ("", "_low", "_high", "_se")),
    "log_likelihood",
)


def _table(found: pa.Table, rows: list[dict[str, Any]], names: Sequence[str]) -> pa.Table:
    types = {name: found.schema.field(name).type for name in names}
    types |= {"model": pa.string(), "time_unit": pa.string()}
    types |= dict.fromkeys(("customers", "returned", "repeat_purchases", "distinct_rows"), pa.int64())
    types |= dict.fromkeys(_COLUMNS, pa.float64())
    columns = {name: pa.array([row[name] for row in rows], type=kind, from_pandas=True) for name, kind in types.items()}
    return pa.table(columns)


repurchase_model = Measure(
    name="repurchase_model",
    title=mark("Model of repeat purchases"),
    question=mark("How often do people buy while they stay, and how soon do they stop without a word?"),
    compute=compute,
    base="orders",
    reads=("orders",),
    uses=("customers",),
    unit="score",
    headline="repeats_first_year",
    count="customers",
    low="repeats_low",
    high="repeats_high",
    good="high",
    bound=mark("one row per distinct history (repeat purchases, day of the last, age) with its count"),
    sentence=mark(
        "A new customer makes {repeats_first_year} repeat purchases within a year "
        "(95 %: {repeats_low} to {repeats_high}; {model}, from {customers} customers of whom {returned} bought again)."
    ),
    definition=mark(
        "The most likely parameters of a model in which people buy at a rate of their own and stop, at some time, "
        "without saying so."
    ),
    cautions=(
        mark("The model knows no season, no price and no competitor: rates are what they were on average."),
        mark("Customers won before the first order on file look new when they are first seen."),
        mark("A first year that is longer than the history is extrapolated."),
    ),
)
