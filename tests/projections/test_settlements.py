"""Settlements."""

from __future__ import annotations

from uuid import UUID

from ledger.datastore import Datastore
from ledger.events import BetsVoided, ChunkSettled, RulingLifted, SettlementCompleted
from ledger.ids import settlement_stream
from projections.settlements import Settlement, Settlements, SettlementsProjection
from tests.projections.book import Book, fold
from tests.projections.conftest import Project


def settlement(book: Book, game: UUID) -> Settlement:
    return fold(SettlementsProjection(), book.facts).all(Settlement)[settlement_stream(game)]


def chunk(book: Book, game: UUID, *, bets: int, paid: int, resolution: int = 1) -> None:
    settled = ChunkSettled(bets=bets, from_=1, paid=paid, resolution=resolution, to=9)
    book.add(settlement_stream(game), settled)


def complete(book: Book, game: UUID, *, resolution: int = 1) -> None:
    completed = SettlementCompleted(bets=5, cut=9, paid=300, resolution=resolution, staked=250)
    book.add(settlement_stream(game), completed)


def test_a_record_that_settles_brings_a_resolution() -> None:
    """What it says, its number, and its position, which is the cut."""
    book = Book()
    game = book.list_game("one")
    recorded = book.result(game)
    row = settlement(book, game)
    assert (row.game_id, row.resolution, row.result_position, row.records) == (game, 1, recorded.position, 1)
    assert (row.source, row.status, row.certainty) == ("feed", "final", "official")
    assert (row.home_score, row.away_score, row.completed_resolution) == (21, 20, 0)


def test_a_record_that_settles_nothing_is_counted() -> None:
    """Neither the result nor the resolution changes."""
    book = Book()
    game = book.list_game("one")
    book.result(game, resolution=None, applied=False, certainty="provisional")
    row = settlement(book, game)
    assert (row.records, row.resolution, row.status, row.result_position) == (1, 0, None, None)


def test_a_record_that_confirms_the_result_keeps_the_resolution() -> None:
    """An official result equal to the provisional one changes its certainty only."""
    book = Book()
    game = book.list_game("one")
    first = book.result(game, certainty="provisional")
    chunk(book, game, bets=2, paid=100)
    book.result(game, resolution=None)
    row = settlement(book, game)
    assert (row.certainty, row.resolution, row.result_position) == ("official", 1, first.position)
    assert (row.bets, row.paid) == (2, 100)


def test_chunks_add_up_and_completion_ends_a_resolution() -> None:
    """A new resolution starts counting again, and is open until it is completed itself."""
    book = Book()
    game = book.list_game("one")
    book.result(game)
    chunk(book, game, bets=3, paid=200)
    chunk(book, game, bets=2, paid=100)
    assert (settlement(book, game).bets, settlement(book, game).paid) == (5, 300)
    complete(book, game)
    row = settlement(book, game)
    assert (row.bets, row.staked, row.paid) == (5, 250, 300)
    assert (row.completed_resolution, row.completed_position) == (1, len(book.facts))
    book.result(game, resolution=2, home_score=0)
    row = settlement(book, game)
    assert (row.resolution, row.completed_resolution, row.bets, row.staked, row.paid) == (2, 1, 0, 0, 0)


def test_a_void_before_any_result_is_a_resolution_without_a_status() -> None:
    """So is its end; the result brings the next, and none of them is a record of a source."""
    book = Book()
    game, case = book.list_game("one"), UUID(int=5)
    selectors = {"bet_id": None, "market_id": None, "placed_from": None, "placed_until": None}
    voided = book.add(
        settlement_stream(game), BetsVoided(applied=True, case_id=case, game_id=game, resolution=1, **selectors)
    )
    row = settlement(book, game)
    assert (row.resolution, row.result_position, row.status, row.records) == (1, voided.position, None, 0)
    chunk(book, game, bets=2, paid=100)
    complete(book, game)
    assert settlement(book, game).completed_resolution == 1
    lifted = book.add(settlement_stream(game), RulingLifted(applied=True, case_id=case, game_id=game, resolution=2))
    row = settlement(book, game)
    assert (row.resolution, row.result_position, row.completed_resolution, row.paid) == (2, lifted.position, 1, 0)
    book.result(game, resolution=3)
    row = settlement(book, game)
    assert (row.resolution, row.status, row.records) == (3, "final", 1)


def test_readers_find_settlements_under_way(datastore: Datastore, project: Project) -> None:
    """Those with a resolution that is not completed, oldest first; each by its game."""
    book = Book()
    done, open_, silent = (book.list_game(name) for name in ("one", "two", "three"))
    book.result(done)
    complete(book, done)
    book.result(open_)
    book.result(silent, resolution=None, applied=False)
    project(book)
    settlements = Settlements(datastore)
    assert settlements.settlement(done) == settlement(book, done)
    assert [row.game_id for row in settlements.unfinished()] == [open_]
    assert {row.game_id for row in settlements.settlements_of_log(book.log)} == {done, open_, silent}
    assert {row.game_id for row in settlements.settlements_of_games([done, silent, UUID(int=9)])} == {done, silent}
    assert settlements.settlement(UUID(int=9)) is None
