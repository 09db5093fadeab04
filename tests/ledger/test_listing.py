"""The board follows the feed: games come, move, stop and start, and what was staked on them stays or comes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from ledger import ids, listing, settling
from ledger.events import (
    GameLocked,
    GameMovedOut,
    GameRescheduled,
    GameScheduled,
    PayoutCorrected,
    ResultRecorded,
    StakeReturned,
)
from ledger.facts import Fact
from ledger.game import MarketClosed, UnknownMarket
from tests.examples import ENDS_AT, KICK_OFF, SOURCE, STARTS_AT, WEEK, at
from tests.ledger.playing import PATIENCE, QUOTED_AT, House, Listed

SATURDAY = at("Sat 13:00")
NEXT_TUESDAY = at("next Tue 20:00")


@pytest.fixture
def entry(house: House) -> UUID:
    """The one entry of a week that is drawn."""
    return house.grouped(1)[0]


@pytest.fixture
def game(house: House, entry: UUID) -> Listed:
    """A game on the board."""
    return house.list_game()


def changed(house: House, game: Listed, command: Callable[..., Any], **terms: Any) -> list[str]:
    """Ask it, and return what happened, by topic."""
    facts: list[Fact] = house.on_board(command, game, **terms).result(PATIENCE)
    return [fact.event.TOPIC for fact in facts]


def test_game_is_listed_before_and_in_the_week(house: House) -> None:
    """From the opening until the close, once."""
    house.open_week()
    house.list_game("early")
    house.clock.now = STARTS_AT
    house.draw()
    house.list_game("g1")
    house.list_game("g1")
    house.close_week()
    house.list_game("late")
    assert [game.external_id for game in house.events(GameScheduled)] == ["early", "g1"]


def test_what_is_said_of_an_unlisted_game_changes_nothing(house: House, entry: UUID) -> None:
    """Whatever the message: there is nothing to do it to."""
    stranger = Listed(ids.game_id(WEEK, SOURCE, "stranger"), "stranger")
    house.clock.now = KICK_OFF
    assert house.quote(stranger).result(PATIENCE) == []
    assert changed(house, stranger, listing.suspend, market=None, why="news") == []
    assert changed(house, stranger, listing.reopen, market="spread", why="news") == []
    assert changed(house, stranger, listing.lock, why="in progress", started_at=KICK_OFF) == []
    assert changed(house, stranger, listing.lock_started) == []
    assert changed(house, stranger, listing.postpone) == []
    assert changed(house, stranger, listing.reschedule, starts_at=SATURDAY) == []
    assert changed(house, stranger, listing.reschedule, starts_at=NEXT_TUESDAY) == []
    assert house.result(stranger) == []
    with pytest.raises(UnknownMarket):
        house.bet(entry, stranger).result(PATIENCE)


def test_old_quote_that_is_delivered_again_stays_off_the_board(house: House, entry: UUID, game: Listed) -> None:
    """The newest one is on offer, whatever comes after it."""
    later = QUOTED_AT + timedelta(minutes=1)
    (newer,) = house.quote(game, line="-6.5", at=later).result(PATIENCE)
    assert house.quote(game).result(PATIENCE) == []
    assert house.quote(game, line="-6.5", at=later).result(PATIENCE) == []
    placed = house.must_bet(entry, game, odds_id=newer.event.odds_id)  # type: ignore[attr-defined]
    assert placed.line == "-6.5"


def test_clock_locks_a_game_at_its_start(house: House, entry: UUID, game: Listed) -> None:
    """Not before, and once."""
    house.clock.now = KICK_OFF - timedelta(microseconds=1)
    assert changed(house, game, listing.lock_started) == []
    house.clock.now = KICK_OFF
    assert changed(house, game, listing.lock_started) == ["game.locked"]
    assert changed(house, game, listing.lock_started) == []


def test_game_moved_within_the_week_keeps_its_bets(house: House, entry: UUID, game: Listed) -> None:
    """Also after it was locked: bets stand, and more are taken until the new start."""
    house.must_bet(entry, game)
    house.clock.now = KICK_OFF
    changed(house, game, listing.lock_started)
    assert changed(house, game, listing.reschedule, starts_at=SATURDAY) == ["game.rescheduled"]
    house.must_bet(entry, game, key="k2")
    house.clock.now = SATURDAY
    with pytest.raises(MarketClosed):
        house.bet(entry, game, key="k3").result(PATIENCE)
    house.result(game)
    house.settle(game)
    assert house.available(entry) == 800
    house.audit()


def test_postponed_game_with_a_new_start_in_the_week_goes_on(house: House, entry: UUID, game: Listed) -> None:
    """No stakes in between; then the bets are settled on the result."""
    house.must_bet(entry, game)
    changed(house, game, listing.postpone)
    with pytest.raises(MarketClosed, match="postponed"):
        house.bet(entry, game, key="k2").result(PATIENCE)
    changed(house, game, listing.reschedule, starts_at=SATURDAY)
    house.must_bet(entry, game, key="k2")
    house.result(game, 35, 20)
    house.settle(game)
    assert house.available(entry) == 1180
    house.audit()


def returned_for(house: House) -> list[str]:
    return [event.reason for event in house.events(StakeReturned)]


def test_postponed_game_that_has_not_started_is_returned_at_the_close(house: House, entry: UUID, game: Listed) -> None:
    """While the week lasts, the bets stand; a game that did start plays on."""
    started = house.list_game("g2")
    for each in (game, started):
        house.must_bet(entry, each, key=each.external_id)
        changed(house, each, listing.postpone)
    changed(house, started, listing.lock, why="in progress", started_at=SATURDAY)

    def returning(each: Listed) -> list[Fact]:
        return settling.return_postponed(house.ledger, week=WEEK, game_id=each.game_id, request="r").result(PATIENCE)

    assert returning(game) == []
    house.close_week()
    assert returning(started) == []
    assert [fact.event.TOPIC for fact in returning(game)] == ["game.locked", "settlement.result_recorded"]
    assert returning(game) == []
    house.settle(game)
    assert (returned_for(house), house.available(entry)) == (["postponed"], 900)
    house.audit()


def test_game_moved_out_is_returned_and_comes_back_as_another(house: House, entry: UUID, game: Listed) -> None:
    """The first listing stays over, whatever its result; the second one has its own id and its own bets."""
    house.must_bet(entry, game)
    moved = changed(house, game, listing.reschedule, starts_at=NEXT_TUESDAY)
    assert moved == ["game.moved_out", "settlement.result_recorded"]
    assert changed(house, game, listing.reschedule, starts_at=SATURDAY) == []
    back = house.list_game(starts_at=SATURDAY, number=2)
    assert back.game_id != game.game_id
    house.must_bet(entry, back, key="k2", stake=200)
    with pytest.raises(MarketClosed, match="moved out"):
        house.bet(entry, game, key="k3").result(PATIENCE)
    for each in (game, back):
        house.result(each, 35, 20)
        house.settle(each)
    assert (returned_for(house), house.available(entry)) == (["postponed"], 1181)
    house.audit()


@pytest.mark.parametrize("starts_at", [ENDS_AT, NEXT_TUESDAY, STARTS_AT - timedelta(microseconds=1)])
def test_week_holds_its_games_from_its_first_instant_to_its_last(
    house: House, entry: UUID, game: Listed, starts_at: datetime
) -> None:
    """A start at the week's end belongs to the next one, one before it to the last."""
    changed(house, game, listing.reschedule, starts_at=starts_at)
    assert [event.starts_at for event in house.events(GameMovedOut)] == [starts_at]
    assert house.events(GameRescheduled) == []


