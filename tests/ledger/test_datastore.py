"""Connections that broke are replaced, and nobody waits long for a database that is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.errors import ReadOnlySqlTransaction
from psycopg_pool import PoolTimeout

from ledger.datastore import OUTAGES, Datastore
from ledger.ids import OFFICE
from ledger.recorder import LogRecorder
from tests.ledger.desks import kill_connections


@pytest.fixture
def elsewhere() -> Iterator[Datastore]:
    """A datastore where no database is."""
    with closing(Datastore("postgresql://me@127.0.0.1:1/books")) as datastore:
        datastore.pool.timeout = 2.0
        yield datastore


@pytest.fixture
def single(dsn: str) -> Iterator[Datastore]:
    """A datastore that has one connection at a time."""
    with closing(Datastore(dsn, max_overflow=0)) as datastore:
        yield datastore


def process_of(datastore: Datastore) -> int:
    with datastore.connection() as connection:
        return connection.info.backend_pid


def test_one_broken_connection_tells_of_all(dsn: str, datastore: Datastore) -> None:
    """After a restart of the server one caller learns of it, not one for each connection."""
    with datastore.connection() as one, datastore.connection() as other:
        before = {one.info.backend_pid, other.info.backend_pid}
    assert kill_connections(dsn) >= 2
    with pytest.raises(OUTAGES), datastore.connection() as broken:
        broken.execute("SELECT 1")
    with datastore.connection() as one, datastore.connection() as other:
        assert one.execute("SELECT 1").fetchone() is not None
        assert other.execute("SELECT 1").fetchone() is not None
        assert not before & {one.info.backend_pid, other.info.backend_pid}


def test_a_server_that_became_a_standby_is_left(single: Datastore) -> None:
    """Its connections work, and the next one may lead to the primary."""
    before = process_of(single)
    with pytest.raises(ReadOnlySqlTransaction), single.connection() as connection:
        connection.execute("SET default_transaction_read_only = on")
        connection.execute("UPDATE heads SET position = position")
    assert process_of(single) != before


def test_what_is_only_refused_costs_no_connection(single: Datastore) -> None:
    """A timeout or a lock says nothing of the others."""
    before = process_of(single)
    with pytest.raises(psycopg.errors.QueryCanceled), single.connection() as connection, connection.transaction():
        connection.execute("SET LOCAL statement_timeout = '1ms'")
        connection.execute("SELECT pg_sleep(5)")
    assert process_of(single) == before


def test_nobody_queues_for_a_database_that_is_away(elsewhere: Datastore) -> None:
    """One at a time looks whether it is back; the others are told at once."""
    with pytest.raises(PoolTimeout), elsewhere.connection():
        pytest.fail("there is nobody")
    with elsewhere._waiting, pytest.raises(PoolTimeout, match="is away"), elsewhere.connection():
        pytest.fail("there is nobody")


def test_a_connection_is_not_waited_for_as_long_as_tcp_would(datastore: Datastore) -> None:
    """Neither a new one nor one whose other side is gone; who says otherwise in the DSN knows better."""
    with datastore.connection() as connection:
        given = connection.info.get_parameters()
    assert (given["connect_timeout"], given["tcp_user_timeout"]) == ("3", "5000")
    chosen = Datastore(make_conninfo("dbname=books", connect_timeout=20, tcp_user_timeout=60_000))
    assert isinstance(chosen.pool.kwargs, dict)
    assert (chosen.pool.kwargs["connect_timeout"], chosen.pool.kwargs["tcp_user_timeout"]) == ("20", "60000")


def test_several_hosts_are_tried_until_one_takes_writes(dsn: str) -> None:
    """As after a fail-over: the first is gone, and what is asked for is a primary."""
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    both = make_conninfo(
        dsn, host=f"127.0.0.1,{parts['host']}", port=f"1,{parts['port']}", target_session_attrs="read-write"
    )
    with closing(Datastore(both)) as datastore:
        assert process_of(datastore) > 0


def test_who_holds_the_head_and_stands_still_is_ended(datastore: Datastore) -> None:
    """By the server, after a minute; elsewhere a transaction may take its time."""
    show = "SHOW idle_in_transaction_session_timeout"
    recorder = LogRecorder(datastore, OFFICE)
    recorder.create_table()
    with recorder.held() as connection:
        assert connection.execute(show).fetchone() == {"idle_in_transaction_session_timeout": "1min"}
    with datastore.connection() as connection:
        assert connection.execute(show).fetchone() == {"idle_in_transaction_session_timeout": "0"}
