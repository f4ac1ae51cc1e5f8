"""What a model of repeat purchases has to say."""

from __future__ import annotations

from typing import Protocol

from saydo.stats.arrays import Array
from saydo.stats.lifetimes.histories import Histories


class Model(Protocol):
    """A model with four parameters above 0; ``parameters`` are given in the order of ``names``.

    ``times`` tells which of them are times, ``starts`` where to begin looking and ``most`` where to end, with times in
    mean ages. What lies ahead of a customer who is still with us hangs on the repeat purchases and the age alone:
    ``ahead`` and ``exceeds`` take those.
    """

    @property
    def name(self) -> str: ...
    @property
    def names(self) -> tuple[str, str, str, str]: ...
    @property
    def times(self) -> tuple[bool, bool, bool, bool]: ...
    @property
    def most(self) -> float: ...
    @property
    def starts(self) -> tuple[tuple[float, float, float, float], ...]: ...

    def log_likelihood(self, parameters: Array, histories: Histories) -> Array:
        """The log-likelihood of each row, for one customer."""
        ...

    def slope(self, parameters: Array, histories: Histories) -> tuple[float, Array]:
        """The log-likelihood of all customers, and its derivatives by the logs of the parameters."""
        ...

    def alive(self, parameters: Array, histories: Histories) -> Array:
        """The probability of each row's customers to be still with us at the end."""
        ...

    def ahead(self, parameters: Array, repeats: Array, age: Array, horizon: Array) -> Array:
        """The purchases to expect within ``horizon`` of somebody who is still with us."""
        ...

    def exceeds(self, parameters: Array, repeats: Array, age: Array, horizon: Array, least: Array) -> Array:
        """The probability that somebody who is still with us makes ``least`` (1, 2 ...) purchases or more."""
        ...
