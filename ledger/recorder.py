"""The event store: the `eventsourcing` library's recorder, one a log, with our append beside its selects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder
from psycopg import Connection
from psycopg.abc import PQGen
from psycopg.rows import TupleRow, tuple_row
from psycopg.waiting import Wait

from ledger.aggregate import LedgerError
from ledger.arrays import byteas, instants, int2s, int4s, int8s, texts, uuids
from ledger.datastore import Datastore, cursor_on
from ledger.facts import Fact, Record, canonical
from ledger.instants import Instant
from ledger.sql import queries

PAGE = 5_000
END = 2**62
_CLOCK_WRONG = "FP002"


class LogNotOpen(LedgerError):
    """The log does not exist yet: an operator opens its week first."""

    code = "unknown_week"


class LogArchived(LedgerError):
    """The week's events have left the database as an export: an operator brings them back (`ledger.archives`)."""

    code = "week_archived"

    def __init__(self, log: str) -> None:
        super().__init__(f"week {log} is archived: `fairpool week restore FOLDER` brings it back from its export")


class ClockWrong(LedgerError):
    """This process's clock is not the database's: nothing was recorded, and another process may do it."""

    code = "unavailable"


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log ends, and when its last event was recorded."""

    position: int
    recorded_at: Instant | None


@dataclass(frozen=True, slots=True)
class Row:
    """A row to write in the transaction of a command; one that is there already refuses the command."""

    table: str
    values: Mapping[str, Any]


@dataclass(slots=True)
class Batch:
    """What one append carries, by group: facts, the streams decided on, time limits, and at most one row each.

    `known` is the position up to which the caller has seen the log, `now` the service's clock.
    """

    known: int
    now: datetime
    facts: list[tuple[int, Fact]] = field(default_factory=list)
    behind: list[tuple[int, UUID]] = field(default_factory=list)
    before: list[tuple[int, datetime]] = field(default_factory=list)
    rows: list[tuple[int, Row]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Appended:
    """The store's verdict: groups in `left_out` are stale, or have one of the rows that were there already.

    `rows_refused` numbers those rows as the batch has them, from 1 on. `base` is the position before the batch: what
    lies between `known` and it is the news.
    """

    base: int
    recorded_at: Instant
    left_out: frozenset[int]
    rows_refused: frozenset[int]


class LogRecorder(PostgresApplicationRecorder):
    """The recorder of one log, on the log's own partition.

    The library's selects work unchanged, and its save appends as we do: there is one way into the log.
    """

    def __init__(self, datastore: Datastore, log: str) -> None:
        self.log = log
        self.store = datastore
        self.sql = queries("ledger", "recorder.sql")
        super().__init__(datastore, events_table_name="events_" + log.lower().translate(str.maketrans("-.", "__")))

    def create_table(self) -> None:
        """Create the log's partition and head; doing it again changes nothing. Raises LogArchived."""
        try:
            self._rows("open_log")
        except psycopg.errors.NoDataFound as error:
            raise self._absence() from error

    def append(
        self, batch: Batch, *, on: Connection[Any] | None = None, meanwhile: Callable[[], None] | None = None
    ) -> Appended:
        """Append what of the batch is still true, in one round trip, and stamp those facts.

        `on` is a connection that holds the head (see `held`). `meanwhile` is called while the database is at work; what
        it raises comes out here, and leaves the commit in doubt. Raises psycopg.OperationalError when the connection
        broke: then, too, only the log can tell. Raises LogNotOpen or LogArchived, and ClockWrong where that counts.
        """
        facts = [fact for _, fact in batch.facts]
        parameters = {
            **_events(
                groups=[group for group, _ in batch.facts],
                streams=[fact.stream for fact in facts],
                versions=[fact.version for fact in facts],
                topics=[fact.event.TOPIC for fact in facts],
                states=[canonical(fact.event) for fact in facts],
                schemas=[fact.event.SCHEMA for fact in facts],
                actors=[fact.actor for fact in facts],
                requests=[fact.request for fact in facts],
                causes=[fact.cause or "" for fact in facts],
            ),
            **_limits(batch.behind, batch.before),
            "known": batch.known,
            "now": batch.now,
            "rows": canonical(
                [{"group": group, "row": row.values, "table": row.table} for group, row in batch.rows]
            ).decode(),
        }
        appended = self._append(parameters, on=on, meanwhile=meanwhile)
        position = appended.base
        for group, fact in batch.facts:
            if group not in appended.left_out:
                position += 1
                fact.position = position
                fact.recorded_at = appended.recorded_at
        return appended

    @contextmanager
    def held(self) -> Iterator[Connection[Any]]:
        """Hold the head for a while, so that a decision on the whole log is still true when it is appended."""
        with self.store.connection() as connection, connection.transaction():
            cursor_on(connection).execute(self.sql["hold"], {"log": self.log})
            yield connection

    def confirm(self) -> None:
        """Wait until whatever could be read before is as durable as an append; raises psycopg.OperationalError.

        Mostly it is. But behind a commit whose wait for a synchronous standby was cancelled, and behind a crash, things
        can be read that are gone if the primary is lost now: https://www.postgresql.org/docs/18/warm-standby.html.
        """
        self._rows("confirm")

    def head(self) -> Head:
        """Return where the log ends; raises LogNotOpen or LogArchived."""
        rows = self._rows("head")
        if not rows:
            raise self._absence()
        position, recorded_at = rows[0]
        return Head(position, Instant.of(recorded_at) if position else None)

    def read(self, *, after: int = 0, until: int = END, limit: int = PAGE) -> list[Record]:
        """Return at most `limit` records behind position `after`, up to `until`, in order.

        As all that reads events, it raises LogArchived.
        """
        return self._records("read", after=after, until=until, limit=limit)

    def read_all(self, *, after: int = 0, until: int = END) -> Iterator[Record]:
        """Yield all records behind `after`, up to `until`, a page at a time, in constant memory."""
        # Positions have no gaps: at `until` there is nothing to ask for.
        while after < until and (page := self.read(after=after, until=until)):
            yield from page
            after = page[-1].position

    def read_part(self, first: UUID, last: UUID, *, until: int, limit: int = PAGE) -> Iterator[list[Record]]:
        """Yield the records up to a position of all streams from one id to another, in order, `limit` at a time.

        They are those of one snapshot, which is held meanwhile.
        """
        is_empty = True
        with self.store.connection() as connection, connection.transaction():
            cursor_on(connection).execute(self.sql["plan_for_all"])
            with connection.cursor("part", row_factory=tuple_row) as cursor:
                parameters = {"log": self.log, "until": until, "first": first, "last": last}
                cursor.execute(self.sql["read_part"], parameters, binary=True)
                while rows := cursor.fetchmany(limit):
                    is_empty = False
                    yield list(_read(rows))
        if is_empty:
            self.head()

    def read_topics(self, *topics: str, after: int = 0) -> list[Record]:
        """Return the records of some topics; of `account.*` only `account.opened` can be looked up so."""
        return self._records("read_topics", topics=list(topics), after=after)

    def read_streams(self, streams: Sequence[UUID]) -> list[Record]:
        """Return all records of the streams, in order of position and so each stream in order of version."""
        return self._records("read_streams", streams=uuids(streams))

    def read_positions(self, positions: Sequence[int]) -> list[Record]:
        """Return the records at some positions."""
        return self._records("read_positions", positions=int8s(positions))

    def count_open_stakes(self) -> int:
        """Return how many stakes of a log that is open are not resolved."""
        return int(self._rows("count_open_stakes")[0][0])

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int]:
        """Append what the library saves; raises its IntegrityError where the stream has moved on."""
        parameters = {
            **_events(
                groups=[1] * len(stored_events),
                streams=[UUID(str(event.originator_id)) for event in stored_events],
                versions=[event.originator_version for event in stored_events],
                topics=[event.topic for event in stored_events],
                states=[event.state for event in stored_events],
                schemas=[1] * len(stored_events),
                actors=["library"] * len(stored_events),
                requests=[""] * len(stored_events),
                causes=[""] * len(stored_events),
            ),
            **_limits([], []),
            "known": self.head().position,
            "now": datetime.min.replace(tzinfo=UTC),
            "rows": "[]",
        }
        try:
            base = self._append(parameters).base
        except (psycopg.errors.UniqueViolation, psycopg.errors.DataException) as error:
            raise IntegrityError(str(error)) from error
        return range(base + 1, base + 1 + len(stored_events))

    def _append(
        self,
        parameters: Mapping[str, Any],
        *,
        on: Connection[Any] | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> Appended:
        try:
            [row] = self._rows("append", on=on, meanwhile=meanwhile, **parameters)
        except psycopg.errors.NoDataFound as error:
            raise self._absence() from error
        except psycopg.Error as error:
            if error.sqlstate == _CLOCK_WRONG:
                raise ClockWrong(f"log {self.log}: {error.diag.message_primary}") from error
            raise
        base, recorded_at, left_out, rows_refused = row
        return Appended(base, Instant.of(recorded_at), frozenset(left_out), frozenset(rows_refused))

    def _records(self, query: str, **parameters: Any) -> list[Record]:
        rows = self._rows(query, **parameters)
        # Who reads a page behind another must not take for the end of the log that it has just left.
        if not rows and self._rows("archived"):
            raise self._absence()
        return list(_read(rows))

    def _absence(self) -> LogNotOpen | LogArchived:
        """Return why there is no log."""
        if self._rows("archived"):
            return LogArchived(self.log)
        return LogNotOpen(f"log {self.log} is not open: open its week first")

    def _rows(
        self,
        query: str,
        *,
        on: Connection[Any] | None = None,
        meanwhile: Callable[[], None] | None = None,
        **parameters: Any,
    ) -> list[TupleRow]:
        parameters["log"] = self.log
        with nullcontext(on) if on is not None else self.store.connection() as connection:
            cursor = cursor_on(connection)
            if meanwhile is None:
                return cursor.execute(self.sql[query], parameters, binary=True, prepare=True).fetchall()
            # What `Cursor.execute` does, but for the pause.
            steps = cursor._execute_gen(self.sql[query], parameters, binary=True, prepare=True)
            with connection.lock:
                connection.wait(_pausing(steps, meanwhile))
            return cursor.fetchall()


def _pausing(steps: PQGen[None], pause: Callable[[], None]) -> PQGen[None]:
    """Take the steps of a query; at the first one that waits for nothing but the answer, when all is sent, pause."""
    ready, paused = None, False
    while True:
        try:
            wanted = steps.send(ready)  # type: ignore[arg-type]
        except StopIteration:
            return
        if wanted == Wait.R and not paused:
            paused = True
            pause()
        ready = yield wanted


def open_logs(datastore: Datastore) -> list[str]:
    """Return the names of all logs that have begun, the office first, then the weeks in order."""
    with datastore.connection() as connection:
        return [log for (log,) in cursor_on(connection).execute(queries("ledger", "recorder.sql")["logs"])]


def latest(datastore: Datastore) -> datetime | None:
    """Return when the last event of all logs was recorded."""
    with datastore.connection() as connection:
        [(recorded_at,)] = cursor_on(connection).execute(queries("ledger", "recorder.sql")["latest"])
    return None if recorded_at is None else Instant.of(recorded_at)


def _events(
    *,
    groups: Sequence[int],
    streams: Sequence[UUID],
    versions: Sequence[int],
    topics: Sequence[str],
    states: Sequence[bytes],
    schemas: Sequence[int],
    actors: Sequence[str],
    requests: Sequence[str],
    causes: Sequence[str],
) -> dict[str, Any]:
    return {
        "groups": int4s(groups),
        "streams": uuids(streams),
        "versions": int8s(versions),
        "topics": texts(topics),
        "states": byteas(states),
        "schemas": int2s(schemas),
        "actors": texts(actors),
        "requests": texts(requests),
        "causes": texts(causes),
    }


def _limits(behind: Sequence[tuple[int, UUID]], before: Sequence[tuple[int, datetime]]) -> dict[str, Any]:
    return {
        "behind_groups": int4s([group for group, _ in behind]),
        "behind_streams": uuids([stream for _, stream in behind]),
        "before_groups": int4s([group for group, _ in before]),
        "before": instants([moment for _, moment in before]),
    }


def _read(rows: Iterable[TupleRow]) -> Iterator[Record]:
    """Yield the records of rows; those that follow one another at one time share their instant."""
    last, instant = None, None
    for log, position, stream, version, topic, schema, state, recorded_at, actor, request, cause in rows:
        if recorded_at != last:
            last, instant = recorded_at, Instant.of(recorded_at)
        assert instant is not None
        yield Record(
            log=log,
            position=position,
            stream=stream,
            version=version,
            topic=topic,
            schema=schema,
            state=state,
            recorded_at=instant,
            actor=actor,
            request=request,
            cause=cause,
        )
