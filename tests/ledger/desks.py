"""Making races happen on purpose: batches gathered, appends watched, locks waited for, databases closed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger.aggregate import LedgerError
from ledger.book import Decision
from ledger.desk import Desk
from ledger.recorder import Appended, Batch
from tests.database import end_connections
from tests.ledger.playing import PATIENCE

T = TypeVar("T")


def at_once(commands: Sequence[Callable[[], T]]) -> list[T | LedgerError]:
    """Ask all of them at the same moment, each in a thread, and return their answers or refusals."""
    together = threading.Barrier(len(commands))

    def ask(command: Callable[[], T]) -> T | LedgerError:
        together.wait(PATIENCE)
        try:
            return command()
        except LedgerError as refusal:
            return refusal

    with ThreadPoolExecutor(len(commands)) as threads:
        return list(threads.map(ask, commands))


@contextmanager
def gathered(desk: Desk) -> Iterator[None]:
    """Keep the desk busy, so that all that is asked inside becomes its next batch."""
    entered, leave = threading.Event(), threading.Event()

    def busy(on: Decision) -> None:
        entered.set()
        leave.wait(PATIENCE)

    kept = desk.ask(busy, actor="tester", request="busy")
    assert entered.wait(PATIENCE)
    yield
    leave.set()
    kept.result(PATIENCE)


Append = Callable[..., Appended]


def replace_append(desk: Desk, wrap: Callable[[Append, Batch, Connection[Any] | None], Appended]) -> None:
    """Put something around the appends of a desk; `wrap` is given the real one."""
    real = desk.recorder.append

    def append(
        batch: Batch, *, on: Connection[Any] | None = None, meanwhile: Callable[[], None] | None = None
    ) -> Appended:
        return wrap(partial(real, meanwhile=meanwhile), batch, on)

    desk.recorder.append = append  # type: ignore[method-assign]


def watched(desk: Desk) -> list[tuple[int, Appended]]:
    """The appends of a desk from here on that had events: how many, and the verdict."""
    seen: list[tuple[int, Appended]] = []

    def watch(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
        appended = real(batch, on=on)
        if batch.facts:
            seen.append((len(batch.facts), appended))
        return appended

    replace_append(desk, watch)
    return seen


def once(wrap: Callable[[Append, Batch, Connection[Any] | None], Appended]) -> Callable[..., Appended]:
    """Do it to the first append that has events, and leave the others alone."""
    done = threading.Event()

    def first(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
        if done.is_set() or not batch.facts:
            return real(batch, on=on)
        done.set()
        return wrap(real, batch, on)

    return first


def lose_the_answer(desk: Desk) -> None:
    """Have the connection break right behind the next commit with events, so that it is in doubt."""

    def breaks(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
        real(batch, on=on)
        raise psycopg.OperationalError("the connection broke behind the commit")

    replace_append(desk, once(breaks))


def meanwhile(desk: Desk, happens: Callable[[], object]) -> None:
    """Let something happen between the next decision of a desk that has events, and its append."""

    def overtaken(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
        happens()
        return real(batch, on=on)

    replace_append(desk, once(overtaken))


def waiting_for_a_lock(dsn: str, count: int = 1) -> list[int]:
    """Come back once so many connections wait for a lock, with their process ids; the test's time limit ends this."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        while True:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchall()
            if len(rows) >= count:
                return [pid for (pid,) in rows]


def kill_connections(dsn: str) -> int:
    """End all connections of the service, as a restart of the server would, and return how many there were."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return end_connections(connection)


@contextmanager
def gone(dsn: str) -> Iterator[None]:
    """The database takes no connections inside, and those it had are ended."""
    name = str(conninfo_to_dict(dsn)["dbname"])

    def let(allowed: bool) -> None:
        with psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True) as connection:
            statement = "ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}"
            connection.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Literal(allowed)))

    with psycopg.connect(dsn, autocommit=True) as connection:
        let(False)
        end_connections(connection)
    try:
        yield
    finally:
        let(True)
