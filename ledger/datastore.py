"""The ledger's connections: the library's pool on a DSN, in the role that can only select and insert events."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from eventsourcing.postgres import ConnectionPool, PostgresDatastore
from psycopg import Connection, Cursor
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import Diagnostic, IdleInTransactionSessionTimeout, ReadOnlySqlTransaction
from psycopg.rows import DictRow, TupleRow, dict_row, tuple_row
from psycopg_pool import PoolTimeout

from ledger.arrays import Array, ArrayDumper

SERVICE_ROLE = "fairpool_service"
OUTAGES: Final = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    ReadOnlySqlTransaction,
    IdleInTransactionSessionTimeout,
)
"""The database is away, full, or no primary any more: nothing is wrong with what was asked, and it is tried again.

What the pool raises is among them.
"""
POOL_SECONDS: Final = 5.0
"""How long one waits for a connection while the database is there, and all of them are lent."""

_WAITS_FOR_STANDBY: Final = "SyncRepWaitForLSN"
_MOMENT: Final = 0.25
_TURN: Final = 1.0
_RECONNECT_SECONDS: Final = 0.5
# The server notices within half a minute that a client's machine is gone, and lets go of the locks that it held; left
# alone, it would after two hours.
_LET_GO = "-c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
# A dead peer shows after five seconds, not after the minutes that TCP would wait; a new one has three to answer.
_GIVE_UP: Final = {"tcp_user_timeout": 5_000, "connect_timeout": 3}


class CommitUnconfirmed(psycopg.OperationalError):
    """The commit stands on this server, and perhaps not on the standby that was to have it: it is in doubt."""


class ServiceConnection(Connection[DictRow]):
    """A connection that keeps what its server said when it no longer waited for a synchronous standby.

    Such a commit is answered like any other, with a warning beside the answer:
    https://www.postgresql.org/docs/18/warm-standby.html#SYNCHRONOUS-REPLICATION.
    """

    unconfirmed: str | None = None

    def heed(self, said: Diagnostic) -> None:
        """Take a notice of the server. Its text is in the server's language, its place in the source is not."""
        if said.source_function == _WAITS_FOR_STANDBY:
            self.unconfirmed = said.message_primary

    def require_confirmed(self) -> None:
        """Raise CommitUnconfirmed, once, where a commit was not waited for."""
        said, self.unconfirmed = self.unconfirmed, None
        if said is not None:
            raise CommitUnconfirmed(said)


class _Presence:
    """Whether the database is there, as far as connections tell."""

    def __init__(self) -> None:
        self.is_away = False
        self.used_at = 0.0

    def configure(self, connection: Connection[Any]) -> None:
        """Take a new connection into service."""
        assert isinstance(connection, ServiceConnection)
        connection.autocommit = True
        connection.add_notice_handler(connection.heed)
        connection.adapters.register_dumper(Array, ArrayDumper)
        self.is_away = False

    def lost(self, _: object) -> None:
        """Note that no connection could be made; whoever asks next has it tried again.

        A server that takes no more of them is there as long as it answers on those that there are.
        """
        self.is_away = time.monotonic() - self.used_at > _TURN


class Datastore(PostgresDatastore):
    """A pool of autocommit connections; queries through `cursor_on` give tuples and psycopg's own errors.

    Appends by a clock that is further than `clock_tolerance_seconds` from the database's are refused; 0 is not to look.
    """

    def __init__(
        self, dsn: str, *, pool_size: int = 1, max_overflow: int = 15, clock_tolerance_seconds: int = 0
    ) -> None:
        parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
        super().__init__(
            dbname=parts.pop("dbname", ""),
            host=parts.pop("host", ""),
            port=parts.pop("port", "5432"),
            user=parts.pop("user", ""),
            password=parts.pop("password", ""),
        )
        assert isinstance(self.pool.kwargs, dict)
        session = f"-c role={SERVICE_ROLE} -c timezone=UTC {_LET_GO}"
        if clock_tolerance_seconds:
            session += f" -c fairpool.clock_tolerance={clock_tolerance_seconds}s"
        options = f"{parts.pop('options', '')} {session}"
        self._presence = _Presence()
        self._waiting = threading.Lock()
        self._renewed_at = 0.0
        # The library's own pool would wait twice as long for each time that the database does not answer.
        self.pool = ConnectionPool(
            connection_class=ServiceConnection,
            kwargs={**_GIVE_UP, **self.pool.kwargs, **parts, "options": options, "row_factory": dict_row},
            min_size=pool_size,
            max_size=pool_size + max_overflow,
            open=False,
            configure=self._presence.configure,
            timeout=POOL_SECONDS,
            reconnect_timeout=_RECONNECT_SECONDS,
            reconnect_failed=self._presence.lost,
        )

    def register_type_adapters(self) -> None:
        """Ask for no types: the library's composite of an event is not in our schema, and each recorder would look."""

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        """Lend a connection; unlike `get_connection`, errors keep psycopg's types. Raises one of the OUTAGES."""
        self.pool.open()
        asked_at = time.monotonic()
        connection = self._lent(asked_at + self.pool.timeout)
        try:
            with connection:
                yield connection
            assert isinstance(connection, ServiceConnection)
            connection.require_confirmed()
            self._presence.used_at = asked_at
        except OUTAGES as error:
            if connection.closed or isinstance(error, ReadOnlySqlTransaction):
                self._renew(since=asked_at)
            raise
        finally:
            self.pool.putconn(connection)

    def drop_dead_connections(self) -> None:
        """Replace the pool's connections, after the server went away."""
        self._renewed_at = time.monotonic()
        self.pool.drain()

    def _lent(self, deadline: float) -> Connection[Any]:
        while not self._presence.is_away:
            left = deadline - time.monotonic()
            try:
                return self.pool.getconn(min(_TURN, left))
            except PoolTimeout:
                if left <= _TURN:
                    raise
        return self._lent_again()

    def _lent_again(self) -> Connection[Any]:
        """Wait for the database to come back, for a moment, and alone: all who wait would hold a thread."""
        if not self._waiting.acquire(blocking=False):
            raise PoolTimeout("the database is away")
        try:
            return self.pool.getconn(_MOMENT)
        finally:
            self._waiting.release()

    def _renew(self, *, since: float) -> None:
        """Replace the connections, unless somebody has since this one was asked for: the others broke with it."""
        if since > self._renewed_at:
            self.drop_dead_connections()


def cursor_on(connection: Connection[Any]) -> Cursor[TupleRow]:
    """Return a cursor whose rows are tuples."""
    return connection.cursor(row_factory=tuple_row)
