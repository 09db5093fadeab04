"""Who asks, whatever they prove it with."""

from __future__ import annotations

import asyncio

import pytest

from api.identity.principal import principal_of
from api.identity.tokens import InvalidToken
from tests.api.world import World


def test_a_token_and_a_key_are_told_apart(world: World) -> None:
    """A person has a session; a program has a key of its own id."""
    ann = world.signup()
    key, text = world.services.api_keys.create(role="auditor", name="dashboard")

    async def both() -> tuple[object, object]:
        person, program = await principal_of(world.services, ann.token), await principal_of(world.services, text)
        assert person.session is not None
        assert program.session is None
        return (person.id, person.role), (program.id, program.role)

    assert asyncio.run(both()) == ((ann.id, "player"), (key.id, "auditor"))


def test_what_was_revoked_is_refused_unless_it_is_to_be_ended(world: World) -> None:
    """A log-out may be repeated; anything else may not."""
    ann = world.signup()
    world.services.sessions.revoke_all(player_id=ann.id, reason="test")
    with pytest.raises(InvalidToken):
        asyncio.run(principal_of(world.services, ann.token))
    assert asyncio.run(principal_of(world.services, ann.token, even_revoked=True)).id == ann.id
