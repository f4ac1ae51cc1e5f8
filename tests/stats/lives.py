"""Customers drawn from the models of repeat purchases themselves, one by one, with plain NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from saydo.stats.arrays import Array
from saydo.stats.lifetimes import Histories


@dataclass(frozen=True)
class Lives:
    """What is seen of customers up to their age, and what is not: are they alive, and what they buy afterwards."""

    repeats: Array
    last: Array
    age: Array
    is_alive: npt.NDArray[np.bool_]
    coming: Array  # purchases within the horizon

    def seen(self) -> Histories:
        rows, count = np.unique(np.stack([self.repeats, self.last, self.age]), axis=1, return_counts=True)
        return Histories.of(rows[0], rows[1], rows[2], count)


def live(model: str, parameters: tuple[float, ...], age: Array, horizon: float, chance: np.random.Generator) -> Lives:
    """The purchases of one customer per ``age`` under a model, and those within ``horizon`` after it."""
    r, alpha, third, fourth = parameters
    count = len(age)
    rate = chance.gamma(r, 1 / alpha, count)
    if model == "pareto_nbd":
        stop, end = np.zeros(count), chance.exponential(1 / chance.gamma(third, 1 / fourth, count))
    else:
        stop, end = chance.beta(third, fourth, count), np.full(count, np.inf)
    repeats, last, coming = np.zeros(count), np.zeros(count), np.zeros(count)
    goes_on = chance.random(count) >= stop if model == "mbg_nbd" else np.ones(count, bool)
    is_alive, now = goes_on & (end > age), np.zeros(count)
    while goes_on.any():
        now = np.where(goes_on, now + chance.exponential(1 / rate), now)
        goes_on &= (now <= age + horizon) & (now <= end)
        is_past = goes_on & (now <= age)
        repeats += is_past
        last = np.where(is_past, now, last)
        coming += goes_on & (now > age)
        stops = goes_on & (chance.random(count) < stop)
        is_alive &= ~(stops & is_past)
        goes_on &= ~stops
    return Lives(repeats, last, age, is_alive, coming)


def read_cdnow(folder: Path, end: date = date(1997, 9, 30)) -> Histories:
    """The 2,357 published customers of CDNOW up to a day, in weeks; purchases of one day are one."""
    days: dict[str, set[date]] = {}
    for line in (folder / "cdnow" / "CDNOW_sample.txt").read_text().splitlines():
        who, _, day, *_ = line.split()
        days.setdefault(who, set()).add(datetime.strptime(day, "%Y%m%d").date())
    seen = [sorted(day for day in bought if day <= end) for bought in days.values()]
    rows = [(len(one) - 1, (one[-1] - one[0]).days / 7, (end - one[0]).days / 7) for one in seen]
    found, count = np.unique(np.array(rows), axis=0, return_counts=True)
    return Histories.of(found[:, 0], found[:, 1], found[:, 2], count)
