"""Real servers for the tests: PostgreSQL and NATS are started once, each test gets a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from fairpool.embedded import EmbeddedNats, EmbeddedPostgres
from fairpool.schema import all_migrations
from ledger.datastore import Datastore
from ledger.migrate import migrate

_numbers = count(1)


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server, as the DSN of its administrator; its database `migrated` is what others are made from."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("servers")) as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            # Hundreds of databases are made, and none of these tests pulls the plug; journeys run with fsync on.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE migrated")
        migrate(make_conninfo(server.dsn, dbname="migrated"), all_migrations())
        yield server.dsn


@pytest.fixture
def dsn(database_server: str) -> Iterator[str]:
    """A fresh, migrated database."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(database_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE migrated").format(sql.Identifier(name)))
        yield make_conninfo(database_server, dbname=name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def datastore(dsn: str) -> Iterator[Datastore]:
    """The ledger's connections to a fresh database."""
    store = Datastore(dsn)
    yield store
    store.close()


@pytest.fixture(scope="session")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A NATS server with JetStream; tests keep apart by the names of their streams."""
    with EmbeddedNats(tmp_path_factory.mktemp("nats")) as server:
        yield server.url


@pytest.fixture(scope="session")
def real_games() -> Path:
    """The table of real NFL games, where it lies beside the checkout."""
    table = Path(__file__).parents[2] / "shared" / "data" / "nfl_games_2010_2019.csv"
    if not table.exists():
        pytest.skip("../shared/data/nfl_games_2010_2019.csv is not here")
    return table
