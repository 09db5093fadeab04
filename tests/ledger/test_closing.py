"""A week closes at its end, is settled once nothing waits, again after each correction, and is final for good."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from ledger import ids, listing, settling
from ledger.events import (
    AccountOpened,
    PayoutCorrected,
    PoolsDrawn,
    ResultRecorded,
    StakePlaced,
    WeekClosed,
    WeekFinalised,
    WeekSettled,
)
from ledger.standings import standings_hash
from ledger.week import WeekNotOver, WeekNotResolved
from tests.examples import ENDS_AT, KICK_OFF, WEEK, at
from tests.ledger.auditing import balances
from tests.ledger.playing import PATIENCE, House, Listed

HOUR = timedelta(hours=1)


@pytest.fixture
def entry(house: House) -> UUID:
    """The one entry of a week that is drawn."""
    return house.grouped(1)[0]


@pytest.fixture
def game(house: House, entry: UUID) -> Listed:
    """A game on the board, with a bet on its home side."""
    game = house.list_game()
    house.must_bet(entry, game)
    return game


def recomputed_hash(house: House) -> str:
    """The hash of the standings, from the accounts in the log."""
    pools: dict[str, dict[UUID, int]] = {}
    have = balances(house.facts())
    for fact in house.facts():
        if isinstance(fact.event, AccountOpened):
            pools.setdefault(fact.event.pool_name, {})[fact.stream] = have[fact.stream]
    return standings_hash(WEEK, pools)


def settled_at(house: House, game: Listed, home: int, away: int, revision: int = 1) -> None:
    house.result(game, home, away, revision=revision)
    house.settle(game)


@pytest.mark.parametrize(("players", "sizes"), [(0, []), (1, [1]), (101, [51, 50])])
def test_whole_week_runs_from_enrolment_to_the_final_standings(house: House, players: int, sizes: list[int]) -> None:
    """Three games, bets of everybody on each, won, lost, pushed and returned: credits are conserved to the last one."""
    entries = house.grouped(players)
    assert [pool.size for pool in house.events(PoolsDrawn)[0].pools] == sizes
    games = [house.list_game(f"g{number}", starts_at=KICK_OFF + number * HOUR) for number in range(3)]
    bets = [
        house.bet(
            entry,
            game,
            market=("spread", "total", "moneyline")[place % 3],
            outcome=(("home", "away"), ("over", "under"), ("home", "away"))[place % 3][place % 2],
            stake=50 + place,
            key=game.external_id,
        )
        for place, entry in enumerate(entries)
        for game in games
    ]
    assert len({bet.result(PATIENCE).position for bet in bets}) == 3 * players
    house.result(games[0], 27, 20)
    house.result(games[1], 26, 20)
    house.result(games[2], None, None, status="cancelled", revision=None)
    for game in games:
        house.settle(game, chunk=40)
    house.close_week()
    assert house.settle_week().event == WeekSettled(n=1, standings_hash=recomputed_hash(house))
    house.clock.now = ENDS_AT + 24 * HOUR
    assert house.finalise_week().event == WeekFinalised(standings_hash=recomputed_hash(house))
    assert house.recorder().count_open_stakes() == 0
    house.audit()


def test_week_closes_at_its_end_and_once(house: House, entry: UUID) -> None:
    """Not a microsecond before."""
    with pytest.raises(WeekNotOver):
        house.close_week(ENDS_AT - timedelta(microseconds=1))
    assert house.close_week().token == house.close_week(ENDS_AT + HOUR).token
    assert len(house.events(WeekClosed)) == 1


def test_week_that_was_never_drawn_does_not_close(house: House) -> None:
    """It is drawn first, late as it is, and runs empty."""
    house.open_week()
    with pytest.raises(WeekNotOver, match="is registering"):
        house.close_week()
    house.draw()
    house.close_week()
    assert house.settle_week().event.TOPIC == "week.settled"


def test_week_is_settled_only_when_nothing_waits(house: House, entry: UUID, game: Listed) -> None:
    """Neither before the close, nor while a game has no result, nor while its bets are not all settled."""
    with pytest.raises(WeekNotResolved, match="is grouped"):
        house.settle_week()
    house.close_week()
    with pytest.raises(WeekNotResolved, match="1 stakes are open, and waiting for g1"):
        house.settle_week()
    house.result(game, 35, 20)
    with pytest.raises(WeekNotResolved, match="1 stakes are open, and waiting for g1"):
        house.settle_week()
    house.settle(game)
    first = house.settle_week()
    assert first.token == house.settle_week().token == house.another().settle_week().token
    house.audit()


def test_game_that_has_started_plays_on_after_the_close(house: House, entry: UUID) -> None:
    """Closed stops stakes only: a Sunday night game that ends on Monday settles on its score."""
    game = house.list_game(starts_at=at("Sun 23:00"))
    house.must_bet(entry, game)
    house.close_week()
    settled_at(house, game, 35, 20)
    house.settle_week()
    assert house.available(entry) == 1090
    house.audit()


def test_game_moved_out_is_waited_for_until_its_stakes_are_back(house: House, entry: UUID, game: Listed) -> None:
    """Its listing is resolved like any other."""
    house.on_board(listing.reschedule, game, starts_at=at("next Tue 20:00")).result(PATIENCE)
    house.close_week()
    with pytest.raises(WeekNotResolved):
        house.settle_week()
    house.settle(game)
    house.settle_week()
    assert house.available(entry) == 1000


def test_corrected_week_is_settled_again(house: House, entry: UUID, game: Listed) -> None:
    """Under the next number, with the new standings, and refused again while the correction is under way."""
    house.close_week()
    settled_at(house, game, 35, 20)
    house.settle_week()
    for n, score in ((2, (20, 35)), (3, (26, 20))):
        house.clock.now += HOUR
        house.result(game, *score, revision=n)
        with pytest.raises(WeekNotResolved):
            house.finalise_week(override=True)
        house.settle(game)
        assert house.settle_week().event == WeekSettled(n=n, standings_hash=recomputed_hash(house))
    assert len({event.standings_hash for event in house.events(WeekSettled)}) == 3
    assert house.available(entry) == 1000
    house.audit()


def test_later_word_that_changes_nothing_settles_nothing_again(house: House, entry: UUID, game: Listed) -> None:
    """An equal official result after the provisional one that stood, for instance."""
    house.close_week()
    settled_at(house, game, 35, 20)
    first = house.settle_week()
    settled_at(house, game, 35, 20, revision=2)
    assert house.settle_week().token == first.token


def test_week_is_final_after_its_window_of_corrections(house: House, entry: UUID, game: Listed) -> None:
    """24 hours after it was last settled, once; an operator may shorten it."""
    house.close_week()
    settled_at(house, game, 35, 20)
    house.settle_week()
    house.clock.now = ENDS_AT + 10 * HOUR
    settled_at(house, game, 20, 35, revision=2)
    house.settle_week()
    house.clock.now = ENDS_AT + 34 * HOUR - timedelta(microseconds=1)
    with pytest.raises(WeekNotOver, match="may be corrected until 2026-11-24T15:00:00"):
        house.finalise_week()
    house.clock.now = ENDS_AT + 34 * HOUR
    first = house.finalise_week()
    assert first.token == house.finalise_week().token
    assert first.event == WeekFinalised(standings_hash=recomputed_hash(house))


def test_week_corrected_since_it_was_settled_is_not_made_final(house: House, entry: UUID, game: Listed) -> None:
    """The window runs from the settlement that the correction calls for, however late the old one is over."""
    house.close_week()
    settled_at(house, game, 35, 20)
    house.settle_week()
    house.clock.now = ENDS_AT + 23 * HOUR
    settled_at(house, game, 20, 35, revision=2)
    house.clock.now = ENDS_AT + 25 * HOUR
    for override in (False, True):
        with pytest.raises(WeekNotResolved):
            house.finalise_week(override=override)
    house.settle_week()
    with pytest.raises(WeekNotOver):
        house.finalise_week()
    house.clock.now = ENDS_AT + 49 * HOUR
    house.finalise_week()
    house.audit()


def test_operator_may_make_a_settled_week_final_at_once(house: House, entry: UUID, game: Listed) -> None:
    """But not one that waits for something."""
    house.close_week()
    with pytest.raises(WeekNotResolved):
        house.finalise_week(override=True)
    settled_at(house, game, 35, 20)
    house.settle_week()
    assert house.finalise_week(override=True).event.TOPIC == "week.finalised"


def test_result_after_the_final_week_is_kept_and_moves_nothing(house: House, entry: UUID, game: Listed) -> None:
    """Recorded with `applied` false and without a resolution; there is nothing to settle."""
    house.close_week()
    settled_at(house, game, 35, 20)
    house.settle_week()
    house.finalise_week(override=True)
    (kept,) = house.result(game, 20, 35, revision=2)
    assert isinstance(kept.event, ResultRecorded)
    assert (kept.event.applied, kept.event.resolution) == (False, None)
    progress = settling.progress(house.ledger, week=WEEK, game_id=game.game_id).result(PATIENCE)
    assert progress.is_done
    house.settle(game)
    assert house.events(PayoutCorrected) == []
    assert house.available(entry) == 1090
    house.audit()


def test_result_after_the_final_week_does_not_even_lock(house: House, entry: UUID, game: Listed) -> None:
    """A game that moved out was never locked, and now stays as it is."""
    house.on_board(listing.reschedule, game, starts_at=at("next Tue 20:00")).result(PATIENCE)
    house.settle(game)
    house.close_week()
    house.settle_week()
    house.finalise_week(override=True)
    assert [fact.event.TOPIC for fact in house.result(game)] == ["settlement.result_recorded"]
    assert house.available(entry) == 1000


def test_empty_week_settles_as_soon_as_it_closes(house: House) -> None:
    """No entries and no games: there is nothing to wait for."""
    house.grouped(0)
    house.close_week()
    assert house.settle_week().event == WeekSettled(n=1, standings_hash=standings_hash(WEEK, {}))
    house.audit()


def test_week_with_one_id_in_two_listings_settles_both(house: House, entry: UUID, game: Listed) -> None:
    """A game that moved out and came back is two games, each with its bets."""
    house.on_board(listing.reschedule, game, starts_at=at("next Tue 20:00")).result(PATIENCE)
    back = house.list_game(starts_at=at("Sun 13:00"), number=2)
    house.must_bet(entry, back, key="k2")
    assert back.game_id == ids.game_id(WEEK, "feed", "g1", 2)
    house.close_week()
    settled_at(house, back, 35, 20)
    house.settle(game)
    house.settle_week()
    assert {event.game_id for event in house.events(StakePlaced)} == {game.game_id, back.game_id}
    assert house.available(entry) == 1090
    house.audit()
