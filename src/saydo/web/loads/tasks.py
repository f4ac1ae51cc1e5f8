"""Loads in the background."""

from __future__ import annotations

from saydo.web.loads.actions import try_to_carry_out
from saydo.web.loads.models import Load
from saydo.web.worker import later


def start(load: Load, *, is_trial: bool) -> None:
    """Have a load checked, or loaded, by the background work."""
    load.state, load.is_trial = "waiting", is_trial
    load.save(update_fields=["state", "is_trial"])
    later("saydo.web.loads.tasks.carry_out", load.id)


def carry_out(number: int) -> None:
    """Carry out a load, unless it was thrown away meanwhile."""
    load = Load.objects.filter(id=number).first()
    if load is not None:
        try_to_carry_out(load)
