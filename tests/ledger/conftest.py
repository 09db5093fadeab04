"""One database for all tests of the ledger, emptied before each: quicker than a new one, and as good."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ledger.datastore import Datastore
from ledger.recorder import LogRecorder
from tests.examples import WEEK
from tests.ledger.playing import House


@pytest.fixture(scope="session")
def ledger_database(database_server: str) -> str:
    """The administrator's DSN of a migrated database."""
    with psycopg.connect(database_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE ledger TEMPLATE migrated")
    return make_conninfo(database_server, dbname="ledger")


@pytest.fixture
def empty_dsn(ledger_database: str) -> str:
    """The same, without any log, entry or other connection: whole partitions go, as no event can be deleted."""
    with psycopg.connect(ledger_database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        partitions = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'events'::regclass"
        )
        for (partition,) in partitions.fetchall():
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(partition)))
        connection.execute("DELETE FROM heads")
        connection.execute("DELETE FROM entries")
    return ledger_database


@pytest.fixture
def datastore(empty_dsn: str) -> Iterator[Datastore]:
    """The ledger's connections to the emptied database."""
    store = Datastore(empty_dsn)
    yield store
    store.close()


@pytest.fixture
def recorder(datastore: Datastore) -> LogRecorder:
    """The recorder of a log that was just opened."""
    recorder = LogRecorder(datastore, WEEK)
    recorder.create_table()
    return recorder


@pytest.fixture
def house(empty_dsn: str) -> Iterator[House]:
    """A service on an empty database, an hour before the week starts."""
    with House(empty_dsn) as house:
        yield house
