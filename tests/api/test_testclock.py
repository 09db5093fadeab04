"""The test clock over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.world import MONDAY, World, serving


@pytest.fixture
def development(dsn: str) -> Iterator[World]:
    """A service whose clock clients may move."""
    with serving(dsn, with_test_clock=True) as world:
        yield world


def test_a_service_without_a_test_clock_does_not_have_the_routes(world: World) -> None:
    """In production nobody moves the clock."""
    user = world.signup()
    assert user.get("/api/test-clock").status_code == 404
    assert user.post("/api/test-clock", json={"by": 1}).status_code == 404


def test_the_clock_moves_to_an_instant_and_by_seconds(development: World) -> None:
    """The answer is the new time, and the API lives by it."""
    user = development.signup()
    assert user.get("/api/test-clock").json() == {"now": "2026-11-15T05:00:00.000000Z", "week": "2026-W46"}
    moved = user.post("/api/test-clock", json={"to": MONDAY.isoformat()})
    assert (moved.status_code, moved.json()) == (200, {"now": "2026-11-16T05:00:00.000000Z", "week": "2026-W47"})
    assert user.post("/api/test-clock", json={"by": 60}).json()["now"] == "2026-11-16T05:01:00.000000Z"
    assert user.get("/api/me").json()["next_week"] == "2026-W48"


def test_the_clock_moves_forward_only(development: World) -> None:
    """What has been is not undone."""
    refused = development.signup().post("/api/test-clock", json={"to": "2026-11-01T00:00:00Z"})
    assert (refused.status_code, refused.json()["code"]) == (409, "clock_backwards")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"to": "2026-11-16T05:00:00Z", "by": 1},
        {"to": "2026-11-16T05:00:00"},
        {"by": -1},
        {"by": 1.5},
        {"by": True},
        {"by": 10**12},
    ],
    ids=str,
)
def test_a_move_that_makes_no_sense_is_refused(development: World, body: dict[str, object]) -> None:
    """One of `to` and `by`, with a zone, within reach."""
    refused = development.signup().post("/api/test-clock", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


def test_the_clock_moves_a_year_at_most(development: World) -> None:
    """A slip of the pen does not end every week there is."""
    refused = development.signup().post("/api/test-clock", json={"to": "9998-01-01T00:00:00Z"})
    assert (refused.status_code, refused.json()["code"]) == (409, "clock_too_far")


def test_a_stranger_does_not_move_the_clock(development: World) -> None:
    """A log-in is needed, even in development."""
    assert development.client.post("/api/test-clock", json={"by": 1}).status_code == 401
