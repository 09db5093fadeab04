"""What can go wrong at a step of a process, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import psycopg

from tests.simulation.scheduler import Scheduler, Signal


@dataclass(frozen=True, slots=True)
class Rates:
    """How likely it is, each time, that something goes wrong.

    `outages`: at a read, that the connection breaks. `lost_commits`: that it
    breaks before a commit, `lost_answers`: behind one. `redeliveries`: that a message which was taken comes again.
    """

    outages: float = 0.0
    lost_commits: float = 0.0
    lost_answers: float = 0.0
    delays: float = 0.0
    redeliveries: float = 0.0


DELAY_SECONDS: Final = 20.0


class Chaos:
    """Makes the steps of one process, and lets them go wrong."""

    def __init__(self, scheduler: Scheduler, rates: Rates) -> None:
        self._scheduler = scheduler
        self._rates = rates

    def step(self) -> None:
        """Read something."""
        self._scheduler.pause()
        self._break(self._rates.outages, "the connection is lost")

    def before_commit(self) -> None:
        """Be about to append; at times it takes a while until the database does."""
        if self._scheduler.random.random() < self._rates.delays:
            self._scheduler.sleep(self._scheduler.random.random() * DELAY_SECONDS)
        self._scheduler.pause()
        self._break(self._rates.lost_commits, "the connection is lost before the commit")

    def after_commit(self) -> None:
        """Have appended, and not heard of it yet."""
        self._scheduler.pause()
        self._break(self._rates.lost_answers, "the connection is lost behind the commit")

    def wait(self, until: Callable[[], bool], on: Signal) -> None:
        """Wait for a lock, until it is let go of."""
        self._scheduler.wait(until, on)

    def is_heads(self) -> bool:
        """Toss a coin."""
        return self._scheduler.random.random() < 0.5

    def _break(self, likelihood: float, error: str) -> None:
        if likelihood and self._scheduler.random.random() < likelihood:
            raise psycopg.OperationalError(error)
