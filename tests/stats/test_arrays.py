"""Sums of products add up as they do one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from saydo.stats.arrays import dot


def test_dot_adds_what_a_loop_adds() -> None:
    chance = np.random.default_rng(1)
    one, other = chance.normal(size=(3, 20_000)), chance.normal(size=20_000)
    found = dot(one, other)
    assert found.shape == (3,)
    for row, total in zip(one, found, strict=True):
        assert total == pytest.approx(math.fsum(a * b for a, b in zip(row, other, strict=True)), abs=1e-9)


def test_dot_of_nothing_is_nothing() -> None:
    assert dot(np.array([]), np.array([])) == 0
