"""The service that the tests of the API talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.selling import Shop, selling
from tests.api.world import User, World, serving


@pytest.fixture
def world(dsn: str) -> Iterator[World]:
    """A service on a fresh database, the day before its first week starts."""
    with serving(dsn) as world:
        yield world


@pytest.fixture
def drawn(world: World) -> tuple[World, User, User]:
    """A week that two players play, as far as the draw."""
    ann, bob = world.playing("Ann", "Bob")
    world.project()
    return world, ann, bob


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A service that takes payments, with the sandbox as the provider."""
    with selling(dsn) as shop:
        yield shop
