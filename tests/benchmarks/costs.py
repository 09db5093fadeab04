"""What bets cost: wall time, the processor time of this process, and that of the server, which is read from /proc."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from statistics import median
from threading import Event, Lock
from typing import Final
from uuid import UUID

import psycopg

from fairpool.garbage import collect_rarely
from ledger.aggregate import LedgerError
from ledger.betting import place_bet
from ledger.book import Decision
from ledger.facts import Fact
from ledger.ledger import Ledger
from tests.benchmarks.filled_log import FilledLog

IN_FLIGHT: Final = 256


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds a bet. Processor times may come to more than the wall's, as two processes work side by side."""

    wall: float
    process: float
    server: float


class Server:
    """The processes of a PostgreSQL server on this machine."""

    def __init__(self, dsn: str) -> None:
        with closing(psycopg.connect(dsn)) as connection:
            self._postmaster = _parent(connection.info.backend_pid)

    def cpu_seconds(self) -> float:
        """Return what its processes that live have used; of one that ended nothing is left."""
        processes = Path(f"/proc/{self._postmaster}/task/{self._postmaster}/children").read_text().split()
        return sum(cpu_seconds(process) for process in processes)


def place_bets(ledger: Ledger, log: FilledLog, entries: Iterable[UUID], *, key: str) -> int:
    """Let each of `entries` bet one credit, with 256 bets under way at a time; return how many bets are in the log.

    Where an entry comes again, its bets differ by their keys, which begin with `key`.
    """
    callers = _Callers(ledger, log, entries, key)
    return callers.play()


class _Callers:
    """Callers in a closed loop: each places its next bet when it has the answer to its last."""

    def __init__(self, ledger: Ledger, log: FilledLog, entries: Iterable[UUID], key: str) -> None:
        self._ledger = ledger
        self._log = log
        self._entries = enumerate(entries)
        self._key = key
        self._answered = 0
        self._flying = IN_FLIGHT
        self._failed: BaseException | None = None
        self._lock = Lock()
        self._landed = Event()

    def play(self) -> int:
        for _ in range(IN_FLIGHT):
            self._ask()
        self._landed.wait()
        if self._failed is not None:
            raise self._failed
        return self._answered

    def _ask(self) -> None:
        number, entry = next(self._entries, (0, None))
        if entry is None or self._failed is not None:
            self._leave()
            return
        offer = self._log.offers[number % len(self._log.offers)]
        try:
            bet = place_bet(
                self._ledger,
                week=self._log.week,
                entry=entry,
                market_id=offer.market_id,
                odds_id=offer.odds_id,
                outcome=offer.outcome,
                stake=1,
                key=f"{self._key}-{number}",
            )
        except LedgerError as error:
            self._failed = error
            self._leave()
        else:
            bet.add_done_callback(self._hear)

    def _leave(self) -> None:
        with self._lock:
            self._flying -= 1
            if not self._flying:
                self._landed.set()

    def _hear(self, answer: Future[Fact]) -> None:
        # Futures call back in the desk's thread: no other has to wake for a caller's next bet.
        self._failed = self._failed or answer.exception()
        self._answered += 1
        self._ask()


def cost_of_bets(ledger: Ledger, log: FilledLog, entries: Iterable[UUID], *, server: Server, key: str) -> Cost:
    """Place bets, and return what one cost."""
    wall, process, used = time.perf_counter(), time.process_time(), server.cpu_seconds()
    placed = place_bets(ledger, log, entries, key=key)
    return Cost(
        wall=1e6 * (time.perf_counter() - wall) / placed,
        process=1e6 * (time.process_time() - process) / placed,
        server=1e6 * (server.cpu_seconds() - used) / placed,
    )


def warm_up(ledger: Ledger, log: FilledLog, entries: Sequence[UUID]) -> None:
    """Have accounts in the desk's book, as if their players had bet before; collect garbage as a service does."""
    for start in range(0, len(entries), 1_000):
        some = partial(Decision.accounts, entries=entries[start : start + 1_000])
        ledger.desk(log.week).ask(some, actor="bench", request="warm up").result()
    collect_rarely()


def median_cost(costs: Sequence[Cost]) -> Cost:
    """Return the medians of costs, each by itself."""
    return Cost(*(median(getattr(cost, field.name) for cost in costs) for field in fields(Cost)))


def cpu_seconds(process: int | str) -> float:
    """Return the processor time that a process here has used, to the microsecond; 0 where it has ended."""
    try:
        nanoseconds = Path(f"/proc/{process}/schedstat").read_text().split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(nanoseconds) / 1e9


def _parent(process: int) -> int:
    # The second field is the program's name in brackets, which may hold spaces.
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
