"""A process of the service on the simulated store: real desks and real use cases; nothing is kept over its death."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from ledger.answer import Answer
from ledger.book import Book
from ledger.datastore import Datastore
from ledger.desk import Desk
from ledger.entries import Entries, Entry
from ledger.ids import OFFICE
from ledger.ledger import Ledger
from ledger.recorder import LogRecorder
from ledger.seeds import SeedChain
from tests.simulation.chaos import Chaos, Rates
from tests.simulation.inbox import FeedTables
from tests.simulation.scheduler import Scheduler, Signal
from tests.simulation.store import MemoryRecorder, Storage
from tests.simulation.tables import Tables

T = TypeVar("T")
_MASTER: Final = bytes(range(32))
EVENTS_KEPT: Final = 5


class World:
    """What outlives the processes: time, the store, the tables beside it, and what was ever thrown."""

    def __init__(self, scheduler: Scheduler, rates: Rates) -> None:
        self.scheduler = scheduler
        self.rates = rates
        self.storage = Storage(scheduler)
        self.storage.open(OFFICE)
        self.tables = Tables(scheduler)
        self.feed = FeedTables(Signal(scheduler))


class Process:
    """One process: its name, its clock, which may be wrong, and its ledger."""

    def __init__(self, world: World, name: str, *, ahead: timedelta = timedelta()) -> None:
        self.world = world
        self.name = name
        self.is_dead = False
        self.death = Signal(world.scheduler)
        self.duties: Sequence[Callable[[Process], None]] = ()
        self.chaos = Chaos(world.scheduler, world.rates)
        self.ahead = ahead
        self.ledger = MemoryLedger(self)

    def clock(self) -> datetime:
        """Return the time as this process has it."""
        return self.world.scheduler.clock() + self.ahead

    def new_id(self) -> UUID:
        """Return an id that nobody else has."""
        return UUID(int=self.world.scheduler.random.getrandbits(128), version=4)

    def start(self, name: str, run: Callable[[], None]) -> None:
        """Start a thread."""
        self.world.scheduler.start(self.name, name, run)

    def die(self) -> None:
        """Be killed."""
        self.is_dead = True
        self.world.scheduler.kill(self.name)
        self.death.notify()


class MemoryLedger(Ledger):
    """The ledger of a process."""

    def __init__(self, process: Process) -> None:
        super().__init__(
            cast(Datastore, Nowhere()),
            clock=process.clock,
            new_id=process.new_id,
            seeds=SeedChain(_MASTER, length=8),
            on_death=lambda _: None,
        )
        self._process = process
        self._storage = process.world.storage
        self.entries = MemoryEntries(process.world.storage, process.chaos)

    def desk(self, log: str) -> Desk:
        """Return the desk of a log."""
        desk = self._desks.get(log)
        if desk is None:
            desk = self._desks[log] = SteppedDesk(self.recorder(log), self._process)
        return desk

    def recorder(self, log: str) -> LogRecorder:
        """Return the recorder of a log."""
        return MemoryRecorder(self._storage, log, self._process.chaos)

    def weeks(self) -> list[str]:
        """Return the weeks that were opened."""
        self._process.chaos.step()
        return sorted(name for name, log in self._storage.logs.items() if name != OFFICE and log.records)


class MemoryEntries(Entries):
    """The links from players to entries."""

    def __init__(self, storage: Storage, chaos: Chaos) -> None:
        self._storage = storage
        self._chaos = chaos

    def _entries(self, query: str, *parameters: object) -> list[Entry]:
        self._chaos.step()
        rows = [Entry(row["player_id"], row["week"], row["entry"]) for row in self._storage.rows["entries"]]
        return [row for row in rows if tuple(row)[: len(parameters)] == parameters]


class SteppedDesk(Desk):
    """A desk whose thread is one of the simulation's."""

    def __init__(self, recorder: LogRecorder, process: Process) -> None:
        super().__init__(recorder, clock=process.clock, on_death=lambda _: None)
        # So few that accounts forget their bets all the time.
        self.book = Book(recorder, events_kept=EVENTS_KEPT)
        self._process = process
        self._scheduler = process.world.scheduler
        self._wake = Signal(self._scheduler)  # type: ignore[assignment]

    def _start(self, thread: threading.Thread) -> None:
        self._process.start(thread.name, self.run)

    def _new_answer(self) -> Answer[Any]:
        return SteppedAnswer(self._lock, self._scheduler)

    def _doze(self) -> None:
        self._lock.release()
        try:
            self._scheduler.wait(lambda: bool(self._queue) or self._closing, self._wake)  # type: ignore[arg-type]
        finally:
            self._lock.acquire()

    def _rest(self, seconds: float) -> None:
        self._scheduler.sleep(seconds)


class SteppedAnswer(Answer[T]):
    """An answer that others take steps before."""

    def __init__(self, lock: threading.Lock, scheduler: Scheduler) -> None:
        super().__init__(lock)
        self._scheduler = scheduler

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the answer."""
        if not self._is_given:
            given = Signal(self._scheduler)
            self.add_done_callback(lambda _: given.notify())
            if not self._scheduler.wait(self.done, given, seconds=timeout):
                raise TimeoutError
        return self._refusal


class Nowhere:
    """Stands for the tables of what is no part of the ledger: of flags, and of when sources were heard."""

    description: None = None

    @contextmanager
    def connection(self) -> Iterator[Nowhere]:
        """Lend this."""
        yield self

    def cursor(self, **_: Any) -> Nowhere:
        """Return this."""
        return self

    def execute(self, *_: Any) -> Nowhere:
        """Do nothing."""
        return self

    def fetchall(self) -> list[Any]:
        """Return no rows."""
        return []
