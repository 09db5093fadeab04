"""One running sandbox for all; tests open sessions and accounts of their own in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fairpool.sandbox.playing import Play, playing


@pytest.fixture(scope="package")
def shared() -> Iterator[Play]:
    """The sandbox of these tests."""
    with playing() as play:
        yield play


@pytest.fixture
def play(shared: Play) -> Play:
    """The sandbox, with nothing amiss and nothing heard yet."""
    shared.sandbox.faults.clear()
    shared.sandbox.webhooks.mode = "immediate"
    shared.endpoint.status = 200
    shared.sandbox.tick()
    shared.sandbox.webhooks.deliver_queued()
    shared.endpoint.bodies.clear()
    shared.endpoint.signatures.clear()
    return shared
