"""A book is the log in memory: what is cached follows the news, and what was looked at becomes a command's gates."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from ledger import betting, listing
from ledger import book as book_module
from ledger.account import Account
from ledger.aggregate import Context
from ledger.book import Book, Decision
from ledger.game import Game, UnknownMarket
from ledger.grading import Outcome
from ledger.ids import bet_id, market_id, registration_stream, settlement_stream, week_stream
from ledger.recorder import Row
from ledger.slip import Slip, Stake
from ledger.week import Week
from tests.examples import KICK_OFF, STARTS_AT, WEEK
from tests.given import state_of
from tests.ledger.playing import PATIENCE, House, Listed

LEGS = (("spread", "home"), ("total", "over"))


@pytest.fixture
def entries(house: House) -> list[UUID]:
    """Two entries of a week that is drawn."""
    return house.grouped(2)


@pytest.fixture
def game(house: House, entries: list[UUID]) -> Listed:
    """A game on the board."""
    return house.list_game()


@pytest.fixture
def book(house: House, game: Listed) -> Book:
    """A book of its own beside the desk's, read up to here."""
    book = Book(house.recorder())
    book.load()
    return book


def deciding(book: Book) -> Decision:
    return Decision(book, Context(log=WEEK, actor="tester", request="r"), STARTS_AT)


def as_read_anew(book: Book) -> None:
    """The cached aggregates are what a fresh book would read."""
    fresh = Book(book.recorder)
    fresh.load()
    for stream, aggregate in book.aggregates.items():
        assert state_of(fresh.get(type(aggregate), stream)) == state_of(aggregate)
    assert set(fresh.games) == set(book.games)
    assert set(fresh.games_by_market) == set(book.games_by_market)


def test_loading_reads_the_week_and_the_board(house: House, book: Book, game: Listed) -> None:
    """Accounts wait until they are asked for."""
    assert set(book.aggregates) == {week_stream(WEEK), game.game_id}
    assert book.get(Week, week_stream(WEEK)).state == "grouped"
    assert {market.market for market in book.games[game.game_id].markets.values()} == {"moneyline", "spread", "total"}
    assert (book.known, book.recorded_at) == (house.recorder().head().position, STARTS_AT)


def test_account_is_read_when_it_is_first_asked_for(book: Book, entries: list[UUID]) -> None:
    """And a stream without events is blank."""
    assert book.get(Account, entries[0]).available == 1000
    assert book.get(Account, uuid4()).opened is None
    as_read_anew(book)


def test_news_is_folded_into_what_is_cached(house: House, book: Book, game: Listed, entries: list[UUID]) -> None:
    """An account that is not cached needs no news: it is read whole."""
    book.get(Account, entries[0])
    house.must_bet(entries[0], game, stake=300)
    house.must_bet(entries[1], game, stake=200)
    house.quote(game, prices={"home": -120, "away": 100}, at=STARTS_AT).result(PATIENCE)
    book.catch_up(house.recorder().head().position)
    assert book.get(Account, entries[0]).available == 700
    assert entries[1] not in book.aggregates
    as_read_anew(book)


def test_new_game_joins_the_board(house: House, book: Book) -> None:
    """A game that another process listed can be found by its markets."""
    other = house.list_game("g2")
    book.catch_up(house.recorder().head().position)
    assert book.games_by_market[other.market("total")].id == other.game_id
    as_read_anew(book)


def test_news_that_is_known_already_changes_nothing(house: House, book: Book, game: Listed) -> None:
    """A stream read from the log may be ahead of the book."""
    house.on_board(listing.suspend, game, market=None, why="news").result(PATIENCE)
    book.drop([game.game_id])
    assert book.games[game.game_id].suspended == "news"
    book.catch_up(house.recorder().head().position)
    as_read_anew(book)


def test_stream_whose_news_does_not_continue_is_dropped(
    house: House, book: Book, game: Listed, entries: list[UUID]
) -> None:
    """What does not continue is read again: the account when it is asked for, the game at once."""
    house.must_bet(entries[0], game)
    house.must_bet(entries[0], game, key="k2")
    records = house.recorder().read_streams([entries[0]])
    account = book.get(Account, entries[0])
    account.version = records[-1].version - 2
    book.apply(records[-1:])
    assert entries[0] not in book.aggregates
    assert book.get(Account, entries[0]).available == 800


def test_dropped_game_stays_on_the_board(book: Book, game: Listed) -> None:
    """It is read again at once, under all its markets."""
    before = book.games[game.game_id]
    book.drop([game.game_id, uuid4()])
    assert book.games[game.game_id] is not before
    assert book.games_by_market[game.market("spread")] is book.games[game.game_id]
    as_read_anew(book)


