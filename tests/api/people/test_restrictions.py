"""Restrictions: when they bar, and that asking costs a bet no query."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from api.identity.players import Players
from api.people.registry import UnknownPlayer
from api.people.restrictions import KEPT_SECONDS, Restricted, Restriction, Restrictions, require_unrestricted
from api.refusal import Refusal
from ledger.datastore import Datastore

NOW = datetime(2026, 11, 16, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Time:
    """The game's clock and the monotonic one, both moved by hand."""

    at: datetime = NOW
    seconds: float = 0.0


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def player(datastore: Datastore) -> UUID:
    """A player, as restrictions are of somebody."""
    players = Players(datastore, new_id=uuid4, now=lambda: NOW)
    return players.create(email="ann@example.org", name="Ann", password_hash="").id


def process(datastore: Datastore, time: Time) -> Restrictions:
    """The restrictions as one process of the service keeps them."""
    return Restrictions(datastore, clock=lambda: time.at, new_id=uuid4, monotonic=lambda: time.seconds)


def cool_off(restrictions: Restrictions, player: UUID, *, days: int = 1, request: str = "one") -> Restriction:
    return restrictions.place(
        player_id=player,
        kind="cool_off",
        ends=lambda now: now + timedelta(days=days),
        reason="",
        placed_by="player",
        request=request,
    )


def may_play(restrictions: Restrictions, player: UUID) -> bool:
    try:
        asyncio.run(restrictions.require_may_play(player))
    except Restricted:
        return False
    return True


def test_a_restriction_bars_from_its_start_until_its_end() -> None:
    """The start counts, the end does not; without an end it bars until it is lifted."""
    timed = Restriction(uuid4(), uuid4(), "cool_off", NOW, NOW + DAY, "", "player", "one")
    instants = [NOW - timedelta(microseconds=1), NOW, NOW + DAY - timedelta(microseconds=1), NOW + DAY]
    assert [timed.is_in_force(at) for at in instants] == [False, True, True, False]
    lifted = Restriction(uuid4(), uuid4(), "suspension", NOW, None, "", "operator:x", "one", NOW + DAY, "operator:x")
    assert [lifted.is_in_force(at) for at in instants] == [False, True, True, False]


def test_the_refusal_names_the_restriction_that_lasts_longest() -> None:
    """Of several, what the player must wait for is the last to end."""
    week = Restriction(uuid4(), uuid4(), "cool_off", NOW, NOW + 7 * DAY, "", "player", "one")
    month = Restriction(uuid4(), uuid4(), "self_exclusion", NOW, NOW + 30 * DAY, "", "player", "one")
    with pytest.raises(Restricted, match="until 2026-12-16T12:00:00Z: you excluded yourself"):
        require_unrestricted([week, month], at=NOW)
    for_good = Restriction(uuid4(), uuid4(), "self_exclusion", NOW, None, "", "player", "one")
    with pytest.raises(Restricted, match="any more: you excluded yourself"):
        require_unrestricted([month, for_good], at=NOW)


def test_a_restriction_placed_here_holds_at_once(datastore: Datastore, time: Time, player: UUID) -> None:
    """No bet slips through in the second for which restrictions are kept."""
    restrictions = process(datastore, time)
    assert may_play(restrictions, player)
    cool_off(restrictions, player)
    assert not may_play(restrictions, player)
    assert may_play(restrictions, uuid4())


def test_of_several_restrictions_the_longest_bars(datastore: Datastore, time: Time, player: UUID) -> None:
    """A shorter one neither ends nor hides it."""
    restrictions = process(datastore, time)
    for request, days in (("one", 2), ("two", 5), ("three", 1)):
        cool_off(restrictions, player, days=days, request=request)
    for day, barred in ((1, True), (4, True), (5, False)):
        time.at, time.seconds = NOW + day * DAY, time.seconds + KEPT_SECONDS
        assert may_play(restrictions, player) != barred


def test_a_restriction_placed_elsewhere_holds_after_a_second(datastore: Datastore, time: Time, player: UUID) -> None:
    """Another process reads again what is older than that."""
    here, elsewhere = process(datastore, time), process(datastore, time)
    assert may_play(here, player)
    cool_off(elsewhere, player)
    time.seconds += KEPT_SECONDS
    assert not may_play(here, player)


def test_a_restriction_ends_by_the_games_clock(datastore: Datastore, time: Time, player: UUID) -> None:
    """The moment that it ends, without anything being read again."""
    restrictions = process(datastore, time)
    cool_off(restrictions, player)
    assert not may_play(restrictions, player)
    time.at += DAY
    assert may_play(restrictions, player)


def test_asking_needs_no_database_while_it_is_warm(dsn: str, time: Time, player: UUID) -> None:
    """With the database gone, the last second's answer stands; after that nobody is let through unasked."""
    store = Datastore(dsn)
    restrictions = process(store, time)
    cool_off(restrictions, player)
    assert not may_play(restrictions, player)
    store.close()
    time.seconds += KEPT_SECONDS / 2
    assert not may_play(restrictions, player)
    assert may_play(restrictions, uuid4())
    time.seconds += KEPT_SECONDS
    with pytest.raises(psycopg.OperationalError):
        may_play(restrictions, player)


def test_the_same_request_places_one_restriction(datastore: Datastore, time: Time, player: UUID) -> None:
    """A retry gets the first answer; the same key for something else is refused."""
    restrictions = process(datastore, time)
    first = cool_off(restrictions, player)
    time.at += timedelta(hours=1)
    assert cool_off(restrictions, player) == first
    with pytest.raises(Refusal, match="placed another"):
        cool_off(restrictions, player, days=2)
    longer = cool_off(restrictions, player, days=2, request="two")
    assert restrictions.of_player(player) == [longer, first]


def test_nobody_restricts_who_is_not_there(datastore: Datastore, time: Time) -> None:
    """A player who was erased meanwhile is unknown."""
    with pytest.raises(UnknownPlayer):
        cool_off(process(datastore, time), uuid4())


@pytest.fixture
def chosen(datastore: Datastore, time: Time, player: UUID) -> Iterator[psycopg.Connection[object]]:
    """The service's own connection, with a cool-off there."""
    cool_off(process(datastore, time), player)
    with datastore.connection() as connection:
        yield connection


def test_the_database_keeps_what_a_player_chose(chosen: psycopg.Connection[object]) -> None:
    """Even the service cannot lift, shorten or remove a player's own restriction."""
    with pytest.raises(psycopg.errors.CheckViolation, match="only_suspensions_are_lifted"):
        chosen.execute("UPDATE restrictions SET lifted_at = now(), lifted_by = 'player'")
    for forbidden in ("UPDATE restrictions SET ends_at = starts_at", "DELETE FROM restrictions"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            chosen.execute(forbidden)
