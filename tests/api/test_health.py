"""Liveness, readiness and the index."""

from __future__ import annotations

from tests.api.world import World, serving


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


def test_the_index_names_paths_that_answer(world: World) -> None:
    """Every link of the index leads somewhere."""
    world.open_week()
    world.draw()
    world.project()
    index = world.client.get("/").json()
    assert index.pop("name") == "fairpool"
    for path in index.values():
        assert world.client.get(path).status_code in (200, 405), path
