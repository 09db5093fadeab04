"""Liveness, readiness and the index."""

from __future__ import annotations

import asyncio
import threading

import pytest
from psycopg.conninfo import make_conninfo

from api.readiness import Readiness
from ledger.ledger import Ledger
from tests.api.world import World, serving
from tests.examples import WEEK
from tests.ledger.desks import gone


def test_a_migrated_service_is_ready(world: World) -> None:
    """Live and ready."""
    assert world.client.get("/healthz").json() == {"status": "ok"}
    assert world.client.get("/readyz").json() == {"status": "ok"}


def test_a_missing_migration_is_not_ready(dsn: str) -> None:
    """A release waits for its migrations, and lives meanwhile."""
    with serving(dsn, migrations=frozenset({"api/9999_later.sql"})) as world:
        answer = world.client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert "api/9999_later.sql" in answer.json()["detail"]
        assert world.client.get("/healthz").status_code == 200


def test_a_stopped_projection_is_not_ready(world: World) -> None:
    """Readers are not sent to a service whose answers stand still."""
    world.open_week()
    world.project()
    with world.ledger.datastore.connection() as connection:
        connection.execute("UPDATE projection_positions SET error = 'poison' WHERE name = 'bets'")
    answer = world.client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert "bets" in answer.json()["detail"]


def test_readers_do_not_wait_for_what_only_auditors_read(world: World) -> None:
    """With the tree and the journal stopped the service is ready, and a read waits for its position without them."""
    world.open_week()
    with world.ledger.datastore.connection() as connection:
        connection.execute(
            "INSERT INTO projection_positions (name, log, error)"
            " SELECT name, log, 'poison' FROM heads, unnest(ARRAY['tree', 'journal']) AS n(name)"
        )
    world.project()
    assert world.client.get("/readyz").status_code == 200
    assert world.client.get(f"/api/weeks/{WEEK}", params={"after": f"{WEEK}:1"}).status_code == 200


def test_a_database_that_is_away_is_not_ready_until_it_is_back(world: World, dsn: str) -> None:
    """The process lives meanwhile; reads are refused in such a way that they are repeated."""
    world.ledger.datastore.pool.timeout = 0.1
    world.open_week()
    world.project()
    with gone(dsn):
        assert world.client.get("/healthz").status_code == 200
        answer = world.client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        for path in (f"/api/weeks/{WEEK}", "/api/weeks"):
            answer = world.client.get(path)
            assert (path, answer.status_code, answer.json()["code"]) == (path, 503, "unavailable")
            assert answer.headers["Retry-After"] == "1"
    while world.client.get("/readyz").status_code != 200:
        pass
    assert world.client.get(f"/api/weeks/{WEEK}").status_code == 200


def test_a_database_that_takes_no_writes_is_not_ready(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where its disk is full: it may be read all the same."""
    monkeypatch.setattr(Ledger, "is_failing", True)
    answer = world.client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert "written" in answer.json()["detail"]


def test_a_standby_is_not_ready(dsn: str) -> None:
    """It is read, and takes no bets."""
    with serving(make_conninfo(dsn, options="-c default_transaction_read_only=on")) as world:
        answer = world.client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert "standby" in answer.json()["detail"]


def test_a_service_that_stops_is_not_ready(dsn: str) -> None:
    """Whoever sends it requests looks elsewhere, before it hangs up."""
    stops = threading.Event()
    with serving(dsn, is_stopping=stops.is_set) as world:
        assert world.client.get("/readyz").status_code == 200
        stops.set()
        answer = world.client.get("/readyz")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert world.client.get("/healthz").status_code == 200


def test_readiness_is_told_in_time_whatever_hangs() -> None:
    """However many ask, one question at a time hangs; the next is asked when that has its answer."""
    asked, hangs = threading.Semaphore(0), threading.Event()

    def look() -> None:
        asked.release()
        hangs.wait(30)

    async def ask() -> list[str | None]:
        readiness = Readiness(look, seconds=0.02)
        said = [*await asyncio.gather(readiness.lack(), readiness.lack()), await readiness.lack()]
        hangs.set()
        while await readiness.lack() is not None:
            await asyncio.sleep(0)
        return said

    assert asyncio.run(ask()) == ["The database does not answer."] * 3
    assert asked.acquire(blocking=False)


def test_the_index_names_paths_that_answer(world: World) -> None:
    """Every link of the index leads somewhere."""
    world.open_week()
    world.draw()
    world.project()
    index = world.client.get("/").json()
    assert index.pop("name") == "fairpool"
    for path in index.values():
        assert world.client.get(path).status_code in (200, 405), path
