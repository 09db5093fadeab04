"""The composition root: from settings to a running service, and back to nothing when it stops."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from fairpool.beacons import beacon
from fairpool.clocks import clock_of, system_clock
from fairpool.log_keys import notary
from fairpool.money import money
from fairpool.schema import all_migrations
from fairpool.secrets_file import seed_master
from fairpool.settings import Settings
from feeds.deadlines import Deadlines
from feeds.inbox import Inbox
from feeds.ingest import Ingest
from feeds.notary import Notary
from feeds.payments.money import Money
from feeds.settler import Settler
from feeds.silence import Silence
from feeds.watch import Watch
from ledger.ledger import Ledger
from ledger.mendable import Mendable
from ledger.migrate import migrate
from ledger.seeds import SeedChain
from projections.bets import Bets
from projections.builder import Builder
from projections.catalogue import datastore_of, projections
from projections.runner import Runner

_log = logging.getLogger(__name__)
THREAD_STOP_SECONDS: Final = 12


class Died(Mendable):
    """A part that the service cannot do without has ended: the whole process stops, and is started again."""


@dataclass(slots=True)
class Core:
    """The parts of a service that need no network: the ledger and all that reacts to it."""

    settings: Settings
    clock: Callable[[], datetime]
    ledger: Ledger
    projections: Runner
    builder: Builder
    inbox: Inbox
    ingest: Ingest
    settler: Settler
    deadlines: Deadlines
    silence: Silence
    watch: Watch
    notary: Notary
    money: Money
    stop: threading.Event = field(default_factory=threading.Event)
    died: list[BaseException] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start_clock(self) -> None:
        """Run what time alone brings about: what falls due, sources that fall silent, games of which nobody speaks."""
        self.start("clock", self.deadlines.run)
        self.start("silence", self.silence.run)
        self.start("watch", self.watch.run)

    def start_projections(self) -> None:
        """Run the projections, and make the generations of them that are asked for."""
        self.start("projections", self.projections.run)
        self.start("builder", self.builder.run)

    def start(self, name: str, run: Callable[[threading.Event], object]) -> None:
        """Run a part in a thread until the service stops; if it ends before, the service ends with it."""

        def guarded() -> None:
            try:
                run(self.stop)
            except BaseException as error:
                self.die(error)

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def die(self, error: BaseException) -> None:
        """Stop everything because of an error that no part can mend."""
        _log.critical("the service stops: %s: %s", type(error).__name__, error, exc_info=error)
        self.died.append(error)
        self.stop.set()

    def join(self) -> None:
        """Stop the threads and wait for them."""
        self.stop.set()
        until = time.monotonic() + THREAD_STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))


@contextmanager
def core(
    settings: Settings,
    dsn: str,
    *,
    clock: Callable[[], datetime] | None = None,
    new_id: Callable[[], UUID] = uuid4,
    master: bytes | None = None,
) -> Iterator[Core]:
    """Migrate the database and build the ledger and its reactions on it; close all of it afterwards.

    Without a `clock` it is that of the data directory, or the system's where the servers are configured.
    """
    ran = migrate(dsn, all_migrations())
    if ran:
        _log.info("migrated: %s", ", ".join(ran))
    every = projections()
    # The clocks of two machines may differ; a server of our own has ours.
    is_elsewhere = clock is None and settings.database_url is not None
    datastore = datastore_of(
        dsn, every, clock_tolerance_seconds=settings.clock_tolerance_seconds if is_elsewhere else 0
    )
    if clock is None:
        clock = system_clock if is_elsewhere else clock_of(settings.data, datastore)
    deaths: list[Callable[[BaseException], None]] = []
    ledger = Ledger(
        datastore,
        clock=clock,
        new_id=new_id,
        seeds=SeedChain(master or seed_master(settings)),
        on_death=lambda error: deaths[0](error),
        beacon=beacon(settings),
    )
    runner = Runner(datastore, every)
    inbox = Inbox(datastore)
    ingest = Ingest(
        ledger, inbox, clock=clock, primary=settings.primary_sources, confirming=settings.confirming_sources
    )
    built = Core(
        settings=settings,
        clock=clock,
        ledger=ledger,
        projections=runner,
        builder=Builder(datastore, every, dsn=dsn, clock=clock),
        inbox=inbox,
        ingest=ingest,
        settler=Settler(ledger, bets=Bets(datastore), projections=runner),
        deadlines=Deadlines(ledger, opens_weeks=settings.opens_weeks),
        silence=Silence(ledger, seconds=settings.feed_silence_seconds),
        watch=Watch(ledger, inbox, vanished_after=timedelta(hours=settings.feed_vanished_hours)),
        notary=notary(settings, ledger),
        money=money(settings, ledger, runner, clock=clock, monotonic=time.monotonic),
    )
    deaths.append(built.die)
    try:
        yield built
    finally:
        built.join()
        ledger.close()


@asynccontextmanager
async def payments(built: Core, *, works: bool) -> AsyncIterator[None]:
    """Talk to the provider, if there is one, for as long as the block runs; who `works` follows up payments as well."""
    worker = built.money.worker
    try:
        if works and worker is not None:
            async with running(built, "payments", worker.run()):
                yield
        else:
            yield
    finally:
        await built.money.close()


@asynccontextmanager
async def running(built: Core, name: str, work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a part beside the block; if it ends before, the service ends with it."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(lambda done: None if done.cancelled() else built.die(_why(done)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _why(task: asyncio.Task[None]) -> BaseException:
    return task.exception() or Died(f"{task.get_name()} ended")
