"""Shares and ratios of rows that hang together in clusters."""

from __future__ import annotations

import numpy as np
import pytest
from tests.companies import make_facts

from saydo.company import Facts
from saydo.measures import _population
from saydo.measures._clusters import add_cluster, rate_interval, run_groups, share_interval, sum_clusters
from saydo.stats.arrays import Array
from saydo.stats.intervals import wilson
from saydo.stats.ratios import ClusterSums
from saydo.stats.trials import binomial_p


def sums_of(above: Array, below: Array) -> ClusterSums:
    """One row of clusters per group."""
    return ClusterSums(
        (below > 0).sum(1),
        above.sum(1),
        below.sum(1),
        (above * above).sum(1),
        (above * below).sum(1),
        (below * below).sum(1),
    )


def company(*, account: str | None = None) -> Facts:
    orders = [
        {"ordered_at": "2024-01-01", "customer_id": customer, "touchpoint": touchpoint, "shipping_charged": charged}
        for customer, touchpoint, charged in [
            ("a", "web", 3),
            ("a", "web", 1),
            ("b", "web", 2),
            ("a", "shop", 5),
            (None, None, 7),
            (None, None, None),
        ]
    ]
    customers = [{"customer_id": name, "account_id": account} for name in "ab"]
    return make_facts(orders=orders, customers=customers)


def charged_per_order(facts: Facts, names: list[str]) -> dict[str, list[float]]:
    rows = add_cluster(facts, facts.table("orders"), "customer_id", "order_id")
    sums = sum_clusters(facts, rows, names, charge=(rows.shipping_charged, rows.shipping_charged.notnull()))["charge"]
    return {name: values.tolist() for name, values in vars(sums).items()}


def test_clusters_are_customers_and_what_has_none_is_a_cluster_of_its_own() -> None:
    assert charged_per_order(company(), []) == {
        "clusters": [3],
        "c": [18],
        "m": [5],
        "cc": [9**2 + 2**2 + 7**2],
        "cm": [9 * 3 + 2 + 7],
        "mm": [9 + 1 + 1],
    }


def test_clusters_are_accounts_where_customers_belong_to_them() -> None:
    sums = charged_per_order(company(account="firm"), [])
    assert (sums["clusters"], sums["mm"]) == ([2], [16 + 1])


def test_clusters_are_those_of_each_group_in_the_order_of_its_name() -> None:
    sums = charged_per_order(company(), ["touchpoint"])
    assert (sums["clusters"], sums["c"], sums["m"]) == ([1, 2, 1], [5, 6, 7], [1, 3, 1])  # shop, web, unknown
    rows = company().table("orders")
    groups = run_groups(company(), rows, ["touchpoint"], orders=rows.count())
    assert groups.to_pydict() == {"touchpoint": ["shop", "web", None], "orders": [1, 3, 2]}


def test_share_of_single_rows_has_wilson_s_interval() -> None:
    kept = np.array([[1.0, 1, 0, 1, 1], [0, 0, 0, 0, 0]])
    share, low, high = share_interval(sums_of(kept, np.ones((2, 5))))
    assert share.tolist() == [0.8, 0.0]
    assert (low.tolist(), high.tolist()) == tuple(end.tolist() for end in wilson([4, 0], 5))


def test_share_of_a_single_cluster_is_as_sure_as_one_row() -> None:
    share, low, high = share_interval(sums_of(np.array([[8.0]]), np.array([[10.0]])))
    assert share.tolist() == [0.8]
    assert (low[0], high[0]) == pytest.approx(tuple(float(end) for end in wilson(0.8, 1)))


def test_share_of_nothing_is_unknown() -> None:
    assert np.isnan(share_interval(sums_of(np.zeros((1, 3)), np.zeros((1, 3))))).all()


def test_rate_of_independent_events_has_the_exact_poisson_interval() -> None:
    events, orders = np.zeros((1, 1000)), np.ones((1, 1000))
    events[0, :10] = 1
    rate, low, high = rate_interval(sums_of(events, orders))
    # Garwood's limits for 10 events are 4.795 and 18.39; spread over 1,000 clusters hardly anything is lost
    assert rate.tolist() == [0.01]
    assert (1000 * low[0], 1000 * high[0]) == pytest.approx((4.795, 18.39), rel=0.01)


def test_rate_without_events_has_an_upper_end_and_a_cost_without_any_has_none() -> None:
    nothing = sums_of(np.zeros((1, 50)), np.ones((1, 50)))
    assert [end.tolist() for end in rate_interval(nothing)] == [[0.0], [0.0], [pytest.approx(3.689 / 50, rel=1e-3)]]
    rate, low, high = rate_interval(nothing, [0])
    assert (rate[0], np.isnan(low[0]), np.isnan(high[0])) == (0.0, True, True)


