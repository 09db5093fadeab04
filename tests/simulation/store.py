"""The store in memory: what PostgreSQL promises of it, and all that it does not promise.

Between two steps of a process any other may append. A commit may be lost, or stand while its answer is lost; who held
the head and died lets go of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection

from ledger.facts import Fact, Record, canonical
from ledger.instants import Instant
from ledger.recorder import END, PAGE, Appended, Batch, Head, LogNotOpen, LogRecorder, Row
from tests.simulation.chaos import Chaos
from tests.simulation.scheduler import Scheduler, Signal

UNIQUE: Final[Mapping[str, Sequence[Sequence[str]]]] = {
    "entries": (("player_id", "week"), ("entry",)),
    "webhooks": (("event",),),
    "checkouts": (("payment_id",),),
}
"""The unique keys of the tables that commands write rows of."""
_EPOCH: Final = Instant.of(datetime(1970, 1, 1, tzinfo=UTC))


@dataclass
class Log:
    """One log: its records, position 1 first, and those of each stream."""

    records: list[Record] = field(default_factory=list)
    streams: dict[UUID, list[Record]] = field(default_factory=lambda: defaultdict(list))
    recorded_at: Instant = _EPOCH
    held_by: object | None = None


class Storage:
    """What outlives every process: the logs, with so many events in all, and the rows beside them.

    `news` tells of each append, `let_go` that a head is held no more.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.logs: dict[str, Log] = {}
        self.size = 0
        self.rows: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self.news = Signal(scheduler)
        self.let_go = Signal(scheduler)

    def open(self, log: str) -> None:
        """Have a log, if there is none."""
        self.logs.setdefault(log, Log())

    def has(self, row: Row, *, beside: Sequence[Row]) -> bool:
        """Say whether a row's place is taken, by one that stands or one of some that come before it."""
        coming = [each.values for each in beside if each.table == row.table]
        return any(
            all(there[column] == row.values[column] for column in key)
            for there in (*self.rows[row.table], *coming)
            for key in UNIQUE[row.table]
        )


class MemoryRecorder(LogRecorder):
    """A process's way to a log; every access is a step, at which anything may go wrong."""

    def __init__(self, storage: Storage, log: str, chaos: Chaos) -> None:
        self.log = log
        self.store = SimpleNamespace(drop_dead_connections=lambda: None)  # type: ignore[assignment]
        self._storage = storage
        self.chaos = chaos

    def create_table(self) -> None:
        """Open the log."""
        self.chaos.step()
        self._storage.open(self.log)

    def append(
        self, batch: Batch, *, on: Connection[Any] | None = None, meanwhile: Callable[[], None] | None = None
    ) -> Appended:
        """Append what of the batch is still true, as the function `append` of 0001_events.sql does."""
        log = self._opened()
        # What goes on meanwhile may be over before the database has looked at the batch.
        is_early = self.chaos.is_heads()
        if meanwhile is not None and is_early:
            meanwhile()
        self.chaos.before_commit()
        if on is None:
            self.chaos.wait(lambda: log.held_by is None, self._storage.let_go)
        appended, recorded = judge(log, self._storage, batch, self.log)
        self.commit(log, batch, appended, recorded)
        if meanwhile is not None and not is_early:
            meanwhile()
        self.chaos.after_commit()
        stamped = iter(recorded)
        for group, fact in batch.facts:
            if group not in appended.left_out:
                record = next(stamped)
                fact.position, fact.recorded_at = record.position, record.recorded_at
        return appended

    def commit(self, log: Log, batch: Batch, appended: Appended, recorded: Sequence[Record]) -> None:
        """Write what was judged."""
        for group, row in batch.rows:
            if group not in appended.left_out:
                self._storage.rows[row.table].append(row.values)
        self._storage.size += len(recorded)
        for record in recorded:
            log.records.append(record)
            log.streams[record.stream].append(record)
            log.recorded_at = record.recorded_at
        if recorded:
            self._storage.news.notify()

    @contextmanager
    def held(self) -> Iterator[Connection[Any]]:
        """Hold the head."""
        log, holder = self._opened(), object()
        self.chaos.wait(lambda: log.held_by is None, self._storage.let_go)
        log.held_by = holder
        try:
            yield holder  # type: ignore[misc]
        finally:
            if log.held_by is holder:
                log.held_by = None
                self._storage.let_go.notify()

    def confirm(self) -> None:
        """Write a mark; what is committed here is never lost."""
        self.chaos.step()

    def head(self) -> Head:
        """Return where the log ends."""
        log = self._opened()
        return Head(len(log.records), log.recorded_at if log.records else None)

    def read(self, *, after: int = 0, until: int = END, limit: int = PAGE) -> list[Record]:
        """Return records in order."""
        return self._opened().records[after : min(until, after + limit)]

    def read_topics(self, *topics: str, after: int = 0) -> list[Record]:
        """Return the records of some topics."""
        return [record for record in self._opened().records[after:] if record.topic in topics]

    def read_streams(self, streams: Sequence[UUID]) -> list[Record]:
        """Return the records of some streams."""
        log = self._opened()
        return [record for stream in streams for record in log.streams.get(stream, ())]

    def read_positions(self, positions: Sequence[int]) -> list[Record]:
        """Return the records at some positions."""
        records = self._opened().records
        return [records[position - 1] for position in positions if 0 < position <= len(records)]

    def count_open_stakes(self) -> int:
        """Return how many stakes are not resolved."""
        topics = [record.topic for record in self._opened().records]
        resolved = ("account.bet_won", "account.bet_lost", "account.stake_returned")
        return topics.count("account.stake_placed") - sum(map(topics.count, resolved))

    def _opened(self) -> Log:
        self.chaos.step()
        log = self._storage.logs.get(self.log)
        if log is None:
            raise LogNotOpen(f"log {self.log} is not open: open its week first")
        return log


