"""Bets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from ledger.datastore import Datastore
from ledger.facts import Fact
from projections.bets import Bet, Bets, BetsProjection
from tests.projections.book import Book, fold
from tests.projections.conftest import Project


@pytest.fixture
def book() -> Book:
    """A drawn week of two entries in one pool."""
    book = Book()
    book.open_week()
    book.draw({"A": 2})
    return book


def bet(book: Book, bet_id: UUID) -> Bet:
    return fold(BetsProjection(), book.facts).all(Bet)[bet_id]


def test_a_placed_bet_has_its_frozen_terms(book: Book) -> None:
    """Terms and place are those of the stake, the pool is the entry's."""
    game = book.list_game("one")
    bet_id = book.stake(book.entry(1), game, 50)
    fact = book.facts[-1]
    row = bet(book, bet_id)
    assert (row.entry, row.pool_id, row.game_id) == (book.entry(1), book.pool("A"), game)
    assert (row.market, row.outcome, row.line, row.price) == ("moneyline", "away", None, 120)
    assert (row.stake, row.potential_payout, row.position, row.placed_at) == (50, 110, fact.position, fact.at)
    assert (row.status, row.payout, row.resolution, row.settled_at) == ("placed", None, 0, None)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("won", ("won", None, 110)),
        ("lost", ("lost", None, 0)),
        ("push", ("push", None, 50)),
        ("cancelled", ("void", "cancelled", 50)),
        ("late", ("void", "late", 50)),
    ],
)
def test_a_bet_is_resolved(book: Book, outcome: str, expected: tuple[str, str | None, int]) -> None:
    """Its status, the reason of a void, and its payout."""
    bet_id = book.stake(book.entry(0), book.list_game("one"), 50)
    resolved = _resolve(book, bet_id, outcome)
    row = bet(book, bet_id)
    assert (row.status, row.void_reason, row.payout) == expected
    assert (row.resolution, row.corrected) == (1, 0)
    assert (row.settled_position, row.settled_at) == (resolved.position, resolved.at)


def test_corrections_replace_the_outcome_and_are_counted(book: Book) -> None:
    """Each has the resolution that made it; a reason stays only with a void."""
    bet_id = book.stake(book.entry(0), book.list_game("one"), 50)
    book.win(bet_id)
    book.correct(bet_id, "void", resolution=2, reason="operator")
    row = bet(book, bet_id)
    assert (row.status, row.void_reason, row.payout, row.resolution) == ("void", "operator", 50, 2)
    last = book.correct(bet_id, "lost", resolution=4)
    row = bet(book, bet_id)
    assert (row.status, row.void_reason, row.payout, row.resolution) == ("lost", None, 0, 4)
    assert (row.corrected, row.settled_position) == (2, last.position)


def test_readers_page_through_the_bets_of_entries(datastore: Datastore, project: Project, book: Book) -> None:
    """Newest first from behind a place on, and back from before it; of one status, game or market where asked."""
    game, other = book.list_game("one"), book.list_game("two")
    placed = [book.stake(book.entry(0), (game, other)[number % 2], 10) for number in range(5)]
    book.stake(book.entry(1), game, 10)
    book.win(placed[1])
    project(book)
    bets, mine = Bets(datastore), [book.entry(0)]

    def ids(**asked: Any) -> list[UUID]:
        return [row.bet_id for row in bets.bets_of_entries(mine, **asked)]

    assert ids(limit=3) == placed[:1:-1]
    third = bet(book, placed[2])
    assert ids(place=(third.log, third.position)) == [placed[1], placed[0]]
    assert ids(place=(third.log, third.position), is_back=True) == [placed[3], placed[4]]
    assert ids(place=("2019-W01", 10**9)) == []
    assert ids(place=("2019-W01", 10**9), is_back=True) == placed
    assert ids(status="won") == [placed[1]]
    assert ids(game_id=other) == [placed[3], placed[1]]
    assert (ids(market="moneyline"), ids(market="total")) == (placed[::-1], [])
    assert len(bets.bets_of_entries([book.entry(0), book.entry(1)])) == 6
    assert bets.bet(placed[1]) == bet(book, placed[1])


def test_the_settler_finds_the_bets_of_a_game_up_to_the_cut(datastore: Datastore, project: Project, book: Book) -> None:
    """In order of position, resolved or not, behind what it has seen, none of other games."""
    game, other = book.list_game("one"), book.list_game("two")
    placed = [book.stake(book.entry(number % 2), game, 10 + number) for number in range(4)]
    book.stake(book.entry(0), other, 10)
    cut = book.facts[-1].position
    book.lose(placed[2])
    book.stake(book.entry(0), game, 10)
    project(book)
    bets = Bets(datastore)
    page = bets.open_or_settled_bets_of_game(book.log, game, after_position=0, cut=cut, limit=3)
    assert [row.bet_id for row in page] == placed[:3]
    assert [row.entry for row in page] == [book.entry(0), book.entry(1), book.entry(0)]
    rest = bets.open_or_settled_bets_of_game(book.log, game, after_position=page[-1].position, cut=cut, limit=3)
    assert [row.bet_id for row in rest] == placed[3:]
    assert bets.staked_on_game(book.log, game, cut=cut) == 10 + 11 + 12 + 13
    assert bets.staked_on_game(book.log, UUID(int=9), cut=cut) == 0


def _resolve(book: Book, bet_id: UUID, outcome: str) -> Fact:
    match outcome:
        case "won":
            return book.win(bet_id)
        case "lost":
            return book.lose(bet_id)
        case reason:
            return book.give_back(bet_id, reason)
