"""Saydo: what customers say, what they do, what we promise and what we keep.

import saydo
facts = saydo.read("DIR")
saydo.measures.nps(facts, by="touchpoint")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saydo import measures
    from saydo.sources import read

__version__ = "0.1.0"
__all__ = ["measures", "read"]


def __getattr__(name: str) -> Any:
    """Load the heavy parts when they are first asked for."""
    if name == "measures":
        return import_module("saydo.measures")
    if name == "read":
        return import_module("saydo.sources").read
    raise AttributeError(f"module 'saydo' has no attribute {name!r}")