def judge(log: Log, storage: Storage, batch: Batch, name: str) -> tuple[Appended, list[Record]]:
    """Say which groups are left out, and make the records of the others."""
    base = len(log.records)
    if base < batch.known:
        raise psycopg.errors.DataException(f"log {name} ends at {base}, the caller has seen {batch.known}")
    now = max(log.recorded_at, Instant.of(batch.now))
    moved = {record.stream for record in log.records[batch.known :]}
    left_out = {group for group, stream in batch.behind if stream in moved}
    left_out |= {group for group, before in batch.before if before <= now}
    rows_refused: set[int] = set()
    rows: list[Row] = []
    for number, (group, row) in enumerate(batch.rows, start=1):
        if group in left_out:
            continue
        if storage.has(row, beside=rows):
            rows_refused.add(number)
            left_out.add(group)
        else:
            rows.append(row)
    facts = [fact for group, fact in batch.facts if group not in left_out]
    _require_continuity(log, facts, name)
    recorded = [_record(fact, base + number, now) for number, fact in enumerate(facts, start=1)]
    return Appended(base, now, frozenset(left_out), frozenset(rows_refused)), recorded


def _require_continuity(log: Log, facts: Sequence[Fact], name: str) -> None:
    versions: dict[UUID, list[int]] = defaultdict(list)
    for fact in facts:
        versions[fact.stream].append(fact.version)
    ends = {stream: len(log.streams.get(stream, ())) for stream in versions}
    for stream, coming in versions.items():
        if min(coming) > ends[stream] + 1:
            raise psycopg.errors.DataException(f"log {name}: stream {stream} does not continue what is stored")
    for stream, coming in versions.items():
        if min(coming) <= ends[stream] or len(set(coming)) < len(coming):
            raise psycopg.errors.UniqueViolation(f"log {name}: stream {stream} has a version of {coming}")


def _record(fact: Fact, position: int, recorded_at: Instant) -> Record:
    return Record(
        log=fact.log,
        position=position,
        stream=fact.stream,
        version=fact.version,
        topic=fact.event.TOPIC,
        schema=fact.event.SCHEMA,
        state=canonical(fact.event),
        recorded_at=recorded_at,
        actor=fact.actor,
        request=fact.request,
        cause=fact.cause,
    )
