"""The service that the tests of the API talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.world import World, serving


@pytest.fixture
def world(dsn: str) -> Iterator[World]:
    """A service on a fresh database, the day before its first week starts."""
    with serving(dsn) as world:
        yield world