@pytest.mark.parametrize("starts_at", [STARTS_AT, ENDS_AT - timedelta(microseconds=1)])
def test_start_within_the_week_moves_the_game(house: House, entry: UUID, game: Listed, starts_at: datetime) -> None:
    """The first and the last instant are in the week."""
    changed(house, game, listing.reschedule, starts_at=starts_at)
    assert [event.starts_at for event in house.events(GameRescheduled)] == [starts_at]


@pytest.mark.parametrize("certainty", ["official", "provisional"])
def test_game_that_has_ended_takes_no_more_stakes_whenever_it_is_said_to_start(
    house: House, entry: UUID, game: Listed, certainty: str
) -> None:
    """A late message about its start does not unlock it: everybody knows the result."""
    house.clock.now = KICK_OFF
    changed(house, game, listing.lock_started)
    house.result(game, certainty=certainty)
    assert changed(house, game, listing.reschedule, starts_at=SATURDAY) == []
    with pytest.raises(MarketClosed):
        house.bet(entry, game).result(PATIENCE)


LATE, EARLY = KICK_OFF - timedelta(minutes=10), KICK_OFF - timedelta(hours=5)


def staked_at_two_times(house: House, entry: UUID, game: Listed) -> None:
    """A bet five hours before the start, and one ten minutes before it."""
    for number, now in enumerate((EARLY, LATE), start=1):
        house.clock.now = now
        house.must_bet(entry, game, key=f"k{number}")
    house.clock.now = KICK_OFF


