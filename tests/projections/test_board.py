"""The board."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from ledger.datastore import Datastore
from ledger.events import (
    GameLocked,
    GameMovedOut,
    GameRescheduled,
    GameUnlocked,
    MarketReopened,
    MarketSuspended,
)
from ledger.ids import market_id
from ledger.instants import Instant
from projections.board import Board, BoardProjection, Game, Market
from projections.projection import ProjectionStopped
from tests.projections.book import KICK_OFF, START, Book, fold
from tests.projections.conftest import Project

LATER = Instant.of(KICK_OFF + timedelta(days=2))


def game_of(book: Book, game: UUID) -> Game:
    return fold(BoardProjection(), book.facts).all(Game)[game]


def market_of(book: Book, game: UUID, name: str) -> Market:
    return fold(BoardProjection(), book.facts).all(Market)[market_id(game, name)]


def test_a_listed_game_is_scheduled() -> None:
    """It has the feed's names and its start, and no result."""
    book = Book()
    game = book.list_game("2026_11_CIN_BAL")
    row = game_of(book, game)
    assert (row.source, row.external_id, row.league) == ("feed", "2026_11_CIN_BAL", "NFL")
    assert (row.home, row.away, row.starts_at, row.week) == ("BAL", "CIN", KICK_OFF, "2026-W47")
    assert (row.state, row.locked, row.suspended, row.result_status) == ("scheduled", None, None, None)


def test_a_lock_keeps_its_first_time_and_learns_the_real_start() -> None:
    """Why is that of the last lock; lifting it clears all three."""
    book = Book()
    game = book.list_game("one")
    first = book.add(game, GameLocked(started_at=None, why="scheduled start"))
    book.add(game, GameLocked(started_at=KICK_OFF, why="in progress"))
    row = game_of(book, game)
    assert (row.state, row.locked, row.locked_at, row.started_at) == ("locked", "in progress", first.at, KICK_OFF)
    book.add(game, GameUnlocked(why="mistake"))
    row = game_of(book, game)
    assert (row.state, row.locked, row.locked_at, row.started_at) == ("scheduled", None, None, None)


def test_a_game_moves_within_the_week_and_out_of_it() -> None:
    """The start is the new one; a listing that moved out stays so, also when its result locks it."""
    book = Book()
    game = book.list_game("one")
    book.add(game, GameRescheduled(starts_at=LATER))
    assert (game_of(book, game).state, game_of(book, game).starts_at) == ("scheduled", LATER)
    book.add(game, GameMovedOut(starts_at=KICK_OFF))
    book.add(game, GameLocked(started_at=None, why="result"))
    assert (game_of(book, game).state, game_of(book, game).starts_at) == ("moved_out", KICK_OFF)
    book.add(game, GameUnlocked(why="mistake"))
    assert game_of(book, game).state == "moved_out"


def test_the_newest_quote_is_on_offer() -> None:
    """A quote replaces line, prices and id; the suspension of its market stays."""
    book = Book()
    game = book.list_game("one")
    book.quote(game, "spread", line="-3.5", prices={"home": -110, "away": -110})
    book.add(game, MarketSuspended(market_id=market_id(game, "spread"), why="feed"))
    quote = book.quote(game, "spread", line="-4.0", prices={"home": 100, "away": -120})
    row = market_of(book, game, "spread")
    assert (row.odds_id, row.line, row.prices) == (quote.odds_id, "-4.0", {"home": 100, "away": -120})
    assert (row.quoted_at, row.source, row.suspended) == (quote.at, "feed", "feed")


def test_one_market_is_suspended_and_reopened() -> None:
    """The others of the game stay as they are."""
    book = Book()
    game = book.list_game("one")
    book.quote(game, "moneyline")
    book.quote(game, "total", line="45.5", prices={"over": -110, "under": -110})
    book.add(game, MarketSuspended(market_id=market_id(game, "total"), why="feed"))
    assert market_of(book, game, "total").suspended == "feed"
    assert market_of(book, game, "moneyline").suspended is None
    assert game_of(book, game).suspended is None
    book.add(game, MarketReopened(market_id=market_id(game, "total"), why="feed"))
    assert market_of(book, game, "total").suspended is None


