"""The steps of a desk that places bets, done by hand one after another, so that each is timed by itself.

Beside each stands its limit: the least that anybody would have to do there, done on the same bets right behind it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from itertools import count
from statistics import median
from typing import Any, Final, TypeVar, cast

import msgspec
import psycopg
from psycopg import Connection, sql

from ledger.account import Account
from ledger.aggregate import Context
from ledger.betting import place_bet
from ledger.book import Book, Decision
from ledger.datastore import SERVICE_ROLE, cursor_on
from ledger.deciding import Asked, Decided, assemble, decide, judge
from ledger.facts import Fact, canonical
from ledger.ledger import Ledger
from tests.benchmarks.costs import cpu_seconds
from tests.benchmarks.figures import Ground
from tests.benchmarks.filled_log import FilledLog
from tests.benchmarks.machine import sync_times

T = TypeVar("T")

BATCHES: Final = (1, 16, 64, 256)
# In a round, of each size.
BETS: Final = 2_048
BATCHES_MAX: Final = 64

DECIDE: Final = "decide it by the rules (our CPU)"
GROUP: Final = "group it with what it rests on (our CPU)"
ENCODE: Final = "encode its event (our CPU)"
SEND: Final = "parameters, wire, answer (our CPU)"
TELL: Final = "read the verdict, answer (our CPU)"
APPEND: Final = "append it in PostgreSQL (its CPU)"
COMMIT: Final = "write and sync the log of PostgreSQL (waiting for the disk)"
IN_ALL: Final = "in all, one step after another (wall)"
EMPTY: Final = "for comparison, an empty round trip: `SELECT 1` (wall)"
BUILD_ALONE: Final = "build the event and its envelope"
ENCODE_ALONE: Final = "msgspec, the same struct as it stands"
SEND_ALONE: Final = "send the same rows by binary COPY"
COPY_ALONE: Final = "take the same rows by binary COPY, into the same indexes"
SYNC_ALONE: Final = "write 8 kB and fdatasync"
COPY_IN_ALL: Final = "binary COPY of the same rows, committed"
LIMITS: Final[Mapping[str, str]] = {
    DECIDE: BUILD_ALONE,
    GROUP: "",
    ENCODE: ENCODE_ALONE,
    SEND: SEND_ALONE,
    APPEND: COPY_ALONE,
    COMMIT: SYNC_ALONE,
    TELL: "",
    IN_ALL: COPY_IN_ALL,
    EMPTY: "",
}
"""The steps, and the limit of each where it has one of its own."""

_COLUMNS: Final = (
    "originator_id, originator_version, topic, state, notification_id, log, schema, recorded_at, actor, request, cause"
)
_TYPES: Final = ("uuid", "int8", "text", "bytea", "int8", "text", "int2", "timestamptz", "text", "text", "text")


class Steps:
    """Places bets by hand, in batches of each size, and keeps what every step and every limit cost a bet, in µs."""

    def __init__(self, ground: Ground, ledger: Ledger, log: FilledLog) -> None:
        self._ground, self._ledger, self._log = ground, ledger, log
        self._recorder = ledger.recorder(log.week)
        self._book = Book(self._recorder)
        self._book.load()
        self._book.fetch(Account, log.entries)
        self._costs: dict[tuple[str, int], list[float]] = defaultdict(list)
        self._numbers = count()
        self._bare = msgspec.json.Encoder(enc_hook=str)
        with ExitStack() as opening:
            self._on = opening.enter_context(ledger.datastore.connection())
            self._on.execute(f"SET ROLE NONE; SET track_wal_io_timing = on; SET ROLE {SERVICE_ROLE}")
            self._beside = opening.enter_context(psycopg.connect(ground.postgres.dsn, autocommit=True))
            self._make_table()
            self._opened = opening.pop_all()

    def close(self) -> None:
        """Give the connections back."""
        self._opened.close()

    def measure(self) -> None:
        """Place bets in batches of each size."""
        self._ground.tell("bets by hand")
        for size in BATCHES:
            batches = min(BATCHES_MAX, BETS // size)
            waited = self._waited_for_disk()
            for _ in range(batches):
                self._batch(size)
            self._note(COMMIT, size, (self._waited_for_disk() - waited) / batches)
            self._note(SYNC_ALONE, size, 1e6 * median(sync_times(self._ground.folder, writes=BATCHES_MAX)))
            for _ in range(BATCHES_MAX):
                began = time.perf_counter()
                self._on.execute("SELECT 1").fetchall()
                self._note(EMPTY, size, 1e6 * (time.perf_counter() - began))

    def costs(self, step: str) -> tuple[float, ...]:
        """Return what a bet cost in a step, for each size of the batch."""
        return tuple(median(self._costs[step, size]) for size in BATCHES)

    def ours(self) -> float:
        """Return what a bet of the largest batches cost in our process."""
        return sum(self.costs(step)[-1] for step in (DECIDE, GROUP, ENCODE, SEND, TELL))

    def server(self) -> float:
        """Return what a bet of the largest batches cost in PostgreSQL's."""
        return self.costs(APPEND)[-1]

    def wall(self) -> float:
        """Return how long a bet of the largest batches took."""
        return self.costs(IN_ALL)[-1]

    def _batch(self, size: int) -> None:
        asked = self._asked(size)
        now = max(self._ledger.clock(), self._book.recorded_at or self._log.until)
        began = time.perf_counter()
        decided = self._timed(DECIDE, size, lambda: decide(self._book, asked, now=now))
        batch = self._timed(GROUP, size, lambda: assemble(decided, known=self._book.known, now=now))
        wall = time.perf_counter() - began
        facts = [fact for _, fact in batch.facts]
        assert len(facts) == size
        encoded = self._timed(ENCODE, size, lambda: [canonical(fact.event) for fact in facts])
        with self._served(self._on, APPEND, size):
            began = time.perf_counter()
            appended = self._timed(SEND, size, lambda: self._recorder.append(batch, on=self._on))
            wall += time.perf_counter() - began
        # The append has encoded the events once more, which is not part of this step.
        self._costs[SEND, size][-1] -= self._costs[ENCODE, size][-1]
        began = time.perf_counter()
        judged = self._timed(TELL, size, lambda: _tell(decided, judge(decided, appended, known=self._book.known)))
        self._book.known, self._book.recorded_at = appended.base + judged.written, appended.recorded_at
        self._note(IN_ALL, size, 1e6 * (wall + time.perf_counter() - began))
        self._limits(facts, encoded, size)

    def _limits(self, facts: Sequence[Fact], encoded: Sequence[bytes], size: int) -> None:
        """Do with the same bets what nobody could do without."""
        fields = [msgspec.structs.asdict(fact.event) for fact in facts]
        self._timed(BUILD_ALONE, size, lambda: [_built(fact, own) for fact, own in zip(facts, fields, strict=True)])
        self._timed(ENCODE_ALONE, size, lambda: [self._bare.encode(fact.event) for fact in facts])
        rows = [_row(fact, state) for fact, state in zip(facts, encoded, strict=True)]
        with self._served(self._beside, COPY_ALONE, size):
            began = time.perf_counter()
            self._timed(SEND_ALONE, size, lambda: self._copy(rows))
            self._note(COPY_IN_ALL, size, 1e6 * (time.perf_counter() - began))

    def _asked(self, size: int) -> list[Asked[Any]]:
        """Return what as many players ask for at the same time."""
        asking = _Asking()
        for _ in range(size):
            number = next(self._numbers)
            offer = self._log.offers[number % len(self._log.offers)]
            place_bet(
                cast(Ledger, asking),
                week=self._log.week,
                entry=self._log.entries[number % len(self._log.entries)],
                market_id=offer.market_id,
                odds_id=offer.odds_id,
                outcome=offer.outcome,
                stake=1,
                key=f"by-hand-{number}",
            )
        return asking.asked

    def _note(self, step: str, size: int, microseconds: float) -> None:
        self._costs[step, size].append(microseconds / size)

    def _timed(self, step: str, size: int, call: Callable[[], T]) -> T:
        """Note what a call takes of this thread's processor time."""
        began = time.thread_time_ns()
        result = call()
        self._note(step, size, (time.thread_time_ns() - began) / 1e3)
        return result

    @contextmanager
    def _served(self, connection: Connection[Any], step: str, size: int) -> Iterator[None]:
        """Note what the block takes of a connection's processor time on the server."""
        began = cpu_seconds(connection.info.backend_pid)
        yield
        self._note(step, size, 1e6 * (cpu_seconds(connection.info.backend_pid) - began))

    def _waited_for_disk(self) -> float:
        """Return for how many µs the connection has written and synced PostgreSQL's log."""
        self._on.execute("SELECT pg_stat_force_next_flush()")
        [(milliseconds,)] = cursor_on(self._on).execute(
            "SELECT sum(write_time + fsync_time) FROM pg_stat_get_backend_io(pg_backend_pid()) WHERE object = 'wal'"
        )
        return 1_000 * float(milliseconds or 0)

    def _make_table(self) -> None:
        """Make a table with the indexes of the log's, and with its rows, as an index that is full costs more."""
        log = sql.Identifier("events_" + self._log.week.lower().replace("-", "_"))
        self._beside.execute(sql.SQL("CREATE TABLE bare (LIKE {} INCLUDING INDEXES)").format(log))
        self._beside.execute(sql.SQL("INSERT INTO bare SELECT * FROM {}").format(log))

    def _copy(self, rows: Sequence[tuple[Any, ...]]) -> None:
        with self._beside.cursor().copy(f"COPY bare ({_COLUMNS}) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(_TYPES)
            for row in rows:
                copy.write_row(row)


class _Asking:
    """Stands where a ledger and its desk stand, and keeps what is asked for."""

    def __init__(self) -> None:
        self.asked: list[Asked[Any]] = []

    def desk(self, log: str) -> _Asking:
        self._log = log
        return self

    def ask(self, decide: Callable[[Decision], Any], *, actor: str, request: str, account: Any) -> Future[Any]:
        context = Context(log=self._log, actor=actor, request=request)
        self.asked.append(Asked(decide, context, Future(), alone=False, account=account))
        return self.asked[-1].future


def _tell(decided: Sequence[Decided], judged: T) -> T:
    for one in decided:
        one.tell()
    return judged


def _built(fact: Fact, fields: Mapping[str, Any]) -> Fact:
    return Fact(
        log=fact.log,
        stream=fact.stream,
        version=fact.version,
        event=type(fact.event)(**fields),
        actor=fact.actor,
        request=fact.request,
    )


def _row(fact: Fact, state: bytes) -> tuple[Any, ...]:
    at = fact.at.astimezone()
    envelope = (fact.position, fact.log, fact.event.SCHEMA, at, fact.actor, fact.request, fact.cause)
    return (fact.stream, fact.version, fact.event.TOPIC, state, *envelope)