def test_rate_of_a_single_cluster_is_as_sure_as_one_event() -> None:
    rate, low, high = rate_interval(sums_of(np.array([[6.0]]), np.array([[3.0]])))
    assert (rate[0], low[0], high[0]) == (2.0, pytest.approx(2 * 0.0253, rel=1e-2), pytest.approx(2 * 5.572, rel=1e-3))


def test_rate_over_nothing_is_unknown() -> None:
    assert np.isnan(rate_interval(sums_of(np.zeros((1, 3)), np.zeros((1, 3))))).all()


@pytest.mark.parametrize("is_cost", [False, True])
def test_rate_interval_holds_the_truth_where_some_customers_call_often(is_cost: bool) -> None:
    rng = np.random.default_rng(20240603)
    runs, customers, truth = 2000, 200, 0.15
    orders = rng.geometric(0.4, (runs, customers)).astype(float)
    calls = rng.poisson(truth * orders * rng.gamma(2, 0.5, orders.shape)).astype(float)
    cost = np.where(calls > 0, rng.gamma(np.maximum(4 * calls, 1), 0.25), 0)
    _, low, high = rate_interval(sums_of(cost if is_cost else calls, orders), calls.sum(1) if is_cost else None)
    held = int(((low <= truth) & (truth <= high)).sum())
    assert held >= runs * 0.95 or binomial_p(held, runs) > 0.001


@pytest.mark.parametrize("correlation", [0.0, 0.1])
def test_share_interval_holds_the_truth_where_rows_of_a_customer_are_alike(correlation: float) -> None:
    rng = np.random.default_rng(20240601)
    runs, customers, truth = 2000, 100, 0.8
    rows = rng.geometric(0.4, (runs, customers))
    spread = (1 - correlation) / correlation if correlation else np.inf
    own = rng.beta(truth * spread, (1 - truth) * spread, rows.shape) if correlation else np.full(rows.shape, truth)
    kept = rng.binomial(rows, own)
    _, low, high = share_interval(sums_of(kept.astype(float), rows.astype(float)))
    assert binomial_p(((low <= truth) & (truth <= high)).sum(), runs) > 0.001
    if correlation:  # the plain interval, which takes all rows for independent, does not
        low, high = wilson(kept.sum(1), rows.sum(1))
        assert binomial_p(((low <= truth) & (truth <= high)).sum(), runs) < 1e-6


def test_share_interval_of_money_holds_the_truth_where_few_rows_weigh_most() -> None:
    rng = np.random.default_rng(20240602)
    runs, truth = 2000, 0.1
    weight = rng.lognormal(3, 1, (runs, 300))
    back = weight * (rng.random(weight.shape) < truth)
    _, low, high = share_interval(sums_of(back, weight), weight.sum(1) ** 2 / (weight**2).sum(1))
    held = ((low <= truth) & (truth <= high)).sum()
    assert held > runs * 0.95 or binomial_p(held, runs) > 0.001  # it may hold it more often
    _, low, high = share_interval(sums_of(back, weight))
    assert held > ((low <= truth) & (truth <= high)).sum()


def test_a_company_of_many_customers_has_the_same_shares_and_nearly_the_same_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(7)
    orders = [
        {
            "ordered_at": "2024-01-01",
            "customer_id": f"c{customer}",
            "touchpoint": touchpoint,
            "shipping_charged": charged,
        }
        for customer, touchpoint, charged in zip(
            rng.integers(0, 3_000, 8_000).tolist(),
            rng.choice(["web", "shop"], 8_000, p=[0.99, 0.01]).tolist(),
            rng.integers(0, 2, 8_000).tolist(),
            strict=True,
        )
    ]
    facts = make_facts(orders=orders, customers=[{"customer_id": f"c{number}"} for number in range(3_000)])
    rows = add_cluster(facts, facts.table("orders"), "customer_id", "order_id")

    def ask() -> ClusterSums:
        return sum_clusters(facts, rows, ["touchpoint"], paid=(rows.shipping_charged, rows.order_id.notnull()))["paid"]

    exact = ask()
    monkeypatch.setattr(_population, "MANY_CUSTOMERS", 1_000)
    close = ask()
    assert (close.c.tolist(), close.m.tolist()) == (exact.c.tolist(), exact.m.tolist())
    assert (close.clusters[0], close.mm[0]) == (exact.clusters[0], exact.mm[0])  # the shop has few clusters
    assert close.clusters[1] == pytest.approx(exact.clusters[1], rel=0.02)
    assert close.effective_clusters[1] == pytest.approx(exact.effective_clusters[1], rel=0.02)
    widths = [np.subtract(*share_interval(sums)[:0:-1]) for sums in (close, exact)]
    assert widths[0] == pytest.approx(widths[1], rel=0.01)
