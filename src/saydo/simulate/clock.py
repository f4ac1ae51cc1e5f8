"""The plan's time: days since its first midnight, the season in them, and the days of the surveys."""

from __future__ import annotations

from datetime import date

import numpy as np

from saydo.simulate.catalogue import MONTHS, WEEKDAYS
from saydo.simulate.columns import Array
from saydo.simulate.plan import Plan

FUTURE_DAYS = 365  # lived beyond the last day, to know what the customers would have done; never written as facts
OPENS, CLOSES = 0.35, 0.79  # parts of the day between which things happen: 8:24 and 18:58


class Clock:
    """Days since ``plan.start`` as floats. Facts lie in [0, ``days``).

    Customers buy by *elapsed* time, which runs faster in December: so the season changes when they buy and not what
    kind of process it is. Without a season elapsed time is the calendar.
    """

    def __init__(self, plan: Plan) -> None:
        self.start = np.datetime64(plan.start, "D")
        self.days = (plan.end - plan.start).days + 1
        self.horizon = self.days + FUTURE_DAYS
        calendar = self.start + np.arange(self.horizon + 1)
        months = calendar.astype("datetime64[M]")
        self.month_of_day: Array = (months - months[0]).astype(np.int64)
        self.months: Array = np.arange(months[0], months[self.days - 1] + 1)
        factors = (
            np.array(MONTHS)[months.astype(np.int64) % 12] * np.array(WEEKDAYS)[(calendar.astype(np.int64) + 3) % 7]
        )
        intensity = 1 + plan.seasonality * (factors / factors[: self.days].mean() - 1)
        self._elapsed = np.concatenate([[0.0], np.cumsum(intensity)])
        self._calendar = np.arange(len(self._elapsed), dtype=float)

    def elapsed(self, days: Array) -> Array:
        """Elapsed time at calendar time."""
        return np.interp(days, self._calendar, self._elapsed)

    def calendar(self, elapsed: Array) -> Array:
        """Calendar time at elapsed time; infinite beyond the horizon."""
        return np.interp(elapsed, self._elapsed, self._calendar, right=np.inf)

    def day(self, when: date) -> int:
        """The number of a date."""
        return int((np.datetime64(when, "D") - self.start).astype(np.int64))

    def month(self, days: Array) -> Array:
        """Number of the month, 0 for the first."""
        return self.month_of_day[days.astype(np.int64)]

    def add_months(self, days: Array, months: Array) -> Array:
        """Whole days moved by months, keeping the day of the month (at most the 28th)."""
        dates = self.start + days.astype(np.int64)
        month = dates.astype("datetime64[M]")
        in_month = np.minimum((dates - month.astype("datetime64[D]")).astype(np.int64), 27)
        moved = (month + months).astype("datetime64[D]") + in_month
        return (moved - self.start).astype(float)

    def waves(self, count: int) -> Array:
        """The days of the relational surveys: the 10th, every three months, the last in the month of the last day."""
        last = (self.start + self.days - 1).astype("datetime64[M]")
        months = last - 3 * np.arange(count)[::-1]
        return (months.astype("datetime64[D]") + 9 - self.start).astype(float)


def in_daytime(days: Array) -> Array:
    """The same days with the hours pressed into the hours of business; order is kept."""
    whole = np.floor(days)
    return whole + OPENS + (CLOSES - OPENS) * (days - whole)
