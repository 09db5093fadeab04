"""The leaderboard."""

from __future__ import annotations

from uuid import UUID

from ledger.datastore import Datastore
from ledger.standings import rank
from projections.leaderboard import Leaderboard, LeaderboardProjection, Score
from tests.projections.book import Book, fold
from tests.projections.conftest import Project


def score(book: Book, number: int = 0) -> Score:
    return fold(LeaderboardProjection(), book.facts).all(Score)[book.entry(number)]


def test_a_score_counts_bets_by_outcome() -> None:
    """Open until resolved, then won, lost or returned; a correction moves the bet to where it belongs."""
    book = Book()
    [entry] = book.draw({"A": 1})
    game = book.list_game("one")
    first, second, third, _ = (book.stake(entry, game, 100) for _ in range(4))
    book.win(first)
    book.lose(second)
    book.give_back(third, "cancelled")
    row = score(book)
    assert (row.open_bets, row.won, row.lost, row.returned) == (1, 1, 1, 1)
    assert (row.credits, row.at_stake) == (920, 100)
    book.correct(first, "push")
    book.correct(second, "won")
    row = score(book)
    assert (row.open_bets, row.won, row.lost, row.returned) == (1, 1, 0, 2)
    assert (row.credits, row.at_stake) == (1020, 100)


def test_a_correction_between_push_and_void_counts_as_returned_still() -> None:
    """Both are returned stakes."""
    book = Book()
    [entry] = book.draw({"A": 1})
    bet = book.stake(entry, book.list_game("one"), 100)
    book.give_back(bet, "push")
    book.correct(bet, "void", reason="late")
    assert (score(book).returned, score(book).won, score(book).lost) == (1, 0, 0)


def test_equal_credits_share_a_rank(datastore: Datastore, project: Project) -> None:
    """1, 2, 2, 4, by available credits, credits at stake beside; the ledger's own ranking says the same."""
    book = Book()
    entries = book.draw({"A": 4, "B": 1})
    game = book.list_game("one")
    book.stake(entries[0], game, 400)
    book.stake(entries[1], game, 100)
    book.stake(entries[2], game, 100)
    project(book)
    standings = Leaderboard(datastore).leaderboard(book.pool("A"))
    assert [(row.rank, row.credits, row.at_stake) for row in standings] == [
        (1, 1000, 0),
        (2, 900, 100),
        (2, 900, 100),
        (4, 600, 400),
    ]
    expected = rank({entry: book.available[entry] for entry in entries[:4]})
    assert [(row.rank, row.entry, row.credits) for row in standings] == [
        (row.rank, row.entry, row.credits) for row in expected
    ]


def test_an_entry_finds_itself(datastore: Datastore, project: Project) -> None:
    """Its standing is its line of the pool's leaderboard."""
    book = Book()
    entries = book.draw({"A": 3})
    book.stake(entries[1], book.list_game("one"), 1)
    project(book)
    leaderboard = Leaderboard(datastore)
    standing = leaderboard.standing(entries[1])
    assert standing is not None
    assert standing.rank == 3
    assert standing in leaderboard.leaderboard(book.pool("A"))
    assert leaderboard.standing(UUID(int=9)) is None
