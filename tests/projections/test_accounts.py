"""Accounts."""

from __future__ import annotations

from uuid import UUID

import pytest

from ledger.datastore import Datastore
from ledger.events import BetWon
from projections.accounts import Account, Accounts, AccountsProjection, AccountStake
from projections.projection import ProjectionStopped
from tests.projections.book import Book, fold
from tests.projections.conftest import Project


@pytest.fixture
def book() -> Book:
    """A drawn week of two entries in one pool."""
    book = Book()
    book.open_week()
    book.draw({"A": 2})
    return book


def account(book: Book, number: int = 0) -> Account:
    return fold(AccountsProjection(), book.facts).all(Account)[book.entry(number)]


def test_a_drawn_entry_has_its_grant(book: Book) -> None:
    """The account is in its pool with 1000 credits and nothing at stake."""
    row = account(book)
    assert (row.pool_id, row.pool_name, row.available, row.granted) == (book.pool("A"), "A", 1000, 1000)
    assert (row.at_stake, row.potential, row.open_bets, row.bought_back) == (0, 0, 0, 0)


def test_a_stake_is_at_stake_until_it_is_resolved(book: Book) -> None:
    """Open bets add up; each resolution takes its own stake out, whatever the outcome."""
    game = book.list_game("one")
    won, lost, pushed = (book.stake(book.entry(0), game, amount) for amount in (50, 100, 200))
    row = account(book)
    assert (row.available, row.at_stake, row.potential, row.open_bets) == (650, 350, 770, 3)
    book.win(won)
    row = account(book)
    assert (row.available, row.at_stake, row.potential, row.open_bets) == (760, 300, 660, 2)
    book.lose(lost)
    last = book.give_back(pushed)
    row = account(book)
    assert (row.available, row.at_stake, row.potential, row.open_bets) == (960, 0, 0, 0)
    assert row.position == last.position
    assert account(book, 1).available == 1000


def test_a_resolved_bet_is_no_longer_remembered(book: Book) -> None:
    """What the fold keeps of bets is what is open."""
    game = book.list_game("one")
    first, second = (book.stake(book.entry(0), game, 10) for _ in range(2))
    book.lose(first)
    assert list(fold(AccountsProjection(), book.facts).all(AccountStake)) == [second]


def test_a_correction_moves_credits_and_no_stake(book: Book) -> None:
    """A balance may go below zero through it; another bet stays at stake."""
    game = book.list_game("one")
    bet = book.stake(book.entry(0), game, 500)
    book.win(bet)
    book.stake(book.entry(0), game, 1600)
    book.correct(bet, "lost")
    row = account(book)
    assert (row.available, row.at_stake, row.open_bets) == (-1100, 1600, 1)


def test_a_buy_back_is_told_apart_from_the_grant(book: Book) -> None:
    """Both are issued credits, each under its own name."""
    book.lose(book.stake(book.entry(0), book.list_game("one"), 1000))
    book.buy_back(book.entry(0))
    row = account(book)
    assert (row.available, row.granted, row.bought_back) == (1000, 1000, 1000)


def test_an_entry_that_was_not_drawn_has_no_account(book: Book) -> None:
    """An enrolment alone opens none."""
    book.enrol(7)
    assert set(fold(AccountsProjection(), book.facts).all(Account)) == {book.entry(0), book.entry(1)}


def test_a_payout_of_an_unknown_bet_stops_the_fold(book: Book) -> None:
    """The error names the fact, the table and the bet."""
    unknown = UUID(int=9)
    fact = book.add(book.entry(0), BetWon(available=1, bet_id=unknown, payout=1, resolution=1))
    with pytest.raises(ProjectionStopped, match=rf"accounts cannot take {fact.token}.*account_stakes.*{unknown}"):
        fold(AccountsProjection(), book.facts)


def test_readers_find_accounts(datastore: Datastore, project: Project, book: Book) -> None:
    """By entry, and all of a pool in order of entry."""
    project(book)
    accounts = Accounts(datastore)
    assert accounts.account(book.entry(0)) == account(book)
    assert accounts.account(UUID(int=9)) is None
    assert [row.entry for row in accounts.members(book.pool("A"))] == sorted([book.entry(0), book.entry(1)])
