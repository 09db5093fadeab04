"""The journal."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from ledger.datastore import Datastore, cursor_on
from ledger.events import BetWon, StakeReturned
from ledger.ids import market_id
from ledger.replay import Replay
from projections.journal import Journal, JournalEntry, JournalProjection, JournalStake, MarketEscrow, PoolBalance
from projections.projection import ProjectionStopped
from tests.projections.book import KINDS_OF_MOVES, Book, fold, random_week
from tests.projections.conftest import Project

UNBALANCED = {
    "a credit is made": "UPDATE journal SET available = available + 1 WHERE kind = 'staked'",
    "a credit is lost": "UPDATE journal SET house = house - 1 WHERE kind = 'lost'",
    "a stake frees escrow": "UPDATE journal SET available = -available, escrow = -escrow WHERE kind = 'staked'",
    "a grant is taken away": "UPDATE journal SET available = -available, issuance = -issuance WHERE kind = 'granted'",
    "a winner pays the house": "UPDATE journal SET available = 0, house = -escrow WHERE kind = 'won'",
    "the house keeps what is given back": "UPDATE journal SET available = 0, house = -escrow WHERE kind = 'returned'",
    "a correction issues credits": "UPDATE journal SET issuance = house, house = 0 WHERE kind = 'corrected'",
    "escrow belongs to no market": "UPDATE journal SET market_id = NULL WHERE kind = 'staked'",
    "a kind is not known": "UPDATE journal SET kind = 'gift' WHERE kind = 'granted'",
}


@pytest.fixture
def book() -> Book:
    """A drawn week of two entries in one pool."""
    book = Book()
    book.open_week()
    book.draw({"A": 2})
    return book


def movements(book: Book) -> list[JournalEntry]:
    return list(fold(JournalProjection(), book.facts).all(JournalEntry).values())


def amounts(entry: JournalEntry) -> tuple[str, int, int, int, int]:
    return entry.kind, entry.issuance, entry.available, entry.escrow, entry.house


def all_kinds(book: Book) -> UUID:
    """Let every kind of movement happen, and a stake stay open; returns the market of the bets."""
    game = book.list_game("one")
    won, lost, pushed = (book.stake(book.entry(0), game, stake) for stake in (50, 100, 200))
    book.stake(book.entry(1), game, 30)
    book.win(won)
    book.lose(lost)
    book.give_back(pushed)
    book.correct(won, "lost")
    book.correct(lost, "won")
    book.buy_back(book.entry(1))
    return market_id(game, "moneyline")


def test_every_movement_is_booked_twice(book: Book) -> None:
    """Kind, issuance, available, escrow and house of each, in order, as design §4 has them."""
    all_kinds(book)
    assert [amounts(entry) for entry in movements(book)] == [
        ("granted", -1000, 1000, 0, 0),
        ("granted", -1000, 1000, 0, 0),
        ("staked", 0, -50, 50, 0),
        ("staked", 0, -100, 100, 0),
        ("staked", 0, -200, 200, 0),
        ("staked", 0, -30, 30, 0),
        ("won", 0, 110, -50, -60),
        ("lost", 0, 0, -100, 100),
        ("returned", 0, 200, -200, 0),
        ("corrected", 0, -110, 0, 110),
        ("corrected", 0, 220, 0, -220),
        ("bought_back", -1000, 1000, 0, 0),
    ]


def test_a_movement_names_whose_it_is(book: Book) -> None:
    """Position, pool and entry, and the market and bet where there is one."""
    game = book.list_game("one")
    bet = book.stake(book.entry(1), game, 50)
    settled = book.win(bet)
    staked, won = movements(book)[-2:]
    for entry, position in ((staked, settled.position - 1), (won, settled.position)):
        assert (entry.position, entry.pool_name, entry.entry) == (position, "A", book.entry(1))
        assert (entry.market_id, entry.bet_id) == (market_id(game, "moneyline"), bet)
    granted = movements(book)[0]
    assert (granted.market_id, granted.bet_id) == (None, None)


def test_a_resolved_bet_is_no_longer_remembered(book: Book) -> None:
    """What the fold keeps of bets is what is open."""
    game = book.list_game("one")
    first, second = (book.stake(book.entry(0), game, 10) for _ in range(2))
    book.lose(first)
    assert list(fold(JournalProjection(), book.facts).all(JournalStake)) == [second]


def test_a_payout_of_an_unknown_bet_stops_the_fold(book: Book) -> None:
    """What never was in escrow cannot be paid from it."""
    unknown = UUID(int=9)
    fact = book.add(book.entry(0), BetWon(available=1, bet_id=unknown, payout=1, resolution=1))
    with pytest.raises(ProjectionStopped, match=rf"journal cannot take {fact.token}.*journal_stakes.*{unknown}"):
        fold(JournalProjection(), book.facts)


def test_the_database_refuses_what_does_not_add_up(datastore: Datastore, project: Project, book: Book) -> None:
    """Row by row, whoever writes it, for every way in which a movement can be wrong."""
    all_kinds(book)
    project(book)
    taken = []
    for what, statement in UNBALANCED.items():
        with datastore.connection() as connection:
            try:
                cursor_on(connection).execute(statement.encode())
                taken.append(what)
            except psycopg.errors.CheckViolation:
                pass
    assert taken == []


def test_a_stake_that_comes_back_changed_stops_the_projection(
    datastore: Datastore, project: Project, book: Book
) -> None:
    """The database refuses the row, and so the log is not followed past it."""
    bet = book.stake(book.entry(0), book.list_game("one"), 50)
    book.add(book.entry(0), StakeReturned(amount=60, available=1010, bet_id=bet, reason="push", resolution=1))
    runner = project(book)
    [stopped] = [status for status in runner.status() if status.error is not None]
    assert stopped.name == "journal"
    assert "journal_zero_sum" in (stopped.error or "")


def test_the_trial_balance_is_that_of_a_replay(datastore: Datastore, project: Project) -> None:
    """Pool by pool, whatever happened, at the end and at any position before it."""
    book = random_week("2026-W47", [(number % KINDS_OF_MOVES, number * 7, number * 11) for number in range(300)])
    project(book)
    journal = Journal(datastore)
    for until in (None, len(book.facts) // 2):
        books = Replay(book.log).fold(book.facts[:until]).books
        balances = journal.trial_balance(book.log, until=until)
        assert {each.pool_name for each in balances} == set(books)
        for each in balances:
            replayed = books[each.pool_name]
            assert (each.issuance, each.available, each.escrow, each.house) == (
                replayed.issuance,
                replayed.available,
                replayed.escrow,
                replayed.house,
            )
            assert each.issuance + each.available + each.escrow + each.house == 0


def test_a_resolved_market_holds_nothing(datastore: Datastore, project: Project, book: Book) -> None:
    """Its escrow is what was open, and zero after the last bet; corrections leave it so."""
    market = all_kinds(book)
    project(book)
    journal = Journal(datastore)
    assert journal.escrow(book.log) == [MarketEscrow("A", market, 30)]
    open_bet = next(bet for bet in book.bets if bet not in book.outcomes)
    settled = book.lose(open_bet)
    book.correct(open_bet, "push")
    project(book)
    assert journal.escrow(book.log) == [MarketEscrow("A", market, 0)]
    assert journal.escrow(book.log, until=settled.position - 1) == [MarketEscrow("A", market, 30)]
    assert journal.trial_balance(book.log) == [PoolBalance("A", -3000, 3070, 0, -70)]


def test_lines_name_their_accounts(datastore: Datastore, project: Project, book: Book) -> None:
    """In SQL, each movement is two or three signed lines, and accounts are named as in design §4."""
    market = all_kinds(book)
    project(book)
    with datastore.connection() as connection:
        lines = cursor_on(connection).execute(
            "SELECT account, amount FROM journal_lines WHERE log = %s AND kind IN ('granted', 'won')"
            " ORDER BY position, account",
            (book.log,),
        )
        assert lines.fetchall() == [
            (f"entry:{book.entry(0)}", 1000),
            ("issuance:A", -1000),
            (f"entry:{book.entry(1)}", 1000),
            ("issuance:A", -1000),
            (f"entry:{book.entry(0)}", 110),
            (f"escrow:A:{market}", -50),
            ("house:A", -60),
        ]
        [(total,)] = cursor_on(connection).execute("SELECT sum(amount) FROM journal_lines").fetchall()
        assert total == 0
