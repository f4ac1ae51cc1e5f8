"""A company whose truth is known: facts of any size, and in ``truth.json`` the answers that measures must find in them.

The Comptoir du Tilleul sells computers, printers, bicycles and coffee machines in four shops (Lyon, Lausanne, Liège,
Freiburg), on the web and by phone, and shows three years of history. It is the demonstration and the test bed of every
measure. So it is made of traps, each with a known way out:

- **Who answers is not who is there.** Each customer has a true answer to the relational question in every wave; its
  shares are exact by segment. Happier segments answer more, so weighting by segment helps; happier people within each
  answer more too, so it does not help fully.
- **A late parcel's effect is confounded.** Distance and large orders make parcels late, and also change the score and
  the chance to buy again. Both potential outcomes of every delivery are known, hence the true effect, the effect on
  those hit, and the naive difference that misleads. Relational answers do not depend on late parcels at all.
- **A silent customer has not said goodbye.** Purchases follow a gamma rate and lapses a beta chance (MBG/NBD); most who
  lapse never say so.
- **Lift is not love.** Products are drawn independently, but some baskets are so much larger than others that raw
  lift calls everything a complement; only the planted pairs are. Some products follow others in the next basket, some
  replace others.
- **Written stars mislead.** Every buyer has an opinion; those at the ends of the scale write.
- **A bad week is not a bad company.** Parcels of one week in the web shop are late, and a wave of rumours follows.
- **An improvement is small.** From one wave on, people are happier by a planted shift.
- **Firms are clusters.** Colleagues feel alike, so their answers count for less than they seem.
- **One shop is worse**, and one adviser sells what comes back. Unhappy firms pay late, unhappy customers lapse and end
  contracts sooner; happy ones bring others, and who was brought stays longer.
- **A slow answer costs effort**, an attempt that was cancelled is no purchase, and a hold-out that is never asked
  differs from the others in nothing.

Everything is drawn in blocks of a fixed number of customers, each with its own chance: the same seed gives the same
rows, whatever the chunk.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from saydo.company import MANIFEST_FILE
from saydo.errors import BadSetting, DestinationInUse, UnknownSetting, Unwritable
from saydo.simulate.after_order import ask_after_orders, review
from saydo.simulate.block import BLOCK, Block, Tally
from saydo.simulate.care import complain, offer, repair, serve
from saydo.simulate.clock import Clock
from saydo.simulate.columns import Array
from saydo.simulate.effects import add_bought_again, add_lapse
from saydo.simulate.files import Files
from saydo.simulate.house import furnish, write_costs
from saydo.simulate.identities import introduce
from saydo.simulate.orders import Orders, buy, keep_facts
from saydo.simulate.people import meet_people, write_people
from saydo.simulate.plan import NO_EFFECT, PLAIN_ANSWERS, PURE_LAPSE, Plan, Segment, Shop
from saydo.simulate.promises import promise_deliveries
from saydo.simulate.sales import subscribe, take_back, write_sales
from saydo.simulate.truth import write_truth
from saydo.simulate.voice import ask_everybody

__all__ = ["NO_EFFECT", "PLAIN_ANSWERS", "PURE_LAPSE", "Plan", "Segment", "Shop", "simulate"]


def simulate(
    directory: Path,
    *,
    customers: int = 20_000,
    seed: int = 1,
    chunk: int = 50_000,
    progress: Callable[[int, int], None] | None = None,
    **planted: Any,
) -> dict[str, Any]:
    """Write a company of so many customers into a new or empty folder; gives back its truth, as in truth.json.

    ``chunk`` is the number of customers held in memory and written to one file, rounded up to whole blocks of 10,000;
    ``progress`` is called with the customers done and in all; ``planted`` overrides fields of `Plan`. A company that
    lies in the folder is replaced if it is a simulated one. Raises `BadSetting`, `UnknownSetting`, `DestinationInUse`
    and `Unwritable`.
    """
    plan = _plan(customers, chunk, planted)
    with _tell_failures(directory), _draft(directory) as draft:
        clock, tally = Clock(plan), Tally()
        house = Block(plan, clock, seed, -1)
        blocks, together = -(-customers // BLOCK), -(-chunk // BLOCK)
        files, held = Files(draft, parts=blocks > together), [house]
        furnish(house, customers)
        for index in range(blocks):
            held.append(_live(Block(plan, clock, seed, index, min(BLOCK, customers - index * BLOCK))))
            tally.join(held[-1].tally)
            if (index + 1) % together == 0 or index + 1 == blocks:
                files.write(held)
                held = []
            if progress:
                progress(min(customers, (index + 1) * BLOCK), customers)
        tally.join(house.tally)
        write_costs(house, tally)
        files.write([house])
        truth = write_truth(draft / "truth.json", plan, clock, tally, {"customers": customers, "seed": seed})
        files.manifest(plan.name, f"simulated, seed {seed}").write(draft)
    return truth


def _plan(customers: int, chunk: int, planted: dict[str, Any]) -> Plan:
    for name, value in (("customers", customers), ("chunk", chunk)):
        if value < 1:
            raise BadSetting(name=name, value=value, choices="1, 2, 3 ...")
    known = [one.name for one in fields(Plan)]
    for name in planted:
        if name not in known:
            raise UnknownSetting(measure="simulate", name=name, choices=known)
    return replace(Plan(), **planted)


@contextmanager
def _tell_failures(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unwritable(path=directory, reason=error.strerror or str(error)) from None


@contextmanager
def _draft(directory: Path) -> Iterator[Path]:
    """A folder beside the place, which takes the place when all is written: whole or not at all."""
    is_simulated = all((directory / name).is_file() for name in (MANIFEST_FILE, "truth.json"))
    if directory.exists() and not is_simulated and (not directory.is_dir() or any(directory.iterdir())):
        raise DestinationInUse(path=directory)
    is_new = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)  # the place is taken while the work goes on
    desk = Path(tempfile.mkdtemp(prefix=f".{directory.name}.simulate-", dir=directory.absolute().parent))
    try:
        draft = desk / "new"
        draft.mkdir()
        yield draft
        directory.rename(desk / "old")
        draft.rename(directory)
    except BaseException:
        if is_new and directory.exists():
            directory.rmdir()
        raise
    finally:
        shutil.rmtree(desk, ignore_errors=True)


def _live(block: Block) -> Block:
    """The whole life of one block's customers, from the first order to what they say of the last."""
    people = meet_people(block, block.size)
    every_order, every_line = buy(block, people)
    add_bought_again(block, people, every_order)
    deeds = add_lapse(block, people, every_order)
    orders, lines = keep_facts(block, every_order, every_line)
    left = _say_goodbye(block, orders, deeds[0], subscribe(block, people))
    write_people(block, people, left)
    introduce(block, people)
    write_sales(block, people, orders, lines)
    delivery = promise_deliveries(block, orders)
    take_back(block, orders, lines)
    repair(block, orders)
    ask_everybody(block, people, left, deeds)
    replies = ask_after_orders(block, people, orders)
    review(block, people, orders, lines)
    serve(block, people, orders)
    offer(block, people, left)
    complain(block, people, orders, delivery, replies)
    return block


def _say_goodbye(block: Block, orders: Orders, is_active: Array, has_contract: Array) -> Array:
    """When each customer said that it left; NaN for the many who lapse without a word."""
    chance, count = block.chance("goodbye"), len(is_active)
    last = np.full(count, -np.inf)
    known = orders.who >= 0
    np.maximum.at(last, orders.who[known], orders.drawn[known])
    says = ~is_active & ~has_contract & (chance.random(count) < block.plan.leaving)
    left = np.where(says, last + chance.uniform(40, 150, count), np.nan)
    return block.before_end(left)
