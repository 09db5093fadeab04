"""Liveness, readiness and the index."""

from __future__ import annotations

from tests.api.world import World, serving
from tests.examples import WEEK


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


def test_the_index_names_paths_that_answer(world: World) -> None:
    """Every link of the index leads somewhere."""
    world.open_week()
    world.draw()
    world.project()
    index = world.client.get("/").json()
    assert index.pop("name") == "fairpool"
    for path in index.values():
        assert world.client.get(path).status_code in (200, 405), path