def starting(house: House, game: Listed, started_at: datetime) -> list[str]:
    return changed(house, game, listing.lock, why="in progress", started_at=started_at)


def test_real_start_learnt_before_the_result_voids_the_late_bets(house: House, entry: UUID, game: Listed) -> None:
    """What was staked at the real start or after it comes back; what was staked before it stands."""
    staked_at_two_times(house, entry, game)
    assert starting(house, game, LATE) == ["game.locked"]
    house.result(game, 35, 20)
    house.settle(game)
    assert (returned_for(house), house.available(entry)) == (["late"], 1000 - 200 + 100 + 190)
    house.audit()


def test_real_start_learnt_after_the_settlement_settles_again(house: House, entry: UUID, game: Listed) -> None:
    """A new resolution under the same result: one bet is corrected, and back again when the start turns out later."""
    staked_at_two_times(house, entry, game)
    house.result(game, 35, 20)
    house.settle(game)
    assert house.available(entry) == 1180
    for number, (started_at, available) in enumerate([(LATE, 1090), (KICK_OFF, 1180), (EARLY, 1000)], start=2):
        assert starting(house, game, started_at) == ["game.locked", "settlement.result_recorded"]
        assert starting(house, game, started_at) == []
        house.settle(game)
        assert house.available(entry) == available
        assert house.events(ResultRecorded)[-1].resolution == number
    assert [event.reason for event in house.events(PayoutCorrected)] == ["late", "result", "late", "late"]
    house.audit()


def test_real_start_after_the_scheduled_one_changes_nothing(house: House, entry: UUID, game: Listed) -> None:
    """No stake can stand between the two."""
    staked_at_two_times(house, entry, game)
    house.result(game, 35, 20)
    house.settle(game)
    assert starting(house, game, KICK_OFF + timedelta(minutes=7)) == ["game.locked"]
    assert len(house.events(ResultRecorded)) == 1


def test_final_week_keeps_its_board(house: House, entry: UUID, game: Listed) -> None:
    """Nothing that a feed says moves it any more."""
    house.result(game)
    house.settle(game)
    house.close_week()
    house.settle_week()
    house.finalise_week(override=True)
    locks = len(house.events(GameLocked))
    assert house.quote(game, at=STARTS_AT, line="-7.0").result(PATIENCE) == []
    assert changed(house, game, listing.suspend, market=None, why="news") == []
    assert starting(house, game, LATE) == []
    assert changed(house, game, listing.reschedule, starts_at=NEXT_TUESDAY) == []
    assert len(house.events(GameLocked)) == locks
    house.audit()