def test_forgotten_book_reads_the_log_again(book: Book) -> None:
    """After a commit in doubt nothing that was cached is believed."""
    book.forget()
    assert (book.known, book.is_loaded, book.aggregates, book.games_by_market) == (0, False, {}, {})
    book.load()
    as_read_anew(book)


def test_book_keeps_to_its_size(book: Book, game: Listed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go, but never the week or a game."""
    monkeypatch.setattr(book_module, "ACCOUNTS_KEPT", 4)
    accounts = [uuid4() for _ in range(5)]
    book.fetch(Account, accounts)
    book.trim()
    assert set(book.aggregates) == {week_stream(WEEK), game.game_id, *accounts[-2:]}


@pytest.fixture
def forgetful(house: House, game: Listed, entries: list[UUID]) -> Book:
    """A book that has read one open bet and one that was won, and has no room for either."""
    house.must_bet(entries[0], house.list_game("g2"), key="open")
    house.must_bet(entries[0], game, key="won")
    house.result(game, 35, 20)
    house.settle(game)
    book = Book(house.recorder(), events_kept=0)
    book.load()
    book.fetch(Account, entries)
    book.trim()
    return book


def test_bets_that_a_decision_does_not_name_are_not_in_memory(forgetful: Book, entries: list[UUID]) -> None:
    """The balance is, and what a stake is refused for; streams that are ahead of the log keep all."""
    account = forgetful.get(Account, entries[0])
    assert (account.bets, account.available, account.open_stakes) == ({}, 990, 1)
    deciding(forgetful).account(entries[0], naming=(uuid4(),))
    assert account.bets == {}
    forgetful.recall([account])
    forgetful.known += 1
    forgetful.trim(keeping=lambda: {entries[0]})
    assert len(account.bets) == 2
    as_read_anew(forgetful)


@pytest.mark.parametrize("key", ["open", "won"])
def test_bet_that_a_decision_names_is_as_it_was(forgetful: Book, entries: list[UUID], key: str) -> None:
    """With it all others are read again."""
    account = deciding(forgetful).account(entries[0], naming=[bet_id(entries[0], key)])
    assert bet_id(entries[0], key) in account.bets
    as_read_anew(forgetful)


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("key", ["open", "won"])
def test_bets_to_settle_are_as_they_were(
    house: House, forgetful: Book, entries: list[UUID], key: str, wrong: bool
) -> None:
    """Whatever position they are said to be at."""
    account, bet = forgetful.get(Account, entries[0]), bet_id(entries[0], key)
    [placed] = [fact for fact in house.facts() if getattr(fact.event, "bet_id", None) == bet][:1]
    assert deciding(forgetful).stakes([(account, bet, 1 if wrong else placed.position)] * 2) == [placed] * 2
    forgetful.recall([account])
    as_read_anew(forgetful)


def test_bet_that_is_settled_ahead_of_the_log_is_recalled_as_settled(forgetful: Book, entries: list[UUID]) -> None:
    """What was decided and is not yet appended is not lost with what was forgotten."""
    account, bet = deciding(forgetful).account(entries[0]), bet_id(entries[0], "open")
    account.resolve(bet_id=bet, outcome=Outcome("lost", 0), resolution=1)
    assert (account.bets, account.open_stakes) == ({}, 0)
    forgetful.recall([account])
    assert (account.bets[bet].outcome, account.bets[bet].resolution) == (Outcome("lost", 0), 1)
    assert account.resolve(bet_id=bet, outcome=Outcome("lost", 0), resolution=1) is None


def test_accounts_that_are_read_together_have_forgotten_their_bets(
    house: House, forgetful: Book, entries: list[UUID]
) -> None:
    """Each has the prints of its bets, and of a slip's key, and recalls what they stand for."""
    other = next(Listed(each, "g2") for each in forgetful.games if forgetful.games[each].locked is None)
    stakes = [Stake(other.market(name), other.odds(name), side, 10) for name, side in LEGS]
    slip = Slip("slip", tuple(stakes))
    betting.place_bets(house.ledger, week=WEEK, entry=entries[1], slip=slip, numbers=(1, 2)).result(PATIENCE)
    fresh = Book(house.recorder())
    fresh.load()
    read = fresh.accounts([*entries, entries[0]])
    assert [account.id for account in read] == [*entries, entries[0]]
    assert state_of(read[0]) == state_of(forgetful.get(Account, entries[0]))
    assert (read[1].bets, read[1].slips, read[1].open_stakes) == ({}, {}, 2)
    assert all(read[1].has_forgotten([bet_id(entries[1], key)]) for key in ("slip", "slip 1", "slip 2"))
    fresh.recall(read)
    as_read_anew(fresh)


def test_accounts_that_are_expected_follow_the_news(house: House) -> None:
    """One that is open is read; one that is not is blank, until it is opened."""
    house.open_week()
    entry = house.enrol(UUID(int=1))
    book = Book(house.recorder())
    book.load()
    book.expect_accounts([entry])
    assert book.aggregates[entry].version == 0
    house.clock.now = STARTS_AT
    house.draw()
    book.catch_up(house.recorder().head().position)
    as_read_anew(book)
    late = Book(house.recorder())
    late.expect_accounts([entry])
    assert entry not in late.aggregates
    assert [account.version for account in (*book.accounts([entry]), *late.accounts([entry]))] == [2, 2]


def test_news_of_forgotten_bets_is_followed(house: House, forgetful: Book, entries: list[UUID], game: Listed) -> None:
    """Another process settles one and corrects the other: the balance is right, and so are bets when they are named."""
    other = Listed(next(each for each in forgetful.games if each != game.game_id), "g2")
    house.result(other, 35, 20)
    house.settle(other)
    house.result(game, 20, 35, revision=2)
    house.settle(game)
    forgetful.catch_up(house.recorder().head().position)
    account = forgetful.get(Account, entries[0])
    assert (account.bets, account.available, account.open_stakes) == ({}, 990, 0)
    forgetful.recall([account])
    as_read_anew(forgetful)


def test_every_look_becomes_a_gate(book: Book, game: Listed, entries: list[UUID]) -> None:
    """Whatever a decision read, once each, is what it is behind."""
    on = deciding(book)
    on.week()
    on.account(entries[0])
    on.account(entries[0])
    on.accounts(entries)
    on.registration(entries[0])
    on.game(game.game_id)
    on.settlement(game.game_id)
    on.settlements([on.game_of_market(game.market("total"))])
    expected = [week_stream(WEEK), *entries, registration_stream(entries[0]), game.game_id]
    assert {aggregate.id for aggregate in on.touched} == {*expected, settlement_stream(game.game_id)}
    assert [aggregate.id for aggregate in on.touched][:3] == expected[:3]
    assert not on.on_whole_log


@pytest.mark.parametrize("look", ["games", "market"])
def test_look_at_what_may_be_anywhere_rests_on_the_whole_log(book: Book, look: str) -> None:
    """All games, or a market that nobody listed: only the whole log can tell."""
    on = deciding(book)
    if look == "games":
        assert len(on.games()) == 1
    else:
        with pytest.raises(UnknownMarket, match="not listed in week 2026-W47"):
            on.game_of_market(market_id(uuid4(), "spread"))
    assert on.on_whole_log


def test_game_that_was_only_looked_for_is_not_on_the_board(book: Book, game: Listed) -> None:
    """A blank game has no markets to bet on, and is none of the week's games."""
    stranger = uuid4()
    on = deciding(book)
    assert on.game(stranger).listed is None
    assert [each.id for each in on.games()] == [game.game_id]
    with pytest.raises(UnknownMarket):
        on.game_of_market(market_id(stranger, "spread"))


def test_earliest_limit_counts(book: Book) -> None:
    """A command has one instant before which it must be recorded."""
    on = deciding(book)
    assert on.before is None
    for hours in (3, 1, 2):
        on.must_be_recorded_before(KICK_OFF + timedelta(hours=hours))
    assert on.before == KICK_OFF + timedelta(hours=1)


def test_command_brings_one_row(book: Book) -> None:
    """A second one is a mistake of ours."""
    on = deciding(book)
    on.write(Row("entries", {}))
    with pytest.raises(ValueError, match="entries is there already"):
        on.write(Row("entries", {}))


def test_what_is_triggered_is_collected_once(book: Book, game: Listed) -> None:
    """With the command's actor, request and cause in every envelope."""
    on = Decision(book, Context(log=WEEK, actor="feed:a", request="m1", cause=f"{WEEK}:3"), STARTS_AT)
    first: Any = on.game(game.game_id).suspend(market=None, why="news")
    second: Any = on.game(game.game_id).reopen(market=None, why="news")
    assert on.collect() == [first, second]
    assert on.collect() == []
    assert (first.actor, first.request, first.cause, first.log) == ("feed:a", "m1", f"{WEEK}:3", WEEK)
    assert second.version == first.version + 1


def test_kind_of_a_stream_is_known_by_who_asks(book: Book, game: Listed) -> None:
    """Asking a game for an account is a mistake of ours."""
    assert isinstance(book.get(Game, game.game_id), Game)
    with pytest.raises(AssertionError):
        book.get(Account, game.game_id)
