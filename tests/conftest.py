"""Real servers for the tests: PostgreSQL and NATS are started once, each test finds an empty database."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path

import hypothesis
import psycopg
import pytest
from psycopg import sql

from fairpool.embedded import EmbeddedNats, EmbeddedPostgres
from fairpool.embedded_postgres import SETTINGS
from ledger.datastore import Datastore
from tests.database import Database
from tests.templates import Template, template, with_cluster


def pytest_configure() -> None:
    """Let no example fail for the machine's being slow just then."""
    hypothesis.settings.register_profile("patient", deadline=None)
    hypothesis.settings.load_profile("patient")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect the tests without looking for garbage, then or later, among what stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each process of xdist begin with a share of the journeys, as one that came last would run alone.

    xdist deals the tests out in consecutive shares of equal size, and then moves them from the ends of shares.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
    journeys = [item for item in items if "journeys" in item.path.parts]
    others = iter([item for item in items if "journeys" not in item.path.parts])
    dealt: list[pytest.Item] = []
    for process in range(processes):
        share = (len(items) - len(dealt)) // (processes - process)
        first = journeys[process::processes]
        dealt += [*first, *islice(others, max(0, share - len(first)))]
    if dealt:
        items[:] = [*dealt, *others]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A data directory with PostgreSQL's empty cluster."""
    return template(tmp_path_factory, "cluster", with_cluster)


@pytest.fixture(scope="session")
def database(cluster: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The database of all tests of this process, on a PostgreSQL server of its own."""
    data = cluster.copy(tmp_path_factory.mktemp("servers") / "data")
    # None of these tests pulls the plug; journeys run with fsync on.
    with EmbeddedPostgres(data, settings={**SETTINGS, "fsync": "off"}) as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            # The password is long and random: there is no need to hash it 4,096 times at each connection.
            connection.execute("SET scram_iterations = 1")
            connection.execute(sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(connection.info.password))
        database = Database(server.dsn)
        yield database
        database.close()


@pytest.fixture
def dsn(database: Database) -> str:
    """The migrated database, without any row or other connection."""
    database.empty()
    return database.dsn


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
