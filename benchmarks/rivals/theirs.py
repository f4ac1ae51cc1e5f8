"""The peers: from the same Parquet to the same figures, as the documentation of each package writes it.

Read by another interpreter, that of `benchmarks.rivals.lane.make_environment`: nothing of Saydo is imported. Each
function imports its packages and reads nothing yet; what it gives is timed. ``..._alone`` reads and prepares first, so
that the mathematics alone is timed.
"""

# The peers live in another environment than the one that is checked.
# mypy: disable-error-code="import-not-found,import-untyped"

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Figures = dict[str, float]
Run = Callable[[], Figures]
END = "2025-12-31"
COVARIATES = ["lead_days", "touchpoint", "region", "segment"]


def _read(folder: Path, table: str, *columns: str) -> Any:
    import pandas as pd

    return pd.read_parquet(folder / f"{table}.parquet", columns=list(columns))


def lifetimes(folder: Path) -> Run:
    from lifetimes import BetaGeoFitter
    from lifetimes.utils import summary_data_from_transaction_data as summarise

    def run() -> Figures:
        orders = _sold(folder)
        summary = summarise(orders, "customer_id", "ordered_at", observation_period_end=END, freq="D")
        return dict(BetaGeoFitter().fit(summary["frequency"], summary["recency"], summary["T"]).params_)

    return run


def _sold(folder: Path) -> Any:
    orders = _read(folder, "orders", "order_id", "customer_id", "ordered_at", "cancelled_at", "status")
    return orders[orders["cancelled_at"].isna() & (orders["status"] != "cancelled")]


def lifetimes_alone(folder: Path) -> Run:
    from lifetimes import BetaGeoFitter

    summary = _summary(folder)
    return lambda: dict(BetaGeoFitter().fit(summary["frequency"], summary["recency"], summary["T"]).params_)


def _summary(folder: Path) -> Any:
    """One row per customer, quicker than the packages make it."""
    import pandas as pd

    orders = _sold(folder)
    days = pd.DataFrame({"customer_id": orders["customer_id"], "day": orders["ordered_at"].dt.floor("D")})
    rows = days.drop_duplicates().groupby("customer_id")["day"].agg(["min", "max", "size"])
    found = pd.DataFrame({"frequency": rows["size"] - 1.0})
    found["recency"] = (rows["max"] - rows["min"]).dt.days.astype(float)
    found["T"] = (pd.Timestamp(END) - rows["min"]).dt.days.astype(float)
    return found


def pymc_marketing(folder: Path) -> Run:
    from pymc_marketing.clv.utils import rfm_summary

    fit = _fit_map()

    def run() -> Figures:
        summary = rfm_summary(_sold(folder), "customer_id", "ordered_at", observation_period_end=END, time_unit="D")
        return fit(summary)

    return run


def pymc_marketing_alone(folder: Path) -> Run:
    summary, fit = _summary(folder).reset_index(), _fit_map()
    return lambda: fit(summary)


def _fit_map() -> Callable[[Any], Figures]:
    from pymc_marketing.clv import BetaGeoModel

    def fit(summary: Any) -> Figures:
        model = BetaGeoModel(data=summary)
        model.fit(method="map", progressbar=False)
        return {name: float(model.fit_result[name].mean()) for name in ("r", "alpha", "a", "b")}

    return fit


def lifetimes_spend(folder: Path) -> Run:
    from lifetimes import GammaGammaFitter
    from lifetimes.utils import summary_data_from_transaction_data as summarise

    def run() -> Figures:
        orders = _sold(folder).merge(_values(folder), on="order_id")
        found = summarise(orders, "customer_id", "ordered_at", "value", observation_period_end=END, freq="D")
        found = found[(found["frequency"] > 0) & (found["monetary_value"] > 0)]
        return dict(GammaGammaFitter().fit(found["frequency"], found["monetary_value"]).params_)

    return run


def _values(folder: Path) -> Any:
    lines = _read(folder, "order_lines", "order_id", "quantity", "unit_price")
    lines["value"] = lines["quantity"].astype(float) * lines["unit_price"].astype(float)
    return lines.groupby("order_id", as_index=False)["value"].sum()


def lifetimes_spend_alone(folder: Path) -> Run:
    from lifetimes import GammaGammaFitter

    orders = _sold(folder).merge(_values(folder), on="order_id")
    orders["day"] = orders["ordered_at"].dt.floor("D")
    days = orders.groupby(["customer_id", "day"], as_index=False)["value"].sum()
    repeats = days[days["day"] > days.groupby("customer_id")["day"].transform("min")]
    found = repeats.groupby("customer_id")["value"].agg(["size", "mean"])
    return lambda: dict(GammaGammaFitter().fit(found["size"], found["mean"]).params_)


