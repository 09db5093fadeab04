"""Players in their table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from api.identity.players import EmailTaken, Named, Players
from ledger.datastore import Datastore

NOW = datetime(2026, 11, 15, tzinfo=UTC)


@pytest.fixture
def players(datastore: Datastore) -> Players:
    """The players of a fresh database."""
    return Players(datastore, new_id=uuid4, now=lambda: NOW)


def created(players: Players, email: str = "ann@example.org", *, role: str = "player") -> UUID:
    """The id of a new player."""
    return players.create(email=email, name="Ann", password_hash="hash", role=role).id


def test_a_player_is_found_by_id_and_by_any_spelling_of_the_address(players: Players) -> None:
    """What was created is what is read."""
    ann = players.create(email=" Ann@Example.org", name="Ann", password_hash="hash", role="operator")
    assert players.player(ann.id) == players.player_with_email("ANN@EXAMPLE.ORG ") == ann
    assert (ann.email, ann.role, ann.created_at) == ("ann@example.org", "operator", NOW)
    assert "hash" not in repr(ann).replace("password_hash", "")


def test_an_address_has_one_player(players: Players) -> None:
    """The second is refused, and nothing of it is kept."""
    first = created(players)
    with pytest.raises(EmailTaken):
        created(players, "ANN@example.org")
    found = players.player_with_email("ann@example.org")
    assert found is not None
    assert found.id == first


def test_there_are_no_other_roles(players: Players) -> None:
    """A misspelt role makes nobody."""
    with pytest.raises(ValueError, match="no role 'root'"):
        created(players, role="root")
    assert players.player_with_email("ann@example.org") is None


def test_the_service_changes_nobodys_role(players: Players, datastore: Datastore) -> None:
    """Not even a mistake in the service makes an operator of a player."""
    ann = created(players)
    with datastore.connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("UPDATE players SET role = 'operator' WHERE id = %s", (ann,))


def test_entries_are_named_as_long_as_their_players_are_there(players: Players, datastore: Datastore) -> None:
    """An entry whose link or player is gone has no name."""
    ann, bob = created(players), created(players, "bob@example.org")
    entries = {player: uuid4() for player in (ann, bob)}
    with datastore.connection() as connection:
        for player, entry in entries.items():
            connection.execute("INSERT INTO entries VALUES (%s, '2026-W47', %s)", (player, entry))
        connection.execute("DELETE FROM players WHERE id = %s", (bob,))
    named = Named(entries[ann], ann, "Ann")
    assert players.names_of([*entries.values(), uuid4()]) == {entries[ann]: named}


def test_a_password_is_replaced_only_where_it_is_still_the_one_that_was_read(players: Players) -> None:
    """Whoever renews a hash does not undo a change that came in between."""
    created(players)
    ann = players.player_with_email("ann@example.org")
    assert ann is not None
    assert players.replace_password_hash(ann, password_hash="changed")
    assert not players.replace_password_hash(ann, password_hash="renewed")
    after = players.player(ann.id)
    assert after is not None
    assert after.password_hash == "changed"


def test_an_address_is_verified_once(datastore: Datastore) -> None:
    """The first time stays."""
    now = [NOW]
    players = Players(datastore, new_id=uuid4, now=lambda: now[0])
    ann = created(players)
    for _ in range(2):
        players.verify_email(ann)
        now[0] += timedelta(days=1)
    found = players.player(ann)
    assert found is not None
    assert found.email_verified_at == NOW
    vouched = players.create(email="op@example.org", name="Op", password_hash="hash", is_verified=True)
    assert vouched.email_verified_at == now[0]
