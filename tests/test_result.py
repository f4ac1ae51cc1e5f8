"""What a measure gives back goes on to other libraries."""

from __future__ import annotations

import sys

import pytest
from tests.companies import make_facts

from saydo import measures
from saydo.errors import MissingPackage

ANSWERS = [{"score": 9, "said_at": "2024-02-01"}] * 9


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_figures_go_on_to_table_libraries(package: str) -> None:
    frame = getattr(measures.nps(make_facts(feedback=ANSWERS)), f"to_{package}")()
    assert list(frame["answers"]) == [9]


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_package_that_is_missing_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    result = measures.nps(make_facts(feedback=ANSWERS))
    with pytest.raises(MissingPackage, match=f"pip install {package}"):
        getattr(result, f"to_{package}")()
