"""What runs in a process: the loops of the service's roles, each step of which may be its last."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from feeds.deadlines import Deadlines
from feeds.ingest import OUTAGES, Ingest
from feeds.settler import ProjectionBehind, Settler
from ledger.aggregate import LedgerError
from projections.catalogue import projections
from tests.simulation.bus import Bus
from tests.simulation.inbox import MemoryInbox
from tests.simulation.service import Process
from tests.simulation.tables import MemoryBets, MemoryRunner, Projector

BETS_A_CHUNK_MAX: Final = 3
PAGE: Final = 7
_AWAY_SECONDS: Final = 1.0
_GATHER_SECONDS: Final = 10_000.0
_LATE_SECONDS: Final = 30.0
_GATHERS: Final = 0.7


def settle(process: Process) -> None:
    """Settle what comes."""
    settler = Settler(
        process.ledger,
        bets=MemoryBets(process.world.tables, process.chaos),
        projections=MemoryRunner(process.world.tables, process.chaos),
        bets_a_chunk=process.world.scheduler.random.randint(1, BETS_A_CHUNK_MAX),
    )
    _forever(process, settler.step)


def project(process: Process) -> None:
    """Keep the projections up."""
    projector = Projector(process.world.tables, process.chaos, projections(), page=PAGE)

    def step() -> int:
        return sum(projector.step(process.ledger.recorder(log)) for log in process.ledger.weeks())

    _forever(process, step)


def keep_time(process: Process) -> None:
    """Do what is due."""
    deadlines = Deadlines(process.ledger)

    def idle() -> float | None:
        next_at = deadlines.next_at()
        return None if next_at is None else max(1.0, (next_at - process.clock()).total_seconds())

    _forever(process, deadlines.tick, idle=idle)


def take_feed(process: Process, bus: Bus) -> None:
    """Take what the feed says."""
    inbox = MemoryInbox(process.world.feed, process.chaos)
    ingest = Ingest(process.ledger, inbox, clock=process.clock)
    scheduler = process.world.scheduler
    while True:
        scheduler.wait(bus.has_news, bus.news)
        number, body = bus.deliver()
        try:
            ingest.take(body, subject="sports.simulated")
            ingest.take_waiting()
            process.chaos.step()
        except OUTAGES:
            scheduler.sleep(_AWAY_SECONDS)
        else:
            bus.acknowledge(number)


def _forever(process: Process, step: Callable[[], int], *, idle: Callable[[], float | None] = lambda: None) -> None:
    """Step again and again; with nothing to do, wait until something happens anywhere, or as long as one may idle.

    Mostly news gather for a while before they are looked at: who is always awake meets nothing but single events.
    """
    storage, scheduler = process.world.storage, process.world.scheduler
    while True:
        seen = storage.size
        try:
            if step():
                continue
            seconds = idle()
            ends = inf if seconds is None else scheduler.now + seconds
            is_news = scheduler.wait(lambda seen=seen: storage.size > seen, storage.news, seconds=seconds)  # type: ignore[misc]
            if scheduler.random.random() < _GATHERS:
                longest = min(_GATHER_SECONDS, ends - scheduler.now) if is_news else _LATE_SECONDS
                scheduler.sleep(scheduler.random.random() * longest)
        except (LedgerError, ProjectionBehind, *OUTAGES):
            scheduler.sleep(_AWAY_SECONDS)
