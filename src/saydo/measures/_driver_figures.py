"""The figures of drivers from cross-products: importance, performance, penalty and reward, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saydo.measures._clusters import named
from saydo.measures._drivers import Driver
from saydo.stats.arrays import Array, divide
from saydo.stats.estimates import Sums
from saydo.stats.importance import (
    MOST_EXACT,
    coefficients,
    correlate,
    explained,
    jackknife,
    jackknife_share,
    leave_out,
    relative_weights,
    sample_shapley,
    shapley,
)
from saydo.stats.intervals import mean_score_interval
from saydo.stats.ratios import effective_answers

PER_DRIVER = 10  # answers that each driver needs in a group, else its figures say nothing
FEWEST = 5  # answers in effect on one side of an item's middle
PATTERNS = ("basic", "attractive", "performance")
ORDERS, SEED = 2000, 1  # of drivers entering, where there are too many for every order
QUICK = 8, 40  # drivers up to which each lot left out takes every order; else so many orders

Figure = tuple[Array, Array, Array]


def _find_places(drivers: Sequence[Driver]) -> dict[str, list[int]]:
    """Of each kind of column the places in the cross-products, in the order of the drivers that have it."""
    names = ["one", *(name for driver in drivers for name in driver.columns)]
    return {name: [place for place, other in enumerate(names) if other == name] for name in dict.fromkeys(names)}


def measure_group(drivers: Sequence[Driver], lots: Array, scale: tuple[float, float]) -> dict[str, Array]:
    """Every figure of one group, an element per driver."""
    whole, without = lots.sum(axis=0), leave_out(lots)
    places = _find_places(drivers)
    answers = whole[0, places["known"]]
    lots_known = (lots[:, 0, places["known"]] > 0).sum(axis=0)
    is_enough = whole[0, 0] >= PER_DRIVER * (answers > 0).sum()
    figures = {
        **_importance(drivers, whole, without),
        **named("performance_share", _performance(drivers, whole, without, scale, lots_known), "performance"),
        **_penalty_and_reward(drivers, whole, without),
    }
    figures = {name: np.where(is_enough & (answers > 0), values, np.nan) for name, values in figures.items()}
    return {"answers": answers, **figures}


def _importance(drivers: Sequence[Driver], whole: Array, without: Array) -> dict[str, Array]:
    correlations, others = correlate(_as_drivers(drivers, whole)), correlate(_as_drivers(drivers, without))
    varies = np.diagonal(correlations)[:-1] > 0
    parts, error = _split_explained(correlations)
    total = np.where(parts.sum() > 0, parts.sum(), np.nan)
    shares = np.where(varies, parts / total, np.nan)
    changed = _split_quickly(others)
    low, high = jackknife_share(shares, divide(changed, changed.sum(axis=-1, keepdims=True)))
    r_squared = np.full(len(drivers), float(explained(correlations)))
    ends = jackknife_share(r_squared, np.repeat(explained(others)[:, None], len(drivers), axis=1))
    weights = relative_weights(correlations)
    return {
        **named("importance_share", (shares, low, high), "importance"),
        "weight_share": np.where(varies, divide(weights, weights.sum()), np.nan),
        "correlation": np.where(varies, correlations[:-1, -1], np.nan),
        **named("explained_share", (r_squared, *ends), "explained"),
        "error": error / total,
    }


def _split_explained(correlations: Array) -> tuple[Array, Array]:
    """The part of R^2 of each driver, and the error that drawing orders leaves in it (0 where all were taken)."""
    if correlations.shape[-1] - 1 <= MOST_EXACT:
        parts = shapley(correlations)
        return parts, np.zeros_like(parts)
    sampled = sample_shapley(correlations, ORDERS, SEED)
    return sampled.value, sampled.se


def _split_quickly(correlations: Array) -> Array:
    """`_split_explained` of many correlations, on fewer orders: good enough for how much the parts change."""
    if correlations.shape[-1] - 1 <= QUICK[0]:
        return shapley(correlations)
    return sample_shapley(correlations, QUICK[1], SEED).value


def _as_drivers(drivers: Sequence[Driver], products: Array) -> Array:
    """Cross-products of 1, one column per driver, and the score.

    An item that was not rated counts as the mean of those that were: it then says nothing for or against it.
    """
    turn = np.zeros((*products.shape[:-2], len(drivers) + 2, products.shape[-1]))
    turn[..., 0, 0] = turn[..., -1, -1] = 1
    place = 1
    for row, driver in enumerate(drivers, 1):
        if driver.of == "item":
            sums = products[..., 0, place : place + 3]
            turn[..., row, place] = divide(sums[..., 1] - sums[..., 2], sums[..., 0] + (sums[..., 0] == 0))
            turn[..., row, place + 1], turn[..., row, place + 2] = -1, 1
        else:
            turn[..., row, place + len(driver.columns) - 1] = 1
        place += len(driver.columns)
    return np.asarray(turn @ products @ np.swapaxes(turn, -1, -2))


def _performance(
    drivers: Sequence[Driver], whole: Array, without: Array, scale: tuple[float, float], lots: Array
) -> Figure:
    """How far up its scale each driver stands (0 to 1), with the interval of a mean on a scale."""
    mean, square, known = _stand(drivers, whole, scale)
    moved = jackknife(mean, _stand(drivers, without, scale)[0])
    variance = np.maximum(square - mean**2, 0)
    effective = effective_answers(moved.se, variance, known, lots)
    low, high = mean_score_interval(Sums.of_mean(effective, mean, variance), (0.0, 1.0), df=np.maximum(lots - 1, 1))
    return mean, low, high


def _stand(drivers: Sequence[Driver], products: Array, scale: tuple[float, float]) -> tuple[Array, Array, Array]:
    """Mean and mean square of the place on a scale from 0 to 1 over the answers that know each driver; their number."""
    means, squares, counts = [], [], []
    place = 1
    for driver in drivers:
        known, last = products[..., 0, place], place + len(driver.columns) - 1
        if driver.of == "item":
            length, middle = driver.high - driver.low, known * 0.5
            moved = (products[..., 0, last] - products[..., 0, place + 1]) / length
            spread = (products[..., last, last] + products[..., place + 1, place + 1]) / length**2
            total, square = middle + moved, known * 0.25 + moved + spread
        elif driver.of == "promise":
            total = square = known - products[..., 0, last]
        else:  # the score's squares are not summed by touchpoint: those of all answers stand for them
            low, length = scale[0], scale[1] - scale[0]
            total = (products[..., place, -1] - low * known) / length
            own, all_of_it = divide(total, known), _variance(products) / length**2
            square = known * (own**2 + all_of_it)
        means.append(divide(total, known))
        squares.append(divide(square, known))
        counts.append(known)
        place += len(driver.columns)
    return np.stack(means, axis=-1), np.stack(squares, axis=-1), np.stack(counts, axis=-1)


def _variance(products: Array) -> Array:
    """The variance of the score."""
    n = products[..., 0, 0]
    return divide(products[..., -1, -1], n) - divide(products[..., 0, -1], n) ** 2


def _penalty_and_reward(drivers: Sequence[Driver], whole: Array, without: Array) -> dict[str, Array]:
    places = _find_places(drivers)
    chosen = [name for name in ("one", "known", "broken", "below", "above") if name in places]
    order = [place for name in chosen for place in places[name]]
    one, others = (_slopes(drivers, products, order) for products in (whole, without))
    penalty, reward = (jackknife(here, there) for here, there in zip(one, others, strict=True))
    contrast = jackknife(one[0] - one[1], others[0] - others[1])
    low, high = contrast.interval()
    is_felt = (penalty.interval()[0] > 0) | (reward.interval()[0] > 0)
    pattern = np.select([low > 0, high < 0, is_felt & ~np.isnan(low)], [0.0, 1.0, 2.0], np.nan)
    figures: dict[str, Array] = {}
    for name, estimate in (("penalty", penalty), ("reward", reward), ("contrast", contrast)):
        figures |= named(name, (estimate.value, *estimate.interval()))
    return {**figures, "pattern": pattern}


def _slopes(drivers: Sequence[Driver], products: Array, order: list[int]) -> tuple[Array, Array]:
    """What the score loses per step below the middle (by a broken promise), and gains per step above."""
    order = [*order, products.shape[-1] - 1]
    found = coefficients(products[..., order, :][..., :, order])
    penalty = np.full((*products.shape[:-2], len(drivers)), np.nan)
    reward = penalty.copy()
    place = 1
    for number, driver in enumerate(drivers):
        last = place + len(driver.columns) - 1
        if driver.of == "item":
            penalty[..., number] = -_slope(products, found, order, place + 1)
            reward[..., number] = _slope(products, found, order, last)
        elif driver.of == "promise":
            penalty[..., number] = -_slope(products, found, order, last)
        place += len(driver.columns)
    return penalty, reward


def _slope(products: Array, found: Array, order: list[int], place: int) -> Array:
    """The coefficient of a column; nan where fewer than five answers in effect are not 0 there."""
    in_effect = divide(products[..., 0, place] ** 2, products[..., place, place])
    return np.where(in_effect >= FEWEST, found[..., order.index(place)], np.nan)
