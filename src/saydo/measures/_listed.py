"""Was the list worth following? What became of the customers who would have been on it a horizon ago."""

from __future__ import annotations

from datetime import timedelta

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from saydo.company import Facts
from saydo.errors import NoFit, NothingToMeasure, TooFewRepeats
from saydo.language import mark
from saydo.measures._likes import describe
from saydo.measures._measure import Note, column
from saydo.measures._risks import find_list, find_risks
from saydo.stats.arrays import Array
from saydo.stats.intervals import wilson

_BECAME = mark(
    "Of the {listed} listed on {day}, {lost_share} did not buy within {days} days ({lost_low_share} to "
    "{lost_high_share}); of customers like them who were not listed {like_share} ({like_low_share} to "
    "{like_high_share}), of all {all_share}."
)
_UNKNOWN = mark(
    "What became of those listed {days} days before cannot be told: the facts do not reach back far enough for a list "
    "of that day."
)


def note_listed(facts: Facts, days: int, horizon: int, most: int, model: str) -> Note:
    """What became of the list of a horizon ago, made from what was known then.

    Of the listed a share with Wilson's interval; like customers had as many purchases, as long ago (the bands of
    `describe`), were not listed, and are weighted as the listed are spread over these bands.
    """
    then = facts.as_of - timedelta(days=horizon)
    past = facts.known_before(then)
    try:
        found = find_list(past, find_risks(past, days, horizon, model), days, most)
    except (NothingToMeasure, NoFit, TooFewRepeats):
        return Note(_UNKNOWN, {"days": horizon})
    listed = facts.run(found.select(_listed="customer_id"))
    rows = describe(facts, None, [then], days, horizon)
    rows = rows.left_join(ibis.memtable(listed), [("customer_id", "_listed")])
    rows = rows.mutate(is_listed=rows["_listed"].notnull())
    counts = rows.group_by("orders_band", "recent_band", "is_listed").aggregate(
        n=rows.count(), lost=(1 - rows.has_bought).sum()
    )
    return _compare(facts.run(counts), {"day": facts.local_day(then), "days": horizon})


def _compare(found: pa.Table, values: dict[str, object]) -> Note:
    n, lost = column(found, "n"), column(found, "lost")
    here = np.array(found["is_listed"].to_pylist(), dtype=bool)
    if not here.any():
        return Note(_UNKNOWN, {"days": values["days"]})
    total, gone = n[here].sum(), lost[here].sum()
    low, high = wilson(gone, total)
    like, error = _standardise(found, n, lost, here)
    shares = {
        "lost": gone / total,
        "lost_low": low,
        "lost_high": high,
        "like": like,
        "like_low": max(0.0, like - 1.96 * error),
        "like_high": min(1.0, like + 1.96 * error),
        "all": lost.sum() / n.sum(),
    }
    told = {f"{name}_share": float(value) for name, value in shares.items()}
    return Note(_BECAME, {"listed": int(total), **values, **told})


def _standardise(found: pa.Table, n: Array, lost: Array, here: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """The share lost of those not listed, spread over the bands as the listed are, and its standard error."""
    band = (column(found, "orders_band") * 100 + column(found, "recent_band")).astype(np.int64)
    size = int(band.max()) + 1
    listed, others, gone = (np.bincount(band, one, size) for one in (n * here, n * ~here, lost * ~here))
    both = (listed > 0) & (others > 0)
    if not both.any():
        return float("nan"), float("nan")
    weight = listed[both] / listed[both].sum()
    share = gone[both] / others[both]
    return float(weight @ share), float(np.sqrt(weight**2 @ (share * (1 - share) / others[both])))
