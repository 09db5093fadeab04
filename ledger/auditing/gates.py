"""The gates: each stake was on offer at its place in the log, and its terms are those of the offer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ledger.aggregate import LedgerError
from ledger.auditing.bets import Bets
from ledger.auditing.board import Board
from ledger.auditing.findings import Check, Finding
from ledger.events import Event, StakePlaced
from ledger.facts import Fact
from ledger.game import Game, Offer, UnknownGame
from ledger.instants import Instant
from ledger.odds import payout
from ledger.rules import Rules


class Gates(Check):
    """Asks the board, at the stake's place and time, what the stake names."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (StakePlaced,)

    def __init__(self, board: Board, bets: Bets) -> None:
        self._board = board
        self._bets = bets
        # What was on offer since anything happened on the board, by the one object that stakes share which froze it.
        self._on_offer: dict[int, tuple[Offer, Game]] = {}
        self._taken = 0

    def take(self, fact: Fact) -> Iterable[Finding]:
        """Take the next stake."""
        stake = fact.event
        assert isinstance(stake, StakePlaced)
        try:
            wrong = self._misoffered(stake, fact.at) or _unruly(stake, self._board.week.rules)
        except LedgerError as refusal:
            wrong = str(refusal)
        return () if wrong is None else [Finding("gate", fact.token, wrong)]

    def _misoffered(self, stake: StakePlaced, at: Instant) -> str | None:
        """Say what else was on offer than the stake froze; raises LedgerError where it may not be placed.

        What is on offer changes with the board, and ends with the game's start.
        """
        if self._taken != self._board.taken:
            self._taken = self._board.taken
            self._on_offer.clear()
        frozen = self._bets.offer(stake)
        known = self._on_offer.get(id(frozen))
        if known is not None and at < known[1].starts_at:
            return None
        game, week = self._board.game(stake.game_id), self._board.week
        if game is None:
            raise UnknownGame(f"game {stake.game_id} is not listed")
        if week.grouped is None or week.closed is not None:
            week.require_betting()
        offer = game.offer(market_id=stake.market_id, odds_id=stake.odds_id, outcome=stake.outcome, at=at)
        if stake.market != offer.market or stake.line != offer.line or stake.price != offer.price:
            froze = f"froze {stake.market} {stake.line} at {stake.price}"
            return f"{froze}, on offer was {offer.market} {offer.line} at {offer.price}"
        self._on_offer[id(frozen)] = frozen, game
        return None


def _unruly(stake: StakePlaced, rules: Rules) -> str | None:
    """Say which rule a stake breaks."""
    if stake.stake < rules.stake_min or (rules.stake_max is not None and stake.stake > rules.stake_max):
        return f"stakes {stake.stake} credits, which the rules do not take"
    if not 100 <= abs(stake.price) <= rules.price_max:
        return f"is taken at a price of {stake.price}, which the rules do not take"
    if stake.potential_payout != payout(stake.stake, stake.price):
        return f"promises {stake.potential_payout} credits, not {payout(stake.stake, stake.price)}"
    return None
