"""Whatever a setting is given, a measure answers or says what is wrong: it never breaks inside."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal, get_args, get_origin

import pytest

from saydo import measures
from saydo.company import Facts
from saydo.engine import open_facts
from saydo.errors import BadSetting, NothingToMeasure, SaydoError
from saydo.measures import Measure
from saydo.simulate import simulate

# of each kind what can be read, and is no usual value; and what cannot be read
ODD: dict[Any, tuple[str, ...]] = {
    int: ("0", "-1", "99999"),
    float: ("0", "-0.5", "99999"),
    date: ("1900-01-01",),
    str: ("day,,'",),
}
BAD: dict[Any, tuple[str, ...]] = {
    int: ("", "many", "1.5", "10000000000", "nan"),
    float: ("", "much", "inf", "-inf", "nan", "1e300"),
    date: ("", "soon", "2024-13-40", "0001-01-01", "9999-12-31", "2024-01-01T99:00"),
    bool: ("", "maybe"),
    Literal: ("", "nothing", "'"),
}
ALL = [one for one in vars(measures).values() if isinstance(one, Measure)]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    directory = tmp_path_factory.mktemp("simulated")
    simulate(directory, customers=60, seed=5)
    return open_facts(directory).keeping()


def plain(kind: Any) -> Any:
    """The type of a setting without "or nothing"."""
    found = next((one for one in get_args(kind) if one is not type(None)), kind)
    return Literal if Literal in (get_origin(kind), get_origin(found)) else found


def cases(measure: Measure, values: dict[Any, tuple[str, ...]]) -> list[dict[str, Any]]:
    kinds = {name: plain(kind) for name, (kind, _) in measure.settings.items()}
    return [{name: value} for name, kind in kinds.items() for value in values.get(kind, ())]


@pytest.mark.parametrize("measure", ALL, ids=lambda measure: measure.name)
def test_odd_settings_are_answered_or_refused_in_words(facts: Facts, measure: Measure) -> None:
    for settings in cases(measure, ODD):
        if settings == {"since": "1900-01-01"}:
            continue  # all that there is, as without it
        try:
            assert len(measure(facts, **settings))
        except SaydoError:
            continue
        except Exception as error:
            raise AssertionError(f"{measure.name} with {settings} ends in {error!r}") from error


@pytest.mark.parametrize("measure", ALL, ids=lambda measure: measure.name)
def test_settings_that_cannot_be_read_are_refused(measure: Measure) -> None:
    for settings in cases(measure, BAD):
        with pytest.raises(BadSetting):
            measure.parse(settings)


@pytest.mark.parametrize(
    "measure", [one for one in ALL if {"since", "until"} <= set(one.settings)], ids=lambda measure: measure.name
)
def test_a_period_that_ends_before_it_begins_is_refused(facts: Facts, measure: Measure) -> None:
    with pytest.raises(BadSetting, match=r"^until cannot be 2025-01-01\. It must be later than since\.$"):
        measure(facts, since="2025-01-01", until="2025-01-01")


@pytest.mark.parametrize(
    ("name", "settings", "wrong"),
    [
        ("acquisition", {"months": 0}, "months cannot be 0. It must be a number of months from 1 to 1,200."),
        ("acquisition", {"months": 1_201}, "months cannot be 1201. It must be a number of months from 1 to 1,200."),
        ("earned_growth", {"periods": 0}, "periods cannot be 0. It must be a number of periods from 1 to 400."),
        ("returns_rate", {"within_days": 10**6}, "within_days cannot be 1000000. It must be -100000 ... 100000."),
        ("nps", {"since": date(9999, 1, 1)}, "since cannot be 9999-01-01. It must be 1900-01-01 ... 2200-01-01."),
        ("margin", {"as_of": "1800-01-01"}, "as_of cannot be 1800-01-01. It must be 1900-01-01 ... 2200-01-01."),
    ],
)
def test_what_no_setting_can_be_is_named_with_the_way_out(
    facts: Facts, name: str, settings: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(BadSetting) as caught:
        measures.find(name)(facts, **settings)
    assert str(caught.value) == wrong


@pytest.mark.parametrize("name", ["contract_renewals", "contract_value"])
def test_a_period_without_contracts_is_nothing_to_measure(facts: Facts, name: str) -> None:
    with pytest.raises(NothingToMeasure, match="no contract began in the period"):
        measures.find(name)(facts, since="2150-01-01")