def test_a_game_is_suspended_and_reopened_with_all_its_markets() -> None:
    """Reopening the game reopens what was suspended one by one, too."""
    book = Book()
    game = book.list_game("one")
    book.quote(game, "moneyline")
    book.add(game, MarketSuspended(market_id=market_id(game, "moneyline"), why="feed"))
    book.add(game, MarketSuspended(market_id=None, why="silent source"))
    assert game_of(book, game).suspended == "silent source"
    book.add(game, MarketReopened(market_id=None, why="source is back"))
    assert game_of(book, game).suspended is None
    assert market_of(book, game, "moneyline").suspended is None


def test_a_market_suspended_before_its_first_quote_stays_suspended(datastore: Datastore, project: Project) -> None:
    """Readers do not see it until it is quoted, and then as suspended."""
    book = Book()
    game = book.list_game("one")
    book.add(game, MarketSuspended(market_id=market_id(game, "total"), why="feed"))
    project(book)
    board = Board(datastore)
    assert board.market(market_id(game, "total")) is None
    assert board.markets_of_games([game]) == []
    book.quote(game, "total", line="45.5", prices={"over": -110, "under": -110})
    project(book)
    [market] = board.markets_of_games([game])
    assert (market.market, market.suspended) == ("total", "feed")


def test_a_market_of_another_game_stops_the_fold() -> None:
    """A suspension that names no market of its game is no fact of ours."""
    book = Book()
    game = book.list_game("one")
    book.add(game, MarketSuspended(market_id=UUID(int=9), why="feed"))
    with pytest.raises(ProjectionStopped, match="has no market"):
        fold(BoardProjection(), book.facts)


def test_a_game_shows_the_result_that_counts() -> None:
    """A record that is not applied changes nothing."""
    book = Book()
    game = book.list_game("one")
    book.result(game, certainty="provisional", home_score=20)
    book.result(game, resolution=2)
    book.result(game, resolution=None, applied=False, home_score=99)
    row = game_of(book, game)
    assert (row.result_status, row.certainty, row.home_score, row.away_score) == ("final", "official", 21, 20)


def test_readers_find_games_and_markets(datastore: Datastore, project: Project) -> None:
    """By start (the end excluded, without those that moved out), id, log, and market."""
    book = Book()
    late, early, gone = (
        book.list_game("late", starts_at=LATER),
        book.list_game("early"),
        book.list_game("gone"),
    )
    book.add(gone, GameMovedOut(starts_at=KICK_OFF))
    quotes = [book.quote(early, "total", line="45.5"), book.quote(early, "moneyline")]
    project(book)
    board = Board(datastore)
    assert [row.game_id for row in board.games_between(START, LATER)] == [early]
    assert [row.game_id for row in board.games_between(KICK_OFF, LATER + timedelta(hours=1))] == [early, late]
    assert {row.game_id for row in board.games_of_log(book.log)} == {late, early, gone}
    assert [row.game_id for row in board.games([late, early, UUID(int=9)])] == [early, late]
    assert board.game(gone) == game_of(book, gone)
    assert [row.market for row in board.markets_of_games([early, late])] == ["moneyline", "total"]
    market = board.market(quotes[0].market_id)
    assert market == market_of(book, early, "total")
    assert (market.log, market.game_id) == (book.log, early)


def test_readers_find_all_listings_of_a_feeds_id(datastore: Datastore, project: Project) -> None:
    """Newest first, in the same week and in others."""
    first, second = Book("2026-W47"), Book("2026-W48")
    listed = [first.list_game("one"), first.list_game("one", listing=2)]
    second.open_week()
    second.open_week()
    listed.append(second.list_game("one"))
    second.list_game("two")
    project(first)
    project(second)
    assert [row.game_id for row in Board(datastore).listings("feed", "one")] == listed[::-1]
    assert Board(datastore).listings("other", "one") == []
