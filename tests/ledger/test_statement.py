"""A statement has every movement of an account's credits, and adds up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import accumulate, count, cycle
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ledger.aggregate import LedgerError
from ledger.events import PrizeAwarded
from ledger.statement import Movement, movements, statement
from tests.examples import ENDS_AT, KICK_OFF, WEEK
from tests.ledger.playing import PATIENCE, House, Listed

SIDES = {"moneyline": ("home", "away"), "spread": ("home", "away"), "total": ("over", "under")}
EXAMPLES = 12


@pytest.fixture
def entry(house: House) -> UUID:
    """The one entry of a week that is drawn."""
    return house.grouped(1)[0]


@pytest.fixture
def game(house: House, entry: UUID) -> Listed:
    """A game on the board."""
    return house.list_game()


def read(house: House, entry: UUID) -> list[Movement]:
    return statement(house.ledger, week=WEEK, entry=entry)


def said(movement: Movement) -> tuple[Any, ...]:
    return movement.kind, movement.amount, movement.available, movement.bet_status, movement.reason, movement.resolution


def test_every_movement_is_told_with_what_it_left(house: House, entry: UUID, game: Listed) -> None:
    """Grant, stakes, payouts, losses, returned stakes and corrections, each under its resolution."""
    house.must_bet(entry, game, key="spread", stake=100)
    house.must_bet(entry, game, market="total", outcome="under", key="total", stake=50)
    house.must_bet(entry, game, market="moneyline", key="moneyline", stake=25)
    house.clock.now = KICK_OFF
    house.result(game, 27, 21)
    house.settle(game)
    house.result(game, 34, 21, revision=2)
    house.settle(game)
    assert [said(movement) for movement in read(house, entry)] == [
        ("grant", 1000, 1000, None, None, None),
        ("stake", -100, 900, "placed", None, None),
        ("stake", -50, 850, "placed", None, None),
        ("stake", -25, 825, "placed", None, None),
        ("returned", 100, 925, "push", "push", 1),
        ("payout", 93, 1018, "won", None, 1),
        ("payout", 35, 1053, "won", None, 1),
        ("correction", 90, 1143, "won", "result", 2),
        ("correction", -93, 1050, "lost", "result", 2),
    ]


def test_movements_of_a_bet_have_its_stake_and_their_place(house: House, entry: UUID, game: Listed) -> None:
    """So that it is plain which bet was paid, and where in the log."""
    stake = house.must_bet(entry, game)
    house.clock.now = KICK_OFF
    house.result(game, 7, 35)
    house.settle(game)
    grant, placed, lost = read(house, entry)
    assert (grant.bet, placed.bet, lost.bet) == (None, stake, stake)
    assert (lost.kind, lost.amount, lost.bet_status) == ("lost", 0, "lost")
    facts = {fact.position: fact for fact in house.facts()}
    for movement in (grant, placed, lost):
        fact = facts[movement.position]
        assert (fact.stream, fact.at, fact.log) == (entry, movement.at, movement.log)


def test_void_bet_is_returned_with_the_reason(house: House, entry: UUID, game: Listed) -> None:
    """A game that is called off."""
    house.must_bet(entry, game)
    house.result(game, None, None, status="cancelled")
    house.settle(game)
    assert said(read(house, entry)[-1]) == ("returned", 100, 1000, "void", "cancelled", 1)


def test_prize_moves_no_credits(house: House, entry: UUID) -> None:
    """Prizes are not paid in credits: the balance stays what it was."""
    award = PrizeAwarded(amount_cents=5000, currency="usd", rank=1)
    house.ledger.desk(WEEK).ask(lambda on: on.account(entry).trigger(award), actor="a", request="r").result(PATIENCE)
    assert said(read(house, entry)[-1]) == ("prize", 0, 1000, None, None, None)


def test_who_has_no_account_has_no_movements(house: House, game: Listed) -> None:
    """Neither has another stream of the log."""
    assert read(house, UUID(int=5)) == []
    assert game.game_id in {fact.stream for fact in house.facts()}
    assert movements(fact for fact in house.facts() if fact.stream == game.game_id) == []


def actions() -> SearchStrategy[list[tuple[Any, ...]]]:
    """What may happen to an account and two games, in any order."""
    games, scores = st.integers(0, 1), st.integers(0, 60)
    bets = st.tuples(
        st.just("bet"), games, st.sampled_from([*SIDES]), st.integers(0, 1), st.sampled_from([1, 99, 400, 1000])
    )
    results = st.tuples(st.just("result"), games, scores, scores)
    voids = st.tuples(st.just("void"), games)
    return st.lists(st.one_of(bets, bets, bets, results, voids, st.just(("buy back",))), min_size=5, max_size=14)


class Play:
    """An account and its two games, to which things happen; the ledger may refuse them."""

    def __init__(self, house: House, entry: UUID, number: int) -> None:
        self.house = house
        self.entry = entry
        self.games = [house.list_game(f"game {number} {name}") for name in ("one", "two")]
        self.keys = (f"bet {number} {key}" for key in count())
        self.revision = 0

    def bet(self, game: int, market: str, side: int, stake: int) -> None:
        with suppress(LedgerError):
            self.house.must_bet(
                self.entry,
                self.games[game],
                market=market,
                outcome=SIDES[market][side],
                stake=stake,
                key=next(self.keys),
            )

    def result(self, game: int, *score: int, **said: Any) -> None:
        self.revision += 1
        self.house.result(self.games[game], *(score or (None, None)), revision=self.revision, **said)
        self.house.settle(self.games[game])

    def void(self, game: int) -> None:
        self.result(game, status="cancelled")

    def buy_back(self) -> None:
        paid: dict[str, Any] = {"payment_id": "p1", "paid_at": KICK_OFF, "cutoff": ENDS_AT, "amount": 1000}
        desk = self.house.ledger.desk(WEEK)
        with suppress(LedgerError):
            desk.ask(lambda on: on.account(self.entry).buy_back(**paid), actor="a", request="r").result(PATIENCE)


@pytest.fixture
def plays(house: House) -> Iterator[Play]:
    """Accounts that nothing happened to yet, and once they are used up, those again: it must add up all the same."""
    accounts = cycle(house.grouped(EXAMPLES))
    return (Play(house, next(accounts), number) for number in count())


@settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=actions())
def test_amounts_add_up_to_what_is_available(
    house: House, plays: Iterator[Play], history: list[tuple[Any, ...]]
) -> None:
    """Whatever happened: the grant and all that came and went are the account's credits, at every line."""
    play = next(plays)
    for name, *terms in history:
        getattr(play, name.replace(" ", "_"))(*terms)
    told = read(house, play.entry)
    assert [movement.available for movement in told] == list(accumulate(movement.amount for movement in told))
    assert told[-1].available == house.available(play.entry)
    moved = [
        (fact.position, fact.event.available)
        for fact in house.facts()
        if fact.stream == play.entry and hasattr(fact.event, "available")
    ]
    assert [(movement.position, movement.available) for movement in told] == moved