def lifelines(folder: Path) -> Run:
    from lifelines import KaplanMeierFitter

    return lambda: _survival(KaplanMeierFitter().fit(*_durations(folder)))


def lifelines_alone(folder: Path) -> Run:
    from lifelines import KaplanMeierFitter

    durations = _durations(folder)
    return lambda: _survival(KaplanMeierFitter().fit(*durations))


def _durations(folder: Path) -> tuple[Any, Any]:
    """Renewals met and passed by each contract, and whether it ended at the last of them."""
    import pandas as pd

    contracts = _read(folder, "contracts", "started_on", "ended_on")
    start, end = (pd.to_datetime(contracts[name]) for name in ("started_on", "ended_on"))
    is_lost = end.notna() & (end <= pd.Timestamp(END))
    until = end.where(is_lost, pd.Timestamp(END))
    months = (until.dt.year - start.dt.year) * 12 + until.dt.month - start.dt.month - (until.dt.day < start.dt.day)
    return months, is_lost


def _survival(curve: Any) -> Figures:
    low, high = curve.confidence_interval_survival_function_.loc[12]
    share = curve.survival_function_at_times([1, 12, 24])
    return {"S(1)": share[1], "S(12)": share[12], "low(12)": low, "high(12)": high, "S(24)": share[24]}


def doubleml(folder: Path) -> Run:
    fit = _fit_effect()
    return lambda: fit(_events(folder))


def doubleml_alone(folder: Path) -> Run:
    fit, events = _fit_effect(), _events(folder)
    return lambda: fit(events)


def _events(folder: Path) -> Any:
    import pandas as pd

    events = _read(folder, "commitments", "customer_id", "order_id", "touchpoint", "made_at", "due_at", "fulfilled_at")
    events = events.merge(_read(folder, "orders", "order_id", "region"), on="order_id")
    events = events.merge(_read(folder, "customers", "customer_id", "segment"), on="customer_id")
    answers = _read(folder, "feedback", "order_id", "question", "score")
    events = events.merge(answers[answers["question"] == "nps"], on="order_id")
    events["broken"] = (events["fulfilled_at"] > events["due_at"]).astype(int)
    events["lead_days"] = (events["due_at"] - events["made_at"]).dt.total_seconds() / 86400
    return pd.get_dummies(events[["score", "broken", *COVARIATES]], drop_first=True, dtype=float)


def _fit_effect() -> Callable[[Any], Figures]:
    from doubleml import DoubleMLData, DoubleMLIRM
    from numpy.random import seed
    from sklearn.linear_model import LinearRegression, LogisticRegression

    def fit(events: Any) -> Figures:
        seed(1)
        model = DoubleMLIRM(
            DoubleMLData(events, "score", "broken"), LinearRegression(), LogisticRegression(max_iter=1000), n_folds=4
        ).fit()
        return {"effect": model.coef[0], "se": model.se[0]}

    return fit


def pingouin(folder: Path) -> Run:
    fit = _fit_importance()
    return lambda: fit(*_ratings(folder))


def pingouin_alone(folder: Path) -> Run:
    fit, ratings = _fit_importance(), _ratings(folder)
    return lambda: fit(*ratings)


def _ratings(folder: Path) -> tuple[Any, Any]:
    answers = _read(folder, "feedback", "reply_id", "question", "item", "score")
    score = answers[answers["question"] == "nps"].set_index("reply_id")["score"]
    items = answers[answers["question"] == "csat"].pivot(index="reply_id", columns="item", values="score")
    return items, score.loc[items.index]


def _fit_importance() -> Callable[[Any, Any], Figures]:
    from pingouin import linear_regression

    def fit(items: Any, score: Any) -> Figures:
        found = linear_regression(items, score, relimp=True).set_index("names")
        shares = found["relimp_perc"].drop("Intercept") / 100
        return {**shares.sort_index().to_dict(), "R2": found["r2"].iloc[0]}

    return fit


def scikit_learn(folder: Path) -> Run:
    return _find_themes(folder, None)


def scikit_learn_sampled(folder: Path) -> Run:
    """Of as many comments as Saydo reads."""
    return _find_themes(folder, 20_000)


def _find_themes(folder: Path, sample: int | None) -> Run:
    from sklearn.decomposition import NMF
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    def run() -> Figures:
        answers = _read(folder, "feedback", "comment", "score").dropna()
        answers = answers if sample is None else answers.sample(min(sample, len(answers)), random_state=1)
        words = TfidfVectorizer(stop_words="english", ngram_range=(1, 2), min_df=5, max_df=0.5)
        weights = words.fit_transform(answers["comment"])
        topics = NMF(n_components=12, init="nndsvd", max_iter=400, random_state=1).fit_transform(weights)
        LogisticRegression(max_iter=1000).fit(weights, answers["score"] <= 6)
        return {"comments": len(answers), "themes": topics.shape[1]}

    return run
