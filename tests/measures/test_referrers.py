"""Who buys and who brings: four groups by hand, and settings."""

from __future__ import annotations

from typing import Any

import pytest
from tests.companies import make_facts
from tests.measures.test_referral_value import PEOPLE, company, referral, sale

from saydo.errors import BadSetting, MissingTable
from saydo.measures import referrers

RECENT = "2025-03-01"


def groups_of(facts: Any, **settings: Any) -> dict[str, dict[str, Any]]:
    return {row["group"]: row for row in referrers(facts, as_of="2025-06-01", **settings)}


def test_referrers_stand_in_four_groups() -> None:
    own = {"champion": 90, "affluent": 80, "advocate": 0, "miser": 10}
    sales = [sale(name, RECENT, margin) for name, margin in own.items() if margin]
    sales += [sale("b", "2024-01-10", 100), sale("c", "2024-01-10", 60)]
    referrals = [referral("champion", "b"), referral("advocate", "c"), referral("affluent"), referral("miser")]
    found = groups_of(company(referrals, sales), came_anyway=0.0)
    assert {name: (row["customers"], row["brought"]) for name, row in found.items()} == {
        "champions": (1, 1),
        "affluents": (1, 0),
        "advocates": (1, 1),
        "misers": (1, 0),
    }
    champions, advocates = found["champions"], found["advocates"]
    assert (champions["margin_per_customer"], champions["worth_per_customer"]) == (90, 100)
    assert (advocates["margin_per_customer"], advocates["worth_share"]) == (0, 60 / 160)
    assert [row["customer_share"] for row in found.values()] == [0.25] * 4


def test_referrers_count_who_would_have_come_anyway_for_the_cost_saved() -> None:
    sales = [sale("a", RECENT, 10), sale("b", "2024-01-10", 100)]
    facts = company([referral("a", "b")], sales, customers=PEOPLE)
    worth = [groups_of(facts, came_anyway=share)["advocates"]["worth_per_customer"] for share in (0.0, 0.5, 1.0)]
    assert worth == [92, 62, 32]  # 100 and 40 saved, less 8 of reward


def test_referrers_say_that_the_cost_saved_is_not_known() -> None:
    facts = company([referral("a", "b")], [sale("a", RECENT, 10)])
    assert any("Add acquisition_cost" in str(note) for note in referrers(facts, as_of="2025-06-01").notes)
    assert not referrers(facts, as_of="2025-06-01", came_anyway=0.0).notes


def test_referrers_say_what_is_wrong() -> None:
    facts = company([referral("a", "b")], [sale("a", RECENT, 10)])
    with pytest.raises(BadSetting, match="came_anyway cannot be 2"):
        referrers(facts, came_anyway=2.0)
    bare = make_facts(referrals=[referral("a", "b")], orders=[{"customer_id": "a", "ordered_at": RECENT}])
    with pytest.raises(MissingTable, match="needs the table order_lines"):
        referrers(bare)
