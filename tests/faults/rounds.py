"""Rounds of faults: each breaks something at a random moment, and waits until all is well again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.faults.ground import Ground

Act = Callable[[Ground, random.Random], int]
"""Breaks something and mends it; returns how many faults that were."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that can go wrong, so many `rounds` of it. `is_isolated`: only on a machine of the run's own."""

    name: str
    act: Act
    rounds: int = 1
    is_isolated: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """One round: when it began and ended, in seconds since 1970, and how many faults it had.

    `whole_after`: how many seconds after the last of them all was well; what that waited for last was `lack`.
    """

    fault: str
    began: float
    ended: float
    faults: int
    whole_after: float
    lack: str


def play(fault: Fault, ground: Ground, chance: random.Random) -> Iterator[Round]:
    """Play the rounds of one fault, each from a random moment on; raises NeverHappened where it is not mended."""
    for _ in range(fault.rounds):
        time.sleep(chance.uniform(0, 1.5))
        began = time.time()
        faults = fault.act(ground, chance)
        whole_after, lack = ground.await_whole(what=fault.name)
        yield Round(fault.name, began, time.time(), faults, whole_after, lack)
