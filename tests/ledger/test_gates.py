"""While a feed stops, moves and quotes games and players bet through several services, no stake gets behind a gate."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from ledger import listing
from ledger.account import InsufficientCredits
from ledger.book import Decision
from ledger.events import StakePlaced
from ledger.game import MarketClosed, QuoteChanged
from tests.examples import STARTS_AT, WEEK
from tests.ledger.playing import PATIENCE, House, Listed

ROUNDS = 40
REFUSALS = (MarketClosed, QuoteChanged, InsufficientCredits)


def betting(house: House, entries: list[UUID], games: list[Listed], prefix: str) -> int:
    """Bet at the quotes that this service sees, a few at a time, and return how many stood."""
    chance = random.Random(prefix)
    placed = 0
    for number in range(ROUNDS):
        bets = []
        for entry in entries:
            game = chance.choice(games)
            quote = house.ledger.desk(WEEK).ask(partial(quote_on, game), actor="player", request="look")
            odds_id = quote.result(PATIENCE)
            bets.append(house.bet(entry, game, stake=20, key=f"{prefix}{number}", odds_id=odds_id))
        refusals = [bet.exception(PATIENCE) for bet in bets]
        assert all(refusal is None or isinstance(refusal, REFUSALS) for refusal in refusals)
        placed += refusals.count(None)
    return placed


def quote_on(game: Listed, on: Decision) -> UUID:
    quote = on.game(game.game_id).markets["spread"].quote
    assert quote is not None
    return quote.odds_id


def feeding(house: House, games: list[Listed]) -> None:
    """Stop, reopen, lock, move and quote games."""
    chance = random.Random(1)
    messages: list[Callable[[Listed, int], Future[Any]]] = [
        lambda game, _: house.on_board(listing.suspend, game, market="spread", why="news"),
        lambda game, _: house.on_board(listing.reopen, game, market="spread", why="news"),
        lambda game, _: house.on_board(listing.suspend, game, market=None, why="postponed"),
        lambda game, n: house.on_board(listing.reschedule, game, starts_at=STARTS_AT + timedelta(hours=n + 1)),
        lambda game, n: house.quote(game, at=STARTS_AT + timedelta(seconds=n), line=f"-{n % 7}.5"),
        lambda game, n: house.quote(game, at=STARTS_AT + timedelta(seconds=n), line=f"{n % 7}.0"),
    ]
    for number in range(3 * ROUNDS):
        chance.choice(messages)(chance.choice(games), number).result(PATIENCE)


@pytest.mark.parametrize("players", [1, 4])
def test_no_stake_stands_behind_a_gate_whoever_moves_it(house: House, players: int) -> None:
    """Every stake in the log was on offer at its place, and every acknowledged one is there."""
    entries = house.grouped(players)
    games = [house.list_game(f"g{number}") for number in range(2)]
    services = [house.another(), house.another(), house.another()]
    with ThreadPoolExecutor(3) as threads:
        fed = threads.submit(feeding, services[0], games)
        bets = [
            threads.submit(betting, each, entries, games, prefix)
            for each, prefix in zip(services[1:], "ab", strict=True)
        ]
        fed.result(2 * PATIENCE)
        placed = sum(bet.result(2 * PATIENCE) for bet in bets)
    assert len(house.events(StakePlaced)) == placed > 0
    house.audit()
