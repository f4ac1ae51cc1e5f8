"""Truths that follow from what was planted: functions of truth.json and of a row of a measure's result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from saydo.simulate.catalogue import RETURN_FACTORS

Array = npt.NDArray[np.float64]
Process = tuple[float, float, float, float]  # r, alpha, a, b of the MBG/NBD model
Row = Mapping[str, Any]
Truth = Callable[[Mapping[str, Any], Row], float | None]
_EVENLY: Array = (np.arange(20_000) + 0.5) / 20_000  # all that may happen with equal chance


def find(*path: str) -> Truth:
    """What stands in truth.json at this place."""

    def look(truth: Mapping[str, Any], row: Row) -> float | None:
        found: Any = truth
        for name in path:
            found = found[name]
        return float(found)

    return look


def zero(truth: Mapping[str, Any], row: Row) -> float:
    """Nothing differs."""
    return 0.0


def less(first: Truth, second: Truth) -> Truth:
    """The first truth less the second."""

    def subtract(truth: Mapping[str, Any], row: Row) -> float | None:
        one, other = first(truth, row), second(truth, row)
        return None if one is None or other is None else one - other

    return subtract


# --- what is said


def expected_in_shop(truth: Mapping[str, Any], row: Row) -> float:
    """The score of all customers of a shop."""
    return float(truth["recommendation"]["by_shop"][row["x_shop"]]["expected"]["nps"])


def answered_in_segment(truth: Mapping[str, Any], row: Row) -> float:
    """The score of those customers of a segment who answer."""
    name = row["segment"]
    scores = np.array(truth["recommendation"]["by_segment"][name]["expected"]["scores"])
    answers = scores * np.array(truth["response"]["by_segment_and_score"][name])
    return 100 * float(answers[9:].sum() - answers[:7].sum()) / float(answers.sum())


def improvement(truth: Mapping[str, Any], row: Row) -> float:
    """The score of the answers to the last wave less that of the first."""
    before, after = (_waves(truth)[place]["answers_expected"]["nps"] for place in (0, -1))
    return float(after - before)


def _waves(truth: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [wave for sent_on, wave in sorted(truth["recommendation"]["waves"].items()) if sent_on != "meaning"]


def response_rate(truth: Mapping[str, Any], row: Row) -> float:
    """Of the invitations that arrive: a part of those that nobody answers never does."""
    answered = float(_waves(truth)[-1]["response_expected"])
    return answered / (1 - (1 - answered) * truth["planted"]["bounced"])


def mean_of(shares: Sequence[float]) -> Truth:
    """The mean of scores from 1 on with these shares."""
    mean = float(np.dot(shares, np.arange(1, len(shares) + 1)) / np.sum(shares))
    return lambda truth, row: mean


def top_of(shares: Sequence[float], boxes: int) -> Truth:
    """The share of the highest scores."""
    share = float(np.sum(shares[-boxes:]) / np.sum(shares))
    return lambda truth, row: share


# --- what is done


def kept_rate(truth: Mapping[str, Any], row: Row) -> float:
    """The planted kept rate of a promise, over the touchpoints where it is given."""
    plan, promise = truth["planted"], row["promise"]
    if promise == "delivery_date":
        return 1 - float(plan["late_base"])
    rates = plan["kept"][promise]
    if promise == "answer_24h":
        return float(0.6 * rates["Phone"] + 0.4 * rates["Mail"])
    if promise == "refund_14d":
        return float(rates[""])
    shares = np.array([shop["share"] for shop in plan["shops"]])
    return float(shares @ [rates.get(shop["name"], rates[""]) for shop in plan["shops"]] / shares.sum())


def return_rate(truth: Mapping[str, Any], row: Row) -> float:
    """The planted share of a category's lines: quantity and price have no part in it.

    That two in a thousand deliveries never arrive, and cannot come back, is left aside: it moves the rate by a
    hundredth of its error.
    """
    return float(truth["planted"]["returned"] * RETURN_FACTORS[row["category"]])


def repeat_rate(truth: Mapping[str, Any], row: Row) -> float:
    """Bought again from the day after the first purchase on, within 365 days: the first falls anywhere in its day."""
    return _repeat_rate(_process(truth))


@cache
def _repeat_rate(process: Process) -> float:
    return float(_buying(process, _EVENLY[::100], 365).mean())


def retention(truth: Mapping[str, Any], row: Row) -> float:
    """Bought in the quarter that lies ``age`` quarters after the one of the first purchase."""
    start, end = (date.fromisoformat(truth["planted"][name]) for name in ("start", "end"))
    first, next_one, begin, over = (
        (_add_quarters(row["cohort"], later) - start).days for later in (0, 1, row["age"], row["age"] + 1)
    )
    return _retention(_process(truth), (end - start).days + 1, (first, next_one), (begin, over))


@cache
def _retention(process: Process, days: int, cohort: tuple[int, int], period: tuple[int, int]) -> float:
    first = days * _EVENLY**1.25  # as the simulator draws first purchases
    first = first[(first >= cohort[0]) & (first < cohort[1])]
    return float(_buying(process, period[0] - first, period[1] - period[0]).mean())


def first_year(truth: Mapping[str, Any], row: Row) -> float:
    """Purchases to expect of a customer in the 365 days after the first, those of one day counted as one."""
    return _expected(_process(truth), 365.0)


@cache
def _expected(process: Process, length: float) -> float:
    """Given rate g and lapse p: (1 - g / 2) (1 - p) / p (1 - exp(-g p length)), averaged as in `_buying`.

    1 - g / 2: so seldom does a purchase fall on the day of the one before, the wait being exponential.
    """
    r, alpha, a, b = process
    lapse = _quantiles(a, b)
    shorter = alpha / (alpha + lapse * length)
    purchases, same_day = 1 - shorter**r, r / alpha / 2 * (1 - shorter ** (r + 1))
    return float(((1 - lapse) / lapse * (purchases - same_day)).mean())


def renewed(truth: Mapping[str, Any], row: Row) -> float:
    """Of the contracts that meet their n-th renewal those that pass it."""
    a, b, n = truth["planted"]["contract_a"], truth["planted"]["contract_b"], row["renewal"]
    return float((b + n - 1) / (a + b + n - 1))


def contracts_left(truth: Mapping[str, Any], row: Row) -> float:
    """Of all contracts those that pass all renewals up to the n-th."""
    return float(np.prod([renewed(truth, {"renewal": n}) for n in range(1, row["renewal"] + 1)]))


def contract_periods(truth: Mapping[str, Any], row: Row) -> float:
    """Discounted periods that a new contract is paid for, the first at once, at 10 % a year."""
    plan = truth["planted"]
    return _contract_periods(plan["contract_a"], plan["contract_b"], 1.1 ** (row["period_months"] / 12))


@cache
def _contract_periods(a: float, b: float, growth: float) -> float:
    """Given the chance p to end at a renewal the sum of ((1 - p) / growth)^n, averaged over p ~ beta(a, b)."""
    return float((1 / (1 - (1 - _quantiles(a, b)) / growth)).mean())


def _add_quarters(day: date, count: int) -> date:
    months = day.year * 12 + day.month - 1 + 3 * count
    return date(months // 12, months % 12 + 1, 1)


def _process(truth: Mapping[str, Any]) -> Process:
    plan = truth["planted"]
    return plan["r"], plan["alpha"], plan["a"], plan["b"]


def _buying(process: Process, since: Array, length: float) -> Array:
    """P(a purchase within ``length`` days that begin ``since`` days after the first) in the MBG/NBD model.

    Given the rate g and the chance p to lapse after a purchase: (1 - p) exp(-g p since) (1 - exp(-g length)), averaged
    over g ~ gamma(r, alpha) in closed form and over p ~ beta(a, b) by quantiles.
    """
    r, alpha, a, b = process
    lapse = _quantiles(a, b)[:, None]
    waited = alpha + lapse * since
    chance = (1 - lapse) * ((alpha / waited) ** r - (alpha / (waited + length)) ** r)
    return np.asarray(chance.mean(axis=0))


@cache
def _quantiles(a: float, b: float) -> Array:
    return np.asarray(beta.ppf((np.arange(400) + 0.5) / 400, a, b))
