"""The ledger's connections: the library's pool on a DSN, in the role that can only select and insert events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eventsourcing.postgres import PostgresDatastore
from psycopg import Connection, Cursor
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow, tuple_row

from ledger.arrays import Array, ArrayDumper

SERVICE_ROLE = "fairpool_service"
# The server notices within half a minute that a client's machine is gone, and lets go of the locks that it held; left
# alone, it would after two hours.
_LET_GO = "-c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"


class Datastore(PostgresDatastore):
    """A pool of autocommit connections; queries through `cursor_on` give tuples and psycopg's own errors."""

    def __init__(self, dsn: str, *, pool_size: int = 1, max_overflow: int = 15) -> None:
        parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
        super().__init__(
            dbname=parts.pop("dbname", ""),
            host=parts.pop("host", ""),
            port=parts.pop("port", "5432"),
            user=parts.pop("user", ""),
            password=parts.pop("password", ""),
            pool_size=pool_size,
            max_overflow=max_overflow,
            connect_timeout=30.0,
        )
        assert isinstance(self.pool.kwargs, dict)
        # A dead peer shows after five seconds, not after the minutes that TCP would wait.
        self.pool.kwargs |= {"tcp_user_timeout": 5_000, **parts}
        session = f"-c role={SERVICE_ROLE} -c timezone=UTC {_LET_GO}"
        self.pool.kwargs |= {"options": f"{parts.get('options', '')} {session}"}

    def register_type_adapters(self) -> None:
        """Ask for no types: the library's composite of an event is not in our schema, and each recorder would look."""

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        """Lend a connection; unlike `get_connection`, errors keep psycopg's types."""
        self.pool.open()
        with self.pool.connection() as connection:
            connection.adapters.register_dumper(Array, ArrayDumper)
            yield connection

    def drop_dead_connections(self) -> None:
        """Replace the pool's broken connections, after the server went away."""
        self.pool.check()


def cursor_on(connection: Connection[Any]) -> Cursor[TupleRow]:
    """Return a cursor whose rows are tuples."""
    return connection.cursor(row_factory=tuple_row)
